"""The incremental event models: after every kind of load they hold what a full rebuild would.

A small installation of its own takes real files through the real ingest. The oracle counts
events straight from the lake, without staging's SQL.
"""

import shutil
from pathlib import Path

import pytest

from ingestion.withdraw import withdraw_file
from tests.small_installation import SmallInstallation
from warehouse.dbt import run_dbt
from warehouse.settings import PROJECT_ROOT

pytestmark = pytest.mark.pipeline

MODELS = [
    "stg_events__event_days",
    "stg_events__identifies",
    "stg_events__groups",
    "stg_events__aliases",
    "stg_events__touches",
    "stg_events__activity_spans",
    "stg_events__details",
    "stg_events__exclusions",
    "stg_events__user_agents",
    "stg_events__event_names",
    "stg_events__property_kinds",
    "stg_events__counted_properties",
    "stg_events__ips",
    "stg_events__companies",
]


def call(number: int, kind: str, at: str, received: str, **fields) -> dict:
    return {
        "messageId": f"m{number}",
        "type": kind,
        "timestamp": f"{at}Z",
        "receivedAt": f"{received}Z",
        **fields,
    }


def track(number: int, at: str, received: str, event: str = "query_run", user: str = "u1") -> dict:
    return call(number, "track", at, received, event=event, userId=user, anonymousId=f"a_{user}")


class Installation(SmallInstallation):
    """With what the incremental models hold, and what they ought to."""

    def __init__(self, home: Path):
        super().__init__(home, as_of="2026-02-01T00:00:00Z")

    def withdraw(self, name: str) -> None:
        withdraw_file(self.settings, f"events/segment/{name}")

    def build(self, *flags: str) -> None:
        self.run("staging.events", *flags)

    def contents(self) -> dict[str, list[tuple]]:
        """Every incremental model's rows, without which load built them."""
        return {
            name: sorted(
                self.query(f"select * exclude (built_load_id) from staging.{name}"), key=repr
            )
            for name in MODELS
        }

    def build_marks(self) -> dict[str, list[tuple]]:
        return {
            name: self.query(
                "select received_date, built_load_id, count(*) "
                f"from staging.{name} group by all order by all"
            )
            for name in MODELS
        }

    def compiled(self, name: str) -> str:
        target = self.settings.dbt_target_dir
        return next(p for p in target.glob("compiled/**/*.sql") if p.stem == name).read_text()

    def events_by_day(self) -> list[tuple]:
        return self.query(
            "select received_date, event_name, sum(count_events) "
            "from staging.stg_events__event_days group by all order by all"
        )

    def oracle(self) -> list[tuple]:
        return self.query(
            "select received_date, event_name, count(*) from raw.events "
            "where call_type = 'track' group by all order by all"
        )


FIRST = [
    call(
        1,
        "identify",
        "2026-01-05T08:00:00",
        "2026-01-05T08:00:01",
        userId="u1",
        anonymousId="a_u1",
        traits={"email": "ann@acme.com", "email_verified": True, "company": {"name": "Acme"}},
        context={"ip": "10.1.2.3"},
    ),
    call(
        2,
        "group",
        "2026-01-05T08:01:00",
        "2026-01-05T08:01:01",
        userId="u1",
        groupId="acc_1",
        traits={"name": "Acme"},
    ),
    call(3, "alias", "2026-01-05T08:00:00", "2026-01-05T08:00:01", userId="u1", previousId="a_old"),
    call(
        4,
        "page",
        "2026-01-05T07:00:00",
        "2026-01-05T07:00:01",
        anonymousId="a_old",
        context={
            "userAgent": "Firefox",
            "page": {"url": "https://lumen.example/", "referrer": "https://google.com/"},
        },
    ),
    call(
        5,
        "page",
        "2026-01-05T07:00:00",
        "2026-01-05T07:00:01",
        anonymousId="a_bot",
        context={"userAgent": "Googlebot/2.1", "page": {"url": "https://lumen.example/"}},
    ),
    track(6, "2026-01-05T09:00:00", "2026-01-05T09:00:01"),
    track(7, "2026-01-05T10:00:00", "2026-01-05T10:00:01"),
    track(8, "2026-01-06T10:00:00", "2026-01-06T10:00:01", event="create_report"),
    call(
        9,
        "track",
        "2026-01-06T11:00:00",
        "2026-01-06T11:00:01",
        event="usage_reported",
        userId="u1",
        groupId="acc_1",
        properties={"quota_used": 5, "quota_limit": 10},
    ),
    track(10, "2026-01-07T10:00:00", "2026-01-07T10:00:01"),
    call(
        11,
        "track",
        "2026-01-07T11:00:00",
        "2026-01-07T11:00:01",
        event="teammate_invited",
        userId="u1",
        properties={"invite_id": "i1"},
    ),
]
LATE = [
    track(20, "2026-01-05T11:00:00", "2026-01-05T23:00:00"),
    track(21, "2026-01-05T11:00:00", "2026-01-05T23:00:00", user="u2"),
]
NEXT_DAY = [track(30, "2026-01-08T10:00:00", "2026-01-08T10:00:01")]


@pytest.fixture(scope="module")
def installation(tmp_path_factory) -> Installation:
    """After the first load and build. The tests below go on from one another, in order."""
    new = Installation(tmp_path_factory.mktemp("incremental"))
    new.land("day_1.jsonl", FIRST)
    new.seed()
    # the registry's own rename would hide the one made below
    new.query("update seeds.event_registry set replaces = null")
    # no event of the demo's product line is counted for one thing at a time
    new.query(
        "insert into seeds.milestone_counted_properties values "
        "('analytics', 'query_run', 'query_id')"
    )
    new.build()
    return new


def test_the_first_build_counts_every_event(installation):
    assert installation.events_by_day()[0][2] > 0
    assert [r for r in installation.events_by_day() if r[1] != "page_viewed"] == (
        installation.oracle()
    )


def test_a_second_build_with_nothing_new_opens_no_partition_and_changes_nothing(installation):
    before, marks = installation.contents(), installation.build_marks()
    installation.build()
    assert installation.contents() == before
    assert installation.build_marks() == marks
    assert "received_date in (" not in installation.compiled("stg_events__event_days")
    assert "false" in installation.compiled("stg_events__event_days")


def test_a_model_that_found_nothing_remembers_that_it_looked(installation):
    assert installation.query("select count(*) from staging.stg_events__denied_ids_met") == [(0,)]
    compiled = installation.compiled("stg_events__denied_ids_met")
    assert "every received day" not in compiled
    assert "false" in compiled


def test_a_late_file_rebuilds_the_received_day_it_belongs_to_and_no_other(installation):
    marks = installation.build_marks()["stg_events__event_days"]
    installation.land("late.jsonl", LATE)
    installation.build()
    assert "received_date in (date '2026-01-05')" in installation.compiled("stg_events__event_days")
    assert [r for r in installation.events_by_day() if r[1] != "page_viewed"] == (
        installation.oracle()
    )
    after = installation.build_marks()["stg_events__event_days"]
    assert after[1:] == marks[1:]
    assert after[0] != marks[0]


def test_a_new_day_is_added(installation):
    installation.land("day_2.jsonl", NEXT_DAY)
    installation.build()
    assert installation.events_by_day()[-1][2] == 1
    assert [r for r in installation.events_by_day() if r[1] != "page_viewed"] == (
        installation.oracle()
    )


def test_a_withdrawn_file_takes_its_rows_with_it_even_the_last_of_a_day(installation):
    installation.withdraw("day_2.jsonl")
    installation.withdraw("late.jsonl")
    installation.build()
    days = {row[0].isoformat() for row in installation.events_by_day()}
    assert days == {"2026-01-05", "2026-01-06", "2026-01-07"}
    assert [r for r in installation.events_by_day() if r[1] != "page_viewed"] == (
        installation.oracle()
    )


def test_what_was_built_step_by_step_equals_a_full_rebuild(installation):
    step_by_step = installation.contents()
    assert all(step_by_step.values()), "every model has something to compare"
    installation.build("--full-refresh")
    assert installation.contents() == step_by_step


def test_a_changed_rule_reaches_events_of_every_day(installation):
    installation.query(
        "update seeds.event_registry set replaces = 'create_report' "
        "where event_name = 'report_created'"
    )
    installation.query("insert into seeds.denied_ids values ('user_id', 'u1', 'a test account')")
    installation.build()
    names = {row[1] for row in installation.events_by_day()}
    assert "create_report" not in names
    assert "report_created" in names
    assert installation.query(
        "select count(*) from staging.stg_events__event_days where user_id = 'u1'"
    ) == [(0,)]
    step_by_step = installation.contents()
    installation.build("--full-refresh")
    assert installation.contents() == step_by_step


@pytest.mark.proof  # parses the project three times
def test_changed_sql_reaches_events_of_every_day_without_a_full_refresh(installation, tmp_path):
    """In a copy of the project: a view below the model is edited, then the model's columns."""
    for folder in ("models", "seeds", "dbt_project"):
        shutil.copytree(PROJECT_ROOT / folder, tmp_path / folder)

    def edit(name: str, before: str, after: str) -> None:
        path = tmp_path / "models" / "staging" / "events" / name
        text = path.read_text()
        assert text.count(before) == 1
        path.write_text(text.replace(before, after))

    def build() -> None:
        flags = ["--project-dir", str(tmp_path / "dbt_project"), "--quiet"]
        result = run_dbt(installation.settings, ["run", *flags, "--select", "stg_events__calls+1"])
        assert result.success, result.exception

    names = "select distinct event_name from staging.stg_events__event_days order by all"
    before = installation.query(names)
    assert before
    edit(
        "stg_events__calls.sql",
        "canonical_name as event_name",
        "'a ' || canonical_name as event_name",
    )
    build()
    assert installation.query(names) == [(f"a {name}",) for (name,) in before]
    edit("stg_events__event_days.sql", "select * from final", "select *, 1 as one from final")
    edit("stg_events__event_days.yml", "columns:\n", "columns:\n      - name: one\n")
    build()
    assert installation.query("select distinct one from staging.stg_events__event_days") == [(1,)]


ORDERED = [
    # one person: u_new and u_old by alias, u_old and u_mail by a verified address
    track(101, "2026-01-10T10:00:00", "2026-01-10T10:00:01", user="u_old"),
    call(
        102,
        "alias",
        "2026-01-11T10:00:00",
        "2026-01-11T10:00:01",
        userId="u_new",
        previousId="u_old",
    ),
    track(103, "2026-01-11T10:05:00", "2026-01-11T10:05:01", user="u_new"),
    *[
        call(
            104 + i,
            "identify",
            f"2026-01-1{2 + i}T10:00:00",
            f"2026-01-1{2 + i}T10:00:01",
            userId=user,
            anonymousId="a_shared",
            traits={"email": "Ann@acme.com", "email_verified": verified},
        )
        for i, (user, verified) in enumerate(
            [("u_old", True), ("u_mail", True), ("u_other", False)]
        )
    ],
    call(110, "page", "2026-01-09T10:00:00", "2026-01-09T10:00:01", anonymousId="a_shared"),
    call(111, "page", "2026-01-20T10:00:00", "2026-01-20T10:00:01", anonymousId="a_shared"),
    call(112, "page", "2026-01-20T10:00:00", "2026-01-20T10:00:01", anonymousId="a_stranger"),
]


def identities(installation: Installation) -> tuple[list, list]:
    installation.run("+fct_person_days", "bridge_person_ids")
    return (
        installation.query("select * from identity.bridge_person_ids order by all"),
        installation.query(
            "select person_id, activity_date, event_name, count_events "
            "from core.fct_person_days order by all"
        ),
    )


def test_people_are_the_same_whatever_the_order_and_the_batches_of_loading(
    installation, tmp_path_factory
):
    at_once = Installation(tmp_path_factory.mktemp("at_once"))
    in_batches = Installation(tmp_path_factory.mktemp("in_batches"))
    at_once.seed()
    in_batches.seed()

    at_once.land("all.jsonl", ORDERED)
    expected = identities(at_once)

    in_batches.land("newest.jsonl", ORDERED[5:])
    identities(in_batches)
    in_batches.land("oldest.jsonl", list(reversed(ORDERED[:5])))
    assert identities(in_batches) == expected

    person_of = {(kind, value): person for kind, value, person, _ in expected[0]}
    merged = {person_of["user_id", user] for user in ("u_old", "u_new", "u_mail")}
    assert len(merged) == 1
    assert person_of["user_id", "u_other"] not in merged, "shared a device, never merged"
    assert person_of["anonymous_id", "a_shared"] in merged, "its past is the first user's"
    assert person_of["email", "ann@acme.com"] in merged
    days = {
        (person, day.isoformat()): count
        for person, day, name, count in expected[1]
        if name == "page_viewed"
    }
    assert days[merged.copy().pop(), "2026-01-09"] == 1
    assert days[person_of["user_id", "u_other"], "2026-01-20"] == 1, "who was signed in last"
