"""Received days as partitions of the raw events."""

import json

import duckdb
import pytest
from dagster import DagsterInstance, materialize

from dagster_plg.ingestion_assets import ingest
from dagster_plg.received_days import RECEIVED_DAYS_KEY, event_days
from dagster_plg.resources import Installation
from warehouse.settings import Settings


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Settings:
    monkeypatch.setenv("PLG_HOME", str(tmp_path))
    settings = Settings()
    folder = settings.landing_dir / "events" / "segment"
    folder.mkdir(parents=True)
    for day in (3, 4, 5, 6):
        at = f"2026-02-0{day}T08:00:00Z"
        call = {"type": "track", "event": "query_run", "userId": "u", "timestamp": at}
        lines = [json.dumps(call | {"messageId": f"{day}-{n}", "receivedAt": at}) for n in range(3)]
        (folder / f"{day}.jsonl").write_text("\n".join(lines))
    return settings


def _events(settings: Settings) -> list[tuple]:
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        return connection.execute(
            "select message_id, received_date, load_id from raw.events order by all"
        ).fetchall()


def test_ingest_marks_its_days_and_a_range_of_them_can_be_read_again(settings):
    resources = {"installation": Installation()}
    with DagsterInstance.ephemeral() as instance:
        materialize([ingest], instance=instance, resources=resources)
        marked = instance.get_materialized_partitions(RECEIVED_DAYS_KEY)
        assert marked == {f"2026-02-0{day}" for day in (3, 4, 5, 6)}

        done = materialize(
            [event_days],
            instance=instance,
            resources=resources,
            tags={
                "dagster/asset_partition_range_start": "2026-02-04",
                "dagster/asset_partition_range_end": "2026-02-05",
            },
        )
    assert done.success
    loads = {(day.day, load) for _, day, load in _events(settings)}
    assert loads == {(3, 1), (4, 2), (5, 2), (6, 1)}
    assert len(_events(settings)) == 12
