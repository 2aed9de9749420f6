"""Retention and engagement marts against a second, naive computation.

Once from the calls of a small made-up company, as they were sent; as a proof also from the core
facts of a demo company, which is larger and has every cut.
"""

import csv
import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo_company.generate import generate
from ingestion.run import ingest
from tests.models import lifecycle_naive
from tests.models import naive_retention as naive
from tests.models.retention_models import RetentionModels
from warehouse import dbt
from warehouse.settings import PROJECT_ROOT, Settings

DEFINITION_COLUMNS = (
    "definition_key",
    "start_event",
    "return_event",
    "start_counting",
    "for_people",
    "for_accounts",
    "by_day",
    "by_week",
    "by_month",
    "has_cuts",
)
MODELS_ONLY = ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]


@dataclass(frozen=True)
class World:
    """A warehouse, the project that built it, and what is known about its entities otherwise."""

    settings: Settings
    entities: list[naive.Entity]
    project: Path
    as_of: date

    @property
    def rules(self) -> naive.Rules:
        """As the seeds say now."""
        return naive.Rules.read(self.project / "seeds")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.settings.warehouse_path), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def keyed(self, sql: str, key: int) -> dict:
        """Rows by their first `key` columns; the rest as a tuple, or the value when it is one."""
        rows = self.rows(sql)
        found = {row[:key]: row[key:] if len(row) > key + 1 else row[key] for row in rows}
        assert len(found) == len(rows), "the key is not one"
        return found


def run_dbt(settings: Settings, *arguments: str) -> None:
    result = dbt.run_dbt(settings, ["--quiet", *arguments])
    assert result.success, result.exception or [
        f"{row.node.name}: {row.message}"
        for row in result.result
        if row.status not in ("success", "pass", "skipped")
    ]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("company", marks=pytest.mark.pipeline),
        pytest.param("demo", marks=pytest.mark.proof),
    ],
)
def world(request, tmp_path_factory):
    home = tmp_path_factory.mktemp(request.param)
    project = tmp_path_factory.mktemp("project")
    for folder in ("models", "seeds", "dbt_project"):
        shutil.copytree(PROJECT_ROOT / folder, project / folder)
    if request.param == "company":
        company = lifecycle_naive.make_company(seed=7)
        settings = Settings(
            home=home, landing=home / "landing", as_of=lifecycle_naive.now_aware(), _env_file=None
        )
        lifecycle_naive.write_landing(company, settings.landing_dir)
        entities, as_of = naive.from_company(company), lifecycle_naive.AS_OF.date()
    else:
        settings = Settings(home=home, _env_file=None)
        generate(settings.landing_dir, accounts=100, months=9, seed=5)
    ingest(settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dbt, "DBT_PROJECT_DIR", project / "dbt_project")
        run_dbt(settings, "build", "--select", "+marts.retention", *MODELS_ONLY)
        if request.param == "demo":
            with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
                entities = naive.from_core(connection)
                (as_of,) = connection.execute("select as_of_date from core.dim_as_of").fetchone()
            entities = [entity for entity in entities if entity.signup <= as_of]
        yield World(settings, entities, project, as_of)


@pytest.fixture
def cohort_rows(world):
    return naive.cohorts(world.entities, world.rules, world.as_of)


def test_every_cohort_of_every_definition_grain_method_and_cut_is_the_same(world, cohort_rows):
    known = sorted({cut for entity in world.entities for cut in entity.cuts} | {"all"})
    found = world.keyed(
        "select definition_key, entity_type, grain, method, dimension, dimension_value, "
        "cohort_date, period_number, last_period_number, cohort_size, retained, is_mature "
        f"from retention.rpt_retention_cohorts where dimension in {(*known, '')}",
        key=9,
    )
    assert len({key[0] for key in found}) > 6
    assert {key[3] for key in found} == {"bounded", "rolling", "bracket"}
    assert {key[2] for key in found} == {"day", "week", "month"}
    assert {row[2] for row in found.values()} == {True, False}
    assert found == cohort_rows
    wrong = "retention_rate is distinct from retained / cohort_size"
    assert world.rows(f"select * from retention.rpt_retention_cohorts where {wrong}") == []


def test_curves_add_up_mature_cohorts_and_leave_the_others_out(world, cohort_rows):
    found = world.keyed(
        "select definition_key, entity_type, grain, method, dimension, dimension_value, "
        "period_number, last_period_number, "
        "count_cohorts, count_cohorts_immature, cohort_size, retained "
        "from retention.rpt_retention_curves",
        key=8,
    )
    expected = naive.curves(cohort_rows)
    assert {key: row for key, row in found.items() if key in expected} == expected
    assert any(row[1] for row in expected.values())


def test_the_default_definition_is_also_the_table_that_was_promised(world, cohort_rows):
    found = world.keyed(
        "select cohort_date, grain, entity_type, method, day_number, "
        "cohort_size, retained, is_mature from retention.rpt_retention",
        key=5,
    )
    expected = {}
    for key, row in cohort_rows.items():
        definition, kind, grain, method, cut, _, cohort, number, _ = key
        is_default = (definition, cut) == ("sign_up_to_any", "all")
        if is_default and grain != "month" and method != "bracket":
            day_number = number * (7 if grain == "week" else 1)
            expected[cohort, grain, kind, method, day_number] = row
    assert found == expected


@pytest.mark.parametrize(
    ("kind", "table", "columns"),
    [
        ("person", "rpt_active_users", "dau, wau, mau"),
        ("account", "rpt_active_accounts", "count_active_1d, count_active_7d, count_active_30d"),
    ],
)
def test_active_people_and_accounts_are_the_same_every_day(world, kind, table, columns):
    found = world.keyed(f"select activity_date, {columns} from retention.{table}", key=1)
    expected = naive.active_counts(world.entities, kind, world.as_of)
    assert {day: row for (day,), row in found.items()} == expected


def test_weekday_stickiness_adds_up_the_same_days(world):
    found = world.keyed(
        "select entity_type, month, weekday_number, count_days, total_active_day, "
        "total_active_month from retention.rpt_stickiness_weekdays",
        key=3,
    )
    expected: dict = {}
    for kind in ("person", "account"):
        rows = naive.active_counts(world.entities, kind, world.as_of)
        for day, (dau, _, mau) in rows.items():
            if day < world.as_of and day >= min(rows) + timedelta(days=29):
                key = (kind, day.replace(day=1), day.isoweekday())
                days, active, monthly = expected.get(key, (0, 0, 0))
                expected[key] = (days + 1, active + dau, monthly + mau)
    assert found == expected


def test_the_power_user_curve_is_the_same_at_every_date(world):
    found = world.keyed(
        "select entity_type, curve_date, days_active, count_entities "
        "from retention.rpt_power_users where count_entities > 0",
        key=3,
    )
    assert found == naive.power_users(world.entities, world.as_of)
    assert world.rows(
        "select distinct count(*) from retention.rpt_power_users group by entity_type, curve_date"
    ) == [(28,)]


def test_growth_accounting_and_the_quick_ratio_are_the_same_every_week(world):
    found = world.keyed(
        "select entity_type, week, count_new, count_retained, count_resurrected, count_dormant, "
        "count_newly_dormant, quick_ratio, is_mature from retention.rpt_lifecycle",
        key=2,
    )
    assert found == naive.lifecycle(world.entities, world.as_of)


def test_feature_adoption_is_the_same_every_month(world):
    found = world.keyed(
        "select entity_type, feature_key, month, count_active, count_users, count_first_users, "
        "count_events, total_days_used, total_features_used from retention.rpt_feature_adoption",
        key=3,
    )
    expected = naive.feature_adoption(world.entities, world.rules, world.as_of)
    assert any(row[1] for row in expected.values())
    assert found == expected


def test_feature_breadth_is_the_same_every_month(world):
    found = world.keyed(
        "select entity_type, month, count_features, count_entities "
        "from retention.rpt_feature_breadth",
        key=3,
    )
    assert found == naive.feature_breadth(world.entities, world.rules, world.as_of)


def test_first_uses_of_features_fall_into_the_same_buckets(world):
    found = world.keyed(
        "select entity_type, feature_key, bucket, count_entities, count_signups "
        "from retention.rpt_feature_first_use",
        key=3,
    )
    assert found == naive.feature_first_use(world.entities, world.rules, world.as_of)
    assert found


def test_users_of_a_feature_are_compared_with_the_same_others(world):
    found = world.keyed(
        "select entity_type, feature_key, count_users, count_users_retained, count_others, "
        "count_others_retained, count_immature from retention.rpt_feature_retention",
        key=2,
    )
    expected = naive.feature_retention(world.entities, world.rules, world.as_of)
    assert any(row[1] and row[3] and row[4] for row in expected.values())
    assert found == expected


# ------------------------------------------------------------------ any history

FIRST_DAY = date(2027, 12, 27)  # a Monday; the days after it hold ends of months and 29 February
RULES = naive.Rules(
    definitions=[
        dict(zip(DEFINITION_COLUMNS, line.split(), strict=True))
        for line in (
            "default sign_up any_event first_time true true true true true true",
            "other a b first_time true true true true true false",
            "again any_event any_event recurring true true true true true false",
            "core towards:activation towards:activation recurring true true true true true false",
            "activated reached:activation any_event first_time true true true true true false",
        )
    ],
    windows=[(1, 1), (2, 2), (7, 7), (30, 30), (60, 60), (1, 7), (2, 3), (8, 30), (31, 60)],
    milestones=[{"milestone": "activation", "event_name": "a", "valid_from": "", "valid_to": ""}],
    features={"a": "alpha", "b": "beta", "c": "beta"},
    buckets=[],
)

few = hypothesis.settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)
days = st.integers(0, 60).map(lambda offset: FIRST_DAY + offset * naive.DAY)
as_of_days = st.integers(50, 110).map(lambda offset: FIRST_DAY + offset * naive.DAY)


@st.composite
def entities(draw) -> list[naive.Entity]:
    """A few people and accounts; some of what they do lies before their sign-up or after now."""
    found = []
    for number in range(draw(st.integers(0, 10))):
        kind = draw(st.sampled_from(["person", "person", "account"]))
        signup = draw(days)
        own = st.tuples(
            st.integers(-3, 70).map(lambda offset, begin=signup: begin + offset * naive.DAY),
            st.sampled_from("aabbcd"),
        )
        events = [(*event, number + 1) for event in draw(st.lists(own, max_size=20, unique=True))]
        entity = naive.Entity(kind, f"{kind}_{number}", signup, events)
        entity.cuts = {"segment": "unknown", "first_channel": "unknown", "plan": "none"}
        if kind == "person":
            entity.cuts["first_channel"] = draw(st.sampled_from(["paid", "organic"]))
        else:
            entity.cuts["segment"] = draw(st.sampled_from(["1-50", "500+"]))
            entity.cuts["plan"] = draw(st.sampled_from(["free", "pro"]))
        if draw(st.booleans()):
            entity.reached["activation"] = signup + draw(st.integers(0, 20)) * naive.DAY
        found.append(entity)
    return found


@pytest.fixture(scope="module")
def models(world) -> RetentionModels:
    return RetentionModels(world.settings.dbt_target_dir / "compiled", RULES)


def signed_up(history: list[naive.Entity], as_of: date) -> list[naive.Entity]:
    return [entity for entity in history if entity.signup <= as_of]


@few
@given(history=entities(), as_of=as_of_days)
def test_for_any_history_the_models_count_what_the_naive_loops_count(models, history, as_of):
    check_against_loops(models, history, as_of)


@pytest.mark.proof
@hypothesis.settings(few, max_examples=150, derandomize=False)
@given(history=entities(), as_of=as_of_days)
def test_for_many_histories_the_models_count_what_the_naive_loops_count(models, history, as_of):
    check_against_loops(models, history, as_of)


def check_against_loops(models: RetentionModels, history: list[naive.Entity], as_of: date) -> None:
    known = signed_up(history, as_of)
    assert models.cohorts(history, as_of) == naive.cohorts(known, RULES, as_of)
    connection = models.run(history, as_of)
    lifecycle = {
        row[:2]: row[2:]
        for row in connection.execute(
            "select entity_type, week, count_new, count_retained, count_resurrected, "
            "count_dormant, count_newly_dormant, quick_ratio, is_mature "
            "from retention.rpt_lifecycle"
        ).fetchall()
    }
    assert lifecycle == naive.lifecycle(known, as_of)
    actives = connection.execute(
        "select activity_date, dau, wau, mau from retention.rpt_active_users"
    ).fetchall()
    expected = naive.active_counts(known, "person", as_of)
    assert {day: tuple(row) for day, *row in actives} == expected
    power = connection.execute(
        "select entity_type, curve_date, days_active, count_entities "
        "from retention.rpt_power_users where count_entities > 0"
    ).fetchall()
    assert {row[:3]: row[3] for row in power} == naive.power_users(known, as_of)
    adoption = connection.execute(
        "select entity_type, feature_key, month, count_active, count_users, count_first_users, "
        "count_events, total_days_used, total_features_used from retention.rpt_feature_adoption"
    ).fetchall()
    assert {row[:3]: row[3:] for row in adoption} == naive.feature_adoption(known, RULES, as_of)


@few
@given(history=entities(), as_of=as_of_days)
def test_for_any_history_the_methods_are_in_order(models, history, as_of):
    """Bounded ≤ rolling ≤ cohort; rolling never rises; a bracket is at least its best day."""
    rows = models.cohorts(history, as_of)
    for key, (size, retained, _) in rows.items():
        method, number, last = key[3], key[7], key[8]
        assert 0 <= retained <= size
        if number == 0:
            assert retained == size
        if method == "bounded":
            assert retained <= rows[*key[:3], "rolling", *key[4:]][1]
        if method == "rolling":
            earlier = [
                other
                for other_key, (_, other, _) in rows.items()
                if other_key[:7] == key[:7] and other_key[7] < number
            ]
            assert all(retained <= other for other in earlier)
        if method == "bracket":
            inside = [
                rows[*key[:3], "bounded", *key[4:7], day, day][1]
                for day, other in RULES.windows
                if day == other and number <= day <= last and key[6] + day * naive.DAY <= as_of
            ]
            assert all(retained >= other for other in inside)


@few
@given(history=entities(), as_of=as_of_days, data=st.data())
def test_an_event_later_than_all_others_never_lowers_rolling_retention(
    models, history, as_of, data
):
    before = models.cohorts(history, as_of)
    if not signed_up(history, as_of):
        return
    entity = data.draw(st.sampled_from(signed_up(history, as_of)))
    entity.events.append((as_of, data.draw(st.sampled_from("abcd")), 1))
    entity.events = sorted(set(entity.events))
    after = models.cohorts(history, as_of)
    for key, (size, retained, _) in before.items():
        assert after[key][0] >= size
        if key[3] == "rolling":
            assert after[key][1] >= retained


@few
@given(
    history=entities(),
    as_of=as_of_days,
    chance=st.randoms(use_true_random=False),
    timezone=st.sampled_from(["Pacific/Auckland", "America/Los_Angeles"]),
)
def test_the_order_of_rows_and_the_time_zone_of_the_session_change_nothing(
    models, history, as_of, chance, timezone
):
    rows = models.cohorts(history, as_of)
    for entity in history:
        chance.shuffle(entity.events)
    chance.shuffle(history)
    assert models.cohorts(history, as_of, timezone) == rows


def test_a_month_later_is_the_next_calendar_month_however_long_it_is(models):
    """31 January, 29 February and 31 March are three months in a row; 1 March is not February."""
    entity = naive.Entity("person", "p", date(2028, 1, 31))
    entity.cuts = {"segment": "unknown", "first_channel": "paid", "plan": "none"}
    entity.events = [(date(2028, 2, 29), "a", 1), (date(2028, 3, 31), "a", 1)]
    rows = models.cohorts([entity], date(2028, 3, 31))
    key = ("default", "person", "month", "bounded", "all", "all", date(2028, 1, 1))
    assert [rows[*key, n, n][1:] for n in range(3)] == [(1, True), (1, True), (1, False)]
    entity.events = [(date(2028, 3, 1), "a", 1)]
    rows = models.cohorts([entity], date(2028, 4, 1))
    assert [rows[*key, n, n][1:] for n in range(4)] == [
        (1, True),
        (0, True),
        (1, True),
        (0, False),
    ]


def test_a_definition_of_retention_is_a_line_of_csv_and_a_build(world):
    """GIVEN an analyst's line in the seed WHEN built THEN its triangle is there, counted right."""
    line = ["reports", "", "report_created", "comment_added", "recurring"]
    line += ["true", "true", "true", "true", "true", "false", "Reported, then commented"]
    with (world.project / "seeds" / "retention_definitions.csv").open("a", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow(line)
    run_dbt(world.settings, "build", "--select", "retention_definitions+", *MODELS_ONLY)

    found = world.keyed(
        "select definition_key, entity_type, grain, method, dimension, dimension_value, "
        "cohort_date, period_number, last_period_number, cohort_size, retained, is_mature "
        "from retention.rpt_retention_cohorts where definition_key = 'reports'",
        key=9,
    )
    expected = naive.cohorts(world.entities, world.rules, world.as_of)
    assert found == {key: row for key, row in expected.items() if key[0] == "reports"}
    assert {retained > 0 for _, retained, _ in found.values()} == {True, False}
