"""Accounts of which it is known by construction which signals make them pay.

Every fortnight an account shows or does not show each signal, and pays with a chance whose log
odds are `base` plus the planted weight of each signal shown. Who pays is looked at no more.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

FIRST_DAY = date(2025, 1, 6)
TIERS = (("hot", 80.0), ("warm", 50.0), ("watching", 30.0), ("none", 0.0))
PLANTED = {"pricing": 2.2, "active": 1.6, "invites": 1.1, "noise_a": 0.0, "noise_b": 0.0}
POINTS = {"pricing": 10, "active": 20, "invites": 40, "noise_a": 40, "noise_b": 40}


@dataclass
class Observations:
    """The tables the proof reads."""

    landmarks: pa.Table
    signals: pa.Table
    model_signals: pa.Table
    thresholds: pa.Table
    tiers: pa.Table


def observations(
    seed: int,
    accounts: int = 1500,
    windows: int = 8,
    base: float = -4.5,
    planted: dict[str, float] = PLANTED,
    points: dict[str, int] = POINTS,
    presence: float = 0.25,
) -> Observations:
    chance = np.random.default_rng(seed)
    names = list(planted)
    rows, signal_rows = [], []
    for number in range(accounts):
        account = f"acc_{number:05d}"
        start = FIRST_DAY + timedelta(days=int(chance.integers(0, 300)))
        keen = chance.normal(0, 0.5)  # days of an account resemble each other
        segment = ("1-50", "51-500", "500+")[number % 3]
        for window in range(windows):
            shown = chance.random(len(names)) < 1 / (1 + np.exp(-(np.log(presence) + keen)))
            shares = np.where(shown, chance.choice([0.5, 1.0], len(names)), 0.0)
            odds = base + sum(
                planted[name] * share for name, share in zip(names, shares, strict=True)
            )
            paid = bool(chance.random() < 1 / (1 + np.exp(-odds)))
            day = start + timedelta(days=7 + 14 * window)
            score = sum(points[name] * share for name, share in zip(names, shares, strict=True))
            rows.append(
                {
                    "model_key": "m",
                    "account_id": account,
                    "landmark_date": day,
                    "landmark_number": window + 1,
                    "points": float(score),
                    "score_10": int(min(10, 1 + round(9 * score / sum(points.values())))),
                    "tier": next(tier for tier, bound in TIERS if score >= bound),
                    "is_mature": True,
                    "is_converted": paid,
                    "segment": segment,
                    "region": "EMEA",
                    "entry_model": "trial" if number % 2 else "freemium",
                }
            )
            signal_rows += [
                {
                    "model_key": "m",
                    "account_id": account,
                    "landmark_date": day,
                    "signal_key": name,
                    "share_present": float(share),
                    "is_missing": False,
                }
                for name, share in zip(names, shares, strict=True)
                if share
            ]
            if paid:
                break
    return tables(rows, signal_rows, points)


def tables(rows, signal_rows=(), points=POINTS) -> Observations:
    landmarks = pa.Table.from_pylist(
        list(rows),
        pa.schema(
            [
                ("model_key", pa.string()),
                ("account_id", pa.string()),
                ("landmark_date", pa.date32()),
                ("landmark_number", pa.int32()),
                ("points", pa.float64()),
                ("score_10", pa.int32()),
                ("tier", pa.string()),
                ("is_mature", pa.bool_()),
                ("is_converted", pa.bool_()),
                ("segment", pa.string()),
                ("region", pa.string()),
                ("entry_model", pa.string()),
            ]
        ),
    )
    signals = pa.Table.from_pylist(
        list(signal_rows),
        pa.schema(
            [
                ("model_key", pa.string()),
                ("account_id", pa.string()),
                ("landmark_date", pa.date32()),
                ("signal_key", pa.string()),
                ("share_present", pa.float64()),
                ("is_missing", pa.bool_()),
            ]
        ),
    )
    bounds = [(float(bound), None) for bound in range(10, 140, 10)]
    named = {bound: tier for tier, bound in TIERS if bound}
    return Observations(
        landmarks,
        signals,
        pa.Table.from_pylist(
            [
                {"model_key": "m", "signal_key": name, "points": value, "is_summed": True}
                for name, value in points.items()
            ]
        ),
        pa.table(
            {
                "model_key": ["m"] * len(bounds),
                "threshold_points": [bound for bound, _ in bounds],
                "tier": pa.array([named.get(bound) for bound, _ in bounds], pa.string()),
            }
        ),
        pa.Table.from_pylist(
            [{"model_key": "m", "tier": tier, "min_points": bound} for tier, bound in TIERS]
        ),
    )
