"""Files → staged Parquet: read, parse and judge in bounded batches.

Judged rows go to ``<staging>/<dataset>/``, the refused among them also to
``<staging>/refused/``; what is counted per file on the way is in `Staged`. Nothing here
touches the lake.
"""

import hashlib
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path

import duckdb
import pyarrow as pa

from ingestion.errors import FileRefused
from ingestion.formats import json_columns
from ingestion.lake import glob_escape, sql_text
from ingestion.landing import LandingFile, Source, modified_at, told_at
from ingestion.lines import LineBlock, bad_lines, read_lines
from ingestion.parsers import PARSERS
from ingestion.parsing import MACROS, parser_sql
from ingestion.tables import csv_parser_sql, read_csv_file

BATCH_BYTES = 256 * 1024 * 1024
"""Text parsed at once: some 400,000 events. Between two batches a core waits for the other."""

READERS = 2

PIECE_FORMAT = "format parquet, compression snappy, dictionary_size_limit 1"
"""Pieces are read once and thrown away: dictionaries of ids that hardly repeat are not worth it."""


@dataclass(frozen=True)
class Job:
    """A file to read; ``file_no`` orders files by path within the load."""

    file_no: int
    file: LandingFile
    is_hash_wanted: bool = False


@dataclass
class Staged:
    """What came out of staging, by ``file_no``."""

    rows_read: Counter[int] = field(default_factory=Counter)
    rows_quarantined: Counter[int] = field(default_factory=Counter)
    reasons: dict[int, Counter[str]] = field(default_factory=dict)
    failed: dict[int, FileRefused] = field(default_factory=dict)
    changed: set[int] = field(default_factory=set)  # written to while they were read
    sha256: dict[int, str] = field(default_factory=dict)  # where it was wanted


class Stager:
    """Stages the files of one ingest into ``folder`` with an in-memory connection."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        folder: Path,
        now: datetime,
        on_bytes: Callable[[int], None] = lambda _: None,
    ):
        self._connection = connection
        self._folder = folder
        self._now = now
        self._on_bytes = on_bytes
        self._pieces = 0
        self.staged = Staged()
        for macro in MACROS:
            connection.execute(macro)

    def stage(self, jobs: Sequence[Job]) -> Staged:
        """Read every job's file; files of one source go through together."""

        def by_source(job: Job) -> tuple[str, str, str, datetime]:
            source = job.file.source
            told = told_at(job.file) or self._now
            return (source.dataset, source.part, source.kind, told)

        for (dataset, part, kind, told), group in groupby(sorted(jobs, key=by_source), by_source):
            source = Source(dataset, part, kind)
            if kind == "csv":
                self._stage_csv(source, list(group))
                continue
            sql = parser_sql(PARSERS[dataset](part, self._now, told))
            stage = self._stage_lines if kind == "lines" else self._stage_parquet
            stage(source, list(group), sql)
        return self.staged

    def staged_files(self, dataset: str) -> str | None:
        """SQL relation over the accepted rows of ``dataset``; None when there are none."""
        folder = self._folder / dataset
        if not folder.is_dir():
            return None
        pieces = sql_text(f"{glob_escape(str(folder))}/*.parquet")
        return f"(from read_parquet({pieces}) where reason is null)"

    def refused_files(self) -> list[Path]:
        return sorted((self._folder / "refused").glob("*.parquet"))

    # JSON lines

    def _stage_lines(self, source: Source, jobs: list[Job], sql: str) -> None:
        batch: list[tuple[int, LineBlock]] = []
        size = 0
        for job, block in self._read_ahead(jobs):
            batch.append((job.file_no, block))
            size += block.bytes_read
            if size >= BATCH_BYTES:
                self._parse_lines(source.dataset, sql, batch)
                batch, size = [], 0
        if batch:
            self._parse_lines(source.dataset, sql, batch)

    def _parse_lines(self, dataset: str, sql: str, batch: list[tuple[int, LineBlock]]) -> None:
        for file_no, block in batch:
            self._refuse(file_no, block.bad)
        full = [(file_no, block) for file_no, block in batch if len(block.lines)]
        if not full:
            return
        lines = pa.table(
            {
                "file_no": pa.chunked_array(
                    [
                        pa.repeat(pa.scalar(file_no, pa.int32()), len(block.lines))
                        for file_no, block in full
                    ]
                ),
                "line_number": pa.chunked_array([block.numbers for _, block in full]),
                "line": pa.chunked_array([block.lines for _, block in full]),
            }
        )
        self._judge_lines(dataset, sql, lines)

    def _judge_lines(self, dataset: str, sql: str, lines: pa.Table) -> None:
        """Judge the lines at once; in halves where that takes more memory than there is.

        A few megabytes of JSON can stand for gigabytes of parsed values.
        """
        self._connection.register("lines", lines)
        try:
            self._take(dataset, sql)
        except duckdb.OutOfMemoryException:
            if len(lines) == 1:
                raise
            half = len(lines) // 2
            self._judge_lines(dataset, sql, lines.slice(0, half))
            self._judge_lines(dataset, sql, lines.slice(half))
        finally:
            self._connection.unregister("lines")

    def _read_ahead(self, jobs: list[Job]) -> Iterator[tuple[Job, LineBlock]]:
        """Blocks of all files, read by threads (decompression frees the interpreter lock)."""
        waiting: queue.Queue[Job] = queue.Queue()
        for job in jobs:
            waiting.put(job)
        ready: queue.Queue = queue.Queue(maxsize=16)  # blocks: about a batch
        stop = threading.Event()

        def offer(item) -> None:
            while not stop.is_set():
                try:
                    return ready.put(item, timeout=0.2)
                except queue.Full:
                    continue

        def work() -> None:
            while not stop.is_set():
                try:
                    job = waiting.get_nowait()
                except queue.Empty:
                    break
                digest = hashlib.sha256() if job.is_hash_wanted else None
                try:
                    for block in read_lines(job.file.location, digest=digest):
                        offer((job, block))
                        if stop.is_set():
                            return
                    if digest:
                        self.staged.sha256[job.file_no] = digest.hexdigest()
                    self._finish(job)
                except BaseException as error:
                    offer((job, error))
            offer(None)

        readers = min(READERS, len(jobs))
        threads = [threading.Thread(target=work, daemon=True) for _ in range(readers)]
        for thread in threads:
            thread.start()
        try:
            while readers:
                item = ready.get()
                if item is None:
                    readers -= 1
                    continue
                job, block = item
                if isinstance(block, OSError):
                    message = f"{job.file.path}: cannot be read ({block.strerror or block})"
                    self.staged.failed[job.file_no] = FileRefused("unavailable_file", message)
                elif isinstance(block, BaseException):
                    raise block
                else:
                    yield job, block
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def _finish(self, job: Job) -> None:
        facts = job.file.location.stat()
        if (facts.st_size, modified_at(facts)) != (job.file.size_bytes, job.file.modified_at):
            self.staged.changed.add(job.file_no)
        self._on_bytes(job.file.size_bytes)

    # CSV

    def _stage_csv(self, source: Source, jobs: list[Job]) -> None:
        tables: list[pa.Table] = []
        for job in jobs:
            try:
                parsed = read_csv_file(job.file.location, job.file.path, source.dataset)
                self._finish(job)
            except FileRefused as refused:
                self.staged.failed[job.file_no] = refused
                continue
            except OSError as error:
                message = f"{job.file.path}: cannot be read ({error.strerror})"
                self.staged.failed[job.file_no] = FileRefused("unavailable_file", message)
                continue
            self._refuse(job.file_no, bad_lines(parsed.bad))
            number = pa.repeat(pa.scalar(job.file_no, pa.int32()), parsed.rows.num_rows)
            tables.append(parsed.rows.append_column("file_no", number))
        if tables:
            self._connection.register("csv_rows", pa.concat_tables(tables))
            self._take(source.dataset, csv_parser_sql(source.dataset))
            self._connection.unregister("csv_rows")

    # Parquet of events

    def _stage_parquet(self, source: Source, jobs: list[Job], sql: str) -> None:
        for job in jobs:
            try:
                self._connection.execute(
                    f"create or replace temp view lines as {self._parquet_lines(job)}"
                )
                self._take(source.dataset, sql)
                self._finish(job)
            except (duckdb.Error, OSError) as error:
                first_line = str(error).splitlines()[0]
                message = f"{job.file.path}: cannot be read as Parquet ({first_line})"
                is_there = job.file.location.exists() and not isinstance(error, OSError)
                reason = "unreadable_file" if is_there else "unavailable_file"
                self.staged.failed[job.file_no] = FileRefused(reason, message)
        self._connection.execute("drop view if exists lines")

    def _parquet_lines(self, job: Job) -> str:
        """A Parquet row as the JSON line it stands for; JSON kept as text is unwrapped."""
        path = sql_text(glob_escape(str(job.file.location)))
        json_names = json_columns(job.file.source.dataset, job.file.source.part)
        columns = self._connection.execute(
            f"describe select * from read_parquet({path}, hive_partitioning = false)"
        ).fetchall()
        members = []
        for name, kind, *_ in columns:
            quoted = '"' + name.replace('"', '""') + '"'
            if name in json_names and kind in ("VARCHAR", "JSON"):
                value = f"coalesce(try_cast({quoted} as json), to_json({quoted}))"
            else:
                value = f"to_json({quoted})"
            members.append(f"{sql_text(name)}, {value}")
        # the reader's own number of a row, unless the file has a column of that name
        number, option = "file_row_number + 1", ", file_row_number = true"
        if any(name.lower() == "file_row_number" for name, *_ in columns):
            number, option = "row_number() over ()", ""
        return (
            f"select cast({job.file_no} as integer) as file_no, {number} as line_number, "
            f"cast(json_object({', '.join(members)}) as varchar) as line "
            f"from read_parquet({path}, hive_partitioning = false{option})"
        )

    # common end

    def _take(self, dataset: str, sql: str) -> None:
        """Run a parser straight into a file, count its rows, copy out the refused ones."""
        self._pieces += 1
        piece = self._folder / dataset / f"piece-{self._pieces:06d}.parquet"
        piece.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection.execute(f"copy ({sql}) to {sql_text(piece)} ({PIECE_FORMAT})")
        except duckdb.Error:
            piece.unlink(missing_ok=True)  # half a file would break whoever reads the folder
            raise
        judged = f"read_parquet({sql_text(glob_escape(str(piece)))})"
        refused = False
        for file_no, reason, count in self._connection.execute(
            f"select file_no, reason, count(*) from {judged} group by all"
        ).fetchall():
            if reason == "blank":
                continue
            self.staged.rows_read[file_no] += count
            if reason:
                self._count_refused(file_no, reason, count)
                refused = True
        if refused:
            self._write_refused(
                f"select file_no, line_number, reason, detail, raw from {judged} "
                "where reason is not null and reason != 'blank'"
            )

    def _refuse(self, file_no: int, bad: pa.Table | None) -> None:
        """Quarantine lines that never became text or cells (see `lines.bad_lines`)."""
        if bad is None or not bad.num_rows:
            return
        self.staged.rows_read[file_no] += bad.num_rows
        for entry in bad["reason"].value_counts().to_pylist():
            self._count_refused(file_no, entry["values"], entry["counts"])
        self._pieces += 1
        self._connection.register("bad_lines", bad)
        self._write_refused(f"select cast({file_no} as integer) as file_no, * from bad_lines")
        self._connection.unregister("bad_lines")

    def _count_refused(self, file_no: int, reason: str, count: int) -> None:
        self.staged.rows_quarantined[file_no] += count
        self.staged.reasons.setdefault(file_no, Counter())[reason] += count

    def _write_refused(self, select: str) -> None:
        path = self._folder / "refused" / f"piece-{self._pieces:06d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection.execute(
            f"copy ({select}) to {sql_text(path)} (format parquet, compression zstd)"
        )
