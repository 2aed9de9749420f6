"""What to do with the files found: compare the landing folder with the manifest.

Nothing is read but the bytes needed for a hash, and those only of files whose size or
time changed, or that may be a copy of another: a size no other file has is no copy's.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from ingestion.landing import PARQUET, LandingFile
from ingestion.manifest import FileRecord, Manifest


@dataclass(frozen=True)
class Candidate:
    """A file to load: its content is not in the lake under this path.

    ``sha256`` None: taken while the file is read, which it then is only once.
    """

    file: LandingFile
    sha256: str | None
    copy_of: str | None = None  # path of a file with the very same content, loaded or read first


@dataclass
class Plan:
    """What an ingest will do. ``replaced``: live versions that end, with the status they get."""

    read: list[Candidate] = field(default_factory=list)
    replaced: dict[str, tuple[FileRecord, str, str | None]] = field(default_factory=dict)
    problems: list[tuple[LandingFile, str]] = field(default_factory=list)  # newly seen
    standing_problems: list[FileRecord] = field(default_factory=list)  # as known before
    touched: dict[str, datetime] = field(default_factory=dict)
    status: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    skipped: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def ending_ids(self) -> set[str]:
        return set(self.replaced)


def plan_ingest(files: Iterable[LandingFile], manifest: Manifest) -> Plan:
    """The plan that brings the lake up to ``files``."""
    files = list(files)
    plan = Plan()
    sizes = _sizes(files, manifest)
    for file in files:
        live = manifest.live.get(file.path, [])
        newest = live[-1] if live else None
        if file.problem is not None:
            _plan_problem(plan, file, newest, file.problem)
        elif newest and _same_look(newest, file) and newest.status != "unsupported":
            _skip(plan, newest)
        elif not live and file.source.kind == "lines" and sizes[_size(file)] == 1:
            plan.read.append(Candidate(file, None))  # like no other file: surely no copy
        else:
            _plan_content(plan, file, live)
    _drop_problems_that_left(plan, files, manifest)
    add_dependents(plan, files, manifest)
    _mark_copies(plan, manifest)
    return plan


def plan_withdrawal(
    files: Iterable[LandingFile], manifest: Manifest, records: Iterable[FileRecord]
) -> Plan:
    """The plan that takes versions of a file out again."""
    plan = Plan()
    for record in records:
        plan.replaced[record.file_id] = (record, "withdrawn", None)
    add_dependents(plan, list(files), manifest)
    _mark_copies(plan, manifest)
    return plan


def plan_reread(files: Iterable[LandingFile], manifest: Manifest, first: date, last: date) -> Plan:
    """The plan that reads again every event file with rows received in a span of days."""
    files = list(files)
    found = {file.path: file for file in files if file.source is not None}
    plan = Plan()
    for path in sorted(manifest.live):
        record = manifest.loaded(path)
        if record is None or record.dataset != "events" or record.first_received_date is None:
            continue
        if record.first_received_date > last or record.last_received_date < first:
            continue
        if path not in found:
            plan.notes.append(
                f"{path}: is no longer in the landing folder; its rows stay as they are"
            )
            continue
        plan.read.append(Candidate(found[path], _hash(found[path])))
        plan.replaced[record.file_id] = (record, "superseded", "read again")
    add_dependents(plan, files, manifest)
    _mark_copies(plan, manifest)
    return plan


def add_dependents(plan: Plan, files: list[LandingFile], manifest: Manifest) -> None:
    """Read again every file whose rows were duplicates of a file that now ends.

    Those rows are in no other place: without this, they would be lost with it.
    """
    found = {file.path: file for file in files}
    already = {candidate.file.path for candidate in plan.read}
    ending_paths = {record.path for record, _, _ in plan.replaced.values()}
    dependents = {
        path for ending in ending_paths for path in manifest.overlaps.get(ending, ())
    } - already
    for path in sorted(dependents):
        record = manifest.loaded(path)
        if record is None or record.file_id in plan.replaced:
            continue
        file = found.get(path)
        if file is None or file.source is None:
            plan.notes.append(
                f"{path}: some of its rows were repeats of rows that are now taken out, and the "
                "file is no longer there to be read again: land it again to get them back"
            )
            continue
        plan.read.append(Candidate(file, _hash(file)))
        plan.replaced[record.file_id] = (
            record,
            "superseded",
            "read again: a file it repeated was taken out",
        )


def _sizes(files: list[LandingFile], manifest: Manifest) -> Counter:
    """How many paths, landed now or loaded before, have a size at a source."""
    there = {(file.path, _size(file)) for file in files}
    known = {
        (path, (*_source(path), record.size_bytes))
        for path, live in manifest.live.items()
        for record in live
    }
    return Counter(size for _, size in there | known)


def _size(file: LandingFile) -> tuple:
    return (*_source(file.path), file.size_bytes)


def _plan_content(plan: Plan, file: LandingFile, live: list[FileRecord]) -> None:
    try:
        sha256 = _hash(file)
    except OSError as error:
        message = f"{file.path}: cannot be read ({error.strerror})"
        _plan_problem(plan, file, live[-1] if live else None, message)
        return
    same = next((record for record in reversed(live) if record.sha256 == sha256), None)
    if same is None:
        for record in live:
            # a refused version never counted; what counted is superseded once this loads
            plan.replaced[record.file_id] = (record, "superseded", None)
        plan.read.append(Candidate(file, sha256))
        return
    plan.touched[same.file_id] = file.modified_at
    for record in live:
        if record is not same and record.status in ("refused", "unsupported"):
            plan.status[record.file_id] = ("removed", None)
    _skip(plan, same)


def _skip(plan: Plan, record: FileRecord) -> None:
    if record.status in ("refused", "unsupported"):
        plan.standing_problems.append(record)
        return
    plan.skipped += 1
    if record.status == "withdrawn":
        plan.notes.append(f"{record.path}: was withdrawn and stays out while its content is this")


def _plan_problem(plan: Plan, file: LandingFile, newest: FileRecord | None, message: str) -> None:
    if newest and newest.status == file.status and newest.message == message:
        plan.standing_problems.append(newest)
        return
    if newest and newest.status in ("refused", "unsupported"):
        plan.status[newest.file_id] = ("removed", None)
    plan.problems.append((file, message))


def _drop_problems_that_left(plan: Plan, files: list[LandingFile], manifest: Manifest) -> None:
    present = {file.path for file in files}
    for path, live in manifest.live.items():
        if path in present:
            continue
        for record in live:
            if record.status in ("refused", "unsupported"):
                plan.status[record.file_id] = ("removed", None)


def _mark_copies(plan: Plan, manifest: Manifest) -> None:
    """Tell files whose very content another path already brought, or brings in this run."""
    owners = {
        (*_source(record.path), record.sha256): record.path
        for live in manifest.live.values()
        for record in live
        if record.status == "loaded" and record.file_id not in plan.replaced
    }
    marked: list[Candidate] = []
    for candidate in sorted(plan.read, key=lambda candidate: candidate.file.path):
        if candidate.sha256 is None:
            marked.append(candidate)
            continue
        key = (*_source(candidate.file.path), candidate.sha256)
        marked.append(replace(candidate, copy_of=owners.get(key)))
        owners.setdefault(key, candidate.file.path)
    plan.read = marked


def _source(path: str) -> tuple[tuple[str, ...], bool]:
    # an empty file is good as lines and no Parquet
    return place(path), path.lower().endswith(PARQUET)


def place(path: str) -> tuple[str, ...]:
    """The source a path belongs to: ``events/segment``, ``crm/leads``, ``contracts``."""
    parts = path.split("/")
    return tuple(parts[:2] if parts[0] in ("events", "stripe", "crm") else parts[:1])


def _same_look(record: FileRecord, file: LandingFile) -> bool:
    return (
        record.sha256 is not None
        and record.size_bytes == file.size_bytes
        and record.modified_at == file.modified_at
    )


def _hash(file: LandingFile) -> str:
    with file.location.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
