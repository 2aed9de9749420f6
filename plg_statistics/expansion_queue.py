"""The expansion queue's state machine: which item opens when, and how it ends.

For each account and kind there is at most one item at a time. An item begins on the first day that
qualifies and is not cooling down. It is opened on the first qualifying day on which nothing
suppresses it; until then it waits, suppressed. It ends on the first later day on which the account
expanded in the item's way, or stopped paying, at the latest after ``open_days``. The next one may
begin ``cool_down_days`` after that. Days are UTC; an interval holds its first day and not its last.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa

ITEMS = pa.schema(
    [
        ("account_id", pa.string()),
        ("kind", pa.string()),
        ("item_number", pa.int32()),
        ("status", pa.string()),
        ("suppression_reason", pa.string()),
        ("qualified_date", pa.date32()),
        ("opened_date", pa.date32()),
        ("expires_date", pa.date32()),
        ("closed_date", pa.date32()),
    ]
)


@dataclass(frozen=True)
class Kind:
    """How long an item of a kind stays open, and how long after it none begins."""

    open_days: int
    cool_down_days: int


@dataclass(frozen=True)
class Suppression:
    """Days on which nobody is to be sent; of several the lowest ``priority`` is named."""

    from_date: date
    to_date: date
    priority: int
    reason: str


@dataclass(frozen=True)
class Item:
    """One item of the queue. ``closed_date`` is None while it lasts."""

    status: str
    suppression_reason: str | None
    qualified_date: date
    opened_date: date | None
    expires_date: date
    closed_date: date | None


Interval = tuple[date, date]


def items_of(
    qualified: Sequence[Interval],
    suppressions: Sequence[Suppression],
    expanded: Iterable[date],
    churned: Iterable[date],
    kind: Kind,
    last_day: date,
) -> list[Item]:
    """The items of one account and kind, in order. ``qualified`` is sorted and does not overlap."""
    items: list[Item] = []
    endings = sorted([(day, 0, "expanded") for day in expanded])
    endings = sorted([*endings, *((day, 1, "churned") for day in churned)])
    armed = date.min
    while (begin := _first_day(qualified, armed)) is not None and begin <= last_day:
        expires = begin + timedelta(days=kind.open_days)
        ended, status = expires, "expired"
        for day, _, name in endings:
            if begin < day <= expires:
                ended, status = day, name
                break
        until = min(ended, last_day + timedelta(days=1))
        opened = _opened(qualified, suppressions, begin, until)
        is_over = ended <= last_day
        if not is_over:
            status = "open" if opened else "suppressed"
        elif status == "expired" and opened is None:
            status = "suppressed"
        holding = [s for s in suppressions if s.from_date <= begin < s.to_date]
        reason = min(holding, key=lambda s: (s.priority, s.reason)).reason if holding else None
        items.append(Item(status, reason, begin, opened, expires, ended if is_over else None))
        if not is_over:
            break
        armed = ended + timedelta(days=kind.cool_down_days)
    return items


def queue_items(events: pa.Table, kinds: pa.Table, last_day: date) -> pa.Table:
    """All items. ``events``: account_id, kind, event (qualified, suppressed, expanded, churned),
    reason, priority, from_date, to_date; what holds for all kinds has no ``kind``."""
    rules = {
        row["kind"]: Kind(row["open_days"], row["cool_down_days"]) for row in kinds.to_pylist()
    }
    found: Mapping[tuple, list[dict]] = defaultdict(list)
    for row in events.to_pylist():
        found[row["event"], row["account_id"], row["kind"]].append(row)
    rows = []
    for event, account, kind_name in sorted(key for key in found if key[0] == "qualified"):
        qualified = sorted(
            (row["from_date"], row["to_date"]) for row in found[event, account, kind_name]
        )
        suppressions = [
            Suppression(row["from_date"], row["to_date"], row["priority"], row["reason"])
            for row in found.get(("suppressed", account, None), ())
        ]
        expanded = [row["from_date"] for row in found.get(("expanded", account, kind_name), ())]
        churned = [row["from_date"] for row in found.get(("churned", account, None), ())]
        items = items_of(qualified, suppressions, expanded, churned, rules[kind_name], last_day)
        for number, item in enumerate(items, 1):
            rows.append(
                {"account_id": account, "kind": kind_name, "item_number": number, **vars(item)}
            )
    return pa.Table.from_pylist(rows, schema=ITEMS)


def _first_day(qualified: Sequence[Interval], since: date) -> date | None:
    return next((max(start, since) for start, end in qualified if end > since), None)


def _opened(
    qualified: Sequence[Interval], suppressions: Sequence[Suppression], begin: date, until: date
) -> date | None:
    day = _first_day(qualified, begin)
    while day is not None and day < until:
        holding = [s.to_date for s in suppressions if s.from_date <= day < s.to_date]
        if not holding:
            return day
        day = _first_day(qualified, max(holding))
    return None
