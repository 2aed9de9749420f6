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


def under_policies(
    connection, scenario: Scenario, expected: Mapping[str, Any]
) -> tuple[list[str], list[str]]:
    """The movements of the account under each policy named; causes are of the default alone."""
    wanted, found = [], []
    for policy, lines in expected.items():
        rows = connection.execute(
            "select change_date, movement_type, continued_type, fx_amount, continued_amount, "
            "change_amount from revenue.int_revenue__policy_day_changes where account_id = ? "
            # an account that a policy does not concern is kept under the default alone
            "and policy_key = (select max_by(policy_key, policy_key = ?) "
            "from revenue.int_revenue__policy_spans where account_id = ? "
            "and policy_key in (?, 'default')) order by change_date",
            [scenario.account_id, policy, scenario.account_id, policy],
        ).fetchall()
        for on, kind, continued, fx, continued_amount, amount in rows:
            parts = [("fx", fx), (continued, continued_amount), (kind, amount)]
            found += [f"{policy}: {Movement(on, name, part)}" for name, part in parts if part]
        wanted += [f"{policy}: {Movement.in_words(words)}" for words in lines]
    return sorted(wanted), sorted(found)


def seen_then(
    connection, scenario: Scenario, expected: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """What a month closed at by what was known when it ended."""
    found = dict(
        connection.execute(
            "select strftime(month, '%Y-%m'), mrr_as_known::varchar "
            "from revenue.rpt_mrr_as_known where account_id = ?",
            [scenario.account_id],
        ).fetchall()
    )
    return (
        [f"{month} was seen at {amount}" for month, amount in expected.items()],
        [f"{month} was seen at {found.get(month, '0.00')}" for month in expected],
    )


def committed_changes(
    connection, scenario: Scenario, expected: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """What is agreed today and still to come, by day."""
    rows = connection.execute(
        "select effective_date, sum(change_mrr) from revenue.fct_committed_mrr_changes "
        "where account_id = ? group by 1 order by 1",
        [scenario.account_id],
    ).fetchall()
    return (
        [f"{day}: {amount}" for day, amount in expected.items()],
        [f"{day}: {amount}" for day, amount in rows],
    )


def failed_invoices(
    connection, scenario: Scenario, expected: list[str]
) -> tuple[list[str], list[str]]:
    """What became of every invoice that could not be collected at first."""
    rows = connection.execute(
        "select first_failed_at::date, outcome, recovered_on_attempt, days_to_recover, "
        "lost_at::date, reason, failed_attempts from revenue.fct_failed_invoices "
        "where account_id = ? order by first_failed_at",
        [scenario.account_id],
    ).fetchall()
    found = []
    for on, outcome, attempt, days, lost_on, reason, attempts in rows:
        ending = {
            "recovered": f"recovered on attempt {attempt} after {days or 0:g} days",
            "lost": f"lost on {lost_on}",
            "open": f"open after {attempts} attempts",
        }[outcome]
        found.append(f"{on} {reason}, {ending}")
    return expected, found


def recognised(
    connection, scenario: Scenario, expected: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """What of the account's invoices is earned in a month."""
    found = dict(
        connection.execute(
            "select strftime(month, '%Y-%m'), sum(recognised_amount)::varchar "
            "from revenue.fct_recognition_months where account_id = ? group by 1",
            [scenario.account_id],
        ).fetchall()
    )
    return (
        [f"{month}: {amount}" for month, amount in expected.items()],
        [f"{month}: {found.get(month, '0.00')}" for month in expected],
    )


def dunning_states(
    connection, scenario: Scenario, expected: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """The account's dunning state at the end of a day."""
    found = {
        day: connection.execute(
            "select coalesce(max(dunning_state), 'none') from revenue.fct_dunning_states "
            "where account_id = ? and valid_from < ?::date + 1 "
            "and coalesce(valid_to >= ?::date + 1, true)",
            [scenario.account_id, day, day],
        ).fetchall()[0][0]
        for day in expected
    }
    return (
        [f"{day}: {state}" for day, state in expected.items()],
        [f"{day}: {state}" for day, state in found.items()],
    )


READINGS: Mapping[str, Reading] = {
    "movements": movements,
    "closing": closing,
    "leaving announced": leaving_announced,
    "under policies": under_policies,
    "seen then": seen_then,
    "committed changes": committed_changes,
    "failed invoices": failed_invoices,
    "dunning states": dunning_states,
    "recognised": recognised,
}
