"""Qualifications, conversions, reconciliation and feedback against a second, naive computation.

Histories are drawn at random, with ties, month ends, several opportunities of one account, records
of companies the product does not know, and things that lie ahead of now.
"""

import random
from datetime import datetime, time, timedelta
from decimal import Decimal

import duckdb
import pytest

from tests.models import naive_pipeline as naive
from tests.models.compiled_models import compiled_models

MODELS = (
    "fct_qualifications",
    "fct_opportunity_sources",
    "int_pql__subject_stages",
    "rpt_qualification_pipeline",
    "rpt_qualification_overlap",
    "rpt_pipeline_reconciliation",
    "int_pql__handoff_outcomes",
    "rpt_pql_feedback",
)
# as dbt_project.yml has them
SOURCE_DAYS, FEEDBACK_DAYS, LIMIT = 90, 90, Decimal("0.20")
INPUTS = {
    "core.fct_campaign_responses": "crm varchar, crm_object varchar, crm_record_id varchar, "
    "person_id varchar, account_id varchar, crm_account_id varchar, responded_date date",
    "core.fct_lead_qualifications": "crm varchar, crm_object varchar, crm_record_id varchar, "
    "kind varchar, person_id varchar, account_id varchar, crm_account_id varchar, "
    "evidence varchar, qualified_at timestamp",
    "identity.bridge_crm_records": "crm varchar, object varchar, record_id varchar, "
    "account_id varchar",
    "pql.fct_transitions": "model_key varchar, account_id varchar, from_tier varchar, "
    "to_tier varchar, transitioned_at timestamp",
    "seeds.pql_models": "model_key varchar, status varchar, level varchar",
    "core.dim_as_of": "as_of_at timestamp, as_of_date date, reporting_currency varchar",
    "core.dim_accounts": "account_id varchar, signed_up_at timestamp",
    "core.dim_fx_rates": "month date, currency varchar, rate decimal(18, 8)",
    "core.fct_opportunities": "crm varchar, opportunity_id varchar, account_id varchar, "
    "crm_account_id varchar, owner_id varchar, deal_type varchar, is_closed boolean, "
    "is_won boolean, lead_source varchar, amount decimal(18, 2), currency varchar, "
    "created_at timestamp, closed_at timestamp",
    "revenue.fct_mrr_movements": "account_id varchar, movement_date date, "
    "movement_type varchar, cause varchar, amount decimal(18, 2)",
    "seeds.qualification_kinds": "kind varchar, tie_rank integer",
    "seeds.lead_source_kinds": "rule_number integer, pattern varchar, kind varchar",
    "seeds.qualification_conversions": "conversion_key varchar, from_stage varchar, "
    "to_stage varchar, within_days integer, expected_low decimal(5, 4), "
    "expected_high decimal(5, 4), red_below decimal(5, 4), red_above decimal(5, 4), "
    "expected_median_days integer",
    "pql.fct_handoffs": "handoff_id varchar, model_key varchar, account_id varchar, "
    "tier varchar, status varchar, reason varchar, engaged_at timestamp, qualified_at timestamp",
}
LEAD_SOURCES = {"web": "mql", "outbound": "sql", "product": "pql"}
CONVERSIONS = (
    ("mql_to_sql", "mql", "sql", 30),
    ("pql_to_opportunity", "pql", "opportunity", 60),
    ("pql_to_paid", "pql", "paid", 45),
    ("sql_to_opportunity", "sql", "opportunity", 10),
    ("signup_to_pql", "signup", "pql", 30),
)


class Pipeline:
    """The models on tables a test fills."""

    def __init__(self):
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("attach ':memory:' as warehouse; use warehouse")
        for schema in ("core", "identity", "seeds", "pql", "revenue"):
            self.connection.execute(f"create schema {schema}")
        for name, columns in INPUTS.items():
            self.connection.execute(f"create table {name} ({columns})")

    def run(self, tables: dict[str, list[dict]]) -> None:
        for name, columns in INPUTS.items():
            self.connection.execute(f"delete from {name}")
            keys = [part.split()[0] for part in columns.split(", ") if not part[0].isdigit()]
            rows = tables.get(name, [])
            if rows:
                marks = ", ".join("?" for _ in keys)
                self.connection.executemany(
                    f"insert into {name} ({', '.join(keys)}) values ({marks})",
                    [[row.get(key) for key in keys] for row in rows],
                )
        for name in MODELS:
            self.connection.execute(
                f"create or replace table pql.{name} as {compiled_models(*MODELS)[name]}"
            )

    def rows(self, sql: str) -> list[tuple]:
        return self.connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline()


def drawn(seed: int) -> dict:
    """A made-up half year of a few companies."""
    rng = random.Random(seed)
    accounts = [f"a{n}" for n in range(rng.randint(1, 7))]
    # of the CRM's accounts some are ours, some are nobody's
    crm_accounts = {("sf", f"c{n}"): account for n, account in enumerate(accounts) if n % 2}
    records = [f"c{n}" for n in range(len(accounts))] + ["stranger", None]
    days = 170

    def moment(whole_day=False):
        day = naive.a_day(rng.choice([0, 30, 31, 58, 59, rng.randrange(days)]))
        second = 0 if whole_day or rng.random() < 0.3 else rng.randrange(86400)
        return datetime.combine(day, time()) + timedelta(seconds=second)

    def lead():
        has_account = rng.random() < 0.6
        return {
            "crm": "sf",
            "crm_object": rng.choice(["contacts", "leads"]),
            "crm_record_id": f"r{rng.randrange(12)}",
            "person_id": f"p{rng.randrange(6)}" if rng.random() < 0.5 else None,
            "account_id": rng.choice(accounts) if has_account else None,
            "crm_account_id": rng.choice(records),
        }

    def several(most):
        return range(rng.randint(0, most))

    at_end = datetime.combine(naive.a_day(0), time()) - timedelta(microseconds=1)
    opportunities = []
    for n in several(12):
        created = moment()
        closed = rng.random() < 0.5
        opportunities.append(
            {
                "crm": "sf",
                "opportunity_id": f"o{n}",
                "account_id": rng.choice([*accounts, None]),
                "crm_account_id": rng.choice(records),
                "owner_id": "u",
                "deal_type": rng.choice(
                    ["new_business", "new_business", "other", "existing_business", "renewal"]
                ),
                "is_closed": closed,
                "is_won": closed and rng.random() < 0.5,
                "lead_source": rng.choice(["Web", "Outbound", "Product", "Oracle", None]),
                "amount": rng.choice([None, Decimal(rng.randint(1, 9) * 10)]),
                "currency": rng.choice([None, "USD"]),
                "created_at": created,
                "closed_at": created + timedelta(days=rng.randrange(20)) if closed else None,
            }
        )
    movements = []
    for account in accounts:
        if rng.random() < 0.5:
            began = moment().date()
            movements.append((account, began, "new", "first_payment", Decimal(10)))
            if rng.random() < 0.4:
                movements.append((account, began, "new", "contract", Decimal(5)))
    return {
        "as_of": datetime.combine(naive.a_day(rng.randint(60, days)), time())
        + timedelta(hours=rng.choice([0, 12])),
        "signups": {account: moment() for account in accounts},
        "models": {"rubric": "live", "trial_balloon": "shadow"},
        "crm_accounts": crm_accounts,
        "lead_sources": LEAD_SOURCES,
        "lead_qualifications": [
            {
                **lead(),
                "kind": rng.choice(["mql", "sql"]),
                "evidence": rng.choice(["date_field", "status"]),
                "qualified_at": moment(),
            }
            for _ in several(14)
        ],
        "responses": [{**lead(), "responded_date": moment().date()} for _ in several(10)],
        "transitions": [
            {
                "model_key": model,
                "account_id": account,
                "from_tier": tiers[0],
                "to_tier": tiers[1],
                "transitioned_at": at_end + timedelta(days=day + 1),
            }
            for account in accounts
            for model in ("rubric", "trial_balloon")
            for day in sorted(rng.sample(range(days), rng.randint(0, 3)))
            for tiers in [rng.sample(["none", "watching", "warm", "hot"], 2)]
        ],
        "opportunities": opportunities,
        "movements": [
            dict(
                zip(
                    ("account_id", "movement_date", "movement_type", "cause", "amount"),
                    row,
                    strict=True,
                )
            )
            for row in movements
        ],
        "handoffs": [
            {
                "handoff_id": f"h{n}",
                "model_key": rng.choice(["rubric", "trial_balloon"]),
                "account_id": rng.choice(accounts),
                "tier": rng.choice(["hot", "warm"]),
                "status": rng.choice(
                    ["pending", "engaged", "won", "lost", "rejected", "rejected", "expired"]
                ),
                "reason": rng.choice([None, "student"]),
                "engaged_at": rng.choice([None, moment()]),
                "qualified_at": moment(),
            }
            for n in several(14)
        ],
    }


def tables_of(world: dict) -> dict[str, list[dict]]:
    return {
        "core.fct_campaign_responses": world["responses"],
        "core.fct_lead_qualifications": world["lead_qualifications"],
        "identity.bridge_crm_records": [
            {"crm": crm, "object": "accounts", "record_id": record, "account_id": account}
            for (crm, record), account in world["crm_accounts"].items()
        ],
        "pql.fct_transitions": world["transitions"],
        "seeds.pql_models": [
            {"model_key": key, "status": status, "level": "account"}
            for key, status in world["models"].items()
        ],
        "core.dim_as_of": [
            {
                "as_of_at": world["as_of"],
                "as_of_date": world["as_of"].date(),
                "reporting_currency": "USD",
            }
        ],
        "core.dim_accounts": [
            {"account_id": account, "signed_up_at": at} for account, at in world["signups"].items()
        ],
        "core.fct_opportunities": world["opportunities"],
        "revenue.fct_mrr_movements": world["movements"],
        "seeds.qualification_kinds": [
            {"kind": kind, "tie_rank": n} for n, kind in enumerate(naive.KINDS)
        ],
        "seeds.lead_source_kinds": [
            {"rule_number": n, "pattern": pattern, "kind": kind}
            for n, (pattern, kind) in enumerate(world["lead_sources"].items())
        ],
        "seeds.qualification_conversions": [
            {"conversion_key": key, "from_stage": start, "to_stage": end, "within_days": days}
            for key, start, end, days in CONVERSIONS
        ],
        "pql.fct_handoffs": world["handoffs"],
    }


@pytest.mark.parametrize(
    "seed",
    [*range(10), *(pytest.param(n, marks=pytest.mark.proof) for n in range(10, 150))],
)
def test_the_marts_agree_with_plain_loops(pipeline, seed):
    world = drawn(seed)
    pipeline.run(tables_of(world))

    told = pipeline.rows(
        "select kind, model_key, subject_id, coalesce(person_id, case when crm_object is not null "
        "then 'crm_' || crm_object || ':' || crm || ':' || crm_record_id end), qualified_at "
        "from pql.fct_qualifications"
    )
    assert len(told) == len(set(told))
    assert set(told) == naive.qualifications(world)

    found = pipeline.rows(
        "select opportunity_id, source_kind, crm_source_kind, is_new_business, amount, created_at, "
        "is_mql_before, is_sql_before, is_pql_before from pql.fct_opportunity_sources"
    )
    expected = naive.sources(world, SOURCE_DAYS)
    assert {row[0]: row[1:6] for row in found} == {
        name: source[:5] for name, source in expected.items()
    }
    assert {
        row[0]: {kind for kind, is_it in zip(naive.KINDS, row[6:], strict=True) if is_it}
        for row in found
    } == {name: source[5] for name, source in expected.items()}

    months = pipeline.rows(
        "select month, kind, state, is_flagged, warehouse_pipeline, crm_pipeline, agreed_pipeline "
        "from pql.rpt_pipeline_reconciliation"
    )
    assert {row[:2]: row[2:] for row in months} == naive.reconciliation(world, SOURCE_DAYS, LIMIT)

    for key, start, end, within in CONVERSIONS:
        rows = pipeline.rows(
            "select cohort_month, count_qualified, count_already, numerator, median_days, "
            "denominator, rate, state from pql.rpt_qualification_pipeline where model_key = 'all' "
            f"and cohort_grain = 'month' and conversion_key = '{key}' and count_qualified > 0"
        )
        expected = naive.conversion(world, start, end, within, SOURCE_DAYS)
        assert {row[0]: row[1:5] for row in rows} == expected, key
        for row in rows:
            assert row[5] == row[1] - row[2]
            if row[7] == "not_told" or not row[5]:
                assert row[6] is None
            else:
                assert row[6] == pytest.approx(row[3] / row[5])

    answers = pipeline.rows(
        "select cohort_month, model_key, tier, count_handoffs, count_accepted, count_rejected, "
        "count_mature, count_mature_won, is_rejection_red_flag, is_close_red_flag, close_rate "
        "from pql.rpt_pql_feedback"
    )
    assert {row[:3]: row[3:8] for row in answers} == naive.feedback(world, FEEDBACK_DAYS)
    for *_, accepted, rejected, mature, won, is_rejected_often, is_won_seldom, rate in answers:
        assert is_rejected_often == (rejected > 0.4 * (accepted + rejected))
        assert is_won_seldom == (rate is not None and rate < 0.15)
        assert rate is None or rate == pytest.approx(won / mature)

    # everything attributed is somewhere, once
    attributed = pipeline.rows(
        "select sum(amount) from pql.fct_opportunity_sources "
        "where is_new_business and source_kind = 'pql'"
    )[0][0]
    cohorts = pipeline.rows(
        "select sum(attributed_pipeline) from pql.rpt_qualification_pipeline where cohort_grain = "
        "'month' and conversion_key = 'pql_to_opportunity' and model_key = 'all'"
    )[0][0]
    assert (attributed or 0) == (cohorts or 0)
    combinations = pipeline.rows(
        "select count(*), sum(count_subjects) from pql.rpt_qualification_overlap"
    )
    subjects = {row[2] for row in naive.counted(world)}
    assert combinations == [(7, len(subjects))]


def test_without_any_source_there_are_seven_empty_combinations_and_nothing_else(pipeline):
    world = drawn(0)
    tables = {
        name: rows
        for name, rows in tables_of(world).items()
        if name.startswith("seeds.") or name == "core.dim_as_of"
    }
    pipeline.run(tables)
    counts = {name: pipeline.rows(f"select count(*) from pql.{name}")[0][0] for name in MODELS}
    assert counts == dict.fromkeys(MODELS, 0) | {"rpt_qualification_overlap": 7}


def test_a_second_run_changes_nothing(pipeline):
    tables = tables_of(drawn(3))
    seen = []
    for rows in (tables, {name: rows[::-1] for name, rows in tables.items()}):
        pipeline.run(rows)
        seen.append({name: sorted(map(repr, pipeline.rows(f"select * from pql.{name}")))
                     for name in MODELS})  # fmt: skip
    assert seen[0] == seen[1]
