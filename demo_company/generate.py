"""One call makes the company: landing files for the pipeline, truth for the tests."""

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from demo_company import (
    back_office,
    causes,
    experiments,
    intent_truth,
    recognition,
    recovery,
    stripe_files,
    truth,
    truth_files,
)
from demo_company.books import Books
from demo_company.clock import MS_DAY, day_of, month_start
from demo_company.crm import Crm
from demo_company.customers import run_billing
from demo_company.employers import employers
from demo_company.events import EventLog, write_events
from demo_company.growing import plan_growing
from demo_company.growing import write as growing_truth
from demo_company.intent import Intent, plan_intent
from demo_company.leaving import plan_leaving
from demo_company.leaving import write as leaving_truth
from demo_company.parameters import (
    DEFAULT_END,
    GENERATOR_VERSION,
    DemoReport,
    Parameters,
    Progress,
)
from demo_company.population import build_world
from demo_company.sales import plan_handoffs
from demo_company.sales import truth_rows as handoff_rows
from demo_company.truth_files import Months, Moves
from demo_company.usage import paying_spans
from demo_company.world import World

# a healthy company: trailing twelve months' net revenue retention, and every kind of movement
NRR_RANGE = (1.03, 1.17)
ATTEMPTS = 60
MANY_ACCOUNTS = 1_000  # beyond, chance evens out by itself: a few attempts do
MANY_PAYERS = 8  # from here on every kind of movement is asked for


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

    `end` is exclusive: as_of is its midnight UTC (default 2026-07-01). `events_per_day` sets
    the mean number of events (default: as the company's users happen to be). `truth_dir`
    defaults to `demo_truth` beside `out`. `progress(stage, done, total)` is called now and
    then. An earlier demo in `out` is replaced.

    Raises ValueError for impossible parameters and for an `out` that holds anything but a demo.
    """
    started = time.perf_counter()
    parameters = Parameters(accounts, months, seed, end or DEFAULT_END, dirt_rate, events_per_day)
    landing = Path(out)
    truth_path = Path(truth_dir) if truth_dir else landing.parent / "demo_truth"
    _make_room(landing, truth_path)
    tell: Callable[[str, int, int], None] = progress or (lambda stage, done, total: None)

    tell("people", 0, 1)
    world = build_world(parameters)
    intent = plan_intent(world)
    tell("people", 1, 1)
    rates = back_office.fx_rates(parameters)
    books, movements, mrr = _plausible_billing(world, intent, truth.FxTable(rates), tell)
    employed = employers(world, frozenset(back_office.companies_enriched(world)))
    fx = truth.FxTable(rates)
    why = causes.movement_causes(movements, books.holdings, fx)
    spans = paying_spans(world, books)
    leaving, growing = plan_leaving(world, spans, why), plan_growing(world, spans, why)
    back_office.write_back_office(world, books, intent, leaving, rates, employed, landing)
    paid_on = {
        account: next(day for day, kind, *_ in moves if kind == "new")
        for account, moves in movements.items()
    }
    handoffs = plan_handoffs(world, intent, paid_on)
    crm = Crm(world, books, intent, handoffs, employed).build()
    crm.write(landing)
    stripe_dirt = stripe_files.write_stripe(books, landing)
    log = write_events(world, books, intent, leaving, growing, movements, landing, truth_path, tell)

    tell("truth", 0, 1)
    people = truth_files.people_rows(world, log, employed)
    truth_files.write_person_ids(world, log, truth_path)
    truth_files.write_people(people, truth_path)
    truth_files.write_invites(world, [*intent.invites, *growing.invites], truth_path)
    truth_files.write_shares(world, truth_path)
    truth_files.write_crm_records(world, crm, truth_path)
    truth_files.write_handoffs(handoff_rows(world, handoffs), truth_path)
    crm.sales.write_truth(truth_path)
    intent_truth.write(world, intent, movements, truth_path)
    leaving_truth(world, leaving, truth_path)
    growing_truth(world, growing, truth_path)
    truth_files.write_movements(world, why, truth_path)
    truth_files.write_recognition(recognition.recognised(books, fx), truth_path)
    truth_files.write_recovery(world, recovery.failed_invoices(books), truth_path)
    truth_files.write_months(world, mrr, truth_path)
    retention = _retention_rows(parameters, mrr)
    truth_files.write_nrr(retention, truth_path)
    trials = experiments.write_truth(log.experiments, truth_path)
    dirt = stripe_dirt + Counter(
        f"crm_{kind}" for _, _, kinds in crm.truth.values() for kind in kinds
    )
    summary = _summary(world, books, log, people, movements, mrr, retention, trials, dirt)
    (truth_path / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    as_of = datetime.fromtimestamp(parameters.end_ms / 1000, UTC)
    marker = {
        "as_of": as_of.isoformat(),
        "seed": seed,
        "accounts": accounts,
        "months": months,
        "generator_version": GENERATOR_VERSION,
    }
    (landing / "demo.json").write_text(json.dumps(marker, indent=2) + "\n")
    tell("truth", 1, 1)
    files = [path for path in landing.rglob("*") if path.is_file()]
    return DemoReport(
        landing=landing,
        truth=truth_path,
        as_of=as_of,
        files=len(files),
        bytes_written=sum(path.stat().st_size for path in files),
        seconds=time.perf_counter() - started,
        facts=summary,
    )


def _make_room(landing: Path, truth_path: Path) -> None:
    if landing.exists() and any(landing.iterdir()):
        if not (landing / "demo.json").exists():
            raise ValueError(
                f"{landing} is not empty and was not made by the demo generator; "
                "choose another folder or empty it"
            )
        for child in landing.iterdir():
            shutil.rmtree(child) if child.is_dir() else child.unlink()
    if truth_path.exists() and any(truth_path.iterdir()):
        if (
            not (truth_path / "events.parquet").exists()
            and not (truth_path / "summary.json").exists()
        ):
            raise ValueError(f"{truth_path} is not empty and holds no demo truth; empty it")
        shutil.rmtree(truth_path)
    landing.mkdir(parents=True, exist_ok=True)
    truth_path.mkdir(parents=True, exist_ok=True)
    # the marker comes first, so that what an interrupted run leaves can be replaced too
    (landing / "demo.json").write_text("{}\n")
    (truth_path / "summary.json").write_text("{}\n")


def _plausible_billing(
    world: World, intent: Intent, fx: truth.FxTable, tell: Progress
) -> tuple[Books, Moves, Months]:
    """Draws the company's luck again until its revenue is that of a healthy one.

    Thirty customers are few: one lost enterprise deal would decide the retention of a year.
    The course nearest to a plausible one is kept; everything else follows from it.
    """
    last_day = world.parameters.end_ms // MS_DAY - 1
    month = month_start(day_of(last_day))
    best: tuple[float, tuple[Books, Moves, Months]] | None = None
    attempts = ATTEMPTS if len(world.accounts) <= MANY_ACCOUNTS else 4
    for attempt in range(attempts):
        tell("billing", attempt, attempts)
        books = run_billing(world, intent, attempt)
        movements = truth.mrr_movements(books.ledger, fx, last_day + 1)
        mrr = truth.mrr_months(movements, last_day)
        value = truth.nrr(mrr, month, 12)["nrr"]
        distance = 0.0 if value is None else max(NRR_RANGE[0] - value, value - NRR_RANGE[1], 0.0)
        if len(movements) >= MANY_PAYERS:
            kinds = {move[1] for moves in movements.values() for move in moves}
            distance += len(set(truth.MOVEMENTS) - kinds)
        if best is None or distance < best[0]:
            best = (distance, (books, movements, mrr))
        if distance == 0.0:
            break
    tell("billing", attempts, attempts)
    assert best is not None
    return best[1]


def _retention_rows(parameters: Parameters, mrr: Months) -> list[dict[str, Any]]:
    return [
        truth.nrr(mrr, month, window)
        for month in back_office.months_of(parameters)
        for window in (1, 3, 12)
    ]


def _summary(
    world: World, books: Books, log: EventLog, people: list[dict[str, Any]], movements: Moves,
    mrr: Months, retention: list[dict[str, Any]], trials: dict[str, Any],
    stripe_dirt: Counter[str],
) -> dict[str, Any]:  # fmt: skip
    """Rates and counts, as JSON."""
    parameters = world.parameters
    week, mature = 7 * MS_DAY, parameters.end_ms - 7 * MS_DAY
    quick = [
        p for p in people if p["activated_at"] and p["activated_at"] < p["signed_up_at"] + week
    ]
    conversion = {}
    for model in ("freemium", "trial"):
        pool = [a for a in world.accounts if a.entry_model == model]
        conversion[model] = {
            "accounts": len(pool),
            "paying_ever": sum(a.index in movements for a in pool),
            "rate": round(sum(a.index in movements for a in pool) / max(len(pool), 1), 4),
        }
    last_nrr = retention[-1]
    dirt = Counter(log.dirt) + stripe_dirt
    if parameters.dirt_rate > 0:
        dirt += log.experiments.dirt
        dirt["bots"] = log.count_bots
        dirt["shared_devices"] = sum(device.shared_from >= 0 for device in world.devices)
        dirt["claimed_mailboxes"] = sum(u.has_claimed_email for u in world.users)
        dirt["test_mode_customers"] = sum(
            not e.livemode and e.type == "customer.created" for e in books.events
        )
    links = Counter(u.link for u in world.users if u.link)
    return {
        "parameters": {
            "accounts": parameters.accounts,
            "months": parameters.months,
            "seed": parameters.seed,
            "start": str(parameters.start),
            "end": str(parameters.end),
            "dirt_rate": parameters.dirt_rate,
            "events_per_day": parameters.events_per_day,
        },
        "events": {
            "lines": log.count_lines,
            "accepted": log.count_accepted,
            "quarantined": sum(n for k, n in dirt.items() if k.startswith("quarantined_")),
            "duplicates": dirt["duplicate_lines"],
            "by_name": dict(sorted(log.count_by_event.items())),
        },
        "people": {
            "visitors": log.count_visitors + world.count_people,
            "signed_up": len(people),
            "visitor_to_signup": round(len(people) / (log.count_visitors + world.count_people), 4),
            "activated_7d": len(quick),
            "activation_rate_7d": round(len(quick) / max(len(people), 1), 4),
            "mature_activation_rate_7d": round(
                sum(p["signed_up_at"] <= mature for p in quick)
                / max(sum(p["signed_up_at"] <= mature for p in people), 1),
                4,
            ),
            "activated": sum(p["activated_at"] is not None for p in people),
            "setup": sum(p["setup_at"] is not None for p in people),
            "habit": sum(p["habit_at"] is not None for p in people),
            "logins_of_one_person": dict(sorted(links.items())),
        },
        "conversion": conversion,
        "revenue": {
            "paying_accounts": sum(rows[-1]["closing"] > 0 for rows in mrr.values()),
            "contracts": len(books.contracts),
            "closing_mrr": sum(rows[-1]["closing"] for rows in mrr.values()) / 100,
            "movements": dict(
                sorted(Counter(move[1] for moves in movements.values() for move in moves).items())
            ),
            "nrr_12_months": None if last_nrr["nrr"] is None else round(last_nrr["nrr"], 4),
            "nrr_accounts": last_nrr["accounts"],
        },
        "experiments": trials,
        "dirt": dict(sorted(dirt.items())),
    }  # fmt: skip
