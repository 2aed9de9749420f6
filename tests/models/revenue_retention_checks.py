"""A warehouse's retention of revenue, compared with the naive loops over its own movements."""

import math
from collections import defaultdict
from datetime import datetime
from typing import Any

import duckdb

from tests.models import naive_revenue as naive

WINDOWS = (1, 3, 12)
MARGIN = 0.8


def accounts_of(connection: duckdb.DuckDBPyConnection) -> tuple[list[naive.Account], datetime]:
    """Every account with movements, from the warehouse's facts."""

    def rows(sql: str) -> list[tuple]:
        return connection.execute(sql).fetchall()

    movements = defaultdict(list)
    for account, *movement in rows(
        "select account_id, movement_date, movement_type, cause, amount "
        "from revenue.fct_mrr_movements"
    ):
        movements[account].append(tuple(movement))
    accounts = {name: naive.Account(name, moved) for name, moved in movements.items()}
    for name, segment in rows("select account_id, segment from core.dim_accounts"):
        if name in accounts:
            accounts[name].segment = segment
    for name, sourcing, motion, closing, sold_at in rows(
        "select account_id, sourcing, motion, closing_motion, sales_assisted_at "
        "from revenue.fct_account_sourcing"
    ):
        if name in accounts:
            account = accounts[name]
            account.sourcing, account.is_sales_assisted = sourcing, motion == "sales_assisted"
            account.sales_assisted_at, account.closing_motion = sold_at, closing
    for name, month, plan in rows(
        "select account_id, month, plan_key from revenue.int_revenue__account_month_plans "
        "where plan_key is not null"
    ):
        accounts[name].plans[month] = plan
    for name, moment in rows(
        "select account_id, joined_at from core.int_core__account_people_joined"
    ):
        if name in accounts:
            accounts[name].joined.append(moment)
    ((as_of,),) = rows("select as_of_at from core.dim_as_of")
    return list(accounts.values()), as_of


def check_nrr(connection, accounts, as_of, with_returns: bool = False) -> None:
    found = {
        row[:4]: row[4:18]
        for row in connection.execute(
            "select month, window_months, dimension, dimension_value, starting_mrr, expansion_mrr, "
            "contraction_mrr, churn_mrr, reactivation_mrr, fx_mrr, ending_mrr, nrr_numerator, "
            "grr_numerator, count_accounts_start, count_accounts_expanded, "
            "count_accounts_contracted, count_accounts_churned, count_accounts_end "
            "from revenue.rpt_nrr where starting_mrr > 0"
        ).fetchall()
    }
    assert found == naive.nrr(accounts, as_of, WINDOWS, with_returns)
    for nrr, grr, net, gross, start, month, is_complete in connection.execute(
        "select nrr, grr, nrr_numerator, grr_numerator, starting_mrr, month, is_complete "
        "from revenue.rpt_nrr"
    ).fetchall():
        assert is_complete == (month_end(month) <= as_of)
        if start == 0:
            assert nrr is None and grr is None
        else:
            assert math.isclose(nrr, net / start) and math.isclose(grr, gross / start)
            assert 0 <= grr <= min(1, nrr)


def month_end(month) -> datetime:
    following = naive.add_months(month, 1)
    return datetime(following.year, following.month, 1)


def check_health(connection, accounts, as_of) -> None:
    names = {
        "starts": "count_accounts_start", "churned": "count_accounts_churned",
        "movements": "count_churn_movements", "ends": "count_accounts_end",
        "people": "count_people_end", "starting": "starting_mrr", "lost": "lost_mrr",
        "new": "total_new_mrr", "expansion": "total_expansion_mrr",
        "reactivation": "total_reactivation_mrr", "contraction": "total_contraction_mrr",
        "churn": "total_churn_mrr", "involuntary": "total_involuntary_churn_mrr",
        "ending": "ending_mrr", "quick_ratio": "quick_ratio", "logo_churn": "logo_churn_rate",
        "arpa": "arpa", "ltv": "ltv",
    }  # fmt: skip
    found = {
        row[:4]: dict(zip(names, row[4:], strict=True))
        for row in connection.execute(
            f"select month, window_months, dimension, dimension_value, {', '.join(names.values())} "
            "from revenue.rpt_revenue_health"
        ).fetchall()
    }
    expected = naive.health(accounts, as_of, WINDOWS, MARGIN)
    for key, row in expected.items():
        something = any(
            row.get(name, 0) for name in ("starts", "ends", "new", "reactivation", "churn")
        )
        if key not in found:
            assert not something, (key, row)
    assert set(found) <= set(expected)
    for key, row in found.items():
        for name, value in row.items():
            assert same(value, expected[key].get(name, 0)), (key, name, value, expected[key])


def same(value: Any, expected: Any) -> bool:
    if isinstance(value, float) and expected is not None:
        return math.isclose(value, expected, rel_tol=1e-9)
    return value == expected


def check_cohorts(connection, accounts, as_of) -> None:
    found = {
        row[:4]: row[4:]
        for row in connection.execute(
            "select cohort_month, months_since, dimension, dimension_value, cohort_accounts, "
            "retained_accounts, returned_accounts, cohort_mrr, closing_mrr, is_mature "
            "from revenue.rpt_cohorts"
        ).fetchall()
    }
    assert found == naive.cohorts(accounts, as_of)


def check_everything(connection, accounts, as_of) -> None:
    check_nrr(connection, accounts, as_of)
    check_health(connection, accounts, as_of)
    check_cohorts(connection, accounts, as_of)
