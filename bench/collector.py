"""How many events a second `plg collect` takes: ``python -m bench.collector``.

A collector in its own process, senders in others. ``--client wire`` posts batches as Segment's
client does, serialised beforehand, so that the collector is measured and not the sender;
``segment``, ``rudderstack`` and ``posthog`` use the official clients whole. At the end the
collector is stopped and every acknowledged message is looked for in the landed files;
``--kill`` ends it with ``kill -9`` under load instead, and starts it once more.
"""

import argparse
import base64
import http.client
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from warehouse.settings import PROJECT_ROOT

KEY = "bench-key"
BATCH = 100
_START = "from dagster_plg.cli import main; main()"
_ID = re.compile(rb'"(?:messageId|uuid)":"([^"]+)"')


def start_collector(home: Path) -> tuple[subprocess.Popen[str], str]:
    """A collector in its own process, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-c", _START, "collect", "--port", "0", "--json"],
        cwd=PROJECT_ROOT,
        env=os.environ | {"PLG_HOME": str(home), "PLG_COLLECT_WRITE_KEYS": KEY},
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, json.loads(process.stdout.readline())["url"]


def event(message_id: str, now: str) -> dict:
    """A track call of the usual size, about 600 bytes."""
    return {
        "integrations": {},
        "anonymousId": str(uuid4()),
        "userId": "usr_1",
        "timestamp": now,
        "type": "track",
        "event": "report_created",
        "messageId": message_id,
        "context": {
            "groupId": "acc_1",
            "library": {"name": "analytics-python", "version": "2.4.0"},
            "page": {"url": "https://app.example.com/reports", "referrer": ""},
        },
        "properties": {
            "plan_tier": "team",
            "seats_count": 12,
            "feature_flags": ["new_editor", "dark_mode"],
            "source": "web",
            "rows": 1234,
        },
    }


def send_wire(url: str, seconds: float, acknowledged: Path, start: Callable[[], None]) -> None:
    """Post batches until the time is over or the collector is gone; keep what was answered 200."""
    prefix = uuid4().hex[:12]
    now = datetime.now(UTC).isoformat()
    template = json.dumps({"batch": [event("~~~~", now)] * BATCH, "sentAt": now, "writeKey": KEY})
    parts = template.split("~~~~")
    credentials = base64.b64encode(f"{KEY}:".encode()).decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {credentials}"}
    host, port = url.removeprefix("http://").split(":")
    start()
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    deadline, number = time.monotonic() + seconds, 0
    with acknowledged.open("w") as file:
        while time.monotonic() < deadline:
            ids = [f"{prefix}-{number + offset}" for offset in range(BATCH)]
            number += BATCH
            body = "".join(text for pair in zip(parts, [*ids, ""], strict=True) for text in pair)
            try:
                connection.request("POST", "/segment/v1/batch", body, headers)
                answer = connection.getresponse()
                answer.read()
            except OSError:
                break
            if answer.status == 200:
                file.write("\n".join(ids) + "\n")


def send_with_client(
    name: str, url: str, seconds: float, acknowledged: Path, start: Callable[[], None]
) -> None:
    """The official client, as an application uses it; ids are kept once `flush` returned."""
    ids: list[str] = []
    failed: list[object] = []

    def failing(error, batch) -> None:
        failed.append(error)

    start()
    client, send = _official(name, url, failing)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for _ in range(BATCH):
            message_id = str(uuid4())
            send(message_id)
            ids.append(message_id)
        client.flush()
    client.flush()
    acknowledged.write_text("" if failed else "\n".join(ids) + "\n")


def _official(name: str, url: str, on_error):
    if name == "posthog":
        from posthog import Posthog

        client = Posthog(KEY, host=f"{url}/posthog", on_error=on_error, gzip=True)
        return client, lambda i: client.capture(
            "report_created", distinct_id="usr_1", properties={"plan_tier": "team"}, uuid=i
        )
    if name == "rudderstack":
        from rudderstack.analytics.client import Client
    else:
        from segment.analytics.client import Client

    client = Client(KEY, host=f"{url}/{name}", on_error=on_error)
    ids = {"segment": "message_id", "rudderstack": "message_id"}
    return client, lambda i: client.track(
        "usr_1", "report_created", {"plan_tier": "team", "seats_count": 12}, **{ids[name]: i}
    )


def landed_ids(home: Path) -> list[bytes]:
    """Every message id in the landed files, repeats included."""
    files = (home / "landing" / "events").rglob("collect-*.jsonl")
    return [found for path in files for found in _ID.findall(path.read_bytes())]


def _sender(client: str, url: str, seconds: float, path: Path, ready) -> None:
    if client == "wire":
        send_wire(url, seconds, path, ready.wait)
    else:
        send_with_client(client, url, seconds, path, ready.wait)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--senders", type=int, default=2)
    parser.add_argument(
        "--client", choices=["wire", "segment", "rudderstack", "posthog"], default="wire"
    )
    parser.add_argument("--kill", action="store_true", help="kill -9 half-way, then start again")
    arguments = parser.parse_args()

    home = Path(tempfile.mkdtemp(prefix="plg-bench-collector-"))
    collector, url = start_collector(home)
    forked = multiprocessing.get_context("spawn")
    ready = forked.Barrier(arguments.senders + 1)
    paths = [home / f"acknowledged-{number}" for number in range(arguments.senders)]
    senders = [
        forked.Process(target=_sender, args=(arguments.client, url, arguments.seconds, path, ready))
        for path in paths
    ]
    for sender in senders:
        sender.start()
    ready.wait()
    started = time.monotonic()
    if arguments.kill:
        time.sleep(arguments.seconds / 2)
        collector.kill()
        collector.wait()
    for sender in senders:
        sender.join()
    seconds = time.monotonic() - started
    if arguments.kill:
        seconds = arguments.seconds / 2
        collector, _ = start_collector(home)  # lands what was left
    collector.send_signal(signal.SIGTERM)
    collector.wait(timeout=30)

    acknowledged = {i.encode() for path in paths for i in path.read_text().split()}
    landed = landed_ids(home)
    result = {
        "client": arguments.client,
        "senders": arguments.senders,
        "seconds": round(seconds, 2),
        "acknowledged": len(acknowledged),
        "events_per_second": round(len(acknowledged) / seconds),
        "landed": len(landed),
        "acknowledged_and_not_landed": len(acknowledged - set(landed)),
        "load_average": os.getloadavg()[0],
    }
    print(json.dumps(result, indent=2))
    if any(sender.exitcode for sender in senders) or not acknowledged:
        sys.exit("a sender failed: see above")
    if result["acknowledged_and_not_landed"]:
        sys.exit("acknowledged messages are not in the landing folder")


if __name__ == "__main__":
    main()
