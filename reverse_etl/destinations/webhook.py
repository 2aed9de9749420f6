"""Any HTTP receiver: signed JSON batches, each record and each batch with an idempotency key.

    POST URL
    Idempotency-Key: <of the batch>
    X-PLG-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">

    {"sync": "webhook_account_health", "object": "account_health", "key_field": "account_id",
     "records": [{"key": "acc_1", "operation": "update", "idempotency_key": "…",
                  "fields": {"health_score": "71.50"}}]}

``operation`` is create (all fields), update (the changed ones) or delete. A record keeps its
idempotency key until a run has seen it accepted, so whoever drops repeated keys takes every change
once, also after a crash. A receiver may refuse single records with a 2xx answer:

    {"results": [{"key": "acc_1", "status": "rejected", "code": "…", "message": "…"}]}

What it does not name is accepted.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx

from reverse_etl.destinations.base import (
    Answer,
    CallCount,
    Outgoing,
    is_loopback,
    retry_after_seconds,
)
from reverse_etl.errors import BatchRefused, Rejection, RetryLater, SyncStopped
from reverse_etl.plan import PlannedRecord
from reverse_etl.specs import SyncSpec

_OPERATIONS = {"create": "create", "match": "create", "delete": "delete"}
_BRIEFLY_DOWN = (408, 425, 429)
_BAD_BATCH = (400, 413, 422)


class WebhookDestination:
    """One feed of a receiver."""

    is_idempotent = True

    def __init__(
        self,
        spec: SyncSpec,
        url: str,
        secret: str = "",
        calls: CallCount | None = None,
        clock: Callable[[], float] = time.time,
    ):
        self.spec, self.secret, self.clock = spec, secret, clock
        self.url = url.replace("{object}", spec.object)
        # many a receiver's URL is its password: messages name the host alone
        self.host = urlsplit(self.url).netloc.rpartition("@")[2]
        self.calls = calls or CallCount()
        self.http = httpx.Client(
            timeout=30, trust_env=not is_loopback(self.url), verify=self.url.startswith("https:")
        )

    def log_in(self) -> None:
        """Every call is signed; there is no session."""

    def check(self) -> None:
        """A receiver has no schema to compare with; nothing to do."""

    def expect(self, total: int) -> None:
        """Many records go by the same calls as few."""

    def records_per_call(self, call: str) -> int:
        return self.spec.records_per_call

    def abandon_job(self, job_id: str) -> None:
        """There are no jobs here."""

    def call_for(self, outgoing: Outgoing) -> str:
        return "post"

    def send(self, call: str, batch: Sequence[Outgoing]) -> list[Answer]:
        keys = [idempotency_key(self.spec, outgoing.record) for outgoing in batch]
        body = json.dumps(
            {
                "sync": self.spec.name,
                "object": self.spec.object,
                "key_field": self.spec.external_id,
                "records": [
                    {
                        "key": outgoing.record.record_key,
                        "operation": _OPERATIONS.get(outgoing.record.operation, "update"),
                        "idempotency_key": key,
                        "fields": dict(outgoing.fields),
                    }
                    for outgoing, key in zip(batch, keys, strict=True)
                ],
            },
            ensure_ascii=False,
        ).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": digest(*keys)}
        if self.secret:
            headers["X-PLG-Signature"] = signature(self.secret, int(self.clock()), body)
        self.calls.count(is_write=True)
        try:
            answer = self.http.post(self.url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise RetryLater(f"webhook at {self.host}: {error or type(error).__name__}") from error
        if not answer.is_success:
            raise self._refusal(answer)
        return _answers(batch, answer)

    def close(self) -> None:
        self.http.close()

    def _refusal(self, answer: httpx.Response) -> Exception:
        status = answer.status_code
        said = f"webhook at {self.host} says {status}: {answer.text[:200]}"
        if status in _BRIEFLY_DOWN or status >= 500:
            return RetryLater(said, retry_after_seconds(answer.headers))
        if status in _BAD_BATCH:
            return BatchRefused(said, str(status))
        if status in (401, 403):
            return SyncStopped(f"{said}; check PLG_WEBHOOK_SECRET: the receiver must hold the same")
        return SyncStopped(f"{said}; check PLG_WEBHOOK_URL")


def idempotency_key(spec: SyncSpec, record: PlannedRecord) -> str:
    """The same for every try to deliver this change, another one for the next change."""
    return digest(
        spec.name,
        record.record_key,
        record.operation,
        record.payload_hash,
        record.acknowledged_in,
    )


def digest(*parts: str) -> str:
    """32 hex characters."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def signature(secret: str, at: int, body: bytes) -> str:
    """``t=…,v1=…``: the time is signed too, so that an old call cannot be replayed."""
    made = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={made.hexdigest()}"


def _answers(batch: Sequence[Outgoing], answer: httpx.Response) -> list[Answer]:
    try:
        body: Any = answer.json()
    except ValueError:
        body = None
    results = body.get("results") if isinstance(body, dict) else None
    by_key: dict[str, Mapping[str, Any]] = {
        str(entry.get("key")): entry for entry in results or [] if isinstance(entry, dict)
    }
    return [_answer(by_key.get(outgoing.record.record_key, {})) for outgoing in batch]


def _answer(result: Mapping[str, Any]) -> Answer:
    if result.get("status", "accepted") == "accepted":
        return Answer(destination_id=result.get("id"))
    code, message = str(result.get("code") or ""), str(result.get("message") or "no reason given")
    error_class = "transient" if code == "transient" else "refused"
    return Answer(rejection=Rejection(error_class, f"{code}: {message}".lstrip(": "), code))
