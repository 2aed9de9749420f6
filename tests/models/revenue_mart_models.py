"""The revenue marts that follow the movements, their own SQL as dbt compiled it, on movements a
test makes up: in an in-memory DuckDB, in the order dbt runs them, tables named as in the warehouse.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from tests.models.naive_revenue import Account

MODELS = [
    "fct_mrr_months",
    "int_revenue__account_windows",
    "rpt_nrr",
    "fct_churns",
    "rpt_churn_reasons",
    "rpt_revenue_health",
    "rpt_cohorts",
]
TESTS = [
    "gross_retention_never_exceeds_100_percent_or_net_retention",
    "reconcile_nrr_to_months",
    "reconcile_revenue_health_to_months",
    "reconcile_churns_to_movements",
    "reconcile_cohorts_to_months",
]
INPUTS = {
    "core.dim_as_of": "as_of_at timestamp",
    "core.dim_accounts": "account_id varchar, segment varchar",
    "core.int_core__account_people_joined": "account_id varchar, joined_at timestamp",
    "core.fct_subscription_endings": "account_id varchar, subscription_id varchar, "
    "cancellation_reason varchar, cancellation_feedback varchar, failure_reason varchar, "
    "ended_at timestamp",
    "revenue.fct_mrr_movements": "account_id varchar, movement_date date, movement_type varchar, "
    "cause varchar, amount decimal(18, 2)",
    "revenue.int_revenue__account_month_plans": "account_id varchar, month date, plan_key varchar",
    "revenue.fct_account_sourcing": "account_id varchar, sourcing varchar, motion varchar, "
    "closing_motion varchar, sales_assisted_at timestamp",
}


class RevenueModels:
    """`compiled` is dbt's folder of compiled models."""

    def __init__(self, compiled: Path):
        self.queries, self.tests = {}, {}
        for name in MODELS:
            (path,) = compiled.rglob(f"revenue/{name}.sql")
            self.queries[name] = path.read_text()
        for name in TESTS:
            (path,) = compiled.rglob(f"data_tests/revenue/{name}.sql")
            self.tests[name] = path.read_text()
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("attach ':memory:' as warehouse; use warehouse")
        for schema in ("core", "revenue"):
            self.connection.execute(f"create schema {schema}")
        for name, columns in INPUTS.items():
            self.connection.execute(f"create table {name} ({columns})")

    def run(self, accounts: Iterable[Account], as_of: datetime) -> duckdb.DuckDBPyConnection:
        for name, rows in self._facts(list(accounts), as_of).items():
            self.connection.execute(f"delete from {name}")
            if rows:
                values = ", ".join(map(_row, rows))
                self.connection.execute(f"insert into {name} values {values}")
        for name, query in self.queries.items():
            self.connection.execute(f"create or replace table revenue.{name} as {query}")
        return self.connection

    def findings(self) -> dict[str, list]:
        """What the data tests of the last run find."""
        found = {name: self.connection.execute(sql).fetchall() for name, sql in self.tests.items()}
        return {name: rows for name, rows in found.items() if rows}

    def _facts(self, accounts: list[Account], as_of: datetime) -> dict[str, list[Sequence[Any]]]:
        tables: dict[str, list[Sequence[Any]]] = {name: [] for name in INPUTS}
        tables["core.dim_as_of"] = [(as_of,)]
        for account in accounts:
            name = account.account_id
            if account.segment != "unknown":
                tables["core.dim_accounts"].append((name, account.segment))
            for moment in account.joined:
                tables["core.int_core__account_people_joined"].append((name, moment))
            for movement in account.movements:
                tables["revenue.fct_mrr_movements"].append((name, *movement))
            for month, plan in account.plans.items():
                tables["revenue.int_revenue__account_month_plans"].append((name, month, plan))
            motion = "sales_assisted" if account.is_sales_assisted else "self_serve"
            tables["revenue.fct_account_sourcing"].append(
                (name, account.sourcing, motion, account.closing_motion, account.sales_assisted_at)
            )
        return tables


def _row(values: Sequence[Any]) -> str:
    return f"({', '.join('null' if value is None else repr(str(value)) for value in values)})"
