"""Account health once more, a day at a time in plain loops over a world of lists."""

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

DAY = timedelta(days=1)
FAR = date(9999, 12, 31)


def half_up(value: Fraction) -> int:
    """To the nearest whole number, halves away from zero."""
    sign = -1 if value < 0 else 1
    return sign * int(abs(value) + Fraction(1, 2))


def last_day(world) -> date:
    return (world["as_of"] - timedelta(microseconds=1)).date()


def _states(world, account, day):
    """What each subscription of the account was at the end of the day, as far as heard."""
    first_load = min((s["known_in_load"] for s in world["states"]), default=0)
    heard = {}
    for state in world["states"]:
        if state["account_id"] != account or state["is_metered"]:
            continue
        if state["known_in_load"] > first_load:
            heard_at = state["known_at"]
        elif state["event_rank"] < 3:
            heard_at = state["event_created_at"]
        else:
            heard_at = state["effective_at"]
        if max(state["valid_from"].date(), heard_at.date()) > day:
            continue
        order = (
            state["effective_at"], state["event_rank"], state["event_id"], state["valid_from"],
            heard_at.date(),
        )  # fmt: skip
        of_one = heard.setdefault(state["subscription_id"], {})
        of_one.setdefault(order, []).append(state)
    return [of_one[max(of_one)] for of_one in heard.values()]


def _failing(world, account, day):
    for failed in world["attempts"]:
        if failed["account_id"] != account or failed["is_successful"]:
            continue
        begins = failed["attempted_at"].date()
        ends = [begins + 60 * DAY]
        ends += [
            other["attempted_at"].date()
            for other in world["attempts"]
            if other["invoice_id"] == failed["invoice_id"]
            and other["is_successful"]
            and other["attempted_at"] >= failed["attempted_at"]
        ]
        for invoice in world["invoices"]:
            if invoice["invoice_id"] == failed["invoice_id"]:
                ends += [
                    invoice[name].date()
                    for name in ("voided_at", "marked_uncollectible_at")
                    if invoice[name]
                ]
        if begins <= day < min(ends):
            return True
    return False


def paying(world, account, day):
    """None where it pays nothing; else (seats or None, billing state or None)."""
    seats, states = [], []
    for items in _states(world, account, day):
        if sum(item["mrr_cents"] or 0 for item in items) <= 0:
            continue
        sold = [
            item["quantity"] for item in items if (item["mrr_cents"] or 0) > 0 and item["quantity"]
        ]
        seats.append(max(sold, default=0))
        if any(item["is_churn_scheduled"] for item in items):
            states.append("cancel_scheduled")
        elif max(item["status"] for item in items) == "past_due":
            states.append("past_due")
        else:
            states.append("current")
    for contract in world["contracts"]:
        if contract["account_id"] != account or not contract["mrr_cents"]:
            continue
        begins = max(contract["start_date"], contract["signed_date"] or contract["start_date"])
        if contract["start_date"] <= contract["end_date"] and begins <= day <= contract["end_date"]:
            seats.append(contract["seats"] or 0)
    if not seats:
        return None
    if _failing(world, account, day):
        states.append("payment_failed")
    values = {row["billing_state"]: row["value"] for row in world["billing_states"]}
    state = min(states, key=lambda name: values[name]) if states else None
    return (sum(seats) if all(seats) else None), state


def _events(world, account, component):
    """(day, known, person, name, count) of what the component counts."""
    if component["event_names"] == "*":
        names = world["product_events"]
    else:
        names = set(component["event_names"].split(";"))
    rows = [row for row in world["events"] if row[0] == account and row[3] in names]
    if "support_ticket_opened" in names:
        rows += [
            (account, person, at.date(), "support_ticket_opened", at.date(), 1)
            for who, person, at in world["tickets"]
            if who == account
        ]
    return [(row[2], row[4], row[1], row[3], row[5]) for row in rows]


def champion(world, account, month):
    """Who was active on the most days of the 60 before the month, of what was known by then."""
    days = {}
    for who, person, day, name, known, _ in world["events"]:
        counts = who == account and person and name in world["product_events"]
        if counts and month - 60 * DAY <= day < month and known < month:
            days.setdefault(person, set()).add(day)
    if not days:
        return None
    most = max((len(found), max(found)) for found in days.values())
    return min(person for person, found in days.items() if (len(found), max(found)) == most)


def _measure(world, component, account, day, seats, billing, first_paid):
    """(numerator, denominator) or None where it is not known."""
    window, counted = component["window_days"], component["numerator"]
    rows = _events(world, account, component)
    reach = window * (2 if component["denominator"] == "previous" else 1)

    def heard(events):
        return any(max(known, at + (reach - 1) * DAY) <= day for at, known, *_ in events)

    if component["known_by"] == "account":
        known = heard(rows)
    elif component["known_by"] == "anyone":
        known = any(heard(_events(world, a, component)) for a in world["accounts"])
    elif component["known_by"] == "champion":
        month, known = first_paid.replace(day=1), False
        while month <= day.replace(day=1):
            known = known or champion(world, account, month) is not None
            month = (month + 31 * DAY).replace(day=1)
    else:
        known = billing is not None
    if not known:
        return None

    def count(what, since, until, who=None):
        seen = [row for row in rows if since < row[0] <= until and row[1] <= day]
        if what == "events":
            return sum(row[4] for row in seen)
        if what == "features":
            return len({world["features"].get(row[3]) for row in seen} - {None})
        if what == "people":
            return len({row[2] for row in seen} - {None})
        if what == "person_days":
            return len({(row[0], row[2]) for row in seen if row[2]})
        return len({row[0] for row in seen if row[2] == who and who})

    if counted == "billing_value":
        value = {row["billing_state"]: row["value"] for row in world["billing_states"]}[billing]
        return value, 1
    who = champion(world, account, day.replace(day=1)) if counted == "champion_days" else None
    numerator = count(counted, day - window * DAY, day, who)
    below = component["denominator"]
    if below == "none":
        return numerator, 1
    if below == "seats":
        return None if seats is None else (numerator, seats)
    if below == "previous":
        return numerator, count(counted, day - 2 * window * DAY, day - window * DAY)
    return numerator, count(below, day - window * DAY, day)


def _on_curve(points, value):
    """Hundredths of the score at a value in ten-thousandths."""
    corners = sorted((int(v * 10_000), int(s * 100)) for v, s in points)
    value = min(max(value, corners[0][0]), corners[-1][0])
    for (left, low), (right, high) in pairwise(corners):
        if left <= value < right:
            return low + half_up(Fraction((high - low) * (value - left), right - left))
    return corners[-1][1]


def health(world) -> dict:
    """(account, day) -> (score in hundredths or None, band, cause, {component: (score or None,
    points)})"""
    found = {}
    for account in world["accounts"]:
        day, first_paid = world["begin"], None
        while day <= last_day(world):
            state = paying(world, account, day)
            if state:
                first_paid = first_paid or day
                found[account, day] = _one_day(world, account, day, *state, first_paid)
            day += DAY
    return found


def _one_day(world, account, day, seats, billing, first_paid):
    scores, causes = {}, {}
    for component in world["components"]:
        name = component["component"]
        measured = _measure(world, component, account, day, seats, billing, first_paid)
        causes[name] = component["cause"]
        if component["numerator"] == "billing_value":
            by_state = {row["billing_state"]: row["cause"] for row in world["billing_states"]}
            causes[name] = by_state.get(billing) or component["cause"]
        if measured is None:
            scores[name] = None
            continue
        numerator, denominator = measured
        under = max(denominator, component["min_denominator"] or 1)
        value = half_up(Fraction(10_000 * numerator * component["per"], under))
        scores[name] = _on_curve(world["curves"][name], value)
    weights = {c["component"]: c["weight"] for c in world["components"]}
    total = sum(weights[name] for name, score in scores.items() if score is not None)
    points, so_far, before = {}, Fraction(0), 0
    decisive = {c["component"] for c in world["components"] if c["is_decisive"] == "true"}
    costs = []
    for place, (name, score) in enumerate(scores.items()):
        if score is None or not total:
            points[name] = 0
            continue
        so_far += Fraction(weights[name] * score, total)
        points[name] = half_up(so_far) - before
        before = half_up(so_far)
        lost = half_up(Fraction(weights[name] * (10_000 - score), total))
        told = name in decisive and score < 10_000
        costs.append((not told, -lost, place, name))
    whole = sum(points.values()) if total else None
    band = cause = None
    if whole is None or 2 * total < sum(weights.values()):
        band = "unknown"
    else:
        for least, name in sorted(world["bands"]):
            if whole >= 100 * least:
                band = name
        if any(lost < 0 for _, lost, _, _ in costs):
            cause = causes[min(costs)[3]]
    return whole, band, cause, {name: (scores[name], points[name]) for name in scores}
