"""What happens in the weeks before a customer leaves, and now and then to those who stay.

Who leaves is settled by billing. Before a voluntary end each sign of `SIGNS` shows with its own
share, independent of the others; between times the same things happen to everybody, with another
share a period. By Bayes' rule the chance of leaving, given what is seen, is then a logit of the
signs with exactly the log-odds (share before leaving against share otherwise). Before an
involuntary end a bill fails, as `billing` writes it; nothing else changes.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from demo_company.clock import MS_DAY, MS_HOUR, day_of, stream
from demo_company.intent import NOISE_A_MONTH, Step, vigour
from demo_company.world import NEVER, Account, World

PERIOD = 60  # days a sign is looked for in, and before an end takes to show
# share of voluntary ends it comes before; share of the other periods it shows in
SIGNS = {
    "usage_decline": (0.75, 0.08),
    "champion_quiet": (0.50, 0.06),
    "support_load": (0.40, 0.10),
}
NO_SIGNS = {"export_burst": (0.20, 0.20), "seat_shuffle": (0.25, 0.25)}
# `payment_failure`, and what is planted nowhere near an end
PAYMENT_FAILURE = "payment_failure"
DECLINED_TO = 0.12  # of the usual use, at the end of the decline
QUIET_DAYS, TICKETS = 32, (3, 6)
AFTERWARDS = 14  # days after an end in which the last use dies away as it was

Causes = dict[int, list[tuple[int, str, str, int]]]


@dataclass
class Sign:
    """Something that showed at an account on the days [first, last]."""

    account: int
    name: str
    first: int
    last: int
    churned_on: int | None = None  # the voluntary end it comes before


@dataclass
class Leaving:
    """`mood`: rows by `row_of` user × days, what share of the usual days of use is left."""

    first_day: int
    row_of: np.ndarray
    mood: np.ndarray
    signs: list[Sign] = field(default_factory=list)
    ends: list[tuple[int, int, str]] = field(default_factory=list)
    """(account, day, voluntary or involuntary)"""
    steps: list[Step] = field(default_factory=list)
    tickets: list[tuple[int, int]] = field(default_factory=list)
    """(ms, user)"""

    def share(self, days: np.ndarray, users: int) -> np.ndarray:
        """users × days"""
        first = int(days[0]) - self.first_day
        part = np.ones((users, len(days)))
        rows = self.row_of >= 0
        part[rows] = self.mood[self.row_of[rows], first : first + len(days)]
        return part


def plan_leaving(world: World, spans: dict[int, list[tuple[int, int]]], causes: Causes) -> Leaving:
    """`spans`: (first day, day after the last) with revenue by account."""
    parameters = world.parameters
    rng = stream(parameters.seed, "leaving")
    first, end = parameters.start_ms // MS_DAY, parameters.end_ms // MS_DAY
    row_of = np.full(len(world.users), -1)
    members = [m for account in sorted(spans) for m in world.accounts[account].members]
    row_of[members] = np.arange(len(members))
    plan = Leaving(first, row_of, np.ones((len(members), end - first)))
    for account in sorted(spans):
        ends = {day: cause for day, kind, cause, _ in causes.get(account, []) if kind == "churn"}
        for since, until in spans[account]:
            why = ends.get(until)
            if why:
                plan.ends.append((account, until, why))
            # whole periods back from the end of the stretch
            last = until
            while last - since >= PERIOD / 2:
                is_end = last == until and why == "voluntary"
                for name, (before, otherwise) in (SIGNS | NO_SIGNS).items():
                    if rng.random() < (before if is_end else otherwise):
                        sign = Sign(account, name, max(last - PERIOD, since), last - 1)
                        sign.churned_on = until if is_end else None
                        _show(world, plan, world.accounts[account], sign, is_end, rng)
                last -= PERIOD
    return plan


def champion_of(world: World, account: Account, day: int) -> int:
    """Who uses the product most of those who were there by the day."""
    here = [m for m in account.members if world.users[m].signed_up // MS_DAY < day - 30]
    lively = [m for m in here if world.users[m].kind != NEVER]
    return max(lively or here or account.members, key=lambda m: (vigour(world.users[m]), -m))


def _show(
    world: World, plan: Leaving, account: Account, sign: Sign, is_end: bool,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    days = np.arange(sign.first, sign.last + 1)
    columns = days - plan.first_day
    draws = rng.random(12)
    if sign.name == "usage_decline":
        slope = np.linspace(1.0, DECLINED_TO, len(days))
        if not is_end:  # it recovers
            slope = np.maximum(slope, 0.3)
        for member in account.members:
            plan.mood[plan.row_of[member], columns] *= slope
            if is_end:
                plan.mood[plan.row_of[member], columns[-1] + 1 :][:AFTERWARDS] *= DECLINED_TO
    elif sign.name == "champion_quiet":
        row = plan.row_of[champion_of(world, account, sign.first)]
        sign.first = max(sign.first, sign.last - QUIET_DAYS + 1)
        after = AFTERWARDS if is_end else 0
        plan.mood[row, sign.first - plan.first_day : sign.last + 1 + after - plan.first_day] = 0.0
    elif sign.name in ("support_load", "export_burst"):
        # in the second half of the period
        sign.first = max(sign.first, sign.last - PERIOD // 2 + 1)
        low, high = TICKETS
        user = champion_of(world, account, sign.first)
        for part in draws[: low + int(draws[11] * (high - low + 1))]:
            day = sign.first + int(part * (sign.last + 1 - sign.first))
            at = day * MS_DAY + int((8 + 10 * (part * 97 % 1)) * MS_HOUR)
            if sign.name == "support_load":
                plan.steps.append(Step(at, user, "support_contacted", ""))
                plan.tickets.append((at + 30_000, user))
            else:
                plan.steps.append(Step(at, user, "export_downloaded", ',"format":"csv"'))
    else:
        # the seats are looked at in the settings; nothing follows from it
        user = account.founder
        at = (sign.first + int(draws[0] * len(days))) * MS_DAY + int((8 + 10 * draws[1]) * MS_HOUR)
        plan.steps.append(Step(at, user, "plans_compared", ""))
    plan.signs.append(sign)


def write(world: World, plan: Leaving, folder: Path) -> None:
    """``churn_causes.parquet``, ``churned_accounts.parquet`` and ``churn_signs.parquet``."""
    rows = [
        (name, "predictive", round(_logit(one) - _logit(other), 4), "voluntary", one, other)
        for name, (one, other) in SIGNS.items()
    ]
    rows.sort(key=lambda row: -row[2])
    rows.append((PAYMENT_FAILURE, "predictive", None, "involuntary", 1.0, None))
    rows += [
        (name, "noise", 0.0, "voluntary", one, other) for name, (one, other) in NO_SIGNS.items()
    ]
    rows += [(name, "noise", 0.0, "voluntary", None, None) for name in NOISE_A_MONTH]
    kinds = (pa.string(), pa.string(), pa.float64(), pa.string(), pa.float64(), pa.float64())
    names = ("cause", "role", "log_odds", "churn_kind", "share_before_churn", "share_otherwise")
    _write(folder / "churn_causes.parquet", names, kinds, rows)

    shown: dict[tuple[int, int], set[str]] = defaultdict(set)
    for sign in plan.signs:
        if sign.churned_on is not None:
            shown[sign.account, sign.churned_on].add(sign.name)
    ended = []
    for account, day, kind in plan.ends:
        found = shown[account, day]
        strongest = next((name for name, *_ in rows if name in found and name in SIGNS), None)
        main = PAYMENT_FAILURE if kind == "involuntary" else strongest
        ended.append(
            (world.accounts[account].account_id, day_of(day), kind, main,
             *(name in found for name in (*SIGNS, *NO_SIGNS)))
        )  # fmt: skip
    signs = (*SIGNS, *NO_SIGNS)
    _write(
        folder / "churned_accounts.parquet",
        ("account_id", "churned_on", "churn_kind", "main_cause", *signs),
        (pa.string(), pa.date32(), pa.string(), pa.string(), *(pa.bool_() for _ in signs)),
        ended,
    )
    _write(
        folder / "churn_signs.parquet",
        ("account_id", "cause", "first_date", "last_date", "churned_on"),
        (pa.string(), pa.string(), pa.date32(), pa.date32(), pa.date32()),
        [
            (world.accounts[sign.account].account_id, sign.name, day_of(sign.first),
             day_of(sign.last), None if sign.churned_on is None else day_of(sign.churned_on))
            for sign in plan.signs
        ],
    )  # fmt: skip


def _logit(share: float) -> float:
    return float(np.log(share / (1 - share)))


def _write(
    path: Path, names: tuple[str, ...], kinds: tuple[pa.DataType, ...], rows: list[tuple]
) -> None:
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    table = {
        name: pa.array(values, kind)
        for name, kind, values in zip(names, kinds, columns, strict=True)
    }
    pq.write_table(pa.table(table), path, compression="zstd")
