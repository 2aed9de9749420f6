"""Accounts and CRM matches of a demo company equal its truth, as far as the targets ask."""

import pytest

from demo_company.generate import generate
from tests.identity.crm_truth import compare
from tests.identity.installation import Installation

pytestmark = pytest.mark.proof


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Installation:
    installation = Installation(tmp_path_factory.mktemp("crm"), as_of=None)
    # few events, and the dirt of a badly kept CRM
    generate(installation.landing, 150, 3, 5, dirt_rate=0.01, events_per_day=400)
    installation.ingest()
    installation.build_identity()
    return installation


@pytest.fixture(scope="module")
def found(demo):
    return compare(demo.settings.warehouse_path, demo.landing.parent / "demo_truth")


def test_people_are_in_the_account_they_truly_belong_to(found):
    assert found.accounts.true > 300
    assert found.accounts.recall >= 0.97
    assert found.accounts.precision >= 0.99


def test_a_crm_record_is_hardly_ever_given_to_the_wrong_person_or_company(found):
    assert found.people.found > 250
    assert found.companies.found > 80
    assert found.people.precision >= 0.99
    assert found.companies.precision >= 0.99


def test_most_product_users_are_found_in_the_crm(found):
    assert found.match_rate > 0.85
    assert found.users.recall > 0.95


def test_the_probabilistic_step_finds_what_no_id_and_no_address_does(found):
    probable = found.records_by_method["probabilistic"]
    assert probable.found >= 20
    assert probable.precision >= 0.97


def test_a_second_build_changes_no_identity_table(demo):
    before = demo.identity_tables()
    demo.build_identity()
    assert demo.identity_tables() == before


def test_building_from_nothing_gives_the_same_matches(demo):
    before = demo.identity_tables()
    demo.query("drop table identity.int_identity__linkage_pairs cascade")
    demo.build_identity()
    assert demo.identity_tables() == before


def test_duplicates_have_one_survivor_each(demo):
    groups = demo.query(
        "select duplicate_group_id, count(*), count(*) filter (where is_survivor), "
        "count(distinct survivor_record_id), max(count_records) "
        "from identity.rpt_crm_duplicates where crm = 'salesforce' group by all"
    )
    assert len(groups) > 5
    for _, records, survivors, named, counted in groups:
        assert (survivors, named) == (1, 1)
        assert records == counted >= 2
