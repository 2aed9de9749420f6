"""The pages at ``/``: what arrived in the mocked systems, for a person to look at."""

import html
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, JSONResponse

from reverse_etl.mocks import salesforce_org
from reverse_etl.mocks.store import Record, Store

PAGE_ROWS = 50
TEMPLATES = Path(__file__).with_name("templates")
ORDERS = {"PQL__c": "json_extract(fields, '$.PLG_Points__c') desc, id"}
SHOWN_IN_HEADING = (
    *("Id", "CreatedDate", "LastModifiedDate", "SystemModstamp", "IsDeleted"),
    *("hs_object_id", "createdate", "hs_createdate"),
    *("lastmodifieddate", "hs_lastmodifieddate"),
)
TIER_FIELDS = ("PLG_PQL_Tier__c", "PLG_Tier__c", "plg_pql_tier", "plg_tier")
SCORE_FIELDS = ("PLG_PQL_Score__c", "PLG_Score__c", "plg_pql_score", "plg_score")
POINT_FIELDS = ("PLG_PQL_Points__c", "PLG_Points__c", "plg_pql_points", "plg_points")
REASON_FIELDS = ("PLG_PQL_Reason__c", "PLG_Reason__c", "plg_pql_reason", "plg_reason")
STATUS_FIELDS = (
    *("PLG_Handoff_Status__c", "PLG_Handoff_State__c"),
    *("plg_handoff_status", "plg_handoff_state"),
)
OWNER_FIELDS = ("PLG_Handoff_Owner__c", "plg_handoff_owner")
DUE_FIELDS = ("PLG_Due_At__c", "plg_due_at")
COMPANY_FIELDS = ("associatedcompanyid", "hs_parent_company_id")
SEARCHED = (
    *(("salesforce", n) for n in ("Account", "PQL__c", "Contact", "Lead", "Opportunity")),
    *(("hubspot", n) for n in ("companies", "contacts", "pql")),
)
SYSTEM_NAMES = {
    "salesforce": "Salesforce",
    "hubspot": "HubSpot",
    "slack": "Slack",
    "sink": "Webhooks",
}


class _HasStore(Protocol):
    store: Store


class View:
    """How the records of one object are shown, whatever system holds them."""

    def __init__(self, system: str, name: str, schema: Callable[[], Mapping[str, Any]]):
        self.system, self.name, self._schema = system, name, schema
        self.store: Store
        self._last_known = schema()[name]
        self.label: str = self.object_type.label
        self.plural: str = self.object_type.plural

    @property
    def object_type(self) -> Any:
        """As the system knows it now: fields come and go."""
        self._last_known = self._schema().get(self.name, self._last_known)
        return self._last_known

    @property
    def columns(self) -> list[str]:
        return [self.object_type.columns[0], *self._known(self.object_type.columns[1:])]

    def _known(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name in self._definitions]

    def first(self, record: Record, *names: str) -> Any:
        """The first of these fields that has a value."""
        values = (self.value(record, name) for name in names if name in self._definitions)
        return next((value for value in values if value not in (None, "")), None)

    def summary(self, record: Record) -> dict[str, Any]:
        """What a salesperson asks first; empty where the record has none of it."""
        return {
            "tier": self.first(record, *TIER_FIELDS),
            "score": self.first(record, *SCORE_FIELDS),
            "points": self.first(record, *POINT_FIELDS),
            "reason": self.first(record, *REASON_FIELDS),
            "status": self.first(record, *STATUS_FIELDS),
            "owner": self.first(record, *OWNER_FIELDS),
            "due": self.first(record, *DUE_FIELDS),
        }

    @property
    def url(self) -> str:
        return f"/records/{self.system}/{self.name}"

    @property
    def columns_of_own(self) -> list[str]:
        """The columns without references, for lists on another record's page."""
        return [name for name in self.columns[1:] if self._definitions[name].type != "reference"]

    @property
    def _definitions(self) -> Mapping[str, Any]:
        if self.system == "salesforce":
            return self.object_type.fields
        return self.object_type.properties

    @property
    def field_names(self) -> list[str]:
        """The fields of a record's page; its id, times and reason stand above them."""
        return [n for n in self._definitions if n not in SHOWN_IN_HEADING + REASON_FIELDS]

    def label_of(self, name: str) -> str:
        known = self._definitions.get(name)
        return (known.label if known else "") or name

    def title(self, record: Record) -> str:
        if self.system == "salesforce":
            title = record.fields.get(self.object_type.name_field)
        else:
            parts = (record.fields.get(name) for name in self.object_type.name_properties)
            title = " ".join(str(part) for part in parts if part)
        title = title or record.fields.get("email") or record.fields.get("domain")
        return str(title or record.id)

    def value(self, record: Record, name: str) -> Any:
        if self.system == "salesforce":
            return salesforce_org.Org.value(record, name)
        system = {
            "hs_object_id": record.id,
            "createdate": record.created_at,
            "hs_createdate": record.created_at,
            "lastmodifieddate": record.updated_at,
            "hs_lastmodifieddate": record.updated_at,
        }
        return system.get(name, record.fields.get(name))

    def target(self, name: str, value: Any) -> str | None:
        """Where a reference leads."""
        if name in COMPANY_FIELDS and self.system == "hubspot" and value:
            return f"/records/hubspot/companies/{value}"
        known = self._definitions.get(name)
        if self.system != "salesforce" or known is None or known.type != "reference" or not value:
            return None
        for target in known.to:
            if str(value).startswith(self._schema()[target].key_prefix):
                return f"/records/salesforce/{target}/{value}"
        return None


def build_router(systems: Mapping[str, Any], home: Path) -> APIRouter:
    """Read-only pages; everything is escaped by the template engine."""
    router = APIRouter(default_response_class=HTMLResponse)
    schemas: dict[str, Callable[[], Mapping[str, Any]]] = {
        "salesforce": lambda: systems["salesforce"].org.schema,
        "hubspot": lambda: systems["hubspot"].portal.schema,
    }

    def view_of(system: str, name: str) -> View:
        view = View(system, name, schemas[system])
        view.store = systems[system].store
        return view

    views = {
        system: {name: view_of(system, name) for name in schema()}
        for system, schema in schemas.items()
    }

    def find_view(system: str, name: str) -> View | None:
        """Also of an object that was made since the server started."""
        if system in views and name not in views[system] and name in schemas[system]():
            views[system][name] = view_of(system, name)
        return views.get(system, {}).get(name)

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"when": when, "shown": shown, "words": words, "mrkdwn": mrkdwn}
    environment.globals |= {
        "home": str(home),
        "views": views,
        "tier_class": tier_class,
        "system_names": SYSTEM_NAMES,
    }

    def page(template: str, status: int = 200, **context: Any) -> HTMLResponse:
        body = environment.get_template(template).render(**context)
        policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
        return HTMLResponse(body, status, {"Content-Security-Policy": policy})

    @router.get("/")
    async def overview() -> HTMLResponse:
        counts = {
            system: [(view, view.store.count(view.name)) for view in group.values()]
            for system, group in views.items()
        }
        # an org that nobody set up has no such object
        pqls = find_view("salesforce", "PQL__c")
        hottest, _ = (
            ([], 0)
            if pqls is None
            else pqls.store.page(
                pqls.name,
                where="coalesce(json_extract(fields, '$.PLG_Status__c'), '') <> 'closed'",
                order="json_extract(fields, '$.PLG_Points__c') desc, id",
                limit=10,
            )
        )
        messages = systems["slack"].store
        return page(
            "overview.html",
            counts=counts,
            pqls=pqls,
            hottest=hottest,
            accounts={
                r.id: _reference_titles(views, pqls, r).get("PLG_Account__c") for r in hottest
            },
            messages=messages.rows("messages", limit=5),
            count_messages=messages.count_rows("messages"),
            activity=[
                (name, api.store.count_rows("calls"), api.store.count_rows("errors"))
                for name, api in systems.items()
            ],
        )

    @router.get("/search")
    async def search(q: str = "") -> HTMLResponse:
        """One box for every object a salesperson knows by name."""
        found = []
        for system, name in SEARCHED if q.strip() else ():
            view = find_view(system, name)
            if view is None:
                continue
            records, total = view.store.page(name, search=q.strip(), limit=5)
            if records:
                link = f"{view.url}?{urlencode({'q': q})}"
                titles = {r.id: _reference_titles(views, view, r) for r in records}
                found.append((view, records, total, link, titles))
        return page("search.html", q=q, found=found)

    @router.get("/counts.json", response_class=JSONResponse)
    async def counts() -> list[dict[str, Any]]:
        """Live records an object, and Slack messages: for reports."""
        found = [
            {"crm": system, "object": view.name, "records": view.store.count(view.name)}
            for system, group in views.items()
            for view in group.values()
        ]
        messages = systems["slack"].store.count_rows("messages")
        return [*found, {"crm": "slack", "object": "messages", "records": messages}]

    @router.get("/records/{system}/{name}")
    async def records(
        request: Request, system: str, name: str, q: str = "", page_number: int = 1
    ) -> HTMLResponse:
        view = find_view(system, name)
        if view is None:
            return page("missing.html", 404, what=f"{system}/{name}")
        number = max(page_number, 1)
        found, total = view.store.page(
            name,
            search=q.strip(),
            order=ORDERS.get(name, "updated_at desc, id"),
            limit=PAGE_ROWS,
            offset=(number - 1) * PAGE_ROWS,
        )

        def link(target: int) -> str:
            return f"{view.url}?{urlencode({'q': q, 'page_number': target})}"

        return page(
            "records.html",
            view=view,
            records=found,
            total=total,
            q=q,
            references={r.id: _reference_titles(views, view, r) for r in found},
            is_ranked=name in ORDERS,
            previous=link(number - 1) if number > 1 else None,
            following=link(number + 1) if number * PAGE_ROWS < total else None,
        )

    @router.get("/records/{system}/{name}/{record_id}")
    async def record(system: str, name: str, record_id: str) -> HTMLResponse:
        view = find_view(system, name)
        found = view.store.get(name, record_id, with_deleted=True) if view else None
        if view is None or found is None:
            return page("missing.html", 404, what=f"{system}/{name}/{record_id}")
        if system == "salesforce":
            related = _related(views, name, record_id)
        else:
            related = _associated(systems["hubspot"].portal, views, name, record_id)
        return page(
            "record.html",
            view=view,
            record=found,
            related=related,
            history=view.store.history(name, record_id),
            references=_reference_titles(views, view, found),
        )

    @router.get("/calls/{system}")
    async def calls(system: str, page_number: int = 1) -> HTMLResponse:
        return _log(page, systems, "calls", system, page_number)

    @router.get("/errors/{system}")
    async def errors(system: str, page_number: int = 1) -> HTMLResponse:
        return _log(page, systems, "errors", system, page_number)

    @router.get("/messages")
    async def messages_page() -> HTMLResponse:
        store = systems["slack"].store
        rows = store.rows("messages", limit=200)
        for row in rows:
            row["blocks"] = _blocks(json.loads(row["payload"]))
        return page("messages.html", messages=rows, total=store.count_rows("messages"))

    return router


def _log(
    page: Any, systems: Mapping[str, _HasStore], table: str, system: str, number: int
) -> HTMLResponse:
    api = systems.get(system)
    if api is None:
        return page("missing.html", 404, what=f"{table} of {system}")
    number = max(number, 1)
    total = api.store.count_rows(table)
    rows = api.store.rows(table, limit=PAGE_ROWS, offset=(number - 1) * PAGE_ROWS)
    return page(
        f"{table}.html",
        system=system,
        systems=list(systems),
        rows=rows,
        total=total,
        previous=f"?page_number={number - 1}" if number > 1 else None,
        following=f"?page_number={number + 1}" if number * PAGE_ROWS < total else None,
    )


def _related(
    views: Mapping[str, Mapping[str, View]], name: str, record_id: str
) -> list[tuple[View, list[Record], int]]:
    related = []
    for view in views["salesforce"].values():
        links = [
            field
            for field in view.object_type.fields.values()
            if field.type == "reference" and name in field.to
        ]
        if not links:
            continue
        where = " or ".join(f"json_extract(fields, '$.{field.name}') = ?" for field in links)
        found, total = view.store.page(
            view.name, where=where, parameters=[record_id] * len(links), limit=10
        )
        if found:
            related.append((view, found, total))
    return related


def _associated(
    portal: Any, views: Mapping[str, Mapping[str, View]], name: str, record_id: str
) -> list[tuple[View, list[Record], int]]:
    """What a HubSpot record is associated with."""
    related = []
    for other in portal.association_types.get(name, {}):
        view = views["hubspot"].get(other)
        if view is None:
            continue
        ties = portal.associated(portal.schema[name], record_id, portal.schema[other])
        found = [view.store.get(other, str(tie["toObjectId"])) for tie in ties[:10]]
        records = [record for record in found if record is not None]
        if records:
            related.append((view, records, len(ties)))
    return related


def _reference_titles(
    views: Mapping[str, Mapping[str, View]], view: View, record: Record
) -> dict[str, tuple[str, str]]:
    """Per reference column: where it leads and the title of the record there."""
    titles = {}
    for name in view.field_names:
        url = view.target(name, view.value(record, name))
        if url is None:
            continue
        _, _, system, object_name, record_id = url.split("/")
        target_view = views[system][object_name]
        target = target_view.store.get(object_name, record_id, with_deleted=True)
        if target is not None:
            titles[name] = (url, target_view.title(target))
    return titles


def _blocks(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The texts of a message's blocks: one ``text`` and a list of ``facts`` each."""
    blocks = []
    for block in payload.get("blocks") or []:
        text = block.get("text")
        parts = [*(block.get("fields") or []), *(block.get("elements") or [])]
        facts = [str(p["text"]) for p in parts if isinstance(p, dict) and "text" in p]
        blocks.append(
            {"text": text.get("text") if isinstance(text, dict) else text, "facts": facts}
        )
    return blocks


_ISO_TIME = re.compile(r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}.*)?$")
_SLACK_LINK = re.compile(r"<(https?://[^|>\s]+)(?:\|([^>]*))?>")


def mrkdwn(text: Any) -> Markup:
    """Slack's markup as HTML: bold and links; everything else is text."""
    source, parts, position = str(text or ""), [], 0
    for match in _SLACK_LINK.finditer(source):
        parts.append(escape(html.unescape(source[position : match.start()])))
        url = escape(html.unescape(match[1]).replace("*", "%2A"))
        label = escape(html.unescape(match[2] or match[1]))
        parts.append(Markup('<a href="{}">{}</a>').format(url, label))
        position = match.end()
    parts.append(escape(html.unescape(source[position:])))
    joined = "".join(str(part) for part in parts)
    return Markup(re.sub(r"\*([^*\n]+)\*", r"<strong>\1</strong>", joined))


def when(value: Any) -> str:
    """``31 Jan 2026, 12:00`` (UTC) for an ISO time; anything else as it is."""
    text = str(value or "")
    try:
        moment = datetime.fromisoformat(text.replace("+0000", "+00:00").replace("Z", "+00:00"))
    except ValueError:
        return text
    return f"{moment.day} {moment:%b %Y, %H:%M}" if "T" in text else f"{moment.day} {moment:%b %Y}"


def shown(value: Any) -> str:
    """A value for people: no ``None``, whole numbers without ``.0``, times readable."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() else f"{value:,.2f}"
    if isinstance(value, int):
        return f"{value:,}"
    text = str(value)
    return when(text) if _ISO_TIME.match(text) else text


def words(value: Any) -> str:
    """``sales_accepted`` → ``Sales accepted``."""
    text = str(value or "").replace("_", " ")
    return text[:1].upper() + text[1:] if text else "–"


def tier_class(name: str, value: Any) -> str:
    """The colour of a PQL tier; empty for other columns."""
    return (
        f"tier tier-{value}" if name in TIER_FIELDS and value in ("hot", "warm", "watching") else ""
    )
