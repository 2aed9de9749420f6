"""A small random billing history and, computed the slow and obvious way, its true revenue.

Nothing here shares code or method with the models: every day of every account is looked at
on its own, with exact fractions. The models must come to the same cent.
"""

import json
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

FIRST_DAY = datetime(2024, 1, 3, 9, 0, 0)
AS_OF = datetime(2024, 9, 20, 15, 30, 0)
COUNTED = {"active", "past_due"}
PER_YEAR = {"day": 365, "week": 52, "month": 12, "year": 1}
MINOR_UNITS = {"USD": 100, "EUR": 100, "GBP": 100, "JPY": 1}
RANK = {"customer.subscription.created": 0, "customer.subscription.deleted": 2}
TIERS = {
    "price_volume": [(5, 1000, 0), (20, 800, 0), (None, 500, 100)],
    "price_graduated": [(5, 1000, 0), (20, 800, 300), (None, 500, 0)],
}


@dataclass
class History:
    """Rows for the raw tables, by table name."""

    events: list[dict] = field(default_factory=list)
    objects: list[dict] = field(default_factory=list)
    contracts: list[dict] = field(default_factory=list)
    fx_rates: list[tuple[date, str, Decimal]] = field(default_factory=list)
    account_of_subscription: dict[str, str] = field(default_factory=dict)


def seconds(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp())


def half_up(value: Fraction, places: int = 0) -> Decimal:
    """Exact rounding of a fraction, halves away from zero."""
    scaled = abs(value) * 10**places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Decimal(whole if value >= 0 else -whole).scaleb(-places)


# --- the random history ---------------------------------------------------------------------


class _Company:
    def __init__(self, seed: int, accounts: int):
        self.random = random.Random(seed)
        self.history = History()
        self.serial = 0
        for number in range(accounts):
            self._account(number)
        for month in range(2, 10):  # January is missing: it takes February's
            for currency, around in [("EUR", 1.1), ("GBP", 1.27), ("JPY", 0.0067)]:
                if (month, currency) == (6, "EUR"):  # June takes May's
                    continue
                rate = Decimal(str(round(around * self.random.uniform(0.95, 1.05), 6)))
                self.history.fx_rates.append((date(2024, month, 1), currency, rate))
        self.random.shuffle(self.history.events)

    def _id(self, prefix: str) -> str:
        self.serial += 1
        return f"{prefix}_{self.serial:05d}"

    def _account(self, number: int) -> None:
        account_id = f"acc_{number:03d}"
        for _ in range(self.random.choice([1, 1, 1, 2])):
            self._customer(account_id)
        if self.random.random() < 0.2:
            start = (FIRST_DAY + timedelta(days=self.random.randint(0, 100))).date()
            renewal = start + timedelta(days=90)
            value = Decimal(self.random.randint(100_000, 9_000_000)) / 100
            currency = self.random.choice(["USD", "EUR", "JPY"])
            self._contract(account_id, start, renewal - timedelta(days=1), value, currency)
            if self.random.random() < 0.7:
                factor = self.random.choice([Decimal(1), Decimal("1.2"), Decimal("0.9")])
                end = renewal + timedelta(days=self.random.choice([10, 365]))
                value = (value * factor).quantize(Decimal("0.01"))
                self._contract(account_id, renewal, end, value, currency)

    def _contract(self, account_id, start, end, value, currency) -> None:
        self.history.contracts.append(
            {
                "contract_id": self._id("con"),
                "account": account_id,
                "start_date": start,
                "end_date": end,
                "annual_value": value,
                "currency": currency,
                "seats": self.random.randint(1, 50),
            }
        )

    def _customer(self, account_id: str) -> None:
        customer_id = self._id("cus")
        knows = self.random.choice(["customer", "subscription", "customer", "nobody"])
        self._event(
            "customer.created",
            FIRST_DAY,
            {
                "id": customer_id,
                "object": "customer",
                "email": f"{customer_id}@gmail.com",
                "metadata": {"account_id": account_id} if knows == "customer" else {},
            },
        )
        for _ in range(self.random.choice([1, 1, 2])):
            self._subscription(customer_id, account_id, knows)

    def _price(self, currency: str) -> dict:
        kind = self.random.choice(["unit", "unit", "unit", "volume", "graduated", "package"])
        interval = self.random.choice(["month", "month", "year", "week", "day"])
        price = {
            "id": f"price_{kind}",
            "product": f"prod_{self.random.choice(['starter', 'team', 'business', 'odd'])}",
            "currency": currency,
            "billing_scheme": "per_unit",
            "unit_amount": None,
            "recurring": {
                "interval": interval,
                "interval_count": self.random.choice([1, 1, 1, 2, 3]),
                "usage_type": "metered" if self.random.random() < 0.05 else "licensed",
            },
        }
        if kind in ("volume", "graduated"):
            price |= {
                "billing_scheme": "tiered",
                "tiers_mode": kind,
                "tiers": [
                    {"up_to": up_to, "unit_amount": unit, "flat_amount": flat}
                    for up_to, unit, flat in TIERS[f"price_{kind}"]
                ],
            }
        else:
            price["unit_amount"] = self.random.choice([0, 999, 1200, 2400, 3333, 4800])
            price["id"] += f"_{price['unit_amount']}"
            if self.random.random() < 0.1:
                price["unit_amount"] = None
                price["unit_amount_decimal"] = "1234.5"
                price["id"] = "price_decimal"
        if kind == "package":
            price["transform_quantity"] = {
                "divide_by": 5,
                "round": self.random.choice(["up", "down"]),
            }
        return price

    def _discount(self, at: datetime, currency: str) -> dict:
        duration = self.random.choice(["once", "repeating", "forever", "repeating"])
        months = self.random.randint(1, 3)
        start = at - timedelta(days=self.random.randint(0, 10))
        coupon = {"id": self._id("coupon"), "duration": duration, "duration_in_months": None}
        if self.random.random() < 0.6:
            coupon["percent_off"] = self.random.choice([10, 12.5, 20, 33.33, 50, 100])
        else:
            coupon["amount_off"] = self.random.choice([100, 1500, 10_000])
            coupon["currency"] = self.random.choice([currency, currency, "cad"])
        discount = {"id": self._id("di"), "coupon": coupon, "start": seconds(start), "end": None}
        if duration == "repeating":
            coupon["duration_in_months"] = months
            discount["end"] = seconds(start + timedelta(days=30 * months))
        return discount

    def _items(self, currency: str, at: datetime) -> list[dict]:
        items = []
        for _ in range(self.random.choice([1, 1, 2])):
            item = {
                "id": self._id("si"),
                "price": self._price(currency),
                "quantity": self.random.randint(1, 30),
                "discounts": [],
            }
            if self.random.random() < 0.1:
                item["discounts"] = [self._discount(at, currency)]
            items.append(item)
        return items

    def _subscription(self, customer_id: str, account_id: str, knows: str) -> None:
        subscription_id = self._id("sub")
        account = f"acc_stripe_{customer_id}" if knows == "nobody" else account_id
        self.history.account_of_subscription[subscription_id] = account
        at = FIRST_DAY + timedelta(seconds=self.random.randint(0, 200 * 86400))
        currency = self.random.choice(["usd", "usd", "eur", "gbp", "jpy"])
        state = {
            "id": subscription_id,
            "object": "subscription",
            "customer": customer_id,
            "status": self.random.choice(["active", "active", "trialing", "incomplete"]),
            "currency": currency,
            "created": seconds(at),
            "start_date": seconds(at),
            "items": {"data": self._items(currency, at)},
            "discounts": [],
            "discount": None,
            "pause_collection": None,
            "cancel_at_period_end": False,
            "metadata": {"account_id": account_id} if knows == "subscription" else {},
        }
        is_test = self.random.random() < 0.03
        if is_test:
            del self.history.account_of_subscription[subscription_id]
        if self.random.random() < 0.08:
            state["status"] = "active"
            self.history.objects.append({"object": state, "livemode": not is_test})
            return
        self._event("customer.subscription.created", at, state, is_test)
        for _ in range(self.random.randint(0, 7)):
            gap = self.random.choice([0, 60, 3600, 86400, 20 * 86400, 45 * 86400])
            at += timedelta(seconds=int(gap * self.random.random()))
            state = self._changed(json.loads(json.dumps(state)), at)
            self._event("customer.subscription.updated", at, state, is_test)
        if self.random.random() < 0.4:
            at += timedelta(days=self.random.randint(0, 40))
            state = json.loads(json.dumps(state)) | {"status": "canceled"}
            self._event("customer.subscription.deleted", at, state, is_test)

    def _changed(self, state: dict, at: datetime) -> dict:
        items = state["items"]["data"]
        change = self.random.choice(
            [
                "seats",
                "seats",
                "price",
                "items",
                "status",
                "pause",
                "discount",
                "end_discount",
                "nothing",
                "currency",
                "legacy_discount",
                "schedule",
            ]
        )
        if change == "seats":
            self.random.choice(items)["quantity"] = self.random.randint(1, 40)
        elif change == "price":
            self.random.choice(items)["price"] = self._price(state["currency"])
        elif change == "items":
            state["items"]["data"] = self._items(state["currency"], at)
        elif change == "status":
            state["status"] = self.random.choice(
                ["active", "active", "past_due", "unpaid", "paused", "trialing"]
            )
        elif change == "pause":
            pause = None if state["pause_collection"] else {"behavior": "void"}
            state["pause_collection"] = pause
        elif change == "discount":
            state["discounts"].append(self._discount(at, state["currency"]))
        elif change == "end_discount":
            state["discounts"] = []
        elif change == "legacy_discount":
            state["discounts"] = []
            state["discount"] = self._discount(at, state["currency"])
        elif change == "schedule":
            state["cancel_at_period_end"] = True
        elif change == "currency":
            state["currency"] = self.random.choice(["usd", "eur"])
            state["items"]["data"] = self._items(state["currency"], at)
        return state

    def _event(self, kind: str, at: datetime, state: dict, is_test: bool = False) -> None:
        event = {
            "event_id": f"evt_{self.random.getrandbits(60):015x}",
            "event_type": kind,
            "created_at": at,
            "is_livemode": not is_test,
            "object": state,
        }
        self.history.events.append(event)
        if self.random.random() < 0.05:
            self.history.events.append(event)


def random_history(seed: int, accounts: int = 40) -> History:
    return _Company(seed, accounts).history


# --- what is true of it ----------------------------------------------------------------------


def _interval_amount(item: dict) -> Fraction:
    price, quantity = item["price"], item["quantity"]
    if price["recurring"]["usage_type"] == "metered":
        return Fraction(0)
    if price["billing_scheme"] == "tiered":
        total, after = Fraction(0), 0
        for tier in price["tiers"]:
            up_to = tier["up_to"] or 10**9
            if price["tiers_mode"] == "volume" and after < quantity <= up_to:
                return Fraction(quantity * tier["unit_amount"] + tier["flat_amount"])
            if price["tiers_mode"] == "graduated" and quantity > after:
                inside = min(quantity, up_to) - after
                total += inside * tier["unit_amount"] + tier["flat_amount"]
            after = up_to
        return total
    packages = price.get("transform_quantity")
    if packages:
        down, rest = divmod(quantity, packages["divide_by"])
        quantity = down + (1 if rest and packages["round"] == "up" else 0)
    unit = price["unit_amount"]
    return Fraction(price["unit_amount_decimal"] if unit is None else unit) * quantity


def _running(discounts: list[dict], at: datetime) -> list[dict]:
    now = seconds(at)
    return [
        discount
        for discount in discounts
        if discount["coupon"]["duration"] != "once"
        and discount["start"] <= now
        and (discount["end"] is None or discount["end"] > now)
    ]


def _take_percentages(amount: Fraction, discounts: list[dict]) -> Fraction:
    for discount in discounts:
        amount *= 1 - Fraction(str(discount["coupon"].get("percent_off", 0))) / 100
    return amount


def _amounts_off(discounts: list[dict], currency: str) -> int:
    return sum(
        discount["coupon"].get("amount_off", 0)
        for discount in discounts
        if discount["coupon"].get("currency", currency) == currency
    )


def subscription_mrr(state: dict, at: datetime) -> Decimal:
    """MRR of a subscription's state at a moment, in minor units of its currency."""
    if state["status"] not in COUNTED or state["pause_collection"]:
        return Decimal(0)
    currency = state["currency"]
    whole = state["discounts"] or ([state["discount"]] if state["discount"] else [])
    whole = _running(whole, at)
    lines = []
    for item in state["items"]["data"]:
        own = _running(item["discounts"], at)
        amount = _take_percentages(_interval_amount(item), own) - _amounts_off(own, currency)
        lines.append([item, _take_percentages(max(amount, Fraction(0)), whole)])
    left = Fraction(_amounts_off(whole, currency))
    for line in sorted(lines, key=lambda line: (-line[1], line[0]["id"])):
        taken = min(left, line[1])
        line[1] -= taken
        left -= taken
    total = Decimal(0)
    for item, amount in lines:
        recurring = item["price"]["recurring"]
        months = Fraction(12 * recurring["interval_count"], PER_YEAR[recurring["interval"]])
        total += half_up(amount / months)
    return total


def _rate(history: History, currency: str, day: date) -> Decimal:
    if currency == "USD":
        return Decimal(1)
    rates = sorted((month, rate) for month, name, rate in history.fx_rates if name == currency)
    earlier = [rate for month, rate in rates if month <= day]
    return earlier[-1] if earlier else rates[0][1]


def _all_days() -> list[date]:
    first, last = FIRST_DAY.date(), AS_OF.date()
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _native_by_day(history: History) -> dict[str, dict[date, dict[str, Decimal]]]:
    """account → day → currency → MRR at the end of that day, in whole units of the currency."""
    states: dict[str, list[tuple]] = defaultdict(list)
    for event in history.events:
        if event["event_type"].startswith("customer.subscription") and event["is_livemode"]:
            rank = RANK.get(event["event_type"], 1)
            key = (event["created_at"], rank, event["event_id"])
            states[event["object"]["id"]].append((key, event["object"]))
    for pull in history.objects:
        if pull["livemode"]:
            started = datetime.fromtimestamp(pull["object"]["start_date"], UTC).replace(tzinfo=None)
            states[pull["object"]["id"]].append(((started, 0, ""), pull["object"]))
    for rows in states.values():
        rows.sort(key=lambda row: row[0])

    result: dict = defaultdict(lambda: defaultdict(lambda: defaultdict(Decimal)))
    for day in _all_days():
        end = datetime.combine(day + timedelta(days=1), datetime.min.time())
        moment = min(end, AS_OF) - timedelta(microseconds=1)
        for subscription_id, rows in states.items():
            held = [state for key, state in rows if key[0] <= moment]
            if held:
                account = history.account_of_subscription[subscription_id]
                currency = held[-1]["currency"].upper()
                mrr = subscription_mrr(held[-1], moment) / MINOR_UNITS[currency]
                result[account][day][currency] += mrr
        for contract in history.contracts:
            if contract["start_date"] <= day <= contract["end_date"]:
                units = MINOR_UNITS[contract["currency"]]
                cents = half_up(Fraction(contract["annual_value"]) * units / 12)
                result[contract["account"]][day][contract["currency"]] += cents / units
    return result


def movements(history: History) -> dict[tuple[str, date, str], Decimal]:
    """(account, day, type) → signed amount in USD."""
    found: dict[tuple[str, date, str], Decimal] = {}
    for account, days in _native_by_day(history).items():
        held: dict[str, Decimal] = {}
        balance, has_paid = Decimal(0), False
        for day in _all_days():
            now = days.get(day, {})
            yesterday = day - timedelta(days=1)
            fx = change = Decimal(0)
            for currency in held.keys() | now.keys():
                before, after = held.get(currency, Decimal(0)), now.get(currency, Decimal(0))
                old, new = _rate(history, currency, yesterday), _rate(history, currency, day)
                revalued = half_up(Fraction(before) * Fraction(new), 2)
                fx += revalued - half_up(Fraction(before) * Fraction(old), 2)
                change += half_up(Fraction(after) * Fraction(new), 2) - revalued
            if fx:
                found[account, day, "fx"] = fx
            balance += fx
            if change:
                if balance == 0:
                    kind = "reactivation" if has_paid else "new"
                elif balance + change == 0:
                    kind = "churn"
                else:
                    kind = "expansion" if change > 0 else "contraction"
                found[account, day, kind] = change
            balance += change
            has_paid = has_paid or balance > 0
            held = dict(now)
    return found


def months(history: History) -> dict[tuple[str, date], dict[str, Decimal]]:
    """(account, month) → opening, the six kinds of movement, closing."""
    by_account: dict = defaultdict(list)
    for (account, day, kind), amount in movements(history).items():
        by_account[account].append((day, kind, amount))
    result = {}
    for account, rows in by_account.items():
        month, balance = min(rows)[0].replace(day=1), Decimal(0)
        while month <= AS_OF.date():
            following = (month + timedelta(days=32)).replace(day=1)
            row = defaultdict(Decimal, opening=balance)
            for day, kind, amount in rows:
                if month <= day < following:
                    row[kind] += amount
                    balance += amount
            row["closing"] = balance
            result[account, month] = row
            month = following
    return result
