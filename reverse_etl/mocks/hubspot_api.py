"""The HubSpot CRM API v3 of the mock: objects with batches, search, list and properties."""

import hmac
import time
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from reverse_etl.mocks import hubspot_lists_api, hubspot_model_api
from reverse_etl.mocks.calls import json_body
from reverse_etl.mocks.faults import Fault, Faults
from reverse_etl.mocks.hubspot_portal import (
    OWNERS,
    ObjectType,
    Portal,
    PortalError,
    as_datetime,
)
from reverse_etl.mocks.store import Record, Store, iso_now

MAX_BATCH = 100
MAX_BATCH_WITH_HISTORY = 50
MAX_ASSOCIATIONS = 2000
MAX_SEARCHED = 10_000
MAX_SEARCH_PAGE = 200
MAX_FILTER_GROUPS = 5
MAX_FILTERS = 18
DAILY_LIMIT = 500_000
BURST_LIMIT = 190
BURST_SECONDS = 10


class HubSpotApi:
    """State of the mocked portal beside its records: the token and the calls used."""

    def __init__(self, store: Store, faults: Faults, token: str):
        self.store, self.faults, self.token = store, faults, token
        self.portal = Portal(store)
        self.lists = hubspot_lists_api.Lists(self.portal)
        # of OAuth, with the time they end; the token of the private app does not end
        self.tokens: dict[str, float] = store.document("tokens") or {}
        self.calls_used = store.calls_since(iso_now()[:10], "%")
        self.daily_limit = DAILY_LIMIT
        self.burst_limit: int | None = None  # told, and enforced once somebody asks for it
        self.window_started = time.monotonic()
        self.window_calls = 0

    def is_write(self, method: str, path: str) -> bool:
        if "/oauth/" in path:
            return False
        return method != "GET" and not path.endswith(("/search", "/batch/read"))

    def headers(self, path: str, status: int) -> Mapping[str, str]:
        if path.endswith("/search"):
            return {}
        self.calls_used += 1
        self._turn_window()
        self.window_calls += 1
        burst = self.burst_limit or BURST_LIMIT
        return {
            "X-HubSpot-RateLimit-Daily": str(self.daily_limit),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(self.daily_limit - self.calls_used, 0)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(BURST_SECONDS * 1000),
            "X-HubSpot-RateLimit-Max": str(burst),
            "X-HubSpot-RateLimit-Remaining": str(max(burst - self.window_calls, 0)),
        }

    def _turn_window(self) -> None:
        if time.monotonic() - self.window_started > BURST_SECONDS:
            self.window_started, self.window_calls = time.monotonic(), 0

    def over_limit(self, path: str) -> Response | None:
        """The refusal once the calls of the day, or of ten seconds, are used up."""
        self._turn_window()
        if self.burst_limit is not None and self.window_calls >= self.burst_limit:
            return _throttled("TEN_SECONDLY_ROLLING", {})
        if self.calls_used >= self.daily_limit:
            return _throttled("DAILY", {})
        return None

    def fault_response(self, fault: Fault, body: bytes) -> Response:
        match fault.kind:
            case "throttle":
                waits = fault.retry_after is not None
                return _throttled(
                    "TEN_SECONDLY_ROLLING",
                    {"Retry-After": f"{fault.retry_after:g}"} if waits else {},
                )
            case "expired_token":
                self.tokens = {}
                return _answer(_unauthorised())
            case "unavailable":
                return _answer(PortalError(503, "SERVICE_UNAVAILABLE", "Service unavailable"))
            case "refuse_batch":
                return _answer(PortalError(400, fault.code or "VALIDATION_ERROR", fault.message))
        return _answer(PortalError(500, "INTERNAL_ERROR", "internal error"))

    def require_token(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            if hmac.compare_digest(token.encode(), self.token.encode()):
                return
            if time.time() < self.tokens.get(token, 0):
                return
        raise _unauthorised()

    def give_token(self, token: str) -> None:
        """An access token of OAuth, good for as long as HubSpot's are."""
        now = time.time()
        kept = {other: until for other, until in self.tokens.items() if until > now}
        self.tokens = {**kept, token: now + hubspot_model_api.TOKEN_SECONDS}
        self.store.keep_document("tokens", self.tokens)

    def write_batch(
        self,
        request: Request,
        object_type: ObjectType,
        inputs: list[dict[str, Any]],
        write: Callable[[dict[str, Any]], tuple[Record, bool]],
        ok_status: int,
        with_new: bool = False,
    ) -> Response:
        """Apply ``write`` to each input.

        207 with per-record errors where every input carries an ``objectWriteTraceId``;
        else the first refusal refuses the batch, and nothing of it is kept.
        """
        started_at = iso_now()
        notes = request.state.notes
        notes.records = len(inputs)
        traced = all(entry.get("objectWriteTraceId") for entry in inputs)
        fault, refused = self.faults.refused_records("hubspot", len(inputs))
        results, errors = [], []
        with self.store.transaction():
            for index, entry in enumerate(inputs):
                try:
                    if fault is not None and index in refused:
                        raise PortalError(400, fault.code or "VALIDATION_ERROR", fault.message)
                    with self.store.savepoint():
                        record, is_new = write(entry)
                except PortalError as error:
                    self._note(notes, object_type, entry, error)
                    if not traced:
                        raise
                    errors.append(error.as_record_error(str(entry["objectWriteTraceId"])))
                    continue
                answer = self.portal.as_json(object_type, record, list(_properties(entry)))
                if with_new:
                    answer["new"] = is_new
                if entry.get("objectWriteTraceId"):
                    answer["objectWriteTraceId"] = str(entry["objectWriteTraceId"])
                results.append(answer)
        return _batch_answer(results, errors, started_at, ok_status)

    def _note(
        self, notes: Any, object_type: ObjectType, entry: Mapping[str, Any], error: PortalError
    ) -> None:
        notes.refused += 1
        key = entry.get("id") or entry.get("objectWriteTraceId")
        self.store.log_error(object_type.name, str(key), error.category, error.message)


def _batch_answer(
    results: list[Any], errors: list[Any], started_at: str, status: int = 200
) -> JSONResponse:
    """A batch as HubSpot tells of it: 207 where part of it failed."""
    body: dict[str, Any] = {
        "status": "COMPLETE",
        "results": results,
        "startedAt": started_at,
        "completedAt": iso_now(),
    }
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    return JSONResponse(body, 207 if errors else status)


def _unauthorised() -> PortalError:
    return PortalError(
        401,
        "INVALID_AUTHENTICATION",
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and "
        "you can find more details at "
        "https://developers.hubspot.com/docs/methods/auth/oauth-overview",
    )


def _throttled(policy: str, headers: Mapping[str, str]) -> Response:
    words = "daily" if policy == "DAILY" else "ten_secondly_rolling"
    error = PortalError(429, "RATE_LIMITS", f"You have reached your {words} limit.")
    body = {**error.as_json(), "errorType": "RATE_LIMIT", "policyName": policy}
    return JSONResponse(body, 429, headers)


def _answer(error: PortalError) -> JSONResponse:
    return JSONResponse(error.as_json(), error.status)


def _not_found() -> PortalError:
    return PortalError(404, "OBJECT_NOT_FOUND", "resource not found")


def _properties(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = entry.get("properties", {})
    if not isinstance(properties, dict):
        raise PortalError(400, "VALIDATION_ERROR", "Invalid input JSON: properties must be a map")
    return properties


def _invalid(message: str) -> PortalError:
    return PortalError(400, "VALIDATION_ERROR", f"Invalid input JSON: {message}")


async def _object(request: Request) -> dict[str, Any]:
    document = json_body(await request.body(), _invalid)
    if not isinstance(document, dict):
        raise _invalid("an object is expected")
    return document


def _created(portal: Portal, object_type: ObjectType, entry: Mapping[str, Any]) -> Record:
    """A new record with the associations that came along with it."""
    record = portal.create(object_type, _properties(entry))
    for tie in entry.get("associations") or []:
        for wanted in tie.get("types") or []:
            type_id = wanted.get("associationTypeId")
            others = portal.association_types.get(object_type.name, {})
            other = next((name for name, ids in others.items() if type_id in ids), None)
            if other is None:
                raise _invalid(f"{type_id} is not a valid association type id")
            other_id = str((tie.get("to") or {}).get("id"))
            portal.associate(object_type, record.id, portal.object_type(other), other_id, type_id)
    return portal.store.get(object_type.name, record.id) or record


def _history(
    portal: Portal, object_type: ObjectType, record: Record, names: list[str]
) -> dict[str, Any]:
    if not names:
        return {}
    known = [name for name in names if name in object_type.properties]
    return {
        "propertiesWithHistory": {
            name: portal.property_history(object_type, record, name) for name in known
        }
    }


def _no_associations(
    object_type: ObjectType, record_id: str, other_type: ObjectType
) -> dict[str, Any]:
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": f"No {other_type.name} is associated with {object_type.name} {record_id}.",
        "context": {
            "fromObjectId": [record_id],
            "fromObjectType": [object_type.name],
            "toObjectType": [other_type.name],
        },
        "errors": [],
        "links": {},
    }


def _association_types(wanted: Any) -> list[int]:
    try:
        types = [int(entry["associationTypeId"]) for entry in wanted]
    except (ValueError, KeyError, TypeError):
        raise _invalid("one association type is expected") from None
    if not types:
        raise _invalid("one association type is expected")
    return types


def _default_association(from_id: str, to_id: str, type_id: int) -> dict[str, Any]:
    return {
        "from": {"id": from_id},
        "to": {"id": to_id},
        "associationSpec": {
            "associationCategory": "HUBSPOT_DEFINED",
            "associationTypeId": type_id,
        },
    }


async def _inputs(request: Request) -> list[dict[str, Any]]:
    inputs = (await _object(request)).get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(entry, dict) for entry in inputs):
        raise PortalError(400, "VALIDATION_ERROR", "Invalid input JSON: inputs must be a list")
    if len(inputs) > MAX_BATCH:
        raise PortalError(
            400, "VALIDATION_ERROR", f"The maximum batch size is {MAX_BATCH}, got {len(inputs)}"
        )
    return inputs


def _refuse_repeated(inputs: list[dict[str, Any]]) -> None:
    seen: set[str] = set()
    repeated = []
    for entry in inputs:
        key = str(entry.get("id", "")).strip().lower()
        if key in seen:
            repeated.append(key)
        seen.add(key)
    if repeated:
        raise PortalError(
            400,
            "VALIDATION_ERROR",
            f"Duplicate IDs found in batch input: [{', '.join(repeated)}]. IDs must be unique",
            context={"ids": repeated},
        )


def build_router(api: HubSpotApi) -> APIRouter:
    """Routes below ``/hubspot``."""
    router = APIRouter(prefix="/hubspot")
    portal = api.portal
    objects = "/crm/v3/objects/{name}"

    # batches
    @router.post(objects + "/batch/read")
    async def batch_read(request: Request, name: str) -> Response:
        api.require_token(request)
        object_type = portal.object_type(name)
        document = await _object(request)
        started_at = iso_now()
        ids = [str(entry.get("id", "")) for entry in document.get("inputs", [])]
        history = document.get("propertiesWithHistory") or []
        limit = MAX_BATCH_WITH_HISTORY if history else MAX_BATCH
        if len(ids) > limit:
            raise PortalError(400, "VALIDATION_ERROR", f"The maximum batch size is {limit}")
        found = [(i, portal.find(object_type, i, document.get("idProperty"))) for i in ids]
        missing = [i for i, record in found if record is None]
        body: dict[str, Any] = {
            "status": "COMPLETE",
            "results": [
                portal.as_json(object_type, record, document.get("properties"))
                | _history(portal, object_type, record, history)
                for _, record in found
                if record is not None
            ],
            "startedAt": started_at,
            "completedAt": iso_now(),
        }
        if missing:
            error = {
                "status": "error",
                "category": "OBJECT_NOT_FOUND",
                "message": f"Could not get some {object_type.label.upper()} objects, they may be "
                "deleted or not exist. Check that ids are valid.",
                "context": {"ids": missing},
                "errors": [],
                "links": {},
            }
            body |= {"numErrors": 1, "errors": [error]}
        return JSONResponse(body, 207 if missing else 200)

    @router.post(objects + "/batch/create")
    async def batch_create(request: Request, name: str) -> Response:
        api.require_token(request)
        object_type = portal.object_type(name)
        return api.write_batch(
            request,
            object_type,
            await _inputs(request),
            lambda entry: (_created(portal, object_type, entry), True),
            201,
        )

    @router.post(objects + "/batch/update")
    async def batch_update(request: Request, name: str) -> Response:
        api.require_token(request)
        object_type = portal.object_type(name)
        inputs = await _inputs(request)
        _refuse_repeated(inputs)

        def write(entry: dict[str, Any]) -> tuple[Record, bool]:
            record = portal.find(object_type, str(entry.get("id", "")), entry.get("idProperty"))
            if record is None:
                raise PortalError(
                    404,
                    "OBJECT_NOT_FOUND",
                    f"Could not find {object_type.label.upper()} with id {entry.get('id')}",
                    context={"id": [str(entry.get("id"))]},
                )
            return portal.update(object_type, record, _properties(entry)), False

        return api.write_batch(request, object_type, inputs, write, 200)

    @router.post(objects + "/batch/upsert")
    async def batch_upsert(request: Request, name: str) -> Response:
        api.require_token(request)
        object_type = portal.object_type(name)
        inputs = await _inputs(request)
        _refuse_repeated(inputs)

        def write(entry: dict[str, Any]) -> tuple[Record, bool]:
            key, id_property = str(entry.get("id", "")).strip(), entry.get("idProperty")
            if not key or not id_property:
                raise PortalError(
                    400, "VALIDATION_ERROR", "Each input needs an id and an idProperty"
                )
            record = portal.find(object_type, key, id_property)
            properties = _properties(entry)
            if record is not None:
                return portal.update(object_type, record, properties), False
            return portal.create(object_type, {id_property: key, **properties}), True

        return api.write_batch(request, object_type, inputs, write, 200, with_new=True)

    @router.post(objects + "/batch/archive")
    async def batch_archive(request: Request, name: str) -> Response:
        api.require_token(request)
        object_type = portal.object_type(name)
        inputs = await _inputs(request)
        request.state.notes.records = len(inputs)
        with api.store.transaction():
            for entry in inputs:
                record = portal.find(object_type, str(entry.get("id", "")), None)
                if record is not None:  # HubSpot answers 204 for ids it does not know
                    portal.archive(object_type, record)
        return Response(status_code=204)

    # search and lists
    @router.post(objects + "/search")
    async def search(request: Request, name: str) -> JSONResponse:
        api.require_token(request)
        object_type = portal.object_type(name)
        document = await _object(request)
        where, parameters = _filters(object_type, document.get("filterGroups") or [])
        if int(document.get("limit") or 10) > MAX_SEARCH_PAGE:
            raise PortalError(
                400, "VALIDATION_ERROR", f"Invalid input JSON: limit is above {MAX_SEARCH_PAGE}"
            )
        limit = int(document.get("limit") or 10)
        offset = int(document.get("after") or 0)
        if offset + limit > MAX_SEARCHED:
            raise PortalError(
                400, "VALIDATION_ERROR", f"paging past {MAX_SEARCHED} results is not possible"
            )
        records, total = api.store.page(
            object_type.name,
            search=str(document.get("query") or ""),
            where=where,
            parameters=parameters,
            order=_order(object_type, document.get("sorts") or []),
            limit=limit,
            offset=offset,
        )
        body: dict[str, Any] = {
            "total": total,
            "results": [
                portal.as_json(object_type, r, document.get("properties")) for r in records
            ],
        }
        if offset + len(records) < total:
            body["paging"] = {"next": {"after": str(offset + len(records))}}
        return JSONResponse(body)

    @router.get(objects)
    async def list_objects(
        request: Request,
        name: str,
        limit: int = 10,
        after: str = "",
        properties: str = "",
        archived: bool = False,
    ) -> JSONResponse:
        api.require_token(request)
        object_type = portal.object_type(name)
        limit = min(max(limit, 1), 100)
        records, _ = api.store.page(
            object_type.name,
            where="cast(id as integer) > ? and is_deleted = ?",
            parameters=[int(after or 0), int(archived)],
            order="cast(id as integer)",
            limit=limit + 1,
            with_deleted=True,
        )
        page = records[:limit]
        names = [p for p in properties.split(",") if p] or None
        body: dict[str, Any] = {"results": [portal.as_json(object_type, r, names) for r in page]}
        if len(records) > limit:
            link = f"{request.url.replace_query_params(after=page[-1].id)}"
            body["paging"] = {"next": {"after": page[-1].id, "link": link}}
        return JSONResponse(body)

    # single objects
    @router.post(objects)
    async def create_object(request: Request, name: str) -> JSONResponse:
        api.require_token(request)
        object_type = portal.object_type(name)
        document = await _object(request)
        request.state.notes.records = 1
        with api.store.transaction():
            record = _created(portal, object_type, document)
        return JSONResponse(portal.as_json(object_type, record, with_all=True), 201)

    @router.post(objects + "/merge")
    async def merge_objects(request: Request, name: str) -> JSONResponse:
        api.require_token(request)
        object_type = portal.object_type(name)
        document = await _object(request)
        record = portal.find(object_type, str(document.get("primaryObjectId")), None)
        other = portal.find(object_type, str(document.get("objectIdToMerge")), None)
        if record is None or other is None or record.id == other.id:
            raise _not_found()
        request.state.notes.records = 1
        with api.store.transaction():
            record = portal.merge(object_type, record, other)
        return JSONResponse(portal.as_json(object_type, record))

    @router.get(objects + "/{record_id}")
    async def read_object(
        request: Request, name: str, record_id: str, properties: str = "", idProperty: str = ""
    ) -> JSONResponse:
        api.require_token(request)
        object_type = portal.object_type(name)
        record = portal.find(object_type, record_id, idProperty or None)
        if record is None:
            raise _not_found()
        names = [p for p in properties.split(",") if p] or None
        return JSONResponse(portal.as_json(object_type, record, names))

    @router.patch(objects + "/{record_id}")
    async def update_object(
        request: Request, name: str, record_id: str, idProperty: str = ""
    ) -> JSONResponse:
        api.require_token(request)
        object_type = portal.object_type(name)
        properties = _properties(await _object(request))
        request.state.notes.records = 1
        record = portal.find(object_type, record_id, idProperty or None)
        if record is None:
            raise _not_found()
        with api.store.transaction():
            record = portal.update(object_type, record, properties)
        return JSONResponse(portal.as_json(object_type, record, list(properties)))

    @router.delete(objects + "/{record_id}")
    async def archive_object(request: Request, name: str, record_id: str) -> Response:
        api.require_token(request)
        object_type = portal.object_type(name)
        record = portal.find(object_type, record_id, None)
        if record is not None:
            with api.store.transaction():
                portal.archive(object_type, record)
        return Response(status_code=204)

    # associations
    @router.post("/crm/v4/associations/{name}/{other}/batch/read")
    async def read_associations(request: Request, name: str, other: str) -> JSONResponse:
        api.require_token(request)
        object_type, other_type = portal.object_type(name), portal.object_type(other)
        inputs = (await _object(request)).get("inputs") or []
        started_at = iso_now()
        results, errors = [], []
        for entry in inputs:
            found = portal.associated(object_type, str(entry.get("id")), other_type)
            if found:
                results.append({"from": {"id": str(entry["id"])}, "to": found})
            else:
                errors.append(_no_associations(object_type, str(entry.get("id")), other_type))
        return _batch_answer(results, errors, started_at)

    @router.put("/crm/v4/objects/{name}/{record_id}/associations/{other}/{other_id}")
    async def associate(
        request: Request, name: str, record_id: str, other: str, other_id: str
    ) -> JSONResponse:
        api.require_token(request)
        object_type, other_type = portal.object_type(name), portal.object_type(other)
        types = _association_types(json_body(await request.body(), _invalid))
        request.state.notes.records = 1
        with api.store.transaction():
            for type_id in types:
                portal.associate(object_type, record_id, other_type, other_id, type_id)
        body = {
            "fromObjectTypeId": object_type.type_id,
            "fromObjectId": record_id,
            "toObjectTypeId": other_type.type_id,
            "toObjectId": other_id,
            "labels": [],
        }
        return JSONResponse(body, 201)

    @router.put("/crm/v4/objects/{name}/{record_id}/associations/default/{other}/{other_id}")
    async def associate_default(
        request: Request, name: str, record_id: str, other: str, other_id: str
    ) -> JSONResponse:
        api.require_token(request)
        object_type, other_type = portal.object_type(name), portal.object_type(other)
        request.state.notes.records = 1
        started_at = iso_now()
        with api.store.transaction():
            type_id = portal.associate(object_type, record_id, other_type, other_id)
        result = _default_association(record_id, other_id, type_id)
        return _batch_answer([result], [], started_at)

    @router.delete("/crm/v4/objects/{name}/{record_id}/associations/{other}/{other_id}")
    async def dissociate(
        request: Request, name: str, record_id: str, other: str, other_id: str
    ) -> Response:
        api.require_token(request)
        with api.store.transaction():
            portal.dissociate(
                portal.object_type(name), record_id, portal.object_type(other), other_id
            )
        return Response(status_code=204)

    @router.get("/crm/v4/objects/{name}/{record_id}/associations/{other}")
    async def list_associations(
        request: Request, name: str, record_id: str, other: str
    ) -> JSONResponse:
        api.require_token(request)
        object_type, other_type = portal.object_type(name), portal.object_type(other)
        return JSONResponse({"results": portal.associated(object_type, record_id, other_type)})

    @router.post("/crm/v4/associations/{name}/{other}/batch/create")
    async def associate_many(request: Request, name: str, other: str) -> JSONResponse:
        return await _associate_batch(request, name, other, is_default=False)

    @router.post("/crm/v4/associations/{name}/{other}/batch/associate/default")
    async def associate_many_default(request: Request, name: str, other: str) -> JSONResponse:
        return await _associate_batch(request, name, other, is_default=True)

    async def _associate_batch(
        request: Request, name: str, other: str, *, is_default: bool
    ) -> JSONResponse:
        api.require_token(request)
        object_type, other_type = portal.object_type(name), portal.object_type(other)
        inputs = (await _object(request)).get("inputs") or []
        if len(inputs) > MAX_ASSOCIATIONS:
            raise PortalError(
                400, "VALIDATION_ERROR", f"The maximum batch size is {MAX_ASSOCIATIONS}"
            )
        request.state.notes.records = len(inputs)
        started_at = iso_now()
        results, errors = [], []
        with api.store.transaction():
            for entry in inputs:
                from_id, to_id = (str((entry.get(k) or {}).get("id")) for k in ("from", "to"))
                types = [None] if is_default else _association_types(entry.get("types"))
                try:
                    made = [
                        portal.associate(object_type, from_id, other_type, to_id, type_id)
                        for type_id in types
                    ]
                except PortalError as error:
                    request.state.notes.refused += 1
                    api.store.log_error(object_type.name, from_id, error.category, error.message)
                    errors.append(error.as_record_error(""))
                    continue
                if is_default:
                    results.append(_default_association(from_id, to_id, made[0]))
                else:
                    results.append(
                        {
                            "fromObjectTypeId": object_type.type_id,
                            "fromObjectId": int(from_id),
                            "toObjectTypeId": other_type.type_id,
                            "toObjectId": int(to_id),
                            "labels": [],
                        }
                    )
        return _batch_answer(results, errors, started_at, 200 if is_default else 201)

    @router.post("/crm/v4/associations/{name}/{other}/batch/archive")
    async def dissociate_many(request: Request, name: str, other: str) -> Response:
        api.require_token(request)
        object_type, other_type = portal.object_type(name), portal.object_type(other)
        inputs = (await _object(request)).get("inputs") or []
        request.state.notes.records = len(inputs)
        with api.store.transaction():
            for entry in inputs:
                from_id = str((entry.get("from") or {}).get("id"))
                for to in entry.get("to") or []:
                    portal.dissociate(object_type, from_id, other_type, str(to.get("id")))
        return Response(status_code=204)

    @router.get("/crm/v4/associations/{name}/{other}/labels")
    async def labels(request: Request, name: str, other: str) -> JSONResponse:
        api.require_token(request)
        object_type, other_type = portal.object_type(name), portal.object_type(other)
        primary, usual = portal.association_types.get(object_type.name, {}).get(
            other_type.name, (None, None)
        )
        is_own = object_type.custom or other_type.custom
        category = "USER_DEFINED" if is_own else "HUBSPOT_DEFINED"
        known = [(usual, None), (primary, "Primary")]
        return JSONResponse(
            {
                "results": [
                    {"category": category, "typeId": type_id, "label": label}
                    for type_id, label in known
                    if type_id is not None
                ]
            }
        )

    # owners
    @router.get("/crm/v3/owners")
    @router.get("/crm/v3/owners/")
    async def list_owners(
        request: Request, limit: int = 100, after: str = "", archived: bool = False
    ) -> JSONResponse:
        api.require_token(request)
        owners, _ = api.store.page(
            OWNERS,
            where="cast(id as integer) > ? and is_deleted = ?",
            parameters=[int(after or 0), int(archived)],
            order="cast(id as integer)",
            limit=limit + 1,
            with_deleted=True,
        )
        body: dict[str, Any] = {"results": [portal.owner_json(o) for o in owners[:limit]]}
        if len(owners) > limit:
            body["paging"] = {"next": {"after": owners[limit - 1].id}}
        return JSONResponse(body)

    @router.get("/crm/v3/owners/{owner_id}")
    async def read_owner(request: Request, owner_id: str) -> JSONResponse:
        api.require_token(request)
        owner = api.store.get(OWNERS, owner_id)
        if owner is None:
            raise _not_found()
        return JSONResponse(portal.owner_json(owner))

    give = api.give_token
    router.include_router(hubspot_model_api.build_router(portal, api.require_token, _object, give))
    router.include_router(hubspot_lists_api.build_router(api.lists, api.require_token, _object))
    return router


_COMPARISONS = {"EQ": "=", "GT": ">", "GTE": ">=", "LT": "<", "LTE": "<="}


def _value_sql(object_type: ObjectType, name: str) -> str:
    known = object_type.properties.get(str(name))
    if known is None:
        raise PortalError(
            400,
            "VALIDATION_ERROR",
            f"There was a problem with the request: unknown property {name}",
        )
    columns = {
        "hs_object_id": "cast(id as real)",
        object_type.created_property: "created_at",
        object_type.modified_property: "updated_at",
    }
    if known.name in columns:
        return columns[known.name]
    value = f"json_extract(fields, '$.{known.name}')"
    return f"cast({value} as real)" if known.type == "number" else value


def _filters(object_type: ObjectType, groups: list[dict[str, Any]]) -> tuple[str, list[Any]]:
    """SQL for ``filterGroups``: groups are alternatives, the filters of a group all hold."""
    alternatives, parameters = [], []
    if (
        len(groups) > MAX_FILTER_GROUPS
        or sum(len(group.get("filters", [])) for group in groups) > MAX_FILTERS
    ):
        raise PortalError(
            400,
            "VALIDATION_ERROR",
            f"too many filters: up to {MAX_FILTER_GROUPS} groups and {MAX_FILTERS} filters",
        )
    for group in groups:
        conditions = []
        for entry in group.get("filters", []):
            condition, values = _filter(object_type, entry)
            conditions.append(condition)
            parameters += values
        if conditions:
            alternatives.append(f"({' and '.join(conditions)})")
    return " or ".join(alternatives) or "1", parameters


def _filter(object_type: ObjectType, entry: Mapping[str, Any]) -> tuple[str, list[Any]]:
    name, operator = str(entry.get("propertyName")), str(entry.get("operator"))
    column = _value_sql(object_type, name)
    is_number = column.startswith("cast(")

    def typed(value: Any) -> Any:
        if object_type.properties[name].type == "datetime":
            return as_datetime(str(value)) or str(value)
        if not is_number:
            return str(value)
        try:
            return float(value)
        except (TypeError, ValueError):
            raise PortalError(
                400, "VALIDATION_ERROR", f"{value} is not a valid number for {name}"
            ) from None

    if operator in _COMPARISONS:
        return f"{column} {_COMPARISONS[operator]} ? collate nocase", [typed(entry.get("value"))]
    if operator == "NEQ":
        return f"{column} is not ? collate nocase", [typed(entry.get("value"))]
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return f"{column} is {'not ' if operator == 'HAS_PROPERTY' else ''}null", []
    if operator in ("IN", "NOT_IN"):
        values = [typed(value) for value in entry.get("values") or []]
        marks = ", ".join("?" for _ in values)
        negation = "not " if operator == "NOT_IN" else ""
        return f"{column} collate nocase {negation}in ({marks})", values
    if operator == "BETWEEN":
        return f"{column} between ? and ?", [typed(entry.get("value")), typed(entry["highValue"])]
    if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
        negation = "not " if operator.startswith("NOT") else ""
        pattern = str(entry.get("value", "")).replace("*", "%")
        return f"{column} {negation}like ?", [f"%{pattern}%"]
    raise PortalError(
        400, "VALIDATION_ERROR", f"Invalid input JSON: {operator!r} is not a search operator"
    )


def _order(object_type: ObjectType, sorts: list[Any]) -> str:
    parts = []
    for entry in sorts:
        if isinstance(entry, str):
            name, descending = entry.lstrip("-"), entry.startswith("-")
        else:
            name, descending = entry["propertyName"], entry.get("direction") == "DESCENDING"
        parts.append(_value_sql(object_type, name) + (" desc" if descending else ""))
    return ", ".join([*parts, "cast(id as integer)"])
