"""Misbehaviour on request: what the next calls of a system do wrong. Seeded, never by chance alone.

Kinds
  throttle            answers 429 with ``retry_after`` seconds, nothing is applied
  error               answers 500, nothing is applied
  unavailable         answers 503, nothing is applied
  latency             every call so many ``seconds`` later, applied then
  drop_before         breaks the connection, nothing is applied
  slow                applies the call, then answers ``seconds`` late (a client's time-out)
  drop                applies the call, then breaks the connection in the middle of the answer
  error_after_apply   applies the call, then answers 500
  expired_token       the token is no longer good (401); Salesforce hands out a new one on login
  partial             refuses a ``share`` of the records of a batch, with ``code`` and ``message``
  refuse_batch        refuses, without per-record detail, every batch that contains ``value``
  fail_job            Bulk API: the job fails, its last ``share`` of rows unprocessed
  slow_job            Bulk API: the job starts its work ``seconds`` late
"""

import random
from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

System = Literal["salesforce", "hubspot", "slack", "sink"]
Kind = Literal[
    "throttle",
    "error",
    "unavailable",
    "latency",
    "slow",
    "drop",
    "drop_before",
    "error_after_apply",
    "expired_token",
    "partial",
    "refuse_batch",
    "fail_job",
    "slow_job",
]
OF_RECORDS = ("partial", "refuse_batch")
OF_JOBS = ("fail_job", "slow_job")
APPLIED = ("latency", "slow", "drop", "error_after_apply")


class Fault(BaseModel):
    """One instruction; ``count`` calls are hit, after the first ``skip`` calls of its kind."""

    model_config = ConfigDict(extra="forbid")

    system: System
    kind: Kind
    count: int = Field(default=1, ge=1, description="how many calls; refuse_batch: until cleared")
    skip: int = Field(default=0, ge=0, description="calls left alone before the first hit")
    writes_only: bool = Field(default=True, description="reads, describes and tokens are spared")
    retry_after: float | None = Field(default=1, description="seconds; null: no header")
    seconds: float = Field(default=60, description="how late `slow` answers")
    share: float = Field(default=0.5, gt=0, le=1, description="of a batch's records")
    code: str = Field(default="", description="the vendor's error code; default per vendor")
    message: str = Field(default="refused on request")
    value: str = Field(default="", description="text that makes refuse_batch refuse")
    seed: int = 1


class Faults:
    """The faults waiting to happen, in the order they were asked for."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []
        self._random: dict[int, random.Random] = {}

    def add(self, fault: Fault) -> None:
        fault = fault.model_copy()
        self._random[id(fault)] = random.Random(fault.seed)
        self.waiting.append(fault)

    def clear(self, system: str | None = None) -> None:
        self.waiting = [f for f in self.waiting if system and f.system != system]

    def next(self, system: str, *, is_write: bool) -> Fault | None:
        """The fault this call suffers as a whole; uses it up."""
        for fault in self.waiting:
            if fault.system != system or fault.kind in OF_RECORDS + OF_JOBS:
                continue
            if fault.writes_only and not is_write:
                continue
            return self._use(fault)
        return None

    def refused_records(self, system: str, size: int) -> tuple[Fault | None, set[int]]:
        """The `partial` fault of this batch and the positions it refuses (at least one)."""
        for fault in self.waiting:
            if fault.system == system and fault.kind == "partial":
                chooser = self._random[id(fault)]
                used = self._use(fault)
                if used is None:
                    return None, set()
                number = max(1, round(size * fault.share))
                return fault, set(chooser.sample(range(size), min(number, size)))
        return None, set()

    def next_job(self, kind: str) -> Fault | None:
        """The fault of this kind that the next bulk job suffers; uses it up."""
        for fault in self.waiting:
            if fault.kind == kind:
                return self._use(fault)
        return None

    def refuses_batch(self, system: str, body: str) -> Fault | None:
        """The `refuse_batch` fault this body trips; it stays until cleared."""
        for fault in self.waiting:
            if (fault.system, fault.kind) == (system, "refuse_batch") and fault.value in body:
                return fault
        return None

    def _use(self, fault: Fault) -> Fault | None:
        if fault.skip > 0:
            fault.skip -= 1
            return None
        fault.count -= 1
        if fault.count == 0:
            self.waiting = [other for other in self.waiting if other is not fault]
        return fault

    def __iter__(self) -> Iterator[Fault]:
        return iter(self.waiting)
