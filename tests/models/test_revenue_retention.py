"""NRR, GRR, churn, quick ratio and cohorts against loops over movements, on any history."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models import naive_revenue as naive
from tests.models import revenue_retention_checks as checks
from tests.models.revenue_mart_models import MODELS, TESTS, RevenueModels
from tests.small_installation import SmallInstallation

FIRST_DAY = date(2027, 11, 20)  # ends of months, of a year, and 29 February lie within 16 months
LAST_DAY = 500

few = hypothesis.settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Iterator[RevenueModels]:
    installation = SmallInstallation(tmp_path_factory.mktemp("compiled"), as_of=None)
    installation.dbt("compile", "--no-introspect", "--select", *MODELS, *TESTS)
    found = RevenueModels(installation.settings.dbt_target_dir / "compiled")
    yield found
    found.connection.close()


@st.composite
def account(draw, number: int) -> naive.Account:
    """Movements as fct_mrr_movements has them: one change a day beside the exchange rate's."""
    balance, paid, movements = Decimal(0), False, []
    days = sorted(draw(st.sets(st.integers(0, LAST_DAY), min_size=1, max_size=12)))
    for offset in days:
        day = FIRST_DAY + timedelta(days=offset)
        amount = Decimal(draw(st.integers(1, 40_000))) / 100
        if balance == 0:
            movements.append((day, "reactivation" if paid else "new", "return", amount))
            balance, paid = amount, True
            continue
        if draw(st.integers(0, 3)) == 0:
            rate = max(Decimal(draw(st.integers(-500, 500))) / 100, Decimal("0.01") - balance)
            if rate:
                movements.append((day, "fx", "rate", rate))
                balance += rate
        kind = draw(st.sampled_from(["expansion", "contraction", "churn", "none"]))
        if kind == "expansion":
            parts = draw(st.sampled_from([["seats"], ["seats", "tier"]]))
            movements += [(day, kind, cause, amount) for cause in parts]
            balance += amount * len(parts)
        elif kind == "contraction" and balance > Decimal("0.01"):
            amount = min(amount, balance - Decimal("0.01"))
            movements.append((day, kind, "seats", -amount))
            balance -= amount
        elif kind == "churn":
            cause = draw(st.sampled_from(["voluntary", "involuntary"]))
            movements.append((day, kind, cause, -balance))
            balance = Decimal(0)
    found = naive.Account(f"acc_{number}", movements)
    found.segment = draw(st.sampled_from(["unknown", "1-50", "500+"]))
    found.sourcing = draw(st.sampled_from(["plg", "sales", "unknown"]))
    found.is_sales_assisted = draw(st.booleans())
    found.closing_motion = draw(st.sampled_from(["self_serve", "sales_assisted"]))
    if found.is_sales_assisted and draw(st.booleans()):
        # to the day, so that beginnings of months are among them
        at = FIRST_DAY + timedelta(days=draw(st.integers(0, LAST_DAY)))
        found.sales_assisted_at = datetime(at.year, at.month, draw(st.sampled_from([1, at.day])))
    for place in range(18):
        month = naive.add_months(FIRST_DAY.replace(day=1), place)
        end = naive.add_months(month, 1)
        # a plan is known also of a month in which the account bought and left
        if (found.balance(end) > 0 or found.churn_days(month, end)) and draw(st.integers(0, 5)):
            found.plans[month] = draw(st.sampled_from(["team", "business"]))
    for _ in range(draw(st.integers(0, 3))):
        offset = draw(st.integers(-100, LAST_DAY))
        found.joined.append(datetime(2027, 11, 20, 23, 59, 59) + timedelta(days=offset))
    return found


@st.composite
def histories(draw) -> tuple[list[naive.Account], datetime]:
    accounts = [draw(account(number)) for number in range(draw(st.integers(0, 6)))]
    # nothing has moved after now; now may be the first moment of a month
    now = datetime(2029, 4, 3) + timedelta(days=draw(st.integers(0, 60)))
    return accounts, draw(st.sampled_from([now, datetime(2029, 5, 1), datetime(2029, 4, 30, 23)]))


def check(models: RevenueModels, history: tuple[list[naive.Account], datetime]) -> None:
    accounts, as_of = history
    connection = models.run(accounts, as_of)
    checks.check_everything(connection, accounts, as_of)
    assert models.findings() == {}


@few
@given(history=histories())
def test_for_any_history_the_models_count_what_the_naive_loops_count(models, history):
    check(models, history)


@pytest.mark.proof
@hypothesis.settings(few, max_examples=400, derandomize=False)
@given(history=histories())
def test_for_many_histories_the_models_count_what_the_naive_loops_count(models, history):
    check(models, history)
