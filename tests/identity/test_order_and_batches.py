"""The same calls in other files, orders and batches make the same people."""

import random
from itertools import groupby

import pytest

from tests.identity.home import Calls, Home
from tests.identity.test_edge_cases import company

pytestmark = pytest.mark.proof

TABLES = {
    "identity.bridge_person_ids": "*",
    "identity.bridge_account_people": "*",
    "identity.fct_person_merges": "*",
    "identity.fct_identity_links": "*",
    "identity.rpt_guard_violations": "*",
    "core.fct_person_days": "*",
    "core.dim_people": "*",
}


def company_with_accounts() -> list[dict]:
    """The edge cases, in workspaces, with traits that contradict each other at one moment."""
    calls = Calls()
    calls.lines = company()
    for number, user in enumerate(("twice_work", "twice_home", "desk_a", "desk_b", "both_1")):
        calls.add(
            "group", 10, userId=user, groupId=f"acc_{number % 3}", traits={"name": f"A{number}"}
        )
        calls.track(11, userId=user, groupId=f"acc_{number % 2}")
    for name in ("Ann", "Anna"):
        calls.add("identify", 12, userId="both_1", traits={"firstName": name})
        calls.add("identify", 12, userId="both_2", traits={"title": name})
    return calls.lines


def contents(home: Home) -> dict[str, list[tuple]]:
    home.build()
    return {
        table: home.query(f"select {columns} from {table} order by all")
        for table, columns in TABLES.items()
    }


@pytest.fixture(scope="module")
def in_one_file(tmp_path_factory) -> dict[str, list[tuple]]:
    home = Home(tmp_path_factory.mktemp("one_file"))
    home.land("all.jsonl", company_with_accounts())
    home.seed()
    found = contents(home)
    assert all(found.values()), "every table has something to compare"
    return found


def test_one_file_a_day_of_events_newest_first_makes_the_same_people(in_one_file, tmp_path):
    calls = company_with_accounts()
    home = Home(tmp_path)
    home.seed()

    def day(call: dict) -> str:
        return call["timestamp"][:10]

    days = [list(group) for _, group in groupby(sorted(calls, key=day), key=day)]
    assert len(days) > 8
    for number, group in enumerate(reversed(days)):
        home.land(f"day_{number:02d}.jsonl", list(reversed(group)))
    assert contents(home) == in_one_file


@pytest.mark.parametrize("seed", [1, 2])
def test_shuffled_batches_with_builds_between_make_the_same_people(in_one_file, tmp_path, seed):
    calls = company_with_accounts()
    random.Random(seed).shuffle(calls)
    home = Home(tmp_path)
    home.seed()
    third = len(calls) // 3
    home.write("events/segment/b.jsonl", calls[:10])
    home.land("a.jsonl", calls[10:third])
    home.build()
    home.land("c.jsonl", calls[third : 2 * third] + calls[:20])  # some are repeated
    home.build()
    home.land("d.jsonl", calls[2 * third :])
    assert contents(home) == in_one_file


def test_a_late_first_call_renames_the_person_by_rule_and_the_run_says_so(tmp_path):
    """The anchor is the earliest user id; when an earlier one comes in late, the key changes."""
    calls = Calls()
    calls.track(5, userId="known")
    calls.track(6, userId="other")
    calls.alias(7, "other", "known")
    late = Calls()
    late.lines = list(calls.lines)
    late.track(2, userId="other")

    home = Home(tmp_path)
    home.seed()
    home.land("first.jsonl", calls.lines)
    home.build()
    before = home.people()
    home.build()
    assert home.query("select max(version_number) from identity.rpt_person_changes") == [(1,)]

    home.land("late.jsonl", late.lines[3:])
    home.build()
    after = home.people()
    assert after["user_id", "known"] == after["user_id", "other"] != before["user_id", "known"]
    assert home.query(
        "select id_value, previous_person_id, person_id, change "
        "from identity.fct_person_id_changes order by id_value"
    ) == [
        (user, before["user_id", user], after["user_id", user], "renamed")
        for user in ("known", "other")
    ]
    assert home.query(
        "select count_people, people_renamed, people_merged, people_split_off "
        "from identity.rpt_person_changes where version_number = 2"
    ) == [(1, 1, 0, 0)]
