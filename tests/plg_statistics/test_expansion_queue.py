"""The expansion queue's state machine, against one that walks day by day."""

import random
from datetime import date, timedelta

import pyarrow as pa
import pytest

from plg_statistics.expansion_queue import ITEMS, Item, Kind, Suppression, items_of, queue_items

DAY = timedelta(days=1)
START = date(2026, 1, 1)


def day(number: int) -> date:
    return START + number * DAY


def naive(qualified, suppressions, expanded, churned, kind, last_day):
    """One day after the other; what is known of a day is asked anew each time."""
    items, current, armed, today = [], None, START, START
    while today <= last_day:
        if current and current["begin"] < today:
            ended = None
            if today in expanded:
                ended = "expanded"
            elif today in churned:
                ended = "churned"
            elif (today - current["begin"]).days == kind.open_days:
                ended = "expired" if current["opened"] else "suppressed"
            if ended:
                items.append((ended, current, today))
                current, armed = None, today + kind.cool_down_days * DAY
        qualifies = any(start <= today < end for start, end in qualified)
        holding = sorted(
            (s.priority, s.reason) for s in suppressions if s.from_date <= today < s.to_date
        )
        if current is None and qualifies and today >= armed:
            current = {"begin": today, "opened": None, "reason": holding[0][1] if holding else None}
        if current and qualifies and not holding and current["opened"] is None:
            current["opened"] = today
        today += DAY
    if current:
        items.append(("open" if current["opened"] else "suppressed", current, None))
    return [
        Item(s, c["reason"], c["begin"], c["opened"], c["begin"] + kind.open_days * DAY, ended)
        for s, c, ended in items
    ]


@pytest.mark.parametrize("seed", range(300))
def test_it_agrees_with_walking_day_by_day(seed):
    rng = random.Random(seed)
    ends = sorted(rng.sample(range(0, 90), 2 * rng.randint(1, 5)))
    qualified = [(day(a), day(b)) for a, b in zip(ends[::2], ends[1::2], strict=True)]
    suppressions = []
    for _ in range(rng.randint(0, 5)):
        start = rng.randint(0, 80)
        suppressions.append(
            Suppression(
                day(start), day(start + rng.randint(1, 25)), rng.randint(1, 3), rng.choice("abc")
            )
        )
    expanded = {day(rng.randint(0, 90)) for _ in range(rng.randint(0, 4))}
    churned = {day(rng.randint(0, 90)) for _ in range(rng.randint(0, 2))}
    kind = Kind(open_days=rng.randint(1, 30), cool_down_days=rng.randint(0, 20))
    last_day = day(rng.randint(0, 95))
    arguments = (qualified, suppressions, expanded, churned, kind, last_day)
    assert items_of(*arguments) == naive(*arguments)


def test_an_expansion_of_the_day_it_qualified_is_not_its_success():
    items = items_of([(day(0), day(50))], [], [day(0)], [], Kind(10, 5), day(20))
    assert [(i.status, i.qualified_date, i.closed_date) for i in items] == [
        ("expired", day(0), day(10)),
        ("open", day(15), None),
    ]


def test_expanding_on_the_day_paying_ends_is_expanding():
    (item,) = items_of([(day(0), day(5))], [], [day(3)], [day(3)], Kind(10, 5), day(20))
    assert item.status == "expanded"


def test_a_held_back_item_names_why_and_opens_when_nothing_is_in_the_way():
    held = [Suppression(day(0), day(4), 2, "later"), Suppression(day(0), day(2), 1, "first")]
    (item,) = items_of([(day(0), day(9))], held, [], [], Kind(30, 5), day(8))
    assert item.suppression_reason == "first"
    assert (item.status, item.opened_date) == ("open", day(4))


def test_a_second_look_gives_the_same_table_whatever_the_order_of_the_rows():
    def event(account, name, start, end, kind=None, reason=None):
        return {
            "account_id": account, "kind": kind, "event": name, "reason": reason,
            "priority": 1, "from_date": day(start), "to_date": day(end),
        }  # fmt: skip

    rows = [
        event("b", "qualified", 0, 40, "upsell"),
        event("a", "qualified", 3, 9, "expansion"),
        event("a", "qualified", 3, 9, "upsell"),
        event("a", "suppressed", 0, 6, reason="open_opportunity"),
        event("b", "expanded", 12, 12, "upsell"),
        event("b", "churned", 30, 30),
    ]
    kinds = pa.Table.from_pylist(
        [{"kind": name, "open_days": 20, "cool_down_days": 5} for name in ("upsell", "expansion")]
    )
    first = queue_items(pa.Table.from_pylist(rows), kinds, day(60))
    again = queue_items(pa.Table.from_pylist(rows[::-1]), kinds, day(60))
    assert first.equals(again)
    assert first.schema.equals(ITEMS)
    open_at_once = [(r["account_id"], r["kind"]) for r in first.to_pylist() if not r["closed_date"]]
    assert len(open_at_once) == len(set(open_at_once))
