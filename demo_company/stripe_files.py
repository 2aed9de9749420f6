"""Stripe on disk: webhook envelopes by day, and the list API's objects as pulled at as_of."""

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

    Returns the dirt planted: repeated envelopes, in the same file or the next month's, and
    lines out of order.
    """
    rng = stream(books.parameters.seed, "stripe_dirt")
    rate = books.parameters.dirt_rate
    counts: Counter[str] = Counter()
    placed: list[tuple[str, float, int, str]] = []  # month, position, tie, line
    months = sorted({f"{day_of(event.created // 86_400):%Y-%m}" for event in books.events})
    for position, event in enumerate(books.events):
        month = f"{day_of(event.created // 86_400):%Y-%m}"
        line = envelope(event)
        draws = rng.random(4)
        forced = rate > 0 and position == len(books.events) // 2
        shift = 0.0
        if draws[0] < 4 * rate or forced:
            shift = float(rng.integers(-12, 13)) + 0.5
            counts["stripe_out_of_order"] += 1
        placed.append((month, position + shift, position, line))
        if draws[1] < 2 * rate or forced:
            later = months[min(months.index(month) + int(draws[2] < 0.4), len(months) - 1)]
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
