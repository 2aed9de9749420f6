"""Why a request is not taken, as the sender is told it.

The status says what the sender should do: 4xx, mend the request; 503, send it again later
(``Retry-After``). The official clients act on exactly this difference.
"""

from dataclasses import dataclass


@dataclass(eq=False)  # not frozen: Python writes the traceback into it
class Refused(Exception):
    """A request that is answered with ``status`` and nothing of which is landed."""

    status: int
    code: str
    message: str
    retry_after_seconds: int | None = None


def bad_request(message: str) -> Refused:
    return Refused(400, "bad_request", message)


def unauthorized() -> Refused:
    return Refused(
        401,
        "unauthorized",
        "unknown or missing write key: send one of PLG_COLLECT_WRITE_KEYS "
        "(Segment, RudderStack: basic authentication, key as user name; PostHog: api_key)",
    )


def too_large(what: str, limit: int, setting: str) -> Refused:
    return Refused(
        413, "too_large", f"{what} is larger than {limit} bytes: send less, or raise {setting}"
    )


def busy(message: str) -> Refused:
    return Refused(503, "busy", f"{message}; send it again later", retry_after_seconds=1)
