"""Vendors repeat what they know of a user in every row: nobody needs an identify call."""

import json

import pytest

from ingestion.run import ingest
from tests.identity.home import Home

pytestmark = pytest.mark.proof


def amplitude(number: int, user: str, **traits) -> dict:
    at = f"2026-01-{number + 1:02d} 10:00:00.000000"
    return {
        "uuid": f"{user}-{number}",
        "event_type": "query_run",
        "user_id": user,
        "device_id": f"device_{user}",
        "event_time": at,
        "server_received_time": at,
        "user_properties": {"initial_referrer": "https://search.example/", **traits},
    }


def posthog(number: int, user: str, **traits) -> dict:
    at = f"2026-01-{number + 1:02d}T10:00:00.000Z"
    properties = {"$is_identified": True, "$set": traits, "$set_once": {"$initial_os": "Linux"}}
    return {
        "uuid": f"{user}-{number}",
        "event": "query_run",
        "distinct_id": user,
        "timestamp": at,
        "created_at": at,
        "properties": properties if traits else {"$is_identified": True},
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    home = Home(tmp_path_factory.mktemp("traits"))
    rows = {
        "amplitude": [
            *(amplitude(n, "ann", email="Ann@Acme.example", name="Ann Old") for n in range(5)),
            amplitude(9, "ann", email="ann@acme.example", name="Ann New", company="Acme"),
            *(amplitude(n, "one", email="x@y.example", email_verified=True) for n in range(3)),
            *(amplitude(n, "two", email="x@y.example", email_verified=True) for n in range(3)),
            amplitude(2, "quiet"),
        ],
        "posthog": [posthog(1, "bob", email="bob@globex.example", name="Bob"), posthog(2, "bob")],
    }
    for vendor, lines in rows.items():
        path = home.settings.landing_dir / "events" / vendor / "rows.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert ingest(home.settings).rows_quarantined == 0
    home.seed()
    home.build()
    return home


def test_traits_of_ordinary_events_are_the_persons(home):
    people = home.people()
    known = home.query(
        "select person_id, email, full_name from identity.int_identity__person_traits"
    )
    assert {row for row in known if row[0] != people["user_id", "one"]} == {
        (people["user_id", "ann"], "ann@acme.example", "Ann New"),
        (people["user_id", "bob"], "bob@globex.example", "Bob"),
    }
    assert home.query("select user_id, company_name from staging.stg_events__companies") == [
        ("ann", "Acme")
    ]


def test_an_address_verified_in_ordinary_events_is_evidence_like_any_other(home):
    people = home.people()
    assert people["user_id", "one"] == people["user_id", "two"]


def test_a_trait_that_events_carry_is_no_identify_call(home):
    rows = home.query(
        "select user_id, received_date::varchar, count_calls, count_identify_calls, "
        "len(identify_times) from staging.stg_events__identifies where user_id = 'ann' order by 2"
    )
    assert rows == [
        *(("ann", f"2026-01-0{day}", 1, 0, 0) for day in range(1, 6)),
        ("ann", "2026-01-10", 1, 0, 0),
    ]
    pairs = home.query(
        "select count_events, count_calls from identity.int_identity__id_pairs "
        "where user_id = 'ann'"
    )
    assert pairs == [(6, 6)]
