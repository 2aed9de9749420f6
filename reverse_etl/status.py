"""What the command line and the dashboards ask about syncs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from getpass import getuser
from typing import Any

from reverse_etl.breaker import Release
from reverse_etl.connect import is_enabled
from reverse_etl.engine import Progress, SyncReport, run_sync
from reverse_etl.errors import SyncError
from reverse_etl.reconcile import RED_FLAG
from reverse_etl.specs import find_spec, load_specs
from warehouse.ops import OpsStore, utc_now
from warehouse.settings import Settings

RELIABILITY_DAYS = 30
RELIABILITY_TARGET = 0.99
OLDEST_UNSYNCED = timedelta(hours=4)


@dataclass(frozen=True)
class SyncStatus:
    """One sync as it stands: its last run, what it keeps in step, what waits for a person."""

    sync_name: str
    destination: str
    enabled: bool
    cadence: str
    owner: str
    last_status: str | None
    last_started_at: datetime | None
    last_finished_at: datetime | None
    last_message: str | None
    last_accepted: int | None
    last_rejected: int | None
    last_api_calls: int | None
    records_in_step: int
    dead_letters: int
    oldest_dead_letter_at: datetime | None
    accepted_30d: int
    rejected_30d: int
    unsynced_since: datetime | None
    """Since when a change waits: the oldest open refusal, or the first run that did not get
    through after the last one that did."""
    mismatch: float | None
    """Share of records that differed when the destination was last read back."""
    mismatch_read_at: datetime | None

    @property
    def reliability(self) -> float | None:
        """Accepted records as a share of those answered in the last 30 days."""
        answered = self.accepted_30d + self.rejected_30d
        return self.accepted_30d / answered if answered else None

    def flags(self, now: datetime) -> list[str]:
        """What a person should look at, a few words each."""
        found = []
        if self.reliability is not None and self.reliability < RELIABILITY_TARGET:
            found.append(f"reliability {self.reliability:.1%}, under {RELIABILITY_TARGET:.0%}")
        if self.unsynced_since is not None and now - self.unsynced_since > OLDEST_UNSYNCED:
            hours = (now - self.unsynced_since) / timedelta(hours=1)
            found.append(f"a change waits for {hours:.0f} h")
        if self.mismatch is not None and self.mismatch > RED_FLAG:
            found.append(f"{self.mismatch:.0%} of the records differ from what was sent")
        return found


_STATUS = """
with

last_runs as (
    select * from sync_runs
    qualify row_number() over (partition by sync_name order by started_at desc) = 1
),

recent as (
    select sync_name, sum(accepted) as accepted, sum(rejected) as rejected
    from sync_runs
    where started_at > cast($since as timestamp)
    group by sync_name
),

in_step as (
    select sync_name, count(*) as records
    from sync_ledger
    where coalesce(state, 'active') = 'active'
    group by sync_name
),

letters as (
    select sync_name, count(*) as letters, min(first_seen_at) as oldest_at
    from dead_letters
    where state = 'open'
    group by sync_name
),

-- runs after the last one that got through
waiting as (
    select runs.sync_name, min(runs.started_at) as since
    from sync_runs as runs
    left join (
        select sync_name, max(started_at) as started_at
        from sync_runs
        where status in ('succeeded', 'partial')
        group by sync_name
    ) as through
        on through.sync_name = runs.sync_name
    where runs.status in ('failed', 'stopped', 'interrupted')
        and (through.started_at is null or runs.started_at > through.started_at)
    group by runs.sync_name
),

readings as (
    select sync_name, read_at, records_differing / nullif(records, 0) as mismatch
    from sync_reconciliations
    qualify row_number() over (partition by sync_name order by read_at desc) = 1
),

names as (
    select unnest($names) as sync_name
)

select
    names.sync_name, last_runs.status, last_runs.started_at, last_runs.finished_at,
    last_runs.message, last_runs.accepted, last_runs.rejected, last_runs.api_calls,
    coalesce(in_step.records, 0), coalesce(letters.letters, 0), letters.oldest_at,
    coalesce(recent.accepted, 0), coalesce(recent.rejected, 0),
    least(letters.oldest_at, waiting.since), readings.mismatch, readings.read_at
from names
left join last_runs using (sync_name)
left join recent using (sync_name)
left join in_step using (sync_name)
left join letters using (sync_name)
left join waiting using (sync_name)
left join readings using (sync_name)
"""


def sync_status(settings: Settings) -> list[SyncStatus]:
    """Every sync of the project, in the order they run."""
    specs = load_specs()
    since = utc_now() - timedelta(days=RELIABILITY_DAYS)
    with OpsStore(settings.ops_path).connection() as connection:
        rows = connection.execute(_STATUS, {"names": list(specs), "since": since}).fetchall()
    by_name = {row[0]: row[1:] for row in rows}
    return [
        SyncStatus(
            name,
            spec.destination,
            is_enabled(settings, spec),
            spec.cadence,
            spec.owner,
            *by_name[name],
        )
        for name, spec in specs.items()
    ]


def list_dead_letters(
    settings: Settings, name: str | None = None, state: str = "open", limit: int = 1000
) -> list[dict[str, Any]]:
    """Refused records, oldest first: what was refused, in whose words, what to do."""
    if name is not None:
        find_spec(name)
    with OpsStore(settings.ops_path).connection() as connection:
        cursor = connection.execute(
            "select sync_name, record_key, operation, error_class, message, next_action, "
            "attempts, first_seen_at, last_seen_at, state, payload from dead_letters "
            "where state = $state and ($name is null or sync_name = $name) "
            "order by first_seen_at, sync_name, record_key limit $limit",
            {"state": state, "name": name, "limit": limit},
        )
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def retry_dead_letters(
    settings: Settings,
    name: str,
    progress: Progress | None = None,
    base_urls: Mapping[str, str] | None = None,
) -> SyncReport:
    """Send the refused records of a sync again, and nothing else."""
    return run_sync(settings, name, progress=progress, only_dead_letters=True, base_urls=base_urls)


def dismiss_dead_letter(settings: Settings, name: str, record_key: str) -> None:
    """Stop trying a refused record until its row changes. `SyncError` where there is none."""
    find_spec(name)
    with OpsStore(settings.ops_path).connection() as connection:
        found = connection.execute(
            "update dead_letters set state = 'dismissed', last_seen_at = ? "
            "where sync_name = ? and record_key = ? and state = 'open' returning record_key",
            [utc_now(), name, record_key],
        ).fetchall()
    if not found:
        raise SyncError(f"sync {name} has no open dead letter for {record_key!r}")


def release_sync(
    settings: Settings,
    name: str,
    progress: Progress | None = None,
    base_urls: Mapping[str, str] | None = None,
    *,
    by: str | None = None,
    reason: str = "",
) -> SyncReport:
    """Run a sync that the circuit breaker stopped, once; ``ops.sync_releases`` says who let it pass
    (``by``, default the user of this machine) and why. `SyncError` where it was not stopped."""
    release = Release(by or getuser(), reason)
    return run_sync(settings, name, progress=progress, release=release, base_urls=base_urls)
