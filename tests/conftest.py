"""Shared by all tests: nobody's environment leaks in, nobody's home is touched."""

import os
from collections.abc import Iterator

import pytest

from warehouse.settings import Settings

for name in [name for name in os.environ if name.startswith("PLG_")]:
    del os.environ[name]
Settings.model_config["env_file"] = None


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[None]:
    """A test that forgets to name its home gets a temporary one."""
    if "PLG_HOME" not in os.environ:
        monkeypatch.setenv("PLG_HOME", str(tmp_path / "home"))
    yield
