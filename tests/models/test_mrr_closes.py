"""Closed months are unchanged by later data, and what changes since says why: random histories."""

from datetime import timedelta

import pytest

from tests.models.closing_models import MODELS, ClosingModels, Company
from tests.models.revenue_models import compiled_queries


@pytest.fixture
def queries() -> dict[str, str]:
    return {name: compiled_queries()[name] for name in MODELS}


def _check(models: ClosingModels, company: Company, reported: dict) -> None:
    """The closes are what was reported, and with the restatements they are what is known now."""
    assert models.closes() == reported
    ledger = dict(reported)
    for row in models.restatements():
        key = (row["account_id"], row["month"])
        ledger[key] = ledger.get(key, 0) + row["difference"]
    now = company.closes(company.now)
    assert {key: mrr for key, mrr in ledger.items() if mrr} == now
    for row in models.restatements():
        assert row["now_mrr"] == now.get((row["account_id"], row["month"]), 0)


def _history(models: ClosingModels, seed: int, builds: int) -> set[str]:
    """Builds one after the other; returns the causes seen."""
    company = Company(seed)
    reported: dict = {}
    seen: set[str] = set()
    closed_before = company.now.min
    for _ in range(builds):
        models.build(company.tables(company.now))
        reported |= {
            key: mrr
            for key, mrr in company.closes(company.now).items()
            if key[1].replace(day=1) >= closed_before.replace(day=1)
        }
        closed_before = company.now
        _check(models, company, reported)

        written = models.rows("select count(*) from revenue.int_revenue__mrr_close_log")
        models.build(company.tables(company.now))
        assert models.rows("select count(*) from revenue.int_revenue__mrr_close_log") == written

        # a look at the past, with other figures, leaves nothing behind
        version = max((row["version_number"] for row in models.restatements()), default=1)
        expected = company.changes()
        models.build(company.tables(company.now - timedelta(days=40)))
        assert models.rows("select count(*) from revenue.int_revenue__mrr_close_log") == written

        models.build(company.tables(company.now))
        _check(models, company, reported)
        causes = {row["cause"] for row in models.restatements() if row["version_number"] > version}
        assert causes <= expected
        seen |= causes
        company.now += timedelta(days=company.random.choice([0, 1, 12, 31, 45]))
    return seen


def test_a_reported_close_stays_and_with_its_restatements_is_what_is_known_now(queries):
    seen: set[str] = set()
    for seed in range(6):
        seen |= _history(ClosingModels(queries), seed, builds=3)
    assert seen >= {"late_event", "backdated", "mapping_merge", "fx_rate", "withdrawn"}


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(100, 160))
def test_a_reported_close_stays_in_any_history(queries, seed):
    _history(ClosingModels(queries), seed, builds=6)
