"""The scenario book: what happened to an account at Stripe, and what its revenue did.

Every scenario's envelopes land together, the real ingest reads them, and the models' own SQL is
built once for all. Then again with the lines in any order, sent twice and over two loads.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from difflib import ndiff
from random import Random

import duckdb
import pytest

from tests.models.revenue_models import RevenueModels
from tests.revenue_book import book
from tests.revenue_book.book import Scenario
from tests.revenue_book.readings import READINGS
from tests.small_installation import SmallInstallation

SCENARIOS = book.read_book()
READ = (
    "fct_mrr_movements",
    "fct_mrr_months",
    "int_revenue__policy_day_changes",
    "rpt_mrr_as_known",
    "fct_committed_mrr_changes",
    "fct_failed_invoices",
    "fct_dunning_states",
    "fct_recognition_months",
)
OUTCOME = (
    "select account_id, movement_date, movement_type, cause, amount "
    "from revenue.fct_mrr_movements order by all",
    "select * from revenue.fct_mrr_months order by all",
)


@pytest.fixture(scope="module")
def models() -> RevenueModels:
    return RevenueModels(READ)


@pytest.fixture(scope="module")
def build(models) -> Callable[[SmallInstallation], duckdb.DuckDBPyConnection]:
    """Revenue, in memory, of what an installation's lake holds."""

    def build(installation: SmallInstallation) -> duckdb.DuckDBPyConnection:
        connection = models.connect()
        book.read_lake(installation, connection)
        for table, rows in book.who_is_who(SCENARIOS).items():
            marks = ", ".join("?" * len(rows[0]))
            connection.executemany(f"insert into {table} values ({marks})", rows)
        models.build(connection)
        return connection

    return build


@pytest.fixture(scope="module")
def revenue(tmp_path_factory, build) -> Iterator[duckdb.DuckDBPyConnection]:
    installation = SmallInstallation(tmp_path_factory.mktemp("book"), as_of=book.AS_OF)
    lines = [line for scenario in SCENARIOS for line in scenario.stripe.envelopes]
    pulls = [pull for scenario in SCENARIOS for pull in scenario.stripe.pulls]
    book.land(installation, [line for line in lines if not line.is_late], pulls)
    book.land_finance(installation, SCENARIOS)
    assert installation.ingest().rows_quarantined == 0
    # what came late came with a later load
    book.land(installation, [line for line in lines if line.is_late], [], name="late")
    assert installation.ingest().rows_quarantined == 0
    with closing(build(installation)) as connection:
        yield connection


@pytest.mark.pipeline
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.title)
def test_scenario(revenue, scenario: Scenario):
    for name, expected in scenario.expect.items():
        wanted, found = READINGS[name](revenue, scenario, expected)
        if found != wanted:
            lines = [f"{scenario.page}: {scenario.title}", f"  {scenario.why.strip()}", f"{name}:"]
            lines += [line for line in ndiff(wanted, found) if not line.startswith("?")]
            pytest.fail("\n".join([*lines, "(- expected, + found)"]), pytrace=False)


@pytest.mark.pipeline
def test_shuffled_repeated_and_in_two_loads_the_answer_is_the_same(
    tmp_path_factory, revenue, build
):
    """Every line lands in any order and some twice; a random half of them in a second load."""
    random = Random(5)
    installation = SmallInstallation(tmp_path_factory.mktemp("shuffled"), as_of=book.AS_OF)
    lines = [line for scenario in SCENARIOS for line in scenario.stripe.envelopes]
    pulls = [pull for scenario in SCENARIOS for pull in scenario.stripe.pulls]
    random.shuffle(lines)
    random.shuffle(pulls)
    for name, some_lines, some_pulls in [
        ("second", lines[::2], pulls[::2]),
        ("first", [*lines[1::2], *lines[::10]], pulls[1::2]),
    ]:
        book.land(installation, some_lines, some_pulls, random, name)
        book.land_finance(installation, SCENARIOS)
        assert installation.ingest().load_id is not None
    with closing(build(installation)) as shuffled:
        for sql in OUTCOME:
            assert shuffled.execute(sql).fetchall() == revenue.execute(sql).fetchall()


@pytest.mark.pipeline
def test_the_bridge_closes_for_every_account_and_month(revenue):
    """Opening and movements are closing; a month opens where the one before closed."""
    assert (
        revenue.execute(
            "select * from (select *, lag(closing_mrr, 1, 0) over ("
            "partition by account_id order by month) as closed_before "
            "from revenue.fct_mrr_months) where opening_mrr <> closed_before "
            "or opening_mrr + new_mrr + expansion_mrr + contraction_mrr + churn_mrr "
            "+ reactivation_mrr + fx_mrr <> closing_mrr or closing_mrr < 0"
        ).fetchall()
        == []
    )


def test_the_book_is_long_enough_and_every_page_says_why():
    assert len(SCENARIOS) >= 60
    assert all(scenario.why.strip() and scenario.expect for scenario in SCENARIOS)


def test_nothing_that_happens_is_outside_an_account(revenue):
    """No movement of an account the book does not know: one would be checked by nobody."""
    known = {scenario.account_id for scenario in SCENARIOS}
    found = revenue.execute("select distinct account_id from revenue.fct_mrr_movements").fetchall()
    assert {account for (account,) in found} <= known
