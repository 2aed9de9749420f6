"""Audiences: people enter lists and leave them, and nobody is sent without consent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reverse_etl.engine import run_sync
from reverse_etl.errors import SpecError
from reverse_etl.setup.run import set_up
from reverse_etl.specs import read_spec
from tests.reverse_etl.test_setup import changed_spec

if TYPE_CHECKING:
    from tests.reverse_etl.conftest import Home, Mocks

NAME, TABLE, DORMANT = "hubspot_audiences", "sync_hubspot__audiences", "PLG: dormant"


def run(home: Home, mocks: Mocks) -> Any:
    return run_sync(home.settings, NAME, base_urls=mocks.urls)


def publish(home: Home, mocks: Mocks, rows: int = 3) -> None:
    """So many contacts, all in one audience."""
    home.publish(hubspot__contacts=rows, hubspot__audiences=rows)
    run_sync(home.settings, "hubspot_contacts", base_urls=mocks.urls)


def test_entering_and_leaving_are_both_on_record(home: Home, mocks: Mocks) -> None:
    publish(home, mocks)
    entered = run(home, mocks)
    assert (entered.status, entered.planned_creates) == ("succeeded", 3), entered.message
    assert mocks.list_members(DORMANT) == [f"p{n}@acc.example" for n in (1, 2, 3)]
    home.change(f"delete from {TABLE} where person_id = 'per_2'")
    left = run(home, mocks)
    assert (left.status, left.planned_deletes, left.write_calls) == ("succeeded", 1, 1)
    assert mocks.list_members(DORMANT) == ["p1@acc.example", "p3@acc.example"]
    record = home.ops(
        "select operation, status from sync_records where sync_name = 'hubspot_audiences' "
        "and record_key = 'dormant|p2@acc.example' order by sent_at"
    )
    assert record == [("create", "accepted"), ("delete", "accepted")]


def test_a_person_in_two_audiences_is_in_two_lists(home: Home, mocks: Mocks) -> None:
    publish(home, mocks)
    home.change(
        f"insert into {TABLE} by name select * replace ('trial_ending|' || email as "
        f"record_key, 'PLG: trial ending' as list_name) from {TABLE} where person_id = 'per_1'"
    )
    assert run(home, mocks).accepted == 4
    assert mocks.list_members("PLG: trial ending") == ["p1@acc.example"]
    assert len(mocks.list_members(DORMANT)) == 3


def test_who_gave_no_consent_is_held_back_and_counted(home: Home, mocks: Mocks) -> None:
    publish(home, mocks, rows=4)
    home.change(f"update {TABLE} set has_consent = false where person_id = 'per_1'")
    home.change(f"update {TABLE} set has_consent = null where person_id = 'per_2'")
    report = run(home, mocks)
    assert (report.status, report.source_rows, report.held_back) == ("succeeded", 2, 2)
    assert report.as_dict()["held_back"] == 2
    assert mocks.list_members(DORMANT) == ["p3@acc.example", "p4@acc.example"]
    dry = run_sync(home.settings, NAME, base_urls=mocks.urls, dry_run=True)
    assert dry.held_back == 2


def test_who_withdraws_consent_leaves_the_list_and_is_not_updated_any_more(
    home: Home, mocks: Mocks
) -> None:
    publish(home, mocks)
    run(home, mocks)
    home.change(f"update {TABLE} set has_consent = false where person_id = 'per_1'")
    assert run(home, mocks).planned_deletes == 1
    assert "p1@acc.example" not in mocks.list_members(DORMANT)
    home.change(f"update {TABLE} set list_name = 'Other' where person_id = 'per_1'")
    assert run(home, mocks).api_calls == 0
    home.change(f"update {TABLE} set has_consent = true where person_id = 'per_1'")
    assert run(home, mocks).planned_creates == 1
    assert mocks.list_members("Other") == ["p1@acc.example"]


def test_consent_holds_back_records_of_any_sync(home: Home, mocks: Mocks, tmp_path: Path) -> None:
    folder = changed_spec(tmp_path / "specs", "hubspot_contacts", consent="may_be_sent")
    home.publish(hubspot__contacts=3)
    home.change("alter table sync_hubspot__contacts add column may_be_sent boolean")
    home.change("update sync_hubspot__contacts set may_be_sent = person_id <> 'per_3'")
    options = {"base_urls": mocks.urls, "specs_folder": folder}
    report = run_sync(home.settings, "hubspot_contacts", **options)
    assert (report.accepted, report.held_back) == (2, 1)
    withdrawn = "may_be_sent = false, first_name = 'New' where person_id = 'per_1'"
    home.change(f"update sync_hubspot__contacts set {withdrawn}")
    assert run_sync(home.settings, "hubspot_contacts", **options).planned_deletes == 1
    names = {c["properties"]["firstname"] for c in mocks.hubspot_records("contacts")}
    assert names == {"First 1", "First 2"}, "marked as left, not updated"


def test_an_address_that_another_person_has_now_stays_in_the_list(home: Home, mocks: Mocks) -> None:
    publish(home, mocks)
    run(home, mocks)
    home.change(f"update {TABLE} set person_id = 'per_9' where person_id = 'per_3'")
    assert run(home, mocks).api_calls == 0
    assert len(mocks.list_members(DORMANT)) == 3


def test_a_list_that_got_another_name_takes_its_members_along(home: Home, mocks: Mocks) -> None:
    publish(home, mocks)
    run(home, mocks)
    home.change(f"update {TABLE} set list_name = 'PLG: asleep'")
    report = run(home, mocks)
    # made, filled, and the old one emptied
    assert (report.planned_updates, report.accepted, report.write_calls) == (3, 3, 3)
    assert (len(mocks.list_members("PLG: asleep")), mocks.list_members(DORMANT)) == (3, [])


def test_hundreds_of_members_take_two_calls_a_batch(home: Home, mocks: Mocks) -> None:
    publish(home, mocks, rows=250)
    report = run(home, mocks)
    assert (report.accepted, len(mocks.list_members(DORMANT))) == (250, 250)
    # three batches: a read and an add each; the schema, the list looked for and made
    assert (report.write_calls, report.api_calls) == (4, 9)


def test_setup_leaves_lists_to_the_sync(home: Home, mocks: Mocks) -> None:
    settings = home.settings.model_copy(
        update={"syncs_off": ",".join(
            f"hubspot_{n}"
            for n in ("companies", "contacts", "pqls", "product_users", "tasks", "usage_summaries")
        )}
    )  # fmt: skip
    assert set_up(settings, "hubspot", base_urls=mocks.urls).message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mode": "upsert", "external_id": "email"}, "an audience has mode: mirror"),
        ({"audience": {"list": "list_name", "member": "nope"}}, "nope is not among fields"),
        ({"object": "tasks"}, "audience goes with destination: hubspot"),
        ({"external_id": "plg_key"}, "an audience has no external_id"),
        ({"answers": {"plg_x": "text"}}, "answers are fields of a CRM's object"),
        ({"audience": {"list": "list_name"}}, "audience.member: is missing"),
    ],
)
def test_a_spec_that_is_no_audience_is_refused(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    folder = changed_spec(tmp_path / "specs", NAME, **changes)
    with pytest.raises(SpecError, match=words):
        read_spec(folder / f"{NAME}.yml")
