"""CSV files for an ERP or a spreadsheet: a file a run, written whole or not at all.

``file: changes``  the rows that are new, changed or gone; the first column says which
``file: full``     the whole table, whenever anything in it changed

    FOLDER/<object>/<object>_<time>_<digest>.csv

RFC 4180: comma, CRLF, quotes where needed, UTF-8, one header line. Columns in the order of the
spec. NULL is an empty cell; numbers have no exponent, decimals all their digits.

Text that a spreadsheet would run as a formula (it begins with ``= + - @``, tab or return) gets an
apostrophe in front. Numbers do not: a negative amount is no formula.

The digest names the changes. Where a run was killed after its file of changes was there and
before the ledger knew, the next one finds the file and writes no second one. Of full files the
newest counts.
"""

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from reverse_etl.destinations.base import Answer, CallCount, Outgoing
from reverse_etl.destinations.webhook import digest, idempotency_key
from reverse_etl.errors import SyncStopped
from reverse_etl.plan import keyed_payloads
from reverse_etl.shape import read_shape
from reverse_etl.specs import SyncSpec
from warehouse.ops import retry_while_locked, utc_now

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
OPERATION = "operation"

_WORDS = {"create": "create", "delete": "delete"}


class CsvDestination:
    """A folder that files of one table are put into."""

    is_idempotent = True

    def __init__(
        self,
        spec: SyncSpec,
        folder: Path,
        published: Path,
        calls: CallCount | None = None,
        clock: Callable[[], datetime] = utc_now,
    ):
        self.spec, self.published, self.clock = spec, published, clock
        self.folder = folder / spec.object
        self.calls = calls or CallCount()
        self._is_written = False

    def log_in(self) -> None:
        """A folder wants no login."""

    def check(self) -> None:
        """The folder can be written to; what killed runs left of unfinished files is removed."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for leftover in self.folder.glob(".*.part"):
                leftover.unlink()
            probe = self.folder / ".writable.part"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise SyncStopped(
                f"cannot write to {self.folder}: {error.strerror}; create it for this user, or "
                "set PLG_CSV_FOLDER to another folder"
            ) from error
        shape = read_shape(self.spec, self.published)
        self._texts = {name for name, sent in shape.items() if sent.type == "text"}

    def expect(self, total: int) -> None:
        """Many records go into a file as few do."""

    def records_per_call(self, call: str) -> int:
        return self.spec.records_per_call

    def abandon_job(self, job_id: str) -> None:
        """There are no jobs here."""

    def call_for(self, outgoing: Outgoing) -> str:
        return "write"

    def send(self, call: str, batch: Sequence[Outgoing]) -> list[Answer]:
        name = digest(*(idempotency_key(self.spec, outgoing.record) for outgoing in batch))[:12]
        if self.spec.file == "changes":
            if not any(self.folder.glob(f"{self.spec.object}_*_{name}.csv")):
                self._write(name, [OPERATION, *self._columns], self._changes(batch))
        elif not self._is_written:
            # one file holds what all batches of this run tell
            self._write(name, self._columns, self._snapshot())
            self._is_written = True
        return [Answer() for _ in batch]

    def close(self) -> None:
        """Nothing is open between files."""

    # files -------------------------------------------------------------------------------

    @property
    def _columns(self) -> list[str]:
        return [str(self.spec.external_id), *self.spec.fields]

    def _write(self, name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        self.calls.count(is_write=True)
        moment = self.clock().astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        path = self.folder / f"{self.spec.object}_{moment}_{name}.csv"
        unfinished = self.folder / f".{path.name}.part"
        try:
            with unfinished.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\r\n")
                writer.writerow(header)
                writer.writerows(rows)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except OSError as error:
            raise SyncStopped(
                f"cannot write {path}: {error.strerror}; free or open the folder, then run the "
                "sync again"
            ) from error

    def _changes(self, batch: Sequence[Outgoing]) -> Iterator[list[str]]:
        for outgoing in batch:
            record = outgoing.record
            # an ERP takes whole lines; of a row that left, what was last told
            fields = {**record.acknowledged, **record.payload, **outgoing.fields}
            word = _WORDS.get(record.operation, "update")
            yield [word, *self._cells(record.record_key, fields)]

    def _snapshot(self) -> Iterator[list[str]]:
        for attempt in retry_while_locked():
            with attempt:
                connection = duckdb.connect(str(self.published), read_only=True)
        with connection:
            cursor = connection.execute(f"{keyed_payloads(connection, self.spec)} order by 1")
            while rows := cursor.fetchmany(1000):
                for record_key, payload in rows:
                    yield self._cells(record_key, json.loads(payload))

    def _cells(self, record_key: str, fields: Mapping[str, Any]) -> list[str]:
        cells = [cell(fields.get(name), is_text=name in self._texts) for name in self.spec.fields]
        return [cell(record_key, is_text=True), *cells]


def cell(value: Any, *, is_text: bool) -> str:
    """A value of a canonical payload as the text of a cell; quoting is the writer's."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        plain = format(Decimal(repr(value)), "f")
        return plain.removesuffix(".0")
    text = str(value)
    return f"'{text}" if is_text and text.startswith(FORMULA_STARTS) else text
