"""Cash flows of a cohort: what was paid to win it, and what it brought since.

The internal rate of return (IRR) is the rate at which the flows are worth nothing today:
``sum(flow[k] / (1 + rate) ** k) = 0`` (Brealey, Myers, Allen: Principles of Corporate Finance,
chapter 5). It exists only where money goes out and comes in.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
from scipy.optimize import brentq

from plg_statistics.cash_flows_input import RETURNS

# discount factors looked through where there may be several rates: e^-8 to e^3, a step 0.5 %
_LOG_FACTORS = np.arange(-8.0, 3.0, 0.005)


def net_present_value(flows: Sequence[float], rate: float) -> float:
    """Worth at the first flow's time; ``rate`` a period (0.01 is 1 %), above -1."""
    return math.fsum(flow / (1 + rate) ** period for period, flow in enumerate(flows))


def irr(flows: Sequence[float]) -> float | None:
    """Internal rate of return a period, None where there is none.

    Flows that change sign once have exactly one rate (Descartes). Of several rates, which later
    losses can make, the one nearest to zero counts. Flows of one sign have none: what only costs
    returns nothing, what only brings cost nothing.
    """
    told = [float(flow) for flow in flows]
    # nothing before the first and after the last flow changes where the worth is nought
    while told and told[-1] == 0:
        told.pop()
    while told and told[0] == 0:
        told.pop(0)
    signs = [math.copysign(1, flow) for flow in told if flow]
    changes = sum(before != after for before, after in pairwise(signs))
    if changes == 0:
        return None
    if changes == 1:
        return _rate(_only_root(told))
    roots = _roots(told)
    return min((_rate(root) for root in roots), key=abs) if roots else None


def annualised(rate: float | None) -> float | None:
    """A monthly rate as a yearly one, compounded."""
    return None if rate is None else (1 + rate) ** 12 - 1


def cohort_returns(flows: pa.Table, inputs_hash: str = "") -> pa.Table:
    """IRR of every cohort. ``flows``: cohort_month, months_since, net_cash_flow."""
    by_cohort: dict = defaultdict(dict)
    for row in flows.to_pylist():
        by_cohort[row["cohort_month"]][row["months_since"]] = row["net_cash_flow"]
    rows = []
    for cohort_month, known in sorted(by_cohort.items()):
        rate = irr([known.get(month, 0) for month in range(max(known) + 1)])
        rows.append(
            {
                "cohort_month": cohort_month,
                "irr_monthly": rate,
                "irr_annual": annualised(rate),
                "inputs_hash": inputs_hash,
            }
        )
    return pa.Table.from_pylist(rows, schema=RETURNS)


def payback_month(flows: Sequence[float]) -> int | None:
    """The first period by whose end the flows have added up to nothing lost; None: not yet."""
    total = 0.0
    for period, flow in enumerate(flows):
        total = math.fsum((total, float(flow)))
        if total >= 0:
            return period
    return None


def _worth(log_factor: float, flows: Sequence[float]) -> float:
    """Sign and zeros of the present value at discount factor e^x, scaled so that nothing overflows.

    A factor above 1 (a negative rate) is divided by its largest power.
    """
    shift = len(flows) - 1 if log_factor > 0 else 0
    return math.fsum(
        flow * math.exp(log_factor * (period - shift)) for period, flow in enumerate(flows)
    )


def _only_root(flows: Sequence[float]) -> float:
    low = high = 0.0
    here = _worth(0.0, flows)
    if here == 0:
        return 0.0
    step = 0.1
    while True:
        low, high = low - step, high + step
        if (_worth(low, flows) > 0) != (here > 0):
            return _root(low, low + step, flows)
        if (_worth(high, flows) > 0) != (here > 0):
            return _root(high - step, high, flows)
        step *= 2


def _roots(flows: Sequence[float]) -> list[float]:
    worths = [_worth(factor, flows) for factor in _LOG_FACTORS]
    found = [float(x) for x, worth in zip(_LOG_FACTORS, worths, strict=True) if worth == 0]
    for left in range(len(worths) - 1):
        if worths[left] * worths[left + 1] < 0:
            found.append(_root(_LOG_FACTORS[left], _LOG_FACTORS[left + 1], flows))
    return found


def _root(low: float, high: float, flows: Sequence[float]) -> float:
    return float(brentq(_worth, low, high, args=(flows,), xtol=1e-15, rtol=1e-14, maxiter=500))


def _rate(log_factor: float) -> float:
    return math.expm1(-log_factor)
