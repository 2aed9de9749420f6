"""Received days as Dagster partitions: what Dagster is told, and reading days again."""

import json
import logging
import threading
import time
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import duckdb
import pytest
from dagster import DagsterEventType, materialize
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.backfill import execute_backfill_iteration
from dagster_graphql.cli import execute_query
from typer.testing import CliRunner

from dagster_plg.cli import app
from dagster_plg.ingestion_assets import ingest
from dagster_plg.instance import prepare_instance
from dagster_plg.received_days import (
    RECEIVED_DAYS_KEY,
    received_days,
    report_received_days,
    reread_received_days,
)
from dagster_plg.resources import Installation
from ingestion.days import ReceivedDay, days_between
from ingestion.run import ingest as run_ingest
from ingestion.run import ingest_lock
from tests.dagster_plg.ui_calls import DagsterUi
from warehouse.settings import PROJECT_ROOT, Settings

pytestmark = pytest.mark.pipeline

RESOURCES = {"installation": Installation()}


class Home:
    """An installation with a file a day, and its Dagster instance."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.instance = prepare_instance(settings)

    def land(self, *days: int, count: int = 3) -> None:
        for day in days:
            at = f"2026-02-{day:02d}T08:00:00Z"
            call = {"type": "track", "event": "query_run", "userId": "u", "timestamp": at}
            path = self.path(day)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(
                "\n".join(
                    json.dumps(call | {"messageId": f"{day}-{n}", "receivedAt": at})
                    for n in range(count)
                )
            )

    def path(self, day: int) -> Path:
        return self.settings.landing_dir / "events" / "segment" / f"{day:02d}.jsonl"

    def run_ingest(self) -> None:
        """The step of the nightly job."""
        assert materialize([ingest], instance=self.instance, resources=RESOURCES).success

    def plg(self, *arguments: str) -> None:
        done = CliRunner().invoke(app, list(arguments))
        assert done.exit_code == 0, done.output

    def reread(self, day: int) -> None:
        """A run of the job, as a backfill starts one for each day."""
        done = reread_received_days.execute_in_process(
            instance=self.instance, partition_key=f"2026-02-{day:02d}", resources=RESOURCES
        )
        assert done.success

    def days(self) -> list[int]:
        """The partitions in Dagster's order, all of this month."""
        keys = self.instance.get_dynamic_partitions(received_days.name)
        return [date.fromisoformat(key).day for key in keys]

    def said(self, day: int) -> list[dict]:
        """The metadata of a day's materializations, oldest first."""
        records = self.instance.fetch_materializations(RECEIVED_DAYS_KEY, limit=1000).records
        return [
            {name: value.value for name, value in record.asset_materialization.metadata.items()}
            for record in reversed(records)
            if record.partition_key == f"2026-02-{day:02d}"
        ]

    def loads(self) -> dict[int, int]:
        """Day -> the load its rows are of."""
        with duckdb.connect(str(self.settings.warehouse_path)) as connection:
            return {
                day.day: load
                for day, load in connection.execute(
                    "select distinct received_date, load_id from raw.events order by all"
                ).fetchall()
            }


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PLG_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", "")  # set by prepare_instance; put back afterwards
    home = Home(Settings())
    with home.instance:
        yield home


def test_the_days_of_a_load_are_partitions_with_what_they_hold_and_the_run(home):
    home.land(3, 4)
    home.run_ingest()
    assert home.days() == [3, 4]
    run = home.instance.get_runs()[0].run_id
    assert home.said(3) == home.said(4) == [{"events": 3, "files": 1, "last load": 1, "run": run}]


def test_a_load_speaks_of_the_days_it_touched_and_of_no_other(home):
    home.land(3, 4, 5)
    home.run_ingest()
    home.land(4, count=5)
    home.run_ingest()
    home.run_ingest()
    assert [len(home.said(day)) for day in (3, 4, 5)] == [1, 2, 1]
    assert home.said(4)[-1]["events"] == 5


def test_days_stand_in_their_order_however_late_they_come(home):
    for days in ((4, 9), (6,), (2, 10), (5,)):
        home.land(*days)
        home.run_ingest()
    assert home.days() == [2, 4, 5, 6, 9, 10]
    assert all(len(home.said(day)) == 1 for day in home.days())


def test_a_day_whose_rows_were_all_taken_out_is_no_partition_any_more(home):
    home.land(3, 4)
    home.run_ingest()
    home.plg("ingest", "--withdraw", "events/segment/04.jsonl")
    assert home.days() == [3]
    home.land(4, count=1)
    home.run_ingest()
    assert home.days() == [3, 4]


def test_loads_outside_dagster_are_told_by_the_command_or_by_the_next_run(home):
    home.land(3)
    home.plg("ingest")
    assert (home.days(), "run" in home.said(3)[0]) == ([3], False)
    home.land(4)
    run_ingest(home.settings)
    home.run_ingest()
    assert (home.days(), len(home.said(3)), len(home.said(4))) == ([3, 4], 1, 1)


def test_a_lake_that_was_begun_again_has_only_its_own_days(home):
    home.land(3, 4, 5)
    home.run_ingest()
    home.land(6)
    home.run_ingest()
    for path in (home.settings.ops_path, home.settings.lake_dir):
        path.rename(path.with_name(path.name + ".old"))
    for day in (3, 4, 6):
        home.path(day).unlink()
    home.run_ingest()
    assert home.days() == [5]


def test_days_between_loads_are_those_they_touched_as_of_the_last_of_them(home):
    home.land(3, 4)
    run_ingest(home.settings)
    home.land(4, count=7)
    home.land(5)
    run_ingest(home.settings)
    assert days_between(home.settings, 1, 2) == [
        ReceivedDay(date(2026, 2, 4), 7, 1, 2),
        ReceivedDay(date(2026, 2, 5), 3, 1, 2),
    ]
    assert [day.day.day for day in days_between(home.settings, 0, 2)] == [3, 4, 5]
    assert days_between(home.settings, 2, 2) == []
    assert [day.count_events for day in days_between(home.settings, 0, 1)] == [3, 3]


def test_a_run_of_the_job_reads_its_day_again_and_no_other(home):
    home.land(3, 4, 5)
    home.run_ingest()
    home.reread(4)
    assert home.loads() == {3: 1, 4: 2, 5: 1}
    assert [told["last load"] for told in home.said(4)] == [1, 2]
    assert len(home.said(3)) == len(home.said(5)) == 1
    assert home.days() == [3, 4, 5]


def test_a_run_waits_for_an_ingest_typed_by_hand(home):
    home.land(3)
    home.run_ingest()
    with ExitStack() as another_ingest:
        another_ingest.enter_context(ingest_lock(home.settings))
        threading.Timer(2, another_ingest.pop_all().close).start()
        home.reread(3)
    assert home.loads() == {3: 2}
    retried = home.instance.all_logs(
        home.instance.get_runs()[0].run_id, of_type=DagsterEventType.STEP_UP_FOR_RETRY
    )
    assert len(retried) == 1


def test_reporting_550_days_is_cheap_and_nothing_new_is_cheaper(home):
    folder = home.settings.landing_dir / "events" / "segment"
    folder.mkdir(parents=True)
    start = date(2024, 1, 1).toordinal()
    lines = []
    for number in range(550):
        at = f"{date.fromordinal(start + number)}T08:00:00Z"
        call = {"type": "track", "event": "query_run", "userId": "u", "timestamp": at}
        lines.append(json.dumps(call | {"messageId": str(number), "receivedAt": at}))
    (folder / "all.jsonl").write_text("\n".join(lines))
    run_ingest(home.settings)
    first = _seconds_of_a_report(home)
    again = _seconds_of_a_report(home)
    assert len(home.instance.get_materialized_partitions(RECEIVED_DAYS_KEY)) == 550
    assert first < 10
    assert again < 0.5


def _seconds_of_a_report(home: Home) -> float:
    started = time.perf_counter()
    report_received_days(home.instance, home.settings)
    return time.perf_counter() - started


@pytest.fixture
def workspace(home, monkeypatch):
    """The server behind the UI, with the definitions in a process of their own."""
    monkeypatch.chdir(PROJECT_ROOT)
    target = ModuleTarget("dagster_plg.definitions", None, str(PROJECT_ROOT), None)
    with WorkspaceProcessContext(home.instance, target) as workspace:
        yield workspace


def test_materialize_all_launches_unasked_and_a_backfill_of_a_range_starts_a_run_a_day(
    home, workspace
):
    def ask(query, variables):
        answer = execute_query(workspace, query, variables)
        assert "errors" not in answer, answer
        return answer["data"]

    home.land(3, 4, 5, 6)
    home.run_ingest()
    ui = DagsterUi(ask)
    days = next(a for a in ui.assets() if a["assetKey"]["path"] == [*RECEIVED_DAYS_KEY.path])
    assert (days["isExecutable"], days["partitionDefinition"]["name"]) == (False, "received_days")

    whole_job = ui.materialize_all()
    ui.launch_backfill(reread_received_days.name, ["2026-02-04", "2026-02-05"])
    errors = list(execute_backfill_iteration(workspace, logging.getLogger("backfill")))
    assert not any(errors)

    queued = {run["runId"]: run for run in ui.unfinished()}
    assert "dagster/partition" not in queued.pop(whole_job)["tags"]
    assert {run["jobName"] for run in queued.values()} == {reread_received_days.name}
    assert sorted(run["tags"]["dagster/partition"] for run in queued.values()) == [
        "2026-02-04",
        "2026-02-05",
    ]
    # a pool of one, and the whole job before them
    assert {run["tags"]["dagster/priority"] for run in queued.values()} == {"-1"}
