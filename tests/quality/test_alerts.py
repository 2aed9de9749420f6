"""Alerts: one message an incident, retried until it arrives. Slack is a local HTTP server."""

import json
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from quality.alerts import Alert, gate_alert, resolve_alert, send_alert
from quality.gates import GateReport, GateResult
from warehouse.ops import OpsStore
from warehouse.settings import Settings


class Receiver:
    """Stands in for Slack: keeps what it got, answers with ``status``."""

    def __init__(self):
        self.messages, self.status = [], 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if outer.status == 200:
                    outer.messages.append(json.loads(body))
                self.send_response(outer.status)
                self.end_headers()
                self.wfile.write(b"ok" if outer.status == 200 else b"no_service")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/T0/B0/secret-token"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def titles(self):
        return [message["text"] for message in self.messages]


@pytest.fixture
def slack():
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home", _env_file=None)


def alert(title="Gate raw did not pass: a", key="gate:raw", lines=("observed: 3 rows",)):
    return Alert("gate_failed", "blocking", title, lines, "http://127.0.0.1:3000/runs/1", key)


def stored(settings, columns):
    with OpsStore(settings.ops_path).connection() as connection:
        return connection.execute(f"select {columns} from alerts order by created_at").fetchall()


def test_a_message_says_what_where_and_what_to_do(settings, slack):
    report = send_alert(settings, alert(), slack.url)
    assert (report.delivered, report.undelivered, report.folded) == (1, 0, False)
    (message,) = slack.messages
    header, section, context = message["blocks"]
    assert header["text"]["text"] == ":red_circle: Gate raw did not pass: a"
    assert section["text"]["text"] == "observed: 3 rows"
    assert context["elements"][0]["text"] == "<http://127.0.0.1:3000/runs/1|Open the run>"
    ((attempts, delivered_at, error),) = stored(settings, "attempts, delivered_at, error")
    assert (attempts, error) == (1, None) and isinstance(delivered_at, datetime)


def test_repeats_are_folded_while_the_incident_is_open(settings, slack):
    for _ in range(3):
        report = send_alert(settings, alert(), slack.url)
    assert report.folded
    assert len(slack.messages) == 1
    assert stored(settings, "repeats, resolved_at") == [(2, None)]


def test_other_incidents_and_changed_ones_are_told(settings, slack):
    send_alert(settings, alert(), slack.url)
    send_alert(settings, alert(key="gate:marts", title="Gate marts did not pass: z"), slack.url)
    send_alert(settings, alert(title="Gate raw did not pass: a, b"), slack.url)
    assert slack.titles == [
        "Gate raw did not pass: a",
        "Gate marts did not pass: z",
        "Gate raw did not pass: a, b",
    ]
    with OpsStore(settings.ops_path).connection() as connection:
        open_ones = connection.execute(
            "select key, title from alerts where resolved_at is null order by key"
        ).fetchall()
    assert open_ones == [
        ("gate:marts", "Gate marts did not pass: z"),
        ("gate:raw", "Gate raw did not pass: a, b"),
    ]


def test_recovery_is_announced_once_and_the_next_failure_is_a_new_incident(settings, slack):
    send_alert(settings, alert(), slack.url)
    resolve_alert(settings, "gate:raw", slack.url)
    resolve_alert(settings, "gate:raw", slack.url)
    send_alert(settings, alert(), slack.url)
    assert slack.titles == [
        "Gate raw did not pass: a",
        "Recovered: Gate raw did not pass: a",
        "Gate raw did not pass: a",
    ]


def test_resolving_what_is_not_open_says_nothing(settings, slack):
    assert resolve_alert(settings, "gate:raw", slack.url).delivered == 0
    assert slack.messages == []


def test_what_could_not_be_delivered_is_kept_with_its_error_and_tried_again(settings, slack):
    slack.status = 500
    report = send_alert(settings, alert(), slack.url)
    assert (report.delivered, report.undelivered) == (0, 1)
    assert stored(settings, "attempts, error, delivered_at") == [(1, "HTTP 500: no_service", None)]

    slack.status = 200
    report = send_alert(settings, alert(key="run:nightly", title="Run failed"), slack.url)
    assert (report.delivered, report.undelivered) == (2, 0)
    assert slack.titles == ["Gate raw did not pass: a", "Run failed"]  # the older one first
    assert stored(settings, "attempts, error") == [(2, None), (1, None)]


def test_a_destination_that_is_not_there_raises_nothing_and_shows_no_secret(settings, slack):
    slack.server.shutdown()
    slack.server.server_close()
    report = send_alert(settings, alert(), slack.url)
    assert report.undelivered == 1
    ((error,),) = stored(settings, "error")
    assert "refused" in error.lower()
    assert "secret-token" not in error


def test_without_a_destination_the_alert_is_stored(settings):
    assert send_alert(settings, alert(), None).undelivered == 1
    assert stored(settings, "title, attempts") == [("Gate raw did not pass: a", 0)]


def test_text_of_strangers_makes_no_link_and_no_mention(settings, slack):
    send_alert(settings, alert(lines=["sample: <!channel> <http://evil|click> a & b"]), slack.url)
    assert slack.messages[0]["blocks"][1]["text"]["text"] == (
        "sample: &lt;!channel&gt; &lt;http://evil|click&gt; a &amp; b"
    )


def test_texts_stay_within_slacks_limits(settings, slack):
    send_alert(settings, alert(title="t" * 400, lines=["x" * 9000]), slack.url)
    header, section, _ = slack.messages[0]["blocks"]
    assert len(header["text"]["text"]) <= 150
    assert len(section["text"]["text"]) <= 3000


def result(key, severity="blocking", passed=False):
    return GateResult(
        key=key, asset="raw/events", severity=severity, passed=passed, observed="3 rows",
        expected="none", failing_rows=3, sample='[{"line_number": 7}]', owner="a@b.example",
        reason="It matters.", what_to_do="Withdraw the file.",
    )  # fmt: skip


def test_the_alert_of_a_gate_names_checks_values_samples_and_the_way_out():
    results = (result("one"), result("two", "warning"), result("three", passed=True))
    told = gate_alert(GateReport("raw", results, "load 1", datetime(2026, 1, 1), 1.0), "http://run")
    assert told.key == "gate:raw" and told.severity == "blocking"
    assert told.title == "Gate raw did not pass: one"
    text = "\n".join(told.lines)
    for part in (
        "raw/events: one (a@b.example)",
        "observed: 3 rows",
        "expected: none",
        '"line_number": 7',
        "what to do: Withdraw the file.",
    ):
        assert part in text
    assert "three" not in text


def test_a_gate_with_warnings_only_is_told_as_such():
    report = GateReport("raw", (result("two", "warning"),), "load 1", datetime(2026, 1, 1), 1.0)
    told = gate_alert(report)
    assert (told.severity, told.title) == ("warning", "Gate raw passed with warnings: two")
