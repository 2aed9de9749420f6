"""A small installation of its own: calls land as Segment files and become people."""

import json
from functools import cache
from pathlib import Path

import duckdb

from ingestion.raw_views import create_raw_views
from ingestion.run import ingest
from warehouse.dbt import run_dbt
from warehouse.settings import Settings

DAY = "2026-01-{:02d}T{:02d}:00:00.000Z"
PEOPLE = ("+fct_person_days", "+dim_people", "+fqn:plg.identity")


class Calls:
    """Calls in the order they happened, one an hour from the first of January 2026 on."""

    def __init__(self) -> None:
        self.lines: list[dict] = []

    def add(self, kind: str, day: int, hour: int = 10, **fields) -> None:
        """One call of ``kind`` at ``hour`` of ``day``; ``fields`` in Segment's names."""
        at = DAY.format(day, hour)
        message = f"m{len(self.lines):04d}"
        self.lines.append(
            {"messageId": message, "type": kind, "timestamp": at, "receivedAt": at, **fields}
        )

    def track(self, day: int, hour: int = 10, event: str = "query_run", **ids) -> None:
        self.add("track", day, hour, event=event, **ids)

    def verified(self, day: int, user: str, email: str, hour: int = 10, **ids) -> None:
        traits = {"email": email, "email_verified": True}
        self.add("identify", day, hour, userId=user, traits=traits, **ids)

    def told(self, day: int, user: str, email: str, hour: int = 10, **ids) -> None:
        self.add("identify", day, hour, userId=user, traits={"email": email}, **ids)

    def alias(self, day: int, previous: str, user: str, hour: int = 10) -> None:
        self.add("alias", day, hour, previousId=previous, userId=user)


@cache
def _manifest():
    """The project, parsed once for all homes of a test session (seconds each time)."""
    import tempfile

    settings = Settings(home=Path(tempfile.mkdtemp(prefix="plg-parse-")), _env_file=None)
    return run_dbt(settings, ["parse", "--quiet"]).result


class Home:
    """A home with its own landing folder, and dbt on it."""

    def __init__(self, folder: Path):
        self.settings = Settings(home=folder, as_of="2026-03-01T00:00:00Z", _env_file=None)

    def land(self, name: str, calls: list[dict]) -> None:
        """Write a file and load it."""
        self.write(name, calls)
        ingest(self.settings)

    def write(self, name: str, calls: list[dict]) -> None:
        path = self.settings.landing_dir / "events" / "segment" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(call) + "\n" for call in calls))

    def dbt(self, *arguments: str) -> None:
        create_raw_views(self.settings)
        result = run_dbt(self.settings, [*arguments, "--quiet"], manifest=_manifest())
        assert result.success, result.exception or [
            f"{row.node.name}: {row.message}" for row in result.result if row.status == "error"
        ]

    def seed(self) -> None:
        """Load the rules; a test may then change them in the warehouse, not in the project."""
        self.dbt("seed")

    def build(self, *select: str) -> None:
        """Models only: seeds stay as a test left them."""
        self.dbt("run", "--select", *(select or PEOPLE))

    def execute(self, sql: str) -> None:
        with duckdb.connect(str(self.settings.warehouse_path)) as warehouse:
            warehouse.execute(sql)

    def query(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.settings.warehouse_path), read_only=True) as warehouse:
            return warehouse.execute(sql).fetchall()

    def people(self) -> dict[tuple[str, str], str]:
        """(id_type, id_value) -> person_id."""
        rows = self.query("select id_type, id_value, person_id from identity.bridge_person_ids")
        return {(id_type, id_value): person for id_type, id_value, person in rows}
