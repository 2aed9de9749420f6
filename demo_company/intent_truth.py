"""The truth about who pays and why: the planted causes, and every account's decision."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from demo_company.clock import day_of
from demo_company.intent import NOISE, PREDICTIVE, Intent
from demo_company.world import World

# how a cause shows among the product's events; what is not here is no event
EVENTS_OF = {
    "active_days": "*",
    "several_active_users": "*",
    "pricing_page_viewed": "pricing_page_viewed",
    "checkout_started": "checkout_started",
    "teammates_invited": "teammate_invited",
    "limit_reached_twice": "limit_reached",
    "quota_used": "usage_reported",
    "feature_dive": "alert_created;integration_added",
    "core_workflow": "query_run",
    "api_calls": "api_called",
    "support_contacted": "support_contacted",
    "email_opened": "email_opened",
    "docs_viewed": "docs_viewed",
    "profile_completed": "profile_completed",
    "sample_data_loaded": "sample_data_loaded",
    "comment_added": "comment_added",
    "plans_compared": "plans_compared",
}
# what most of those who pay do in the days before, and few of the others
PLANTED_ACTIONS = ("pricing_page_viewed", "plans_compared", "core_workflow")
Moves = dict[int, list[tuple[int, str, int, int]]]


def write(world: World, intent: Intent, movements: Moves, folder: Path) -> None:
    """``pql_causes.parquet`` and ``pql_decisions.parquet``."""
    _write_causes(folder)
    _write_decisions(world, intent, movements, folder)


def _write_causes(folder: Path) -> None:
    """A row a cause and a row a thing that is none; of actions, the events that show them."""
    rows = [
        (name, "predictive", weight, rank, "at_decision")
        for rank, (name, weight) in enumerate(PREDICTIVE.items(), start=1)
    ]
    rows += [(name, "noise", 0.0, None, holds) for name, holds in NOISE.items()]
    rows.append(("plans_compared", "consequence", None, None, "after_decision"))
    pq.write_table(
        pa.table(
            {
                "signal_key": pa.array([row[0] for row in rows], pa.string()),
                "role": pa.array([row[1] for row in rows], pa.string()),
                "log_odds": pa.array([row[2] for row in rows], pa.float64()),
                "rank": pa.array([row[3] for row in rows], pa.int32()),
                "holds": pa.array([row[4] for row in rows], pa.string()),
                "event_names": pa.array([EVENTS_OF.get(row[0]) for row in rows], pa.string()),
                "is_planted_action": pa.array(
                    [row[0] in PLANTED_ACTIONS for row in rows], pa.bool_()
                ),
            }
        ),
        folder / "pql_causes.parquet",
        compression="zstd",
    )


def _write_decisions(world: World, intent: Intent, movements: Moves, folder: Path) -> None:
    """A row an account that has come to its decision by as_of."""
    last = world.parameters.end_ms // 86_400_000 - 1
    accounts = [a for a in world.accounts if intent.decided_on[a.index] <= last]
    places = [account.index for account in accounts]
    paid = [
        next((day_of(day) for day, kind, *_ in movements.get(i, []) if kind == "new"), None)
        for i in places
    ]
    pq.write_table(
        pa.table(
            {
                "account_id": pa.array([a.account_id for a in accounts], pa.string()),
                "entry_model": pa.array([a.entry_model for a in accounts], pa.string()),
                "decided_on": pa.array([day_of(intent.decided_on[i]) for i in places], pa.date32()),
                "log_odds": pa.array([float(intent.log_odds[i]) for i in places], pa.float64()),
                "is_payer": pa.array([i in intent.payers for i in places], pa.bool_()),
                "first_paid_on": pa.array(paid, pa.date32()),
                **{
                    name: pa.array([bool(values[i]) for i in places], pa.bool_())
                    for name, values in intent.features.items()
                },
            }
        ),
        folder / "pql_decisions.parquet",
        compression="zstd",
    )
