"""The payment recovery models' own SQL, as dbt compiled it, on Stripe rows a test makes up.

From the raw events to the dunning states, in memory. The subscription timeline is handed in: it
has tests of its own.
"""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ingestion.lake_schema import DATASETS
from tests.models.naive_recovery import AS_OF, Story, Stripe, periods
from tests.small_installation import SmallInstallation
from warehouse.settings import PROJECT_ROOT

MODELS = [
    "base_stripe__object_states",
    "base_stripe__newest_objects",
    "stg_stripe__charges",
    "stg_stripe__payment_intents",
    "stg_stripe__payment_failures",
    "stg_stripe__invoice_payments",
    "stg_stripe__invoices",
    "fct_invoices",
    "fct_payment_attempts",
    "fct_failed_invoices",
    "fct_dunning_states",
    "rpt_payment_recovery",
    "rpt_recovery_attempts",
]
LOSSES = {("canceled", "past_due"), ("canceled", "unpaid")}
INPUTS = {
    "core.dim_as_of": "as_of_at timestamp, as_of_date date",
    "core.dim_fx_rates": "month date, currency varchar, rate decimal(18, 8)",
    "core.int_core__subscription_accounts": "subscription_id varchar, account_id varchar",
    "core.int_core__customer_accounts": "customer_id varchar, account_id varchar",
    "core.int_core__internal_accounts": "account_id varchar",
    "core.int_core__subscription_periods": "subscription_id varchar, status varchar, "
    "is_payment_loss boolean, valid_from timestamp, valid_to timestamp",
    "core.fct_subscription_item_periods": "account_id varchar, subscription_id varchar, "
    "counts_as_mrr boolean, mrr_cents bigint, currency varchar, valid_from timestamp, "
    "valid_to timestamp",
    "core.fct_contracts": "account_id varchar, mrr_cents bigint, start_date date, end_date date",
    "seeds.currency_minor_units": "currency varchar, minor_units integer",
}


def compile_models(home: Path) -> dict[str, str]:
    """Model → its SQL as dbt compiles it; no warehouse is built."""
    installation = SmallInstallation(home, as_of=None)
    installation.dbt("compile", "--select", *MODELS)
    compiled = installation.settings.dbt_target_dir / "compiled"
    return {name: next(compiled.rglob(f"{name}.sql")).read_text() for name in MODELS}


class RecoveryModels:
    """`compiled`: as `compile_models` gives it."""

    def __init__(self, compiled: Mapping[str, str]):
        self.compiled = compiled
        self.db = duckdb.connect(config={"threads": 1})
        self.db.execute("attach ':memory:' as warehouse; use warehouse")
        for schema in ("raw", "staging", "core", "seeds", "revenue"):
            self.db.execute(f"create schema {schema}")
        for name in ("stripe_events", "stripe_objects"):
            columns = ", ".join(f"{column} {kind}" for column, kind in DATASETS[name].items())
            self.db.execute(f"create table raw.{name} ({columns})")
        for name, columns in INPUTS.items():
            self.db.execute(f"create table {name} ({columns})")
        with (PROJECT_ROOT / "seeds/currency_minor_units.csv").open() as lines:
            self._fill(
                "seeds.currency_minor_units", [tuple(r.values()) for r in csv.DictReader(lines)]
            )

    def run(
        self,
        told: Stripe,
        accounts: Mapping[str, str],
        customers: Mapping[str, str],
        statuses: Iterable[tuple[str, str, datetime, datetime | None]],
        also_paying: Iterable[tuple[str, datetime]] = (),
        as_of: datetime = AS_OF,
    ) -> duckdb.DuckDBPyConnection:
        """Accounts by subscription and by customer; `statuses`: whose, which, from, to."""
        statuses = sorted(statuses, key=lambda row: (row[0], row[2]))
        previous = [None, *statuses][: len(statuses)]
        before = [
            was[1] if was and was[0] == row[0] else None
            for was, row in zip(previous, statuses, strict=True)
        ]
        for name in ("raw.stripe_events", "raw.stripe_objects", *INPUTS):
            if not name.startswith("seeds."):
                self.db.execute(f"delete from {name}")
        self._fill(
            "raw.stripe_events",
            [
                (
                    event["id"], event["type"], event["created"], None, True,
                    event["object"]["object"], event["object"]["id"], json.dumps(event["object"]),
                    "{}", event["created"], "f", line, 1,
                )
                for line, event in enumerate(told.events)
            ],
        )  # fmt: skip
        self._fill(
            "raw.stripe_objects",
            [
                (thing["object"], thing["id"], None, True, json.dumps(thing), as_of, "o", line, 1)
                for line, thing in enumerate(told.objects)
            ],
        )
        self._fill("core.dim_as_of", [(as_of, as_of.date())])
        self.db.execute(
            "insert into core.dim_fx_rates select cast(m as date), currency, rate from "
            "generate_series(date '2020-01-01', date '2030-01-01', interval 1 month) as months(m), "
            "(values ('USD', 1), ('EUR', 1.1), ('GBP', 1.3)) as r(currency, rate)"
        )
        self._fill("core.int_core__subscription_accounts", list(accounts.items()))
        self._fill("core.int_core__customer_accounts", list(customers.items()))
        self._fill(
            "core.int_core__subscription_periods",
            [
                (sub, status, status == "unpaid" or (status, was) in LOSSES, at, to)
                for (sub, status, at, to), was in zip(statuses, before, strict=True)
            ],
        )
        items: list[Sequence[Any]] = [
            (accounts[sub], sub, status in ("active", "past_due"), 1000, "USD", start, end)
            for sub, status, start, end in statuses
        ]
        items += [(who, f"also_{who}", True, 500, "USD", at, None) for who, at in also_paying]
        self._fill("core.fct_subscription_item_periods", items)
        for name in MODELS:
            kind = "view" if "_stripe__" in name else "table"
            schema = (
                "staging" if kind == "view"
                else "core" if name in ("fct_invoices", "fct_payment_attempts")
                else "revenue"
            )  # fmt: skip
            self.db.execute(f"create or replace {kind} {schema}.{name} as {self.compiled[name]}")
        return self.db

    def run_stories(self, stories: Sequence[Story], told: Stripe) -> duckdb.DuckDBPyConnection:
        accounts = {story.subscription: story.account for story in stories}
        # an invoice of no subscription is known by its customer
        customers = {f"cus_{story.account}": story.account for story in stories}
        statuses = [
            (story.subscription, status, start, end)
            for story in stories
            for start, end, status in periods(story)
        ]
        also = [
            (story.account, story.also_pays_from)
            for story in stories
            if story.also_pays_from and story.also_pays_from < AS_OF
        ]
        return self.run(told, accounts, customers, statuses, also)

    def _fill(self, name: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            columns = {f"c{n}": list(values) for n, values in enumerate(zip(*rows, strict=True))}
            self.db.register("rows_to_fill", pa.table(columns))
            self.db.execute(f"insert into {name} select * from rows_to_fill")
            self.db.unregister("rows_to_fill")
