"""Stripe on disk: webhook envelopes by day, and the list API's objects as pulled at as_of."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from demo_company.billing import API_VERSION, Books, StripeEvent
from demo_company.clock import day_of

LIST_FOLDERS = {
    "customer": "customers",
    "product": "products",
    "price": "prices",
    "subscription": "subscriptions",
    "invoice": "invoices",
    "charge": "charges",
    "checkout.session": "checkout_sessions",
}


def dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def envelope(event: StripeEvent) -> dict[str, Any]:
    """A webhook envelope as Stripe posts it."""
    data: dict[str, Any] = {"object": event.object}
    if event.previous is not None:
        data["previous_attributes"] = event.previous
    return {
        "id": event.id,
        "object": "event",
        "api_version": API_VERSION,
        "created": event.created,
        "data": data,
        "livemode": event.livemode,
        "pending_webhooks": 0,
        "request": {"id": None, "idempotency_key": None},
        "type": event.type,
    }


def write_stripe(books: Books, lines: dict[int, list[str]], landing: Path) -> int:
    """`lines`: envelope lines by file day. Returns how many files were written."""
    by_month: dict[str, list[str]] = defaultdict(list)
    for day in sorted(lines):
        by_month[f"{day_of(day):%Y-%m}"] += lines[day]
    folder = landing / "stripe" / "events"
    folder.mkdir(parents=True, exist_ok=True)
    for month, month_lines in by_month.items():
        (folder / f"{month}.jsonl").write_text("".join(month_lines), encoding="utf-8")
    pulled = day_of(books.end // 86_400 - 1)
    for kind, name in LIST_FOLDERS.items():
        things = books.objects.get(kind, {})
        path = landing / "stripe" / name / f"{pulled}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(dumps(thing) + "\n" for thing in things.values()), encoding="utf-8")
    return len(by_month) + len(LIST_FOLDERS)
