"""Revenue, row for row: MRR, movements and causes, NRR, recovery, recognition, to the cent.

The suite compares the demo of test_main_job; 5,000 accounts: `python -m bench.revenue`.
"""

import json
import shutil

import pytest

from demo_company.generate import generate
from tests.models.revenue_truth import compare
from warehouse.settings import Settings

pytestmark = pytest.mark.pipeline


@pytest.mark.proof
def test_three_hundred_accounts_and_much_dirt_change_no_cent(new_installation):
    """Without product events too: revenue needs billing only."""
    installation = new_installation("revenue")
    generate(installation.landing, accounts=300, dirt_rate=0.03, events_per_day=1)
    shutil.rmtree(installation.landing / "events")
    installation.plg("ingest")
    installation.plg(
        "dbt", "build", "--select", "+marts.revenue",
        "--exclude", "resource_type:test", "resource_type:unit_test", new_process=True,
    )  # fmt: skip
    planted = json.loads((installation.truth / "summary.json").read_text())["dirt"]
    assert planted["stripe_lost_ends"] > 0
    assert planted["stripe_lost_subscriptions"] > 0
    for one in compare(Settings(home=installation.home).warehouse_path, installation.truth):
        assert one.compared > 0, one.name
        assert one.differing == 0, "\n".join(one.examples)
