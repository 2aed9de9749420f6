"""The event registry's lint, drift and coverage: one asset, a check for each question."""

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    MaterializeResult,
    MetadataValue,
    asset,
)

from dagster_plg.resources import Installation
from quality.event_registry import CHECKS, COVERAGE_CHECK, check_event_registry
from warehouse.lock import sole_writer

_KEY = AssetKey(["ops", "event_registry"])
_SHOWN = 20


@asset(
    key=_KEY,
    deps=[AssetKey(["core", "rpt_event_findings"]), AssetKey(["core", "rpt_event_coverage"])],
    group_name="ops",
    kinds={"duckdb"},
    owners=["growth@plg.example"],
    description="What arrives against seeds/event_registry.csv: open findings and coverage, with "
    "their history in ops.event_findings and ops.event_coverage.",
    check_specs=[
        AssetCheckSpec(name=name, asset=_KEY, description=description)
        for name, description in [
            *((name, description) for name, (description, _) in CHECKS.items()),
            COVERAGE_CHECK,
        ]
    ],
    pool="warehouse",
)
def event_registry(context: AssetExecutionContext, installation: Installation):
    with sole_writer(installation.settings):
        report = check_event_registry(installation.settings)
    for finding in report.findings[:_SHOWN]:
        context.log.warning("event registry: %s", finding.sentence())
    context.log.info(
        "event registry: %d findings, coverage %s", len(report.findings),
        "-" if report.coverage_pct is None else f"{report.coverage_pct} %",
    )  # fmt: skip
    yield MaterializeResult(
        asset_key=_KEY,
        metadata={
            "findings": len(report.findings),
            "coverage_pct": float(report.coverage_pct or 0),
        },
    )
    for name in CHECKS:
        found = report.of(name)
        yield AssetCheckResult(
            asset_key=_KEY,
            check_name=name,
            passed=not found,
            severity=AssetCheckSeverity.WARN,
            metadata={
                "observed": f"{len(found)} findings",
                "sample": MetadataValue.json([one.sentence() for one in found[:_SHOWN]]),
            },
        )
    yield AssetCheckResult(
        asset_key=_KEY,
        check_name=COVERAGE_CHECK[0],
        passed=report.coverage_verdict in (None, "good", "enough"),
        severity=AssetCheckSeverity.WARN,
        metadata={"observed": f"{report.coverage_pct} %", "expected": "80 % or more"},
    )
