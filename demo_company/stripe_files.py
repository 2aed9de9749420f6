"""Stripe on disk: webhook envelopes by day, and the list API's objects as pulled at as_of."""

import json
from collections import Counter, defaultdict
from pathlib import Path

from demo_company.books import Books, StripeEvent, dumps
from demo_company.clock import day_of, stream

API_VERSION = "2024-06-20"
LIST_FOLDERS = {
    "customer": "customers",
    "product": "products",
    "price": "prices",
    "subscription": "subscriptions",
    "invoice": "invoices",
    "charge": "charges",
    "coupon": "coupons",
    "credit_note": "credit_notes",
    "refund": "refunds",
    "checkout.session": "checkout_sessions",
}


def envelope(event: StripeEvent) -> str:
    """A webhook envelope as Stripe posts it, as one line."""
    before = "" if event.previous is None else f',"previous_attributes":{dumps(event.previous)}'
    return (
        f'{{"id":"{event.id}","object":"event","api_version":"{API_VERSION}",'
        f'"created":{event.created},"data":{{"object":{event.object}{before}}},'
        f'"livemode":{"true" if event.livemode else "false"},"pending_webhooks":0,'
        f'"request":{{"id":null,"idempotency_key":null}},"type":"{event.type}"}}\n'
    )


def write_stripe(books: Books, landing: Path) -> Counter[str]:
    """Writes the event log (a file a month, with its dirt) and the list objects as of the end.

    Returns the dirt planted: repeated envelopes, in the same file or the next month's, lines
    out of order, envelopes that came a month late, and envelopes that never came.
    """
    rng = stream(books.parameters.seed, "stripe_dirt")
    rate = books.parameters.dirt_rate
    counts: Counter[str] = Counter()
    placed: list[tuple[str, float, int, str]] = []  # month, position, tie, line
    months = sorted({f"{day_of(event.created // 86_400):%Y-%m}" for event in books.events})
    lost = _lost(books, counts)
    for position, event in enumerate(books.events):
        if event.id in lost:
            continue
        month = f"{day_of(event.created // 86_400):%Y-%m}"
        line = envelope(event)
        draws = rng.random(5)
        following = months[min(months.index(month) + 1, len(months) - 1)]
        forced = rate > 0 and position == len(books.events) // 2
        shift = 0.0
        if draws[0] < 4 * rate or forced:
            shift = float(rng.integers(-12, 13)) + 0.5
            counts["stripe_out_of_order"] += 1
        comes = month
        if draws[4] < rate and following != month:
            comes = following
            counts["stripe_late"] += 1
        placed.append((comes, position + shift, position, line))
        if draws[1] < 2 * rate or forced:
            later = following if draws[2] < 0.4 else month
            placed.append(
                (later, position + 20 * float(draws[3]), len(books.events) + position, line)
            )
            counts["stripe_duplicates"] += 1
    by_month: dict[str, list[str]] = defaultdict(list)
    for month, _, _, line in sorted(placed):
        by_month[month].append(line)
    folder = landing / "stripe" / "events"
    folder.mkdir(parents=True, exist_ok=True)
    for month, lines in by_month.items():
        (folder / f"{month}.jsonl").write_text("".join(lines), encoding="utf-8")
    pulled = day_of(books.end // 86_400 - 1)
    for kind, name in LIST_FOLDERS.items():
        things = books.objects.get(kind, {})
        path = landing / "stripe" / name / f"{pulled}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(text + "\n" for text in things.values()), encoding="utf-8")
    return counts


def _lost(books: Books, counts: Counter[str]) -> set[str]:
    """Ids of envelopes that never arrived, though the lists tell what they would have said.

    The end of a subscription; the settling of a bill; the whole life of a subscription whose
    terms never changed: what a list pull of today can still tell in full.
    """
    rate = books.parameters.dirt_rate
    rng = stream(books.parameters.seed, "stripe_lost")
    lives: dict[str, list[StripeEvent]] = defaultdict(list)
    bills: dict[str, list[StripeEvent]] = defaultdict(list)
    for event in books.events:
        thing = json.loads(event.object) if event.livemode else {}
        if event.type.startswith("customer.subscription."):
            lives[thing.get("id", "")].append(event)
        elif event.type in ("invoice.paid", "invoice.voided", "invoice.marked_uncollectible"):
            bills[thing.get("id", "")].append(event)
    terms: dict[str, set[tuple[object, ...]]] = defaultdict(set)
    for _, _, source, held, _ in books.holdings:
        if held:
            terms[source].add(held)
    lost: set[str] = set()
    for subscription, events in lives.items():
        draw = rng.random()
        if rate <= 0 or not subscription:
            continue
        states = {json.loads(event.object).get("status") for event in events}
        is_simple = (
            len(terms[subscription]) == 1
            and states <= {"active", "canceled"}
            and not any('"pause_collection":{' in event.object for event in events)
        )
        if is_simple and (draw < 8 * rate or not counts["stripe_lost_subscriptions"]):
            lost |= {event.id for event in events}
            counts["stripe_lost_subscriptions"] += 1
            continue
        is_picked = draw > 1 - 6 * rate or not counts["stripe_lost_ends"]
        if is_picked and events[-1].type.endswith("deleted") and len(events) > 2:
            lost.add(events[-1].id)
            counts["stripe_lost_ends"] += 1
    for events in bills.values():
        if rng.random() < rate:
            lost.add(events[-1].id)
            counts["stripe_lost_payments"] += 1
    return lost
