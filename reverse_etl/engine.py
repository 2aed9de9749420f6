"""A run of a sync: plan, send in batches, acknowledge record by record.

    source (published copy) ─┐
                             ├─ plan.compare ────> batches ──> Destination.send ──> ledger
    ledger (ops store)      ─┘                        ^              │
                                                      └── bisect, resend, retry

What the destination acknowledged enters the ledger together with the log of records sent; what
did not get there is planned again by the next run. Every write is an upsert or names its record
by id, so sending twice is harmless (Slack excepted: see `destinations.slack`).
"""

import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
from filelock import FileLock, Timeout

from reverse_etl.breaker import Planned, Release, has_grown, note_release, require_stopped
from reverse_etl.connect import connect, destination_url, is_enabled, is_off
from reverse_etl.destinations.base import Answer, CallCount, Destination, Outgoing
from reverse_etl.errors import (
    BatchRefused,
    BreakerTripped,
    DestinationError,
    Rejection,
    SessionExpired,
    SyncBusy,
    SyncError,
    SyncStopped,
)
from reverse_etl.ledger import RunLog, RunStatus, Sent
from reverse_etl.plan import Plan, PlannedRecord, compare, read_source, remove_scratch
from reverse_etl.retry import retrying
from reverse_etl.specs import SyncSpec, find_spec
from warehouse.ops import OpsStore, utc_now
from warehouse.settings import Settings

Progress = Callable[[int, int], None]

MAX_RESENDS = 2
"""How often one record is sent again within a run, after an answer that invites it."""

SAME_REFUSALS = 20
"""Records refused one by one in the same words, with none accepted, before a run gives up."""

WRITE_EVERY_SECONDS = 1.0
"""How long answers of a destination that takes a record twice without harm may wait for the
ledger: opening the store costs more than a batch. Others' answers are written at once."""

_SENT_AS_NEW = ("not_found", "required_missing")


@dataclass(frozen=True)
class SyncReport:
    """What a run did. ``ok`` is False whenever a person should look."""

    sync_name: str
    destination: str
    status: RunStatus
    run_id: str | None = None
    message: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    source_rows: int = 0
    planned_creates: int = 0
    planned_updates: int = 0
    planned_deletes: int = 0
    unchanged: int = 0
    dismissed: int = 0
    held_back: int = 0
    accepted: int = 0
    rejected: int = 0
    api_calls: int = 0
    write_calls: int = 0
    failure_rate_limit: float = 1.0
    sample: list[dict[str, Any]] = field(default_factory=list)
    rejections: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.status in ("succeeded", "disabled", "planned")

    @property
    def failure_rate(self) -> float:
        """Refused records as a share of those answered; 0 where none was sent."""
        answered = self.accepted + self.rejected
        return self.rejected / answered if answered else 0.0

    @property
    def is_over_threshold(self) -> bool:
        """True where the failure rate calls for an alert."""
        return self.failure_rate > self.failure_rate_limit

    def as_dict(self) -> dict[str, Any]:
        """For JSON and for Dagster's metadata."""
        report = {**asdict(self), "ok": self.ok, "failure_rate": self.failure_rate}
        for name in ("started_at", "finished_at"):
            report[name] = report[name].isoformat() if report[name] else None
        return report


def run_sync(
    settings: Settings,
    name: str,
    dry_run: bool = False,
    progress: Progress | None = None,
    *,
    base_urls: Mapping[str, str] | None = None,
    release: Release | None = None,
    only_dead_letters: bool = False,
    specs_folder: Path | None = None,
    clock: Callable[[], datetime] = utc_now,
    sleep: Callable[[float], None] = time.sleep,
    chance: random.Random | None = None,
) -> SyncReport:
    """Bring a destination up to date with its published table.

    ``progress(done, total)`` is called after each batch. ``base_urls`` (destination → URL)
    overrides settings. ``release`` lets the plan pass that the circuit breaker stopped.

    Returns a report also when the destination failed (``status`` failed, partial); raises
    `SyncError` where there is nothing to report on: an unknown or wrong spec, a missing source,
    the same sync already running.
    """
    spec = find_spec(name, specs_folder)
    report = SyncReport(
        spec.name, spec.destination, "disabled", failure_rate_limit=spec.failure_rate
    )
    if not is_enabled(settings, spec):
        what, switch = spec.destination, f"PLG_{spec.destination.upper()}_ENABLED"
        if is_off(settings, spec):
            what, switch = spec.name, "PLG_SYNCS_OFF"
        return replace(report, message=f"{what} is switched off ({switch})")
    ops = OpsStore(settings.ops_path)
    scratch = settings.home / "sync" / f"{spec.name}.plan.duckdb"
    with only_run(settings, spec):
        if dry_run:
            try:
                source_rows = read_source(spec, settings.published_path, scratch)
                with ops.connection() as connection:
                    plan = compare(connection, spec, scratch, source_rows)
            finally:
                remove_scratch(scratch)
            would_stop = f"would be stopped: {'; '.join(plan.why_stopped)}"
            return replace(
                _with_plan(report, plan),
                status="planned",
                message=would_stop if plan.why_stopped else None,
            )
        seen = None
        if release is not None:
            with ops.connection() as connection:
                seen = require_stopped(connection, spec)
        log = RunLog(ops, spec, uuid4().hex, clock(), clock, settings.now_set)
        report = replace(report, run_id=log.run_id, started_at=log.started_at)
        sending = Sending(spec, log, sleep, chance or random.Random())
        status: RunStatus = "failed"
        message: str | None = "ended before it was done"
        try:
            _end_jobs_left_behind(settings, spec, log, sending, base_urls)
            source_rows = read_source(spec, settings.published_path, scratch)
            with ops.connection() as connection:
                log.start(connection)
                plan = compare(
                    connection,
                    spec,
                    scratch,
                    source_rows,
                    only_dead_letters=only_dead_letters,
                )
                report = _with_plan(report, plan)
                log.counted(connection, plan)
                _break(connection, log, plan, release, seen)
                log.planned(connection, plan, is_complete=not only_dead_letters)
            if plan.counts.to_send:
                with destination_url(settings, spec.destination, base_urls) as url:
                    sending.run(connect(settings, spec, url, sending.calls, log), plan, progress)
            status = "partial" if sending.rejected else "succeeded"
            message = sending.summary() if sending.rejected else _noted(plan)
            if release is not None:
                message = f"released by {release.by}{f'; {message}' if message else ''}"
        except DestinationError as error:
            message = str(error)
        except SyncError as error:
            message = str(error)
            status = "stopped" if isinstance(error, BreakerTripped) else "failed"
            if not isinstance(error, BreakerTripped):
                raise
        except BaseException as error:
            message = f"{type(error).__name__}: {error}"
            raise
        finally:
            log.finish(
                status,
                message,
                accepted=sending.accepted,
                rejected=sending.rejected,
                api_calls=sending.calls.all,
                write_calls=sending.calls.writes,
                answers=sending.unwritten,
                in_doubt=sending.in_doubt,
            )
            remove_scratch(scratch)
        return replace(
            report,
            status=status,
            message=message,
            finished_at=clock(),
            accepted=sending.accepted,
            rejected=sending.rejected,
            api_calls=sending.calls.all,
            write_calls=sending.calls.writes,
            rejections=sending.rejections,
        )


def _break(
    connection: duckdb.DuckDBPyConnection,
    log: RunLog,
    plan: Plan,
    release: Release | None,
    seen: Planned | None,
) -> None:
    """Stop a plan that looks wrong, unless a person has let this very one pass."""
    name, reasons = log.spec.name, list(plan.why_stopped)
    if release is not None and seen is not None:
        grown = has_grown(log.spec, seen, plan.counts.by_operation)
        if reasons and grown is None:
            note_release(connection, log.spec, log.run_id, release, reasons, log.now())
            return
        reasons += [grown] if reasons and grown else []
    if reasons:
        raise BreakerTripped(
            f"sync {name}: {'; '.join(reasons)}. Nothing was sent. `plg sync {name} --dry-run` "
            f"shows the plan; if it is right, let it pass: `plg sync release {name}`"
        )


def _noted(plan: Plan) -> str | None:
    if not plan.counts.noted:
        return None
    return f"{plan.counts.noted} row(s) were there on the first run: noted as history, not sent"


@contextmanager
def only_run(settings: Settings, spec: SyncSpec) -> Iterator[None]:
    """Two runs of one sync never overlap; the kernel frees the lock of a killed one."""
    path = settings.home / "sync" / f"{spec.name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise SyncBusy(
            f"sync {spec.name} is running already ({path} is held); wait for it to end"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _end_jobs_left_behind(
    settings: Settings,
    spec: SyncSpec,
    log: RunLog,
    sending: "Sending",
    base_urls: Mapping[str, str] | None,
) -> None:
    """A killed run's bulk job could write old values after ours: it is ended first."""
    left_behind = log.jobs_left_behind()
    if not left_behind:
        return
    with destination_url(settings, spec.destination, base_urls) as url:
        destination = connect(settings, spec, url, sending.calls, log)
        try:
            sending.call(destination, destination.log_in)
            for job_id in left_behind:
                sending.call(destination, partial(destination.abandon_job, job_id))
                log.closed(job_id)
        finally:
            destination.close()


def _with_plan(report: SyncReport, plan: Plan) -> SyncReport:
    counts = plan.counts
    return replace(
        report,
        source_rows=counts.source_rows,
        planned_creates=counts.creates,
        planned_updates=counts.updates,
        planned_deletes=counts.deletes,
        unchanged=counts.unchanged,
        dismissed=counts.dismissed,
        held_back=counts.held_back,
        sample=plan.sample,
    )


class Sending:
    """The sending half of a run: batches, retries, bisection, second tries; keeps the counts."""

    def __init__(
        self, spec: SyncSpec, log: RunLog, sleep: Callable[[float], None], chance: random.Random
    ):
        self.spec, self.log = spec, log

        def pause(seconds: float) -> None:
            self._write()  # what is known shall not wait with us
            sleep(seconds)

        self.retrying = retrying(pause, chance)
        self.calls = CallCount()
        self.accepted = 0
        self.rejected = 0
        self.rejections: list[dict[str, Any]] = []
        self._classes: dict[str, int] = {}
        self._same_refusals: tuple[str, int] = ("", 0)
        self._again: deque[Outgoing] = deque()
        self.unwritten: list[Sent] = []
        self.in_doubt: set[str] = set()
        self._written_at = time.monotonic()

    def run(self, destination: Destination, plan: Plan, progress: Progress | None) -> None:
        """Send all of a plan; raises `SyncStopped` or `RetryLater` when it cannot go on."""
        self.destination = destination
        total = plan.counts.to_send
        try:
            destination.expect(total)
            self._call(destination.log_in)
            self._call(destination.check)
            for call, batch in self._batches(map(self._outgoing, plan.records())):
                self._deliver(call, batch)
                if progress is not None:
                    progress(self.accepted + self.rejected, total)
            while self._again:
                waiting, self._again = self._again, deque()
                for call, batch in self._batches(iter(waiting)):
                    self._deliver(call, batch)
                if progress is not None:
                    progress(self.accepted + self.rejected, total)
        finally:
            destination.close()

    def summary(self) -> str:
        """How many were refused and why, in one line."""
        classes = ", ".join(f"{count} {name}" for name, count in sorted(self._classes.items()))
        first = self.rejections[0]
        return (
            f"{self.rejected} record(s) refused ({classes}); first: {first['record_key']}: "
            f"{first['message']}. They are tried again in every run; see ops.dead_letters"
        )

    # batches -----------------------------------------------------------------------------

    def _outgoing(self, record: PlannedRecord) -> Outgoing:
        match record.operation:
            case "create":
                # whole, nulls too: a run killed before its ledger may have written it already
                return Outgoing(record, record.payload)
            case "match":
                # what the warehouse does not know leaves the matched record's value alone
                fields = {name: v for name, v in record.payload.items() if v is not None}
                return Outgoing(record, fields)
            case "close":
                return Outgoing(record, dict(self.spec.set_fields or {}))
            case "delete":
                return Outgoing(record, {})
        return Outgoing(record, record.changed)

    def _batches(self, outgoing: Iterator[Outgoing]) -> Iterator[tuple[str, list[Outgoing]]]:
        """Full batches per kind of call, then what is left of each."""
        waiting: dict[str, list[Outgoing]] = {}
        for entry in outgoing:
            call = self.destination.call_for(entry)
            batch = waiting.setdefault(call, [])
            batch.append(entry)
            if len(batch) == self.destination.records_per_call(call):
                yield call, waiting.pop(call)
        yield from waiting.items()

    def _deliver(self, call: str, batch: Sequence[Outgoing]) -> None:
        keys = [outgoing.record.record_key for outgoing in batch]
        self.in_doubt.update(keys)
        try:
            answers = self._call(lambda: self.destination.send(call, batch))
        except BatchRefused as error:
            self.in_doubt.difference_update(keys)
            self._bisect(call, batch, error)
            return
        self.in_doubt.difference_update(keys)
        self._settle(batch, answers)

    def _bisect(self, call: str, batch: Sequence[Outgoing], error: BatchRefused) -> None:
        """Halve a batch that was refused as a whole until the bad records stand alone."""
        if len(batch) > 1:
            middle = len(batch) // 2
            self._deliver(call, batch[:middle])
            self._deliver(call, batch[middle:])
            return
        self._settle(batch, [Answer(rejection=_refusal_of_one(error))])
        words, count = self._same_refusals
        count = count + 1 if words == str(error) else 1
        self._same_refusals = (str(error), count)
        if count >= SAME_REFUSALS and self.accepted == 0:
            raise SyncStopped(
                f"{count} batches were refused one after the other and none accepted: {error}"
            )

    # calls -------------------------------------------------------------------------------

    def _call(self, call: Callable[[], Any]) -> Any:
        return self.call(self.destination, call)

    def call(self, destination: Destination, call: Callable[[], Any]) -> Any:
        """One call with retries; an expired session is renewed once."""
        try:
            return self.retrying(call)
        except SessionExpired:
            self.retrying(destination.log_in)
        try:
            return self.retrying(call)
        except SessionExpired as error:
            raise SyncStopped(f"the session was refused right after a login: {error}") from error

    # answers -----------------------------------------------------------------------------

    def _settle(self, batch: Sequence[Outgoing], answers: Sequence[Answer]) -> None:
        """Put second tries aside, write the rest to the store, count."""
        final: list[Sent] = []
        sent_at = self.log.now()
        for outgoing, answer in zip(batch, answers, strict=True):
            again = _second_try(outgoing, answer.rejection)
            if again is not None:
                self._again.append(again)
                continue
            final.append(
                Sent(
                    outgoing.record,
                    outgoing.fields,
                    sent_at,
                    answer.destination_id,
                    answer.rejection,
                )
            )
        self.unwritten += final
        waited = time.monotonic() - self._written_at
        if not self.destination.is_idempotent or waited >= WRITE_EVERY_SECONDS:
            self._write()
        for sent in final:
            if sent.rejection is None:
                self.accepted += 1
                continue
            self.rejected += 1
            name = sent.rejection.error_class
            self._classes[name] = self._classes.get(name, 0) + 1
            if len(self.rejections) < 20:
                self.rejections.append(
                    {
                        "record_key": sent.record.record_key,
                        "operation": sent.record.operation,
                        "error_class": name,
                        "message": sent.rejection.message,
                        "next_action": sent.rejection.next_action,
                    }
                )

    def _write(self) -> None:
        if self.unwritten:
            self.log.acknowledge(self.unwritten)
        self.unwritten = []
        self._written_at = time.monotonic()


def _second_try(outgoing: Outgoing, rejection: Rejection | None) -> Outgoing | None:
    """The record to send again in this run, where the answer invites it."""
    if rejection is None or outgoing.resent >= MAX_RESENDS:
        return None
    resent = outgoing.resent + 1
    if rejection.is_transient:
        return replace(outgoing, resent=resent)
    gone = rejection.error_class in _SENT_AS_NEW and outgoing.record.destination_id is not None
    if gone and not outgoing.as_new and outgoing.record.operation in ("match", "update"):
        # deleted or merged over there: write it whole, by its external id
        return replace(outgoing, fields=outgoing.record.payload, as_new=True, resent=resent)
    return None


def _refusal_of_one(error: BatchRefused) -> Rejection:
    classes = {"INVALID_FIELD": "unknown_field", "PROPERTY_DOESNT_EXIST": "unknown_field"}
    classes["CONFLICT"] = "duplicate"
    return Rejection(classes.get(error.code, "invalid_value"), str(error), error.code)
