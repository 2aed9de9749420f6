"""Who is told when something fails: gates as they fail, runs when they end."""

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import DefaultSensorStatus, RunFailureSensorContext, run_failure_sensor

from dagster_plg.resources import Installation
from quality.alerts import Alert, gate_alert, resolve_alert, send_alert
from reverse_etl.mocks.process import mocks_running
from warehouse.settings import Settings

# `plg run` has no daemon to watch it and tells of its failure itself
ALERTED_TAG = "plg/alerts_itself"


def _run_url(settings: Settings, run_id: str) -> str:
    return f"http://{settings.ui_host}:{settings.ui_port}/runs/{run_id}"


@contextmanager
def _slack(settings: Settings) -> Iterator[str | None]:
    """The webhook alerts go to: None where Slack is off (they are kept), else one that answers."""
    if not settings.slack_enabled:
        yield None
    elif settings.slack_url != "mock":
        yield settings.slack_url
    else:
        with mocks_running(settings) as urls:
            yield urls.slack


def alert_gate(settings: Settings, report, run_id: str) -> None:
    """Tell of a gate that failed or warns; close the incident once all is well again."""
    with _slack(settings) as slack_url:
        if report.passed and not report.warnings:
            resolve_alert(settings, f"gate:{report.gate}", slack_url)
        else:
            send_alert(settings, gate_alert(report, _run_url(settings, run_id)), slack_url)


def run_recovered(settings: Settings, job: str) -> None:
    """Close the incident of a job whose run has succeeded."""
    with _slack(settings) as slack_url:
        resolve_alert(settings, f"run:{job}", slack_url)


def alert_failed_run(settings: Settings, job: str, run_id: str, errors: list[str]) -> None:
    """Tell that a run failed, with the first error of each failed step."""
    with _slack(settings) as slack_url:
        alert = Alert(
            kind="run_failed",
            severity="blocking",
            title=f"Run of {job} failed",
            lines=[*errors[:10], "What to do: open the run, mend the cause, run again."],
            run_url=_run_url(settings, run_id),
            key=f"run:{job}",
        )
        send_alert(settings, alert, slack_url)


@run_failure_sensor(
    name="tell_of_failed_runs",
    description="Sends one Slack message for a run that failed.",
    default_status=DefaultSensorStatus.RUNNING,
    monitor_all_code_locations=False,
)
def tell_of_failed_runs(context: RunFailureSensorContext, installation: Installation) -> None:
    run = context.dagster_run
    if ALERTED_TAG in run.tags:
        return
    errors = [
        f"{event.step_key}: {event.event_specific_data.error.message.splitlines()[0]}"
        for event in context.for_run_failure().get_step_failure_events()
        if event.event_specific_data and event.event_specific_data.error
    ]
    alert_failed_run(installation.settings, run.job_name, run.run_id, errors)
