"""Received days read again from the UI, beside a nightly run: exactly those days, the same state.

GIVEN an installation whose last three days have landed since its last run, WHEN the whole job is
started as *Materialize all* starts it and a backfill of three older days as the UI launches it
while that runs, THEN the days wait, are read again and no other, and after the next night every
table of every layer is that of an installation that read everything once.
"""

import os
import signal
import socket
import subprocess
import time
from datetime import date

import httpx
import pytest

from ingestion.days import days_between
from ingestion.manifest import committed_load_id
from tests.dagster_plg.ui_calls import DagsterUi
from tests.end_to_end.conftest import PLG, tables_that_remember
from warehouse.settings import Settings

pytestmark = pytest.mark.proof

JOB = "reread_received_days"
DATASETS = ("events", "stripe_events", "stripe_objects", "crm_records", "contracts", "targets")
WAIT_SECONDS = 900  # a machine may be busy with other things


@pytest.fixture(scope="module")
def company(new_installation):
    """A demo company after a first night, all but its last three days of events."""
    installation = new_installation("backfill")
    installation.plg(
        "demo", "generate", "--accounts", "30", "--months", "4", "--seed", "5",
        "--out", str(installation.landing),
    )  # fmt: skip
    events = sorted((installation.landing / "events" / "segment").rglob("*.jsonl*"))
    held_back = {path: path.read_bytes() for path in events[-3:]}
    for path in held_back:
        path.unlink()
    installation.plg("run")
    for path, contents in held_back.items():
        path.write_bytes(contents)
    return installation


@pytest.fixture(scope="module")
def read_once(company, new_installation):
    """The same landing folder in an installation that knows of no backfill."""
    installation = new_installation("read_once")
    installation.landing.symlink_to(company.landing)
    installation.plg("ingest")
    installation.plg("build")
    return installation


@pytest.fixture(scope="module")
def ui(company):
    """`plg ui` on a free port: Dagster's web server, daemons and the mocks."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        port, mocks_port = one.getsockname()[1], other.getsockname()[1]
    environment = {"PLG_UI_PORT": str(port), "PLG_MOCKS_PORT": str(mocks_port)}
    with (company.home / "ui.log").open("wb") as log:
        process = subprocess.Popen(
            [str(PLG), "ui"],
            env=os.environ | environment | {"PLG_HOME": str(company.home)},
            stdout=log,
            stderr=log,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:

            def ask(query, variables):
                answer = client.post("/graphql", json={"query": query, "variables": variables})
                assert "errors" not in answer.json(), answer.text
                return answer.json()["data"]

            _wait_until(lambda: _answers(client), "the UI answers")
            yield DagsterUi(ask)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/server_info").status_code == 200
    except httpx.TransportError:
        return False


def _wait_until(happened, what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not happened():
        assert time.monotonic() < deadline, f"not within {WAIT_SECONDS} s: {what}"
        time.sleep(0.5)


def _run(ui: DagsterUi, run_id: str) -> dict:
    return next(run for run in ui.runs() if run["runId"] == run_id)


def test_a_backfill_beside_a_nightly_run_rereads_its_days_and_ends_in_the_same_state(
    company, ui, read_once
):
    settings = Settings(home=company.home)
    first_night = committed_load_id(settings)
    events = sorted((company.landing / "events" / "segment").rglob("*.jsonl*"))
    days = [date.fromisoformat(path.name[:10]) for path in events]  # a file a day
    asked, arrived = days[40:43], days[-3:]

    nightly = ui.materialize_all()
    _wait_until(lambda: _run(ui, nightly)["status"] == "STARTED", "the nightly run starts")
    ui.launch_backfill(JOB, [day.isoformat() for day in asked])
    _wait_until(lambda: sum(run["jobName"] == JOB for run in ui.runs()) == 3, "a run a day")
    assert _run(ui, nightly)["status"] == "STARTED", "the backfill came while it ran"
    _wait_until(lambda: not ui.unfinished(), "all runs end")

    runs = ui.runs()
    rereads = [run for run in runs if run["jobName"] == JOB]
    assert {run["status"] for run in runs} == {"SUCCESS"}
    ended = _run(ui, nightly)["endTime"]
    assert all(run["startTime"] >= ended for run in rereads), "they waited"
    last = committed_load_id(settings)
    touched = [day.day for day in days_between(settings, first_night, last)]
    assert touched == sorted([*asked, *arrived])
    assert [day.day for day in days_between(settings, first_night + 1, last)] == asked
    for dataset in DATASETS:
        assert company.raw_rows(dataset) == read_once.raw_rows(dataset), dataset

    ui.materialize_all()
    _wait_until(lambda: not ui.unfinished(), "the next night ends")
    assert ui.runs()[0]["status"] == "SUCCESS"
    histories = tables_that_remember()
    after = company.warehouse_contents(without=histories)
    expected = read_once.warehouse_contents(without=histories)
    assert len(expected) > 100
    assert {t: after.get(t) for t, rows in expected.items() if after.get(t) != rows} == {}
    assert after.keys() == expected.keys()
