"""Slack through an incoming webhook: one message a call.

A webhook has no key to recognise a message by. A message is sent again only where Slack did
not confirm it (a time-out, or a process killed between the answer and the ledger): at least
once, and in ordinary operation exactly once.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

from reverse_etl.destinations.base import (
    Answer,
    CallCount,
    Outgoing,
    is_loopback,
    retry_after_seconds,
)
from reverse_etl.errors import RecordRejected, Rejection, RetryLater, SyncStopped
from reverse_etl.specs import SyncSpec

Payload = dict[str, Any]


class Webhook:
    """An incoming webhook."""

    def __init__(
        self, url: str, calls: CallCount | None = None, transport: httpx.BaseTransport | None = None
    ):
        self.url = url
        self.calls = calls or CallCount()
        self.http = httpx.Client(
            timeout=30,
            trust_env=not is_loopback(url),
            verify=url.startswith("https:"),
            transport=transport,
            follow_redirects=False,
        )

    def post(self, payload: Payload) -> None:
        """Post a message; raises `RetryLater`, `RecordRejected` or `SyncStopped`."""
        self.calls.count(is_write=True)
        try:
            answer = self.http.post(self.url, json=payload)
        except httpx.HTTPError as error:
            raise RetryLater(f"Slack webhook: {error or type(error).__name__}") from error
        said = f"Slack says {answer.status_code}: {answer.text[:200]}"
        if answer.status_code == 200:
            return
        if answer.status_code == 429 or answer.status_code >= 500:
            raise RetryLater(said, retry_after_seconds(answer.headers))
        if answer.status_code == 400:
            raise RecordRejected(Rejection("invalid_value", said, answer.text[:60]))
        raise SyncStopped(f"{said}; check PLG_SLACK_URL and that the webhook's channel exists")

    def close(self) -> None:
        self.http.close()


def post_message(url: str, text: str, blocks: list[Payload] | None = None) -> None:
    """Post one message to a webhook, for alerts; raises as `Webhook.post`."""
    webhook = Webhook(url)
    try:
        webhook.post({"text": text, **({"blocks": blocks} if blocks else {})})
    finally:
        webhook.close()


class SlackDestination:
    """The channel behind a webhook, for one sync."""

    is_idempotent = False

    def __init__(
        self,
        spec: SyncSpec,
        url: str,
        link_of: Callable[[str], str | None] = lambda account_id: None,
        calls: CallCount | None = None,
    ):
        self.spec, self.link_of = spec, link_of
        self.calls = calls or CallCount()
        self.webhook = Webhook(url, self.calls)
        self.message_of = MESSAGES[spec.message or "hot_pql"]

    def log_in(self) -> None:
        """The webhook's URL is its credential; nothing to do."""

    def check(self) -> None:
        """A webhook has no schema; nothing to compare."""

    def expect(self, total: int) -> None:
        """Many records go by the same calls as few."""

    def records_per_call(self, call: str) -> int:
        return self.spec.records_per_call

    def abandon_job(self, job_id: str) -> None:
        """There are no jobs here."""

    def call_for(self, outgoing: Outgoing) -> str:
        return "post"

    def send(self, call: str, batch: Sequence[Outgoing]) -> list[Answer]:
        answers = []
        for outgoing in batch:
            fields = outgoing.fields
            message = self.message_of(fields, self.link_of(str(fields.get("account_id"))))
            try:
                self.webhook.post(message)
            except RecordRejected as error:
                answers.append(Answer(rejection=error.rejection))
            else:
                answers.append(Answer())
        return answers

    def close(self) -> None:
        self.webhook.close()


def hot_pql_message(row: Mapping[str, Any], link: str | None = None) -> Payload:
    """A hot account as a Slack message: who, how hot, why now, and where to go on.

    ``row`` holds account_name, points, score_10, tier, reason, triggered_at, plan, segment,
    active_users_28d; what is null is left out.
    """
    name = escape(str(row.get("account_name") or row.get("account_id") or "An account"))
    tier = escape(str(row.get("tier") or "hot"))
    strength = _strength(row)
    headline = f"{name} is now {tier}" + (f": {strength}" if strength else "")
    blocks: list[Payload] = [_section(f"*{_link(link, name)} is now {tier}*\n{strength}")]
    if row.get("reason"):
        blocks.append(_section(f"*Why now*\n{escape(str(row['reason']))}"))
    facts = {
        "Plan": row.get("plan"),
        "Segment": row.get("segment"),
        "Active users, 28 days": row.get("active_users_28d"),
        "Since": _when(row.get("triggered_at")),
    }
    if any(value not in (None, "") for value in facts.values()):
        blocks.append(_facts(facts))
    return {"text": headline, "blocks": blocks}


def sla_alert_message(row: Mapping[str, Any], link: str | None = None) -> Payload:
    """A step of a hand-off's clock: what is late, with whom, what is asked of whom, and why it
    was worth a call.

    ``row`` holds account_name, action (warn_owner, tell_manager, reassign), tier, team,
    recipient_email, owner_name, present_owner_name, qualified_at, due_at, points, score_10, reason,
    plan, segment, active_users_28d; what is null is left out.
    """
    name = escape(str(row.get("account_name") or row.get("account_id") or "An account"))
    tier = escape(str(row.get("tier") or "hot"))
    owner = _text(row.get("owner_name"))
    present = _text(row.get("present_owner_name"))
    reader = _text(row.get("recipient_email"))
    match row.get("action"):
        case "warn_owner":
            state, asked = "is due soon", "make the first touch before the deadline."
        case "reassign" if present and present != owner:
            state = f"went to {present}"
            asked = f"nobody touched it{f' while {owner} had it' if owner else ''}."
        case _ if owner or present:
            state, asked = "is overdue", f"see that {present or owner} answers, or give it away."
        case _:
            state, asked = "is overdue", "it has no owner: give it to somebody."
    strength = _strength(row)
    headline = f"{name} ({tier}) {state}: not touched yet"
    asks = f"For {reader}: {asked}" if reader else f"{asked[0].upper()}{asked[1:]}"
    blocks = [_section(f"*{_link(link, name)} ({tier}) {state}*\nNot touched yet. {asks}")]
    if row.get("reason"):
        blocks.append(_section(f"*Why it qualified*\n{escape(str(row['reason']))}"))
    facts = {
        "Due": _when(row.get("due_at")),
        "Qualified": _when(row.get("qualified_at")),
        "Owner": row.get("present_owner_name") or "nobody yet",
        "Team": row.get("team"),
        "Score": strength,
        "Plan": row.get("plan"),
        "Segment": row.get("segment"),
        "Active users, 28 days": row.get("active_users_28d"),
    }
    blocks.append(_facts(facts))
    return {"text": headline, "blocks": blocks}


MESSAGES: Mapping[str, Callable[[Mapping[str, Any], str | None], Payload]] = {
    "hot_pql": hot_pql_message,
    "sla_alert": sla_alert_message,
}


def _strength(row: Mapping[str, Any]) -> str:
    points, score = row.get("points"), row.get("score_10")
    if points is None:
        return "" if score is None else f"{score:g} of 10"
    return f"{points:g} points" + ("" if score is None else f" ({score:g} of 10)")


def _facts(facts: Mapping[str, Any]) -> Payload:
    """A section of short facts, those that are there."""
    shown = [(label, value) for label, value in facts.items() if value not in (None, "")]
    text = [{"type": "mrkdwn", "text": f"*{k}*\n{escape(str(v))[:1900]}"} for k, v in shown]
    return {"type": "section", "fields": text}


def _text(value: Any) -> str:
    return escape(str(value))[:200] if value else ""


def escape(text: str) -> str:
    """Slack's three control characters, so that a name can neither link nor mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _link(url: str | None, text: str) -> str:
    return f"<{url}|{text.replace('|', '/')}>" if url else text


def _section(text: str) -> Payload:
    shown = text if len(text) <= 3000 else f"{text[:2999]}…"
    return {"type": "section", "text": {"type": "mrkdwn", "text": shown}}


def _when(value: Any) -> str | None:
    if not value:
        return None
    moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"
