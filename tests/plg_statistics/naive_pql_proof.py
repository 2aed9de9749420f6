"""The proof's figures once more, one observation at a time: shares no method with it."""

import math
from collections import Counter


def confusion(rows, selected) -> dict:
    """`selected` says of a row whether it is; None where a rate is of nothing."""
    counts = Counter((bool(selected(row)), row["is_converted"]) for row in rows)
    tp, fp = counts[True, True], counts[True, False]
    fn, tn = counts[False, True], counts[False, False]
    precision = tp / (tp + fp) if tp + fp else None
    base = (tp + fn) / len(rows)
    return {
        "n": tp + fp,
        "true_positives": tp,
        "false_positives": fp,
        "false_negatives": fn,
        "true_negatives": tn,
        "precision": precision,
        "recall": tp / (tp + fn) if tp + fn else None,
        "false_positive_rate": fp / (fp + tn) if fp + tn else None,
        "lift": precision / base if precision is not None and base else None,
    }


def decile(points: list[float], value: float) -> int:
    """By counting who is above and who is equal."""
    above = sum(other > value for other in points)
    equal = sum(other == value for other in points)
    place = above + (equal - 1) / 2  # of the middle one of the equals, from 0
    return min(10, math.floor(10 * place / len(points)) + 1)


def auc(rows) -> float:
    """Every pair of one who converted and one who did not."""
    won = pairs = 0.0
    for one in rows:
        for other in rows:
            if one["is_converted"] and not other["is_converted"]:
                pairs += 1
                won += (one["points"] > other["points"]) + 0.5 * (one["points"] == other["points"])
    return won / pairs


def psi(values, reference, bins) -> float:
    """`bins`: functions that say whether a value is in them; half an observation added to each."""
    total = 0.0
    used = [one for one in bins if any(one(v) for v in values) or any(one(v) for v in reference)]
    for one in used:
        p = (sum(one(v) for v in values) + 0.5) / (len(values) + 0.5 * len(used))
        q = (sum(one(v) for v in reference) + 0.5) / (len(reference) + 0.5 * len(used))
        total += (p - q) * math.log(p / q)
    return total


def mantel_haenszel(sets) -> float:
    """χ² of sets of (conversion did it, [each control did it])."""
    difference = variance = 0.0
    for case, controls in sets:
        size = 1 + len(controls)
        did = case + sum(controls)
        difference += case - did / size
        variance += did * (size - did) * 1 * (size - 1) / (size**2 * (size - 1))
    return difference**2 / variance


def kaplan_meier(followed, day: int) -> float:
    """Share of events by `day` of (days followed, whether it happened)."""
    surviving = 1.0
    for moment in sorted({days for days, happened in followed if happened and days <= day}):
        at_risk = sum(days >= moment for days, _ in followed)
        events = sum(days == moment and happened for days, happened in followed)
        surviving *= 1 - events / at_risk
    return 1 - surviving
