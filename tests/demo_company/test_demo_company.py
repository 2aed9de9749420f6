"""The demo company: the same bytes for the same seed, believable, and honest about its truth."""

import hashlib
import json
import time
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from demo_company.generate import generate
from demo_company.parameters import DemoReport
from tests.demo_company import raw_reading as raw

ACCOUNTS, MONTHS, SEED = 60, 5, 11
END = date(2026, 7, 1)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoReport:
    home = tmp_path_factory.mktemp("demo")
    return generate(home / "landing", ACCOUNTS, MONTHS, SEED, dirt_rate=0.01)


@pytest.fixture(scope="module")
def read(demo: DemoReport) -> dict[str, Any]:
    """Every event line judged by the contract's rules, repeated messages dropped."""
    as_of = demo.as_of
    reasons: Counter[str] = Counter()
    repeated = 0
    accepted: dict[str, tuple[dict[str, Any], datetime]] = {}
    lines = raw.lines_of(demo.landing / "events" / "segment")
    for _, line in lines:
        reason, message, at = raw.refuse(line, as_of)
        if reason:
            reasons[reason] += 1
        elif message["messageId"] in accepted:
            repeated += 1
        else:
            accepted[message["messageId"]] = (message, at)
    messages = list(accepted.values())
    return {
        "lines": len(lines),
        "reasons": reasons,
        "repeated": repeated,
        "accepted": accepted,
        "people": raw.People(messages),
    }


def truth(demo: DemoReport, name: str) -> list[dict[str, Any]]:
    return pq.read_table(demo.truth / f"{name}.parquet").to_pylist()


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_parameters_give_the_same_bytes(tmp_path: Path) -> None:
    for run in ("one", "two"):
        generate(tmp_path / run / "landing", accounts=12, months=3, seed=5)
    one, two = digest(tmp_path / "one"), digest(tmp_path / "two")
    assert one == two
    assert any(name.endswith(".gz") for name in one)


def test_another_seed_is_another_company(tmp_path: Path) -> None:
    generate(tmp_path / "a" / "landing", accounts=4, months=2, seed=1)
    generate(tmp_path / "b" / "landing", accounts=4, months=2, seed=2)
    assert digest(tmp_path / "a") != digest(tmp_path / "b")


def test_every_planted_line_is_refused_for_its_reason_and_counted(
    demo: DemoReport, read: dict[str, Any]
) -> None:
    planted = demo.facts["dirt"]
    expected = {
        k.removeprefix("quarantined_"): n for k, n in planted.items() if "quarantined_" in k
    }
    assert read["reasons"] == expected
    assert len(expected) == 10
    assert min(expected.values()) >= 1
    assert read["repeated"] == planted["duplicate_lines"] > 0
    events = demo.facts["events"]
    assert read["lines"] == events["lines"]
    assert len(read["accepted"]) == events["accepted"]
    assert sum(expected.values()) < 0.01 * read["lines"]


def test_corrected_time_and_name_of_every_message_are_the_true_ones(
    demo: DemoReport, read: dict[str, Any]
) -> None:
    rows = truth(demo, "events")
    assert len(rows) == len(read["accepted"])
    for row in rows:
        message, at = read["accepted"][row["message_id"]]
        assert at.replace(tzinfo=None) == row["event_at"]
        assert raw.canonical(message.get("event")) == row["event"]


def test_skewed_and_late_lines_are_there(demo: DemoReport, read: dict[str, Any]) -> None:
    late = skewed = renamed = 0
    for message, at in read["accepted"].values():
        late += raw.moment(message["receivedAt"]) - at > timedelta(minutes=59)
        if "sentAt" in message:
            off = raw.moment(message["originalTimestamp"]) - at
            skewed += abs(off) >= timedelta(minutes=5)
        renamed += message.get("event") in ("create_report", "Report Created")
    planted = demo.facts["dirt"]
    assert (late, skewed, renamed) == tuple(
        planted[kind] for kind in ("late", "clock_skew", "renamed_event")
    )
    assert min(late, skewed, renamed) > 0


def test_files_hold_what_was_received_that_day_or_repeated_later(demo: DemoReport) -> None:
    other_day = 0
    for path, line in raw.lines_of(demo.landing / "events" / "segment"):
        reason, message, _ = raw.refuse(line, demo.as_of)
        if reason is None:
            day = date.fromisoformat(path.name.split(".")[0])
            received = raw.moment(message["receivedAt"]).date()
            assert day >= received
            other_day += day > received
    assert other_day == demo.facts["dirt"]["duplicates_in_another_file"]


def test_people_of_the_files_are_the_true_people(demo: DemoReport, read: dict[str, Any]) -> None:
    """As partitions: two ids are one person in the files exactly when they are in the truth."""
    found: dict[str, set[str]] = defaultdict(set)
    expected: dict[str, set[str]] = defaultdict(set)
    people = read["people"]
    late = datetime.max.replace(tzinfo=demo.as_of.tzinfo)
    for row in truth(demo, "person_ids"):
        kind, value = row["id_type"], row["id_value"]
        expected[row["true_person_id"]].add(value)
        if kind == "user_id":
            found[people.root(value)].add(value)
        elif kind == "anonymous_id":
            first = people.first_user.get(value)
            found[people.root(first[1]) if first else value].add(value)
    emails = {r["id_value"] for r in truth(demo, "person_ids") if r["id_type"] == "email"}
    assert sorted(map(sorted, found.values())) == sorted(
        sorted(ids - emails) for ids in expected.values()
    )
    observed = {
        value
        for message, _ in read["accepted"].values()
        for value in (message.get("userId"), message.get("anonymousId"))
        if value and value.strip() not in raw.DIRTY_IDS
    }
    assert observed == set().union(*expected.values()) - emails
    assert late > demo.as_of


def test_person_of_every_message_is_the_true_one(demo: DemoReport, read: dict[str, Any]) -> None:
    pairs = set()
    for row in truth(demo, "events"):
        message, at = read["accepted"][row["message_id"]]
        if message["type"] == "alias":
            continue
        person = read["people"].of(message.get("userId"), message.get("anonymousId"), at)
        pairs.add((person, row["true_person_id"]))
    assert len({person for person, _ in pairs}) == len(pairs) == len({true for _, true in pairs})


def test_shared_devices_bots_and_people_with_two_logins_are_there(demo: DemoReport) -> None:
    assert demo.facts["dirt"]["shared_devices"] >= 1
    assert demo.facts["dirt"]["bots"] >= 1
    links = set(demo.facts["people"]["logins_of_one_person"])
    assert links == {"same_user_id", "verified_email", "alias"}


def test_milestones_recomputed_from_the_files_are_the_true_ones(
    demo: DemoReport, read: dict[str, Any]
) -> None:
    moments: dict[str, dict[str, list[datetime]]] = defaultdict(lambda: defaultdict(list))
    for message, at in read["accepted"].values():
        if message["type"] == "track":
            person = read["people"].of(message.get("userId"), message.get("anonymousId"), at)
            moments[person][raw.canonical(message["event"])].append(at.replace(tzinfo=None))
    rows = truth(demo, "people")
    assert len(rows) == sum(bool(events["signed_up"]) for events in moments.values())
    activated = 0
    for row in rows:
        events = moments[read["people"].root(row["primary_user_id"])]
        since = min(events["signed_up"])

        def first(
            name: str, days: int, events: dict = events, since: datetime = since
        ) -> datetime | None:
            inside = [t for t in events[name] if since <= t < since + timedelta(days=days)]
            return min(inside, default=None)

        workspace, source_14 = first("workspace_created", 14), first("data_source_connected", 14)
        source, view = first("data_source_connected", 30), first("dashboard_viewed", 30)
        reached = max(source, view) if source and view else None
        again = None
        if reached:
            activated += reached < since + timedelta(days=7)
            again = min(
                (
                    t
                    for t in events["dashboard_viewed"]
                    if t.date() > reached.date() and t < reached + timedelta(days=30)
                ),
                default=None,
            )
        assert row["signed_up_at"] == since
        assert row["setup_at"] == (max(workspace, source_14) if workspace and source_14 else None)
        assert row["activated_at"] == reached
        assert row["habit_at"] == again
    assert activated == demo.facts["people"]["activated_7d"]


def test_mrr_movements_recomputed_from_stripe_and_contracts_are_the_true_ones(
    tmp_path: Path,
) -> None:
    report = generate(tmp_path / "landing", accounts=120, months=14, seed=3, events_per_day=1)
    sums: Counter[tuple[str, date, str]] = Counter()
    for row in truth(report, "mrr_movements"):
        sums[(row["account_id"], row["movement_date"], row["movement_type"])] += row["amount"]
    expected = sorted((*key, amount) for key, amount in sums.items())
    assert raw.movements(report.landing, END) == expected
    assert len(expected) > 40
    kinds = {row[2] for row in expected}
    assert kinds == {"new", "expansion", "contraction", "churn", "reactivation", "fx"}


def test_mrr_bridge_closes_and_months_are_the_sums_of_movements(demo: DemoReport) -> None:
    sums: Counter[tuple[str, date, str]] = Counter()
    for row in truth(demo, "mrr_movements"):
        month = row["movement_date"].replace(day=1)
        sums[(row["account_id"], month, row["movement_type"])] += row["amount"]
    before: dict[str, dict[str, Any]] = {}
    kinds = ("new", "expansion", "contraction", "churn", "reactivation", "fx")
    rows = truth(demo, "mrr_months")
    assert rows
    for row in rows:
        account = row["account_id"]
        assert row["opening_mrr"] == (before[account]["closing_mrr"] if account in before else 0)
        moved = sum(row[f"{kind}_mrr"] for kind in kinds)
        assert row["opening_mrr"] + moved == row["closing_mrr"] >= 0
        for kind in kinds:
            assert row[f"{kind}_mrr"] == sums.pop((account, row["month"], kind), 0)
        before[account] = row
    assert not sums
    assert {row["month"] for row in before.values()} == {date(2026, 6, 1)}


def test_without_dirt_every_line_is_good(tmp_path: Path) -> None:
    report = generate(tmp_path / "landing", accounts=10, months=2, seed=4, dirt_rate=0)
    lines = raw.lines_of(report.landing / "events" / "segment")
    seen = set()
    for _, line in lines:
        reason, message, _ = raw.refuse(line, report.as_of)
        assert reason is None
        seen.add(message["messageId"])
    assert len(seen) == len(lines)
    assert report.facts["dirt"] == {}


def test_one_account_and_one_month_is_enough(tmp_path: Path) -> None:
    report = generate(tmp_path / "landing", accounts=1, months=1, seed=1)
    assert report.facts["people"]["signed_up"] >= 1
    marker = json.loads((report.landing / "demo.json").read_text())
    assert marker["as_of"] == "2026-07-01T00:00:00+00:00"


def test_events_per_day_sets_the_volume(tmp_path: Path) -> None:
    report = generate(tmp_path / "landing", accounts=15, months=2, seed=2, events_per_day=800)
    days = 61
    assert report.facts["events"]["accepted"] / days == pytest.approx(800, rel=0.15)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "mine.csv").write_text("a,b\n")
    with pytest.raises(ValueError, match="not made by the demo generator"):
        generate(tmp_path / "landing", accounts=1, months=1)
    assert (tmp_path / "landing" / "mine.csv").exists()


@pytest.mark.parametrize("wrong", [{"accounts": 0}, {"months": 0}, {"dirt_rate": -0.1}])
def test_impossible_parameters_are_refused(tmp_path: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        generate(tmp_path / "landing", **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [23])
def test_rates_are_those_of_a_believable_company(tmp_path: Path, seed: int) -> None:
    """The default company; product events are kept few, they do not matter here."""
    started = time.perf_counter()
    facts = generate(tmp_path / "landing", seed=seed, events_per_day=120).facts
    assert 0.30 <= facts["people"]["activation_rate_7d"] <= 0.40
    assert 0.03 <= facts["people"]["visitor_to_signup"] <= 0.05
    assert 0.03 <= facts["conversion"]["freemium"]["rate"] <= 0.06
    assert 0.12 <= facts["conversion"]["trial"]["rate"] <= 0.20
    assert 1.00 <= facts["revenue"]["nrr_12_months"] <= 1.20
    assert facts["revenue"]["nrr_accounts"] >= 6
    assert set(facts["revenue"]["movements"]) == {
        "new", "expansion", "contraction", "churn", "reactivation", "fx",
    }  # fmt: skip
    assert time.perf_counter() - started < 60
