"""The same models on another engine: every model's SQL can be said in Spark's dialect."""

import re
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from warehouse.settings import PROJECT_ROOT

MODELS_DIR = PROJECT_ROOT / "models"
MODEL_FILES = sorted(MODELS_DIR.rglob("*.sql"))

# Functions sqlglot has no node for and passes through by name: all of them are Spark's own.
SPARK_FUNCTIONS = {"timestamp_micros"}

# DuckDB's own, written by dispatched macros only: on Spark their spark__ half is used instead.
BEHIND_DISPATCH = {"generate_subscripts", "jaro_winkler_similarity", "list_sum", "list_zip"}

ONE_ENGINE_ONLY = (
    r"with recursive|as materialized|\bread_[a-z]+\(|\bunnest\(|\blist_[a-z_]+\(|\barray_[a-z_]+\("
    r"|\bgenerate_subscripts\("
)


def transpiled(project, name: str) -> str:
    code = project.models[name]["compiled_code"]
    return sqlglot.transpile(
        code, read="duckdb", write="spark", unsupported_level=sqlglot.ErrorLevel.RAISE
    )[0]


def test_every_model_was_compiled(project):
    compiled = [
        name
        for name, node in project.models.items()
        if node.get("compiled_code") and node["language"] == "sql"
    ]
    assert sorted(compiled) == sorted(path.stem for path in MODEL_FILES)


@pytest.mark.parametrize("name", [path.stem for path in MODEL_FILES])
def test_a_model_can_be_said_in_spark_sql(project, name):
    spark_sql = transpiled(project, name)
    tree = sqlglot.parse_one(spark_sql, read="spark")
    unknown = {function.name.lower() for function in tree.find_all(exp.Anonymous)} - SPARK_FUNCTIONS
    unknown -= BEHIND_DISPATCH
    assert unknown == set(), "functions Spark may not have"


@pytest.mark.parametrize("path", MODEL_FILES, ids=lambda path: path.stem)
def test_a_model_has_no_recursion_and_no_hint_of_one_engine(path: Path):
    text = path.read_text().lower()
    found = re.findall(ONE_ENGINE_ONLY, text)
    assert found == [], "belongs behind a dispatched macro in dbt_project/macros"


def test_a_python_model_is_built_only_where_the_adapter_runs_it_and_read_through_a_macro(project):
    """Elsewhere the model does not exist, and its one reader selects nothing instead."""
    python = {name: node for name, node in project.models.items() if node["language"] == "python"}
    assert set(python) == {
        "int_identity__linkage_pairs",
        "int_activation__discovery",
        "int_experiments__results",
        "int_attribution__removal_effects",
        "int_economics__cohort_irr",
        "int_pql__backtest",
        "int_pql__bias",
        "int_pql__criteria",
        "int_pql__drift",
        "int_pql__recalibration",
        "int_pql__expansion_items",
        "int_pql__handoff_log",
        "int_health__backtest",
    }
    for name, node in python.items():
        assert node["unrendered_config"]["enabled"] == "{{ target.type == 'duckdb' }}"
        readers = [
            model["raw_code"]
            for model in project.models.values()
            if node["unique_id"] in model["depends_on"]["nodes"]
        ]
        assert readers and not any(name in code for code in readers)


def test_every_dispatched_macro_has_a_spark_implementation(project):
    names = {
        macro["name"]
        for macro in project.manifest["macros"].values()
        if macro["package_name"] == "plg"
    }
    dispatched = {name.removeprefix("default__") for name in names if name.startswith("default__")}
    assert dispatched
    assert {name for name in dispatched if f"spark__{name}" not in names} == set()
