"""Running the mocks: in the foreground (``plg mocks``) or for as long as somebody needs them.

``mocks_running`` shares one server between all processes of an installation. Each user holds a
*lease*, a locked file under ``HOME/mocks/leases``: the kernel drops the lock when the process
ends, however it ends. A server started on demand stops by itself once no lease is held, so
neither a crash nor a ``kill -9`` leaves one behind, and none is stopped under another's feet.
"""

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import httpx
import uvicorn
from filelock import FileLock

from warehouse.settings import PROJECT_ROOT, Settings

START_TIMEOUT_SECONDS = 30.0
LEASE_CHECK_SECONDS = 0.25

Lease = tuple[IO[str], Path]


class MocksNotStarted(Exception):
    """The mocks could not be started; the message says why and where the log is."""


@dataclass(frozen=True)
class MockUrls:
    """Where the mocked systems answer, as settings would name the real ones."""

    root: str

    @property
    def salesforce(self) -> str:
        return f"{self.root}/salesforce"

    @property
    def hubspot(self) -> str:
        return f"{self.root}/hubspot"

    @property
    def webhook(self) -> str:
        return f"{self.root}/sink/{{object}}"

    @property
    def slack(self) -> str:
        return f"{self.root}/slack/services/T00PLG/B00PLG/plgdemowebhook"

    @property
    def sink(self) -> str:
        return f"{self.root}/sink"


@dataclass(frozen=True)
class ServerFile:
    """What ``HOME/mocks/server.json`` says about the server of this installation."""

    url: str
    pid: int
    home: str
    persistent: bool


def running_server(settings: Settings) -> ServerFile | None:
    """The healthy server of this installation; None where there is none, or a stale file."""
    try:
        known = ServerFile(**json.loads(_server_file(settings).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    try:
        # without certificates to load a look costs a tenth
        answer = httpx.get(f"{known.url}/healthz", timeout=5, trust_env=False, verify=False)
        healthy = answer.status_code == 200 and answer.json()["home"] == str(settings.home)
    except (httpx.HTTPError, ValueError, KeyError):
        return None
    return known if healthy else None


@contextmanager
def mocks_running(settings: Settings) -> Iterator[MockUrls]:
    """The mocks of this installation for the length of the block.

    Uses the server that runs already (``plg mocks``, ``make ui``, or another process's), else
    starts one on a free port. Raises `MocksNotStarted`.
    """
    settings.mocks_dir.mkdir(parents=True, exist_ok=True)
    with _start_lock(settings):
        lease = _take_lease(settings)
        known = running_server(settings)
        if known is None:
            try:
                known = _start(settings)
            except BaseException:
                _release(lease)
                raise
    try:
        yield MockUrls(known.url)
    finally:
        _release(lease)
        if not known.persistent:
            _wait_until_gone(settings, known)


def serve(
    settings: Settings, port: int | None = None, announce: Callable[[str], None] = print
) -> None:
    """Run the mocks in the foreground until interrupted.

    ``port`` None means ``settings.mocks_port``, or a free one where that is taken.
    """
    settings.mocks_dir.mkdir(parents=True, exist_ok=True)
    starting = _start_lock(settings)
    with starting:
        known = running_server(settings)
        if known is not None and known.persistent:
            raise MocksNotStarted(
                f"the mocks of {settings.home} run already at {known.url} (process {known.pid})"
            )
        if known is not None and not _wait_until_gone(settings, known):
            raise MocksNotStarted(
                f"a run is using mocks of its own at {known.url}; start these when it has ended"
            )
        listener = _listen(settings.mocks_host, port or settings.mocks_port, exact=bool(port))

        def started(url: str) -> None:
            starting.release()
            announce(f"CRM mocks of {settings.home}: {url}/")

        _run(settings, listener, persistent=True, started=started)


def _run(
    settings: Settings,
    listener: socket.socket,
    *,
    persistent: bool,
    started: Callable[[str], None] = lambda url: None,
) -> None:
    from reverse_etl.mocks.server import create_app

    host, port = listener.getsockname()[:2]
    url = f"http://{host}:{port}"
    config = uvicorn.Config(
        create_app(settings), log_level="warning", access_log=False, timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)

    async def run() -> None:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        if server.started:
            _write_server_file(settings, url, persistent)
            started(url)
        watching = None if persistent else asyncio.create_task(_stop_unused(settings, server))
        await serving
        if watching is not None:
            watching.cancel()

    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(run())
    finally:
        _remove_server_file(settings)


async def _stop_unused(settings: Settings, server: uvicorn.Server) -> None:
    while True:
        await asyncio.sleep(LEASE_CHECK_SECONDS)
        if _live_leases(settings):
            continue
        lock = _start_lock(settings)
        try:
            lock.acquire(timeout=0)
        except TimeoutError:
            continue  # somebody is about to take a lease
        try:
            if not _live_leases(settings):
                _remove_server_file(settings)
                server.should_exit = True
                return
        finally:
            lock.release()


def _start(settings: Settings) -> ServerFile:
    log_path = settings.mocks_dir / "server.log"
    environment = {
        **os.environ,
        **_as_environment(settings),
        "PYTHONPATH": os.pathsep.join(
            [str(PROJECT_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        ),
    }
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "reverse_etl.mocks.process"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=PROJECT_ROOT,
            env=environment,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        known = running_server(settings)
        if known is not None and known.pid == process.pid:
            _children[process.pid] = process
            return known
        if process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    process.wait()
    lines = log_path.read_text(errors="replace").strip().splitlines()
    raise MocksNotStarted(
        f"the CRM mocks of {settings.home} did not start: {lines[-1] if lines else 'no answer'}. "
        f"Their log is {log_path}; `plg mocks` starts them in the foreground"
    )


_children: dict[int, subprocess.Popen[bytes]] = {}


def _as_environment(settings: Settings) -> dict[str, str]:
    """The settings a server needs, for a process that reads them from its environment."""
    names = [
        "salesforce_client_id",
        "salesforce_client_secret",
        "salesforce_username",
        "salesforce_password",
        "hubspot_token",
        "mocks_host",
    ]
    return {
        "PLG_HOME": str(settings.home),
        "PLG_LANDING": str(settings.landing_dir),
        **{f"PLG_{name.upper()}": str(getattr(settings, name)) for name in names},
    }


def _listen(host: str, port: int, *, exact: bool) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        if exact:
            listener.close()
            raise MocksNotStarted(
                f"port {port} on {host} is not free ({error.strerror}); choose another with "
                "--port, or leave it out"
            ) from error
        listener.bind((host, 0))
    return listener


# leases ---------------------------------------------------------------------------------


def _start_lock(settings: Settings) -> FileLock:
    # not thread-local: two threads of one process start at most one server as well
    return FileLock(settings.mocks_dir / "start.lock", thread_local=False)


def _take_lease(settings: Settings) -> Lease:
    folder = settings.mocks_dir / "leases"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{os.getpid()}-{uuid4().hex[:8]}"
    # locked before it can be seen: the server removes files nobody holds
    unseen = settings.mocks_dir / f"lease-{name}"
    lease = unseen.open("w")
    fcntl.flock(lease, fcntl.LOCK_EX)
    unseen.rename(folder / name)
    return lease, folder / name


def _release(lease: Lease) -> None:
    file, path = lease
    path.unlink(missing_ok=True)
    file.close()


def _live_leases(settings: Settings) -> bool:
    """True while somebody holds a lease; files of dead processes are removed."""
    for path in (settings.mocks_dir / "leases").glob("*"):
        try:
            with path.open() as lease:
                fcntl.flock(lease, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            continue
        path.unlink(missing_ok=True)
    return False


def _wait_until_gone(settings: Settings, known: ServerFile) -> bool:
    """Wait for a server without leases to stop; False while others still use it."""
    deadline = time.monotonic() + 5
    child = _children.get(known.pid)
    while time.monotonic() < deadline:
        if _live_leases(settings):
            return False
        if child is not None and child.poll() is not None:
            _children.pop(known.pid, None)
            return True
        if child is None and not _is_alive(known.pid):
            return True
        time.sleep(0.05)
    return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


# server.json ----------------------------------------------------------------------------


def _server_file(settings: Settings) -> Path:
    return settings.mocks_dir / "server.json"


def _write_server_file(settings: Settings, url: str, persistent: bool) -> None:
    known = ServerFile(url, os.getpid(), str(settings.home), persistent)
    path = _server_file(settings)
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.write_text(json.dumps(asdict(known), indent=2))
    unfinished.replace(path)


def _remove_server_file(settings: Settings) -> None:
    path = _server_file(settings)
    with contextlib.suppress(OSError, ValueError, KeyError):
        if json.loads(path.read_text())["pid"] == os.getpid():
            path.unlink()


def main(arguments: list[str] | None = None) -> Any:
    """Entry of the server started on demand; settings come from its environment."""
    parser = argparse.ArgumentParser(description="CRM mocks, for as long as a lease is held")
    parser.parse_args(arguments)
    settings = Settings()
    listener = _listen(settings.mocks_host, 0, exact=False)
    _run(settings, listener, persistent=False)


if __name__ == "__main__":
    main()
