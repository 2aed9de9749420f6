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
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetExecutionContext,
    AssetKey,
    Failure,
    MaterializeResult,
    MetadataValue,
    TableColumn,
    TableSchema,
)
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings

from warehouse.dbt import DBT_PROJECT_DIR, run_dbt
from warehouse.settings import Settings

_FAILED = {"error", "fail", "runtime error"}
TESTS_CHECK = "dbt_tests"
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


def _layer_of_test(nodes: Mapping[str, Any], test: Mapping[str, Any]) -> str:
    parents = [nodes[parent] for parent in test["depends_on"]["nodes"] if parent in nodes]
    return max((_layer(parent) for parent in parents), key=LAYER_ORDER.index)


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


def tests_by_asset(layer: str) -> dict[AssetKey, list[str]]:
    """The data tests a layer runs, by the asset they are shown at.

    A test runs in the layer that completes its parents. It is shown at the model it is
    declared on, or, where that is in an earlier layer, at its first parent of this one.
    """
    nodes = parsed_project().manifest_json["nodes"]
    translator = PlgTranslator()
    found: dict[AssetKey, list[str]] = {}
    for unique_id, test in nodes.items():
        if test["resource_type"] != "test" or _layer_of_test(nodes, test) != layer:
            continue
        candidates = [test.get("attached_node"), *test["depends_on"]["nodes"]]
        home = next(
            nodes[parent]
            for parent in candidates
            if parent in nodes and _layer(nodes[parent]) == layer
        )
        found.setdefault(translator.get_asset_key(home), []).append(unique_id)
    return found


def run_dbt_layer(
    context: AssetExecutionContext, settings: Settings, layer: str, select: str
) -> Iterator[MaterializeResult | AssetCheckResult]:
    """``dbt build`` a layer, or the assets of it that were asked for; yield what was built
    and, for each asset, one check over all its tests; fail when dbt failed.

    Tests that need another layer too run with the layer that completes their parents
    (``buildable``). What was built before an error is reported before failing.
    """
    state = parsed_project()
    nodes = state.manifest_json["nodes"]
    if context.is_subset:
        select = " ".join(sorted(key.path[-1] for key in context.selected_asset_keys))
    arguments = [
        "--quiet", "--log-level-file", "none", "build", "--select", *select.split(),
        "--indirect-selection", "buildable", "--exclude-resource-type", "unit_test",
    ]  # fmt: skip
    outcome = run_dbt(settings, arguments, manifest=state.manifest)
    if outcome.exception is not None:
        raise Failure(f"dbt stopped: {outcome.exception}")

    results = {r.node.unique_id: r for r in outcome.result.results if r.node.unique_id in nodes}
    built = [
        (nodes[unique_id], result)
        for unique_id, result in results.items()
        if nodes[unique_id]["resource_type"] != "test" and str(result.status) == "success"
    ]
    tables = _columns_and_rows(settings, [(node["schema"], node["name"]) for node, _ in built])
    translator = PlgTranslator()
    for node, result in built:
        columns, count = tables[(node["schema"], node["name"])]
        yield MaterializeResult(
            asset_key=translator.get_asset_key(node),
            metadata=_table_metadata(node, columns, count, result.execution_time),
        )
    for asset_key, tests in tests_by_asset(layer).items():
        ran = [results[test] for test in tests if test in results]
        if ran and AssetCheckKey(asset_key, TESTS_CHECK) in context.selected_asset_check_keys:
            yield _check_of_tests(asset_key, ran)

    failures = [
        f"{result.node.name}: {result.message}"
        for result in results.values()
        if str(result.status) in _FAILED
    ]
    context.log.info(
        "dbt %s: %d models built, %d tests run, %d failed",
        layer, len(built), len(results) - len(built), len(failures),
    )  # fmt: skip
    if failures:
        raise Failure("dbt failed:\n" + "\n".join(failures))


def _check_of_tests(asset_key: AssetKey, results: list[Any]) -> AssetCheckResult:
    """One check for all dbt tests of an asset: an event a test would cost a run its minute."""
    wrong = [result for result in results if str(result.status) != "pass"]
    return AssetCheckResult(
        asset_key=asset_key,
        check_name=TESTS_CHECK,
        passed=not wrong,
        severity=AssetCheckSeverity.ERROR
        if any(str(result.status) in _FAILED for result in wrong)
        else AssetCheckSeverity.WARN,
        metadata={
            "tests": len(results),
            "not_passed": MetadataValue.json(
                [
                    {
                        "test": result.node.name,
                        "status": str(result.status),
                        "failing_rows": result.failures,
                        "message": result.message,
                    }
                    for result in wrong
                ]
            ),
        },
    )
