"""A generic receiver: takes what is posted to ``/sink/NAME`` and keeps it, as a webhook would.

Batches of records (`reverse_etl.destinations.webhook`) are applied to the records of the feed NAME,
each idempotency key once; a signature is checked where one is given.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from reverse_etl.mocks.faults import Fault, Faults
from reverse_etl.mocks.store import Store

SIGNATURE_SECONDS = 300
"""How old a signed call may be."""


class SinkApi:
    """Everything that was received, by the name it was sent to."""

    def __init__(self, store: Store, faults: Faults, secret: str):
        self.store, self.faults, self.secret = store, faults, secret

    def is_forged(self, given: str, body: bytes) -> bool:
        """Whether a signature is wrong, or too old to be no replay."""
        parts = dict(part.split("=", 1) for part in given.split(",") if "=" in part)
        at = parts.get("t", "")
        made = hmac.new(self.secret.encode(), at.encode() + b"." + body, hashlib.sha256)
        is_ours = hmac.compare_digest(made.hexdigest(), parts.get("v1", ""))
        is_old = not at.isdigit() or abs(time.time() - int(at)) > SIGNATURE_SECONDS
        return not is_ours or is_old

    def apply(self, name: str, records: list[Any]) -> list[dict[str, Any]]:
        """Write the records of a batch; a result for each."""
        fault, refused = self.faults.refused_records("sink", len(records))
        results = []
        for index, record in enumerate(records):
            result = {"key": record.get("key"), "status": "accepted"}
            if fault is not None and index in refused:
                words = {"code": fault.code or "invalid", "message": fault.message}
                result |= {"status": "rejected", **words}
            elif not self._is_known(name, record.get("idempotency_key")):
                self._write(name, record)
            results.append(result)
        return results

    def _is_known(self, name: str, key: str | None) -> bool:
        if not key:
            return False
        if self.store.find_unique("sink", f"{name} record", key):
            return True
        self.store.db.execute(
            "insert into unique_values values ('sink', ?, ?, ?)", (f"{name} record", key, key)
        )
        return False

    def _write(self, name: str, record: Mapping[str, Any]) -> None:
        key, operation = str(record["key"]), str(record.get("operation"))
        known = self.store.get(name, key)
        before = known.fields if known else {}
        fields = {**before, **(record.get("fields") or {})}
        self.store.put(
            name,
            key,
            fields,
            operation=operation,
            changed={k: (before.get(k), v) for k, v in fields.items() if before.get(k) != v},
            is_deleted=operation == "delete",
        )

    def is_write(self, method: str, path: str) -> bool:
        return method != "GET"

    def headers(self, path: str, status: int) -> Mapping[str, str]:
        return {}

    def over_limit(self, path: str) -> Response | None:
        return None

    def fault_response(self, fault: Fault, body: bytes) -> Response:
        status = {
            "throttle": 429,
            "expired_token": 401,
            "unavailable": 503,
            "refuse_batch": 422,
        }.get(fault.kind, 500)
        waits = fault.kind == "throttle" and fault.retry_after is not None
        headers = {"Retry-After": f"{fault.retry_after:g}"} if waits else {}
        return JSONResponse({"error": fault.code or fault.kind}, status, headers)


def build_router(api: SinkApi) -> APIRouter:
    """Routes below ``/sink``."""
    router = APIRouter(prefix="/sink")

    @router.post("/{name:path}")
    @router.put("/{name:path}")
    async def receive(request: Request, name: str) -> Response:
        body = await request.body()
        given = request.headers.get("x-plg-signature")
        if given is not None and api.is_forged(given, body):
            request.state.notes.refused = 1
            return JSONResponse({"error": "the signature is wrong or too old"}, 401)
        text = body.decode(errors="replace")
        is_json = "json" in request.headers.get("content-type", "")
        try:
            payload: Any = json.loads(text) if is_json else text
        except (ValueError, RecursionError):
            request.state.notes.refused = 1
            api.store.log_error(name, None, "bad_json", text[:200])
            return JSONResponse({"error": "the body is not JSON"}, 400)
        key = request.headers.get("idempotency-key")
        with api.store.transaction():
            if key and api.store.find_unique("sink", name, key):
                return JSONResponse({"received": 0, "repeated": True})
            records = payload.get("records") if isinstance(payload, dict) else None
            results = api.apply(name, records) if isinstance(records, list) else None
            number = len(records or (payload if isinstance(payload, list) else [payload]))
            api.store.add_message(name, text, {"body": payload, "idempotency_key": key})
            is_whole = all(r["status"] == "accepted" for r in results or [])
            if key and is_whole:  # what was refused may come again
                api.store.db.execute(
                    "insert into unique_values values ('sink', ?, ?, ?)", (name, key, key)
                )
        request.state.notes.records = number
        if results is None:
            return JSONResponse({"received": number})
        request.state.notes.refused = sum(r["status"] == "rejected" for r in results)
        return JSONResponse({"received": number, "results": results})

    @router.get("/{name:path}")
    async def received(name: str, limit: int = 100) -> JSONResponse:
        rows = [row for row in api.store.rows("messages", limit=limit) if row["channel"] == name]
        return JSONResponse([json.loads(row["payload"]) for row in rows])

    return router
