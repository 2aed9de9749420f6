"""`plg model`: the worked examples as a user types them, and what it says when it cannot."""

import json

import pytest
from typer.testing import CliRunner

from dagster_plg.cli import app


def plg(*arguments: str):
    return CliRunner().invoke(app, ["model", *arguments])


def told(*arguments: str):
    done = plg(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


EXAMPLE = [
    "bookings", "--monthly-signups", "2,000", "--activation", "30%", "--free-to-paid", "0.05",
    "--acv", "4200",
]  # fmt: skip


def test_bookings_need_nothing_published_when_all_is_given():
    answer = told(*EXAMPLE, "--target", "1800000", "--company-bookings", "12000000")
    assert answer["bookings"] == 1_512_000
    assert answer["gap"] == -288_000
    assert [quarter["bookings"] for quarter in answer["ramp"]] == [189000, 283500, 378000, 378000]
    activation = answer["sensitivity"][1]
    assert (activation["input"], round(activation["change"], 4)) == ("activation_rate", 0.1667)
    assert answer["scenarios"]["base"] == 1_512_000
    assert answer["scenarios"]["conservative"] < 1_512_000 < answer["scenarios"]["aggressive"]
    assert answer["plg_share_grade"] == "good"
    assert answer["inputs"]["acv"] == {"value": 4200, "source": "given"}


def test_bookings_are_printed_for_people():
    done = plg(*EXAMPLE)
    assert "1,512,000" in done.output
    assert "16.67%" in done.output


def test_unit_economics_of_the_worked_example():
    answer = told(
        "unit", "--cost", "200000", "--customers", "150", "--acv", "3000", "--lifetime", "3"
    )
    assert round(answer["cac"]) == 1333
    assert round(answer["effective_cac"]) == 1667
    assert round(answer["ltv_to_cac"], 6) == 5.4
    assert round(answer["payback_months"], 2) == 6.67
    assert answer["grades"] == {"ltv_to_cac": "good", "payback_months": "good"}
    assert answer["irr_annual"] > 1


def test_the_churn_table_and_the_freemium_cohort():
    table = told("churn", "--price", "200")
    assert [round(row["ltv"]) for row in table] == [10000, 4000, 2500, 2000, 1667, 1333]
    assert [round(row["ltv"]) for row in told("churn", "--price", "200", "--rate", "4%")] == [5000]
    cohort = told("freemium", "--users", "100000", "--conversion", "5%", "--price", "200")
    assert (cohort["revenue"], cohort["revenue_per_point"]) == (1_000_000, 200_000)


def test_advice_by_figures_and_the_whole_table_without():
    answer = told("advice", "--acv", "60000", "--segment", "enterprise")
    assert {rule["advice"] for rule in answer["advice"]} == {"sales_led", "demo"}
    assert len(told("advice")["advice"]) > 20
    assert answer["readiness"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bookings", "--acv", "4200"], "--monthly-signups"),
        (["bookings", *EXAMPLE[1:], "--activation", "30"], "between 0 and 1"),
        (
            ["unit", "--cost", "1", "--customers", "0", "--acv", "1", "--churn", "0.1"],
            "no customers",
        ),
        (["unit", "--cost", "1", "--customers", "1", "--acv", "1"], "--churn"),
        (["unit", "--cost", "1", "--customers", "1", "--acv", "1", "--churn", "0"], "--lifetime"),
        (["unit", "--cost", "1", "--customers", "1", "--acv", "1", "--lifetime", "0"], "above 0"),
        (["freemium", "--users", "1", "--conversion", "7", "--price", "1"], "between 0 and 1"),
        (["churn"], "--price"),
        (["churn", "--price", "much"], "no number"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused_with_what_to_give(arguments, said):
    done = plg(*arguments)
    assert done.exit_code != 0
    assert said in done.output
