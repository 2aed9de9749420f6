"""The PQL marts against a second, naive computation from the calls."""

import math
import shutil
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.models import pql_naive as naive
from tests.small_installation import SmallInstallation

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def company() -> naive.Company:
    return naive.make_company(seed=11)


@pytest.fixture(scope="module")
def homes(tmp_path_factory, company) -> tuple[Path, Path]:
    """Two homes with a warehouse built from the company's files: to read, and to go on with."""
    installation = SmallInstallation(tmp_path_factory.mktemp("pql"), str(naive.now_aware()))
    naive.write_landing(company, installation.landing)
    installation.seed()
    installation.ingest()
    installation.run("+marts.pql")
    home = installation.settings.home
    return home, shutil.copytree(home, tmp_path_factory.mktemp("later") / "home")


@pytest.fixture(scope="module")
def rows(homes):
    """A function from SQL to tuples, on the warehouse."""
    with duckdb.connect(str(homes[0] / "warehouse.duckdb")) as connection:
        yield lambda sql: connection.execute(sql).fetchall()


def differences(found: dict, expected: dict) -> dict:
    """Up to ten keys on which the two disagree, with both values."""
    keys = sorted(key for key in found | expected if found.get(key) != expected.get(key))
    return {key: (found.get(key), expected.get(key)) for key in keys[:10]}


MODELS = tuple(naive.models())
TABLES = {
    "account": ("fct_scores", "fct_score_reasons", "fct_transitions", "account_id"),
    "user": ("fct_user_scores", "fct_user_score_reasons", "fct_user_transitions", "person_id"),
}


def tables_of(model: str) -> tuple[str, str, str, str]:
    return TABLES[naive.models()[model]["level"]]


@pytest.fixture(scope="module")
def names(rows) -> dict[str, str]:
    """What the company calls the people whose ids the warehouse made."""
    return {
        person: user.removeprefix("usr_")
        for user, person in rows(
            "select id_value, person_id from identity.bridge_person_ids where id_type = 'user_id'"
        )
    }


@pytest.mark.parametrize("model", MODELS)
def test_every_account_and_person_has_the_same_score_and_tier_on_every_day(
    rows, company, names, model
):
    scores, _, _, entity = tables_of(model)
    found = {
        (names.get(who, who), day): (points, out_of_ten, tier)
        for who, day, points, out_of_ten, tier in rows(
            f"select {entity}, score_date, points, score_10, tier from pql.{scores} "
            f"where model_key = '{model}'"
        )
    }
    expected = naive.scores(company, model)
    tiers = {row["tier"] for row in naive.seed_rows("pql_tiers") if row["model_key"] == model}
    assert {tier for _, _, tier in expected.values()} == tiers
    assert differences(found, expected) == {}
    assert len(found) > 800


@pytest.mark.parametrize("model", MODELS)
def test_every_reason_has_the_same_points_and_evidence(rows, company, names, model):
    _, reasons, _, entity = tables_of(model)
    found = {
        (names.get(who, who), day, signal): (points, count, last_seen_at, missing)
        for who, day, signal, points, count, last_seen_at, missing in rows(
            f"select {entity}, score_date, signal_key, points, evidence_count, "
            f"last_seen_at, is_missing from pql.{reasons} where model_key = '{model}'"
        )
    }
    expected = {
        (who, day, signal): (reason.points, reason.evidence_count, reason.last_seen_at,
                             reason.is_missing)
        for (who, day), by_signal in naive.reasons(company, model).items()
        for signal, reason in by_signal.items()
    }  # fmt: skip
    if naive.models()[model]["method"] == "normalised":
        for key in found.keys() & expected.keys():
            assert abs(found[key][0] - expected[key][0]) <= Decimal("0.01"), key
        found = {key: values[1:] for key, values in found.items()}
        expected = {key: values[1:] for key, values in expected.items()}
    signals = {row["signal_key"] for row in naive.signals_of(model)}
    assert {signal for _, _, signal in expected} == signals, "the company must show every signal"
    assert differences(found, expected) == {}


@pytest.mark.parametrize("model", MODELS)
def test_reasons_add_up_to_the_score_in_every_row_of_every_day(rows, model):
    scores, reasons, _, entity = tables_of(model)
    assert rows(
        f"select * from pql.{scores} as s left join (select {entity}, score_date, "
        f"sum(points) as explained from pql.{reasons} where model_key = '{model}' group by all) "
        f"using ({entity}, score_date) where model_key = '{model}' "
        "and points <> coalesce(explained, 0)"
    ) == []  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
def test_every_change_of_tier_is_recorded_once(rows, company, names, model):
    _, _, transitions, entity = tables_of(model)
    found = Counter(
        (names.get(who, who), *change)
        for who, *change in rows(
            f"select {entity}, score_date, from_tier, to_tier from pql.{transitions} "
            f"where model_key = '{model}'"
        )
    )
    assert found == Counter(naive.transitions(company, model))
    assert any(to_tier == "hot" for _, _, _, to_tier in found)


def test_the_raw_figure_of_a_normalised_model_is_the_formula_unclamped(rows):
    people, event_points, multiplier, fit, raw, points = rows(
        "select count_people, event_points, potential_multiplier, fit_points, raw_points, points "
        "from pql.fct_scores where model_key = 'handoff_normalised' and count_people = 1 "
        "and event_points > 0 order by event_points desc limit 1"
    )[0]
    expected = float(event_points) * float(multiplier) / math.log10(people + 1) + float(fit)
    assert float(raw) == pytest.approx(expected, abs=0.01)
    assert raw - fit > 2 * (points - fit) > 0


def test_a_transition_is_dated_at_the_end_of_its_day_but_never_in_the_future(rows):
    for day, at in rows("select score_date, transitioned_at from pql.fct_transitions"):
        end_of_day = datetime(day.year, day.month, day.day) + timedelta(days=1, microseconds=-1)
        assert at == min(end_of_day, naive.AS_OF)


def test_an_account_is_not_scored_while_it_pays(rows):
    days = {
        (account, str(day))
        for account, day in rows("select account_id, score_date from pql.fct_scores")
    }
    assert ("acc_02", "2026-02-09") in days
    assert ("acc_02", "2026-02-10") not in days
    assert ("acc_02", "2026-03-20") not in days
    assert ("acc_02", "2026-03-21") in days
    current = {account for (account,) in rows("select account_id from pql.fct_current_scores")}
    assert "acc_03" not in current and "acc_04" not in current
    assert "acc_05" in current


def test_sentences_are_filled_in_and_say_when(rows):
    sentences = [text for (text,) in rows("select distinct sentence from pql.fct_score_reasons")]
    assert all("{" not in text and text.endswith(".") for text in sentences)
    assert any(text.startswith("Ran 1 query") for text in sentences)
    assert any("most recently yesterday" in text for text in sentences)
    assert any(text.startswith("Fit with the ideal customer profile unknown") for text in sentences)


def test_the_rubric_shipped_is_the_one_of_the_design_document():
    signals = {
        row["signal_key"]: (row["category"], int(row["points"]))
        for row in naive.seed_rows("pql_signals")
        if row["model_key"] == "rubric_150"
    }
    assert signals == {
        "core_workflow": ("usage", 30),
        "active_days": ("usage", 20),
        "quota_used": ("usage", 15),
        "teammates_invited": ("team", 25),
        "several_active_users": ("team", 20),
        "icp_match": ("fit", 15),
        "business_email": ("fit", 5),
        "pricing_page_viewed": ("engagement", 10),
        "support_contacted": ("engagement", 10),
    }
    assert sum(points for _, points in signals.values()) == 150
    bounds = {
        row["tier"]: Decimal(row["min_points"])
        for row in naive.seed_rows("pql_tiers")
        if row["model_key"] == "rubric_150"
    }
    assert bounds == {"hot": 80, "warm": 50, "watching": 30, "none": 0}


# what is not known yet, and what comes too late ---------------------------------------------

BEHAVIOUR = (
    "query_run", "dashboard_viewed", "teammate_invited", "pricing_page_viewed", "support_contacted",
    "limit_reached", "alert_created", "api_called", "checkout_started", "report_created",
)  # fmt: skip


def planted(company: naive.Company, received: str, days: list[date], accounts: int) -> list[dict]:
    """One event of each kind of behaviour by every other account on each of the days."""
    return [
        {
            "messageId": f"{received}_{account}_{event}_{day}", "type": "track", "event": event,
            "userId": f"usr_{account}_p0", "context": {"groupId": account},
            "receivedAt": received, "timestamp": f"{day}T09:00:00Z",
        }
        for account in list(company.signed_up)[accounts::2] for event in BEHAVIOUR for day in days
    ]  # fmt: skip


def test_late_data_changes_no_day_that_is_over_and_no_day_sees_the_next(homes, company):
    """The small version of the proof in test_pql_random_days.py."""
    path = homes[1] / "warehouse.duckdb"
    tables = ("fct_scores", "fct_score_reasons", "fct_user_scores", "fct_user_score_reasons")

    def said(of: str) -> dict[str, list[tuple]]:
        with duckdb.connect(str(path), read_only=True) as connection:
            return {
                table: connection.execute(f"select * from pql.{table} where {of}").fetchall()
                for table in tables
            }

    today = naive.LAST_SCORE_DATE  # half over, and so not closed
    over = f"score_date < date '{today}' order by all"
    before = said(over)
    installation = SmallInstallation(homes[1], "2026-04-18T00:00:00Z")
    late = [today - timedelta(days=n) for n in (1, 5, 20)]
    ahead = [date(2026, 4, 18)]
    installation.land(
        "later.jsonl",
        planted(company, "2026-04-17T08:00:00Z", late, 0)
        + planted(company, "2026-04-17T12:00:00Z", ahead, 1),
    )
    installation.run(*(f"+{table}" for table in tables))
    assert said(over) == before
    # and it could have failed: what was late came to count, what is ahead is there
    accounts = list(company.signed_up)[0::2]
    latest = installation.query(
        "select account_id, max(last_seen_at) from pql.fct_score_reasons "
        "where score_date = date '2026-04-17' group by all"
    )
    assert (accounts[0], datetime(2026, 4, 14, 9)) in latest
    found = installation.query(
        "select count(*) from core.fct_account_days where activity_date = date '2026-04-18'"
    )
    assert found == [(len(BEHAVIOUR) * len(list(company.signed_up)[1::2]),)]
    assert max(seen for _, seen in latest) < datetime(2026, 4, 18)
