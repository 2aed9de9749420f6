"""Reading HubSpot back with its official client, over HTTP from the repository's own mock."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import duckdb
import httpx
import pytest

from ingestion.pulls.crm import OVERLAP, pull_crm
from ingestion.pulls.errors import PullRefused
from ingestion.pulls.hubspot_api import HubSpotCrm
from ingestion.run import ingest
from reverse_etl.mocks.server import Systems
from tests.ingestion import crm_mock
from warehouse.settings import PROJECT_ROOT, Settings

COMPANY_OF_CONTACT, COMPANY_OF_DEAL, OTHER_COMPANY_OF_DEAL = 1, 5, 341
PARENT_COMPANY, CONTACT_OF_CALL = 14, 194


@dataclass
class HubSpot:
    """The mocked portal, and an installation that reads it back."""

    settings: Settings
    root: str
    systems: Systems
    slept: list[float] = field(default_factory=list)

    def call(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.settings.hubspot_token}"}
        answer = httpx.request(method, f"{self.root}/hubspot{path}", headers=headers, **options)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def create(self, name: str, *records: dict[str, Any]) -> list[str]:
        ids = []
        for start in range(0, len(records), 100):
            inputs = [{"properties": record} for record in records[start : start + 100]]
            body = self.call(
                "POST", f"/crm/v3/objects/{name}/batch/create", json={"inputs": inputs}
            )
            ids += [result["id"] for result in body["results"]]
        return ids

    def update(self, kind: str, record_id: str, **properties: Any) -> None:
        self.call("PATCH", f"/crm/v3/objects/{kind}/{record_id}", json={"properties": properties})

    def archive(self, name: str, record_id: str) -> None:
        self.call("DELETE", f"/crm/v3/objects/{name}/{record_id}")

    def associate(self, name: str, record_id: str, other: str, other_id: str, kind: int) -> None:
        path = f"/crm/v4/objects/{name}/{record_id}/associations/{other}/{other_id}"
        wanted = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": kind}]
        self.call("PUT", path, json=wanted)

    def happened_at(self, name: str, moment: str) -> None:
        """As if all records of an object had changed in one moment: a bulk import."""
        store = self.systems.hubspot.store
        store.db.execute("update records set updated_at = ? where object = ?", (moment, name))

    def break_down(self, **fault: Any) -> None:
        crm_mock.break_down(self.root, "hubspot", **fault)

    def pull(self, **options: Any):
        crm = HubSpotCrm(self.settings, f"{self.root}/hubspot", self.slept.append)
        return pull_crm(self.settings, crm, **options)

    def landed(self, name: str) -> list[dict[str, Any]]:
        return crm_mock.landed(self.settings, name)

    def state(self, name: str) -> dict[str, Any]:
        path = self.settings.home / "pulls" / "hubspot.json"
        return json.loads(path.read_text())["lists"][name]

    def running(self, name: str) -> dict[str, Any]:
        """How far a pull under way is; {} where none is."""
        try:
            return self.state(name)["running"] or {}
        except (OSError, KeyError, ValueError):
            return {}

    def raw(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.settings.warehouse_path), read_only=True) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def portal(tmp_path) -> Iterator[HubSpot]:
    settings = Settings(home=tmp_path / "home", crm_read_back=True, _env_file=None)
    with crm_mock.mocks_served(settings) as (root, systems):
        yield HubSpot(settings, root, systems)


def test_everything_is_read_back_and_ingested(portal: HubSpot):
    parent, company = portal.create("companies", {"name": "Group"}, {"name": "Acme"})
    portal.associate("companies", company, "companies", parent, PARENT_COMPANY)
    (contact,) = portal.create("contacts", {"email": "r@acme.example", "lastname": "Reyes"})
    portal.associate("contacts", contact, "companies", company, COMPANY_OF_CONTACT)
    (deal,) = portal.create("deals", {"dealname": "Rollout", "dealstage": "contractsent"})
    portal.associate("deals", deal, "companies", parent, OTHER_COMPANY_OF_DEAL)
    portal.associate("deals", deal, "companies", company, COMPANY_OF_DEAL)
    portal.update("deals", deal, dealstage="closedwon")
    portal.create("leads", {"hs_lead_name": "Rollout"})
    (call,) = portal.create("calls", {"hs_call_title": "Hello", "hs_timestamp": "2026-01-05"})
    portal.associate("calls", call, "contacts", contact, CONTACT_OF_CALL)
    message = {"hs_communication_channel_type": "SMS", "hs_communication_body": "a secret"}
    portal.create("communications", message)
    portal.create("p_pql", {"plg_pql_key": "m|acc_1", "plg_handoff_status": "engaged"})
    report = portal.pull()
    assert (report.mode, [r.name for r in report.lists if r.is_skipped]) == ("full", [])

    by_name = {row["properties"]["name"]: row for row in portal.landed("companies")}
    assert by_name["Acme"]["properties"]["hs_parent_company_id"] == parent
    (landed,) = portal.landed("contacts")
    assert landed["properties"]["associatedcompanyid"] == company
    assert "phone" not in landed["properties"]  # asked for, and empty
    (landed,) = portal.landed("deals")
    # the primary company first, whichever was there earlier
    assert [c["id"] for c in landed["associations"]["companies"]["results"]] == [company, parent]
    stages = [entry["value"] for entry in landed["propertiesWithHistory"]["dealstage"]]
    assert stages == ["closedwon", "contractsent"]
    (landed,) = portal.landed("calls")
    assert landed["associations"]["contacts"]["results"][0]["id"] == contact
    (landed,) = portal.landed("communications")
    assert landed["properties"]["hs_communication_channel_type"] == "SMS"
    assert "secret" not in json.dumps(landed)
    # a custom object, by the name our models know it by
    (landed,) = portal.landed("pqls")
    assert landed["properties"]["plg_handoff_status"] == "engaged"
    owners = {(row["email"], row["archived"]) for row in portal.landed("owners")}
    assert owners == {
        ("sam@plg.example", False),
        ("ada@plg.example", False),
        ("leon@plg.example", True),
    }

    assert ingest(portal.settings).rows_quarantined == 0
    assert portal.raw(
        "select object_name, count(*) from raw.crm_records where crm = 'hubspot' "
        "group by all order by all"
    ) == [
        ("calls", 1), ("communications", 1), ("companies", 2), ("contacts", 1), ("deals", 1),
        ("leads", 1), ("owners", 3), ("pqls", 1),
    ]  # fmt: skip


def test_the_second_pull_brings_what_changed_and_what_was_archived(portal: HubSpot):
    kept, changed, gone = portal.create(
        "companies", {"name": "Kept"}, {"name": "Old name"}, {"name": "Gone"}
    )
    # further back than the overlap of two pulls
    portal.happened_at("companies", "2026-01-01T00:00:00.000Z")
    portal.pull()
    ingest(portal.settings)
    portal.update("companies", changed, name="New name")
    portal.archive("companies", gone)
    report = portal.pull()
    assert report.mode == "incremental"
    ids = [row["id"] for row in portal.landed("companies")]
    # the second pull looks back five minutes behind the last change, which was all of them
    assert [ids.count(i) for i in (kept, changed, gone)] == [2, 2, 2]
    assert ingest(portal.settings).rows_quarantined == 0
    newest = portal.raw(
        "select record_id, record::json ->> '$.properties.name', is_deleted from raw.crm_records "
        "where object_name = 'companies' qualify row_number() over "
        "(partition by record_id order by modified_at desc, load_id desc, line_number desc) = 1"
    )
    assert {row[0]: row[1:] for row in newest} == {
        kept: ("Kept", False),
        changed: ("New name", False),
        gone: ("Gone", True),
    }
    portal.pull()
    assert [row["id"] for row in portal.landed("companies")].count(kept) == 2


def test_where_now_stands_still_what_a_crm_says_later_is_not_refused(portal: HubSpot):
    portal.create("companies", {"name": "Acme"})
    portal.pull()
    file = portal.settings.landing_dir / "crm" / "companies" / "export.jsonl"
    file.write_text(json.dumps(portal.landed("companies")[0]).replace("Acme", "Other") + "\n")
    past = Settings(home=portal.settings.home, as_of="2026-01-01T00:00:00Z", _env_file=None)
    # owners are older; of the two companies only the pulled one says when it was told
    assert ingest(past).rows_quarantined == 1
    names = "select record::json ->> '$.properties.name' from raw.crm_records"
    assert portal.raw(f"{names} where object_name = 'companies'") == [("Acme",)]


def test_a_record_that_was_merged_away_is_gone(portal: HubSpot):
    left, merged = portal.create("contacts", {"email": "a@a.example"}, {"email": "b@a.example"})
    portal.pull()
    body = {"primaryObjectId": left, "objectIdToMerge": merged}
    portal.call("POST", "/crm/v3/objects/contacts/merge", json=body)
    portal.pull()
    assert ingest(portal.settings).rows_quarantined == 0
    newest = portal.raw(
        "select record_id, is_deleted from raw.crm_records where object_name = 'contacts' "
        "qualify row_number() over (partition by record_id order by modified_at desc) = 1"
    )
    assert sorted(newest) == [(left, False), (merged, True)]


def test_a_pull_looks_back_no_further_than_the_overlap(portal: HubSpot):
    portal.create("companies", {"name": "Old"})
    portal.happened_at("companies", "2026-01-01T00:00:00.000Z")
    portal.create("companies", {"name": "New"})
    portal.pull()
    assert portal.pull().lists[1].rows == 1
    assert OVERLAP.total_seconds() == 300
    names = [row["properties"]["name"] for row in portal.landed("companies")]
    assert sorted(names) == ["New", "New", "Old"]


def test_records_of_one_moment_are_not_lost_between_pages(portal: HubSpot):
    before = portal.create("contacts", {"email": "first@a.example"})
    portal.happened_at("contacts", "2026-01-01T00:00:00.000Z")
    portal.pull()
    many = portal.create("contacts", *({"email": f"n{n}@a.example"} for n in range(450)))
    portal.systems.hubspot.store.db.execute(
        "update records set updated_at = '2026-02-01T00:00:00.123Z' "
        f"where object = 'contacts' and id <> '{before[0]}'"
    )
    after = portal.create("contacts", {"email": "last@a.example"})
    portal.pull()
    ids = [row["id"] for row in portal.landed("contacts")]
    assert set(ids) == {*before, *many, *after}
    assert [ids.count(i) for i in (*many, *after)] == [1] * 451


def test_more_changes_than_hubspots_search_can_page_through_arrive(portal: HubSpot):
    portal.create("tasks", {"hs_task_subject": "first"})
    portal.happened_at("tasks", "2026-01-01T00:00:00.000Z")
    portal.pull()
    store = portal.systems.hubspot.store
    with store.transaction():
        for n in range(10_500):
            moment = f"2026-02-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}.000Z"
            store.put(
                "tasks", str(1_000_000 + n), {"hs_task_subject": f"t{n}"},
                operation="create", changed={}, at=moment, with_history=False,
            )  # fmt: skip
    (tasks,) = [r for r in portal.pull().lists if r.name == "tasks"]
    ids = [row["id"] for row in portal.landed("tasks")]
    assert len(set(ids)) == 10_501 and tasks.rows == 10_501
    answers = portal.systems.hubspot.store.db.execute(
        "select distinct status from calls where path like '%/search'"
    ).fetchall()
    assert answers == [(200,)]


def test_a_record_that_changes_while_it_is_read_hides_no_other(portal: HubSpot):
    ids = portal.create("companies", *({"name": f"C{n}"} for n in range(300)))
    store = portal.systems.hubspot.store
    for n, record_id in enumerate(ids):
        moment = f"2026-02-01T00:{n // 60:02}:{n % 60:02}.000Z"
        store.db.execute("update records set updated_at = ? where id = ?", (moment, record_id))
    crm = HubSpotCrm(portal.settings, f"{portal.root}/hubspot", portal.slept.append)
    pages = crm.changed("companies", "2026-01-31T00:00:00+00:00", None)
    seen = [row["id"] for row in next(pages).rows]
    portal.update("companies", ids[0], name="Renamed")  # moves behind all others
    seen += [row["id"] for page in pages for row in page.rows]
    assert set(seen) == set(ids) and seen.count(ids[0]) == 2


@pytest.mark.parametrize("is_full", [True, False])
def test_an_outage_in_the_middle_of_an_object_costs_no_page_twice(portal: HubSpot, is_full: bool):
    if not is_full:
        portal.create("contacts", {"email": "first@a.example"})
        portal.happened_at("contacts", "2026-01-01T00:00:00.000Z")
        portal.pull()
    ids = portal.create("contacts", *({"email": f"n{n}@a.example"} for n in range(450)))
    calls = "select count(*) from calls"
    before = portal.systems.hubspot.store.db.execute(calls).fetchone()[0]
    portal.pull()
    steps = portal.systems.hubspot.store.db.execute(
        f"select path from calls where call_id > {before} order by call_id"
    ).fetchall()
    reads = [n for n, (path,) in enumerate(steps) if path.endswith("/contacts/batch/read")]
    for path in (portal.settings.home / "pulls", portal.settings.landing_dir):
        for file in [*path.rglob("*.json"), *path.rglob("*.gz")]:
            file.unlink()
    portal.settings.home.joinpath("pulls").mkdir(exist_ok=True)
    # the same pull again, and the service is gone before the last page
    portal.break_down(kind="unavailable", writes_only=False, skip=reads[2], count=6)
    with pytest.raises(PullRefused, match="pull again to go on"):
        portal.pull()
    assert portal.landed("contacts") == []
    running = portal.state("contacts")["running"]
    assert 0 < running["rows"] < 450
    assert portal.pull().mode == "resumed"
    landed_ids = [row["id"] for row in portal.landed("contacts")]
    assert set(ids) <= set(landed_ids) and len(set(landed_ids)) == len(landed_ids)


def test_a_pull_killed_in_the_middle_of_an_object_goes_on_behind_its_last_page(portal: HubSpot):
    ids = portal.create("contacts", *({"email": f"n{n}@a.example"} for n in range(350)))
    # 13 calls: owners twice, companies three times; contacts: newest, then three a page
    portal.break_down(kind="slow", seconds=60, writes_only=False, skip=13)
    environment = {name: value for name, value in os.environ.items() if name[:4] != "PLG_"}
    process = subprocess.Popen(
        [sys.executable, "-c", "from dagster_plg.cli import main; main()", "pull", "crm"],
        cwd=PROJECT_ROOT,
        env=environment
        | {
            "PLG_HOME": str(portal.settings.home),
            "PLG_CRM_READ_BACK": "true",
            "PLG_SALESFORCE_ENABLED": "false",
            "PLG_HUBSPOT_URL": f"{portal.root}/hubspot",
        },
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and portal.running("contacts").get("rows", 0) < 300:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    rows = portal.running("contacts")["rows"]
    assert 0 < rows < 350 and portal.landed("contacts") == []
    portal.settings.hubspot_url = f"{portal.root}/hubspot"
    assert portal.pull().mode == "resumed"
    assert sorted(row["id"] for row in portal.landed("contacts")) == sorted(ids)


def test_throttling_and_outages_are_waited_out(portal: HubSpot):
    portal.create("companies", {"name": "Acme"})
    portal.break_down(kind="throttle", retry_after=9, writes_only=False)
    portal.break_down(kind="unavailable", writes_only=False)
    portal.break_down(kind="drop", writes_only=False, skip=3)
    portal.pull()
    assert len(portal.landed("companies")) == 1
    assert len(portal.slept) == 3 and max(portal.slept) >= 9


def test_what_changes_during_a_full_pull_is_in_the_next(portal: HubSpot):
    first, second = portal.create("companies", {"name": "First"}, {"name": "Second"})
    portal.happened_at("companies", "2026-01-01T00:00:00.000Z")
    crm = HubSpotCrm(portal.settings, f"{portal.root}/hubspot")
    (listed, archived) = crm.changed("companies", None, None)
    time.sleep(0.01)  # the mock stamps milliseconds
    portal.update("companies", first, name="Changed")
    assert archived.until == listed.until == "2026-01-01T00:00:00.000Z"
    changed = [row for page in crm.changed("companies", archived.until, None) for row in page.rows]
    assert [row["properties"]["name"] for row in changed] == ["Second", "Changed"]
    assert [row["id"] for row in listed.rows] == [first, second]


def test_a_refused_token_is_said_so(portal: HubSpot):
    portal.settings.hubspot_token = "wrong"
    with pytest.raises(PullRefused, match="Check PLG_HUBSPOT_TOKEN"):
        portal.pull()


def test_what_the_app_may_not_read_is_left_out_with_a_note(portal: HubSpot):
    portal.create("companies", {"name": "Acme"})
    portal.systems.hubspot.portal.schema = {
        name: kind for name, kind in portal.systems.hubspot.portal.schema.items() if name != "leads"
    }
    report = portal.pull()
    assert [r.name for r in report.lists if r.is_skipped] == ["leads"]
    assert "scope to read them" in report.all_notes()[0]
    assert len(portal.landed("companies")) == 1


def test_full_reads_everything_again(portal: HubSpot):
    portal.create("companies", {"name": "Acme"})
    portal.happened_at("companies", "2026-01-01T00:00:00.000Z")
    portal.pull()
    ingest(portal.settings)
    assert portal.pull(full=True).mode == "full"
    assert len(portal.landed("companies")) == 2
    assert ingest(portal.settings).rows_accepted == 0
