"""Funnels counted the slow way: every chain of occurrences is tried.

Shares no code with the models. `matched` answers for one person or account; it is exponential
in the number of occurrences, and meant for short sequences.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import NamedTuple


@dataclass(frozen=True)
class Step:
    """A step: what reaches it, within what time of the required step before."""

    names: tuple[str, ...]
    within: timedelta | None = None
    is_required: bool = True
    source: str = "event"


@dataclass(frozen=True)
class Exclusion:
    """What ends an attempt between two steps (numbers from 1)."""

    name: str
    from_step: int
    to_step: int
    source: str = "event"


@dataclass(frozen=True)
class Funnel:
    """The rules of a funnel, as the seeds have them."""

    key: str
    steps: tuple[Step, ...]
    order_mode: str = "ordered"
    counting: str = "best_attempt"
    window: timedelta | None = None
    tolerance: timedelta = timedelta(0)
    exclusions: tuple[Exclusion, ...] = ()


class Event(NamedTuple):
    """Something a person or account did at a moment."""

    name: str
    at: datetime


class Stage(NamedTuple):
    """A state of the business: it began, and lasted until `until`."""

    name: str
    at: datetime
    until: datetime


class _Moment(NamedTuple):
    """An occurrence as a chain may use it; `rank` orders what happens at one moment."""

    at: datetime
    rank: tuple[int, str, str]
    source: str
    name: str


Attempt = dict[int, datetime]
"""Step number → when it was reached."""


def matched(
    funnel: Funnel,
    events: Iterable[Event],
    stages: Iterable[Stage] = (),
    other_activity: Iterable[datetime] = (),
) -> list[Attempt]:
    """The attempts that count, in order. ``other_activity``: product events no step names."""
    moments = _moments(funnel, set(events), set(stages))
    excluded = [
        (exclusion, at)
        for exclusion in funnel.exclusions
        for at in (
            [event.at for event in events if event.name == exclusion.name]
            if exclusion.source == "event"
            else [stage.at for stage in stages if stage.name == exclusion.name]
        )
    ]
    if funnel.order_mode == "any":
        return _matched_in_any_order(funnel, moments, [at for _, at in excluded])
    activity = [*other_activity, *(moment.at for moment in moments)]
    return _matched_in_order(funnel, moments, excluded, activity)


def _moments(funnel: Funnel, events: set[Event], stages: set[Stage]) -> list[_Moment]:
    first_step: dict[tuple[str, str], int] = {}
    for number, step in enumerate(funnel.steps, 1):
        for name in step.names:
            first_step.setdefault((step.source, name), number)

    def moment(source: str, name: str, at: datetime) -> _Moment:
        return _Moment(at, (first_step[source, name], source, name), source, name)

    found = {moment("event", e.name, e.at) for e in events if ("event", e.name) in first_step}
    mine = [stage for stage in stages if ("stage", stage.name) in first_step]
    began = {moment("stage", stage.name, stage.at) for stage in mine}
    lasting = set()
    for stage in mine:
        own = first_step["stage", stage.name]
        for other in found | began:
            is_earlier = other.rank[0] < own or funnel.order_mode == "any"
            if own > 1 and is_earlier and stage.at < other.at <= stage.until:
                lasting.add(moment("stage", stage.name, other.at))
    return sorted(found | began | lasting)


def _reaches(moment: _Moment, step: Step) -> bool:
    return moment.source == step.source and moment.name in step.names


def _comes_after(funnel: Funnel, later: _Moment, earlier: _Moment) -> bool:
    if funnel.tolerance:
        return later.at >= earlier.at - funnel.tolerance
    return (later.at, later.rank) > (earlier.at, earlier.rank)


def _matched_in_order(funnel, moments, excluded, activity) -> list[Attempt]:
    required = [number for number, step in enumerate(funnel.steps, 1) if step.is_required]
    starts = [moment for moment in moments if _reaches(moment, funnel.steps[0])]

    def start_of(moment: _Moment) -> _Moment | None:
        """The start a moment belongs to where every start is an attempt: the last up to it."""
        before = [
            start for start in starts if start == moment or _comes_after(funnel, moment, start)
        ]
        return before[-1] if before else None

    def may_follow(chain: Sequence[_Moment], moment: _Moment) -> bool:
        before, start = chain[-1], chain[0]
        step, number = funnel.steps[required[len(chain)] - 1], required[len(chain) - 1]
        if not _reaches(moment, step) or not _comes_after(funnel, moment, before):
            return False
        if step.within is not None and moment.at >= before.at + step.within:
            return False
        if funnel.window is not None and moment.at >= start.at + funnel.window:
            return False
        if funnel.counting == "every_attempt" and start_of(moment) != start:
            return False
        for exclusion, at in excluded:
            if exclusion.from_step <= number < exclusion.to_step and before.at < at <= moment.at:
                return False
        return funnel.order_mode != "strict" or not any(
            before.at + funnel.tolerance < at < moment.at - funnel.tolerance for at in activity
        )

    def chains_from(chain: tuple[_Moment, ...]):
        yield chain
        if len(chain) < len(required):
            for moment in moments:
                if may_follow(chain, moment):
                    yield from chains_from((*chain, moment))

    def best(from_starts: Sequence[_Moment]) -> tuple[_Moment, ...]:
        """Furthest, there first, each step before at its earliest."""
        chains = [chain for start in from_starts for chain in chains_from((start,))]
        return min(
            chains, key=lambda chain: (-len(chain), [(m.at, m.rank) for m in reversed(chain)])
        )

    if not starts:
        return []
    if funnel.counting == "every_attempt":
        counted = [best([start]) for start in starts]
    elif funnel.counting == "first_attempt":
        counted = [best(starts[:1])]
    else:
        counted = [best(starts)]

    attempts = []
    for chain in counted:
        attempt: Attempt = {}
        latest = chain[0].at
        for number, moment in zip(required, chain, strict=False):
            latest = max(latest, moment.at)
            attempt[number] = latest
        for number, step in enumerate(funnel.steps, 1):
            if step.is_required:
                continue
            level = sum(other < number for other in required)
            if level > len(chain):
                continue
            before = chain[level - 1]
            times = [
                moment.at
                for moment in moments
                if _reaches(moment, step)
                and _comes_after(funnel, moment, before)
                and (step.within is None or moment.at < before.at + step.within)
                and (funnel.window is None or moment.at < chain[0].at + funnel.window)
                and (funnel.counting != "every_attempt" or start_of(moment) == chain[0])
            ]
            if times:
                attempt[number] = max(min(times), attempt[required[level - 1]])
        attempts.append(attempt)
    return attempts


def _matched_in_any_order(funnel, moments, excluded) -> list[Attempt]:
    """Of all ways to pick one occurrence for each of the first steps: the longest, done first."""
    window = funnel.window or timedelta(days=365_000)
    found: list[tuple[datetime, ...]] = []
    for depth in range(1, len(funnel.steps) + 1):
        choices = [
            [moment.at for moment in moments if _reaches(moment, step)]
            for step in funnel.steps[:depth]
        ]
        picks = [
            pick
            for pick in product(*choices)
            if max(pick) - min(pick) < window
            and not any(min(pick) < at <= max(pick) for at in excluded)
        ]
        if not picks:
            break
        first_done = min(max(pick) for pick in picks)
        found = [pick for pick in picks if max(pick) == first_done]
    if not found:
        return []
    return [{number: min(times) for number, times in enumerate(zip(*found, strict=True), 1)}]
