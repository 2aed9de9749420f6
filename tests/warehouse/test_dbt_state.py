"""What a warehouse remembers of the project it was built from."""

import duckdb
import pytest

from warehouse.dbt_state import are_definitions_built, definitions_built, project_fingerprint
from warehouse.settings import Settings

RELATIONS = {"staging.stg_one", "seeds.rules"}


@pytest.fixture
def settings(tmp_path) -> Settings:
    settings = Settings(home=tmp_path, _env_file=None)
    run(
        settings,
        "create schema raw; create schema staging; create schema seeds",
        "create table raw.events as select 1 as n",
        "create view staging.stg_one as select n from raw.events",
        "create table seeds.rules as select 1 as rule",
    )
    return settings


def run(settings: Settings, *statements: str) -> None:
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_warehouse_that_is_not_there_holds_nothing(tmp_path):
    assert not are_definitions_built(Settings(home=tmp_path, _env_file=None), "p1", RELATIONS)


def test_nothing_is_known_until_it_is_written_down(settings):
    assert not are_definitions_built(settings, "p1", RELATIONS)
    definitions_built(settings, "p1")
    assert are_definitions_built(settings, "p1", RELATIONS)


def test_another_version_of_the_project_is_not_built(settings):
    definitions_built(settings, "p1")
    assert not are_definitions_built(settings, "p2", RELATIONS)


def test_a_view_somebody_dropped_is_missed(settings):
    definitions_built(settings, "p1")
    run(settings, "drop view staging.stg_one")
    assert not are_definitions_built(settings, "p1", RELATIONS)


def test_a_raw_table_with_another_column_is_another_project(settings):
    definitions_built(settings, "p1")
    run(settings, "alter table raw.events add column extra integer")
    assert not are_definitions_built(settings, "p1", RELATIONS)


def test_another_product_line_is_another_project(settings):
    definitions_built(settings, "p1")
    other = settings.model_copy(update={"product_line": "another"})
    assert not are_definitions_built(other, "p1", RELATIONS)


def test_any_dbt_command_makes_the_warehouse_forget(settings):
    from ingestion.raw_views import create_raw_views
    from warehouse.dbt import QUICK, run_dbt

    run(settings, "drop table raw.events")
    create_raw_views(settings)
    definitions_built(settings, "p1")
    assert are_definitions_built(settings, "p1", RELATIONS)
    assert (
        run_dbt(settings, [*QUICK, "run", "--select", "stg_events__build_state"]).success is False
    )
    assert not are_definitions_built(settings, "p1", RELATIONS)


def test_the_fingerprint_is_the_projects_and_the_same_twice():
    assert project_fingerprint() == project_fingerprint()


@pytest.mark.parametrize(
    "change",
    [
        "create or replace view staging.stg_one as select n + 1 as n from raw.events",
        "update seeds.rules set rule = 2",
    ],
)
def test_what_somebody_changed_by_hand_is_noticed(settings, change):
    definitions_built(settings, "p1")
    run(settings, change)
    assert not are_definitions_built(settings, "p1", RELATIONS)
