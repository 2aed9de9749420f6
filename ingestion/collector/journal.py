"""Landing files that are written line by line and never seen half-written.

A file being written is hidden (``.collect-….jsonl.part``): the landing scan passes it by. It gets
its name when it is closed: large enough, old enough, at midnight (UTC), or when the collector
stops. What a killed collector left is closed by the next one.

Every `append` is on disk (``fdatasync``) when it returns. A write that fails is taken back: the
file is cut to what was promised before, closed, and the next append starts a new one.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

_PART = ".part"
# only sizes and content must survive, not access times
_sync = getattr(os, "fdatasync", os.fsync)


@dataclass
class _OpenFile:
    path: Path  # the hidden one
    descriptor: int
    day: str
    opened: float  # monotonic seconds
    size_bytes: int = 0  # promised: synced and acknowledged


class Journal:
    """The open landing files, one a source. Not thread-safe: one thread writes.

    ``landing_dir/events/<source>/<date>/collect-<time>-<id>.jsonl``
    """

    def __init__(
        self,
        landing_dir: Path,
        *,
        rotate_bytes: int,
        rotate_seconds: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._events_dir = landing_dir / "events"
        self._rotate_bytes = rotate_bytes
        self._rotate_seconds = rotate_seconds
        self._now = now
        self._monotonic = monotonic
        self._open: dict[str, _OpenFile] = {}
        self.files_landed = 0

    def append(self, source: str, lines: bytes) -> None:
        """Add whole lines to the source's file; they are on disk when this returns.

        Raises ``OSError`` where they are not; then nothing of them stays in the file.
        """
        self.rotate()
        file = self._open.get(source) or self._start(source)
        try:
            _write_all(file.descriptor, lines)
            _sync(file.descriptor)
        except OSError:
            self._take_back(source, file)
            raise
        file.size_bytes += len(lines)

    def rotate(self) -> None:
        """Land the files that are due."""
        for source in list(self._open):
            self._close_if_due(source)

    def close(self) -> None:
        """Land everything."""
        for source in list(self._open):
            self._close(source)

    @property
    def unlanded_bytes(self) -> int:
        return sum(file.size_bytes for file in self._open.values())

    def _start(self, source: str) -> _OpenFile:
        now = self._now()
        day = now.strftime("%Y-%m-%d")
        folder = self._events_dir / source / day
        folder.mkdir(parents=True, exist_ok=True)
        name = f"collect-{now:%Y%m%dT%H%M%S}Z-{uuid4().hex[:12]}.jsonl"
        path = folder / f".{name}{_PART}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        for parent in (folder, folder.parent, self._events_dir):
            _sync_folder(parent)
        file = _OpenFile(path, descriptor, day, self._monotonic())
        self._open[source] = file
        return file

    def _close_if_due(self, source: str) -> None:
        file = self._open.get(source)
        if file is None:
            return
        age = self._monotonic() - file.opened
        if (
            file.size_bytes >= self._rotate_bytes
            or age >= self._rotate_seconds
            or file.day != self._now().strftime("%Y-%m-%d")
        ):
            self._close(source)

    def _close(self, source: str) -> None:
        file = self._open.pop(source)
        os.close(file.descriptor)
        _land(file.path)
        self.files_landed += 1

    def _take_back(self, source: str, file: _OpenFile) -> None:
        # After a failed sync the kernel may call lost pages clean: this file is done with
        del self._open[source]
        with contextlib.suppress(OSError):  # what cannot be cut is a torn line, as after a crash
            os.ftruncate(file.descriptor, file.size_bytes)
            _sync(file.descriptor)
        os.close(file.descriptor)
        with contextlib.suppress(OSError):  # else the next start lands it
            _land(file.path)


def recover(landing_dir: Path) -> list[Path]:
    """Land what a killed collector left; returns the files' new names.

    The last line may be torn: it was not acknowledged. It stays, as a line of its own, and the
    ingest quarantines it; whatever is whole is loaded.
    """
    found = sorted((landing_dir / "events").glob(f"*/*/.collect-*{_PART}"))
    return [path for left in found for path in _recover_one(left)]


def _recover_one(left: Path) -> Iterator[Path]:
    with left.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.flush()
        os.fsync(file.fileno())
    landed = _land(left)
    if landed is not None:
        yield landed


def _land(hidden: Path) -> Path | None:
    """Give a closed file its name; an empty one is removed."""
    if hidden.stat().st_size == 0:
        hidden.unlink()
        return None
    landed = hidden.with_name(hidden.name.removeprefix(".").removesuffix(_PART))
    hidden.rename(landed)
    _sync_folder(landed.parent)
    return landed


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync_folder(folder: Path) -> None:
    # a file is safe only when its name is
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
