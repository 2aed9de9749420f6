"""Starting, sharing and stopping the mocks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import httpx
import pytest

from reverse_etl.mocks.process import MocksNotStarted, mocks_running, running_server, serve
from warehouse.settings import PROJECT_ROOT, Settings


def gone(url: str, within: float = 10) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{url}/healthz", timeout=2)
        except httpx.TransportError:
            return True
        time.sleep(0.05)
    return False


def test_mocks_start_on_demand_are_shared_and_stop_with_their_last_user(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    with mocks_running(settings) as outer:
        health = httpx.get(f"{outer.root}/healthz").json()
        assert health["home"] == str(settings.home)
        with mocks_running(settings) as inner:
            assert inner.root == outer.root
        assert httpx.get(f"{outer.root}/healthz").status_code == 200
    assert gone(outer.root)
    assert running_server(settings) is None
    assert not (settings.mocks_dir / "server.json").exists()


def test_a_stale_server_file_is_no_obstacle(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    settings.mocks_dir.mkdir(parents=True)
    stale = {"url": "http://127.0.0.1:9", "pid": 999999, "home": str(settings.home)}
    (settings.mocks_dir / "server.json").write_text(json.dumps({**stale, "persistent": True}))
    with mocks_running(settings) as urls:
        assert httpx.get(f"{urls.root}/healthz").status_code == 200


def test_two_homes_have_two_servers_and_neither_takes_the_others(tmp_path: Path) -> None:
    one, two = Settings(home=tmp_path / "one"), Settings(home=tmp_path / "two")
    with mocks_running(one) as first:
        # a server file that points at another home's server is not believed
        two.mocks_dir.mkdir(parents=True)
        copied = json.loads((one.mocks_dir / "server.json").read_text())
        (two.mocks_dir / "server.json").write_text(json.dumps({**copied, "home": str(two.home)}))
        with mocks_running(two) as second:
            assert first.root != second.root
            assert httpx.get(f"{second.root}/healthz").json()["home"] == str(two.home)


def test_a_user_that_is_killed_leaves_no_server_behind(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    program = textwrap.dedent(
        f"""
        import time
        from pathlib import Path
        from reverse_etl.mocks.process import mocks_running
        from warehouse.settings import Settings
        with mocks_running(Settings(home=Path({str(settings.home)!r}))) as urls:
            print(urls.root, flush=True)
            time.sleep(60)
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert httpx.get(f"{url}/healthz").status_code == 200
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert gone(url)


def test_served_mocks_are_used_outlive_their_users_and_refuse_a_second_server(
    tmp_path: Path,
) -> None:
    settings = Settings(home=tmp_path / "home")
    program = textwrap.dedent(
        f"""
        from pathlib import Path
        from reverse_etl.mocks.process import serve
        from warehouse.settings import Settings
        serve(Settings(home=Path({str(settings.home)!r}), mocks_port=0))
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        announced = process.stdout.readline()
        assert str(settings.home) in announced
        with mocks_running(settings) as urls:
            assert urls.root in announced
        assert httpx.get(f"{urls.root}/healthz").status_code == 200
        with pytest.raises(MocksNotStarted, match="run already at"):
            serve(settings)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=15) == 0
    assert running_server(settings) is None
