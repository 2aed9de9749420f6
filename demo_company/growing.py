"""What shows in the weeks before a customer buys more, and now and then without that.

As in `leaving`: a sign comes before a purchase with one share and in other months with another;
the log-odds of the two are its weight. More of the same people is an upsell (another plan, an
add-on), more seats are an expansion.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from demo_company.clock import MS_DAY, MS_HOUR, day_of, stream
from demo_company.intent import Step
from demo_company.world import World

PERIOD = 30
# sign: (kind of growth, event, share before it, share in other months)
SIGNS = {
    "limits_reached": ("upsell", "limit_reached", 0.55, 0.05),
    "gated_features_tried": ("upsell", "feature_gate_hit", 0.50, 0.08),
    "plans_looked_at": ("upsell", "pricing_page_viewed", 0.45, 0.08),
    "teammates_invited": ("expansion", "teammate_invited", 0.55, 0.10),
}
KIND_OF_CAUSE = {"tier": "upsell", "addon": "upsell", "seats": "expansion"}


@dataclass
class Growing:
    """What was planned: steps, invitations nobody took up, and the truth about both."""

    steps: list[Step] = field(default_factory=list)
    invites: list[tuple[int, int, str, str]] = field(default_factory=list)
    """inviter, ms, invite id, e-mail"""
    grown: list[tuple[int, int, str, frozenset[str]]] = field(default_factory=list)
    """(account, day, kind, signs shown before)"""


def plan_growing(
    world: World, spans: dict[int, list[tuple[int, int]]],
    causes: dict[int, list[tuple[int, str, str, int]]],
) -> Growing:  # fmt: skip
    """`spans`: (first day, day after the last) with revenue by account."""
    rng = stream(world.parameters.seed, "growing")
    plan = Growing()
    for account in sorted(spans):
        largest: dict[int, tuple[int, str]] = {}
        for day, kind, cause, cents in causes.get(account, []):
            if kind == "expansion" and cause in KIND_OF_CAUSE:
                largest[day] = max(largest.get(day, (0, "")), (cents, KIND_OF_CAUSE[cause]))
        for since, until in spans[account]:
            grown = [(d, largest[d][1]) for d in sorted(largest) if since + 7 <= d < until]
            for day, kind in grown:
                first = max(day - PERIOD, since)
                shown = _show(world, plan, account, first, day, kind, rng)
                plan.grown.append((account, day, kind, frozenset(shown)))
            for first in range(since, until - PERIOD + 1, PERIOD):
                if not any(first - PERIOD < day < first + 2 * PERIOD for day, _ in grown):
                    _show(world, plan, account, first, first + PERIOD, None, rng)
    return plan


def _show(
    world: World, plan: Growing, account: int, first: int, until: int, kind: str | None,
    rng: np.random.Generator,
) -> list[str]:  # fmt: skip
    """Signs on the days [first, until); `kind`: what they come before."""
    shown = []
    founder = world.accounts[account].founder
    for name, (belongs_to, event, before, otherwise) in SIGNS.items():
        draws = rng.random(6)
        if draws[0] >= (before if kind == belongs_to else otherwise):
            continue
        shown.append(name)
        for part in draws[1 : 3 + int(draws[5] * 2)]:
            at = int((first + part * (until - first)) * MS_DAY)
            at = at // MS_DAY * MS_DAY + int((8 + 10 * part) * MS_HOUR)
            if event == "teammate_invited":
                domain = world.accounts[account].domain
                if domain and at < world.parameters.end_ms - MS_HOUR:
                    nth = len(plan.invites)
                    invite = f"inv_z{account:05x}{nth:05x}"
                    plan.invites.append((founder, at, invite, f"new{nth}@{domain}"))
            else:
                extra = ',"limit":"queries"' if event == "limit_reached" else ""
                plan.steps.append(Step(at, founder, event, extra or None))
    return shown


def write(world: World, plan: Growing, folder: Path) -> None:
    """``expansion_causes.parquet`` and ``expansions.parquet``."""
    weights = {
        name: float(np.log(one / (1 - one)) - np.log(other / (1 - other)))
        for name, (_, _, one, other) in SIGNS.items()
    }
    pq.write_table(
        pa.table(
            {
                "signal_key": pa.array(list(SIGNS), pa.string()),
                "growth_kind": pa.array([sign[0] for sign in SIGNS.values()], pa.string()),
                "event_name": pa.array([sign[1] for sign in SIGNS.values()], pa.string()),
                "log_odds": pa.array([round(weights[name], 4) for name in SIGNS], pa.float64()),
                "share_before": pa.array([sign[2] for sign in SIGNS.values()], pa.float64()),
                "share_otherwise": pa.array([sign[3] for sign in SIGNS.values()], pa.float64()),
            }
        ),
        folder / "expansion_causes.parquet",
        compression="zstd",
    )
    accounts = [world.accounts[row[0]].account_id for row in plan.grown]
    pq.write_table(
        pa.table(
            {
                "account_id": pa.array(accounts, pa.string()),
                "expanded_on": pa.array([day_of(row[1]) for row in plan.grown], pa.date32()),
                "kind": pa.array([row[2] for row in plan.grown], pa.string()),
                **{
                    name: pa.array([name in row[3] for row in plan.grown], pa.bool_())
                    for name in SIGNS
                },
            }
        ),
        folder / "expansions.parquet",
        compression="zstd",
    )
