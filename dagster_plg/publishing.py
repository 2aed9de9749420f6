"""Publish: the audited marts, copied whole and swapped in."""

from dagster import AssetExecutionContext, AssetKey, MaterializeResult, asset

from dagster_plg.dbt_project import PlgTranslator, parsed_project
from dagster_plg.resources import Installation
from quality.gates import require_gate
from warehouse.lock import sole_writer
from warehouse.publish import is_public, publish

PUBLISHED_KEY = AssetKey(["published", "plg"])


def _public_tables() -> list[AssetKey]:
    translator = PlgTranslator()
    return [
        translator.get_asset_key(node)
        for node in parsed_project().manifest_json["nodes"].values()
        if node["resource_type"] == "model" and is_public(node["schema"], node["name"])
    ]


@asset(
    key=PUBLISHED_KEY,
    deps=_public_tables(),
    group_name="published",
    kinds={"duckdb"},
    owners=["data-engineering@plg.example"],
    description="The read-only copy that analysts, dashboards and syncs read: every public "
    "table of a build whose gates all passed, swapped in atomically.",
    pool="warehouse",
)
def published(context: AssetExecutionContext, installation: Installation) -> MaterializeResult:
    for gate in ("marts", "syncs"):
        require_gate(installation.settings, gate)
    with sole_writer(installation.settings):
        report = publish(installation.settings)
    context.log.info("publish: %d tables, %s rows", report.count_tables, f"{report.count_rows:,}")
    return MaterializeResult(metadata=report.as_metadata())
