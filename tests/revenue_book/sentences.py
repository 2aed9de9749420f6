"""What happened, from a scenario's sentences to Stripe's events. The vocabulary is in README.md.

A sentence is a moment, perhaps which subscription, one or more phrases and notes in brackets:
`2025-02-10 14:00 [second] changes to 5 seats; gets 20% off forever (arrives 2025-04-01)`.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

from tests.revenue_book.pricing import (
    AMOUNT,
    NotUnderstood,
    Price,
    coupon_in_words,
    in_minor_units,
    price_in_words,
)
from tests.revenue_book.stripe_account import StripeAccount, Subscription, seconds

_DAY = r"\d{4}-\d{2}-\d{2}"
_MOMENT = rf"{_DAY}(?: \d{{2}}:\d{{2}}(?::\d{{2}})?)?"
_SENTENCE = re.compile(
    rf"(?P<at>{_MOMENT}) (?:\[(?P<label>\w+)\] )?(?P<phrases>[^()]+?)(?P<notes>(?: \([^()]+\))*)"
)
_ITEM = re.compile(r"(?:(?P<quantity>\d+) × )?(?P<product>\w+) at (?P<price>.+)")
USUAL_TIME = time(10)
# of the first sentence of a subscription: how it is sent
_NOTES = {"test mode", "tiers in the price list", "coupons by id", "objects expanded"}


def moment(words: str) -> datetime:
    """`2025-01-31` is ten o'clock that day; `2025-01-31 23:59:59` as it stands."""
    if len(words) == 10:
        return datetime.combine(date.fromisoformat(words), USUAL_TIME)
    return datetime.fromisoformat(words)


class Teller:
    """Tells a Stripe account what happened, sentence by sentence, in the order it happened."""

    def __init__(self, account: StripeAccount, prices: dict[str, Price]):
        self.account = account
        self.prices = prices
        self.count_invoices = 0
        self.open_invoice: dict[str, Any] = {}

    def tell(self, sentence: str) -> None:
        found = _SENTENCE.fullmatch(sentence)
        if not found:
            raise NotUnderstood(f"sentence {sentence!r}")
        at = moment(found["at"])
        label = found["label"] or "main"
        notes = re.findall(r"\(([^()]+)\)", found["notes"])
        phrases = found["phrases"].split("; ")
        subscription = self.account.subscriptions.get(label)
        if phrases[0].startswith("subscribes to "):
            subscription = self._subscribe(label, at, phrases.pop(0), notes)
            kind = "customer.subscription.created"
        elif subscription is None:
            raise NotUnderstood(f"[{label}] has not subscribed yet: {sentence!r}")
        else:
            kind = "customer.subscription.updated"
        for phrase in phrases:
            kind = self._say(subscription, at, phrase) or kind
        self._deliver(subscription, kind, at, notes)

    def _deliver(
        self, subscription: Subscription, kind: str, at: datetime, notes: list[str]
    ) -> None:
        arrived_at, copies, is_sent = at, 1, kind != "nothing"
        for note in notes:
            if note.startswith("arrives "):
                arrived_at = moment(note.removeprefix("arrives "))
            elif note == "sent twice":
                copies = 2
            elif note == "never sent":
                is_sent = False
            elif note not in _NOTES and not note.startswith("API "):
                raise NotUnderstood(f"note ({note})")
        if is_sent:
            subscription.commit(kind, at, arrived_at=arrived_at, copies=copies)
        else:
            subscription.remember(at)

    # --- the first sentence of a subscription ------------------------------------------------

    def _subscribe(self, label: str, at: datetime, phrase: str, notes: list[str]) -> Subscription:
        items, *clauses = phrase.removeprefix("subscribes to ").split(", ")
        customer, started_at, is_test = "main", at, "test mode" in notes
        for clause in clauses:
            if clause.startswith("as customer "):
                customer = clause.removeprefix("as customer ")
            elif clause.startswith("backdated to "):
                started_at = moment(clause.removeprefix("backdated to "))
        named = [self._item(words) for words in items.split(" + ")]
        currency = named[0][1].currency or "USD"
        subscription = Subscription(
            account=self.account,
            label=label,
            customer_id=self.account.customer(customer, at, is_test),
            created_at=at,
            started_at=started_at,
            currency=currency.lower(),
            is_test=is_test,
        )
        for note in notes:
            if note.startswith("API "):
                subscription.api = note.removeprefix("API ")
        subscription.are_tiers_apart = "tiers in the price list" in notes
        subscription.are_coupons_ids = "coupons by id" in notes
        subscription.is_expanded = "objects expanded" in notes
        self.account.subscriptions[label] = subscription
        for product, price, quantity in named:
            subscription.add_item(product, price, quantity)
        for clause in clauses:
            if clause.startswith("on trial until "):
                subscription.status = "trialing"
                subscription.trial_ends_at = moment(clause.removeprefix("on trial until "))
            elif clause == "awaiting payment":
                subscription.status = "incomplete"
            elif found := re.fullmatch(rf"tax of ({AMOUNT})% (included|on top)", clause):
                rate = {"percentage": float(found[1]), "inclusive": found[2] == "included"}
                subscription.fields["default_tax_rates"] = [{"id": "txr_book", **rate}]
            elif clause.startswith("with "):
                self._gets(subscription, at, clause.removeprefix("with "))
            elif not clause.startswith(("as customer ", "backdated to ")):
                raise NotUnderstood(f"clause {clause!r}")
        return subscription

    def _item(self, words: str) -> tuple[str, Price, int]:
        found = _ITEM.fullmatch(words)
        if not found:
            raise NotUnderstood(f"item {words!r}")
        price = price_in_words(found["price"], self.prices)
        return found["product"], price, int(found["quantity"] or 1)

    # --- what happens to it later ------------------------------------------------------------

    def _say(self, subscription: Subscription, at: datetime, phrase: str) -> str | None:
        """Change the subscription; the kind of event where it is not an update."""
        tellings: list[tuple[str, Callable[..., str | None]]] = [
            (r"changes (?:(\w+) )?to (\d+) seats?", self._seats),
            (r"moves (?:from (\w+) )?to (.+)", self._moves),
            (r"swaps (?:(\w+) )?for (.+)", self._swaps),
            (r"adds (.+)", self._adds),
            (r"drops (\w+)", self._drops),
            (r"gets (.+)", self._gets_now),
            (r"gets (.+) as a customer", self._customer_gets),
            (r"loses its coupons?", self._loses),
            (r"loses the customer's coupon", self._customer_loses),
            (rf"extends the trial until ({_MOMENT})", self._extends),
            (r"becomes (.+)", self._becomes),
            (rf"pauses(?: until ({_MOMENT}))?", self._pauses),
            (r"resumes", self._resumes),
            (r"will cancel at the period's end", self._will_cancel),
            (rf"will cancel on ({_MOMENT})", self._will_cancel),
            (r"takes the cancellation back", self._stays),
            (r"ends(?: (for want of payment))?", self._ends),
            (r"is updated in nothing", lambda *_: None),
            (r"is listed", self._listed),
            (
                rf"is billed ({AMOUNT})"
                rf"(?: with proration ({AMOUNT}))?(?: and tax ({AMOUNT}))?(?: for a (\w+))?",
                self._billed,
            ),
            (rf"fails to pay ({AMOUNT}), (\w+)", self._fails),
            (r"fails again, (\w+)", self._fails_again),
            (r"pays", self._pays),
            (r"is written off", self._written_off),
            (rf"is refunded ({AMOUNT})", self._refunded),
            (rf"gets credit for ({AMOUNT})", self._credited),
        ]
        # `gets credit for` before `gets`
        for pattern, telling in reversed(tellings):
            if found := re.fullmatch(pattern, phrase):
                return telling(subscription, at, *found.groups())
        raise NotUnderstood(f"phrase {phrase!r}")

    def _seats(self, subscription, at, product, quantity) -> None:
        subscription.item_of(product)["quantity"] = int(quantity)

    def _moves(self, subscription, at, product, words) -> None:
        """The item stays and gets another price, as Stripe's portal does it."""
        item = subscription.item_of(product)
        new_product, price, _ = self._item(words)
        item["price"] = price.body(new_product, subscription.currency, self.account.key)
        if " × " in words:
            item["quantity"] = self._item(words)[2]

    def _swaps(self, subscription, at, product, words) -> None:
        """The item goes and another one comes."""
        subscription.items.remove(subscription.item_of(product))
        subscription.add_item(*self._item(words))

    def _adds(self, subscription, at, words) -> None:
        subscription.add_item(*self._item(words))

    def _drops(self, subscription, at, product) -> None:
        subscription.items.remove(subscription.item_of(product))

    def _gets_now(self, subscription, at, words) -> None:
        self._gets(subscription, at, words)

    def _gets(self, subscription, at, words) -> None:
        found = re.fullmatch(r"(.+?)(?: on (\w+))?(?: by code (\w+))?", words)
        coupon, product, code = found.groups()
        promotion = f"promo_{self.account.key}_{code}" if code else None
        discount = subscription.discount(coupon_in_words(coupon), at, promotion)
        if product:
            subscription.item_of(product)["discounts"].append(discount)
        else:
            subscription.discounts.append(discount)

    def _customer_gets(self, subscription, at, words) -> str | None:
        """The customer as a whole; nothing is told of the subscription."""
        subscription.discount_customer(coupon_in_words(words), at)
        return "nothing" if subscription.sent else None

    def _customer_loses(self, subscription, at) -> str:
        subscription.undiscount_customer(at)
        return "nothing"

    def _loses(self, subscription, at) -> None:
        subscription.discounts.clear()
        for item in subscription.items:
            item["discounts"] = []

    def _extends(self, subscription, at, until) -> None:
        subscription.trial_ends_at = moment(until)

    def _becomes(self, subscription, at, status) -> None:
        known = {
            *("active", "past due", "unpaid", "incomplete expired", "paused", "trialing"),
        }
        if status not in known:
            raise NotUnderstood(f"status {status!r}")
        subscription.status = status.replace(" ", "_")

    def _pauses(self, subscription, at, until) -> None:
        resumes_at = seconds(moment(until)) if until else None
        subscription.fields["pause_collection"] = {"behavior": "void", "resumes_at": resumes_at}

    def _resumes(self, subscription, at) -> None:
        subscription.fields["pause_collection"] = None
        if subscription.status == "paused":
            subscription.status = "active"

    def _will_cancel(self, subscription, at, on=None) -> None:
        end = moment(on) if on else subscription.period(at)[1]
        subscription.fields |= {
            "cancel_at_period_end": on is None,
            "cancel_at": seconds(end),
            "canceled_at": seconds(at),
            "cancellation_details": {
                "reason": "cancellation_requested",
                "feedback": None,
                "comment": None,
            },
        }

    def _stays(self, subscription, at) -> None:
        for name in ("cancel_at_period_end", "cancel_at", "canceled_at", "cancellation_details"):
            subscription.fields.pop(name, None)

    def _ends(self, subscription, at, unpaid) -> str:
        subscription.status = "canceled"
        reason = "payment_failed" if unpaid else "cancellation_requested"
        subscription.fields["ended_at"] = seconds(at)
        subscription.fields.setdefault("canceled_at", seconds(at))
        subscription.fields["cancellation_details"] = {
            "reason": reason,
            "feedback": None,
            "comment": None,
        }
        return "customer.subscription.deleted"

    # --- what happens beside it --------------------------------------------------------------

    def _listed(self, subscription, at) -> str:
        subscription.pull(at)
        return "nothing"

    def _billed(self, subscription, at, amount, proration, tax, one_time) -> str:
        """An invoice is finalised and paid; what was prorated is a line of its own."""
        currency = subscription.currency
        start, end = subscription.period(at)
        invoice_id = self._invoice_id(subscription, new=True)
        subtotal, prorated, taxed = (
            int(in_minor_units(words or "0", currency)) for words in (amount, proration, tax)
        )
        item = subscription.items[0]
        lines = []
        for number, (line_amount, is_proration) in enumerate(
            [(subtotal - prorated, False), (prorated, True)]
        ):
            if not line_amount:
                continue
            line = {
                "id": f"il_{invoice_id}_{number}",
                "object": "line_item",
                "type": "invoiceitem" if is_proration or one_time else "subscription",
                "description": one_time,
                "amount": line_amount,
                "currency": currency,
                "proration": is_proration,
                "quantity": 1,
                "subscription": None if one_time else subscription.id,
                "period": {
                    "start": seconds(at if is_proration or one_time else start),
                    "end": seconds(at if one_time else end),
                },
            }
            if not one_time:
                line["subscription_item"] = item["id"]
                line["price"] = {"id": item["price"]["id"], "product": item["price"]["product"]}
                line["quantity"] = item.get("quantity", 1)
            lines.append(line)
        reason = "subscription_update" if proration else "subscription_cycle"
        body = self._invoice(
            subscription, invoice_id, at, "manual" if one_time else reason, lines, taxed
        )
        if one_time:
            body["subscription"] = None
        self._settle(body, at)
        for kind in ("invoice.finalized", "invoice.paid"):
            self.account.send(kind, at, body, is_test=subscription.is_test)
        return "nothing"

    def _invoice(self, subscription, invoice_id, at, reason, lines, tax=0) -> dict[str, Any]:
        """An open invoice with these lines."""
        start, end = subscription.period(at)
        subtotal = sum(line["amount"] for line in lines)
        return {
            "id": invoice_id,
            "object": "invoice",
            "customer": subscription.customer_id,
            "subscription": subscription.id,
            "status": "open",
            "billing_reason": reason,
            "collection_method": "charge_automatically",
            "currency": subscription.currency,
            "created": seconds(at),
            "subtotal": subtotal,
            "tax": tax,
            "total": subtotal + tax,
            "amount_due": subtotal + tax,
            "amount_paid": 0,
            "amount_remaining": subtotal + tax,
            "attempt_count": 1,
            "period_start": seconds(start),
            "period_end": seconds(end),
            "status_transitions": {"finalized_at": seconds(at), "paid_at": None},
            "lines": {"object": "list", "data": lines},
        }

    def _settle(self, body, at) -> None:
        body |= {
            "status": "paid",
            "amount_paid": body["amount_due"],
            "amount_remaining": 0,
            "next_payment_attempt": None,
        }
        body["status_transitions"]["paid_at"] = seconds(at)

    def _fails(self, subscription, at, amount, reason) -> str:
        """A new invoice that cannot be collected; Stripe will try again in three days."""
        invoice_id = self._invoice_id(subscription, new=True)
        item = subscription.items[0]
        start, end = subscription.period(at)
        line = {
            "id": f"il_{invoice_id}_0",
            "object": "line_item",
            "type": "subscription",
            "amount": int(in_minor_units(amount, subscription.currency)),
            "currency": subscription.currency,
            "proration": False,
            "quantity": item.get("quantity", 1),
            "subscription": subscription.id,
            "subscription_item": item["id"],
            "price": {"id": item["price"]["id"], "product": item["price"]["product"]},
            "period": {"start": seconds(start), "end": seconds(end)},
        }
        self.open_invoice = self._invoice(
            subscription, invoice_id, at, "subscription_cycle", [line]
        )
        self.open_invoice["attempt_count"] = 0
        self.account.send("invoice.finalized", at, self.open_invoice, is_test=subscription.is_test)
        return self._fails_again(subscription, at, reason)

    def _fails_again(self, subscription, at, reason) -> str:
        body = self.open_invoice
        body["attempt_count"] += 1
        body["next_payment_attempt"] = seconds(at + timedelta(days=3))
        self._charge(subscription, at, "failed", reason)
        self.account.send("invoice.payment_failed", at, body, is_test=subscription.is_test)
        return "nothing"

    def _pays(self, subscription, at) -> str:
        body = self.open_invoice
        body["attempt_count"] += 1
        self._settle(body, at)
        self._charge(subscription, at, "succeeded", None)
        self.account.send("invoice.paid", at, body, is_test=subscription.is_test)
        return "nothing"

    def _written_off(self, subscription, at) -> str:
        body = self.open_invoice
        body |= {"status": "uncollectible", "next_payment_attempt": None}
        body["status_transitions"]["marked_uncollectible_at"] = seconds(at)
        self.account.send("invoice.marked_uncollectible", at, body, is_test=subscription.is_test)
        return "nothing"

    def _charge(self, subscription, at, status, reason) -> None:
        invoice = self.open_invoice
        charge = {
            "id": f"ch_{invoice['id']}_{invoice['attempt_count']}",
            "object": "charge",
            "customer": subscription.customer_id,
            "invoice": invoice["id"],
            "amount": invoice["amount_due"],
            "amount_refunded": 0,
            "currency": subscription.currency,
            "created": seconds(at),
            "status": status,
            "paid": status == "succeeded",
            "failure_code": reason,
        }
        self.account.send(f"charge.{status}", at, charge, is_test=subscription.is_test)

    def _refunded(self, subscription, at, amount) -> str:
        body = {
            "id": f"re_{self._invoice_id(subscription)}",
            "object": "refund",
            "amount": int(in_minor_units(amount, subscription.currency)),
            "currency": subscription.currency,
            "charge": f"ch_{self._invoice_id(subscription)}",
            "created": seconds(at),
            "status": "succeeded",
            "reason": "requested_by_customer",
        }
        self.account.send("refund.created", at, body, is_test=subscription.is_test)
        return "nothing"

    def _credited(self, subscription, at, amount) -> str:
        total = int(in_minor_units(amount, subscription.currency))
        body = {
            "id": f"cn_{self._invoice_id(subscription)}",
            "object": "credit_note",
            "customer": subscription.customer_id,
            "invoice": self._invoice_id(subscription),
            "amount": total,
            "total": total,
            "currency": subscription.currency,
            "created": seconds(at),
            "status": "issued",
            "type": "post_payment",
        }
        self.account.send("credit_note.created", at, body, is_test=subscription.is_test)
        return "nothing"

    def _invoice_id(self, subscription: Subscription, new: bool = False) -> str:
        self.count_invoices += new
        return f"in_{subscription.id}_{self.count_invoices}"


def contract_row(key: str, account: str, number: int, words: str) -> dict[str, str]:
    """`2025-01-01 to 2025-12-31, 12000.00 EUR a year, 10 seats, signed 2024-12-15`."""
    span, value, *clauses = words.split(", ")
    days = re.fullmatch(rf"({_DAY}) to ({_DAY})", span)
    worth = re.fullmatch(rf"({AMOUNT})(?: ([A-Z]{{3}}))? a year", value)
    if not days or not worth:
        raise NotUnderstood(f"contract {words!r}")
    row = {
        "contract_id": f"con_{key}_{number}",
        "account": account,
        "start": days[1],
        "end": days[2],
        "annual_value": worth[1],
        "currency": worth[2] or "USD",
        "seats": "",
        "billing_frequency": "annual",
        "signed_date": str(date.fromisoformat(days[1]) - timedelta(days=14)),
        "owner": "sales@book.example",
    }
    for clause in clauses:
        if found := re.fullmatch(r"(\d+) seats?", clause):
            row["seats"] = found[1]
        elif found := re.fullmatch(rf"signed ({_DAY})", clause):
            row["signed_date"] = found[1]
        else:
            raise NotUnderstood(f"clause {clause!r} of contract {words!r}")
    return row
