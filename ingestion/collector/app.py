"""The collector as an ASGI application: every request is answered once, with JSON.

A 200 is given only after the request's lines are on disk. What is in work is bounded in number
and in bytes; beyond that the answer is 503 with ``Retry-After``, which the official clients obey.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ingestion.collector.bodies import BATCH_SETTING, parse_json, read_body, unpack
from ingestion.collector.commits import GroupCommit
from ingestion.collector.keys import WriteKeys, key_of_header
from ingestion.collector.refusals import Refused, busy, too_large, unauthorized
from ingestion.collector.wire import (
    ENDPOINTS,
    Endpoint,
    Envelope,
    Limits,
    landed_lines,
    open_envelope,
    source_of,
)

HEALTH_PATHS = ("/healthz", "/health")
log = logging.getLogger("plg.collector")


@dataclass(frozen=True)
class Bounds:
    """How much may be in work at once, and how long a body may take to arrive."""

    limits: dict[str, Limits]
    waiting_requests: int
    waiting_bytes: int
    body_seconds: float = 30.0


class Room:
    """What is in work, and whether more fits."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.requests = 0
        self.bytes = 0

    @contextlib.contextmanager
    def taken(self) -> Iterator[Callable[[int], None]]:
        """Room for one request; what is yielded takes room for bytes. `Refused` when full."""
        if self.requests >= self._bounds.waiting_requests:
            raise busy(f"{self.requests} requests are waiting already")
        mine = 0

        def take(count: int) -> None:
            nonlocal mine
            if self.bytes + count > self._bounds.waiting_bytes:
                raise busy(f"{self.bytes} bytes are waiting already")
            mine += count
            self.bytes += count

        self.requests += 1
        try:
            yield take
        finally:
            self.requests -= 1
            self.bytes -= mine


@dataclass
class Counts:
    """Since the start; for the health page."""

    started: float = field(default_factory=time.monotonic)
    requests_accepted: int = 0
    messages_accepted: Counter[str] = field(default_factory=Counter)
    requests_refused: Counter[str] = field(default_factory=Counter)


class Collector:
    """The ASGI application. ``commits`` lives as long as the application's lifespan."""

    def __init__(
        self,
        commits: GroupCommit,
        keys: WriteKeys,
        bounds: Bounds,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_stopped: Callable[["Collector"], None] = lambda collector: None,
    ) -> None:
        self.commits = commits
        self.counts = Counts()
        self._keys = keys
        self._bounds = bounds
        self._room = Room(bounds)
        self._now = now
        self._on_stopped = on_stopped

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except Refused as refused:
            self.counts.requests_refused[refused.code] += 1
            response = _refusal(refused)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:  # the server stops and waits no longer
            response = _refusal(busy("the collector is stopping"))
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            response = _refusal(Refused(500, "internal_error", "see the collector's log"))
        await response(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self.commits.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.commits.stop()
        self._on_stopped(self)
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, request: Request) -> Response:
        path = request.url.path.rstrip("/")
        if path in HEALTH_PATHS:
            _require_method(request, "GET", "HEAD")
            return self._health()
        endpoint = ENDPOINTS.get(path)
        if endpoint is None:
            raise Refused(404, "not_found", f"nothing is collected at {request.url.path}")
        _require_method(request, "POST")
        header = request.headers.get("authorization")
        if header is not None and key_of_header(header) not in self._keys:
            raise unauthorized()
        with self._room.taken() as take:
            envelope = await self._read(request, endpoint, take)
            if header is None and envelope.key not in self._keys:
                raise unauthorized()
            return await self._land(endpoint, envelope)

    async def _read(
        self, request: Request, endpoint: Endpoint, take: Callable[[int], None]
    ) -> Envelope:
        limit = self._bounds.limits[endpoint.limits_of].batch_bytes
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise too_large("the body", limit, BATCH_SETTING)
        try:
            async with asyncio.timeout(self._bounds.body_seconds):
                body = await read_body(request.stream(), limit, take)
        except TimeoutError as error:
            raise Refused(
                408, "timeout", f"the body took longer than {self._bounds.body_seconds:g} s"
            ) from error
        plain = unpack(body, request.headers.get("content-encoding", ""), limit)
        envelope = open_envelope(endpoint, parse_json(plain))
        source = source_of(endpoint, envelope.messages)
        if len(plain) > (own := self._bounds.limits[source].batch_bytes):
            raise too_large("the batch", own, BATCH_SETTING)
        take(max(len(plain) - len(body), 0))
        return envelope

    async def _land(self, endpoint: Endpoint, envelope: Envelope) -> Response:
        source = source_of(endpoint, envelope.messages)
        received_at = self._now().isoformat(timespec="microseconds").replace("+00:00", "Z")
        # PostHog's replies name each message; the ids are read after those missing were added
        lines = landed_lines(source, envelope, received_at, self._bounds.limits[source])
        if lines:
            try:
                await self.commits.write(source, lines)
            except OSError as error:
                log.error("cannot write to the landing folder: %s", error)
                raise Refused(
                    503, "not_written", f"could not be written ({error.strerror})", 5
                ) from error
        count = len(envelope.messages)
        self.counts.requests_accepted += 1
        self.counts.messages_accepted[source] += count
        if endpoint.kind == "capture_v1":
            results = {str(m["uuid"]): {"result": "ok"} for m in envelope.messages}
            return _json(200, {"results": results})
        return _json(200, {"success": True, "status": 1, "accepted": count})

    def _health(self) -> Response:
        counts, journal = self.counts, self.commits.journal
        healthy = self.commits.last_error is None
        return _json(
            200 if healthy else 503,
            {
                "status": "ok" if healthy else "failing",
                "error": self.commits.last_error,
                "seconds_up": round(time.monotonic() - counts.started, 1),
                "requests_accepted": counts.requests_accepted,
                "requests_refused": counts.requests_refused,
                "messages_accepted": counts.messages_accepted,
                "commits": self.commits.count_commits,
                "files_landed": journal.files_landed,
                "bytes_not_landed_yet": journal.unlanded_bytes,
                "requests_waiting": self._room.requests,
                "bytes_waiting": self._room.bytes,
            },
        )


def _require_method(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise Refused(
            405, "method_not_allowed", f"{request.method}: send {' or '.join(methods)} here"
        )


def _refusal(refused: Refused) -> Response:
    # Segment's and RudderStack's clients read `code` and `message`, PostHog's `detail`
    response = _json(
        refused.status,
        {
            "success": False,
            "code": refused.code,
            "message": refused.message,
            "detail": refused.message,
        },
    )
    if refused.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(refused.retry_after_seconds)
    if refused.status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="write key"'
    return response


def _json(status: int, value: Any) -> Response:
    return Response(json.dumps(value), status, media_type="application/json")
