"""Alerts: one message per incident, kept until it is delivered.

An incident is known by its key (``gate:raw``, ``run:nightly`` …). While it is open,
repeats are folded into it; a change of its title (other checks fail now) is told. When
it is over, recovery is announced. Everything is in ``ops.alerts``: what could not be
delivered stays there with the error and is tried again with the next call.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from quality.gates import GateReport, GateResult
from warehouse.ops import OpsStore, utc_now
from warehouse.settings import Settings

_TIMEOUT_SECONDS = 10
_CLAIMED_FOR = timedelta(seconds=60)
_TOO_OLD = timedelta(days=7)  # an alert that late helps nobody; it stays visible in ops.alerts
_CHECKS_SHOWN = 5
_SLACK_HEADER = 150  # characters, Slack's limits
_SLACK_SECTION = 3_000


@dataclass(frozen=True)
class Alert:
    """What to tell. ``lines`` are plain text, one fact each; ``key`` names the incident."""

    kind: str
    severity: str
    title: str
    lines: Sequence[str]
    run_url: str | None
    key: str


@dataclass(frozen=True)
class AlertReport:
    """What became of an alert: ``folded`` into an open incident, and the deliveries made."""

    folded: bool
    delivered: int
    undelivered: int


def gate_alert(report: GateReport, run_url: str | None = None) -> Alert:
    """The alert of a gate that failed (or passed with warnings)."""
    failing = report.blocking_failures or report.warnings
    names = ", ".join(result.key for result in failing[:_CHECKS_SHOWN])
    more = len(failing) - _CHECKS_SHOWN
    if more > 0:
        names += f" and {more} more"
    how = "did not pass" if report.blocking_failures else "passed with warnings"
    lines = [line for result in failing[:_CHECKS_SHOWN] for line in _lines_of(result)]
    if report.blocking_failures:
        lines.append(
            "Nothing downstream was built, published or sent; readers keep the copy of before."
        )
    lines.append(f"Everything this gate found: ops.gate_results where gate = '{report.gate}'.")
    return Alert(
        kind="gate_failed" if report.blocking_failures else "gate_warned",
        severity="blocking" if report.blocking_failures else "warning",
        title=f"Gate {report.gate} {how}: {names}",
        lines=lines,
        run_url=run_url,
        key=f"gate:{report.gate}",
    )


def _lines_of(result: GateResult) -> list[str]:
    lines = [
        f"{result.asset}: {result.key} ({result.owner})",
        f"  observed: {result.observed}",
        f"  expected: {result.expected}",
    ]
    if result.sample:
        lines.append(f"  sample: {_shortened(result.sample, 300)}")
    lines.append(f"  why it matters: {result.reason}")
    if result.what_to_do:
        lines.append(f"  what to do: {result.what_to_do}")
    return lines


def send_alert(settings: Settings, alert: Alert, slack_url: str | None = None) -> AlertReport:
    """Open the incident or fold into it, and deliver whatever is undelivered.

    Never raises for a destination that does not answer: the error is kept in ops.alerts.
    Without ``slack_url`` the alert is only stored.
    """
    now = utc_now()
    body = "\n".join(alert.lines)
    folded = False
    with OpsStore(settings.ops_path).transaction() as connection:
        incident = connection.execute(
            "select alert_id, title from alerts "
            "where key = ? and kind <> 'recovered' and resolved_at is null "
            "order by created_at desc limit 1",
            [alert.key],
        ).fetchone()
        if incident and incident[1] == alert.title:
            folded = True
            connection.execute(
                "update alerts set repeats = repeats + 1, last_seen_at = ?, body = ? "
                "where alert_id = ?",
                [now, body, incident[0]],
            )
        else:
            if incident:  # the same incident, changed: the newer message stands for it
                connection.execute(
                    "update alerts set resolved_at = ? where alert_id = ?", [now, incident[0]]
                )
            _insert(connection, alert.key, alert.kind, alert, body, now)
    delivered, undelivered = _deliver(settings, slack_url)
    return AlertReport(folded, delivered, undelivered)


def resolve_alert(settings: Settings, key: str, slack_url: str | None = None) -> AlertReport:
    """Close the incident ``key`` if one is open, and say that it recovered."""
    now = utc_now()
    with OpsStore(settings.ops_path).transaction() as connection:
        incident = connection.execute(
            "update alerts set resolved_at = ? "
            "where key = ? and kind <> 'recovered' and resolved_at is null "
            "returning kind, severity, title, run_url, created_at, repeats",
            [now, key],
        ).fetchone()
        if incident:
            _, severity, title, run_url, created_at, repeats = incident
            recovered = Alert(
                kind="recovered",
                severity=severity,
                title=f"Recovered: {title}",
                lines=[
                    f"Open since {created_at:%Y-%m-%d %H:%M} UTC"
                    + (f", seen {repeats + 1} times." if repeats else "."),
                ],
                run_url=run_url,
                key=key,
            )
            body = "\n".join(recovered.lines)
            _insert(connection, key, "recovered", recovered, body, now, resolved_at=now)
    delivered, undelivered = _deliver(settings, slack_url)
    return AlertReport(False, delivered, undelivered)


def _insert(connection, key, kind, alert: Alert, body: str, now, resolved_at=None) -> None:
    connection.execute(
        "insert into alerts (alert_id, key, kind, severity, title, body, run_url, created_at, "
        "last_seen_at, repeats, attempts, resolved_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?)",
        [
            str(uuid.uuid4()), key, kind, alert.severity, alert.title, body, alert.run_url,
            now, now, resolved_at,
        ],
    )  # fmt: skip


# -- delivery ----------------------------------------------------------------------------------


def _deliver(settings: Settings, slack_url: str | None) -> tuple[int, int]:
    """Try every undelivered alert, oldest first; (delivered now, still undelivered)."""
    if slack_url is None:
        return 0, _count_undelivered(settings)
    store = OpsStore(settings.ops_path)
    delivered = 0
    for alert_id, kind, title, body, run_url in _claim(settings):
        # the store is closed while the message is on its way
        error = _post(slack_url, kind, title, body, run_url)
        with store.connection() as connection:
            connection.execute(
                "update alerts set attempts = attempts + 1, attempting_since = null, "
                "error = ?, delivered_at = ? where alert_id = ?",
                [error, None if error else utc_now(), alert_id],
            )
        delivered += error is None
    return delivered, _count_undelivered(settings)


def _claim(settings: Settings) -> list[tuple]:
    """Undelivered alerts that no other process is delivering at the moment."""
    now = utc_now()
    with OpsStore(settings.ops_path).transaction() as connection:
        rows = connection.execute(
            "select alert_id, kind, title, body, run_url from alerts "
            "where delivered_at is null and created_at > ? "
            "and (attempting_since is null or attempting_since < ?) order by created_at, rowid",
            [now - _TOO_OLD, now - _CLAIMED_FOR],
        ).fetchall()
        for row in rows:
            connection.execute(
                "update alerts set attempting_since = ? where alert_id = ?", [now, row[0]]
            )
    return rows


def _count_undelivered(settings: Settings) -> int:
    with OpsStore(settings.ops_path).connection() as connection:
        return connection.execute(
            "select count(*) from alerts where delivered_at is null"
        ).fetchone()[0]


def _post(slack_url: str, kind: str, title: str, body: str, run_url: str | None) -> str | None:
    """Send one message; the error as text, or None. The URL is a secret and never in it."""
    from slack_sdk.webhook import WebhookClient

    try:
        response = WebhookClient(slack_url, timeout=_TIMEOUT_SECONDS).send(
            text=_escaped(title), blocks=_blocks(kind, title, body, run_url)
        )
    except Exception as error:
        return f"{type(error).__name__}: {error}".replace(slack_url, "<slack url>")
    if response.status_code == 200:
        return None
    return f"HTTP {response.status_code}: {_shortened(response.body or '', 200)}"


def _blocks(kind: str, title: str, body: str, run_url: str | None) -> list[dict]:
    mark = {"recovered": ":white_check_mark:", "gate_warned": ":warning:"}.get(kind, ":red_circle:")
    header = _shortened(f"{mark} {title}", _SLACK_HEADER)
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": header, "emoji": True}},
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": _shortened(_escaped(body), _SLACK_SECTION)},
        },
    ]
    if run_url:
        link = {"type": "mrkdwn", "text": f"<{run_url}|Open the run>"}
        blocks.append({"type": "context", "elements": [link]})
    return blocks


def _escaped(text: str) -> str:
    """Slack's three control characters: a sample must not make links or mentions."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
