"""What changed in a HubSpot portal, through `hubspot-api-client`.

    everything       changes only
    ──────────       ────────────
    list by id       search by time of change ⇄ those of one millisecond, by id
        └──────┬───────────┘
           archived        the search does not tell of them
               │
             done

HubSpot's search sorts by one property, ends after 10,000 results, and counts its pages in
results: a record that changes meanwhile moves, and another slips through. So no second page is
ever asked for; the next question begins at the last change seen. Lists and searches only say
which records: their properties, the history of a deal's stage and the associations are read in
batches, whatever led to them.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import urllib3
from hubspot import Client
from hubspot.crm.associations.v4 import BatchInputPublicFetchAssociationsBatchRequest
from hubspot.crm.objects import BatchReadInputSimplePublicObjectId, PublicObjectSearchRequest
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from ingestion.pulls.crm import CrmPage, NoSuchObject
from ingestion.pulls.cursors import account_key
from ingestion.pulls.errors import PullRefused
from warehouse.settings import Settings

ATTEMPTS = 6
TIMEOUT_SECONDS = 60
LONGEST_WAIT_SECONDS = 60
LIST_PAGE = 100  # HubSpot's largest of a list, of owners and of a batch
SEARCH_PAGE = 200  # and of a search
BATCH_WITH_HISTORY = 50
# what was written in e-mails, calls and messages is nobody's business here, and large
_NOT_READ = ("_body", "_text", "_html", "_headers", "_preview")
_backing_off = wait_random_exponential(multiplier=0.5, max=20)


@dataclass(frozen=True)
class HubSpotObject:
    """An object: the property that says when it changed, and what comes with its records."""

    changed_by: str = "hs_lastmodifieddate"
    history: tuple[str, ...] = ()
    associated: tuple[str, ...] = ()
    api_name: str = ""  # where the API calls it otherwise than the landing folder


_ACTIVITY = HubSpotObject(associated=("contacts", "companies", "deals"))
# by the name of the landing folder, which is HubSpot's own; owners are no object to HubSpot
OBJECTS: Mapping[str, HubSpotObject | None] = {
    "owners": None,
    "companies": HubSpotObject(),  # the parent is a property
    "contacts": HubSpotObject("lastmodifieddate"),  # so is the company
    "leads": HubSpotObject(associated=("contacts", "companies")),
    "deals": HubSpotObject(history=("dealstage",), associated=("companies", "contacts")),
    "tasks": _ACTIVITY,
    "calls": _ACTIVITY,
    "emails": _ACTIVITY,
    "meetings": _ACTIVITY,
    "communications": _ACTIVITY,
    "pqls": HubSpotObject(api_name="p_pql"),  # what our syncs wrote, and reps answered on
}


def _api_name(name: str) -> str:
    kind = OBJECTS[name]
    return kind.api_name or name if kind else name


@dataclass(frozen=True)
class _Place:
    """Where the next page begins: the step, and its own position."""

    step: str  # list, search, ties, archived or done
    after: str = ""  # list, archived: HubSpot's cursor; ties: the last id
    changed_ms: int = 0  # search: from this time of change on; ties: exactly this one
    until: str | None = None

    @classmethod
    def read(cls, text: str) -> "_Place":
        return cls(**json.loads(text))

    def page(self, rows: list[dict[str, Any]]) -> CrmPage:
        return CrmPage(rows, after=json.dumps(asdict(self)), until=self.until)


@dataclass
class HubSpotCrm:
    """One portal, as `Crm`. ``url``: where its API answers."""

    settings: Settings
    url: str
    sleep: Callable[[float], None] = time.sleep
    name: str = "hubspot"
    objects: tuple[str, ...] = tuple(OBJECTS)
    _properties: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._client = Client.create(
            access_token=self.settings.hubspot_token,
            host=self.url.rstrip("/"),
            retry=urllib3.Retry(total=False),  # one rule of patience: ours
        )
        # a port may change from start to start where the portal is a mock
        place = "mock" if self.settings.hubspot_url == "mock" else self.url.rstrip("/")
        self.account = account_key(place, self.settings.hubspot_token)
        self._crm = self._client.crm

    def changed(self, name: str, since: str | None, after: str | None) -> Iterator[CrmPage]:
        place = _Place.read(after) if after else self._first_place(name, since)
        since_ms = _epoch_ms(since) if since else None
        steps: Mapping[str, Callable[..., CrmPage]] = {
            "list": self._listed,
            "search": self._searched,
            "ties": self._tied,
            "archived": self._archived,
        }
        while place.step != "done":
            page = steps[place.step](name, place, since_ms)
            yield page
            place = _Place.read(page.after)

    # steps -------------------------------------------------------------------------------

    def _first_place(self, name: str, since: str | None) -> _Place:
        kind = OBJECTS[name]
        if kind is None:
            return _Place("list", until=since)
        if since is not None:
            return _Place("search", changed_ms=_epoch_ms(since), until=since)
        # what changes while everything is listed is for the next pull
        newest = self._search(name, [], f"-{kind.changed_by}", limit=1)
        return _Place("list", until=_changed_at(newest[-1], kind) if newest else None)

    def _listed(self, name: str, place: _Place, since_ms: int | None) -> CrmPage:
        rows, after = self._list(name, place.after, archived=False)
        if OBJECTS[name] is None:
            times = [place.until, *(row["updatedAt"] for row in rows)]
            place = replace(place, until=max(filter(None, times), key=_epoch_ms, default=None))
            rows = [row for row in rows if _epoch_ms(row["updatedAt"]) >= (since_ms or 0)]
        else:
            rows = self._completed(name, [row["id"] for row in rows])
        return (replace(place, after=after) if after else _then_archived(place)).page(rows)

    def _searched(self, name: str, place: _Place, since_ms: int | None) -> CrmPage:
        kind = OBJECTS[name]
        bound = {"propertyName": kind.changed_by, "operator": "GTE", "value": str(place.changed_ms)}
        found = self._search(name, [bound], kind.changed_by, limit=SEARCH_PAGE)
        if found:
            place = replace(place, until=_changed_at(found[-1], kind))
        if len(found) < SEARCH_PAGE:
            return _then_archived(place).page(self._completed(name, [r["id"] for r in found]))
        last = _epoch_ms(_changed_at(found[-1], kind))
        # of the last moment there may be more than were shown
        whole = [row for row in found if _epoch_ms(_changed_at(row, kind)) < last]
        step = "search" if whole else "ties"
        following = replace(place, step=step, changed_ms=last, after="")
        return following.page(self._completed(name, [row["id"] for row in whole]))

    def _tied(self, name: str, place: _Place, since_ms: int | None) -> CrmPage:
        kind = OBJECTS[name]
        filters = [
            {"propertyName": kind.changed_by, "operator": "EQ", "value": str(place.changed_ms)},
            {"propertyName": "hs_object_id", "operator": "GT", "value": place.after or "0"},
        ]
        found = self._search(name, filters, "hs_object_id", limit=SEARCH_PAGE)
        ids = [row["id"] for row in found]
        if len(found) < SEARCH_PAGE:
            following = replace(place, step="search", changed_ms=place.changed_ms + 1, after="")
        else:
            following = replace(place, after=ids[-1])
        return following.page(self._completed(name, ids))

    def _archived(self, name: str, place: _Place, since_ms: int | None) -> CrmPage:
        rows, after = self._list(name, place.after, archived=True)
        # of an owner it does not say when; there are few
        gone = [
            row
            for row in rows
            if "archivedAt" not in row or _epoch_ms(row["archivedAt"]) >= (since_ms or 0)
        ]
        following = replace(place, after=after) if after else replace(place, step="done")
        return following.page(gone)

    # calls -------------------------------------------------------------------------------

    def _list(self, name: str, after: str, *, archived: bool) -> tuple[list[dict[str, Any]], str]:
        options = {"limit": LIST_PAGE, "archived": "true" if archived else "false"}
        if after:
            options["after"] = after
        if OBJECTS[name] is None:
            body = self._ask(name, self._crm.owners.owners_api.get_page, **options)
        else:
            body = self._ask(name, self._crm.objects.basic_api.get_page, _api_name(name), **options)
        return body["results"], body.get("paging", {}).get("next", {}).get("after", "")

    def _search(
        self, name: str, filters: Sequence[Mapping[str, Any]], sort: str, limit: int
    ) -> list[dict[str, Any]]:
        direction = "DESCENDING" if sort.startswith("-") else "ASCENDING"
        request = PublicObjectSearchRequest(
            filter_groups=[{"filters": list(filters)}] if filters else [],
            sorts=[{"propertyName": sort.lstrip("-"), "direction": direction}],
            properties=[OBJECTS[name].changed_by],
            limit=limit,
            after="0",
        )
        search = self._crm.objects.search_api.do_search
        return self._ask(name, search, _api_name(name), request)["results"]

    def _completed(self, name: str, ids: Sequence[str]) -> list[dict[str, Any]]:
        """The records with all their properties, in the order of ``ids``.

        One that was archived since it was found is left out: it is in the list of those.
        """
        kind = OBJECTS[name]
        size = BATCH_WITH_HISTORY if kind.history else LIST_PAGE
        rows: list[dict[str, Any]] = []
        for start in range(0, len(ids), size):
            batch = ids[start : start + size]
            request = BatchReadInputSimplePublicObjectId(
                inputs=[{"id": record_id} for record_id in batch],
                properties=self._property_names(name),
                properties_with_history=list(kind.history),
            )
            body = self._ask(name, self._crm.objects.batch_api.read, _api_name(name), request)
            by_id = {row["id"]: _without_nulls(row) for row in body["results"]}
            for other in kind.associated:
                for record_id, found in self._associations(name, other, batch).items():
                    if record_id in by_id:
                        associations = by_id[record_id].setdefault("associations", {})
                        associations[other] = {"results": found}
            for record_id in batch:
                if record_id in by_id:
                    rows += [by_id[record_id], *_merged_away(by_id[record_id])]
        return rows

    def _associations(
        self, name: str, other: str, ids: Sequence[str]
    ) -> dict[str, list[dict[str, Any]]]:
        """By record id what it is associated with, the primary one first."""
        request = BatchInputPublicFetchAssociationsBatchRequest(inputs=[{"id": i} for i in ids])
        read = self._crm.associations.v4.batch_api.get_page
        try:
            body = self._ask(name, read, name, other, request)
        except NoSuchObject:
            return {}  # the app may read one end only
        found = {}
        for result in body["results"]:
            targets = sorted(
                result["to"], key=lambda to: (not _is_primary(to), int(to["toObjectId"]))
            )
            found[str(result["from"]["id"])] = [
                {"id": str(to["toObjectId"]), "associationTypes": to["associationTypes"]}
                for to in targets
            ]
        return found

    def _property_names(self, name: str) -> list[str]:
        if name not in self._properties:
            body = self._ask(name, self._crm.properties.core_api.get_all, _api_name(name))
            names = [entry["name"] for entry in body["results"]]
            self._properties[name] = [n for n in names if not n.endswith(_NOT_READ)]
        return self._properties[name]

    def _ask(self, name: str, question: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """The answer as JSON: building the client's models costs more than the call."""
        for attempt in Retrying(
            retry=retry_if_exception_type(_Down),
            wait=_wait,
            stop=stop_after_attempt(ATTEMPTS),
            sleep=self.sleep,
            reraise=True,
        ):
            with attempt:
                try:
                    answer = question(
                        *arguments,
                        **options,
                        _preload_content=False,
                        _request_timeout=TIMEOUT_SECONDS,
                    )
                    return json.loads(answer.data)
                except Exception as error:
                    raise self._named(error, name) from error
        raise AssertionError("the last attempt raises")

    def _named(self, error: Exception, name: str) -> Exception:
        status = getattr(error, "status", None)
        if status is None:
            is_outage = isinstance(error, urllib3.exceptions.HTTPError | ValueError | OSError)
            return _Down(str(error)) if is_outage else error
        said = _json(getattr(error, "body", None))
        message = said.get("message") or getattr(error, "reason", "")
        if status == 401:
            return PullRefused(
                f"HubSpot refused the token at {self.url}: {message}. Check PLG_HUBSPOT_TOKEN"
            )
        if status == 429 and said.get("policyName") == "DAILY":
            return PullRefused(
                f"HubSpot's daily limit is used up ({message}); pull again tomorrow to go on"
            )
        if status in (0, 408, 429) or status >= 500:
            headers = {key.lower(): value for key, value in dict(error.headers or {}).items()}
            return _Down(f"HTTP {status}: {message}", _seconds(headers.get("retry-after")))
        if status in (403, 404) or "infer object type" in message:
            return NoSuchObject(
                f"HubSpot has no {name} for this private app ({message}); where they are wanted, "
                "give it the scope to read them"
            )
        return PullRefused(
            f"HubSpot refused to tell {name}: HTTP {status}: {message}. Where it does so again, "
            "begin anew with `plg pull crm --full`"
        )


class _Down(PullRefused):
    """Throttled or not there: worth another try, and the answer when tries are used up."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(f"HubSpot does not answer ({message}); pull again to go on")
        self.retry_after = retry_after


def _wait(state: RetryCallState) -> float:
    asked = getattr(state.outcome.exception(), "retry_after", 0.0)
    return min(max(asked, _backing_off(state)), LONGEST_WAIT_SECONDS)


def _then_archived(place: _Place) -> _Place:
    return replace(place, step="archived", after="")


def _changed_at(row: Mapping[str, Any], kind: HubSpotObject) -> str:
    return row["properties"].get(kind.changed_by) or row["updatedAt"]


def _epoch_ms(text: str) -> int:
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def _without_nulls(row: dict[str, Any]) -> dict[str, Any]:
    # a portal has hundreds of properties and a record a few
    values = {name: value for name, value in row["properties"].items() if value is not None}
    return {**row, "properties": values}


def _merged_away(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The records that were merged into this one: only it tells that they are gone."""
    for record_id in (row["properties"].get("hs_merged_object_ids") or "").split(";"):
        if record_id.strip() not in ("", row["id"]):
            yield {
                "id": record_id.strip(),
                "properties": {},
                "createdAt": row["createdAt"],
                "updatedAt": row["updatedAt"],
                "archived": True,
                "mergedInto": row["id"],
            }


def _is_primary(target: Mapping[str, Any]) -> bool:
    return any(kind.get("label") == "Primary" for kind in target["associationTypes"])


def _seconds(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _json(text: Any) -> dict[str, Any]:
    try:
        parsed = json.loads(text or "{}")
    except (TypeError, ValueError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
