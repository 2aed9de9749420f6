"""`plg doctor`: is this machine and configuration fit to run, and what to fix."""

import os
import shutil
import socket
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import urlparse

from ingestion.pulls.crm import crms_read_back
from warehouse.settings import Settings

_MIN_FREE_GIB = 2
_MIN_MEMORY_GIB = 4
_PACKAGES = ("dbt-core", "dbt-duckdb", "duckdb", "dagster", "dagster-dbt", "great-expectations")


@dataclass(frozen=True)
class Finding:
    """One thing looked at: fit or not, and what to do where it is not."""

    ok: bool
    what: str
    detail: str


def examine(settings: Settings) -> list[Finding]:
    """Look at Python, packages, disk, memory, folders and destinations; changes nothing
    but the installation's own folder, which it makes."""
    return [
        _python(),
        *(_package(name) for name in _PACKAGES),
        _home(settings),
        _disk(settings),
        _memory(),
        _landing(settings),
        Finding(True, "now", f"{settings.now.isoformat()} ({_now_comes_from(settings)})"),
        _collector(settings),
        _stripe(settings),
        _crm_read_back(settings),
        *_destinations(settings),
    ]


def _now_comes_from(settings: Settings) -> str:
    if settings.as_of:
        return "PLG_AS_OF"
    return "the demo company's end" if settings.is_demo else "the wall clock"


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    fit = sys.version_info[:2] == (3, 11)
    return Finding(fit, "Python", found if fit else f"{found}: install Python 3.11")


def _package(name: str) -> Finding:
    try:
        return Finding(True, name, version(name))
    except PackageNotFoundError:
        return Finding(False, name, "not installed: run `make env`")


def _home(settings: Settings) -> Finding:
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return Finding(False, "PLG_HOME", f"{settings.home}: {error.strerror}: choose another")
    fit = os.access(settings.home, os.W_OK)
    return Finding(fit, "PLG_HOME", f"{settings.home}{'' if fit else ' is not writable'}")


def _disk(settings: Settings) -> Finding:
    folder = settings.home if settings.home.exists() else settings.home.parent
    free = shutil.disk_usage(folder).free / 2**30
    fit = free >= _MIN_FREE_GIB
    return Finding(fit, "disk", f"{free:.1f} GiB free{'' if fit else f', {_MIN_FREE_GIB} needed'}")


def _memory() -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    fit = total >= _MIN_MEMORY_GIB
    return Finding(fit, "memory", f"{total:.1f} GiB{'' if fit else f', {_MIN_MEMORY_GIB} needed'}")


def _landing(settings: Settings) -> Finding:
    folder = settings.landing_dir
    if not folder.is_dir():
        return Finding(True, "landing", f"{folder} is not there yet: nothing will be ingested")
    return Finding(os.access(folder, os.R_OK), "landing", str(folder))


def _collector(settings: Settings) -> Finding:
    keys = (
        "PLG_COLLECT_WRITE_KEYS" if settings.collect_write_keys else "one made at its first start"
    )
    address = f"{settings.collect_host}:{settings.collect_port}"
    return Finding(True, "collector", f"`plg collect` listens on {address}; write keys: {keys}")


def _stripe(settings: Settings) -> Finding:
    if not settings.stripe_api_key:
        return Finding(True, "stripe", "not pulled: no PLG_STRIPE_API_KEY")
    return _reachable("stripe", settings.stripe_url)


def _crm_read_back(settings: Settings) -> Finding:
    names = crms_read_back(settings)
    if not names:
        return Finding(True, "read back", "no CRM: PLG_CRM_READ_BACK is off, or all CRMs are")
    mocks = [name for name in names if getattr(settings, f"{name}_url") == "mock"]
    said = ", ".join(f"{name} (mock)" if name in mocks else name for name in names)
    return Finding(True, "read back", f"{said}, before every ingest")


def _destinations(settings: Settings) -> list[Finding]:
    findings = []
    for name in ("salesforce", "hubspot", "slack"):
        url = getattr(settings, f"{name}_url")
        if not getattr(settings, f"{name}_enabled"):
            findings.append(Finding(True, name, "switched off"))
        elif url == "mock":
            findings.append(Finding(True, name, "the mock of this installation"))
        else:
            findings.append(_reachable(name, url))
    return findings


def _reachable(name: str, url: str) -> Finding:
    parts = urlparse(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return Finding(False, name, f"PLG_{name.upper()}_URL is not an http(s) URL")
    try:
        socket.create_connection((parts.hostname, port), timeout=3).close()
    except OSError as error:
        return Finding(False, name, f"{parts.hostname}:{port} does not answer ({error})")
    return Finding(True, name, f"{parts.hostname}:{port} answers")
