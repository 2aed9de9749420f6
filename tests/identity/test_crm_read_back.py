"""Both CRMs read back, with what our own syncs wrote in them: people stay who they are."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from ingestion.pulls.crm import pull_crm
from ingestion.pulls.hubspot_api import HubSpotCrm
from ingestion.pulls.salesforce_api import SalesforceCrm
from ingestion.run import ingest
from tests.identity.home import Calls, Home
from tests.ingestion import crm_mock

pytestmark = pytest.mark.proof

IDENTITY = ("fqn:plg.staging", "+fqn:plg.identity")


@dataclass
class Crms:
    """Both mocks, spoken to as the vendors' APIs."""

    home: Home
    root: str

    def hubspot(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.home.settings.hubspot_token}"}
        answer = httpx.request(method, f"{self.root}/hubspot{path}", headers=headers, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else {}

    def salesforce(self, method: str, path: str, body: Any) -> Any:
        settings = self.home.settings
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.salesforce_client_id,
            "client_secret": settings.salesforce_client_secret,
        }
        token = httpx.post(f"{self.root}/salesforce/services/oauth2/token", data=form).json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        url = f"{self.root}/salesforce/services/data/v59.0/{path}"
        answer = httpx.request(method, url, headers=headers, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else {}

    def make(self, kind: str, **properties: Any) -> str:
        body = {"properties": properties}
        return self.hubspot("POST", f"/crm/v3/objects/{kind}", body)["id"]

    def tie(self, name: str, record_id: str, other: str, other_id: str, kind: int) -> None:
        path = f"/crm/v4/objects/{name}/{record_id}/associations/{other}/{other_id}"
        wanted = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": kind}]
        self.hubspot("PUT", path, wanted)

    def add(self, kind: str, **fields: Any) -> str:
        return self.salesforce("POST", f"sobjects/{kind}", fields)["id"]

    def read_back(self) -> None:
        settings = self.home.settings
        pull_crm(settings, SalesforceCrm(settings, f"{self.root}/salesforce"))
        pull_crm(settings, HubSpotCrm(settings, f"{self.root}/hubspot"))
        report = ingest(settings)
        assert report.rows_quarantined == 0


@pytest.fixture(scope="module")
def read_back(tmp_path_factory):
    """Two users of the product, before and after both CRMs were read back."""
    home = Home(tmp_path_factory.mktemp("read_back"))
    home.settings.crm_read_back = True
    home.settings.as_of = None  # the mocks live by the wall clock
    calls = Calls()
    calls.verified(2, "ann", "ann@acme.example", context={"groupId": "acc_acme"})
    calls.track(3, userId="ann", context={"groupId": "acc_acme"})
    # both of accounts that only their addresses tell of
    calls.verified(2, "bob", "bob@globex.example")
    calls.verified(2, "cat", "cat@initech.example")
    home.seed()
    home.land("calls.jsonl", calls.lines)
    home.build(*IDENTITY)
    before = {
        "people": home.people(),
        "accounts": home.query("select account_id from identity.int_identity__accounts order by 1"),
        "members": home.query("select * from identity.bridge_account_people order by all"),
    }
    with crm_mock.mocks_served(home.settings) as (root, _):
        crms = Crms(home, root)
        ann = before["people"]["user_id", "ann"]
        # as the syncs of this repository write them
        acme = crms.make("companies", name="Acme", plg_account_id="acc_acme")
        crms.make("contacts", email="ann@acme.example", firstname="Ann", plg_person_id=ann)
        account = crms.add("Account", Name="Acme", PLG_Account_Id__c="acc_acme")
        crms.add("Contact", LastName="Ann", PLG_Person_Id__c=ann, AccountId=account)
        cat = before["people"]["user_id", "cat"]
        (cats,) = (account for account, person, *_ in before["members"] if person == cat)
        account_of_cat = crms.add("Account", Name="Initech", PLG_Account_Id__c=cats)
        crms.add("Contact", LastName="Cat", PLG_Person_Id__c=cat, AccountId=account_of_cat)
        # as people write them
        group = crms.make("companies", name="Acme Group")
        crms.tie("companies", acme, "companies", group, 14)
        bob = crms.make("contacts", email="Bob@Globex.example", firstname="Bob")
        gone = crms.make("contacts", email="gone@acme.example")
        deal = crms.make("deals", dealname="Rollout", dealstage="qualifiedtobuy", amount="1200.50")
        crms.tie("deals", deal, "companies", acme, 5)
        for stage in ("contractsent", "qualifiedtobuy", "closedwon"):
            crms.hubspot(
                "PATCH", f"/crm/v3/objects/deals/{deal}", {"properties": {"dealstage": stage}}
            )
        call = crms.make("calls", hs_call_title="Hello", hs_timestamp="2026-01-05")
        crms.tie("calls", call, "contacts", bob, 194)
        fields = {"Name": "Rollout", "CloseDate": "2026-03-01", "StageName": "Prospecting"}
        opportunity = crms.add("Opportunity", AccountId=account, **fields)
        for stage in ("Proposal", "Prospecting", "Closed Won"):
            crms.salesforce("PATCH", f"sobjects/Opportunity/{opportunity}", {"StageName": stage})
        crms.read_back()
        crms.hubspot("DELETE", f"/crm/v3/objects/contacts/{gone}")
        crms.read_back()
    home.build(*IDENTITY)
    ids = {"acme": acme, "group": group, "bob": bob, "deal": deal, "opportunity": opportunity}
    return home, before, ids


def test_records_our_own_syncs_wrote_change_nobodys_identity(read_back):
    home, before, _ = read_back
    assert home.people() == before["people"]
    accounts = home.query("select account_id from identity.int_identity__accounts order by 1")
    assert accounts == before["accounts"]
    members = home.query("select * from identity.bridge_account_people order by all")
    assert members == before["members"]
    methods = {method for _, _, method, *_ in members}
    assert methods == {"group", "email_domain"}  # and not what we had told the CRM ourselves
    assert home.query("select count(*) from identity.rpt_crm_duplicates") == [(0,)]


def test_they_are_matched_by_the_id_we_wrote_and_others_by_address(read_back):
    home, before, _ = read_back
    names = {before["people"]["user_id", name]: name for name in ("ann", "bob", "cat")}
    matched = home.query(
        "select crm, object, person_id, account_id, method from identity.bridge_crm_records"
    )
    accounts = {names[person]: account for account, person, *_ in before["members"]}
    assert accounts["ann"] == "acc_acme"
    assert sorted(
        (crm, kind, names.get(person), account, method)
        for crm, kind, person, account, method in matched
        if kind == "contacts"
    ) == [
        ("hubspot", "contacts", "ann", "acc_acme", "external_id"),
        ("hubspot", "contacts", "bob", accounts["bob"], "email"),
        ("salesforce", "contacts", "ann", "acc_acme", "external_id"),
        ("salesforce", "contacts", "cat", accounts["cat"], "external_id"),
    ]
    assert sorted((crm, account) for crm, kind, _, account, _ in matched if kind == "accounts") == [
        ("hubspot", "acc_acme"),
        ("salesforce", "acc_acme"),
        ("salesforce", accounts["cat"]),
    ]


def test_the_parent_of_a_hubspot_company_and_its_archived_contact_are_known(read_back):
    home, _, ids = read_back
    assert home.query(
        "select record_id, parent_record_id from staging.stg_crm__accounts "
        "where crm = 'hubspot' order by parent_record_id nulls last"
    ) == [(ids["acme"], ids["group"]), (ids["group"], None)]
    emails = home.query("select email from staging.stg_crm__contacts where crm = 'hubspot'")
    assert sorted(emails) == [("ann@acme.example",), ("bob@globex.example",)]


def test_a_deal_reads_like_an_opportunity(read_back):
    home, _, ids = read_back
    assert home.query(
        "select account_record_id, stage, amount::double, is_won, is_closed "
        "from staging.stg_crm__opportunities where crm = 'hubspot'"
    ) == [(ids["acme"], "closedwon", 1200.50, True, True)]
    assert home.query(
        "select person_record_id, subject, task_type from staging.stg_crm__tasks"
    ) == [(ids["bob"], "Hello", "CALL")]  # fmt: skip
    owners = home.query(
        "select owner_name from staging.stg_crm__owners where crm = 'hubspot' order by 1"
    )
    assert owners == [("Ada Okafor",), ("Sam Rivera",)]


def test_stages_are_told_by_each_crms_own_history(read_back):
    home, _, _ = read_back
    stages = home.query(
        "select crm, stage from staging.stg_crm__opportunity_stages order by crm, entered_at"
    )
    # each stage once, when it was first entered
    assert stages == [
        ("hubspot", "qualifiedtobuy"),
        ("hubspot", "contractsent"),
        ("hubspot", "closedwon"),
        ("salesforce", "Prospecting"),
        ("salesforce", "Proposal"),
        ("salesforce", "Closed Won"),
    ]
