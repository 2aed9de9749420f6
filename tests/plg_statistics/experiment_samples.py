"""Simulated variants, for the tests of what is said about them."""

from typing import Any

import numpy as np
import pyarrow as pa

from plg_statistics.comparisons import Sample
from plg_statistics.experiments_input import STATISTICS


def proportion(successes: int, n: int) -> Sample:
    """What a variant's units come down to when `successes` of `n` have it."""
    mean = successes / n
    return Sample(int(n), mean, mean * (1 - mean) * n / max(n - 1, 1))


def of_values(values: np.ndarray, before: np.ndarray | None = None) -> Sample:
    """The sample of these units, with their pre-period values."""
    mean, variance = float(values.mean()), float(values.var(ddof=1))
    if before is None:
        return Sample(len(values), mean, variance)
    covariance = float(np.cov(values, before)[0, 1])
    return Sample(
        len(values), mean, variance, float(before.mean()), float(before.var(ddof=1)), covariance
    )


def statistics_row(variant: str, sample: Sample | None, **changes: Any) -> dict[str, Any]:
    """A row of `STATISTICS`: a finished experiment's primary proportion unless told otherwise."""
    row: dict[str, Any] = {
        "experiment_key": "e",
        "alpha": 0.05,
        "power": 0.8,
        "minimum_effect": 0.2,
        "srm_alpha": 0.001,
        "is_running": False,
        "variant": variant,
        "is_control": variant == "control",
        "planned_share": 0.5,
        "count_units": 0,
        "metric": "m",
        "role": "primary",
        "kind": "proportion",
        "direction": "increase",
        "margin": None,
        "count_mature": 0,
        "total": 0.0,
    }
    if sample is not None:
        row |= {
            "count_units": sample.n,
            "count_mature": sample.n,
            "total": sample.mean * sample.n,
            "mean": sample.mean,
            "variance": sample.variance,
            "pre_mean": sample.pre_mean,
            "pre_variance": sample.pre_variance,
            "covariance": sample.covariance,
        }
    return row | changes


def statistics(*rows: dict[str, Any]) -> pa.Table:
    """The rows as the model hands them over."""
    return pa.Table.from_pylist(list(rows), STATISTICS)
