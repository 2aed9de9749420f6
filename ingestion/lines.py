"""Bytes of a file → Arrow blocks of numbered lines, whatever the bytes are.

Only a line feed ends a line, so numbers are those of any editor. Lines are cut with
numpy and handed to Arrow without copying: no Python runs per line, except for blocks
that hold bytes which are not UTF-8.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from isal import isal_zlib as zlib  # three times as fast as the standard library's

BLOCK_BYTES = 16 * 1024 * 1024
MAX_LINE_BYTES = 16 * 1024 * 1024
RAW_BYTES_KEPT = 64 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class BadLine:
    """A line that is not text we can parse; ``raw`` is what is kept of it."""

    line_number: int
    reason: str
    detail: str
    raw: str


@dataclass(frozen=True)
class LineBlock:
    """Consecutive lines: ``numbers`` (int64, 1-based) and ``lines`` (string), same length.

    ``bad``: what `bad_lines` gives, None when there is nothing bad. Empty lines are left out.
    """

    numbers: pa.Array
    lines: pa.Array
    bad: pa.Table | None = None
    bytes_read: int = 0


def bad_lines(lines: Iterable[BadLine]) -> pa.Table:
    """Columns line_number, reason, detail, raw."""
    rows = list(lines)
    return pa.table(
        {
            "line_number": pa.array([row.line_number for row in rows], pa.int64()),
            "reason": pa.array([row.reason for row in rows], pa.string()),
            "detail": pa.array([row.detail for row in rows], pa.string()),
            "raw": pa.array([row.raw for row in rows], pa.string()),
        }
    )


def read_lines(
    path: Path,
    block_bytes: int = BLOCK_BYTES,
    max_line_bytes: int = MAX_LINE_BYTES,
    digest: Any = None,
) -> Iterator[LineBlock]:
    """Blocks of the file's lines, plain or gzip (told by its first bytes, not its name).

    ``digest`` (of hashlib) is updated with every byte of the file, also those after a break.

    Never raises for content: a line that is too long, not UTF-8, or where a gzip stream
    breaks off comes as a `BadLine`. Raises ``OSError`` when the file cannot be opened.
    """
    next_number = 1
    rest = b""  # an unfinished line
    overlong: bytes | None = None  # head of a line that is too long, until its end is found
    problem: str | None = None
    at_start = True

    for chunk, error in _chunks(path, block_bytes, digest):
        if error:
            problem = error  # the last piece; the loop goes on so that the file is read to its end
            continue
        if at_start:
            chunk = chunk.removeprefix(_BOM)
            at_start = False
        if overlong is not None:
            end = chunk.find(b"\n")
            if end < 0:
                continue
            yield _only_bad(_too_long(next_number, overlong, max_line_bytes))
            next_number, overlong, chunk = next_number + 1, None, chunk[end + 1 :]
        data = rest + chunk if rest else chunk
        end = data.rfind(b"\n")
        data, rest = data[: end + 1], data[end + 1 :]
        if data:
            block = _block(data, next_number, max_line_bytes)
            next_number += data.count(b"\n")
            yield block
        if len(rest) > max_line_bytes:
            overlong, rest = rest[:RAW_BYTES_KEPT], b""

    if overlong is not None:
        yield _only_bad(_too_long(next_number, overlong, max_line_bytes))
        next_number += 1
    elif problem is None and rest:
        yield _block(rest + b"\n", next_number, max_line_bytes)
    if problem is not None:
        # what was read of the line where reading stopped is no whole line
        detail = f"{problem}; nothing after this line could be read"
        yield _only_bad(BadLine(next_number, "unreadable_file", detail, kept_text(rest)))


def kept_text(raw: bytes) -> str:
    """``raw`` as text for quarantine: at most 64 KiB of it, bad bytes as ``\\xNN``."""
    text = raw[:RAW_BYTES_KEPT].rstrip(b"\r\n").decode("utf-8", "backslashreplace")
    text = text.replace("\x00", "\\x00")
    if len(raw) > RAW_BYTES_KEPT:
        text += f" … [cut: {len(raw)} bytes]"
    return text


def _too_long(number: int, head: bytes, limit: int) -> BadLine:
    detail = f"longer than {limit} bytes"
    return BadLine(number, "line_too_long", detail, kept_text(head) + f" … [cut: {detail}]")


def _only_bad(bad: BadLine) -> LineBlock:
    return LineBlock(pa.array([], pa.int64()), pa.array([], pa.string()), bad_lines([bad]))


def _block(data: bytes, first_number: int, max_line_bytes: int) -> LineBlock:
    """The lines of ``data``, which ends with a line feed. Lines keep their line feed."""
    ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == 0x0A) + 1
    offsets = np.zeros(len(ends) + 1, dtype=np.int32)
    offsets[1:] = ends
    numbers = np.arange(first_number, first_number + len(ends), dtype=np.int64)
    lines = pa.BinaryArray.from_buffers(
        pa.binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
    lengths = np.diff(offsets)
    keep = lengths > 1  # an empty line is no row
    bad: list[pa.Table] = []
    too_long = np.flatnonzero(lengths > max_line_bytes)
    if len(too_long):
        keep[too_long] = False
        bad.append(
            bad_lines(
                _too_long(
                    int(numbers[index]),
                    data[offsets[index] : offsets[index] + RAW_BYTES_KEPT],
                    max_line_bytes,
                )
                for index in too_long
            )
        )
    try:
        text = lines.cast(pa.string())
    except pa.ArrowInvalid:
        broken = [
            index
            for index in np.flatnonzero(keep)
            if not _is_utf8(data[offsets[index] : offsets[index + 1]])
        ]
        keep[broken] = False
        bad.append(_not_utf8(data, offsets, numbers, broken))
        text = lines.filter(pa.array(keep)).cast(pa.string())
    else:
        if not keep.all():
            text = text.filter(pa.array(keep))
    if not keep.all():
        numbers = numbers[keep]
    return LineBlock(
        pa.array(numbers), text, pa.concat_tables(bad) if bad else None, bytes_read=len(data)
    )


def _not_utf8(data: bytes, offsets: np.ndarray, numbers: np.ndarray, broken: list[int]) -> pa.Table:
    # columns at once: a file of nothing but such lines must not become millions of objects
    count = len(broken)
    return pa.table(
        {
            "line_number": pa.array(numbers[broken], pa.int64()),
            "reason": pa.repeat("invalid_utf8", count),
            "detail": pa.repeat("bytes are no UTF-8", count),
            "raw": pa.array(
                (kept_text(data[offsets[index] : offsets[index + 1]]) for index in broken),
                pa.string(),
            ),
        }
    )


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@dataclass
class _Digested:
    """A file whose bytes go into a digest as they are read."""

    file: BinaryIO
    digest: Any

    def read(self, size: int) -> bytes:
        piece = self.file.read(size)
        if self.digest is not None:
            self.digest.update(piece)
        return piece


def _chunks(path: Path, block_bytes: int, digest: Any) -> Iterator[tuple[bytes, str | None]]:
    """Pieces of the (decompressed) content; the last may be ``(b"", why it broke off)``."""
    with path.open("rb") as opened:
        head = opened.read(2)
        opened.seek(0)
        file = _Digested(opened, digest)
        if head != _GZIP_MAGIC:
            while piece := file.read(block_bytes):
                yield piece, None
            return
        yield from _gzip_chunks(file, block_bytes)
        while digest is not None and file.read(1024 * 1024):
            pass


def _gzip_chunks(file, block_bytes: int) -> Iterator[tuple[bytes, str | None]]:
    # streams by hand rather than gzip.open: blocks are bounded whatever the ratio, and what
    # was read before a break is kept
    stream = zlib.decompressobj(31)
    pending = b""
    try:
        while True:
            if not pending:
                pending = file.read(1024 * 1024)
                if not pending:
                    break
            out: list[bytes] = []
            room = block_bytes
            while room > 0:
                piece = stream.decompress(pending, room)
                out.append(piece)
                room -= len(piece)
                pending = stream.unconsumed_tail
                if stream.eof:  # a file may hold several members; zeros are padding
                    pending = stream.unused_data.lstrip(b"\0")
                    while not pending and (more := file.read(1024 * 1024)):
                        pending = more.lstrip(b"\0")
                    if not pending:
                        break
                    stream = zlib.decompressobj(31)
                if not pending:
                    pending = file.read(1024 * 1024)
                    if not pending:
                        break
            if joined := b"".join(out):
                yield joined, None
    except zlib.error as error:
        if out and (joined := b"".join(out)):
            yield joined, None
        yield b"", f"gzip stream is damaged ({error})"
        return
    if not stream.eof:
        yield b"", "gzip stream breaks off before its end"
