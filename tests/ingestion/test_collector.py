"""The collector, over real HTTP: official clients, refusals, back-pressure, kill -9."""

import base64
import gzip
import http.client
import json
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.collector.journal import Journal, recover
from ingestion.landing import EVENT_FORMATS, scan_landing
from ingestion.run import ingest
from warehouse.settings import PROJECT_ROOT, Settings

KEY = "the-write-key"
_START = "from dagster_plg.cli import main; main()"


@dataclass
class Running:
    """A collector in its own process."""

    settings: Settings
    process: subprocess.Popen[str]
    url: str
    message: dict[str, Any]

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.url.removeprefix("http://").split(":")
        return host, int(port)

    def ask(
        self,
        path: str,
        body: Any = b"",
        *,
        method: str = "POST",
        key: str | None = KEY,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """(status, JSON, headers) of one request; a body that is no bytes is sent as JSON."""
        connection = http.client.HTTPConnection(*self.address, timeout=20)
        sent = {"Content-Type": "application/json", **(headers or {})}
        if key is not None:
            sent["Authorization"] = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
        data = body if isinstance(body, bytes) or hasattr(body, "__next__") else json.dumps(body)
        connection.request(method, path, data, sent)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text) if text else {}, dict(answer.getheaders())

    def health(self) -> dict[str, Any]:
        return self.ask("/healthz", method="GET", key=None)[1]

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def landed(self) -> list[dict[str, Any]]:
        """The messages of every visible file."""
        return [
            json.loads(line)
            for file in scan_landing(self.settings.landing_dir)
            for line in file.location.read_text().splitlines()
        ]


@contextmanager
def collector(home: Path, file_bytes: int | None = None, **settings: Any) -> Iterator[Running]:
    """``plg collect`` on a free port; ``file_bytes``: the largest file the system lets it write."""
    environment = {name: value for name, value in os.environ.items() if name[:4] != "PLG_"}
    environment |= {"PLG_HOME": str(home), "PLG_COLLECT_WRITE_KEYS": f"other-key, {KEY}"}
    environment |= {f"PLG_COLLECT_{name.upper()}": str(v) for name, v in settings.items()}
    limit = (file_bytes, file_bytes)
    process = subprocess.Popen(
        [sys.executable, "-c", _START, "collect", "--port", "0", "--json"],
        cwd=PROJECT_ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
        if file_bytes
        else None,
    )
    try:
        line = process.stdout.readline()
        if not line:
            raise AssertionError(process.stderr.read())
        message = json.loads(line)
        yield Running(Settings(home=home), process, message["url"], message)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def call(message_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "messageId": message_id,
        "type": "track",
        "event": "report_created",
        "userId": "usr_1",
        "timestamp": datetime.now(UTC).isoformat(),
        **fields,
    }


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One collector for the tests that only ask it questions."""
    with collector(tmp_path_factory.mktemp("collector"), max_batch_bytes=200_000) as running:
        yield running


# The official clients ---------------------------------------------------------------------


def send_with_segment(url: str, **options: Any) -> None:
    from segment.analytics.client import Client

    errors: list[Any] = []
    client = Client(KEY, host=url, on_error=lambda error, batch: errors.append(error), **options)
    client.identify("usr_seg", {"email": "seg@example.com"})
    client.group("usr_seg", "acc_seg", {"name": "Seg Ltd"})
    client.track("usr_seg", "report_created", {"plan_tier": "team"}, message_id="seg-1")
    client.page("usr_seg", name="Pricing", properties={"url": "https://example.com/pricing"})
    client.screen("usr_seg", name="Home")
    client.alias("anon_seg", "usr_seg")
    client.shutdown()
    assert errors == []


def send_with_rudderstack(url: str) -> None:
    from rudderstack.analytics.client import Client

    errors: list[Any] = []
    client = Client(KEY, host=url, on_error=lambda error, batch: errors.append(error))
    client.identify("usr_rud", {"email": "rud@example.com"})
    client.track("usr_rud", "report_created", {"plan_tier": "team"}, message_id="rud-1")
    client.flush()
    client.join()
    assert errors == []


def send_with_posthog(url: str, **options: Any) -> None:
    from posthog import Posthog

    errors: list[Any] = []
    client = Posthog(KEY, host=url, on_error=lambda error, batch: errors.append(error), **options)
    client.capture("report_created", distinct_id="usr_pos", properties={"plan_tier": "team"})
    client.set(distinct_id="usr_pos", properties={"email": "pos@example.com"})
    client.shutdown()
    assert errors == []


def test_events_of_the_official_clients_arrive_in_the_lake(tmp_path: Path):
    with collector(tmp_path) as running:
        send_with_segment(f"{running.url}/segment", gzip=True)
        send_with_rudderstack(f"{running.url}/rudderstack")
        send_with_posthog(f"{running.url}/posthog", gzip=True)
        assert running.stop() == 0
    report = ingest(running.settings)
    assert report.rows_quarantined == 0
    with duckdb.connect(str(running.settings.warehouse_path), read_only=True) as connection:
        rows = connection.execute(
            "select source_format, call_type, count(*) from raw.events group by all order by all"
        ).fetchall()
    calls = ["alias", "group", "identify", "page", "screen", "track"]
    expected = [("rudderstack", "identify", 1), ("rudderstack", "track", 1)]
    assert [row for row in rows if row[0] != "posthog"] == [
        *expected,
        *(("segment", name, 1) for name in calls),
    ]
    posthog = [m for m in running.landed() if "distinct_id" in m]
    assert {m["event"] for m in posthog} == {"report_created", "$set"}
    if "posthog" in EVENT_FORMATS:
        assert sum(row[2] for row in rows if row[0] == "posthog") == len(posthog)


def test_clients_that_name_no_service_are_told_apart(tmp_path: Path):
    with collector(tmp_path) as running:
        send_with_segment(running.url)
        send_with_rudderstack(running.url)
        send_with_posthog(running.url)
        running.stop()
        landed = {file.path.split("/")[1] for file in scan_landing(running.settings.landing_dir)}
        assert landed == {"segment", "rudderstack", "posthog"}
        assert {m["userId"] for m in running.landed() if "channel" in m} == {"usr_rud"}


def test_posthogs_newer_protocol_is_answered_message_by_message(tmp_path: Path):
    with collector(tmp_path) as running:
        send_with_posthog(running.url, capture_mode="v1", capture_compression="deflate")
        running.stop()
        events = running.landed()
    assert {event["event"] for event in events} == {"report_created", "$set"}
    assert all(event["uuid"] and event["created_at"] for event in events)


def test_a_posthog_message_lands_with_the_times_of_an_export_and_without_its_key(tmp_path: Path):
    event = {"api_key": KEY, "event": "e", "distinct_id": "d", "properties": {}}
    with collector(tmp_path) as running:
        assert running.ask("/capture/", event, key=None)[0] == 200
        said = {"event": "f", "timestamp": "2026-01-01T00:00:00Z"}
        batch = {"api_key": KEY, "sent_at": "2026-01-01T00:00:00Z", "batch": [said]}
        assert running.ask("/batch/", batch, key=None)[0] == 200
        running.stop()
        single, batched = running.landed()
    assert "api_key" not in single and single["created_at"] and single["uuid"]
    assert batched["sent_at"] == "2026-01-01T00:00:00Z" and "api_key" not in batched
    # what the clock is corrected by; a time the collector gave needs no correction
    assert batched["now"] == batched["created_at"] and "now" not in single


# What is added to a message ---------------------------------------------------------------


def test_a_wrong_device_clock_is_corrected_by_what_the_collector_adds(tmp_path: Path):
    # the device is two hours ahead, and sends ten seconds after the event
    clock = datetime.now(UTC) + timedelta(hours=2)
    body = {
        "batch": [call("m1", timestamp=(clock - timedelta(seconds=10)).isoformat())],
        "sentAt": clock.isoformat(),
    }
    with collector(tmp_path) as running:
        before = datetime.now(UTC)
        running.ask("/segment/v1/batch", body)
        running.stop()
    ingest(running.settings)
    with duckdb.connect(str(running.settings.warehouse_path), read_only=True) as connection:
        ((event_at,),) = connection.execute("select event_at from raw.events").fetchall()
    error = event_at.replace(tzinfo=UTC) - (before - timedelta(seconds=10))
    assert timedelta(0) <= error < timedelta(seconds=5)


def test_a_bare_call_gets_what_segments_servers_would_add(tmp_path: Path):
    with collector(tmp_path) as running:
        status, answer, _ = running.ask("/v1/track", {"event": "e", "userId": "u"})
        assert (status, answer["accepted"]) == (200, 1)
        body = {"batch": [call("m2", context={"ip": "1.1.1.1"})], "context": {"locale": "de"}}
        running.ask("/v1/batch", body)
        running.stop()
        bare, batched = running.landed()
    assert bare["type"] == "track" and bare["messageId"]
    assert bare["timestamp"] == bare["receivedAt"] and "originalTimestamp" not in bare
    assert batched["context"] == {"locale": "de", "ip": "1.1.1.1"}


def test_a_value_json_does_not_have_costs_no_message_of_its_batch(tmp_path: Path):
    # what Python's json writes for such values
    odd = {"nan": float("nan"), "half_a_pair": "\ud800", "long": 10**30}
    body = json.dumps({"batch": [call("good"), call("odd", properties=odd)]})
    with collector(tmp_path) as running:
        assert running.ask("/segment/v1/batch", body.encode())[0] == 200
        running.stop()
        good, bad = running.landed()
    assert good["messageId"] == "good"
    assert bad["properties"]["half_a_pair"] == "\ud800"


def test_nan_lands_as_null(tmp_path: Path):
    with collector(tmp_path) as running:
        running.ask("/v1/track", json.dumps(call("m", properties={"x": float("nan")})).encode())
        running.stop()
    report = ingest(running.settings)
    assert (report.rows_accepted, report.rows_quarantined) == (1, 0)
    assert [m["properties"] for m in running.landed()] == [{"x": None}]


# Refusals ---------------------------------------------------------------------------------

GOOD = {"batch": [call("m1")]}
BOMB = gzip.compress(b'{"batch": [' + b" " * 50_000_000 + b"]}")
REFUSALS = {
    "an unknown key": ("/v1/batch", GOOD, {"key": "wrong"}, 401, "unauthorized"),
    "no key": ("/v1/batch", GOOD, {"key": None}, 401, "unauthorized"),
    "a key that is no base64": (
        "/v1/batch", GOOD,
        {"key": None, "headers": {"Authorization": "Basic ?"}}, 401, "unauthorized",
    ),
    "an unknown key in the body": (
        "/batch/", {"api_key": "wrong", "batch": []}, {"key": None}, 401, "unauthorized",
    ),
    "no key in the body": ("/batch/", {"batch": [{"event": "e"}]}, {"key": None}, 401,
                           "unauthorized"),
    "broken JSON": ("/v1/batch", b'{"batch": [', {}, 400, "bad_request"),
    "no UTF-8": ("/v1/batch", b'{"batch": ["\xff"]}', {}, 400, "bad_request"),
    "an empty body": ("/v1/batch", b"", {}, 400, "bad_request"),
    "JSON nested too deeply": ("/v1/batch", b"[" * 90_000, {}, 400, "bad_request"),
    "a body that is no object": ("/v1/track", ["x"], {}, 400, "bad_request"),
    "a batch that is no array": ("/v1/batch", {"batch": "x"}, {}, 400, "bad_request"),
    "a message that is no object": ("/v1/batch", {"batch": [call("a"), 3]}, {}, 400, "bad_request"),
    "a gzip that is none": (
        "/v1/batch", b"{}", {"headers": {"Content-Encoding": "gzip"}}, 400, "bad_request",
    ),
    "a gzip that breaks off": (
        "/v1/batch", gzip.compress(json.dumps(GOOD).encode())[:-12],
        {"headers": {"Content-Encoding": "gzip"}}, 400, "bad_request",
    ),
    "an encoding unknown here": (
        "/v1/batch", b"x", {"headers": {"Content-Encoding": "br"}}, 415, "unsupported_encoding",
    ),
    "a message too large": (
        "/segment/v1/batch", {"batch": [call("a", properties={"x": "y" * 33_500})]}, {}, 413,
        "too_large",
    ),
    "a body too large": ("/v1/batch", b" " * 200_001, {}, 413, "too_large"),
    "a body too large that does not say so": (
        "/v1/batch", iter([b" " * 150_000, b" " * 150_000]),
        {}, 413, "too_large",
    ),
    "a gzip bomb": (
        "/v1/batch", BOMB, {"headers": {"Content-Encoding": "gzip"}}, 413, "too_large",
    ),
    "another method": ("/v1/batch", b"", {"method": "GET"}, 405, "method_not_allowed"),
    "another method on health": ("/healthz", b"", {"method": "POST"}, 405, "method_not_allowed"),
    "another path": ("/v2/batch", GOOD, {}, 404, "not_found"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_is_refused_with_its_status_and_lands_nothing(running: Running, case: str):
    path, body, options, status, code = REFUSALS[case]
    answered, answer, _ = running.ask(path, body, **options)
    assert (answered, answer["code"], answer["success"]) == (status, code, False)
    assert answer["message"]
    assert running.health()["messages_accepted"] == {}


def test_health_needs_no_key_and_shows_none(running: Running):
    status, answer, _ = running.ask("/healthz", method="GET", key=None)
    assert (status, answer["status"]) == (200, "ok")
    assert KEY not in json.dumps(answer) + json.dumps(running.message)


# Back-pressure ----------------------------------------------------------------------------


def begin_request(running: Running, length: int, first: bytes) -> socket.socket:
    """A request whose body has only begun to arrive."""
    credentials = base64.b64encode(f"{KEY}:".encode()).decode()
    sock = socket.create_connection(running.address, timeout=20)
    sock.sendall(
        f"POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {credentials}\r\n"
        f"Content-Length: {length}\r\n\r\n".encode()
        + first
    )
    return sock


def wait_for(condition, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_too_many_waiting_requests_are_told_to_come_again(tmp_path: Path):
    body = json.dumps({"batch": [call("slow")]}).encode()
    with collector(tmp_path, max_waiting_requests=1) as running:
        slow = begin_request(running, len(body), body[:10])
        wait_for(lambda: running.health()["requests_waiting"] == 1)
        status, answer, headers = running.ask("/v1/batch", {"batch": [call("quick")]})
        assert (status, answer["code"], headers["retry-after"]) == (503, "busy", "1")
        slow.sendall(body[10:])
        assert slow.recv(100).startswith(b"HTTP/1.1 200")
        slow.close()
        assert running.ask("/v1/batch", {"batch": [call("quick")]})[0] == 200
        running.stop()
        assert [m["messageId"] for m in running.landed()] == ["slow", "quick"]


def test_too_many_waiting_bytes_are_told_to_come_again(tmp_path: Path):
    with collector(tmp_path, max_waiting_bytes=50_000) as running:
        slow = begin_request(running, 100_000, b" " * 40_000)
        wait_for(lambda: running.health()["bytes_waiting"] == 40_000)
        status, answer, _ = running.ask("/v1/batch", b" " * 20_000)
        assert (status, answer["code"]) == (503, "busy")
        slow.close()
        wait_for(lambda: running.health()["bytes_waiting"] == 0)
        assert running.ask("/v1/batch", {"batch": [call("m")]})[0] == 200


def test_an_official_client_waits_out_the_back_pressure(tmp_path: Path):
    with collector(tmp_path, max_waiting_requests=1) as running:
        slow = begin_request(running, 100, b"{")
        wait_for(lambda: running.health()["requests_waiting"] == 1)
        sending = threading.Thread(target=send_with_segment, args=(f"{running.url}/segment",))
        sending.start()
        wait_for(lambda: running.health()["requests_refused"].get("busy", 0) >= 1)
        slow.close()
        sending.join(timeout=30)
        running.stop()
        assert len(running.landed()) == 6


# Durability -------------------------------------------------------------------------------


def test_many_requests_share_one_sync(tmp_path: Path):
    with collector(tmp_path) as running:
        with ThreadPoolExecutor(16) as pool:
            answers = pool.map(lambda n: running.ask("/v1/track", call(f"m{n}"))[0], range(320))
            assert set(answers) == {200}
        assert running.health()["commits"] < 320
        running.stop()
        assert len({m["messageId"] for m in running.landed()}) == 320


@pytest.mark.parametrize("rotate_bytes", [300_000, 2**30], ids=["files change", "one file"])
def test_nothing_acknowledged_is_lost_when_the_collector_is_killed_under_load(
    tmp_path: Path, rotate_bytes: int
):
    acknowledged: list[str] = []
    sent: list[str] = []

    def send_until_gone(sender: int) -> None:
        connection = http.client.HTTPConnection(*running.address, timeout=20)
        credentials = base64.b64encode(f"{KEY}:".encode()).decode()
        for batch in range(100_000):
            ids = [f"{sender}-{batch}-{n}" for n in range(50)]
            sent.extend(ids)
            try:
                connection.request(
                    "POST",
                    ("/segment", "/rudderstack")[sender % 2] + "/v1/batch",
                    json.dumps({"batch": [call(message_id) for message_id in ids]}),
                    {"Authorization": f"Basic {credentials}"},
                )
                status = connection.getresponse()
                status.read()
            except (OSError, http.client.HTTPException):
                return
            assert status.status == 200
            acknowledged.extend(ids)

    with collector(tmp_path, rotate_bytes=rotate_bytes) as running:
        senders = [threading.Thread(target=send_until_gone, args=(n,)) for n in range(4)]
        for sender in senders:
            sender.start()
        wait_for(lambda: len(acknowledged) > 5_000, seconds=60)
        running.kill()
        for sender in senders:
            sender.join()
        if rotate_bytes == 2**30:
            assert running.landed() == []  # all of it is in files nobody sees yet
    with collector(tmp_path) as again:
        assert again.stop() == 0
    report = ingest(again.settings)
    with duckdb.connect(str(again.settings.warehouse_path), read_only=True) as connection:
        loaded = {
            row[0] for row in connection.execute("select message_id from raw.events").fetchall()
        }
    assert set(acknowledged) <= loaded <= set(sent)
    assert report.rows_quarantined <= 2  # a torn last line a file, at most


def test_a_torn_last_line_is_quarantined_and_the_lines_before_it_are_loaded(tmp_path: Path):
    folder = tmp_path / "landing" / "events" / "segment" / "2026-01-01"
    folder.mkdir(parents=True)
    whole = "".join(json.dumps(call(f"m{n}")) + "\n" for n in range(3))
    (folder / ".collect-left.jsonl.part").write_text(whole + '{"messageId": "to')
    (folder / ".collect-empty.jsonl.part").write_text("")
    settings = Settings(home=tmp_path)
    assert scan_landing(settings.landing_dir) == []
    assert [path.name for path in recover(settings.landing_dir)] == ["collect-left.jsonl"]
    report = ingest(settings)
    assert (report.rows_accepted, report.rows_quarantined) == (3, 1)
    assert not list(folder.glob(".*"))


def test_a_write_the_disk_refuses_is_not_acknowledged_and_leaves_no_torn_line(tmp_path: Path):
    with collector(tmp_path, file_bytes=20_000) as running:
        statuses = []
        for n in range(20):
            status, answer, headers = running.ask(
                "/v1/batch", {"batch": [call(f"{n}-{m}", properties={"x": "y" * 500})
                                        for m in range(8)]}
            )  # fmt: skip
            statuses.append(status)
            if status != 200:
                assert (status, answer["code"]) == (503, "not_written") and headers["retry-after"]
        assert 503 in statuses and statuses.count(200) >= 10  # it goes on in a new file
        running.stop()
        landed = {m["messageId"] for m in running.landed()}
    taken = {f"{n}-{m}" for n, status in enumerate(statuses) if status == 200 for m in range(8)}
    assert landed == taken


def test_a_file_is_seen_only_when_it_is_whole(tmp_path: Path):
    with collector(tmp_path, rotate_seconds=1.0) as running:
        running.ask("/v1/track", call("m1"))
        assert scan_landing(running.settings.landing_dir) == []
        wait_for(lambda: scan_landing(running.settings.landing_dir))
        assert [m["messageId"] for m in running.landed()] == ["m1"]
        assert running.health()["bytes_not_landed_yet"] == 0
        running.ask("/v1/track", call("m2"))
        assert running.stop() == 0
        assert {m["messageId"] for m in running.landed()} == {"m1", "m2"}


def test_a_client_that_hangs_keeps_nothing_from_landing(tmp_path: Path):
    with collector(tmp_path) as running:
        running.ask("/v1/track", call("m1"))
        hanging = begin_request(running, 1000, b"{")
        wait_for(lambda: running.health()["requests_waiting"] == 1)
        assert running.stop() == 0
        assert hanging.recv(100).startswith(b"HTTP/1.1 503")
        hanging.close()
        assert [m["messageId"] for m in running.landed()] == ["m1"]
        assert "Traceback" not in running.process.stderr.read()


def test_files_are_closed_by_size_by_age_and_at_midnight(tmp_path: Path):
    clock = {"now": datetime(2026, 3, 1, 12, tzinfo=UTC), "monotonic": 0.0}
    journal = Journal(
        tmp_path, rotate_bytes=100, rotate_seconds=60,
        now=lambda: clock["now"], monotonic=lambda: clock["monotonic"],
    )  # fmt: skip

    def seen() -> int:
        return len(scan_landing(tmp_path))

    journal.append("segment", b"x" * 99 + b"\n")
    journal.append("rudderstack", b"{}\n")
    assert seen() == 1  # full
    clock["monotonic"] = 61.0
    journal.rotate()
    assert seen() == 2  # old
    journal.append("segment", b"{}\n")
    clock["now"] += timedelta(hours=12)
    journal.append("segment", b"{}\n")
    assert seen() == 3  # yesterday's
    journal.close()
    days = [file.path.split("/")[2] for file in scan_landing(tmp_path)]
    assert sorted(days) == ["2026-03-01"] * 3 + ["2026-03-02"]


# Starting ---------------------------------------------------------------------------------


def test_two_collectors_do_not_write_to_one_landing_folder(tmp_path: Path):
    with (
        collector(tmp_path),
        pytest.raises(AssertionError, match="another collector writes to"),
        collector(tmp_path),
    ):
        pass


def test_a_port_that_is_taken_is_said_so(tmp_path: Path, running: Running):
    command = [sys.executable, "-c", _START, "collect", "--port", str(running.address[1])]
    environment = os.environ | {"PLG_HOME": str(tmp_path)}
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "cannot listen on 127.0.0.1" in done.stderr and "Traceback" not in done.stderr


def test_without_configured_keys_one_is_made_and_kept(tmp_path: Path):
    for _ in range(2):
        with collector(tmp_path, write_keys="") as running:
            path = Path(running.message["write_keys_are_in"])
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert running.ask("/v1/track", call("m"), key="")[0] == 401
            assert running.ask("/v1/track", call("m"), key=path.read_text().strip())[0] == 200
            running.stop()
    assert len(running.landed()) == 2
