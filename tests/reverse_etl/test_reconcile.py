"""What somebody changed in a destination is found, and by the spec written again or left."""

from typing import Any

import pytest
import yaml

from reverse_etl.engine import run_sync
from reverse_etl.errors import SyncError
from reverse_etl.reconcile import Drift, is_same, reconcile
from reverse_etl.specs import SYNCS_FOLDER, load_specs
from reverse_etl.status import sync_status
from tests.reverse_etl.conftest import TABLES, Home, Mocks

CRMS = {"salesforce_accounts": "Name", "hubspot_companies": "name"}
READ_BACK = [
    name
    for name, spec in load_specs().items()
    if spec.destination in ("salesforce", "hubspot") and not spec.audience
]


def send(home: Home, mocks: Mocks, name: str, **options: Any) -> Any:
    return run_sync(home.settings, name, base_urls=mocks.urls, **options)


def read(home: Home, mocks: Mocks, name: str) -> Any:
    return reconcile(home.settings, name, base_urls=mocks.urls)


def edit(mocks: Mocks, name: str, record_id: str, field: str, value: str) -> None:
    """What a person does in the CRM's own page."""
    if name.startswith("salesforce"):
        mocks.salesforce("PATCH", f"sobjects/Account/{record_id}", json={field: value})
    else:
        mocks.hubspot(
            "PATCH", f"/crm/v3/objects/companies/{record_id}", json={"properties": {field: value}}
        )


def remove(mocks: Mocks, name: str, record_id: str) -> None:
    if name.startswith("salesforce"):
        mocks.salesforce("DELETE", f"sobjects/Account/{record_id}")
    else:
        mocks.hubspot("DELETE", f"/crm/v3/objects/companies/{record_id}")


def id_of(home: Home, name: str, key: str) -> str:
    found = home.ops(
        f"select destination_id from sync_ledger where sync_name = '{name}' "
        f"and record_key = '{key}'"
    )
    return found[0][0]


@pytest.fixture(params=CRMS)
def synced(request, home: Home, mocks: Mocks) -> str:
    """Name of a sync with 205 records in the CRM: more than one call reads."""
    home.publish(salesforce__accounts=205, hubspot__companies=205)
    assert send(home, mocks, request.param).accepted == 205
    return request.param


def test_nothing_differs_after_a_sync_whatever_the_types_of_its_fields(home, mocks):
    home.publish(**{table.removeprefix("sync_"): 3 for table in TABLES})
    for name in READ_BACK:
        assert send(home, mocks, name).status == "succeeded"
    for name in READ_BACK:
        found = read(home, mocks, name)
        assert (name, found.records, found.drifts) == (name, 3, [])
        assert send(home, mocks, name).write_calls == 0


def test_an_edited_field_and_a_deleted_record_are_listed_and_written_again(home, mocks, synced):
    field = CRMS[synced]
    edit(mocks, synced, id_of(home, synced, "acc_7"), field, "Edited")
    remove(mocks, synced, id_of(home, synced, "acc_9"))
    found = read(home, mocks, synced)
    assert set(found.drifts) == {
        Drift("acc_7", field, "Account 7", "Edited"), Drift("acc_9", None, None, None),
    }  # fmt: skip
    assert (found.differing, found.records, found.is_red_flag) == (2, 205, False)
    assert home.ops("select count(*), count(field) from sync_drift") == [(2, 1)]
    report = send(home, mocks, synced)
    assert (report.planned_creates, report.planned_updates, report.accepted) == (1, 1, 2)
    ((sent,),) = home.ops(
        "select payload from sync_records where operation = 'update' and record_key = 'acc_7'"
    )
    assert yaml.safe_load(sent) == {field: "Account 7"}
    assert read(home, mocks, synced).drifts == []
    assert home.ops("select count(*) from sync_drift") == [(0,)]
    assert send(home, mocks, synced).write_calls == 0


def test_by_policy_what_was_edited_is_kept(home, mocks, tmp_path, monkeypatch):
    name = "salesforce_accounts"
    document = yaml.safe_load((SYNCS_FOLDER / f"{name}.yml").read_text()) | {"on_drift": "keep"}
    (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(document))
    home.publish(salesforce__accounts=3)
    send(home, mocks, name, specs_folder=tmp_path)
    edit(mocks, name, id_of(home, name, "acc_2"), "Name", "Edited")
    found = reconcile(home.settings, name, base_urls=mocks.urls, specs_folder=tmp_path)
    assert [drift.theirs for drift in found.drifts] == ["Edited"]
    assert send(home, mocks, name, specs_folder=tmp_path).write_calls == 0
    assert ("Edited",) in {(r["Name"],) for r in mocks.query("SELECT Name FROM Account")}


def test_where_many_differ_the_status_says_so(home, mocks, synced):
    for number in range(1, 12):
        edit(mocks, synced, id_of(home, synced, f"acc_{number}"), CRMS[synced], "Edited")
    assert read(home, mocks, synced).is_red_flag
    (status,) = [s for s in sync_status(home.settings) if s.sync_name == synced]
    assert status.mismatch == pytest.approx(11 / 205)
    assert status.flags(status.mismatch_read_at) == ["5% of the records differ from what was sent"]


def test_a_sync_that_never_ran_reads_nothing(home, mocks):
    home.publish()
    found = read(home, mocks, "salesforce_accounts")
    assert (found.records, found.api_calls, found.share) == (0, 0, 0.0)


@pytest.mark.parametrize("name", ["slack_hot_pqls", "csv_revenue_recognition"])
def test_what_is_no_record_of_a_crm_cannot_be_read_back(home, name):
    with pytest.raises(SyncError, match=r"cannot be reconciled.*salesforce_accounts"):
        reconcile(home.settings, name)


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        (None, "", True), ("", None, True), (None, "x", False), (0, None, False),
        (True, "true", True), (True, False, False), (False, "false", True),
        (29.5, "29.5", True), (3, "3", True), (3, 3.0, True), (3, "three", False),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000+0000", True),
        ("2026-01-31T12:00:00Z", "2026-01-31T13:00:00+01:00", True),
        ("2026-01-31T12:00:00Z", "1769860800000", True),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:01Z", False),
        ("2026-01-31", "2026-01-31", True), ("2026-01-31", "2026-02-01", False),
        ("Lumen ", "Lumen", True), ("lumen", "Lumen", False),
    ],
)  # fmt: skip
def test_a_value_is_the_same_in_the_destinations_way_of_writing_it(ours, theirs, same):
    assert is_same(ours, theirs) == same
