"""A run of a sync against the mocks over real HTTP, with real DuckDB files."""

from __future__ import annotations

import json
import threading
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from reverse_etl.engine import run_sync
from reverse_etl.errors import SourceInvalid, SyncBusy
from reverse_etl.plan import read_source
from reverse_etl.specs import SYNCS_FOLDER, find_spec, load_specs
from reverse_etl.status import (
    dismiss_dead_letter,
    list_dead_letters,
    release_sync,
    retry_dead_letters,
    sync_status,
)
from warehouse.ops import OpsStore

if TYPE_CHECKING:
    from tests.reverse_etl.conftest import Home, Mocks


def changed_spec(folder: Path, name: str, **changes: Any) -> Path:
    """The shipped spec ``name``, with changes, alone in a folder of its own."""
    document = yaml.safe_load((SYNCS_FOLDER / f"{name}.yml").read_text())
    document = {**document, "depends_on": [], **changes}
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yml").write_text(yaml.safe_dump(document))
    return folder


def test_new_rows_are_created_and_a_second_run_makes_no_call_at_all(
    home: Home, mocks: Mocks
) -> None:
    home.publish(salesforce__accounts=3, hubspot__companies=3)
    for name in ("salesforce_accounts", "hubspot_companies"):
        first = run_sync(home.settings, name, base_urls=mocks.urls)
        assert (first.status, first.planned_creates, first.accepted) == ("succeeded", 3, 3)
        assert first.write_calls == 1
        second = run_sync(home.settings, name, base_urls=mocks.urls)
        assert (second.status, second.unchanged, second.api_calls) == ("succeeded", 3, 0)
    account = mocks.query("SELECT FIELDS(ALL) FROM Account WHERE PLG_Account_Id__c = 'acc_2'")[0]
    assert account["Name"] == "Account 2"
    assert account["NumberOfEmployees"] == 2
    assert account["PLG_Activated_At__c"] == "2026-01-01T10:00:00.000+0000"
    assert account["PLG_PQL_Reason__c"] is None
    companies = {c["properties"]["plg_account_id"]: c for c in mocks.hubspot_records("companies")}
    assert companies["acc_2"]["properties"]["name"] == "Account 2"
    assert companies["acc_2"]["properties"]["plg_mrr"] == "0"


def test_a_thousand_changed_rows_take_as_many_calls_as_native_batches(
    home: Home, mocks: Mocks
) -> None:
    home.publish(salesforce__accounts=1, salesforce__contacts=1000, hubspot__contacts=1000)
    run_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls)
    for name, calls in (("salesforce_contacts", 5), ("hubspot_contacts", 10)):
        created = run_sync(home.settings, name, base_urls=mocks.urls)
        assert (created.accepted, created.write_calls) == (1000, calls)
        assert created.api_calls <= calls + 2  # login and schema check
        table = f"sync_{name.replace('_', '__', 1)}"
        home.change(f"update {table} set last_seen_at = last_seen_at + interval 1 day")
        changed = run_sync(home.settings, name, base_urls=mocks.urls)
        assert (changed.planned_updates, changed.write_calls) == (1000, calls)


@pytest.mark.parametrize(("name", "calls"), [("salesforce_contacts", 5), ("hubspot_contacts", 10)])
def test_a_thousand_changed_among_a_hundred_thousand_cost_only_their_own_calls(
    home: Home, mocks: Mocks, name: str, calls: int
) -> None:
    table = f"sync_{name.replace('_', '__', 1)}"
    home.publish(salesforce__accounts=1, **{table.removeprefix("sync_"): 1000})
    run_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls)
    run_sync(home.settings, name, base_urls=mocks.urls)
    home.publish(**{table.removeprefix("sync_"): 100_000})
    scratch = home.settings.home / "seed.duckdb"
    read_source(find_spec(name), home.settings.published_path, scratch)
    with OpsStore(home.settings.ops_path).connection() as connection:
        # the other 99,000 were acknowledged long ago
        connection.execute(f"attach '{scratch}' as seed (read_only)")
        connection.execute(
            "insert into sync_ledger (sync_name, record_key, payload_hash, payload, "
            "destination_id, state) select ?, record_key, payload_hash, payload, "
            "'id' || record_key, 'active' from seed.source_rows on conflict do nothing",
            [name],
        )
    home.change(
        f"update {table} set last_name = 'Changed' where record_key in (select record_key from "
        f"{table} where cast(substr(first_name, 7) as integer) <= 1000)"
    )
    report = run_sync(home.settings, name, base_urls=mocks.urls)
    assert (report.source_rows, report.unchanged) == (100_000, 99_000)
    assert (report.status, report.accepted, report.write_calls) == ("succeeded", 1000, calls)
    assert run_sync(home.settings, name, base_urls=mocks.urls).api_calls == 0


def test_only_the_fields_that_changed_are_sent(home: Home, mocks: Mocks) -> None:
    home.publish(salesforce__accounts=2, hubspot__companies=2)
    for name, table in (
        ("salesforce_accounts", "sync_salesforce__accounts"),
        ("hubspot_companies", "sync_hubspot__companies"),
    ):
        run_sync(home.settings, name, base_urls=mocks.urls)
        home.change(f"update {table} set plan = 'team' where record_key = 'acc_2'")
        report = run_sync(home.settings, name, base_urls=mocks.urls)
        assert (report.planned_updates, report.unchanged, report.accepted) == (1, 1, 1)
        sent = home.ops(
            f"select payload from sync_records where sync_name = '{name}' and operation = 'update'"
        )
        assert [len(json.loads(payload)) for (payload,) in sent] == [1]
        assert "team" in sent[0][0]
    assert len(mocks.query("SELECT Id FROM Account WHERE PLG_Plan__c = 'team'")) == 1


def test_a_column_that_is_not_mapped_causes_no_write(home: Home, mocks: Mocks) -> None:
    home.publish(hubspot__companies=2)
    home.change("alter table sync_hubspot__companies add column built_at timestamp")
    run_sync(home.settings, "hubspot_companies", base_urls=mocks.urls)
    home.change("update sync_hubspot__companies set built_at = now()::timestamp")
    report = run_sync(home.settings, "hubspot_companies", base_urls=mocks.urls)
    assert (report.unchanged, report.write_calls) == (2, 0)


def test_a_dry_run_shows_counts_and_a_sample_and_sends_nothing(home: Home, mocks: Mocks) -> None:
    home.publish(salesforce__accounts=7)
    report = run_sync(home.settings, "salesforce_accounts", dry_run=True, base_urls=mocks.urls)
    assert (report.status, report.planned_creates, len(report.sample)) == ("planned", 7, 5)
    assert report.sample[0]["fields"]["Name"] == "Account 1"
    assert mocks.write_calls("salesforce") == 0
    assert home.ops("select count(*) from sync_runs") == [(0,)]


def test_what_a_run_did_is_on_record(home: Home, mocks: Mocks) -> None:
    home.publish(salesforce__accounts=2)
    report = run_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls)
    runs = home.ops(
        "select run_id, status, planned_creates, accepted, rejected, api_calls, write_calls, "
        "finished_at >= started_at from sync_runs"
    )
    assert runs == [(report.run_id, "succeeded", 2, 2, 0, 3, 1, True)]
    records = home.ops(
        "select record_key, operation, status, destination_id like '001%' from sync_records "
        "order by record_key"
    )
    assert records == [
        ("acc_1", "create", "accepted", True),
        ("acc_2", "create", "accepted", True),
    ]
    ledger = home.ops("select record_key, payload ->> 'Name' from sync_ledger order by 1")
    assert ledger == [("acc_1", "Account 1"), ("acc_2", "Account 2")]


def test_progress_is_reported_after_each_batch(home: Home, mocks: Mocks) -> None:
    home.publish(hubspot__companies=250)
    seen: list[tuple[int, int]] = []
    run_sync(
        home.settings,
        "hubspot_companies",
        progress=lambda done, total: seen.append((done, total)),
        base_urls=mocks.urls,
    )
    assert seen == [(100, 250), (200, 250), (250, 250)]


# refused records --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "table", "rows"),
    [
        ("salesforce_contacts", "sync_salesforce__contacts", {"salesforce__contacts": 3}),
        ("hubspot_contacts", "sync_hubspot__contacts", {"hubspot__contacts": 3}),
    ],
)
def test_a_refused_record_is_tried_in_every_run_until_it_is_right_and_the_others_go_through(
    home: Home, mocks: Mocks, name: str, table: str, rows: dict[str, int]
) -> None:
    home.publish(salesforce__accounts=1, **rows)
    run_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls)
    key = "email" if name.startswith("salesforce") else "record_key"
    home.change(f"update {table} set {key} = 'not an address' where first_name = 'First 2'")
    first = run_sync(home.settings, name, base_urls=mocks.urls)
    assert (first.status, first.ok, first.accepted, first.rejected) == ("partial", False, 2, 1)
    assert first.is_over_threshold
    letter = list_dead_letters(home.settings, name)[0]
    assert letter["error_class"] == "invalid_value"
    assert "not an address" in letter["message"]
    assert letter["next_action"].startswith("Correct the value")
    assert letter["attempts"] == 1
    # nothing changed in the source, and still it is tried again, alone
    second = run_sync(home.settings, name, base_urls=mocks.urls)
    assert (second.planned_creates, second.unchanged, second.rejected) == (1, 2, 1)
    assert list_dead_letters(home.settings, name)[0]["attempts"] == 2
    home.change(f"update {table} set {key} = 'p2@acc.example' where first_name = 'First 2'")
    third = run_sync(home.settings, name, base_urls=mocks.urls)
    assert (third.status, third.accepted) == ("succeeded", 1)
    assert list_dead_letters(home.settings, name) == []


def test_a_refused_change_leaves_the_old_value_acknowledged(home: Home, mocks: Mocks) -> None:
    home.publish(salesforce__accounts=1, salesforce__contacts=2)
    run_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls)
    run_sync(home.settings, "salesforce_contacts", base_urls=mocks.urls)
    home.change("update sync_salesforce__contacts set email = 'bad' where record_key = 'per_1'")
    refused = run_sync(home.settings, "salesforce_contacts", base_urls=mocks.urls)
    assert (refused.planned_updates, refused.rejected) == (1, 1)
    ledger = home.ops("select payload ->> 'Email' from sync_ledger where record_key = 'per_1'")
    assert ledger == [("p1@acc.example",)]
    # the row comes back to what the destination holds: nothing is left to send
    home.change(
        "update sync_salesforce__contacts set email = 'p1@acc.example' where record_key = 'per_1'"
    )
    healed = run_sync(home.settings, "salesforce_contacts", base_urls=mocks.urls)
    assert (healed.status, healed.write_calls) == ("succeeded", 0)
    assert home.ops("select state from dead_letters") == [("obsolete",)]


def test_a_contact_whose_account_is_missing_waits_for_it(home: Home, mocks: Mocks) -> None:
    home.publish(salesforce__accounts=1, salesforce__contacts=1)
    early = run_sync(home.settings, "salesforce_contacts", base_urls=mocks.urls)
    assert early.rejections[0]["error_class"] == "missing_reference"
    assert "acc_1" in early.rejections[0]["message"]
    run_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls)
    assert run_sync(home.settings, "salesforce_contacts", base_urls=mocks.urls).ok
    contact = mocks.query("SELECT Email, Account.Name FROM Contact")[0]
    assert contact["Account"]["Name"] == "Account 1"


def test_dead_letters_alone_can_be_sent_again(home: Home, mocks: Mocks) -> None:
    home.publish(hubspot__companies=4)
    mocks.fault(system="hubspot", kind="partial", share=0.5, message="portal rule")
    first = run_sync(home.settings, "hubspot_companies", base_urls=mocks.urls)
    assert (first.accepted, first.rejected) == (2, 2)
    home.change(
        "insert into sync_hubspot__companies select * replace ('acc_9' as record_key) "
        "from sync_hubspot__companies limit 1"
    )
    retried = retry_dead_letters(home.settings, "hubspot_companies", base_urls=mocks.urls)
    assert (retried.status, retried.accepted) == ("succeeded", 2)
    assert len(mocks.hubspot_records("companies")) == 4


def test_a_dismissed_record_is_left_alone_until_its_row_changes(home: Home, mocks: Mocks) -> None:
    home.publish(hubspot__contacts=2)
    home.change("update sync_hubspot__contacts set record_key = 'x' where first_name = 'First 1'")
    run_sync(home.settings, "hubspot_contacts", base_urls=mocks.urls)
    dismiss_dead_letter(home.settings, "hubspot_contacts", "x")
    left = run_sync(home.settings, "hubspot_contacts", base_urls=mocks.urls)
    assert (left.status, left.dismissed, left.write_calls) == ("succeeded", 1, 0)
    home.change("update sync_hubspot__contacts set last_name = 'New' where record_key = 'x'")
    again = run_sync(home.settings, "hubspot_contacts", base_urls=mocks.urls)
    assert (again.dismissed, again.rejected) == (0, 1)


def test_a_batch_refused_as_a_whole_is_bisected_to_the_bad_record(home: Home, mocks: Mocks) -> None:
    home.publish(hubspot__companies=100, salesforce__accounts=100)
    for system, name in (("hubspot", "hubspot_companies"), ("salesforce", "salesforce_accounts")):
        mocks.fault(system=system, kind="refuse_batch", value='"Account 37"', message="bad batch")
        report = run_sync(home.settings, name, base_urls=mocks.urls)
        assert (report.accepted, report.rejected) == (99, 1)
        assert report.rejections[0]["record_key"] == "acc_37"
        assert "bad batch" in report.rejections[0]["message"]
        assert report.write_calls <= 2 * 7 + 1  # a path down a binary tree


def test_a_sync_where_everything_is_refused_alike_stops_early(home: Home, mocks: Mocks) -> None:
    home.publish(hubspot__companies=400)
    mocks.fault(system="hubspot", kind="refuse_batch", value="properties", message="no")
    report = run_sync(home.settings, "hubspot_companies", base_urls=mocks.urls)
    assert report.status == "failed"
    assert "none accepted" in (report.message or "")
    assert report.write_calls < 60


def test_a_mapping_to_a_field_that_does_not_exist_stops_before_the_first_record(
    home: Home, mocks: Mocks, tmp_path: Path
) -> None:
    home.publish(salesforce__accounts=2, hubspot__companies=2)
    for name in ("salesforce_accounts", "hubspot_companies"):
        shipped = yaml.safe_load((SYNCS_FOLDER / f"{name}.yml").read_text())["fields"]
        folder = changed_spec(tmp_path / name, name, fields={**shipped, "PLG_Nope__c": "plan"})
        report = run_sync(home.settings, name, base_urls=mocks.urls, specs_folder=folder)
        assert report.status == "failed"
        assert "PLG_Nope__c" in (report.message or "")
        assert report.write_calls == 0


# records that exist already ---------------------------------------------------------------


def test_a_matched_record_is_updated_by_its_id_and_not_created_twice(
    home: Home, mocks: Mocks
) -> None:
    known = mocks.salesforce("POST", "sobjects/Account", json={"Name": "Known to sales"}).json()
    home.publish(salesforce__accounts=2)
    home.change(
        f"update sync_salesforce__accounts set crm_record_id = '{known['id']}' "
        "where record_key = 'acc_1'"
    )
    report = run_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls)
    assert (report.planned_creates, report.planned_updates, report.accepted) == (1, 1, 2)
    accounts = mocks.query("SELECT Id, PLG_Account_Id__c FROM Account ORDER BY PLG_Account_Id__c")
    assert [a["PLG_Account_Id__c"] for a in accounts] == ["acc_1", "acc_2"]
    assert accounts[0]["Id"] == known["id"]
    again = run_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls)
    assert again.write_calls == 0


def test_one_matched_record_goes_to_one_row_only(home: Home, mocks: Mocks) -> None:
    known = mocks.salesforce("POST", "sobjects/Account", json={"Name": "Known"}).json()
    home.publish(salesforce__accounts=2)
    home.change(f"update sync_salesforce__accounts set crm_record_id = '{known['id']}'")
    report = run_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls)
    assert (report.planned_creates, report.planned_updates) == (1, 1)
    assert len(mocks.query("SELECT Id FROM Account")) == 2


@pytest.mark.parametrize("system", ["salesforce", "hubspot"])
def test_a_record_deleted_in_the_destination_is_written_whole_again(
    home: Home, mocks: Mocks, system: str
) -> None:
    home.publish(salesforce__accounts=2, hubspot__companies=2)
    if system == "salesforce":
        name, table = "salesforce_accounts", "sync_salesforce__accounts"
    else:
        name, table = "hubspot_companies", "sync_hubspot__companies"
    run_sync(home.settings, name, base_urls=mocks.urls)
    record_id = home.ops("select destination_id from sync_ledger where record_key = 'acc_1'")[0][0]
    if system == "salesforce":
        mocks.salesforce("DELETE", f"sobjects/Account/{record_id}").raise_for_status()
    else:
        mocks.hubspot("DELETE", f"/crm/v3/objects/companies/{record_id}").raise_for_status()
    home.change(f"update {table} set plan = 'team' where record_key = 'acc_1'")
    report = run_sync(home.settings, name, base_urls=mocks.urls)
    assert (report.status, report.accepted) == ("succeeded", 1)
    if system == "salesforce":
        found = mocks.query(
            "SELECT Name, PLG_Plan__c FROM Account WHERE PLG_Account_Id__c = 'acc_1'"
        )
        assert [(f["Name"], f["PLG_Plan__c"]) for f in found] == [("Account 1", "team")]
    else:
        found = [
            c["properties"]
            for c in mocks.hubspot_records("companies")
            if c["properties"]["plg_account_id"] == "acc_1"
        ]
        assert [f["name"] for f in found] == ["Account 1"]


# rows that leave --------------------------------------------------------------------------


def test_a_pql_that_left_is_closed_once_and_opened_when_it_returns(
    home: Home, mocks: Mocks
) -> None:
    home.publish(salesforce__accounts=2, salesforce__pqls=2)
    run_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls)
    run_sync(home.settings, "salesforce_pqls", base_urls=mocks.urls)
    soql = "SELECT PLG_Status__c FROM PQL__c ORDER BY PLG_PQL_Key__c"
    home.change("create table gone as from sync_salesforce__pqls where account_id = 'acc_1'")
    home.change("delete from sync_salesforce__pqls where account_id = 'acc_1'")
    closed = run_sync(home.settings, "salesforce_pqls", base_urls=mocks.urls)
    assert (closed.planned_deletes, closed.accepted) == (1, 1)
    assert [r["PLG_Status__c"] for r in mocks.query(soql)] == ["closed", "open"]
    assert run_sync(home.settings, "salesforce_pqls", base_urls=mocks.urls).write_calls == 0
    home.change("insert into sync_salesforce__pqls from gone")
    back = run_sync(home.settings, "salesforce_pqls", base_urls=mocks.urls)
    assert back.planned_updates == 1
    assert [r["PLG_Status__c"] for r in mocks.query(soql)] == ["open", "open"]
    assert run_sync(home.settings, "salesforce_pqls", base_urls=mocks.urls).write_calls == 0


@pytest.mark.parametrize("name", ["salesforce_accounts", "hubspot_companies"])
def test_a_mirrored_table_deletes_what_left(
    home: Home, mocks: Mocks, tmp_path: Path, name: str
) -> None:
    folder = changed_spec(tmp_path / "specs", name, mode="mirror")
    home.publish(salesforce__accounts=3, hubspot__companies=3)
    run_sync(home.settings, name, base_urls=mocks.urls, specs_folder=folder)
    table = f"sync_{name.replace('_', '__', 1)}"
    home.change(f"delete from {table} where record_key = 'acc_2'")
    report = run_sync(home.settings, name, base_urls=mocks.urls, specs_folder=folder)
    assert (report.planned_deletes, report.accepted) == (1, 1)
    assert home.ops("select record_key from sync_ledger order by 1") == [("acc_1",), ("acc_3",)]
    left = (
        mocks.query("SELECT Id FROM Account")
        if name.startswith("sales")
        else mocks.hubspot_records("companies")
    )
    assert len(left) == 2


def test_mode_update_never_creates(home: Home, mocks: Mocks, tmp_path: Path) -> None:
    folder = changed_spec(tmp_path / "specs", "salesforce_accounts", mode="update")
    known = mocks.salesforce("POST", "sobjects/Account", json={"Name": "Known"}).json()
    home.publish(salesforce__accounts=3)
    home.change(
        f"update sync_salesforce__accounts set crm_record_id = '{known['id']}' "
        "where record_key = 'acc_3'"
    )
    report = run_sync(
        home.settings, "salesforce_accounts", base_urls=mocks.urls, specs_folder=folder
    )
    assert (report.planned_creates, report.planned_updates, report.accepted) == (0, 1, 1)
    assert len(mocks.query("SELECT Id FROM Account")) == 1


# guards -----------------------------------------------------------------------------------


def test_an_empty_source_stops_a_sync_that_has_records_until_it_is_released(
    home: Home, mocks: Mocks, tmp_path: Path
) -> None:
    home.publish(salesforce__accounts=2)
    run_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls)
    home.change("delete from sync_salesforce__accounts")
    stopped = run_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls)
    assert (stopped.status, stopped.ok, stopped.api_calls) == ("stopped", False, 0)
    assert "plg sync release salesforce_accounts" in (stopped.message or "")
    released = release_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls)
    assert released.status == "succeeded"
    assert home.ops("select count(*) from sync_runs where message like 'released%'") == [(1,)]


def test_an_empty_source_on_a_first_run_is_no_fault(home: Home, mocks: Mocks) -> None:
    home.publish()
    for name in ("salesforce_accounts", "salesforce_pqls", "hubspot_contacts", "slack_hot_pqls"):
        assert run_sync(home.settings, name, base_urls=mocks.urls).status == "succeeded"


def test_a_destination_that_is_switched_off_is_no_failure(home: Home) -> None:
    home.settings.hubspot_enabled = False
    report = run_sync(home.settings, "hubspot_companies")
    assert (report.status, report.ok) == ("disabled", True)
    assert "PLG_HUBSPOT_ENABLED" in (report.message or "")


def test_a_single_sync_can_be_switched_off(home: Home, mocks: Mocks) -> None:
    home.publish(hubspot__pqls=1, hubspot__companies=1)
    settings = home.settings.model_copy(update={"syncs_off": "hubspot_pqls, hubspot_tasks"})
    report = run_sync(settings, "hubspot_pqls", base_urls=mocks.urls)
    assert (report.status, report.ok, report.api_calls) == ("disabled", True, 0)
    assert "PLG_SYNCS_OFF" in (report.message or "")
    assert run_sync(settings, "hubspot_companies", base_urls=mocks.urls).accepted == 1


def test_two_runs_of_one_sync_do_not_overlap(home: Home, mocks: Mocks) -> None:
    home.publish(hubspot__companies=1)
    mocks.fault(system="hubspot", kind="slow", seconds=1.5)
    first = threading.Thread(
        target=run_sync,
        args=(home.settings, "hubspot_companies"),
        kwargs={"base_urls": mocks.urls},
    )
    first.start()
    lock = home.settings.home / "sync" / "hubspot_companies.lock"
    while not lock.exists() or not mocks.write_calls("hubspot"):
        pass
    with pytest.raises(SyncBusy, match="running already"):
        run_sync(home.settings, "hubspot_companies", base_urls=mocks.urls)
    first.join()
    assert mocks.write_calls("hubspot") == 1


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("drop table sync_hubspot__companies", "no table syncs.sync_hubspot__companies"),
        ("alter table sync_hubspot__companies drop plan", "no column plan"),
        (
            "update sync_hubspot__companies set record_key = 'same'",
            "not unique, for example 'same'",
        ),
        ("update sync_hubspot__companies set record_key = null", "2 row.s. .* have no record_key"),
    ],
)
def test_a_source_that_breaks_the_syncs_assumptions_is_named(
    home: Home, mocks: Mocks, statement: str, words: str
) -> None:
    home.publish(hubspot__companies=2)
    home.change(statement)
    with pytest.raises(SourceInvalid, match=words):
        run_sync(home.settings, "hubspot_companies", base_urls=mocks.urls)
    assert mocks.write_calls("hubspot") == 0
    assert home.ops("select status from sync_runs") == [("failed",)]


def test_without_a_published_copy_the_next_step_is_named(home: Home) -> None:
    with pytest.raises(SourceInvalid, match="plg run"):
        run_sync(home.settings, "hubspot_companies")


def test_types_are_coerced_and_texts_cut_to_the_destinations_length(
    home: Home, mocks: Mocks, tmp_path: Path
) -> None:
    folder = changed_spec(
        tmp_path / "specs",
        "salesforce_accounts",
        match_id=None,
        breaker={},
        fields={
            "Name": {"template": "{account_name} – {plan}", "max_length": 12},
            "NumberOfEmployees": {"column": "employees", "type": "integer"},
            "PLG_MRR__c": {"column": "mrr", "type": "number"},
            "PLG_Last_Seen_At__c": "last_seen_at",
            "Type": {"constant": 'it\'s "quoted"'},
        },
    )
    home.publish(salesforce__accounts=1)
    home.change(
        "update sync_salesforce__accounts set mrr = 1234.56, account_name = 'Zoë''s Ünïcode', "
        "employees = '42'"
    )
    run_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls, specs_folder=folder)
    account = mocks.query("SELECT FIELDS(ALL) FROM Account")[0]
    assert account["Name"] == "Zoë's Ünïcod"
    assert account["NumberOfEmployees"] == 42
    assert account["PLG_MRR__c"] == 1234.56
    assert account["Type"] == 'it\'s "quoted"'
    assert account["PLG_Last_Seen_At__c"] == "2026-01-31T12:00:00.000+0000"
    # a decimal that becomes a double is no change
    home.change("alter table sync_salesforce__accounts alter mrr type double")
    again = run_sync(
        home.settings, "salesforce_accounts", base_urls=mocks.urls, specs_folder=folder
    )
    assert again.write_calls == 0


def test_the_status_of_every_sync_is_answered(home: Home, mocks: Mocks) -> None:
    home.publish(hubspot__companies=4)
    mocks.fault(system="hubspot", kind="partial", share=0.25)
    run_sync(home.settings, "hubspot_companies", base_urls=mocks.urls)
    status = {s.sync_name: s for s in sync_status(home.settings)}
    assert len(status) == len(load_specs())
    companies = status["hubspot_companies"]
    assert (companies.last_status, companies.records_in_step, companies.dead_letters) == (
        "partial",
        3,
        1,
    )
    assert companies.reliability == 0.75
    assert isinstance(companies.oldest_dead_letter_at, datetime)
    assert status["slack_hot_pqls"].last_status is None


# what is announced ------------------------------------------------------------------------


def deliveries(home: Home) -> list[tuple[Any, ...]]:
    return home.ops(
        "select sync_name, subject, record_key, acknowledged_at, delivered_at "
        "from sync_deliveries order by all"
    )


@pytest.mark.parametrize(
    ("name", "table", "before"),
    [
        ("salesforce_pqls", "sync_salesforce__pqls", ["salesforce_accounts"]),
        ("hubspot_pqls", "sync_hubspot__pqls", []),
    ],
)
def test_when_a_hand_off_was_first_acknowledged_is_on_record_once(
    home: Home, mocks: Mocks, name: str, table: str, before: list[str]
) -> None:
    home.publish(salesforce__accounts=2, salesforce__pqls=2, hubspot__pqls=2)
    for earlier in before:
        run_sync(home.settings, earlier, base_urls=mocks.urls)
    home.change(f"update {table} set handoff_id = null where account_id = 'acc_2'")

    def run(hour: int) -> None:
        at = datetime(2026, 2, 1, hour)
        report = run_sync(home.settings, name, base_urls=mocks.urls, clock=lambda: at)
        assert report.status == "succeeded", report.message

    run(1)
    assert deliveries(home) == [
        (name, "hof_1", "rubric_150|acc_1", datetime(2026, 2, 1, 1), datetime(2026, 2, 1, 1))
    ]
    # another score of the same hand-off is no news; another hand-off of the same record is
    home.change(f"update {table} set points = 1, handoff_id = coalesce(handoff_id, 'hof_2')")
    run(2)
    home.change(f"update {table} set handoff_id = 'hof_9' where account_id = 'acc_1'")
    run(3)
    home.change(f"update {table} set handoff_id = 'hof_1' where account_id = 'acc_1'")
    run(4)
    assert [(row[1], row[4].hour) for row in deliveries(home)] == [
        ("hof_1", 1),
        ("hof_2", 2),
        ("hof_9", 3),
    ]


def test_a_hand_off_that_was_refused_is_delivered_when_it_is_accepted(
    home: Home, mocks: Mocks
) -> None:
    home.publish(hubspot__pqls=2)
    home.change("update sync_hubspot__pqls set handoff_owner_email = 'nobody' where score_10 = 9")
    assert run_sync(home.settings, "hubspot_pqls", base_urls=mocks.urls).rejected == 2
    assert deliveries(home) == []
    home.change("update sync_hubspot__pqls set handoff_owner_email = null")
    assert run_sync(home.settings, "hubspot_pqls", base_urls=mocks.urls).accepted == 2
    assert [row[1] for row in deliveries(home)] == ["hof_1", "hof_2"]


def test_where_the_pipelines_now_stands_still_deliveries_are_dated_by_it(
    home: Home, mocks: Mocks
) -> None:
    home.publish(hubspot__pqls=1)
    settings = home.settings.model_copy(update={"as_of": datetime(2026, 1, 31, 12)})
    at = datetime(2026, 11, 5, 8)
    run_sync(settings, "hubspot_pqls", base_urls=mocks.urls, clock=lambda: at)
    assert deliveries(home)[0][3:] == (at, datetime(2026, 1, 31, 12))


def test_what_was_sent_before_deliveries_were_kept_is_taken_from_the_log(
    home: Home, mocks: Mocks
) -> None:
    home.publish(hubspot__pqls=2)
    at = datetime(2026, 2, 1, 1)
    run_sync(home.settings, "hubspot_pqls", base_urls=mocks.urls, clock=lambda: at)
    known = deliveries(home)
    home.ops("delete from sync_deliveries")
    run_sync(home.settings, "hubspot_pqls", base_urls=mocks.urls)
    assert deliveries(home) == known


# tasks, usage, users ----------------------------------------------------------------------


def test_a_hand_off_is_one_task_of_its_account_completed_when_it_closes(
    home: Home, mocks: Mocks
) -> None:
    home.publish(
        salesforce__accounts=2, salesforce__tasks=2, hubspot__companies=2, hubspot__tasks=2
    )
    for name in ("salesforce_accounts", "hubspot_companies", "salesforce_tasks", "hubspot_tasks"):
        report = run_sync(home.settings, name, base_urls=mocks.urls)
        assert (report.status, report.accepted) == ("succeeded", 2), report.message
        assert run_sync(home.settings, name, base_urls=mocks.urls).api_calls == 0
    soql = "SELECT Subject, Status, ActivityDate, What.Name FROM Task ORDER BY PLG_Handoff_Id__c"
    task = mocks.query(soql)[0]
    assert (task["Subject"], task["Status"]) == ("[PLG] Account 1: hot", "Not Started")
    assert (task["ActivityDate"], task["What"]["Name"]) == ("2026-01-30", "Account 1")
    for table in ("sync_salesforce__tasks", "sync_hubspot__tasks"):
        home.change(f"delete from {table} where account_id = 'acc_1'")
        home.change(f"update {table} set description = 'And a fourth'")
    for name in ("salesforce_tasks", "hubspot_tasks"):
        closed = run_sync(home.settings, name, base_urls=mocks.urls)
        assert (closed.planned_deletes, closed.planned_updates, closed.accepted) == (1, 1, 2)
        assert run_sync(home.settings, name, base_urls=mocks.urls).api_calls == 0
    assert [task["Status"] for task in mocks.query(soql)] == ["Completed", "Not Started"]
    rows, _ = mocks.store("hubspot").page("tasks", order="id")
    assert [row.fields["hs_task_status"] for row in rows] == ["COMPLETED", "NOT_STARTED"]


@pytest.mark.parametrize("name", ["usage_summaries", "product_users"])
def test_usage_and_users_reach_the_custom_objects_of_both_crms(
    home: Home, mocks: Mocks, name: str
) -> None:
    home.publish(salesforce__accounts=3, **{f"salesforce__{name}": 3, f"hubspot__{name}": 3})
    run_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls)
    for crm in ("salesforce", "hubspot"):
        report = run_sync(home.settings, f"{crm}_{name}", base_urls=mocks.urls)
        assert (report.status, report.accepted, report.write_calls) == ("succeeded", 3, 1)
        assert run_sync(home.settings, f"{crm}_{name}", base_urls=mocks.urls).api_calls == 0
