"""Landing → lake, as one step that makes every raw dataset."""

from dagster import AssetExecutionContext, AssetKey, AssetSpec, MaterializeResult, multi_asset

from dagster_plg.dbt_project import parsed_project
from dagster_plg.pulls import PULLED_FOR
from dagster_plg.received_days import report_received_days
from dagster_plg.resources import Installation
from dagster_plg.sources import landing_key_of_dataset
from ingestion.lake_schema import DATASETS
from ingestion.run import ingest as run_ingest
from warehouse.lock import sole_writer


def _described() -> dict[str, str]:
    sources = parsed_project().manifest_json["sources"].values()
    return {source["name"]: source["description"] for source in sources}


def _specs() -> list[AssetSpec]:
    described = _described()
    return [
        AssetSpec(
            key=AssetKey(["raw", dataset]),
            deps=[
                key
                for key in (landing_key_of_dataset(dataset), PULLED_FOR.get(dataset))
                if key is not None
            ],
            group_name="raw",
            description=described.get(dataset, ""),
            kinds={"parquet", "duckdb"},
            owners=["data-engineering@plg.example"],
        )
        for dataset in DATASETS
    ]


@multi_asset(
    specs=_specs(),
    name="ingest",
    pool="warehouse",
    description="Read every new file of the landing folder into the Parquet lake, each row "
    "accepted, quarantined or known as a duplicate.",
)
def ingest(context: AssetExecutionContext, installation: Installation):
    with sole_writer(installation.settings):
        report = run_ingest(installation.settings)
    for note in report.notes:
        context.log.info("note: %s", note)
    context.log.info("ingest: %s", report.summary())
    report_received_days(context.instance, installation.settings, context.run_id)
    for dataset in DATASETS:
        counts = report.datasets.get(dataset)
        metadata = counts.as_metadata() if counts else {}
        yield MaterializeResult(asset_key=AssetKey(["raw", dataset]), metadata=metadata)
