"""The unmodified public clients, and what the vendors describe, against the mocks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import hubspot
import pytest
from hubspot.crm.associations.v4 import AssociationSpec
from hubspot.crm.lists import ListCreateRequest
from hubspot.crm.objects import (
    BatchInputSimplePublicObjectBatchInputForCreate,
    BatchInputSimplePublicObjectBatchInputUpsert,
    PublicObjectSearchRequest,
)
from hubspot.crm.properties import PropertyCreate
from hubspot.crm.schemas import ObjectSchemaEgg
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from reverse_etl.mocks.hubspot_model_api import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN
from reverse_etl.mocks.salesforce_api import REFRESH_TOKEN as SALESFORCE_REFRESH_TOKEN
from reverse_etl.mocks.server import create_app
from reverse_etl.mocks.slack_api import BOT_TOKEN

if TYPE_CHECKING:
    from tests.reverse_etl.conftest import Mocks


@pytest.fixture
def client(mocks: Mocks) -> hubspot.HubSpot:
    """HubSpot's own client, told nothing but the host."""
    return hubspot.Client.create(access_token=mocks.settings.hubspot_token, host=mocks.root)


# HubSpot ----------------------------------------------------------------------------------


def test_hubspots_client_defines_an_object_fills_it_and_finds_it_again(
    client: hubspot.HubSpot, mocks: Mocks
) -> None:
    egg = ObjectSchemaEgg(
        name="workspace",
        labels={"singular": "Workspace", "plural": "Workspaces"},
        properties=[
            {
                "name": "workspace_key",
                "label": "Key",
                "type": "string",
                "fieldType": "text",
                "hasUniqueValue": True,
            }
        ],
        required_properties=["workspace_key"],
        primary_display_property="workspace_key",
        associated_objects=["COMPANY"],
    )
    made = client.crm.schemas.core_api.create(object_schema_egg=egg)
    assert made.object_type_id.startswith("2-")
    client.crm.properties.core_api.create(
        object_type="workspace",
        property_create=PropertyCreate(
            name="seats", label="Seats", type="number", field_type="number", group_name="plg"
        ),
    )
    inputs = [
        {
            "id": f"w{n}",
            "idProperty": "workspace_key",
            "properties": {"seats": seats},
            "objectWriteTraceId": f"t{n}",
        }
        for n, seats in enumerate(["5", "many"])
    ]
    answer = client.crm.objects.batch_api.upsert(
        object_type="workspace",
        batch_input_simple_public_object_batch_input_upsert=(
            BatchInputSimplePublicObjectBatchInputUpsert(inputs=inputs)
        ),
    )
    assert [r.properties["seats"] for r in answer.results] == ["5"]
    assert answer.errors[0].context["objectWriteTraceId"] == ["t1"]
    found = client.crm.objects.search_api.do_search(
        object_type=made.object_type_id,
        public_object_search_request=PublicObjectSearchRequest(
            filter_groups=[
                {"filters": [{"propertyName": "seats", "operator": "GTE", "value": "5"}]}
            ],
            properties=["seats"],
            limit=10,
        ),
    )
    assert found.total == 1
    # the portal outlives the server
    again = create_app(mocks.settings).state.systems.hubspot.portal
    assert again.object_type("workspace").properties["seats"].type == "number"
    assert again.object_type("workspace").required == ("workspace_key",)


def test_a_required_property_is_asked_for_and_a_removed_one_does_not_exist(mocks: Mocks) -> None:
    body = {"properties": {"plg_pql_name": "Nobody"}}
    refused = mocks.hubspot("POST", "/crm/v3/objects/pql", json=body)
    assert refused.status_code == 400 and "required properties" in refused.json()["message"]
    change = {"system": "hubspot", "object": "companies", "field": "plg_plan"}
    mocks.post("/admin/schema", json={**change, "remove": True}).raise_for_status()
    body = {"properties": {"name": "A", "plg_plan": "team"}}
    refused = mocks.hubspot("POST", "/crm/v3/objects/companies", json=body)
    assert refused.json()["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"
    mocks.post("/admin/schema", json={**change, "options": {"type": "number"}}).raise_for_status()
    refused = mocks.hubspot("POST", "/crm/v3/objects/companies", json=body)
    assert refused.json()["errors"][0]["code"] == "INVALID_DOUBLE"


def test_associations_go_both_ways_and_come_undone(client: hubspot.HubSpot) -> None:
    objects, ties = client.crm.objects.basic_api, client.crm.associations.v4
    contact = objects.create("contacts", {"properties": {"email": "a@b.co"}, "associations": []})
    company = objects.create("companies", {"properties": {"name": "A"}, "associations": []})
    ties.basic_api.create(
        "contacts",
        contact.id,
        "companies",
        company.id,
        [AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=279)],
    )
    (back,) = ties.basic_api.get_page("companies", company.id, "contacts").results
    assert str(back.to_object_id) == contact.id
    pair = {"from": {"id": contact.id}, "to": {"id": company.id}}
    made = ties.batch_api.create_default("contacts", "companies", {"inputs": [pair]})
    assert made.status == "COMPLETE"
    ties.basic_api.archive("contacts", contact.id, "companies", company.id)
    assert ties.basic_api.get_page("companies", company.id, "contacts").results == []


def test_a_list_takes_members_in_and_out_and_names_the_unknown(client: hubspot.HubSpot) -> None:
    batch = BatchInputSimplePublicObjectBatchInputForCreate(
        inputs=[{"properties": {"email": f"p{n}@b.co"}, "associations": []} for n in range(3)]
    )
    made = client.crm.objects.batch_api.create("contacts", batch)
    ids = [r.id for r in made.results]
    request = ListCreateRequest(
        name="Onboarding stall", object_type_id="0-1", processing_type="MANUAL"
    )
    audience = client.crm.lists.lists_api.create(request).list
    members = client.crm.lists.memberships_api
    change = members.add(audience.list_id, [*ids, "999999"])
    assert len(change.records_ids_added) == 3 and change.record_ids_missing == ["999999"]
    change = members.add_and_remove(
        audience.list_id, {"recordIdsToAdd": [], "recordIdsToRemove": ids[:1]}
    )
    assert change.record_ids_removed == ids[:1]
    page = members.get_page(audience.list_id, limit=1)
    assert [r.record_id for r in page.results] == ids[1:2] and page.paging.next.after
    assert client.crm.lists.lists_api.get_by_name("onboarding STALL", "0-1").list.size == 2


def test_hubspots_oauth_gives_tokens_that_can_expire(mocks: Mocks) -> None:
    client = hubspot.Client.create(host=mocks.root)
    given = client.oauth.tokens_api.create(
        grant_type="refresh_token",
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        refresh_token=REFRESH_TOKEN,
    )
    headers = {"Authorization": f"Bearer {given.access_token}"}
    path = "/crm/v3/pipelines/deals"
    assert mocks.get(path, headers=headers).json()["results"][0]["stages"][5]["id"] == "closedwon"
    mocks.fault(system="hubspot", kind="expired_token", writes_only=False)
    assert [mocks.get(path, headers=headers).status_code for _ in range(2)] == [401, 401]


def test_hubspots_answers_fit_its_descriptions(
    mocks: Mocks, fits_hubspot_schema: Callable[[str, str, httpx.Response], None]
) -> None:
    """Each call's status and body against the published OpenAPI files."""
    call, fits = mocks.hubspot, fits_hubspot_schema
    egg = {
        "name": "thing",
        "labels": {"singular": "Thing"},
        "properties": [],
        "requiredProperties": [],
        "associatedObjects": [],
    }
    schemas = "/crm-object-schemas/v3/schemas"
    fits("crm_schemas_v3", schemas, call("POST", schemas, json=egg))
    fits("crm_schemas_v3", schemas, call("GET", schemas))
    fits("crm_schemas_v3", schemas + "/{objectType}", call("GET", schemas + "/pql"))
    base = "/crm/v3/properties/{objectType}"
    new = {
        "name": "x",
        "label": "X",
        "type": "string",
        "fieldType": "text",
        "groupName": "plg",
    }
    url = "/crm/v3/properties/companies"
    fits("crm_properties_v3", base, call("POST", url, json=new))
    batch = {"inputs": [{**new, "name": "y"}]}
    fits(
        "crm_properties_v3", f"{base}/batch/create", call("POST", f"{url}/batch/create", json=batch)
    )
    read = {"inputs": [{"name": "x"}], "archived": False}
    fits("crm_properties_v3", f"{base}/batch/read", call("POST", f"{url}/batch/read", json=read))
    fits("crm_properties_v3", f"{base}/groups", call("GET", f"{url}/groups"))
    body = {"name": "L", "objectTypeId": "0-1", "processingType": "MANUAL"}
    fits("crm_lists_v3", "/crm/v3/lists", call("POST", "/crm/v3/lists", json=body))
    one = "/crm/v3/lists/{listId}"
    fits("crm_lists_v3", one, call("GET", "/crm/v3/lists/1"))
    fits("crm_lists_v3", f"{one}/memberships", call("GET", "/crm/v3/lists/1/memberships"))
    added = call("PUT", "/crm/v3/lists/1/memberships/add", json=["1"])
    fits("crm_lists_v3", f"{one}/memberships/add", added)
    found = call("POST", "/crm/v3/lists/search", json={"offset": 0, "additionalProperties": []})
    fits("crm_lists_v3", "/crm/v3/lists/search", found)
    owner = mocks.hubspot("GET", "/crm/v3/owners").json()["results"][0]["id"]
    path = "/crm/v3/owners/{ownerId}"
    fits("crm_owners_v3", path, call("GET", f"/crm/v3/owners/{owner}"))


def test_limits_hold_once_somebody_asks_for_it(mocks: Mocks) -> None:
    limits = {"system": "hubspot", "per_ten_seconds": 3}
    mocks.post("/admin/limits", json=limits).raise_for_status()
    answers = [mocks.hubspot("GET", "/crm/v3/owners") for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert answers[-1].json()["policyName"] == "TEN_SECONDLY_ROLLING"
    mocks.salesforce("GET", "limits")
    mocks.post("/admin/limits", json={"system": "salesforce", "daily": 1}).raise_for_status()
    refused = mocks.salesforce("GET", "limits")
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")


# Salesforce -------------------------------------------------------------------------------


def test_a_composite_call_fills_references_and_can_be_undone_as_a_whole(mocks: Mocks) -> None:
    path = "/services/data/v59.0"
    account = {
        "method": "POST",
        "url": f"{path}/sobjects/Account",
        "referenceId": "account",
        "body": {"Name": "A"},
    }
    contact = {
        "method": "POST",
        "url": f"{path}/sobjects/Contact",
        "referenceId": "contact",
        "body": {"LastName": "L", "AccountId": "@{account.id}"},
    }
    look = {
        "method": "GET",
        "url": f"{path}/sobjects/Account/@{{account.id}}?fields=Name",
        "referenceId": "look",
    }
    bad = {**contact, "referenceId": "bad", "body": {"FirstName": "No last name"}}

    def composite(*calls: dict[str, Any], all_or_none: bool) -> list[dict[str, Any]]:
        body = {"allOrNone": all_or_none, "compositeRequest": list(calls)}
        return mocks.salesforce("POST", "composite", json=body).json()["compositeResponse"]

    undone = composite(account, contact, bad, all_or_none=True)
    assert [a["httpStatusCode"] for a in undone] == [400, 400, 400]
    assert undone[0]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert mocks.query("SELECT Id FROM Account") == []
    kept = composite(account, contact, bad, look, all_or_none=False)
    assert [a["httpStatusCode"] for a in kept] == [201, 201, 400, 200]
    assert kept[3]["body"]["Name"] == "A"
    assert mocks.query("SELECT Account.Name FROM Contact")[0]["Account"]["Name"] == "A"
    requests = [
        {
            "method": "PATCH",
            "url": f"v59.0/sobjects/Account/{kept[0]['body']['id']}",
            "richInput": {"Name": "B"},
        },
        {"method": "GET", "url": "v59.0/sobjects/Nope/1"},
        {"method": "GET", "url": "v59.0/limits"},
    ]
    body = {"batchRequests": requests, "haltOnError": True}
    answer = mocks.salesforce("POST", "composite/batch", json=body).json()
    assert answer["hasErrors"] and [r["statusCode"] for r in answer["results"]] == [204, 404, 412]


def test_what_was_changed_deleted_and_merged_can_be_asked_for(mocks: Mocks) -> None:
    ids = [
        mocks.salesforce("POST", "sobjects/Account", json={"Name": f"A{n}"}).json()["id"]
        for n in range(3)
    ]
    child = mocks.salesforce(
        "POST", "sobjects/Contact", json={"LastName": "L", "AccountId": ids[1]}
    ).json()["id"]
    mocks.salesforce("DELETE", f"sobjects/Account/{ids[2]}")
    pair = {"object": "Account", "master": ids[0], "loser": ids[1]}
    assert mocks.post("/admin/salesforce/merge", json=pair).json() == {"moved": 1}
    now = datetime.now(UTC)
    span = {
        "start": (now - timedelta(hours=1)).isoformat(timespec="seconds"),
        "end": (now + timedelta(hours=1)).isoformat(timespec="seconds"),
    }
    gone = mocks.salesforce("GET", "sobjects/Account/deleted", params=span).json()
    assert {r["id"] for r in gone["deletedRecords"]} == set(ids[1:])
    changed = mocks.salesforce("GET", "sobjects/Account/updated", params=span).json()
    assert changed["ids"] == ids[:1]
    soql = (
        "SELECT Id, MasterRecordId FROM Account WHERE IsDeleted = true AND MasterRecordId != null"
    )
    (merged,) = mocks.salesforce("GET", "queryAll", params={"q": soql}).json()["records"]
    assert (merged["Id"], merged["MasterRecordId"]) == (ids[1], ids[0])
    assert mocks.salesforce("GET", f"sobjects/Contact/{child}").json()["AccountId"] == ids[0]
    mocks.post(f"/admin/salesforce/undelete/Account/{ids[2]}").raise_for_status()
    assert mocks.salesforce("GET", f"sobjects/Account/{ids[2]}").status_code == 200
    backwards = {"start": span["end"], "end": span["start"]}
    refused = mocks.salesforce("GET", "sobjects/Account/deleted", params=backwards)
    assert refused.json()[0]["errorCode"] == "INVALID_REPLICATION_DATE"


def test_a_session_is_refreshed_and_outlives_the_server(mocks: Mocks) -> None:
    s = mocks.settings
    form = {
        "grant_type": "refresh_token",
        "client_id": s.salesforce_client_id,
        "client_secret": s.salesforce_client_secret,
        "refresh_token": SALESFORCE_REFRESH_TOKEN,
    }
    token = mocks.post("/services/oauth2/token", data=form).json()["access_token"]
    assert token in create_app(s).state.systems.salesforce.sessions
    wrong = mocks.post("/services/oauth2/token", data={**form, "refresh_token": "x"})
    assert wrong.json()["error"] == "invalid_grant"
    assert mocks.post("/services/oauth2/revoke", data={"token": token}).status_code == 200
    headers = {"Authorization": f"Bearer {token}"}
    assert mocks.get("/services/data/v59.0/limits", headers=headers).status_code == 401


def test_fields_are_made_over_the_tooling_api_and_changed_by_an_admin(mocks: Mocks) -> None:
    metadata = {"type": "Text", "length": 5, "label": "Code", "unique": True, "externalId": True}
    body = {"FullName": "Account.Code__c", "Metadata": metadata}
    statuses = [
        mocks.salesforce("POST", "tooling/sobjects/CustomField", json=body).status_code
        for _ in range(2)
    ]
    assert statuses == [201, 400]
    upsert = "sobjects/Account/Code__c/abc"
    assert mocks.salesforce("PATCH", upsert, json={"Name": "A"}).status_code == 201
    change = {"system": "salesforce", "object": "Account", "field": "Name"}
    mocks.post("/admin/schema", json={**change, "options": {"length": 3}}).raise_for_status()
    refused = mocks.salesforce("PATCH", upsert, json={"Name": "Long"})
    assert refused.json()[0]["errorCode"] == "STRING_TOO_LONG"
    mocks.post("/admin/schema", json={**change, "field": "Code__c", "remove": True})
    assert mocks.salesforce("PATCH", upsert, json={"Name": "A"}).status_code == 400


# Slack, the sink, faults --------------------------------------------------------------------


def test_slacks_client_posts_a_message_and_is_told_what_is_wrong(mocks: Mocks) -> None:
    slack = WebClient(token=BOT_TOKEN, base_url=f"{mocks.root}/slack/api/")
    assert slack.auth_test()["team"] == "PLG"
    sent = slack.chat_postMessage(channel="#sales", text="hello", blocks=[{"type": "divider"}])
    assert sent["ok"] and sent["ts"]
    for arguments, error in (
        ({"channel": "#sales", "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": "", "text": "x"}, "channel_not_found"),
    ):
        with pytest.raises(SlackApiError) as refused:
            slack.chat_postMessage(**arguments)
        assert refused.value.response["error"] == error
    with pytest.raises(SlackApiError, match="invalid_auth"):
        WebClient(token="x", base_url=f"{mocks.root}/slack/api/").auth_test()
    assert [m["text"] for m in mocks.messages()] == ["hello"]


def test_the_sink_keeps_what_it_is_sent_once_a_key(mocks: Mocks) -> None:
    headers = {"Idempotency-Key": "k1"}
    for _ in range(2):
        mocks.post("/sink/cs/health", json=[{"a": 1}, {"a": 2}], headers=headers)
    assert [m["body"] for m in mocks.get("/sink/cs/health").json()] == [[{"a": 1}, {"a": 2}]]
    mocks.fault(system="sink", kind="throttle", retry_after=2)
    refused = mocks.post("/sink/cs/health", json={})
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "2")


@pytest.mark.parametrize(("kind", "is_applied"), [("drop_before", False), ("drop", True)])
def test_a_connection_breaks_before_or_after_the_write(
    mocks: Mocks, kind: str, is_applied: bool
) -> None:
    mocks.fault(system="salesforce", kind=kind)
    with pytest.raises(httpx.TransportError):
        mocks.salesforce("POST", "sobjects/Account", json={"Name": "A"})
    assert len(mocks.query("SELECT Id FROM Account")) == int(is_applied)
    mocks.fault(system="salesforce", kind="latency", seconds=0.2)
    slow = mocks.salesforce("POST", "sobjects/Account", json={"Name": "B"})
    assert slow.status_code == 201 and slow.elapsed.total_seconds() > 0.2
