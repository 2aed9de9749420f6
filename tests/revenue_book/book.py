"""The scenario book: its pages read, and landed as Stripe and Finance would send them."""

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import yaml

from ingestion.lake import ensure_datasets
from ingestion.manifest import committed_load_id
from ingestion.raw_views import dataset_select
from tests.revenue_book.pricing import NotUnderstood, Price, named_price
from tests.revenue_book.sentences import Teller, contract_row
from tests.revenue_book.stripe_account import Envelope, Pull, StripeAccount
from tests.small_installation import SmallInstallation

FOLDER = Path(__file__).parent
RATES = FOLDER / "exchange_rates.yaml"
AS_OF = "2025-12-31T18:00:00Z"
_KEYS = {"title", "why", "prices", "known by", "our own", "happened", "contracts", "expect"}
_MOVEMENT = re.compile(r"(\d{4}-\d{2}-\d{2}) (\w+) ([+-]?\d+\.\d{2})(?: (\w+))?")


@dataclass(frozen=True)
class Movement:
    """A line of the bridge. `cause` None: any will do."""

    on: date
    kind: str
    amount: Decimal
    cause: str | None = None

    def __str__(self) -> str:
        return " ".join([str(self.on), self.kind, f"{self.amount:+}", self.cause or ""]).strip()

    @classmethod
    def in_words(cls, words: str) -> "Movement":
        found = _MOVEMENT.fullmatch(words)
        if not found:
            raise NotUnderstood(f"movement {words!r}")
        return cls(date.fromisoformat(found[1]), found[2], Decimal(found[3]), found[4])


@dataclass
class Scenario:
    """One page of the book."""

    page: str
    title: str
    why: str
    expect: dict[str, Any]
    stripe: StripeAccount
    contracts: list[dict[str, str]] = field(default_factory=list)
    our_own: str | None = None

    @property
    def key(self) -> str:
        return self.stripe.key

    @property
    def account_id(self) -> str:
        return self.stripe.account_id

    @property
    def movements(self) -> list[Movement]:
        return [Movement.in_words(words) for words in self.expect.get("movements") or []]


def read_book(folder: Path = FOLDER) -> list[Scenario]:
    """Every scenario of every page (`*.yml`), in the order of their names."""
    scenarios = []
    for file in sorted(folder.glob("*.yml")):
        # all values stay text: an amount is not a float
        for entry in yaml.load(file.read_text(), Loader=yaml.BaseLoader):
            scenarios.append(_read(file.stem, entry))
    titles = [scenario.title for scenario in scenarios]
    assert len(set(titles)) == len(titles), "two scenarios have one title"
    return scenarios


def _read(page: str, entry: dict[str, Any]) -> Scenario:
    title = entry["title"]
    try:
        if unknown := entry.keys() - _KEYS:
            raise NotUnderstood(f"keys {sorted(unknown)}")
        key = re.sub(r"\W+", "_", title.lower()).strip("_")
        known_by = entry.get("known by", "customer")
        stripe = StripeAccount(key, f"acc_{key}", known_by)
        if known_by == "nothing":
            stripe.account_id = f"acc_stripe_cus_{key}_main"
        prices: dict[str, Price] = {
            name: named_price(name, words) for name, words in (entry.get("prices") or {}).items()
        }
        teller = Teller(stripe, prices)
        for sentence in entry.get("happened") or []:
            teller.tell(sentence)
        contracts = [
            contract_row(
                key, stripe.domain if known_by == "domain" else stripe.account_id, number, words
            )
            for number, words in enumerate(entry.get("contracts") or [], start=1)
        ]
        scenario = Scenario(
            page, title, entry["why"], entry["expect"], stripe, contracts, entry.get("our own")
        )
        _ = scenario.movements
    except (NotUnderstood, ValueError, KeyError) as problem:
        raise NotUnderstood(f"{page}: {title!r}: {problem!r}") from problem
    return scenario


# --- landing ----------------------------------------------------------------------------------


def land(
    installation: SmallInstallation,
    envelopes: Iterable[Envelope],
    pulls: Iterable[Pull],
    shuffled_by: Random | None = None,
    name: str = "book",
) -> None:
    """Files of a month each, told at its end, and those that came late by themselves.

    `shuffled_by`: lines in any order, and every month's lines spread over several files.
    """
    files: dict[str, list[dict]] = defaultdict(list)
    for envelope in envelopes:
        for _ in range(envelope.copies):
            files[f"stripe/events/{name}-{_told(envelope)}"].append(envelope.body)
    for pull in pulls:
        told = f"{pull.pulled_at:%Y%m%dT%H%M%S}"
        files[f"stripe/{pull.folder}/{name}-{told}"].append(pull.body)
    for path, records in files.items():
        if shuffled_by is None:
            installation.write(f"{path}.jsonl", records)
            continue
        if "/events/" in path:
            records = [*records, *shuffled_by.sample(records, len(records) // 3)]
        shuffled_by.shuffle(records)
        half = len(records) // 2
        for part, some in enumerate([records[:half], records[half:]]):
            if some:
                installation.write(f"{path}-{part}.jsonl", some)


def _told(envelope: Envelope) -> str:
    """When a file with that line was written: at the end of its month, or when it came late."""
    if envelope.is_late:
        return f"{envelope.arrived_at:%Y%m%dT%H%M%S}"
    month = envelope.arrived_at
    following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return f"{following - timedelta(days=1):%Y%m%d}T235959"


def land_finance(installation: SmallInstallation, scenarios: Iterable[Scenario]) -> None:
    """Contracts and exchange rates, as Finance keeps them."""
    contracts = [row for scenario in scenarios for row in scenario.contracts]
    if contracts:
        installation.write("contracts/contracts.csv", _csv(contracts))
    rates = yaml.load(RATES.read_text(), Loader=yaml.BaseLoader)
    rows = [
        {"month": month, "currency": currency, "rate": rate}
        for currency, months in rates.items()
        for month, rate in months.items()
    ]
    installation.write("fx_rates/rates.csv", _csv(rows))


def _csv(rows: list[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def read_lake(installation: SmallInstallation, connection: duckdb.DuckDBPyConnection) -> None:
    """Schema `raw` of a database of the test's own, as the warehouse would see the lake."""
    settings = installation.settings
    load_id = committed_load_id(settings)
    ensure_datasets(settings.lake_dir)
    for dataset in ("stripe_events", "stripe_objects", "contracts", "fx_rates"):
        connection.execute(
            f"create or replace table raw.{dataset} as "
            f"{dataset_select(settings, dataset, load_id, False)}"
        )
    connection.execute(
        "create or replace table raw.pipeline_clock as select ?::timestamp as as_of_at, "
        "'USD' as reporting_currency, 'UTC' as timezone",
        [settings.now.replace(tzinfo=None)],
    )


def who_is_who(scenarios: Iterable[Scenario]) -> dict[str, list[tuple[Any, ...]]]:
    """Rows by table: the accounts of e-mail domains, and the accounts that are our own."""
    rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for scenario in scenarios:
        if scenario.stripe.known_by == "domain":
            rows["identity.int_identity__domain_accounts"].append(
                (scenario.stripe.domain, scenario.account_id, "declared", 1)
            )
        if scenario.our_own:
            kind = {"account": "account_id", "e-mail domain": "email_domain"}[scenario.our_own]
            value = scenario.account_id if kind == "account_id" else scenario.stripe.domain
            rows["seeds.internal_accounts"].append((kind, value, "scenario book"))
    return rows


def as_json(scenario: Scenario) -> str:
    """What a scenario sends, for whoever wonders."""
    return json.dumps([envelope.body for envelope in scenario.stripe.envelopes], indent=1)
