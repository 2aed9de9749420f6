"""Read received days again from the landing folder: after a parser was mended, or for proof."""

import time
from datetime import date

from ingestion.landing import scan_landing
from ingestion.load import carry_out
from ingestion.plan import plan_reread
from ingestion.raw_views import create_raw_views
from ingestion.report import IngestReport, Progress
from ingestion.run import ingest_lock, prepare
from warehouse.settings import Settings


def reread_days(
    settings: Settings, first: date, last: date, progress: Progress | None = None
) -> IngestReport:
    """Read every event file that holds rows received from ``first`` to ``last`` (both included).

    The old rows of these files stop counting in the same load that brings the new ones, so
    nothing is doubled or missing at any moment. Whole files are read: where a file holds
    other days too, those are rebuilt as well. A file that has left the landing folder keeps
    its rows, and a note says so. Rows without `receivedAt` count as received now.

    Raises `IngestRunning` during an ingest, `ValueError` when ``last`` is before ``first``.
    """
    if last < first:
        raise ValueError(f"the last day ({last}) is before the first ({first})")
    started = time.monotonic()
    report = IngestReport()
    with ingest_lock(settings):
        manifest = prepare(settings, report)
        plan = plan_reread(scan_landing(settings.landing_dir), manifest, first, last)
        report.notes += plan.notes
        if plan.read:
            carry_out(settings, plan, manifest, report, kind="reread", progress=progress)
        create_raw_views(settings)
    report.seconds = round(time.monotonic() - started, 3)
    return report
