"""The dbt project as Dagster sees it: parsed once, run in this process.

A dbt subprocess costs about four seconds of imports for each layer, so the layers
share this process, and one parsed manifest.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC
from functools import cache
from graphlib import TopologicalSorter
from types import MappingProxyType
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
from dbt.artifacts.resources import DependsOn

from warehouse.dbt import DBT_PROJECT_DIR, QUICK, RunningDbt, run_dbt, running_dbt
from warehouse.dbt_builds import LayerBuilds, Note, layer_builds
from warehouse.dbt_state import (
    are_definitions_built,
    definitions_built,
    project_fingerprint,
    relations_in,
)
from warehouse.dbt_tests import (
    TestOutcome,
    TestsBeside,
    compiled_tests,
    run_tests,
    tests_beside,
)
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
    cut to each layer, and the fingerprint of the files it was parsed from."""

    manifest_json: dict[str, Any]
    manifest: Any = field(repr=False)
    by_layer: dict[str, Any] = field(repr=False)
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
    by_layer = {
        layer: _cut_to_layer(manifest, manifest_json["nodes"], layer) for layer in LAYER_ORDER
    }
    return DbtProjectState(manifest_json, manifest, by_layer, fingerprint)


def _cut_to_layer(manifest: Any, nodes: Mapping[str, Any], layer: str) -> Any:
    """What a build of ``layer`` needs of dbt's manifest: its models and the project's hooks, and
    what the models read, without what stands behind that. dbt draws the graph of all it is given
    with every command, and two thirds of a project are tests."""
    here = {
        unique_id
        for unique_id, node in nodes.items()
        if node["resource_type"] == "operation"
        or (node["resource_type"] in ("model", "seed") and _layer(node) == layer)
    }
    read = {parent for one in here for parent in nodes[one]["depends_on"].get("nodes", ())}
    kept = {unique_id: manifest.nodes[unique_id] for unique_id in here}
    for unique_id in (read - here) & manifest.nodes.keys():
        kept[unique_id] = copy(manifest.nodes[unique_id])
        if hasattr(kept[unique_id].depends_on, "nodes"):
            kept[unique_id].depends_on = DependsOn()
    return replace(manifest, nodes=kept, unit_tests={}, exposures={})


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
    connection: duckdb.DuckDBPyConnection, schema: str, name: str, is_view: bool
) -> tuple[list[tuple[str, str]], int | None]:
    """Columns of a relation, and the row count of a table (of a view it would be a scan)."""
    relation = connection.table(f'"{schema}"."{name}"')
    columns = [(c, str(t)) for c, t in zip(relation.columns, relation.types, strict=True)]
    if is_view:
        return columns, None
    # all rows fetched: a result left open keeps what follows at the state of now
    ((count,),) = connection.execute(f'select count(*) from "{schema}"."{name}"').fetchall()
    return columns, count


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


def _take_ready(nodes: Mapping[str, Any], waiting: list[str], building: Set[str]) -> list[str]:
    """Take from ``waiting``, parents first, what stands on nothing that is still ``building``."""
    ready: list[str] = []
    held = set(building)
    for unique_id in waiting.copy():
        if held.isdisjoint(nodes[unique_id]["depends_on"].get("nodes", ())):
            ready.append(unique_id)
            waiting.remove(unique_id)
        else:
            held.add(unique_id)
    return ready


def _unchanged(key: AssetKey, note: Note | None = None) -> MaterializeResult:
    metadata: dict[str, Any] = {"note": "unchanged: not built again"}
    if note is not None:
        metadata["built_at"] = MetadataValue.timestamp(note.built_at.replace(tzinfo=UTC))
        if note.count_rows is not None:
            metadata["dagster/row_count"] = note.count_rows
    return MaterializeResult(asset_key=key, metadata=metadata)


def run_dbt_layer(
    context: AssetExecutionContext, settings: Settings, layer: str, select: str
) -> Iterator[MaterializeResult | AssetCheckResult]:
    """Build a layer with dbt, or the assets of it that were asked for, and test what was built;
    yield what is there now and, for each asset, one check over all its tests; fail when dbt or
    a test failed.

    Seeds and views that are in the warehouse as the project has them are not built again, nor are
    models of which nothing changed (`warehouse.dbt_builds`), unless they were asked for; and
    what was asked of unchanged data alone is not asked again.
    Tests that need another layer too run with the layer that completes their parents. What
    was built before an error is reported before failing.
    """
    _look_up_outputs_once(context)
    state = parsed_project()
    nodes = state.manifest_json["nodes"]
    definitions = _definitions(nodes)
    builds_definitions = layer == "staging"
    are_built = builds_definitions and are_definitions_built(
        settings, state.fingerprint, set(definitions)
    )
    skipped: list[str] = []
    command = ["build"]  # no tests: the manifest below has none
    if context.is_subset:
        select = " ".join(sorted(key.path[-1] for key in context.selected_asset_keys))
    elif are_built:
        skipped = [node["unique_id"] for node in definitions.values()]
        command += ["--exclude", "resource_type:seed", "fqn:plg.staging,config.materialized:view"]
    keeps_definitions = bool(skipped) or not builds_definitions
    command += ["--vars", f"{{keeps_notes: true, keeps_definitions: {keeps_definitions}}}"]
    tests = compiled_tests(settings, state.manifest, state.fingerprint)
    if context.is_subset and not context.selected_asset_keys:  # a click on a check
        checks, outcomes = _checks(context, settings, layer, tests)
        yield from checks
        _fail_if([f"{o.name}: {o.message}" for o in outcomes if o.is_failure])
        return
    translator = PlgTranslator()
    chosen = {
        unique_id
        for unique_id, node in nodes.items()
        if node["resource_type"] == "model"
        and _layer(node) == layer
        and translator.get_asset_key(node) in context.selected_asset_keys
    }.difference(skipped)
    arguments = [*QUICK, *command, "--select", *select.split()]
    together = getattr(context.instance.event_log_storage, "together", nullcontext)
    with layer_builds(settings, nodes, state.fingerprint, chosen, context.is_subset) as builds:
        # seeds that are built now may not be what they were: asked again
        unchanged_seeds = set(skipped) & _seeds(nodes)
        answered = _answered(context, nodes, layer, unchanged_seeds)
        running = running_dbt(settings, arguments, state.by_layer[layer], builds)
        # a test shall not read a seed or view that is being replaced
        waiting = _tests_waiting(context, settings, layer, chosen) if keeps_definitions else {}
        with tests_beside(settings, nodes, tests, waiting, builds.has_passed) as beside:
            outcome, failed = yield from _built(
                running, builds, skipped, _checks_of(answered), together, beside
            )
            not_built = (chosen - builds.notes.keys()) | failed.keys()
            checks, outcomes = _checks(
                context, settings, layer, tests, not_built, answered, builds, beside.outcomes()
            )
        builds.put_back({o.unique_id: o.status == "pass" for o in outcomes})
    failures = [f"{nodes[one]['name']}: {message}" for one, message in failed.items()]
    failures += [f"{o.name}: {o.message}" for o in outcomes if o.is_failure]
    # seeds that a test complains of are built and asked again
    all_passed = not failures and all(
        o.status == "pass" for o in outcomes if _reads_only(nodes[o.unique_id], _seeds(nodes))
    )
    all_built = builds_definitions and (are_built or not context.is_subset)
    # seeds are read when they are built: edited since the parse, they are another project's
    if (
        outcome.success and all_built and all_passed and not skipped
        and project_fingerprint() == state.fingerprint
    ):  # fmt: skip
        definitions_built(settings, state.fingerprint)
    with together():
        yield from checks
    context.log.info(
        "dbt %s: %d models built, %d unchanged, %d tests, %d failed",
        layer, len(builds.notes) - len(builds.left_alone), len(skipped) + len(builds.left_alone),
        len(outcomes), len(failures),
    )  # fmt: skip
    if not outcome.success and not failures:  # a hook, say: then nothing was built
        failures = [f"{r.node.name}: {r.message or r.status}" for r in outcome.result.results]
    _fail_if(failures)


def _look_up_outputs_once(context: AssetExecutionContext) -> None:
    """Dagster goes through all assets of a step with each of them that is yielded, to see that they
    come parents first: a layer of 200 would be looked up 40,000 times."""
    step = context.get_step_execution_context()
    keys = step.get_output_asset_keys()
    step.get_output_asset_keys = lambda: keys


def _seeds(nodes: Mapping[str, Any]) -> set[str]:
    return {unique_id for unique_id, node in nodes.items() if node["resource_type"] == "seed"}


def _built(
    running: AbstractContextManager[RunningDbt],
    builds: LayerBuilds,
    skipped: Sequence[str],
    checks: Iterator[AssetCheckResult],
    together: Callable[[], AbstractContextManager],
    beside: TestsBeside,
) -> Generator[MaterializeResult | AssetCheckResult, None, tuple[Any, dict[str, str]]]:
    """Yield what dbt built or left alone, parents first, with ``skipped`` and ``checks`` that are
    known already while dbt is at work, those ``together``; tests run ``beside``. Return dbt's
    outcome and what failed."""
    nodes = builds.nodes
    translator = PlgTranslator()
    waiting = list(_parents_first(nodes, set(skipped)))
    building = set(builds.chosen)
    failed: dict[str, str] = {}
    with running as dbt, builds.connection.cursor() as cursor:
        for one in dbt:
            # Dagster is told of a model after its parents
            with together():
                for unique_id in _take_ready(nodes, waiting, building):
                    yield _unchanged(translator.get_asset_key(nodes[unique_id]))
                yield from checks
            building.discard(one.unique_id)
            if one.unique_id in builds.notes and one.status not in _FAILED:
                beside.built(one.unique_id)
            node = nodes.get(one.unique_id, {})
            if node.get("resource_type") not in ("model", "seed"):
                continue  # a hook
            if one.status in _FAILED:
                failed[one.unique_id] = one.message
            elif one.unique_id in builds.left_alone:
                yield _unchanged(translator.get_asset_key(node), builds.notes[one.unique_id])
            elif one.status == "success":
                is_view = node["config"]["materialized"] == "view"
                columns, count = _columns_and_rows(cursor, node["schema"], node["name"], is_view)
                yield MaterializeResult(
                    asset_key=translator.get_asset_key(node),
                    metadata=_table_metadata(node, columns, count, one.seconds),
                )
        outcome = dbt.outcome
    with together():
        for unique_id in waiting:
            yield _unchanged(translator.get_asset_key(nodes[unique_id]))
        yield from checks
    if outcome.exception is not None:
        raise Failure(f"dbt stopped: {outcome.exception}")
    return outcome, failed


def _fail_if(failures: Sequence[str]) -> None:
    if failures:
        # a line each: who runs it from the command line sees the first
        raise Failure("dbt failed: " + "\n".join(" ".join(one.split()) for one in failures))


def _answered(
    context: AssetExecutionContext, nodes: Mapping[str, Any], layer: str, unchanged: Set[str]
) -> dict[AssetKey, list[TestOutcome]]:
    """The passed tests of assets of which all that is asked is asked of ``unchanged`` nodes."""
    return {
        asset_key: [TestOutcome(test, nodes[test]["name"], "pass", 0, None) for test in tests]
        for asset_key, tests in tests_by_asset(layer).items()
        if AssetCheckKey(asset_key, TESTS_CHECK) in context.selected_asset_check_keys
        and all(_reads_only(nodes[test], unchanged) for test in tests)
    }


def _checks_of(outcomes: Mapping[AssetKey, list[TestOutcome]]) -> Iterator[AssetCheckResult]:
    return (_check_of_tests(asset_key, tests) for asset_key, tests in outcomes.items())


def _checks(
    context: AssetExecutionContext,
    settings: Settings,
    layer: str,
    sql: Mapping[str, str],
    not_built: Set[str] = frozenset(),
    answered: Mapping[AssetKey, list[TestOutcome]] = MappingProxyType({}),
    builds: LayerBuilds | None = None,
    done: Mapping[str, TestOutcome] = MappingProxyType({}),
) -> tuple[list[AssetCheckResult], list[TestOutcome]]:
    """The checks asked for, but for those ``answered``, and the outcomes of their tests, ``sql`` by
    unique id. A test waits when something it reads was not built just now, or never was. Not asked
    again: what is ``done``, and what passed on the very same data, by the notes of ``builds``."""
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
        and asset_key not in answered
    }
    asked = [test for tests in able.values() for test in tests]
    left = [test for test in asked if test not in done]
    passed = {test for test in left if builds is not None and builds.has_passed(test)}
    outcomes = run_tests(settings, [nodes[test] for test in left if test not in passed], sql)
    outcomes += [TestOutcome(test, nodes[test]["name"], "pass", 0, None) for test in passed]
    outcomes += [done[test] for test in asked if test in done]
    by_test = {outcome.unique_id: outcome for outcome in outcomes}
    by_asset = {asset_key: [by_test[test] for test in tests] for asset_key, tests in able.items()}
    return list(_checks_of({key: found for key, found in by_asset.items() if found})), outcomes


def _tests_waiting(
    context: AssetExecutionContext, settings: Settings, layer: str, chosen: Set[str]
) -> dict[str, set[str]]:
    """The layer's tests that can run while it is built, each with the ``chosen`` models it reads:
    all else that it reads is there and stays as it is."""
    nodes = parsed_project().manifest_json["nodes"]
    there = relations_in(settings)
    waiting: dict[str, set[str]] = {}
    for asset_key, tests in tests_by_asset(layer).items():
        if AssetCheckKey(asset_key, TESTS_CHECK) not in context.selected_asset_check_keys:
            continue
        for test in tests:
            parents = {p for p in nodes[test]["depends_on"]["nodes"] if p in nodes}
            if parents & chosen and all(
                f"{nodes[p]['schema']}.{nodes[p]['name']}" in there for p in parents - chosen
            ):
                waiting[test] = parents & chosen
    return waiting


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
