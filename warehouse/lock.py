"""One writer of an installation at a time, across processes."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from warehouse.settings import Settings

WAIT_SECONDS = 900


class WarehouseBusy(Exception):
    """Another run kept writing for the whole time we were ready to wait."""


@contextmanager
def sole_writer(settings: Settings, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold ``HOME/writer.lock``; within one process the lock may be taken again.

    The operating system frees it when its holder dies, so a kill leaves nothing behind.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    path = settings.home / "writer.lock"
    # one object a path and process, so that a run and its steps share the lock
    lock = FileLock(path, is_singleton=True, thread_local=False)
    try:
        lock.acquire(timeout=wait_seconds)
    except Timeout as error:
        raise WarehouseBusy(
            f"another run has been writing {settings.home} for more than {wait_seconds:.0f} s: "
            f"wait for it or end it, then run again (lock file {path})"
        ) from error
    try:
        yield
    finally:
        lock.release()
