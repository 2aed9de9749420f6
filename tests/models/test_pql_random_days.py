"""The score of a past day computed now is the score stored on that day: days drawn at random.

A small company's files land as files do: most on their day, some days late, some with a clock that
is ahead. On each drawn day the warehouse is built as of its end, and what it says of the day is
kept outside of it. When all is known - late files, merged people, corrected company data - every
drawn day is asked for again: of the tables as they are, and of tables made anew.
"""

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from tests.models import pql_naive as naive
from tests.small_installation import SmallInstallation

pytestmark = pytest.mark.pipeline

DAY = timedelta(days=1)
FIRST, LAST = naive.FIRST_DAY.date() + 7 * DAY, naive.LAST_SCORE_DATE
SCORES = (
    "fct_scores", "fct_score_reasons", "fct_user_scores", "fct_user_score_reasons", "fct_score_log",
)  # fmt: skip
SAID = {  # table: whom it is about
    "fct_scores": "account_id", "fct_score_reasons": "account_id",
    "fct_user_scores": "person_id", "fct_user_score_reasons": "person_id",
}  # fmt: skip
# every signal of behaviour has one of these
PLANTED = (
    "query_run", "dashboard_viewed", "teammate_invited", "pricing_page_viewed", "support_contacted",
    "limit_reached", "alert_created", "api_called", "checkout_started", "report_created",
)  # fmt: skip


@dataclass
class Past:
    """What was said on each drawn day, and the installation that may be asked again."""

    installation: SmallInstallation
    said: dict[date, dict[str, list[tuple]]] = field(default_factory=dict)
    late: int = 0
    ahead: set[str] = field(default_factory=set)

    def build(self, as_of: datetime, *arguments: str) -> None:
        home, landing = self.installation.settings.home, self.installation.landing
        self.installation = SmallInstallation(home, as_of=f"{as_of.isoformat()}Z")
        self.installation.settings.landing = landing
        if not self.installation.settings.warehouse_path.exists():
            self.installation.seed()
        self.installation.ingest()
        self.installation.dbt("run", "--select", *(f"+{name}" for name in SCORES), *arguments)

    def say(self, day: date) -> dict[str, list[tuple]]:
        """Scores, tiers and reasons of every account and person in every model on a day."""
        path = str(self.installation.settings.warehouse_path)
        with duckdb.connect(path, read_only=True) as connection:
            return {
                table: connection.execute(
                    f"select {key}, * exclude (score_date) from pql.{table} "
                    "where score_date = ? order by all",
                    [day],
                ).fetchall()
                for table, key in SAID.items()
            }

    def alive(self) -> set[str]:
        return {
            one
            for (one,) in self.installation.query(
                "select account_id from core.dim_accounts union "
                "select person_id from core.dim_people"
            )
        }


def arrivals(company: naive.Company, chance: random.Random) -> dict[date, list[dict]]:
    """The company's calls by the day their file lands: a tenth is up to nine days on the way."""
    found = defaultdict(list)
    for call in company.calls:
        received = date.fromisoformat(call["receivedAt"][:10])
        late = chance.randrange(1, 10) if chance.random() < 0.1 else 0
        found[received + late * DAY].append(call)
    return found


def ahead_of_time(day: date) -> list[dict]:
    """Received at noon of the day, said to have happened on the day after it."""
    noon = f"{day}T12:00:00.000Z"
    return [
        {
            "messageId": f"ahead_{day}_{name}", "type": "track", "event": name,
            "userId": "usr_acc_00_p0", "context": {"groupId": "acc_00"}, "receivedAt": noon,
            "timestamp": f"{day + DAY}T09:00:00.000Z",
        }
        for name in PLANTED
    ]  # fmt: skip


def live_through(home: Path, seed: int, days: int) -> Past:
    chance = random.Random(seed)
    past = Past(SmallInstallation(home, as_of=None))
    landing = past.installation.landing
    company = naive.make_company(seed=seed)
    naive.write_landing(company, landing)
    for folder in (landing / "events" / "segment").iterdir():
        for file in folder.iterdir():
            file.unlink()
    waiting = arrivals(company, chance)
    drawn = sorted(chance.sample([FIRST + n * DAY for n in range((LAST - FIRST).days)], days))
    for number, day in enumerate(drawn):
        for arrived in sorted(one for one in waiting if one <= day):
            calls = waiting.pop(arrived)
            past.late += sum(call["receivedAt"][:10] < str(drawn[number - 1]) for call in calls)
            past.installation.write(f"events/segment/{arrived}/calls.jsonl", calls)
        if number % 3 == 1:
            past.installation.write(f"events/segment/{day}/ahead.jsonl", ahead_of_time(day))
            past.ahead.add(str(day))
        if number == days // 3:
            somebody_is_found_to_be_two(past.installation, day)
        if number == days // 2:
            a_company_is_found_to_be_small(past.installation)
        past.build(datetime.combine(day + DAY, datetime.min.time()))
        past.said[day] = past.say(day)
    for arrived in sorted(waiting):
        past.installation.write(f"events/segment/{arrived}/calls.jsonl", waiting[arrived])
    return past


def somebody_is_found_to_be_two(installation: SmallInstallation, day: date) -> None:
    moment = f"{day}T12:00:00.000Z"
    installation.write("events/segment/trouble/alias.jsonl", [
        {"messageId": "alias", "type": "alias", "previousId": "usr_acc_06_p1",
         "userId": "usr_acc_06_p0", "timestamp": moment, "receivedAt": moment},
    ])  # fmt: skip


def a_company_is_found_to_be_small(installation: SmallInstallation) -> None:
    installation.write(
        "firmographics/later.csv",
        "domain,company,employees,industry,country,tech_stack,hiring_signals,ip_ranges\n"
        "company00.com,,8,Mining,US,excel,,\n",
    )


def check(past: Past) -> None:
    """Both ways of asking again say of every drawn day what was said on it."""
    last = datetime.combine(LAST + 12 * DAY, datetime.min.time())
    for arguments in ((), ("--full-refresh",)):
        past.build(last, *arguments)
        alive = past.alive()
        for day, tables in past.said.items():
            again = past.say(day)
            for table, rows in tables.items():
                # who became part of somebody else is asked for no more
                still_there = [row for row in rows if row[0] in alive]
                assert again[table] == still_there, (arguments, day, table)
    logged = past.installation.query("select distinct score_date from pql.fct_score_log")
    assert past.said.keys() <= {day for (day,) in logged}


def check_that_it_could_fail(past: Past) -> None:
    """Everything the proof is about did happen."""
    assert past.late > 0 and past.ahead
    models = {
        row[1]
        for tables in past.said.values()
        for row in tables["fct_scores"] + tables["fct_user_scores"]
    }
    assert models == set(naive.models()), models
    # the planted events are there, said to be later than they were received
    counted = past.installation.query(
        "select count(distinct received_date) from core.fct_account_days "
        "where event_name = 'report_created' and activity_date > received_date"
    )
    assert counted == [(len(past.ahead),)]
    for table in ("fct_score_reasons", "fct_user_score_reasons"):
        seen_ahead = past.installation.query(
            f"select count(*) from pql.{table} where last_seen_at >= score_date + interval 1 day"
        )
        assert seen_ahead == [(0,)], table


@pytest.mark.proof
def test_on_thirty_days_drawn_at_random_every_score_is_what_was_stored(tmp_path):
    past = live_through(tmp_path / "home", seed=1207, days=30)
    check(past)
    check_that_it_could_fail(past)
