"""A destination or a process that misbehaves: nothing is lost, nothing is written twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from reverse_etl.engine import run_sync
from reverse_etl.errors import RetryLater
from reverse_etl.redact import redacted
from reverse_etl.retry import LONGEST_OBEYED_SECONDS, retrying
from warehouse.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from tests.reverse_etl.conftest import Home, Mocks

Sleeps = tuple[list[float], Callable[[float], None]]
SYNCS = {"salesforce": "salesforce_accounts", "hubspot": "hubspot_companies"}


def count_records(mocks: Mocks, system: str) -> int:
    if system == "salesforce":
        return len(mocks.query("SELECT Id FROM Account"))
    return len(mocks.hubspot_records("companies"))


@pytest.mark.parametrize("system", ["salesforce", "hubspot"])
def test_retry_after_is_obeyed_and_every_record_arrives(
    home: Home, mocks: Mocks, sleeps: Sleeps, system: str
) -> None:
    slept, sleep = sleeps
    home.publish(salesforce__accounts=3, hubspot__companies=3)
    mocks.fault(system=system, kind="throttle", count=2, retry_after=7)
    report = run_sync(home.settings, SYNCS[system], base_urls=mocks.urls, sleep=sleep)
    assert (report.status, report.accepted, report.write_calls) == ("succeeded", 3, 3)
    assert len(slept) == 2 and all(7 <= seconds <= 7.25 for seconds in slept)


@pytest.mark.parametrize("system", ["salesforce", "hubspot"])
@pytest.mark.parametrize("kind", ["error", "unavailable", "error_after_apply", "drop"])
def test_a_call_that_failed_or_lost_its_answer_is_repeated_without_duplicates(
    home: Home, mocks: Mocks, sleeps: Sleeps, system: str, kind: str
) -> None:
    slept, sleep = sleeps
    home.publish(salesforce__accounts=3, hubspot__companies=3)
    mocks.fault(system=system, kind=kind, count=2)
    report = run_sync(home.settings, SYNCS[system], base_urls=mocks.urls, sleep=sleep)
    assert (report.status, report.accepted, report.write_calls) == ("succeeded", 3, 3)
    assert len(slept) == 2 and slept[0] <= 0.5 < slept[1] * 2.01
    assert count_records(mocks, system) == 3


@pytest.mark.parametrize("system", ["salesforce", "hubspot"])
def test_a_time_out_after_the_write_was_applied_makes_no_duplicate(
    home: Home, mocks: Mocks, sleeps: Sleeps, system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reverse_etl.destinations import hubspot, salesforce

    for login in (hubspot.HubSpotLogin, salesforce.SalesforceLogin):
        given = login.__init__.__defaults__
        monkeypatch.setattr(login.__init__, "__defaults__", (*given[:-1], 0.7))
    home.publish(salesforce__accounts=3, hubspot__companies=3)
    mocks.fault(system=system, kind="slow", seconds=5)
    report = run_sync(home.settings, SYNCS[system], base_urls=mocks.urls, sleep=sleeps[1])
    assert (report.status, report.accepted, len(sleeps[0])) == ("succeeded", 3, 1)
    assert count_records(mocks, system) == 3


def test_an_expired_salesforce_session_is_renewed_in_the_middle_of_a_run(
    home: Home, mocks: Mocks
) -> None:
    home.publish(salesforce__accounts=401)
    mocks.fault(system="salesforce", kind="expired_token", skip=1)
    report = run_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls)
    assert (report.status, report.accepted) == ("succeeded", 401)
    assert report.write_calls == 4


def test_wrong_credentials_stop_the_run_with_the_setting_to_look_at(
    home: Home, mocks: Mocks
) -> None:
    home.publish(salesforce__accounts=1, hubspot__companies=1)
    home.settings.salesforce_password = "wrong-password"
    home.settings.hubspot_token = "pat-wrong-token"
    for system, setting in (("salesforce", "PLG_SALESFORCE"), ("hubspot", "PLG_HUBSPOT_TOKEN")):
        report = run_sync(home.settings, SYNCS[system], base_urls=mocks.urls)
        assert (report.status, report.accepted, report.write_calls) == ("failed", 0, 0)
        assert setting in (report.message or "")
        assert "wrong" not in (report.message or "")


@pytest.mark.parametrize("system", ["salesforce", "hubspot"])
def test_a_destination_that_is_down_fails_the_run_and_the_next_one_completes_it(
    home: Home, mocks: Mocks, sleeps: Sleeps, system: str
) -> None:
    home.publish(salesforce__accounts=450, hubspot__companies=250)
    batches = 2
    mocks.fault(system=system, kind="unavailable", skip=batches, count=50)
    report = run_sync(home.settings, SYNCS[system], base_urls=mocks.urls, sleep=sleeps[1])
    accepted = {"salesforce": 400, "hubspot": 200}[system]
    assert (report.status, report.accepted, len(sleeps[0])) == ("failed", accepted, 5)
    assert home.ops("select count(*) from sync_ledger") == [(accepted,)]
    mocks.clear_faults()
    healed = run_sync(home.settings, SYNCS[system], base_urls=mocks.urls)
    assert (healed.status, healed.accepted, healed.write_calls) == ("succeeded", 50, 1)
    assert count_records(mocks, system) == accepted + 50


def test_records_that_the_destination_was_too_busy_for_are_sent_again_in_the_same_run(
    home: Home, mocks: Mocks
) -> None:
    home.publish(salesforce__accounts=10)
    mocks.fault(system="salesforce", kind="partial", share=0.3, code="UNABLE_TO_LOCK_ROW")
    report = run_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls)
    assert (report.status, report.accepted, report.write_calls) == ("succeeded", 10, 2)


def test_nothing_listens_at_the_url(home: Home, sleeps: Sleeps) -> None:
    home.publish(hubspot__companies=1, slack__hot_pqls=1, salesforce__accounts=1)
    urls = dict.fromkeys(["salesforce", "hubspot", "slack"], "http://127.0.0.1:9")
    for name in (*SYNCS.values(), "slack_hot_pqls"):
        report = run_sync(home.settings, name, base_urls=urls, sleep=sleeps[1])
        assert report.status == "failed" and report.message


def test_a_pause_longer_than_a_run_should_sit_through_is_not_slept(sleeps: Sleeps) -> None:
    def throttled() -> None:
        raise RetryLater("come back tomorrow", LONGEST_OBEYED_SECONDS + 1)

    with pytest.raises(RetryLater):
        retrying(sleeps[1], random.Random(1))(throttled)
    assert sleeps[0] == []


@pytest.mark.parametrize("system", ["salesforce", "hubspot"])
def test_after_a_kill_in_the_middle_the_next_run_ends_with_destination_equal_to_source(
    home: Home, mocks: Mocks, system: str
) -> None:
    home.publish(salesforce__accounts=600, hubspot__companies=300)
    # the second batch is applied, and its answer never comes
    mocks.fault(system=system, kind="slow", skip=1, seconds=60)
    program = textwrap.dedent(
        f"""
        from pathlib import Path
        from reverse_etl.engine import run_sync
        from warehouse.settings import Settings
        settings = Settings(home=Path({str(home.settings.home)!r}))
        run_sync(settings, {SYNCS[system]!r}, base_urls={mocks.urls!r})
        """
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=PROJECT_ROOT)
    deadline = time.monotonic() + 60
    while mocks.write_calls(system) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert home.ops("select status from sync_runs") == [("running",)]
    home.change(
        f"update sync_{SYNCS[system].replace('_', '__', 1)} set plan = 'team' "
        "where record_key = 'acc_1'"
    )
    healed = run_sync(home.settings, SYNCS[system], base_urls=mocks.urls)
    assert healed.status == "succeeded"
    statuses = home.ops("select status from sync_runs order by started_at")
    assert statuses == [("interrupted",), ("succeeded",)]
    total = {"salesforce": 600, "hubspot": 300}[system]
    assert count_records(mocks, system) == total
    assert home.ops("select count(*) from sync_ledger") == [(total,)]
    again = run_sync(home.settings, SYNCS[system], base_urls=mocks.urls)
    assert (again.unchanged, again.write_calls) == (total, 0)


def test_secrets_do_not_reach_messages() -> None:
    said = redacted(
        "Authorization: Bearer abc.def client_secret=hunter2&x=1 "
        "https://hooks.slack.com/services/T0AB/B0CD/s3cr3t 00Dxx0000001gPL!AQcAQH pat-na1-1234-ab"
    )
    for secret in ("abc.def", "hunter2", "s3cr3t", "AQcAQH", "pat-na1"):
        assert secret not in said
