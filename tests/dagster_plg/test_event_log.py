"""Dagster's event log with its connections kept open."""

import sqlite3
import threading
from pathlib import Path

import pytest
from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    DagsterEventType,
    DagsterInstance,
    MaterializeResult,
    asset,
    job,
    materialize,
    op,
)
from dagster._core.storage.event_log import SqliteEventLogStorage

from dagster_plg.event_log import KeptOpenEventLogStorage
from dagster_plg.instance import prepare_instance
from warehouse.settings import Settings


@op
def say_something(context):
    context.log.info("something")


@job
def small_job():
    say_something()


@pytest.fixture
def instance(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "")  # set by prepare_instance; put back afterwards
    with prepare_instance(Settings(home=tmp_path)) as instance:
        yield instance


def _runs_folder(instance: DagsterInstance) -> Path:
    return Path(instance.event_log_storage._base_dir)


def test_an_installation_uses_it(instance):
    assert isinstance(instance.event_log_storage, KeptOpenEventLogStorage)


def test_another_process_reads_a_run_that_is_still_going_on(instance):
    run_id = small_job.execute_in_process(instance=instance).run_id
    other = SqliteEventLogStorage(str(_runs_folder(instance)))
    other.register_instance(instance)
    assert len(other.get_logs_for_run(run_id)) == len(instance.all_logs(run_id)) > 5


def test_who_watches_a_run_hears_of_each_event_at_once(instance):
    run = instance.create_run_for_job(small_job)
    heard = threading.Event()

    def hear(*_):
        heard.set()

    instance.watch_event_logs(run.run_id, None, hear)
    instance.report_engine_event("a first word", run)
    assert heard.wait(timeout=10)
    instance.end_watch_event_logs(run.run_id, hear)


def test_more_runs_than_files_are_kept_open(instance):
    runs = [small_job.execute_in_process(instance=instance).run_id for _ in range(10)]
    assert all(instance.all_logs(run_id) for run_id in runs)


def test_wiped_runs_leave_a_log_that_works(instance):
    small_job.execute_in_process(instance=instance)
    instance.event_log_storage.wipe()
    run_id = small_job.execute_in_process(instance=instance).run_id
    assert instance.all_logs(run_id)


def test_events_told_together_are_there_at_the_end_and_one_alone_at_once(instance):
    run = instance.create_run_for_job(small_job)
    other = SqliteEventLogStorage(str(_runs_folder(instance)))
    other.register_instance(instance)

    def stored() -> list[str]:
        return [event.message for event in other.get_logs_for_run(run.run_id)]

    instance.report_engine_event("alone", run)
    assert stored() == ["alone"]
    with pytest.raises(KeyboardInterrupt), instance.event_log_storage.together():
        instance.report_engine_event("one", run)
        instance.report_engine_event("two", run)
        assert stored() == ["alone"]
        raise KeyboardInterrupt
    assert stored() == ["alone", "one", "two"]  # what was told stays told


def test_an_event_that_cannot_be_stored_whole_is_not_stored_in_part(instance):
    """In the run's own file and in the index of all runs, or in neither."""

    @asset
    def a_table():
        pass

    storage = instance.event_log_storage
    assert materialize([a_table], instance=instance).success
    written = len(instance.fetch_materializations(a_table.key, limit=10).records)
    with storage._connect("index") as connection:
        connection.exec_driver_sql(
            "create trigger refused before update on asset_keys begin "
            "select raise(abort, 'disk full'); end"
        )
    run = instance.create_run_for_job(small_job)
    entry = instance.all_logs(
        instance.get_runs()[1].run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION
    )[0]
    with pytest.raises(Exception, match="disk full"):
        storage.store_event(entry._replace(run_id=run.run_id))
    assert len(instance.fetch_materializations(a_table.key, limit=10).records) == written
    assert not instance.all_logs(run.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)


def test_the_files_hold_what_dagster_itself_would_have_written(instance, tmp_path):
    """Every event of two runs, once through each storage."""

    @asset(
        check_specs=[AssetCheckSpec("fits", asset="above"), AssetCheckSpec("bad", asset="above")]
    )
    def above():
        yield MaterializeResult(metadata={"rows": 1, "words": 'with "quotes"'})
        yield AssetCheckResult(check_name="fits", passed=True, metadata={"seen": 2})
        yield AssetCheckResult(check_name="bad", passed=False)

    @asset(deps=[above])
    def below(context):
        context.log.info("at work")
        context.log_event(AssetObservation("elsewhere", metadata={"seen": 1}))
        return 1

    runs = [materialize([above, below], instance=instance).run_id for _ in range(2)]
    entries = [entry for run_id in runs for entry in instance.all_logs(run_id)]
    assert instance.get_latest_data_version_record(AssetKey("below")) is not None
    instance.report_runless_asset_event(AssetMaterialization("from_outside", partition="one"))

    dumps = []
    for storage_class in (SqliteEventLogStorage, KeptOpenEventLogStorage):
        folder = tmp_path / storage_class.__name__
        storage = storage_class(str(folder))
        storage.register_instance(instance)
        for entry in entries:
            storage.store_event(entry)
        records = storage.get_asset_records([AssetKey("above"), AssetKey("below")])
        storage.dispose()
        dumps.append((records, {file.stem: _dump(file) for file in folder.glob("*.db")}))
    assert dumps[0] == dumps[1]
    assert {"index", *runs} == dumps[0][1].keys()
    assert len(dumps[0][1]["index"]["asset_check_executions"]) == 4


def _dump(file: Path) -> dict[str, list[dict]]:
    """Rows by table, but for the moment at which they were written."""
    connection = sqlite3.connect(file)
    connection.row_factory = sqlite3.Row
    tables = ("event_logs", "asset_keys", "asset_event_tags", "asset_check_executions")
    rows = {
        table: [dict(row) for row in connection.execute(f"select * from {table}")]
        for table in tables
    }
    connection.close()
    for table in rows.values():
        for row in table:
            row.pop("create_timestamp", None)
    return rows
