"""One asset a sync: what the destination holds after it."""

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    Failure,
    MaterializeResult,
    MetadataValue,
    asset,
)

from dagster_plg.mocks import mocks_when_used
from dagster_plg.publishing import PUBLISHED_KEY
from dagster_plg.resources import Installation
from dagster_plg.sync_commands import one_line
from quality.gates import require_gate
from reverse_etl.engine import SyncReport, run_sync
from reverse_etl.specs import SyncSpec, load_specs


def sync_key(spec: SyncSpec) -> AssetKey:
    return AssetKey([spec.destination, spec.name.removeprefix(f"{spec.destination}_")])


def _metadata(report: SyncReport) -> dict:
    """Counts as numbers, samples as JSON; what is not there is left out."""
    return {
        key: MetadataValue.json(value) if isinstance(value, list) else value
        for key, value in report.as_dict().items()
        if value is not None
    }


def _sync(spec: SyncSpec, specs: dict[str, SyncSpec]) -> AssetsDefinition:
    key = sync_key(spec)
    after = [sync_key(specs[name]) for name in spec.depends_on]

    @asset(
        key=key,
        deps=[PUBLISHED_KEY, AssetKey(spec.source.split(".")), *after],
        group_name=spec.destination,
        kinds={spec.destination},
        owners=[spec.owner],
        description=f"{spec.description} Sends `{spec.source}` to {spec.destination}, "
        "only what changed since it was last acknowledged.",
        check_specs=[
            AssetCheckSpec(
                name="every_record_accepted",
                asset=key,
                description="No record is refused; more than "
                f"{spec.failure_rate:.0%} refused is an error.",
            )
        ],
        pool=f"sync_{spec.name}",
    )
    def sync(context: AssetExecutionContext, installation: Installation):
        settings = installation.settings
        for gate in ("marts", "syncs"):
            require_gate(settings, gate)
        with mocks_when_used(settings):
            report = run_sync(settings, spec.name)
        context.log.info("sync %s: %s", spec.name, one_line(report))
        yield MaterializeResult(asset_key=key, metadata=_metadata(report))
        yield AssetCheckResult(
            asset_key=key,
            check_name="every_record_accepted",
            passed=report.rejected == 0,
            severity=AssetCheckSeverity.ERROR
            if report.is_over_threshold
            else AssetCheckSeverity.WARN,
            metadata={
                "accepted": report.accepted,
                "rejected": report.rejected,
                "sample": MetadataValue.json(report.rejections[:5]),
            },
        )
        if not report.ok and report.status != "partial":
            raise Failure(f"sync {spec.name} {report.status}: {report.message}")

    return sync


def build_syncs() -> list[AssetsDefinition]:
    specs = load_specs()
    return [_sync(spec, specs) for spec in specs.values()]
