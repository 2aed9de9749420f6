"""The repository's own CRM mocks, served over real HTTP on loopback, and what was landed."""

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn

from ingestion.landing import scan_landing
from reverse_etl.mocks.server import Systems, create_app
from warehouse.settings import Settings


@contextmanager
def mocks_served(settings: Settings) -> Iterator[tuple[str, Systems]]:
    """The mocks of ``settings``: their root address, and what they hold."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}", app.state.systems
    server.should_exit = True
    thread.join(timeout=10)


def break_down(root: str, system: str, **fault: Any) -> None:
    """Have the system misbehave on its next calls (`reverse_etl.mocks.faults`)."""
    answer = httpx.post(f"{root}/admin/faults", json={"system": system, **fault})
    assert answer.status_code < 300, answer.text


def landed(settings: Settings, name: str) -> list[dict[str, Any]]:
    """The records in ``landing/crm/<name>/``, in the order of the files."""
    return [
        json.loads(line)
        for file in scan_landing(settings.landing_dir)
        if file.path.startswith(f"crm/{name}/")
        for line in gzip.decompress(file.location.read_bytes()).splitlines()
    ]
