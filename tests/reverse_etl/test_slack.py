"""A hot account becomes one Slack message, once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from reverse_etl.destinations.slack import hot_pql_message, post_message
from reverse_etl.engine import run_sync

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
    for row in ({}, {"account_name": "x" * 5000, "reason": "y" * 9000, "points": 1.0}):
        message = hot_pql_message(row)
        post_message(mocks.urls["slack"], message["text"], message["blocks"])
    assert len(mocks.messages()) == 2
