"""How the book is read off the built tables: one function for each thing a scenario may expect.

`expect:` of a scenario names readings. Another reading (a policy's balance, a recovery) is a
function here, its name as the pages write it, and a line in README.md.
"""

from collections.abc import Callable, Mapping
from typing import Any

import duckdb

from tests.revenue_book.book import Movement, Scenario

Reading = Callable[[duckdb.DuckDBPyConnection, Scenario, Any], tuple[list[str], list[str]]]


def movements(connection, scenario: Scenario, expected: Any) -> tuple[list[str], list[str]]:
    """Every movement of the account, in order; a cause is compared where the page names one."""
    wanted = sorted(
        scenario.movements, key=lambda movement: (movement.on, movement.kind, movement.cause or "")
    )
    rows = connection.execute(
        "select movement_date, movement_type, amount, cause from revenue.fct_mrr_movements "
        "where account_id = ? order by movement_date, movement_type, cause",
        [scenario.account_id],
    ).fetchall()
    found = [Movement(*row) for row in rows]
    if len(found) == len(wanted):
        found = [
            Movement(row.on, row.kind, row.amount, row.cause if asked.cause else None)
            for row, asked in zip(found, wanted, strict=True)
        ]
    return [str(movement) for movement in wanted], [str(movement) for movement in found]


def closing(
    connection, scenario: Scenario, expected: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """What the account is worth a month when the month closes."""
    found = dict(
        connection.execute(
            "select strftime(month, '%Y-%m'), closing_mrr::varchar from revenue.fct_mrr_months "
            "where account_id = ?",
            [scenario.account_id],
        ).fetchall()
    )
    return (
        [f"{month} closes at {amount}" for month, amount in expected.items()],
        [f"{month} closes at {found.get(month, '0.00')}" for month in expected],
    )


def leaving_announced(
    connection, scenario: Scenario, expected: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """Whether an account that still counts is known to leave, at the end of a day."""
    found = {
        day: connection.execute(
            "select coalesce(bool_or(is_churn_scheduled), false) "
            "from core.fct_subscription_item_periods "
            "where account_id = ? and counts_as_mrr and valid_from < ?::date + 1 "
            "and coalesce(valid_to >= ?::date + 1, true)",
            [scenario.account_id, day, day],
        ).fetchall()[0][0]
        for day in expected
    }
    return (
        [f"{day}: {answer}" for day, answer in expected.items()],
        [f"{day}: {'yes' if found[day] else 'no'}" for day in expected],
    )


READINGS: Mapping[str, Reading] = {
    "movements": movements,
    "closing": closing,
    "leaving announced": leaving_announced,
}
