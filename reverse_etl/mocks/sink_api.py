"""A generic receiver: takes what is posted to ``/sink/NAME`` and keeps it, as a webhook would."""

import json
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from reverse_etl.mocks.faults import Fault, Faults
from reverse_etl.mocks.store import Store


class SinkApi:
    """Everything that was received, by the name it was sent to."""

    def __init__(self, store: Store, faults: Faults):
        self.store, self.faults = store, faults

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
        text = (await request.body()).decode(errors="replace")
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
            number = len(payload) if isinstance(payload, list) else 1
            api.store.add_message(name, text, {"body": payload, "idempotency_key": key})
            if key:
                api.store.db.execute(
                    "insert into unique_values values ('sink', ?, ?, ?)", (name, key, key)
                )
        request.state.notes.records = number
        return JSONResponse({"received": number})

    @router.get("/{name:path}")
    async def received(name: str, limit: int = 100) -> JSONResponse:
        rows = [row for row in api.store.rows("messages", limit=limit) if row["channel"] == name]
        return JSONResponse([json.loads(row["payload"]) for row in rows])

    return router
