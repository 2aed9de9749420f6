"""With the sensor on, a hot PQL is with Sales within a minute of the file that tells of it.

The real thing: `plg ui` (Dagster's web server, its daemon, the mocks), the sensor turned on as the
UI does it, an event file moved into the landing folder. Prints when it arrived where.
"""

import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from reverse_etl.mocks.process import running_server
from warehouse.settings import Settings

pytestmark = pytest.mark.proof

PLG = Path(sys.executable).with_name("plg")
PORT = 3917
LIMIT_SECONDS = 60
YESTERDAY, NOW = "2026-07-01T08:00:00Z", "2026-07-01T09:00:00Z"
# worth more than the bound of hot: queries, prices, support, two colleagues invited, two at work
DEEDS = (
    ("query_run", 0), ("query_run", 1), ("pricing_page_viewed", 0), ("support_contacted", 0),
    ("teammate_invited", 0), ("teammate_invited", 0), ("query_run", 1),
)  # fmt: skip
_START = """
mutation Start($selector: SensorSelector!) { startSensor(sensorSelector: $selector) {
  __typename ... on PythonError { message } } }
"""
_RUNS = "query { runsOrError { ... on Runs { results { jobName status } } } }"
http = httpx.Client(timeout=30, trust_env=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A small company that was run through this morning."""
    run(tmp_path, "demo", "generate", "--accounts", "100", "--months", "8")
    run(tmp_path, "run", as_of=YESTERDAY)
    return tmp_path


def environment(home: Path, as_of: str) -> dict[str, str]:
    return os.environ | {"PLG_HOME": str(home), "PLG_AS_OF": as_of, "PLG_UI_PORT": str(PORT)}


def run(home: Path, *arguments: str, as_of: str = YESTERDAY) -> None:
    done = subprocess.run(
        [PLG, *arguments], env=environment(home, as_of), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def ask(query: str, **variables: Any) -> dict[str, Any]:
    url = f"http://127.0.0.1:{PORT}/graphql"
    answer = http.post(url, json={"query": query, "variables": variables}).json()
    assert "errors" not in answer, answer
    return answer["data"]


def wait(what: str, seconds: float, is_there: Callable[[], Any]) -> float:
    """Seconds until ``is_there``; fails after so many."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        try:
            if is_there():
                return time.monotonic() - started
        except httpx.TransportError:
            pass
        time.sleep(0.25)
    raise AssertionError(f"{what}: not after {seconds} s")


@contextmanager
def ui(home: Path) -> Iterator[None]:
    """`plg ui` at work, the sensor on, its first look over."""
    log = (home / "ui.log").open("w")
    process = subprocess.Popen(
        [PLG, "ui"], env=environment(home, NOW), stdout=log, stderr=subprocess.STDOUT
    )
    try:
        wait("Dagster's server", 120, lambda: ask("query { version }"))
        started = ask(
            _START,
            selector={
                "repositoryName": "__repository__",
                "repositoryLocationName": "dagster_plg.definitions",
                "sensorName": "hot_pqls",
            },
        )
        assert started["startSensor"]["__typename"] == "Sensor", started
        # all that is there counts as new at the first look
        wait("the first run", 300, lambda: finished_runs() == ["SUCCESS"])
        yield
    finally:
        process.terminate()
        process.wait(60)


def finished_runs() -> list[str]:
    runs = ask(_RUNS)["runsOrError"]["results"]
    states = [run["status"] for run in runs if run["jobName"] == "as_it_happens"]
    assert "FAILURE" not in states, states
    return states


def hot_file(home: Path) -> tuple[str, str, Path]:
    """An account that is not hot, its name, and a file (not landed yet) that makes it so."""
    settings = Settings(home=home, _env_file=None)
    with duckdb.connect(str(settings.published_path), read_only=True) as published:
        cold = dict(
            published.execute(
                "select account_id, account_name from pql.fct_current_scores as scores "
                "inner join core.dim_accounts as accounts using (account_id) "
                "where model_key = 'rubric_150' and points < 20 "
                "and account_id not in (select account_id from revenue.fct_mrr_movements) "
                "and account_id not in (select account_id from pql.fct_handoffs) order by 1"
            ).fetchall()
        )
    users: dict[str, dict[str, dict[str, Any]]] = {}
    for path in sorted((settings.landing_dir / "events" / "segment").rglob("*.jsonl*")):
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                call = _read(line)
                account = (call.get("context") or {}).get("groupId")
                if call.get("type") == "track" and account in cold and call.get("userId"):
                    users.setdefault(account, {})[call["userId"]] = call
    account = next(account for account in sorted(users) if len(users[account]) >= 2)
    people = list(users[account].values())[:2]
    calls = []
    for number, (event, who) in enumerate(DEEDS):
        moment = f"2026-07-01T08:{20 + number}:00.000Z"
        call = people[who] | {"event": event, "messageId": f"hot-{number}", "properties": {}}
        if event == "teammate_invited":
            call["properties"] = {
                "invite_id": f"inv_hot{number}",
                "invitee_email": f"c{number}@x.eu",
            }
        for name in ("timestamp", "sentAt", "receivedAt", "originalTimestamp"):
            if name in call:
                call[name] = moment
        calls.append(json.dumps(call))
    file = home / "2026-07-01.jsonl"
    file.write_text("\n".join(calls) + "\n")
    return account, cold[account], file


def _read(line: str) -> dict[str, Any]:
    try:
        call = json.loads(line)
    except ValueError:  # the demo's dirt
        return {}
    return call if isinstance(call, dict) else {}


def page(home: Path, path: str) -> str:
    """A page of the mocks, as a salesperson sees it."""
    server = running_server(Settings(home=home, _env_file=None))
    assert server is not None
    return http.get(f"{server.url}{path}").raise_for_status().text


def test_a_hot_pql_is_in_both_crms_and_in_slack_within_a_minute_of_its_file(home, capsys):
    account, name, file = hot_file(home)
    places = {
        "Salesforce": (f"/records/salesforce/PQL__c?q={account}", "/records/salesforce/PQL__c/"),
        "HubSpot": (f"/records/hubspot/pql?q={account}", "/records/hubspot/pql/"),
        "Slack": ("/messages", name),
    }
    with ui(home):
        for path, sign in places.values():
            assert sign not in page(home, path)
        landed = Settings(home=home, _env_file=None).landing_dir / "events" / "segment" / file.name
        started = time.monotonic()
        file.rename(landed)
        seconds = {}
        for place, (path, sign) in places.items():
            wait(place, 180, lambda path=path, sign=sign: sign in page(home, path))
            seconds[place] = time.monotonic() - started
    with capsys.disabled():
        print(f"\nhot PQL of {account}, seconds from the file's arrival: ", end="")
        print(", ".join(f"{name} {after:.1f}" for name, after in seconds.items()))
    assert max(seconds.values()) < LIMIT_SECONDS
