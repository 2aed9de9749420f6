"""Everything Dagster knows, left to right as the data flows."""

from dagster import Definitions, in_process_executor

from dagster_plg.alerting import tell_of_failed_runs
from dagster_plg.automation import (
    as_it_happens,
    every_15_minutes,
    every_night,
    hot_pqls,
    ingest_and_build,
    landing_folder,
    nightly,
)
from dagster_plg.event_registry import event_registry
from dagster_plg.gate_checks import gate_checks
from dagster_plg.ingestion_assets import ingest
from dagster_plg.layers import build_layers
from dagster_plg.logs import progress_logger
from dagster_plg.memory import collect_rarely, keep_what_is_loaded
from dagster_plg.model_cards import model_cards
from dagster_plg.publishing import published
from dagster_plg.pulls import pulls
from dagster_plg.received_days import received_days_asset, reread_received_days
from dagster_plg.resources import Installation
from dagster_plg.sources import source_assets
from dagster_plg.sync_assets import build_syncs

collect_rarely()
defs = Definitions(
    assets=[
        *source_assets,
        *pulls,
        ingest,
        received_days_asset,
        *build_layers(),
        event_registry,
        published,
        model_cards,
        *build_syncs(),
    ],
    asset_checks=gate_checks,
    jobs=[nightly, as_it_happens, ingest_and_build, reread_received_days],
    schedules=[every_night, every_15_minutes],
    sensors=[hot_pqls, landing_folder, tell_of_failed_runs],
    resources={"installation": Installation()},
    # a step in a process of its own costs seconds of imports; DuckDB has one writer anyway
    executor=in_process_executor,
    loggers={"console": progress_logger},
)
keep_what_is_loaded()
