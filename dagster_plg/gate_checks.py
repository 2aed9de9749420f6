"""The gates: every expectation of a suite is an asset check with what it observed."""

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    multi_asset_check,
)

from dagster_plg.alerting import alert_gate
from dagster_plg.resources import Installation
from quality.gates import run_gate
from quality.suites import load_suite
from warehouse.lock import sole_writer

GATES = ("raw", "identity", "marts", "syncs")


def _gate(name: str) -> AssetChecksDefinition:
    suite = load_suite(name)

    @multi_asset_check(
        name=f"gate_{name}",
        specs=[
            AssetCheckSpec(
                name=expectation.key,
                asset=AssetKey(expectation.asset.split("/")),
                description=expectation.reason,
                blocking=expectation.severity == "blocking",
                metadata={"gate": name, "owner": expectation.owner},
            )
            for expectation in suite.expectations
        ],
        pool="warehouse",
    )
    def gate(context: AssetCheckExecutionContext, installation: Installation):
        with sole_writer(installation.settings):
            report = run_gate(installation.settings, name)
        alert_gate(installation.settings, report, context.run_id)
        failed = [result for result in report.results if not result.passed]
        for result in failed:
            context.log.warning(
                "gate %s: %s (%s) failed: observed %s, expected %s",
                name, result.key, result.severity, result.observed, result.expected,
            )  # fmt: skip
        context.log.info(
            "gate %s: %s; %d expectations, %d failed",
            name, "passed" if report.passed else "FAILED", len(report.results), len(failed),
        )  # fmt: skip
        for result in report.results:
            yield AssetCheckResult(
                asset_key=AssetKey(result.asset.split("/")),
                check_name=result.key,
                passed=result.passed,
                severity=AssetCheckSeverity.ERROR
                if result.severity == "blocking"
                else AssetCheckSeverity.WARN,
                metadata={
                    "observed": str(result.observed),
                    "expected": str(result.expected),
                    "failing_rows": result.failing_rows or 0,
                    "sample": str(result.sample or ""),
                },
            )

    return gate


gate_checks = [_gate(name) for name in GATES]
