"""What billing leaves behind: the company's ledger, the Stripe log, contracts; and their types."""

import hashlib
import json
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from demo_company import plans
from demo_company.parameters import Parameters
from demo_company.world import Account

COUNTED = ("active", "past_due")


def dumps(value: Any) -> str:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class EndOfHistory(Exception):
    """The next thing would happen at or after as_of: it is not known yet."""


def half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


@dataclass(frozen=True)
class Held:
    """One thing an account pays for from a moment on; money is exact, in minor units a month."""

    key: str
    plan: str
    term: str  # how long one payment lasts
    currency: str
    quantity: int
    list_price: Fraction  # of the whole quantity
    net_price: Fraction  # after discounts that last

    @property
    def mrr(self) -> int:
        return half_up(self.net_price.numerator, self.net_price.denominator)


@dataclass
class Invoice:
    """What the company knows of a bill it sent; money in minor units."""

    id: str
    account: int
    customer: str
    subscription: str
    reason: str
    currency: str
    amount_due: int
    total: int
    total_without_tax: int
    lines: list[dict[str, Any]]
    finalized: int | None = None
    charge: dict[str, Any] | None = None  # the last one
    attempts: list[tuple[int, str | None]] = field(default_factory=list)
    """(second, why it failed or None)"""
    closed: tuple[int, str] | None = None
    """(second, paid, void or uncollectible)"""


@dataclass(frozen=True)
class Credit:
    """Money given back: by credit note (with its line), by refund alone, or by both."""

    id: str
    invoice: str
    line: str | None
    at: int
    amount: int  # minor units without tax; of a plain refund, all of it
    kind: str  # credit_note, refund


@dataclass(frozen=True)
class Item:
    """What a subscription holds beside its plan."""

    id: str
    plan: str


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
    created: int
    is_second: bool = False  # beside another one of the account
    has_new_price: bool = False
    items: tuple[Item, ...] = ()  # beside the plan's own
    status: str = "active"
    percent_off: int = 0
    amount_off: int = 0
    discount_duration: str = "forever"
    discount_months: int = 0
    discount_id: str = ""
    discount_start: int = 0
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

    def unit_amount(self, plan: str) -> int:
        is_new = self.has_new_price and plan == self.plan
        return plans.unit_amount(plan, self.interval, self.currency, is_new)

    @property
    def licensed(self) -> list[tuple[str, str, int, int]]:
        """(item, plan, quantity, minor units of a period before discounts), metered ones not."""
        found = [(self.item_id, self.plan, self.quantity)]
        found += [(item.id, item.plan, 1) for item in self.items if item.plan != plans.METERED]
        return [(item, plan, n, n * self.unit_amount(plan)) for item, plan, n in found]

    def discounts(self) -> dict[str, Fraction]:
        """Minor units of a period by item: percentages first; what is fixed, off the largest."""
        off = {item: Fraction(gross * self.percent_off, 100) for item, _, _, gross in self.licensed}
        left = Fraction(self.amount_off)
        for item, _, _, gross in sorted(self.licensed, key=lambda row: (-row[3], row[0])):
            taken = min(left, gross - off[item])
            off[item], left = off[item] + taken, left - taken
        return off

    @property
    def period_amount(self) -> int:
        """Of the plan and one period, after a percentage that lasts, half up; for proration."""
        kept = 100 if self.discount_duration == "once" else 100 - self.percent_off
        return half_up(self.unit_amount(self.plan) * self.quantity * kept, 100)

    @property
    def held(self) -> tuple[Held, ...]:
        """What counts as recurring revenue: nothing unless in a counted status and collecting."""
        if self.status not in COUNTED or self.pause:
            return ()
        # 52 weeks are twelve months
        months = Fraction(12, 52) if self.interval == "week" else plans.MONTHS[self.interval]
        off = self.discounts() if self.discount_duration != "once" else {}
        return tuple(
            Held(
                f"{self.id}/{item}", plan, self.interval, self.currency, quantity,
                gross / Fraction(months), (gross - off.get(item, 0)) / Fraction(months),
            )
            for item, plan, quantity, gross in self.licensed
        )  # fmt: skip


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
    holdings: list[tuple[int, int, str, tuple[Held, ...], str]] = field(default_factory=list)
    """(second, account, source, what of it is paid for from then on, why it changed)"""
    invoices: dict[str, Invoice] = field(default_factory=dict)
    credits: list[Credit] = field(default_factory=list)
    stops: dict[str, list[int]] = field(default_factory=dict)
    """subscription: the seconds at which it became unpaid or was cancelled"""
    counter: int = 0

    @property
    def end(self) -> int:
        return self.parameters.end_ms // 1000

    def new_id(self, prefix: str) -> str:
        self.counter += 1
        text = f"{self.parameters.seed}/{prefix}/{self.counter}"
        return prefix + hashlib.blake2b(text.encode(), digest_size=8).hexdigest()[:14]

    def hold(
        self, second: int, account: Account, currency: str, source: str,
        held: tuple[Held, ...], why: str = "",
    ) -> None:  # fmt: skip
        """From this second on the account pays for `held` of the source, and for nothing else."""
        self.holdings.append((second, account.index, source, held, why))
        amount = sum(thing.mrr for thing in held)
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
    if sub.percent_off or sub.amount_off:
        coupon = plans.coupon_object(
            sub.percent_off, sub.amount_off, sub.currency, sub.discount_duration,
            sub.discount_months, created,
        )  # fmt: skip
        discount = [
            {
                "id": sub.discount_id,
                "object": "discount",
                "coupon": coupon,
                "customer": sub.customer,
                "start": sub.discount_start,
                "end": sub.discount_end,
                "subscription": sub.id,
            }
        ]
    held = [(sub.item_id, sub.plan, sub.quantity)]
    held += [(item.id, item.plan, None if item.plan == plans.METERED else 1) for item in sub.items]
    items = []
    for item, plan, quantity in held:
        is_new = sub.has_new_price and plan == sub.plan
        items.append(
            {
                "id": item,
                "object": "subscription_item",
                "created": sub.created,
                "discounts": [],
                "metadata": {},
                "price": plans.price_object(plan, sub.interval, sub.currency, created, is_new),
                **({} if quantity is None else {"quantity": quantity}),
                "subscription": sub.id,
            }
        )
    return {
        "id": sub.id,
        "object": "subscription",
        "billing_cycle_anchor": sub.period_start,
        "cancel_at": sub.period_end if sub.cancel_at_period_end else None,
        "cancel_at_period_end": sub.cancel_at_period_end,
        "canceled_at": sub.canceled_at,
        "cancellation_details": {"comment": None, "feedback": None, "reason": sub.cancel_reason},
        "collection_method": "charge_automatically",
        "created": sub.created,
        "currency": sub.currency,
        "current_period_end": sub.period_end,
        "current_period_start": sub.period_start,
        "customer": sub.customer,
        "discount": discount[0] if discount else None,
        "discounts": discount,
        "ended_at": sub.ended_at,
        "items": {
            "object": "list",
            "data": items,
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
