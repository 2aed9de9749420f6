"""The dbt project as Dagster sees it: parsed once, run in this process.

A dbt subprocess costs about four seconds of imports for each layer, so the layers
share this process, and one parsed manifest.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cache
from graphlib import TopologicalSorter
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
from dbt.artifacts.resources.types import NodeType

from warehouse.dbt import DBT_PROJECT_DIR, QUICK, run_dbt
from warehouse.dbt_state import (
    are_definitions_built,
    definitions_built,
    project_fingerprint,
    relations_in,
)
from warehouse.dbt_tests import TestOutcome, compiled_tests, run_tests
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
    """The parsed project: the manifest as plain dictionaries and as dbt's own object, whole and
    without its tests, and the fingerprint of the files it was parsed from."""

    manifest_json: dict[str, Any]
    manifest: Any = field(repr=False)
    without_tests: Any = field(repr=False)
    fingerprint: str


@cache
def parsed_project() -> DbtProjectState:
    """Parse the dbt project once in this process (about 5 s cold, 1 s when unchanged)."""
    settings = Settings()
    fingerprint = None
    while fingerprint != project_fingerprint():  # edited while it was parsed: once more
        fingerprint = project_fingerprint()
        result = run_dbt(settings, ["--quiet", "--no-write-json", "parse"])
    if not result.success:
        raise RuntimeError(f"dbt cannot parse the project in {DBT_PROJECT_DIR}: {result.exception}")
    # not from dbt's manifest.json, which another process may be writing
    manifest = result.result
    manifest_json = manifest.writable_manifest().to_dict(omit_none=False)
    return DbtProjectState(manifest_json, manifest, _without_tests(manifest), fingerprint)


def _without_tests(manifest: Any) -> Any:
    """What a build needs: most of a project's nodes are tests, and dbt draws the graph of all it
    is given with every command."""
    nodes = {
        unique_id: node
        for unique_id, node in manifest.nodes.items()
        if node.resource_type != NodeType.Test
    }
    return replace(manifest, nodes=nodes, unit_tests={})


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


def _definitions(nodes: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Seeds and staging views by relation: what is nothing but its definition."""
    return {
        f"{node['schema']}.{node['name']}": node
        for node in nodes.values()
        if node["resource_type"] in ("model", "seed")
        and _layer(node) == "staging"
        and node["config"]["materialized"] in ("view", "seed")
    }


def _parents_first(nodes: Mapping[str, Any], chosen: set[str]) -> Iterator[str]:
    """``chosen`` in the order of the graph, as Dagster wants the assets of one step."""
    parents = {
        unique_id: set(nodes[unique_id]["depends_on"]["nodes"])
        for unique_id in chosen
        if nodes[unique_id]["resource_type"] == "model"
    }
    order = TopologicalSorter(
        {unique_id: parents.get(unique_id, ()) for unique_id in sorted(chosen)}
    )
    return (unique_id for unique_id in order.static_order() if unique_id in chosen)


def run_dbt_layer(
    context: AssetExecutionContext, settings: Settings, layer: str, select: str
) -> Iterator[MaterializeResult | AssetCheckResult]:
    """Build a layer with dbt, or the assets of it that were asked for, and test what was built;
    yield what is there now and, for each asset, one check over all its tests; fail when dbt or
    a test failed.

    Seeds and views that are in the warehouse as the project has them are not built again, and
    what was asked of such seeds alone is not asked again.
    Tests that need another layer too run with the layer that completes their parents. What
    was built before an error is reported before failing.
    """
    state = parsed_project()
    nodes = state.manifest_json["nodes"]
    definitions = _definitions(nodes)
    are_built = are_definitions_built(settings, state.fingerprint, set(definitions))
    seeds = {one["unique_id"] for one in definitions.values() if one["resource_type"] == "seed"}
    skipped: list[str] = []
    command = ["build"]  # no tests: the manifest below has none
    if context.is_subset:
        select = " ".join(sorted(key.path[-1] for key in context.selected_asset_keys))
    elif layer == "staging" and are_built:
        skipped = [node["unique_id"] for node in definitions.values()]
        command += ["--exclude", "resource_type:seed", "fqn:plg.staging,config.materialized:view"]
    tests = compiled_tests(settings, state.manifest, state.fingerprint)
    if context.is_subset and not context.selected_asset_keys:  # a click on a check
        checks, outcomes = _checks(context, settings, layer, tests)
        yield from checks
        _fail_if([f"{o.name}: {o.message}" for o in outcomes if o.is_failure])
        return
    outcome = run_dbt(
        settings,
        [*QUICK, *command, "--select", *select.split()],
        manifest=state.without_tests,
    )
    if outcome.exception is not None:
        raise Failure(f"dbt stopped: {outcome.exception}")
    results = {
        r.node.unique_id: r
        for r in outcome.result.results
        if nodes.get(r.node.unique_id, {}).get("resource_type") in ("model", "seed")
    }
    built = {
        unique_id: result
        for unique_id, result in results.items()
        if str(result.status) == "success"
    }
    tables = _columns_and_rows(
        settings, [(nodes[unique_id]["schema"], nodes[unique_id]["name"]) for unique_id in built]
    )
    translator = PlgTranslator()
    for unique_id in _parents_first(nodes, {*skipped, *built}):
        node = nodes[unique_id]
        metadata: dict[str, Any] = {"note": "unchanged: not built again"}
        if unique_id in built:
            columns, count = tables[(node["schema"], node["name"])]
            metadata = _table_metadata(node, columns, count, built[unique_id].execution_time)
        yield MaterializeResult(asset_key=translator.get_asset_key(node), metadata=metadata)
    failures = [
        f"{result.node.name}: {result.message}"
        for result in results.values()
        if str(result.status) in _FAILED
    ]
    checks, outcomes = _checks(
        context,
        settings,
        layer,
        tests,
        not_built=results.keys() - built.keys(),
        unchanged=seeds & set(skipped),
    )
    failures += [f"{o.name}: {o.message}" for o in outcomes if o.is_failure]
    all_built = are_built or (layer == "staging" and not context.is_subset)
    # seeds that a test complains of are built and asked again
    all_passed = not failures and all(
        o.status == "pass" for o in outcomes if _reads_only(nodes[o.unique_id], seeds)
    )
    # seeds are read when they are built: edited since the parse, they are another project's
    if outcome.success and all_built and all_passed and project_fingerprint() == state.fingerprint:
        definitions_built(settings, state.fingerprint)
    yield from checks
    context.log.info(
        "dbt %s: %d models built, %d unchanged, %d tests run, %d failed",
        layer, len(built), len(skipped), len(outcomes), len(failures),
    )  # fmt: skip
    if not outcome.success and not failures:  # a hook, say: then nothing was built
        failures = [f"{r.node.name}: {r.message or r.status}" for r in outcome.result.results]
    _fail_if(failures)


def _fail_if(failures: Sequence[str]) -> None:
    if failures:
        # a line each: who runs it from the command line sees the first
        raise Failure("dbt failed: " + "\n".join(" ".join(one.split()) for one in failures))


def _checks(
    context: AssetExecutionContext,
    settings: Settings,
    layer: str,
    sql: Mapping[str, str],
    not_built: Set[str] = frozenset(),
    unchanged: Set[str] = frozenset(),
) -> tuple[list[AssetCheckResult], list[TestOutcome]]:
    """The checks asked for and the outcomes of their tests, ``sql`` by unique id. A test waits
    when something it reads was not built just now, or never was; it is not asked again when all
    it reads is ``unchanged`` since it passed."""
    nodes = parsed_project().manifest_json["nodes"]
    there = relations_in(settings)

    def is_able(test: str) -> bool:
        parents = [nodes[p] for p in nodes[test]["depends_on"]["nodes"] if p in nodes]
        return all(
            p["unique_id"] not in not_built and f"{p['schema']}.{p['name']}" in there
            for p in parents
        )

    able = {
        asset_key: [test for test in tests if is_able(test)]
        for asset_key, tests in tests_by_asset(layer).items()
        if AssetCheckKey(asset_key, TESTS_CHECK) in context.selected_asset_check_keys
    }
    wanted = [nodes[test] for tests in able.values() for test in tests]
    answered = [test for test in wanted if _reads_only(test, unchanged)]
    outcomes = run_tests(settings, [test for test in wanted if test not in answered], sql)
    by_test = {outcome.unique_id: outcome for outcome in outcomes} | {
        test["unique_id"]: TestOutcome(test["unique_id"], test["name"], "pass", 0, None)
        for test in answered
    }
    checks = [
        _check_of_tests(asset_key, [by_test[test] for test in tests])
        for asset_key, tests in able.items()
        if tests
    ]
    return checks, outcomes


def _reads_only(test: Mapping[str, Any], unique_ids: Set[str]) -> bool:
    parents = set(test["depends_on"]["nodes"])
    return bool(parents) and parents <= unique_ids


def _check_of_tests(asset_key: AssetKey, outcomes: list[TestOutcome]) -> AssetCheckResult:
    """One check for all dbt tests of an asset: an event a test would cost a run its minute."""
    wrong = [outcome for outcome in outcomes if outcome.status != "pass"]
    return AssetCheckResult(
        asset_key=asset_key,
        check_name=TESTS_CHECK,
        passed=not wrong,
        severity=AssetCheckSeverity.ERROR
        if any(outcome.is_failure for outcome in wrong)
        else AssetCheckSeverity.WARN,
        metadata={
            "tests": len(outcomes),
            "not_passed": MetadataValue.json(
                [
                    {
                        "test": outcome.name,
                        "status": outcome.status,
                        "failing_rows": outcome.failures,
                        "message": outcome.message,
                    }
                    for outcome in wrong
                ]
            ),
        },
    )
