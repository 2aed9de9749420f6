"""Paying: subscriptions, invoices and enterprise contracts, simulated account by account.

Everything that changes MRR passes through `Books.set_mrr`, the company's own ledger; the
truth is computed from that ledger, the Stripe files from the snapshots taken beside it.
"""

import copy
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from demo_company import names, plans
from demo_company.clock import MS_DAY, add_months, add_months_s, day_number, day_of, stream
from demo_company.parameters import Parameters
from demo_company.world import NEVER, TOO_LATE, Account, World

DAY, HOUR, MINUTE = 86_400, 3_600, 60
FREEMIUM_CONVERSION, TRIAL_CONVERSION = 0.052, 0.18
CONTRACT_SHARE = 0.15
TRIAL_DAYS = 14
COUNTED = ("active", "past_due")
API_VERSION = "2024-06-20"


def dumps(value: Any) -> str:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class EndOfHistory(Exception):
    """The next thing would happen at or after as_of: it is not known yet."""


@dataclass
class Subscription:
    """The mutable state whose snapshots the Stripe log carries."""

    id: str
    item_id: str
    customer: str
    account: Account
    plan: str
    interval: str
    quantity: int
    currency: str
    start: int
    status: str = "active"
    percent_off: int = 0
    discount_months: int = 0  # 0: forever
    discount_id: str = ""
    discount_end: int | None = None
    period_start: int = 0
    period_end: int = 0
    trial_start: int | None = None
    trial_end: int | None = None
    cancel_at_period_end: bool = False
    canceled_at: int | None = None
    ended_at: int | None = None
    pause: dict[str, Any] | None = None
    cancel_reason: str | None = None
    latest_invoice: str | None = None
    last_event_at: int = 0

    @property
    def unit_amount(self) -> int:
        return plans.PRICE_PER_SEAT[self.plan][self.interval][self.currency]

    @property
    def period_amount(self) -> int:
        """Of one period, after discount, half up."""
        return _half_up(self.unit_amount * self.quantity * (100 - self.percent_off), 100)

    @property
    def mrr(self) -> int:
        """Minor units a month, half up; 0 unless in a counted status and collecting."""
        if self.status not in COUNTED or self.pause:
            return 0
        months = 1 if self.interval == "month" else 12
        return _half_up(self.unit_amount * self.quantity * (100 - self.percent_off), 100 * months)


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


@dataclass
class Contract:
    contract_id: str
    account: Account
    start: int  # day number
    end: int  # last day covered
    annual_value: int  # minor units
    currency: str
    seats: int
    billing_frequency: str
    signed: int
    owner: str


@dataclass
class StripeEvent:
    id: str
    created: int
    type: str
    object: str  # JSON text of data.object at that moment
    previous: dict[str, Any] | None
    livemode: bool = True


@dataclass
class Books:
    """Everything billing leaves behind."""

    parameters: Parameters
    events: list[StripeEvent] = field(default_factory=list)
    ledger: list[tuple[int, int, str, str, int]] = field(default_factory=list)
    """(second, account, currency, source, minor units a month from then on)"""
    plan_changes: list[tuple[int, int, str, int]] = field(default_factory=list)
    """(second, account, plan, seats)"""
    product_events: list[tuple[int, int, str, str]] = field(default_factory=list)
    """(second, account, event, extra JSON properties)"""
    contracts: list[Contract] = field(default_factory=list)
    paying_spans: dict[int, list[list[int]]] = field(default_factory=dict)
    objects: dict[str, dict[str, str]] = field(default_factory=dict)
    """the newest JSON text by object type and id: what the list API answers at as_of"""
    converted: set[int] = field(default_factory=set)
    counter: int = 0

    @property
    def end(self) -> int:
        return self.parameters.end_ms // 1000

    def new_id(self, prefix: str) -> str:
        self.counter += 1
        text = f"{self.parameters.seed}/{prefix}/{self.counter}"
        return prefix + hashlib.blake2b(text.encode(), digest_size=8).hexdigest()[:14]

    def set_mrr(
        self, second: int, account: Account, currency: str, source: str, amount: int
    ) -> None:
        self.ledger.append((second, account.index, currency, source, amount))

    def log(
        self,
        created: int,
        event_type: str,
        thing: dict[str, Any],
        previous: dict[str, Any] | None = None,
        livemode: bool = True,
    ) -> None:
        """One webhook envelope; also the newest state for the list API."""
        if created >= self.end:
            raise EndOfHistory
        text = dumps(thing)
        self.events.append(
            StripeEvent(self.new_id("evt_"), created, event_type, text, previous, livemode)
        )
        if livemode and "id" in thing:
            self.objects.setdefault(thing["object"], {})[thing["id"]] = text


def subscription_object(sub: Subscription, created: int) -> dict[str, Any]:
    discount = []
    if sub.percent_off:
        discount = [
            {
                "id": sub.discount_id,
                "object": "discount",
                "coupon": {
                    "id": f"PCT{sub.percent_off}"
                    + (f"X{sub.discount_months}" if sub.discount_months else ""),
                    "object": "coupon",
                    "amount_off": None,
                    "currency": None,
                    "duration": "repeating" if sub.discount_months else "forever",
                    "duration_in_months": sub.discount_months or None,
                    "livemode": True,
                    "percent_off": float(sub.percent_off),
                    "valid": True,
                },
                "customer": sub.customer,
                "start": sub.start,
                "end": sub.discount_end,
                "subscription": sub.id,
            }
        ]
    price = plans.price_object(sub.plan, sub.interval, sub.currency, created)
    return {
        "id": sub.id,
        "object": "subscription",
        "billing_cycle_anchor": sub.period_start,
        "cancel_at": sub.period_end if sub.cancel_at_period_end else None,
        "cancel_at_period_end": sub.cancel_at_period_end,
        "canceled_at": sub.canceled_at,
        "cancellation_details": {"comment": None, "feedback": None, "reason": sub.cancel_reason},
        "collection_method": "charge_automatically",
        "created": sub.start,
        "currency": sub.currency,
        "current_period_end": sub.period_end,
        "current_period_start": sub.period_start,
        "customer": sub.customer,
        "discount": discount[0] if discount else None,
        "discounts": discount,
        "ended_at": sub.ended_at,
        "items": {
            "object": "list",
            "data": [
                {
                    "id": sub.item_id,
                    "object": "subscription_item",
                    "created": sub.start,
                    "metadata": {},
                    "price": price,
                    "quantity": sub.quantity,
                    "subscription": sub.id,
                }
            ],
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={sub.id}",
        },
        "latest_invoice": sub.latest_invoice,
        "livemode": True,
        "metadata": {"account_id": sub.account.account_id},
        "pause_collection": sub.pause,
        "start_date": sub.start,
        "status": sub.status,
        "trial_end": sub.trial_end,
        "trial_start": sub.trial_start,
    }


class Biller:
    """Moves one account through its life as a customer."""

    def __init__(self, world: World, books: Books, rng: np.random.Generator) -> None:
        self.world, self.books, self.rng = world, books, rng
        self.catalogue_created = world.parameters.start_ms // 1000 - 90 * DAY

    # -- customers, snapshots, invoices -------------------------------------------------

    def customer(self, account: Account, created: int) -> str:
        founder = self.world.users[account.founder]
        thing = {
            "id": self.books.new_id("cus_"),
            "object": "customer",
            "address": {"country": account.country},
            "balance": 0,
            "created": created,
            "currency": account.currency,
            "delinquent": False,
            "description": None,
            "email": founder.email,
            "livemode": True,
            "metadata": {"account_id": account.account_id},
            "name": account.name,
            "preferred_locales": [],
            "tax_exempt": "none",
        }
        self.books.log(created, "customer.created", thing)
        return str(thing["id"])

    def snapshot(self, sub: Subscription, at: int, kind: str, **previous: Any) -> int:
        """Logs the subscription as it is now; returns the second it was logged at."""
        at = max(at, sub.last_event_at + 1)
        thing = subscription_object(sub, self.catalogue_created)
        self.books.log(at, f"customer.subscription.{kind}", thing, previous or None)
        sub.last_event_at = at
        amount = 0 if kind == "deleted" else sub.mrr
        self.books.set_mrr(at, sub.account, sub.currency, sub.id, amount)
        plan = sub.plan if kind != "deleted" and sub.status in (*COUNTED, "trialing") else "free"
        self.books.plan_changes.append((at, sub.account.index, plan, sub.quantity))
        return at

    def invoice(
        self,
        sub: Subscription,
        at: int,
        reason: str,
        lines: list[dict[str, Any]],
        paid: bool = True,
        failure: str | None = None,
    ) -> dict[str, Any]:
        """Opens an invoice and settles it an hour later, or fails its first attempt."""
        total = max(sum(line["amount"] for line in lines), 0)
        thing: dict[str, Any] = {
            "id": self.books.new_id("in_"),
            "object": "invoice",
            "amount_due": total,
            "amount_paid": 0,
            "amount_remaining": total,
            "attempt_count": 0,
            "attempted": False,
            "billing_reason": reason,
            "collection_method": "charge_automatically",
            "created": at,
            "currency": sub.currency,
            "customer": sub.customer,
            "discounts": [],
            "hosted_invoice_url": None,
            "lines": {"object": "list", "data": [], "has_more": False},
            "livemode": True,
            "metadata": {"account_id": sub.account.account_id},
            "next_payment_attempt": None,
            "number": f"LUM-{self.books.counter:07d}",
            "paid": False,
            "period_end": sub.period_end,
            "period_start": sub.period_start,
            "status": "draft",
            "status_transitions": {"finalized_at": None, "paid_at": None},
            "subscription": sub.id,
            "subtotal": total,
            "tax": None,
            "total": total,
        }
        for line in lines:
            thing["lines"]["data"].append(
                {
                    "id": self.books.new_id("il_"),
                    "object": "line_item",
                    "currency": sub.currency,
                    "discountable": not line["proration"],
                    "invoice": thing["id"],
                    "livemode": True,
                    "metadata": {},
                    "subscription": sub.id,
                    "subscription_item": sub.item_id,
                    "type": "invoiceitem" if line["proration"] else "subscription",
                    **line,
                }
            )
        thing["lines"]["url"] = f"/v1/invoices/{thing['id']}/lines"
        sub.latest_invoice = thing["id"]
        self.books.log(at, "invoice.created", thing)
        thing["status"] = "open"
        thing["status_transitions"]["finalized_at"] = at + HOUR
        self.books.log(at + HOUR, "invoice.finalized", thing)
        if paid:
            self.pay(sub, thing, at + HOUR + 2)
        else:
            self.fail(sub, thing, at + HOUR + 2, failure or "card_declined", at + 3 * DAY)
        return thing

    def charge(
        self, sub: Subscription, invoice: dict[str, Any], at: int, failure: str | None
    ) -> str:
        thing = {
            "id": self.books.new_id("ch_"),
            "object": "charge",
            "amount": invoice["amount_due"],
            "amount_captured": 0 if failure else invoice["amount_due"],
            "amount_refunded": 0,
            "captured": not failure,
            "created": at,
            "currency": sub.currency,
            "customer": sub.customer,
            "failure_code": failure,
            "failure_message": "Your card was declined." if failure else None,
            "invoice": invoice["id"],
            "livemode": True,
            "metadata": {},
            "outcome": {"reason": failure, "type": "issuer_declined" if failure else "authorized"},
            "paid": not failure,
            "payment_method_details": {"card": {"brand": "visa", "last4": "4242"}, "type": "card"},
            "refunded": False,
            "status": "failed" if failure else "succeeded",
        }
        self.books.log(at, "charge.failed" if failure else "charge.succeeded", thing)
        return str(thing["id"])

    def pay(self, sub: Subscription, invoice: dict[str, Any], at: int) -> None:
        if invoice["amount_due"]:
            invoice["charge"] = self.charge(sub, invoice, at, None)
            invoice["attempt_count"] += 1
            invoice["attempted"] = True
        invoice |= {
            "amount_paid": invoice["amount_due"], "amount_remaining": 0, "paid": True,
            "status": "paid", "next_payment_attempt": None,
        }  # fmt: skip
        invoice["status_transitions"]["paid_at"] = at
        self.books.log(at, "invoice.paid", invoice, {"status": "open", "paid": False})

    def fail(
        self, sub: Subscription, invoice: dict[str, Any], at: int, why: str, again: int | None
    ) -> None:
        self.charge(sub, invoice, at, why)
        invoice["attempt_count"] += 1
        invoice["attempted"] = True
        invoice["next_payment_attempt"] = again
        self.books.log(at, "invoice.payment_failed", invoice)

    def price(self, sub: Subscription) -> dict[str, Any]:
        return plans.price_object(sub.plan, sub.interval, sub.currency, self.catalogue_created)

    def period_line(self, sub: Subscription) -> dict[str, Any]:
        return {
            "amount": sub.period_amount,
            "description": f"{sub.quantity} × Lumen {sub.plan.title()} (per seat)",
            "period": {"start": sub.period_start, "end": sub.period_end},
            "price": self.price(sub),
            "proration": False,
            "quantity": sub.quantity,
        }

    def proration_lines(
        self, sub: Subscription, before: Subscription, at: int
    ) -> list[dict[str, Any]]:
        """Credit for the unused time of the old state, charge for the rest of the new one."""
        left, whole = (
            max(before.period_end - at, 0),
            max(before.period_end - before.period_start, 1),
        )
        lines = []
        for state, sign, word in ((before, -1, "Unused time on"), (sub, 1, "Remaining time on")):
            lines.append(
                {
                    "amount": sign * _half_up(state.period_amount * left, whole),
                    "description": f"{word} {state.quantity} × Lumen {state.plan.title()}",
                    "period": {"start": at, "end": before.period_end},
                    "price": self.price(state),
                    "proration": True,
                    "quantity": state.quantity,
                }
            )  # fmt: skip
        return lines

    # -- life ---------------------------------------------------------------------------

    def subscribe(
        self, account: Account, customer: str, at: int, plan: str, interval: str, seats: int,
        trial_days: int = 0, reason: str = "subscription_create",
    ) -> Subscription:  # fmt: skip
        rng = self.rng
        sub = Subscription(
            id=self.books.new_id("sub_"),
            item_id=self.books.new_id("si_"),
            customer=customer,
            account=account,
            plan=plan,
            interval=interval,
            quantity=seats,
            currency=account.currency,
            start=at,
        )
        if not trial_days and rng.random() < 0.18:
            sub.percent_off = int(rng.choice([10, 15, 20, 25]))
            sub.discount_id = self.books.new_id("di_")
            sub.discount_months = int(rng.choice([0, 3, 6]))
            if sub.discount_months:
                sub.discount_end = add_months_s(at, sub.discount_months)
        sub.period_start = at
        if trial_days:
            sub.status, sub.trial_start, sub.trial_end = "trialing", at, at + trial_days * DAY
            sub.period_end = sub.trial_end
        else:
            sub.period_end = add_months_s(at, 1 if interval == "month" else 12)
        self.snapshot(sub, at, "created")
        if not trial_days:
            self.invoice(sub, at + 1, reason, [self.period_line(sub)])
        return sub

    def delete(self, sub: Subscription, at: int, reason: str) -> int:
        before = sub.status
        sub.status, sub.cancel_reason = "canceled", reason
        sub.ended_at = at
        sub.canceled_at = sub.canceled_at or at
        return self.snapshot(sub, at, "deleted", status=before)

    def live(self, sub: Subscription, until: int) -> int:
        """Runs an active subscription until it ends or `until`; returns the second it ended.

        Raises EndOfHistory where it is still alive at as_of.
        """
        rng, account = self.rng, sub.account
        anchor, step = sub.period_start, 0
        pending: list[dict[str, Any]] = []
        calm = float(np.exp(-0.35 * account.quality))
        while True:
            tick = add_months_s(anchor, step)
            following = add_months_s(anchor, step + 1)
            if tick >= until:
                return self.delete(sub, until, "cancellation_requested")
            # one change of mind a month at most
            at = int(tick + (following - tick) * rng.uniform(0.2, 0.85))
            if at >= until:
                return self.delete(sub, until, "cancellation_requested")
            draw = rng.random()
            before = copy.copy(sub)
            if sub.cancel_at_period_end:
                if draw < 0.03:  # changed their mind
                    sub.cancel_at_period_end, sub.canceled_at, sub.cancel_reason = False, None, None
                    self.snapshot(sub, at, "updated", cancel_at_period_end=True)
            elif draw < 0.16:
                more = 1 + int(rng.poisson(0.06 * sub.quantity + 0.4))
                sub.quantity += more
                at = self.snapshot(sub, at, "updated", quantity=before.quantity)
                self.books.product_events.append(
                    (at, account.index, "seats_added", f',"seats":{more}')
                )
                pending += self.proration_lines(sub, before, at)
            elif draw < 0.20 and sub.quantity > 2:
                sub.quantity -= min(1 + int(rng.poisson(0.8)), sub.quantity - 1)
                at = self.snapshot(sub, at, "updated", quantity=before.quantity)
                pending += self.proration_lines(sub, before, at)
            elif draw < 0.225 and sub.plan != "business":
                sub.plan = plans.PAID_PLANS[plans.PAID_PLANS.index(sub.plan) + 1]
                at = self.snapshot(
                    sub,
                    at,
                    "updated",
                    items={
                        "data": [
                            {
                                "price": {
                                    "id": plans.price_id(
                                        before.plan, before.interval, before.currency
                                    )
                                }
                            }
                        ]
                    },
                )
                pending += self.proration_lines(sub, before, at)
            elif draw < 0.233 and sub.plan != "starter":
                sub.plan = plans.PAID_PLANS[plans.PAID_PLANS.index(sub.plan) - 1]
                at = self.snapshot(
                    sub,
                    at,
                    "updated",
                    items={
                        "data": [
                            {
                                "price": {
                                    "id": plans.price_id(
                                        before.plan, before.interval, before.currency
                                    )
                                }
                            }
                        ]
                    },
                )
                pending += self.proration_lines(sub, before, at)
            elif draw < 0.250 and sub.interval == "month":
                lines = self.proration_lines(sub, before, at)[:1]
                sub.interval = "year"
                sub.period_start, sub.period_end = at, add_months_s(at, 12)
                at = self.snapshot(
                    sub,
                    at,
                    "updated",
                    items={
                        "data": [
                            {
                                "price": {
                                    "id": plans.price_id(
                                        before.plan, before.interval, before.currency
                                    )
                                }
                            }
                        ]
                    },
                )
                self.invoice(
                    sub, at + 1, "subscription_update", [*pending, *lines, self.period_line(sub)]
                )
                pending, anchor, step = [], sub.period_start, 0
                continue
            elif draw < 0.254:
                resumes = at + int(rng.uniform(10, 45)) * DAY
                if resumes < until:
                    sub.pause = {"behavior": "void", "resumes_at": resumes}
                    self.snapshot(sub, at, "updated", pause_collection=None)
                    sub.pause = None
                    resumed = self.snapshot(
                        sub,
                        resumes,
                        "updated",
                        pause_collection={"behavior": "void", "resumes_at": resumes},
                    )
                    while add_months_s(anchor, step + 1) <= resumed:
                        step += 1
                    if sub.period_end <= resumed:
                        sub.period_start, sub.period_end = self.period_at(sub, anchor, resumed)
                    following = add_months_s(anchor, step + 1)
            elif draw < 0.254 + 0.024 * calm:
                if rng.random() < 0.25:
                    sub.canceled_at = at
                    return self.delete(sub, at, "cancellation_requested")
                sub.cancel_at_period_end, sub.canceled_at = True, at
                sub.cancel_reason = "cancellation_requested"
                self.snapshot(sub, at, "updated", cancel_at_period_end=False)
            step += 1
            if following >= until:
                return self.delete(sub, until, "cancellation_requested")
            if sub.cancel_at_period_end and following >= sub.period_end:
                return self.delete(sub, sub.period_end, "cancellation_requested")
            previous: dict[str, Any] = {}
            if sub.discount_end is not None and following >= sub.discount_end:
                previous["discounts"] = [sub.discount_id]
                sub.percent_off, sub.discount_end = 0, None
            if following >= sub.period_end:
                previous["current_period_end"] = sub.period_end
                previous["current_period_start"] = sub.period_start
                sub.period_start = sub.period_end
                sub.period_end = add_months_s(anchor, step + (1 if sub.interval == "month" else 12))
                self.snapshot(sub, following, "updated", **previous)
                ended = self.renew(sub, following, pending, calm)
                pending = []
                if ended is not None:
                    return ended
            elif previous:
                self.snapshot(sub, following, "updated", **previous)

    def period_at(self, sub: Subscription, anchor: int, at: int) -> tuple[int, int]:
        length = 1 if sub.interval == "month" else 12
        k = 0
        while add_months_s(anchor, (k + 1) * length) <= at:
            k += 1
        return add_months_s(anchor, k * length), add_months_s(anchor, (k + 1) * length)

    def renew(
        self, sub: Subscription, at: int, pending: list[dict[str, Any]], calm: float
    ) -> int | None:
        """The renewal invoice; a failing card is retried and recovers, or the service ends."""
        rng = self.rng
        lines = [*pending, self.period_line(sub)]
        if rng.random() >= 0.045:
            self.invoice(sub, at + 2, "subscription_cycle", lines)
            return None
        why = str(rng.choice(["insufficient_funds", "card_declined", "expired_card"]))
        invoice = self.invoice(sub, at + 2, "subscription_cycle", lines, paid=False, failure=why)
        sub.status = "past_due"
        self.snapshot(sub, at + HOUR + 3, "updated", status="active")
        recovers = rng.random() < 0.72
        attempts = (3, 8, 15)
        succeeds = int(rng.choice(attempts, p=[0.5, 0.3, 0.2])) if recovers else 99
        for day in attempts:
            if day == succeeds:
                self.pay(sub, invoice, at + day * DAY)
                sub.status = "active"
                self.snapshot(sub, at + day * DAY + 1, "updated", status="past_due")
                return None
            self.fail(sub, invoice, at + day * DAY, why, at + (day + 6) * DAY)
        last = at + 21 * DAY
        self.fail(sub, invoice, last, why, None)
        if rng.random() < 0.4:
            sub.status = "unpaid"
            self.snapshot(sub, last + 1, "updated", status="past_due")
            last += int(rng.uniform(3, 30)) * DAY
            self.delete(sub, last + 2, "payment_failed")
            return last + 2
        return self.delete(sub, last + 2, "payment_failed")


def account_scores(world: World) -> np.ndarray:
    """How much value an account got: what makes it pay."""
    scores = np.full(len(world.accounts), -2.0)
    for user in world.users:
        if user.account >= 0 and user.kind not in (NEVER, TOO_LATE):
            base = max(scores[user.account], 0.0)
            scores[user.account] = (
                base + (1.5 if user.is_founder else 0.6) + 0.4 * np.log1p(user.intensity)
            )
    return scores


def choose_payers(world: World, rng: np.random.Generator) -> set[int]:
    """The accounts that will pay: a fixed share by entry model, the most activated first."""
    scores = account_scores(world) + rng.normal(0, 1.0, len(world.accounts))
    # who has been here longer had more time to decide
    signed_up = np.array([account.signed_up for account in world.accounts])
    history = world.parameters.end_ms - world.parameters.start_ms
    scores += 3.0 * (world.parameters.end_ms - signed_up) / history
    chosen: set[int] = set()
    for model, rate, days in (
        ("freemium", FREEMIUM_CONVERSION, 35),
        ("trial", TRIAL_CONVERSION, TRIAL_DAYS + 2),
    ):
        pool = [a.index for a in world.accounts if a.entry_model == model]
        quota = round(rate * len(pool))
        ripe = [
            i for i in pool if world.accounts[i].signed_up < world.parameters.end_ms - days * MS_DAY
        ]
        chosen |= set(sorted(ripe, key=lambda i: -scores[i])[:quota])
    return chosen


def run_billing(world: World, attempt: int) -> Books:
    """One possible course of the company's revenue."""
    parameters = world.parameters
    rng = stream(parameters.seed, "billing", attempt)
    books = Books(parameters)
    biller = Biller(world, books, rng)
    payers = choose_payers(world, stream(parameters.seed, "payers"))
    books.converted = payers
    by_size = sorted(payers, key=lambda i: -world.accounts[i].employees)
    enterprise = set(by_size[: round(CONTRACT_SHARE * len(payers))])
    _catalogue(books, biller.catalogue_created)
    for account in world.accounts:
        try:
            _account_life(biller, account, account.index in payers, account.index in enterprise)
        except EndOfHistory:
            continue
    _test_mode_customer(biller)
    books.events.sort(key=lambda e: (e.created, e.id))
    return books


def _catalogue(books: Books, created: int) -> None:
    for plan in plans.PAID_PLANS:
        books.log(created, "product.created", plans.product_object(plan, created))
        for interval in ("month", "year"):
            for currency in ("usd", "eur", "gbp"):
                price = plans.price_object(plan, interval, currency, created)
                books.log(created, "price.created", price)


def _account_life(biller: Biller, account: Account, pays: bool, is_enterprise: bool) -> None:
    rng, books = biller.rng, biller.books
    signed_up = account.signed_up // 1000
    until = books.end + 10 * 365 * DAY
    if is_enterprise:
        first_day = day_number(
            day_of((signed_up + int(rng.uniform(40, 120)) * DAY) // DAY).replace(day=1)
        )
        first_day = max(first_day + int(rng.integers(0, 28)), signed_up // DAY + 20)
        if first_day * DAY < books.end:
            _contracts(biller, account, first_day)
            until = first_day * DAY + 12 * HOUR
        else:
            is_enterprise = False
    roll_out = {0: 1.0, 1: 4.0, 2: 9.0}[(account.employees > 50) + (account.employees > 500)]
    seats = max(1, min(len(account.members), account.employees)) + int(rng.poisson(roll_out))
    seats = min(seats, max(account.employees, 1))
    plan = str(rng.choice(plans.PAID_PLANS, p=[0.40, 0.42, 0.18]))
    interval = "year" if rng.random() < 0.25 else "month"
    if account.entry_model == "trial":
        start = signed_up + int(rng.uniform(5, 90)) * MINUTE
        customer = biller.customer(account, start)
        sub = biller.subscribe(account, customer, start + 1, plan, interval, seats, TRIAL_DAYS)
        assert sub.trial_end is not None
        if not pays or (is_enterprise and rng.random() < 0.5):
            biller.delete(sub, sub.trial_end, "cancellation_requested")
            return
        _checkout(biller, account, customer, sub.trial_end - int(rng.uniform(0.2, 5) * DAY), sub)
        sub.status, sub.period_start = "active", sub.trial_end
        sub.period_end = add_months_s(sub.trial_end, 1 if interval == "month" else 12)
        if rng.random() < 0.18:
            sub.percent_off, sub.discount_id = int(rng.choice([10, 20])), books.new_id("di_")
        biller.snapshot(sub, sub.trial_end, "updated", status="trialing")
        biller.invoice(sub, sub.trial_end + 1, "subscription_cycle", [biller.period_line(sub)])
    elif pays and not (is_enterprise and rng.random() < 0.6):
        start = signed_up + int(rng.uniform(6, 100) * DAY)
        if start >= min(until, books.end - 2 * DAY):
            start = signed_up + int(rng.uniform(3, 18) * DAY)
        customer = biller.customer(account, start)
        _checkout(biller, account, customer, start + 1, None)
        sub = biller.subscribe(account, customer, start + 40, plan, interval, seats)
    else:
        return
    while True:
        ended = biller.live(sub, until)
        back = ended + int(rng.uniform(30, 150) * DAY)
        if ended >= until or back >= until or rng.random() >= 0.35:
            return
        if rng.random() < 0.4:  # came back through a new checkout: a second Stripe customer
            customer = biller.customer(account, back - 60)
        sub = biller.subscribe(account, customer, back, sub.plan, "month", max(1, sub.quantity - 1))


def _checkout(
    biller: Biller, account: Account, customer: str, at: int, sub: Subscription | None
) -> None:
    books = biller.books
    for before, event in (
        (40, "pricing_page_viewed"),
        (30, "plans_compared"),
        (10, "checkout_started"),
    ):
        books.product_events.append((at - before * MINUTE, account.index, event, ""))
    session = {
        "id": books.new_id("cs_live_"),
        "object": "checkout.session",
        "client_reference_id": account.account_id,
        "created": at - 10 * MINUTE,
        "currency": account.currency,
        "customer": customer,
        "livemode": True,
        "metadata": {"account_id": account.account_id},
        "mode": "subscription",
        "payment_status": "paid",
        "status": "complete",
        "subscription": sub.id if sub else None,
    }
    books.log(at, "checkout.session.completed", session)
    books.product_events.append((at + 5, account.index, "checkout_completed", ""))


def _contracts(biller: Biller, account: Account, first_day: int) -> None:
    """An enterprise contract and its renewals; each covers a year less a day."""
    rng, books = biller.rng, biller.books
    seats = int(np.clip(account.employees * rng.uniform(0.02, 0.06), 12, 60))
    value = int(seats * 12 * rng.uniform(30, 48) // 50 * 50) * 100 + int(
        rng.choice([0, 0, 50]) * 100
    )
    start, frequency = first_day, str(rng.choice(["annual", "annual", "quarterly"]))
    while True:
        end = day_number(add_months(day_of(start), 12)) - 1
        signed = start - int(rng.integers(1, 21))
        if signed * DAY >= books.end:
            return
        books.contracts.append(
            Contract(
                f"con_{len(books.contracts):05d}", account, start, end, value, account.currency,
                seats, frequency, signed, names.owner_email(int(rng.integers(len(names.OWNERS)))),
            )
        )  # fmt: skip
        source = books.contracts[-1].contract_id
        if start * DAY >= books.end:
            return  # signed, and not begun yet
        books.set_mrr(start * DAY, account, account.currency, source, _half_up(value, 12))
        books.plan_changes.append((start * DAY, account.index, "enterprise", seats))
        if (end + 1) * DAY < books.end:
            books.set_mrr((end + 1) * DAY, account, account.currency, source, 0)
        if rng.random() > 0.85:
            books.plan_changes.append(((end + 1) * DAY, account.index, "free", seats))
            return
        growth = float(rng.uniform(0.92, 1.22))
        seats, value = max(int(seats * growth), 1), int(value * growth // 5000) * 5000
        start = end + 1


def _test_mode_customer(biller: Biller) -> None:
    """Somebody of Lumen trying out checkout with Stripe's test keys: must never count."""
    books, parameters = biller.books, biller.world.parameters
    if parameters.dirt_rate <= 0:
        return
    at = parameters.start_ms // 1000 + 6 * DAY
    account = biller.world.accounts[0]
    sub = Subscription(
        id="sub_test000001",
        item_id="si_test000001",
        customer="cus_test000001",
        account=account,
        plan="business",
        interval="month",
        quantity=40,
        currency="usd",
        start=at,
        period_start=at,
        period_end=add_months_s(at, 1),
    )
    thing = subscription_object(sub, biller.catalogue_created) | {
        "livemode": False,
        "metadata": {"account_id": "acc_test_mode"},
    }
    customer = {
        "id": "cus_test000001", "object": "customer", "created": at - 5, "livemode": False,
        "email": "qa@lumen.example", "name": "Test Mode Ltd", "currency": "usd",
        "metadata": {"account_id": "acc_test_mode"},
    }  # fmt: skip
    books.log(at - 5, "customer.created", customer, livemode=False)
    books.log(at, "customer.subscription.created", thing, livemode=False)
