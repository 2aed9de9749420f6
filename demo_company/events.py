"""The event log: draws a stretch of days, soils it, writes it, remembers what decides the truth."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from demo_company import experiments, names, signups, web, word_of_mouth
from demo_company.books import Books
from demo_company.clock import (
    MS_DAY,
    MS_MINUTE,
    add_months,
    day_number,
    day_of,
    month_start,
    stream,
)
from demo_company.dirt import Columns, Dirt
from demo_company.first_value import activation_moments
from demo_company.growing import Growing
from demo_company.intent import Intent
from demo_company.leaving import Leaving
from demo_company.parameters import Progress
from demo_company.rows import EVENT_CODE, EVENTS, TRACK, RowList, Rows, Texts
from demo_company.segment_files import EventFiles, StateTimeline
from demo_company.truth import MilestoneLog
from demo_company.usage import Usage, build_rhythm, paying_spans
from demo_company.world import World

FAR = 2**60
Moves = dict[int, list[tuple[int, str, int, int]]]
LINES_AT_ONCE = 400_000  # about 1 GB while being written


@dataclass
class EventLog:
    """What is known after the last month was written."""

    texts: Texts
    usage: Usage
    milestones: MilestoneLog
    count_visitors: int
    count_bots: int
    experiments: experiments.Experiments
    count_lines: int = 0
    count_accepted: int = 0
    count_by_event: Counter[str] = field(default_factory=Counter)
    dirt: Counter[str] = field(default_factory=Counter)
    account_events: dict[int, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    """tracked events by account, of persons who work in several"""


def write_events(
    world: World,
    books: Books,
    intent: Intent,
    leaving: Leaving,
    growing: Growing,
    movements: Moves,
    landing: Path,
    truth: Path,
    tell: Progress,
) -> EventLog:
    """Writes all event files and ``events.parquet``; a month or less in memory at a time."""
    parameters = world.parameters
    first_day, end_day = day_number(parameters.start), day_number(parameters.end)
    texts = Texts()
    for device in world.devices:
        agent = names.USER_AGENTS[device.agent]
        texts.add_anonymous(device.anonymous_id, web.device_context(agent, device.ip))
    connected, viewed = activation_moments(world)
    single = RowList()
    web.signup_past(world, texts, single)
    signups.first_steps(
        world, texts, single, connected, viewed, [*intent.invites, *growing.invites]
    )
    signups.hand_overs(world, texts, single)
    planned = [*intent.steps, *intent.noise, *leaving.steps, *growing.steps]
    signups.commercial_steps(world, texts, single, books, planned)
    word_of_mouth.shared_links(world, texts, single)
    first_visitor = len(world.users)
    visits, count_visitors = web.visitors(world, texts, first_visitor)
    bots, count_bots = web.crawlers(world, texts, first_visitor + count_visitors)
    rhythm = build_rhythm(world, books, connected, viewed)
    trials = experiments.plant(world, movements, rhythm, connected, viewed, bots, texts, single)
    fixed = Rows.concat([single.rows(), visits, bots])
    inside = (fixed["t"] >= parameters.start_ms) & (fixed["t"] < parameters.end_ms - MS_MINUTE)
    fixed = fixed.take(inside)

    usage = Usage(world, rhythm, paying_spans(world, books), texts, intent, leaving)
    if parameters.events_per_day:
        wanted = parameters.events_per_day * (end_day - first_day)
        usage.scale_to(max(wanted - len(fixed), 0), first_day, end_day)

    log = EventLog(texts, usage, MilestoneLog(), count_visitors, count_bots, trials)
    signed_up = _sign_ups(fixed, log.milestones, len(world.users) + count_visitors + count_bots)
    several = _people_with_several_accounts(world)
    timeline = StateTimeline(world, books.plan_changes)
    files = EventFiles(landing, truth, world, texts, timeline, intent)
    dirt = Dirt(parameters.dirt_rate, end_day)
    a_day = usage.events_a_day(first_day, end_day) + len(fixed) / (end_day - first_day)
    spans = spans_of(first_day, end_day, max(1, int(LINES_AT_ONCE / max(a_day, 1.0))))
    next_seq = 0
    waiting: tuple[Rows, Columns] | None = None  # received after the days they happened in
    for nth, (begin, finish) in enumerate(spans):
        tell("events", nth, len(spans))
        happened = fixed.between(begin * MS_DAY, finish * MS_DAY)
        used = usage.days(begin, finish).between(0, parameters.end_ms - MS_MINUTE)
        rows = Rows.concat([happened, used]).sorted()
        rng = stream(parameters.seed, "lines", begin)
        columns = _line_columns(rows, rng, next_seq)
        next_seq += len(rows)
        _remember(rows, log, signed_up, several)
        trials.watch(rows)
        rows, columns, raw_lines, next_seq = dirt.soil(rows, columns, rng, next_seq)
        log.count_accepted += int(columns["is_truth"].sum())
        if waiting is not None:
            rows = Rows.concat([waiting[0], rows])
            columns = {key: np.concatenate([waiting[1][key], columns[key]]) for key in columns}
        later = columns["file_day"] >= (finish if nth + 1 < len(spans) else FAR)
        waiting = (rows.take(later), {key: values[later] for key, values in columns.items()})
        now = {key: values[~later] for key, values in columns.items()}
        files.write(rows.take(~later), now, raw_lines)
    tell("events", len(spans), len(spans))
    files.close()
    trials.finish()
    log.count_lines, log.dirt = files.lines, dirt.counts
    return log


def spans_of(first_day: int, end_day: int, at_most: int) -> list[tuple[int, int]]:
    """[first day, day after the last): calendar months, or parts of `at_most` days of them."""
    spans, begin = [], first_day
    while begin < end_day:
        following = day_number(add_months(month_start(day_of(begin)), 1))
        finish = min(following, begin + at_most, end_day)
        spans.append((begin, finish))
        begin = finish
    return spans


def _line_columns(rows: Rows, rng: np.random.Generator, next_seq: int) -> Columns:
    """When a line is sent and received, and where it is written, before any dirt."""
    n = len(rows)
    queue = rng.integers(150, 4_000, n)
    received = rows["t"] + queue
    return {
        "seq": np.arange(next_seq, next_seq + n),
        "queue": queue,
        # the way to the server looks like a clock a little behind
        "skew": -rng.integers(20, 250, n),
        "timestamp_skew": np.zeros(n, np.int64),
        "file_day": received // MS_DAY,
        "file_order": received,
        "raw": np.full(n, -1),
        "event_sent": rows["event"].copy(),
        "r": rng.integers(0, 2**32, n, dtype=np.int64),
        "is_truth": np.ones(n, bool),
    }


def _sign_ups(fixed: Rows, milestones: MilestoneLog, count_people: int) -> np.ndarray:
    """First sign-up by person in ms; FAR for those who never do."""
    signed_up = np.full(count_people + 1, FAR)
    mine = fixed["event"] == EVENT_CODE["signed_up"]
    for person, t in zip(fixed["person"][mine].tolist(), fixed["t"][mine].tolist(), strict=True):
        signed_up[person] = min(signed_up[person], t)
        milestones.add("signed_up", person, t)
    return signed_up


def _people_with_several_accounts(world: World) -> np.ndarray:
    accounts: dict[int, set[int]] = defaultdict(set)
    for user in world.users:
        accounts[user.person].add(user.account)
    return np.array(sorted(p for p, own in accounts.items() if len(own) > 1), np.int64)


def _remember(rows: Rows, log: EventLog, signed_up: np.ndarray, several: np.ndarray) -> None:
    """Keeps what milestones, primary accounts and the summary need of a month."""
    person, event = rows["person"], rows["event"]
    for code, count in enumerate(np.bincount(event[event >= 0], minlength=len(EVENTS))):
        if count:
            log.count_by_event[EVENTS[code]] += int(count)
    near = rows["t"] < signed_up[person] + log.milestones.HORIZON
    near &= signed_up[person] < FAR
    for name in log.milestones.moments:
        mine = np.nonzero(near & (event == EVENT_CODE[name]))[0]
        for who, t in zip(person[mine].tolist(), rows["t"][mine].tolist(), strict=True):
            log.milestones.add(name, who, t)
    both = np.isin(person, several) & (rows["kind"] == TRACK)
    pairs = np.stack([person[both], rows["account"][both]], axis=1)
    if len(pairs):
        unique, counts = np.unique(pairs, axis=0, return_counts=True)
        for (who, account), count in zip(unique.tolist(), counts.tolist(), strict=True):
            log.account_events[who][account] += count
