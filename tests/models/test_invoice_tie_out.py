"""The tie-out explains what is right and finds what is wrong: an error planted in the invoices.

The models' compiled SQL and the gate's own query run in memory on forty subscriptions of 50.00 a
month, billed for three months.
"""

from collections.abc import Callable
from datetime import datetime

import duckdb
import pytest
import yaml

from tests.models.revenue_models import compiled_queries
from warehouse.settings import PROJECT_ROOT

TABLES = {
    "core.fct_invoices": "invoice_id varchar, account_id varchar, status varchar, "
    "currency varchar, total_cents bigint, tax_cents bigint, created_at timestamp, "
    "finalized_at timestamp, voided_at timestamp",
    "core.fct_invoice_lines": "invoice_id varchar, subscription_id varchar, item_id varchar, "
    "price_id varchar, line_type varchar, is_proration boolean, amount_cents bigint, "
    "discount_cents bigint, net_amount_cents bigint, service_start_at timestamp, "
    "service_end_at timestamp",
    "core.fct_subscription_item_periods": "subscription_id varchar, item_id varchar, "
    "price_id varchar, status varchar, is_trial boolean, billing_interval varchar, "
    "interval_count integer, list_mrr_cents bigint, discounted_mrr_cents bigint, "
    "valid_from timestamp, valid_to timestamp, is_collection_paused boolean",
    "core.dim_fx_rates": "month date, currency varchar, rate decimal(18,8)",
    "core.dim_as_of": "as_of_at timestamp",
    "seeds.billing_intervals": "billing_interval varchar, intervals_per_year integer",
    "seeds.currency_minor_units": "currency varchar, minor_units integer",
    "revenue.fct_mrr_months": "account_id varchar, month date, closing_mrr decimal(18,2)",
    "revenue.int_revenue__month_close_items": "account_id varchar, month date, item_key varchar, "
    "source_id varchar, source varchar, currency varchar, mrr_native decimal(18,3)",
}
MONTHS = [1, 2, 3]
SUBSCRIPTIONS = range(40)
GATE = PROJECT_ROOT / "expectations" / "marts" / "invoice_tie_out.yml"


class TieOut:
    """A company in memory; what is wrong with its invoices is planted by SQL."""

    def __init__(self, compiled: Callable[[str], str]):
        self.compiled = compiled
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("attach ':memory:' as warehouse; use warehouse")
        for schema in ("core", "seeds", "revenue"):
            self.connection.execute(f"create schema {schema}")
        for name, columns in TABLES.items():
            self.connection.execute(f"create table {name} ({columns})")
        self._insert("core.dim_as_of", [(datetime(2025, 4, 10),)])
        self._insert("seeds.billing_intervals", [("month", 12)])
        for month in MONTHS:
            self._insert("core.dim_fx_rates", [(datetime(2025, month, 1), "EUR", 1.1)])
        for number in SUBSCRIPTIONS:
            self._subscription(f"s{number}", f"a{number}", 1 + number % 28)

    def _subscription(self, subscription: str, account: str, day: int) -> None:
        self._insert(
            "core.fct_subscription_item_periods",
            [(subscription, "i", "p", "active", False, "month", 1, 5000, 5000,
              datetime(2025, 1, day), None, False)],
        )  # fmt: skip
        for month in MONTHS:
            start, end = datetime(2025, month, day), datetime(2025, month + 1, day)
            invoice = f"{subscription}-{month}"
            self._insert(
                "core.fct_invoices",
                [(invoice, account, "paid", "EUR", 5000, 0, start, start, None)],
            )
            self._insert(
                "core.fct_invoice_lines",
                [(invoice, subscription, "i", "p", "recurring", False, 5000, 0, 5000, start, end)],
            )
            self._insert("revenue.fct_mrr_months", [(account, datetime(2025, month, 1), 55)])
            self._insert(
                "revenue.int_revenue__month_close_items",
                [(account, datetime(2025, month, 1), f"{subscription}/i", subscription,
                  "subscription", "EUR", 50)],
            )  # fmt: skip

    def _insert(self, name: str, rows: list[tuple]) -> None:
        self.connection.executemany(
            f"insert into {name} values ({', '.join('?' for _ in rows[0])})", rows
        )

    def failing(self, planted: str = "") -> list[tuple]:
        """Account, month and unexplained amount of what fails the gate once this was planted."""
        if planted:
            self.connection.execute(planted)
        for name in ("int_revenue__invoice_items", "rpt_invoice_tie_out"):
            self.connection.execute(
                f"create or replace table revenue.{name} as {self.compiled(name)}"
            )
        (query,) = [
            expectation["rows_that_break_it"]
            for expectation in yaml.safe_load(GATE.read_text())["expectations"]
            if expectation["key"] == "tie_out_unexplained"
        ]
        query = query.replace("{batch}", "revenue.rpt_invoice_tie_out")
        return self.connection.execute(
            f"select account_id, month(month), cast(unexplained_amount as double) from ({query}) "
            "order by all"
        ).fetchall()


@pytest.fixture
def tie_out() -> TieOut:
    return TieOut(compiled_queries().__getitem__)


def test_invoices_that_follow_the_subscriptions_leave_nothing_unexplained(tie_out):
    assert tie_out.failing() == []
    assert tie_out.connection.execute(
        "select count(*), sum(unexplained_amount) from revenue.rpt_invoice_tie_out"
    ).fetchone() == (120, 0)


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        pytest.param(
            "update core.fct_invoice_lines set amount_cents = 7500, net_amount_cents = 7500 "
            "where invoice_id = 's3-2'; "
            "update core.fct_invoices set total_cents = 7500 where invoice_id = 's3-2'",
            [("a3", 2, 27.5)],
            id="a bill 25.00 too high",
        ),
        pytest.param(
            "update core.fct_invoices set total_cents = 2500 where invoice_id = 's3-2'",
            [("a3", 2, -27.5)],
            id="a total that is not that of its lines",
        ),
        pytest.param(
            "update core.fct_invoices set status = 'void', voided_at = finalized_at "
            "where invoice_id = 's3-2'",
            [("a3", 2, -55.0)],
            id="a month nobody billed",
        ),
        pytest.param(
            "insert into core.fct_invoices select 'again', account_id, status, currency, "
            "total_cents, tax_cents, created_at, finalized_at, voided_at from core.fct_invoices "
            "where invoice_id = 's3-2'; "
            "insert into core.fct_invoice_lines select * replace ('again' as invoice_id) "
            "from core.fct_invoice_lines where invoice_id = 's3-2'",
            [("a3", 2, 55.0)],
            id="a month billed twice",
        ),
        pytest.param(
            "update core.fct_invoice_lines set amount_cents = amount_cents + "
            "case invoice_id when 's3-2' then 1000 else -1000 end, net_amount_cents = "
            "net_amount_cents + case invoice_id when 's3-2' then 1000 else -1000 end "
            "where invoice_id in ('s3-2', 's4-2'); "
            "update core.fct_invoices set total_cents = total_cents + "
            "case invoice_id when 's3-2' then 1000 else -1000 end "
            "where invoice_id in ('s3-2', 's4-2')",
            [("a3", 2, 11.0), ("a4", 2, -11.0)],
            id="two errors that cancel each other in the total",
        ),
        pytest.param(
            "update core.fct_invoice_lines set amount_cents = 5100, net_amount_cents = 5100 "
            "where invoice_id = 's3-2'; "
            "update core.fct_invoices set total_cents = 5100 where invoice_id = 's3-2'",
            [],
            id="one euro of two thousand is tolerated",
        ),
    ],
)
def test_an_error_planted_in_the_invoices_fails_the_gate(tie_out, planted, found):
    assert tie_out.failing(planted) == found
