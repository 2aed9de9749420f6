"""`plg ui`: Dagster and the CRM mocks together; one Ctrl-C stops all."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console

from dagster_plg.instance import prepare_instance
from reverse_etl.mocks.process import running_server
from warehouse.settings import PROJECT_ROOT, Settings


def serve(settings: Settings, console: Console) -> int:
    """Start `dagster dev` and the mocks, print the URLs, wait; 0 after Ctrl-C."""
    prepare_instance(settings).dispose()
    command = [
        sys.executable, "-m", "dagster", "dev", "-m", "dagster_plg.definitions",
        "--host", settings.ui_host, "--port", str(settings.ui_port),
    ]  # fmt: skip
    environment = os.environ | {
        "DAGSTER_HOME": str(settings.dagster_dir),
        "PLG_HOME": str(settings.home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    with ExitStack() as stack:
        mocks_url = stack.enter_context(_mocks(settings, environment))
        process = subprocess.Popen(
            command, cwd=PROJECT_ROOT, env=environment, start_new_session=True
        )
        stack.callback(_end, process)
        console.print(f"Dagster      http://{settings.ui_host}:{settings.ui_port}")
        console.print(f"CRM mocks    {mocks_url}/")
        console.print(f"Data Docs    {settings.docs_dir / 'data_docs' / 'index.html'}")
        console.print("Ctrl-C stops all.")
        # SIGTERM ends us as Ctrl-C does, or the children would outlive us
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            return process.wait()
        except KeyboardInterrupt:
            return 0


@contextmanager
def _mocks(settings: Settings, environment: dict[str, str]) -> Iterator[str]:
    """The mocks on their usual port, as `plg mocks` serves them; those that run already stay."""
    known = running_server(settings)
    if known is not None:
        yield known.url
        return
    command = [str(Path(sys.executable).with_name("plg")), "mocks"]
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        while (known := running_server(settings)) is None:
            if process.poll() is not None:
                raise RuntimeError(f"the CRM mocks did not start (exit code {process.returncode})")
            time.sleep(0.1)
        yield known.url
    finally:
        _end(process)


def _end(process: subprocess.Popen) -> None:
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGINT)
    for _ in range(100):
        if process.poll() is not None:
            return
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
