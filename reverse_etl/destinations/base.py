"""What the engine needs of a destination.

A destination knows its vendor's calls, batches and error codes, and nothing of ledgers, plans
or retries. It raises the errors of `reverse_etl.errors`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from reverse_etl.errors import Rejection
from reverse_etl.plan import PlannedRecord


@dataclass(frozen=True)
class Outgoing:
    """A record on its way: ``fields`` is what this call sends of it.

    ``as_new`` sends the whole record by its external id, whatever was planned: the way back for
    records that somebody deleted or merged in the destination.
    """

    record: PlannedRecord
    fields: Mapping[str, Any]
    as_new: bool = False
    resent: int = 0


@dataclass(frozen=True)
class Answer:
    """What the destination said about one record."""

    destination_id: str | None = None
    rejection: Rejection | None = None


@dataclass
class CallCount:
    """HTTP calls made, retries included."""

    all: int = 0
    writes: int = 0
    usage: dict[str, str] = field(default_factory=dict)

    def count(self, *, is_write: bool) -> None:
        self.all += 1
        self.writes += int(is_write)


class Destination(Protocol):
    """A connected destination for one sync."""

    calls: CallCount
    is_idempotent: bool  # the same record sent twice leaves the same state

    def log_in(self) -> None:
        """Get a session. Called before the first call, and once when a session expired."""

    def check(self) -> None:
        """Compare the mapping with the destination's schema; `SyncStopped` says what is missing."""

    def expect(self, total: int) -> None:
        """How many records the run is about to send; it may choose other calls for many."""

    def records_per_call(self, call: str) -> int:
        """How many records one call of this name takes."""

    def abandon_job(self, job_id: str) -> None:
        """End a job that a killed run left behind; only where a destination has such jobs."""

    def call_for(self, outgoing: Outgoing) -> str:
        """The name of the call a record goes with; records of one call share batches."""

    def send(self, call: str, batch: Sequence[Outgoing]) -> list[Answer]:
        """One HTTP call; answers in the order of the batch."""

    def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True)
class Known:
    """A record the destination acknowledged."""

    record_key: str
    destination_id: str


@runtime_checkable
class ReadsBack(Protocol):
    """A destination whose records can be read again."""

    records_per_read: int

    def read(self, known: Sequence[Known], fields: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Current values by the record's id, in one HTTP call; who is gone is left out."""


def retry_after_seconds(headers: Mapping[str, str] | None) -> float | None:
    """Seconds of a ``Retry-After`` header, or None; an HTTP date counts as unknown."""
    value = next((v for k, v in (headers or {}).items() if k.lower() == "retry-after"), None)
    try:
        return max(float(value), 0.0) if value is not None else None
    except ValueError:
        return None


def is_loopback(url: str) -> bool:
    """True for a server on this machine, which no proxy of the environment should stand before."""
    host = url.split("://", 1)[-1].split("/", 1)[0].rsplit(":", 1)[0].strip("[]")
    return host in ("localhost", "::1") or host.startswith("127.")
