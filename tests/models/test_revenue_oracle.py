"""The revenue models against random billing histories whose revenue is computed the slow way.

The models' own SQL runs in memory, and with it dbt's data tests over what was built: the bridge
closes, months reconcile with movements, no period overlaps another. `make test` looks at a few
small companies, the proof at many.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal

import duckdb
import pytest

from tests.models import revenue_oracle as oracle
from tests.models import revenue_retention_checks
from tests.models.revenue_models import RevenueModels

KINDS = ["new", "expansion", "contraction", "churn", "reactivation", "fx"]
CAUSES = {"seats", "tier", "price", "discount", "addon", "interval"}
SEEDS = [7, 8, 302]  # the last has a purchase grouped over the end of a month
MANY_SEEDS = range(100, 160)


@pytest.fixture(scope="module")
def models() -> RevenueModels:
    return RevenueModels(
        ["fct_mrr_movements", "fct_mrr_months", "rpt_nrr", "rpt_revenue_health", "rpt_cohorts"]
    )


@contextmanager
def built(models: RevenueModels, history: oracle.History) -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(models.connect()) as connection:
        models.fill_raw(connection, history.rows())
        for account in history.internal_accounts:
            connection.execute(
                "insert into seeds.internal_accounts values ('account_id', ?, 'ours')", [account]
            )
        models.build(connection)
        yield connection


def movements_built(connection) -> dict[tuple, Decimal]:
    rows = connection.execute(
        "select account_id, movement_date, movement_type, "
        "case when movement_type in ('expansion', 'contraction') then cause else '' end as cause, "
        "sum(amount) from revenue.fct_mrr_movements group by all"
    ).fetchall()
    return {row[:4]: row[4] for row in rows}


def months_built(connection) -> dict[tuple, dict[str, Decimal]]:
    names = ["opening", *KINDS, "closing"]
    rows = connection.execute(
        f"select account_id, month, {', '.join(f'{name}_mrr' for name in names)} "
        "from revenue.fct_mrr_months"
    ).fetchall()
    return {row[:2]: dict(zip(names, row[2:], strict=True)) for row in rows}


def check(models: RevenueModels, seed: int) -> set[tuple[str, str]]:
    """Compares one company; (type, cause) of every movement it had."""
    history = oracle.random_history(seed, accounts=30)
    expected = oracle.movements(history)
    with built(models, history) as connection:
        assert movements_built(connection) == expected, f"seed {seed}"
        names = ["opening", *KINDS, "closing"]
        assert months_built(connection) == {
            key: {name: row[name] for name in names} for key, row in oracle.months(history).items()
        }, f"seed {seed}"
        assert models.violations(connection) == {}, f"seed {seed}"
        retention_is_bounded(connection)
        accounts, as_of = revenue_retention_checks.accounts_of(connection)
        revenue_retention_checks.check_everything(connection, accounts, as_of)
    return {(kind, cause) for _, _, kind, cause in expected}


def retention_is_bounded(connection) -> None:
    """GRR is between 0 and 100 %, never above NRR, and nobody is in no cut or in two."""
    assert (
        connection.execute(
            "select month, window_months, dimension, dimension_value, nrr, grr "
            "from revenue.rpt_nrr "
            "where grr > 1 or grr < 0 or grr > nrr or (nrr is null) <> (grr is null)"
        ).fetchall()
        == []
    )
    assert (
        connection.execute(
            "select month, window_months, dimension, sum(starting_mrr), sum(nrr_numerator) "
            "from revenue.rpt_nrr group by 1, 2, 3 "
            "qualify count(distinct (sum(starting_mrr), sum(nrr_numerator))) "
            "over (partition by month, window_months) > 1"
        ).fetchall()
        == []
    )


@pytest.mark.pipeline
def test_every_movement_cause_and_month_is_the_one_counted_day_by_day(models):
    shown = set().union(*(check(models, seed) for seed in SEEDS))
    assert {kind for kind, _ in shown} == set(KINDS), "the histories must show every kind"
    assert {cause for _, cause in shown} - {""} == CAUSES, "and every cause"


@pytest.mark.pipeline
def test_the_data_tests_of_the_models_are_among_what_is_checked(models):
    """And they can fail: a month that does not close is found."""
    assert {
        "reconcile_mrr_bridge_closes",
        "reconcile_movements_to_months",
        "reconcile_change_causes_to_day_changes",
        "subscription_item_periods_do_not_overlap",
    } <= models.data_tests.keys()
    with built(models, oracle.random_history(SEEDS[0], accounts=3)) as connection:
        connection.execute("update revenue.fct_mrr_months set closing_mrr = closing_mrr + 0.01")
        assert "reconcile_mrr_bridge_closes" in models.violations(connection)


@pytest.mark.proof
@pytest.mark.parametrize("seed", MANY_SEEDS)
def test_so_it_is_for_many_companies(models, seed):
    check(models, seed)
