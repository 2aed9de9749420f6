"""The webhook destination: signed batches, keys by which a receiver drops what it has seen."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from reverse_etl.destinations.base import Answer, Outgoing
from reverse_etl.destinations.webhook import WebhookDestination, idempotency_key, signature
from reverse_etl.engine import run_sync
from reverse_etl.errors import BatchRefused, Rejection, RetryLater, SyncStopped
from reverse_etl.plan import PlannedRecord
from reverse_etl.specs import find_spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.reverse_etl.conftest import Home, Mocks

NAME, TABLE, FEED = "webhook_account_health", "sync_webhook__account_health", "account_health"


def run(home: Home, mocks: Mocks, **options: Any) -> Any:
    return run_sync(home.settings, NAME, base_urls=mocks.urls, **options)


def bodies(mocks: Mocks) -> list[dict[str, Any]]:
    messages = mocks.store("sink").rows("messages", limit=100)
    return [
        json.loads(m["payload"])["body"] for m in sorted(messages, key=lambda m: m["message_id"])
    ]


def test_money_and_scores_arrive_as_the_digits_they_have(home: Home, mocks: Mocks) -> None:
    home.publish(webhook__account_health=1)
    assert run(home, mocks).status == "succeeded"
    (record,) = bodies(mocks)[0]["records"]
    assert (record["key"], record["operation"]) == ("acc_1", "create")
    assert record["fields"]["mrr"] == "29.50"
    assert record["fields"]["health_score"] == "71.50"
    assert record["fields"]["is_at_risk"] is False
    assert record["fields"]["expansion_kind"] is None


def test_of_a_changed_account_only_what_changed_is_told(home: Home, mocks: Mocks) -> None:
    home.publish(webhook__account_health=2)
    run(home, mocks)
    home.change(f"update {TABLE} set is_at_risk = true where record_key = 'acc_2'")
    report = run(home, mocks)
    assert (report.planned_updates, report.write_calls) == (1, 1)
    (record,) = bodies(mocks)[-1]["records"]
    assert (record["operation"], record["fields"]) == ("update", {"is_at_risk": True})
    assert mocks.feed(FEED)["acc_2"]["is_at_risk"] is True
    assert mocks.feed(FEED)["acc_2"]["plan"] == "team"


def test_an_account_that_stopped_paying_is_told_as_deleted(home: Home, mocks: Mocks) -> None:
    home.publish(webhook__account_health=2)
    run(home, mocks)
    home.change(f"delete from {TABLE} where record_key = 'acc_1'")
    assert run(home, mocks).planned_deletes == 1
    assert list(mocks.feed(FEED)) == ["acc_2"]


def test_a_value_that_comes_back_is_delivered_each_time(home: Home, mocks: Mocks) -> None:
    home.publish(webhook__account_health=1)
    run(home, mocks)
    for plan in ("free", "team", "free"):
        home.change(f"update {TABLE} set plan = '{plan}'")
        assert run(home, mocks).accepted == 1
        assert mocks.feed(FEED)["acc_1"]["plan"] == plan


def test_a_change_keeps_its_key_until_it_was_seen_accepted() -> None:
    spec = find_spec(NAME)
    once = PlannedRecord("acc_1", "update", {"plan": "a"}, "hash", acknowledged_in="run_1")
    assert idempotency_key(spec, once) == idempotency_key(spec, once)
    later = PlannedRecord("acc_1", "update", {"plan": "a"}, "hash", acknowledged_in="run_2")
    assert idempotency_key(spec, once) != idempotency_key(spec, later)


def test_the_body_is_signed_with_its_time() -> None:
    made = hmac.new(b"secret", b'12.{"a":1}', hashlib.sha256).hexdigest()
    assert signature("secret", 12, b'{"a":1}') == f"t=12,v1={made}"


@pytest.mark.parametrize("skew", [0, 310, -310])
def test_a_call_that_is_forged_or_replayed_is_refused_by_the_receiver(
    home: Home, mocks: Mocks, skew: int
) -> None:
    at = int(time.time()) - skew
    body = b'{"records": []}'
    good = signature(home.settings.webhook_secret, at, body)
    for given, is_good in ((good, skew == 0), (f"t={at},v1=00", False), ("nonsense", False)):
        headers = {"X-PLG-Signature": given, "content-type": "application/json"}
        answer = mocks.post("/sink/x", content=body, headers=headers)
        assert answer.status_code == (200 if is_good else 401), given


def test_retry_after_is_obeyed_and_the_repeated_call_applied_once(
    home: Home, mocks: Mocks, sleeps: tuple[list[float], Callable[[float], None]]
) -> None:
    slept, sleep = sleeps
    home.publish(webhook__account_health=3)
    mocks.fault(system="sink", kind="throttle", retry_after=7)
    mocks.fault(system="sink", kind="error_after_apply")
    report = run(home, mocks, sleep=sleep)
    assert (report.status, report.accepted, report.write_calls) == ("succeeded", 3, 3)
    assert 7 <= slept[0] < 8
    assert len(bodies(mocks)) == 1


def answered(status: int, text: str = "") -> list[Answer]:
    """What the destination makes of a receiver's answer to one record."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("Retry-After", "3")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            """Silence."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.handle_request, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/{{object}}"
    destination = WebhookDestination(find_spec(NAME), url)
    assert destination.url.endswith("/account_health")
    record = PlannedRecord("acc_1", "create", {"plan": "a"}, "hash")
    try:
        return destination.send("post", [Outgoing(record, record.payload)])
    finally:
        destination.close()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, RetryLater), (503, RetryLater), (408, RetryLater), (413, BatchRefused),
     (422, BatchRefused), (401, SyncStopped), (404, SyncStopped), (302, SyncStopped)],
)  # fmt: skip
def test_what_a_receiver_answers_says_what_to_do_and_not_its_secret_path(
    status: int, error: type[Exception]
) -> None:
    with pytest.raises(error, match=f"webhook at 127.0.0.1:[0-9]+ says {status}") as raised:
        answered(status)
    assert "account_health" not in str(raised.value)


def test_a_receiver_that_says_nothing_of_records_has_accepted_all() -> None:
    assert answered(204) == answered(200, "ok") == answered(200, "[]") == [Answer()]


def test_a_receiver_may_give_its_own_id_or_a_reason() -> None:
    (taken,) = answered(200, '{"results": [{"key": "acc_1", "id": "77"}]}')
    assert taken == Answer(destination_id="77")
    result = {"key": "acc_1", "status": "rejected", "code": "no_owner", "message": "who?"}
    (refused,) = answered(200, json.dumps({"results": [result]}))
    assert refused.rejection == Rejection("refused", "no_owner: who?", "no_owner")


def test_decimal_is_refused_where_the_column_is_not_exact(home: Home, mocks: Mocks) -> None:
    home.publish(webhook__account_health=1)
    with duckdb.connect(str(home.settings.published_path)) as connection:
        connection.execute(f"alter table syncs.{TABLE} alter mrr type double")
    with pytest.raises(Exception, match="mrr has type DOUBLE, which is not exact"):
        run(home, mocks)
