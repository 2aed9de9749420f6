"""``ingest``: everything new in the landing folder goes into the lake, once."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from filelock import FileLock, Timeout

from ingestion.errors import IngestRunning
from ingestion.lake import ensure_datasets
from ingestion.landing import LandingFile, scan_landing
from ingestion.load import carry_out, remove_leftovers
from ingestion.manifest import (
    FileRecord,
    Manifest,
    ManifestChange,
    commit,
    file_id,
    read_manifest,
)
from ingestion.plan import Plan, plan_ingest
from ingestion.raw_views import create_raw_views
from ingestion.report import IngestReport, Progress
from warehouse.settings import Settings

# what is empty when a source is: said once per ingest, so that an empty mart is no riddle
_DEPENDS_ON = {
    "events": "no product events (landing/events/): people, activation, funnel, retention and "
    "PQL marts will be empty",
    "stripe": "no billing (landing/stripe/): revenue marts will hold contracts only",
    "crm": "no CRM records (landing/crm/): nothing is matched to the CRM",
    "contracts": "no contracts (landing/contracts/): enterprise revenue will be empty",
    "fx_rates": "no FX rates (landing/fx_rates/): only the reporting currency can be valued",
    "firmographics": "no firmographics (landing/firmographics/): company size and industry will "
    "be unknown",
    "marketing_spend": "no marketing spend (landing/marketing_spend/): no acquisition costs",
    "gtm_costs": "no GTM costs (landing/gtm_costs/): no unit economics",
    "support_tickets": "no support tickets (landing/support_tickets/): no support measures",
    "targets": "no targets (landing/targets/): nothing to compare with",
}


def ingest(settings: Settings, progress: Progress | None = None) -> IngestReport:
    """Load all new files of ``settings.landing_dir`` and refresh the raw views.

    Files already loaded are skipped; changed ones replace their old rows; a file that
    cannot be used is recorded and reported, and the others are loaded all the same. With
    nothing new, no file is written and no load number is spent.

    Raises `IngestRunning` when another ingest works on this home.
    """
    started = time.monotonic()
    report = IngestReport()
    with ingest_lock(settings):
        manifest = prepare(settings, report)
        settings.landing_dir.mkdir(parents=True, exist_ok=True)
        files = scan_landing(settings.landing_dir)
        plan = plan_ingest(files, manifest)
        report.files_skipped = plan.skipped
        report.notes += plan.notes
        if plan.read or plan.replaced:
            carry_out(settings, plan, manifest, report, progress=progress)
        elif plan.status or plan.touched:
            commit(settings, ManifestChange(status=plan.status, touched=plan.touched))
        _record_problems(settings, plan, report)
        report.notes += _missing_sources(files, manifest)
        create_raw_views(settings)
    report.seconds = round(time.monotonic() - started, 3)
    return report


@contextmanager
def ingest_lock(settings: Settings) -> Iterator[None]:
    """Hold ``HOME/ingest.lock``: one ingest (or withdrawal) at a time per home."""
    settings.home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(settings.home / "ingest.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise IngestRunning(
            f"another ingest is running on {settings.home} (it holds {lock.lock_file}); wait "
            "until it ends, then run again"
        ) from error
    try:
        yield
    finally:
        lock.release()


def prepare(settings: Settings, report: IngestReport) -> Manifest:
    """Make the lake fit to load into and read the manifest; call with the lock held."""
    manifest = read_manifest(settings)
    removed = remove_leftovers(settings.lake_dir, manifest.last_load_id)
    if removed:
        report.notes.append(
            f"removed {removed} files that an interrupted ingest left in the lake; what they "
            "held is loaded again"
        )
    ensure_datasets(settings.lake_dir)
    return manifest


def _record_problems(settings: Settings, plan: Plan, report: IngestReport) -> None:
    """Files nothing could be read from: into the manifest when new, into every report."""
    for record in plan.standing_problems:
        _report_problem(report, record.status, record.message)
    if not plan.problems:
        return
    number = read_manifest(settings).last_file_number
    records = []
    for offset, (file, message) in enumerate(plan.problems, start=1):
        _report_problem(report, file.status, message)
        records.append(
            FileRecord(
                file_id=file_id(number + offset),
                path=file.path,
                dataset=None,
                sha256=None,
                size_bytes=file.size_bytes,
                modified_at=file.modified_at,
                status=file.status,
                message=message,
            )
        )
    commit(settings, ManifestChange(new=records))


def _report_problem(report: IngestReport, status: str, message: str) -> None:
    if status == "unsupported":
        report.files_unsupported.append(message)
        report.notes.append(message)
    else:
        report.files_refused.append(message)


def _missing_sources(files: Sequence[LandingFile], manifest: Manifest) -> list[str]:
    present = {file.path.split("/")[0] for file in files if file.source}
    present |= {path.split("/")[0] for path in manifest.live if manifest.loaded(path)}
    return [note for source, note in _DEPENDS_ON.items() if source not in present]
