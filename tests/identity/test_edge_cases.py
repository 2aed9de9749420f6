"""Cases of who is who, each through the real ingest and the real models, in one small company.

Every test reads the part of the company whose ids begin with its own prefix.
"""

import pytest

from tests.identity.home import Calls, Home

pytestmark = pytest.mark.pipeline


def company() -> list[dict]:
    calls = Calls()

    # twice_*: one human, two logins; only later does the second verify the first's address
    calls.verified(2, "twice_work", "tia@acme.com", anonymousId="twice_laptop")
    calls.verified(3, "twice_home", "tia@private.net", anonymousId="twice_laptop2")
    calls.verified(4, "apart_work", "una@acme.com")
    calls.verified(5, "apart_home", "una@private.net")
    calls.verified(9, "twice_home", "tia@acme.com")

    # gm_*, plus_*: spellings of one mailbox
    calls.verified(2, "gm_1", "Max.Mad@gmail.com")
    calls.verified(3, "gm_2", "maxmad+beta@googlemail.com")
    calls.told(4, "gm_3", "max.mad@gmail.com")
    calls.verified(2, "plus_1", "pia@acme.com")
    calls.verified(3, "plus_2", "pia+test@acme.com")

    # role_*: one function's mailbox, three people
    calls.verified(2, "role_1", "info@roleco.com")
    calls.verified(3, "role_2", "info@roleco.com")
    calls.verified(4, "role_2", "rob@roleco.com")
    calls.verified(5, "role_3", "sales+eu@roleco.com")

    # desk_*: two known users of one browser, with a past before anybody signed in
    calls.track(2, event="page_viewed", anonymousId="desk")
    calls.verified(3, "desk_a", "a@desk.com", anonymousId="desk")
    calls.track(3, 11, event="page_viewed", anonymousId="desk")
    calls.verified(4, "desk_b", "b@desk.com", anonymousId="desk")
    calls.track(4, 11, event="page_viewed", anonymousId="desk")
    calls.track(5, userId="desk_a", anonymousId="desk")
    calls.track(6, event="page_viewed", anonymousId="desk")

    # aliases: chain, both directions, to itself, before any event
    for step in range(1, 6):
        calls.alias(2 + step, f"chain_{step}", f"chain_{step + 1}")
    calls.alias(3, "both_1", "both_2")
    calls.alias(4, "both_2", "both_1")
    calls.alias(3, "self_1", "self_1")
    calls.track(4, userId="self_1")
    calls.alias(2, "early_1", "early_2")
    calls.track(9, userId="early_1")
    calls.track(9, userId="early_2")

    # long_*: a chain of 64 is larger than one person's logins may be
    for step in range(64):
        calls.alias(3, f"long_{step:02d}", f"long_{step + 1:02d}")

    # kiosk: forty people sign in on one device
    for user in range(40):
        calls.track(3, user % 24, userId=f"kiosk_{user:02d}", anonymousId="kiosk_lobby")
    calls.track(4, event="page_viewed", anonymousId="kiosk_lobby")

    # mail_*: a mailbox that twelve logins verified
    for user in range(12):
        calls.verified(5, f"mail_{user:02d}", "crowd@mail.com")

    # dirt around all of it
    calls.track(5, userId="undefined", anonymousId="NULL")
    calls.track(5, userId="null", anonymousId="dirt_device")
    return calls.lines


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    home = Home(tmp_path_factory.mktemp("cases"))
    home.land("all.jsonl", company())
    home.seed()
    home.build()
    return home


@pytest.fixture(scope="module")
def person(home):
    """A function from a type and an id to the person."""
    people = home.people()
    return lambda id_value, id_type="user_id": people[id_type, id_value]


def test_a_second_login_is_the_same_person_once_it_verifies_the_same_address(person):
    assert person("twice_work") == person("twice_home")
    assert person("tia@acme.com", "email") == person("tia@private.net", "email")
    assert person("twice_laptop2", "anonymous_id") == person("twice_work")


def test_a_work_and_a_private_address_alone_are_two_people(person):
    assert person("apart_work") != person("apart_home")


def test_gmail_dots_and_tags_are_one_mailbox_when_verified(person):
    assert person("gm_1") == person("gm_2")
    assert person("maxmad+beta@googlemail.com", "email") == person("gm_1")


def test_an_address_only_typed_in_merges_nobody(person):
    assert person("gm_3") != person("gm_1")
    assert person("max.mad@gmail.com", "email") == person("gm_1"), "who verified it owns it"


def test_a_tag_at_another_provider_may_be_another_mailbox(person):
    assert person("plus_1") != person("plus_2")


def test_a_role_address_merges_nobody_and_is_nobody(home, person):
    assert len({person("role_1"), person("role_2"), person("role_3")}) == 3
    assert home.query(
        "select count(*) from identity.bridge_person_ids "
        "where id_value in ('info@roleco.com', 'sales+eu@roleco.com')"
    ) == [(0,)]
    emails = dict(
        home.query(
            "select person_id, struct_pack(email, email_domain) from core.dim_people "
            "where email_domain = 'roleco.com'"
        )
    )
    assert emails[person("role_1")] == {"email": None, "email_domain": "roleco.com"}
    assert emails[person("role_2")]["email"] == "rob@roleco.com"


def test_people_of_a_role_address_still_belong_to_its_company(home, person):
    members = home.query(
        "select count(distinct account_id), count(distinct person_id) "
        "from identity.bridge_account_people where person_id in "
        f"('{person('role_1')}', '{person('role_2')}', '{person('role_3')}')"
    )
    assert members == [(1, 3)]


def test_a_shared_device_merges_nobody_and_each_has_its_time_on_it(home, person):
    a, b = person("desk_a"), person("desk_b")
    assert a != b
    assert person("desk", "anonymous_id") == a
    views = home.query(
        "select activity_date::varchar, person_id from core.fct_person_days "
        f"where event_name = 'page_viewed' and person_id in ('{a}', '{b}') order by 1"
    )
    assert views == [
        ("2026-01-02", a),  # before anybody signed in: the first user's
        ("2026-01-03", a),
        ("2026-01-04", b),
        ("2026-01-06", a),  # a came back on the fifth
    ]


def test_a_chain_of_aliases_is_one_person_named_by_its_first_id_that_called(home, person):
    chain = {person(f"chain_{number}") for number in range(2, 7)}
    assert len(chain) == 1
    assert person("chain_1", "anonymous_id") in chain, "never sent as a user id"
    (anchor,) = home.query(
        "select distinct anchor_user_id from identity.int_identity__user_people "
        "where user_id like 'chain_%'"
    )
    assert anchor == ("chain_2",)


def test_an_alias_in_both_directions_is_one_person(person):
    assert person("both_1") == person("both_2")


def test_an_alias_to_itself_changes_nothing(home, person):
    assert home.query(
        "select count(*) from identity.fct_identity_links where user_id = 'self_1'"
    ) == [(0,)]
    assert person("self_1")


def test_an_alias_before_any_event_merges_all_the_same(person):
    assert person("early_1") == person("early_2")


def test_a_chain_longer_than_one_persons_logins_is_found_whole_flagged_and_not_merged(home, person):
    assert len({person(f"long_{number:02d}") for number in range(1, 65)}) == 64
    components, users, oversized = home.query(
        "select count(distinct component_label), count(*), count(*) filter (where is_oversized) "
        "from identity.int_identity__user_people where user_id like 'long_%'"
    )[0]
    assert (components, users, oversized) == (1, 64, 64)
    audited = home.query(
        "select count(*), min(count_seen), min(count_limit), min(action) "
        "from identity.rpt_guard_violations "
        "where rule_key = 'component_user_ids' and id_value like 'long_%'"
    )
    assert audited == [(64, 64, 50, "leave_unmerged")]


def test_a_kiosks_anonymous_calls_are_nobodys_it_knows(home, person):
    kiosk = person("kiosk_lobby", "anonymous_id")
    assert kiosk not in {person(f"kiosk_{user:02d}") for user in range(40)}
    assert home.query(
        "select count_seen, count_limit, action from identity.rpt_guard_violations "
        "where rule_key = 'device_used_by_users' and id_value = 'kiosk_lobby'"
    ) == [(40, 20, "drop_edge")]
    assert home.query(
        f"select sum(count_events) from core.fct_person_days where person_id = '{kiosk}'"
    ) == [(1,)]


def test_a_mailbox_of_a_crowd_is_no_evidence_and_on_record(home, person):
    assert len({person(f"mail_{user:02d}") for user in range(12)}) == 12
    assert home.query(
        "select count_seen, action, sample from identity.rpt_guard_violations "
        "where rule_key = 'email_verified_by_users'"
    ) == [
        (
            12,
            "drop_edge",
            "user_id:mail_00, user_id:mail_01, user_id:mail_02, user_id:mail_03, user_id:mail_04",
        )
    ]


def test_dirty_ids_are_nobody_and_on_record(home, person):
    assert home.query(
        "select count(*) from identity.bridge_person_ids "
        "where lower(id_value) in ('undefined', 'null')"
    ) == [(0,)]
    assert person("dirt_device", "anonymous_id")
    assert home.query(
        "select id_type, id_value, count_seen from identity.rpt_guard_violations "
        "where rule_key = 'denied_id' order by all"
    ) == [("anonymous_id", "null", 1), ("user_id", "null", 1), ("user_id", "undefined", 1)]


def test_a_merge_is_on_record_with_its_moment_and_evidence(home, person):
    assert home.query(
        "select absorbed_id_value, surviving_user_id, evidence, evidence_id_value, "
        "merged_at::varchar from identity.fct_person_merges "
        "where absorbed_id_value = 'twice_home'"
    ) == [("twice_home", "twice_work", "verified_email", "tia@acme.com", "2026-01-09 10:00:00")]
    chained = home.query(
        "select absorbed_id_value, surviving_user_id from identity.fct_person_merges "
        "where absorbed_id_value like 'chain_%' order by merged_at"
    )
    assert chained == [(f"chain_{number}", "chain_2") for number in range(3, 7)]


def test_there_is_one_merge_less_than_users_in_every_person(home):
    wrong = home.query(
        """
        with users as (
            select person_id, count(*) as n from identity.int_identity__user_people group by all
        ),
        merges as (
            select person_id, count(*) as n from identity.fct_person_merges
            where absorbed_id_type = 'user_id' group by all
        )
        select person_id, users.n, merges.n from users left join merges using (person_id)
        where users.n - 1 <> coalesce(merges.n, 0)
        """
    )
    assert wrong == []
