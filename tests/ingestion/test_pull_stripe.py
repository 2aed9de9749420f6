"""Pulling Stripe's lists, over real HTTP: a small double of ours for faults, and localstripe."""

import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pytest
import stripe
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from ingestion.landing import scan_landing, told_at
from ingestion.pulls.errors import NotConfigured, PullRefused, PullRunning
from ingestion.pulls.stripe import LISTS, pull_stripe
from ingestion.run import ingest
from warehouse.settings import PROJECT_ROOT, Settings

KEY = "sk_test_double"
T0 = datetime(2026, 3, 1, tzinfo=UTC)


def thing(kind: str, number: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"{kind}_{number:05}",
        "object": kind,
        "created": int((T0 - timedelta(days=1)).timestamp()) - number,
        "livemode": True,
        **fields,
    }


@dataclass
class Double:
    """Answers like Stripe's list API: newest first, cursors by id, errors in Stripe's shape."""

    lists: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    nested: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    faults: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # one a request
    down_when: Callable[[str, dict[str, str]], bool] = lambda path, params: False
    hangs_when: Callable[[str, dict[str, str]], bool] = lambda path, params: False
    is_hanging: threading.Event = field(default_factory=threading.Event)
    keys: set[str] = field(default_factory=lambda: {KEY})
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def paths(self, name: str) -> list[dict[str, str]]:
        """The parameters of every request for a list."""
        return [params for path, params in self.requests if path == name]

    def answer(self, path: str, request: Request) -> Response:
        params = dict(request.query_params)
        self.requests.append((path, params))
        if self.hangs_when(path, params):
            self.is_hanging.set()
            time.sleep(3)
        if request.headers["authorization"].removeprefix("Bearer ") not in self.keys:
            return _error(401, "invalid_request_error", "Invalid API Key provided")
        if self.down_when(path, params):
            return _error(503, "api_error", "down")
        if self.faults:
            status, headers = self.faults.pop(0)
            return _error(status, "api_error", "not now", headers=headers)
        rows = self.nested.get(path, self.lists.get(path))
        if rows is None:
            return _error(404, "invalid_request_error", f"Unrecognized request URL {path}")
        if newer := params.get("created[gt]"):
            rows = [row for row in rows if row["created"] > int(newer)]
        if after := params.get("starting_after"):
            ids = [row["id"] for row in rows]
            if after not in ids:
                return _error(
                    400, "invalid_request_error", f"No such object: {after}", "starting_after"
                )
            rows = rows[ids.index(after) + 1 :]
        limit = int(params.get("limit", 10))
        page = {"object": "list", "data": rows[:limit], "has_more": len(rows) > limit}
        return JSONResponse(page, headers={"Stripe-Version": "2025-03-31.basil"})


def _error(
    status: int, kind: str, message: str, param: str | None = None, headers: Any = None
) -> Response:
    error = {"type": kind, "message": message, "param": param}
    return JSONResponse({"error": error}, status, headers=headers)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture
def double() -> Iterator[Double]:
    """The double on a free port, with every list there and empty."""
    server_of = Double({stripe_list.path.removeprefix("/v1/"): [] for stripe_list in LISTS})
    app = FastAPI()
    app.get("/v1/{path:path}")(server_of.answer)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    server_of.url = f"http://127.0.0.1:{port}"
    yield server_of
    server.should_exit = True
    server.force_exit = True
    thread.join(timeout=35)


@dataclass
class Home:
    """An installation that pulls from a double, at a time that tests move."""

    settings: Settings
    at: datetime = T0
    slept: list[float] = field(default_factory=list)

    def pull(self, **options: Any):
        return pull_stripe(self.settings, now=lambda: self.at, sleep=self.slept.append, **options)

    def landed(self, name: str) -> list[dict[str, Any]]:
        return [
            json.loads(line)
            for file in scan_landing(self.settings.landing_dir)
            if file.path.startswith(f"stripe/{name}/")
            for line in gzip.decompress(file.location.read_bytes()).splitlines()
        ]

    def ids(self, name: str) -> list[str]:
        return [row["id"] for row in self.landed(name)]


@pytest.fixture
def home(tmp_path: Path, double: Double) -> Home:
    return Home(
        Settings(home=tmp_path / "home", as_of=T0, stripe_api_key=KEY, stripe_url=double.url)
    )


def test_every_page_of_every_list_lands_once_and_is_ingested(home: Home, double: Double):
    for path in double.lists:
        double.lists[path] = [thing(path.replace("/", "_"), n) for n in range(250)]
    double.lists["events"] = [
        thing("evt", n, type="customer.updated", data={"object": thing("customer", n)})
        for n in range(250)
    ]
    report = home.pull()
    assert report.mode == "full" and report.all_notes() == []
    assert {(r.name, r.rows, r.pages) for r in report.lists} == {
        (stripe_list.name, 250, 3) for stripe_list in LISTS
    }
    assert home.ids("invoices") == [f"invoices_{n:05}" for n in range(250)]
    loaded = ingest(home.settings)
    assert (loaded.rows_accepted, loaded.rows_quarantined) == (250 * len(LISTS), 0)


def test_what_was_pulled_is_known_since_the_pull_however_late_it_is_ingested(
    home: Home, double: Double
):
    double.lists["customers"] = [thing("customer", 1)]
    double.lists["events"] = [
        thing("evt", 1, type="customer.updated", data={"object": thing("customer", 1)})
    ]
    home.at = T0 + timedelta(hours=1, seconds=2)
    home.pull()
    late = Settings(home=home.settings.home, as_of=T0 + timedelta(days=9), _env_file=None)
    by_hand = late.landing_dir / "stripe" / "customers" / "export.jsonl"
    by_hand.write_text(json.dumps(thing("customer", 2)) + "\n")
    known = (
        "select object_id, pulled_at from raw.stripe_objects union all "
        "select event_id, received_at from raw.stripe_events order by all"
    )
    told = (T0 + timedelta(hours=1, seconds=2)).replace(tzinfo=None)
    for as_of in (late.now, late.now + timedelta(days=9)):
        # the second time from nothing: the lake is rebuilt
        for path in (late.lake_dir, late.ops_path, late.warehouse_path):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        ingest(Settings(home=late.home, as_of=as_of, _env_file=None))
        with duckdb.connect(str(late.warehouse_path), read_only=True) as connection:
            assert connection.execute(known).fetchall() == [
                ("customer_00001", told),
                ("customer_00002", as_of.replace(tzinfo=None)),  # its name says nothing
                ("evt_00001", told),
            ]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("pull-20260131T120000123456-001.jsonl.gz", "2026-01-31T12:00:00+00:00"),
        ("customers_20260131T120000Z.jsonl", "2026-01-31T12:00:00+00:00"),
        ("customers-2026-01-31.jsonl", None),
        ("pull-20261331T120000.jsonl", None),
        ("1234520260131T120000.jsonl", None),
    ],
)
def test_a_time_in_a_files_name_is_when_its_content_was_told(home: Home, name: str, told: str):
    path = home.settings.landing_dir / "stripe" / "customers" / name
    path.parent.mkdir(parents=True)
    path.write_text("{}\n")
    (file,) = scan_landing(home.settings.landing_dir)
    assert told_at(file) == (datetime.fromisoformat(told) if told else None)


def test_events_of_one_second_land_in_the_order_they_happened_in(home: Home, double: Double):
    # three events a second, newest first: pages of 100 end in the middle of a second
    happened = [
        thing("evt", n, created=int(T0.timestamp()) - 1000 + n // 3, type="invoice.paid",
              data={"object": thing("in", n // 3, step=n % 3)})
        for n in range(302)
    ]  # fmt: skip
    double.lists["events"] = happened[::-1]
    home.pull()
    landed = home.landed("events")
    assert sorted(home.ids("events")) == [event["id"] for event in happened]
    for invoice in range(101):
        steps = [
            event["data"]["object"]["step"]
            for event in landed
            if event["data"]["object"]["id"] == f"in_{invoice:05}"
        ]
        assert steps == sorted(steps)


def test_cancelled_subscriptions_are_asked_for_and_long_lists_inside_are_completed(
    home: Home, double: Double
):
    items = [thing("si", n) for n in range(130)]
    inside = {"object": "list", "data": items[:10], "has_more": True, "url": "/v1/items_of_sub"}
    double.lists["subscriptions"] = [thing("sub", 1, items=inside)]
    double.nested["items_of_sub"] = items
    home.pull()
    assert double.paths("subscriptions")[0]["status"] == "all"
    (landed,) = home.landed("subscriptions")
    assert [item["id"] for item in landed["items"]["data"]] == [item["id"] for item in items]
    assert landed["items"]["has_more"] is False


def test_the_second_pull_asks_only_for_what_was_created_since(home: Home, double: Double):
    old, new = thing("cus", 2), thing("cus", 1, created=int(T0.timestamp()) + 60)
    double.lists["customers"] = [old]
    home.pull()
    double.lists["customers"] = [new, old]
    home.at += timedelta(days=1)
    report = home.pull()
    assert report.mode == "incremental"
    since = int(double.paths("customers")[-1]["created[gt]"])
    assert since == int((T0 - timedelta(hours=1)).timestamp())
    assert home.ids("customers") == [old["id"], new["id"]]


def test_after_a_pause_longer_than_stripe_keeps_events_everything_is_pulled_again(
    home: Home, double: Double
):
    home.pull()
    home.at += timedelta(days=30)
    assert home.pull().mode == "full"
    assert all("created[gt]" not in params for _, params in double.requests)


def test_full_pulls_every_list_whole(home: Home, double: Double):
    double.lists["customers"] = [thing("cus", 1)]
    home.pull()
    home.at += timedelta(hours=8)
    assert home.pull(full=True).mode == "full"
    assert len(home.ids("customers")) == 2
    # the same state once more is a repeat, not a version
    assert ingest(home.settings).rows_duplicate == 1


def test_another_account_starts_from_nothing(home: Home, double: Double):
    double.lists["customers"] = [thing("cus", 1)]
    home.pull()
    double.keys.add("sk_test_other")
    home.settings = home.settings.model_copy(update={"stripe_api_key": "sk_test_other"})
    report = home.pull()
    assert report.mode == "full" and "another key or address" in report.notes[0]


def test_a_throttling_server_is_given_the_time_it_asks_for(home: Home, double: Double):
    double.lists["customers"] = [thing("cus", 1)]
    double.faults = [(429, {"Retry-After": "7"}), (429, {}), (503, {}), (500, {})]
    report = home.pull()
    assert len(home.slept) == 4 and home.slept[0] >= 7
    assert report.rows == 1 and report.all_notes() == []


def test_a_server_that_stays_down_stops_the_pull_and_the_next_goes_on(home: Home, double: Double):
    double.lists["invoices"] = [thing("in", n) for n in range(250)]
    double.down_when = lambda path, params: params.get("starting_after") == "in_00199"
    with pytest.raises(PullRefused, match="pull again to go on"):
        home.pull()
    assert home.ids("invoices") == []  # nothing half-written is seen
    double.down_when = lambda path, params: False
    assert home.pull().mode == "resumed"
    assert home.ids("invoices") == [f"in_{n:05}" for n in range(250)]
    answered = [params.get("starting_after") for params in double.paths("invoices")]
    assert answered.count(None) == answered.count("in_00099") == 1  # no page twice


def test_a_pull_killed_in_the_middle_of_a_list_goes_on_behind_its_last_page(
    home: Home, double: Double
):
    double.lists["customers"] = [thing("cus", n) for n in range(450)]
    double.hangs_when = lambda path, params: params.get("starting_after") == "cus_00299"
    environment = {name: value for name, value in os.environ.items() if name[:4] != "PLG_"}
    process = subprocess.Popen(
        [sys.executable, "-c", "from dagster_plg.cli import main; main()", "pull", "stripe"],
        cwd=PROJECT_ROOT,
        env=environment
        | {
            "PLG_HOME": str(home.settings.home),
            "PLG_STRIPE_API_KEY": KEY,
            "PLG_STRIPE_URL": double.url,
        },
    )
    assert double.is_hanging.wait(timeout=60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    double.hangs_when = lambda path, params: False
    assert home.ids("customers") == []
    home.at = datetime.now(UTC)
    assert home.pull().mode == "resumed"
    assert home.ids("customers") == [f"cus_{n:05}" for n in range(450)]
    answered = [params.get("starting_after") for params in double.paths("customers")]
    assert [answered.count(after) for after in (None, "cus_00099", "cus_00199")] == [1, 1, 1]


def test_a_killed_full_pull_is_finished_as_a_full_pull(home: Home, double: Double):
    double.lists["refunds"] = [thing("re", 1)]
    home.pull()
    home.at += timedelta(hours=8)
    double.down_when = lambda path, params: path == "charges"
    with pytest.raises(PullRefused):
        home.pull(full=True)
    double.down_when = lambda path, params: False
    home.at += timedelta(minutes=1)
    assert home.pull().mode == "resumed"
    assert "created[gt]" not in double.paths("refunds")[-1]  # not reached before: still whole


def test_a_list_whose_last_object_was_deleted_meanwhile_is_pulled_again(home: Home, double: Double):
    double.lists["customers"] = [thing("cus", n) for n in range(150)]
    double.down_when = lambda path, params: params.get("starting_after") == "cus_00099"
    with pytest.raises(PullRefused):
        home.pull()
    double.down_when = lambda path, params: False
    del double.lists["customers"][99]
    report = home.pull()
    assert any("No such object: cus_00099" in note for note in report.all_notes())
    assert sorted(home.ids("customers")) == sorted(c["id"] for c in double.lists["customers"])


def test_a_lost_part_file_costs_a_list_its_pages_and_nothing_else(home: Home, double: Double):
    double.lists["customers"] = [thing("cus", n) for n in range(150)]
    double.down_when = lambda path, params: params.get("starting_after") == "cus_00099"
    with pytest.raises(PullRefused):
        home.pull()
    double.down_when = lambda path, params: False
    (part,) = (home.settings.landing_dir / "stripe" / "customers").glob(".*.part")
    part.unlink()
    home.pull()
    assert len(home.ids("customers")) == 150


def test_a_list_the_key_may_not_read_is_left_out_with_a_note(home: Home, double: Double):
    del double.lists["credit_notes"]
    double.lists["refunds"] = [thing("re", 1)]
    report = home.pull()
    assert report.all_notes() == [f"credit_notes: {double.url} has no /v1/credit_notes"]
    assert home.ids("refunds") == ["re_00001"]


def test_a_wrong_key_is_said_so(home: Home, double: Double):
    double.keys.clear()
    with pytest.raises(PullRefused, match="check PLG_STRIPE_API_KEY"):
        home.pull()


def test_two_pulls_do_not_work_on_one_home(home: Home, double: Double):
    errors: list[Exception] = []

    def pull_meanwhile(path: str, params: dict[str, str]) -> bool:
        if not errors and path == "customers":
            with pytest.raises(PullRunning) as caught:
                pull_stripe(home.settings)
            errors.append(caught.value)
        return False

    double.down_when = pull_meanwhile
    home.pull()
    assert "another pull of stripe is running" in str(errors[0])


def test_the_api_version_is_recorded(home: Home):
    assert home.pull().api_version == "2025-03-31.basil"
    state = json.loads((home.settings.home / "pulls" / "stripe.json").read_text())
    assert state["about"]["api_version"] == "2025-03-31.basil"
    assert KEY not in json.dumps(state)


def test_without_a_key_nothing_is_pulled(tmp_path: Path):
    with pytest.raises(NotConfigured):
        pull_stripe(Settings(home=tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", "from dagster_plg.cli import main; main()", "pull", "stripe"],
        cwd=PROJECT_ROOT,
        env=os.environ | {"PLG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "PLG_STRIPE_API_KEY" in done.stderr
    assert "Traceback" not in done.stderr


# localstripe ------------------------------------------------------------------------------


@pytest.fixture
def localstripe(tmp_path: Path) -> Iterator[str]:
    if find_spec("localstripe") is None:
        pytest.skip("localstripe is not installed")
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "localstripe", "--port", str(port), "--from-scratch"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait()


def subscribe(client: stripe.StripeClient, name: str) -> str:
    def post(path: str, **params: Any) -> dict[str, Any]:
        return client.raw_request("post", path, **params).data

    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}
    customer = post("/v1/customers", email=f"{name}@example.com", metadata={"account_id": name})
    method = post("/v1/payment_methods", type="card", card=card)
    post(f"/v1/payment_methods/{method['id']}/attach", customer=customer["id"])
    settings = {"default_payment_method": method["id"]}
    post(f"/v1/customers/{customer['id']}", invoice_settings=settings)
    items = [{"plan": "pro", "quantity": 2}]
    return post("/v1/subscriptions", customer=customer["id"], items=items)["id"]


def test_localstripe_is_pulled_and_what_it_lacks_is_noted(tmp_path: Path, localstripe: str):
    client = stripe.StripeClient("sk_test_12345", base_addresses={"api": localstripe})
    client.raw_request(
        "post", "/v1/plans", id="pro", amount=2000, currency="usd", interval="month", name="Pro"
    )
    subscribed = [subscribe(client, name) for name in ("acme", "globex")]
    home = Home(
        Settings(home=tmp_path / "home", stripe_api_key="sk_test_12345", stripe_url=localstripe),
        at=datetime.now(UTC),
    )
    report = home.pull()
    assert {r.name for r in report.lists if r.is_skipped} == {
        "prices", "promotion_codes", "credit_notes", "checkout_sessions",
    }  # fmt: skip
    assert sorted(home.ids("subscriptions")) == sorted(subscribed)
    assert len(home.landed("events")) > 0 and len(home.landed("charges")) == 2
    # it filters few lists by time: the rest comes whole, again
    home.at += timedelta(hours=2)
    third = subscribe(client, "initech")
    again = home.pull()
    assert again.mode == "incremental" and third in home.ids("subscriptions")
    loaded = ingest(home.settings)
    assert loaded.rows_quarantined == 0
    with duckdb.connect(str(home.settings.warehouse_path), read_only=True) as connection:
        count = connection.execute(
            "select count(distinct object_id) from raw.stripe_objects "
            "where object_type = 'subscription'"
        ).fetchone()
    assert count == (3,)
