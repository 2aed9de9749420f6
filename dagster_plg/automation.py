"""When things run: jobs, schedules, the sensors on the landing folder.

`nightly` (02:00 in PLG_TIMEZONE) runs everything. `as_it_happens` (a file has landed: `hot_pqls`;
or `every_15_minutes`) runs everything up to the published copy, then the syncs that cannot wait for
the night. `ingest_and_build` (a file has landed: `landing_folder`) sends nothing.

No two of them run at once. All but the night are off until somebody turns them on.
"""

import hashlib
from datetime import UTC, datetime, timedelta

from dagster import (
    AssetSelection,
    DagsterRunStatus,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    ScheduleEvaluationContext,
    SensorEvaluationContext,
    SkipReason,
    define_asset_job,
    schedule,
    sensor,
)

from dagster_plg.resources import Installation
from dagster_plg.sync_assets import sync_key
from ingestion.landing import scan_landing
from reverse_etl.specs import load_specs
from warehouse.settings import Settings

NIGHTLY_CRON = "0 2 * * *"
SETTLED_SECONDS = 2.0
"""A file nobody wrote to for so long has landed."""
_UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def syncs_that_cannot_wait() -> list[str]:
    """Those of a quicker cadence than the night's, and those whose records they point at."""
    specs = load_specs()
    wanted = {name for name, spec in specs.items() if spec.cadence != "nightly"}
    for name in reversed(specs):  # each comes after those it depends on
        if name in wanted:
            wanted.update(specs[name].depends_on)
    return [name for name in specs if name in wanted]


_specs = load_specs()
destinations = AssetSelection.groups(*sorted({spec.destination for spec in _specs.values()}))
_at_once = AssetSelection.assets(*(sync_key(_specs[name]) for name in syncs_that_cannot_wait()))

nightly = define_asset_job(
    "nightly",
    selection=AssetSelection.all(),
    description="The main job: ingest → gate → build → gate → publish → sync.",
)
ingest_and_build = define_asset_job(
    "ingest_and_build",
    selection=AssetSelection.all() - destinations,
    description="Everything up to the published copy; nothing is sent anywhere.",
)
as_it_happens = define_asset_job(
    "as_it_happens",
    selection=(AssetSelection.all() - destinations - AssetSelection.groups("reports")) | _at_once,
    description="From landed files to Sales: up to the published copy, then the syncs whose "
    "cadence is on_event or every_15_minutes.",
)
_MAIN_JOBS = ("nightly", "as_it_happens", "ingest_and_build")


def _unfinished(instance) -> str | None:
    """Name of a main job that is at work or waits for it."""
    for name in _MAIN_JOBS:
        if instance.get_run_records(RunsFilter(job_name=name, statuses=_UNFINISHED), limit=1):
            return name
    return None


@schedule(
    job=nightly,
    cron_schedule=NIGHTLY_CRON,
    execution_timezone=Settings().timezone,
    default_status=DefaultScheduleStatus.RUNNING,
    description="Every night at 02:00 in PLG_TIMEZONE; skipped while last night's still runs.",
)
def every_night(context: ScheduleEvaluationContext):
    # a build of the day is waited for by the pool; another night is not
    if _unfinished(context.instance) == nightly.name:
        return SkipReason("the previous nightly run has not finished")
    return RunRequest()


@schedule(
    job=as_it_happens,
    cron_schedule="*/15 * * * *",
    execution_timezone=Settings().timezone,
    default_status=DefaultScheduleStatus.STOPPED,
    description="Every 15 minutes: reads the CRM back (PLG_CRM_READ_BACK), and syncs what cannot "
    "wait for the night. Skipped while another run is at work.",
)
def every_15_minutes(context: ScheduleEvaluationContext):
    if (job := _unfinished(context.instance)) is not None:
        return SkipReason(f"a run of {job} has not finished")
    return RunRequest()


def landing_fingerprint(settings: Settings) -> str:
    """A hash over path, size and modification time of every landed file."""
    digest = hashlib.sha256()
    # files still being written (`plg collect`) are not landed: they would keep the sensor waiting
    for file in scan_landing(settings.landing_dir):
        digest.update(f"{file.path}|{file.size_bytes}|{file.modified_at}\n".encode())
    return digest.hexdigest()


def _landed(context: SensorEvaluationContext, settings: Settings) -> RunRequest | SkipReason:
    """A run once what has landed is other than at the last run, and is not growing any more."""
    # cursor: the fingerprint last built, and the one seen at the last look
    built, _, seen = (context.cursor or "|").partition("|")
    fingerprint = landing_fingerprint(settings)
    if fingerprint == built:
        return SkipReason("nothing new has landed")
    if fingerprint != seen and not _has_settled(settings):
        context.update_cursor(f"{built}|{fingerprint}")
        return SkipReason("files are arriving: waiting until they have stopped growing")
    if (job := _unfinished(context.instance)) is not None:
        return SkipReason(f"a run of {job} has not finished")
    context.update_cursor(f"{fingerprint}|{fingerprint}")
    return RunRequest(run_key=fingerprint)


def _has_settled(settings: Settings) -> bool:
    newest = max((file.modified_at for file in scan_landing(settings.landing_dir)), default=None)
    now = datetime.now(UTC).replace(tzinfo=None)
    return newest is None or newest < now - timedelta(seconds=SETTLED_SECONDS)


@sensor(
    job=ingest_and_build,
    minimum_interval_seconds=30,
    default_status=DefaultSensorStatus.STOPPED,
    description="Builds when files have arrived in the landing folder and have stopped growing.",
)
def landing_folder(context: SensorEvaluationContext, installation: Installation):
    return _landed(context, installation.settings)


@sensor(
    job=as_it_happens,
    minimum_interval_seconds=5,
    default_status=DefaultSensorStatus.STOPPED,
    description="Tells Sales of a hot PQL within a minute: when files have landed, they are built, "
    "gated, published and synced at once.",
)
def hot_pqls(context: SensorEvaluationContext, installation: Installation):
    return _landed(context, installation.settings)
