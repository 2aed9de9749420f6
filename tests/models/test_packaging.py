"""Plans over time against looking at every account on every day; survival against scipy's."""

import random
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from scipy import stats

from tests.small_installation import SmallInstallation

pytestmark = [pytest.mark.pipeline, pytest.mark.proof]  # compiles the models once

MODELS = ["fct_plan_spans", "rpt_time_on_plan"]
RANKS = {"free": 0, "starter": 1, "team": 2, "business": 3}
START, AS_OF = date(2024, 1, 1), date(2024, 7, 1)
DAY = timedelta(days=1)

Span = tuple[str, str, int, date, date | None]  # item, plan, MRR, from, to


def compile_models(home: Path) -> dict[str, str]:
    installation = SmallInstallation(home, as_of=None)
    installation.dbt("compile", "--select", *MODELS)
    compiled = installation.settings.dbt_target_dir / "compiled"
    return {name: next(compiled.rglob(f"packaging/{name}.sql")).read_text() for name in MODELS}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> dict[str, str]:
    return compile_models(tmp_path_factory.mktemp("compiled"))


def random_account(rng: random.Random) -> tuple[date, list[Span]]:
    """The day it entered, and what it paid for."""
    entered = START + rng.randrange(120) * DAY
    spans = []
    for number in range(rng.choice([0, 0, 1, 2, 3, 5])):
        start = entered + rng.randrange(150) * DAY
        end = start + rng.randrange(1, 80) * DAY
        plan = rng.choice(["starter", "team", "business"])
        spans.append(
            (f"i{number}", plan, rng.randrange(1, 50), start, end if end < AS_OF else None)
        )
    return entered, [span for span in spans if span[3] < AS_OF]


def plan_on(spans: list[Span], day: date) -> str:
    paid: dict[str, int] = {}
    for _, plan, mrr, start, end in spans:
        if start <= day and (end is None or day < end):
            paid[plan] = paid.get(plan, 0) + mrr
    return min(paid, key=lambda plan: (-paid[plan], plan)) if paid else "free"


def stays(entered: date, spans: list[Span]) -> list[tuple[str, date, date | None]]:
    """Plan, first day, first day no longer: by asking every day."""
    found: list[list] = []
    first = min([entered, *(span[3] for span in spans)])
    for number in range((AS_OF - first).days):
        day = first + number * DAY
        plan = plan_on(spans, day)
        if not found or found[-1][0] != plan:
            if found:
                found[-1][2] = day
            found.append([plan, day, None])
    return [tuple(stay) for stay in found]


def run(compiled: Mapping[str, str], accounts: list[tuple[date, list[Span]]]):
    db = duckdb.connect(config={"threads": 1})
    db.execute("attach ':memory:' as warehouse; use warehouse")
    db.execute("create schema core; create schema seeds; create schema revenue")
    db.execute("create schema packaging")

    def fill(name: str, columns: str, rows: list[tuple]) -> None:
        db.execute(f"create table {name} ({columns})")
        if rows:
            names = [f"c{n}" for n in range(len(rows[0]))]
            table = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
            db.register("rows_to_fill", table)
            db.execute(f"insert into {name} select * from rows_to_fill")

    fill(
        "core.int_core__mrr_day_spans",
        "account_id varchar, currency varchar, item_key varchar, plan_key varchar, "
        "mrr_native decimal(18, 3), from_date date, to_date date",
        [
            (f"a{number}", "USD", item, plan, mrr, start, end)
            for number, (_, spans) in enumerate(accounts)
            for item, plan, mrr, start, end in spans
        ],
    )
    months = [(date(2024, month, 1), "USD", 1) for month in range(1, 13)]
    fill("core.dim_fx_rates", "month date, currency varchar, rate decimal(18, 8)", months)
    fill("core.dim_as_of", "as_of_date date", [(AS_OF,)])
    fill("seeds.plans", "plan_key varchar, plan_rank integer", list(RANKS.items()))
    fill(
        "packaging.fct_account_entries",
        "account_id varchar, entered_at timestamp",
        [
            (f"a{number}", min([entered, *(span[3] for span in spans)]))
            for number, (entered, spans) in enumerate(accounts)
        ],
    )
    fill(
        "revenue.fct_mrr_movements",
        "account_id varchar, movement_date date, movement_type varchar, amount decimal(18, 2)",
        [],
    )
    for name in MODELS:
        db.execute(f"create table packaging.{name} as {compiled[name]}")
    return db


@pytest.mark.parametrize("seed", range(5))
def test_the_plan_of_every_day_is_the_one_most_is_paid_for(compiled, seed):
    rng = random.Random(seed)
    accounts = [random_account(rng) for _ in range(300)]
    db = run(compiled, accounts)
    found: dict[str, list] = {}
    for account, *stay in db.execute(
        "select account_id, plan, from_date, to_date from packaging.fct_plan_spans "
        "order by account_id, span_number"
    ).fetchall():
        found.setdefault(account, []).append(tuple(stay))
    expected = {f"a{n}": stays(entered, spans) for n, (entered, spans) in enumerate(accounts)}
    assert found == expected

    lengths: dict[str, tuple[list[int], list[int]]] = {}
    for plan, start, end in (stay for all_stays in expected.values() for stay in all_stays):
        ended, running = lengths.setdefault(plan, ([], []))
        (ended if end else running).append(((end or AS_OF) - start).days)
    rows = db.execute(
        "select plan, median_days, survival_30d, survival_90d from packaging.rpt_time_on_plan"
    ).fetchall()
    assert {row[0] for row in rows} == set(lengths)
    for plan, median, after_30, after_90 in rows:
        ended, running = lengths[plan]
        survival = stats.ecdf(stats.CensoredData(uncensored=ended, right=running)).sf
        for days, share in ((30, after_30), (90, after_90)):
            if share is not None:
                assert share == pytest.approx(float(survival.evaluate(days)), abs=1e-9)
        halved = [
            int(day)
            for day, share in zip(survival.quantiles, survival.probabilities, strict=True)
            if round(share, 12) <= 0.5
        ]
        assert median == (min(halved) if halved else None)


def test_nobody_at_all_gives_empty_tables(compiled):
    db = run(compiled, [])
    assert db.execute("select count(*) from packaging.fct_plan_spans").fetchone() == (0,)
    assert db.execute("select count(*) from packaging.rpt_time_on_plan").fetchone() == (0,)
