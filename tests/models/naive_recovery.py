"""What became of failed payments, told as stories, with the answer worked out the slow way.

A story is what really happened: who tried to collect what, when, and how it ended. `stripe`
writes it down as Stripe would, in one of its API versions; `outcome` and `state_at` answer from
the story itself. `from_landing` answers from Stripe's own files, read line by line. No SQL, and
nothing shared with the models.
"""

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

AS_OF = datetime(2024, 10, 1)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
WAIT, GRACE = 60 * DAY, 7 * DAY
METHODS = ("charge_automatically", "charge_automatically", "send_invoice")
ENDED = ("unpaid", "canceled")
API_VERSIONS = ("old", "expanded", "new", "events_only", "charges_only")


@dataclass(frozen=True)
class Try:
    """One attempt; `reason` None and not ok: nobody says why. A card is missing: no charge."""

    at: datetime
    ok: bool = False
    reason: str | None = None
    cents: int | None = None  # else all that is owed
    refunded: int = 0
    no_card: bool = False


@dataclass
class Bill:
    """One invoice and all that happened to it."""

    id: str
    cents: int
    made: datetime
    tries: list[Try]
    closed: tuple[datetime, str] | None = None
    """when and how: paid, out_of_band, credited, void, uncollectible"""
    next_try: datetime | None = None
    billing_reason: str = "subscription_cycle"
    collection: str = "charge_automatically"
    has_subscription: bool = True


@dataclass
class Story:
    """One account with one subscription: statuses with the moment each began, and bills."""

    account: str
    statuses: list[tuple[datetime, str]]
    bills: list[Bill]
    api: str = "old"
    also_pays_from: datetime | None = None  # a second subscription that goes on for ever
    cancel_reason: str | None = "payment_failed"

    @property
    def subscription(self) -> str:
        return f"sub_{self.account}"


@dataclass(frozen=True)
class Outcome:
    outcome: str
    how: str | None  # recovered_by or lost_reason
    reason: str
    failed_attempts: int
    recovered_on_attempt: int | None
    failed_cents: int
    recovered_cents: int
    refunded_cents: int
    is_first_payment: bool
    first_failed_at: datetime
    recovered_at: datetime | None
    lost_at: datetime | None


def outcome(story: Story, bill: Bill) -> Outcome | None:
    """None: nothing failed, or only after it was paid."""
    paid_at = next(
        (
            at
            for at, how in [bill.closed or (None, "")]
            if how in ("paid", "out_of_band", "credited")
        ),
        None,
    )
    tries = sorted((t for t in bill.tries if t.at < AS_OF), key=lambda t: (t.at, t.ok))
    failed = [t for t in tries if not t.ok and (paid_at is None or t.at <= paid_at)]
    if not failed:
        return None
    first = failed[0]
    given = [t.reason for t in failed if t.reason]
    after = [t for t in tries if t.ok and t.at >= first.at]
    came_in = sum(owed(bill, t) for t in after)
    failed_cents = first.cents if first.cents is not None else bill.cents
    how_closed = bill.closed[1] if bill.closed and bill.closed[0] < AS_OF else None

    ends = [at for at, status in changes(story) if status in ENDED and at >= first.at]
    ends = ends if bill.has_subscription else []
    incomplete = bill.has_subscription and status_at(story, first.at).startswith("incomplete")
    got = failed_cents if how_closed == "out_of_band" else min(failed_cents, came_in)
    result = {
        "reason": (given or ["unknown"])[0].lower(),
        "failed_attempts": len(failed),
        "failed_cents": failed_cents,
        "recovered_cents": got,
        "refunded_cents": sum(t.refunded for t in after),
        "is_first_payment": incomplete
        or (bill.billing_reason == "subscription_create" and bill.collection != "send_invoice"),
        "first_failed_at": first.at,
    }
    if how_closed in ("paid", "out_of_band") or (how_closed == "credited" and came_in):
        by_payment = how_closed != "out_of_band"
        last = max((tries.index(t) + 1 for t in after), default=None)
        return Outcome(
            "recovered", "payment" if by_payment else "out_of_band",
            recovered_on_attempt=last if by_payment else None,
            recovered_at=paid_at, lost_at=None, **result,
        )  # fmt: skip
    hopes = [(at, f"subscription_{status_at(story, at)}") for at in ends[:1]]
    closed_as = {"void": "voided", "uncollectible": "uncollectible", "credited": "credited"}
    if bill.closed and how_closed:
        hopes.append((bill.closed[0], closed_as[how_closed]))
    if first.at + WAIT <= AS_OF and not (bill.next_try and bill.next_try >= AS_OF):
        hopes.append((max(first.at + WAIT, failed[-1].at), "given_up"))
    if not hopes:
        return Outcome(
            "open", None, recovered_on_attempt=None, recovered_at=None, lost_at=None, **result
        )
    lost_at, why = min(hopes, key=lambda hope: hope[0])
    return Outcome(
        "lost", why, recovered_on_attempt=None, recovered_at=None, lost_at=lost_at, **result
    )


def owed(bill: Bill, attempt: Try) -> int:
    return bill.cents if attempt.cents is None else attempt.cents


def changes(story: Story) -> list[tuple[datetime, str]]:
    """Known changes of status; from unpaid to cancelled is no second end."""
    found: list[tuple[datetime, str]] = []
    for at, status in story.statuses:
        if at < AS_OF and not (found and found[-1][1] in ENDED and status in ENDED):
            found.append((at, status))
    return found


def service_ends(story: Story, bill: Bill, fate: Outcome) -> list[datetime]:
    """When the service ended over this bill: before it was settled or written off, or, once it was
    written off, for want of payment."""
    found = []
    for at, status in changes(story) if bill.has_subscription else []:
        was = status_at(story, at - timedelta(microseconds=1))
        unpaid = status == "unpaid" or (status == "canceled" and was in ("past_due", "unpaid"))
        closed_at, how = bill.closed if bill.closed and bill.closed[0] < AS_OF else (None, "")
        if status not in ENDED or at < fate.first_failed_at:
            continue
        if how in ("paid", "out_of_band", "credited"):
            counts = at < closed_at
        else:
            counts = closed_at is None or at <= closed_at or unpaid
        if counts:
            found.append(at)
    return found


def status_at(story: Story, moment: datetime) -> str:
    began = [status for at, status in story.statuses if at <= moment and at < AS_OF]
    return began[-1] if began else "none"


def state_at(story: Story, moment: datetime) -> str:
    """The dunning state, asked of one moment."""
    pays = status_at(story, moment) in ("active", "past_due") or (
        story.also_pays_from is not None and story.also_pays_from <= moment
    )
    found = set()
    for bill in story.bills:
        fate = outcome(story, bill)
        if fate is None or fate.is_first_payment or fate.first_failed_at > moment:
            continue
        ends = service_ends(story, bill, fate)[:1]
        over = [at for at in (fate.recovered_at, *ends) if at]
        if fate.lost_at and fate.how != "given_up":
            over.append(fate.lost_at)
        if fate.how == "given_up" and not ends:
            still = bill.has_subscription and status_at(story, AS_OF - MINUTE / 60) == "past_due"
            over += [] if still else [fate.lost_at]
        if not over or min(over) > moment:
            found.add("grace" if moment < fate.first_failed_at + GRACE else "at_risk")
        if ends and ends[0] <= moment and not (fate.recovered_at and fate.recovered_at <= moment):
            # lost unless something was, or since has been, paid for
            begun = [at for at, status in story.statuses if status in ("active", "past_due")]
            begun += [story.also_pays_from] if story.also_pays_from else []
            ran_on = story.also_pays_from is not None and story.also_pays_from < ends[0]
            if not ran_on and not any(ends[0] <= at <= moment for at in begun) and not pays:
                found.add("lost")
    return next((state for state in ("at_risk", "grace", "lost") if state in found), "active")


# --- the same story as Stripe tells it --------------------------------------------------------


@dataclass
class Stripe:
    """Rows of the raw tables, as ingestion leaves them."""

    events: list[dict[str, Any]] = field(default_factory=list)
    objects: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, at: datetime, kind: str, thing: dict[str, Any]) -> None:
        if at < AS_OF + 10 * DAY:
            number = len(self.events)
            self.events.append(
                {"id": f"evt_{number:06d}", "type": kind, "created": at, "object": dict(thing)}
            )


def seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.replace(tzinfo=UTC).timestamp())


def stripe(stories: Iterable[Story], rng: random.Random) -> Stripe:
    told = Stripe()
    for story in stories:
        for bill in story.bills:
            _tell_bill(told, story, bill)
    # repeated and out of order
    told.events += rng.sample(told.events, len(told.events) // 5)
    rng.shuffle(told.events)
    rng.shuffle(told.objects)
    return told


def _tell_bill(told: Stripe, story: Story, bill: Bill) -> None:
    api = story.api
    # a file of charges alone has nothing to say of a try without one
    payment = f"pi_{bill.id}"
    invoice: dict[str, Any] = {
        "id": bill.id, "object": "invoice", "customer": f"cus_{story.account}", "status": "open",
        "billing_reason": bill.billing_reason, "collection_method": bill.collection,
        "currency": "usd", "subtotal": bill.cents, "total": bill.cents, "amount_due": bill.cents,
        "amount_paid": 0, "amount_remaining": bill.cents, "attempt_count": 0,
        "created": seconds(bill.made), "next_payment_attempt": seconds(bill.next_try),
        "status_transitions": {"finalized_at": seconds(bill.made + HOUR)},
    }  # fmt: skip
    if bill.has_subscription and api in ("new", "expanded"):
        invoice["parent"] = {"subscription_details": {"subscription": story.subscription}}
    elif bill.has_subscription:
        invoice["subscription"] = story.subscription
    if api == "expanded":
        of_it = {"payment": {"type": "payment_intent", "payment_intent": {"id": payment}}}
        invoice["payments"] = {"data": [of_it]}
    told.tell(bill.made, "invoice.created", invoice | {"status": "draft"})
    told.tell(bill.made + HOUR, "invoice.finalized", invoice)
    closed = False
    for number, attempt in enumerate(sorted(bill.tries, key=lambda t: (t.at, t.ok)), start=1):
        if bill.closed and not closed and bill.closed[0] < attempt.at:
            closed = True
            _tell_end(told, bill, invoice)
        _tell_try(told, bill, invoice, number, attempt, api)
    if bill.closed and not closed:
        _tell_end(told, bill, invoice)
    if api == "new" and bill.tries:
        of_it = {"type": "payment_intent", "payment_intent": payment}
        told.tell(
            bill.made + HOUR,
            "invoice_payment.created",
            {
                "id": f"inpay_{bill.id}",
                "object": "invoice_payment",
                "invoice": bill.id,
                "payment": of_it,
            },
        )


def _tell_try(
    told: Stripe, bill: Bill, invoice: dict[str, Any], number: int, attempt: Try, api: str
) -> None:
    payment = f"pi_{bill.id}"
    charge = {
        "id": f"ch_{bill.id}_{number}", "object": "charge", "amount": owed(bill, attempt),
        "amount_refunded": attempt.refunded, "currency": "usd", "created": seconds(attempt.at),
        "status": "succeeded" if attempt.ok else "failed", "customer": invoice["customer"],
        "failure_code": None if attempt.ok else attempt.reason, "outcome": {"type": "any"},
    }  # fmt: skip
    if api in ("old", "charges_only"):
        charge["invoice"] = bill.id
    else:
        charge["payment_intent"] = payment
    invoice["attempt_count"] += 1
    charged = api != "events_only" and not attempt.no_card
    if charged and api == "charges_only" and attempt.at < AS_OF:
        told.objects.append(charge)
    elif charged and api != "charges_only":
        told.tell(attempt.at, "charge.succeeded" if attempt.ok else "charge.failed", charge)
    if attempt.ok:
        paid = invoice["amount_paid"] + owed(bill, attempt)
        invoice |= {"amount_paid": paid, "amount_remaining": bill.cents - paid}
        told.tell(attempt.at, "invoice.updated", invoice)
    elif api != "charges_only" or attempt.no_card:
        after = attempt.at + 2 * MINUTE / 60
        error = {"code": attempt.reason}
        failed = invoice | ({"last_payment_error": error} if attempt.reason else {})
        # without a card or a charge the event is all there is
        told.tell(after if charged else attempt.at, "invoice.payment_failed", failed)
        if charged:
            failing = {
                "id": payment, "object": "payment_intent", "amount": owed(bill, attempt),
                "last_payment_error": error | {"charge": charge["id"]},
            }  # fmt: skip
            told.tell(after, "payment_intent.payment_failed", failing)


def _tell_end(told: Stripe, bill: Bill, invoice: dict[str, Any]) -> None:
    assert bill.closed
    at, how = bill.closed
    status = {"out_of_band": "paid", "credited": "paid"}.get(how, how)
    moment = {"paid": "paid_at", "void": "voided_at"}.get(status, "marked_uncollectible_at")
    invoice |= {"status": status, "paid_out_of_band": how == "out_of_band"}
    invoice["status_transitions"] = invoice["status_transitions"] | {moment: seconds(at)}
    if how in ("paid", "out_of_band"):
        invoice |= {"amount_paid": bill.cents, "amount_remaining": 0}
    kind = {"paid": "invoice.paid", "void": "invoice.voided"}
    told.tell(at, kind.get(status, "invoice.marked_uncollectible"), invoice)


# --- random stories ---------------------------------------------------------------------------


def random_stories(seed: int, count: int) -> list[Story]:
    rng = random.Random(seed)
    return [_random_story(rng, f"{seed}_{number:04d}") for number in range(count)]


def _random_story(rng: random.Random, account: str) -> Story:
    start = datetime(2024, 1, 1) + timedelta(seconds=rng.randrange(180 * 86_400))
    api = rng.choice(API_VERSIONS)
    bills = []
    for number in range(rng.choice([1, 1, 2, 3])):
        made = start + number * 30 * DAY
        failing = rng.choice([0, 1, 1, 2, 3, 4, 6])
        cents = rng.randrange(100, 100_000)
        tries, at = [], made + HOUR
        for _ in range(failing):
            reason = rng.choice(["expired_card", "Insufficient_Funds", "card_declined", None])
            # a file of charges alone says nothing of a missing card
            no_card = reason is None and api not in ("charges_only", "events_only")
            tries.append(Try(at, reason=reason, no_card=no_card and rng.random() < 0.5))
            at += rng.choice([61 * MINUTE, DAY, 3 * DAY, 7 * DAY, 20 * DAY])
        how = rng.choice(
            ["paid", "paid", "paid", "out_of_band", "credited", "void", "uncollectible", None, None]
        )
        closed = (at, how) if how else None
        if how == "paid":
            tries.append(Try(at, ok=True, refunded=rng.choice([0, 0, 0, cents])))
        if how == "paid" and rng.random() < 0.2:
            tries.append(Try(at + 2 * DAY, reason="expired_card"))  # of no consequence
        bills.append(
            Bill(
                f"in_{account}_{number}", cents, made, tries, closed,
                next_try=at + 3 * DAY if how is None and rng.random() < 0.5 else None,
                billing_reason="subscription_create" if number == 0 else "subscription_cycle",
                collection=rng.choice(METHODS),
                has_subscription=rng.random() < 0.9,
            )
        )  # fmt: skip
    statuses = [(start, "active")]
    at = start
    for _ in range(rng.choice([0, 1, 2, 3, 4])):
        at += timedelta(seconds=rng.randrange(1, 45 * 86_400))
        after = {
            "active": ["past_due", "canceled"],
            "past_due": ["active", "unpaid", "canceled"],
            "unpaid": ["active", "canceled"],
        }.get(statuses[-1][1], [])
        if after:
            statuses.append((at, rng.choice(after)))
    also = start + timedelta(days=rng.randrange(200)) if rng.random() < 0.2 else None
    return Story(account, statuses, bills, api, also)


# --- from Stripe's files, as the demo company writes them ---------------------------------------


def from_landing(folder: Path, as_of: datetime) -> dict[str, dict[str, Any]]:
    """Every failed invoice of `stripe/`, by id, read from events and the lists of charges.

    Of one API version (charges name their invoice), which is the demo company's.
    """
    events: dict[str, dict[str, Any]] = {}
    for file in sorted((folder / "stripe/events").glob("*.jsonl")):
        for line in file.read_text().splitlines():
            try:
                event = json.loads(line)
            except json.JSONDecodeError:
                continue
            if event["livemode"]:
                events[event["id"]] = event
    charges: dict[str, dict[str, Any]] = {}
    invoices: dict[str, list[tuple[int, int, dict[str, Any]]]] = defaultdict(list)
    statuses: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    rank = ["draft", "open", "uncollectible", "paid", "void"]
    for event in events.values():
        thing = event["data"]["object"]
        if event["created"] >= as_of.replace(tzinfo=UTC).timestamp():
            continue
        if thing["object"] == "charge":
            charges[thing["id"]] = thing
        elif thing["object"] == "invoice":
            invoices[thing["id"]].append((event["created"], rank.index(thing["status"]), thing))
        elif thing["object"] == "subscription":
            last = event["type"].endswith("deleted")
            statuses[thing["id"]].append((event["created"], last, thing["status"]))
    found = {}
    for invoice_id, states in invoices.items():
        invoice = max(states, key=lambda state: state[:2])[2]
        tries = sorted(
            (c["created"], c["status"] == "succeeded", c["outcome"]["reason"])
            for c in charges.values()
            if c["invoice"] == invoice_id
        )
        paid = invoice["status_transitions"]["paid_at"]
        failures = [t for t in tries if not t[1] and (paid is None or t[0] <= paid)]
        if not failures:
            continue
        first = failures[0][0]
        ended = [
            at for at, _, status in sorted(statuses[invoice["subscription"]])
            if status in ENDED and at >= first
        ]  # fmt: skip
        moment = as_of.replace(tzinfo=UTC).timestamp()
        given_up = first + WAIT.total_seconds()
        if given_up <= moment and (invoice["next_payment_attempt"] or 0) < moment:
            ended.append(int(max(given_up, failures[-1][0])))
        lost = None if paid else min(ended, default=None)
        found[invoice_id] = {
            "reason": failures[0][2],
            "failed_attempts": len(failures),
            "outcome": "recovered" if paid else "lost" if lost else "open",
            "first_failed_at": datetime.fromtimestamp(first, UTC).replace(tzinfo=None),
            "days_to_recover": (paid - first) / 86_400 if paid else None,
            "recovered_on_attempt": len(tries) if paid else None,
            "lost_at": datetime.fromtimestamp(lost, UTC).replace(tzinfo=None) if lost else None,
            "failed_cents": invoice["amount_due"],
            "is_first_payment": invoice["billing_reason"] == "subscription_create",
        }
    return found


def periods(story: Story) -> Sequence[tuple[datetime, datetime | None, str]]:
    """The subscription's statuses as periods, up to now: from, until, which."""
    known = [(at, status) for at, status in story.statuses if at < AS_OF]
    ends = [at for at, _ in known[1:]] + [None]
    return [(at, end, status) for (at, status), end in zip(known, ends, strict=True)]
