"""Salesforce through `simple-salesforce`: sObject collections, up to 200 records a call.

Plans of more than ``bulk_above`` records go as jobs of the Bulk API 2.0 instead.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, SalesforceError
from simple_salesforce.bulk2 import _Bulk2Client

from reverse_etl.destinations.base import (
    Answer,
    CallCount,
    Known,
    Outgoing,
    is_loopback,
    retry_after_seconds,
)
from reverse_etl.destinations.salesforce_bulk import JOB_RECORDS, BulkLoad, Jobs
from reverse_etl.destinations.salesforce_fit import salesforce_problems
from reverse_etl.errors import BatchRefused, Rejection, RetryLater, SessionExpired, SyncStopped
from reverse_etl.shape import Shape, no_shape
from reverse_etl.specs import SyncSpec

API_VERSION = "59.0"

_SETUP = (
    "`plg crm setup salesforce` lists what is missing and --apply creates it; else change the "
    "mapping"
)

_CLASS_OF_CODE = {
    **dict.fromkeys(
        [
            "INVALID_EMAIL_ADDRESS",
            "STRING_TOO_LONG",
            "NUMBER_OUTSIDE_VALID_RANGE",
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "FIELD_INTEGRITY_EXCEPTION",
            "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "FIELD_FILTER_VALIDATION_EXCEPTION",
            "JSON_PARSER_ERROR",
            "INVALID_TYPE_ON_FIELD_IN_RECORD",
        ],
        "invalid_value",
    ),
    "REQUIRED_FIELD_MISSING": "required_missing",
    **dict.fromkeys(
        ["DUPLICATE_VALUE", "DUPLICATES_DETECTED", "DUPLICATE_EXTERNAL_ID"], "duplicate"
    ),
    **dict.fromkeys(["INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE"], "unknown_field"),
    **dict.fromkeys(["ENTITY_IS_DELETED", "NOT_FOUND"], "not_found"),
    **dict.fromkeys(
        [
            "INSUFFICIENT_ACCESS_OR_READONLY",
            "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        ],
        "permission",
    ),
    **dict.fromkeys(
        [
            "UNABLE_TO_LOCK_ROW",
            "SERVER_UNAVAILABLE",
            "REQUEST_RUNNING_TOO_LONG",
            "QUERY_TIMEOUT",
            "UNKNOWN_EXCEPTION",
            "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        ],
        "transient",
    ),
}


@dataclass(frozen=True)
class SalesforceLogin:
    """How to get a session. With a user name the password grant, else client credentials."""

    url: str
    client_id: str
    client_secret: str
    username: str = ""
    password: str = ""
    timeout_seconds: float = 30.0


class PlainHttpAdapter(HTTPAdapter):
    """Talks http where the client insists on https: `simple-salesforce` knows no other scheme."""

    def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
        request.url = "http" + request.url.removeprefix("https")
        return super().send(request, *args, **kwargs)


class SalesforceDestination:
    """One object of a Salesforce org."""

    is_idempotent = True
    records_per_read = 200  # as many ids as fit into the address of a query

    def __init__(
        self,
        spec: SyncSpec,
        login: SalesforceLogin,
        calls: CallCount | None = None,
        jobs: Jobs | None = None,
        shape: Callable[[], Shape] = no_shape,
    ):
        self.spec, self.login, self.shape = spec, login, shape
        self.calls = calls or CallCount()
        self.is_bulk = False
        self.bulk = BulkLoad(self._bulk_client, self._counted, jobs)
        self.client: Salesforce | None = None
        self.session = requests.Session()
        parts = urlsplit(login.url)
        if parts.scheme == "http":
            self.session.mount(f"https://{parts.netloc}", PlainHttpAdapter())
        if is_loopback(login.url):
            self.session.trust_env = False
        # the client's bulk calls know no time-out of their own
        self.session.request = partial(  # type: ignore[method-assign]
            self.session.request, timeout=login.timeout_seconds
        )
        # simple-salesforce's errors carry no headers; Retry-After is read from here
        self._headers: Mapping[str, str] = {}
        self.session.hooks["response"].append(self._note_headers)

    def _note_headers(self, response: requests.Response, *args: Any, **kwargs: Any) -> None:
        self._headers = response.headers
        usage = response.headers.get("Sforce-Limit-Info")
        if usage:
            self.calls.usage["Sforce-Limit-Info"] = usage

    def log_in(self) -> None:
        login = self.login
        form = {"client_id": login.client_id, "client_secret": login.client_secret}
        if login.username:
            form |= {
                "grant_type": "password",
                "username": login.username,
                "password": login.password,
            }
        else:
            form["grant_type"] = "client_credentials"
        self.calls.count(is_write=False)
        try:
            answer = self.session.post(
                f"{login.url}/services/oauth2/token", data=form, timeout=login.timeout_seconds
            )
            body = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise RetryLater(f"Salesforce login at {login.url}: {error}") from error
        if answer.status_code == 429 or answer.status_code >= 500:
            raise RetryLater(
                f"Salesforce login: HTTP {answer.status_code}", retry_after_seconds(answer.headers)
            )
        if answer.status_code != 200 or "access_token" not in body:
            raise SyncStopped(
                f"Salesforce refused the login at {login.url}: {body.get('error')}: "
                f"{body.get('error_description')}. Check PLG_SALESFORCE_CLIENT_ID, "
                "_CLIENT_SECRET, _USERNAME and _PASSWORD"
            )
        # `instance` is used as it is, so a path (/salesforce) is kept
        instance = (body.get("instance_url") or login.url).split("://", 1)[-1].rstrip("/")
        self.client = Salesforce(
            session_id=body["access_token"],
            instance=instance,
            session=self.session,
            version=API_VERSION,
        )

    def check(self) -> None:
        spec = self.spec
        described = self._call("GET", f"sobjects/{spec.object}/describe")
        problems = salesforce_problems(spec, self.shape(), described)
        if problems:
            raise SyncStopped(
                f"Salesforce object {spec.object} does not fit {spec.name}.yml: "
                f"{'; '.join(problems)}. {_SETUP}"
            )

    def expect(self, total: int) -> None:
        self.is_bulk = total > self.spec.bulk_above

    def call_for(self, outgoing: Outgoing) -> str:
        by_bulk = "bulk " if self.is_bulk else ""
        if outgoing.record.operation == "delete":
            return f"{by_bulk}delete"
        if outgoing.as_new or outgoing.record.destination_id is None:
            return f"{by_bulk}upsert"
        return f"{by_bulk}update"

    def records_per_call(self, call: str) -> int:
        return JOB_RECORDS if call.startswith("bulk ") else self.spec.records_per_call

    def send(self, call: str, batch: Sequence[Outgoing]) -> list[Answer]:
        object_name, key = self.spec.object, self.spec.external_id
        if call.startswith("bulk "):
            call = call.removeprefix("bulk ")
            # what bisection leaves of a refused job is not worth jobs of its own
            if len(batch) > min(self.spec.bulk_above, self.spec.records_per_call):
                return self._send_job(call, batch)
        match call:
            case "delete":
                ids = ",".join(str(o.record.destination_id) for o in batch)
                results = self._call("DELETE", f"composite/sobjects?ids={ids}&allOrNone=false")
                return [_deleted(result) for result in results]
            case "upsert":
                body = [self._new(o) for o in batch]
                path, method = f"composite/sobjects/{object_name}/{key}", "PATCH"
            case _:
                body = [self._changed(o) for o in batch]
                path, method = "composite/sobjects", "PATCH"
        results = self._call(method, path, {"allOrNone": False, "records": body})
        if not isinstance(results, list) or len(results) != len(batch):
            raise RetryLater(f"Salesforce answered {len(results or [])} of {len(batch)} records")
        return [
            _answer(result, by_id=call == "update") if result else Answer(rejection=_no_answer())
            for result in results
        ]

    def read(self, known: Sequence[Known], fields: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        ids = ", ".join(f"'{entry.destination_id}'" for entry in known)
        query = f"SELECT Id, {', '.join(fields)} FROM {self.spec.object} WHERE Id IN ({ids})"
        answer = self._call("GET", f"query/?{urlencode({'q': query})}")
        return {record["Id"]: record for record in answer["records"]}

    def close(self) -> None:
        self.session.close()

    # records -----------------------------------------------------------------------------

    def _new(self, outgoing: Outgoing) -> dict[str, Any]:
        return {
            "attributes": {"type": self.spec.object},
            str(self.spec.external_id): outgoing.record.record_key,
            **self._values(outgoing.fields),
        }

    def _changed(self, outgoing: Outgoing) -> dict[str, Any]:
        record = {
            "attributes": {"type": self.spec.object},
            "Id": outgoing.record.destination_id,
            **self._values(outgoing.fields),
        }
        if outgoing.record.operation == "match":
            record[str(self.spec.external_id)] = outgoing.record.record_key
        return record

    def _values(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in fields.items():
            mapping = self.spec.fields.get(name)
            if mapping is None or mapping.reference is None:
                values[name] = value
            elif value is not None:
                # a field that may point at several objects must be told at which
                kind = mapping.reference_object
                attributes = {"attributes": {"type": kind}} if kind else {}
                values[name] = {**attributes, mapping.reference: value}
            else:
                values[_foreign_key(name)] = None
        return values

    # jobs --------------------------------------------------------------------------------

    def _send_job(self, operation: str, batch: Sequence[Outgoing]) -> list[Answer]:
        key = str(self.spec.external_id) if operation == "upsert" else "Id"
        match operation:
            case "delete":
                rows = [{"Id": o.record.destination_id} for o in batch]
            case "upsert":
                rows = [self._row(self._new(o)) for o in batch]
            case _:
                rows = [self._row(self._changed(o)) for o in batch]
        answers = self.bulk.send(operation, batch, rows, key)
        if operation == "delete":
            return [_gone_is_deleted(answer) for answer in answers]
        return answers

    def _row(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """A record as a row of a file: ``Account.PLG_Account_Id__c`` for a reference."""
        row: dict[str, Any] = {}
        references = {
            _foreign_key(name): f"{name}.{mapping.reference}"
            for name, mapping in self.spec.fields.items()
            if mapping.reference
        }
        for name, value in record.items():
            if name == "attributes":
                continue
            if isinstance(value, Mapping):
                for key, pointed_at in value.items():
                    row[f"{name}.{key}"] = pointed_at
            else:
                row[references.get(name, name)] = value
        return row

    def abandon_job(self, job_id: str) -> None:
        """Make sure that the job of a killed run writes no more."""
        self.bulk.abandon(job_id)

    def _bulk_client(self) -> _Bulk2Client:
        assert self.client is not None
        return getattr(self.client.bulk2, self.spec.object)._client

    def _counted(self, call: Callable[[], Any], is_write: bool) -> Any:
        if self.client is None:
            self.log_in()
        self.calls.count(is_write=is_write)
        self._headers = {}
        try:
            return call()
        except SalesforceError as error:
            raise self._named(error) from error
        except (requests.RequestException, ValueError) as error:
            raise RetryLater(f"Salesforce gave no answer: {error}") from error

    # calls -------------------------------------------------------------------------------

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self._counted(
            lambda: self.client.restful(
                path,
                method=method,
                **({"data": json.dumps(body)} if body is not None else {}),
            ),
            method != "GET",
        )

    def _named(self, error: SalesforceError) -> Exception:
        code, message = _code_and_message(error.content)
        said = f"Salesforce says {error.status} {code}: {message}"
        if error.status == 401:
            return SessionExpired(said)
        if error.status == 429 or error.status >= 500:
            return RetryLater(said, retry_after_seconds(self._headers))
        if error.status == 403:
            hint = (
                "the daily API limit is used up; run the sync again tomorrow"
                if code == "REQUEST_LIMIT_EXCEEDED"
                else "give the integration user the right to do this"
            )
            return SyncStopped(f"{said}; {hint}")
        if error.status == 404:
            return SyncStopped(
                f"{said}. Object {self.spec.object} or field {self.spec.external_id} is not there "
                f"or not visible to the integration user. {_SETUP}"
            )
        return BatchRefused(said, code)


def _foreign_key(relationship: str) -> str:
    """``Account`` → ``AccountId``, ``PLG_Account__r`` → ``PLG_Account__c``."""
    if relationship.endswith("__r"):
        return f"{relationship[:-1]}c"
    return f"{relationship}Id"


def _code_and_message(content: Any) -> tuple[str, str]:
    entries = content if isinstance(content, list) else [content]
    first = entries[0] if entries else {}
    if isinstance(first, dict):
        return str(first.get("errorCode", "")), str(first.get("message", first))
    return "", str(first)


def _answer(result: Mapping[str, Any], by_id: bool) -> Answer:
    if result["success"]:
        return Answer(destination_id=result["id"])
    return Answer(rejection=_rejection(result["errors"], by_id))


def _deleted(result: Mapping[str, Any]) -> Answer:
    return _gone_is_deleted(_answer(result, by_id=True))


def _gone_is_deleted(answer: Answer) -> Answer:
    gone = answer.rejection is not None and answer.rejection.error_class == "not_found"
    return Answer() if gone else answer


def _no_answer() -> Rejection:
    return Rejection("transient", "Salesforce gave no answer for this record")


def _rejection(errors: Sequence[Mapping[str, Any]], by_id: bool) -> Rejection:
    first = errors[0] if errors else {}
    code = str(first.get("statusCode", ""))
    words = "; ".join(f"{e.get('statusCode')}: {e.get('message')}" for e in errors)
    return Rejection(classify(code, str(first.get("message", "")), first, by_id), words, code)


def classify(code: str, message: str, error: Mapping[str, Any], by_id: bool = True) -> str:
    """Our error class for one of Salesforce's status codes."""
    if code == "INVALID_FIELD" and message.startswith("Foreign key external ID"):
        return "missing_reference"
    if code in ("INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID"):
        # without a named field it is the record's own id that leads nowhere
        fields = [name for name in error.get("fields") or [] if name != "Id"]
        return "missing_reference" if fields or not by_id else "not_found"
    return _CLASS_OF_CODE.get(code, "refused")
