"""When things run: jobs, the nightly schedule, the sensor on the landing folder."""

import hashlib

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
from ingestion.landing import scan_landing
from warehouse.settings import Settings

NIGHTLY_CRON = "0 2 * * *"
_UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]

destinations = AssetSelection.groups("salesforce", "hubspot", "slack")

nightly = define_asset_job(
    "nightly",
    selection=AssetSelection.all(),
    description="The main job: ingest → gate → build → gate → publish → sync.",
)
ingest_and_build = define_asset_job(
    "ingest_and_build",
    selection=AssetSelection.all() - destinations,
    description="Everything up to the published copy; nothing is sent to a CRM.",
)


def _is_unfinished(instance, job_name: str) -> bool:
    return bool(
        instance.get_run_records(RunsFilter(job_name=job_name, statuses=_UNFINISHED), limit=1)
    )


@schedule(
    job=nightly,
    cron_schedule=NIGHTLY_CRON,
    execution_timezone=Settings().timezone,
    default_status=DefaultScheduleStatus.RUNNING,
    description="Every night at 02:00 in PLG_TIMEZONE; skipped while last night's still runs.",
)
def every_night(context: ScheduleEvaluationContext):
    if _is_unfinished(context.instance, nightly.name):
        return SkipReason("the previous nightly run has not finished")
    return RunRequest()


def landing_fingerprint(settings: Settings) -> str:
    """A hash over path, size and modification time of every landed file."""
    digest = hashlib.sha256()
    # files still being written (`plg collect`) are not landed: they would keep the sensor waiting
    for file in scan_landing(settings.landing_dir):
        digest.update(f"{file.path}|{file.size_bytes}|{file.modified_at}\n".encode())
    return digest.hexdigest()


@sensor(
    job=ingest_and_build,
    minimum_interval_seconds=30,
    default_status=DefaultSensorStatus.STOPPED,
    description="Builds when files have arrived in the landing folder and have stopped growing.",
)
def landing_folder(context: SensorEvaluationContext, installation: Installation):
    # cursor: the fingerprint last built, and the one seen at the last look
    built, _, seen = (context.cursor or "|").partition("|")
    fingerprint = landing_fingerprint(installation.settings)
    if fingerprint == built:
        return SkipReason("nothing new has landed")
    if fingerprint != seen:
        context.update_cursor(f"{built}|{fingerprint}")
        return SkipReason("files are arriving: waiting until they have stopped growing")
    if _is_unfinished(context.instance, ingest_and_build.name):
        return SkipReason("a build is still running")
    context.update_cursor(f"{fingerprint}|{fingerprint}")
    return RunRequest(run_key=fingerprint)
