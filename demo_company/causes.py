"""Why revenue moved: every movement split by what the account itself did that day.

Whole fractions and dictionaries, account by account and day by day, from `Books.holdings`.
"""

from collections import Counter, defaultdict
from fractions import Fraction

from demo_company.books import Held
from demo_company.truth import FxTable

Holdings = list[tuple[int, int, str, tuple[Held, ...], str]]
Movements = dict[int, list[tuple[int, str, int, int]]]
Causes = dict[int, list[tuple[int, str, str, int]]]


def movement_causes(movements: Movements, holdings: Holdings, fx: FxTable) -> Causes:
    """By account: (day, type, cause, signed USD cents); the causes of a movement add up to it."""
    steps: dict[int, dict[int, list[tuple[str, tuple[Held, ...], str]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for second, account, source, held, why in sorted(holdings, key=lambda row: row[0]):
        steps[account][second // 86_400].append((source, held, why))
    result: Causes = {}
    for account, moves in movements.items():
        by_day: dict[int, list[tuple[str, int]]] = defaultdict(list)
        for day, kind, cents, _ in moves:
            by_day[day].append((kind, cents))
        state: dict[str, tuple[Held, ...]] = {}
        rows = result.setdefault(account, [])
        for day in sorted({*steps[account], *by_day}):
            before = [thing for things in state.values() for thing in things]
            not_paid = False
            for source, held, why in steps[account].get(day, []):
                not_paid |= why == "payment" and not held
                state[source] = held
            after = [thing for things in state.values() for thing in things]
            for kind, cents in by_day[day]:
                if kind == "fx":
                    parts = {"rate": cents}
                elif kind == "reactivation":
                    parts = {"return": cents}
                elif kind == "churn":
                    parts = {"involuntary" if not_paid else "voluntary": cents}
                elif kind == "new":
                    largest = max(after, key=lambda thing: _worth(thing, day, fx))
                    first = "contract" if largest.term == "contract" else "first_payment"
                    parts = {first: cents}
                else:
                    parts = split(cents, weights(before, after, day, fx))
                rows += [(day, kind, cause, amount) for cause, amount in parts.items() if amount]
    return result


def _worth(thing: Held, day: int, fx: FxTable) -> int:
    return thing.mrr * fx.rate(day, thing.currency)


def weights(before: list[Held], after: list[Held], day: int, fx: FxTable) -> Counter[str]:
    """What each cause did to the account's revenue, exact, in USD at the day's rate."""
    old = {thing.key: thing for thing in before}
    new = {thing.key: thing for thing in after}
    pairs = [(old[key], new[key]) for key in old if key in new]
    # what stops and what starts the same day is one thing exchanged, the largest for the largest
    gone = sorted(
        (old[key] for key in old if key not in new), key=lambda t: (-_worth(t, day, fx), t.key)
    )
    come = sorted(
        (new[key] for key in new if key not in old), key=lambda t: (-_worth(t, day, fx), t.key)
    )
    exchanged = min(len(gone), len(come))
    pairs += list(zip(gone, come, strict=False))
    found: Counter[str] = Counter()
    for one, other in pairs:
        rate_one, rate_other = fx.rate(day, one.currency), fx.rate(day, other.currency)
        list_one, list_other = one.list_price * rate_one, other.list_price * rate_other
        kept_one = one.net_price / one.list_price if one.list_price else Fraction(1)
        net_other = other.net_price * rate_other
        at_new_seats = list_one * other.quantity / one.quantity if one.quantity else list_one
        if one.plan != other.plan:
            cause = "tier"
        elif one.term != other.term:
            cause = "interval"
        else:
            cause = "price"
        # seats at the old price, the price of the new seats, what is kept of it last
        found["seats"] += (at_new_seats - list_one) * kept_one
        found[cause] += (list_other - at_new_seats) * kept_one
        found["discount"] += net_other - list_other * kept_one
    for thing in gone[exchanged:]:
        found["addon"] -= thing.net_price * fx.rate(day, thing.currency)
    for thing in come[exchanged:]:
        found["addon"] += thing.net_price * fx.rate(day, thing.currency)
    return found


def split(cents: int, found: Counter[str]) -> dict[str, int]:
    """Whole cents by cause; what worked against the net change only shrinks the others.

    All but the largest cause get the cents that are whole, the largest gets the rest.
    """
    helped = {
        cause: abs(weight)
        for cause, weight in found.items()
        if weight and (weight > 0) == (cents > 0)
    }
    if not helped:
        raise ValueError(f"nothing moved revenue by {cents} cents: {dict(found)}")
    whole = sum(helped.values())
    ranked = sorted(helped, key=lambda cause: (-helped[cause], cause))
    sign = 1 if cents > 0 else -1
    parts = {cause: sign * int(abs(cents) * helped[cause] / whole) for cause in ranked[1:]}
    return {ranked[0]: cents - sum(parts.values()), **parts}
