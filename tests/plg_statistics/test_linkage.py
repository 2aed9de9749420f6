"""The linkage by itself: what it finds, what it leaves, and that it always says the same."""

import random

import pyarrow as pa
import pytest

from plg_statistics.fingerprints import fingerprint
from plg_statistics.linkage import link
from plg_statistics.linkage_input import PAIRS, RECORDS, no_pairs

FIRST = ["anna", "ben", "carla", "david", "elena", "felix", "grace", "hugo", "ines", "jonas"]
LAST = ["adler", "baker", "costa", "dietz", "evans", "fischer", "garcia", "huber", "ito", "keller"]


def person(key: str, first: str, last: str, **fields) -> dict:
    crm = key.startswith("salesforce|")
    return {
        "entity": "person",
        "side": "crm" if crm else "product",
        "record_key": key,
        "first_name": first,
        "last_name": last,
        "country": "us",
        **fields,
    }


def company(key: str, name: str, **fields) -> dict:
    crm = key.startswith("salesforce|")
    return {
        "entity": "account",
        "side": "crm" if crm else "product",
        "record_key": key,
        "company": name,
        "country": "us",
        **fields,
    }


def crowd() -> list[dict]:
    """A hundred people in twenty accounts, no two of one name."""
    return [
        person(
            f"p{i}",
            FIRST[i % 10],
            LAST[i // 10],
            account_id=f"acc_{i % 20}",
            title="analyst",
            company=f"company {chr(97 + i % 20)}",
            email_local=f"{FIRST[i % 10]}.{LAST[i // 10]}",
            email_domain=f"company{i % 20}.com",
        )
        for i in range(100)
    ]


def linked(records: list[dict]) -> dict[tuple[str, str], float]:
    """(CRM record, product record) -> probability."""
    table = pa.Table.from_pylist(records, schema=RECORDS)
    pairs = link(table, fingerprint(table))
    assert pairs.schema == PAIRS
    return {(row["record_key"], row["entity_id"]): row["probability"] for row in pairs.to_pylist()}


def test_a_misspelt_name_at_a_private_address_in_the_same_account_is_a_match():
    # p23 is david costa of acc_3
    contact = person(
        "salesforce|contacts|1",
        "david",
        "cotsa",
        account_id="acc_3",
        title="analyst",
        email_local="davec",
    )
    found = linked([*crowd(), contact])
    assert found["salesforce|contacts|1", "p23"] > 0.95


def test_an_initial_will_do_where_the_rest_fits():
    contact = person("salesforce|contacts|1", "d", "costa", account_id="acc_3", title="analyst")
    assert linked([*crowd(), contact])["salesforce|contacts|1", "p23"] > 0.95


def test_the_same_name_at_another_company_is_no_match():
    stranger = person(
        "salesforce|leads|1",
        "david",
        "costa",
        company="homonym works",
        title="buyer",
        email_local="hello",
        email_domain="homonym.com",
    )
    assert all(probability < 0.5 for probability in linked([*crowd(), stranger]).values())


def test_a_colleague_with_another_name_is_no_match():
    contact = person("salesforce|contacts|1", "olga", "petrov", account_id="acc_3", title="analyst")
    assert linked([*crowd(), contact]) == {}


def test_a_company_misspelt_in_the_crm_is_found_and_its_neighbour_by_number_is_not():
    facts = {"employees": 120, "industry": "media"}
    records = [
        company("acc_1", "amber cloud", **facts),
        company("acc_2", "amber cloud 12", company_digits="12", **facts),
        company("acc_3", "birch bank", employees=5, industry="banking"),
        company("salesforce|accounts|1", "amber clould", **facts),
    ]
    found = linked(records)
    assert found["salesforce|accounts|1", "acc_1"] > 0.95
    assert found.get(("salesforce|accounts|1", "acc_2"), 0) < 0.5


def test_the_more_people_there_are_the_more_evidence_is_asked_for():
    contact = person(
        "salesforce|contacts|1", "david", "costa", title="analyst", email_local="david.costa"
    )
    few = linked([*crowd(), contact])["salesforce|contacts|1", "p23"]
    many = [person(f"q{i}", "no", f"body{i}", email_local=f"nobody{i}") for i in range(2000)]
    assert linked([*crowd(), *many, contact])["salesforce|contacts|1", "p23"] < few


def test_the_order_of_the_records_changes_nothing():
    records = [
        *crowd(),
        *[
            person(
                f"salesforce|contacts|{i}", FIRST[i], LAST[i][:-1], account_id=f"acc_{i * 11 % 20}"
            )
            for i in range(10)
        ],
    ]
    expected = linked(records)
    assert len(expected) >= 5
    shuffled = records.copy()
    random.Random(3).shuffle(shuffled)
    assert linked(shuffled) == expected


@pytest.mark.parametrize("side", ["product", "crm"])
def test_one_side_alone_has_no_pairs(side):
    records = [row | {"side": side} for row in crowd()]
    assert linked(records) == {}
    assert no_pairs().num_rows == 0


def test_the_fingerprint_tells_any_change_and_nothing_from_empty():
    table = pa.Table.from_pylist(crowd(), schema=RECORDS)
    changed = crowd()
    changed[7]["title"] = ""
    other = pa.Table.from_pylist(changed, schema=RECORDS)
    changed[7]["title"] = None
    third = pa.Table.from_pylist(changed, schema=RECORDS)
    assert len({fingerprint(table), fingerprint(other), fingerprint(third)}) == 3
    assert fingerprint(table) == fingerprint(pa.Table.from_pylist(crowd(), schema=RECORDS))
