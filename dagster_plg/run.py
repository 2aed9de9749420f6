"""The main job without the UI: the same Dagster job, in this process."""

from dataclasses import dataclass, field

from dagster_plg.instance import prepare_instance
from dagster_plg.mocks import mocks_when_used
from warehouse.lock import sole_writer
from warehouse.settings import Settings


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended: its Dagster id and, where it failed, the first line of each error."""

    run_id: str
    success: bool
    errors: list[str] = field(default_factory=list)


def run_job(settings: Settings, job_name: str = "nightly") -> RunOutcome:
    """Run a job of the definitions to its end; tell of a failure; never raise for one.

    The run is on record in the installation's Dagster instance, so the UI shows it.
    """
    with sole_writer(settings), prepare_instance(settings) as instance:
        from dagster_plg.alerting import ALERTED_TAG, alert_failed_run, run_recovered
        from dagster_plg.definitions import defs

        job = defs.resolve_job_def(job_name)
        with mocks_when_used(settings):
            result = job.execute_in_process(
                instance=instance,
                raise_on_error=False,
                tags={ALERTED_TAG: "true"},
                run_config={"loggers": {"console": {"config": {"log_level": "INFO"}}}},
            )
            errors = [
                f"{event.step_key}: {_first_line(event)}"
                for event in result.all_events
                if event.is_step_failure
            ]
            if result.success:
                run_recovered(settings, job_name)
            else:
                alert_failed_run(settings, job_name, result.run_id, errors)
        return RunOutcome(result.run_id, result.success, errors)


def _first_line(event) -> str:
    """The innermost cause: Dagster wraps a step's error in one of its own."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip().splitlines()[0] if error else "failed"
