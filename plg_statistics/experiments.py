"""Experiments evaluated: every variant against its control, each metric by its role, a decision.

What decides
- A sample ratio that the planned split does not explain (chi-square) makes all of it *invalid*.
- Primary metrics decide, all (variant, primary metric) pairs of an experiment corrected together
  (Holm). While the experiment is under way the always-valid p counts, so that looking every
  night costs nothing; once it is over (its end date is past and every window closed) the
  ordinary p does: that is the one planned look. Having the planned sample ends nothing by itself:
  exposures go on, and each night would be another look.
- A guardrail passes when the interval excludes harm beyond its margin (non-inferiority), fails
  when it shows harm and does not pass, and is inconclusive in between. Under way it is the
  always-valid interval, at the end the ordinary one. Every guardrail must pass
  for a variant to ship: that only makes errors rarer, so these are not corrected for number.
- Secondary metrics are corrected together (Benjamini-Hochberg) and decide nothing.
- Where there is a pre-period, CUPED's comparison is the one that decides.
"""

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from statsmodels.stats.multitest import fdrcorrection

from plg_statistics.comparisons import (
    Comparison,
    Sample,
    always_valid_p,
    always_valid_reach,
    compare,
    cuped,
    holm,
    power_of,
    prob_to_beat,
    sample_ratio_p,
    sample_size,
)
from plg_statistics.experiments_input import RESULTS

# the normal approximation of the always-valid p holds from here on
MINIMUM_UNITS = 30
MINIMUM_SUCCESSES = 5

Row = dict[str, Any]


@dataclass
class Cell:
    """A variant's metric on its way to a result row."""

    row: Row
    sample: Sample | None
    result: Row = field(default_factory=dict)
    decisive: Comparison | None = None
    always_valid: float | None = None
    always_reach: float = math.inf  # of the decisive difference, at all looks together


def evaluate(statistics: pa.Table, inputs_hash: str) -> pa.Table:
    """Result rows (`RESULTS`) of statistics (`STATISTICS`), by experiment, metric, control first.

    An experiment of one variant, or without any unit, gives rows without comparisons.
    """
    by_experiment: dict[str, list[Row]] = defaultdict(list)
    for row in statistics.to_pylist():
        by_experiment[row["experiment_key"]].append(row)
    found: list[Row] = []
    for key in sorted(by_experiment):
        found += _evaluate_experiment(by_experiment[key])
    rows = [{name: row.get(name) for name in RESULTS.names} for row in found]
    for row in rows:
        row["inputs_hash"] = inputs_hash
    return pa.Table.from_pylist(rows, RESULTS)


def _evaluate_experiment(rows: list[Row]) -> list[Row]:
    cells: dict[str, dict[str, Cell]] = defaultdict(dict)  # metric → variant → cell
    for row in sorted(rows, key=lambda r: (r["metric"], not r["is_control"], r["variant"])):
        cells[row["metric"]][row["variant"]] = Cell(row, _sample(row))
    units = {row["variant"]: (row["count_units"], row["planned_share"]) for row in rows}
    srm_p = sample_ratio_p([n for n, _ in units.values()], [share for _, share in units.values()])
    for by_variant in cells.values():
        _compare_metric(by_variant)
    everything = [cell for by_variant in cells.values() for cell in by_variant.values()]
    _correct(everything)
    is_complete = {variant: _is_complete(variant, cells) for variant in units}
    for cell in everything:
        cell.result["srm_p_value"] = srm_p
        cell.result["verdict"] = _verdict(cell, is_complete[cell.row["variant"]])
    for variant in units:
        mine = [by_variant[variant] for by_variant in cells.values() if variant in by_variant]
        if mine[0].row["is_control"]:
            continue
        count_units = sum(n for n, _ in units.values())
        decision, reason = _decide(mine, is_complete[variant], srm_p, count_units)
        for cell in mine:
            cell.result |= {"decision": decision, "reason": reason}
    _decide_control(everything, srm_p)
    return [cell.result for cell in everything]


def _sample(row: Row) -> Sample | None:
    if row["count_mature"] < 2 or row["mean"] is None or row["variance"] is None:
        return None
    return Sample(
        row["count_mature"], row["mean"], row["variance"],
        row["pre_mean"], row["pre_variance"], row["covariance"],
    )  # fmt: skip


def _compare_metric(by_variant: dict[str, Cell]) -> None:
    """Fills results of one metric: every variant against the control."""
    cells = list(by_variant.values())
    control = next((cell for cell in cells if cell.row["is_control"]), None)
    samples = [cell.sample for cell in cells if cell.sample is not None]
    adjusted = cuped(samples) if len(samples) == len(cells) else None
    needed = None
    if control is not None and control.sample is not None:
        needed = _sample_size(control.row, control.sample)
    for nth, cell in enumerate(cells):
        row = cell.row
        cell.result = {
            name: row[name]
            for name in ("experiment_key", "variant", "metric", "role", "kind", "direction")
        } | {
            "is_control": row["is_control"],
            "n": row["count_mature"],
            "count_immature": row["count_units"] - row["count_mature"],
            "numerator": row["total"],
            "denominator": row["count_mature"],
            "mean": row["mean"],
        }
        if adjusted:
            before, after = samples[nth].variance, adjusted[nth].variance
            cell.result["cuped_mean"] = adjusted[nth].mean
            cell.result["cuped_variance_reduction"] = 1 - after / before if before else None
        if control is None or control.sample is None:
            continue
        cell.result["sample_size"] = needed
        if needed is not None:
            cell.result["sample_needed"] = max(0, needed - row["count_mature"])
        if cell is control or cell.sample is None:
            continue
        _compare_cell(cell, control.sample)
        if adjusted:
            _compare_adjusted(cell, adjusted[nth], adjusted[cells.index(control)])


def _compare_cell(cell: Cell, control: Sample) -> None:
    row, sample = cell.row, cell.sample
    assert sample is not None
    found = compare(sample, control, row["kind"], row["alpha"])
    cell.decisive = found
    above = prob_to_beat(sample, control, row["kind"])
    cell.result |= {
        "absolute_lift": found.absolute_lift,
        "absolute_ci_low": found.absolute_low,
        "absolute_ci_high": found.absolute_high,
        "lift": found.lift,
        "ci_low": found.low,
        "ci_high": found.high,
        "p_value": found.p_value,
        "prob_to_beat_control": above if row["direction"] == "increase" else 1 - above,
        "power": _power(row, sample, control),
    }
    _look_always(cell, sample, control)


def _compare_adjusted(cell: Cell, sample: Sample, control: Sample) -> None:
    found = compare(sample, control, "mean", cell.row["alpha"])
    cell.decisive = found
    cell.result |= {
        "cuped_lift": found.absolute_lift,
        "cuped_ci_low": found.absolute_low,
        "cuped_ci_high": found.absolute_high,
        "cuped_p_value": found.p_value,
    }
    _look_always(cell, sample, control)


def _look_always(cell: Cell, sample: Sample, control: Sample) -> None:
    """Always-valid p and interval of the decisive comparison; they say nothing until there are
    enough units for the normal approximation."""
    row, found = cell.row, cell.decisive
    assert found is not None
    cell.always_valid, cell.always_reach = 1.0, math.inf
    if min(sample.n, control.n) < MINIMUM_UNITS:
        return
    if row["kind"] == "proportion":
        together = row["total"] + round(control.mean * control.n)
        if min(together, sample.n + control.n - together) < 2 * MINIMUM_SUCCESSES:
            return
    # what a guardrail looks for is harm of the size of its margin
    tau = row["margin"] if row["margin"] else abs(control.mean) * row["minimum_effect"]
    error = found.standard_error
    cell.always_valid = float(always_valid_p(sample.mean - control.mean, error, tau))
    cell.always_reach = always_valid_reach(error, tau, row["alpha"])


def _deviation(row: Row, control: Sample) -> float | None:
    return None if row["kind"] == "proportion" else math.sqrt(control.variance)


def _effect(row: Row, control: Sample) -> float | None:
    """The relative effect to be seen: the minimum effect, of a guardrail harm of its margin.

    None where that leads nowhere at this baseline.
    """
    if control.mean <= 0 or control.variance <= 0:
        return None
    towards = 1.0 if row["direction"] == "increase" else -1.0
    effect = towards * row["minimum_effect"]
    if row["role"] == "guardrail":
        effect = -towards * (row["margin"] or 0.0) / control.mean
    if row["kind"] == "proportion" and not 0 <= control.mean * (1 + effect) <= 1:
        return None
    return effect or None


def _sample_size(row: Row, control: Sample) -> int | None:
    effect = _effect(row, control)
    if effect is None:
        return None
    return sample_size(control.mean, effect, row["alpha"], row["power"], _deviation(row, control))


def _power(row: Row, sample: Sample, control: Sample) -> float | None:
    """Of the samples as they are, for the effect looked for (never for the one observed)."""
    effect = _effect(row, control)
    if effect is None:
        return None
    return power_of(
        sample.n, control.n, control.mean, effect, row["alpha"], _deviation(row, control)
    )


def _fdr(p_values: list[float]) -> list[float]:
    return [float(p) for p in fdrcorrection(p_values)[1]]


def _correct(cells: list[Cell]) -> None:
    """Adjusted p values: Holm over primary metrics, Benjamini-Hochberg over secondary ones."""
    for role, correct in (("primary", holm), ("secondary", _fdr), ("guardrail", list)):
        compared = [c for c in cells if c.row["role"] == role and c.decisive is not None]
        if not compared:
            continue
        plain = [c.decisive.p_value for c in compared if c.decisive is not None]
        valid = [1.0 if c.always_valid is None else c.always_valid for c in compared]
        for cell, p_value, always in zip(compared, correct(plain), correct(valid), strict=True):
            cell.result["always_valid_p"] = cell.always_valid
            cell.result["adjusted_p"] = float(p_value)
            cell.result["adjusted_always_valid_p"] = float(always)


def _is_complete(variant: str, cells: dict[str, dict[str, Cell]]) -> bool:
    """Whether the one planned look has come: the experiment is over and every window closed."""
    primaries = [c for c in cells.values() if next(iter(c.values())).row["role"] == "primary"]
    if not primaries:
        return False
    for by_variant in primaries:
        controls = [cell for cell in by_variant.values() if cell.row["is_control"]]
        both = [by_variant[variant], *controls]
        if by_variant[variant].row["is_running"]:
            return False
        if any(cell.result["count_immature"] for cell in both):
            return False
    return True


def _goodness(cell: Cell, is_complete: bool) -> tuple[float, float]:
    """The decisive interval, turned so that more is better."""
    assert cell.decisive is not None
    low, high = cell.decisive.absolute_low, cell.decisive.absolute_high
    if not is_complete:
        middle = cell.decisive.absolute_lift
        low, high = middle - cell.always_reach, middle + cell.always_reach
    return (low, high) if cell.row["direction"] == "increase" else (-high, -low)


def _verdict(cell: Cell, is_complete: bool) -> str | None:
    if cell.row["is_control"]:
        return None
    if cell.decisive is None:
        return "no_data"
    if cell.row["role"] == "guardrail":
        low, high = _goodness(cell, is_complete)
        if low > -(cell.row["margin"] or 0.0):
            return "passed"
        return "failed" if high < 0 else "inconclusive"
    name = "adjusted_p" if is_complete or cell.row["role"] == "secondary" else None
    if cell.result[name or "adjusted_always_valid_p"] >= cell.row["alpha"]:
        return "no_difference" if name else "undecided"
    rises = cell.decisive.absolute_lift > 0
    return "better" if rises == (cell.row["direction"] == "increase") else "worse"


def _decide(
    cells: list[Cell], is_complete: bool, srm_p: float | None, count_units: int
) -> tuple[str, str]:
    """(decision, reason) of a variant; cells are its metrics."""
    plan = cells[0].row
    if srm_p is not None and srm_p < plan["srm_alpha"]:
        return "invalid", (
            f"The units are not split as planned (p {srm_p:.2g}): exposures are lost or "
            "doubled somewhere, and what is left cannot be compared. Find the cause and start anew."
        )
    verdicts: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        verdicts[f"{cell.row['role']}_{cell.result['verdict']}"].append(cell)
    primaries = [cell for cell in cells if cell.row["role"] == "primary"]
    if not primaries:
        return "keep running", "No primary metric is registered, so nothing can be decided."
    if count_units == 0:
        return "keep running", "Nobody has been exposed yet."
    if failed := verdicts["guardrail_failed"]:
        return "stop", f"Guardrail {_told(failed[0])}, and that is harm beyond what was accepted."
    if worse := verdicts["primary_worse"]:
        return "stop", f"{_told(worse[0], True)}: worse than the control."
    if any(cell.decisive is None for cell in primaries):
        return "keep running", "Too few units have reached the end of their window."
    open_guards = verdicts["guardrail_inconclusive"] + verdicts["guardrail_no_data"]
    if better := verdicts["primary_better"]:
        if not open_guards:
            guards = " and every guardrail holds" if verdicts["guardrail_passed"] else ""
            return "ship", f"{_told(better[0], True)}: better than the control{guards}."
        names = ", ".join(cell.row["metric"] for cell in open_guards)
        if plan["is_running"]:
            return "keep running", f"{_told(better[0], True)}, but {names} is not shown safe yet."
        return "stop", f"{_told(better[0], True)}, but {names} was not shown safe before the end."
    needed = [cell.result.get("sample_needed") for cell in primaries]
    if is_complete and all(n == 0 for n in needed):
        return "stop", (
            f"{_told(primaries[0], True)}: with the planned sample an effect of "
            f"{100 * plan['minimum_effect']:g} % would most likely have shown."
        )
    missing = max((n for n in needed if n is not None), default=None)
    lacking = "the sample needed is unknown" if missing is None else f"{missing} more units needed"
    if is_complete:
        return "stop", f"{_told(primaries[0], True)}: over without an answer, {lacking}."
    if missing == 0:
        return "keep running", (
            f"{_told(primaries[0])}: not decided yet although the planned sample is there; "
            "give the experiment an end date, and the ordinary p decides, once."
        )
    return "keep running", f"{_told(primaries[0])}: not decided yet, {lacking} in this variant."


def _told(cell: Cell, with_p: bool = False) -> str:
    """`metric +12.3 % (95 % interval 1.0 % to 23.6 %)`, absolute where there is no relative."""
    found, alpha = cell.result, cell.row["alpha"]
    if found.get("lift") is not None:
        numbers = [f"{100 * found[name]:+.1f} %" for name in ("lift", "ci_low", "ci_high")]
    else:
        names = ("absolute_lift", "absolute_ci_low", "absolute_ci_high")
        numbers = [f"{found[name]:+.4g}" for name in names]
    shown = f"{numbers[0]} ({100 * (1 - alpha):g} % interval {numbers[1]} to {numbers[2]}"
    text = f"{cell.row['metric']} {shown}"
    return f"{text}, corrected p {found['adjusted_p']:.2g})" if with_p else f"{text})"


def _decide_control(cells: list[Cell], srm_p: float | None) -> None:
    """The control carries what follows for the experiment: its best variant's decision."""
    decisions = {
        c.row["variant"]: (c.result["decision"], c.result["reason"])
        for c in cells
        if not c.row["is_control"]
    }
    summary = ("keep running", "There is no variant to compare with the control.")
    for wanted in ("invalid", "ship", "keep running", "stop"):
        if chosen := [v for v, (decision, _) in decisions.items() if decision == wanted]:
            summary = (wanted, f"{', '.join(chosen)}: {decisions[chosen[0]][1]}")
            break
    for cell in cells:
        if cell.row["is_control"]:
            cell.result |= {"decision": summary[0], "reason": summary[1]}
