"""The mocked Bulk API 2.0: jobs as the platform runs them, through the unmodified client."""

from __future__ import annotations

import asyncio
import csv
import io
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceOperationError

from reverse_etl.destinations.salesforce import PlainHttpAdapter
from reverse_etl.mocks.server import create_app

if TYPE_CHECKING:
    from tests.reverse_etl.conftest import Mocks

KEY = "PLG_Account_Id__c"


@pytest.fixture
def client(mocks: Mocks) -> Salesforce:
    """The public client; only its transport speaks http, as it knows no other scheme than https."""
    mocks.salesforce("GET", "limits")
    session = requests.Session()
    session.trust_env = False
    session.mount("https://127.0.0.1", PlainHttpAdapter())
    instance = mocks.urls["salesforce"].split("://")[1]
    return Salesforce(session_id=mocks._token, instance=instance, session=session)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def job(mocks: Mocks, body: str, *, operation: str = "upsert", **options: Any) -> dict[str, Any]:
    """Create, fill and close a job, and wait for its end."""
    request = {"object": "Account", "operation": operation, "contentType": "CSV", **options}
    if operation == "upsert":
        request.setdefault("externalIdFieldName", KEY)
    made = mocks.salesforce("POST", "jobs/ingest", json=request).json()
    path = f"jobs/ingest/{made['id']}"
    csv_type = {"Content-Type": "text/csv"}
    sent = mocks.salesforce("PUT", f"{path}/batches", content=body.encode(), headers=csv_type)
    assert (sent.status_code, sent.content) == (201, b"")
    closed = mocks.salesforce("PATCH", path, json={"state": "UploadComplete"}).json()
    assert closed["state"] == "UploadComplete"
    return wait(mocks, path)


def wait(mocks: Mocks, path: str) -> dict[str, Any]:
    for _ in range(500):
        told = mocks.salesforce("GET", path).json()
        if told["state"] in ("JobComplete", "Failed", "Aborted"):
            return told
        time.sleep(0.01)
    raise AssertionError(f"the job has not ended: {told}")


def results(mocks: Mocks, told: dict[str, Any], kind: str) -> list[dict[str, str]]:
    return rows(mocks.salesforce("GET", f"jobs/ingest/{told['id']}/{kind}").text)


def test_the_public_client_upserts_updates_queries_and_deletes(client: Salesforce) -> None:
    bulk = client.bulk2.Account
    records = [{"Name": f"A{n}", KEY: f"a{n}", "NumberOfEmployees": str(n)} for n in range(450)]
    records[7]["Name"] = ""  # refused: an empty cell of a new record is no name
    (done,) = bulk.upsert(records=records, external_id_field=KEY, wait=0)
    assert (done["numberRecordsProcessed"], done["numberRecordsFailed"]) == (450, 1)
    (refused,) = rows(bulk.get_failed_records(done["job_id"]))
    assert (
        refused["sf__Error"] == "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name--"
    )
    assert (refused["sf__Id"], refused[KEY]) == ("", "a7")
    accepted = rows(bulk.get_successful_records(done["job_id"]))
    assert len(accepted) == 449 and {r["sf__Created"] for r in accepted} == {"true"}
    assert rows(bulk.get_unprocessed_records(done["job_id"])) == []
    (again,) = bulk.upsert(records=records[:3], external_id_field=KEY, wait=0)
    assert {r["sf__Created"] for r in rows(bulk.get_successful_records(again["job_id"]))} == {
        "false"
    }
    pages = list(bulk.query(f"SELECT Id, {KEY} FROM Account ORDER BY Id", max_records=200, wait=0))
    assert [len(rows(page)) for page in pages] == [200, 200, 49]
    ids = [row["Id"] for page in pages for row in rows(page)]
    bulk.update(records=[{"Id": ids[0], "NumberOfEmployees": "#N/A"}], wait=0)
    assert client.Account.get(ids[0])["NumberOfEmployees"] is None
    bulk.delete(records=[{"Id": record_id} for record_id in ids[:9]], wait=0)
    assert client.query("SELECT COUNT() FROM Account")["totalSize"] == 440
    bulk.insert(records=[{"Name": "Late", KEY: "late"}], wait=0)
    assert len(rows("".join(bulk.query_all("SELECT Id FROM Account", wait=0)))) == 450


def test_each_row_is_judged_alone_and_parents_are_found_by_their_key(mocks: Mocks) -> None:
    mocks.salesforce("POST", "sobjects/Account", json={"Name": "A", KEY: "a"})
    body = (
        "PLG_Person_Id__c,LastName,Email,Account.PLG_Account_Id__c,PLG_Signed_Up_At__c\n"
        "p1,Good,a@b.co,a,2026-01-01T10:00:00.000Z\n"
        'p2,"Comma, and ""quote""",not-an-address,a,\n'
        "p3,No parent,,nope,\n"
        "p4,Bad time,,a,yesterday\n"
        "p1,Twice,,a,\n"
    )
    told = job(mocks, body, object="Contact", externalIdFieldName="PLG_Person_Id__c")
    assert told["state"] == "JobComplete" and told["numberRecordsFailed"] == 4
    words = [r["sf__Error"].split(":")[0] for r in results(mocks, told, "failedResults")]
    assert words == [
        "INVALID_EMAIL_ADDRESS",
        "INVALID_FIELD",
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
        "DUPLICATE_VALUE",
    ]
    (contact,) = mocks.query("SELECT Account.Name, PLG_Signed_Up_At__c FROM Contact")
    assert contact["Account"]["Name"] == "A"
    assert contact["PLG_Signed_Up_At__c"] == "2026-01-01T10:00:00.000+0000"


@pytest.mark.parametrize(
    ("body", "options", "words"),
    [
        (f"{KEY},Nope__c\na,1\n", {}, "InvalidBatch : Field name not found : Nope__c"),
        (f"{KEY},Name\r\na,A\r\n", {}, "LineEnding is invalid on user data"),
        ("Name\nA\n", {"operation": "update"}, "InvalidBatch : Field name not found : Id"),
    ],
)
def test_a_file_that_cannot_be_used_fails_the_job_and_leaves_its_rows_unprocessed(
    mocks: Mocks, body: str, options: dict[str, Any], words: str
) -> None:
    told = job(mocks, body, **options)
    assert told["state"] == "Failed" and words in told["errorMessage"]
    assert len(results(mocks, told, "unprocessedrecords")) == 1
    assert mocks.query("SELECT Id FROM Account") == []


@pytest.mark.parametrize(
    ("request_body", "code"),
    [
        ({"object": "Nope", "operation": "insert"}, "INVALIDENTITY"),
        ({"object": "Account", "operation": "upsert"}, "INVALIDJOB"),
        ({"object": "Account", "operation": "dance"}, "INVALIDJOB"),
        ({"object": "Account", "operation": "insert", "contentType": "JSON"}, "INVALIDJOB"),
        (
            {"object": "Account", "operation": "upsert", "externalIdFieldName": "Name"},
            "INVALID_FIELD",
        ),
    ],
)
def test_jobs_that_make_no_sense_are_refused(
    mocks: Mocks, request_body: dict[str, Any], code: str
) -> None:
    answer = mocks.salesforce("POST", "jobs/ingest", json=request_body)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


def test_a_job_takes_one_file_is_closed_once_and_deleted_when_done(mocks: Mocks) -> None:
    request = {"object": "Account", "operation": "insert"}
    path = f"jobs/ingest/{mocks.salesforce('POST', 'jobs/ingest', json=request).json()['id']}"
    empty = mocks.salesforce("PATCH", path, json={"state": "UploadComplete"})
    assert empty.json()[0]["errorCode"] == "CLIENTINPUTERROR"
    headers = {"Content-Type": "text/csv"}
    for code in (201, 400):
        sent = mocks.salesforce("PUT", f"{path}/batches", content=b"Name\nA\n", headers=headers)
        assert sent.status_code == code
    early = mocks.salesforce("GET", f"{path}/successfulResults")
    assert early.json()[0]["errorCode"] == "INVALIDJOBSTATE"
    assert mocks.salesforce("DELETE", path).status_code == 400
    assert mocks.salesforce("PATCH", path, json={"state": "Aborted"}).json()["state"] == "Aborted"
    assert len(rows(mocks.salesforce("GET", f"{path}/unprocessedrecords").text)) == 1
    assert [j["state"] for j in mocks.salesforce("GET", "jobs/ingest").json()["records"]] == [
        "Aborted"
    ]
    assert mocks.salesforce("DELETE", path).status_code == 204
    assert mocks.salesforce("GET", path).status_code == 404


def test_faults_of_jobs_refuse_rows_leave_some_unprocessed_and_delay(
    mocks: Mocks, client: Salesforce
) -> None:
    body = f"Name,{KEY}\n" + "".join(f"A{n},a{n}\n" for n in range(20))
    mocks.fault(system="salesforce", kind="partial", share=0.25, code="UNABLE_TO_LOCK_ROW")
    told = job(mocks, body)
    assert told["numberRecordsFailed"] == 5
    mocks.fault(system="salesforce", kind="fail_job", share=0.5)
    told = job(mocks, body)
    assert told["state"] == "Failed"
    assert len(results(mocks, told, "successfulResults")) == 10
    assert len(results(mocks, told, "unprocessedrecords")) == 10
    mocks.fault(system="salesforce", kind="slow_job", seconds=0.3)
    started = time.monotonic()
    job(mocks, body)
    assert time.monotonic() - started > 0.3
    with pytest.raises(SalesforceOperationError, match="Field name not found"):
        client.bulk2.Account.insert(records=[{"Nope__c": "1"}], wait=0)


def test_a_job_goes_on_after_the_server_was_stopped(mocks: Mocks) -> None:
    """What was written before the stop is not written again."""
    bulk = mocks.app.state.systems.salesforce.bulk
    made = bulk.create_ingest({"object": "Account", "operation": "insert"}, "59.0")
    bulk.upload(made["id"], "Name\n" + "".join(f"A{n}\n" for n in range(250)))
    bulk.set_state("ingest", made["id"], "UploadComplete")
    reopened = create_app(mocks.settings).state.systems.salesforce.bulk
    half = reopened.job("ingest", made["id"])
    first = [[f"A{n}"] for n in range(200)]
    write = reopened._writer(half, ["Name"])
    with reopened.store.transaction():
        reopened._write_chunk(half, first, 0, write)
        reopened._save({**half, "state": "InProgress"}, position=200)
    reopened.store.close()

    async def next_server() -> None:
        bulk.resume()
        await asyncio.gather(*bulk._running)

    asyncio.run(next_server())
    told = bulk.job("ingest", made["id"])
    assert (told["state"], told["numberRecordsProcessed"]) == ("JobComplete", 250)
    assert bulk.store.count("Account") == 250
