"""Settings: the one place that reads the environment (prefix ``PLG_``) or ``.env``."""

import json
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DEMO_MARKER = "demo.json"


class Settings(BaseSettings):
    """Where an installation lives and what it talks to.

    Two values of ``home`` are two fully separate installations. ``as_of`` is the
    pipeline's *now* (UTC): the environment's ``PLG_AS_OF``; else, where the landing
    folder was made by ``plg demo generate``, the end of the demo's data; else the
    wall clock, read once for each Settings object.
    """

    model_config = SettingsConfigDict(
        env_prefix="PLG_", env_file=PROJECT_ROOT / ".env", extra="ignore", frozen=False
    )

    home: Path = Field(default=PROJECT_ROOT / ".plg", description="everything written goes here")
    landing: Path | None = Field(default=None, description="source files; default HOME/landing")
    target: str = Field(default="duckdb", description="dbt target")
    dbt_cache: Path | None = Field(
        default=None,
        description="folder in which homes share what dbt parsed and compiled, so that a new one "
        "starts 20 s sooner; default: each its own",
    )
    as_of: datetime | None = Field(default=None, description="the pipeline's now, ISO 8601")
    reporting_currency: str = "USD"
    timezone: str = "UTC"
    product_line: str = Field(default="analytics", description="which milestone definitions apply")

    salesforce_enabled: bool = True
    salesforce_url: str = Field(default="mock", description="'mock' or https://…my.salesforce.com")
    salesforce_client_id: str = "plg-demo"
    salesforce_client_secret: str = "plg-demo-secret"
    salesforce_username: str = "sync@plg.example"
    salesforce_password: str = "plg-demo-password"

    hubspot_enabled: bool = True
    hubspot_url: str = Field(default="mock", description="'mock' or https://api.hubapi.com")
    hubspot_token: str = "pat-plg-demo"

    slack_enabled: bool = True
    slack_url: str = Field(default="mock", description="'mock' or an incoming-webhook URL")

    webhook_enabled: bool = True
    webhook_url: str = Field(
        default="mock", description="'mock' or a URL; {object} in it stands for the feed's name"
    )
    webhook_secret: str = Field(
        default="plg-demo-webhook-secret", description="signs what is posted; empty: unsigned"
    )

    csv_enabled: bool = True
    csv_folder: Path | None = Field(
        default=None, description="where export files go; default HOME/exports"
    )

    syncs_off: str = Field(
        default="", description="comma-separated syncs not to run (no custom objects in HubSpot)"
    )

    collect_host: str = Field(default="127.0.0.1", description="where `plg collect` listens")
    collect_port: int = Field(default=8020, ge=0, le=65535)
    collect_write_keys: str = Field(
        default="", description="comma-separated; default one made in HOME/collect/write_key"
    )
    collect_max_message_bytes: int | None = Field(
        default=None, ge=1, description="default what each service documents"
    )
    collect_max_batch_bytes: int | None = Field(
        default=None, ge=1, description="unpacked; default what each service documents"
    )
    collect_max_waiting_requests: int = Field(default=256, ge=1, description="then 503")
    collect_max_waiting_bytes: int = Field(default=64 * 2**20, ge=1, description="then 503")
    collect_rotate_seconds: float = Field(default=60, gt=0, description="age of a file that lands")
    collect_rotate_bytes: int = Field(default=64 * 2**20, ge=1, description="size of one")

    crm_read_back: bool = Field(default=False, description="pull CRM changes before the ingest")
    stripe_api_key: str = Field(default="", description="none: Stripe is not pulled")
    stripe_url: str = Field(default="https://api.stripe.com", description="or a Stripe double")
    stripe_api_version: str = Field(default="", description="default the stripe client's")

    debug: bool = Field(default=False, description="show tracebacks instead of one line")
    mocks_host: str = "127.0.0.1"
    mocks_port: int = 8010
    ui_host: str = "127.0.0.1"
    ui_port: int = 3000

    @field_validator("home", "landing", "csv_folder", "dbt_cache", mode="after")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        # a relative DuckDB path makes two warehouses, depending on the working directory
        return path.expanduser().absolute() if path else path

    @property
    def landing_dir(self) -> Path:
        return self.landing or self.home / "landing"

    @property
    def lake_dir(self) -> Path:
        return self.home / "lake"

    @property
    def warehouse_path(self) -> Path:
        return self.home / "warehouse.duckdb"

    @property
    def ops_path(self) -> Path:
        return self.home / "ops.duckdb"

    @property
    def published_path(self) -> Path:
        return self.home / "published" / "plg.duckdb"

    @property
    def exports_dir(self) -> Path:
        return self.csv_folder or self.home / "exports"

    @property
    def dagster_dir(self) -> Path:
        return self.home / "dagster"

    @property
    def docs_dir(self) -> Path:
        return self.home / "docs"

    @property
    def dbt_target_dir(self) -> Path:
        return self.home / "dbt" / "target"

    @property
    def mocks_dir(self) -> Path:
        return self.home / "mocks"

    @property
    def is_demo(self) -> bool:
        """Whether the landing folder was made by ``plg demo generate``."""
        return (self.landing_dir / DEMO_MARKER).is_file()

    @cached_property
    def now(self) -> datetime:
        """The pipeline's now as an aware UTC datetime; constant for this object."""
        return self.now_set or datetime.now(UTC)

    @property
    def now_set(self) -> datetime | None:
        """The pipeline's now where it was set and so stands still; None: the wall clock's."""
        chosen = self.as_of or self._demo_as_of()
        if chosen is None:
            return None
        return chosen.replace(tzinfo=UTC) if chosen.tzinfo is None else chosen.astimezone(UTC)

    def _demo_as_of(self) -> datetime | None:
        if not self.is_demo:
            return None
        marker = json.loads((self.landing_dir / DEMO_MARKER).read_text())
        return datetime.fromisoformat(marker["as_of"])
