"""Salesforce's Bulk API 2.0 through `simple-salesforce`: one job for tens of thousands of records.

A job takes effect only once it is closed: a job whose upload was in doubt is left open and never
does anything. From there on it is found again by its id, so a lost answer repeats no work:

    create ──> upload ──> close ──> poll ──> successful, failed, unprocessed rows
       ^          │
       └─ in doubt: another job
"""

import csv
import io
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from reverse_etl.destinations.base import Answer, Outgoing
from reverse_etl.errors import BatchRefused, DestinationError, Rejection, RetryLater

JOB_RECORDS = 50_000
MAX_UPLOAD_BYTES = 100_000_000
LONGEST_WAIT_SECONDS = 3600.0
SET_TO_NULL = "#N/A"

_DONE = ("JobComplete", "Failed", "Aborted")


class Jobs(Protocol):
    """Where jobs are noted, so that a later run finds one that a killed run left behind."""

    def opened(self, job_id: str) -> None: ...

    def closed(self, job_id: str) -> None: ...


class BulkLoad:
    """Sends batches of one object as jobs. ``call`` is one counted HTTP call with named errors."""

    def __init__(
        self,
        client: Callable[[], Any],
        call: Callable[[Callable[[], Any], bool], Any],
        jobs: Jobs | None,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self.client, self.call, self.jobs, self.sleep = client, call, jobs, sleep
        self._current: tuple[list[str], str] | None = None  # the batch's keys, its job

    def send(
        self,
        operation: str,
        batch: Sequence[Outgoing],
        rows: Sequence[Mapping[str, Any]],
        key: str,
    ) -> list[Answer]:
        """One job; called again with the same batch it goes on with the job it has begun.

        ``key`` is the column by which the rows of the results are told apart.
        """
        keys = [str(row[key]) for row in rows]
        if self._current is None or self._current[0] != keys:
            self._current = (keys, self._uploaded(operation, rows, key))
        job_id = self._current[1]
        try:
            state = self._finished(job_id)
            answers = self._answers(job_id, state, keys, key)
        except BatchRefused:
            self._forget(job_id)
            raise
        self._forget(job_id)
        return answers

    def abandon(self, job_id: str) -> None:
        """End the job of a killed run, and wait until it can write no more."""
        if self._state(job_id)["state"] not in _DONE:
            with suppress(BatchRefused):  # it ended in between
                self.call(lambda: self.client().abort_job(job_id, False), True)
            self._wait(job_id)

    # a job -------------------------------------------------------------------------------

    def _uploaded(self, operation: str, rows: Sequence[Mapping[str, Any]], key: str) -> str:
        text = as_csv(rows)
        size = len(text.encode())
        if size > MAX_UPLOAD_BYTES:
            raise BatchRefused(f"{len(rows)} records are {size:,} bytes, too many for one job")
        external_id = key if operation == "upsert" else None
        made = self.call(
            lambda: self.client().create_job(operation, external_id_field=external_id), True
        )
        job_id = str(made["id"])
        if self.jobs is not None:
            self.jobs.opened(job_id)
        try:
            self.call(lambda: self.client().upload_job_data(job_id, text), True)
        except DestinationError:
            if self.jobs is not None:
                self.jobs.closed(job_id)  # left open, it never does anything
            raise
        return job_id

    def _finished(self, job_id: str) -> Mapping[str, Any]:
        state = self._state(job_id)
        if state["state"] == "Open":
            self.call(lambda: self.client().close_job(job_id), True)
        return self._wait(job_id)

    def _wait(self, job_id: str) -> Mapping[str, Any]:
        pause, waited = 0.05, 0.0
        while (state := self._state(job_id))["state"] not in _DONE:
            if waited > LONGEST_WAIT_SECONDS:
                raise RetryLater(
                    f"Salesforce: job {job_id} is {state['state']} after {waited:,.0f} s; the next "
                    "run ends it and sends its records again"
                )
            self.sleep(pause)
            waited, pause = waited + pause, min(pause * 1.5, 5.0)
        return state

    def _state(self, job_id: str) -> Mapping[str, Any]:
        return self.call(lambda: self.client().get_job(job_id, False), False)

    def _forget(self, job_id: str) -> None:
        self._current = None
        if self.jobs is not None:
            self.jobs.closed(job_id)

    # answers -----------------------------------------------------------------------------

    def _answers(
        self, job_id: str, state: Mapping[str, Any], keys: Sequence[str], key: str
    ) -> list[Answer]:
        answers: dict[str, Answer] = {}
        for row in self._results(job_id, "successfulResults"):
            answers[row[key]] = Answer(destination_id=row["sf__Id"])
        for row in self._results(job_id, "failedResults"):
            answers[row[key]] = Answer(rejection=_rejection(row["sf__Error"], key == "Id"))
        why = str(state.get("errorMessage") or "")
        if not answers and state["state"] == "Failed":
            raise BatchRefused(f"Salesforce failed job {job_id}: {why}", why.split(" ")[0])
        rest = Rejection("transient", f"Salesforce did not process this row of job {job_id}: {why}")
        return [answers.get(k, Answer(rejection=rest)) for k in keys]

    def _results(self, job_id: str, kind: str) -> Iterable[dict[str, str]]:
        text = self.call(lambda: self.client().get_ingest_results(job_id, kind), False)
        return csv.DictReader(io.StringIO(text, newline=""))


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Records with different fields as one file: an empty cell leaves a field as it is."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(row[n]) if n in row else "" for n in names] for row in rows)
    return buffer.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return SET_TO_NULL
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _rejection(said: str, by_id: bool) -> Rejection:
    """``CODE:message:fields--`` of a failed row."""
    from reverse_etl.destinations.salesforce import classify

    code, _, rest = said.partition(":")
    message, _, fields = rest.rpartition(":")
    named = [name for name in fields.removesuffix("--").split(" ") if name]
    words = f"{code}: {message or rest}"
    return Rejection(classify(code, message or rest, {"fields": named}, by_id), words, code)
