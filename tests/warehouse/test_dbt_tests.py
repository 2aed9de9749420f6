"""The data tests as we run them: the verdicts are those dbt would give."""

import duckdb
import pytest

from warehouse.dbt_tests import run_tests
from warehouse.settings import Settings


@pytest.fixture
def settings(tmp_path) -> Settings:
    settings = Settings(home=tmp_path, _env_file=None)
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute("create table rows as select range as n from range(5)")
    return settings


def verdict(settings: Settings, sql: str, **config):
    test = {
        "unique_id": "test.plg.one",
        "name": "one",
        "config": {
            "fail_calc": "count(*)", "warn_if": "!= 0", "error_if": "!= 0",
            "limit": None, "severity": "ERROR",
        } | config,
    }  # fmt: skip
    (outcome,) = run_tests(settings, [test], {"test.plg.one": sql})
    return outcome


def test_a_test_without_rows_passes(settings):
    outcome = verdict(settings, "select * from rows where n > 10")
    assert (outcome.status, outcome.failures, outcome.is_failure) == ("pass", 0, False)


def test_rows_fail_it_and_are_counted(settings):
    outcome = verdict(settings, "select * from rows where n > 1")
    assert (outcome.status, outcome.failures, outcome.is_failure) == ("fail", 3, True)
    assert outcome.message == "3 failing rows; configured to fail if != 0"


def test_a_warning_is_no_failure(settings):
    outcome = verdict(settings, "select * from rows where n > 3", severity="warn")
    assert (outcome.status, outcome.failures, outcome.is_failure) == ("warn", 1, False)


def test_between_two_thresholds_an_error_warns(settings):
    rules = {"warn_if": "> 1", "error_if": "> 4"}
    assert verdict(settings, "select * from rows limit 1", **rules).status == "pass"
    assert verdict(settings, "select * from rows limit 3", **rules).status == "warn"
    assert verdict(settings, "select * from rows", **rules).status == "fail"


def test_what_counts_as_failing_can_be_a_sum(settings):
    outcome = verdict(settings, "select n from rows", fail_calc="coalesce(sum(n), 0)")
    assert outcome.failures == 10


def test_a_limit_bounds_the_rows_counted_even_after_a_comment(settings):
    outcome = verdict(settings, "select * from rows -- all of them", limit=2)
    assert outcome.failures == 2


def test_a_query_that_cannot_run_is_an_error_that_says_why(settings):
    outcome = verdict(settings, "select * from no_such_table")
    assert (outcome.status, outcome.is_failure) == ("error", True)
    assert "no_such_table" in outcome.message
