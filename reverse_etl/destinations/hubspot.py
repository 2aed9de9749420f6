"""HubSpot through `hubspot-api-client`: objects v3 batches, up to 100 records a call.

New records go with batch/upsert by a unique property, changed ones with batch/update by record
id. Every input carries an ``objectWriteTraceId``, without which one bad record refuses all.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import urllib3
from hubspot import Client
from hubspot.crm.objects import (
    ApiException,
    BatchInputSimplePublicObjectBatchInput,
    BatchInputSimplePublicObjectBatchInputUpsert,
    BatchInputSimplePublicObjectId,
    BatchReadInputSimplePublicObjectId,
)

from reverse_etl.destinations.base import (
    Answer,
    CallCount,
    Known,
    Outgoing,
    retry_after_seconds,
)
from reverse_etl.destinations.hubspot_fit import hubspot_problems
from reverse_etl.errors import BatchRefused, Rejection, RetryLater, SessionExpired, SyncStopped
from reverse_etl.shape import Shape, no_shape
from reverse_etl.specs import SyncSpec

_SETUP = (
    "`plg crm setup hubspot` lists what is missing and --apply creates it; else change the mapping"
)

_CLASS_OF_CODE = {
    "PROPERTY_DOESNT_EXIST": "unknown_field",
    "READ_ONLY_VALUE": "unknown_field",
    "REQUIRED_PROPERTY": "required_missing",
    "CONFLICTING_UNIQUE_VALUE": "duplicate",
}
_CLASS_OF_CATEGORY = {
    "VALIDATION_ERROR": "invalid_value",
    "CONFLICT": "duplicate",
    "OBJECT_NOT_FOUND": "not_found",
    "OBJECT_ALREADY_EXISTS": "duplicate",
    "MISSING_SCOPES": "permission",
    "RATE_LIMITS": "transient",
    "INTERNAL_ERROR": "transient",
    "SERVICE_UNAVAILABLE": "transient",
}


@dataclass(frozen=True)
class HubSpotLogin:
    """A private app's token."""

    url: str
    token: str
    timeout_seconds: float = 30.0


class HubSpotDestination:
    """One object of a HubSpot portal."""

    is_idempotent = True
    records_per_read = 100

    def __init__(
        self,
        spec: SyncSpec,
        login: HubSpotLogin,
        calls: CallCount | None = None,
        shape: Callable[[], Shape] = no_shape,
    ):
        self.spec, self.login, self.shape = spec, login, shape
        self.calls = calls or CallCount()
        # the engine retries, with the destination's own Retry-After
        client = Client.create(
            access_token=login.token, host=login.url, retry=urllib3.Retry(total=False)
        )
        self.client = client
        self.batches = client.crm.objects.batch_api
        self.properties = client.crm.properties.core_api

    def log_in(self) -> None:
        """A private app's token is its session; nothing to do."""

    def check(self) -> None:
        spec = self.spec
        self.calls.count(is_write=False)
        try:
            answer = self.properties.get_all(
                spec.object, _request_timeout=self.login.timeout_seconds
            )
        except Exception as error:
            named = self.named(error, f"properties of {spec.object}")
            if isinstance(named, BatchRefused):  # a custom object that nobody created
                raise SyncStopped(f"{named}. {_SETUP}") from error
            raise named from error
        problems = hubspot_problems(spec, self.shape(), answer.results)
        if problems:
            raise SyncStopped(
                f"HubSpot object {spec.object} does not fit {spec.name}.yml: "
                f"{'; '.join(problems)}. {_SETUP}"
            )

    def expect(self, total: int) -> None:
        """Many records go by the same calls as few."""

    def records_per_call(self, call: str) -> int:
        return self.spec.records_per_call

    def abandon_job(self, job_id: str) -> None:
        """There are no jobs here."""

    def call_for(self, outgoing: Outgoing) -> str:
        if outgoing.record.operation == "delete":
            return "archive"
        if outgoing.as_new or outgoing.record.destination_id is None:
            return "upsert"
        return "update"

    def send(self, call: str, batch: Sequence[Outgoing]) -> list[Answer]:
        self.calls.count(is_write=True)
        what = f"{call} of {len(batch)} {self.spec.object}"
        try:
            body = self._write(call, batch)
        except Exception as error:
            raise self.named(error, what) from error
        if call == "archive":
            return [Answer() for _ in batch]
        return self._answers(batch, body)

    def read(self, known: Sequence[Known], fields: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        self.calls.count(is_write=False)
        wanted = BatchReadInputSimplePublicObjectId(
            inputs=[{"id": entry.destination_id} for entry in known],
            properties=list(fields),
            properties_with_history=[],
        )
        what = f"reading of {len(known)} {self.spec.object}"
        try:
            response = self.batches.read(self.spec.object, wanted, **self._options())
        except Exception as error:
            raise self.named(error, what) from error
        results = json.loads(response.data).get("results") or []
        return {result["id"]: result["properties"] for result in results}

    def close(self) -> None:
        self.batches.api_client.rest_client.pool_manager.clear()

    # records -----------------------------------------------------------------------------

    def _write(self, call: str, batch: Sequence[Outgoing]) -> Mapping[str, Any]:
        if call == "archive":
            ids = [{"id": o.record.destination_id} for o in batch]
            response = self.batches.archive(
                self.spec.object, BatchInputSimplePublicObjectId(inputs=ids), **self._options()
            )
            return {}
        if call == "upsert":
            inputs: Any = BatchInputSimplePublicObjectBatchInputUpsert(
                inputs=[
                    {
                        "id": o.record.record_key,
                        "idProperty": self.spec.external_id,
                        "properties": _texts(
                            {str(self.spec.external_id): o.record.record_key, **o.fields}
                        ),
                        "objectWriteTraceId": str(index),
                    }
                    for index, o in enumerate(batch)
                ]
            )
            response = self.batches.upsert(self.spec.object, inputs, **self._options())
        else:
            inputs = BatchInputSimplePublicObjectBatchInput(
                inputs=[
                    {
                        "id": o.record.destination_id,
                        "properties": _texts(o.fields),
                        "objectWriteTraceId": str(index),
                    }
                    for index, o in enumerate(batch)
                ]
            )
            response = self.batches.update(self.spec.object, inputs, **self._options())
        return json.loads(response.data)

    def _options(self) -> dict[str, Any]:
        # the answer is read as JSON: building the client's models costs more than the call
        return {"_request_timeout": self.login.timeout_seconds, "_preload_content": False}

    def _answers(self, batch: Sequence[Outgoing], body: Mapping[str, Any]) -> list[Answer]:
        answers: dict[int, Answer] = {}
        by_key = {o.record.record_key.lower(): i for i, o in enumerate(batch)}
        by_id = {o.record.destination_id: i for i, o in enumerate(batch)}
        for result in body.get("results") or []:
            trace = result.get("objectWriteTraceId")
            key = (result.get("properties") or {}).get(self.spec.external_id) or ""
            index = int(trace) if trace is not None else by_key.get(key.lower())
            index = by_id.get(result["id"]) if index is None else index
            if index is not None:
                answers[index] = Answer(destination_id=result["id"])
        for error in body.get("errors") or []:
            rejection = _rejection(error)
            for index in self._blamed(error, by_key, by_id):
                answers[index] = Answer(rejection=rejection)
        silent = Rejection("transient", "HubSpot gave no answer for this record")
        return [answers.get(index, Answer(rejection=silent)) for index in range(len(batch))]

    @staticmethod
    def _blamed(
        error: Mapping[str, Any], by_key: Mapping[str, int], by_id: Mapping[str | None, int]
    ) -> list[int]:
        context = error.get("context") or {}
        traces = context.get("objectWriteTraceId") or []
        if traces:
            return [int(trace) for trace in traces]
        ids = [*(context.get("ids") or []), *(context.get("id") or [])]
        found = [by_id.get(i, by_key.get(str(i).lower())) for i in ids]
        return [index for index in found if index is not None]

    # errors ------------------------------------------------------------------------------

    def named(self, error: Exception, what: str) -> Exception:
        if isinstance(error, ApiException) or hasattr(error, "status"):
            return self._refusal(error, what)
        if isinstance(error, urllib3.exceptions.HTTPError | ValueError | OSError):
            return RetryLater(f"HubSpot {what}: {error}")
        return error

    def _refusal(self, error: Any, what: str) -> Exception:
        status, headers = error.status or 0, dict(error.headers or {})
        body = _json(error.body)
        message = body.get("message") or error.reason or ""
        said = f"HubSpot says {status} {body.get('category', '')}: {message} ({what})"
        if status == 429 and body.get("policyName") == "DAILY":
            return SyncStopped(f"{said}; the daily limit is used up, run the sync again tomorrow")
        if status in (0, 408, 429) or status >= 500:
            return RetryLater(said, retry_after_seconds(headers))
        if status == 401:
            return SessionExpired(f"{said}; check PLG_HUBSPOT_TOKEN")
        if status == 403:
            return SyncStopped(f"{said}; check PLG_HUBSPOT_TOKEN and the scopes of the private app")
        if status == 404:
            return SyncStopped(
                f"{said}; the object does not exist or the app may not see it. {_SETUP}"
            )
        return BatchRefused(said, _first_code(body))


def _json(body: Any) -> dict[str, Any]:
    try:
        parsed = json.loads(body or "{}")
    except (TypeError, ValueError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _texts(fields: Mapping[str, Any]) -> dict[str, str]:
    """HubSpot's values are text; an empty text clears a property."""
    return {name: _text(value) for name, value in fields.items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _first_code(error: Mapping[str, Any]) -> str:
    details = error.get("errors") or []
    return str((details[0] or {}).get("code") or "") if details else ""


def _rejection(error: Mapping[str, Any]) -> Rejection:
    category, code = str(error.get("category", "")), _first_code(error)
    details = [str(entry.get("message")) for entry in error.get("errors") or []]
    words = "; ".join(details) or str(error.get("message", ""))
    error_class = _CLASS_OF_CODE.get(code) or _CLASS_OF_CATEGORY.get(category, "refused")
    return Rejection(error_class, f"{category}: {words}", code or category)
