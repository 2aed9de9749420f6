"""What Stripe would send of the things that happen in a scenario.

A `Subscription` is the object as Stripe would hold it; each happening changes it and, unless it
is never sent, makes a webhook envelope with the whole object and what was there before.
"""

import calendar
import hashlib
import json
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.revenue_book.pricing import Coupon, Price

LATEST_API = "2024-06-20"


def seconds(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp())


def add_months(moment: datetime, months: int) -> datetime:
    """The same day so many months later, or the last of a month that is too short."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def period_around(
    anchor: datetime, moment: datetime, every: str, count: int
) -> tuple[datetime, datetime]:
    """Start and end of the billing period `moment` lies in."""

    def at(number: int) -> datetime:
        if every in ("month", "year"):
            return add_months(anchor, number * count * (12 if every == "year" else 1))
        return anchor + timedelta(days=number * count * (7 if every == "week" else 1))

    number = 0
    while at(number + 1) <= moment:
        number += 1
    return at(number), at(number + 1)


@dataclass(frozen=True)
class Envelope:
    """A line of the event log, when it reached us and how often."""

    arrived_at: datetime
    body: dict[str, Any]
    copies: int = 1

    @property
    def is_late(self) -> bool:
        """It came on a later day than it was made."""
        made_at = datetime.fromtimestamp(self.body["created"], UTC)
        return self.arrived_at.date() > made_at.date()


@dataclass(frozen=True)
class Pull:
    """An object as the list API showed it at a moment."""

    pulled_at: datetime
    folder: str
    body: dict[str, Any]


@dataclass
class StripeAccount:
    """Everything one scenario makes Stripe send. `key` begins every id."""

    key: str
    account_id: str
    known_by: str = "customer"
    envelopes: list[Envelope] = field(default_factory=list)
    pulls: list[Pull] = field(default_factory=list)
    subscriptions: dict[str, "Subscription"] = field(default_factory=dict)
    customers: set[str] = field(default_factory=set)
    customer_discounts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def number(self) -> int:
        return len(self.envelopes) + len(self.pulls)

    def send(
        self,
        kind: str,
        at: datetime,
        body: dict[str, Any],
        previous: dict[str, Any] | None = None,
        *,
        arrived_at: datetime | None = None,
        copies: int = 1,
        is_test: bool = False,
        api: str = LATEST_API,
    ) -> None:
        # as with Stripe, ids say nothing about the order
        digest = hashlib.md5(f"{self.key}/{self.number()}".encode()).hexdigest()[:16]
        data: dict[str, Any] = {"object": deepcopy(body)}
        if previous is not None:
            data["previous_attributes"] = deepcopy(previous)
        envelope = {
            "id": f"evt_{digest}",
            "object": "event",
            "api_version": api,
            "created": seconds(at),
            "data": data,
            "livemode": not is_test,
            "pending_webhooks": 0,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }
        self.envelopes.append(Envelope(arrived_at or at, envelope, copies))

    @property
    def domain(self) -> str:
        return f"{self.key.replace('_', '-')}.example"

    def customer(self, name: str, at: datetime, is_test: bool = False) -> str:
        """The id of a customer, who is created at the first mention."""
        customer_id = f"cus_{self.key}_{name}"
        if name not in self.customers:
            self.customers.add(name)
            body = {
                "id": customer_id,
                "object": "customer",
                "created": seconds(at),
                "email": f"billing@{self.domain}" if self.known_by == "domain" else None,
                "name": name,
                "metadata": {"account_id": self.account_id} if self.known_by == "customer" else {},
            }
            self.send("customer.created", at, body, is_test=is_test)
        return customer_id


@dataclass
class Subscription:
    """A subscription, changed in place; `commit` sends what changed."""

    account: StripeAccount
    label: str
    customer_id: str
    created_at: datetime
    started_at: datetime
    currency: str
    is_test: bool = False
    status: str = "active"
    items: list[dict[str, Any]] = field(default_factory=list)
    discounts: list[dict[str, Any]] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    api: str = LATEST_API
    count_items: int = 0
    count_discounts: int = 0
    sent: dict[str, Any] | None = None
    trial_ends_at: datetime | None = None
    are_tiers_apart: bool = False
    are_coupons_ids: bool = False
    is_expanded: bool = False

    @property
    def id(self) -> str:
        return f"sub_{self.account.key}_{self.label}"

    def add_item(self, product: str, price: Price, quantity: int) -> dict[str, Any]:
        self.count_items += 1
        item = {
            "id": f"si_{self.account.key}_{self.label}_{self.count_items}",
            "object": "subscription_item",
            "price": price.body(product, self.currency, self.account.key),
            "discounts": [],
        }
        if self.are_tiers_apart:
            # webhooks come without tiers; the price list, asked for them, has them
            self.account.pulls.append(Pull(self.created_at, "prices", deepcopy(item["price"])))
            item["price"].pop("tiers", None)
        if not price.is_metered:
            item["quantity"] = quantity
        self.items.append(item)
        return item

    def item_of(self, product: str | None) -> dict[str, Any]:
        """The item of a product; without one the first."""
        if product is None:
            return self.items[0]
        for item in self.items:
            if item["price"]["product"] == f"prod_{product}":
                return item
        raise ValueError(f"{self.id} has no item {product!r}")

    def discount(self, coupon: Coupon, at: datetime, promotion: str | None) -> dict[str, Any]:
        self.count_discounts += 1
        name = f"{self.account.key}_{self.label}_{self.count_discounts}"
        end = add_months(at, coupon.months) if coupon.months else None
        made = {
            "id": f"di_{name}",
            "object": "discount",
            "coupon": coupon.body(f"coupon_{name}", self.currency),
            "promotion_code": promotion,
            "start": seconds(at),
            "end": seconds(end) if end else None,
        }
        if self.are_coupons_ids:
            body = made | {"customer": self.customer_id, "subscription": self.id}
            self.account.send("customer.discount.created", at, body, is_test=self.is_test)
        return made

    def discount_customer(self, coupon: Coupon, at: datetime) -> None:
        """A discount of the customer: an event of its own, of the discount alone."""
        made = self.discount(coupon, at, None) | {
            "customer": self.customer_id,
            "subscription": None,
        }
        self.account.customer_discounts[self.customer_id] = made
        self.account.send("customer.discount.created", at, made, is_test=self.is_test)

    def undiscount_customer(self, at: datetime) -> None:
        body = self.account.customer_discounts.pop(self.customer_id)
        self.account.send("customer.discount.deleted", at, body, is_test=self.is_test)

    def period(self, at: datetime) -> tuple[datetime, datetime]:
        recurring = self.items[0]["price"]["recurring"]
        anchor = self.trial_ends_at or self.started_at
        if at < anchor:
            return self.started_at, anchor
        return period_around(anchor, at, recurring["interval"], recurring["interval_count"])

    def body(self, at: datetime) -> dict[str, Any]:
        """The object as Stripe's API of `self.api` shows it at a moment."""
        start, end = self.period(at)
        trial_end = seconds(self.trial_ends_at) if self.trial_ends_at else None
        whole: dict[str, Any] = {
            "id": self.id,
            "object": "subscription",
            "customer": self.customer_id,
            "status": self.status,
            "currency": self.currency,
            "created": seconds(self.created_at),
            "start_date": seconds(self.started_at),
            "billing_cycle_anchor": seconds(self.started_at),
            "current_period_start": seconds(start),
            "current_period_end": seconds(end),
            "collection_method": "charge_automatically",
            "trial_start": seconds(self.started_at) if trial_end else None,
            "trial_end": trial_end,
            "cancel_at_period_end": False,
            "cancel_at": None,
            "canceled_at": None,
            "ended_at": None,
            "cancellation_details": {"reason": None, "feedback": None, "comment": None},
            "pause_collection": None,
            "metadata": {},
            "items": {"object": "list", "data": deepcopy(self.items)},
            "discount": deepcopy(self.discounts[0]) if self.discounts else None,
            "discounts": deepcopy(self.discounts),
        }
        if self.account.known_by == "subscription":
            whole["metadata"] = {"account_id": self.account.account_id}
        whole |= deepcopy(self.fields)
        whole = in_version(whole, self.api)
        if self.are_coupons_ids:
            whole["discounts"] = [discount["id"] for discount in self.discounts]
            del whole["discount"]
        if self.is_expanded:
            whole["customer"] = {"id": self.customer_id, "object": "customer"}
            for item in whole["items"]["data"]:
                product = {"id": item["price"]["product"], "object": "product", "name": "A product"}
                item["price"]["product"] = product
        return whole

    def commit(self, kind: str, at: datetime, **delivery: Any) -> None:
        """Send the event `kind` with the object as it now is."""
        body = self.body(at)
        previous = None
        if kind.endswith(".updated"):
            before = self.sent or {}
            previous = {name: before.get(name) for name in body if before.get(name) != body[name]}
        self.sent = json.loads(json.dumps(body))
        self.account.send(kind, at, body, previous, is_test=self.is_test, api=self.api, **delivery)

    def remember(self, at: datetime) -> None:
        """Something changed and its event was never sent."""
        self.sent = json.loads(json.dumps(self.body(at)))

    def pull(self, at: datetime) -> None:
        """The list API is asked, and shows the subscription as it now is."""
        body = self.body(at) | {"livemode": not self.is_test}
        self.account.pulls.append(Pull(at, "subscriptions", body))


def in_version(body: dict[str, Any], api: str) -> dict[str, Any]:
    """The same subscription as an older or newer version of Stripe's API shows it."""
    if api >= "2025":
        # periods belong to items, one discount alone is gone, coupons moved under `source`
        for item in body["items"]["data"]:
            item["current_period_start"] = body["current_period_start"]
            item["current_period_end"] = body["current_period_end"]
            item["discounts"] = [_sourced(discount) for discount in item["discounts"]]
        body["discounts"] = [_sourced(discount) for discount in body["discounts"]]
        for gone in ("current_period_start", "current_period_end", "discount"):
            del body[gone]
    if api < "2020":
        # plans, not prices; one discount
        for item in body["items"]["data"]:
            item["plan"] = _plan(item.pop("price"))
            del item["discounts"]
        del body["discounts"]
    if api < "2014":
        # one plan a subscription, no items
        (item,) = body.pop("items")["data"]
        body["plan"], body["quantity"] = item["plan"], item["quantity"]
        body["start"] = body.pop("start_date")
    return body


def _sourced(discount: dict[str, Any]) -> dict[str, Any]:
    moved = dict(discount)
    moved["source"] = {"type": "coupon", "coupon": moved.pop("coupon")}
    return moved


def _plan(price: dict[str, Any]) -> dict[str, Any]:
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "product": price["product"],
        "currency": price["currency"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "usage_type": recurring["usage_type"],
        "tiers_mode": price["tiers_mode"],
        "transform_usage": price["transform_quantity"],
    }
