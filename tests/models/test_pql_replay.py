"""The PQL scores build after build, over a landing folder that grows, late and corrected.

After each build what the warehouse says of the days since the last is kept outside of it. In the
end everything is made anew from the memory, and must say of each of these days what was said on it.
"""

import json
from datetime import UTC, date, datetime, timedelta

import duckdb
import pytest

from ingestion.run import ingest
from tests.models import pql_naive as naive
from warehouse.dbt import run_dbt
from warehouse.settings import Settings

pytestmark = [pytest.mark.pipeline, pytest.mark.proof]

FIRST_NIGHT = date(2026, 2, 20)
BUILDS = 10
DAYS_A_BUILD = 3  # a build closes three days: 30 in all


def build(home, as_of: datetime, *arguments: str) -> duckdb.DuckDBPyConnection:
    settings = Settings(home=home, landing=home / "landing", as_of=as_of.replace(tzinfo=UTC))
    ingest(settings)
    result = run_dbt(
        settings,
        ["--quiet", "build", "--select", "+marts.pql", *arguments,
         "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"],
    )  # fmt: skip
    assert result.success, result.exception or [
        f"{row.node.name}: {row.message}"
        for row in result.result
        if row.status not in ("success", "pass", "skipped")
    ]
    return duckdb.connect(str(settings.warehouse_path), read_only=True)


def day_of(connection, day: date) -> dict:
    """All that is said of a day: scores, tiers and reasons of accounts and of people."""
    said = {}
    for level, key in (("account", "account_id"), ("user", "person_id")):
        for table, columns in (("scores", "points, score_10, tier"),
                               ("score_reasons", "signal_key, points, evidence_count, "
                                "last_seen_at, is_missing, sentence")):  # fmt: skip
            name = f"fct_user_{table}" if level == "user" else f"fct_{table}"
            said[name] = connection.execute(
                f"select model_key, {key}, {columns} from pql.{name} where score_date = ? "
                "order by all",
                [day],
            ).fetchall()
    return said


def write(landing, name: str, calls: list[dict]) -> None:
    path = landing / "events" / "segment" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(call) + "\n" for call in calls))


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    """The home, and by day what was said on it."""
    home = tmp_path_factory.mktemp("nights")
    landing = home / "landing"
    company = naive.make_company(seed=23, accounts=14)
    naive.write_landing(company, landing)
    for folder in (landing / "events" / "segment").iterdir():
        (folder / "calls.jsonl").unlink()
        folder.rmdir()
    by_day: dict[str, list[dict]] = {}
    kept_back = []
    for number, call in enumerate(company.calls):
        # some files are two days on the way: received by the collector, not yet landed
        late = number % 17 == 0 and call["receivedAt"][:10] > str(FIRST_NIGHT)
        arrives = date.fromisoformat(call["receivedAt"][:10]) + timedelta(days=2 * late)
        by_day.setdefault(str(arrives), []).append(call)
        kept_back += [call] if late else []
    assert len(kept_back) > 20
    said = {}
    for number in range(BUILDS):
        night = FIRST_NIGHT + timedelta(days=DAYS_A_BUILD * number)
        for day in sorted(by_day):
            if day < str(night):
                write(landing, f"{day}/calls.jsonl", by_day.pop(day))
        moment = f"{night - timedelta(days=1)}T12:00:00.000Z"
        trouble(landing, number, moment)
        with build(home, datetime.combine(night, datetime.min.time())) as connection:
            for back in range(1, DAYS_A_BUILD + 1):
                day = night - timedelta(days=back)
                if number or back == 1:
                    said[day] = day_of(connection, day)
    return home, said


def trouble(landing, number: int, moment: str) -> None:
    """What identity and companies do to a warehouse that remembers too little."""
    base = {"timestamp": moment, "receivedAt": moment}
    if number == 1:  # two logins turn out to be one person
        write(landing, "trouble/alias.jsonl", [
            base | {"messageId": "t1", "type": "alias", "previousId": "usr_acc_06_p1",
                    "userId": "usr_acc_06_p0"},
        ])  # fmt: skip
    if number == 2:  # somebody's work is mainly in another account from now on
        write(landing, "trouble/moved.jsonl", [
            base | {"messageId": f"t7_{n}", "type": "track", "event": "query_run",
                    "userId": "usr_acc_07_p0", "context": {"groupId": "acc_09"}}
            for n in range(400)
        ])  # fmt: skip
    if number == 3:  # a device is found to be somebody's, with a past
        past = {"timestamp": moment, "type": "track", "event": "pricing_page_viewed",
                "anonymousId": "dev_unknown"}  # fmt: skip
        write(landing, "trouble/device.jsonl", [
            past | {"messageId": "t10_a", "receivedAt": moment,
                    "timestamp": moment.replace("T12", "T01")},
            base | {"messageId": "t10_b", "type": "identify", "anonymousId": "dev_unknown",
                    "userId": "usr_acc_10_p0"},
        ])  # fmt: skip
    if number == 4:  # company data is corrected, and comes for one nobody had
        path = landing / "firmographics" / "later.csv"
        path.write_text(
            "domain,company,employees,industry,country,tech_stack,hiring_signals,ip_ranges\n"
            "company00.com,,8,Mining,US,excel,,\ncompany05.com,,900,Software,US,dbt,analyst,\n"
        )
    if number == 5:  # the contract of a payer turns out to have begun a week ago
        path = landing / "contracts" / "later.csv"
        path.write_text(
            "account,start,end,annual_value,currency,seats,billing_frequency,signed_date,owner\n"
            "acc_08,2026-03-01,2027-02-28,12000.00,USD,10,annual,2026-03-01,rep\n"
        )
    if number == 6:  # a ticket that was opened a week ago
        path = landing / "support_tickets" / "later.csv"
        path.write_text(
            "id,account,requester,opened,first_response,resolved,channel,deflected_by\n"
            "t_late,acc_00,,2026-03-04T10:00:00Z,,,chat,none\n"
        )
    if number == 7:  # an event of tomorrow, by a clock that is ahead
        tomorrow = moment.replace("T12", "T23")
        write(landing, "trouble/ahead.jsonl", [
            base | {"messageId": "t22", "type": "track", "event": "teammate_invited",
                    "timestamp": str(date.fromisoformat(moment[:10]) + timedelta(days=1))
                    + tomorrow[10:].replace("T23", "T09"),
                    "userId": "usr_acc_00_p0", "context": {"groupId": "acc_00"}},
        ])  # fmt: skip


def test_made_anew_from_the_memory_every_day_says_what_was_said_on_it(nights):
    home, said = nights
    last = max(said) + timedelta(days=1)
    with build(home, datetime.combine(last, datetime.min.time()), "--full-refresh") as connection:
        now = {day: day_of(connection, day) for day in said}
        log = connection.execute("select count(distinct score_date) from pql.fct_score_log")
        assert log.fetchone()[0] == len(said)
        alive = {
            entity
            for (entity,) in connection.execute(
                "select account_id from core.dim_accounts "
                "union select person_id from core.dim_people"
            ).fetchall()
        }
    assert len(said) == (BUILDS - 1) * DAYS_A_BUILD + 1
    gone = 0
    for day, tables in said.items():
        for table, rows in tables.items():
            still_there = [row for row in rows if row[1] in alive]
            gone += len(rows) - len(still_there)
            assert now[day][table] == still_there, (day, table)
    assert gone > 0, "somebody must have become part of somebody else"
    assert any(tables["fct_user_scores"] for tables in said.values())


def test_a_look_at_the_past_says_what_was_said_then_and_forgets_nothing(nights):
    home, said = nights
    days = sorted(said)
    with build(home, datetime.combine(days[12], datetime.min.time())) as connection:
        assert connection.execute("select max(score_date) from pql.fct_scores").fetchone() == (
            days[11],
        )
        found = day_of(connection, days[11])["fct_scores"]
        alive = {row[1] for row in found}
        assert found == [row for row in said[days[11]]["fct_scores"] if row[1] in alive]
    last = days[-1] + timedelta(days=1)
    with build(home, datetime.combine(last, datetime.min.time())) as connection:
        assert day_of(connection, days[-1])["fct_scores"] == said[days[-1]]["fct_scores"]
        logged = connection.execute("select count(distinct score_date) from pql.fct_score_log")
        assert logged.fetchone()[0] == len(said)


def test_the_trouble_was_seen_from_the_night_it_was_heard_of(nights):
    """Proof that the test can fail: what was said changes when the news comes, not before."""
    _, said = nights
    days = sorted(said)

    def points(day: int, account: str, signal: str) -> list:
        return [
            row[3]
            for row in said[days[day]]["fct_score_reasons"]
            if row[:3] == ("handoff_normalised", account, signal)
        ]

    # the n-th build closes the three days from 3n - 2 on
    assert points(9, "acc_00", "company_size") != [] == points(10, "acc_00", "company_size")
    scored = [{row[1] for row in said[day]["fct_scores"]} for day in days]
    assert "acc_08" in scored[12] and "acc_08" not in scored[13]
    assert points(15, "acc_00", "support_tickets") != points(16, "acc_00", "support_tickets")
