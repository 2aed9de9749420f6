"""`plg identity explain` on a published copy of the edge cases."""

import json

import pytest
from typer.testing import CliRunner

from dagster_plg.cli import app
from tests.identity.home import Calls, Home
from tests.identity.test_edge_cases import company
from warehouse.identity import AmbiguousId, NobodysId, UnknownId, explain
from warehouse.publish import publish
from warehouse.query import NothingPublished

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    calls = Calls()
    calls.lines = company()
    # one text that is a user id of one person and an anonymous id of another
    calls.track(3, userId="same_text")
    calls.track(3, userId="desk_b", anonymousId="same_text")
    calls.add("group", 10, userId="twice_work", groupId="acc_1")
    home = Home(tmp_path_factory.mktemp("explain"))
    home.land("all.jsonl", calls.lines)
    home.seed()
    home.build()
    publish(home.settings)
    return home


def steps(found) -> list[tuple[str, str, str]]:
    return [(step.id_value, step.evidence, step.to_value) for step in found.path]


def test_the_path_goes_over_the_address_both_logins_verified(home):
    found = explain(home.settings, "twice_home")
    assert steps(found) == [
        ("twice_home", "verified_email", "tia@acme.com"),
        ("tia@acme.com", "verified_email", "twice_work"),
    ]
    assert found.anchor == ("user_id", "twice_work")
    assert [str(step.first_seen_at) for step in found.path] == [
        "2026-01-09 10:00:00",
        "2026-01-02 10:00:00",
    ]
    assert {(row["id_type"], row["id_value"]) for row in found.ids} == {
        ("user_id", "twice_work"),
        ("user_id", "twice_home"),
        ("anonymous_id", "twice_laptop"),
        ("anonymous_id", "twice_laptop2"),
        ("email", "tia@acme.com"),
        ("email", "tia@private.net"),
    }
    assert [(row["account_id"], row["method"]) for row in found.accounts] == [("acc_1", "group")]
    assert "twice_home" in [row["absorbed_id_value"] for row in found.merges]


def test_a_device_reaches_the_anchor_over_its_user_and_the_chain_behind_it(home):
    found = explain(home.settings, "chain_1")
    assert [step[0] for step in steps(found)] == ["chain_1"]
    assert found.anchor == ("user_id", "chain_2")
    far = explain(home.settings, "chain_6")
    assert [step[2] for step in steps(far)] == ["chain_5", "chain_4", "chain_3", "chain_2"]


def test_two_spellings_of_one_mailbox_lead_to_each_other(home):
    found = explain(home.settings, "maxmad+beta@googlemail.com")
    assert found.path[-1].to_value == "gm_1"
    assert {step.evidence for step in found.path} == {"verified_email"}


def test_a_shared_device_is_no_bridge_between_its_users(home):
    found = explain(home.settings, "desk_b")
    assert steps(found) == []
    assert {row["id_value"] for row in found.ids} >= {"desk_b", "b@desk.com"}
    assert "desk" not in {row["id_value"] for row in found.ids}
    device = explain(home.settings, "desk")
    assert found.person_id in " ".join(device.notes)


def test_links_a_guard_dropped_and_the_guard_are_shown(home):
    found = explain(home.settings, "kiosk_03")
    assert [(row["id_value"], row["dropped_by_rule"]) for row in found.dropped_links] == [
        ("kiosk_lobby", "device_used_by_users")
    ]
    role = explain(home.settings, "role_2")
    assert [row["rule_key"] for row in role.violations] == ["role_address"]


def test_a_person_id_of_today_or_of_before_a_merge_is_explained(home):
    found = explain(home.settings, "twice_home")
    assert explain(home.settings, found.person_id).ids == found.ids
    (absorbed,) = [
        row["absorbed_person_id"]
        for row in found.merges
        if row["absorbed_id_value"] == "twice_home"
    ]
    former = explain(home.settings, absorbed)
    assert former.person_id == found.person_id
    assert "became" in former.notes[0]


def test_an_unknown_id_names_near_ones(home):
    with pytest.raises(UnknownId, match=r"twice_work \(user_id\)"):
        explain(home.settings, "twice_wrok")
    with pytest.raises(UnknownId, match="Nothing similar is known"):
        explain(home.settings, "§§§")


def test_an_id_a_guard_keeps_from_everybody_says_which_guard(home):
    with pytest.raises(NobodysId, match=r"role_address.*allowed_ids"):
        explain(home.settings, "INFO@roleco.com")
    with pytest.raises(NobodysId, match="denied_id"):
        explain(home.settings, "NULL")


def test_a_text_that_is_ids_of_two_people_asks_for_the_type(home):
    with pytest.raises(AmbiguousId, match="--type"):
        explain(home.settings, "same_text")
    assert explain(home.settings, "same_text", "user_id").anchor.id_value == "same_text"
    assert explain(home.settings, "same_text", "anonymous_id").anchor.id_value == "desk_b"


def test_the_command_prints_for_people_and_for_machines(home):
    environment = {"PLG_HOME": str(home.settings.home), "COLUMNS": "200"}
    for_people = CliRunner().invoke(app, ["identity", "explain", "TIA@acme.com"], env=environment)
    assert for_people.exit_code == 0
    assert "named by user_id twice_work" in for_people.output
    assert "verified_email" in for_people.output
    for_machines = CliRunner().invoke(
        app, ["identity", "explain", "tia@acme.com", "--json"], env=environment
    )
    found = json.loads(for_machines.output)
    assert found["anchor"] == {"id_type": "user_id", "id_value": "twice_work"}
    assert found["path"][0]["count_calls"] == 1


def test_without_a_published_copy_the_error_says_what_to_run(tmp_path):
    with pytest.raises(NothingPublished, match="plg run"):
        explain(Home(tmp_path).settings, "anybody")
