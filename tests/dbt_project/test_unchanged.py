"""dbt leaves alone what did not change, runs what did as the last time, and can be stopped.

A few models of the project on an installation of a test's own, built as a layer is.
"""

import threading
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tests.small_installation import SmallInstallation, _manifest
from warehouse.dbt import QUICK, kept_open, running_dbt
from warehouse.dbt_builds import layer_builds, writing

pytestmark = pytest.mark.pipeline

NAMES = [
    "stg_finance__targets",
    "fct_targets",
    "stg_finance__gtm_costs",
    "fct_gtm_costs",
    "dim_as_of",
    "stg_events__build_state",
    "stg_events__event_names",
    "stg_events__denied_ids_met",
    "stg_events__renames",
    "stg_events__canonical_names",
]
MODELS = [f"model.plg.{name}" for name in NAMES]
TARGETS = "month,metric,target\n2026-01,mrr,1\n"
ARGUMENTS = [*QUICK, "build", "--resource-type", "model",
             "--vars", "{keeps_notes: true, keeps_definitions: true}"]  # fmt: skip


@cache
def nodes() -> dict:
    return _manifest().writable_manifest().to_dict(omit_none=False)["nodes"]


@cache
def manifest():
    """The few models and what they read: dbt draws the graph of all it is given."""
    kept = {parent for model in MODELS for parent in nodes()[model]["depends_on"]["nodes"]}
    kept |= {one for one, node in nodes().items() if node["resource_type"] == "operation"}
    found = {one: node for one, node in _manifest().nodes.items() if one in kept | set(MODELS)}
    return replace(_manifest(), nodes=found, unit_tests={}, exposures={})


class Installation(SmallInstallation):
    def __init__(self, home: Path, as_of: str = "2026-02-01T00:00:00Z"):
        super().__init__(home, as_of)

    def night(self, project: str = "p1") -> dict[str, str | None]:
        """Build; the message of each model that was not left alone. Ends when something fails."""
        with (
            kept_open(self.settings),
            layer_builds(self.settings, nodes(), project, MODELS, False) as builds,
            running_dbt(
                self.settings, [*ARGUMENTS, "--select", *NAMES], manifest(), builds
            ) as running,
        ):
            found = {one.unique_id.split(".")[-1]: one.message for one in running}
            assert running.outcome.success, running.outcome.exception or found
            builds.put_back({})
        return {name: found[name] for name in NAMES if f"model.plg.{name}" not in builds.left_alone}

    def track(self, number: int, day: str, event: str = "query_run") -> None:
        self.land(
            f"{number}.jsonl",
            [{"messageId": f"m{number}", "type": "track", "event": event, "userId": "u1",
              "timestamp": f"{day}T09:00:00Z", "receivedAt": f"{day}T09:00:01Z"}],
        )  # fmt: skip


@pytest.fixture
def installation(tmp_path) -> Installation:
    installation = Installation(tmp_path)
    installation.write("targets/t.csv", TARGETS)
    installation.track(1, "2026-01-05")
    installation.seed("gtm_cost_kinds", "event_registry", "denied_ids", "bot_user_agents",
                      "channel_rules", "milestone_counted_properties")  # fmt: skip
    installation.night()
    return installation


def test_each_change_reaches_its_own_models_and_nothing_else(installation):
    """One night after the other: dbt's start is dear."""
    assert installation.night() == {}

    installation.write("targets/u.csv", "month,metric,target\n2026-02,mrr,2\n")
    installation.ingest()
    assert installation.night().keys() == {"fct_targets"}
    assert installation.query("select count(*) from core.fct_targets") == [(2,)]

    # a day more of an event known before: counted, and no new name
    installation.track(2, "2026-01-06")
    assert installation.night().keys() == {
        "stg_events__build_state", "stg_events__event_names", "stg_events__denied_ids_met",
        "stg_events__canonical_names",
    }  # fmt: skip
    # read again, and none of it new
    installation.ingest()
    assert installation.night() == {}

    installation.settings = Installation(
        installation.settings.home, "2026-03-01T00:00:00Z"
    ).settings
    installation.ingest()
    assert installation.night().keys() == {"dim_as_of"}
    assert installation.query("select cast(as_of_at as date)::varchar from core.dim_as_of") == [
        ("2026-03-01",)
    ]

    installation.query("drop table core.fct_targets")
    assert installation.night().keys() == set(NAMES)
    assert installation.night() == {}

    assert installation.night(project="edited").keys() == set(NAMES)

    # any other dbt command may have built anything
    installation.dbt("run", "--select", "dim_as_of")
    assert installation.night(project="edited").keys() == set(NAMES)


def test_last_times_statement_makes_what_dbt_makes(installation):
    first = contents(installation)
    installation.write("targets/u.csv", "month,metric,target\n2026-02,mrr,2\n")
    installation.ingest()
    installation.night(project="by dbt")
    by_dbt = contents(installation)
    installation.write("targets/v.csv", "month,metric,target\n2026-03,mrr,3\n")
    installation.ingest()
    assert installation.night(project="by dbt") == {"fct_targets": "OK"}
    again = contents(installation)
    assert len(first["rows"]) + 2 == len(by_dbt["rows"]) + 1 == len(again["rows"]) == 3
    assert first["columns"] == by_dbt["columns"] == again["columns"]
    assert first["constraints"] == by_dbt["constraints"] == again["constraints"]


def test_an_event_model_reads_the_days_it_has_not_seen(installation):
    def statement(model: str) -> str:
        ((text,),) = installation.query(
            f"select statement from internal.built_from where unique_id = 'model.plg.{model}'"
        )
        return text

    def rows(model: str) -> list[tuple]:
        return installation.query(
            f"select * exclude (built_load_id) from staging.{model} order by all"
        )

    event_models = ("stg_events__event_names", "stg_events__denied_ids_met")
    # a day more, and something late for the first day
    installation.track(2, "2026-01-06")
    installation.track(3, "2026-01-05", event="report_created")
    installation.night()
    for model in event_models:
        days = "in (date '2026-01-05', date '2026-01-06')"
        assert days in statement(model)
        assert statement(model).startswith("delete from")
    # another rule makes every day a new one; who does not follow it has the next night's day
    with writing(installation.settings):
        installation.query("insert into seeds.denied_ids values ('user_id', 'u1', 'a test')")
    installation.track(4, "2026-01-08")
    installation.night()
    assert "every received day" in statement("stg_events__denied_ids_met")
    assert "in (date '2026-01-08')" in statement("stg_events__event_names")
    assert sum(row[2] for row in rows("stg_events__event_names")) == 4
    night_by_night = [rows(model) for model in event_models]
    assert all(night_by_night)
    installation.dbt("run", "--full-refresh", "--select", *event_models)
    assert [rows(model) for model in event_models] == night_by_night


def contents(installation: Installation) -> dict[str, list[tuple]]:
    where = "where schema_name = 'core' and table_name = 'fct_targets' order by all"
    return {
        "rows": installation.query("select * from core.fct_targets order by all"),
        "columns": installation.query(
            f"select column_name, data_type, is_nullable from duckdb_columns() {where}"
        ),
        "constraints": installation.query(
            f"select constraint_text from duckdb_constraints() {where}"
        ),
    }


class Interrupted(BaseException):
    """As Dagster's cancel, a SIGTERM or Ctrl-C arrive: anywhere, and no `Exception`."""


def test_whoever_is_interrupted_stops_dbt_and_the_next_night_builds_all(installation):
    before = installation.query("select unique_id from internal.built_from order by 1")
    finished: list[str] = []
    with (
        pytest.raises(Interrupted),
        kept_open(installation.settings),
        layer_builds(installation.settings, nodes(), "edited", MODELS, False) as builds,
        running_dbt(
            installation.settings,
            [*ARGUMENTS, "--threads", "1", "--select", *NAMES],
            manifest(),
            builds,
        ) as running,
    ):
        for one in running:
            finished.append(one.unique_id)
            if one.unique_id in MODELS:
                raise Interrupted
    assert "dbt" not in {thread.name for thread in threading.enumerate()}
    built = [one for one in MODELS if one in builds.notes]
    assert 1 <= len(built) < len(MODELS)  # one under way may end; no other begins
    assert len(built) <= 2
    assert installation.query("select unique_id from internal.built_from") == []
    assert len(before) == len(MODELS)
    # the warehouse is let go of, and whole
    assert installation.night(project="edited").keys() == set(NAMES)
    assert installation.night(project="edited") == {}
