"""Qualifications, reconciliation and feedback once more, in plain loops."""

from calendar import monthrange
from collections import defaultdict
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from statistics import median

DAY = timedelta(days=1)
KINDS = ("mql", "sql", "pql")


def month_of(day):
    return day.replace(day=1)


def month_end(month):
    return month.replace(day=monthrange(month.year, month.month)[1])


def subject_of(row):
    if row["account_id"]:
        return row["account_id"]
    if row["crm_account_id"]:
        return f"crm_account:{row['crm']}:{row['crm_account_id']}"
    return row["person_id"] or f"crm_{row['crm_object']}:{row['crm']}:{row['crm_record_id']}"


def qualifications(world):
    """Set of (kind, model, subject, who, moment), of what lies behind now."""
    found = set()
    told = [(row["kind"], row, row["qualified_at"]) for row in world["lead_qualifications"]]
    told += [
        ("mql", row, datetime.combine(row["responded_date"], time())) for row in world["responses"]
    ]
    for kind, row, at in told:
        row = dict(row)
        row["account_id"] = row["account_id"] or world["crm_accounts"].get(
            (row["crm"], row["crm_account_id"])
        )
        who = row["person_id"] or f"crm_{row['crm_object']}:{row['crm']}:{row['crm_record_id']}"
        found.add((kind, None, subject_of(row), who, at))
    for row in world["transitions"]:
        if row["to_tier"] in ("hot", "warm") and row["from_tier"] not in ("hot", "warm"):
            found.add(("pql", row["model_key"], row["account_id"], None, row["transitioned_at"]))
    return {row for row in found if row[4] <= world["as_of"]}


def counted(world):
    return [
        row for row in qualifications(world)
        if row[1] is None or world["models"][row[1]] == "live"
    ]  # fmt: skip


def paying_before(world, account, day):
    return sum(m["amount"] for m in world["movements"]
               if m["account_id"] == account and m["movement_date"] < day)  # fmt: skip


def sources(world, window):
    """opportunity -> (kind by us, kind by the CRM, new business, amount, moment)."""
    found = {}
    qualified = counted(world)
    for row in world["opportunities"]:
        if row["created_at"] > world["as_of"]:
            continue
        subject = row["account_id"] or (
            f"crm_account:{row['crm']}:{row['crm_account_id']}" if row["crm_account_id"] else None
        )
        opened = row["created_at"].date()
        before = [
            (q[4].date(), KINDS.index(q[0]), q)
            for q in qualified
            if q[2] == subject and timedelta(0) <= opened - q[4].date() <= window * DAY
        ]
        first = min(before, key=lambda entry: entry[:2])[2] if before else None
        by_crm = "not_told"
        if row["lead_source"]:
            by_crm = world["lead_sources"].get(row["lead_source"].lower(), "none")
        more_of_it = row["deal_type"] in ("renewal", "existing_business")
        new = not more_of_it and paying_before(world, row["account_id"], opened) <= 0
        found[row["opportunity_id"]] = (
            first[0] if first else "none", by_crm, new, row["amount"], row["created_at"],
            {q[2][0] for q in before},
        )  # fmt: skip
    return found


def reconciliation(world, window, limit):
    """(month, kind) -> (state, flagged, ours, theirs, agreed)."""
    rows = [row for row in sources(world, window).values() if row[2]]
    if not rows:
        return {}
    month, last = (month_of(f(row[4] for row in rows).date()) for f in (min, max))
    answer = {}
    while month <= last:
        here = [row for row in rows if month_of(row[4].date()) == month]
        told = any(row[1] != "not_told" for row in here)
        for kind in (*KINDS, "none", "all"):

            def is_of(value, kind=kind):
                value = "none" if value == "not_told" else value
                return value != "none" if kind == "all" else value == kind

            ours = sum((row[3] or 0 for row in here if is_of(row[0])), Decimal(0))
            theirs = sum((row[3] or 0 for row in here if is_of(row[1])), Decimal(0))
            agreed = Decimal(0)
            for row in here:
                if is_of(row[0]) and is_of(row[1]) and row[0] == row[1].replace("not_told", "none"):
                    agreed += row[3] or 0
            if not here:
                state = "empty"
            elif not told:
                state = "not_told"
            else:
                apart = abs(ours - theirs)
                state = "differs" if apart > limit * theirs else "agrees"
            over = datetime.combine(month_end(month) + DAY, time()) <= world["as_of"]
            flagged = over and state == "differs" and kind != "none"
            answer[month, kind] = (state, flagged, ours, theirs, agreed)
        month = month_end(month) + DAY
    return answer


def conversion(world, start, end, within, window):
    """month -> (qualified, already, converted, median days) for two stages."""
    reached = defaultdict(lambda: defaultdict(list))  # stage -> subject -> [(from, until)]
    for account, at in world["signups"].items():
        if at <= world["as_of"]:
            reached["signup"][account].append((at.date(), None))
    for kind, _, subject, _, at in counted(world):
        reached[kind][subject].append((at.date(), None))
    by_id = {row["opportunity_id"]: row for row in world["opportunities"]}
    for name, source in sources(world, window).items():
        row = by_id[name]
        subject = row["account_id"] or f"crm_account:{row['crm']}:{row['crm_account_id']}"
        if source[2] and (row["account_id"] or row["crm_account_id"]):
            until = row["closed_at"].date() if row["closed_at"] else None
            reached["opportunity"][subject].append((row["created_at"].date(), until))
    for row in world["movements"]:
        if row["movement_type"] == "new":
            reached["paid"][row["account_id"]].append((row["movement_date"], None))
    answer = defaultdict(lambda: [0, 0, []])
    for subject, times in reached[start].items():
        begun = min(times)[0]
        cell = answer[month_of(begun)]
        cell[0] += 1
        later = reached[end][subject]
        if end == "paid" and later:
            later = [min(later)]
        if any(at < begun and (until is None or until >= begun) for at, until in later):
            cell[1] += 1
            continue
        after = [at for at, _ in later if begun <= at <= begun + within * DAY]
        if after:
            cell[2].append((min(after) - begun).days)
    return {
        month: (n, already, len(days), median(days) if days else None)
        for month, (n, already, days) in answer.items()
    }


def feedback(world, days):
    """(month or None, model, tier) -> (handed, accepted, rejected, mature, mature won)."""
    answer = defaultdict(lambda: [0] * 5)
    for row in world["handoffs"]:
        begun = row["qualified_at"].date()
        won = row["status"] == "won"
        for deal in world["opportunities"]:
            if deal["account_id"] == row["account_id"] and deal["created_at"] <= world["as_of"]:
                in_time = begun <= deal["created_at"].date() <= begun + days * DAY
                won = won or (in_time and deal["is_won"])
        accepted = row["status"] in ("engaged", "won", "lost") or (
            row["status"] == "expired" and row["engaged_at"] is not None
        )
        mature = begun + days * DAY < world["as_of"].date()
        for month in (month_of(begun), None):
            for tier in (row["tier"], "all"):
                cell = answer[month, row["model_key"], tier]
                cell[0] += 1
                cell[1] += accepted
                cell[2] += row["status"] == "rejected"
                cell[3] += mature
                cell[4] += mature and won
    return {key: tuple(value) for key, value in answer.items()}


def a_day(number: int) -> date:
    return date(2026, 1, 1) + number * DAY
