"""Shared by all tests: nobody's environment leaks in, nobody's home is touched."""

import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest
from xdist.scheduler import LoadFileScheduling

from warehouse.settings import Settings

_IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
for name in [name for name in os.environ if name.startswith("PLG_")]:
    if not (_IS_WORKER and name == "PLG_DBT_CACHE"):
        del os.environ[name]
Settings.model_config["env_file"] = None


def pytest_configure(config: pytest.Config) -> None:
    """The project is parsed once for all homes that tests make, in all workers."""
    if not _IS_WORKER:
        os.environ["PLG_DBT_CACHE"] = tempfile.mkdtemp(prefix="plg-tests-dbt-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not _IS_WORKER:
        shutil.rmtree(os.environ.pop("PLG_DBT_CACHE"), ignore_errors=True)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[None]:
    """A test that forgets to name its home gets a temporary one."""
    if "PLG_HOME" not in os.environ:
        monkeypatch.setenv("PLG_HOME", str(tmp_path / "home"))
    yield


_ONE_INSTALLATION = {  # files whose tests read the same one, dear to make
    f"tests/dbt_project/{name}.py": "the empty installation"
    for name in ("test_portability", "test_project", "test_unit")
}


class _ByInstallation(LoadFileScheduling):
    """A file at a time to a worker; files that share an installation to the same worker."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return _ONE_INSTALLATION.get(file, file)


def pytest_xdist_make_scheduler(config: pytest.Config, log) -> LoadFileScheduling:
    return _ByInstallation(config, log)
