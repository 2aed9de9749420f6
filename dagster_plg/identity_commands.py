"""`plg identity`: what is known about who is behind an id, printed."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from warehouse.identity import Explanation


def print_explanation(found: Explanation, out: Console) -> None:
    """A person for people: the way of the evidence first, then all that hangs on it."""
    _line(out, f"{found.asked} is of person {found.person_id}, named by {found.anchor}")
    for note in found.notes:
        _line(out, f"note: {note}")
    if found.path:
        _line(out, "\nevidence")
        for number, step in enumerate(found.path, 1):
            _line(
                out,
                f"  {number}. {step.id_type} {step.id_value} — {step.evidence} → {step.to_type} "
                f"{step.to_value}: {step.count_calls} call(s), {_text(step.first_seen_at)} to "
                f"{_text(step.last_seen_at)}",
            )
    _table(out, "ids", found.ids)
    _table(out, "links a guard dropped", found.dropped_links)
    _table(out, "guards broken", found.violations)
    _table(out, "accounts", found.accounts)
    _table(out, "CRM records", found.crm_records)
    _table(
        out,
        "merges",
        [
            {
                name: row[name]
                for name in (
                    "merged_at", "absorbed_id_type", "absorbed_id_value", "surviving_user_id",
                    "evidence", "evidence_id_value",
                )
            }
            for row in found.merges
        ],
    )  # fmt: skip
    _table(out, "changes by runs", found.changes)


def _line(out: Console, text: str) -> None:
    out.print(text, highlight=False, markup=False, soft_wrap=True)


def _table(out: Console, title: str, rows: Sequence[dict]) -> None:
    if not rows:
        _line(out, f"\n{title}: none")
        return
    _line(out, f"\n{title}")
    table = Table(*(name.replace("_", " ") for name in rows[0]), box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    out.print(table, markup=False, highlight=False)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.isoformat(" ", "seconds") if hasattr(value, "isoformat") else str(value)
