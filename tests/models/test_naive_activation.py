"""The activation marts of several product lines against a naive computation from the calls."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace

import duckdb
import pytest

from demo_company.generate import generate
from tests.models import naive_activation as naive
from tests.small_installation import SmallInstallation
from warehouse.settings import PROJECT_ROOT

pytestmark = pytest.mark.pipeline
LINES = [
    "analytics",
    "project_management",
    "communication",
    "marketing_automation",
    "data_pipeline",
    "form_builder",
    "crm",
]
# everything a product line decides: two in each run of the tests, all in `make proofs`
QUICK = ["crm", "analytics"]
SLOW = [pytest.param(line, marks=pytest.mark.proof) for line in LINES if line not in QUICK]


# what differs between product lines
OF_A_LINE = [
    "stg_events__build_state",
    "stg_events__counted_properties",
    "fct_person_counted_events",
    "marts.activation",
]


class Built:
    """A small company, built for a product line; rows with people named as the company does."""

    def __init__(self, home):
        self.company = naive.make_company(seed_number=1)
        as_of = naive.as_of_aware(self.company.world(QUICK[0]))
        self.installation = SmallInstallation(home, as_of=as_of.isoformat())
        self.installation.land("calls.jsonl", self.company.calls)
        self.installation.seed()
        self.installation.run("+marts.activation")
        self.installation.query(
            "create table people as select person_id, max(substr(id_value, 5)) as person "
            "from identity.bridge_person_ids where id_type = 'user_id' group by person_id"
        )

    def choose(self, line: str) -> None:
        self.world = self.company.world(line)
        self.installation.settings.product_line = line
        self.installation.run(*OF_A_LINE)

    def rows(self, sql: str) -> list[tuple]:
        return self.installation.query(sql)


class DemoBuilt:
    """The demo company; its people and events as the core facts tell them."""

    def __init__(self, home):
        self.installation = SmallInstallation(home, as_of=None)
        generate(self.installation.landing, 60, 6, 5, events_per_day=300)
        self.installation.ingest()
        self.installation.seed()
        self.installation.run("+marts.activation")
        self.world = naive.world_of_core(self.rows)
        self.rows(
            "create table people as select person_id, person_id as person from core.dim_people"
        )

    def rows(self, sql: str) -> list[tuple]:
        return self.installation.query(sql)


@pytest.fixture(scope="module")
def company_built(tmp_path_factory) -> Built:
    return Built(tmp_path_factory.mktemp("company"))


@pytest.fixture(
    scope="module", params=[*QUICK, *SLOW, pytest.param("demo", marks=pytest.mark.proof)]
)
def built(request, tmp_path_factory) -> Built | DemoBuilt:
    if request.param == "demo":
        return DemoBuilt(tmp_path_factory.mktemp("demo"))
    company_built = request.getfixturevalue("company_built")
    company_built.choose(request.param)
    return company_built


def test_people_reach_every_milestone_at_the_same_moment_by_the_same_group(built):
    found = {
        (milestone, person): (at, group)
        for milestone, person, at, group in built.rows(
            "select milestone, person, reached_at, condition_group "
            "from activation.fct_person_milestones join people using (person_id)"
        )
    }
    expected = {
        (milestone, person): reached
        for milestone, people in naive.milestones(built.world).items()
        for person, reached in people.items()
    }
    assert {milestone for milestone, _ in expected} == {"setup", "activation", "habit"}
    assert found == expected


def test_accounts_reach_every_milestone_with_their_first_person_and_the_same_shares(built):
    found = {
        (milestone, account): tuple(rest)
        for milestone, account, *rest in built.rows(
            "select milestone, account_id, reached_at, count_people_reached, count_people "
            "from activation.fct_account_milestones"
        )
    }
    assert found == naive.account_milestones(built.world)


def test_the_time_to_value_falls_into_the_same_buckets(built):
    found = {
        tuple(key): tuple(rest)
        for *key, signups, entities, activated, middle, mature in built.rows(
            "select entity_type, cohort_grain, cohort_week, bucket, signups, entities, activated, "
            "round(median_minutes_to_value, 6), is_mature "
            "from activation.rpt_time_to_value where segment = 'all'"
        )
        for rest in [(signups, entities, activated, middle, mature)]
    }
    expected = naive.time_to_value(built.world)
    assert {row[4] for row in expected.values()} == {True, False}
    states = {bucket for (*_, bucket), row in expected.items() if row[1]}
    assert {"never", "not yet", "later"} <= states
    assert found == expected


def test_steps_are_entered_completed_and_left_by_the_same_number(built):
    found = {
        tuple(row[:5]): tuple(row[5:])
        for row in built.rows(
            "select entity_type, cohort_week, milestone, condition_group, step_number, "
            "signups, entered, completed, still_open, dropped from activation.rpt_setup_steps "
            "where segment = 'all' and cohort_grain = 'week'"
        )
    }
    expected = naive.setup_steps(built.world)
    assert any(row[3] for row in expected.values()) and any(row[4] for row in expected.values())
    assert found == expected


def test_the_same_number_returns_to_the_activation_event(built):
    found = {
        tuple(row[:3]): tuple(row[3:])
        for row in built.rows(
            "select entity_type, cohort_week, day_number, activated, returned, is_mature "
            "from activation.rpt_habit_cohorts where segment = 'all' and cohort_grain = 'week'"
        )
    }
    expected = naive.habit_cohorts(built.world)
    assert {row[2] for row in expected.values()} == {True, False}
    assert any(row[1] > 0 for row in expected.values())
    assert found == expected


def test_the_same_people_are_in_each_audience_since_the_same_moment(built):
    found = {
        (audience, person): rest
        for audience, person, *rest in built.rows(
            "select audience, person, since_at, last_completed_step, next_step, prompt_key "
            "from activation.fct_audience_members join people using (person_id)"
        )
    }
    expected = naive.audiences(built.world)
    if isinstance(built, Built):  # the demo company may have nobody in one
        assert {audience for audience, _ in expected} == {
            row["audience"] for row in naive.seed("audience_definitions")
        }
    assert set(found) == set(expected)
    for key, (since, last_steps, next_step, prompt) in expected.items():
        assert found[key][0] == since, key
        assert found[key][1] in last_steps, key
        assert found[key][2:] == [next_step, prompt], key


@pytest.mark.proof
def test_a_milestone_an_audience_and_a_bucket_change_with_csv_and_plg_build(
    company_built, tmp_path
):
    """GIVEN three edited CSVs in a copy of the project WHEN `plg build` THEN that is how it is."""
    company_built.choose("analytics")
    project, home = tmp_path / "project", tmp_path / "home"
    unneeded = shutil.ignore_patterns(".*", "__pycache__", "tests", "demo_company", "bench", "docs")
    shutil.copytree(PROJECT_ROOT, project, ignore=unneeded)
    company_built.rows("checkpoint")  # what is still in the write-ahead log goes into the file
    shutil.copytree(company_built.installation.settings.home, home)
    edit = project / "seeds"
    _edit(
        edit / "milestone_definitions.csv",
        lambda line: line + "2026-03-01" if line.startswith("analytics,activation,") else line,
        "analytics,activation,1,1,dashboard_viewed,2,2,20,,2026-03-01,",
    )
    _edit(edit / "audience_definitions.csv", str, "quiet,no_event,,5,9,No event for 5 days.")
    _edit(
        edit / "milestone_time_buckets.csv",
        lambda line: line.replace("3,≤ 1 h,activated,60", "3,≤ 2 h,activated,120"),
    )
    world = replace(company_built.world, seeds=edit)
    changed = "milestone_definitions audience_definitions milestone_time_buckets marts.activation"
    environment = os.environ | {
        "PLG_HOME": str(home),
        "PLG_AS_OF": naive.as_of_aware(world).isoformat(),
        "PYTHONPATH": str(project),
    }
    code = "from dagster_plg.cli import main; main()"
    command = [sys.executable, "-c", code, "build", "--select", changed]
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        rows = lambda sql: warehouse.execute(sql).fetchall()  # noqa: E731
        activated = dict(
            rows(
                "select person, reached_at from activation.fct_person_milestones "
                "join people using (person_id) where milestone = 'activation'"
            )
        )
        buckets = {
            tuple(row[:3]): row[3]
            for row in rows(
                "select entity_type, cohort_week, bucket, entities "
                "from activation.rpt_time_to_value where segment = 'all' and cohort_grain = 'week'"
            )
        }
        quiet = dict(
            rows(
                "select person, since_at from activation.fct_audience_members "
                "join people using (person_id) where audience = 'quiet'"
            )
        )
    before = {p: at for p, (at, _) in naive.milestones(company_built.world)["activation"].items()}
    expected = {p: at for p, (at, _) in naive.milestones(world)["activation"].items()}
    assert activated == expected != before
    assert buckets == {
        (kind, week, bucket): row[1]
        for (kind, grain, week, bucket), row in naive.time_to_value(world).items()
        if grain == "week"
    }
    members = {p: row[0] for (a, p), row in naive.audiences(world).items() if a == "quiet"}
    assert quiet == members != {}


def _edit(path, change, *added: str) -> None:
    lines = [change(line) for line in path.read_text().splitlines()]
    path.write_text("\n".join([*lines, *added]) + "\n")
