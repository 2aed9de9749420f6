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
import pytest

from demo_company.generate import generate
from ingestion.run import ingest
from tests.models import lifecycle_naive
from tests.models import naive_retention as naive
from warehouse import dbt
from warehouse.settings import PROJECT_ROOT, Settings

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
        f"from retention.rpt_retention_cohorts where dimension in {tuple([*known, ''])}",
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
        if (definition, cut) == ("sign_up_to_any", "all") and grain != "month":
            if method != "bracket":
                days = number * (7 if grain == "week" else 1)
                expected[cohort, grain, kind, method, days] = row
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
