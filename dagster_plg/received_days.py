"""The lake's received days as Dagster partitions: which there are, and reading some again.

The asset is external, and the job that reads days again is a job of one op. Were the asset one
that Dagster materializes, the UI would ask for a partition at every click on *Materialize all*:
it does so as soon as one of the assets in view is partitioned and can be executed. `raw/events`
itself cannot be external either: a click runs only the checks of assets that can be executed,
and the raw gate would lose those of the events.

The partitions are dynamic: exactly the days on which events were received. A calendar would
need its first day before anything has landed, and would show days without events as missing.
"""

from collections.abc import Iterable
from datetime import date

from dagster import (
    AssetKey,
    AssetMaterialization,
    AssetSpec,
    DagsterInstance,
    DynamicPartitionsDefinition,
    MetadataValue,
    OpExecutionContext,
    RetryRequested,
    job,
    op,
)

from dagster_plg.instance import prepare_instance
from dagster_plg.resources import Installation
from ingestion.days import days_between
from ingestion.errors import IngestRunning
from ingestion.manifest import committed_load_id
from ingestion.reread import reread_days
from warehouse.lock import sole_writer
from warehouse.settings import Settings

RECEIVED_DAYS_KEY = AssetKey(["raw", "received_days"])
received_days = DynamicPartitionsDefinition(name="received_days")
_REREAD_JOB = "reread_received_days"
# where Dagster keeps the number of the last load whose days it was told of
_CURSOR = "plg/received_days"

received_days_asset = AssetSpec(
    key=RECEIVED_DAYS_KEY,
    deps=[AssetKey(["raw", "events"])],
    partitions_def=received_days,
    group_name="raw",
    kinds={"parquet"},
    owners=["data-engineering@plg.example"],
    description="The days on which the calls of `raw/events` were received: a partition each, "
    "reported by every load that touched it. To read days again from the landing folder, launch "
    f"a backfill of the job `{_REREAD_JOB}`.",
    metadata={"read days again": MetadataValue.job(_REREAD_JOB, "dagster_plg.definitions")},
)


@op(
    pool="warehouse",
    description="Reads the event files of one received day again.",
)
def reread_day(context: OpExecutionContext, installation: Installation) -> None:
    settings = installation.settings
    day = date.fromisoformat(context.partition_key)
    try:
        with sole_writer(settings):
            report = reread_days(settings, day, day)
    except IngestRunning as error:  # a `plg ingest` typed by hand
        raise RetryRequested(max_retries=90, seconds_to_wait=10) from error
    for note in report.notes:
        context.log.info("note: %s", note)
    context.log.info("read again %s: %s", day, report.summary())
    report_received_days(context.instance, settings, context.run_id)


@job(
    name=_REREAD_JOB,
    partitions_def=received_days,
    # a night that is due while days wait to be read again goes first
    tags={"dagster/priority": "-1"},
    description="Reads received days again from the landing folder, a run each: after a parser "
    "was mended, or for proof. Choose days under Partitions → Launch backfill. Waits for a run "
    "that is writing; the next build takes the result.",
)
def reread_received_days() -> None:
    reread_day()


def report_received_days(
    instance: DagsterInstance, settings: Settings, run_id: str | None = None
) -> int:
    """Tell Dagster of the days that loads touched since it was told last; how many they were.

    A day with events becomes a partition, or stays one, and gets a materialization that says
    what it holds; a day without any is none. What a killed run or a load outside Dagster left
    unsaid is said by the next call.
    """
    told = int(instance.daemon_cursor_storage.get_cursor_values({_CURSOR}).get(_CURSOR, 0))
    last = committed_load_id(settings)
    if told == last:
        return 0
    anew = told > last  # the lake was begun again: the numbers of its loads too
    days = days_between(settings, 0 if anew else told, last)
    held = {day.day.isoformat(): day for day in days if day.count_events}
    gone = {day.day.isoformat() for day in days} - held.keys()
    if anew:
        gone |= set(instance.get_dynamic_partitions(received_days.name)) - held.keys()
    # taken away and put back in order: whoever is killed between leaves it all to be said again
    instance.daemon_cursor_storage.set_cursor_values({_CURSOR: "0"})
    _keep_in_order(instance, held, gone)
    for key, day in held.items():
        metadata = {
            "events": day.count_events,
            "files": day.count_files,
            "last load": day.last_load_id,
        }
        if run_id is not None:
            metadata["run"] = MetadataValue.dagster_run(run_id)
        instance.report_runless_asset_event(
            AssetMaterialization(RECEIVED_DAYS_KEY, partition=key, metadata=metadata)
        )
    instance.daemon_cursor_storage.set_cursor_values({_CURSOR: str(last)})
    return len(days)


def report_without_a_run(settings: Settings) -> None:
    """As `report_received_days`, where the installation has a Dagster instance already."""
    if settings.dagster_dir.is_dir():
        with prepare_instance(settings) as instance:
            report_received_days(instance, settings)


def _keep_in_order(instance: DagsterInstance, held: Iterable[str], gone: Iterable[str]) -> None:
    """Add and remove partitions; Dagster lists them as they were added, and so a range runs."""
    known = instance.get_dynamic_partitions(received_days.name)
    new = sorted(set(held) - set(known))
    later = [key for key in known if new and key > new[0] and key not in gone]
    for key in [*gone, *later]:
        instance.delete_dynamic_partition(received_days.name, key)
    if new:
        instance.add_dynamic_partitions(received_days.name, sorted([*new, *later]))
