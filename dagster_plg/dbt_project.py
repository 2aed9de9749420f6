"""The dbt project as Dagster sees it: parsed once, run in this process.

A dbt subprocess costs about four seconds of imports for each layer, so the layers
share this process, and one parsed manifest.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetSpec,
    Failure,
    MaterializeResult,
    MetadataValue,
    TableColumn,
    TableSchema,
)
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject

from warehouse.dbt import DBT_PROJECT_DIR, run_dbt
from warehouse.settings import Settings

_TEST_STATUSES_THAT_PASS = {"pass"}
LAYER_ORDER = ("staging", "identity", "core", "marts", "syncs")


class PlgTranslator(DagsterDbtTranslator):
    """Asset key and group of a dbt node: its schema, which is its folder."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            return AssetKey(["raw", dbt_resource_props["name"]])
        return AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        return (
            "raw"
            if dbt_resource_props["resource_type"] == "source"
            else dbt_resource_props["schema"]
        )

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        # the SQL is a click away; the default appends it whole to every description
        return dbt_resource_props.get("description") or ""

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str] | None:
        owner = (dbt_resource_props.get("config", {}).get("meta") or {}).get("owner")
        return [owner] if owner and "@" in owner else ["data-engineering@plg.example"]

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        metadata = dict(super().get_metadata(dbt_resource_props))
        grain = (dbt_resource_props.get("config", {}).get("meta") or {}).get("grain")
        if grain:
            metadata["grain"] = grain if isinstance(grain, str) else ", ".join(grain)
        return metadata

    def get_asset_check_spec(
        self,
        asset_spec: AssetSpec,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> AssetCheckSpec | None:
        # a test that also needs a later layer runs (and fails) there, not as a check here
        if _layer_of_test(manifest, unique_id) != _layer_of_node(manifest["nodes"], asset_spec):
            return None
        return super().get_asset_check_spec(asset_spec, manifest, unique_id, project)


def _layer_of_test(manifest: Mapping[str, Any], unique_id: str) -> str:
    nodes = manifest["nodes"]
    parents = [nodes[p] for p in nodes[unique_id]["depends_on"]["nodes"] if p in nodes]
    return max((_layer(parent) for parent in parents), key=LAYER_ORDER.index)


def _layer_of_node(nodes: Mapping[str, Any], asset_spec: AssetSpec) -> str:
    schema, name = asset_spec.key.path
    return next(
        _layer(node) for node in nodes.values() if node["name"] == name and node["schema"] == schema
    )


def _layer(node: Mapping[str, Any]) -> str:
    """The folder of a model; seeds are built with staging."""
    return "staging" if node["resource_type"] == "seed" else node["fqn"][1]


@dataclass
class DbtProjectState:
    """The parsed project: ``nodes`` as plain dictionaries and dbt's own object."""

    manifest_json: dict[str, Any]
    manifest: Any = field(repr=False)


@cache
def parsed_project() -> DbtProjectState:
    """Parse the dbt project once in this process (about 5 s cold, 1 s when unchanged)."""
    settings = Settings()
    result = run_dbt(settings, ["--quiet", "parse"])
    if not result.success:
        raise RuntimeError(f"dbt cannot parse the project in {DBT_PROJECT_DIR}: {result.exception}")
    manifest_path = Path(settings.dbt_target_dir) / "manifest.json"
    return DbtProjectState(json.loads(manifest_path.read_text()), result.result)


@cache
def _layers() -> dict[AssetKey, str]:
    translator = PlgTranslator()
    return {
        translator.get_asset_key(node): _layer(node)
        for node in parsed_project().manifest_json["nodes"].values()
        if node["resource_type"] == "model"
    }


def layer_of(key: AssetKey) -> str:
    """The layer an asset is in: a model's folder (staging, identity, core, marts, syncs),
    else the first part of its key (raw, published, salesforce, …)."""
    return _layers().get(key, key.path[0])


def _columns_and_rows(
    settings: Settings, relations: list[tuple[str, str]]
) -> dict[tuple[str, str], tuple[list[tuple[str, str]], int | None]]:
    """Columns of every relation, and the row count of every table (views cost a scan)."""
    found = {}
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        columns: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for schema, table, column, data_type in connection.execute(
            "select schema_name, table_name, column_name, data_type from duckdb_columns() "
            "where not internal order by schema_name, table_name, column_index"
        ).fetchall():
            columns.setdefault((schema, table), []).append((column, data_type))
        tables = set(
            connection.execute(
                "select schema_name, table_name from duckdb_tables() where not internal"
            ).fetchall()
        )
        for schema, name in relations:
            count = None
            if (schema, name) in tables:
                row = connection.execute(f'select count(*) from "{schema}"."{name}"').fetchone()
                count = row[0] if row else None
            found[(schema, name)] = (columns.get((schema, name), []), count)
    return found


def _table_metadata(
    node: Mapping[str, Any], columns: list[tuple[str, str]], count: int | None, seconds: float
) -> dict[str, Any]:
    described = {name.lower(): column for name, column in node["columns"].items()}
    metadata: dict[str, Any] = {
        "dagster/column_schema": TableSchema(
            columns=[
                TableColumn(name, data_type, described.get(name, {}).get("description") or None)
                for name, data_type in columns
            ]
        ),
        "dagster/relation_identifier": f"{node['schema']}.{node['name']}",
        "seconds": MetadataValue.float(round(seconds, 3)),
    }
    if count is not None:
        metadata["dagster/row_count"] = count
    return metadata


def run_dbt_layer(
    context: AssetExecutionContext, settings: Settings, layer: str, select: str
) -> Iterator[MaterializeResult | AssetCheckResult]:
    """``dbt build`` one layer; yield what was built and tested; fail when dbt failed.

    Tests that need another layer too run with the layer that completes their parents
    (``buildable``). What was built before an error is reported before failing.
    """
    state = parsed_project()
    arguments = ["--quiet", "build", "--select", *select.split(), "--indirect-selection",
                 "buildable", "--exclude-resource-type", "unit_test"]  # fmt: skip
    outcome = run_dbt(settings, arguments, manifest=state.manifest)
    if outcome.exception is not None:
        raise Failure(f"dbt stopped: {outcome.exception}")

    nodes = state.manifest_json["nodes"]
    results = [r for r in outcome.result.results if r.node.unique_id in nodes]
    selected = context.selected_asset_keys
    checks_by_name = {(key.asset_key, key.name): key for key in context.selected_asset_check_keys}
    built = [r for r in results if r.node.resource_type in ("model", "seed", "snapshot")
             and str(r.status) == "success"]  # fmt: skip
    relations = [(r.node.schema, r.node.name) for r in built]
    tables = _columns_and_rows(settings, relations)
    translator = PlgTranslator()
    for result in built:
        node = nodes[result.node.unique_id]
        key = translator.get_asset_key(node)
        if key not in selected:
            continue
        columns, count = tables[(node["schema"], node["name"])]
        yield MaterializeResult(
            asset_key=key, metadata=_table_metadata(node, columns, count, result.execution_time)
        )

    failures = []
    for result in results:
        status = str(result.status)
        if result.node.resource_type == "test":
            for (asset_key, name), _ in checks_by_name.items():
                if name == result.node.name and status != "skipped":
                    yield AssetCheckResult(
                        asset_key=asset_key,
                        check_name=name,
                        passed=status in _TEST_STATUSES_THAT_PASS,
                        severity=AssetCheckSeverity.WARN
                        if status == "warn"
                        else AssetCheckSeverity.ERROR,
                        metadata={"failing_rows": result.failures or 0, "status": status},
                    )
        if status in ("error", "fail", "runtime error"):
            failures.append(f"{result.node.name}: {result.message}")
    tested = sum(1 for r in results if r.node.resource_type == "test")
    context.log.info(
        "dbt %s: %d models built, %d tests run, %d failed",
        layer,
        len(built),
        tested,
        len(failures),
    )
    if failures:
        raise Failure("dbt failed:\n" + "\n".join(failures))
