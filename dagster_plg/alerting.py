"""Who is told when something fails: gates as they fail, runs when they end."""

from dagster import DefaultSensorStatus, RunFailureSensorContext, run_failure_sensor

from dagster_plg.resources import Installation
from quality.alerts import Alert, gate_alert, resolve_alert, send_alert
from reverse_etl.mocks.process import mocks_running
from warehouse.settings import Settings

# `plg run` has no daemon to watch it and tells of its failure itself
ALERTED_TAG = "plg/alerts_itself"


def _run_url(settings: Settings, run_id: str) -> str:
    return f"http://{settings.ui_host}:{settings.ui_port}/runs/{run_id}"


def _deliver(settings: Settings, alert: Alert) -> None:
    if not settings.slack_enabled:
        send_alert(settings, alert, slack_url=None)
        return
    with mocks_running(settings) as urls:
        send_alert(settings, alert, slack_url=urls.slack)


def alert_gate(settings: Settings, report, run_id: str) -> None:
    """Tell of a gate that failed; close the incident once it passes again."""
    if report.passed:
        if settings.slack_enabled:
            with mocks_running(settings) as urls:
                resolve_alert(settings, f"gate:{report.gate}", slack_url=urls.slack)
        return
    _deliver(settings, gate_alert(report, _run_url(settings, run_id)))


def alert_failed_run(settings: Settings, job: str, run_id: str, errors: list[str]) -> None:
    """Tell that a run failed, with the first error of each failed step."""
    _deliver(
        settings,
        Alert(
            kind="run_failed",
            severity="blocking",
            title=f"Run of {job} failed",
            lines=[*errors[:10], "What to do: open the run, mend the cause, run again."],
            run_url=_run_url(settings, run_id),
            key=f"run:{job}",
        ),
    )


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
