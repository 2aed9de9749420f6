"""Slack: the incoming webhook with its plain-text answers, and the Web API of a bot."""

import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from reverse_etl.mocks.faults import Fault, Faults
from reverse_etl.mocks.store import Store

WEBHOOK_PATH = "/slack/services/T00PLG/B00PLG/plgdemowebhook"
BOT_TOKEN = "xoxb-plg-demo"
MAX_TEXT = 40_000
MAX_BLOCKS = 50


class SlackApi:
    """The channel behind the webhook."""

    def __init__(self, store: Store, faults: Faults):
        self.store, self.faults = store, faults

    def is_write(self, method: str, path: str) -> bool:
        return method == "POST"

    def headers(self, path: str, status: int) -> Mapping[str, str]:
        return {}

    def over_limit(self, path: str) -> Response | None:
        return None

    def fault_response(self, fault: Fault, body: bytes) -> Response:
        match fault.kind:
            case "throttle":
                headers = (
                    {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
                )
                return PlainTextResponse("rate_limited", 429, headers)
            case "expired_token":
                return PlainTextResponse("invalid_token", 403)
            case "refuse_batch" | "partial":
                return PlainTextResponse(fault.code or "invalid_payload", 400)
            case "unavailable":
                return PlainTextResponse("service_unavailable", 503)
        return PlainTextResponse("rollup_error", 500)


def build_router(api: SlackApi) -> APIRouter:
    """Routes below ``/slack``."""
    router = APIRouter(prefix="/slack")

    @router.post("/services/{team}/{hook}/{token}")
    async def webhook(request: Request, team: str, hook: str, token: str) -> PlainTextResponse:
        if not (re.fullmatch(r"T\w+", team) and re.fullmatch(r"B\w+", hook)):
            return PlainTextResponse("no_service", 404)
        payload = _payload(await request.body(), request.headers.get("content-type", ""))
        request.state.notes.records = 1
        problem = _problem(payload)
        if problem is not None:
            request.state.notes.refused = 1
            api.store.log_error("message", None, problem, "the message was refused")
            return PlainTextResponse(problem, 400)
        assert payload is not None
        with api.store.transaction():
            channel = str(payload.get("channel") or "#sales")
            api.store.add_message(channel, message_text(payload), payload)
        return PlainTextResponse("ok", media_type="text/html")

    def web_api(problem: str, **answer: Any) -> JSONResponse:
        if problem:
            return JSONResponse({"ok": False, "error": problem, **answer})
        return JSONResponse({"ok": True, **answer})

    def token_problem(request: Request, payload: Mapping[str, Any]) -> str:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        given = given or str(payload.get("token") or "")
        if not given:
            return "not_authed"
        return "" if given == BOT_TOKEN else "invalid_auth"

    @router.post("/api/auth.test")
    async def auth_test(request: Request) -> JSONResponse:
        problem = token_problem(request, await _arguments(request))
        if problem:
            return web_api(problem)
        return web_api(
            "", url="https://plg.slack.com/", team="PLG", user="plg", team_id="T00PLG", user_id="U1"
        )

    @router.post("/api/chat.postMessage")
    async def post_message(request: Request) -> JSONResponse:
        payload = await _arguments(request)
        problem = token_problem(request, payload)
        if problem:
            return web_api(problem)
        request.state.notes.records = 1
        channel = str(payload.get("channel") or "")
        problem = "" if channel else "channel_not_found"
        problem = problem or _problem(payload) or ""
        if problem:
            request.state.notes.refused = 1
            api.store.log_error("message", channel or None, problem, "the message was refused")
            return web_api(problem)
        with api.store.transaction():
            payload.pop("token", None)
            api.store.add_message(channel, message_text(payload), payload)
            number = api.store.count_rows("messages")
        shown = {"type": "message", "bot_id": "B00PLG", "text": message_text(payload)}
        stamp = f"{int(time.time())}.{number:06d}"
        return web_api("", channel=channel, ts=stamp, message={**shown, "ts": stamp})

    @router.post("/api/{method}")
    async def unknown(method: str) -> JSONResponse:
        return web_api("unknown_method", req_method=method)

    return router


async def _arguments(request: Request) -> dict[str, Any]:
    """Arguments of a Web API method, as JSON or as a form (whose lists are JSON text)."""
    body = await request.body()
    if "json" in request.headers.get("content-type", ""):
        return _payload(body, "") or {}
    form = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
    for name in ("blocks", "attachments"):
        if name in form:
            with suppress(ValueError):
                form[name] = json.loads(form[name])
    return form


def _payload(body: bytes, content_type: str) -> dict[str, Any] | None:
    text = body.decode(errors="replace")
    if "application/x-www-form-urlencoded" in content_type:
        text = parse_qs(text).get("payload", [""])[0]
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None


def _problem(payload: dict[str, Any] | None) -> str | None:
    if payload is None:
        return "invalid_payload"
    blocks = payload.get("blocks")
    if blocks is not None and (not isinstance(blocks, list) or len(blocks) > MAX_BLOCKS):
        return "invalid_blocks"
    for block in blocks or []:
        if not isinstance(block, dict) or "type" not in block:
            return "invalid_blocks"
        if block["type"] == "section":
            texts = [block.get("text"), *(block.get("fields") or [])]
            known = [t for t in texts if isinstance(t, dict)]
            limit = 3000 if block.get("text") else 2000
            if not known or any(not t.get("text") or len(t["text"]) > limit for t in known):
                return "invalid_blocks"
            if len(block.get("fields") or []) > 10:
                return "invalid_blocks"
    text = payload.get("text")
    if not text and not blocks and not payload.get("attachments"):
        return "no_text"
    if isinstance(text, str) and len(text) > MAX_TEXT:
        return "msg_too_long"
    return None


def message_text(payload: Mapping[str, Any]) -> str:
    """The words of a message: its text, else those of its blocks."""
    if payload.get("text"):
        return str(payload["text"])
    texts = []
    for block in payload.get("blocks") or []:
        for part in [block.get("text"), *(block.get("fields") or [])]:
            if isinstance(part, dict):
                texts.append(str(part.get("text", "")))
    return "\n".join(texts)
