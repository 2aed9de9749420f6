"""One call makes the company: landing files for the pipeline, truth for the tests."""

import json
import shutil
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from demo_company import back_office, signups, stripe_files, truth, web
from demo_company.billing import Books, run_billing
from demo_company.clock import MS_DAY, day_ms, day_number, month_start, add_months, stream
from demo_company.parameters import (
    DEFAULT_END,
    GENERATOR_VERSION,
    DemoReport,
    Parameters,
    Progress,
)
from demo_company.rows import EVENT_CODE, EVENTS, RowList, Rows, Texts
from demo_company.segment_files import EventFiles, StateTimeline
from demo_company.usage import Usage, build_rhythm, paying_spans
from demo_company.world import World, build_world

NRR_RANGE = (1.03, 1.17)
ATTEMPTS = 40


def generate(
    out: Path,
    accounts: int = 300,
    months: int = 18,
    seed: int = 7,
    end: date | None = None,
    dirt_rate: float = 0.005,
    events_per_day: int | None = None,
    truth_dir: Path | None = None,
    progress: Progress | None = None,
) -> DemoReport:
    """Writes a demo company to `out` (a landing folder) and its truth to `truth_dir`.

    `end` is exclusive: as_of is its midnight UTC. `events_per_day` sets the mean number of
    product events (default: as the company's users happen to be). `progress(stage, done,
    total)` is called now and then. Files of an earlier demo in `out` are replaced; a folder
    that holds anything but a demo is refused.
    """
    started = time.perf_counter()
    parameters = Parameters(accounts, months, seed, end or DEFAULT_END, dirt_rate, events_per_day)
    landing = Path(out)
    truth_path = Path(truth_dir) if truth_dir else landing.parent / "demo_truth"
    _make_room(landing, truth_path)
    tell = progress or (lambda stage, done, total: None)

    tell("people", 0, 1)
    world = build_world(parameters)
    rates = back_office.fx_rates(parameters)
    fx = truth.FxTable(rates)
    tell("billing", 0, 1)
    books, movements, mrr = _plausible_billing(world, fx)
    summary: dict[str, Any] = {"parameters": _parameters_dict(parameters)}
    back_office.write_back_office(world, books, rates, landing)
    _write_stripe(books, landing)
    log, counts = _write_events(world, books, landing, truth_path, tell)
    _write_money_truth(world, movements, mrr, truth_path)
    summary |= counts
    marker = {
        "as_of": datetime.fromtimestamp(parameters.end_ms / 1000, UTC).isoformat(),
        "seed": seed,
        "accounts": accounts,
        "months": months,
        "generator_version": GENERATOR_VERSION,
    }
    (landing / "demo.json").write_text(json.dumps(marker, indent=2) + "\n")
    (truth_path / "summary.json").write_text(json.dumps(summary, indent=2, default=str) + "\n")
    files = [p for p in landing.rglob("*") if p.is_file()]
    return DemoReport(
        landing, truth_path, len(files), sum(p.stat().st_size for p in files),
        time.perf_counter() - started, summary,
    )  # fmt: skip


def _make_room(landing: Path, truth_path: Path) -> None:
    if landing.exists() and any(landing.iterdir()):
        if not (landing / "demo.json").exists():
            raise ValueError(
                f"{landing} is not empty and was not made by the demo generator; "
                "choose another folder or empty it"
            )
        shutil.rmtree(landing)
    landing.mkdir(parents=True, exist_ok=True)
    # the marker comes first, so that an interrupted run can be replaced too
    (landing / "demo.json").write_text("{}\n")
    if truth_path.exists():
        shutil.rmtree(truth_path)
    truth_path.mkdir(parents=True)


def _parameters_dict(parameters: Parameters) -> dict[str, Any]:
    return {
        "accounts": parameters.accounts,
        "months": parameters.months,
        "seed": parameters.seed,
        "start": str(parameters.start),
        "end": str(parameters.end),
        "dirt_rate": parameters.dirt_rate,
        "events_per_day": parameters.events_per_day,
    }


def _plausible_billing(world: World, fx: truth.FxTable) -> tuple[Books, dict, dict]:
    """Draws the company's luck again until its revenue retention is that of a healthy one."""
    last_day = world.parameters.end_ms // MS_DAY - 1
    month = month_start(date.fromordinal(date(1970, 1, 1).toordinal() + last_day))
    best: tuple[float, tuple[Books, dict, dict]] | None = None
    for attempt in range(ATTEMPTS):
        books = run_billing(world, attempt)
        movements = truth.mrr_movements(books.ledger, fx, last_day + 1)
        mrr = truth.mrr_months(movements, last_day)
        value = truth.nrr(mrr, month, 12)["nrr"]
        distance = 0.0 if value is None else max(NRR_RANGE[0] - value, value - NRR_RANGE[1], 0.0)
        if best is None or distance < best[0]:
            best = (distance, (books, movements, mrr))
        if distance == 0.0:
            break
    assert best is not None
    return best[1]


def _write_stripe(books: Books, landing: Path) -> None:
    lines: dict[int, list[str]] = {}
    for event in books.events:
        text = stripe_files.dumps(stripe_files.envelope(event)) + "\n"
        lines.setdefault(event.created // 86_400, []).append(text)
    stripe_files.write_stripe(books, lines, landing)


def _write_events(
    world: World, books: Books, landing: Path, truth_path: Path, tell: Progress
) -> tuple[truth.MilestoneLog, dict[str, Any]]:
    parameters = world.parameters
    texts = Texts()
    from demo_company import names  # noqa: PLC0415

    for device in world.devices:
        texts.add_anonymous(device.anonymous_id, web.device_context(names.USER_AGENTS[device.agent], device.ip))
    connected, viewed = signups.activation_moments(world)
    special = RowList()
    web.signup_past(world, texts, special)
    signups.first_steps(world, texts, special, connected, viewed)
    signups.commercial_steps(world, texts, special, books)
    first_visitor = len(world.users)
    visits, count_visitors = web.visitors(world, texts, first_visitor)
    bots, count_bots = web.crawlers(world, texts, first_visitor + count_visitors)
    fixed = Rows.concat([special.rows(), visits, bots])
    fixed = fixed.take((fixed["t"] < parameters.end_ms - 60_000) & (fixed["t"] >= parameters.start_ms))

    rhythm = build_rhythm(world, books, viewed)
    usage = Usage(world, rhythm, paying_spans(world, books))
    first_day, end_day = day_number(parameters.start), day_number(parameters.end)
    if parameters.events_per_day:
        wanted = parameters.events_per_day * (end_day - first_day)
        one = usage.expected_events(first_day, end_day)
        usage.scale = 0.0
        usage.scale = 1.0
        base = float(sum(
            usage.active_chance(np.arange(d, min(d + 31, end_day))).sum() for d in range(first_day, end_day, 31)
        ))  # fmt: skip
        usage.scale = max((wanted - base) / max(one - base, 1.0), 0.0)

    timeline = StateTimeline(world, books.plan_changes)
    files = EventFiles(landing, truth_path, world, texts, timeline)
    log = truth.MilestoneLog()
    signup_of = np.full(len(world.users) + count_visitors + count_bots + 1, np.iinfo(np.int64).max)
    is_signup = fixed["event"] == EVENT_CODE["signed_up"]
    for person, t in zip(fixed["person"][is_signup], fixed["t"][is_signup], strict=True):
        signup_of[person] = min(signup_of[person], t)
        log.add("signed_up", int(person), int(t))
    count_by_event = np.zeros(len(EVENTS), np.int64)
    seq = 0
    spans = _month_spans(first_day, end_day)
    carry: tuple[Rows, dict[str, np.ndarray]] | None = None
    for k, (begin, finish) in enumerate(spans):
        tell("events", k, len(spans))
        rows = Rows.concat([fixed.between(begin * MS_DAY, finish * MS_DAY), usage.month(begin, finish)]).sorted()
        rng = stream(parameters.seed, "lines", begin)
        n = len(rows)
        queue = rng.integers(150, 4_000, n)
        more = {
            "seq": np.arange(seq, seq + n),
            "queue": queue,
            "skew": -rng.integers(20, 250, n),
            "timestamp_skew": np.zeros(n, np.int64),
            "file_day": (rows["t"] + queue) // MS_DAY,
            "file_order": rows["t"] + queue,
            "raw": np.full(n, -1),
            "event_sent": rows["event"].copy(),
            "r": rng.integers(0, 2**32, n, dtype=np.int64),
            "is_truth": np.ones(n, bool),
        }
        seq += n
        _collect_milestones(rows, log, signup_of)
        count_by_event += np.bincount(rows["event"][rows["event"] >= 0], minlength=len(EVENTS))
        if carry is not None:
            rows = Rows.concat([carry[0], rows])
            more = {key: np.concatenate([carry[1][key], more[key]]) for key in more}
        later = more["file_day"] >= finish
        if k == len(spans) - 1:
            later[:] = False
        carry = (rows.take(later), {key: value[later] for key, value in more.items()})
        files.write(rows.take(~later), {key: value[~later] for key, value in more.items()}, [])
    tell("events", len(spans), len(spans))
    files.close()
    people = _write_people_truth(world, texts, log, first_visitor, count_visitors, count_bots, usage, truth_path)
    signups_total = len(log.signed_up)
    activated = sum(1 for row in people if row["activated_at"] and row["activated_at"] < row["signed_up_at"] + 7 * MS_DAY)
    return log, {
        "event_lines": files.lines,
        "events_by_name": {name: int(c) for name, c in zip(EVENTS, count_by_event, strict=True) if c},
        "signups": signups_total,
        "visitors": count_visitors + len(world.users),
        "activation_rate_7d": activated / max(signups_total, 1),
    }


def _month_spans(first_day: int, end_day: int) -> list[tuple[int, int]]:
    spans, begin = [], first_day
    while begin < end_day:
        finish = min(
            day_number(add_months(month_start(date.fromordinal(719163 + begin)), 1)), end_day
        )
        spans.append((begin, finish))
        begin = finish
    return spans


def _collect_milestones(rows: Rows, log: truth.MilestoneLog, signup_of: np.ndarray) -> None:
    person = rows["person"]
    near = (person >= 0) & (rows["t"] < np.minimum(signup_of[person], 2**60) + log.HORIZON)
    near &= signup_of[person] < 2**60
    for name in log.moments:
        mine = np.nonzero(near & (rows["event"] == EVENT_CODE[name]))[0]
        for who, t in zip(person[mine].tolist(), rows["t"][mine].tolist(), strict=True):
            log.add(name, who, t)


def _person_id(person: int) -> str:
    return f"true_{person:08d}"


def _write_people_truth(
    world: World, texts: Texts, log: truth.MilestoneLog, first_visitor: int, visitors: int,
    bots: int, usage: Usage, truth_path: Path,
) -> list[dict[str, Any]]:  # fmt: skip
    ids: dict[tuple[str, str], tuple[int, bool]] = {}
    for user in world.users:
        ids.setdefault(("user_id", user.user_id), (user.person, False))
        if user.email_verified and user.person in log.signed_up:
            ids.setdefault(("email", user.email.lower()), (user.person, False))
        if user.link != "same_user_id":
            for device in world.devices_of[user.index]:
                if world.devices[device].is_first or usage.seen_devices[device]:
                    ids.setdefault(("anonymous_id", world.devices[device].anonymous_id), (user.person, False))
    base = len(world.devices)
    for i in range(visitors + bots):
        ids[("anonymous_id", texts.anonymous_ids[base + i])] = (first_visitor + i, i >= visitors)
    pq.write_table(
        pa.table(
            {
                "id_type": [key[0] for key in ids],
                "id_value": [key[1] for key in ids],
                "true_person_id": [_person_id(p) for p, _ in ids.values()],
                "is_bot": [b for _, b in ids.values()],
            }
        ),
        truth_path / "person_ids.parquet",
        compression="zstd",
    )
    people = []
    for user in world.users:
        if user.person == user.index and user.person in log.signed_up:
            people.append(
                {
                    "true_person_id": _person_id(user.person),
                    "primary_user_id": user.user_id,
                    "account_id": world.accounts[user.account].account_id if user.account >= 0 else None,
                    "signed_up_at": log.signed_up[user.person],
                    **log.milestones(user.person),
                }
            )
    moments = ("signed_up_at", "setup_at", "activated_at", "habit_at")
    table = {key: [row[key] for row in people] for key in ("true_person_id", "primary_user_id", "account_id")}
    pq.write_table(
        pa.table(
            {key: pa.array(value, pa.string()) for key, value in table.items()}
            | {m: pa.array([row[m] for row in people], pa.timestamp("ms")) for m in moments}
        ),
        truth_path / "people.parquet",
        compression="zstd",
    )
    return people


def _write_money_truth(world: World, movements: dict, mrr: dict, truth_path: Path) -> None:
    from decimal import Decimal

    money = pa.decimal128(18, 2)

    def cents(values: list[int]) -> pa.Array:
        return pa.array([Decimal(v) / 100 for v in values], money)

    flat = [(world.accounts[a].account_id, m) for a in sorted(movements) for m in movements[a]]
    pq.write_table(
        pa.table(
            {
                "account_id": [a for a, _ in flat],
                "movement_date": pa.array([date.fromordinal(719163 + m[0]) for _, m in flat], pa.date32()),
                "movement_type": [m[1] for _, m in flat],
                "amount": cents([m[2] for _, m in flat]),
            }
        ),
        truth_path / "mrr_movements.parquet",
    )
    rows = [(world.accounts[a].account_id, r) for a in sorted(mrr) for r in mrr[a]]
    kinds = ("new", "expansion", "contraction", "churn", "reactivation", "fx")
    pq.write_table(
        pa.table(
            {
                "account_id": [a for a, _ in rows],
                "month": pa.array([r["month"] for _, r in rows], pa.date32()),
                "opening_mrr": cents([r["opening"] for _, r in rows]),
                **{f"{kind}_mrr": cents([r[kind] for _, r in rows]) for kind in kinds},
                "closing_mrr": cents([r["closing"] for _, r in rows]),
            }
        ),
        truth_path / "mrr_months.parquet",
    )
