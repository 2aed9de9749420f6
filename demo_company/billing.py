"""One subscription's life: snapshots, invoices, changes of mind, failing cards, its end.

Everything that changes MRR passes through `Books.hold`, the company's own ledger; the
truth is computed from that ledger, the Stripe files from the snapshots taken beside it.
"""

import copy
from typing import Any

import numpy as np

from demo_company import plans
from demo_company.books import COUNTED, Books, Invoice, Subscription, half_up, subscription_object
from demo_company.clock import add_months_s
from demo_company.world import Account, World

DAY, HOUR, MINUTE = 86_400, 3_600, 60


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
        why = "payment" if sub.cancel_reason == "payment_failed" or sub.status == "unpaid" else ""
        held = () if kind == "deleted" else sub.held
        self.books.hold(at, sub.account, sub.currency, sub.id, held, why)
        if kind == "deleted" or sub.status == "unpaid":
            self.books.stops.setdefault(sub.id, []).append(at)
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
        record = Invoice(thing["id"], sub.account.index, sub.id, reason, sub.currency, total)
        record.lines = thing["lines"]["data"]
        self.books.invoices[record.id] = record
        thing["status"] = "open"
        thing["status_transitions"]["finalized_at"] = at + HOUR
        self.books.log(at + HOUR, "invoice.finalized", thing)
        record.finalized = at + HOUR
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
        self.books.invoices[invoice["id"]].attempts.append((at, failure))
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
                    "amount": sign * half_up(state.period_amount * left, whole),
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
                at = self.snapshot(sub, at, "updated", items=_items_of(before))
                pending += self.proration_lines(sub, before, at)
            elif draw < 0.233 and sub.plan != "starter":
                sub.plan = plans.PAID_PLANS[plans.PAID_PLANS.index(sub.plan) - 1]
                at = self.snapshot(sub, at, "updated", items=_items_of(before))
                pending += self.proration_lines(sub, before, at)
            elif draw < 0.250 and sub.interval == "month":
                lines = self.proration_lines(sub, before, at)[:1]
                sub.interval = "year"
                sub.period_start, sub.period_end = at, add_months_s(at, 12)
                at = self.snapshot(sub, at, "updated", items=_items_of(before))
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


def _items_of(sub: Subscription) -> dict[str, Any]:
    """What Stripe calls the previous items when the price changed."""
    price = plans.price_id(sub.plan, sub.interval, sub.currency)
    return {"data": [{"price": {"id": price}}]}
