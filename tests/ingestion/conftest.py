"""A landing folder that is easy to fill, and a look at what came of it."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.run import ingest
from warehouse.settings import Settings

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def track(message_id: str, **fields: Any) -> dict[str, Any]:
    """A track call that passes every rule; ``None`` takes a field away."""
    call = {
        "messageId": message_id,
        "type": "track",
        "event": "report_created",
        "userId": "usr_1",
        "anonymousId": "anon_1",
        "timestamp": "2026-02-01T10:00:00.000Z",
        "receivedAt": "2026-02-01T10:00:02.000Z",
        "context": {"groupId": "acc_1"},
        "properties": {"plan_tier": "team", "seats_count": 5},
        **fields,
    }
    return {name: value for name, value in call.items() if value is not None}


class Installation:
    """A home in a temporary folder, with landing files given as Python values."""

    def __init__(self, home: Path):
        self.settings = Settings(home=home, as_of=NOW)
        self.landing = self.settings.landing_dir

    def land(self, path: str, content: bytes | str | list[Any]) -> Path:
        """Write a landing file: bytes and text as they are, a list as JSON lines."""
        file = self.landing / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, list):
            content = "".join(
                (line if isinstance(line, str) else json.dumps(line)) + "\n" for line in content
            )
        data = content.encode() if isinstance(content, str) else content
        if path.endswith(".gz") and not data.startswith(b"\x1f\x8b"):
            data = gzip.compress(data)
        file.write_bytes(data)
        return file

    def ingest(self):
        return ingest(self.settings)

    def raw(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.settings.warehouse_path), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def ops(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.settings.ops_path), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def counts(self, path: str) -> tuple[int, int, int, int]:
        """(read, accepted, quarantined, duplicate) of the version that is loaded."""
        (row,) = self.ops(
            "select rows_read, rows_accepted, rows_quarantined, rows_duplicate "
            f"from ingest_files where path = '{path}' and status = 'loaded'"
        )
        return row

    def lake_files(self) -> set[str]:
        lake = self.settings.lake_dir
        return {str(path.relative_to(lake)) for path in lake.rglob("*.parquet")}


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "home")
