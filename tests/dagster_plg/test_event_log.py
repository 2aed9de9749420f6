"""Dagster's event log with its connections kept open."""

import threading
from pathlib import Path

import pytest
from dagster import DagsterInstance, job, op
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
