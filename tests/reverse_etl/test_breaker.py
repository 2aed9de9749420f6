"""Plans that look wrong wait for a person; ordinary ones never do."""

from pathlib import Path

import pytest

from reverse_etl.engine import SyncReport, run_sync
from reverse_etl.errors import SpecError, SyncError
from reverse_etl.specs import SYNCS_FOLDER, read_spec
from reverse_etl.status import release_sync
from tests.reverse_etl.conftest import Home, Mocks

ACCOUNTS = "salesforce_accounts"
MIRROR = """
name: mirrored
description: Accounts that are deleted with their row.
source: syncs.sync_salesforce__accounts
destination: salesforce
object: Account
external_id: PLG_Account_Id__c
mode: mirror
fields: {Name: {column: account_name, max_length: 255}}
owner: sales-ops@plg.example
"""


def only_spec(folder: Path, text: str) -> Path:
    (folder / "mirrored.yml").write_text(text)
    return folder


@pytest.fixture
def loaded(home: Home, mocks: Mocks) -> Home:
    """200 accounts with points 0 to 199, synced."""
    home.publish(salesforce__accounts=200)
    home.change(
        "update sync_salesforce__accounts set pql_points = cast(substr(record_key, 5) as int) - 1"
    )
    assert run(home, mocks).accepted == 200
    return home


@pytest.fixture
def few_changes(tmp_path: Path) -> Path:
    """The shipped spec with a limit on changed records."""
    spec = (SYNCS_FOLDER / f"{ACCOUNTS}.yml").read_text()
    changed = spec.replace("breaker: {", "breaker: {update: 0.95, ")
    assert changed != spec
    (tmp_path / f"{ACCOUNTS}.yml").write_text(changed)
    return tmp_path


def run(home: Home, mocks: Mocks, **options) -> SyncReport:
    return run_sync(home.settings, ACCOUNTS, base_urls=mocks.urls, **options)


def change_share(home: Home, of_200: int) -> None:
    home.change(
        "update sync_salesforce__accounts set account_name = 'New ' || account_name "
        f"where cast(substr(record_key, 5) as int) <= {of_200}"
    )


def test_a_plan_that_changes_nearly_all_is_stopped_and_sends_nothing(loaded, mocks, few_changes):
    change_share(loaded, 191)
    report = run(loaded, mocks, specs_folder=few_changes)
    assert (report.status, report.ok, report.api_calls) == ("stopped", False, 0)
    assert "it would update 191 records, 96% of the 200" in report.message
    assert "the limit is 95%" in report.message
    assert len(report.sample) == 5
    assert loaded.ops("select planned_updates from sync_runs where status = 'stopped'") == [(191,)]
    assert loaded.ops("select count(*) from sync_in_flight") == [(0,)]


def test_at_the_limit_a_plan_is_sent(loaded, mocks, few_changes):
    change_share(loaded, 190)
    assert run(loaded, mocks, specs_folder=few_changes).accepted == 190


def test_a_night_that_changes_every_record_is_none_where_no_limit_is_set(loaded, mocks):
    change_share(loaded, 200)
    assert run(loaded, mocks).accepted == 200


def test_a_dry_run_says_that_it_would_be_stopped(loaded, mocks, few_changes):
    change_share(loaded, 200)
    report = run(loaded, mocks, dry_run=True, specs_folder=few_changes)
    assert (report.status, report.planned_updates) == ("planned", 200)
    assert "would be stopped: it would update 200 records" in report.message


def twice_as_many(home: Home) -> None:
    """201 new accounts beside 200, points spread as before."""
    home.publish(salesforce__accounts=401)
    home.change(
        "update sync_salesforce__accounts set pql_points = cast(substr(record_key, 5) as int) % 200"
    )


def test_twice_as_many_new_records_as_are_synced_are_stopped_but_not_a_first_load(loaded, mocks):
    twice_as_many(loaded)
    report = run(loaded, mocks)
    assert report.status == "stopped"
    assert "it would create 201 records" in report.message


def test_a_first_load_cut_short_is_no_jump(home: Home, mocks: Mocks):
    home.publish(salesforce__accounts=1_000)
    with pytest.raises(KeyboardInterrupt):
        run(home, mocks, progress=interrupt)
    assert 0 < home.ops("select count(*) from sync_ledger")[0][0] < 500
    assert run(home, mocks).status == "succeeded"
    assert len(mocks.query("SELECT Id FROM Account")) == 1_000


def interrupt(done: int, total: int) -> None:
    raise KeyboardInterrupt


def test_rows_that_vanish_are_not_deleted_by_the_hundred(home: Home, mocks: Mocks, tmp_path: Path):
    folder = only_spec(tmp_path, MIRROR)

    def sync() -> SyncReport:
        return run_sync(home.settings, "mirrored", base_urls=mocks.urls, specs_folder=folder)

    home.publish(salesforce__accounts=400)
    sync()
    home.change("delete from sync_salesforce__accounts where employees <= 121")
    report = sync()
    assert report.status == "stopped" and "it would delete 121 records, 30%" in report.message
    assert len(mocks.query("SELECT Id FROM Account")) == 400


def test_few_records_never_trip_it(home: Home, mocks: Mocks):
    home.publish(salesforce__accounts=99)
    run(home, mocks)
    home.change("update sync_salesforce__accounts set pql_points = 900")
    assert run(home, mocks).accepted == 99


@pytest.mark.parametrize(("moved", "is_stopped"), [(60, False), (62, True)])
def test_scores_that_jump_stop_the_plan_and_scores_that_move_do_not(
    loaded, mocks, moved, is_stopped
):
    """The lowest ``moved`` of 200 go above all others: the distance is their share."""
    loaded.change(
        f"update sync_salesforce__accounts set pql_points = 500 where pql_points < {moved}"
    )
    report = run(loaded, mocks)
    assert (report.status == "stopped") == is_stopped
    if is_stopped:
        assert "PLG_PQL_Points__c jumped: its distribution is 0.31 away" in report.message


def test_scores_that_vanish_are_a_jump(loaded, mocks):
    loaded.change("update sync_salesforce__accounts set pql_points = null where employees <= 80")
    assert "0.40 away" in run(loaded, mocks).message


def test_a_person_lets_a_stopped_plan_pass_once_and_it_is_on_record(loaded, mocks):
    twice_as_many(loaded)
    run(loaded, mocks)
    released = release_sync(
        loaded.settings, ACCOUNTS, base_urls=mocks.urls, by="dana", reason="renamed on purpose"
    )
    assert (released.status, released.planned_creates) == ("succeeded", 201)
    ((by, reason, because),) = loaded.ops(
        "select released_by, reason, stopped_because from sync_releases"
    )
    assert (by, reason) == ("dana", "renamed on purpose")
    assert "it would create 201" in because
    loaded.change("update sync_salesforce__accounts set pql_points = 900")
    assert run(loaded, mocks).status == "stopped"


def test_nothing_is_released_where_nothing_was_stopped(loaded, mocks):
    with pytest.raises(SyncError, match="nothing to release: its last run succeeded"):
        release_sync(loaded.settings, ACCOUNTS, base_urls=mocks.urls)
    assert loaded.ops("select count(*) from sync_runs") == [(1,)]


def test_a_plan_that_grew_after_a_person_saw_it_is_stopped_again(loaded, mocks):
    twice_as_many(loaded)
    run(loaded, mocks)
    loaded.publish(salesforce__accounts=800)
    again = release_sync(loaded.settings, ACCOUNTS, base_urls=mocks.urls)
    assert again.status == "stopped"
    assert "grown since it was stopped: 600 to create (was 201)" in again.message
    released = release_sync(loaded.settings, ACCOUNTS, base_urls=mocks.urls)
    assert (released.status, len(mocks.query("SELECT Id FROM Account"))) == ("succeeded", 800)


@pytest.mark.parametrize(
    ("breaker", "message"),
    [
        ("{score: Naam}", "breaker.score: Naam is not among fields"),
        ("{most: 3}", "breaker.most: is not a key; allowed are create, update, delete, least"),
        ("{delete: 0}", "breaker.delete"),
    ],
)
def test_a_wrong_breaker_is_told_by_its_key(tmp_path, breaker, message):
    path = only_spec(tmp_path, MIRROR + f"breaker: {breaker}\n") / "mirrored.yml"
    with pytest.raises(SpecError, match=message):
        read_spec(path)
