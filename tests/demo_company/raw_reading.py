"""Reads a demo landing folder the slow and obvious way: the contract's rules, line by line.

Nothing here comes from the generator; what it computes is compared with the demo truth.
"""

import csv
import gzip
import json
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

KNOWN_TYPES = {"identify", "track", "page", "screen", "group", "alias"}
DIRTY_IDS = {"null", "undefined", ""}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def lines_of(folder: Path) -> list[tuple[Path, str]]:
    found = []
    for path in sorted(folder.rglob("*.jsonl*")):
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
        found += [(path, line) for line in text.split("\n")[:-1]]
    return found


def refuse(line: str, as_of: datetime) -> tuple[str | None, dict[str, Any], datetime | None]:
    """(reason to refuse or None, message, corrected time)."""
    try:
        message = json.loads(line)
    except ValueError:
        return "malformed_json", {}, None
    if not isinstance(message, dict):
        return "not_an_object", {}, None
    if not message.get("messageId"):
        return "missing_message_id", message, None
    if not message.get("type"):
        return "missing_type", message, None
    if message["type"] not in KNOWN_TYPES:
        return "unknown_type", message, None
    if message["type"] == "track" and not message.get("event"):
        return "missing_event_name", message, None
    if not message.get("userId") and not message.get("anonymousId"):
        return "missing_id", message, None
    if not message.get("timestamp"):
        return "missing_timestamp", message, None
    try:
        at = moment(message["timestamp"])
    except ValueError:
        return "bad_timestamp", message, None
    received = moment(message["receivedAt"])
    if "sentAt" in message and "originalTimestamp" in message:
        at = received - (moment(message["sentAt"]) - moment(message["originalTimestamp"]))
    if at > received + timedelta(hours=24) or received > as_of + timedelta(hours=24):
        return "timestamp_in_future", message, at
    return None, message, at


class People:
    """Identity as the contract says it, with a plain union of ids."""

    def __init__(self, messages: list[tuple[dict[str, Any], datetime]]) -> None:
        self.parent: dict[str, str] = {}
        self.first_user: dict[str, tuple[datetime, str]] = {}
        self.sign_ins: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
        users = {m["userId"] for m, _ in messages if m.get("userId")} - DIRTY_IDS - {" "}
        by_email: dict[str, str] = {}
        for message, at in sorted(messages, key=lambda pair: pair[1]):
            user, device = message.get("userId"), message.get("anonymousId")
            if message["type"] == "alias" and message["previousId"] not in users:
                device = message["previousId"]
            elif message["type"] == "alias":
                self.join(message["previousId"], user)
            traits = message.get("traits", {})
            if message["type"] == "identify" and traits.get("email_verified") is True:
                self.join(by_email.setdefault(traits["email"].lower(), user), user)
            if user in users and device:
                self.first_user.setdefault(device, (at, user))
                self.sign_ins[device].append((at, user))

    def root(self, user: str) -> str:
        while user in self.parent:
            user = self.parent[user]
        return user

    def join(self, one: str, other: str) -> None:
        one, other = self.root(one), self.root(other)
        if one != other:
            self.parent[other] = one

    def of(self, user: str | None, device: str | None, at: datetime) -> str | None:
        if user and user.strip() not in DIRTY_IDS:
            return self.root(user)
        if not device or device.strip() in DIRTY_IDS:
            return None
        if device not in self.first_user:
            return device
        before = [who for when, who in self.sign_ins[device] if when <= at]
        return self.root(before[-1] if before else self.first_user[device][1])


def canonical(event: str | None) -> str | None:
    if event is None:
        return None
    name = event.strip().lower().replace(" ", "_")
    return "report_created" if name == "create_report" else name


def half_up(value: Decimal, places: str = "0.01") -> Decimal:
    return value.quantize(Decimal(places), ROUND_HALF_UP)


def monthly_amount(sub: dict[str, Any]) -> Decimal:
    """Minor units a month of a Stripe subscription: every item after discounts, rounded by item."""
    nets = []
    for item in sub["items"]["data"]:
        price = item["price"]
        recurring = price["recurring"]
        if recurring["usage_type"] == "metered":
            continue
        months = {"week": Decimal(12) / 52, "month": Decimal(1), "year": Decimal(12)}
        net = Decimal(price["unit_amount"] * item["quantity"])
        nets.append([net, item["id"], months[recurring["interval"]] * recurring["interval_count"]])
    for discount in sub["discounts"]:
        coupon = discount["coupon"]
        if coupon["duration"] == "once":
            continue
        for line in nets:
            line[0] *= 1 - Decimal(str(coupon["percent_off"] or 0)) / 100
        left = Decimal(coupon["amount_off"] or 0)
        for line in sorted(nets, key=lambda line: (-line[0], line[1])):
            taken = min(left, line[0])
            line[0], left = line[0] - taken, left - taken
    return sum((half_up(net / months, "1") for net, _, months in nets), Decimal(0))


def _filled_from_lists(landing: Path, envelopes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the newest list of subscriptions tells and no webhook ever said."""
    known: dict[str, set[str]] = defaultdict(set)
    for event in envelopes:
        known[event["data"]["object"]["id"]].add(event["type"])
    filled = []
    for _, line in lines_of(landing / "stripe" / "subscriptions"):
        sub = json.loads(line)
        kinds = known[sub["id"]]
        if not kinds:
            alive = sub | {"status": "active"}
            filled.append(("created", sub["start_date"], alive))
        if sub["ended_at"] and "customer.subscription.deleted" not in kinds:
            filled.append(("deleted", sub["ended_at"], sub))
    return [
        {
            "id": f"list_{sub['id']}_{kind}",
            "created": at,
            "type": f"customer.subscription.{kind}",
            "data": {"object": sub},
        }
        for kind, at, sub in filled
    ]


def daily_native(landing: Path, end: date) -> dict[str, dict[date, dict[str, Decimal]]]:
    """Account → day of a change → currency → MRR in the currency at the end of that day."""
    seen: set[str] = set()
    envelopes = []
    for _, line in lines_of(landing / "stripe" / "events"):
        event = json.loads(line)
        if event["id"] in seen or not event["livemode"]:
            continue
        seen.add(event["id"])
        if event["type"].startswith("customer.subscription."):
            envelopes.append(event)
    envelopes += _filled_from_lists(landing, envelopes)
    rank = {"created": 0, "updated": 1, "deleted": 2}
    envelopes.sort(key=lambda e: (e["created"], rank[e["type"].rsplit(".", 1)[1]], e["id"]))
    steps: dict[str, list[tuple[date, str, str, Decimal]]] = defaultdict(list)
    for event in envelopes:
        sub = event["data"]["object"]
        is_first = event["type"].endswith("created")
        # a subscription dated back is paid for from its start on
        second = min(event["created"], sub["start_date"]) if is_first else event["created"]
        is_over = event["type"].endswith("deleted") or sub["pause_collection"]
        counted = sub["status"] in ("active", "past_due") and not is_over
        amount = monthly_amount(sub) if counted else Decimal(0)
        day = datetime.fromtimestamp(second, UTC).date()
        account = sub["metadata"]["account_id"]
        steps[account].append((day, sub["id"], sub["currency"], amount / 100))
    with (landing / "contracts" / "contracts.csv").open() as file:
        for row in csv.DictReader(file):
            first, last = date.fromisoformat(row["start"]), date.fromisoformat(row["end"])
            monthly = half_up(Decimal(row["annual_value"]) / 12)
            source, currency = row["contract_id"], row["currency"].lower()
            steps[row["account"]].append((first, source, currency, monthly))
            steps[row["account"]].append((last + timedelta(days=1), source, currency, Decimal(0)))
    result: dict[str, dict[date, dict[str, Decimal]]] = {}
    for account, changes in steps.items():
        state: dict[tuple[str, str], Decimal] = {}
        days: dict[date, dict[str, Decimal]] = {}
        for day, source, currency, amount in sorted(changes, key=lambda step: step[0]):
            if day < end:
                state[(source, currency)] = amount
                totals: dict[str, Decimal] = defaultdict(Decimal)
                for (_, unit), value in state.items():
                    totals[unit] += value
                days[day] = dict(totals)
        result[account] = days
    return result


def movements(landing: Path, end: date) -> list[tuple[str, date, str, Decimal]]:
    """Day by day over the whole history, by the contract's rules."""
    with (landing / "fx_rates" / "fx_rates.csv").open() as file:
        rates = {
            (r["month"], r["currency"].lower()): Decimal(r["rate"]) for r in csv.DictReader(file)
        }

    def usd(native: dict[str, Decimal], day: date) -> Decimal:
        total = Decimal(0)
        for currency, value in native.items():
            rate = Decimal(1) if currency == "usd" else rates[(f"{day:%Y-%m}", currency)]
            total += half_up(value * rate)
        return total

    found = []
    for account, days in daily_native(landing, end).items():
        if not days:
            continue
        native: dict[str, Decimal] = {}
        closing, had_mrr = Decimal(0), False
        day = min(days)
        while day < end:
            if day.day == 1 and (revalued := usd(native, day)) != closing:
                found.append((account, day, "fx", revalued - closing))
                closing = revalued
            native = days.get(day, native)
            now = usd(native, day)
            if now != closing:
                kind = "expansion" if now > closing else "contraction"
                if closing == 0:
                    kind = "reactivation" if had_mrr else "new"
                elif now == 0:
                    kind = "churn"
                found.append((account, day, kind, now - closing))
                had_mrr, closing = True, now
            day += timedelta(days=1)
    return sorted(found)
