"""The mocked HubSpot answers as its published API description says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hubspot import Client
from hubspot.crm.contacts import (
    ApiException,
    BatchInputSimplePublicObjectBatchInputUpsert,
    PublicObjectSearchRequest,
    SimplePublicObjectInputForCreate,
)

if TYPE_CHECKING:
    from tests.reverse_etl.conftest import Mocks

CONTACTS = "/crm/v3/objects/contacts"


def upserts(*emails: str, traced: bool = True, **properties: str) -> dict[str, Any]:
    inputs = []
    for index, email in enumerate(emails):
        entry = {"id": email, "idProperty": "email", "properties": {"email": email, **properties}}
        inputs.append({**entry, "objectWriteTraceId": str(index)} if traced else entry)
    return {"inputs": inputs}


def test_the_public_client_works_unmodified(mocks: Mocks) -> None:
    client = Client.create(access_token=mocks.settings.hubspot_token, host=mocks.urls["hubspot"])
    batch = BatchInputSimplePublicObjectBatchInputUpsert(inputs=upserts("a@b.co", "x")["inputs"])
    answer = client.crm.contacts.batch_api.upsert(batch)
    assert type(answer).__name__ == "BatchResponseSimplePublicUpsertObjectWithErrors"
    assert (answer.num_errors, answer.results[0].new) == (1, True)
    assert answer.errors[0].context["objectWriteTraceId"] == ["1"]
    contact = SimplePublicObjectInputForCreate(properties={"email": "A@b.co"})
    with pytest.raises(ApiException) as conflict:
        client.crm.contacts.basic_api.create(contact)
    assert conflict.value.status == 409
    assert "Contact already exists. Existing ID: 101" in conflict.value.body
    found = client.crm.contacts.search_api.do_search(
        PublicObjectSearchRequest(
            filter_groups=[
                {"filters": [{"propertyName": "email", "operator": "EQ", "value": "a@b.co"}]}
            ]
        )
    )
    assert (found.total, found.results[0].id) == (1, "101")
    assert len(client.crm.contacts.get_all()) == 1
    names = [p.name for p in client.crm.properties.core_api.get_all("contacts").results]
    assert "plg_pql_tier" in names


def test_without_trace_ids_one_bad_record_refuses_the_batch(mocks: Mocks) -> None:
    refused = mocks.hubspot(
        "POST", f"{CONTACTS}/batch/upsert", json=upserts("a@b.co", "x", traced=False)
    )
    assert (refused.status_code, refused.json()["category"]) == (400, "VALIDATION_ERROR")
    assert "Email address x is invalid" in refused.json()["message"]
    assert mocks.hubspot_records("contacts") == []


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"nope": "x"}, "PROPERTY_DOESNT_EXIST"),
        ({"hs_object_id": "1"}, "READ_ONLY_VALUE"),
        ({"lifecyclestage": "friend"}, "INVALID_OPTION"),
        ({"plg_signed_up_at": "yesterday"}, "INVALID_LONG"),
        ({"email": "x"}, "INVALID_EMAIL"),
    ],
)
def test_values_are_checked_by_type(mocks: Mocks, properties: dict[str, str], code: str) -> None:
    refused = mocks.hubspot("POST", CONTACTS, json={"properties": properties})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["code"] == code


def test_an_empty_text_clears_a_property_and_times_are_normalised(mocks: Mocks) -> None:
    body = {"properties": {"email": "a@b.co", "plg_pql_tier": "hot"}}
    record_id = mocks.hubspot("POST", CONTACTS, json=body).json()["id"]
    body = {"properties": {"plg_pql_tier": "", "plg_signed_up_at": "1767258000000"}}
    assert mocks.hubspot("PATCH", f"{CONTACTS}/{record_id}", json=body).status_code == 200
    read = mocks.hubspot(
        "GET", f"{CONTACTS}/a@b.co?idProperty=email&properties=plg_pql_tier,plg_signed_up_at"
    ).json()["properties"]
    assert read["plg_pql_tier"] is None
    assert read["plg_signed_up_at"] == "2026-01-01T09:00:00.000Z"


def test_batches_are_limited_repeats_refused_and_archives_final(mocks: Mocks) -> None:
    many = upserts(*[f"p{n}@b.co" for n in range(101)])
    assert mocks.hubspot("POST", f"{CONTACTS}/batch/upsert", json=many).status_code == 400
    twice = mocks.hubspot("POST", f"{CONTACTS}/batch/upsert", json=upserts("a@b.co", "A@B.co"))
    assert twice.status_code == 400
    assert "Duplicate IDs found in batch input: [a@b.co]" in twice.json()["message"]
    mocks.hubspot("POST", f"{CONTACTS}/batch/upsert", json=upserts("a@b.co", "c@b.co"))
    gone = mocks.hubspot(
        "POST", f"{CONTACTS}/batch/archive", json={"inputs": [{"id": "101"}, {"id": "999"}]}
    )
    assert gone.status_code == 204
    update = {"inputs": [{"id": "101", "properties": {}, "objectWriteTraceId": "0"}]}
    missing = mocks.hubspot("POST", f"{CONTACTS}/batch/update", json=update)
    assert missing.status_code == 207
    assert missing.json()["errors"][0]["category"] == "OBJECT_NOT_FOUND"
    assert [r["id"] for r in mocks.hubspot_records("contacts")] == ["102"]


def test_search_filters_sorts_and_pages(mocks: Mocks) -> None:
    companies = "/crm/v3/objects/companies"
    for n in range(5):
        values = {"name": f"C{n}", "plg_mrr": str(n * 10), "plg_account_id": f"acc_{n}"}
        mocks.hubspot("POST", companies, json={"properties": values}).raise_for_status()

    def search(**request: Any) -> dict[str, Any]:
        return mocks.hubspot("POST", f"{companies}/search", json=request).json()

    filters = [{"propertyName": "plg_mrr", "operator": "GTE", "value": "9"}]
    page = search(
        filterGroups=[{"filters": filters}], sorts=["-plg_mrr"], limit=3, properties=["name"]
    )
    assert page["total"] == 4
    assert [r["properties"]["name"] for r in page["results"]] == ["C4", "C3", "C2"]
    rest = search(
        filterGroups=[{"filters": filters}],
        sorts=["-plg_mrr"],
        limit=3,
        after=page["paging"]["next"]["after"],
    )
    assert [r["properties"]["name"] for r in rest["results"]] == ["C1"]
    either = [
        {"filters": [{"propertyName": "name", "operator": "IN", "values": ["c0"]}]},
        {"filters": [{"propertyName": "name", "operator": "CONTAINS_TOKEN", "value": "C4"}]},
    ]
    assert search(filterGroups=either)["total"] == 2
    assert search(query="C3")["total"] == 1
    unknown = [{"filters": [{"propertyName": "x'; --", "operator": "EQ", "value": "1"}]}]
    assert search(filterGroups=unknown)["category"] == "VALIDATION_ERROR"


def test_a_token_is_needed_and_rate_limits_are_told(
    mocks: Mocks, crm_samples: dict[str, Any]
) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        refused = mocks.get(f"/hubspot{CONTACTS}", headers=headers)
        assert refused.status_code == 401
        assert refused.json().keys() == crm_samples["hubspot"]["auth"]["body"].keys()
    sample = crm_samples["hubspot"]["rate_limit"]
    answer = mocks.hubspot("GET", CONTACTS)
    for header in sample["headers"]:
        if not header.startswith("Retry-After"):
            assert header in answer.headers
    mocks.fault(system="hubspot", kind="throttle", writes_only=False)
    throttled = mocks.hubspot("GET", CONTACTS)
    assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "1")
    assert throttled.json()["policyName"] in sample["policyName_values"]


def test_answers_fit_hubspots_published_description(mocks: Mocks, fits_hubspot_schema: Any) -> None:
    batch = f"{CONTACTS}/batch"

    def post(path: str, body: dict[str, Any]) -> httpx.Response:
        return mocks.hubspot("POST", path, json=body)

    fits_hubspot_schema(
        "crm_contacts_v3",
        f"{batch}/upsert",
        post(f"{batch}/upsert", upserts("a@b.co", "c@b.co", firstname="A")),
    )
    mixed = post(f"{batch}/upsert", upserts("a@b.co", "x"))
    assert mixed.status_code == 207
    fits_hubspot_schema("crm_contacts_v3", f"{batch}/upsert", mixed)
    read = {"inputs": [{"id": "101"}, {"id": "9"}], "properties": ["email"]}
    fits_hubspot_schema("crm_contacts_v3", f"{batch}/read", post(f"{batch}/read", read))
    create = {"inputs": [{"properties": {"email": "d@b.co"}, "objectWriteTraceId": "0"}]}
    created = post(f"{batch}/create", create)
    assert created.status_code == 201
    fits_hubspot_schema("crm_contacts_v3", f"{batch}/create", created)
    update = {"inputs": [{"id": "101", "properties": {"firstname": "B"}}]}
    fits_hubspot_schema("crm_contacts_v3", f"{batch}/update", post(f"{batch}/update", update))
    fits_hubspot_schema("crm_contacts_v3", f"{CONTACTS}/search", post(f"{CONTACTS}/search", {}))
    fits_hubspot_schema("crm_contacts_v3", CONTACTS, mocks.hubspot("GET", f"{CONTACTS}?limit=2"))
    one = mocks.hubspot("GET", f"{CONTACTS}/101")
    fits_hubspot_schema("crm_contacts_v3", f"{CONTACTS}/{{contactId}}", one)
    single = post(CONTACTS, {"properties": {"email": "e@b.co"}})
    fits_hubspot_schema("crm_contacts_v3", CONTACTS, single)
    properties = mocks.hubspot("GET", "/crm/v3/properties/companies")
    fits_hubspot_schema("crm_properties_v3", "/crm/v3/properties/{objectType}", properties)


def test_what_a_read_back_asks_for_fits_hubspots_published_description(
    mocks: Mocks, fits_hubspot_schema: Any
) -> None:
    def post(path: str, body: dict[str, Any]) -> httpx.Response:
        return mocks.hubspot("POST", path, json=body)

    company = post("/crm/v3/objects/companies", {"properties": {"name": "Acme"}}).json()["id"]
    tie = {"to": {"id": company}, "types": [{"associationTypeId": 5}]}
    stage = {"properties": {"dealstage": "contractsent"}, "associations": [tie]}
    deal = post("/crm/v3/objects/deals", stage).json()["id"]
    other = post("/crm/v3/objects/deals", {"properties": {}}).json()["id"]
    objects = "/crm/v3/objects/{objectType}"
    ids = {"inputs": [{"id": deal}, {"id": other}]}
    history = {**ids, "properties": ["amount"], "propertiesWithHistory": ["dealstage"]}
    answer = post("/crm/v3/objects/deals/batch/read", history)
    fits_hubspot_schema("crm_objects_v3", f"{objects}/batch/read", answer)
    found = answer.json()["results"][0]["propertiesWithHistory"]["dealstage"]
    assert [entry["value"] for entry in found] == ["contractsent"]
    too_many = post("/crm/v3/objects/deals/batch/read", {**history, "inputs": [{"id": deal}] * 51})
    assert (too_many.status_code, too_many.json()["category"]) == (400, "VALIDATION_ERROR")
    past = post("/crm/v3/objects/deals/search", {"limit": 200, "after": "9900"})
    assert past.status_code == 400
    mocks.hubspot("DELETE", f"/crm/v3/objects/deals/{other}")
    archived = mocks.hubspot("GET", "/crm/v3/objects/deals?archived=true")
    fits_hubspot_schema("crm_objects_v3", objects, archived)
    (gone,) = archived.json()["results"]
    assert (gone["id"], gone["archived"]) == (other, True)
    assert gone["archivedAt"] >= gone["updatedAt"]
    for is_archived, count in (("false", 2), ("true", 1)):
        owners = mocks.hubspot("GET", f"/crm/v3/owners?archived={is_archived}")
        fits_hubspot_schema("crm_owners_v3", "/crm/v3/owners", owners)
        assert len(owners.json()["results"]) == count
    read = "/crm/v4/associations/deals/companies/batch/read"
    some = post(read, ids)
    assert some.status_code == 207
    # the description has toObjectId as text, the service answers a number
    (result,) = some.json()["results"]
    assert result["from"]["id"] == deal and result["to"][0]["toObjectId"] == int(company)
    assert [kind["label"] for kind in result["to"][0]["associationTypes"]] == [None, "Primary"]
    path = f"/crm/v4/objects/deals/{deal}/associations/contacts/{company}"
    unknown = mocks.hubspot("PUT", path, json=[{"associationTypeId": 3}])
    assert unknown.status_code == 404
