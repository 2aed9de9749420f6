"""A funnel is a few lines of CSV: added to a copy of the seeds, built, and counted by hand."""

import csv
import shutil
from datetime import date, datetime, timedelta

import duckdb
import numpy as np
import pytest

from ingestion.run import ingest
from tests.models import lifecycle_naive as company_naive
from tests.models.naive_funnel import Event, Exclusion, Funnel, Stage, Step, matched
from warehouse import dbt
from warehouse.settings import PROJECT_ROOT, Settings

pytestmark = [pytest.mark.pipeline, pytest.mark.proof]  # one build for all

HOUR = timedelta(hours=1)
PATIENCE = timedelta(days=90)  # funnel_patience_days: what a funnel without windows waits
ADDED = {
    "funnel_definitions.csv": [
        "reporting,Query to report,,both,ordered,best_attempt,480,0,last,",
        "talking,Report to comment,,person,ordered,every_attempt,240,0,first,",
        "direct,Query to comment,,both,strict,best_attempt,,0,step,1",
        "breadth,Three features,,both,any,best_attempt,480,0,first,",
        "first_week,Sign-up to report,,person,ordered,first_attempt,168,0,first,",
    ],
    "funnel_steps.csv": [
        "reporting,1,query,Query,event,query_run,true,",
        "reporting,2,report,Report,event,report_created,true,240",
        "reporting,3,comment,Comment,event,comment_added,true,",
        "talking,1,report,Report,event,report_created,true,",
        "talking,2,comment,Comment,event,comment_added;query_run,true,",
        "direct,1,query,Query,event,query_run,true,",
        "direct,2,comment,Comment,event,comment_added,true,",
        "breadth,1,query,Query,event,query_run,true,",
        "breadth,2,report,Report,event,report_created,true,",
        "breadth,3,comment,Comment,event,comment_added,true,",
        "first_week,1,signed_up,Signed up,stage,signed_up,true,",
        "first_week,2,looked,Looked,event,page_viewed,false,48",
        "first_week,3,report,Report,event,report_created,true,",
    ],
    "funnel_exclusions.csv": ["reporting,2,3,event,dashboard_viewed"],
    "funnel_conversions.csv": ["reports_discussed,Reports discussed,talking,report,comment"],
}
QUERY, REPORT, COMMENT = Step(("query_run",)), Step(("report_created",)), Step(("comment_added",))
FUNNELS = [
    Funnel(
        "reporting",
        (QUERY, Step(("report_created",), 240 * HOUR), COMMENT),
        window=480 * HOUR,
        exclusions=(Exclusion("dashboard_viewed", 2, 3),),
    ),
    Funnel(
        "talking",
        (REPORT, Step(("comment_added", "query_run"))),
        counting="every_attempt",
        window=240 * HOUR,
    ),
    Funnel("direct", (QUERY, COMMENT), "strict"),
    Funnel("breadth", (QUERY, REPORT, COMMENT), "any", window=480 * HOUR),
    Funnel(
        "first_week",
        (
            Step(("signed_up",), source="stage"),
            Step(("page_viewed",), 48 * HOUR, is_required=False),
            REPORT,
        ),
        counting="first_attempt",
        window=168 * HOUR,
    ),
]
BY_ACCOUNT = {"reporting", "direct", "breadth"}


@pytest.fixture(scope="module")
def company() -> company_naive.Company:
    return company_naive.make_company(seed=3)


@pytest.fixture(scope="module")
def rows(tmp_path_factory, company):
    """A function from SQL to tuples, on a warehouse built with the added lines."""
    home = tmp_path_factory.mktemp("funnels")
    for folder in ("models", "seeds", "dbt_project"):
        shutil.copytree(PROJECT_ROOT / folder, home / "project" / folder)
    for name, lines in ADDED.items():
        with (home / "project" / "seeds" / name).open("a") as seed:
            seed.writelines(line + "\n" for line in lines)
    settings = Settings(home=home, landing=home / "landing", as_of=company_naive.now_aware())
    company_naive.write_landing(company, settings.landing_dir)
    ingest(settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dbt, "DBT_PROJECT_DIR", home / "project" / "dbt_project")
        result = dbt.run_dbt(
            settings,
            ["--quiet", "build", "--select", "+marts.funnel", "--exclude-resource-type",
             "test", "--exclude-resource-type", "unit_test"],
        )  # fmt: skip
        assert result.success, result.exception
        result = dbt.run_dbt(
            settings, ["--quiet", "test", "--select", "funnel_definitions_are_sound"]
        )
        assert result.success, [
            f"{row.node.name}: {row.message}" for row in result.result if row.status != "pass"
        ]
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute(
            """
            create temp table entities as
            select 'person' as entity_type, person_id as entity_id, coalesce(
                max(substr(id_value, 5)) filter (where id_type = 'user_id'),
                max(split_part(id_value, '-', 2)) filter (where id_type = 'anonymous_id')
            ) as entity
            from identity.bridge_person_ids group by person_id
            union all
            select 'account', account_id, account_id from core.dim_accounts
            """
        )
        yield lambda sql: connection.execute(sql).fetchall()


def product_activity() -> set[str]:
    with (PROJECT_ROOT / "seeds" / "event_registry.csv").open() as registry:
        return {
            row["event_name"]
            for row in csv.DictReader(registry)
            if row["is_product_activity"] == "true"
        }


def expected_attempts(company) -> dict[tuple[str, str, str], list[dict[int, datetime]]]:
    """(funnel, entity type, entity) → attempts, from the calls as they were sent."""
    primary = company_naive.primary_accounts(company)
    signups = company_naive.signups(company)
    sequences: dict[tuple[str, str], list] = {}
    for event in company.events:
        sequences.setdefault(("person", event.person), []).append(event)
        account = event.group or primary.get(event.person)
        if account:
            sequences.setdefault(("account", account), []).append(event)
    activity = product_activity()
    found = {}
    for (kind, entity), events in sequences.items():
        signed_up = signups.get(entity) if kind == "person" else None
        for funnel in FUNNELS:
            if kind == "account" and funnel.key not in BY_ACCOUNT:
                continue
            attempts = matched(
                funnel,
                [Event(event.name, event.at) for event in events],
                [Stage("signed_up", signed_up, signed_up)] if signed_up else [],
                [event.at for event in events if event.name in activity],
            )
            if attempts:
                found[funnel.key, kind, entity] = attempts
    return found


def test_funnels_added_as_lines_of_csv_reach_the_same_steps_at_the_same_moments(rows, company):
    found: dict = {}
    for key, kind, entity, *steps in rows(
        "select funnel_key, entity_type, entity, step_1_at, step_2_at, step_3_at "
        "from funnel.fct_funnel_attempts inner join entities using (entity_type, entity_id) "
        f"where funnel_key in {tuple(f.key for f in FUNNELS)} order by attempt_number"
    ):
        reached = {number: at for number, at in enumerate(steps, 1) if at}
        found.setdefault((key, kind, entity), []).append(reached)
    expected = expected_attempts(company)
    for funnel in FUNNELS:
        depths = {len(a) for (key, *_), many in expected.items() if key == funnel.key for a in many}
        assert {1, len(funnel.steps)} <= depths, f"{funnel.key} must fail and succeed"
    assert found == expected


def test_the_steps_report_counts_the_attempts_of_every_cohort(rows, company):
    found = {
        row[:4]: row[4:]
        for row in rows(
            "select funnel_key, entity_type, cohort_date, step_number, entities, entities_first, "
            "is_mature from funnel.rpt_funnel_steps "
            "where cohort_grain = 'week' and dimension = 'all' and is_required "
            f"and funnel_key in {tuple(f.key for f in FUNNELS)}"
        )
    }
    expected: dict = {}
    for (key, kind, _), attempts in expected_attempts(company).items():
        funnel = next(funnel for funnel in FUNNELS if funnel.key == key)
        for attempt in attempts:
            week = company_naive.monday(min(attempt.values()).date())
            closed = datetime.combine(week, datetime.min.time()) + timedelta(days=7)
            closed += funnel.window or PATIENCE
            for number, step in enumerate(funnel.steps, 1):
                if step.is_required:
                    row = expected.setdefault((key, kind, week, number), [0, 0])
                    row[0] += number in attempt
                    row[1] += 1
                    expected[key, kind, week, number] = [*row[:2], closed <= company_naive.AS_OF]
    assert {mature for *_, mature in expected.values()} == {True, False}
    assert found == {key: tuple(row) for key, row in expected.items()}


def test_times_between_steps_and_the_largest_leak_are_those_of_the_attempts(rows, company):
    found = {
        row[:2]: row[2:]
        for row in rows(
            "select cohort_date, step_number, entities, median_hours_from_previous, "
            "p75_hours_from_previous, p90_hours_from_previous, is_largest_leak "
            "from funnel.rpt_funnel_steps where funnel_key = 'reporting' "
            "and entity_type = 'person' and cohort_grain = 'month' and dimension = 'all'"
        )
    }
    months: dict[date, list] = {}
    for (key, kind, _), (attempt, *_) in expected_attempts(company).items():
        if (key, kind) == ("reporting", "person"):
            months.setdefault(attempt[1].date().replace(day=1), []).append(attempt)
    leaks = set()
    for month, attempts in months.items():
        reached = [sum(n in attempt for attempt in attempts) for n in (1, 2, 3)]
        rates = [reached[n] / reached[n - 1] if reached[n - 1] else 1 for n in (1, 2)]
        end = datetime.combine(month + timedelta(days=31), datetime.min.time()).replace(day=1)
        is_mature = end + 480 * HOUR <= company_naive.AS_OF
        for number in (1, 2, 3):
            hours = [
                (a[number] - a[number - 1]) / HOUR for a in attempts if number in a and number > 1
            ]
            quantiles = np.quantile(hours, [0.5, 0.75, 0.9]) if hours else [None] * 3
            worst = rates.index(min(rates)) + 2 if min(rates) < 1 else None
            leaks.add(is_mature and number == worst)
            entities, *times, is_leak = found.pop((month, number))
            assert entities == reached[number - 1]
            assert times == pytest.approx(list(quantiles))
            assert is_leak == (is_mature and number == worst)
    assert found == {}
    assert leaks == {True, False}


def test_only_mature_months_are_in_the_total_and_its_rate_is_that_of_their_sums(rows):
    assert rows(
        """
        select numerator, denominator, rate, is_mature from funnel.rpt_conversions
        where conversion_key = 'reports_discussed' and cohort_grain = 'total' and dimension = 'all'
        """
    ) == rows(
        """
        select sum(numerator)::bigint, sum(denominator)::bigint,
            sum(numerator) / sum(denominator), true
        from funnel.rpt_conversions
        where conversion_key = 'reports_discussed' and cohort_grain = 'month'
            and dimension = 'all' and is_mature
        """
    )
    assert rows(
        "select count(*) > 0 from funnel.rpt_conversions "
        "where conversion_key = 'reports_discussed' and cohort_grain = 'month' and not is_mature"
    ) == [(True,)]
    assert (
        rows("select * from funnel.rpt_funnel_steps where is_largest_leak and not is_mature") == []
    )


def test_dropped_users_are_listed_and_those_with_time_left_are_not(rows, company):
    attempts = {
        (entity, attempt[1]): attempt
        for (key, _, entity), many in expected_attempts(company).items()
        if key == "talking"
        for attempt in many
    }
    starts = sorted((entity, at) for entity, at in attempts)
    dropped, still_open = set(), set()
    for entity, at in starts:
        if 2 in attempts[entity, at]:
            continue
        later = [other for who, other in starts if who == entity and other > at]
        closes = min([at + 240 * HOUR, *later])
        (dropped if closes <= company_naive.AS_OF else still_open).add((entity, at))
    assert dropped and still_open
    query = (
        "select entity, started_at from funnel.fct_funnel_attempts "
        "inner join entities using (entity_type, entity_id) where funnel_key = 'talking' and "
    )
    assert set(rows(query + "dropped_after_step = 1")) == dropped
    assert set(rows(query + "is_open")) == still_open
