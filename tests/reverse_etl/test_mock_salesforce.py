"""The mocked Salesforce refuses, answers and remembers as the real one does."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from simple_salesforce import Salesforce, SalesforceMalformedRequest

from reverse_etl.destinations.salesforce import SalesforceDestination, SalesforceLogin
from reverse_etl.mocks.salesforce_org import RequestError, id_suffix, load_schema
from reverse_etl.mocks.server import create_app
from reverse_etl.mocks.soql import compile_query
from reverse_etl.specs import find_spec

if TYPE_CHECKING:
    from tests.reverse_etl.conftest import Home, Mocks


def upsert(mocks: Mocks, name: str, key: str, *records: dict[str, Any], **options: Any) -> Any:
    body = {"records": [{"attributes": {"type": name}, **r} for r in records], **options}
    return mocks.salesforce("PATCH", f"composite/sobjects/{name}/{key}", json=body).json()


def errors(results: list[dict[str, Any]]) -> list[str | None]:
    return [r["errors"][0]["statusCode"] if r["errors"] else None for r in results]


@pytest.fixture
def client(mocks: Mocks) -> Salesforce:
    """The unmodified public client, logged in as our destination does it."""
    s = mocks.settings
    login = SalesforceLogin(
        mocks.urls["salesforce"], s.salesforce_client_id, s.salesforce_client_secret
    )
    destination = SalesforceDestination(find_spec("salesforce_accounts"), login)
    destination.log_in()
    assert destination.client is not None
    return destination.client


def test_the_public_client_creates_reads_changes_queries_and_deletes(client: Salesforce) -> None:
    created = client.Account.create({"Name": "Acme", "PLG_Account_Id__c": "acc_1"})
    record = client.Account.get(created["id"])
    assert (record["Name"], record["IsDeleted"]) == ("Acme", False)
    assert client.Account.get_by_custom_id("PLG_Account_Id__c", "acc_1")["Id"] == created["id"]
    assert client.Account.update(created["id"], {"NumberOfEmployees": 7}) == 204
    assert client.Account.upsert("PLG_Account_Id__c/acc_1", {"Name": "Acme Inc"}) == 200
    assert client.Account.upsert("PLG_Account_Id__c/acc_2", {"Name": "Other"}) == 201
    found = client.query("SELECT Name, NumberOfEmployees FROM Account WHERE Name = 'acme inc'")
    assert [r["NumberOfEmployees"] for r in found["records"]] == [7]
    assert client.Account.delete(created["id"]) == 204
    assert client.query("SELECT COUNT() FROM Account")["totalSize"] == 1
    assert client.query("SELECT COUNT() FROM Account", include_deleted=True)["totalSize"] == 2
    assert client.api_usage["api-usage"].used > 0
    names = {f["name"]: f for f in client.Account.describe()["fields"]}
    assert names["PLG_Account_Id__c"]["externalId"] is True
    assert client.describe()["maxBatchSize"] == 200
    with pytest.raises(SalesforceMalformedRequest, match="No such column 'Nope'"):
        client.query("SELECT Nope FROM Account")


def test_a_long_answer_comes_in_pages_that_the_client_walks(
    client: Salesforce, mocks: Mocks
) -> None:
    for start in range(0, 600, 200):
        upsert(
            mocks,
            "Account",
            "PLG_Account_Id__c",
            *[{"Name": f"A{n}", "PLG_Account_Id__c": f"a{n}"} for n in range(start, start + 200)],
        )
    headers = {"Sforce-Query-Options": "batchSize=250"}
    first = client.query("SELECT Id FROM Account ORDER BY Name", headers=headers)
    assert (len(first["records"]), first["totalSize"], first["done"]) == (250, 600, False)
    everything = client.query_all("SELECT Id FROM Account ORDER BY Name", headers=headers)
    assert len({r["Id"] for r in everything["records"]}) == 600


def test_each_record_of_a_collection_is_judged_alone_in_the_platforms_words(mocks: Mocks) -> None:
    upsert(mocks, "Account", "PLG_Account_Id__c", {"Name": "A", "PLG_Account_Id__c": "acc_1"})
    results = upsert(
        mocks,
        "Contact",
        "PLG_Person_Id__c",
        {"PLG_Person_Id__c": "p1", "LastName": "Good", "Email": "a@b.co"},
        {"PLG_Person_Id__c": "p2", "FirstName": "No last name"},
        {"PLG_Person_Id__c": "p3", "LastName": "L", "Email": "not-an-address"},
        {"PLG_Person_Id__c": "p4", "LastName": "L" * 81},
        {"PLG_Person_Id__c": "p5", "LastName": "L", "AccountId": "003000000000001AAA"},
        {"PLG_Person_Id__c": "p6", "LastName": "L", "AccountId": "001Pg00000000ZZIAA"},
        {"PLG_Person_Id__c": "p7", "LastName": "L", "Account": {"PLG_Account_Id__c": "nope"}},
        {"PLG_Person_Id__c": "p1", "LastName": "Twice in one call"},
        {"PLG_Person_Id__c": "", "LastName": "No key"},
        {"PLG_Person_Id__c": "p8", "LastName": "L", "Account": {"PLG_Account_Id__c": "acc_1"}},
    )
    assert errors(results) == [
        None,
        "REQUIRED_FIELD_MISSING",
        "INVALID_EMAIL_ADDRESS",
        "STRING_TOO_LONG",
        "MALFORMED_ID",
        "INVALID_CROSS_REFERENCE_KEY",
        "INVALID_FIELD",
        "DUPLICATE_VALUE",
        "MISSING_ARGUMENT",
        None,
    ]
    assert results[0]["created"] is True and results[0]["id"].startswith("003")
    assert "Foreign key external ID: nope not found" in results[6]["errors"][0]["message"]
    assert len(mocks.query("SELECT Id FROM Contact")) == 2
    again = upsert(mocks, "Contact", "PLG_Person_Id__c", {"PLG_Person_Id__c": "p1", "Title": "X"})
    assert again == [{"id": results[0]["id"], "success": True, "errors": [], "created": False}]


def test_all_or_none_rolls_the_whole_call_back(mocks: Mocks) -> None:
    results = upsert(
        mocks,
        "Account",
        "PLG_Account_Id__c",
        {"Name": "A", "PLG_Account_Id__c": "a"},
        {"PLG_Account_Id__c": "b"},
        allOrNone=True,
    )
    assert errors(results) == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]
    assert mocks.query("SELECT Id FROM Account") == []


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ({"Name": "A", "Nope__c": 1}, "INVALID_FIELD"),
        ({"Name": "A", "NumberOfEmployees": "many"}, "JSON_PARSER_ERROR"),
        ({"Name": "A", "PLG_Activated_At__c": "yesterday"}, "JSON_PARSER_ERROR"),
        ({"Name": {"a": 1}}, "JSON_PARSER_ERROR"),
    ],
)
def test_a_request_that_cannot_be_read_is_refused_as_a_whole(
    mocks: Mocks, record: dict[str, Any], code: str
) -> None:
    good = {"attributes": {"type": "Account"}, "Name": "Good"}
    bad = {"attributes": {"type": "Account"}, **record}
    answer = mocks.salesforce("POST", "composite/sobjects", json={"records": [good, bad]})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)
    assert mocks.query("SELECT Id FROM Account") == []


def test_more_than_two_hundred_records_and_broken_json_are_refused(mocks: Mocks) -> None:
    records = [{"attributes": {"type": "Account"}, "Name": "A"}] * 201
    answer = mocks.salesforce("POST", "composite/sobjects", json={"records": records})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "EXCEEDED_ID_LIMIT")
    broken = mocks.salesforce("POST", "composite/sobjects", content=b"{" * 5000)
    assert (broken.status_code, broken.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")


def test_unique_values_stay_unique_and_free_again_after_a_delete(mocks: Mocks) -> None:
    first = mocks.salesforce("POST", "sobjects/Account", json={"Name": "A"}).json()["id"]
    body = {"Name": "B", "PLG_Account_Id__c": "same"}
    second = mocks.salesforce("POST", "sobjects/Account", json=body).json()["id"]
    refused = mocks.salesforce("PATCH", f"sobjects/Account/{first}", json={**body, "Name": "A"})
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "DUPLICATE_VALUE")
    assert second[:15] in refused.json()[0]["message"]
    deleted = mocks.salesforce("DELETE", f"composite/sobjects?ids={second}&allOrNone=false")
    assert deleted.json() == [{"id": second, "success": True, "errors": []}]
    assert mocks.salesforce("PATCH", f"sobjects/Account/{first}", json=body).status_code == 204
    gone = mocks.salesforce("PATCH", f"sobjects/Account/{second}", json={"Name": "C"})
    assert gone.json()[0]["errorCode"] == "ENTITY_IS_DELETED"
    assert mocks.salesforce("GET", f"sobjects/Account/{second}").status_code == 404
    assert mocks.salesforce("GET", "sobjects/Nope/1").json()[0]["errorCode"] == "NOT_FOUND"


def test_login_needs_the_right_client_user_and_token(mocks: Mocks) -> None:
    url = "/salesforce/services/oauth2/token"
    s = mocks.settings
    good = {"client_id": s.salesforce_client_id, "client_secret": s.salesforce_client_secret}
    user = {"grant_type": "password", "username": s.salesforce_username, "password": "no"}
    refused = mocks.post(url, data={**good, **user})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    wrong = mocks.post(url, data={**good, "client_secret": "x", "grant_type": "client_credentials"})
    assert wrong.json()["error"] == "invalid_client"
    basic = mocks.post(
        url,
        data={"grant_type": "client_credentials"},
        auth=(s.salesforce_client_id, s.salesforce_client_secret),
    )
    assert basic.json()["instance_url"] == mocks.urls["salesforce"]
    data = "/salesforce/services/data/v59.0/limits"
    answer = mocks.get(data, headers={"Authorization": "Bearer forged"})
    assert answer.status_code == 401
    assert answer.json() == [
        {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
    ]


def test_the_shape_of_answers_is_that_of_the_recorded_samples(
    mocks: Mocks, crm_samples: dict[str, Any]
) -> None:
    sample = crm_samples["salesforce"]["collections"]
    ours = upsert(mocks, "Account", "PLG_Account_Id__c", {"Name": "A", "PLG_Account_Id__c": "a"})
    assert ours[0].keys() == sample["upsert_ok"][0].keys()
    refused = upsert(mocks, "Account", "PLG_Account_Id__c", {"PLG_Account_Id__c": "b"})
    theirs = sample["partial_allOrNone_false"][1]
    assert refused[0].keys() == theirs.keys()
    assert refused[0]["errors"][0].keys() == theirs["errors"][0].keys()
    header = mocks.salesforce("GET", "limits").headers["Sforce-Limit-Info"]
    assert header.startswith("api-usage=")


# SOQL -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("Name = 'b''s' OR Name = 'b\\'s'", None),
        ("Name = 'b\\'s'", ["b's"]),
        ("Name LIKE 'a%'", ["Alpha"]),
        ("NumberOfEmployees > 5 AND NumberOfEmployees <= 20", ["Alpha"]),
        ("NOT (NumberOfEmployees > 5)", ["b's"]),
        ("NumberOfEmployees = null", ["Gamma"]),
        ("NumberOfEmployees != 10", ["Gamma", "b's"]),
        ("Name IN ('alpha', 'Gamma')", ["Alpha", "Gamma"]),
        ("Name NOT IN ('Alpha') AND Website = null", ["Gamma", "b's"]),
        ("CreatedDate = TODAY OR CreatedDate > YESTERDAY", ["Alpha", "Gamma", "b's"]),
        ("SystemModstamp > 2100-01-01T00:00:00Z", []),
        ("PLG_Activated_At__c >= 2026-01-01T11:00:00+01:00", ["Alpha"]),
        ("IsDeleted = false AND (Name = 'Alpha' OR (Name = 'Gamma'))", ["Alpha", "Gamma"]),
    ],
)
def test_soql_filters(mocks: Mocks, where: str, names: list[str] | None) -> None:
    upsert(
        mocks,
        "Account",
        "PLG_Account_Id__c",
        {
            "Name": "Alpha",
            "PLG_Account_Id__c": "1",
            "NumberOfEmployees": 10,
            "Website": "a.example",
            "PLG_Activated_At__c": "2026-01-01T10:00:00Z",
        },
        {"Name": "b's", "PLG_Account_Id__c": "2", "NumberOfEmployees": 3},
        {"Name": "Gamma", "PLG_Account_Id__c": "3"},
    )
    soql = f"SELECT Name FROM Account WHERE {where} ORDER BY Name"
    answer = mocks.salesforce("GET", "query", params={"q": soql})
    if names is None:
        assert answer.json()[0]["errorCode"] == "MALFORMED_QUERY"
        return
    assert [r["Name"] for r in answer.json()["records"]] == names


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
        ("SELECT Nope FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Name = 'x' GROUP BY Name", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact)", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account LIMIT x", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account; DROP TABLE records", "MALFORMED_QUERY"),
        ("DELETE FROM Account", "MALFORMED_QUERY"),
        ("", "MALFORMED_QUERY"),
    ],
)
def test_what_the_mocks_soql_does_not_know_is_refused(soql: str, code: str) -> None:
    with pytest.raises(RequestError) as refused:
        compile_query(soql, load_schema(), datetime(2026, 1, 1, tzinfo=UTC))
    assert refused.value.code == code


def test_soql_values_never_become_sql(mocks: Mocks) -> None:
    upsert(mocks, "Account", "PLG_Account_Id__c", {"Name": "A", "PLG_Account_Id__c": "1"})
    attack = "x\\' OR 1=1 --"
    assert mocks.query(f"SELECT Id FROM Account WHERE Name = '{attack}'") == []


# seeding ----------------------------------------------------------------------------------


def test_a_demo_landing_folder_fills_an_empty_org_once(home: Home) -> None:
    landing = home.settings.landing_dir
    (landing / "crm" / "accounts").mkdir(parents=True)
    (landing / "crm" / "contacts").mkdir()
    old = {"Id": "001A00000000001AAA", "Name": "Old", "SystemModstamp": "2026-01-01T00:00:00Z"}
    new = {**old, "Name": "New", "SystemModstamp": "2026-01-02T00:00:00Z", "Unknown": 1}
    gone = {**old, "Id": "001A00000000002AAA", "IsDeleted": True}
    lines = [json.dumps(r) for r in (new, old, gone)] + ["{broken"]
    (landing / "crm" / "accounts" / "a.jsonl").write_text("\n".join(lines))
    contact = {"Id": "003A00000000001AAA", "LastName": "L", "AccountId": old["Id"]}
    with gzip.open(landing / "crm" / "contacts" / "c.jsonl.gz", "wt") as file:
        file.write(json.dumps(contact))
    # without the demo's mark nothing is loaded
    assert create_app(home.settings).state.systems.salesforce.store.is_empty()
    (landing / "demo.json").write_text('{"as_of": "2026-01-31T00:00:00Z"}')
    org = create_app(home.settings).state.systems.salesforce.org
    record = org.store.get("Account", old["Id"])
    assert (record.fields["Name"], record.updated_at) == ("New", "2026-01-02T00:00:00.000+0000")
    assert org.store.count("Account") == 1
    assert org.store.get("Contact", contact["Id"]).fields["AccountId"] == old["Id"]
    org.store.db.execute("update records set fields = '{}' where object = 'Account'")
    again = create_app(home.settings).state.systems.salesforce.org
    assert again.store.get("Account", old["Id"]).fields == {}


def test_ids_carry_the_suffix_salesforce_computes() -> None:
    # ids of Salesforce's REST guide
    assert id_suffix("001D000000IRFma") == "IAH"
    assert id_suffix("001xx0000004GxD") == "AAU"
