"""`plg journal export`: a month for the ERP, the same bytes every time."""

import csv
import io
from datetime import date
from decimal import Decimal

import duckdb
import pytest
from typer.testing import CliRunner

from dagster_plg.cli import app
from warehouse.journal import NotAMonth, export_journal, parse_month
from warehouse.publish import publish


@pytest.fixture
def published(built):
    with duckdb.connect(str(built.warehouse_path)) as warehouse:
        warehouse.execute(
            """
            create table revenue.fct_journal_entries as
            select * from (values
                ('je_2', 'revenue_recurring', '4000', 0.00, 10.00, date '2026-04-30', date '2026-04-01', true),
                ('je_2', 'deferred_revenue', '2400', 10.00, 0.00, date '2026-04-30', date '2026-04-01', true),
                ('je_1', 'receivables', '1200', 120.00, 0.00, date '2026-04-02', date '2026-04-01', true),
                ('je_1', 'deferred_revenue', '2400', 0.00, 120.00, date '2026-04-02', date '2026-04-01', true),
                ('je_3', 'receivables', '1200', 5.00, 0.00, date '2026-06-02', date '2026-06-01', false),
                ('je_3', 'deferred_revenue', '2400', 0.00, 5.00, date '2026-06-02', date '2026-06-01', false)
            ) as rows(entry_id, account_key, account_code, debit, credit, entry_date, month, is_closed)
            cross join (
                select 'An account' as account_name, 'USD' as currency, 'USD' as reporting_currency,
                    0.00 as reporting_debit, 0.00 as reporting_credit, 'in_1' as reference,
                    'invoice' as source, 'in_1' as invoice_id, 'acc_1' as account_id,
                    date '2026-04-01' as concerns_month, false as is_correction
            ) as constants
            """  # noqa: E501
        )
    publish(built)
    return built


def export(published, *arguments: str):
    return CliRunner().invoke(
        app, ["journal", "export", *arguments], env={"PLG_HOME": str(published.home)}
    )


def test_a_closed_month_is_balanced_in_order_and_the_same_bytes_each_time(published, tmp_path):
    first, second = tmp_path / "a" / "april.csv", tmp_path / "april_again.csv"
    done = export(published, "--month", "2026-04", "--out", str(first))
    assert done.exit_code == 0, done.output
    assert "4 lines of 2026-04 (closed, final)" in done.output
    export(published, "--month", "2026-04", "--out", str(second))
    assert first.read_bytes() == second.read_bytes()
    rows = list(csv.DictReader(io.StringIO(first.read_text())))
    assert [(row["date"], row["account"]) for row in rows] == [
        ("2026-04-02", "1200"),
        ("2026-04-02", "2400"),
        ("2026-04-30", "2400"),
        ("2026-04-30", "4000"),
    ]
    assert sum(Decimal(row["debit"]) for row in rows) == 130
    assert sum(Decimal(row["credit"]) for row in rows) == 130
    assert {row["status"] for row in rows} == {"final"}


def test_the_open_month_says_that_it_is_provisional(published):
    exported = export_journal(published, date(2026, 6, 1))
    assert (exported.count_lines, exported.is_closed) == (2, False)
    assert "provisional" in exported.csv


def test_a_month_without_entries_is_a_header(published):
    exported = export_journal(published, date(2026, 2, 1))
    assert (exported.count_lines, exported.is_closed) == (0, True)
    assert exported.csv.startswith("date,account,")
    assert len(exported.csv.splitlines()) == 1


@pytest.mark.parametrize("text", ["2026-13", "2026-4", "April", "2026-04-01", "2026-04'; drop"])
def test_what_is_no_month_is_refused(published, tmp_path, text):
    with pytest.raises(NotAMonth):
        parse_month(text)
    done = export(published, "--month", text, "--out", str(tmp_path / "x.csv"))
    assert done.exit_code == 1
    assert not (tmp_path / "x.csv").exists()
