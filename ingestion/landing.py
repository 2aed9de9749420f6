"""The landing folder: which files lie there and what each is, by its place.

Only looks; nothing is read. A file that cannot be used is listed with the reason, never
passed over in silence. Hidden and temporary files are not files yet.
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from warehouse.settings import DEMO_MARKER

EVENT_FORMATS = ("segment", "rudderstack", "posthog", "amplitude", "mixpanel")
CSV_DATASETS = (
    "contracts",
    "fx_rates",
    "firmographics",
    "marketing_spend",
    "gtm_costs",
    "support_tickets",
    "targets",
)
JSON_LINES = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz")
# PostHog names the compression inside, which the Parquet reader finds out by itself
PARQUET = (".parquet", *(f".parquet.{name}" for name in ("zst", "gz", "sz", "lz4", "br")))
# neither a webhook's envelope nor an object or record says when it was received
_DATED_BY_NAME = ("stripe_events", "stripe_objects", "crm_records")
_TIME_IN_NAME = re.compile(r"(?<!\d)(\d{8}T\d{6})(?:\d{6})?Z?(?![0-9])")
_TEMPORARY = (".tmp", ".part", ".partial", ".crdownload", ".filepart", ".swp", ".lock", "~")


@dataclass(frozen=True)
class Source:
    """What a file holds: the lake's dataset and which part of it.

    ``part`` is the event format, the Stripe object or the CRM object; ``kind`` how the
    file is written: ``lines``, ``parquet`` or ``csv``.
    """

    dataset: str
    part: str
    kind: str


@dataclass(frozen=True)
class LandingFile:
    """A file found. ``path`` is relative to the landing folder, with ``/``.

    Exactly one of ``source`` and ``problem`` is set. ``status`` of a problem: ``refused``
    (wrong, must be mended) or ``unsupported`` (nothing here reads it).
    """

    path: str
    location: Path
    size_bytes: int
    modified_at: datetime
    source: Source | None = None
    problem: str | None = None
    status: str = "refused"


def scan_landing(landing_dir: Path) -> list[LandingFile]:
    """Every file under ``landing_dir``, sorted by path; [] when the folder is missing."""
    if not landing_dir.is_dir():
        return []
    root = landing_dir.resolve()
    return sorted(_walk(root, root), key=lambda file: file.path)


def _walk(root: Path, folder: Path) -> Iterator[LandingFile]:
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except FileNotFoundError:
        return  # gone since its folder was listed
    except OSError as error:
        yield _problem(root, folder, f"a folder that cannot be read ({error.strerror})")
        return
    for entry in entries:
        if _is_ignored(entry.name) or (folder == root and entry.name == DEMO_MARKER):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(root, Path(entry.path))
        else:
            try:
                yield _describe(root, Path(entry.path))
            except FileNotFoundError:
                continue


def _is_ignored(name: str) -> bool:
    # an export's manifest lists its files and holds no rows
    return name.startswith((".", "_")) or name.lower().endswith((*_TEMPORARY, "manifest.json"))


def _shown_path(root: Path, location: Path) -> str:
    relative = location.relative_to(root)
    return os.fsencode(relative.as_posix()).decode("utf-8", "backslashreplace")


def _problem(root: Path, location: Path, problem: str, status: str = "refused") -> LandingFile:
    path = _shown_path(root, location)
    facts = location.lstat()
    return LandingFile(
        path, location, facts.st_size, modified_at(facts), None, f"{path}: {problem}", status
    )


def _describe(root: Path, location: Path) -> LandingFile:
    if location.is_symlink():
        try:
            target = location.resolve()
            target.is_dir()
        except (OSError, RuntimeError):  # Python before 3.13 raises the latter
            return _problem(root, location, "a link to itself")
        if not target.is_relative_to(root):
            return _problem(
                root,
                location,
                f"a link to {target}, outside the landing folder; copy the file itself here",
            )
        if not target.exists():
            return _problem(root, location, f"a link to nothing ({target})")
        if target.is_dir():
            return _problem(root, location, "a link to a folder; folder links are not followed")
    facts = location.stat()
    if not stat.S_ISREG(facts.st_mode):
        return _problem(root, location, "not a regular file")
    source, problem = _identify(location.relative_to(root).parts, location.name.lower())
    if problem:
        return _problem(root, location, problem, "unsupported")
    return LandingFile(
        _shown_path(root, location), location, facts.st_size, modified_at(facts), source
    )


def modified_at(facts: os.stat_result) -> datetime:
    """Time of the last change in naive UTC, to the microsecond, as the manifest keeps it."""
    seconds, nanoseconds = divmod(facts.st_mtime_ns, 1_000_000_000)
    whole = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return whole.replace(microsecond=nanoseconds // 1000)


def told_at(file: LandingFile) -> datetime | None:
    """When a source said what the file holds: the UTC time in its name, such as
    ``pull-20260131T120000….jsonl.gz``; for sources whose rows do not say. None: not told.
    """
    if file.source is None or file.source.dataset not in _DATED_BY_NAME:
        return None
    found = _TIME_IN_NAME.search(Path(file.path).name)
    try:
        moment = datetime.strptime(found[1], "%Y%m%dT%H%M%S") if found else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment and moment.year >= 2000 else None


def _identify(parts: tuple[str, ...], name: str) -> tuple[Source | None, str | None]:
    """What the file at ``parts`` is, or why nothing here reads it."""
    top = parts[0]
    if top == "events" and len(parts) >= 3:
        return _identify_events(parts[1], name)
    if top in ("stripe", "crm") and len(parts) >= 3:
        if not name.endswith(JSON_LINES):
            return None, "not read: expected *.jsonl or *.jsonl.gz"
        if top == "crm":
            return Source("crm_records", parts[1], "lines"), None
        dataset = "stripe_events" if parts[1] == "events" else "stripe_objects"
        return Source(dataset, parts[1], "lines"), None
    if top in CSV_DATASETS and len(parts) >= 2:
        if not name.endswith(".csv"):
            return None, "not read: expected *.csv"
        return Source(top, "", "csv"), None
    return None, (
        "not read: not a place of the landing layout (events/<format>/, stripe/events/, "
        f"stripe/<object>/, crm/<object>/, {'/, '.join(CSV_DATASETS)}/)"
    )


def _identify_events(part: str, name: str) -> tuple[Source | None, str | None]:
    if part not in EVENT_FORMATS:
        return None, f"unknown event format: {part} (supported: {', '.join(EVENT_FORMATS)})"
    if name.endswith(PARQUET):
        return Source("events", part, "parquet"), None
    if name.endswith(JSON_LINES):
        return Source("events", part, "lines"), None
    return None, "not read: expected *.jsonl, *.jsonl.gz or *.parquet"
