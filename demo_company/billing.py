"""One subscription's life: snapshots, invoices, changes of mind, failing cards, its end.

Everything that changes MRR passes through `Books.hold`, the company's own ledger; the
truth is computed from that ledger, the Stripe files from the snapshots taken beside it.
"""

import copy
from contextlib import suppress
from fractions import Fraction
from typing import Any

import numpy as np

from demo_company import plans
from demo_company.books import (
    COUNTED,
    Books,
    Credit,
    EndOfHistory,
    Invoice,
    Item,
    Subscription,
    half_up,
    subscription_object,
)
from demo_company.clock import add_months_s
from demo_company.world import Account, World

DAY, HOUR, MINUTE = 86_400, 3_600, 60
VAT_PERCENT = {"GB": 20}
# status and word of a bill nobody will pay, in turn; None: it stays open
OUTCOMES_OF_BAD_DEBT = (
    ("uncollectible", "marked_uncollectible"),
    ("void", "voided"),
    ("uncollectible", "marked_uncollectible"),
    None,
)


def half_up_fraction(value: Fraction) -> int:
    return half_up(value.numerator, value.denominator)


class Biller:
    """Moves one account through its life as a customer."""

    def __init__(
        self, world: World, books: Books, rng: np.random.Generator, luck: np.random.Generator
    ) -> None:
        """`rng` draws the usual course, `luck` the rarer cases."""
        self.world, self.books, self.rng, self.luck = world, books, rng, luck
        self.as_logged: dict[str, Subscription] = {}
        self.bad_debts = 0
        self.balances: dict[str, int] = {}  # of customers; below 0 Lumen owes them
        self.catalogue_created = world.parameters.start_ms // 1000 - 90 * DAY

    # -- customers, snapshots, invoices -------------------------------------------------

    def customer(self, account: Account, created: int, currency: str | None = None) -> str:
        founder = self.world.users[account.founder]
        thing = {
            "id": self.books.new_id("cus_"),
            "object": "customer",
            "address": {"country": account.country},
            "balance": 0,
            "created": created,
            "currency": currency or account.currency,
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
        """Logs the subscription as it is now; returns the second it was logged at.

        A discount that ran out before ended on its own day, whatever happens now.
        """
        at = max(at, sub.last_event_at + 1)
        if sub.discount_end is not None and sub.discount_end <= at and kind != "created":
            if sub.discount_end < at:
                self.run_out(self.as_logged[sub.id])
                sub.last_event_at = self.as_logged[sub.id].last_event_at
                at = max(at, sub.last_event_at + 1)
            self.end_discount(sub)
        self._log_snapshot(sub, at, kind, previous)
        self.as_logged[sub.id] = copy.copy(sub)
        return at

    def run_out(self, sub: Subscription) -> None:
        """Logs the end of a discount whose day has passed."""
        if sub.discount_end is not None and (sub.percent_off or sub.amount_off):
            at = max(sub.discount_end, sub.last_event_at + 1)
            self.end_discount(sub)
            self._log_snapshot(sub, at, "updated", {})

    def close(self) -> None:
        """Discounts that run out before as_of, of subscriptions whose next event comes after it."""
        for sub in self.as_logged.values():
            is_due = sub.discount_end is not None and sub.discount_end < self.books.end - 1
            if is_due and sub.status != "canceled":
                self.run_out(sub)

    def _log_snapshot(
        self, sub: Subscription, at: int, kind: str, previous: dict[str, Any]
    ) -> None:
        thing = subscription_object(sub, self.catalogue_created)
        self.books.log(at, f"customer.subscription.{kind}", thing, previous or None)
        sub.last_event_at = at
        # a subscription dated back was paid for from its start on
        since = min(at, sub.start) if kind == "created" else at
        why = "payment" if sub.cancel_reason == "payment_failed" or sub.status == "unpaid" else ""
        held = () if kind == "deleted" else sub.held
        self.books.hold(since, sub.account, sub.currency, sub.id, held, why)
        if kind == "deleted" or sub.status == "unpaid":
            self.books.stops.setdefault(sub.id, []).append(at)
        if not sub.is_second:
            is_on = kind != "deleted" and sub.status in (*COUNTED, "trialing")
            plan = sub.plan if is_on else "free"
            self.books.plan_changes.append((at, sub.account.index, plan, sub.quantity))

    @staticmethod
    def end_discount(sub: Subscription) -> None:
        sub.percent_off, sub.amount_off, sub.discount_end = 0, 0, None

    def give_discount(
        self, sub: Subscription, at: int, duration: str, months: int = 0,
        percent_off: int = 0, amount_off: int = 0,
    ) -> None:  # fmt: skip
        sub.percent_off, sub.amount_off = percent_off, amount_off
        sub.discount_duration, sub.discount_months = duration, months
        sub.discount_id, sub.discount_start = self.books.new_id("di_"), at
        sub.discount_end = add_months_s(at, months) if duration == "repeating" else None

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
        subtotal = sum(line["amount"] for line in lines)
        off = sum(part["amount"] for line in lines for part in line["discount_amounts"])
        percent = VAT_PERCENT.get(sub.account.country, 0)
        for line in lines:
            base = line["amount"] - sum(part["amount"] for part in line["discount_amounts"])
            tax = half_up(base * percent, 100)
            line["tax_amounts"] = [{"amount": tax, "inclusive": False}] if percent else []
        tax = sum(part["amount"] for line in lines for part in line["tax_amounts"])
        total = subtotal - off + tax
        owed = self.balances.get(sub.customer, 0)
        due = max(total + owed, 0)
        thing: dict[str, Any] = {
            "id": self.books.new_id("in_"),
            "object": "invoice",
            "amount_due": due,
            "amount_paid": 0,
            "amount_remaining": due,
            "attempt_count": 0,
            "attempted": False,
            "billing_reason": reason,
            "collection_method": "charge_automatically",
            "created": at,
            "currency": sub.currency,
            "customer": sub.customer,
            "discounts": [],
            "ending_balance": None,
            "hosted_invoice_url": None,
            "lines": {"object": "list", "data": [], "has_more": False},
            "livemode": True,
            "metadata": {"account_id": sub.account.account_id},
            "next_payment_attempt": None,
            "number": f"LUM-{self.books.counter:07d}",
            "paid": False,
            "period_end": sub.period_end,
            "period_start": sub.period_start,
            "starting_balance": owed,
            "status": "draft",
            "status_transitions": {
                "finalized_at": None,
                "marked_uncollectible_at": None,
                "paid_at": None,
                "voided_at": None,
            },
            "subscription": sub.id,
            "subtotal": subtotal,
            "tax": tax if percent else None,
            "total": total,
            "total_discount_amounts": [{"amount": off, "discount": sub.discount_id}] if off else [],
            "total_excluding_tax": total - tax,
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
        record = Invoice(
            thing["id"], sub.account.index, sub.customer, sub.id, reason, sub.currency, due, total,
            total - tax, thing["lines"]["data"],
        )  # fmt: skip
        self.books.invoices[record.id] = record
        thing["status"] = "open"
        thing["status_transitions"]["finalized_at"] = at + HOUR
        thing["ending_balance"] = min(total + owed, 0)
        self.books.log(at + HOUR, "invoice.finalized", thing)
        self.balances[sub.customer] = thing["ending_balance"]
        record.finalized = at + HOUR
        if paid or not due:
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
        record = self.books.invoices[invoice["id"]]
        record.attempts.append((at, failure))
        record.charge = thing
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
        self.books.invoices[invoice["id"]].closed = (at, "paid")

    def fail(
        self, sub: Subscription, invoice: dict[str, Any], at: int, why: str, again: int | None
    ) -> None:
        self.charge(sub, invoice, at, why)
        invoice["attempt_count"] += 1
        invoice["attempted"] = True
        invoice["next_payment_attempt"] = again
        self.books.log(at, "invoice.payment_failed", invoice)

    def write_off(self, sub: Subscription, invoice: dict[str, Any], at: int) -> None:
        """What happens to a bill nobody will pay: written off, voided, or left open."""
        outcome = OUTCOMES_OF_BAD_DEBT[self.bad_debts % len(OUTCOMES_OF_BAD_DEBT)]
        self.bad_debts += 1
        if outcome is None:
            return
        status, word = outcome
        invoice["status"] = status
        invoice["status_transitions"][f"{word}_at"] = at
        self.books.log(at, f"invoice.{word}", invoice, {"status": "open"})
        self.books.invoices[invoice["id"]].closed = (at, status)

    def price(self, sub: Subscription, plan: str | None = None) -> dict[str, Any]:
        is_new = sub.has_new_price and plan in (None, sub.plan)
        return plans.price_object(
            plan or sub.plan, sub.interval, sub.currency, self.catalogue_created, is_new
        )

    def period_lines(self, sub: Subscription, since: int | None = None) -> list[dict[str, Any]]:
        """What the period costs in advance; with `since` also the metered use from then on."""
        shares, given = sub.discounts(), 0
        lines = []
        for item, plan, quantity, gross in sub.licensed:
            # half a cent belongs to the customer's price, not to the discount
            off = gross - half_up_fraction(gross - shares[item])
            given += off
            discounts = [{"amount": off, "discount": sub.discount_id}] if off else []
            lines.append(
                {
                    "amount": gross,
                    "description": f"{quantity} × Lumen {plan.title()}",
                    "discount_amounts": discounts,
                    "period": {"start": sub.period_start, "end": sub.period_end},
                    "price": self.price(sub, plan),
                    "proration": False,
                    "quantity": quantity,
                    "subscription_item": item,
                }
            )
        for metered in sub.items:
            if metered.plan == plans.METERED and since is not None:
                used = int(self.luck.integers(5, 120))
                lines.append(
                    {
                        "amount": used * sub.unit_amount(plans.METERED),
                        "description": f"{used} × Lumen Queries (per thousand)",
                        "discount_amounts": [],
                        "period": {"start": since, "end": sub.period_start},
                        "price": self.price(sub, plans.METERED),
                        "proration": False,
                        "quantity": used,
                        "subscription_item": metered.id,
                    }
                )
        if sub.discount_duration == "once" and given:
            self.end_discount(sub)
        return lines

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
                    "amount": sign * half_up(state.period_amount * left, whole),
                    "description": f"{word} {state.quantity} × Lumen {state.plan.title()}",
                    "discount_amounts": [],
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
        trial_days: int = 0, reason: str = "subscription_create", currency: str | None = None,
        is_second: bool = False, is_plain: bool = False,
    ) -> Subscription:  # fmt: skip
        """`is_plain`: as it stands, without a discount of chance or another rarity."""
        rng, luck = self.rng, self.luck
        sub = Subscription(
            id=self.books.new_id("sub_"),
            item_id=self.books.new_id("si_"),
            customer=customer,
            account=account,
            plan=plan,
            interval=interval,
            quantity=seats,
            currency=currency or account.currency,
            start=at,
            created=at,
            is_second=is_second,
        )
        late = 0
        if not trial_days and not is_plain:
            if rng.random() < 0.18:
                percent, months = int(rng.choice([10, 15, 20, 25])), int(rng.choice([0, 3, 6]))
                kind = "repeating" if months else "forever"
                draw = luck.random()
                if draw < 0.2:
                    self.give_discount(sub, at, "once", 0, percent)
                elif draw < 0.45:
                    off = int(luck.choice([500, 1_000, 2_500]))
                    self.give_discount(sub, at, kind, months, 0, off)
                else:
                    self.give_discount(sub, at, kind, months, percent)
            if interval == "month" and luck.random() < 0.08:
                sub.interval = "quarter"
            if sub.interval == "month" and luck.random() < 0.12:
                sub.items = (Item(self.books.new_id("si_"), plans.METERED),)
            if luck.random() < 0.08 and not sub.discount_id:
                late = int(luck.integers(2, 40)) * DAY
        sub.period_start = at
        if trial_days:
            sub.status, sub.trial_start, sub.trial_end = "trialing", at, at + trial_days * DAY
            sub.period_end = sub.trial_end
        else:
            sub.period_end = self.after(at, sub.interval)
        # an agreement put into Stripe days after it began
        if late and at - late > account.signed_up // 1000:
            sub.start = at - late
        self.snapshot(sub, at, "created")
        if not trial_days:
            lines = self.period_lines(sub)
            if sub.start < at:
                whole = sub.period_end - sub.period_start
                lines.insert(
                    0,
                    {
                        "amount": half_up(sub.period_amount * (at - sub.start), whole),
                        "description": f"Time on {seats} × Lumen {plan.title()} before",
                        "discount_amounts": [],
                        "period": {"start": sub.start, "end": at},
                        "price": self.price(sub),
                        "proration": True,
                        "quantity": seats,
                    },
                )
            self.invoice(sub, at + 1, reason, lines)
        return sub

    @staticmethod
    def after(at: int, interval: str) -> int:
        """The end of an interval that starts then."""
        return at + 7 * DAY if interval == "week" else add_months_s(at, plans.MONTHS[interval])

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
                if draw < 0.25:  # changed their mind
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
                at = self.snapshot(sub, at, "updated", items=items_of(before))
                pending += self.proration_lines(sub, before, at)
            elif draw < 0.233 and sub.plan != "starter":
                sub.plan = plans.PAID_PLANS[plans.PAID_PLANS.index(sub.plan) - 1]
                at = self.snapshot(sub, at, "updated", items=items_of(before))
                pending += self.proration_lines(sub, before, at)
            elif draw < 0.250 and sub.interval == "month":
                lines = self.proration_lines(sub, before, at)[:1]
                sub.interval = "year"
                sub.items = tuple(item for item in sub.items if item.plan != plans.METERED)
                sub.period_start, sub.period_end = at, add_months_s(at, 12)
                at = self.snapshot(sub, at, "updated", items=items_of(before))
                self.invoice(
                    sub, at + 1, "subscription_update", [*pending, *lines, *self.period_lines(sub)]
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
            rare = int(tick + (following - tick) * self.luck.uniform(0.87, 0.97))
            if sub.last_event_at < rare < min(following, until) and not sub.cancel_at_period_end:
                moved = self.rarity(sub, rare, until, pending)
                if moved is not None:
                    return self.live(moved, until)
            step += 1
            if following >= until:
                return self.delete(sub, until, "cancellation_requested")
            if sub.cancel_at_period_end and following >= sub.period_end:
                return self.delete(sub, sub.period_end, "cancellation_requested")
            previous: dict[str, Any] = {}
            if following >= sub.period_end:
                previous["current_period_end"] = sub.period_end
                previous["current_period_start"] = sub.period_start
                sub.period_start = sub.period_end
                sub.period_end = add_months_s(anchor, step + plans.MONTHS[sub.interval])
                self.snapshot(sub, following, "updated", **previous)
                ended = self.renew(sub, following, pending, calm)
                pending = []
                if ended is not None:
                    return ended
            elif sub.discount_end is not None and following >= sub.discount_end:
                self.snapshot(sub, following, "updated")

    def rarity(
        self, sub: Subscription, at: int, until: int, pending: list[dict[str, Any]]
    ) -> Subscription | None:
        """What happens now and then; returns the subscription that takes the place of this one."""
        luck, before = self.luck, copy.copy(sub)
        draw = luck.random()
        has_addon = any(item.plan == plans.ADDON for item in sub.items)
        if draw < 0.02 and not has_addon:
            sub.items += (Item(self.books.new_id("si_"), plans.ADDON),)
            self.snapshot(sub, at, "updated", items=items_of(before))
        elif draw < 0.05 and has_addon:
            sub.items = tuple(item for item in sub.items if item.plan != plans.ADDON)
            self.snapshot(sub, at, "updated", items=items_of(before))
        elif draw < 0.06 and not sub.percent_off and not sub.amount_off:
            kind, months = ("forever", 0), ("repeating", 3)
            duration, length = (kind, months, ("once", 0))[int(luck.integers(3))]
            self.give_discount(
                sub, at, duration, length, 0, int(luck.choice([500, 1_000, 2_500]))
            )  # fmt: skip
            self.snapshot(sub, at, "updated", discounts=[])
        elif draw < 0.066 and not sub.has_new_price:
            sub.has_new_price = True
            at = self.snapshot(sub, at, "updated", items=items_of(before))
            pending += self.proration_lines(sub, before, at)
        elif draw < 0.082:
            self.give_back(sub, at)
        elif draw < 0.086:
            # Stripe knows no change of currency: another customer, another subscription
            other = ("usd", "eur", "gbp")[int(luck.integers(3))]
            if other != sub.currency and at + HOUR < until:
                self.delete(sub, at, "cancellation_requested")
                customer = self.customer(sub.account, at + 60, other)
                return self.subscribe(
                    sub.account, customer, at + 120, sub.plan, sub.interval, sub.quantity,
                    currency=other, is_plain=True, is_second=sub.is_second,
                )  # fmt: skip
        elif draw < 0.094 and not sub.is_second:
            with suppress(EndOfHistory):
                self.second(sub, at, until)
        return None

    def second(self, sub: Subscription, at: int, until: int) -> None:
        """Another team of the account buys, too: for good, or for some weeks."""
        luck, customer = self.luck, sub.customer
        currency = sub.currency
        if luck.random() < 0.4:
            customer = self.customer(sub.account, at - 60, currency)
        seats = 1 + int(luck.poisson(2))
        if luck.random() < 0.35:
            self.weeks(sub.account, customer, currency, at, seats, until)
            return
        plan = str(luck.choice(plans.PAID_PLANS))
        other = self.subscribe(
            sub.account, customer, at, plan, "month", seats, currency=currency, is_second=True,
            is_plain=True,
        )  # fmt: skip
        self.live(other, until)

    def weeks(
        self, account: Account, customer: str, currency: str, at: int, seats: int, until: int
    ) -> None:
        """A subscription by the week, which ends after a few."""
        sub = self.subscribe(
            account, customer, at, "starter", "week", seats, currency=currency, is_second=True,
            is_plain=True,
        )  # fmt: skip
        for _ in range(int(self.luck.integers(3, 11))):
            if sub.period_end >= until:
                self.delete(sub, until, "cancellation_requested")
                return
            previous = {"current_period_start": sub.period_start}
            sub.period_start, sub.period_end = sub.period_end, sub.period_end + 7 * DAY
            at = self.snapshot(sub, sub.period_start, "updated", **previous)
            self.invoice(sub, at + 2, "subscription_cycle", self.period_lines(sub))
        self.delete(sub, min(sub.period_end, until), "cancellation_requested")

    def give_back(self, sub: Subscription, at: int) -> None:
        """The newest bill paid by card is credited: all of it, a part, or a sum without a note."""
        luck, books = self.luck, self.books
        bill = next(
            (
                bill
                for bill in reversed(books.invoices.values())
                if bill.subscription == sub.id
                and bill.closed
                and bill.closed[0] < at
                and bill.charge
                and not bill.charge["failure_code"]
                and not bill.charge["amount_refunded"]
                and not any(credit.invoice == bill.id for credit in books.credits)
            ),
            None,
        )
        if bill is None or bill.amount_due != bill.total:
            return
        way = luck.random()
        lines = [line for line in bill.lines if line["amount"] > 0]
        if way < 0.5 and len(lines) == len(bill.lines):
            refund = self.refund(bill, at, bill.total)
            self.credit_note(bill, at, lines, 1, refund)
        elif way < 0.75:
            largest = max(lines, key=lambda line: line["amount"])
            self.credit_note(bill, at, [largest], 3, None)
        else:
            amount = max(bill.total // 4, 1)
            refund = self.refund(bill, at, amount)
            books.credits.append(Credit(refund, bill.id, None, at, amount, "refund"))

    def refund(self, bill: Invoice, at: int, amount: int) -> str:
        charge = bill.charge
        assert charge is not None
        thing = {
            "id": self.books.new_id("re_"),
            "object": "refund",
            "amount": amount,
            "charge": charge["id"],
            "created": at,
            "currency": bill.currency,
            "metadata": {},
            "reason": "requested_by_customer",
            "status": "succeeded",
        }
        self.books.log(at, "refund.created", thing)
        charge["amount_refunded"] = amount
        charge["refunded"] = amount == charge["amount"]
        self.books.log(at, "charge.refunded", charge, {"amount_refunded": 0})
        return str(thing["id"])

    def credit_note(
        self, bill: Invoice, at: int, lines: list[dict[str, Any]], divisor: int, refund: str | None
    ) -> None:
        """Credits a `divisor`th of each line; without a refund it goes to the balance."""
        note, rows, net, tax = self.books.new_id("cn_"), [], 0, 0
        for line in lines:
            off = sum(part["amount"] for part in line["discount_amounts"]) // divisor
            amount = line["amount"] // divisor
            taxed = sum(part["amount"] for part in line["tax_amounts"]) // divisor
            rows.append(
                {
                    "id": self.books.new_id("cnli_"),
                    "object": "credit_note_line_item",
                    "amount": amount,
                    "discount_amount": off,
                    "discount_amounts": [],
                    "invoice_line_item": line["id"],
                    "livemode": True,
                    "quantity": 1,
                    "tax_amounts": [{"amount": taxed, "inclusive": False}] if taxed else [],
                    "type": "invoice_line_item",
                }
            )
            net, tax = net + amount - off, tax + taxed
        thing = {
            "id": note,
            "object": "credit_note",
            "amount": net + tax,
            "created": at,
            "currency": bill.currency,
            "customer": bill.customer,
            "discount_amount": sum(row["discount_amount"] for row in rows),
            "effective_at": at,
            "invoice": bill.id,
            "lines": {"object": "list", "data": rows, "has_more": False},
            "livemode": True,
            "reason": "order_change",
            "refund": refund,
            "status": "issued",
            "subtotal": sum(row["amount"] for row in rows),
            "subtotal_excluding_tax": sum(row["amount"] for row in rows),
            "total": net + tax,
            "total_excluding_tax": net,
            "type": "post_payment",
        }
        self.books.log(at, "credit_note.created", thing)
        self.books.credits += [
            Credit(
                note, bill.id, row["invoice_line_item"], at,
                row["amount"] - row["discount_amount"], "credit_note",
            )
            for row in rows
        ]  # fmt: skip
        if refund is None:
            owed = self.balances.get(bill.customer, 0)
            self.balances[bill.customer] = owed - net - tax

    def period_at(self, sub: Subscription, anchor: int, at: int) -> tuple[int, int]:
        length = plans.MONTHS[sub.interval]
        k = 0
        while add_months_s(anchor, (k + 1) * length) <= at:
            k += 1
        return add_months_s(anchor, k * length), add_months_s(anchor, (k + 1) * length)

    def renew(
        self, sub: Subscription, at: int, pending: list[dict[str, Any]], calm: float
    ) -> int | None:
        """The renewal invoice; a failing card is retried and recovers, or the service ends."""
        rng = self.rng
        lines = [*pending, *self.period_lines(sub, self.before(sub))]
        if rng.random() >= 0.045:
            self.invoice(sub, at + 2, "subscription_cycle", lines)
            return None
        why = str(rng.choice(["insufficient_funds", "card_declined", "expired_card"]))
        invoice = self.invoice(sub, at + 2, "subscription_cycle", lines, paid=False, failure=why)
        if invoice["paid"]:  # nothing was due
            return None
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
        written_off = last + int(self.luck.integers(2, 20)) * HOUR
        if rng.random() < 0.4:
            sub.status = "unpaid"
            self.snapshot(sub, last + 1, "updated", status="past_due")
            self.write_off(sub, invoice, written_off)
            last += int(rng.uniform(3, 30)) * DAY
            self.delete(sub, last + 2, "payment_failed")
            return last + 2
        ended = self.delete(sub, last + 2, "payment_failed")
        self.write_off(sub, invoice, written_off)
        return ended

    @staticmethod
    def before(sub: Subscription) -> int:
        """The start of the period that has just ended."""
        if sub.interval == "week":
            return sub.period_start - 7 * DAY
        return add_months_s(sub.period_start, -plans.MONTHS[sub.interval])


def items_of(sub: Subscription) -> dict[str, Any]:
    """What Stripe calls the previous items when the price changed."""
    price = plans.price_id(sub.plan, sub.interval, sub.currency, sub.has_new_price)
    return {"data": [{"price": {"id": price}}]}
