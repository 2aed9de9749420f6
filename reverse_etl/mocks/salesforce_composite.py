"""Salesforce's composite calls: several REST calls in one, with references between them.

A subrequest goes through the same routes as a call of its own, past the wire (`calls`), so it
counts as part of one call and suffers no fault of its own.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse
from starlette.types import Message

from reverse_etl.mocks.calls import json_body
from reverse_etl.mocks.salesforce_org import RequestError
from reverse_etl.mocks.store import Store

MAX_SUBREQUESTS = 25
_REFERENCE = re.compile(r"@\{(\w+)((?:\.\w+|\[\d+\])*)\}")


class _RolledBack(Exception):
    pass


@dataclass
class _Answer:
    status: int
    body: Any


def build_router(store: Store, require_session: Callable[[Request], None]) -> APIRouter:
    """Routes below ``/salesforce/services/data/vNN.N/composite``."""
    router = APIRouter(prefix="/services/data/v{version}/composite")

    async def requests_of(request: Request, name: str) -> tuple[dict[str, Any], list[Any]]:
        require_session(request)
        document = json_body(
            await request.body(), lambda text: RequestError(400, "JSON_PARSER_ERROR", text)
        )
        wanted = document.get(name) if isinstance(document, dict) else None
        if not isinstance(wanted, list) or not all(isinstance(one, dict) for one in wanted):
            raise RequestError(400, "JSON_PARSER_ERROR", f"{name}: an array is expected")
        if len(wanted) > MAX_SUBREQUESTS:
            raise RequestError(
                400,
                "LIMIT_EXCEEDED",
                f"Limit of {MAX_SUBREQUESTS} subrequests exceeded: {len(wanted)}",
            )
        request.state.notes.records = len(wanted)
        return document, wanted

    @router.post("")
    @router.post("/")
    async def composite(request: Request) -> JSONResponse:
        document, wanted = await requests_of(request, "compositeRequest")
        all_or_none = document.get("allOrNone") is True
        answers: dict[str, _Answer] = {}
        try:
            with store.transaction(), store.savepoint():
                for one in wanted:
                    answers[str(one.get("referenceId"))] = await _run(request, one, answers)
                if all_or_none and any(a.status >= 400 for a in answers.values()):
                    raise _RolledBack
        except _RolledBack:
            halted = {
                "errorCode": "PROCESSING_HALTED",
                "message": "The transaction was rolled back since another operation in the same "
                "transaction failed.",
            }
            answers = {
                key: answer if answer.status >= 400 else _Answer(400, [halted])
                for key, answer in answers.items()
            }
        request.state.notes.refused = sum(a.status >= 400 for a in answers.values())
        return JSONResponse(
            {
                "compositeResponse": [
                    {
                        "body": answer.body,
                        "httpHeaders": {},
                        "httpStatusCode": answer.status,
                        "referenceId": key,
                    }
                    for key, answer in answers.items()
                ]
            }
        )

    @router.post("/batch")
    @router.post("/batch/")
    async def batch(request: Request) -> JSONResponse:
        document, wanted = await requests_of(request, "batchRequests")
        results: list[dict[str, Any]] = []
        has_errors = False
        for one in wanted:
            if has_errors and document.get("haltOnError") is True:
                halted = {
                    "errorCode": "BATCH_PROCESSING_HALTED",
                    "message": "Batch processing halted per request",
                }
                results.append({"statusCode": 412, "result": [halted]})
                continue
            path = str(one.get("url", "")).lstrip("/").removeprefix("services/data/")
            call = {
                "method": one.get("method"),
                "url": f"/services/data/{path}",
                "body": one.get("richInput"),
            }
            answer = await _run(request, call, {})
            has_errors = has_errors or answer.status >= 400
            results.append({"statusCode": answer.status, "result": answer.body})
        request.state.notes.refused = sum(r["statusCode"] >= 400 for r in results)
        return JSONResponse({"hasErrors": has_errors, "results": results})

    return router


async def _run(request: Request, call: Mapping[str, Any], known: Mapping[str, _Answer]) -> _Answer:
    """Run one subrequest through the routes of this app."""
    try:
        url = _filled(str(call.get("url") or ""), known)
        body = json.loads(_filled(json.dumps(call.get("body")), known))
    except LookupError as error:
        problem = {
            "errorCode": "PROCESSING_HALTED",
            "message": f"Invalid reference specified. No value for {error.args[0]}",
        }
        return _Answer(400, [problem])
    parts = urlsplit(url)
    content = b"" if body is None else json.dumps(body).encode()
    path = f"/salesforce{parts.path}"
    if "/composite" in path and "/composite/sobjects" not in path:
        return _Answer(400, [{"errorCode": "INVALID_REQUEST", "message": "no composite in one"}])
    scope = {
        **request.scope,
        "method": str(call.get("method") or "GET").upper(),
        "path": path,
        "raw_path": path.encode(),
        "query_string": parts.query.encode(),
        "path_params": {},
        "state": dict(request.scope["state"]),
    }
    status, chunks = 500, []

    async def receive() -> Message:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            chunks.append(message.get("body", b""))

    await request.app.router(scope, receive, send)
    text = b"".join(chunks)
    return _Answer(status, json.loads(text) if text else None)


def _filled(text: str, known: Mapping[str, _Answer]) -> str:
    """``@{refAccount.id}`` → what that subrequest answered; LookupError where it did not."""

    def value(match: re.Match[str]) -> str:
        reference = f"{match[1]}{match[2]}"
        if match[1] not in known:
            raise LookupError(reference)
        found: Any = known[match[1]].body
        for step in re.findall(r"\w+", match[2]):
            try:
                found = found[int(step)] if isinstance(found, list) else found[step]
            except (KeyError, IndexError, TypeError, ValueError):
                raise LookupError(reference) from None
        return str(found)

    return _REFERENCE.sub(value, text)
