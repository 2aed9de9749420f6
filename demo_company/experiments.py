"""Seven experiments of the demo company, and what each variant truly does.

Two ways to plant an effect without touching any other truth:

- *By behaviour.* An event of its own (a click, an unsubscription, a visit) happens with the
  variant's own chance.
- *By assignment.* Who converts, invites or activates is decided elsewhere and stays as it is;
  the draw of the variant leans on it: a unit with the outcome gets variant k with the chance
  w(1 + d), one without it with w(1 - d q/(1 - q)), where w is the planned share and q the share
  of units with the outcome. Every variant still gets its planned share, and its expected
  outcome is (1 + d) times the overall one. Within strata (here: activated or not) what defines
  the strata is untouched: its true effect is exactly zero.

The truth of a metric in a variant is therefore always one formula: the mean over units of the
outcome under that variant, weighted with the unit's chance to get it.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from demo_company.clock import MS_DAY, MS_HOUR, MS_MINUTE, day_ms, stream
from demo_company.rows import EVENT_CODE, EVENTS, TRACK, RowList, Rows, Texts
from demo_company.usage import Rhythm
from demo_company.world import User, World

FAR_DATE = date(2100, 1, 1)
# events that are no use of the product (everything else the product sends is)
NO_ACTIVITY = frozenset(
    {
        "signed_up", "logged_in", "usage_reported", "pricing_page_viewed", "plans_compared",
        "checkout_started", "checkout_completed", "checkout_abandoned", "support_contacted",
        "experiment_viewed", "email_unsubscribed", "invite_reported", "upgrade_nudge_clicked",
        "exit_survey_answered", "email_opened", "docs_viewed",
    }
)  # fmt: skip
IS_ACTIVITY = np.array([name not in NO_ACTIVITY for name in EVENTS])

CROSSOVER_SHARE = 0.02  # of units, seen in a second variant (dirt)
REPEAT_SHARE = 0.30  # of units, seeing their variant again


@dataclass(frozen=True)
class Design:
    """An experiment as its owner planned it; the registry seed says the same."""

    key: str
    unit: str  # person, account
    variants: tuple[str, ...]  # the control first
    start: date
    end: date  # exclusive
    shares: tuple[float, ...] = (0.5, 0.5)  # what is drawn; planned are equal shares


DESIGNS = (
    Design("price_anchor", "account", ("anchor_49", "anchor_99"), date(2025, 1, 1), FAR_DATE),
    Design("limit_policy", "account", ("hard_cap", "overage"), date(2025, 1, 1), FAR_DATE),
    Design("onboarding_emails", "person", ("control", "three_emails"), date(2025, 1, 1), FAR_DATE),
    Design("upgrade_nudge", "person", ("value_milestone", "quota_80"), date(2025, 3, 1), FAR_DATE),
    Design(
        "invite_incentive", "account", ("no_incentive", "credit_10", "credit_25"),
        date(2025, 1, 1), date(2026, 6, 1), (1 / 3, 1 / 3, 1 / 3),
    ),
    Design("gating", "person", ("paywall", "watermark"), date(2025, 3, 1), date(2026, 6, 1)),
    # the redirect to the short form lost exposures: planned 50 : 50
    Design(
        "signup_form", "person", ("long_form", "short_form"), date(2025, 1, 1), FAR_DATE,
        (0.66, 0.34),
    ),
)  # fmt: skip
DESIGN = {design.key: design for design in DESIGNS}
SAMPLE_RATIO_MISMATCH = "signup_form"

# chance of the event by variant, the days after exposure within which it happens
CHANCES: dict[tuple[str, str, str], tuple[tuple[float, ...], int]] = {
    ("limit_policy", "drop_off", "exit_survey_answered"): ((0.10, 0.10), 28),
    ("onboarding_emails", "unsubscribed", "email_unsubscribed"): ((0.03, 0.035), 12),
    ("upgrade_nudge", "nudge_clicks", "upgrade_nudge_clicked"): ((0.10, 0.24), 5),
    ("invite_incentive", "spam_reports", "invite_reported"): ((0.02, 0.02, 0.22), 28),
    ("gating", "feature_adoption", "paid_feature_tried"): ((0.15, 0.36), 12),
}
RETURN_CHANCE = (0.0, 0.50)  # onboarding_emails: a visit the e-mails bring, by variant
LEAN = {  # d of the assignment, by variant
    "price_anchor": (-0.30, 0.30),
    "limit_policy": (-0.25, 0.25),
    "invite_incentive": (-0.40, 0.05, 0.35),
}
UPGRADE_DAYS, REVENUE_DAYS, CHURN_DAYS, ACTIVATION_DAYS, TEAM_DAYS = 60, 60, 120, 14, 30
# watched day by day: (first day after exposure, day after the last)
WATCHED = {
    ("onboarding_emails", "returned_7d"): (1, 8),
    ("gating", "usage"): (1, 15),
}


@dataclass
class Trial:
    """Who is in an experiment; arrays by unit."""

    design: Design
    users: list[User]  # who sees it: the person, or the account's founder
    exposed: np.ndarray  # ms
    chances: np.ndarray  # units × variants
    variant: np.ndarray
    crossed: np.ndarray  # seen in a second variant
    outcomes: dict[str, tuple[np.ndarray, int]] = field(default_factory=dict)
    """metric → potential outcome (units, or units × variants) and the days it takes"""


@dataclass
class Experiments:
    """All trials, and the usage that is watched while the months are drawn."""

    world: World
    trials: dict[str, Trial] = field(default_factory=dict)
    dirt: Counter[str] = field(default_factory=Counter)
    counts: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)  # by person
    planted: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)  # by person
    would_return: np.ndarray = field(default_factory=lambda: np.empty(0))

    def watch(self, rows: Rows) -> None:
        """Adds a month's usage to what the watched metrics count."""
        event = rows["event"]
        active = (event >= 0) & IS_ACTIVITY[event] & (rows["kind"] == TRACK)
        person, day = rows["person"][active], rows["t"][active] // MS_DAY
        known = person < len(self.world.users)
        person, day = person[known], day[known]
        for key, (since, until) in WATCHED.items():
            trial = self.trials[key[0]]
            first = np.full(len(self.world.users), -(2**40))
            first[[user.person for user in trial.users]] = trial.exposed // MS_DAY
            passed = day - first[person]
            inside = (passed >= since) & (passed < until)
            np.add.at(self.counts[key], person[inside], 1)

    def finish(self) -> None:
        """Potential outcomes of what had to be watched."""
        for key, (_, until) in WATCHED.items():
            trial = self.trials[key[0]]
            people = np.array([user.person for user in trial.users], np.int64)
            without = self.counts[key][people] - self.planted[key][people]
            if key[1] == "returned_7d":
                chances = np.array(RETURN_CHANCE)[None, :]
                base = (without > 0).astype(float)[:, None]
                trial.outcomes[key[1]] = (base + (1 - base) * chances, until)
            else:
                adopted = np.array(CHANCES[("gating", "feature_adoption", "paid_feature_tried")][0])
                # trying a paid feature is itself use of the product
                trial.outcomes[key[1]] = (without[:, None] + adopted[None, :], until)


def plant(
    world: World, movements: dict[int, list[tuple[int, str, int, int]]], rhythm: Rhythm,
    connected: np.ndarray, viewed: np.ndarray, bots: Rows, texts: Texts, rows: RowList,
) -> Experiments:  # fmt: skip
    """Draws who sees what, and writes exposures and what follows from them."""
    found = Experiments(world)
    for key in WATCHED:
        found.counts[key] = np.zeros(len(world.users), np.int64)
        found.planted[key] = np.zeros(len(world.users), np.int64)
    moments = _moments(world, rhythm, viewed)
    for design in DESIGNS:
        rng = stream(world.parameters.seed, "experiments", design.key)
        units = [
            (user, at)
            for user, at in moments[design.key](rng)
            if max(day_ms(design.start), world.parameters.start_ms) <= at
            and at < min(day_ms(design.end), world.parameters.end_ms - MS_MINUTE)
        ]
        users = [user for user, _ in units]
        exposed = np.array([at for _, at in units], np.int64)
        found.trials[design.key] = _draw(
            world, design, users, exposed, movements, connected, viewed, rng
        )
    for trial in found.trials.values():
        _write(found, trial, texts, rows)
    if world.parameters.dirt_rate > 0:
        _soil(found, bots, texts, rows)
    return found


def _moments(world: World, rhythm: Rhythm, viewed: np.ndarray) -> dict[str, Any]:
    """Experiment → a function from randomness to (user, moment of the first exposure)."""
    logins = [u for u in world.users if u.person == u.index and u.same_as < 0]
    founders = [world.users[a.founder] for a in world.accounts]

    def after_signup(users: list[User], low: int, high: int) -> Any:
        return lambda rng: [(u, u.signed_up + int(rng.integers(low, high)) + 2_000) for u in users]

    def while_active(rng: np.random.Generator) -> list[tuple[User, int]]:
        found = []
        for user in logins:
            first, last = rhythm.first_day[user.index] + 21, rhythm.last_day[user.index]
            draw = rng.random()
            if not rhythm.is_exploring[user.index] and last > first:
                day = int(first + draw * min(last - first, 90))
                found.append((user, day * MS_DAY + int(draw * 20 * MS_HOUR)))
        return found

    def after_value(rng: np.random.Generator) -> list[tuple[User, int]]:
        return [
            (u, int(viewed[u.index]) + int(rng.integers(MS_HOUR, 9 * MS_HOUR)))
            for u in logins
            if viewed[u.index]
        ]

    return {
        "price_anchor": after_signup(founders, MS_MINUTE, 2 * MS_MINUTE),
        "limit_policy": after_signup(founders, MS_DAY, 5 * MS_DAY),
        "onboarding_emails": after_signup(logins, 500, 1_000),
        "upgrade_nudge": after_value,
        "invite_incentive": after_signup(founders, 2 * MS_MINUTE, 4 * MS_MINUTE),
        "gating": while_active,
        "signup_form": after_signup(logins, 0, 400),
    }


def _draw(
    world: World, design: Design, users: list[User], exposed: np.ndarray,
    movements: dict[int, list[tuple[int, str, int, int]]], connected: np.ndarray,
    viewed: np.ndarray, rng: np.random.Generator,
) -> Trial:  # fmt: skip
    n = len(users)
    chances = np.tile(np.array(design.shares), (n, 1))
    outcomes: dict[str, tuple[np.ndarray, int]] = {}
    accounts = [user.account for user in users]

    def moved(kinds: set[str], days: int) -> np.ndarray:
        """USD moved by unit from the day of exposure on; NaN where nothing moved."""
        first = exposed // MS_DAY
        sums = np.full(n, np.nan)
        for i, account in enumerate(accounts):
            amounts = [
                cents / 100
                for day, kind, cents, _ in movements.get(account, [])
                if kind in kinds and first[i] <= day < first[i] + days
            ]
            if amounts:
                sums[i] = sum(amounts)
        return sums

    def lean(happened: np.ndarray, strata: np.ndarray, days: int) -> None:
        closed = exposed + days * MS_DAY <= world.parameters.end_ms
        for stratum in np.unique(strata):
            mine = closed & (strata == stratum)
            share = happened[mine].mean() if mine.any() else 0.0
            if not 0 < share < 1:
                continue
            odds = share / (1 - share)
            by = np.array(LEAN[design.key])
            by = by * min(1.0, 0.9 / (odds * by.max()))
            towards, away = (np.array(design.shares) * f for f in (1 + by, 1 - by * odds))
            chances[mine] = np.where(happened[mine, None], towards[None, :], away[None, :])

    if design.key == "price_anchor":
        upgraded = ~np.isnan(moved({"new"}, UPGRADE_DAYS))
        activated = _activated(world, accounts, exposed, connected, viewed)
        lean(upgraded, activated, UPGRADE_DAYS)
        outcomes["upgrades"] = (upgraded.astype(float), UPGRADE_DAYS)
        outcomes["activation"] = (activated.astype(float), ACTIVATION_DAYS)
        churned = ~np.isnan(moved({"churn"}, CHURN_DAYS))
        outcomes["churn"] = (churned.astype(float), CHURN_DAYS)
    elif design.key == "limit_policy":
        net = {"new", "expansion", "contraction", "churn", "reactivation"}
        revenue = np.nan_to_num(moved(net, REVENUE_DAYS))
        lean(revenue > 0, np.zeros(n), REVENUE_DAYS)
        outcomes["revenue"] = (revenue, REVENUE_DAYS)
    elif design.key == "invite_incentive":
        joined = np.zeros(n)
        place = {account: i for i, account in enumerate(accounts)}
        for user in world.users:
            i = place.get(user.account, -1)
            if user.invite_id and user.link != "same_user_id" and i >= 0:
                accepted = user.signed_up + 1200
                joined[i] += exposed[i] <= accepted < exposed[i] + TEAM_DAYS * MS_DAY
        lean(joined > 0, np.zeros(n), TEAM_DAYS)
        outcomes["team_signups"] = (joined, TEAM_DAYS)
    variant = (rng.random(n)[:, None] > np.cumsum(chances, axis=1)[:, :-1]).sum(axis=1)
    crossed = np.zeros(n, bool)
    if world.parameters.dirt_rate > 0:
        crossed = rng.random(n) < CROSSOVER_SHARE
    return Trial(design, users, exposed, chances, variant, crossed, outcomes)


def _activated(
    world: World, accounts: list[int], exposed: np.ndarray, connected: np.ndarray,
    viewed: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Whether any member of the account is first activated within the days after exposure."""
    found = np.zeros(len(accounts), bool)
    for i, account in enumerate(accounts):
        for member in world.accounts[account].members:
            reached = max(int(viewed[member]), int(connected[member]))
            both = viewed[member] > 0 and connected[member] > 0
            passed = reached - exposed[i]
            found[i] |= bool(both and 0 <= passed < ACTIVATION_DAYS * MS_DAY)
    return found


def _track(
    found: Experiments, texts: Texts, rows: RowList, user: User, at: int, event: str, extra: str
) -> None:
    """An event of a known user; from their first device while they have it, else from a server."""
    device = found.world.device_at(user, at)
    if not found.world.devices[device].is_first:
        device = -1
    rows.add(
        at, TRACK, user.person, event=EVENT_CODE[event], user=user.index, anon=device,
        account=user.account, extra=texts.add_extra(extra),
    )  # fmt: skip


def _exposure(key: str, variant: str) -> str:
    return f',"experiment_key":"{key}","variant":"{variant}"'


def _write(found: Experiments, trial: Trial, texts: Texts, rows: RowList) -> None:
    design, seed, end = trial.design, found.world.parameters.seed, found.world.parameters.end_ms
    rng = stream(seed, "experiments", design.key, "behaviour")
    for i, user in enumerate(trial.users):
        at, k = int(trial.exposed[i]), int(trial.variant[i])
        text = _exposure(design.key, design.variants[k])
        _track(found, texts, rows, user, at, "experiment_viewed", text)
        again, other, waits = rng.random(), rng.random(), rng.random()
        if again < REPEAT_SHARE:
            later = at + int((1 + waits * 200) * MS_HOUR)
            _track(found, texts, rows, user, later, "experiment_viewed", text)
        if trial.crossed[i]:
            second = design.variants[(k + 1) % len(design.variants)]
            later = at + int((0.1 + other) * MS_HOUR)
            inside = later < min(end - MS_MINUTE, day_ms(design.end))
            trial.crossed[i] = inside
            if inside:
                text = _exposure(design.key, second)
                _track(found, texts, rows, user, later, "experiment_viewed", text)
                found.dirt["experiment_crossovers"] += 1
    for (key, _, event), (chances, days) in CHANCES.items():
        if key != design.key:
            continue
        for i, user in enumerate(trial.users):
            happens, waits = rng.random(2)
            # not on the day of exposure: what a day counts is then clear
            at = int(trial.exposed[i]) + int((1 + waits * (days - 1)) * MS_DAY)
            if happens < chances[trial.variant[i]]:
                _track(found, texts, rows, user, at, event, "")
                if key == "gating":
                    found.planted[("gating", "usage")][user.person] += at < end - MS_MINUTE
    for (key, metric, _), (chances, days) in CHANCES.items():
        if key == design.key:
            table = np.tile(np.array(chances), (len(trial.users), 1))
            trial.outcomes[metric] = (table, days + 2)
    if design.key == "onboarding_emails":
        for i, user in enumerate(trial.users):
            happens, waits = rng.random(2)
            day = int(trial.exposed[i]) // MS_DAY + 2 + int(waits * 5)
            at = day * MS_DAY + int((8 + 10 * waits) * MS_HOUR)
            if happens < RETURN_CHANCE[trial.variant[i]]:
                _track(found, texts, rows, user, at, "insight_explored", "")
                planted = found.planted[("onboarding_emails", "returned_7d")]
                planted[user.person] += at < end - MS_MINUTE


def _soil(found: Experiments, bots: Rows, texts: Texts, rows: RowList) -> None:
    """Exposures that must not count: before the start, of a variant nobody planned, of a bot."""
    trial = found.trials["upgrade_nudge"]
    start = day_ms(trial.design.start)
    early = [
        i
        for i, user in enumerate(trial.users)
        if user.signed_up < start - 2 * MS_DAY and start - MS_DAY > found.world.parameters.start_ms
    ]
    for i in early[:3]:
        other = trial.design.variants[1 - trial.variant[i]]
        text = _exposure("upgrade_nudge", other)
        at = start - MS_DAY
        _track(found, texts, rows, trial.users[i], at, "experiment_viewed", text)
        found.dirt["experiment_early_exposures"] += 1
    for i, user in list(enumerate(trial.users))[-2:]:
        at = int(trial.exposed[i]) + 7_000
        if at < found.world.parameters.end_ms - MS_MINUTE:
            text = _exposure("upgrade_nudge", "debug")
            _track(found, texts, rows, user, at, "experiment_viewed", text)
            found.dirt["experiment_unplanned_variants"] += 1
    if len(bots):
        t, anon, person = (int(bots[name][0]) for name in ("t", "anon", "person"))
        extra = texts.add_extra(_exposure("onboarding_emails", "control"))
        rows.add(
            t + 900, TRACK, person, event=EVENT_CODE["experiment_viewed"], anon=anon, extra=extra
        )
        found.dirt["experiment_bot_exposures"] += 1


def write_truth(found: Experiments, folder: Path) -> dict[str, Any]:
    """``experiment_units.parquet`` and ``experiment_effects.parquet``; returns a summary."""
    end = found.world.parameters.end_ms
    units: list[dict[str, Any]] = []
    effects: list[dict[str, Any]] = []
    summary = {}
    for key, trial in found.trials.items():
        design = trial.design
        for i, user in enumerate(trial.users):
            account = found.world.accounts[user.account].account_id if user.account >= 0 else None
            is_person = design.unit == "person"
            units.append(
                {
                    "experiment_key": key,
                    "unit_type": design.unit,
                    "unit_id": f"true_{user.person:08d}" if is_person else account,
                    "variant": design.variants[trial.variant[i]],
                    "first_exposed_at": int(trial.exposed[i]),
                    "is_in_two_variants": bool(trial.crossed[i]),
                }
            )
        for metric, (outcome, days) in sorted(trial.outcomes.items()):
            counted = (trial.exposed + days * MS_DAY <= end) & ~trial.crossed
            if not counted.any():
                continue
            table = outcome if outcome.ndim == 2 else outcome[:, None]
            weights = trial.chances[counted]
            values = (weights * table[counted]).sum(axis=0) / weights.sum(axis=0)
            for k, variant in enumerate(design.variants):
                lift = round(float(values[k] - values[0]), 12)
                effects.append(
                    {
                        "experiment_key": key,
                        "variant": variant,
                        "metric": metric,
                        "true_value": float(values[k]),
                        "true_absolute_lift": lift,
                        "true_lift": lift / float(values[0]) if values[0] else None,
                    }
                )
        summary[key] = {
            "units": len(trial.users),
            "in_two_variants": int(trial.crossed.sum()),
            "has_sample_ratio_mismatch": key == SAMPLE_RATIO_MISMATCH,
        }
    pq.write_table(
        pa.Table.from_pylist(
            units,
            pa.schema(
                [
                    ("experiment_key", pa.string()), ("unit_type", pa.string()),
                    ("unit_id", pa.string()), ("variant", pa.string()),
                    ("first_exposed_at", pa.timestamp("ms")), ("is_in_two_variants", pa.bool_()),
                ]
            ),
        ),
        folder / "experiment_units.parquet", compression="zstd",
    )  # fmt: skip
    pq.write_table(
        pa.Table.from_pylist(
            effects,
            pa.schema(
                [
                    ("experiment_key", pa.string()), ("variant", pa.string()),
                    ("metric", pa.string()), ("true_value", pa.float64()),
                    ("true_absolute_lift", pa.float64()), ("true_lift", pa.float64()),
                ]
            ),
        ),
        folder / "experiment_effects.parquet", compression="zstd",
    )  # fmt: skip
    return summary
