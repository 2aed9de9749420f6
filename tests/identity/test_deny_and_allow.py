"""Deny and allow lists: what they split, keep and remove, seen behind the marts and syncs."""

import pytest

from tests.end_to_end.test_unmerge import alias, two_logins
from tests.identity.home import Calls, Home

pytestmark = pytest.mark.proof

ALL_LAYERS = tuple(
    f"fqn:plg.{layer}" for layer in ("staging", "identity", "core", "marts", "syncs")
)


def edge(table: str, *ends: str) -> str:
    return f"insert into seeds.{table} values ({', '.join(map(repr, ends))}, 'a test')"


def synced(home: Home) -> list[tuple]:
    return home.query(
        "select email, is_activated from syncs.sync_salesforce__contacts order by all"
    )


@pytest.fixture(scope="module")
def merged(tmp_path_factory) -> Home:
    """One person of two logins. The tests below go on from one another, in order."""
    home = Home(tmp_path_factory.mktemp("denied"))
    home.write("events/segment/alias.jsonl", [])
    (home.settings.landing_dir / "events/segment/alias.jsonl").write_text(alias("alias_1"))
    home.land("calls.jsonl", two_logins())
    home.seed()
    home.build(*ALL_LAYERS)
    assert home.people()["user_id", "ann_home"] == home.people()["user_id", "ann_work"]
    assert synced(home) == [("ann@acme.io", True)]
    return home


def test_a_denied_edge_splits_a_person_without_reading_an_event_again(merged):
    built = "select max(built_load_id), count(*) from staging.stg_events__event_days"
    rules = "select rules_hash from staging.stg_events__event_days limit 1"
    before = merged.query(built), merged.query(rules)
    merged.query(edge("denied_edges", "user_id", "ann_work", "user_id", "ann_home"))
    merged.build(*ALL_LAYERS)
    people = merged.people()
    assert people["user_id", "ann_home"] != people["user_id", "ann_work"]
    assert people["email", "ann@acme.io"] == people["user_id", "ann_home"]
    assert merged.query("select count(*) from activation.fct_person_milestones "
                        "where milestone = 'activation'") == [(0,)]  # fmt: skip
    assert synced(merged) == [("ann@acme.com", False), ("ann@acme.io", False)]
    assert merged.query(
        "select id_type, id_value, action, sample from identity.rpt_guard_violations "
        "where rule_key = 'denied_edge'"
    ) == [("user_id", "ann_home", "drop_edge", "user_id:ann_work")]
    assert (merged.query(built), merged.query(rules)) == before


def test_without_the_denial_the_person_is_as_before(merged):
    merged.query("delete from seeds.denied_edges")
    merged.build(*ALL_LAYERS)
    assert synced(merged) == [("ann@acme.io", True)]
    assert merged.query(
        "select people_split_off, people_merged from identity.rpt_person_changes "
        "order by version_number"
    ) == [(0, 0), (1, 0), (0, 1)]


def test_a_deletion_request_for_one_of_two_merged_ids_leaves_the_other_intact(merged):
    person = merged.people()["user_id", "ann_work"]
    merged.query(
        "insert into seeds.denied_ids values ('user_id', 'ann_home', 'deletion_request'), "
        "('email', 'ann@acme.io', 'deletion_request')"
    )
    merged.build(*ALL_LAYERS)
    people = merged.people()
    assert people == {("user_id", "ann_work"): person, ("email", "ann@acme.com"): person}
    assert merged.query(
        "select sum(count_events), count(distinct person_id) from core.fct_person_days"
    ) == [(4, 1)]
    assert synced(merged) == [("ann@acme.com", False)]
    everywhere = merged.query(
        "select schema_name || '.' || table_name from duckdb_tables() "
        "where schema_name in ('core', 'activation', 'syncs', 'pql', 'funnel')"
    )
    for (table,) in everywhere:
        text = f"select count(*) from {table} as t where t::varchar like '%ann_home%' or t::varchar like '%ann@acme.io%'"  # noqa: E501
        assert merged.query(text) == [(0,)], table


def test_a_file_that_is_withdrawn_takes_its_edge_with_it(tmp_path):
    from ingestion.withdraw import withdraw_file

    calls = Calls()
    calls.track(2, userId="one", anonymousId="device")
    calls.track(3, userId="two", anonymousId="device")
    tie = Calls()
    tie.alias(4, "two", "one")
    tie.lines[0]["messageId"] = "tie"
    home = Home(tmp_path)
    home.seed()
    home.land("calls.jsonl", calls.lines)
    home.land("tie.jsonl", tie.lines)
    home.build()
    assert len(set(home.people().values())) == 1
    withdraw_file(home.settings, "events/segment/tie.jsonl")
    home.build()
    assert home.people()["user_id", "one"] != home.people()["user_id", "two"]
    assert home.query(
        "select count(*) from identity.fct_person_merges where absorbed_id_type = 'user_id'"
    ) == [(0,)]


def test_what_is_allowed_by_name_is_evidence_against_every_limit(tmp_path):
    calls = Calls()
    for user in ("founder_1", "founder_2"):
        calls.verified(2, user, "hello@tiny.io")
    for user in ("office_1", "office_2"):
        calls.verified(2, user, "office@small.io")
    for user in range(12):
        calls.verified(3, f"many_{user:02d}", "me@logins.com")
    home = Home(tmp_path)
    home.seed()
    home.land("calls.jsonl", calls.lines)
    home.build()
    assert len(set(home.people().values())) == 16
    home.query("insert into seeds.allowed_ids values ('email', 'hello@tiny.io', 'its founder')")
    home.query("insert into seeds.allowed_ids values ('email', 'me@logins.com', 'a tester')")
    for user in ("office_1", "office_2"):
        home.query(edge("allowed_edges", "email", "office@small.io", "user_id", user))
    home.build()
    people = home.people()
    assert people["user_id", "founder_1"] == people["user_id", "founder_2"]
    assert people["email", "hello@tiny.io"] == people["user_id", "founder_1"]
    assert people["user_id", "office_1"] == people["user_id", "office_2"]
    assert len({people["user_id", f"many_{user:02d}"] for user in range(12)}) == 1
    assert home.query("select count(*) from identity.rpt_guard_violations") == [(0,)]


@pytest.mark.parametrize("order", [1, -1])
def test_two_denied_users_are_two_people_over_whatever_path(tmp_path, order: int):
    calls = Calls()
    calls.alias(1, "ann", "ann_phone")
    calls.verified(2, "bob", "b@home.example")
    calls.verified(2, "bob_work", "b@home.example")
    # what tied them came later, by an address and an alias
    calls.verified(4, "ann_phone", "shared@desk.example")
    calls.verified(5, "clerk", "shared@desk.example")
    calls.alias(6, "clerk", "bob_work")
    calls.track(7, userId="ann")
    calls.track(7, userId="zoe")
    calls.alias(8, "zoe", "zoe_phone")
    home = Home(tmp_path)
    home.seed()
    for number, call in enumerate(calls.lines[::order]):
        home.write(f"events/segment/{number}.jsonl", [call])
    home.ingest()
    home.build()
    people = home.people()
    assert people["user_id", "ann"] == people["user_id", "bob"]

    home.query(edge("denied_edges", "user_id", "bob", "user_id", "ann"))
    home.build()
    people = home.people()
    assert people["user_id", "ann"] != people["user_id", "bob"]
    # the others stay with whom they were tied to first
    assert people["user_id", "ann_phone"] == people["user_id", "ann"]
    assert people["user_id", "clerk"] == people["user_id", "ann"]
    assert people["email", "shared@desk.example"] == people["user_id", "ann"]
    assert people["user_id", "bob_work"] == people["user_id", "bob"]
    assert people["user_id", "zoe"] == people["user_id", "zoe_phone"]
    assert home.query(
        "select id_type, id_value, user_id from identity.fct_identity_links "
        "where dropped_by_rule = 'denied_edge'"
    ) == [("user_id", "clerk", "bob_work")]
    assert home.query(
        "select count(*) from identity.fct_person_merges "
        "where absorbed_id_type = 'user_id' and merged_at >= '2026-01-06'"
    ) == [(1,)]  # of zoe's two logins, and none of ann's with bob's
