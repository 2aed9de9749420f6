"""Payment recovery against stories whose end is known, and a naive reading of Stripe's files."""

import json
import random
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from demo_company.generate import generate
from tests.models import naive_recovery as naive
from tests.models.naive_recovery import AS_OF, DAY, HOUR, MINUTE, Bill, Outcome, Story, Stripe, Try
from tests.models.recovery_models import RecoveryModels, compile_models

pytestmark = pytest.mark.pipeline  # compiles the models once

FACTS = (
    "outcome, coalesce(recovered_by, lost_reason), reason, failed_attempts, recovered_on_attempt, "
    "failed_cents, recovered_cents, cast(round(refunded_amount * 100) as bigint), "
    "is_first_payment, first_failed_at, recovered_at, lost_at"
)
START = datetime(2024, 3, 1, 12)


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> RecoveryModels:
    return RecoveryModels(compile_models(tmp_path_factory.mktemp("compiled")))


def failed_invoices(connection) -> dict[str, Outcome]:
    rows = connection.execute(
        f"select invoice_id, {FACTS} from revenue.fct_failed_invoices"
    ).fetchall()
    assert len({row[0] for row in rows}) == len(rows)
    return {row[0]: Outcome(*row[1:]) for row in rows}


def told_by(story: Story) -> Story:
    """As far as its source can tell: no charge, no refund."""
    if story.api != "events_only":
        return story
    bills = [replace(b, tries=[replace(t, refunded=0) for t in b.tries]) for b in story.bills]
    return replace(story, bills=bills)


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.proof) for seed in range(2, 12))]
)
def test_every_random_story_ends_in_the_warehouse_as_it_did(models, seed):
    stories = [told_by(story) for story in naive.random_stories(seed, 250)]
    connection = models.run_stories(stories, naive.stripe(stories, random.Random(seed)))
    expected = {
        bill.id: fate
        for story in stories
        for bill in story.bills
        if (fate := naive.outcome(story, bill))
    }
    seen = {(fate.outcome, fate.how) for fate in expected.values()}
    assert len(seen) >= 8, "nearly every way an invoice can end must be there"
    assert failed_invoices(connection) == expected

    # and the dunning states of each account, asked at moments around everything that happened
    spans: dict[str, list] = {}
    for account, state, start, end in connection.execute(
        "select account_id, dunning_state, valid_from, valid_to from revenue.fct_dunning_states"
    ).fetchall():
        spans.setdefault(account, []).append((start, end or datetime.max, state))
    found, told = {}, {}
    for story in stories:
        for moment in moments(story, spans[story.account]):
            states = [s for start, end, s in spans[story.account] if start <= moment < end]
            found[story.account, moment] = states
            told[story.account, moment] = [naive.state_at(story, moment)]
    assert {state for states in told.values() for state in states} == {
        "active", "grace", "at_risk", "lost",
    }  # fmt: skip
    assert found == told


def moments(story: Story, spans: list) -> list[datetime]:
    edges = {start for start, _, _ in spans} | {at for at, _ in story.statuses}
    edges |= {t.at for bill in story.bills for t in bill.tries}
    edges |= {bill.closed[0] for bill in story.bills if bill.closed}
    edges |= {edge + naive.GRACE for edge in edges} | {edge + naive.WAIT for edge in edges}
    first = min(start for start, _, _ in spans)
    second = timedelta(seconds=1)
    around = {edge + step for edge in edges for step in (-second, timedelta(0), second)}
    return sorted(at for at in around if first <= at < AS_OF)


def one(models: RecoveryModels, *bills: Bill, statuses=None, **of_story) -> dict[str, Outcome]:
    story = Story("acc", statuses or [(START - 90 * DAY, "active")], list(bills), **of_story)
    told = naive.stripe([story], random.Random(3))
    return failed_invoices(models.run_stories([story], told))


def bill(*tries: Try, closed=None, **of_bill) -> Bill:
    return Bill(of_bill.pop("id", "in_1"), 5000, START - DAY, list(tries), closed, **of_bill)


FAILS = Try(START, reason="expired_card")
PAYS = Try(START + 3 * DAY, ok=True)
PAID = (PAYS.at, "paid")


@pytest.mark.parametrize("api", naive.API_VERSIONS)
def test_a_retry_brings_the_money_in_every_api_version(models, api):
    fate = one(models, bill(FAILS, PAYS, closed=PAID), api=api)["in_1"]
    assert (fate.outcome, fate.how, fate.recovered_on_attempt) == ("recovered", "payment", 2)
    assert (fate.reason, fate.failed_attempts) == ("expired_card", 1)
    assert models.db.execute(
        "select days_to_recover, attempt_number, recovered_invoices "
        "from revenue.fct_failed_invoices, revenue.rpt_recovery_attempts "
        "where cohort_grain = 'month' order by attempt_number"
    ).fetchall() == [(3.0, 1, 0), (3.0, 2, 1)]


def test_paid_by_bank_transfer_is_recovered_on_no_attempt(models):
    fate = one(models, bill(FAILS, closed=(START + 9 * DAY, "out_of_band")))["in_1"]
    assert (fate.outcome, fate.how, fate.recovered_on_attempt) == ("recovered", "out_of_band", None)
    assert fate.recovered_cents == 5000


def test_a_part_that_was_paid_is_kept_apart_from_the_rest_that_was_lost(models):
    part = Try(START + DAY, ok=True, cents=2000)
    fate = one(models, bill(FAILS, part, closed=(START + 20 * DAY, "uncollectible")))["in_1"]
    assert (fate.outcome, fate.how, fate.recovered_cents) == ("lost", "uncollectible", 2000)
    assert models.db.execute(
        "select failed_amount, recovered_amount, lost_amount, open_amount "
        "from revenue.fct_failed_invoices"
    ).fetchone() == (50, 20, 30, 0)


def test_what_a_part_paid_before_the_failure_brought_is_not_recovered(models):
    part = Try(START - HOUR, ok=True, cents=2000)
    rest = Try(START, reason="expired_card", cents=3000)
    fate = one(models, bill(part, rest))["in_1"]
    assert (fate.outcome, fate.failed_cents, fate.recovered_cents) == ("lost", 3000, 0)
    assert fate.how == "given_up"


def test_a_credit_note_over_all_of_it_brings_no_money(models):
    fate = one(models, bill(FAILS, closed=(START + DAY, "credited")))["in_1"]
    assert (fate.outcome, fate.how, fate.lost_at) == ("lost", "credited", START + DAY)


def test_retries_by_hand_within_minutes_are_attempts_of_their_own(models):
    by_hand = [Try(START + n * 5 * MINUTE, reason="expired_card") for n in range(3)]
    fate = one(models, bill(*by_hand, PAYS, closed=PAID))["in_1"]
    assert (fate.failed_attempts, fate.recovered_on_attempt) == (3, 4)


def test_several_invoices_of_an_account_fail_at_once_and_each_has_its_own_end(models):
    fates = one(
        models,
        bill(FAILS, PAYS, closed=PAID),
        bill(FAILS, id="in_2"),
        statuses=[(START - 90 * DAY, "active"), (START, "past_due"), (START + 9 * DAY, "canceled")],
    )
    assert (fates["in_1"].outcome, fates["in_2"].outcome) == ("recovered", "lost")
    assert fates["in_2"].how == "subscription_canceled"
    assert fates["in_2"].lost_at == START + 9 * DAY


def test_a_first_payment_that_fails_is_no_dunning(models):
    fates = one(
        models,
        bill(FAILS, billing_reason="subscription_create"),
        statuses=[(START - DAY, "incomplete"), (START + DAY, "incomplete_expired")],
    )
    assert fates["in_1"].is_first_payment
    assert models.db.execute("select count(*) from revenue.rpt_payment_recovery").fetchone() == (0,)
    assert models.db.execute(
        "select dunning_state, count(*) from revenue.fct_dunning_states group by 1"
    ).fetchall() == [("active", 1)]


def test_failed_then_paid_then_refunded_stays_recovered(models):
    fate = one(models, bill(FAILS, replace(PAYS, refunded=5000), closed=PAID))["in_1"]
    assert (fate.outcome, fate.refunded_cents) == ("recovered", 5000)


def test_who_pays_after_the_service_ended_is_recovered_and_was_lost_in_between(models):
    ended = [(START - 90 * DAY, "active"), (START, "past_due"), (START + 21 * DAY, "unpaid")]
    late = Try(START + 30 * DAY, ok=True)
    fates = one(models, bill(FAILS, late, closed=(late.at, "paid")), statuses=ended)
    assert (fates["in_1"].outcome, fates["in_1"].lost_at) == ("recovered", None)
    assert models.db.execute(
        "select dunning_state, valid_from from revenue.fct_dunning_states order by valid_from"
    ).fetchall() == [
        ("active", START - 90 * DAY),
        ("grace", START),
        ("at_risk", START + 7 * DAY),
        ("lost", START + 21 * DAY),
        ("active", late.at),
    ]


def test_who_still_is_tried_is_at_risk_with_the_revenue_behind_it(models):
    soon = AS_OF - 10 * DAY
    one(
        models,
        Bill("in_1", 5000, soon - HOUR, [Try(soon, reason="expired_card")], next_try=AS_OF + DAY),
        statuses=[(START, "active"), (soon, "past_due")],
    )
    assert models.db.execute(
        "select dunning_state, open_invoices, open_amount, mrr_at_risk, oldest_failure_at "
        "from revenue.fct_dunning_states where is_current"
    ).fetchall() == [("at_risk", 1, 50, 10, soon)]
    assert models.db.execute(
        "select is_mature, recovery_rate, open_share from revenue.rpt_payment_recovery"
    ).fetchall() == [(False, None, 1.0)]


def test_nothing_at_all_gives_empty_tables(models):
    connection = models.run(Stripe(), {}, {}, [])
    for table in ("fct_failed_invoices", "fct_dunning_states", "rpt_recovery_attempts"):
        assert connection.execute(f"select count(*) from revenue.{table}").fetchone() == (0,)


@pytest.mark.parametrize("accounts", [150, pytest.param(3000, marks=pytest.mark.proof)])
def test_the_demo_companys_failed_invoices_are_those_its_files_tell_of(models, tmp_path, accounts):
    generate(tmp_path, accounts=accounts, months=18, seed=9, events_per_day=1, dirt_rate=0.01)
    assert check_against_files(models, tmp_path) >= accounts / 50


def check_against_files(models: RecoveryModels, landing: Path) -> int:
    """Stripe's files of the demo company, dirt and all; how many invoices had failed."""
    as_of = datetime.fromisoformat(json.loads((landing / "demo.json").read_text())["as_of"])
    as_of = as_of.replace(tzinfo=None)
    told, accounts, statuses = Stripe(), {}, {}
    for file in sorted((landing / "stripe/events").glob("*.jsonl")):
        for line in file.read_text().splitlines():
            event = json.loads(line)
            thing, at = event["data"]["object"], datetime.utcfromtimestamp(event["created"])
            if not event["livemode"]:
                continue
            told.events.append(
                {"id": event["id"], "type": event["type"], "created": at, "object": thing}
            )
            if thing["object"] == "subscription":
                accounts[thing["id"]] = thing["metadata"]["account_id"]
                last = event["type"].endswith("deleted")
                statuses.setdefault(thing["id"], set()).add((at, last, thing["status"]))
    spans = [
        (sub, status, at, after[0] if after else None)
        for sub, found in statuses.items()
        for (at, _, status), after in zip(
            sorted(found), [*sorted(found)[1:], None], strict=True
        )
    ]  # fmt: skip
    connection = models.run(told, accounts, {}, spans, as_of=as_of)
    names = [
        "reason", "failed_attempts", "outcome", "first_failed_at", "days_to_recover",
        "recovered_on_attempt", "lost_at", "failed_cents", "is_first_payment",
    ]  # fmt: skip
    rows = connection.execute(
        f"select invoice_id, {', '.join(names)} from revenue.fct_failed_invoices"
    ).fetchall()
    found = {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}
    expected = naive.from_landing(landing, as_of)
    for fate in expected.values():
        if fate["days_to_recover"] is not None:
            fate["days_to_recover"] = pytest.approx(fate["days_to_recover"], abs=1e-9)
    assert found == expected
    return len(found)
