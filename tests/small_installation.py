"""A small installation of a test's own: files land, the real ingest reads them, dbt builds."""

import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_plg.dbt_project import parsed_project
from ingestion.raw_views import create_raw_views
from ingestion.report import IngestReport
from ingestion.run import ingest
from warehouse.dbt import run_dbt
from warehouse.settings import Settings


@cache
def _manifest():
    """The project, parsed once a process (many seconds each time): what Dagster's definitions are
    made from too. Who comes first must not parse into anybody's home."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PLG_HOME", tempfile.mkdtemp(prefix="plg-parse-"))
        return parsed_project().manifest


@cache
def _with_every_seed() -> Path:
    """A warehouse with nothing but the rules in it, built once a process (some 3 s each time)."""
    installation = SmallInstallation(Path(tempfile.mkdtemp(prefix="plg-seeds-")), as_of=None)
    installation.dbt("seed")
    return installation.settings.warehouse_path


class SmallInstallation:
    """A home with its own landing folder, and dbt on it; ``as_of`` None: the demo's, or now."""

    def __init__(self, home: Path, as_of: str | None):
        self.settings = Settings(home=home, as_of=as_of, _env_file=None)

    @property
    def landing(self) -> Path:
        return self.settings.landing_dir

    def write(self, path: str, content: str | list[dict[str, Any]]) -> None:
        """A file of the landing folder: text, or records as JSON lines."""
        if not isinstance(content, str):
            content = "".join(json.dumps(record) + "\n" for record in content)
        file = self.landing / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    def ingest(self) -> IngestReport:
        report = ingest(self.settings)
        assert not report.files_refused, report.files_refused
        return report

    def land(self, name: str, calls: list[dict[str, Any]]) -> None:
        """Write a file of Segment calls and load it."""
        self.write(f"events/segment/{name}", calls)
        assert self.ingest().load_id is not None

    def dbt(self, *arguments: str) -> None:
        create_raw_views(self.settings)
        result = run_dbt(self.settings, [*arguments, "--quiet"], manifest=_manifest())
        assert result.success, result.exception or [
            f"{row.node.name}: {row.message}" for row in result.result if row.status == "error"
        ]

    def seed(self, *select: str) -> None:
        """Load the rules; a test may then change them in the warehouse, not in the project."""
        if select or self.settings.warehouse_path.exists():
            self.dbt("seed", *(["--select", *select] if select else []))
        else:
            self.settings.home.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(_with_every_seed(), self.settings.warehouse_path)

    def run(self, *select: str) -> None:
        """Build models only: seeds stay as a test left them."""
        self.dbt("run", "--select", *select)

    def query(self, sql: str) -> list[tuple]:
        """Rows of a statement on the warehouse, which it may change."""
        with duckdb.connect(str(self.settings.warehouse_path)) as warehouse:
            return warehouse.execute(sql).fetchall()
