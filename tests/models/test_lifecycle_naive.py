"""Activation, funnel and retention marts against a second, naive computation from the calls."""

import shutil
from datetime import date, timedelta

import duckdb
import pytest

from ingestion.run import ingest
from tests.models import lifecycle_naive as naive
from warehouse import dbt
from warehouse.settings import PROJECT_ROOT, Settings

pytestmark = pytest.mark.pipeline  # one build for all
MARTS = ["marts.activation", "marts.funnel", "marts.retention"]
MODELS_ONLY = ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]


def run_dbt(settings: Settings, *arguments: str) -> None:
    result = dbt.run_dbt(settings, ["--quiet", *arguments])
    assert result.success, result.exception or [
        f"{row.node.name}: {row.message}"
        for row in result.result
        if row.status not in ("success", "pass", "skipped")
    ]


@pytest.fixture(scope="module")
def company() -> naive.Company:
    return naive.make_company(seed=3)


@pytest.fixture(scope="module")
def settings(tmp_path_factory, company) -> Settings:
    home = tmp_path_factory.mktemp("lifecycle")
    settings = Settings(home=home, landing=home / "landing", as_of=naive.now_aware())
    naive.write_landing(company, settings.landing_dir)
    ingest(settings)
    run_dbt(settings, "build", "--select", *[f"+{mart}" for mart in MARTS], *MODELS_ONLY)
    return settings


@pytest.fixture(scope="module")
def rows(settings):
    """A function from SQL to tuples, with people named as the company names them."""
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute(
            """
            create temp table people as
            select
                person_id,
                coalesce(
                    max(substr(id_value, 5)) filter (where id_type = 'user_id'),
                    max(split_part(id_value, '-', 2)) filter (where id_type = 'anonymous_id')
                ) as person
            from identity.bridge_person_ids
            group by person_id
            """
        )
        yield lambda sql: connection.execute(sql).fetchall()


def test_people_and_accounts_sign_up_when_the_calls_say(rows, company):
    found = dict(
        rows("select person, signed_up_at from core.dim_people join people using (person_id)")
    )
    visitors = {f"visitor_{number}": None for number in range(12)}
    assert found == naive.signups(company) | visitors
    accounts = dict(rows("select account_id, signed_up_at from core.dim_accounts"))
    assert accounts == naive.accounts_of(company)


def test_every_milestone_of_a_person_is_reached_at_the_same_moment(rows, company):
    found = {
        (milestone, person): at
        for milestone, person, at in rows(
            "select milestone, person, reached_at from activation.fct_person_milestones "
            "join people using (person_id)"
        )
    }
    expected = {
        (milestone, person): at
        for milestone, people in naive.milestones(company).items()
        for person, at in people.items()
    }
    assert {milestone for milestone, _ in expected} == {"setup", "activation", "habit"}
    assert found == expected


def test_every_milestone_of_an_account_is_reached_at_the_same_moment(rows, company):
    found: dict = {"setup": {}, "activation": {}, "habit": {}}
    for milestone, account, at in rows(
        "select milestone, account_id, reached_at from activation.fct_account_milestones"
    ):
        found[milestone][account] = at
    assert found == naive.account_milestones(company)


def test_activation_cohorts_have_the_same_counts_medians_and_maturity(rows, company):
    found = {
        (week, segment): (signups, activated, minutes, mature)
        for week, segment, signups, activated, minutes, mature in rows(
            "select cohort_week, segment, signups, activated_7d, "
            "round(median_minutes_to_value, 6), is_mature "
            "from activation.rpt_activation_cohorts"
        )
    }
    expected = naive.activation_cohorts(company)
    assert {row[3] for row in expected.values()} == {True, False}
    assert found == expected
    assert (
        rows(
            "select * from activation.rpt_activation_cohorts "
            "where activation_rate is distinct from activated_7d / signups"
        )
        == []
    )


def test_the_ordered_funnel_reaches_the_same_stages_at_the_same_moments(rows, company):
    found: dict = {}
    for entity_type, entity, stage, at in rows(
        "select entity_type, coalesce(person, entity_id), stage, reached_at "
        "from funnel.fct_stages left join people on entity_id = person_id where stage <> 'pql'"
    ):
        found.setdefault((entity_type, entity), {})[stage] = at
    expected = naive.funnel(company)
    for entity_type in ("person", "account"):
        reached = [walk for (kind, _), walk in expected.items() if kind == entity_type]
        assert any("expanded" in walk for walk in reached), "the company must reach every stage"
    assert found == expected


def test_who_paid_before_activating_is_kept_outside_the_ordered_funnel(rows, company):
    early = company.contracts[0][0]
    stages = dict(
        rows(f"select stage, reached_at from funnel.fct_stages where entity_id = '{early}'")
    )
    assert "activated" in stages
    assert "paying" not in stages
    assert rows(
        "select count(*) from funnel.int_funnel__stage_occurrences "
        f"where entity_id = '{early}' and stage = 'paying'"
    ) == [(1,)]


def test_the_funnel_report_counts_the_stages(rows, company):
    found = {
        (entity_type, stage): entities
        for entity_type, stage, entities in rows(
            "select entity_type, stage, sum(entities)::int from funnel.rpt_funnel "
            "where dimension = 'all' and stage <> 'pql' group by all"
        )
    }
    expected = {
        (kind, stage): sum(
            stage in walk for (entity, _), walk in naive.funnel(company).items() if entity == kind
        )
        for kind in ("person", "account")
        for stage in naive.STAGES
    }
    assert found == expected


def test_retention_is_the_same_by_day_and_week_bounded_and_rolling(rows, company):
    found = {
        row[:5]: row[5:]
        for row in rows(
            "select cohort_date, grain, entity_type, method, day_number, "
            "cohort_size, retained, is_mature from retention.rpt_retention"
        )
    }
    assert found == naive.retention(company)


def test_daily_weekly_and_monthly_active_users_are_the_same(rows, company):
    found = {
        day: measures
        for day, *measures in rows(
            "select activity_date, dau, wau, mau from retention.rpt_active_users"
        )
    }
    assert found == {day: list(row) for day, row in naive.active_users(company).items()}


def test_lifecycle_states_are_the_same_for_every_week(rows, company):
    found = {
        (entity_type, entity, week): state
        for entity_type, entity, week, state in rows(
            "select entity_type, coalesce(person, entity_id), week, state "
            "from retention.fct_lifecycle_weeks left join people on entity_id = person_id"
        )
    }
    expected = naive.lifecycle_weeks(company)
    assert set(expected.values()) == {"new", "retained", "resurrected", "dormant"}
    assert found == expected


@pytest.mark.proof
def test_a_milestone_changes_with_a_line_of_csv_and_only_for_later_signups(
    settings, company, rows, tmp_path, monkeypatch
):
    """GIVEN a definition edited from a date on WHEN built THEN earlier sign-ups keep theirs."""
    change = date(2026, 2, 16)
    for folder in ("models", "seeds", "dbt_project"):
        shutil.copytree(PROJECT_ROOT / folder, tmp_path / folder)
    seed = tmp_path / "seeds" / "milestone_definitions.csv"
    lines = []
    for line in seed.read_text().splitlines():
        if line.startswith("analytics,activation,"):
            line = line.removesuffix(",,") + f",,{change}"
        lines.append(line)
    lines.append(f"analytics,activation,1,1,report_created,2,2,30,,{change},")
    seed.write_text("\n".join(lines) + "\n")

    home = tmp_path / "home"
    home.mkdir()
    rows("checkpoint")  # what is still in the write-ahead log goes into the file
    shutil.copy(settings.warehouse_path, home / "warehouse.duckdb")
    monkeypatch.setattr(dbt, "DBT_PROJECT_DIR", tmp_path / "dbt_project")
    edited = Settings(home=home, as_of=naive.now_aware())
    run_dbt(edited, "build", "--select", "milestone_definitions", "marts.activation", *MODELS_ONLY)

    before = naive.milestones(company)["activation"]
    expected = {}
    for person, signup in naive.signups(company).items():
        if signup.date() < change:
            if person in before:
                expected[person] = (before[person], None)
            continue
        times = sorted(
            e.at
            for e in company.events
            if e.person == person
            and e.name == "report_created"
            and signup <= e.at < signup + timedelta(days=30)
        )
        later = [at for at in times if times.index(at) > 0 and at.date() > times[0].date()]
        if later:
            expected[person] = (later[0], change)
    assert {version for _, version in expected.values()} == {None, change}
    with duckdb.connect(str(edited.warehouse_path)) as connection:
        found = {
            person: (at, version)
            for person, at, version in connection.execute(
                "select substr(id_value, 5), reached_at, definition_valid_from "
                "from activation.fct_person_milestones "
                "join identity.bridge_person_ids using (person_id) "
                "where milestone = 'activation' and id_type = 'user_id'"
            ).fetchall()
        }
    assert found == expected
