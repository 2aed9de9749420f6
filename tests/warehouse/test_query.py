"""`plg query`: everything can be read, nothing else can be done."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from warehouse.ops import OpsStore
from warehouse.publish import publish
from warehouse.query import (
    NotAQuery,
    NothingPublished,
    QueryFailed,
    QueryResult,
    query_arrow,
    run_query,
    to_csv,
    to_json_rows,
)


@pytest.fixture
def published(built):
    publish(built)
    return built


def test_published_tables_answer_by_schema_and_name(published):
    columns, rows = run_query(published, "select * from core.dim_people order by 1 limit 1;")
    assert columns == ["person_id", "email_domain"]
    assert rows == [("per_0", "example.com")]


def test_answers_as_arrow_too(published):
    table = query_arrow(published, "from revenue.fct_mrr_months")
    assert table.column("closing_mrr").to_pylist() == [Decimal("12.50")]


@pytest.mark.parametrize(
    "sql",
    [
        "from core.dim_people",
        "with p as (select * from core.dim_people) select count(*) from p",
        "describe core.dim_people",
        "summarize core.dim_people",
        "show all tables",
        "explain select * from core.dim_people",
        "explain analyze select * from core.dim_people",
        "pivot core.dim_people on email_domain using count(*)",
        "/* a note; with a semicolon */ select 1 -- and one more",
        "select * from meta.published",
    ],
)
def test_whatever_reads_is_accepted(published, sql):
    assert run_query(published, sql).rows


def test_ops_is_live_not_the_published_snapshot(published):
    with OpsStore(published.ops_path).connection() as connection:
        connection.execute("insert into gate_results (gate, passed) values ('raw', false)")
    assert run_query(published, "select gate, passed from ops.gate_results").rows == [
        ("raw", False)
    ]
    joined = 'select count(*) from core.dim_people, "ops" . "gate_results"'
    assert run_query(published, joined).rows == [(3,)]


def test_ops_answers_before_anything_is_published(settings):
    assert run_query(settings, "select count(*) from ops.sync_runs").rows == [(0,)]
    with OpsStore(settings.ops_path).connection() as connection:
        connection.execute("insert into sync_runs (run_id, sync_name) values ('r', 's')")
    assert run_query(settings, "select run_id from ops.sync_runs").rows == [("r",)]


def test_ops_is_let_go_before_the_query_runs(published):
    OpsStore(published.ops_path).create()
    sql = "select count(*) from ops.alerts"
    for _ in range(3):
        run_query(published, sql)
        with OpsStore(published.ops_path, lock_timeout_seconds=0).connection() as connection:
            connection.execute("insert into alerts (alert_id) values (uuid())")
    assert run_query(published, sql).rows == [(3,)]


def test_before_publishing_it_says_what_to_run(settings):
    with pytest.raises(NothingPublished, match=r"dim_people.*nothing is published yet.*plg run"):
        run_query(settings, "select * from core.dim_people")


@pytest.mark.parametrize(
    "sql",
    [
        "insert into core.dim_people values ('x', 'y')",
        "delete from published.core.dim_people",
        "create table t as select 1",
        "drop view core.dim_people",
        "copy core.dim_people to '/tmp/stolen.csv'",
        "attach '/tmp/other.duckdb'",
        "set enable_external_access = true",
        "pragma database_list",
        "install httpfs",
        "call pragma_version()",
        "explain analyze insert into ops.alerts (key) values ('x')",
        "explain copy core.dim_people to '/tmp/stolen.csv'",
        "with x as (select 1) insert into ops.alerts (key) select 'x' from x",
        "select 1; drop view core.dim_people",
        "use published",
        "checkpoint",
        "",
        "-- nothing",
    ],
)
def test_whatever_does_more_than_read_is_refused(published, sql):
    with pytest.raises(NotAQuery):
        run_query(published, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_text('{path}')",
        "select * from read_csv('{path}')",
        "select * from '{path}'",
        "select * from glob('/etc/*')",
        "select * from read_blob('{path}')",
        "select * from read_parquet('{home}/lake/**/*.parquet')",
        "select * from query('select * from read_text(''{path}'')')",
    ],
)
def test_no_other_file_can_be_read(published, tmp_path, sql):
    secret = tmp_path / "secret.csv"
    secret.write_text("password\nhunter2\n")
    with pytest.raises(QueryFailed, match=r"(?i)disabled|permission"):
        run_query(published, sql.format(path=secret, home=published.home))


def test_python_variables_are_no_tables(published):
    with pytest.raises(QueryFailed, match="does not exist"):
        run_query(published, "select * from settings")


def test_a_wrong_column_is_a_clear_error(published):
    with pytest.raises(QueryFailed, match="prson_id"):
        run_query(published, "select prson_id from core.dim_people")
    with pytest.raises(QueryFailed, match=r"(?i)syntax"):
        run_query(published, "selec 1")


RESULT = QueryResult(
    ["name", "amount", "at", "day", "flags", "missing"],
    [
        (
            '=HYPERLINK("http://x")',
            Decimal("-12.50"),
            datetime(2026, 6, 1, 8, 30),
            date(2026, 6, 1),
            ["a", {"b": Decimal("2")}],
            None,
        )
    ],
)


def test_csv_defuses_formulas_and_leaves_numbers_alone():
    header, row = to_csv(RESULT).splitlines()
    assert header == "name,amount,at,day,flags,missing"
    assert row.startswith('"\'=HYPERLINK(""http://x"")",-12.50,2026-06-01T08:30:00,2026-06-01,')
    assert row.endswith(",")
    assert to_csv(RESULT, neutralise_formulas=False).splitlines()[1].startswith('"=HYPERLINK')


def test_json_rows_hold_plain_values():
    assert to_json_rows(RESULT) == [
        {
            "name": '=HYPERLINK("http://x")',
            "amount": -12.5,
            "at": "2026-06-01T08:30:00",
            "day": "2026-06-01",
            "flags": ["a", {"b": 2}],
            "missing": None,
        }
    ]
