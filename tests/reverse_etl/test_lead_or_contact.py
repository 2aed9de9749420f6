"""One person is written to whichever record exists, a lead or a contact: nobody becomes two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reverse_etl.engine import run_sync

if TYPE_CHECKING:
    from tests.reverse_etl.conftest import Home, Mocks

LEADS, CONTACTS = "sync_salesforce__leads", "sync_salesforce__contacts"


def run(home: Home, mocks: Mocks, name: str) -> Any:
    return run_sync(home.settings, name, base_urls=mocks.urls)


def make_lead(mocks: Mocks) -> str:
    lead = {"LastName": "Sales knows", "Company": "Acme", "Email": "p1@acc.example"}
    return mocks.salesforce("POST", "sobjects/Lead", json=lead).json()["id"]


def people(mocks: Mocks) -> list[tuple[str, str]]:
    """Object and id of every record of p1, converted leads left out."""
    where = "WHERE Email = 'p1@acc.example'"
    leads = mocks.query(f"SELECT Id FROM Lead {where} AND IsConverted = false")
    contacts = mocks.query(f"SELECT Id FROM Contact {where}")
    return [("Lead", r["Id"]) for r in leads] + [("Contact", r["Id"]) for r in contacts]


def test_a_lead_that_sales_made_is_written_to_and_no_contact_is_made(
    home: Home, mocks: Mocks
) -> None:
    lead_id = make_lead(mocks)
    home.publish(salesforce__leads=1)
    home.change(f"update {LEADS} set crm_record_id = '{lead_id}'")
    report = run(home, mocks, "salesforce_leads")
    assert (report.status, report.planned_updates, report.planned_creates) == ("succeeded", 1, 0)
    assert people(mocks) == [("Lead", lead_id)]
    (lead,) = mocks.query(f"SELECT FIELDS(ALL) FROM Lead WHERE Id = '{lead_id}'")
    assert (lead["PLG_Person_Id__c"], lead["LastName"]) == ("per_1", "Last")
    assert lead["PLG_Signed_Up_At__c"] == "2026-01-01T10:00:00.000+0000"


def test_after_sales_converted_the_lead_its_contact_is_written_and_nothing_new_is_made(
    home: Home, mocks: Mocks
) -> None:
    lead_id = make_lead(mocks)
    home.publish(salesforce__accounts=1, salesforce__leads=1, salesforce__contacts=1)
    home.change(f"update {LEADS} set crm_record_id = '{lead_id}'")
    home.change(f"delete from {CONTACTS}")
    for name in ("salesforce_accounts", "salesforce_leads", "salesforce_contacts"):
        assert run(home, mocks, name).status == "succeeded"
    became = mocks.post(f"/admin/salesforce/convert/{lead_id}").json()
    # what the read-back makes of it: the person is a contact now, and no open lead any more
    home.publish(salesforce__accounts=1, salesforce__leads=1, salesforce__contacts=1)
    home.change(f"delete from {LEADS}")
    home.change(f"update {CONTACTS} set crm_record_id = '{became['ConvertedContactId']}'")
    assert run(home, mocks, "salesforce_leads").api_calls == 0
    report = run(home, mocks, "salesforce_contacts")
    assert (report.status, report.planned_updates, report.planned_creates) == ("succeeded", 1, 0)
    assert people(mocks) == [("Contact", became["ConvertedContactId"])]


def test_a_lead_converted_since_the_read_back_is_refused_and_not_made_again(
    home: Home, mocks: Mocks
) -> None:
    lead_id = make_lead(mocks)
    home.publish(salesforce__leads=1)
    home.change(f"update {LEADS} set crm_record_id = '{lead_id}'")
    run(home, mocks, "salesforce_leads")
    became = mocks.post(f"/admin/salesforce/convert/{lead_id}").json()
    home.change(f"update {LEADS} set title = 'CTO'")
    report = run(home, mocks, "salesforce_leads")
    assert (report.status, report.rejected) == ("partial", 1)
    assert "CANNOT_UPDATE_CONVERTED_LEAD" in report.rejections[0]["message"]
    assert people(mocks) == [("Contact", became["ConvertedContactId"])]
    home.change(f"delete from {LEADS}")  # read back: it is a contact
    assert run(home, mocks, "salesforce_leads").status == "succeeded"
    assert home.ops("select state from dead_letters") == [("obsolete",)]


def test_who_is_neither_may_be_made_a_lead(home: Home, mocks: Mocks) -> None:
    home.publish(salesforce__leads=1)
    assert run(home, mocks, "salesforce_leads").planned_creates == 1
    assert [kind for kind, _ in people(mocks)] == ["Lead"]
    assert run(home, mocks, "salesforce_leads").api_calls == 0
