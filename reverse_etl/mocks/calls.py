"""The wire around the mocked APIs: reads the body, plays faults, logs the call, adds headers."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reverse_etl.mocks.faults import APPLIED, Fault, Faults
from reverse_etl.mocks.store import Store

MAX_BODY_BYTES = 10_000_000
MAX_UPLOAD_BYTES = 150_000_000  # a file of the Bulk API


@dataclass
class CallNotes:
    """What a handler tells about its call: how many records, how many were refused."""

    records: int = 0
    refused: int = 0
    note: str | None = None


class MockedApi(Protocol):
    """What the wire must know of a vendor."""

    store: Store

    def is_write(self, method: str, path: str) -> bool: ...
    def fault_response(self, fault: Fault, body: bytes) -> Response: ...
    def over_limit(self, path: str) -> Response | None: ...
    def headers(self, path: str, status: int) -> Mapping[str, str]: ...


@dataclass
class _Captured:
    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


class ApiCalls:
    """ASGI middleware for ``/salesforce``, ``/hubspot`` and so on; the rest passes through.

    The vendors' own paths (``/services/data/…``, ``/crm/…``) lead there too, so that a client
    that is told no more than a host and a port finds what it looks for.
    """

    def __init__(self, app: ASGIApp, apis: Mapping[str, MockedApi], faults: Faults):
        self.app, self.apis, self.faults = app, apis, faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        system = ""
        if scope["type"] == "http":
            prefix = _vendor_prefix(scope["path"])
            if prefix:
                scope = {**scope, "path": prefix + scope["path"]}
                scope["raw_path"] = prefix.encode() + scope.get("raw_path", b"")
            system = scope["path"].split("/")[1]
        api = self.apis.get(system)
        if api is None:
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        notes = CallNotes()
        scope.setdefault("state", {})["notes"] = notes
        limit = MAX_UPLOAD_BYTES if scope["method"] == "PUT" else MAX_BODY_BYTES
        body = await _read(receive, limit)
        is_write = api.is_write(scope["method"], scope["path"])
        fault = self.faults.next(system, is_write=is_write)
        if fault is None and is_write and self.faults.waiting:
            fault = self.faults.refuses_batch(system, body.decode(errors="replace"))
        refused = api.over_limit(scope["path"])
        if refused is not None:
            notes.note = "over the limit"
            fault, captured = None, await _answer(refused, scope)
        elif len(body) > limit:
            captured = await _answer(JSONResponse({"message": "request too large"}, 413), scope)
        elif fault is not None and fault.kind == "drop_before":
            captured = _Captured(status=500, body=b"nothing")
        elif fault is not None and fault.kind not in APPLIED:
            notes.note = f"fault: {fault.kind}"
            captured = await _answer(api.fault_response(fault, body), scope)
        else:
            if fault is not None and fault.kind == "latency":
                await asyncio.sleep(fault.seconds)
            captured = _Captured()
            await self.app(scope, _replay(body), captured.send)
        headers = dict(captured.headers)
        for name, value in api.headers(scope["path"], captured.status).items():
            headers[name.lower().encode()] = value.encode()
        api.store.log_call(
            scope["method"],
            scope["path"],
            captured.status,
            is_write=is_write,
            records=notes.records,
            refused=notes.refused,
            duration_ms=(time.perf_counter() - started) * 1000,
            note=notes.note if fault is None else f"fault: {fault.kind}",
        )
        if fault is not None and fault.kind == "slow":
            await _wait_while_connected(receive, fault.seconds)
        if fault is not None and fault.kind == "error_after_apply":
            broken = await _answer(api.fault_response(fault, body), scope)
            captured.status, captured.body = broken.status, broken.body
            headers = dict(broken.headers)
        dropped = fault is not None and fault.kind in ("drop", "drop_before")
        if dropped:
            # promise more than is sent: the server then closes the connection
            headers[b"content-length"] = str(len(captured.body) + 100).encode()
        await send(
            {
                "type": "http.response.start",
                "status": captured.status,
                "headers": list(headers.items()),
            }
        )
        await send(
            {
                "type": "http.response.body",
                "body": captured.body[: len(captured.body) // 2] if dropped else captured.body,
                "more_body": dropped,
            }
        )


def _vendor_prefix(path: str) -> str:
    """Where a path of a vendor's own host belongs; empty for the mocks' own paths."""
    if path.startswith(("/services/data", "/services/oauth2", "/services/Soap")):
        return "/salesforce"
    if path.startswith(("/crm/", "/crm-object-schemas/", "/oauth/")):
        return "/hubspot"
    return "/slack" if path.startswith(("/services/T", "/api/")) else ""


async def _read(receive: Receive, limit: int) -> bytes:
    parts, size = [], 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if not message.get("more_body") or size > limit:
            return b"".join(parts)


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _answer(response: Response, scope: Scope) -> _Captured:
    captured = _Captured()
    await response(scope, _replay(b""), captured.send)
    return captured


async def _wait_while_connected(receive: Receive, seconds: float) -> None:
    gone = asyncio.ensure_future(receive())
    await asyncio.wait([gone], timeout=seconds)
    gone.cancel()


def json_body(body: bytes, refuse: Callable[[str], Exception]) -> Any:
    """The request's JSON; ``refuse(message)`` makes the vendor's error for text that is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise refuse(str(error)) from error
