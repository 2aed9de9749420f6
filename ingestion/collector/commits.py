"""Group commit: requests that arrive while the disk syncs share the next sync.

One sync costs milliseconds however much it covers. Under load the group grows by itself; alone, a
request waits for its own sync only.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from ingestion.collector.journal import Journal

ROTATION_CHECK_SECONDS = 1.0


class GroupCommit:
    """Puts lines into the journal, from its one thread."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.count_commits = 0
        self.last_error: str | None = None
        self._waiting: list[tuple[str, bytes, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="collector-journal")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def write(self, source: str, lines: bytes) -> None:
        """Returns when ``lines`` are on disk; raises what kept them from it, mostly ``OSError``.

        To be called by requests that are being answered: none of them outlives `stop`.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((source, lines, done))
        self._wake.set()
        await done

    async def stop(self) -> None:
        """Write what waits and land every file."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task
        await self._in_thread(self.journal.close)
        self._thread.shutdown()

    async def _run(self) -> None:
        while not (self._stopping and not self._waiting):
            try:
                async with asyncio.timeout(ROTATION_CHECK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                await self._rotate()
                continue
            self._wake.clear()
            await self._commit()

    async def _commit(self) -> None:
        taken, self._waiting = self._waiting, []
        by_source: dict[str, list[tuple[bytes, asyncio.Future[None]]]] = {}
        for source, lines, done in taken:
            by_source.setdefault(source, []).append((lines, done))
        for source, group in by_source.items():
            error = await self._append(source, b"".join(lines for lines, _ in group))
            for _, done in group:
                if done.cancelled():
                    continue
                if error is None:
                    done.set_result(None)
                else:
                    done.set_exception(error)

    async def _append(self, source: str, lines: bytes) -> Exception | None:
        try:
            await self._in_thread(self.journal.append, source, lines)
        except Exception as error:  # the requests get it: this task must outlive it
            self.last_error = f"{source}: {error}"
            return error
        self.count_commits += 1
        self.last_error = None
        return None

    async def _rotate(self) -> None:
        try:
            await self._in_thread(self.journal.rotate)
        except OSError as error:
            self.last_error = f"landing a file: {error}"

    async def _in_thread(self, function, *arguments):
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)
