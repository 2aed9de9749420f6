"""A hot account becomes one Slack message, once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from reverse_etl.destinations.slack import hot_pql_message, post_message, sla_alert_message
from reverse_etl.engine import run_sync
from reverse_etl.errors import SourceInvalid

if TYPE_CHECKING:
    from tests.reverse_etl.conftest import Home, Mocks


def test_each_hot_account_is_announced_once_with_reasons_and_a_link(
    home: Home, mocks: Mocks
) -> None:
    home.publish(salesforce__accounts=2, slack__hot_pqls=2)
    run_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls)
    report = run_sync(home.settings, "slack_hot_pqls", base_urls=mocks.urls)
    assert (report.status, report.accepted, report.write_calls) == ("succeeded", 2, 2)
    again = run_sync(home.settings, "slack_hot_pqls", base_urls=mocks.urls)
    assert (again.unchanged, again.api_calls) == (2, 0)
    # what is told about the account changes later: that is no new message
    home.change("update sync_slack__hot_pqls set points = 150")
    assert run_sync(home.settings, "slack_hot_pqls", base_urls=mocks.urls).write_calls == 0
    messages = mocks.messages()
    assert len(messages) == 2
    payload = json.loads(messages[-1]["payload"])
    assert payload["text"] == "Account &lt;1&gt; is now hot: 132 points (9 of 10)"
    text = json.dumps(payload, ensure_ascii=False)
    assert "Three people hit the query limit &amp; invited 5" in text
    assert "/records/salesforce/Account/001" in text
    assert "30 Jan 2026, 08:00 UTC" in text
    assert "51-500" in text


def test_a_new_transition_of_the_same_account_is_a_new_message(home: Home, mocks: Mocks) -> None:
    home.publish(slack__hot_pqls=1)
    run_sync(home.settings, "slack_hot_pqls", base_urls=mocks.urls)
    home.change(
        "update sync_slack__hot_pqls set record_key = 'rubric_150|acc_1|2026-02-05T08:00:00'"
    )
    run_sync(home.settings, "slack_hot_pqls", base_urls=mocks.urls)
    assert len(mocks.messages()) == 2


def test_a_message_slack_could_not_take_is_sent_by_the_next_run(
    home: Home, mocks: Mocks, sleeps: tuple[list[float], Callable[[float], None]]
) -> None:
    home.publish(slack__hot_pqls=3)
    mocks.fault(system="slack", kind="error", skip=1, count=30)
    report = run_sync(home.settings, "slack_hot_pqls", base_urls=mocks.urls, sleep=sleeps[1])
    assert (report.status, report.accepted) == ("failed", 1)
    mocks.clear_faults()
    healed = run_sync(home.settings, "slack_hot_pqls", base_urls=mocks.urls)
    assert (healed.status, healed.accepted) == ("succeeded", 2)
    assert len({m["text"] for m in mocks.messages()}) == len(mocks.messages()) == 3


def test_slacks_throttling_is_obeyed(
    home: Home, mocks: Mocks, sleeps: tuple[list[float], Callable[[float], None]]
) -> None:
    home.publish(slack__hot_pqls=1)
    mocks.fault(system="slack", kind="throttle", retry_after=30)
    assert run_sync(home.settings, "slack_hot_pqls", base_urls=mocks.urls, sleep=sleeps[1]).ok
    assert 30 <= sleeps[0][0] <= 30.25


def test_a_message_slack_refuses_is_a_dead_letter(home: Home, mocks: Mocks) -> None:
    home.publish(slack__hot_pqls=2)
    mocks.fault(system="slack", kind="refuse_batch", value="Account &lt;1", code="invalid_blocks")
    report = run_sync(home.settings, "slack_hot_pqls", base_urls=mocks.urls)
    assert (report.status, report.accepted, report.rejected) == ("partial", 1, 1)
    assert "invalid_blocks" in report.rejections[0]["message"]


def test_a_message_of_sparse_or_enormous_content_is_still_a_valid_one(mocks: Mocks) -> None:
    enormous = {"account_name": "x" * 5000, "reason": "y" * 9000, "points": 1.0}
    for row in ({}, enormous, {**enormous, "present_owner_name": "z" * 5000}):
        for message_of in (hot_pql_message, sla_alert_message):
            message = message_of(row)
            post_message(mocks.urls["slack"], message["text"], message["blocks"])
    assert len(mocks.messages()) == 6


def test_what_was_late_before_the_first_run_is_never_told_and_what_comes_is_told_once(
    home: Home, mocks: Mocks
) -> None:
    home.publish(slack__sla_alerts=40)
    planned = run_sync(home.settings, "slack_sla_alerts", dry_run=True, base_urls=mocks.urls)
    assert planned.planned_creates == 0
    first = run_sync(home.settings, "slack_sla_alerts", base_urls=mocks.urls)
    assert (first.status, first.accepted, first.api_calls) == ("succeeded", 0, 0)
    assert "40 row(s)" in (first.message or "")
    home.change(
        "insert into sync_slack__sla_alerts by name select * replace "
        "(record_key || '|new' as record_key) from sync_slack__sla_alerts "
        "where account_id = 'acc_7'"
    )
    second = run_sync(home.settings, "slack_sla_alerts", base_urls=mocks.urls)
    assert (second.accepted, second.write_calls) == (1, 1)
    home.change("update sync_slack__sla_alerts set points = 1")
    assert run_sync(home.settings, "slack_sla_alerts", base_urls=mocks.urls).api_calls == 0
    (message,) = mocks.messages()
    assert "Account &lt;7&gt;" in message["text"]


def test_a_first_run_with_nothing_to_tell_is_the_beginning_too(home: Home, mocks: Mocks) -> None:
    home.publish(slack__sla_alerts=1)
    home.change("create table kept as from sync_slack__sla_alerts")
    home.change("delete from sync_slack__sla_alerts")
    assert run_sync(home.settings, "slack_sla_alerts", base_urls=mocks.urls).ok
    home.change("insert into sync_slack__sla_alerts from kept")
    assert run_sync(home.settings, "slack_sla_alerts", base_urls=mocks.urls).accepted == 1


def test_a_first_run_that_failed_began_nothing(home: Home, mocks: Mocks) -> None:
    home.publish(salesforce__accounts=1)
    with pytest.raises(SourceInvalid):
        run_sync(home.settings, "slack_sla_alerts", base_urls=mocks.urls)
    home.publish(slack__sla_alerts=3)
    assert run_sync(home.settings, "slack_sla_alerts", base_urls=mocks.urls).accepted == 0


def test_a_manager_is_told_what_is_late_with_whom_and_why_it_matters() -> None:
    row = {
        "account_name": "Acme", "action": "tell_manager", "tier": "hot", "team": "sdr_emea",
        "recipient_email": "dana@x.example", "owner_name": "Mia", "present_owner_name": "Mia",
        "points": 132.0, "score_10": 9, "reason": "Three people hit the limit.", "plan": "free",
        "segment": "51-500", "active_users_28d": 12, "qualified_at": "2026-01-29T23:59:59.000Z",
        "due_at": "2026-01-30T10:00:00.000Z",
    }  # fmt: skip
    message = sla_alert_message(row, "https://crm/1")
    assert message["text"] == "Acme (hot) is overdue: not touched yet"
    said = json.dumps(message, ensure_ascii=False)
    for evidence in (
        "<https://crm/1|Acme>", "For dana@x.example: see that Mia answers",
        "30 Jan 2026, 10:00 UTC", "29 Jan 2026, 23:59 UTC", "Three people hit the limit.",
        "132 points (9 of 10)", "sdr_emea", "51-500", "12",
    ):  # fmt: skip
        assert evidence in said, evidence

    def text(**changes: object) -> str:
        return json.dumps(sla_alert_message({**row, **changes}))

    assert "is due soon" in text(action="warn_owner")
    assert "went to Eli" in text(action="reassign", present_owner_name="Eli")
    # nobody else was free
    assert "see that Mia answers" in text(action="reassign")
    assert "it has no owner" in text(owner_name=None, present_owner_name=None)
