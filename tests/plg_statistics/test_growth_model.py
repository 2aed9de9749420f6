"""The growth model's worked examples to the digit, and what it says where there is no answer."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plg_statistics import growth_model as growth
from plg_statistics.growth_model import GrowthInputs

EXAMPLE = GrowthInputs(monthly_signups=2000, activation_rate=0.30, free_to_paid_rate=0.05, acv=4200)
SHARE = st.decimals(min_value="0.01", max_value="0.9", places=2)


def test_bookings_of_the_worked_example():
    """2,000 × 12 × 30 % × 5 % × 4,200."""
    assert EXAMPLE.bookings == 1_512_000
    assert EXAMPLE.monthly_customers == 30


def test_plg_sourced_bookings_of_the_worked_example():
    assert growth.bookings_of(150, 3000) == 450_000


def test_a_year_that_ramps_up_is_half_three_quarters_and_twice_full():
    quarters = growth.ramped(EXAMPLE.bookings, target=1_512_000)
    assert [quarter.bookings for quarter in quarters] == [189_000, 283_500, 378_000, 378_000]
    assert quarters[-1].total == 1_228_500
    assert [quarter.target for quarter in quarters] == [378_000, 756_000, 1_134_000, 1_512_000]
    assert quarters[-1].gap == -283_500


def test_without_a_target_there_is_no_gap():
    assert {quarter.gap for quarter in growth.ramped(100)} == {None}


def test_five_points_of_activation_are_17_per_cent():
    change = growth.sensitivity(EXAMPLE)[1]
    assert (change.input, change.after) == ("activation_rate", Decimal("0.35"))
    assert change.difference == 252_000
    assert round(change.change, 4) == Decimal("0.1667")


def test_a_share_does_not_grow_beyond_everybody():
    inputs = GrowthInputs(100, 0.98, 0.05, 10)
    assert growth.sensitivity(inputs)[1].after == 1


def test_where_nothing_is_booked_a_change_has_no_percentage():
    inputs = GrowthInputs(0, 0.3, 0.05, 4200)
    assert {change.change for change in growth.sensitivity(inputs)} == {None}
    assert set(growth.needed(inputs, 1000).values()) == {None}


def test_what_a_target_takes_of_each_input_alone():
    found = growth.needed(EXAMPLE, 1_800_000)
    assert found["acv"] == 5000
    assert round(found["monthly_signups"], 2) == Decimal("2380.95")
    assert growth.needed(EXAMPLE, 15_120_000)["activation_rate"] is None, "300 % cannot be"


def test_cac_and_its_overhead_and_ltv_to_cac_of_the_worked_example():
    plain = growth.cac(200_000, 150)
    assert round(plain, 2) == Decimal("1333.33")
    assert growth.effective_cac(plain) == plain * Decimal("1.25")
    assert round(growth.ltv_to_cac(3000, 0.80, 3, plain), 10) == Decimal("5.4")


def test_nobody_won_has_no_cac_and_no_ratio():
    assert growth.cac(200_000, 0) is None
    assert growth.effective_cac(None) is None
    assert growth.ltv_to_cac(3000, 0.8, 3, None) is None
    assert growth.ltv_to_cac(3000, 0.8, 3, 0) is None
    assert growth.payback_months(None, 3000) is None
    assert growth.payback_months(1000, 0) is None


def test_payback_is_longer_in_gross_profit_than_in_revenue():
    assert growth.payback_months(1000, 3000) == 4
    assert growth.payback_months(1000, 3000, 0.8) == 5


def test_the_churn_table_of_the_worked_example():
    """At 200 a month."""
    table = growth.churn_sensitivity(200)
    assert [(str(churn), round(worth)) for churn, worth in table] == [
        ("0.02", 10_000),
        ("0.05", 4_000),
        ("0.08", 2_500),
        ("0.1", 2_000),
        ("0.12", 1_667),
        ("0.15", 1_333),
    ]


def test_where_nobody_leaves_lifetimes_are_unknown_and_not_infinite():
    assert growth.ltv(200, 0) is None
    assert growth.lifetime_years(0) is None


def test_the_freemium_cohort_of_the_worked_example():
    cohort = growth.freemium_cohort(100_000, 0.05, 200)
    assert cohort.revenue == 1_000_000
    assert cohort.revenue_per_point == 200_000


def test_a_scenario_multiplies_its_inputs_and_knows_no_others():
    less = growth.scenario(EXAMPLE, {"monthly_signups": "0.8", "activation_rate": "0.9"})
    assert less.bookings == EXAMPLE.bookings * Decimal("0.72")
    assert growth.scenario(EXAMPLE, {"activation_rate": 10}).activation_rate == 1
    with pytest.raises(ValueError, match="no such input: luck"):
        growth.scenario(EXAMPLE, {"luck": 2})


@pytest.mark.parametrize(
    ("name", "value"), [("activation_rate", 30), ("acv", -1), ("monthly_signups", "nan")]
)
def test_an_input_that_cannot_be_is_refused_with_its_name(name, value):
    values = {"monthly_signups": 1, "activation_rate": 1, "free_to_paid_rate": 1, "acv": 1}
    with pytest.raises(ValueError, match=name):
        GrowthInputs(**values | {name: value})


def test_a_customers_flows_are_the_cost_and_then_the_margin_of_who_stays():
    flows = growth.customer_cash_flows(1000, 1200, 0.5, 0.1, months=3)
    assert flows == pytest.approx([-950, 45, 40.5])


def test_grades_have_the_bounds_in_the_warning():
    grades = [growth.grade(value, "higher", 5, 3) for value in (5.1, 5, 3, 2.9)]
    assert grades == ["good", "warning", "warning", "red flag"]
    grades = [growth.grade(value, "lower", 12, 18) for value in (11, 12, 18, 19)]
    assert grades == ["good", "warning", "warning", "red flag"]
    assert growth.grade(None, "lower", 12, 18) is None


def test_advice_fits_the_range_from_its_begin_up_to_before_its_end():
    rules = [
        {"criterion": "acv", "from_value": "0", "to_value": "10000", "segment": "", "advice": "a"},
        {"criterion": "acv", "from_value": "10000", "to_value": "", "segment": "", "advice": "b"},
        {"criterion": "segment", "from_value": "", "to_value": "", "segment": "smb", "advice": "c"},
    ]

    def said(**answers):
        return [rule["advice"] for rule in growth.advised(rules, answers)]

    assert said(acv=9999.99) == ["a"]
    assert said(acv=10000) == ["b"]
    assert said(segment="smb", acv=1) == ["a", "c"]
    assert said(segment="enterprise") == []
    assert said() == ["a", "b", "c"]


@given(SHARE, SHARE, st.integers(1, 10_000), st.integers(1, 100_000))
def test_bookings_are_what_the_needed_inputs_come_to(activation, paid, signups, acv):
    inputs = GrowthInputs(signups, activation, paid, acv)
    wanted = growth.needed(inputs, inputs.bookings * 2)
    again = GrowthInputs(wanted["monthly_signups"], activation, paid, acv)
    assert again.bookings == pytest.approx(inputs.bookings * 2)
