"""From settings to a connected destination: real URLs, or the mocks of this installation."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reverse_etl.destinations.base import CallCount, Destination
from reverse_etl.shape import shape_reader
from reverse_etl.specs import SyncSpec
from warehouse.ops import OpsStore
from warehouse.settings import Settings

MOCK = "mock"


def is_enabled(settings: Settings, spec: SyncSpec) -> bool:
    """Whether this installation syncs to the destination at all, and runs this sync."""
    return bool(getattr(settings, f"{spec.destination}_enabled")) and not is_off(settings, spec)


def is_off(settings: Settings, spec: SyncSpec) -> bool:
    """Whether PLG_SYNCS_OFF names the sync."""
    return spec.name in {name.strip() for name in settings.syncs_off.split(",")}


@contextmanager
def destination_url(
    settings: Settings, destination: str, base_urls: Mapping[str, str] | None = None
) -> Iterator[str]:
    """The URL to talk to: given, set, or that of the mocks (started for the block if needed).

    For CSV files it is their folder.
    """
    given = (base_urls or {}).get(destination)
    if destination == "csv":
        yield given or str(settings.exports_dir)
        return
    configured = given or getattr(settings, f"{destination}_url")
    if configured != MOCK:
        yield configured.rstrip("/")
        return
    from reverse_etl.mocks.process import mocks_running

    with mocks_running(settings) as urls:
        yield getattr(urls, destination)


def connect(
    settings: Settings, spec: SyncSpec, url: str, calls: CallCount, jobs: Any = None
) -> Destination:
    """The destination of a spec. Vendors' clients are imported here: they are slow to load."""
    shape = shape_reader(spec, settings.published_path)
    match spec.destination:
        case "salesforce":
            from reverse_etl.destinations.salesforce import SalesforceDestination, SalesforceLogin

            login = SalesforceLogin(
                url,
                settings.salesforce_client_id,
                settings.salesforce_client_secret,
                settings.salesforce_username,
                settings.salesforce_password,
            )
            return SalesforceDestination(spec, login, calls, jobs, shape)
        case "hubspot":
            from reverse_etl.destinations.hubspot import HubSpotDestination, HubSpotLogin

            token = HubSpotLogin(url, settings.hubspot_token)
            if spec.audience is not None:
                from reverse_etl.destinations.hubspot_audience import HubSpotAudience

                return HubSpotAudience(spec, spec.audience, token, calls)
            return HubSpotDestination(spec, token, calls, shape)
        case "webhook":
            from reverse_etl.destinations.webhook import WebhookDestination

            return WebhookDestination(spec, url, settings.webhook_secret, calls)
        case "csv":
            from reverse_etl.destinations.csv_file import CsvDestination

            return CsvDestination(spec, Path(url), settings.published_path, calls)
    from reverse_etl.destinations.slack import SlackDestination

    return SlackDestination(spec, url, account_links(settings), calls)


def account_links(settings: Settings) -> Callable[[str], str | None]:
    """Account id → page of the account in Salesforce, for accounts that were synced there."""
    known: dict[str, Any] | None = None

    def link(account_id: str) -> str | None:
        nonlocal known
        if known is None:
            with OpsStore(settings.ops_path).connection() as connection:
                known = dict(
                    connection.execute(
                        "select record_key, destination_id from sync_ledger "
                        "where sync_name = 'salesforce_accounts' and destination_id is not null"
                    ).fetchall()
                )
        record_id = known.get(account_id)
        if record_id is None:
            return None
        if settings.salesforce_url == MOCK:
            root = f"http://{settings.mocks_host}:{settings.mocks_port}"
            return f"{root}/records/salesforce/Account/{record_id}"
        return f"{settings.salesforce_url.rstrip('/')}/{record_id}"

    return link
