"""The scenario book: what happened to an account at Stripe, and what its revenue did.

Every scenario's envelopes land together, the real ingest reads them, and the models' own SQL is
built once for all. Then again with the lines in any order, sent twice and over two loads.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from difflib import ndiff

import duckdb
import pytest

from tests.models.revenue_models import RevenueModels
from tests.revenue_book import book
from tests.revenue_book.book import Scenario
from tests.revenue_book.readings import READINGS
from tests.small_installation import SmallInstallation

SCENARIOS = book.read_book()
OUTCOME = (
    "select account_id, movement_date, movement_type, cause, amount "
    "from revenue.fct_mrr_movements order by all",
    "select * from revenue.fct_mrr_months order by all",
)


@pytest.fixture(scope="module")
def models() -> RevenueModels:
    return RevenueModels()


@pytest.fixture(scope="module")
def build(models) -> Callable[[SmallInstallation], duckdb.DuckDBPyConnection]:
    """Revenue, in memory, of what an installation's lake holds."""

    def build(installation: SmallInstallation) -> duckdb.DuckDBPyConnection:
        connection = models.connect()
        book.read_lake(installation, connection)
        connection.executemany(
            "insert into identity.int_identity__domain_accounts values (?, ?, 'declared', 1)",
            book.domains(SCENARIOS),
        )
        models.build(connection)
        return connection

    return build


@pytest.fixture(scope="module")
def revenue(tmp_path_factory, build) -> Iterator[duckdb.DuckDBPyConnection]:
    installation = SmallInstallation(tmp_path_factory.mktemp("book"), as_of=book.AS_OF)
    book.land(
        installation,
        [line for scenario in SCENARIOS for line in scenario.stripe.envelopes],
        [pull for scenario in SCENARIOS for pull in scenario.stripe.pulls],
    )
    book.land_finance(installation, SCENARIOS)
    report = installation.ingest()
    assert report.rows_quarantined == 0
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


def test_the_book_covers_what_the_specification_names():
    assert len(SCENARIOS) >= 60
