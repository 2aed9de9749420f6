"""Reading received days again: the same rows, exactly those days, nothing doubled or lost."""

from datetime import date

import duckdb
import pytest

from ingestion.days import days_touched
from ingestion.reread import reread_days
from tests.ingestion.conftest import track

EVENTS = (
    "select message_id, event_at, received_at, user_id, properties from raw.events order by all"
)


def on_day(message_id: str, day: int) -> dict:
    return track(
        message_id,
        timestamp=f"2026-02-{day:02d}T10:00:00Z",
        receivedAt=f"2026-02-{day:02d}T10:00:02Z",
    )


@pytest.fixture
def three_days(installation):
    for day in (1, 2, 3):
        calls = [on_day(f"m{day}-{number}", day) for number in range(4)]
        installation.land(f"events/segment/{day}.jsonl", [*calls, "{broken"])
    # a file that repeats a row of day 2, and brings one of its own
    installation.land("events/segment/z.jsonl", [on_day("m2-0", 2), on_day("own", 3)])
    installation.ingest()
    return installation


def test_only_the_asked_days_are_read_and_the_rows_stay_the_same(three_days):
    before = three_days.raw(EVENTS)
    report = reread_days(three_days.settings, date(2026, 2, 1), date(2026, 2, 1))
    assert three_days.raw(EVENTS) == before
    assert days_touched(three_days.settings, report.load_id) == [(date(2026, 2, 1), 4)]
    assert (report.rows_read, report.rows_accepted, report.rows_quarantined) == (5, 4, 1)


def test_a_row_another_file_repeated_counts_once(three_days):
    before = three_days.raw(EVENTS)
    reread_days(three_days.settings, date(2026, 2, 2), date(2026, 2, 3))
    assert three_days.raw(EVENTS) == before
    assert three_days.raw("select count(*), count(distinct message_id) from raw.events") == [
        (13, 13)
    ]


def test_a_day_that_was_lost_from_the_lake_comes_back(three_days):
    before = three_days.raw(EVENTS)
    for path in (three_days.settings.lake_dir / "events/received_date=2026-02-02").glob("*"):
        path.unlink()
    assert len(three_days.raw(EVENTS)) == len(before) - 4
    reread_days(three_days.settings, date(2026, 2, 2), date(2026, 2, 2))
    assert three_days.raw(EVENTS) == before


def test_a_file_that_left_the_landing_folder_keeps_its_rows_and_is_named(three_days):
    before = three_days.raw(EVENTS)
    (three_days.landing / "events/segment/1.jsonl").unlink()
    report = reread_days(three_days.settings, date(2026, 2, 1), date(2026, 2, 1))
    assert three_days.raw(EVENTS) == before
    assert report.load_id is None
    assert "events/segment/1.jsonl" in report.notes[0]


def test_days_without_events_change_nothing(three_days):
    report = reread_days(three_days.settings, date(2025, 1, 1), date(2025, 12, 31))
    assert (report.load_id, report.rows_read) == (None, 0)


def test_a_span_the_wrong_way_round_is_refused(three_days):
    with pytest.raises(ValueError, match="before the first"):
        reread_days(three_days.settings, date(2026, 2, 2), date(2026, 2, 1))


def test_every_file_still_accounts_for_its_rows(three_days):
    reread_days(three_days.settings, date(2026, 2, 1), date(2026, 2, 3))
    with duckdb.connect(str(three_days.settings.ops_path), read_only=True) as ops:
        rows = ops.execute(
            "select path, rows_read, rows_accepted + rows_quarantined + rows_duplicate, status "
            "from ingest_files order by file_id"
        ).fetchall()
    assert all(read == accounted for _, read, accounted, _ in rows)
    assert [status for *_, status in rows] == ["superseded"] * 4 + ["loaded"] * 4
