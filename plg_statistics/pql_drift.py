"""Are scores and their inputs still what they were? Month by month against a reference.

The reference is the first full `drift_reference_months` months of landmark days of a model. Two
populations: `new`, each account's first landmark day, always the same age; and `all`, in which
old free accounts pile up by themselves.

**PSI** = Σ (p - q) ln(p / q) over bins, p the month's and q the reference's share, half an
observation added to each bin so that an empty one is not endless. Scores: tenths of the
reference; a signal: absent, up to half, more, missing. Read as N. Siddiqi, "Credit Risk
Scorecards" (2006), does: below 0.1 steady, from 0.25 act. PSI of few observations is never 0:
without any change it is about (1/n + 1/m) χ² with bins - 1 degrees of freedom (B. Yurdakul,
"Statistical Properties of Population Stability Index", 2018). A shift is one that is both above
the limit and above the 95 % point of that (`psi_by_chance`).

**KS**: largest distance of the two distributions, p by Kolmogorov's limit (conservative under
ties). Missing values are left out of it and of the mean; their share is a figure of its own.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import chi2, kstwobign

from plg_statistics.pql_backtest import days, flags, numbers, texts
from plg_statistics.pql_proof_input import DRIFT, ProofSettings, as_table

SCORE = "score"
SIGNAL_BINS = (0.0, 0.5)  # absent is <= 0; up to half; more


def drift(
    landmarks: pa.Table,
    signals: pa.Table,
    model_signals: pa.Table,
    settings: ProofSettings,
    inputs_hash: str = "",
) -> pa.Table:
    """`landmarks`: model_key, account_id, landmark_date, landmark_number, points. `signals`: the
    first three, signal_key, share_present, is_missing. `model_signals`: model_key, signal_key.
    Returns `DRIFT`."""
    rows: list[dict] = []
    models = texts(landmarks, "model_key")
    for model_key in sorted(set(models.tolist())):
        of_model = landmarks.filter(pa.array(models == model_key))
        names = sorted(
            row["signal_key"] for row in model_signals.to_pylist() if row["model_key"] == model_key
        )
        shares = signal_matrix(of_model, signals, model_key, names)
        values = {SCORE: numbers(of_model, "points")} | {
            name: shares[:, i] for i, name in enumerate(names)
        }
        months = days(of_model, "landmark_date").astype("datetime64[M]")
        first = numbers(of_model, "landmark_number") == 1
        for population, chosen in (("new", first), ("all", np.ones(len(first), dtype=bool))):
            for item, of_item in values.items():
                rows += [
                    {"model_key": model_key, "population": population, "item": item} | row
                    for row in _of_item(months[chosen], of_item[chosen], item == SCORE, settings)
                ]
    return as_table(rows, DRIFT, inputs_hash)


def signal_matrix(
    landmarks: pa.Table, signals: pa.Table, model_key: str, names: list[str]
) -> np.ndarray:
    """(observation, signal): share present, 0 where there is no row, NaN where missing."""
    place = {name: i for i, name in enumerate(names)}
    found = np.zeros((landmarks.num_rows, len(names)))
    of_model = signals.filter(
        pc.and_(
            pc.equal(signals["model_key"], model_key),
            pc.is_in(signals["signal_key"], value_set=pa.array(names, pa.string())),
        )
    )
    keys = ["account_id", "landmark_date"]
    rows = landmarks.select(keys).append_column("row", pa.array(np.arange(landmarks.num_rows)))
    joined = of_model.join(rows, keys=keys, join_type="inner")
    columns = np.array([place[name] for name in joined["signal_key"].to_pylist()], dtype=int)
    shares = numbers(joined, "share_present")
    shares[flags(joined, "is_missing")] = np.nan
    found[joined["row"].to_numpy(zero_copy_only=False), columns] = shares
    return found


def psi(counts: np.ndarray, reference: np.ndarray) -> float:
    """Of two histograms over the same bins."""
    p = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    q = (reference + 0.5) / (reference.sum() + 0.5 * len(reference))
    return float(((p - q) * np.log(p / q)).sum())


def ks(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """(largest distance, p) of two samples; NaN where one is empty."""
    if not len(a) or not len(b):
        return float("nan"), float("nan")
    a, b = np.sort(a), np.sort(b)
    places = np.concatenate([a, b])
    distance = np.abs(
        np.searchsorted(a, places, side="right") / len(a)
        - np.searchsorted(b, places, side="right") / len(b)
    ).max()
    size = len(a) * len(b) / (len(a) + len(b))
    return float(distance), float(kstwobign.sf(np.sqrt(size) * distance))


def _of_item(months, values, is_score: bool, settings: ProofSettings):
    if not len(months):
        return
    every = np.unique(months)
    # the first month is full only by chance: accounts arrived in its course
    full = np.arange(every[0] + 1, every[-1] + 1)
    if not len(full):
        return
    reference_months = full[: settings.drift_reference_months]
    in_reference = np.isin(months, reference_months)
    reference = values[in_reference]
    known = reference[~np.isnan(reference)]
    edges = np.array(SIGNAL_BINS)
    if is_score:
        edges = np.unique(np.quantile(known, np.arange(0.1, 1, 0.1))) if len(known) else edges
    counted = _histogram(reference, edges)
    for month in full:
        these = values[months == month]
        here = these[~np.isnan(these)]
        is_reference = month in reference_months
        counts = _histogram(these, edges)
        used = (counts + counted) > 0
        row = {
            "month": month.astype("datetime64[D]").astype(object),
            "n": len(these),
            "n_reference": len(reference),
            "mean": here.mean() if len(here) else None,
            "mean_reference": known.mean() if len(known) else None,
            "missing_rate": np.isnan(these).mean() if len(these) else None,
            "missing_rate_reference": np.isnan(reference).mean() if len(reference) else None,
            "reference_from": reference_months[0].astype("datetime64[D]").astype(object),
            "reference_to": (
                (reference_months[-1] + 1).astype("datetime64[D]") - np.timedelta64(1, "D")
            ).astype(object),
            "status": "reference" if is_reference else "too_few",
        }
        if not is_reference and len(these) and len(reference):
            row["psi"] = psi(counts[used], counted[used])
            row["psi_by_chance"] = (1 / len(these) + 1 / len(reference)) * float(
                chi2.ppf(0.95, max(int(used.sum()) - 1, 1))
            )
            row["ks"], row["ks_p_value"] = ks(here, known)
            if min(len(these), len(reference)) >= settings.min_group_size:
                row["status"] = _status(row, settings)
        yield row


def _histogram(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Observations up to each edge, above the last, and missing."""
    missing = np.isnan(values)
    place = np.searchsorted(edges, values[~missing], side="left")
    return np.append(np.bincount(place, minlength=len(edges) + 1), missing.sum())


def _status(row: dict, settings: ProofSettings) -> str:
    moved = row["missing_rate"] - row["missing_rate_reference"]
    if row["psi"] >= settings.psi_act and row["psi"] > row["psi_by_chance"]:
        return "act"
    if row["psi"] >= settings.psi_watch and row["psi"] > row["psi_by_chance"]:
        return "watch"
    return "watch" if abs(moved) > settings.missing_rate_change else "steady"
