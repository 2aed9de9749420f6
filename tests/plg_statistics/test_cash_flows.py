"""Internal rates of return: by hand, by definition, and where there is none."""

from datetime import date

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from plg_statistics.cash_flows import (
    annualised,
    cohort_returns,
    irr,
    net_present_value,
    payback_month,
)
from plg_statistics.cash_flows_input import RETURNS, no_returns


def test_what_comes_back_with_a_tenth_more_after_one_period_has_ten_per_cent():
    assert irr([-100, 110]) == pytest.approx(0.10)


def test_a_loan_paid_back_in_two_parts():
    """-100 + 60 / 1.1307 + 60 / 1.1307² = 0: 1 / (1 + r) solves 60 x² + 60 x = 100."""
    factor = (-60 + (60**2 + 4 * 60 * 100) ** 0.5) / 120
    assert irr([-100, 60, 60]) == pytest.approx(1 / factor - 1, rel=1e-12)


def test_the_textbooks_flows():
    """-4,000, 2,000, 4,000: 28.08 % (Brealey, Myers, Allen, section 5.3)."""
    assert irr([-4000, 2000, 4000]) == pytest.approx(0.2808, abs=5e-5)


def test_less_back_than_paid_is_a_negative_rate():
    assert irr([-100, 25, 25]) == pytest.approx(net_zero := irr([-4, 1, 1]))
    assert net_zero < 0


def test_what_only_costs_or_only_brings_has_no_rate():
    assert irr([]) is None
    assert irr([0, 0]) is None
    assert irr([-100]) is None
    assert irr([-100, 0, 0]) is None
    assert irr([5, 5]) is None
    assert annualised(None) is None


def test_zeros_around_the_flows_change_nothing():
    assert irr([0, 0, -100, 110, 0]) == pytest.approx(0.10)


def test_of_several_rates_the_one_nearest_to_zero_counts():
    """-(1 + r)² + 2.3 (1 + r) - 1.32 = 0: r is 10 % or 20 %."""
    assert irr([-100, 230, -132]) == pytest.approx(0.10)


def test_two_changes_of_sign_without_a_rate():
    assert irr([100, -150, 100]) is None


def test_huge_and_tiny_rates_are_found():
    assert irr([-0.01, 1e9]) == pytest.approx(1e11 - 1)
    assert irr([-1e9, 0.01]) == pytest.approx(-1 + 1e-11)
    assert irr([-1e6, *[0.01] * 200]) is not None


def test_a_month_at_one_per_cent_is_12_68_a_year():
    assert annualised(0.01) == pytest.approx(0.126825, abs=1e-6)
    assert annualised(-1.0) == -1


@settings(max_examples=200, deadline=None)
@given(
    st.floats(1, 1e6),
    st.lists(st.floats(0, 1e5), min_size=1, max_size=60),
)
def test_at_its_rate_an_investment_is_worth_nothing(cost, profits):
    assume(sum(profits) > 1e-3 * cost)
    flows = [-cost, *profits]
    rate = irr(flows)
    assert rate > -1
    scale = cost + sum(profit / (1 + rate) ** n for n, profit in enumerate(profits, 1))
    assert abs(net_present_value(flows, rate)) < 1e-9 * scale
    assert (rate > 0) == (sum(flows) > 0) or abs(rate) < 1e-9


def test_the_month_of_payback_is_the_first_that_makes_good():
    assert payback_month([-100, 40, 60, 5]) == 2
    assert payback_month([-100, 40]) is None
    assert payback_month([]) is None


def test_every_cohort_has_its_own_rate_and_missing_months_are_zeros():
    flows = pa.table(
        {
            "cohort_month": [date(2026, 1, 1)] * 2 + [date(2026, 2, 1)],
            "months_since": [2, 0, 0],
            "net_cash_flow": pa.array(["121.00", "-100.00", "-5.00"]).cast(pa.decimal128(18, 2)),
        }
    )
    rows = cohort_returns(flows, "hash").to_pylist()
    assert [row["cohort_month"] for row in rows] == [date(2026, 1, 1), date(2026, 2, 1)]
    assert rows[0]["irr_monthly"] == pytest.approx(0.10)
    assert rows[0]["irr_annual"] == pytest.approx(1.1**12 - 1)
    assert rows[1]["irr_monthly"] is None
    assert {row["inputs_hash"] for row in rows} == {"hash"}


def test_no_flows_have_no_returns():
    assert cohort_returns(no_returns()).equals(no_returns())
    assert no_returns().schema == RETURNS
