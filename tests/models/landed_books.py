"""The books of a landing folder, read from its files by plain Python: what `naive_recognition` is
computed from when the warehouse is to be checked from end to end."""

import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.models.naive_recognition import month_after
from tests.models.recognition_models import Books

PROGRESS = ["draft", "open", "uncollectible", "paid", "void"]


def books_of(landing: Path, as_of: datetime, reporting_currency: str = "USD") -> Books:
    books = Books(as_of=as_of, reporting_currency=reporting_currency)
    states: dict[tuple[str, str], list[tuple[int, dict]]] = defaultdict(list)
    for known, thing in _objects(landing / "stripe"):
        states[thing["object"], thing["id"]].append((known, thing))

    def newest(kind: str) -> Iterator[dict]:
        for (object_type, _), seen in sorted(states.items()):
            if object_type == kind:
                yield max(seen, key=lambda state: state[0])[1]

    invoice_of_charge = {c["id"]: c.get("invoice") for c in newest("charge")}
    for (kind, name), seen in sorted(states.items()):
        if kind != "invoice":
            continue
        state = max(seen, key=lambda s: (PROGRESS.index(s[1]["status"]), s[0]))[1]
        lines = max((s[1]["lines"]["data"] for s in seen), key=len)
        if state["status"] == "draft" or _at(state["created"]) >= as_of:
            continue
        if state.get("charge"):
            invoice_of_charge[state["charge"]] = name
        moments = state["status_transitions"]
        books.invoices.append(
            {
                "invoice_id": name,
                "status": state["status"],
                "currency": state["currency"].upper(),
                "tax_cents": _tax(state),
                "total_cents": state["total"],
                "amount_remaining_cents": state["amount_remaining"],
                "finalized_at": _at(moments.get("finalized_at") or state["created"]),
                "voided_at": _at(moments.get("voided_at")),
                "marked_uncollectible_at": _at(moments.get("marked_uncollectible_at")),
                "lines": [
                    {
                        "invoice_line_id": line["id"],
                        "net_amount_cents": line["amount"]
                        - sum(d["amount"] for d in line.get("discount_amounts") or []),
                        "service_start_at": _at(line["period"]["start"]),
                        "service_end_at": _at(line["period"]["end"]),
                    }
                    for line in lines
                ],
            }
        )
    known_invoices = {invoice["invoice_id"] for invoice in books.invoices}
    credited_refunds = {}
    for note in newest("credit_note"):
        void = note["status"] == "void"
        for refund in [note.get("refund"), *(r["refund"] for r in note.get("refunds") or [])]:
            if refund and not void:
                credited_refunds[refund] = note["id"]
        if note["invoice"] in known_invoices and _at(note["created"]) < as_of:
            books.credit_notes.append(
                {
                    "credit_note_id": note["id"],
                    "invoice_id": note["invoice"],
                    "net_cents": note["total"] - _tax(note),
                    "total_cents": note["total"],
                    "effective_at": _at(note.get("effective_at") or note["created"]),
                    "voided_at": _at(note.get("voided_at")) if void else None,
                    "lines": [
                        (line["invoice_line_item"], line["amount"] - (line["discount_amount"] or 0))
                        for line in note["lines"]["data"]
                        if line.get("invoice_line_item")
                    ],
                }
            )
    refunds = {refund["id"]: refund for refund in newest("refund")}
    for charge in newest("charge"):
        for refund in (charge.get("refunds") or {}).get("data", []):
            refunds.setdefault(refund["id"], refund)
    for name, refund in sorted(refunds.items()):
        invoice = invoice_of_charge.get(refund["charge"])
        if (
            invoice in known_invoices
            and refund["status"] not in ("failed", "canceled")
            and _at(refund["created"]) < as_of
        ):
            books.refunds.append(
                {
                    "refund_id": name,
                    "invoice_id": invoice,
                    "credit_note_id": credited_refunds.get(name),
                    "amount_cents": refund["amount"],
                    "refunded_at": _at(refund["created"]),
                }
            )
    contracts = {row["contract_id"]: row for row in _rows(landing / "contracts")}
    for name, row in sorted(contracts.items()):
        books.contract(
            name, row["annual_value"], date.fromisoformat(row["start"]),
            date.fromisoformat(row["end"]), row["billing_frequency"], row["currency"],
        )  # fmt: skip
    _add_rates(books, landing)
    return books


def _tax(thing: dict[str, Any]) -> int:
    """Of an invoice or a credit note; newer API versions tell the total without it instead."""
    if thing.get("total_excluding_tax") is not None:
        return thing["total"] - thing["total_excluding_tax"]
    return thing.get("tax") or sum(t["amount"] for t in thing.get("tax_amounts") or [])


def _add_rates(books: Books, landing: Path) -> None:
    """A month without a rate has the latest earlier one's; before the first, the first one's."""
    given: dict[str, dict[date, Decimal]] = defaultdict(dict)
    for row in _rows(landing / "fx_rates"):
        given[row["currency"]][date.fromisoformat(row["month"][:7] + "-01")] = Decimal(row["rate"])
    months = {month for rates in given.values() for month in rates}
    months |= {invoice["finalized_at"].date().replace(day=1) for invoice in books.invoices}
    if not months:
        return
    month, last = min(months), books.as_of_date.replace(day=1)
    while month <= last:
        for currency, rates in given.items():
            known = max((m for m in rates if m <= month), default=min(rates))
            books.rates[month, currency] = rates[known]
        month = month_after(month)


def _objects(folder: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for path in sorted(folder.rglob("*.jsonl*")):
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt") as lines:
            for line in lines:
                try:
                    record = json.loads(line)
                except ValueError:
                    continue
                if not isinstance(record, dict) or record.get("livemode") is False:
                    continue
                is_event = record.get("object") == "event"
                if is_event and record["type"].endswith(".upcoming"):
                    continue
                thing = record["data"]["object"] if is_event else record
                if thing.get("id") and thing.get("object") and thing.get("livemode") is not False:
                    # a list says how things are in the end
                    yield (record["created"] if is_event else 2**40), thing


def _rows(folder: Path) -> Iterator[dict[str, str]]:
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="") as lines:
            yield from csv.DictReader(lines)


def _at(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
