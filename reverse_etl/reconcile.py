"""Reading a destination back: does it hold what it acknowledged?

    ledger ── records a call ──> Destination.read ──> compare field by field ──> ops.sync_drift

A field somebody edited, or a record somebody deleted, has drifted. By the spec's ``on_drift`` the
next run writes it again (``overwrite``: the ledger is told what the destination really holds) or
leaves it (``keep``). Every reading replaces what the last one found.
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa

from reverse_etl.connect import connect, destination_url, is_enabled
from reverse_etl.destinations.base import CallCount, Known, ReadsBack
from reverse_etl.engine import Progress, only_run
from reverse_etl.errors import SessionExpired, SyncError
from reverse_etl.retry import retrying
from reverse_etl.specs import SyncSpec, find_spec, load_specs
from warehouse.ops import OpsStore, utc_now
from warehouse.settings import Settings

RED_FLAG = 0.05
"""Share of records that differ above which somebody should ask why."""

DRIFTED_HASH = "drifted"
"""Stands in the ledger for the hash of a record that differs: any row of the source does too."""


@dataclass(frozen=True)
class Drift:
    """A field that is not what was acknowledged; without ``field`` the whole record is gone."""

    record_key: str
    field: str | None
    ours: Any
    theirs: Any


@dataclass(frozen=True)
class Reconciliation:
    """What one reading of a destination found."""

    sync_name: str
    destination: str
    records: int
    drifts: list[Drift] = field(default_factory=list)
    api_calls: int = 0
    on_drift: str = "overwrite"

    @property
    def differing(self) -> int:
        return len({drift.record_key for drift in self.drifts})

    @property
    def share(self) -> float:
        """Records that differ as a share of those read; 0 where there were none."""
        return self.differing / self.records if self.records else 0.0

    @property
    def is_red_flag(self) -> bool:
        return self.share > RED_FLAG


def can_reconcile(spec: SyncSpec) -> bool:
    """Whether what a sync wrote can be read back record by record."""
    return spec.destination in ("salesforce", "hubspot") and spec.audience is None


def reconcilable() -> list[str]:
    """The project's syncs that can be read back."""
    return [name for name, spec in load_specs().items() if can_reconcile(spec)]


def reconcile(
    settings: Settings,
    name: str,
    progress: Progress | None = None,
    *,
    base_urls: Mapping[str, str] | None = None,
    specs_folder: Path | None = None,
    clock: Callable[[], datetime] = utc_now,
    sleep: Callable[[float], None] = time.sleep,
    chance: random.Random | None = None,
) -> Reconciliation:
    """Compare what the destination holds with what it acknowledged, and write down what differs.

    ``progress(done, total)`` is called after each call. Raises `SyncError` for a sync whose
    destination keeps no records, that is switched off or at work; `DestinationError` where the
    destination cannot be read.
    """
    spec = find_spec(name, specs_folder)
    if not can_reconcile(spec):
        raise SyncError(
            f"sync {name} cannot be reconciled: what goes to {spec.destination} as "
            f"{spec.object} is not read back; there are {', '.join(reconcilable())}"
        )
    if not is_enabled(settings, spec):
        raise SyncError(f"sync {name} is switched off")
    ops = OpsStore(settings.ops_path)
    with only_run(settings, spec):
        with ops.connection() as connection:
            rows = connection.execute(
                "select record_key, destination_id, payload from sync_ledger "
                "where sync_name = ? and destination_id is not null "
                "and coalesce(state, 'active') = 'active' order by record_key",
                [name],
            ).fetchall()
        calls = CallCount()
        drifts: list[Drift] = []
        if rows:
            with destination_url(settings, spec.destination, base_urls) as url:
                destination = connect(settings, spec, url, calls)
                try:
                    retry = retrying(sleep, chance or random.Random())
                    drifts = list(_drifts(spec, destination, rows, retry, progress))
                finally:
                    destination.close()
        found = Reconciliation(name, spec.destination, len(rows), drifts, calls.all, spec.on_drift)
        _write_down(ops, spec, found, clock())
    return found


def _drifts(
    spec: SyncSpec,
    destination: Any,
    rows: list[tuple[str, str, str]],
    retry: Any,
    progress: Progress | None,
) -> Iterator[Drift]:
    assert isinstance(destination, ReadsBack)

    def call(what: Callable[[], Any]) -> Any:
        with suppress(SessionExpired):
            return retry(what)
        retry(destination.log_in)
        return retry(what)

    call(destination.log_in)
    names = [name for name, mapping in spec.fields.items() if mapping.reference is None]
    done = 0
    for start in range(0, len(rows), destination.records_per_read):
        batch = rows[start : start + destination.records_per_read]
        known = [Known(key, record_id) for key, record_id, _ in batch]
        found = call(lambda known=known: destination.read(known, names))
        for key, record_id, payload in batch:
            theirs = found.get(record_id)
            if theirs is None:
                yield Drift(key, None, None, None)
                continue
            for name, ours in json.loads(payload).items():
                if name in names and not is_same(ours, theirs.get(name)):
                    yield Drift(key, name, ours, theirs.get(name))
        done += len(batch)
        if progress is not None:
            progress(done, len(rows))


def is_same(ours: Any, theirs: Any) -> bool:
    """Whether a destination's value is the one that was sent, in its own way of writing it.

    No value and an empty text are one; numbers and truth values may come as text; moments may
    be written with another zone; texts lose the spaces at their ends.
    """
    if ours in (None, "") or theirs in (None, ""):
        return ours in (None, "") and theirs in (None, "")
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return str(ours).lower() == str(theirs).lower()
    if isinstance(ours, int | float):
        try:
            return abs(float(theirs) - ours) <= 1e-9 * max(1.0, abs(ours))
        except ValueError:
            return False
    first, second = str(ours).strip(), str(theirs).strip()
    if first == second:
        return True
    moments = _moment(first), _moment(second)
    return None not in moments and moments[0] == moments[1]


def _moment(text: str) -> datetime | None:
    """A moment or day in UTC; also milliseconds since 1970, as HubSpot writes them."""
    if len(text) == 13 and text.isdigit():
        return datetime(1970, 1, 1) + timedelta(milliseconds=int(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    offset = moment.utcoffset()
    return (moment - offset if offset else moment).replace(tzinfo=None)


def _write_down(ops: OpsStore, spec: SyncSpec, found: Reconciliation, at: datetime) -> None:
    """What differs, and for ``overwrite`` what the destination really holds, in one transaction."""
    run_id = uuid4().hex
    drifts = pa.table(
        {
            "record_key": pa.array([d.record_key for d in found.drifts], pa.string()),
            "field": pa.array([d.field for d in found.drifts], pa.string()),
            "ours": pa.array([json.dumps(d.ours) for d in found.drifts], pa.string()),
            "theirs": pa.array([json.dumps(d.theirs) for d in found.drifts], pa.string()),
        }
    )
    with ops.transaction() as connection:
        connection.register("drifts", drifts)
        connection.execute(
            "insert into sync_reconciliations values (?, ?, ?, ?, ?, ?, ?)",
            [
                run_id, spec.name, found.records, found.differing,
                sum(d.field is None for d in found.drifts), found.api_calls, at,
            ],
        )  # fmt: skip
        connection.execute("delete from sync_drift where sync_name = ?", [spec.name])
        connection.execute(
            "insert into sync_drift select ?, record_key, field, ours, theirs, ?, ?, ? from drifts",
            [spec.name, spec.on_drift, run_id, at],
        )
        if spec.on_drift == "keep":
            return
        connection.execute(
            "delete from sync_ledger where sync_name = ? and record_key in "
            "(select record_key from drifts where field is null)",
            [spec.name],
        )
        connection.execute(
            "update sync_ledger set payload_hash = ?, "
            "payload = json_merge_patch(payload, theirs.values) "
            "from (select record_key, json_group_object(field, theirs::json) as values "
            "from drifts where field is not null group by record_key) as theirs "
            "where sync_name = ? and sync_ledger.record_key = theirs.record_key",
            [DRIFTED_HASH, spec.name],
        )
