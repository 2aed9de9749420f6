"""The lake's received days as Dagster partitions: which hold events, and reading some again."""

import warnings
from datetime import date

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetMaterialization,
    BackfillPolicy,
    BetaWarning,
    DailyPartitionsDefinition,
    MaterializeResult,
    asset,
)

from dagster_plg.resources import Installation
from dagster_plg.sources import landing_key
from ingestion.days import days_touched
from ingestion.reread import reread_days
from warehouse.lock import sole_writer
from warehouse.settings import Settings

RECEIVED_DAYS_KEY = AssetKey(["raw", "event_days"])
FIRST_DAY = "2020-01-01"
# one run for a range: Dagster still calls that a beta, which is no news to whoever runs it
warnings.filterwarnings("ignore", message=".*backfill_policy.*", category=BetaWarning)
received_days = DailyPartitionsDefinition(start_date=FIRST_DAY, end_offset=1)


@asset(
    key=RECEIVED_DAYS_KEY,
    deps=[landing_key("product_events")],
    partitions_def=received_days,
    backfill_policy=BackfillPolicy.single_run(),
    group_name="raw",
    kinds={"parquet"},
    owners=["data-engineering@plg.example"],
    description="One partition a day on which events were received: `ingest` marks the days it "
    "touched. Materialize a day or a range to read its files from the landing folder again; the "
    "next build takes the result.",
    pool="warehouse",
)
def event_days(context: AssetExecutionContext, installation: Installation) -> MaterializeResult:
    days = sorted(date.fromisoformat(key) for key in context.partition_keys)
    with sole_writer(installation.settings):
        report = reread_days(installation.settings, days[0], days[-1])
    for note in report.notes:
        context.log.info("note: %s", note)
    context.log.info("read again %s to %s: %s", days[0], days[-1], report.summary())
    counts = report.datasets.get("events")
    return MaterializeResult(metadata=counts.as_metadata() if counts else {"files": 0})


def mark_days(context: AssetExecutionContext, settings: Settings, load_id: int) -> None:
    """Tell Dagster which days an ingest touched, so that the calendar of the asset is true."""
    for day, arrived in days_touched(settings, load_id):
        if day.isoformat() >= FIRST_DAY:
            context.log_event(
                AssetMaterialization(
                    RECEIVED_DAYS_KEY,
                    partition=day.isoformat(),
                    metadata={"events_arrived": arrived, "load_id": load_id},
                )
            )
