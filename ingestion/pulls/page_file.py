"""A landing file written page by page, which a killed pull can go on writing.

Every page is a gzip member of its own, on disk before the next page is asked for. The file is
hidden until it is whole; `PageFile.size_bytes` after a page is all one must remember to go on
behind it.
"""

import gzip
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import orjson


class PartLost(Exception):
    """The file to go on writing is not there, or shorter than what was promised."""


class PageFile:
    """``landed``: the path it will have. ``size_bytes``: what is in it already, 0 for a new one.

    Raises `PartLost` where there is nothing to go on with.
    """

    def __init__(self, landed: Path, size_bytes: int = 0) -> None:
        self.landed = landed
        self.size_bytes = size_bytes
        self._part = part_path(landed)
        self._file: BinaryIO | None = None
        if size_bytes:
            if not self._part.exists() or self._part.stat().st_size < size_bytes:
                raise PartLost(str(self._part))
            self._file = self._part.open("r+b")
            self._file.truncate(size_bytes)
            self._file.seek(size_bytes)

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """One page, a row a line. No rows: nothing is written, and no file begun."""
        lines = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
        if not lines:
            return
        if self._file is None:
            self._part.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._part.open("wb")
        page = gzip.compress(lines, compresslevel=6, mtime=0)
        self._file.write(page)
        self._file.flush()
        os.fsync(self._file.fileno())
        self.size_bytes += len(page)

    def land(self) -> bool:
        """Give the file its name; True when there is one, False when nothing was added."""
        self.close()
        if not self.size_bytes:
            self._part.unlink(missing_ok=True)
            return False
        self._part.rename(self.landed)
        return True

    def close(self) -> None:
        """Stop writing; the hidden file stays for a later pull to go on with."""
        if self._file is not None:
            self._file.close()


def part_path(landed: Path) -> Path:
    """Where the file is while it is written."""
    return landed.with_name(f".{landed.name}.part")
