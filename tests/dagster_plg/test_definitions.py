"""The asset graph: complete, described, in the order of the flow."""

import json
import os
import time
from pathlib import Path

import pytest
from dagster import (
    AssetKey,
    DagsterInstance,
    build_schedule_context,
    build_sensor_context,
    instance_for_test,
)

from dagster_plg.resources import Installation
from reverse_etl.specs import load_specs
from warehouse.settings import PROJECT_ROOT

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def definitions(tmp_path_factory):
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("PLG_HOME", str(tmp_path_factory.mktemp("dagster")))
    from dagster_plg import definitions

    yield definitions
    monkeypatch.undo()


@pytest.fixture(scope="module")
def graph(definitions):
    return definitions.defs.resolve_asset_graph()


def test_every_model_and_seed_is_an_asset(graph):
    models = {path.stem for path in (PROJECT_ROOT / "models").rglob("*.sql")}
    seeds = {path.stem for path in (PROJECT_ROOT / "seeds").rglob("*.csv")}
    assets = {key.path[-1] for key in graph.get_all_asset_keys()}
    assert models | seeds <= assets
    assert len(models) > 80


def test_every_asset_says_what_it_is_whose_it_is_and_where_it_belongs(graph):
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.owners, key
        assert node.kinds, key
        assert node.group_name == key.path[0], key


def test_the_graph_leads_from_every_source_to_every_crm_object(graph):
    crm = [key for key in graph.get_all_asset_keys() if key.path[0] in ("salesforce", "hubspot")]
    declared = [s for s in load_specs().values() if s.destination in ("salesforce", "hubspot")]
    assert len(crm) == len(declared) > 5
    for key in crm:
        upstream = ancestors(graph, key)
        assert AssetKey(["landing", "product_events"]) in upstream, key
        assert AssetKey(["landing", "stripe"]) in upstream, key
        assert AssetKey(["published", "plg"]) in upstream, key


def ancestors(graph, key: AssetKey) -> set[AssetKey]:
    found: set[AssetKey] = set()
    waiting = [key]
    while waiting:
        for parent in graph.get(waiting.pop()).parent_keys:
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found


def test_each_data_test_runs_in_one_layer_after_all_its_parents(definitions):
    from dagster_plg.dbt_project import parsed_project
    from dagster_plg.layers import LAYERS
    from warehouse.dbt import run_dbt
    from warehouse.settings import Settings

    state = parsed_project()
    nodes = state.manifest_json["nodes"]
    done: set[str] = set()
    tested: list[str] = []
    for select, _ in LAYERS.values():
        listed = run_dbt(
            Settings(),
            ["--quiet", "ls", "--select", *select.split(), "--indirect-selection", "buildable",
             "--exclude-resource-type", "unit_test", "--output", "json",
             "--output-keys", "unique_id"],
            manifest=state.manifest,
        )  # fmt: skip
        here = {json.loads(line)["unique_id"] for line in listed.result}
        done |= {node for node in here if node.startswith(("model.", "seed."))}
        tests = [node for node in here if node.startswith("test.")]
        tested += tests
        for test in tests:
            parents = {p for p in nodes[test]["depends_on"]["nodes"] if not p.startswith("source.")}
            assert parents <= done, test
    all_tests = {key for key, node in nodes.items() if node["resource_type"] == "test"}
    assert set(tested) == all_tests
    models = {key for key, node in nodes.items() if node["resource_type"] in ("model", "seed")}
    assert done == models


def test_the_nightly_run_is_skipped_while_one_is_on():
    from dagster import DagsterRun, DagsterRunStatus

    from dagster_plg.automation import every_night, nightly

    with instance_for_test() as instance:
        context = build_schedule_context(instance=instance)
        assert every_night(context).run_config == {}
        instance.add_run(DagsterRun(job_name=nightly.name, status=DagsterRunStatus.STARTED))
        assert "not finished" in every_night(context).skip_message


def test_the_landing_sensor_waits_until_files_have_stopped_growing(
    definitions, tmp_path, monkeypatch
):
    from dagster_plg.automation import landing_folder

    monkeypatch.setenv("PLG_HOME", str(tmp_path))
    landing = tmp_path / "landing"
    landing.mkdir()

    with DagsterInstance.ephemeral() as instance:

        def look(cursor):
            context = build_sensor_context(
                instance=instance, cursor=cursor, resources={"installation": Installation()}
            )
            answer = landing_folder(context)
            return answer, context.cursor

        (landing / "a.jsonl").write_text("{}\n")
        answer, cursor = look(None)
        assert "arriving" in answer.skip_message
        Path(landing / "a.jsonl").write_text("{}\n{}\n")
        answer, cursor = look(cursor)
        assert "arriving" in answer.skip_message
        answer, cursor = look(cursor)
        assert answer.run_key
        answer, cursor = look(cursor)
        assert "nothing new" in answer.skip_message


def test_a_file_nobody_writes_to_any_more_is_built_at_the_first_look(tmp_path, monkeypatch):
    from dagster_plg.automation import SETTLED_SECONDS, hot_pqls

    monkeypatch.setenv("PLG_HOME", str(tmp_path))
    (tmp_path / "landing").mkdir()
    file = tmp_path / "landing" / "a.jsonl"
    file.write_text("{}\n")
    long_ago = time.time() - SETTLED_SECONDS - 1
    os.utime(file, (long_ago, long_ago))
    with DagsterInstance.ephemeral() as instance:
        context = build_sensor_context(
            instance=instance, resources={"installation": Installation()}
        )
        assert hot_pqls(context).run_key


@pytest.mark.parametrize("job", ["nightly", "as_it_happens", "ingest_and_build"])
def test_nothing_starts_by_itself_while_a_main_job_is_at_work(job, tmp_path, monkeypatch):
    from dagster import DagsterRun, DagsterRunStatus

    from dagster_plg.automation import every_15_minutes, hot_pqls

    monkeypatch.setenv("PLG_HOME", str(tmp_path))
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "a.jsonl").write_text("{}\n")
    with instance_for_test() as instance:
        schedule = build_schedule_context(instance=instance)
        assert every_15_minutes(schedule).run_config == {}
        instance.add_run(DagsterRun(job_name=job, status=DagsterRunStatus.STARTED))
        assert f"a run of {job}" in every_15_minutes(schedule).skip_message
        sensor = build_sensor_context(instance=instance, resources={"installation": Installation()})
        for _ in range(2):  # also once the file has settled
            answer = hot_pqls(sensor)
        assert f"a run of {job}" in answer.skip_message


def test_what_cannot_wait_is_synced_as_it_happens_after_what_it_points_at(definitions, graph):
    keys = {
        job: {
            "_".join(key.path)
            for key in definitions.defs.resolve_job_def(job).asset_layer.executable_asset_keys
        }
        for job in ("as_it_happens", "ingest_and_build")
    }
    syncs = set(load_specs())
    assert not syncs & keys["ingest_and_build"]
    now = syncs & keys["as_it_happens"]
    assert {"salesforce_pqls", "hubspot_pqls", "slack_hot_pqls", "salesforce_accounts"} <= now
    assert {n for n, spec in load_specs().items() if spec.cadence != "nightly"} <= now
    assert {name for spec in map(load_specs().get, now) for name in spec.depends_on} <= now
    assert "csv_revenue_recognition" not in now
