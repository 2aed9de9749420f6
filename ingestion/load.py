"""A plan carried out: staged rows, without repeats, become one load of the lake.

Order of events, so that a kill at any point loses and doubles nothing: stage → write
Parquet aside → rename into the lake (invisible: the views stop at the last committed
load) → commit the manifest. What lies in the lake above the committed load is an orphan
and is removed by the next ingest.
"""

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb

from ingestion import event_keys
from ingestion.dedupe import find_duplicates
from ingestion.errors import IngestError, LakeWithoutManifest
from ingestion.lake import (
    DATASETS,
    PARTITIONED,
    ensure_datasets,
    glob_escape,
    load_of,
    read_dataset,
    sql_text,
)
from ingestion.manifest import FileRecord, Manifest, ManifestChange, commit, file_id
from ingestion.plan import Plan
from ingestion.report import DatasetCounts, IngestReport, Progress
from ingestion.staging import Job, Staged, Stager
from warehouse.settings import Settings

MEMORY_LIMIT = "2500MB"
ROWS_WRITTEN_AT_ONCE = 500_000
LAKE_COMPRESSION = "compression zstd, compression_level 1"
"""Level 3, the default, takes a sixth longer and saves a tenth."""
STAGING = ".staging"
COMMITTED = "committed_load"  # tells a lost manifest from a first ingest that was killed
_ORIGIN = ("file_id", "line_number", "load_id")


def remove_leftovers(lake_dir: Path, committed_load: int) -> int:
    """Delete what an ingest that did not end left behind; returns Parquet files removed.

    Raises `LakeWithoutManifest` rather than delete loads that were once committed.
    """
    marker = lake_dir / COMMITTED
    once = int(marker.read_text()) if marker.exists() else 0
    if once > committed_load:
        raise LakeWithoutManifest(
            f"{lake_dir} holds {once} loads but ops.duckdb knows of {committed_load}: the "
            "manifest was lost or is an old copy. Put the right ops.duckdb back; or, to start "
            f"over from the landing folder, remove {lake_dir} and the warehouse"
        )
    shutil.rmtree(lake_dir / STAGING, ignore_errors=True)
    removed = 0
    for folder, _, names in os.walk(lake_dir):
        for path in (Path(folder, name) for name in names if name.startswith("load-")):
            if (load := load_of(path)) is not None and load > committed_load:
                path.unlink()
                removed += 1
    return removed


def carry_out(
    settings: Settings,
    plan: Plan,
    manifest: Manifest,
    report: IngestReport,
    kind: str = "ingest",
    progress: Progress | None = None,
) -> None:
    """Load what ``plan`` says, commit, and fill ``report``."""
    ensure_datasets(settings.lake_dir)
    folder = settings.lake_dir / STAGING
    folder.mkdir(parents=True, exist_ok=True)
    connection = _connect(folder)
    try:
        _Load(settings, plan, manifest, report, kind, folder, connection).run(progress)
    finally:
        connection.close()
        shutil.rmtree(folder, ignore_errors=True)


def _write_marker(path: Path, load_id: int) -> None:
    partial = path.with_name(path.name + ".tmp")
    partial.write_text(str(load_id))
    partial.replace(path)


def _connect(folder: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        config={
            "memory_limit": MEMORY_LIMIT,
            "threads": min(os.cpu_count() or 1, 8),
            "temp_directory": str(folder / "spill"),
        }
    )
    connection.execute("set timezone = 'UTC'")
    return connection


def _spans(days: Sequence[tuple[date, int]], rows: int) -> Iterator[tuple[date, date]]:
    """First and last day of neighbouring days that hold about ``rows`` rows together."""
    first, held = None, 0
    for day, count in days:
        first = first or day
        held += count
        if held >= rows:
            yield first, day
            first, held = None, 0
    if first:
        yield first, day


class _Load:
    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        manifest: Manifest,
        report: IngestReport,
        kind: str,
        folder: Path,
        connection: duckdb.DuckDBPyConnection,
    ):
        self.settings = settings
        self.lake_dir = settings.lake_dir
        self.plan = plan
        self.manifest = manifest
        self.report = report
        self.kind = kind
        self.folder = folder
        self.connection = connection
        self.load_id = manifest.last_load_id + 1
        self.file_ids: list[str] = []
        self.duplicates: Counter[int] = Counter()
        self.accepted: Counter[int] = Counter()
        self.received: dict[int, tuple] = {}
        self.overlaps: Counter[tuple[str, str]] = Counter()
        self.outputs: list[tuple[Path, Path]] = []

    def run(self, progress: Progress | None) -> None:
        jobs = [
            Job(n, candidate.file, is_hash_wanted=candidate.sha256 is None)
            for n, candidate in enumerate(self.plan.read)
        ]
        first = self.manifest.last_file_number + 1
        self.file_ids = [file_id(first + job.file_no) for job in jobs]
        total = sum(job.file.size_bytes for job in jobs)
        done = 0

        def on_bytes(count: int) -> None:
            nonlocal done
            done += count
            if progress:
                progress("read", done, total)

        stager = Stager(self.connection, self.folder, self.settings.now, on_bytes)
        staged = stager.stage([j for j in jobs if self.plan.read[j.file_no].copy_of is None])
        self._keep_what_was_not_replaced(staged)
        self._prepare_lookups(staged)

        out = self.folder / "out"
        datasets = sorted({job.file.source.dataset for job in jobs})
        for dataset in datasets:
            if progress:
                progress(f"write {dataset}", done, total)
            relation = stager.staged_files(dataset)
            if relation is not None:
                self._write_dataset(dataset, relation, out)
        ended = self._ended_loaded()
        something = bool(sum(self.accepted.values()) or ended)
        if something:
            self._write_event_loads(ended, out)
            self._write_withdrawn(ended, out)
            self._rename_into_lake(out)
        records = self._records(staged, something)
        refused = self._refused_with_ids(stager)
        commit(
            self.settings,
            ManifestChange(
                new=records,
                status={
                    **self.plan.status,
                    **{
                        id_: (status, message)
                        for id_, (_, status, message) in self.plan.replaced.items()
                    },
                },
                touched=self.plan.touched,
                overlaps=self.overlaps,
                quarantine_files=refused,
                load_id=self.load_id if something else None,
                load_kind=self.kind,
            ),
        )
        if something:
            _write_marker(self.lake_dir / COMMITTED, self.load_id)
        self._fill_report(records, staged, something)

    # before writing

    def _keep_what_was_not_replaced(self, staged: Staged) -> None:
        """Old rows stay where the new content turned out to be unusable."""
        unusable = {
            self.plan.read[file_no].file.path for file_no in (*staged.failed, *staged.changed)
        }
        for id_, (record, status, _) in list(self.plan.replaced.items()):
            if status == "superseded" and record.path in unusable and record.status == "loaded":
                del self.plan.replaced[id_]

    def _ended_loaded(self) -> list[FileRecord]:
        return [r for r, _, _ in self.plan.replaced.values() if r.status == "loaded"]

    def _prepare_lookups(self, staged: Staged) -> None:
        connection = self.connection
        connection.execute("create temp table file_names (file_no integer, file_id varchar)")
        if self.file_ids:
            connection.executemany(
                "insert into file_names values (?, ?)", list(enumerate(self.file_ids))
            )
        connection.execute("create temp table unusable (file_no integer)")
        for file_no in (*staged.failed, *staged.changed):
            connection.execute("insert into unusable values (?)", [file_no])
        # rows of these no longer count
        gone = {*self.manifest.withdrawn_ids, *(r.file_id for r in self._ended_loaded())}
        connection.execute("create temp table gone (file_id varchar)")
        if gone:
            connection.executemany("insert into gone values (?)", [[id_] for id_ in gone])

    def _counting(self, dataset: str) -> str:
        """SQL relation: the lake's rows of ``dataset`` that still count, before this load."""
        return (
            f"(from {read_dataset(self.lake_dir, dataset)} "
            f"where load_id < {self.load_id} and file_id not in (from gone))"
        )

    def _where_repeats_may_be(self, dataset: str, staged: str) -> str:
        """As `_counting`; of events only the days on which one of ``staged`` may be."""
        if dataset != "events":
            return self._counting(dataset)
        event_keys.ensure_event_keys(self.connection, self.lake_dir, self.manifest.last_load_id)
        days = event_keys.days_met(self.connection, self.lake_dir, staged)
        listed = ", ".join(f"date '{day}'" for day in days)
        where = f"received_date in ({listed})" if days else "false"
        return f"(from {self._counting(dataset)} where {where})"

    # writing aside

    def _write_dataset(self, dataset: str, relation: str, out: Path) -> None:
        connection = self.connection
        staged = f"(from {relation} where file_no not in (from unusable))"
        find_duplicates(connection, dataset, staged, self._where_repeats_may_be(dataset, staged))
        for file_no, of_file_no, of_file_id, count in connection.execute(
            "select file_no, of_file_no, of_file_id, count(*) from duplicates group by all"
        ).fetchall():
            self.duplicates[file_no] += count
            of_path = (
                self.plan.read[of_file_no].file.path
                if of_file_id is None
                else self._path_of(of_file_id)
            )
            path = self.plan.read[file_no].file.path
            if of_path and of_path != path:
                self.overlaps[(path, of_path)] += count
        fresh = f"{staged} as staged anti join duplicates using (file_no, line_number)"
        date_column = PARTITIONED.get(dataset)
        span = f"min({date_column}), max({date_column})" if date_column else "null, null"
        rows = 0
        for file_no, count, first, last in connection.execute(
            f"select file_no, count(*), {span} from {fresh} group by file_no"
        ).fetchall():
            self.accepted[file_no] += count
            self.received[file_no] = (first, last)
            rows += count
        if not rows:
            return
        columns = ", ".join(f'"{name}"' for name in DATASETS[dataset] if name not in _ORIGIN)
        select = (
            f"select {columns}, file_names.file_id, line_number, "
            f"cast({self.load_id} as bigint) as load_id "
            f"from {fresh} inner join file_names using (file_no)"
        )
        if date_column:
            self._write_partitions(select, staged, dataset, out)
            self._write_one(
                f"select message_key, received_date, cast({self.load_id} as bigint) as load_id "
                f"from {fresh}",
                event_keys.DATASET,
                out,
            )
        else:
            self._write_one(f"{select} order by file_no, line_number", dataset, out)

    def _write_partitions(self, select: str, staged: str, dataset: str, out: Path) -> None:
        """A few days at a time: all at once would have to be sorted on disk."""
        column = PARTITIONED[dataset]
        folder = out / dataset
        folder.mkdir(parents=True)
        days = self.connection.execute(
            f"select {column}, count(*) from {staged} group by {column} order by {column}"
        ).fetchall()
        for first, last in _spans(days, ROWS_WRITTEN_AT_ONCE):
            self.connection.execute(
                f"copy ({select} where {column} between date '{first}' and date '{last}') "
                f"to {sql_text(folder)} (format parquet, {LAKE_COMPRESSION}, overwrite_or_ignore, "
                f"partition_by ({column}), "
                f"filename_pattern 'load-{self.load_id:06d}-{{i}}')"
            )
        for path in sorted(folder.glob("*/*.parquet")):
            self.outputs.append((path, self.lake_dir / path.relative_to(out)))

    def _write_one(self, select: str, dataset: str, out: Path) -> None:
        path = out / dataset / f"load-{self.load_id:06d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection.execute(
            f"copy ({select}) to {sql_text(path)} (format parquet, compression zstd)"
        )
        self.outputs.append((path, self.lake_dir / path.relative_to(out)))

    def _path_of(self, id_: str) -> str | None:
        for live in self.manifest.live.values():
            for record in live:
                if record.file_id == id_:
                    return record.path
        return None

    def _write_event_loads(self, ended: list[FileRecord], out: Path) -> None:
        """The received days this load touches: rows that came, and days rows were taken from."""
        came = "select cast(null as date) as received_date, 0 as arrived where false"
        if any((out / "events").glob("*/*.parquet")):
            pattern = sql_text(f"{glob_escape(str(out / 'events'))}/*/*.parquet")
            came = (
                "select received_date, count(*) as arrived from "
                f"read_parquet({pattern}, hive_partitioning = true, "
                "hive_types = {'received_date': date}) group by received_date"
            )
        went = "select cast(null as date) as received_date where false"
        events = [record for record in ended if record.dataset == "events"]
        if events:
            first = min(r.first_received_date for r in events if r.first_received_date)
            last = max(r.last_received_date for r in events if r.last_received_date)
            ids = ", ".join(sql_text(record.file_id) for record in events)
            went = (
                f"select distinct received_date from {read_dataset(self.lake_dir, 'events')} "
                f"where received_date between date '{first}' and date '{last}' "
                f"and load_id < {self.load_id} and file_id in ({ids})"
            )
        select = (
            f"select cast({self.load_id} as bigint) as load_id, received_date, "
            "cast(coalesce(arrived, 0) as bigint) as count_events "
            f"from ({came}) full join ({went}) using (received_date) order by received_date"
        )
        if self.connection.execute(f"select exists ({select})").fetchall()[0][0]:
            self._write_one(select, "event_loads", out)

    def _write_withdrawn(self, ended: list[FileRecord], out: Path) -> None:
        if ended:
            rows = ", ".join(f"({sql_text(r.file_id)}, {self.load_id}::bigint)" for r in ended)
            self._write_one(
                f"select * from (values {rows}) as ended (file_id, load_id)", "withdrawn_files", out
            )

    def _rename_into_lake(self, out: Path) -> None:
        for source, target in self.outputs:
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)

    # the manifest and the report

    def _records(self, staged: Staged, something: bool) -> list[FileRecord]:
        records: dict[str, FileRecord] = {}
        for file_no, candidate in enumerate(self.plan.read):
            file = candidate.file
            failure = staged.failed.get(file_no)
            if file_no in staged.changed:
                self.report.notes.append(
                    f"{file.path}: was written to while it was read; the next ingest takes it"
                )
                continue
            record = FileRecord(
                file_id=self.file_ids[file_no],
                path=file.path,
                dataset=file.source.dataset,
                sha256=candidate.sha256 or staged.sha256.get(file_no),
                size_bytes=file.size_bytes,
                modified_at=file.modified_at,
            )
            if candidate.copy_of is not None:
                record = self._copy_record(record, candidate.copy_of, records)
            elif failure:
                # content that was not read is not known: it is tried again
                sha256 = None if failure.reason == "unavailable_file" else record.sha256
                record = replace(record, status="refused", message=failure.message, sha256=sha256)
            else:
                first, last = self.received.get(file_no, (None, None))
                read = staged.rows_read[file_no]
                record = replace(
                    record,
                    load_id=self.load_id if something else None,
                    rows_read=read,
                    rows_accepted=self.accepted[file_no],
                    rows_quarantined=staged.rows_quarantined[file_no],
                    rows_duplicate=self.duplicates[file_no],
                    first_received_date=first,
                    last_received_date=last,
                )
                accounted = record.rows_accepted + record.rows_quarantined + record.rows_duplicate
                if accounted != read:
                    raise IngestError(
                        f"{file.path}: {read} rows read but {accounted} accounted for; nothing "
                        "was loaded. This is a fault of the ingestion, please report it"
                    )
            records[file.path] = record
        return list(records.values())

    def _copy_record(
        self, record: FileRecord, of_path: str, records: dict[str, FileRecord]
    ) -> FileRecord:
        original = records.get(of_path) or self.manifest.loaded(of_path)
        if original is None or original.status != "loaded":
            message = original.message if original else f"{of_path}: was not loaded"
            return replace(record, status="refused", message=f"{record.path}: a copy of {message}")
        self.overlaps[(record.path, of_path)] = original.rows_read
        return replace(
            record,
            message=f"the same content as {of_path}",
            rows_read=original.rows_read,
            rows_duplicate=original.rows_read,
        )

    def _refused_with_ids(self, stager: Stager) -> list[Path]:
        files = stager.refused_files()
        if not files:
            return []
        pattern = sql_text(f"{glob_escape(str(self.folder / 'refused'))}/*.parquet")
        target = self.folder / "quarantine.parquet"
        self.connection.execute(
            "copy (select file_id, line_number, reason, detail, raw "
            f"from read_parquet({pattern}) inner join file_names using (file_no) "
            "where file_no not in (from unusable)) "
            f"to {sql_text(target)} (format parquet, compression zstd)"
        )
        return [target]

    def _fill_report(self, records: list[FileRecord], staged: Staged, something: bool) -> None:
        report = self.report
        report.load_id = self.load_id if something else None
        datasets = dict(report.datasets)
        reasons: Counter[str] = Counter(report.reasons)
        by_path = {c.file.path: n for n, c in enumerate(self.plan.read)}
        for record in records:
            if record.status == "refused":
                report.files_refused.append(record.message)
                continue
            report.files_new += 1
            counts = datasets.setdefault(record.dataset, DatasetCounts())
            counts.files += 1
            counts.rows_read += record.rows_read
            counts.rows_accepted += record.rows_accepted
            counts.rows_quarantined += record.rows_quarantined
            counts.rows_duplicate += record.rows_duplicate
            reasons.update(staged.reasons.get(by_path[record.path], {}))
        report.files_superseded += sum(
            status == "superseded" and record.status == "loaded"
            for record, status, _ in self.plan.replaced.values()
        )
        report.datasets = datasets
        report.reasons = dict(reasons)
