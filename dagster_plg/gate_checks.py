"""The gates: every expectation of a suite is an asset check with what it observed."""

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    Failure,
    multi_asset_check,
)

from dagster_plg.alerting import alert_gate
from dagster_plg.dbt_project import layer_of
from dagster_plg.resources import Installation
from quality.gates import run_gate
from quality.suites import load_suite
from warehouse.lock import sole_writer

GATES = ("raw", "identity", "marts", "syncs")


def _blocks(gate: str, asset: AssetKey, severity: str) -> bool:
    """Whether Dagster itself must stop what is downstream of the asset.

    A gate also looks back at earlier layers; blocking on those would make the gate's own
    layer wait for the gate. The verdict stops everything later all the same.
    """
    return severity == "blocking" and layer_of(asset) == gate


def asset_key(path: str) -> AssetKey:
    """``raw/events`` → its key."""
    return AssetKey(path.split("/"))


def _gate(name: str) -> AssetChecksDefinition:
    suite = load_suite(name)

    @multi_asset_check(
        name=f"gate_{name}",
        specs=[
            AssetCheckSpec(
                name=expectation.key,
                asset=asset_key(expectation.asset),
                description=expectation.reason,
                blocking=_blocks(name, asset_key(expectation.asset), expectation.severity),
                metadata={"gate": name, "owner": expectation.owner},
            )
            for expectation in suite.expectations
        ],
        pool="warehouse",
    )
    def gate(context: AssetCheckExecutionContext, installation: Installation):
        with sole_writer(installation.settings):
            report = run_gate(installation.settings, name)
        alert_gate(installation.settings, report, context.run.run_id)
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
                asset_key=asset_key(result.asset),
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
        if not report.passed:
            raise Failure(
                f"gate {name} did not pass: "
                + "; ".join(
                    f"{r.key}: observed {r.observed}, expected {r.expected}"
                    for r in report.blocking_failures
                )
            )

    return gate


gate_checks = [_gate(name) for name in GATES]
