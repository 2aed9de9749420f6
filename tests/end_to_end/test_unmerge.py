"""A merge that is taken back: everything behind it follows in the next run, CRMs included."""

import json

import pytest

from reverse_etl.mocks.store import records
from tests.identity.home import Calls
from warehouse.settings import Settings

pytestmark = pytest.mark.proof

ALIAS = "events/segment/alias.jsonl"


def two_logins() -> list[dict]:
    """One half of what activates happens in each login; both work in one account."""
    calls = Calls()
    calls.track(2, event="signed_up", userId="ann_work")
    calls.verified(2, "ann_work", "ann@acme.com")
    calls.add("group", 2, userId="ann_work", groupId="acc_1", traits={"name": "Acme"})
    calls.track(3, event="data_source_connected", userId="ann_work", groupId="acc_1")
    calls.track(5, event="signed_up", userId="ann_home")
    calls.verified(5, "ann_home", "ann@acme.io")
    calls.track(6, event="dashboard_viewed", userId="ann_home", groupId="acc_1")
    for day in (7, 8):
        calls.track(day, userId="ann_work", groupId="acc_1")
        calls.track(day, userId="ann_home", groupId="acc_1")
    return calls.lines


def alias(message: str) -> str:
    at = "2026-01-09T10:00:00.000Z"
    call = {"messageId": message, "type": "alias", "previousId": "ann_home", "userId": "ann_work"}
    return json.dumps(call | {"timestamp": at, "receivedAt": at}) + "\n"


@pytest.fixture(scope="module")
def company(new_installation):
    """The installation, its clock stopped two days after the last call."""
    installation = new_installation("unmerge")
    folder = installation.landing / "events" / "segment"
    folder.mkdir(parents=True)
    (folder / "calls.jsonl").write_text("".join(json.dumps(c) + "\n" for c in two_logins()))
    (installation.landing.parent / "landing" / ALIAS).write_text(alias("alias_1"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLG_AS_OF", "2026-01-11T00:00:00Z")
        yield installation


def state(company) -> dict:
    """What every layer says about Ann, by user id where people have one."""
    activated = company.query(
        "select person_id, reached_at from activation.fct_person_milestones "
        "where milestone = 'activation'"
    )
    users = company.query(
        "select id_value, person_id from identity.bridge_person_ids where id_type = 'user_id'"
    )
    days = company.query(
        "select person_id, sum(count_events) as n from core.fct_person_days group by all"
    )
    reasons = company.query(
        "select signal_key, evidence_count from pql.fct_score_reasons "
        "where signal_key = 'several_active_users' and score_date = "
        "(select max(score_date) from pql.fct_score_reasons)"
    )
    settings = Settings(home=company.home)
    return {
        "people": {row["id_value"]: row["person_id"] for row in users},
        "members": company.query("select count(*) as n from identity.bridge_account_people")[0][
            "n"
        ],
        "activated": {row["person_id"] for row in activated},
        "events": {row["person_id"]: int(row["n"]) for row in days},
        "users_in_the_score": [row["evidence_count"] for row in reasons],
        "salesforce": {
            row["PLG_Person_Id__c"]: (row["Email"], row["PLG_Is_Activated__c"], row["PLG_State__c"])
            for row in records(settings, "salesforce", "Contact")
            if row.get("PLG_Person_Id__c")
        },
        "hubspot": {
            row["email"]: (row["plg_person_id"], row["plg_state"])
            for row in records(settings, "hubspot", "contacts")
        },
    }


def planned(company, sync: str) -> tuple[int, int, int]:
    row = company.query(
        f"select * from ops.sync_runs where sync_name = '{sync}' order by started_at desc limit 1"
    )[0]
    return row["planned_creates"], row["planned_updates"], row["planned_deletes"]


def test_a_merge_an_unmerge_and_a_merge_again_are_followed_by_every_layer_and_crm(company):
    # merged: one person, activated by what happened in two logins
    company.plg("run")
    merged = state(company)
    ann = merged["people"]["ann_work"]
    assert merged["people"]["ann_home"] == ann
    assert merged["members"] == 1
    assert merged["activated"] == {ann}
    assert merged["events"] == {ann: 8}
    assert merged["users_in_the_score"] == []
    assert merged["salesforce"] == {ann: ("ann@acme.io", True, "active")}
    assert merged["hubspot"] == {"ann@acme.io": (ann, "active")}

    # the alias was a mistake: its file is withdrawn
    company.plg("ingest", "--withdraw", ALIAS)
    company.plg("run")
    split = state(company)
    home = split["people"]["ann_home"]
    assert split["people"]["ann_work"] == ann != home
    assert split["members"] == 2
    assert split["activated"] == set(), "neither login did both halves"
    assert split["events"] == {ann: 4, home: 4}
    assert split["users_in_the_score"] == [2], "two people are active in the account now"
    assert split["salesforce"] == {
        ann: ("ann@acme.com", False, "active"),
        home: ("ann@acme.io", False, "active"),
    }
    assert split["hubspot"] == {
        "ann@acme.com": (ann, "active"),
        "ann@acme.io": (home, "active"),
    }
    assert planned(company, "salesforce_contacts") == (1, 1, 0)
    assert company.query(
        "select people_split_off, people_merged, ids_moved from identity.rpt_person_changes "
        "order by version_number desc limit 1"
    ) == [{"people_split_off": 1, "people_merged": 0, "ids_moved": 2}]

    # it was none: told again, everything is as before, and what is too much is marked
    (company.landing / "events/segment/again.jsonl").write_text(alias("alias_2"))
    company.plg("run")
    again = state(company)
    for layer in ("people", "members", "activated", "events", "users_in_the_score"):
        assert again[layer] == merged[layer], layer
    assert again["salesforce"][ann] == merged["salesforce"][ann]
    assert again["salesforce"][home][2] == "left"
    assert again["hubspot"]["ann@acme.io"] == (ann, "active")
    assert again["hubspot"]["ann@acme.com"][1] == "left"
    assert planned(company, "salesforce_contacts") == (0, 1, 1)
    assert company.query(
        "select people_merged, count_people from identity.rpt_person_changes "
        "order by version_number desc limit 1"
    ) == [{"people_merged": 1, "count_people": 1}]


def test_explain_shows_the_evidence_and_what_runs_changed(company):
    found = json.loads(company.plg("identity", "explain", "ann_home", "--json").output)
    assert [(step["id_value"], step["evidence"], step["to_value"]) for step in found["path"]] == [
        ("ann_home", "alias", "ann_work")
    ]
    assert found["path"][0]["count_calls"] == 1
    assert [row["account_id"] for row in found["accounts"]] == ["acc_1"]
    assert [row["absorbed_id_value"] for row in found["merges"]] == ["ann_home"]
    assert {row["change"] for row in found["changes"]} == {"split_off", "merged"}
