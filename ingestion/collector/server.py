"""``plg collect``: the collector of this installation, until it is told to stop."""

import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uvicorn
from filelock import FileLock, Timeout

from ingestion.collector.app import Bounds, Collector
from ingestion.collector.commits import GroupCommit
from ingestion.collector.journal import Journal, recover
from ingestion.collector.keys import WriteKeys, configured_keys, own_key_path
from ingestion.collector.wire import DOCUMENTED_LIMITS, Limits
from warehouse.settings import Settings

SHUTDOWN_SECONDS = 5  # for requests that are still arriving


class CollectorNotStarted(Exception):
    """The collector could not be started; the message says why and what to do."""


@dataclass(frozen=True)
class Started:
    """The start message: where the collector answers and how to point each client at it."""

    url: str
    landing: str
    write_keys_are_in: str
    recovered_files: list[str]
    lands_every_seconds: float
    clients: dict[str, str]
    warnings: list[str]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        """The message as text."""
        return [
            f"Collecting on {self.url} into {self.landing}/events/ "
            f"(files land every {self.lands_every_seconds:g} s and when this stops)",
            *(f"  {name:<12}{how}" for name, how in self.clients.items()),
            f"  {'write keys':<12}in {self.write_keys_are_in}",
            f"  {'health':<12}{self.url}/healthz",
            *(f"landed what a killed collector left: {path}" for path in self.recovered_files),
            *(f"note: {warning}" for warning in self.warnings),
        ]


def serve(
    settings: Settings,
    host: str | None = None,
    port: int | None = None,
    *,
    on_started: Callable[[Started], None],
    on_stopped: Callable[[Collector], None] = lambda collector: None,
) -> None:
    """Collect until SIGTERM or Ctrl-C; then answer what is in work and land everything.

    ``port`` 0 takes a free one. Raises `CollectorNotStarted`.
    """
    with _one_collector(settings.landing_dir):
        recovered = recover(settings.landing_dir)
        listener = _listen(host or settings.collect_host, _chosen(port, settings.collect_port))
        collector = Collector(
            GroupCommit(
                Journal(
                    settings.landing_dir,
                    rotate_bytes=settings.collect_rotate_bytes,
                    rotate_seconds=settings.collect_rotate_seconds,
                )
            ),
            WriteKeys(configured_keys(settings)),
            bounds(settings),
            on_stopped=on_stopped,
        )
        config = uvicorn.Config(
            collector,
            lifespan="on",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
        server = uvicorn.Server(config)
        with _stops_on_sigterm(server):
            on_started(_started(settings, listener, recovered))
            server.run(sockets=[listener])


def bounds(settings: Settings) -> Bounds:
    """The settings' limits; where none are set, those each service documents."""
    return Bounds(
        limits={
            source: Limits(
                settings.collect_max_message_bytes or documented.message_bytes,
                settings.collect_max_batch_bytes or documented.batch_bytes,
            )
            for source, documented in DOCUMENTED_LIMITS.items()
        },
        waiting_requests=settings.collect_max_waiting_requests,
        waiting_bytes=settings.collect_max_waiting_bytes,
    )


@contextlib.contextmanager
def _stops_on_sigterm(server: uvicorn.Server) -> Iterator[None]:
    """SIGTERM ends the server in order, also before it has taken the signal over.

    uvicorn raises the signal again when it is down: that a collector was told to stop, and did,
    is no failure.
    """

    def stop(*_: object) -> None:
        server.should_exit = True

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextlib.contextmanager
def _one_collector(landing_dir: Path) -> Iterator[None]:
    folder = landing_dir / "events"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".collector.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise CollectorNotStarted(
            f"another collector writes to {folder} (it holds {lock.lock_file}); stop it first, "
            "or give this one another PLG_LANDING"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _chosen(port: int | None, default: int) -> int:
    return default if port is None else port


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CollectorNotStarted(
            f"cannot listen on {host}:{port} ({error.strerror}): choose another --host or --port"
        ) from error
    listener.listen()  # who reads the start message may connect at once
    return listener


def _started(settings: Settings, listener: socket.socket, recovered: list[Path]) -> Started:
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return Started(
        url=url,
        landing=str(settings.landing_dir),
        write_keys_are_in=(
            "PLG_COLLECT_WRITE_KEYS" if settings.collect_write_keys else str(own_key_path(settings))
        ),
        recovered_files=[str(path.relative_to(settings.landing_dir)) for path in recovered],
        lands_every_seconds=settings.collect_rotate_seconds,
        clients={
            "Segment": f"Client(WRITE_KEY, host={f'{url}/segment'!r})",
            "RudderStack": f"Client(WRITE_KEY, host={f'{url}/rudderstack'!r})",
            "PostHog": f"Posthog(WRITE_KEY, host={f'{url}/posthog'!r})",
        },
        warnings=list(_warnings(settings, host)),
    )


def _warnings(settings: Settings, host: str) -> Iterator[str]:
    if host not in ("127.0.0.1", "::1"):
        yield (
            f"listening on {host}: write keys and events cross the network unencrypted; put a "
            "TLS proxy in front"
        )
    if settings.is_demo:
        yield (
            f"the landing folder is a demo company's, frozen at {settings.now:%Y-%m-%d}: what "
            "arrives later is quarantined as in the future; set PLG_AS_OF, or use another PLG_HOME"
        )


def configure_log() -> None:
    """The collector's own log lines to stderr."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
