"""Reading the CRM back, over HTTP from the repository's own mock."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from ingestion.pulls.crm import pull_crm
from ingestion.pulls.errors import NotConfigured, PullRefused
from ingestion.pulls.salesforce_api import SalesforceCrm
from ingestion.run import ingest
from tests.ingestion import crm_mock
from warehouse.settings import Settings


@dataclass
class Org:
    """The mocked Salesforce, and an installation that reads it back."""

    settings: Settings
    url: str
    slept: list[float] = field(default_factory=list)
    token: str = ""

    def call(self, method: str, path: str, **options: Any) -> Any:
        if not self.token:
            form = {
                "grant_type": "client_credentials",
                "client_id": self.settings.salesforce_client_id,
                "client_secret": self.settings.salesforce_client_secret,
            }
            answer = httpx.post(f"{self.url}/salesforce/services/oauth2/token", data=form)
            self.token = answer.json()["access_token"]
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.url}/salesforce/services/data/v59.0/{path}"
        answer = httpx.request(method, url, headers=headers, **options)
        assert answer.status_code in (200, 201, 204), answer.text
        return answer.json() if answer.content else None

    def create(self, kind: str, *records: dict[str, Any]) -> list[str]:
        ids = []
        for start in range(0, len(records), 200):
            body = {
                "allOrNone": True,
                "records": [
                    {"attributes": {"type": kind}, **r} for r in records[start : start + 200]
                ],
            }
            ids += [r["id"] for r in self.call("POST", "composite/sobjects", json=body)]
        return ids

    def update(self, kind: str, record_id: str, **fields: Any) -> None:
        body = {"records": [{"attributes": {"type": kind}, "id": record_id, **fields}]}
        self.call("PATCH", "composite/sobjects", json=body)

    def delete(self, record_id: str) -> None:
        self.call("DELETE", f"composite/sobjects?ids={record_id}")

    def break_down(self, **fault: Any) -> None:
        crm_mock.break_down(self.url, "salesforce", **fault)

    def pull(self, **options: Any):
        crm = SalesforceCrm(self.settings, f"{self.url}/salesforce", self.slept.append)
        return pull_crm(self.settings, crm, **options)

    def landed(self, name: str) -> list[dict[str, Any]]:
        return crm_mock.landed(self.settings, name)


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Org]:
    settings = Settings(home=tmp_path / "home", crm_read_back=True)
    with crm_mock.mocks_served(settings) as (url, _):
        yield Org(settings, url)


def test_everything_is_read_back_and_ingested(org: Org):
    (account,) = org.create("Account", {"Name": "Acme", "PLG_Plan__c": "team"})
    org.create("Contact", {"LastName": "Reyes", "Email": "r@acme.example", "AccountId": account})
    org.create("Lead", {"LastName": "Silva", "Company": "Globex"})
    org.create("Task", {"Subject": "Call", "WhatId": account})
    report = org.pull()
    assert report.mode == "full"
    (landed,) = org.landed("accounts")
    assert landed["Id"] == account and landed["PLG_Plan__c"] == "team"
    assert "attributes" not in landed
    assert [len(org.landed(name)) for name in ("contacts", "leads", "tasks")] == [1, 1, 1]
    assert [r.name for r in report.lists if r.is_skipped] == []
    loaded = ingest(org.settings)
    assert loaded.rows_quarantined == 0
    with duckdb.connect(str(org.settings.warehouse_path), read_only=True) as connection:
        objects = connection.execute(
            "select object_name, count(*) from raw.crm_records where object_name <> 'owners' "
            "group by all order by all"
        ).fetchall()
    assert objects == [("accounts", 1), ("contacts", 1), ("leads", 1), ("tasks", 1)]


def test_the_second_pull_brings_what_changed_and_what_was_deleted(org: Org):
    kept, changed, deleted = org.create(
        "Account", {"Name": "Kept"}, {"Name": "Old name"}, {"Name": "Gone"}
    )
    org.pull()
    ingest(org.settings)
    time.sleep(0.01)  # the mock stamps milliseconds
    org.update("Account", changed, Name="New name")
    org.delete(deleted)
    assert org.pull().mode == "incremental"
    report = ingest(org.settings)
    assert report.rows_quarantined == 0
    with duckdb.connect(str(org.settings.warehouse_path), read_only=True) as connection:
        newest = connection.execute(
            "select record_id, record::json ->> 'Name', is_deleted from raw.crm_records "
            "where object_name = 'accounts' "
            "qualify row_number() over (partition by record_id order by modified_at desc) = 1"
        ).fetchall()
    assert set(newest) == {
        (kept, "Kept", False),
        (changed, "New name", False),
        (deleted, "Gone", True),
    }


def test_every_stage_of_an_opportunity_is_read_back(org: Org):
    (account,) = org.create("Account", {"Name": "Acme"})
    deal = {"Name": "Rollout", "CloseDate": "2026-03-01", "AccountId": account}
    (opportunity,) = org.create("Opportunity", {**deal, "StageName": "Prospecting"})
    org.update("Opportunity", opportunity, Name="Rollout 2026")  # no stage
    org.pull()
    for stage in ("Proposal", "Negotiation", "Proposal", "Closed Won"):
        org.update("Opportunity", opportunity, StageName=stage)
    org.pull()
    rows = {row["Id"]: row for row in org.landed("opportunity_history")}.values()
    assert [row["StageName"] for row in rows] == [
        "Prospecting", "Proposal", "Negotiation", "Proposal", "Closed Won",
    ]  # fmt: skip
    assert {row["OpportunityId"] for row in rows} == {opportunity}
    won = org.landed("opportunities")[-1]
    assert (won["IsClosed"], won["IsWon"]) == (True, True)
    assert ingest(org.settings).rows_quarantined == 0


def test_more_records_than_a_page_arrive_once_each(org: Org):
    ids = org.create("Lead", *({"LastName": f"L{n}", "Company": "C"} for n in range(2500)))
    report = org.pull()
    (leads,) = [r for r in report.lists if r.name == "leads"]
    assert (leads.rows, leads.pages) == (2500, 2)
    assert sorted(row["Id"] for row in org.landed("leads")) == sorted(ids)


def test_throttling_outages_and_expired_sessions_are_waited_out(org: Org):
    org.create("Account", {"Name": "Acme"})
    org.break_down(kind="throttle", retry_after=9, writes_only=False)
    org.break_down(kind="unavailable", writes_only=False)
    org.break_down(kind="expired_token", writes_only=False, skip=3)
    org.pull()
    assert len(org.landed("accounts")) == 1
    assert len(org.slept) >= 3 and max(org.slept) >= 9


def test_an_outage_in_the_middle_of_an_object_costs_no_page_twice(org: Org):
    ids = org.create("Lead", *({"LastName": f"L{n}", "Company": "C"} for n in range(2500)))
    # owners, accounts, contacts: two calls each and one login; then describe and two pages
    org.break_down(kind="unavailable", writes_only=False, skip=9, count=6)
    with pytest.raises(PullRefused, match="pull again to go on"):
        org.pull()
    assert org.landed("leads") == []
    state = json.loads((org.settings.home / "pulls" / "salesforce.json").read_text())
    assert state["lists"]["leads"]["running"]["rows"] == 2000
    assert org.pull().mode == "resumed"
    assert {row["Id"] for row in org.landed("leads")} == set(ids)


def test_a_refused_login_is_said_so(org: Org):
    org.settings.salesforce_password = "wrong"
    with pytest.raises(PullRefused, match="Check PLG_SALESFORCE_CLIENT_ID"):
        org.pull()


def test_it_is_off_by_default(org: Org):
    assert Settings(home=org.settings.home).crm_read_back is False
    org.settings.crm_read_back = False
    with pytest.raises(NotConfigured, match="PLG_CRM_READ_BACK"):
        org.pull()
    assert not org.settings.landing_dir.exists()


def test_full_reads_everything_again(org: Org):
    org.create("Account", {"Name": "Acme"})
    org.pull()
    state = org.settings.home / "pulls" / "salesforce.json"
    before = json.loads(state.read_text())["lists"]["accounts"]["complete_until"]
    assert datetime.fromisoformat(before).tzinfo == UTC
    assert org.pull(full=True).mode == "full"
    assert len(org.landed("accounts")) == 2
    assert ingest(org.settings).rows_duplicate >= 1
