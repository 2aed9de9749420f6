"""The Salesforce REST API of the mock: OAuth, describe, query, rows, collections, limits."""

import re
import secrets
import time
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from reverse_etl.mocks import salesforce_bulk, salesforce_composite, salesforce_metadata
from reverse_etl.mocks.calls import CallNotes, json_body
from reverse_etl.mocks.faults import Fault, Faults
from reverse_etl.mocks.salesforce_org import (
    Field,
    ObjectType,
    Org,
    Outcome,
    RecordError,
    RequestError,
    format_time,
    make_id,
    org_id,
)
from reverse_etl.mocks.soql import Query, compile_query
from reverse_etl.mocks.store import Store, iso_now

MAX_COLLECTION = 200
DAILY_LIMIT = 100_000
REFRESH_TOKEN = "5Aep861-plg-demo"
PAGE_ROWS = 2000
USER_ID = make_id("005", 62**4)  # whose token it is; no record, as real users are many
OTHER_LIMITS = {
    "ConcurrentAsyncGetReportInstances": 200,
    "DailyBulkApiBatches": 15_000,
    "DailyBulkV2QueryJobs": 10_000,
    "DailyBulkV2QueryFileStorageMB": 976_562,
    "DailyAsyncApexExecutions": 250_000,
    "DataStorageMB": 10_240,
    "FileStorageMB": 10_240,
    "HourlyTimeBasedWorkflow": 1000,
}


@dataclass(frozen=True)
class Credentials:
    """The connected app and the integration user the org knows."""

    client_id: str
    client_secret: str
    username: str
    password: str


class SalesforceApi:
    """State of the mocked org beside its records: sessions, query cursors, calls used."""

    def __init__(self, store: Store, faults: Faults, credentials: Credentials, home: str):
        self.store, self.faults, self.credentials = store, faults, credentials
        self.org = Org(store)
        self.bulk = salesforce_bulk.BulkJobs(self.org, faults)
        self.deployments = salesforce_metadata.Deployments(self.org)
        self.org_id = org_id(home)
        self.sessions: set[str] = set(store.document("sessions") or [])
        self.cursors: dict[str, tuple[Query, int]] = {}
        self.calls_used = store.calls_since(iso_now()[:10], "%/services/data/v%")
        self.daily_limit = DAILY_LIMIT

    def is_write(self, method: str, path: str) -> bool:
        return method != "GET" and "/oauth2/" not in path and "/jobs/query" not in path

    def headers(self, path: str, status: int) -> Mapping[str, str]:
        if "/services/data/v" not in path:
            return {}
        self.calls_used += 1
        return {"Sforce-Limit-Info": f"api-usage={self.calls_used}/{self.daily_limit}"}

    def over_limit(self, path: str) -> Response | None:
        """The refusal once the calls of the day are used up."""
        if "/services/data/v" not in path or self.calls_used < self.daily_limit:
            return None
        return _errors(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")

    def fault_response(self, fault: Fault, body: bytes) -> Response:
        match fault.kind:
            case "throttle":
                headers = (
                    {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
                )
                return _errors(429, "REQUEST_LIMIT_EXCEEDED", "Too many requests", headers)
            case "expired_token":
                self._keep_sessions(set())
                return _errors(401, "INVALID_SESSION_ID", "Session expired or invalid")
            case "unavailable":
                return _errors(503, "SERVER_UNAVAILABLE", "Server Unavailable")
            case "refuse_batch":
                return _errors(400, fault.code or "JSON_PARSER_ERROR", fault.message)
        return _errors(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred.")

    # sessions ------------------------------------------------------------------------

    def login(self, form: Mapping[str, list[str]], authorization: str) -> dict[str, Any] | str:
        """A token answer, or the OAuth error code with its description after a colon."""
        known = self.credentials
        given = {name: values[0] for name, values in form.items()}
        client_id, secret = given.get("client_id"), given.get("client_secret")
        if authorization.startswith("Basic "):
            client_id, _, secret = b64decode(authorization[6:]).decode().partition(":")
        if client_id != known.client_id:
            return "invalid_client_id:client identifier invalid"
        if secret != known.client_secret:
            return "invalid_client:invalid client credentials"
        grant = given.get("grant_type")
        if grant == "password":
            if (given.get("username"), given.get("password")) != (known.username, known.password):
                return "invalid_grant:authentication failure"
        elif grant == "refresh_token":
            if given.get("refresh_token") != REFRESH_TOKEN:
                return "invalid_grant:expired access/refresh token"
        elif grant == "authorization_code":
            if not given.get("code"):
                return "invalid_grant:invalid authorization code"
        elif grant != "client_credentials":
            return "unsupported_grant_type:grant type not supported"
        token = f"{self.org_id}!{secrets.token_urlsafe(32)}"
        self._keep_sessions({*self.sessions, token})
        answer = {
            "access_token": token,
            "token_type": "Bearer",
            "issued_at": str(int(time.time() * 1000)),
            "scope": "api refresh_token",
        }
        if grant == "authorization_code":
            answer["refresh_token"] = REFRESH_TOKEN
        return answer

    def _keep_sessions(self, sessions: set[str]) -> None:
        self.sessions = sessions
        self.store.keep_document("sessions", sorted(sessions))

    def require_session(self, request: Request) -> None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.sessions:
            raise RequestError(401, "INVALID_SESSION_ID", "Session expired or invalid")

    # collections -----------------------------------------------------------------------

    def write_batch(
        self,
        records: list[dict[str, Any]],
        all_or_none: bool,
        write: Callable[[int, dict[str, Any]], Outcome],
        notes: CallNotes,
        with_created: bool = False,
    ) -> list[dict[str, Any]]:
        """Apply ``write`` to each record; results in request order, refused ones with errors."""
        fault, refused = self.faults.refused_records("salesforce", len(records))
        results: list[dict[str, Any]] = []
        try:
            with self.store.transaction(), self.store.savepoint():
                for index, record in enumerate(records):
                    try:
                        if fault is not None and index in refused:
                            raise RecordError.asked_for(fault)
                        with self.store.savepoint():
                            outcome = write(index, record)
                    except RecordError as error:
                        results.append({"success": False, "errors": [error.as_json()]})
                    else:
                        result = {"id": outcome.id, "success": True, "errors": []}
                        results.append(
                            {**result, "created": outcome.created} if with_created else result
                        )
                failed = [r for r in results if not r["success"]]
                if all_or_none and failed:
                    raise _RolledBack
        except _RolledBack:
            results = [r if not r["success"] else _rolled_back(r) for r in results]
        notes.records = len(records)
        for record, result in zip(records, results, strict=True):
            for error in result["errors"]:
                notes.refused += 1
                key = next((str(v) for k, v in record.items() if k.endswith("_Id__c")), None)
                self.store.log_error(
                    record.get("attributes", {}).get("type"),
                    key or record.get("Id") or record.get("id"),
                    error["statusCode"],
                    error["message"],
                )
        return results


class _RolledBack(Exception):
    pass


def _rolled_back(result: dict[str, Any]) -> dict[str, Any]:
    error = RecordError(
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "Record rolled back because not all records were valid and the request was using "
        "AllOrNone header",
    )
    return {"id": result["id"], "success": False, "errors": [error.as_json()]}


def _errors(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    return JSONResponse([{"message": message, "errorCode": code}], status, headers)


def describe_field(field: Field) -> dict[str, Any]:
    """A field as ``describe`` answers it."""
    return {
        "name": field.name,
        "label": field.label,
        "type": field.type,
        "length": field.length,
        "precision": field.precision if field.type in ("double", "currency", "percent") else 0,
        "scale": field.scale,
        "nillable": not field.required,
        "createable": not field.readonly,
        "updateable": not field.readonly,
        "unique": field.unique,
        "externalId": field.external_id,
        "idLookup": field.external_id or field.name == "Id",
        "custom": field.name.endswith("__c"),
        "defaultedOnCreate": field.default is not None or field.type == "boolean",
        "referenceTo": list(field.to),
        "relationshipName": field.relationship,
        "picklistValues": [{"value": v, "label": v, "active": True} for v in field.values],
        "restrictedPicklist": bool(field.values),
    }


def describe_object(object_type: ObjectType, with_fields: bool = True) -> dict[str, Any]:
    """An object as ``describe`` answers it."""
    answer: dict[str, Any] = {
        "name": object_type.name,
        "label": object_type.label,
        "labelPlural": object_type.plural,
        "keyPrefix": object_type.key_prefix,
        "custom": object_type.custom,
        "createable": True,
        "updateable": True,
        "deletable": True,
        "queryable": True,
        "searchable": True,
        "retrieveable": True,
        "replicateable": True,
        "undeletable": True,
        "mergeable": "MasterRecordId" in object_type.fields,
        "urls": {"sobject": f"/services/data/v59.0/sobjects/{object_type.name}"},
    }
    if with_fields:
        answer["fields"] = [describe_field(f) for f in object_type.fields.values()]
    return answer


def build_router(api: SalesforceApi) -> APIRouter:
    """Routes below ``/salesforce``."""
    router = APIRouter(prefix="/salesforce")
    org = api.org

    def base_url(request: Request) -> str:
        return f"{request.url.scheme}://{request.url.netloc}/salesforce"

    @router.post("/services/oauth2/token")
    async def token(request: Request) -> JSONResponse:
        form = parse_qs((await request.body()).decode(errors="replace"))
        answer = api.login(form, request.headers.get("authorization", ""))
        if isinstance(answer, str):
            error, _, description = answer.partition(":")
            return JSONResponse({"error": error, "error_description": description}, 400)
        url = base_url(request)
        identity = f"{url}/id/{api.org_id}/005"
        return JSONResponse({**answer, "instance_url": url, "id": identity, "signature": "mock"})

    @router.get("/services/data")
    async def versions() -> JSONResponse:
        numbers = ["58.0", "59.0", "60.0"]
        return JSONResponse(
            [{"version": n, "label": n, "url": f"/services/data/v{n}"} for n in numbers]
        )

    data = "/services/data/v{version}"

    @router.get(data + "/limits")
    @router.get(data + "/limits/")
    async def limits(request: Request) -> JSONResponse:
        api.require_session(request)
        limits = {name: {"Max": n, "Remaining": n} for name, n in OTHER_LIMITS.items()}
        remaining = max(api.daily_limit - api.calls_used, 0)
        limits["DailyApiRequests"] = {"Max": api.daily_limit, "Remaining": remaining}
        return JSONResponse(limits)

    @router.get(data + "/")
    @router.get(data)
    async def resources(request: Request, version: str) -> JSONResponse:
        api.require_session(request)
        names = (
            "sobjects",
            "query",
            "queryAll",
            "composite",
            "limits",
            "jobs",
            "tooling",
            "metadata",
        )
        return JSONResponse({n: f"/services/data/v{version}/{n}" for n in names})

    @router.post("/services/oauth2/revoke")
    async def revoke(request: Request) -> Response:
        form = parse_qs((await request.body()).decode(errors="replace"))
        token = form.get("token", [""])[0] or request.query_params.get("token", "")
        if token not in api.sessions:
            body = {"error": "unsupported_token_type", "error_description": "unknown token"}
            return JSONResponse(body, 400)
        api._keep_sessions(api.sessions - {token})
        return Response(status_code=200)

    @router.get("/services/oauth2/userinfo")
    async def userinfo(request: Request) -> JSONResponse:
        api.require_session(request)
        username = api.credentials.username
        return JSONResponse(
            {
                "user_id": USER_ID,
                "organization_id": api.org_id,
                "preferred_username": username,
                "active": True,
            }
        )

    @router.get(data + "/sobjects")
    @router.get(data + "/sobjects/")
    async def global_describe(request: Request) -> JSONResponse:
        api.require_session(request)
        described = [describe_object(o, with_fields=False) for o in org.schema.values()]
        return JSONResponse({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": described})

    @router.get(data + "/sobjects/{name}/describe")
    @router.get(data + "/sobjects/{name}/describe/")
    async def describe(request: Request, name: str) -> JSONResponse:
        api.require_session(request)
        return JSONResponse(describe_object(org.object_type(name)))

    # queries
    @router.get(data + "/query")
    @router.get(data + "/query/")
    @router.get(data + "/queryAll")
    @router.get(data + "/queryAll/")
    async def query(request: Request, version: str, q: str = "") -> JSONResponse:
        api.require_session(request)
        compiled = compile_query(q, org.schema)
        if "/queryAll" in request.url.path:
            compiled.all_rows = True
        return JSONResponse(_page(api, compiled, 0, version, _page_rows(request)))

    @router.get(data + "/query/{locator}")
    @router.get(data + "/queryAll/{locator}")
    async def query_more(request: Request, version: str, locator: str) -> JSONResponse:
        api.require_session(request)
        key, _, offset = locator.rpartition("-")
        if key not in api.cursors or not offset.isdigit():
            raise RequestError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        compiled, rows = api.cursors[key]
        return JSONResponse(_page(api, compiled, int(offset), version, rows, key))

    router.include_router(salesforce_composite.build_router(api.store, api.require_session))
    router.include_router(salesforce_bulk.build_router(api.bulk, api.require_session))
    router.include_router(salesforce_metadata.build_router(api.deployments, api.require_session))

    # collections
    @router.post(data + "/composite/sobjects")
    @router.post(data + "/composite/sobjects/")
    async def create_collection(request: Request) -> JSONResponse:
        records, all_or_none, notes = await _collection(request)
        types = [_type_of(org, record) for record in records]
        parsed = [org.parse(t, r) for t, r in zip(types, records, strict=True)]
        results = api.write_batch(
            records, all_or_none, lambda i, _: org.create(types[i], parsed[i]), notes
        )
        return JSONResponse(results)

    @router.patch(data + "/composite/sobjects")
    @router.patch(data + "/composite/sobjects/")
    async def update_collection(request: Request) -> JSONResponse:
        records, all_or_none, notes = await _collection(request)
        types = [_type_of(org, record) for record in records]
        parsed = [org.parse(t, r) for t, r in zip(types, records, strict=True)]
        seen: set[str] = set()

        def write(index: int, _: dict[str, Any]) -> Outcome:
            record_id = parsed[index].get("Id")
            if not record_id:
                raise RecordError("MISSING_ARGUMENT", "Id not specified in an update call", ["Id"])
            record_id = org.resolve_id(types[index], record_id)
            if record_id in seen:
                raise RecordError("DUPLICATE_VALUE", f"duplicate id specified: {record_id}")
            seen.add(record_id)
            return org.update(types[index], record_id, parsed[index])

        return JSONResponse(api.write_batch(records, all_or_none, write, notes))

    @router.patch(data + "/composite/sobjects/{name}/{field_name}")
    async def upsert_collection(request: Request, name: str, field_name: str) -> JSONResponse:
        records, all_or_none, notes = await _collection(request)
        object_type = org.object_type(name)
        field = org.external_id_field(object_type, field_name)
        for record in records:
            if _type_of(org, record).name != object_type.name:
                raise RequestError(
                    400, "INVALID_INPUT", f"All records must be of type {object_type.name}"
                )
        parsed = [org.parse(object_type, record) for record in records]
        seen: set[str] = set()

        def write(index: int, _: dict[str, Any]) -> Outcome:
            value = str(parsed[index].get(field.name))
            if field.name != "Id" and parsed[index].get("Id"):
                raise RecordError(
                    "INVALID_FIELD", "cannot specify Id in an upsert by external id", ["Id"]
                )
            if value in seen:
                raise RecordError(
                    "DUPLICATE_VALUE", f"Duplicate external id specified: {value}", [field.name]
                )
            seen.add(value)
            return org.upsert(object_type, field, parsed[index])

        return JSONResponse(api.write_batch(records, all_or_none, write, notes, with_created=True))

    @router.delete(data + "/composite/sobjects")
    @router.delete(data + "/composite/sobjects/")
    async def delete_collection(
        request: Request, ids: str = "", allOrNone: bool = False
    ) -> JSONResponse:
        api.require_session(request)
        wanted = [record_id for record_id in ids.split(",") if record_id]
        _require_size(wanted)
        records = [{"Id": record_id} for record_id in wanted]

        def write(_: int, record: dict[str, Any]) -> Outcome:
            object_type = _type_of_id(org, record["Id"])
            record_id = org.resolve_id(object_type, record["Id"])
            org.delete(object_type, record_id)
            return Outcome(record_id, False)

        return JSONResponse(api.write_batch(records, allOrNone, write, request.state.notes))

    @router.get(data + "/composite/sobjects/{name}")
    async def read_collection(
        request: Request, version: str, name: str, ids: str = "", fields: str = ""
    ) -> JSONResponse:
        api.require_session(request)
        object_type = org.object_type(name)
        wanted = [record_id for record_id in ids.split(",") if record_id]
        names = [_field(object_type, n).name for n in fields.split(",") if n]
        answer: list[dict[str, Any] | None] = []
        for record_id in wanted:
            record = org.store.get(object_type.name, record_id)
            if record is None:
                answer.append(None)
                continue
            full = org.as_json(object_type, record, version)
            answer.append({"attributes": full["attributes"], **{n: full[n] for n in names}})
        return JSONResponse(answer)

    # single rows
    @router.post(data + "/sobjects/{name}")
    @router.post(data + "/sobjects/{name}/")
    async def create_row(request: Request, name: str) -> JSONResponse:
        api.require_session(request)
        object_type = org.object_type(name)
        values = org.parse(object_type, await _object(request))
        with _one_record(request, api.store):
            outcome = org.create(object_type, values)
        return JSONResponse({"id": outcome.id, "success": True, "errors": []}, 201)

    @router.get(data + "/sobjects/{name}")
    @router.get(data + "/sobjects/{name}/")
    async def about(request: Request, name: str) -> JSONResponse:
        api.require_session(request)
        object_type = org.object_type(name)
        recent, _ = org.store.page(object_type.name, limit=5)
        shown = [{"attributes": {"type": object_type.name}, "Id": r.id} for r in recent]
        about = describe_object(object_type, with_fields=False)
        return JSONResponse({"objectDescribe": about, "recentItems": shown})

    @router.get(data + "/sobjects/{name}/updated")
    @router.get(data + "/sobjects/{name}/updated/")
    async def updated(request: Request, name: str, start: str = "", end: str = "") -> JSONResponse:
        api.require_session(request)
        object_type = org.object_type(name)
        since, until = _replication_range(start, end)
        rows = api.store.changed_between(object_type.name, since, until, is_deleted=False)
        return JSONResponse(
            {"ids": [record_id for record_id, _ in rows], "latestDateCovered": f"{until}+0000"}
        )

    @router.get(data + "/sobjects/{name}/deleted")
    @router.get(data + "/sobjects/{name}/deleted/")
    async def deleted(request: Request, name: str, start: str = "", end: str = "") -> JSONResponse:
        api.require_session(request)
        object_type = org.object_type(name)
        since, until = _replication_range(start, end)
        rows = api.store.changed_between(object_type.name, since, until, is_deleted=True)
        found = [{"id": record_id, "deletedDate": f"{at}+0000"} for record_id, at in rows]
        return JSONResponse(
            {
                "deletedRecords": found,
                "earliestDateAvailable": "2024-01-02T09:00:00.000+0000",
                "latestDateCovered": f"{until}+0000",
            }
        )

    @router.post(data + "/tooling/sobjects/CustomField")
    @router.post(data + "/tooling/sobjects/CustomField/")
    async def create_field(request: Request) -> JSONResponse:
        api.require_session(request)
        document = await _object(request)
        object_name, _, field_name = str(document.get("FullName") or "").partition(".")
        object_type = org.object_type(object_name)
        if object_type.field(field_name) is not None:
            text = f"There is already a field named {field_name} on {object_type.label}."
            raise RequestError(400, "DUPLICATE_DEVELOPER_NAME", text)
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*__c", field_name):
            raise RequestError(
                400, "FIELD_INTEGRITY_EXCEPTION", f"{field_name}: custom fields end in __c"
            )
        try:
            options = salesforce_metadata.field_options(field_name, document.get("Metadata") or {})
        except salesforce_metadata.ComponentError as error:
            raise RequestError(400, "FIELD_INTEGRITY_EXCEPTION", str(error)) from None
        org.set_field(object_type, field_name, options)
        made = {"id": f"00N{secrets.token_hex(8)[:15]}", "success": True, "errors": []}
        return JSONResponse({**made, "warnings": [], "infos": []}, 201)

    @router.get(data + "/sobjects/{name}/{record_id}")
    async def read_row(
        request: Request, version: str, name: str, record_id: str, fields: str = ""
    ) -> JSONResponse:
        api.require_session(request)
        object_type = org.object_type(name)
        return JSONResponse(_row(org, object_type, record_id, version, fields))

    @router.get(data + "/sobjects/{name}/{field_name}/{value:path}")
    async def read_row_by_external_id(
        request: Request, version: str, name: str, field_name: str, value: str, fields: str = ""
    ) -> JSONResponse:
        api.require_session(request)
        object_type = org.object_type(name)
        field = org.external_id_field(object_type, field_name)
        found = org.find_by_external_id(object_type, field, value)
        if found is None:
            raise RequestError(404, "NOT_FOUND", "The requested resource does not exist")
        return JSONResponse(_row(org, object_type, found, version, fields))

    @router.patch(data + "/sobjects/{name}/{record_id}")
    async def update_row(request: Request, name: str, record_id: str) -> Response:
        api.require_session(request)
        object_type = org.object_type(name)
        values = org.parse(object_type, await _object(request))
        with _one_record(request, api.store):
            org.update(object_type, org.resolve_id(object_type, record_id), values)
        return Response(status_code=204)

    @router.patch(data + "/sobjects/{name}/{field_name}/{value:path}")
    async def upsert_row(request: Request, name: str, field_name: str, value: str) -> JSONResponse:
        api.require_session(request)
        object_type = org.object_type(name)
        field = org.external_id_field(object_type, field_name)
        values = {**org.parse(object_type, await _object(request)), field.name: value}
        with _one_record(request, api.store):
            outcome = org.upsert(object_type, field, values)
        answer = {"id": outcome.id, "success": True, "errors": [], "created": outcome.created}
        return JSONResponse(answer, 201 if outcome.created else 200)

    @router.delete(data + "/sobjects/{name}/{record_id}")
    async def delete_row(request: Request, name: str, record_id: str) -> Response:
        api.require_session(request)
        object_type = org.object_type(name)
        with _one_record(request, api.store):
            org.delete(object_type, org.resolve_id(object_type, record_id))
        return Response(status_code=204)

    async def _collection(request: Request) -> tuple[list[dict[str, Any]], bool, CallNotes]:
        api.require_session(request)
        document = await _object(request)
        records = document.get("records")
        if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
            raise RequestError(400, "JSON_PARSER_ERROR", "records: an array of objects is expected")
        _require_size(records)
        return records, document.get("allOrNone") is True, request.state.notes

    return router


def _require_size(records: list[Any]) -> None:
    if len(records) > MAX_COLLECTION:
        raise RequestError(
            400,
            "EXCEEDED_ID_LIMIT",
            f"record limit reached. cannot submit more than {MAX_COLLECTION} records into this "
            "call",
        )
    if not records:
        raise RequestError(400, "MALFORMED_ID", "at least one record is expected")


async def _object(request: Request) -> dict[str, Any]:
    document = json_body(
        await request.body(), lambda text: RequestError(400, "JSON_PARSER_ERROR", text)
    )
    if not isinstance(document, dict):
        raise RequestError(400, "JSON_PARSER_ERROR", "an object is expected")
    return document


@contextmanager
def _one_record(request: Request, store: Store) -> Iterator[None]:
    """A single record's change, all or nothing; its `RecordError` is answered with 400."""
    request.state.notes.records = 1
    with store.transaction():
        yield


def _type_of(org: Org, record: Mapping[str, Any]) -> ObjectType:
    attributes = record.get("attributes")
    name = attributes.get("type") if isinstance(attributes, dict) else None
    if not isinstance(name, str):
        raise RequestError(
            400, "INVALID_INPUT", "Each record must have attributes with its type specified"
        )
    try:
        return org.object_type(name)
    except RequestError:
        raise RequestError(
            400, "INVALID_TYPE", f"sObject type '{name}' is not supported."
        ) from None


def _type_of_id(org: Org, record_id: str) -> ObjectType:
    for object_type in org.schema.values():
        if record_id.startswith(object_type.key_prefix):
            return object_type
    raise RecordError("MALFORMED_ID", f"malformed id {record_id}")


def _field(object_type: ObjectType, name: str) -> Field:
    field = object_type.field(name.strip())
    if field is None:
        raise RequestError(
            400, "INVALID_FIELD", f"No such column '{name}' on entity '{object_type.name}'"
        )
    return field


def _replication_range(start: str, end: str) -> tuple[str, str]:
    """The first and last moment, as the store compares them; 400 where they make no range."""
    try:
        since, until = (
            datetime.fromisoformat(text.replace(" ", "+").replace("Z", "+00:00"))
            for text in (start, end)
        )
    except ValueError:
        raise RequestError(
            400, "INVALID_REPLICATION_DATE", "start and end must be ISO 8601 dates with a time"
        ) from None
    if since.tzinfo is None or until.tzinfo is None or (until - since).total_seconds() < 60:
        raise RequestError(
            400, "INVALID_REPLICATION_DATE", "end date must be at least one minute after the start"
        )
    return format_time(since)[:23], format_time(until)[:23]


def _row(
    org: Org, object_type: ObjectType, record_id: str, version: str, fields: str
) -> dict[str, Any]:
    try:
        record_id = org.resolve_id(object_type, record_id)
    except RecordError:
        record_id = ""
    record = org.store.get(object_type.name, record_id)
    if record is None:
        raise RequestError(404, "NOT_FOUND", "The requested resource does not exist")
    full = org.as_json(object_type, record, version)
    if not fields:
        return full
    names = [_field(object_type, name).name for name in fields.split(",")]
    return {"attributes": full["attributes"], "Id": record.id, **{n: full[n] for n in names}}


def _page_rows(request: Request) -> int:
    options = request.headers.get("sforce-query-options", "")
    match = re.search(r"batchSize=(\d+)", options)
    return min(max(int(match[1]), 200), PAGE_ROWS) if match else PAGE_ROWS


def _page(
    api: SalesforceApi, query: Query, offset: int, version: str, rows: int, key: str = ""
) -> dict[str, Any]:
    """One page of a query's answer; a locator for the next while there is one."""
    store, object_type = api.store, query.object_type
    wanted = rows if query.limit is None else min(rows, query.limit - offset)
    records, total = store.page(
        object_type.name,
        where=query.where,
        parameters=query.parameters,
        order=query.order,
        limit=0 if query.is_count else max(wanted, 0),
        offset=query.offset + offset,
        with_deleted=query.all_rows,
    )
    total = max(total - query.offset, 0)
    if query.limit is not None:
        total = min(total, query.limit)
    if query.is_count:
        return {"totalSize": total, "done": True, "records": []}
    answer: dict[str, Any] = {"totalSize": total, "done": True}
    if offset + len(records) < total and records:
        if not key:
            key = f"01g{secrets.token_hex(6)}"
            api.cursors[key] = (query, rows)
            while len(api.cursors) > 50:
                api.cursors.pop(next(iter(api.cursors)))
        answer["done"] = False
        locator = f"{key}-{offset + len(records)}"
        answer["nextRecordsUrl"] = f"/services/data/v{version}/query/{locator}"
    answer["records"] = [_selected(api.org, query, record, version) for record in records]
    return answer


def _selected(org: Org, query: Query, record: Any, version: str) -> dict[str, Any]:
    full = org.as_json(query.object_type, record, version)
    answer = {"attributes": full["attributes"]}
    for column in query.columns:
        if column.parent is None:
            answer[column.field.name] = full[column.field.name]
            continue
        relationship, foreign_key, parent_name = column.parent
        parent_id = record.fields.get(foreign_key)
        parent = org.store.get(parent_name, parent_id, with_deleted=True) if parent_id else None
        if parent is None:
            answer[relationship] = None
            continue
        nested = answer.setdefault(
            relationship,
            {
                "attributes": {
                    "type": parent_name,
                    "url": f"/services/data/v{version}/sobjects/{parent_name}/{parent_id}",
                }
            },
        )
        nested[column.field.name] = org.value(parent, column.field.name)
    return answer
