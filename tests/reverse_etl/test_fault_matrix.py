"""Every way of sending against every kind of fault: destination = source, once, ledger exact."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import yaml

from reverse_etl.engine import SyncReport, run_sync
from tests.reverse_etl.test_engine import changed_spec
from warehouse.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from tests.reverse_etl.conftest import Home, Mocks

ROWS = 12


@dataclass
class Way:
    """One way of sending: a spec, its table, how to read the destination back."""

    kind: str
    home: Home
    mocks: Mocks
    specs: Path

    @property
    def system(self) -> str:
        return "hubspot" if self.kind == "hubspot" else "salesforce"

    @property
    def name(self) -> str:
        return "hubspot_companies" if self.kind == "hubspot" else "salesforce_accounts"

    @property
    def table(self) -> str:
        return f"sync_{self.name.replace('_', '__', 1)}"

    def publish(self, rows: int = ROWS) -> None:
        self.home.publish(**{self.table.removeprefix("sync_"): rows})

    def run(self, **options: Any) -> SyncReport:
        options.setdefault("sleep", lambda seconds: None)
        return run_sync(
            self.home.settings,
            self.name,
            base_urls=self.mocks.urls,
            specs_folder=self.specs,
            **options,
        )

    def fault(self, **fault: Any) -> None:
        self.mocks.fault(system=self.system, **fault)

    def source(self) -> list[tuple[str, str]]:
        name = "name" if self.kind == "hubspot" else "account_name"
        with duckdb.connect(str(self.home.settings.published_path), read_only=True) as connection:
            return connection.execute(
                f"select record_key, {name} from syncs.{self.table} order by 1"
            ).fetchall()

    def destination(self) -> list[tuple[str, str]]:
        if self.kind == "hubspot":
            found = [c["properties"] for c in self.mocks.hubspot_records("companies")]
            return sorted((c["plg_account_id"], c["name"]) for c in found)
        found = self.mocks.query("SELECT PLG_Account_Id__c, Name FROM Account")
        return sorted((a["PLG_Account_Id__c"], a["Name"]) for a in found)

    def ledger(self) -> list[tuple[str, str]]:
        field = "name" if self.kind == "hubspot" else "Name"
        return self.home.ops(
            f"select record_key, payload ->> '{field}' from sync_ledger order by 1"
        )

    def assert_in_step(self) -> None:
        """Source, destination and ledger say the same, and another run has nothing to do."""
        assert self.destination() == self.source()
        assert self.ledger() == self.source()
        assert self.home.ops("select * from sync_in_flight") == []
        assert self.home.ops("select * from sync_jobs") == []
        again = self.run()
        assert (again.status, again.api_calls) == ("succeeded", 0)


KINDS = ("collections", "bulk", "hubspot")


@pytest.fixture(params=KINDS)
def way(request: pytest.FixtureRequest, home: Home, mocks: Mocks, tmp_path: Path) -> Way:
    name = "hubspot_companies" if request.param == "hubspot" else "salesforce_accounts"
    changes = {"bulk_above": 0} if request.param == "bulk" else {"batch_size": 20}
    return Way(request.param, home, mocks, changed_spec(tmp_path / "specs", name, **changes))


def lost_answers(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's patience ends before the answer comes; the write was applied."""
    from reverse_etl.destinations import hubspot, salesforce

    for login in (hubspot.HubSpotLogin, salesforce.SalesforceLogin):
        given = login.__init__.__defaults__
        monkeypatch.setattr(login.__init__, "__defaults__", (*given[:-1], 1.0))
    way.fault(kind="slow", seconds=3, count=1)


# several in a row: one lands in each step of a bulk job
FAULTS: dict[str, Callable[[Way, pytest.MonkeyPatch], None]] = {
    "429 burst": lambda way, _: way.fault(kind="throttle", count=3, retry_after=2),
    "500 burst": lambda way, _: way.fault(kind="error", count=3),
    "500 after the write": lambda way, _: way.fault(kind="error_after_apply", count=4),
    "time-out after the write": lost_answers,
    "dropped connection": lambda way, _: way.fault(kind="drop", count=4),
    "expired token": lambda way, _: way.fault(kind="expired_token"),
    "slow answers": lambda way, _: way.fault(kind="latency", seconds=0.2, count=3),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_passing_fault_leaves_no_trace(
    way: Way, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    way.publish()
    FAULTS[fault](way, monkeypatch)
    report = way.run()
    assert (report.status, report.accepted, report.rejected) == ("succeeded", ROWS, 0)
    way.mocks.clear_faults()
    way.assert_in_step()


def test_a_partial_failure_lists_each_refusal_and_heals(way: Way) -> None:
    way.publish()
    way.fault(kind="partial", share=0.25, message="no, thank you")
    report = way.run()
    assert (report.status, report.accepted, report.rejected) == ("partial", 9, 3)
    assert len(way.ledger()) == 9 and len(way.destination()) == 9
    letters = way.home.ops("select record_key, message, next_action, state from dead_letters")
    assert len(letters) == 3
    assert all("no, thank you" in m and action and s == "open" for _, m, action, s in letters)
    # the rows have not changed, and are tried again: they and no others
    healed = way.run()
    assert (healed.status, healed.planned_creates, healed.accepted) == ("succeeded", 3, 3)
    assert set(way.home.ops("select state from dead_letters")) == {("resolved",)}
    way.assert_in_step()


def test_a_batch_refused_as_a_whole_is_halved_until_the_bad_record_stands_alone(way: Way) -> None:
    way.publish()
    way.fault(kind="refuse_batch", value="Account 7", message="cannot read this")
    report = way.run()
    assert (report.status, report.accepted, report.rejected) == ("partial", ROWS - 1, 1)
    refused = way.home.ops("select record_key, message from dead_letters where state = 'open'")
    assert [key for key, _ in refused] == ["acc_7"] and "cannot read this" in refused[0][1]
    assert way.destination() == [row for row in way.source() if row[0] != "acc_7"]
    assert way.ledger() == way.destination()
    way.mocks.clear_faults()
    assert way.run().accepted == 1
    way.assert_in_step()


def test_a_changed_schema_stops_before_the_first_write_and_says_what_is_missing(
    way: Way, tmp_path: Path
) -> None:
    way.publish()
    good = way.specs
    fields = yaml.safe_load((good / f"{way.name}.yml").read_text())["fields"]
    way.specs = changed_spec(
        tmp_path / "ahead", way.name, fields={**fields, "PLG_Gone__c": "plan"}, bulk_above=0
    )
    report = way.run()
    assert (report.status, report.accepted, report.write_calls) == ("failed", 0, 0)
    assert "PLG_Gone__c" in (report.message or "")
    assert way.destination() == way.ledger() == []
    way.specs = good
    assert way.run().accepted == ROWS
    way.assert_in_step()


def test_a_bulk_job_that_fails_half_way_sends_its_unprocessed_rows_again(
    home: Home, mocks: Mocks, tmp_path: Path
) -> None:
    specs = changed_spec(tmp_path / "specs", "salesforce_accounts", bulk_above=0)
    way = Way("bulk", home, mocks, specs)
    way.publish()
    way.fault(kind="fail_job", share=0.5)
    report = way.run()
    assert (report.status, report.accepted, report.rejected) == ("succeeded", ROWS, 0)
    way.assert_in_step()


def test_changes_and_deletions_go_by_bulk_jobs_too(
    home: Home, mocks: Mocks, tmp_path: Path
) -> None:
    specs = changed_spec(tmp_path / "specs", "salesforce_accounts", bulk_above=0, mode="mirror")
    way = Way("bulk", home, mocks, specs)
    way.publish()
    way.run()
    home.change(
        f"update {way.table} set account_name = 'New, \"quoted\"' where record_key = 'acc_1'; "
        f"update {way.table} set website = null where record_key = 'acc_2'; "
        f"delete from {way.table} where record_key in ('acc_3', 'acc_4')"
    )
    report = way.run()
    assert (report.status, report.planned_updates, report.planned_deletes) == ("succeeded", 2, 2)
    assert (
        mocks.query("SELECT Website FROM Account WHERE PLG_Account_Id__c = 'acc_2'")[0]["Website"]
        is None
    )
    way.assert_in_step()


def test_a_write_whose_answer_was_lost_is_undone_when_the_source_comes_back(way: Way) -> None:
    """The ledger holds the old value, the destination the new one, the source the old again."""
    way.publish()
    way.run()
    name = "name" if way.kind == "hubspot" else "account_name"
    way.home.change(f"update {way.table} set {name} = 'Wrong' where record_key = 'acc_1'")
    way.fault(kind="error_after_apply", count=50)
    failed = way.run()
    assert failed.status == "failed"
    way.mocks.clear_faults()
    way.home.change(f"update {way.table} set {name} = 'Account 1' where record_key = 'acc_1'")
    assert way.run().status == "succeeded"
    way.assert_in_step()


# kill -9 ----------------------------------------------------------------------------------


def killed(way: Way, after_seconds: float) -> bool:
    """A run in a process of its own, killed so long after its first write; True if still alive."""
    program = textwrap.dedent(
        f"""
        import sys
        from pathlib import Path
        from reverse_etl.destinations import hubspot, salesforce
        from reverse_etl.engine import run_sync
        from warehouse.settings import Settings
        settings = Settings(home=Path({str(way.home.settings.home)!r}), _env_file=None)
        print("ready", flush=True)
        run_sync(settings, {way.name!r}, base_urls={way.mocks.urls!r},
                 specs_folder=Path({str(way.specs)!r}))
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=PROJECT_ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    writes = way.mocks.write_calls(way.system)
    while process.poll() is None and way.mocks.write_calls(way.system) == writes:
        time.sleep(0.005)
    time.sleep(after_seconds)
    was_alive = process.poll() is None
    if was_alive:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    return was_alive


def survive_kills(way: Way, moments: list[float]) -> int:
    way.publish(60)
    name = "name" if way.kind == "hubspot" else "account_name"
    caught = wrote = 0
    for number, moment in enumerate(moments):
        way.home.change(f"update {way.table} set {name} = 'Version {number} of ' || record_key")
        before = way.mocks.write_calls(way.system)
        caught += killed(way, moment)
        wrote += way.mocks.write_calls(way.system) > before
        if number % 2:  # what the killed run wrote is what the source no longer says
            way.home.change(f"update {way.table} set {name} = 'Back ' || record_key")
        assert way.run().status == "succeeded"
        assert way.destination() == way.source() == way.ledger()
    way.assert_in_step()
    print(json.dumps({"way": way.kind, "killed_while_alive": caught, "had_written": wrote}))
    return caught


def test_a_killed_run_is_made_good_by_the_next(way: Way) -> None:
    way.fault(kind="latency", seconds=0.1, count=1000)
    assert survive_kills(way, [0.0]) == 1


@pytest.mark.proof
def test_twenty_random_moments_to_be_killed_at(way: Way) -> None:
    chance = random.Random(7)
    way.fault(kind="latency", seconds=0.1, count=100_000)
    caught = survive_kills(way, [chance.uniform(0.0, 0.8) for _ in range(20)])
    assert caught >= 10
