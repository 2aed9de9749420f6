"""Parts for the sync tests: a published copy made by hand, the mocks on a free port."""

import csv
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
import uvicorn

from reverse_etl.mocks.hubspot_lists_api import Lists
from reverse_etl.mocks.server import create_app
from warehouse.ops import OpsStore
from warehouse.settings import Settings

ACCOUNTS = """
    select
        'acc_' || n as record_key, null::varchar as crm_record_id, 'Account ' || n as account_name,
        'acc' || n || '.example' as website, n::integer as employees, 'Software' as industry,
        'free' as plan, 0::decimal(18, 2) as mrr, 'USD' as currency,
        (n % 7)::bigint as active_users_28d, timestamp '2026-01-01 10:00:00' as activated_at,
        timestamp '2026-01-31 12:00:00' as last_seen_at, 0::double as pql_points,
        1::integer as pql_score_10, 'cold' as pql_tier, null::varchar as pql_reason,
        71.5::decimal(9, 2) as health_score, 'healthy' as health_band, 'steady' as health_trend,
        'unused_seats' as health_cause, '2 of 9 seats used.' as health_reason
    from range(1, {rows} + 1) as numbers(n)
"""
CONTACTS = """
    select
        'per_' || n as record_key, null::varchar as crm_record_id, 'acc_1' as account_id,
        'p' || n || '@acc.example' as email, 'First ' || n as first_name, 'Last' as last_name,
        'Analyst' as title, timestamp '2026-01-01 10:00:00' as signed_up_at,
        null::timestamp as activated_at, timestamp '2026-01-31 12:00:00' as last_seen_at,
        false as is_activated
    from range(1, {rows} + 1) as numbers(n)
"""
PQLS = """
    select
        'rubric_150|acc_' || n as record_key, 'acc_' || n as account_id, 'Account ' || n as name,
        (100 + n)::double as points, 9::integer as score_10, 'hot' as tier,
        'Three people hit the query limit' as reason,
        timestamp '2026-01-30 08:00:00' as triggered_at, 'open' as status,
        'hof_' || n as handoff_id, 'pending' as handoff_state, 'sales_available' as zone,
        'ae_emea' as team, 'dana@lumen.example' as handoff_owner_email,
        timestamp '2026-01-30 08:00:00' as qualified_at,
        timestamp '2026-01-30 10:00:00' as due_at, 'on_track' as sla_state
    from range(1, {rows} + 1) as numbers(n)
"""
COMPANIES = """
    select
        'acc_' || n as record_key, 'acc' || n || '.example' as domain, 'Account ' || n as name,
        n::integer as employees, 'Software' as industry, 'free' as plan,
        0::decimal(18, 2) as mrr, 3::bigint as active_users_28d,
        timestamp '2026-01-01 10:00:00' as activated_at,
        timestamp '2026-01-31 12:00:00' as last_seen_at, 0::double as pql_points,
        1::integer as pql_score_10, 'cold' as pql_tier, null::varchar as pql_reason,
        71.5::decimal(9, 2) as health_score, 'healthy' as health_band, 'steady' as health_trend,
        'unused_seats' as health_cause, '2 of 9 seats used.' as health_reason
    from range(1, {rows} + 1) as numbers(n)
"""
HUBSPOT_CONTACTS = """
    select
        'p' || n || '@acc.example' as record_key, 'per_' || n as person_id,
        'acc_1' as account_id, 'p' || n || '@acc.example' as email, 'First ' || n as first_name,
        'Last' as last_name, 'Analyst' as job_title,
        timestamp '2026-01-01 10:00:00' as signed_up_at, null::timestamp as activated_at,
        timestamp '2026-01-31 12:00:00' as last_seen_at, null::varchar as pql_tier
    from range(1, {rows} + 1) as numbers(n)
"""
HOT = """
    select
        'rubric_150|acc_' || n || '|2026-01-30T08:00:00' as record_key, 'acc_' || n as account_id,
        'Account <' || n || '>' as account_name, 132::double as points, 9::integer as score_10,
        'hot' as tier, 'Three people hit the query limit & invited 5' as reason,
        timestamp '2026-01-30 08:00:00' as triggered_at, 'free' as plan, '51-500' as segment,
        12::bigint as active_users_28d
    from range(1, {rows} + 1) as numbers(n)
"""
SLA_ALERTS = """
    select
        'hof_' || n || '|hot|deadline' as record_key, 'acc_' || n as account_id,
        'Account <' || n || '>' as account_name, 'hof_' || n as handoff_id,
        'tell_manager' as action, 'hot' as tier, 'sdr_emea' as team,
        'dana@lumen.example' as recipient_email, 'Mia Okafor' as owner_name,
        'Mia Okafor' as present_owner_name, 132::double as points, 9::integer as score_10,
        'Three people hit the query limit' as reason, 'free' as plan, '51-500' as segment,
        12::bigint as active_users_28d, timestamp '2026-01-29 23:59:59' as qualified_at,
        timestamp '2026-01-30 10:00:00' as due_at
    from range(1, {rows} + 1) as numbers(n)
"""
TASKS = """
    select
        'hof_' || n as record_key, 'acc_' || n as account_id,
        '[PLG] Account ' || n || ': hot' as subject, 'Three people hit the limit' as description,
        '{high}' as priority, null::varchar as owner_id, {due}
    from range(1, {{rows}} + 1) as numbers(n)
"""
USAGE = """
    select
        'acc_' || n || '|2026-01' as record_key, 'acc_' || n as account_id,
        'Account ' || n || ' 2026-01' as name, date '2026-01-01' as usage_month,
        3::bigint as active_users, 9::bigint as active_days, 120::bigint as count_events,
        29.5::decimal(18, 2) as mrr
    from range(1, {rows} + 1) as numbers(n)
"""
USERS = """
    select
        'per_' || n as record_key, 'acc_1' as account_id, 'First ' || n as name,
        'p' || n || '@acc.example' as email, timestamp '2026-01-01 10:00:00' as signed_up_at,
        null::timestamp as activated_at, timestamp '2026-01-31 12:00:00' as last_seen_at,
        5::bigint as active_days_28d, 50::bigint as count_events_28d
    from range(1, {rows} + 1) as numbers(n)
"""
HEALTH = """
    select
        'acc_' || n as record_key, 'Account ' || n as account_name,
        'acc' || n || '.example' as domain, 'team' as plan, null::varchar as owner_id,
        29.50::decimal(18, 2) as mrr,
        71.50::decimal(9, 2) as health_score, null::decimal(9, 2) as health_change_30d,
        'healthy' as health_band, 'steady' as health_trend, date '2026-01-01' as health_band_since,
        false as is_at_risk, 'seats' as top_risk, 'unused_seats' as risk_cause,
        '2 of 9 seats used.' as risk_reason, 'Call.' as risk_action,
        null::varchar as expansion_item_id, null::varchar as expansion_kind,
        null::varchar as expansion_team, null::varchar as expansion_reason,
        null::decimal(9, 2) as expansion_points, null::date as expansion_expires_date,
        0::bigint as count_expansion_items
    from range(1, {rows} + 1) as numbers(n)
"""
RECOGNITION = """
    select
        'il_' || n || '|2026-01' as record_key, date '2026-01-01' as month,
        'il_' || n as invoice_line_id, 'in_' || n as invoice_id, 'cus_1' as customer_id,
        'acc_1' as account_id, 'Account 1' as account_name, 'team' as plan_key,
        'invoice' as source, 'recurring' as line_type, 'EUR' as currency,
        -123456789012345.675::decimal(21, 3) as recognised_amount_native,
        10.10::decimal(18, 2) as recognised_amount, 0.00::decimal(18, 2) as reversed_amount
    from range(1, {rows} + 1) as numbers(n)
"""
AUDIENCES = """
    select
        'dormant|p' || n || '@acc.example' as record_key, 'dormant' as audience,
        'PLG: dormant' as list_name, 'per_' || n as person_id,
        'p' || n || '@acc.example' as email, 'given' as consent,
        true as has_consent
    from range(1, {rows} + 1) as numbers(n)
"""
LEADS = """
    select
        'per_' || n as record_key, null::varchar as crm_record_id, 'acc_1' as account_id,
        'p' || n || '@acc.example' as email, 'First ' || n as first_name, 'Last' as last_name,
        'Analyst' as title, 'Account 1' as company, timestamp '2026-01-01 10:00:00' as signed_up_at,
        null::timestamp as activated_at, timestamp '2026-01-31 12:00:00' as last_seen_at,
        false as is_activated
    from range(1, {rows} + 1) as numbers(n)
"""
TABLES = {
    "sync_salesforce__leads": LEADS,
    "sync_hubspot__audiences": AUDIENCES,
    "sync_webhook__account_health": HEALTH,
    "sync_csv__revenue_recognition": RECOGNITION,
    "sync_salesforce__tasks": TASKS.format(high="High", due="date '2026-01-30' as due_date"),
    "sync_hubspot__tasks": TASKS.format(
        high="HIGH", due="timestamp '2026-01-30 10:00:00' as due_at"
    ),
    "sync_salesforce__usage_summaries": USAGE,
    "sync_hubspot__usage_summaries": USAGE,
    "sync_salesforce__product_users": USERS,
    "sync_hubspot__product_users": USERS,
    "sync_salesforce__accounts": ACCOUNTS,
    "sync_salesforce__contacts": CONTACTS,
    "sync_salesforce__pqls": PQLS,
    "sync_hubspot__companies": COMPANIES,
    "sync_hubspot__contacts": HUBSPOT_CONTACTS,
    "sync_hubspot__pqls": PQLS,
    "sync_slack__hot_pqls": HOT,
    "sync_slack__sla_alerts": SLA_ALERTS,
}


# httpx loads all certificates for every client: one for all tests
http = httpx.Client(verify=False, trust_env=False, timeout=30)


@dataclass
class Home:
    """A small installation: its settings, its published copy, its operations store."""

    settings: Settings

    def publish(self, **rows: int) -> None:
        """Make the published copy anew: rows per table (without its ``sync_``); none: all empty."""
        path = self.settings.published_path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as connection:
            connection.execute("create schema syncs")
            for table, select in TABLES.items():
                number = rows.get(table.removeprefix("sync_"), 0)
                if number or not rows:
                    select = select.format(rows=number)
                    connection.execute(f"create table syncs.{table} as {select}")

    def change(self, statement: str) -> None:
        """Run a statement on the published copy (tables are in the search path)."""
        with duckdb.connect(str(self.settings.published_path)) as connection:
            connection.execute("use syncs")
            connection.execute(statement)

    def files(self, name: str) -> list[list[dict[str, str]]]:
        """The rows of every CSV file of a table, in the order of the files' names."""
        found = []
        for path in sorted((self.settings.exports_dir / name).glob("*.csv")):
            with path.open(encoding="utf-8", newline="") as file:
                found.append(list(csv.DictReader(file)))
        return found

    def forget(self, table: str) -> None:
        """Empty a table of the operations store, as if nothing had been written there."""
        with OpsStore(self.settings.ops_path).connection() as connection:
            connection.execute(f"delete from {table}")

    def ops(self, query: str) -> list[tuple[Any, ...]]:
        with OpsStore(self.settings.ops_path).connection() as connection:
            return connection.execute(query).fetchall()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(Settings(home=tmp_path / "home", _env_file=None))


@dataclass
class Mocks:
    """The mocks over HTTP."""

    root: str
    settings: Settings
    _token: str = field(default="")

    @property
    def urls(self) -> dict[str, str]:
        return {
            "salesforce": f"{self.root}/salesforce",
            "hubspot": f"{self.root}/hubspot",
            "slack": f"{self.root}/slack/services/T00PLG/B00PLG/plgdemowebhook",
            "webhook": f"{self.root}/sink/{{object}}",
        }

    def get(self, path: str, **options: Any) -> httpx.Response:
        return http.get(f"{self.root}{path}", **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return http.post(f"{self.root}{path}", **options)

    def fault(self, **fault: Any) -> None:
        http.post(f"{self.root}/admin/faults", json=fault).raise_for_status()

    def clear_faults(self) -> None:
        http.delete(f"{self.root}/admin/faults").raise_for_status()

    def salesforce(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A call to the Salesforce REST API, logged in."""
        if not self._token:
            s = self.settings
            form = {
                "grant_type": "password",
                "client_id": s.salesforce_client_id,
                "client_secret": s.salesforce_client_secret,
                "username": s.salesforce_username,
                "password": s.salesforce_password,
            }
            url = f"{self.root}/salesforce/services/oauth2/token"
            self._token = http.post(url, data=form).json()["access_token"]
        url = f"{self.root}/salesforce/services/data/v59.0/{path}"
        headers = {"Authorization": f"Bearer {self._token}", **options.pop("headers", {})}
        return http.request(method, url, headers=headers, **options)

    def query(self, soql: str) -> list[dict[str, Any]]:
        answer = self.salesforce("GET", "query", params={"q": soql}).json()
        assert "records" in answer, answer
        return answer["records"]

    def hubspot(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.settings.hubspot_token}"}
        return http.request(method, f"{self.root}/hubspot{path}", headers=headers, **options)

    def hubspot_records(self, name: str) -> list[dict[str, Any]]:
        records, after = [], ""
        while True:
            properties = "email,firstname,lastname,plg_account_id,name,plg_pql_tier,plg_mrr"
            path = f"/crm/v3/objects/{name}?limit=100&after={after}&properties={properties}"
            page = self.hubspot("GET", path).json()
            records += page["results"]
            if "paging" not in page:
                return records
            after = page["paging"]["next"]["after"]

    def store(self, system: str) -> Any:
        return self.app.state.systems.by_name[system].store

    def list_members(self, name: str) -> list[str]:
        """E-mail addresses of a HubSpot list's members; none where there is no such list."""
        lists = Lists(self.app.state.systems.hubspot.portal)
        found = [one for one in lists.search("") if one["name"] == name]
        if not found:
            return []
        members = lists.members(found[0]["listId"], "", 1000)["results"]
        store = self.store("hubspot")
        return [store.get("contacts", m["recordId"]).fields["email"] for m in members]

    def feed(self, name: str) -> dict[str, dict[str, Any]]:
        """The live records of a webhook's feed, by key."""
        records, _ = self.store("sink").page(name, limit=-1)
        return {record.id: record.fields for record in records}

    def write_calls(self, system: str) -> int:
        calls = self.store(system).rows("calls", limit=10_000)
        return sum(call["is_write"] for call in calls)

    def messages(self) -> list[dict[str, Any]]:
        return self.store("slack").rows("messages", limit=1000)

    app: Any = None


@pytest.fixture
def mocks(home: Home) -> Iterator[Mocks]:
    """The mocks of ``home`` in a thread of this process, on a free port."""
    app = create_app(home.settings)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="error", access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    root = f"http://127.0.0.1:{listener.getsockname()[1]}"
    yield Mocks(root, home.settings, app=app)
    server.should_exit = True
    thread.join(timeout=10)
    listener.close()


@pytest.fixture
def sleeps() -> tuple[list[float], Callable[[float], None]]:
    """Seconds slept, and the sleep that only notes them."""
    slept: list[float] = []
    return slept, slept.append


# third-party descriptions, which may be absent ---------------------------------------------

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference"


@pytest.fixture(scope="session")
def crm_samples() -> dict[str, Any]:
    """Recorded bodies and headers of the real systems."""
    folder = REFERENCE / "crm_wire_samples"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: recorded CRM samples are kept outside the repository")
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


@pytest.fixture(scope="session")
def fits_hubspot_schema() -> Callable[[str, str, httpx.Response], None]:
    """Check an answer against HubSpot's OpenAPI description: file, path, response."""
    folder = REFERENCE / "hubspot_openapi"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: HubSpot's descriptions are kept outside the repository")
    jsonschema = pytest.importorskip("jsonschema")

    def fits(file: str, path: str, answer: httpx.Response) -> None:
        document = json.loads((folder / f"{file}.json").read_text())
        described = document["paths"][path][answer.request.method.lower()]["responses"]
        assert str(answer.status_code) in described, (path, answer.status_code, described.keys())
        content = described[str(answer.status_code)]["content"]
        schema = {**next(iter(content.values()))["schema"], "components": document["components"]}
        jsonschema.validate(_without_nulls(answer.json()), schema)

    return fits


def _without_nulls(value: Any) -> Any:
    """HubSpot answers null for properties without a value, and describes them as text."""
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value
