"""Small random billing histories and, computed the slow and obvious way, their true revenue.

Nothing here shares code or method with the models: every day of every account is looked at on
its own, with exact fractions. The models must come to the same cent, and to the same causes.
"""

import json
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

FIRST_DAY = datetime(2024, 1, 3, 9, 0, 0)
AS_OF = datetime(2024, 9, 20, 15, 30, 0)
GROUPING_WINDOW = timedelta(minutes=60)
COUNTED = {"active", "past_due"}
PER_YEAR = {"day": 365, "week": 52, "month": 12, "year": 1}
MINOR_UNITS = {"USD": 100, "EUR": 100, "GBP": 100, "JPY": 1, "KWD": 1000}
RANK = {"customer.subscription.created": 0, "customer.subscription.deleted": 2}
TIERS = {
    "price_volume": [(5, 1000, 0), (20, 800, 0), (None, 500, 100)],
    "price_graduated": [(5, 1000, 0), (20, 800, 300), (None, 500, 0)],
}
PLANS = {"prod_starter": "starter", "prod_team": "team", "prod_business": "business"}
CONTRACT_PLAN = "enterprise"
DAY = timedelta(days=1)


@dataclass
class History:
    """Rows for the raw tables, by table name, and whose each subscription is."""

    events: list[dict] = field(default_factory=list)
    pulls: list[dict] = field(default_factory=list)
    contracts: list[dict] = field(default_factory=list)
    fx_rates: list[tuple[date, str, Decimal]] = field(default_factory=list)
    account_of_subscription: dict[str, str] = field(default_factory=dict)
    internal_accounts: list[str] = field(default_factory=list)

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """As ingestion leaves them in the schema `raw`."""
        return {
            "stripe_events": [
                event
                | {
                    "object_type": event["object"]["object"],
                    "object_id": event["object"]["id"],
                    "object": json.dumps(event["object"]),
                    "previous_attributes": json.dumps(event["previous_attributes"]),
                }
                for event in self.events
            ],
            "stripe_objects": [
                {
                    "object_type": "subscription",
                    "object_id": pull["object"]["id"],
                    "object": json.dumps(pull["object"]),
                    "is_livemode": pull["is_livemode"],
                    "pulled_at": pull["pulled_at"],
                    "created_at": FIRST_DAY,
                }
                for pull in self.pulls
            ],
            "contracts": self.contracts,
            "fx_rates": [
                dict(zip(("month", "currency", "rate"), row, strict=True)) for row in self.fx_rates
            ],
            "pipeline_clock": [{"as_of_at": AS_OF, "reporting_currency": "USD", "timezone": "UTC"}],
        }


def seconds(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp())


def at_second(number: int) -> datetime:
    return datetime.fromtimestamp(number, UTC).replace(tzinfo=None)


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
        around = {"EUR": 1.1, "GBP": 1.27, "JPY": 0.0067, "KWD": 3.25}
        for month in range(2, 10):  # January is missing: it takes February's
            for currency, usual in around.items():
                if (month, currency) == (6, "EUR"):  # June takes May's
                    continue
                rate = Decimal(str(round(usual * self.random.uniform(0.95, 1.05), 6)))
                self.history.fx_rates.append((date(2024, month, 1), currency, rate))
        self.random.shuffle(self.history.events)
        self.random.shuffle(self.history.pulls)

    def _chance(self, share: float) -> bool:
        return self.random.random() < share

    def _id(self, prefix: str) -> str:
        self.serial += 1
        return f"{prefix}_{self.serial:05d}"

    def _account(self, number: int) -> None:
        account_id = f"acc_{number:03d}"
        if self._chance(0.03):
            self.history.internal_accounts.append(account_id)
        together = self._late_evening() if self._chance(0.2) else None
        for _ in range(self.random.choice([1, 1, 1, 2])):
            self._customer(account_id, together)
        if self._chance(0.2):
            start = (FIRST_DAY + timedelta(days=self.random.randint(0, 100))).date()
            renewal = start + timedelta(days=90)
            value = Decimal(self.random.randint(100_000, 9_000_000)) / 100
            currency = self.random.choice(["USD", "EUR", "JPY"])
            seats = self.random.randint(1, 50)
            self._contract(account_id, start, renewal - DAY, value, currency, seats)
            if self._chance(0.7):
                factor = self.random.choice([Decimal(1), Decimal("1.2"), Decimal("0.9")])
                end = renewal + timedelta(days=self.random.choice([10, 365]))
                value = (value * factor).quantize(Decimal("0.01"))
                if self._chance(0.5):
                    seats = self.random.randint(1, 50)
                gap = self.random.choice([0, 0, 0, 5])
                start = renewal + timedelta(days=gap)
                self._contract(account_id, start, end, value, currency, seats)

    def _late_evening(self) -> datetime:
        """Shortly before a midnight: what is bought within the hour may be the next day's."""
        day = FIRST_DAY.replace(hour=0) + timedelta(days=self.random.randint(1, 200))
        return day - timedelta(minutes=self.random.randint(1, 60))

    def _contract(self, account_id, start, end, value, currency, seats) -> None:
        self.history.contracts.append(
            {
                "contract_id": self._id("con"),
                "account": account_id,
                "start_date": start,
                "end_date": end,
                "annual_value": value,
                "currency": currency,
                "seats": seats,
            }
        )

    def _customer(self, account_id: str, together: datetime | None) -> None:
        customer_id = self._id("cus")
        knows = self.random.choice(["customer", "subscription", "customer", "nobody"])
        body = {
            "id": customer_id,
            "object": "customer",
            "email": f"{customer_id}@gmail.com",
            "metadata": {"account_id": account_id} if knows == "customer" else {},
        }
        self._event("customer.created", FIRST_DAY, body, {})
        for _ in range(self.random.choice([1, 1, 2])):
            if together:
                at = together + timedelta(minutes=self.random.randint(0, 75))
            else:
                at = FIRST_DAY + timedelta(seconds=self.random.randint(0, 200 * 86400))
            self._subscription(customer_id, account_id, knows, at)

    def _price(self, currency: str) -> dict:
        kind = self.random.choice(["unit", "unit", "unit", "volume", "graduated", "package"])
        interval = self.random.choice(["month", "month", "year", "week", "day"])
        count = self.random.choice([1, 1, 1, 2, 3])
        product = f"prod_{self.random.choice(['starter', 'team', 'business', 'odd'])}"
        price = {
            "id": f"price_{kind}",
            "product": product,
            "currency": currency,
            "billing_scheme": "per_unit",
            "unit_amount": None,
            "recurring": {
                "interval": interval,
                "interval_count": count,
                "usage_type": "metered" if self._chance(0.05) else "licensed",
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
            if self._chance(0.1):
                price["unit_amount"] = None
                price["unit_amount_decimal"] = "1234.5"
                price["id"] = "price_decimal"
        if kind == "package":
            rounding = self.random.choice(["up", "down"])
            price["transform_quantity"] = {"divide_by": 5, "round": rounding}
            price["id"] += f"_{rounding}"
        # a price has one product and one interval, as with Stripe
        price["id"] += f"_{product}_{interval}_{count}"
        return price

    def _discount(self, at: datetime, currency: str) -> dict:
        duration = self.random.choice(["once", "repeating", "forever", "repeating"])
        months = self.random.randint(1, 3)
        start = at - timedelta(days=self.random.randint(0, 10))
        coupon = {"id": self._id("coupon"), "duration": duration, "duration_in_months": None}
        if self._chance(0.6):
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
            for _ in range(self.random.choice([0] * 8 + [1, 2])):
                item["discounts"].append(self._discount(at, currency))
            items.append(item)
        return items

    def _subscription(self, customer_id: str, account_id: str, knows: str, at: datetime) -> None:
        subscription_id = self._id("sub")
        account = f"acc_stripe_{customer_id}" if knows == "nobody" else account_id
        currency = self.random.choice(["usd", "usd", "usd", "eur", "gbp", "jpy", "kwd"])
        started = at
        if self._chance(0.1):
            started = at - timedelta(seconds=self.random.randint(1, 60 * 86400))
        state = {
            "id": subscription_id,
            "object": "subscription",
            "customer": customer_id,
            "status": self.random.choice(["active", "active", "trialing", "incomplete"]),
            "currency": currency,
            "created": seconds(at),
            "start_date": seconds(started),
            "trial_end": None,
            "current_period_end": seconds(at + timedelta(days=30)),
            "items": {"data": self._items(currency, at)},
            "discounts": [],
            "discount": None,
            "pause_collection": None,
            "cancel_at_period_end": False,
            "cancel_at": None,
            "ended_at": None,
            "default_tax_rates": [],
            "metadata": {"account_id": account_id} if knows == "subscription" else {},
        }
        if state["status"] == "trialing":
            started = at
            state["start_date"] = seconds(at)
            state["trial_end"] = seconds(at + timedelta(days=self.random.choice([7, 14, 60])))
        if self._chance(0.1):
            state["default_tax_rates"] = [
                {"percentage": self.random.choice([7, 19, 20]), "inclusive": self._chance(0.7)}
            ]
        is_test = self._chance(0.03)
        if not is_test and account not in self.history.internal_accounts:
            self.history.account_of_subscription[subscription_id] = account
        # one second is one event's: Stripe's ids do not say which of two came last
        loses_events = self._chance(0.1)
        is_sent = not (loses_events and self._chance(0.3))
        if is_sent:
            self._event("customer.subscription.created", at, state, {}, is_test)
        for _ in range(self.random.randint(0, 7)):
            gap = self.random.choice([60, 3600, 86400, 20 * 86400, 45 * 86400])
            at += timedelta(seconds=1 + int(gap * self.random.random()))
            if state["cancel_at"] and seconds(at) >= state["cancel_at"]:
                break  # it ended as it was told to, and nobody said so
            before, state = state, self._changed(json.loads(json.dumps(state)), at)
            previous = {name: before[name] for name in before if before[name] != state[name]}
            if not (loses_events and self._chance(0.3)):
                self._event("customer.subscription.updated", at, state, previous, is_test)
            if self._chance(0.1 if not loses_events else 0.5):
                self._pull(state, at + timedelta(seconds=self.random.randint(1, 30)), is_test)
                at += timedelta(seconds=31)
        else:
            if self._chance(0.4) and not state["cancel_at"]:
                at += timedelta(seconds=self.random.randint(1, 40 * 86400))
                state = json.loads(json.dumps(state)) | {
                    "status": "canceled",
                    "ended_at": seconds(at),
                }
                if not (loses_events and self._chance(0.3)):
                    self._event("customer.subscription.deleted", at, state, {}, is_test)
                self._pull(state, at + timedelta(days=self.random.randint(0, 20)), is_test)
        # whatever happened, the list shows it at last; pulls alone are histories of their own
        if self._chance(0.3) and not state["cancel_at"]:
            self._pull(state, at + timedelta(days=self.random.randint(1, 30)), is_test)

    def _changed(self, state: dict, at: datetime) -> dict:
        items = state["items"]["data"]
        change = self.random.choice(
            [
                *("seats", "seats", "price", "items", "status", "pause", "discount"),
                *("end_discount", "nothing", "currency", "legacy_discount", "schedule", "tax"),
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
            resumes = seconds(at + timedelta(days=9)) if self._chance(0.3) else None
            pause = {"behavior": "void", "resumes_at": resumes}
            state["pause_collection"] = None if state["pause_collection"] else pause
        elif change == "discount":
            state["discounts"].append(self._discount(at, state["currency"]))
        elif change == "end_discount":
            state["discounts"] = []
        elif change == "legacy_discount":
            state["discounts"] = []
            state["discount"] = self._discount(at, state["currency"])
        elif change == "schedule":
            end = None if state["cancel_at"] else seconds(at + timedelta(days=17))
            state["cancel_at"] = end
            state["cancel_at_period_end"] = bool(end) and self._chance(0.5)
            if end:
                state["current_period_end"] = end
        elif change == "currency":
            state["currency"] = self.random.choice(["usd", "eur"])
            state["items"]["data"] = self._items(state["currency"], at)
        elif change == "tax":
            state["default_tax_rates"] = [{"percentage": 20, "inclusive": True}]
        return state

    def _event(self, kind: str, at: datetime, state: dict, previous, is_test=False) -> None:
        late = timedelta(days=self.random.randint(0, 60)) if self._chance(0.1) else timedelta()
        event = {
            "event_id": f"evt_{self.random.getrandbits(60):015x}",
            "event_type": kind,
            "created_at": at,
            "received_at": at + late,
            "is_livemode": not is_test,
            "object": state,
            "previous_attributes": previous,
        }
        self.history.events.append(event)
        if self._chance(0.05):
            self.history.events.append(event)

    def _pull(self, state: dict, at: datetime, is_test: bool) -> None:
        if at < AS_OF:
            self.history.pulls.append(
                {"object": state, "pulled_at": at, "is_livemode": not is_test}
            )


def random_history(seed: int, accounts: int = 40) -> History:
    return _Company(seed, accounts).history


# --- what is true of it: prices --------------------------------------------------------------


@dataclass(frozen=True)
class Held:
    """What an account holds of one item: exact worth a month, and what explains a change."""

    key: str
    plan: str
    price: str
    interval: str
    quantity: int
    currency: str
    listed: Fraction  # both in whole units of the currency, before rounding
    net: Fraction
    rounded: Decimal


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


def _share_and_amount(discounts: list[dict], currency: str) -> tuple[Fraction, Fraction]:
    """Coupons one after another leave share × price - amount."""
    share, amount = Fraction(1), Fraction(0)
    for discount in discounts:
        coupon = discount["coupon"]
        kept = 1 - Fraction(str(coupon.get("percent_off", 0))) / 100
        share, amount = share * kept, amount * kept
        if coupon.get("currency", currency) == currency:
            amount += coupon.get("amount_off", 0)
    return share, amount


def _counts(state: dict, at: datetime) -> bool:
    pause = state["pause_collection"]
    is_paused = pause and not (pause["resumes_at"] and pause["resumes_at"] <= seconds(at))
    has_ended = state["cancel_at"] and state["cancel_at"] <= seconds(at)
    return state["status"] in COUNTED and not is_paused and not has_ended


def items_held(state: dict, at: datetime) -> list[Held]:
    """What a subscription in this state is worth at a moment, item by item."""
    if not _counts(state, at):
        return []
    currency = state["currency"]
    whole = state["discounts"] or ([state["discount"]] if state["discount"] else [])
    share, left = _share_and_amount(_running(whole, at), currency)
    lines = []
    for item in state["items"]["data"]:
        listed = _interval_amount(item)
        own_share, own_amount = _share_and_amount(_running(item["discounts"], at), currency)
        lines.append([item, listed, max(listed * own_share - own_amount, Fraction(0)) * share])
    # a fixed amount comes from the largest item, what it cannot bear from the next
    for line in sorted(lines, key=lambda line: (-line[2], line[0]["id"])):
        taken = min(left, line[2])
        line[2] -= taken
        left -= taken
    tax = sum((Fraction(str(rate["percentage"])) for rate in _inclusive(state)), Fraction(0)) / 100
    units = MINOR_UNITS[currency.upper()]
    held = []
    for item, listed, net in lines:
        price, recurring = item["price"], item["price"]["recurring"]
        if recurring["usage_type"] == "metered":
            continue
        months = Fraction(12 * recurring["interval_count"], PER_YEAR[recurring["interval"]])
        months *= 1 + tax
        held.append(
            Held(
                key=f"{state['id']}/{item['id']}",
                plan=PLANS.get(price["product"], price["product"]),
                price=price["id"],
                interval=f"{recurring['interval']}:{recurring['interval_count']}",
                quantity=item["quantity"],
                currency=currency.upper(),
                listed=listed / months / units,
                net=net / months / units,
                rounded=half_up(net / months) / units,
            )
        )
    return held


def _inclusive(state: dict) -> list[dict]:
    return [rate for rate in state["default_tax_rates"] if rate["inclusive"]]


# --- what is true of it: time ----------------------------------------------------------------


def _sightings(history: History) -> dict[str, list[tuple[tuple, dict]]]:
    """Subscription → (when it took effect, what it then was), in order."""
    seen: dict[str, list[tuple[tuple, dict, str | None]]] = defaultdict(list)
    for event in history.events:
        if not event["event_type"].startswith("customer.subscription") or not event["is_livemode"]:
            continue
        state, effective = event["object"], event["created_at"]
        rank = RANK.get(event["event_type"], 1)
        if rank == 0 and at_second(state["start_date"]) < effective:
            effective = at_second(state["start_date"])
            state = _with_coupons_since(state, effective, event["created_at"])
        key = (effective, rank, event["event_id"])
        seen[state["id"]].append((key, state, event["previous_attributes"].get("status")))
    for pull in history.pulls:
        state = pull["object"]
        effective = pull["pulled_at"] - timedelta(microseconds=1)
        if state["ended_at"]:
            effective = min(effective, at_second(state["ended_at"]))
        if pull["is_livemode"]:
            seen[state["id"]].append(((effective, 3, ""), state, None))
    result = {}
    for subscription_id, rows in seen.items():
        rows.sort(key=lambda row: row[0])
        first_key, first, status_before = rows[0]
        states = [(key, state) for key, state, _ in rows]
        if first_key[1] != 0:
            states = [*_unseen_beginning(first_key, first, status_before), *states]
        result[subscription_id] = states
    return result


def _with_coupons_since(state: dict, start: datetime, created: datetime) -> dict:
    """A backdated subscription had from its start the coupons it was created with."""
    state = json.loads(json.dumps(state))
    discounts = [*state["discounts"], *([state["discount"]] if state["discount"] else [])]
    for item in state["items"]["data"]:
        discounts += item["discounts"]
    for discount in discounts:
        if seconds(start) < discount["start"] <= seconds(created):
            discount["start"] = seconds(start)
    return state


def _unseen_beginning(first_key, first: dict, status_before: str | None) -> list[tuple]:
    """The creation was lost: it was as it is first seen since its start, but for the trial."""
    start = at_second(first["start_date"])
    if start >= first_key[0]:
        return []
    status = status_before or {"canceled": "active"}.get(first["status"], first["status"])
    beginning = first | {"status": status}
    if not first["trial_end"]:
        return [((start, 0, ""), beginning)]
    told = [((start, 0, ""), first | {"status": "trialing"})]
    trial_end = at_second(first["trial_end"])
    if status != "trialing" and trial_end < first_key[0]:
        told.append(((trial_end, 0, ""), beginning))
    return told


def _rate(history: History, currency: str, day: date) -> Decimal:
    if currency == "USD":
        return Decimal(1)
    rates = sorted((month, rate) for month, name, rate in history.fx_rates if name == currency)
    earlier = [rate for month, rate in rates if month <= day]
    return earlier[-1] if earlier else rates[0][1]


def _all_days() -> list[date]:
    first, last = FIRST_DAY.date() - timedelta(days=70), AS_OF.date()
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _held_by_day(history: History) -> dict[str, dict[date, list[Held]]]:
    """account → day → what it holds when the day closes, or now."""
    states = _sightings(history)
    result: dict = defaultdict(lambda: defaultdict(list))
    worked_out: dict[tuple, list[Held]] = {}  # a state is worth the same until its next edge
    for day in _all_days():
        moment = min(datetime.combine(day + DAY, datetime.min.time()), AS_OF)
        moment -= timedelta(microseconds=1)
        for subscription_id, account in history.account_of_subscription.items():
            past = [state for key, state in states.get(subscription_id, []) if key[0] <= moment]
            if past:
                state = past[-1]
                passed = (subscription_id, len(past), sum(at <= moment for at in _edges(state)))
                if passed not in worked_out:
                    worked_out[passed] = items_held(state, moment)
                if held := worked_out[passed]:
                    result[account][day] += held
        for contract in history.contracts:
            if (
                contract["start_date"] <= day <= contract["end_date"]
                and contract["account"] not in history.internal_accounts
            ):
                result[contract["account"]][day].append(_contract_held(contract))
    return result


def _contract_held(contract: dict) -> Held:
    units = MINOR_UNITS[contract["currency"]]
    exact = Fraction(contract["annual_value"]) / 12
    return Held(
        key=contract["contract_id"],
        plan=CONTRACT_PLAN,
        price=contract["contract_id"],
        interval="contract",
        quantity=contract["seats"],
        currency=contract["currency"],
        listed=exact,
        net=exact,
        rounded=half_up(exact * units) / units,
    )


def _first_paid(history: History) -> dict[str, dict[str, datetime]]:
    """account → subscription → when it first was worth anything, to the second."""
    result: dict = defaultdict(dict)
    for subscription_id, states in _sightings(history).items():
        account = history.account_of_subscription.get(subscription_id)
        if account is None:
            continue
        moments = set()
        for number, (key, state) in enumerate(states):
            until = states[number + 1][0][0] if number + 1 < len(states) else AS_OF
            for moment in [key[0], *_edges(state)]:
                if key[0] <= moment < until and any(
                    held.rounded > 0 for held in items_held(state, moment)
                ):
                    moments.add(moment)
        if moments:
            result[account][subscription_id] = min(moments)
    return result


def _edges(state: dict) -> list[datetime]:
    discounts = [*state["discounts"], *([state["discount"]] if state["discount"] else [])]
    for item in state["items"]["data"]:
        discounts += item["discounts"]
    moments = [discount["start"] for discount in discounts]
    moments += [discount["end"] for discount in discounts if discount["end"]]
    if state["pause_collection"] and state["pause_collection"]["resumes_at"]:
        moments.append(state["pause_collection"]["resumes_at"])
    if state["cancel_at"]:
        moments.append(state["cancel_at"])
    return [at_second(moment) for moment in moments]


# --- what is true of it: movements -----------------------------------------------------------


def movements(history: History) -> dict[tuple[str, date, str, str], Decimal]:
    """(account, day, type, cause) → signed amount in USD. Cause: of expansion, contraction."""
    found: dict[tuple[str, date, str, str], Decimal] = {}
    first_paid = _first_paid(history)
    for account, days in _held_by_day(history).items():
        before: list[Held] = []
        balance, has_paid = Decimal(0), False
        types: dict[date, str] = {}
        for day in _all_days():
            after = days.get(day, [])
            fx, change = _valued(history, day, before, after)
            if fx:
                found[account, day, "fx", ""] = fx
            balance += fx
            kind = None
            if change:
                if balance == 0:
                    kind = "reactivation" if has_paid else "new"
                elif balance + change == 0:
                    kind = "churn"
                else:
                    kind = "expansion" if change > 0 else "contraction"
                types[day] = kind
                together = _bought_with_yesterdays(first_paid.get(account, {}), day)
                continued = types.get(day - DAY)
                rest = change
                if kind == "expansion" and together and continued in ("new", "reactivation"):
                    brought = sum(
                        (
                            half_up(Fraction(item.rounded) * _exact_rate(history, item, day), 2)
                            for item in after
                            if item.key.split("/")[0] in together
                        ),
                        Decimal(0),
                    )
                    part = min(brought, change)
                    if part:
                        found[account, day, continued, ""] = part
                        rest = change - part
                else:
                    together = set()
                if rest and kind in ("expansion", "contraction"):
                    for cause, amount in _causes(
                        history, day, before, after, rest, together
                    ).items():
                        found[account, day, kind, cause] = amount
                elif rest:
                    found[account, day, kind, ""] = rest
            balance += change
            has_paid = has_paid or balance > 0
            before = after
    return found


def _exact_rate(history: History, item: Held, day: date) -> Fraction:
    return Fraction(_rate(history, item.currency, day))


def _valued(history, day, before, after) -> tuple[Decimal, Decimal]:
    """What the rate did to yesterday's balance, and what the customer did, at today's rate."""
    fx = change = Decimal(0)
    for currency in {item.currency for item in [*before, *after]}:
        old = sum((item.rounded for item in before if item.currency == currency), Decimal(0))
        new = sum((item.rounded for item in after if item.currency == currency), Decimal(0))
        yesterday, today = (_rate(history, currency, moment) for moment in (day - DAY, day))
        revalued = half_up(Fraction(old) * Fraction(today), 2)
        fx += revalued - half_up(Fraction(old) * Fraction(yesterday), 2)
        change += half_up(Fraction(new) * Fraction(today), 2) - revalued
    return fx, change


def _bought_with_yesterdays(first_paid: dict[str, datetime], day: date) -> set[str]:
    """Subscriptions first paid on that day, within the hour of another's on the day before."""
    return {
        subscription
        for subscription, at in first_paid.items()
        if at.date() == day
        and any(
            other.date() < day and at - other <= GROUPING_WINDOW for other in first_paid.values()
        )
    }


def _causes(history, day, before, after, change, together) -> dict[str, Decimal]:
    """The net change of a day, split over what brought it about, to the cent."""
    old = {item.key: item for item in before}
    new = {item.key: item for item in after if item.key.split("/")[0] not in together}
    pairs: list[tuple[Held | None, Held | None]] = [
        (old[key], new[key]) for key in old.keys() & new.keys()
    ]

    def largest_first(items: dict[str, Held], others: dict[str, Held]) -> list[Held]:
        rest = [item for key, item in items.items() if key not in others]
        return sorted(
            rest, key=lambda item: (-item.net * _exact_rate(history, item, day), item.key)
        )

    gone, come = largest_first(old, new), largest_first(new, old)
    for number in range(max(len(gone), len(come))):
        pairs.append(
            (
                gone[number] if number < len(gone) else None,
                come[number] if number < len(come) else None,
            )
        )
    weights: dict[str, Fraction] = defaultdict(Fraction)
    for one, other in pairs:
        for cause, weight in _parts(history, day, one, other).items():
            weights[cause] += weight
    sign = 1 if change > 0 else -1
    bringing = {cause: weight * sign for cause, weight in weights.items() if weight * sign > 0}
    if not bringing:
        return {"?": change}
    total = sum(bringing.values())
    ranked = sorted(bringing, key=lambda cause: (-bringing[cause], cause))
    amounts = {}
    for cause in ranked[1:]:
        cents = abs(Fraction(change)) * 100 * bringing[cause] / total
        amounts[cause] = sign * Decimal(cents.numerator // cents.denominator) / 100
    amounts[ranked[0]] = change - sum(amounts.values(), Decimal(0))
    return {cause: amount for cause, amount in amounts.items() if amount}


def _parts(history, day, one: Held | None, other: Held | None) -> dict[str, Fraction]:
    if one is None or other is None:
        gained = other.net * _exact_rate(history, other, day) if other else Fraction(0)
        lost = one.net * _exact_rate(history, one, day) if one else Fraction(0)
        return {"addon": gained - lost}
    listed, net = (value * _exact_rate(history, one, day) for value in (one.listed, one.net))
    listed_after, net_after = (
        value * _exact_rate(history, other, day) for value in (other.listed, other.net)
    )
    kept = net / listed if listed > 0 else Fraction(1)
    if one.quantity == other.quantity:
        at_new_quantity = listed
    elif one.price == other.price:
        at_new_quantity = listed_after
    elif one.quantity > 0:
        at_new_quantity = listed * other.quantity / one.quantity
    else:
        at_new_quantity = listed
    if one.plan != other.plan:
        cause = "tier"
    elif one.interval != other.interval:
        cause = "interval"
    else:
        cause = "price"
    return {
        "seats": (at_new_quantity - listed) * kept,
        cause: (listed_after - at_new_quantity) * kept,
        "discount": net_after - listed_after * kept,
    }


def months(history: History) -> dict[tuple[str, date], dict[str, Decimal]]:
    """(account, month) → opening, the six kinds of movement, closing."""
    by_account: dict = defaultdict(list)
    for (account, day, kind, _cause), amount in movements(history).items():
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
