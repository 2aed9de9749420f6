"""What the three clients send, and the lines that are landed for it.

| client | POST | key |
|---|---|---|
| Segment | ``/v1/batch``, ``/v1/import``, ``/v1/<call>`` | Basic, or ``writeKey`` |
| RudderStack | the same | Basic |
| PostHog | ``/batch/``, ``/capture/``, ``/i/v1/analytics/events`` … | ``api_key``, or Bearer |

Each is also served under its own name (``/segment/v1/batch``), which is the address to configure.
Without a name, Segment's and RudderStack's calls are told apart by ``channel``, which every
RudderStack client and no Segment client sets.

A Segment or RudderStack message gets what their servers would add: ``receivedAt``, ``sentAt`` of
its batch, ``originalTimestamp`` (with these three the ingest corrects wrong device clocks), and a
``timestamp`` and ``messageId`` where the sender gave none. A PostHog message gets the time of
arrival by its name in PostHog's exports (``created_at``) and in its capture service (``now``), and
``sent_at`` of its batch.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from ingestion.collector.bodies import json_line
from ingestion.collector.refusals import bad_request, too_large

CALLS = ("track", "identify", "page", "screen", "group", "alias")
POSTHOG_PATHS = (
    "/batch",
    "/capture",
    "/e",
    "/track",
    "/i/v0/e",
    "/i/v0/ai/batch",
    "/i/v1/analytics/events",
)
MESSAGE_SETTING = "PLG_COLLECT_MAX_MESSAGE_BYTES"
_STAMP_BYTES = 512  # what `_stamped` adds to a message does not count as the sender's
_KIB = 1024


@dataclass(frozen=True)
class Limits:
    """Largest message and batch in bytes of unpacked JSON."""

    message_bytes: int
    batch_bytes: int


# What each service documents or its client is built for. Segment: 32 KB and 500 KB.
# RudderStack: 4000 KB a request (its client's own limit is as large). PostHog: 900 KiB a
# message, 8 MiB for LLM traces, 20 MiB a request.
DOCUMENTED_LIMITS: Mapping[str, Limits] = {
    "segment": Limits(32 * _KIB, 500 * _KIB),
    "rudderstack": Limits(4000 * _KIB, 4000 * _KIB),
    "posthog": Limits(8 * _KIB * _KIB, 20 * _KIB * _KIB),
}


@dataclass(frozen=True)
class Endpoint:
    """One address: whose it is (``source``, None: to be told by the messages) and its kind.

    ``kind``: ``batch``, one of `CALLS`, or for PostHog ``capture`` and ``capture_v1``.
    """

    source: str | None
    kind: str

    @property
    def is_posthog(self) -> bool:
        return self.source == "posthog"

    @property
    def limits_of(self) -> str:
        """Whose limits hold before the messages are read."""
        return self.source or "rudderstack"


def _endpoints() -> Iterator[tuple[str, Endpoint]]:
    for prefix, source in (("", None), ("/segment", "segment"), ("/rudderstack", "rudderstack")):
        yield f"{prefix}/v1/batch", Endpoint(source, "batch")
        yield f"{prefix}/v1/import", Endpoint(source, "batch")
        for call in CALLS:
            yield f"{prefix}/v1/{call}", Endpoint(source, call)
    for prefix in ("", "/posthog"):
        for path in POSTHOG_PATHS:
            kind = "capture_v1" if path == "/i/v1/analytics/events" else "capture"
            yield prefix + path, Endpoint("posthog", kind)


ENDPOINTS: Mapping[str, Endpoint] = dict(_endpoints())


@dataclass(frozen=True)
class Envelope:
    """What a body holds: the messages, what is said once for all, and the key if it is inside."""

    messages: list[dict[str, Any]]
    shared: Mapping[str, Any]
    key: str | None


def open_envelope(endpoint: Endpoint, body: Any) -> Envelope:
    """The messages of ``body``; `Refused` (400) where it is not what the endpoint takes."""
    if endpoint.is_posthog:
        return _open_posthog(body)
    if not isinstance(body, dict):
        raise bad_request(f"expected a JSON object, not {_kind_of(body)}")
    key = body.pop("writeKey", None)
    if endpoint.kind == "batch":
        return Envelope(_messages(body.get("batch")), body, _text(key))
    body["type"] = endpoint.kind
    return Envelope([body], {}, _text(key))


def _open_posthog(body: Any) -> Envelope:
    if isinstance(body, list):
        body = {"batch": body}
    if not isinstance(body, dict):
        raise bad_request(f"expected a JSON object, not {_kind_of(body)}")
    if "batch" in body:
        messages = _messages(body["batch"])
        key = body.get("api_key") or body.get("token")
        if key is None and messages:
            key = _key_of_posthog_event(messages[0])
        return Envelope(messages, body, _text(key))
    return Envelope([body], {"sent_at": body.get("sent_at")}, _text(_key_of_posthog_event(body)))


def _key_of_posthog_event(event: dict[str, Any]) -> Any:
    properties = event.get("properties")
    token = properties.get("token") if isinstance(properties, dict) else None
    # what lands must not carry the key
    return event.pop("api_key", None) or event.pop("token", None) or token


def _messages(batch: Any) -> list[dict[str, Any]]:
    if not isinstance(batch, list):
        raise bad_request(f"'batch': expected an array of messages, not {_kind_of(batch)}")
    for index, message in enumerate(batch):
        if not isinstance(message, dict):
            raise bad_request(f"batch[{index}]: expected an object, not {_kind_of(message)}")
    return batch


def source_of(endpoint: Endpoint, messages: list[dict[str, Any]]) -> str:
    """Whose folder the messages land in."""
    if endpoint.source:
        return endpoint.source
    return "rudderstack" if messages and "channel" in messages[0] else "segment"


def landed_lines(source: str, envelope: Envelope, received_at: str, limits: Limits) -> bytes:
    """The lines for a batch, each with its line feed; `Refused` (413) where one is too large."""
    if source == "posthog":
        stamped = (_stamped_posthog(m, envelope.shared, received_at) for m in envelope.messages)
    else:
        stamped = (_stamped(m, envelope.shared, received_at) for m in envelope.messages)
    lines = []
    longest = limits.message_bytes + _STAMP_BYTES
    for index, message in enumerate(stamped):
        line = json_line(message)
        if len(line) > longest:
            raise too_large(f"message {index}", limits.message_bytes, MESSAGE_SETTING)
        lines.append(line)
    return b"".join(lines)


def _stamped(
    message: dict[str, Any], shared: Mapping[str, Any], received_at: str
) -> dict[str, Any]:
    said_at = message.get("timestamp") or message.get("originalTimestamp")
    if said_at:
        message["timestamp"] = said_at
        message["originalTimestamp"] = message.get("originalTimestamp") or said_at
    else:
        message["timestamp"] = received_at
    if not message.get("sentAt") and shared.get("sentAt"):
        message["sentAt"] = shared["sentAt"]
    if not message.get("messageId"):
        message["messageId"] = f"collected-{uuid4()}"
    if context := shared.get("context"):
        own = message.get("context") or {}
        if isinstance(context, dict) and isinstance(own, dict):
            message["context"] = {**context, **own}
    message["receivedAt"] = received_at
    return message


def _stamped_posthog(
    event: dict[str, Any], shared: Mapping[str, Any], received_at: str
) -> dict[str, Any]:
    if not event.get("sent_at") and shared.get("sent_at"):
        event["sent_at"] = shared["sent_at"]
    if event.get("timestamp"):
        event["now"] = received_at  # with `sent_at`, what the clock is corrected by
    else:
        event["timestamp"] = received_at
    if not event.get("uuid"):
        event["uuid"] = str(uuid4())
    event["created_at"] = received_at
    return event


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _kind_of(value: Any) -> str:
    if value is None:
        return "nothing"
    names = {dict: "an object", list: "an array", str: "a string", bool: "true or false"}
    return names.get(type(value), "a number")
