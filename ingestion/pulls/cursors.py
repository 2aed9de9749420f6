"""How far each list of a source was pulled: ``HOME/pulls/<source>.json``, replaced atomically.

A list's cursor says until when it is complete and, while a pull is under way, exactly where it is.
The cursors belong to one account behind one address; with another they are void.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ingestion.pulls.errors import PullRunning


@dataclass
class Running:
    """A pull of one list under way.

    ``after``: where the next page begins, as the source's API counts (an id, a time); None: at
    the first page. ``until``: what will be complete at the end, where the source says. ``path``
    and ``size_bytes``: the landing file being written (relative to the landing folder) and how
    much of it is promised.
    """

    started_at: str
    since: str | None
    path: str
    size_bytes: int = 0
    after: str | None = None
    until: str | None = None
    number: int = 1
    rows: int = 0
    pages: int = 0
    is_read: bool = False  # the last page is in: only its landing is missing


@dataclass
class Cursor:
    """One list. ``complete_until``: everything known to the source before it was pulled."""

    complete_until: str | None = None
    refuses: list[str] = field(default_factory=list)  # parameters this server does not take
    running: Running | None = None


@dataclass
class Cursors:
    """All lists of a source. `save` after every change that must survive."""

    path: Path
    account: str
    lists: dict[str, Cursor] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)  # for people: API version, last pull
    is_other_account: bool = False

    def of(self, name: str) -> Cursor:
        return self.lists.setdefault(name, Cursor())

    def save(self) -> None:
        content = {
            "account": self.account,
            "about": self.about,
            "lists": {name: asdict(cursor) for name, cursor in sorted(self.lists.items())},
        }
        unfinished = self.path.with_suffix(".part")
        with unfinished.open("w") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.path)


def account_key(*parts: str) -> str:
    """What tells one account behind one address from another, without telling the credentials."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@contextlib.contextmanager
def cursors_of(home: Path, source: str, account: str) -> Iterator[Cursors]:
    """The source's cursors, held by one process at a time. Raises `PullRunning`."""
    folder = home / "pulls"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{source}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise PullRunning(
            f"another pull of {source} is running on {home}; wait until it ends, then pull again"
        ) from error
    try:
        yield _read(folder / f"{source}.json", account)
    finally:
        lock.release()


def _read(path: Path, account: str) -> Cursors:
    if not path.is_file():
        return Cursors(path, account)
    content = json.loads(path.read_text())
    if content["account"] != account:
        return Cursors(path, account, is_other_account=True)
    lists = {
        name: Cursor(**{**cursor, "running": _running(cursor["running"])})
        for name, cursor in content["lists"].items()
    }
    return Cursors(path, account, lists, content["about"])


def _running(value: dict[str, Any] | None) -> Running | None:
    return Running(**value) if value else None
