"""Sessions, touches and loops of a demo company against a second, naive computation.

What belongs to other parts (activation, accounts, what is paid) is taken as built; it has
proofs of its own.
"""

from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

from demo_company.generate import generate
from demo_company.parameters import DemoReport
from tests.demo_company import raw_reading as raw
from tests.models import naive_loops, naive_sessions
from tests.small_installation import SmallInstallation

pytestmark = pytest.mark.pipeline  # one build for all


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> DemoReport:
    landing = tmp_path_factory.mktemp("loops") / "landing"
    return generate(landing, accounts=40, months=5, seed=4, dirt_rate=0.01)


@pytest.fixture(scope="module")
def rows(demo):
    """Rows of a statement on the warehouse, built once."""
    home = SmallInstallation(demo.landing.parent, as_of=None)
    home.ingest()
    home.dbt("seed")
    home.run("+fct_touches", "+marts.loops")
    return home.query


@pytest.fixture(scope="module")
def calls(demo) -> list[naive_sessions.Call]:
    """Every call once, refused ones left out, with its corrected UTC time."""
    accepted = {}
    for _, line in raw.lines_of(demo.landing / "events" / "segment"):
        reason, message, at = raw.refuse(line, demo.as_of)
        if not reason:
            accepted.setdefault(message["messageId"], (message, at))
    return [(message, at.astimezone(UTC).replace(tzinfo=None)) for message, at in accepted.values()]


@pytest.fixture(scope="module")
def label_of(rows, calls):
    """The naive person → the warehouse's person id, by one of its raw ids."""
    return dict(
        rows("select id_value, person_id from identity.bridge_person_ids where id_type <> 'email'")
    )


@pytest.fixture(scope="module")
def person_of(calls, label_of):
    people = raw.People([pair for pair in calls if not naive_sessions.is_bot(pair[0])])
    return lambda user, device, at: label_of[people.of(user, device, at)]


@pytest.fixture(scope="module")
def sessions(calls, person_of) -> list[naive_sessions.Session]:
    return naive_sessions.sessions(calls, person_of)


@pytest.fixture(scope="module")
def signed_up(calls, person_of) -> dict[str, datetime]:
    return naive_sessions.signups(calls, person_of)


@pytest.fixture(scope="module")
def touches(sessions, signed_up):
    return naive_sessions.touches(sessions, signed_up)


@pytest.fixture(scope="module")
def activated(rows) -> dict[str, datetime]:
    return dict(
        rows(
            "select person_id, reached_at from activation.fct_person_milestones "
            "where milestone = 'activation'"
        )
    )


@pytest.fixture(scope="module")
def account_of(rows) -> dict[str, str]:
    return dict(rows("select person_id, primary_account_id from core.dim_people"))


def test_every_session_begins_ends_and_is_entered_as_the_calls_say(rows, sessions, account_of):
    found = {
        row[:3]: row[3:]
        for row in rows(
            "select person_id, device_id, started_at, ended_at, channel, source, medium, campaign, "
            "term, content, referrer_host, landing_url, count_events, count_pages, is_signed_in, "
            "account_id from core.fct_sessions"
        )
    }
    expected = {
        (s.person, s.device, s.started_at): (
            s.ended_at,
            s.channel,
            *(s.entry.get(key) for key in naive_sessions.SOURCE[1:]),
            s.entry.get("referrer_host"),
            s.entry.get("landing_url"),
            s.count_events,
            s.count_pages,
            s.is_signed_in,
            naive_sessions.account_of(s) or account_of[s.person],
        )
        for s in sessions
    }
    assert len(found) > 2_000
    assert {row[1] for row in found.values()} >= {"direct", "referral_program", "shared_link"}
    assert found == expected


def test_no_crawler_has_a_session(rows, demo):
    bots = {
        row["id_value"]
        for row in pq.read_table(demo.truth / "person_ids.parquet").to_pylist()
        if row["is_bot"]
    }
    devices = {device for (device,) in rows("select distinct device_id from core.fct_sessions")}
    assert bots
    assert not bots & devices


def test_touches_and_which_of_them_are_first_and_last_before_sign_up_are_the_same(
    rows, touches, signed_up
):
    found = {
        row[:2]: row[2:]
        for row in rows(
            "select person_id, touched_at, channel, is_direct, is_up_to_signup, is_first, is_last, "
            "is_first_non_direct, is_last_non_direct from core.fct_touches"
        )
    }
    expected = {}
    for person, mine in touches.items():
        before = [t for t in mine if person not in signed_up or t.started_at <= signed_up[person]]
        entries = [t for t in before if t.entry]
        for touch in mine:
            expected[person, touch.started_at] = (
                touch.channel,
                not touch.entry,
                touch in before,
                touch in before[:1],
                touch in before[-1:],
                touch in entries[:1],
                touch in entries[-1:],
            )
    assert found == expected


def test_people_have_the_first_and_the_last_entry_before_sign_up(rows, touches, signed_up):
    found = {
        row[0]: row[1:]
        for row in rows(
            "select person_id, first_touched_at, first_source, first_campaign, last_touched_at, "
            "last_channel, last_landing_url from core.dim_people"
        )
    }
    expected = dict.fromkeys(found, (None,) * 6)
    for person, mine in touches.items():
        entries = [
            t
            for t in mine
            if t.entry and (person not in signed_up or t.started_at <= signed_up[person])
        ]
        if entries:
            first, last = entries[0], entries[-1]
            expected[person] = (
                first.started_at,
                first.entry["source"],
                first.entry["campaign"],
                last.started_at,
                last.channel,
                last.entry["landing_url"],
            )
    assert any(row[0] != row[3] for row in found.values()), "some came in more than once"
    assert found == expected


def test_invitations_are_those_of_the_calls(rows, calls, person_of, signed_up, activated):
    found = {
        row[0]: naive_loops.Invite(*row[1:])
        for row in rows(
            "select invite_id, inviter_person_id, sent_at, invitee_person_id, accepted_at, "
            "next_invite_at, is_converted, is_converted_and_activated from loops.fct_invites"
        )
    }
    expected = naive_loops.invites(calls, person_of, signed_up, activated)
    assert any(invite.next_invite_at for invite in expected.values())
    assert {invite.is_converted for invite in expected.values()} == {True, False}
    assert found == expected


def test_invitations_are_those_the_demo_company_sent(rows, demo, label_of):
    label = {
        row["true_person_id"]: label_of[row["id_value"]]
        for row in pq.read_table(demo.truth / "person_ids.parquet").to_pylist()
        if row["id_type"] == "user_id"
    }
    truth = {
        row["invite_id"]: (
            label[row["inviter_person_id"]],
            row["sent_at"],
            label.get(row["invitee_person_id"]),
            row["accepted_at"],
        )
        for row in pq.read_table(demo.truth / "invites.parquet").to_pylist()
    }
    found = {
        row[0]: row[1:]
        for row in rows(
            "select invite_id, inviter_person_id, sent_at, invitee_person_id, accepted_at "
            "from loops.fct_invites"
        )
    }
    assert found == truth


def test_k_its_parts_and_the_cycle_time_are_the_same_for_every_cohort(
    rows, calls, person_of, signed_up, activated, demo
):
    found = {
        row[:2]: row[2:]
        for row in rows(
            "select grain, cohort_date, users, inviters, invites_sent, invites_converted, "
            "invites_activated, is_mature, k_factor, median_cycle_hours "
            "from loops.rpt_invite_loop"
        )
    }
    invites = naive_loops.invites(calls, person_of, signed_up, activated)
    expected = naive_loops.invite_loop(invites, signed_up, demo.as_of.replace(tzinfo=None))
    assert {row[5] for row in expected.values()} == {True, False}
    assert any(row[7] for row in expected.values()), "somebody invited has invited in turn"
    assert found.keys() == expected.keys()
    for cohort, row in expected.items():
        assert found[cohort][:6] == row[:6]
        assert found[cohort][6:] == pytest.approx(row[6:])


def test_shared_links_bring_whom_the_calls_and_the_demo_company_say(
    rows, calls, person_of, touches, signed_up, demo
):
    found = {
        row[0]: row[1:]
        for row in rows(
            "select share_id, sharer_person_id, shared_at, count_visits, count_signups "
            "from loops.fct_shares"
        )
    }
    expected = naive_loops.shares(calls, person_of, touches, signed_up)
    assert found == expected
    brought = {share for share, row in found.items() if row[-1]}
    truth = pq.read_table(demo.truth / "shares.parquet").to_pylist()
    assert brought == {row["share_id"] for row in truth} != set()


def test_limits_are_felt_by_as_many_free_users(rows, calls, person_of, signed_up, account_of):
    found = {
        row[0]: row[1:]
        for row in rows(
            "select activity_month, active_free, hit_limit, near_limit, felt_limit "
            "from loops.rpt_limits where entity_type = 'person'"
        )
    }
    paying = set(rows("select account_id, month from revenue.fct_mrr_months where closing_mrr > 0"))
    expected = naive_loops.limits(
        naive_loops.active_days(calls, person_of),
        naive_loops.quota_days(calls),
        signed_up,
        account_of,
        paying,
    )
    assert found == expected


def test_zombies_are_the_same(rows, calls, person_of, activated, account_of, demo):
    found = dict(rows("select person_id, active_days from loops.fct_zombies"))
    paying = {a for (a,) in rows("select account_id from core.dim_accounts where is_paying")}
    expected = naive_loops.zombies(
        naive_loops.active_days(calls, person_of),
        naive_loops.quota_days(calls),
        activated,
        account_of,
        paying,
        demo.as_of.date(),
    )
    assert found == expected != {}


def test_members_of_a_team_add_up(rows):
    assert (
        rows(
            "select account_id from loops.fct_team_days where is_latest and members <> ("
            "select count(*) from identity.bridge_account_people as b join core.dim_people as p "
            "using (person_id) where b.account_id = fct_team_days.account_id "
            "and p.signed_up_at is not null)"
        )
        == []
    )
    assert (
        rows(
            "select account_id, team_date from loops.fct_team_days qualify lead(team_date) over ("
            "partition by account_id order by team_date) is distinct from "
            "case when not is_latest then valid_to_date end"
        )
        == []
    )
