"""CRM records → ``landing/crm/<object>/pull-….jsonl.gz``: what people changed there, read back.

Incremental by the CRM's own time of change, deleted records included; the time of a change is the
cursor, never our clock, so clocks need not agree. A killed pull goes on behind its last page.
Off unless ``PLG_CRM_READ_BACK``.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from ingestion.pulls.cursors import Cursor, Cursors, Running, cursors_of
from ingestion.pulls.errors import NotConfigured
from ingestion.pulls.page_file import PageFile, PartLost, part_path
from ingestion.pulls.report import ListReport, PullReport
from warehouse.settings import Settings

CRMS = ("salesforce", "hubspot")
# a change may become visible a little after the moment it is stamped with
OVERLAP = timedelta(minutes=5)


class NoSuchObject(Exception):
    """The CRM, or this user, has no such object."""


@dataclass(frozen=True)
class CrmPage:
    """Some records. ``after``: where the next page begins, in the CRM's own words.

    ``until``: once the object is read to its end, every change up to then has been seen (ISO
    8601 by the CRM's clock; None: not known).
    """

    rows: list[dict[str, Any]]
    after: str
    until: str | None


class Crm(Protocol):
    """A CRM one can ask what changed."""

    name: str
    account: str  # tells one org from another
    objects: tuple[str, ...]  # as the landing folders are called

    def changed(self, name: str, since: str | None, after: str | None) -> Iterator[CrmPage]:
        """Pages of what changed at or after ``since`` (None: everything), from ``after`` on.

        Raises `NoSuchObject`, `PullRefused`.
        """
        ...


def crms_read_back(settings: Settings) -> list[str]:
    """The CRMs a pull reads: those switched on, and no mock where one of them is real."""
    if not settings.crm_read_back:
        return []
    names = [name for name in CRMS if getattr(settings, f"{name}_enabled")]
    real = [name for name in names if getattr(settings, f"{name}_url") != "mock"]
    return real or names


def pull_crm(settings: Settings, crm: Crm, *, full: bool = False) -> PullReport:
    """Pull every object of one CRM. ``full``: everything, whatever was pulled before.

    Raises `NotConfigured`, `PullRunning`, `PullRefused`.
    """
    if not settings.crm_read_back:
        raise NotConfigured("PLG_CRM_READ_BACK is off: the CRM is not read back")
    started = time.monotonic()
    with cursors_of(settings.home, crm.name, crm.account) as cursors:
        is_resumed = any(cursor.running for cursor in cursors.lists.values())
        mode = "resumed" if is_resumed else "incremental" if cursors.lists else "full"
        report = PullReport(crm.name, "full" if full else mode)
        if full:
            for cursor in cursors.lists.values():
                _forget(settings, cursors, cursor)
                cursor.complete_until = None
        for name in crm.objects:
            report.lists.append(_pull_object(settings, crm, cursors, name))
    report.seconds = round(time.monotonic() - started, 3)
    return report


def _pull_object(settings: Settings, crm: Crm, cursors: Cursors, name: str) -> ListReport:
    report = ListReport(name)
    cursor = cursors.of(name)
    try:
        file = _file_of(settings, crm, cursors, cursor, name)
    except PartLost:
        report.note = "the file to go on with is gone: pulled again"
        _forget(settings, cursors, cursor)
        file = _file_of(settings, crm, cursors, cursor, name)
    running = cursor.running
    try:
        if not running.is_read:
            for page in crm.changed(name, running.since, running.after):
                file.add(page.rows)
                running.rows += len(page.rows)
                running.pages += 1
                running.after, running.until = page.after, page.until
                running.size_bytes = file.size_bytes
                cursors.save()
    except NoSuchObject as error:
        report.is_skipped, report.note = True, str(error)
        _forget(settings, cursors, cursor)
        return report
    finally:
        file.close()
    running.is_read = True
    cursors.save()
    if part_path(file.landed).exists():
        file.land()
    if running.size_bytes:
        report.files.append(running.path)
    report.rows, report.pages = running.rows, running.pages
    cursor.complete_until = running.until or cursor.complete_until
    cursor.running = None
    cursors.save()
    return report


def _file_of(settings: Settings, crm: Crm, cursors: Cursors, cursor: Cursor, name: str) -> PageFile:
    if cursor.running is None:
        now = datetime.now(UTC)
        since = cursor.complete_until
        if since is not None:
            since = (datetime.fromisoformat(since) - OVERLAP).isoformat()
        path = f"crm/{name}/pull-{crm.name}-{now:%Y%m%dT%H%M%S%f}.jsonl.gz"
        cursor.running = Running(started_at=now.isoformat(), since=since, path=path)
        cursors.save()
    running = cursor.running
    landed = settings.landing_dir / running.path
    if running.is_read and landed.exists():
        return PageFile(landed)  # killed between landing and saying so: nothing is added
    return PageFile(landed, running.size_bytes)


def _forget(settings: Settings, cursors: Cursors, cursor: Cursor) -> None:
    if cursor.running:
        part_path(settings.landing_dir / cursor.running.path).unlink(missing_ok=True)
    cursor.running = None
    cursors.save()
