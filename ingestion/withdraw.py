"""Take a loaded file's rows out of the lake again."""

import time
from pathlib import Path

from ingestion.errors import UnknownFile
from ingestion.landing import scan_landing
from ingestion.load import carry_out
from ingestion.plan import plan_withdrawal
from ingestion.raw_views import create_raw_views
from ingestion.report import IngestReport
from ingestion.run import ingest_lock, prepare
from warehouse.settings import Settings


def withdraw_file(settings: Settings, path: str | Path) -> IngestReport:
    """Withdraw the file at ``path`` (relative to the landing folder, or absolute in it).

    Its rows stop counting under a new load that touches the same received days, so that
    incremental models rebuild them. The file may stay in the landing folder: this content
    is not loaded again under this path. Files whose rows counted as duplicates of it are
    read again in the same load. A refused file can be withdrawn too: it is then no longer
    an error, and no load is spent.

    Raises `UnknownFile` when no such file is loaded, `IngestRunning` during an ingest.
    """
    started = time.monotonic()
    path = Path(path)
    if path.is_absolute() and path.is_relative_to(settings.landing_dir):
        path = path.relative_to(settings.landing_dir)
    report = IngestReport()
    with ingest_lock(settings):
        manifest = prepare(settings, report)
        records = manifest.withdrawable(path.as_posix())
        if not records:
            raise UnknownFile(
                f"no loaded file {path.as_posix()!r}; loaded files are listed in ops.ingest_files"
            )
        plan = plan_withdrawal(scan_landing(settings.landing_dir), manifest, records)
        report.notes += plan.notes
        carry_out(settings, plan, manifest, report, kind="withdrawal")
        create_raw_views(settings)
    report.seconds = round(time.monotonic() - started, 3)
    return report
