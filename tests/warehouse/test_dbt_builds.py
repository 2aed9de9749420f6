"""What is left alone because nothing it was built from has changed: `warehouse.dbt_builds`.

Two tables in a row, ``one`` from the raw dataset and ``two`` from ``one``; what dbt would run is
run here by hand.
"""

import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from warehouse.dbt import kept_open
from warehouse.dbt_builds import RAW_VERSIONS, is_as_left, layer_builds, writing
from warehouse.settings import Settings

ONE, TWO, RULES, RAW = "model.plg.one", "model.plg.two", "seed.plg.rules", "source.plg.raw.data"
VIEW, TEST, PYTHON = "model.plg.seen", "test.plg.two_is_right", "model.plg.in_python"
LAYER = [ONE, TWO, VIEW, PYTHON]


def node(unique_id: str, kind: str, *parents: str, language: str = "sql") -> dict:
    return {
        "unique_id": unique_id,
        "schema": "core",
        "name": unique_id.split(".")[-1],
        "language": language,
        "config": {"materialized": kind},
        "depends_on": {"nodes": list(parents)},
    }


NODES = {
    RULES: node(RULES, "seed"),
    VIEW: node(VIEW, "view", RAW),
    ONE: node(ONE, "table", VIEW, RULES),
    TWO: node(TWO, "table", ONE),
    TEST: node(TEST, "test", TWO),
    PYTHON: node(PYTHON, "table", ONE, language="python"),
}
BUILD = {
    VIEW: "create or replace view core.seen as select * from raw.data",
    ONE: "create or replace table core.one as select n % 2 as n from core.seen, core.rules",
    TWO: "create or replace table core.two as select n + 1 as n from core.one",
    PYTHON: "create or replace table core.in_python as select n from core.one",
}


def run(settings: Settings, *statements: str) -> None:
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        for statement in statements:
            connection.execute(statement)


def version_is(version: str) -> str:
    return (
        f"create or replace view {RAW_VERSIONS} as select 'data' as dataset, '{version}' as version"
    )


@pytest.fixture
def settings(tmp_path) -> Settings:
    settings = Settings(home=tmp_path, _env_file=None)
    with kept_open(settings):
        run(
            settings,
            "create schema raw; create schema core; create schema internal",
            "create table raw.data as select 1 as n",
            "create table core.rules as select 1 as rule",
            version_is("first"),
        )
    return settings


def night(
    settings: Settings,
    project: str = "p1",
    chosen: list[str] = LAYER,
    asked_for: bool = False,
    fails: str | None = None,
) -> set[str]:
    """Build the layer as dbt would, up to what ``fails``; the names of what was built or tested."""
    done = set()
    with (
        kept_open(settings),
        layer_builds(settings, NODES, project, chosen, asked_for) as builds,
    ):
        for model in (VIEW, ONE, TWO, PYTHON):
            if model not in chosen or builds.leaves_alone(model):
                continue
            if model == fails:
                break
            builds.connection.cursor().execute(BUILD[model])
            builds.built(model, BUILD[model])
            done.add(model)
        if not builds.has_passed(TEST):
            done.add(TEST)
        builds.put_back({TEST: fails is None})
    return done


def land(settings: Settings, number: int, version: str) -> None:
    with writing(settings):
        run(
            settings,
            f"insert into raw.data values ({number})",
            version_is(version),
        )


def test_the_first_night_builds_all_and_the_second_what_nobody_can_know(settings):
    assert night(settings) == {*LAYER, TEST}
    assert night(settings) == {PYTHON}


def test_new_rows_reach_all_that_stands_on_them(settings):
    night(settings)
    land(settings, 2, "second")
    assert night(settings) == {ONE, TWO, PYTHON, TEST}


def test_a_table_that_comes_out_the_same_stops_the_change(settings):
    land(settings, 1, "second")
    night(settings)
    with writing(settings):  # the raw data changes, and none of what is made of it
        run(settings, "update raw.data set n = n + 2", version_is("third"))
    assert night(settings) == {ONE, PYTHON}


def test_one_row_twice_is_not_no_row(settings):
    night(settings)
    land(settings, 1, "second")
    land(settings, 1, "third")
    assert TWO in night(settings)


def test_another_project_builds_all(settings):
    night(settings)
    assert night(settings, project="p2") == {*LAYER, TEST}


@pytest.mark.parametrize("change", [{"product_line": "another"}, {"target": "spark"}])
def test_other_settings_build_all(settings, change):
    night(settings)
    assert night(settings.model_copy(update=change)) == {*LAYER, TEST}


def test_a_raw_table_with_another_column_builds_all(settings):
    night(settings)
    with writing(settings):
        run(settings, "alter table raw.data add column extra integer")
    assert night(settings) == {*LAYER, TEST}


def test_a_seed_that_was_built_anew_reaches_what_reads_it(settings):
    night(settings)
    with writing(settings):
        run(settings, "insert into core.rules values (2)")
    assert night(settings) == {ONE, TWO, PYTHON, TEST}


@pytest.mark.parametrize(
    "change",
    [
        "drop table core.two",
        "update core.two set n = 7",
        "delete from core.one",
        "create or replace view core.seen as select n + 1 as n from raw.data",
        "update core.rules set rule = 9",
    ],
)
def test_after_a_change_by_hand_all_is_built(settings, change):
    night(settings)
    run(settings, change)
    assert not is_as_left(settings)
    assert night(settings) == {*LAYER, TEST}
    assert night(settings) == {PYTHON}


def test_a_change_by_hand_is_noticed_after_what_we_write_ourselves(settings):
    night(settings)
    run(settings, "update core.two set n = 7")
    land(settings, 2, "second")
    assert night(settings) == {*LAYER, TEST}


def test_who_only_reads_changes_nothing(settings):
    night(settings)
    run(settings, "select * from core.two", "create temp table t as select 1 as n")
    assert night(settings) == {PYTHON}


def test_what_was_asked_for_is_built_and_the_rest_is_not_forgotten(settings):
    night(settings)
    assert night(settings, chosen=[ONE], asked_for=True) == {ONE}
    assert night(settings) == {PYTHON}


def test_a_failure_is_built_again_with_what_stands_on_it(settings):
    night(settings)
    land(settings, 2, "second")
    assert night(settings, fails=TWO) == {ONE, TEST}
    assert night(settings) == {TWO, PYTHON, TEST}


def test_a_test_that_did_not_pass_is_asked_again(settings):
    night(settings, fails="nothing fails, and the test does")
    assert night(settings) == {PYTHON, TEST}


KILLED_IN_THE_MIDDLE = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_dbt_builds import *
settings = Settings(home=Path({home!r}), _env_file=None)
with kept_open(settings), layer_builds(settings, NODES, "p1", LAYER, False) as builds:
    if {far}:
        builds.connection.cursor().execute("create or replace table core.one as select 5 as n")
        builds.built(ONE, None)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("far", [False, True])
def test_whoever_is_killed_leaves_no_note(settings, far):
    """``far``: after a table was replaced, of which the notes must not say that it is as before."""
    night(settings)
    script = KILLED_IN_THE_MIDDLE.format(
        tests=str(Path(__file__).parent), home=str(settings.home), far=far
    )
    killed = subprocess.run([sys.executable, "-c", script], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert night(settings) == {*LAYER, TEST}
