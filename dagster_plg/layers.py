"""One dbt op a layer, each behind the gate before it."""

from collections.abc import Callable

from dagster import AssetExecutionContext, AssetsDefinition
from dagster_dbt import dbt_assets

from dagster_plg.dbt_project import PlgTranslator, parsed_project, run_dbt_layer
from dagster_plg.resources import Installation
from quality.gates import require_gate
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
    @dbt_assets(
        manifest=parsed_project().manifest_json,
        name=f"dbt_{name}",
        select=select,
        dagster_dbt_translator=PlgTranslator(),
        pool="warehouse",
    )
    def layer(context: AssetExecutionContext, installation: Installation):
        # the verdict outlives the run: a click on one layer asks for it too
        require_gate(installation.settings, gate)
        with sole_writer(installation.settings):
            yield from run_dbt_layer(context, installation.settings, name, select)

    return layer


def build_layers(factory: Callable[[str, str, str], AssetsDefinition] = _layer):
    return [factory(name, select, gate) for name, (select, gate) in LAYERS.items()]
