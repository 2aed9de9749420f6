"""The event registry's findings have a history in the operations store."""

import duckdb
import pytest

from quality.event_registry import check_event_registry
from warehouse.ops import OpsStore
from warehouse.settings import Settings


@pytest.fixture
def settings(tmp_path) -> Settings:
    settings = Settings(home=tmp_path)
    with duckdb.connect(str(settings.warehouse_path)) as warehouse:
        warehouse.execute("create schema core")
        warehouse.execute(
            "create table core.rpt_event_findings (finding varchar, event_name varchar, "
            "subject varchar, expected varchar, observed varchar, count_events bigint, "
            "share_pct decimal(5, 2), first_event_at timestamp, last_event_at timestamp, "
            "example_message_id varchar)"
        )
        warehouse.execute(
            "create table core.rpt_event_coverage (as_of_date date, category varchar, "
            "count_registered bigint, count_seen bigint, coverage_pct decimal(5, 1), "
            "verdict varchar)"
        )
        warehouse.execute(
            "insert into core.rpt_event_findings values "
            "('wrong_type', 'signed_up', 'plan', 'string', 'integer', 3, 1.5, null, null, 'm1'), "
            "('twin_name', 'create_report', 'report_created', 'one', 'two', 9, 100, null, null, "
            "null)"
        )
        warehouse.execute(
            "insert into core.rpt_event_coverage values ('2026-01-01', 'all', 10, 7, 70, "
            "'too_little')"
        )
    return settings


def _findings(settings: Settings) -> list[tuple]:
    with OpsStore(settings.ops_path).connection() as connection:
        return connection.execute(
            "select finding, count_events, state, resolved_at is not null, "
            "first_found_at = last_found_at from event_findings order by finding"
        ).fetchall()


def test_a_finding_is_written_down_and_told_by_its_check(settings):
    report = check_event_registry(settings)
    assert [finding.event_name for finding in report.of("properties_hold")] == ["signed_up"]
    assert [finding.subject for finding in report.of("one_name_an_action")] == ["report_created"]
    assert report.of("names_are_clear") == ()
    assert (report.coverage_pct, report.coverage_verdict) == (70, "too_little")
    assert _findings(settings) == [
        ("twin_name", 9, "open", False, True),
        ("wrong_type", 3, "open", False, True),
    ]


def test_a_finding_that_is_gone_is_resolved_and_reopens_when_it_is_back(settings):
    check_event_registry(settings)
    with duckdb.connect(str(settings.warehouse_path)) as warehouse:
        warehouse.execute("create table kept as from core.rpt_event_findings")
        warehouse.execute("delete from core.rpt_event_findings where finding = 'twin_name'")
        warehouse.execute("update core.rpt_event_findings set count_events = 4")
    check_event_registry(settings)
    assert _findings(settings) == [
        ("twin_name", 9, "resolved", True, True),
        ("wrong_type", 4, "open", False, False),
    ]
    with duckdb.connect(str(settings.warehouse_path)) as warehouse:
        warehouse.execute(
            "insert into core.rpt_event_findings by name from kept where finding = 'twin_name'"
        )
    check_event_registry(settings)
    assert _findings(settings)[0][:4] == ("twin_name", 9, "open", False)


def test_looking_twice_on_a_day_keeps_one_coverage_row(settings):
    for _ in range(2):
        check_event_registry(settings)
    with OpsStore(settings.ops_path).connection() as connection:
        assert connection.execute(
            "select category, coverage_pct from event_coverage"
        ).fetchall() == [("all", 70)]


def test_no_findings_and_an_empty_registry_are_no_error(settings):
    with duckdb.connect(str(settings.warehouse_path)) as warehouse:
        warehouse.execute("delete from core.rpt_event_findings")
        warehouse.execute("delete from core.rpt_event_coverage")
    report = check_event_registry(settings)
    assert (report.findings, report.coverage_pct) == ((), None)
