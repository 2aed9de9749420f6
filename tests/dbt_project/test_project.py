"""What the project promises about itself: layers, documentation, names, sources."""

from pathlib import Path

import pytest
import yaml

from ingestion.lake_schema import DATASETS
from warehouse.settings import PROJECT_ROOT

MODELS_DIR = PROJECT_ROOT / "models"
SEEDS_DIR = PROJECT_ROOT / "seeds"
# some are Python: the probabilistic linkage, the milestone discovery, the evaluation of experiments
MODEL_FILES = sorted([*MODELS_DIR.rglob("*.sql"), *MODELS_DIR.rglob("*.py")])

# what a layer may read; forward only
MAY_READ = {
    "staging": {"raw", "seeds", "staging"},
    "identity": {"seeds", "staging", "identity"},
    "core": {"raw", "seeds", "staging", "identity", "core"},
    "marts": {"seeds", "identity", "core", "marts"},
    "syncs": {"seeds", "identity", "core", "marts", "syncs"},
}


def layer_of(node: dict) -> str:
    if node["resource_type"] == "seed":
        return "seeds"
    if node["resource_type"] == "source":
        return "raw"
    return node["fqn"][1]


def test_dbt_sees_exactly_the_models_in_the_folder(project):
    # with the wrong kind of project a run is green with zero models built
    assert sorted(project.models) == sorted(path.stem for path in MODEL_FILES)
    assert len(MODEL_FILES) > 50


def test_dbt_sees_exactly_the_seeds_in_the_folder(project):
    seeds = {n["name"] for n in project.manifest["nodes"].values() if n["resource_type"] == "seed"}
    assert seeds == {path.stem for path in SEEDS_DIR.glob("*.csv")}


@pytest.mark.parametrize("path", MODEL_FILES, ids=lambda path: path.stem)
def test_every_model_has_its_yaml_beside_it(path: Path):
    described = path.with_suffix(".yml")
    assert described.is_file(), f"{described.relative_to(MODELS_DIR.parent)} is missing"
    document = yaml.safe_load(described.read_text())
    assert [model["name"] for model in document["models"]] == [path.stem]


def test_every_description_begins_with_the_grain(project):
    vague = [
        name
        for name, node in project.models.items()
        if not node["description"].strip().startswith("One row per ")
    ]
    assert vague == []


def test_every_model_names_its_grain_and_owner(project):
    lacking = [
        name
        for name, node in project.models.items()
        if not node["config"]["meta"].get("grain") or not node["config"]["meta"].get("owner")
    ]
    assert lacking == []


def test_every_column_of_every_model_is_described(project):
    import duckdb

    with duckdb.connect(str(project.settings.warehouse_path), read_only=True) as warehouse:
        columns = warehouse.execute(
            "select schema_name, table_name, column_name from duckdb_columns()"
        ).fetchall()
    actual: dict[tuple[str, str], set[str]] = {}
    for schema, table, column in columns:
        actual.setdefault((schema, table), set()).add(column)
    wrong = []
    for name, node in project.models.items():
        if node["config"]["materialized"] == "ephemeral":
            continue
        described = {c["name"] for c in node["columns"].values() if c["description"].strip()}
        differing = described ^ actual[node["schema"], node["alias"]]
        if differing:
            wrong.append(f"{name}: {', '.join(sorted(differing))}")
    assert wrong == []


def test_configuration_is_in_yaml_never_in_sql():
    offending = [path.stem for path in MODEL_FILES if "config(" in path.read_text()]
    assert offending == []


def test_layers_read_only_what_lies_before_them(project):
    nodes = {**project.manifest["nodes"], **project.manifest["sources"]}
    wrong = []
    for name, node in project.models.items():
        for parent in node["depends_on"]["nodes"]:
            if layer_of(nodes[parent]) not in MAY_READ[layer_of(node)]:
                wrong.append(f"{name} ({layer_of(node)}) reads {nodes[parent]['name']}")
    assert wrong == []


def test_core_reads_raw_for_the_clock_only(project):
    nodes = {**project.manifest["nodes"], **project.manifest["sources"]}
    readers = {
        (name, nodes[parent]["name"])
        for name, node in project.models.items()
        if layer_of(node) == "core"
        for parent in node["depends_on"]["nodes"]
        if layer_of(nodes[parent]) == "raw"
    }
    assert readers == {("dim_as_of", "pipeline_clock")}


def test_a_mart_reads_only_public_models_of_another_mart(project):
    wrong = []
    for name, node in project.models.items():
        if layer_of(node) != "marts":
            continue
        for parent in node["depends_on"]["nodes"]:
            other = project.manifest["nodes"].get(parent, {})
            if other.get("resource_type") != "model" or layer_of(other) != "marts":
                continue
            if other["fqn"][2] != node["fqn"][2] and not other["name"].startswith(("fct_", "dim_")):
                wrong.append(f"{name} reads {other['name']}")
    assert wrong == []


def test_the_lakes_events_are_read_by_staging_only_and_stored_incrementally(project):
    """Everything that stores rows read from the lake's events replaces received days only."""
    source = "source.plg.raw.events"
    views = {
        node["unique_id"]
        for node in project.models.values()
        if source in node["depends_on"]["nodes"] and node["config"]["materialized"] == "view"
    }
    for name, node in project.models.items():
        if {source, *views} & set(node["depends_on"]["nodes"]):
            assert layer_of(node) == "staging", name
            if node["unique_id"] not in views:
                assert node["config"]["incremental_strategy"] == "replace_received_days", name
                assert "received_days_to_build()" in node["raw_code"], name
                assert f"'{name}'" in project.models["stg_events__build_state"]["raw_code"], name


@pytest.mark.parametrize("layer", ["core", "marts", "syncs"])
def test_public_models_have_an_enforced_contract(project, layer):
    without = [
        name
        for name, node in project.models.items()
        if layer_of(node) == layer
        and not name.startswith("int_")
        and not node["contract"]["enforced"]
    ]
    assert without == []


def test_every_public_table_has_a_test_of_its_grain(project):
    tested = set()
    for node in project.manifest["nodes"].values():
        metadata = node.get("test_metadata") or {}
        if metadata.get("name") == "keys" and metadata["kwargs"].get("unique_by"):
            tested.add(node["attached_node"])
    without = [
        name
        for name, node in project.models.items()
        if layer_of(node) in ("identity", "core", "marts", "syncs")
        and not name.startswith("int_")
        and node["config"]["materialized"] != "view"
        and node["unique_id"] not in tested
    ]
    assert without == []


def test_the_sources_are_the_lakes_datasets(project):
    described = {
        node["name"]: {c["name"]: c["data_type"].upper() for c in node["columns"].values()}
        for node in project.manifest["sources"].values()
    }
    assert described == {name: dict(columns) for name, columns in DATASETS.items()}


def test_a_model_is_in_the_schema_of_its_folder(project):
    wrong = []
    for name, node in project.models.items():
        folder = node["fqn"][2] if node["fqn"][1] == "marts" else node["fqn"][1]
        if node["schema"] != folder:
            wrong.append(f"{name} is in {node['schema']}, its folder is {folder}")
    assert wrong == []
