"""A small installation: files land, the real ingest reads them, dbt builds up to identity."""

import json
from pathlib import Path
from typing import Any

import duckdb

from ingestion.raw_views import create_raw_views
from ingestion.run import ingest
from warehouse.dbt import run_dbt
from warehouse.settings import Settings


class Installation:
    """A home of its own, with the dbt project parsed once."""

    def __init__(self, home: Path, as_of: str | None = "2026-06-30T00:00:00Z"):
        self.settings = Settings(home=home, as_of=as_of, _env_file=None)
        self.manifest = None

    @property
    def landing(self) -> Path:
        return self.settings.landing_dir

    def land_lines(self, path: str, records: list[dict[str, Any]]) -> None:
        file = self.landing / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps(record) + "\n" for record in records))

    def land_text(self, path: str, text: str) -> None:
        file = self.landing / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def ingest(self) -> None:
        report = ingest(self.settings)
        assert report.files_refused == [] or not report.files_refused, report.files_refused
        create_raw_views(self.settings)

    def dbt(self, *arguments: str) -> None:
        if self.manifest is None:
            self.manifest = run_dbt(self.settings, ["parse", "--quiet"]).result
        result = run_dbt(self.settings, [*arguments, "--quiet"], manifest=self.manifest)
        assert result.success, [
            f"{r.node.name}: {r.message}" for r in result.result if str(r.status) != "success"
        ]

    def build_identity(self) -> None:
        self.dbt("seed")
        self.dbt("run", "--select", "fqn:plg.staging", "fqn:plg.identity")

    def query(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.settings.warehouse_path)) as warehouse:
            return warehouse.execute(sql).fetchall()

    def identity_tables(self) -> dict[str, list[tuple]]:
        """Every table of the schema, with its rows in order."""
        names = self.query(
            "select table_name from duckdb_tables() where schema_name = 'identity' order by all"
        )
        return {
            name: sorted(self.query(f"select * from identity.{name}"), key=repr)
            for (name,) in names
        }
