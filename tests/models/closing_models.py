"""The ledger of closes on histories a test makes up, and what it must say, counted by hand.

The models' own SQL, as dbt compiled it, runs in an in-memory DuckDB, one build after the other on
the same memory. The company beside it is a handful of items whose past is rewritten between builds.
"""

import random
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import duckdb

LOG = "int_revenue__mrr_close_log"
MODELS = ["int_revenue__month_close_items", LOG, "fct_mrr_closes", "fct_mrr_restatements"]
INPUTS = {
    "core.int_core__mrr_day_spans": "account_id varchar, currency varchar, item_key varchar, "
    "subscription_id varchar, event_id varchar, source varchar, mrr_native decimal(18,3), "
    "from_date date, to_date date, started_at timestamp",
    "core.int_core__item_states": "subscription_id varchar, item_id varchar, event_id varchar, "
    "event_rank bigint, known_in_load bigint, effective_at timestamp, valid_from timestamp, "
    "event_created_at timestamp",
    "core.dim_fx_rates": "month date, currency varchar, rate decimal(18,8)",
    "core.dim_as_of": "as_of_at timestamp, reporting_currency varchar",
    "core.fct_contracts": "contract_id varchar, signed_date date, known_in_load bigint",
    "core.int_core__internal_accounts": "account_id varchar",
    "seeds.internal_accounts": "kind varchar, value varchar",
    "seeds.subscription_statuses": "subscription_status varchar, counts_as_mrr boolean",
    "seeds.billing_intervals": "billing_interval varchar, intervals_per_year integer",
    "seeds.currency_minor_units": "currency varchar, minor_units integer",
}
FIRST_DAY = date(2025, 1, 1)
Closes = dict[tuple[str, date], Decimal]


class ClosingModels:
    """Builds of the ledger; ``compiled`` gives a model's SQL by its name, as of a first build."""

    def __init__(self, compiled: dict[str, str]):
        first = compiled[LOG]
        again, replaced = re.subn(
            r"-- the same columns, and no memory yet.*?where false",
            f"select * from revenue.{LOG}",
            first,
            flags=re.DOTALL,
        )
        assert replaced == 1
        self.queries = compiled
        self.next_builds_of_log = again
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("attach ':memory:' as warehouse; use warehouse")
        for schema in ("core", "seeds", "revenue"):
            self.connection.execute(f"create schema {schema}")
        for name, columns in INPUTS.items():
            self.connection.execute(f"create table {name} ({columns})")
        self.has_memory = False

    def build(self, tables: dict[str, list[tuple]]) -> None:
        for name, rows in tables.items():
            self.connection.execute(f"delete from {name}")
            if rows:
                marks = ", ".join("?" for _ in rows[0])
                self.connection.executemany(f"insert into {name} values ({marks})", rows)
        for name in MODELS:
            if name == LOG and self.has_memory:
                self.connection.execute(f"insert into revenue.{LOG} {self.next_builds_of_log}")
            else:
                self.connection.execute(
                    f"create or replace table revenue.{name} as {self.queries[name]}"
                )
        self.has_memory = True

    def rows(self, sql: str) -> list[tuple]:
        return self.connection.execute(sql).fetchall()

    def closes(self) -> Closes:
        return {
            (account, month): mrr
            for account, month, mrr in self.rows(
                "select account_id, month, reported_mrr from revenue.fct_mrr_closes"
            )
        }

    def restatements(self) -> list[dict[str, Any]]:
        names = ["account_id", "month", "version_number", "cause", "difference", "now_mrr"]
        return [
            dict(zip(names, row, strict=True))
            for row in self.rows(f"select {', '.join(names)} from revenue.fct_mrr_restatements")
        ]


@dataclass
class Event:
    """From ``effective`` on the item is worth ``mrr``; made on ``created``, heard in ``load``."""

    event_id: str
    effective: date
    created: date
    load: int
    mrr: Decimal


@dataclass
class Item:
    key: str
    account: str
    currency: str
    events: list[Event] = field(default_factory=list)

    def spans(self) -> list[tuple[date, date | None, Event]]:
        """From, to and the event that says so; of one day the event made last holds."""
        of_day: dict[date, Event] = {}
        for event in sorted(self.events, key=lambda e: (e.effective, e.event_id)):
            of_day[event.effective] = event
        days = sorted(of_day)
        return [
            (day, following, of_day[day])
            for day, following in zip(days, [*days[1:], None], strict=True)
        ]


class Company:
    """Items in two currencies; a method that changes it returns the causes that may be seen."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.items: dict[str, Item] = {}
        self.rates = {
            (_month(number), "EUR"): Decimal(self.random.randint(90, 130)) / 100
            for number in range(30)
        }
        self.serial = 0
        self.load = 1
        self.now = FIRST_DAY + timedelta(days=self.random.randint(20, 120))
        for _ in range(self.random.randint(2, 5)):
            self.item_begins(FIRST_DAY, self.now)

    def _event(self, effective: date, created: date, mrr: int | None = None) -> Event:
        self.serial += 1
        cents = self.random.randint(1, 9999) if mrr is None else mrr
        return Event(f"e{self.serial:05}", effective, created, self.load, Decimal(cents) / 100)

    def _day(self, first: date, last: date) -> date:
        return first + timedelta(days=self.random.randint(0, max((last - first).days, 0)))

    def item_begins(self, first: date, last: date) -> set[str]:
        self.serial += 1
        day = self._day(first, last)
        key = f"s{self.serial}"
        item = Item(key, f"acc_{self.random.randint(1, 3)}", self.random.choice(["USD", "EUR"]))
        item.events.append(self._event(day, day))
        self.items[key] = item
        return {"late_event"}

    def late_event(self) -> set[str]:
        item = self.random.choice(list(self.items.values()))
        day = self._day(FIRST_DAY, self.now)
        item.events.append(self._event(day, day, mrr=self.random.choice([None, 0])))
        return {"late_event"}

    def backdated(self) -> set[str]:
        item = self.random.choice(list(self.items.values()))
        item.events.append(self._event(self._day(FIRST_DAY, self.now), self.now))
        return {"backdated", "late_event"}  # of the month it was made in it is merely late

    def mapping_merge(self) -> set[str]:
        source, target = self.random.sample(["acc_1", "acc_2", "acc_3"], 2)
        for item in self.items.values():
            if item.account == source:
                item.account = target
        return {"mapping_merge"}

    def fx_rate(self) -> set[str]:
        key = (_month(self.random.randint(0, 8)), "EUR")
        self.rates[key] += Decimal(self.random.randint(1, 9)) / 1000
        return {"fx_rate"}

    def withdrawn(self) -> set[str]:
        if len(self.items) > 1:
            del self.items[self.random.choice(list(self.items))]
        return {"withdrawn"}

    def nothing(self) -> set[str]:
        return set()

    def changes(self) -> set[str]:
        """One to three things happen, by a load of their own."""
        self.load += 1
        happened: set[str] = set()
        kinds = [
            self.late_event, self.backdated, self.mapping_merge, self.fx_rate, self.withdrawn,
            self.nothing, lambda: self.item_begins(FIRST_DAY, self.now),
        ]  # fmt: skip
        for kind in self.random.sample(kinds, self.random.randint(1, 3)):
            happened |= kind()
        return happened

    def tables(self, now: date) -> dict[str, list[tuple]]:
        spans, states = [], []
        for item in self.items.values():
            for first, end, event in item.spans():
                if first < now and event.mrr and first != end:
                    until = end if end is not None and end < now else None
                    spans.append(
                        (item.account, item.currency, f"{item.key}/i", item.key, event.event_id,
                         "subscription", event.mrr, first, until, _midnight(first))
                    )  # fmt: skip
            states += [
                (item.key, "i", event.event_id, 1, event.load, _midnight(event.effective),
                 _midnight(event.effective), _midnight(event.created))
                for event in item.events
            ]  # fmt: skip
        rates = [(month, currency, rate) for (month, currency), rate in self.rates.items()]
        rates += [(month, "USD", Decimal(1)) for month, _ in self.rates]
        return {
            "core.int_core__mrr_day_spans": spans,
            "core.int_core__item_states": states,
            "core.dim_fx_rates": rates,
            "core.dim_as_of": [(_midnight(now), "USD")],
        }

    def closes(self, now: date) -> Closes:
        """What every account and month that has ended closes with, as known now."""
        native: dict[tuple[str, date, str], Decimal] = defaultdict(Decimal)
        for number in range(len(self.rates)):
            ends = _month(number + 1)
            if ends > now:
                continue
            for item in self.items.values():
                for first, end, event in item.spans():
                    if first < ends and (end is None or end >= ends):
                        native[item.account, _month(number), item.currency] += event.mrr
        closes: Closes = defaultdict(Decimal)
        for (account, month, currency), amount in native.items():
            rate = self.rates[month, "EUR"] if currency == "EUR" else Decimal(1)
            closes[account, month] += (amount * rate).quantize(Decimal("0.01"), ROUND_HALF_UP)
        return {key: mrr for key, mrr in closes.items() if mrr}


def _month(number: int) -> date:
    months = FIRST_DAY.year * 12 + FIRST_DAY.month - 1 + number
    return date(months // 12, months % 12 + 1, 1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())
