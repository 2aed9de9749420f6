"""One dbt op a layer, each behind the gate before it."""

from dagster import AssetCheckSpec, AssetExecutionContext, AssetsDefinition, multi_asset
from dagster_dbt import build_dbt_asset_specs

from dagster_plg.dbt_project import (
    TESTS_CHECK,
    PlgTranslator,
    parsed_project,
    run_dbt_layer,
    tests_by_asset,
)
from dagster_plg.resources import Installation
from quality.gates import require_gate
from warehouse.dbt import kept_open
from warehouse.lock import sole_writer

# layer -> (what dbt selects, the gate that must have passed)
LAYERS: dict[str, tuple[str, str]] = {
    "staging": ("resource_type:seed fqn:plg.staging", "raw"),
    "identity": ("fqn:plg.identity", "raw"),
    "core": ("fqn:plg.core", "identity"),
    "marts": ("fqn:plg.marts", "identity"),
    "syncs": ("fqn:plg.syncs", "marts"),
}


def _layer(name: str, select: str, gate: str) -> AssetsDefinition:
    @multi_asset(
        name=f"dbt_{name}",
        specs=[
            spec.replace_attributes(skippable=True)
            for spec in build_dbt_asset_specs(
                manifest=parsed_project().manifest_json,
                dagster_dbt_translator=PlgTranslator(),
                select=select,
            )
        ],
        check_specs=[
            AssetCheckSpec(
                TESTS_CHECK,
                asset=key,
                description=f"{len(tests)} dbt tests: keys, relations, accounting identities.",
            )
            for key, tests in tests_by_asset(name).items()
        ],
        can_subset=True,
        pool="warehouse",
        description=f"dbt builds and tests the {name} layer.",
    )
    def layer(context: AssetExecutionContext, installation: Installation):
        # the verdict outlives the run: a click on one model asks for it too
        require_gate(installation.settings, gate)
        with sole_writer(installation.settings), kept_open(installation.settings):
            yield from run_dbt_layer(context, installation.settings, name, select)

    return layer


def build_layers() -> list[AssetsDefinition]:
    return [_layer(name, select, gate) for name, (select, gate) in LAYERS.items()]
