"""Who becomes a customer, how, and for how long."""

from fractions import Fraction
from typing import Any

import numpy as np

from demo_company import names, plans
from demo_company.billing import DAY, HOUR, MINUTE, Biller, items_of
from demo_company.books import (
    Books,
    Contract,
    EndOfHistory,
    Held,
    Subscription,
    half_up,
    subscription_object,
)
from demo_company.clock import add_months, add_months_s, day_number, day_of, stream
from demo_company.intent import LONGER_TRIAL_DAYS, TRIAL_DAYS, Intent
from demo_company.world import Account, World

CONTRACT_SHARE = 0.15


def run_billing(world: World, intent: Intent, attempt: int) -> Books:
    """One possible course of the company's revenue; who pays, and from when, is settled before."""
    parameters = world.parameters
    rng = stream(parameters.seed, "billing", attempt)
    books = Books(parameters)
    biller = Biller(world, books, rng, stream(parameters.seed, "billing_luck", attempt))
    by_size = sorted(intent.payers, key=lambda i: (-world.accounts[i].employees, i))
    enterprise = set(by_size[: round(CONTRACT_SHARE * len(by_size))])
    _catalogue(books, biller.catalogue_created)
    for account in world.accounts:
        try:
            _account_life(biller, intent, account, account.index in enterprise)
        except EndOfHistory:
            continue
    biller.close()
    _test_mode_customer(biller)
    books.events.sort(key=lambda e: (e.created, e.id))
    return books


def _catalogue(books: Books, created: int) -> None:
    for plan, intervals in plans.PRICES.items():
        books.log(created, "product.created", plans.product_object(plan, created))
        for interval, currencies in intervals.items():
            for currency in currencies:
                price = plans.price_object(plan, interval, currency, created)
                books.log(created, "price.created", price)
    for duration, months in (("forever", 0), ("once", 0), ("repeating", 3), ("repeating", 6)):
        for percent in (10, 15, 20, 25):
            coupon = plans.coupon_object(percent, 0, "usd", duration, months, created)
            books.log(created, "coupon.created", coupon)
        for amount in (500, 1_000, 2_500):
            for currency in ("usd", "eur", "gbp"):
                coupon = plans.coupon_object(0, amount, currency, duration, months, created)
                books.log(created, "coupon.created", coupon)


def _account_life(biller: Biller, intent: Intent, account: Account, is_enterprise: bool) -> None:
    rng, books = biller.rng, biller.books
    signed_up = account.signed_up // 1000
    until = books.end + 10 * 365 * DAY
    pays_at = int(intent.pays_on[account.index]) * DAY + int(rng.uniform(8, 20) * HOUR)
    pays = account.index in intent.payers
    # some large customers buy a small plan first
    buys_alone = pays and not (is_enterprise and rng.random() < 0.5)
    if is_enterprise:
        first_day = int(intent.pays_on[account.index]) + int(rng.integers(4, 16))
        if buys_alone:
            first_day += int(rng.integers(30, 80))
        if first_day * DAY < books.end:
            _contracts(biller, account, first_day)
            until = first_day * DAY + 12 * HOUR
        else:
            buys_alone = True
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
        if intent.longer_trial[account.index]:
            before, sub.trial_end = sub.trial_end, start + 1 + LONGER_TRIAL_DAYS * DAY
            sub.period_end = sub.trial_end
            biller.snapshot(sub, before - DAY, "updated", trial_end=before)
        trial_end = sub.trial_end
        is_reverse = intent.reverse_trial[account.index]  # ends on the free plan
        if not buys_alone:
            if is_reverse:
                _drop_to_free(biller, sub, sub.trial_end)
            else:
                biller.delete(sub, sub.trial_end, "cancellation_requested")
            return
        before_paid: dict[str, Any] = {"status": "trialing"}
        if is_reverse:
            interval = "month"
            _drop_to_free(biller, sub, sub.trial_end)
            before_paid = {"items": items_of(sub)}
            sub.plan, sub.trial_end = plan, max(pays_at, sub.trial_end + 2 * DAY)
        decided = (int(intent.decided_on[account.index]) + 1) * DAY
        checkout = rng.uniform(decided, max(sub.trial_end - 5 * HOUR, decided + 1))
        _checkout(biller, account, customer, int(checkout), sub)
        sub.status, sub.period_start = "active", sub.trial_end
        paid_from, sub.trial_end = sub.trial_end, trial_end
        sub.period_end = biller.after(paid_from, interval)
        if rng.random() < 0.18:
            biller.give_discount(sub, paid_from, "forever", 0, int(rng.choice([10, 20])))
        biller.snapshot(sub, paid_from, "updated", **before_paid)
        biller.invoice(sub, paid_from + 1, "subscription_cycle", biller.period_lines(sub))
    elif buys_alone:
        customer = biller.customer(account, pays_at)
        _checkout(biller, account, customer, pays_at + 1, None)
        sub = biller.subscribe(account, customer, pays_at + 40, plan, interval, seats)
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


def _drop_to_free(biller: Biller, sub: Subscription, at: int) -> None:
    """A reverse trial is over: the subscription goes on, for nothing."""
    before = items_of(sub)
    sub.status, sub.plan, sub.interval = "active", "free", "month"
    sub.period_start, sub.period_end = at, add_months_s(at, 1)
    biller.snapshot(sub, at, "updated", status="trialing", items=before)


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
        monthly = Fraction(half_up(value, 12))  # a contract's month is priced in whole cents
        held = Held(source, "enterprise", "contract", account.currency, seats, monthly, monthly)
        books.hold(start * DAY, account, account.currency, source, (held,), "contract")
        books.plan_changes.append((start * DAY, account.index, "enterprise", seats))
        if (end + 1) * DAY < books.end:
            books.hold((end + 1) * DAY, account, account.currency, source, ())
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
        created=at,
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
