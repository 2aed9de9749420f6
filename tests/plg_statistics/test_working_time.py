"""The SLA clock against cases worked out by hand on a wall calendar."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plg_statistics.working_time import Hours, WorkingTime, merged

WEEK = [(day, "09:00", "17:00") for day in range(1, 6)]
LUNCH = [(day, *span) for day in range(1, 6) for span in (("09:00", "12:00"), ("13:00", "17:00"))]
NIGHT = [(day, "22:00", "06:00") for day in range(1, 6)]
SUNDAY = [(7, "00:00", "24:00")]
NY, KATHMANDU, LORD_HOWE = "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"
CHRISTMAS = ["2025-12-25", "2025-12-26"]
KING_DAY = ["2026-01-19"]


def at(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def clock(zone: str, hours: list, days_off: list) -> WorkingTime:
    return WorkingTime(
        zone, [Hours.of(*row) for row in hours], frozenset(map(date.fromisoformat, days_off))
    )


# 2 March 2026 is a Monday. New York: summer time from 8 March to 1 November; London from 29 March.
DUE = [
    ("within a day", "UTC", WEEK, [], [], "2026-03-02 10:00", 60, "2026-03-02 11:00"),
    ("before hours", "UTC", WEEK, [], [], "2026-03-02 06:00", 60, "2026-03-02 10:00"),
    ("after hours", "UTC", WEEK, [], [], "2026-03-02 17:30", 60, "2026-03-03 10:00"),
    ("at opening", "UTC", WEEK, [], [], "2026-03-02 09:00", 60, "2026-03-02 10:00"),
    ("at closing", "UTC", WEEK, [], [], "2026-03-02 17:00", 1, "2026-03-03 09:01"),
    ("ends at closing", "UTC", WEEK, [], [], "2026-03-02 16:00", 60, "2026-03-02 17:00"),
    ("a microsecond to midnight", "UTC", WEEK, [], [], "2026-03-02 23:59:59.999999", 60,
     "2026-03-03 10:00"),
    ("over a weekend", "UTC", WEEK, [], [], "2026-03-06 16:30", 60, "2026-03-09 09:30"),
    ("on a Saturday, a whole day", "UTC", WEEK, [], [], "2026-03-07 12:00", 480,
     "2026-03-09 17:00"),
    ("five whole days", "UTC", WEEK, [], [], "2026-03-02 09:00", 2400, "2026-03-06 17:00"),
    ("zero on a Saturday", "UTC", WEEK, [], [], "2026-03-07 12:00", 0, "2026-03-07 12:00"),
    ("over lunch", "UTC", LUNCH, [], [], "2026-03-02 11:30", 60, "2026-03-02 13:30"),
    ("Friday's night shift ends on Saturday", "UTC", NIGHT, [], [], "2026-03-07 02:00", 300,
     "2026-03-09 23:00"),
    ("clocks go forward over the weekend", NY, WEEK, [], [], "2026-03-06 21:30", 60,
     "2026-03-09 13:30"),
    ("clocks go back over the weekend", NY, WEEK, [], [], "2026-10-30 20:30", 60,
     "2026-11-02 14:30"),
    ("a day of 23 hours", "Europe/London", SUNDAY, [], [], "2026-03-29 00:00", 23 * 60,
     "2026-03-29 23:00"),
    ("a day of 25 hours", "Europe/London", SUNDAY, [], [], "2026-10-24 23:00", 25 * 60,
     "2026-10-26 00:00"),
    ("half-hour zone", "Asia/Kolkata", WEEK, [], [], "2026-03-02 03:00", 60, "2026-03-02 04:30"),
    ("three-quarter-hour zone", KATHMANDU, WEEK, [], [], "2026-03-02 11:00", 30,
     "2026-03-03 03:30"),
    ("clocks go back by half an hour", LORD_HOWE, WEEK, [], [], "2026-04-03 05:30", 60,
     "2026-04-05 23:00"),
    ("Monday there is Sunday here", "Pacific/Auckland", WEEK, [], [], "2026-03-01 19:00", 60,
     "2026-03-01 21:00"),
    ("two holidays and a weekend", "Europe/London", WEEK, CHRISTMAS, [], "2025-12-24 16:00", 120,
     "2025-12-29 10:00"),
    ("a Monday holiday", NY, WEEK, KING_DAY, [], "2026-01-16 21:00", 120, "2026-01-20 15:00"),
    ("on a holiday", NY, WEEK, KING_DAY, [], "2026-01-19 15:00", 60, "2026-01-20 15:00"),
    ("paused within", "UTC", WEEK, [], [("2026-03-02 10:30", "2026-03-02 12:00")],
     "2026-03-02 10:00", 60, "2026-03-02 12:30"),
    ("paused overnight", "UTC", WEEK, [], [("2026-03-02 16:45", "2026-03-03 10:00")],
     "2026-03-02 16:30", 60, "2026-03-03 10:45"),
    ("paused from before", "UTC", WEEK, [], [("2026-03-02 09:30", "2026-03-02 10:15")],
     "2026-03-02 10:00", 60, "2026-03-02 11:15"),
    ("pauses that overlap", "UTC", WEEK, [],
     [("2026-03-02 10:30", "2026-03-02 11:00"), ("2026-03-02 10:10", "2026-03-02 10:40")],
     "2026-03-02 10:00", 60, "2026-03-02 11:50"),
    ("a pause outside hours costs nothing", "UTC", WEEK, [],
     [("2026-03-02 18:00", "2026-03-03 08:00")], "2026-03-02 16:30", 60, "2026-03-03 09:30"),
    ("still paused", "UTC", WEEK, [], [("2026-03-02 10:30", None)], "2026-03-02 10:00", 60, None),
    ("paused when it was due", "UTC", WEEK, [], [("2026-03-02 11:00", None)],
     "2026-03-02 10:00", 60, "2026-03-02 11:00"),
    ("nobody ever works", "UTC", [], [], [], "2026-03-02 10:00", 60, None),
]  # fmt: skip

ELAPSED = [
    ("whole week", "UTC", WEEK, [], [], "2026-03-02 00:00", "2026-03-09 00:00", 2400),
    ("backwards", "UTC", WEEK, [], [], "2026-03-02 12:00", "2026-03-02 10:00", 0),
    ("no time", "UTC", WEEK, [], [], "2026-03-02 10:00", "2026-03-02 10:00", 0),
    ("Saturday to Sunday", "UTC", WEEK, [], [], "2026-03-07 10:00", "2026-03-08 20:00", 0),
    ("an hour skipped at work", NY, [(7, "01:00", "04:00")], [], [], "2026-03-08 00:00",
     "2026-03-08 12:00", 120),
    ("an hour worked twice", NY, [(7, "01:00", "04:00")], [], [], "2026-11-01 00:00",
     "2026-11-01 12:00", 240),
    ("opens at a time that never was", NY, [(7, "02:30", "05:00")], [], [], "2026-03-08 00:00",
     "2026-03-08 12:00", 90),
    ("closes at a time that never was", NY, [(7, "01:00", "02:30")], [], [], "2026-03-08 00:00",
     "2026-03-08 12:00", 90),
    ("closes at a time that comes twice", NY, [(7, "00:00", "01:30")], [], [],
     "2026-11-01 00:00", "2026-11-01 12:00", 150),
    ("hours that overlap count once", "UTC", [(1, "09:00", "12:00"), (1, "11:00", "13:00")], [],
     [], "2026-03-02 00:00", "2026-03-03 00:00", 240),
    ("less what was paused", "UTC", WEEK, [], [("2026-03-02 16:00", "2026-03-03 10:00")],
     "2026-03-02 15:00", "2026-03-03 11:00", 120),
    ("still paused", "UTC", WEEK, [], [("2026-03-02 16:00", None)], "2026-03-02 15:00",
     "2026-03-04 11:00", 60),
]  # fmt: skip


@pytest.mark.parametrize("case", DUE, ids=[case[0] for case in DUE])
def test_due_is_when_a_person_with_a_wall_calendar_says(case):
    _, zone, hours, days_off, pauses, start, minutes, due = case
    working = clock(zone, hours, days_off)
    spans = [(at(first), at(last)) for first, last in pauses]
    found = working.due(at(start), timedelta(minutes=minutes), spans)
    assert found == at(due)
    if found is not None:
        assert working.elapsed(at(start), found, spans) == timedelta(minutes=minutes)


@pytest.mark.parametrize("case", ELAPSED, ids=[case[0] for case in ELAPSED])
def test_elapsed_is_what_a_person_with_a_wall_calendar_counts(case):
    _, zone, hours, days_off, pauses, start, end, minutes = case
    spans = [(at(first), at(last)) for first, last in pauses]
    found = clock(zone, hours, days_off).elapsed(at(start), at(end), spans)
    assert found == timedelta(minutes=minutes)


moments = st.datetimes(datetime(2026, 2, 20), datetime(2026, 4, 20))


@settings(max_examples=60, deadline=None)
@given(
    start=moments,
    minutes=st.integers(0, 5000),
    cut=moments,
    zone=st.sampled_from([NY, KATHMANDU, LORD_HOWE, "Europe/Berlin"]),
    pauses=st.lists(st.tuples(moments, moments), max_size=3),
)
def test_due_undoes_elapsed_and_time_adds_up_in_parts(start, minutes, cut, zone, pauses):
    working = clock(zone, LUNCH, [])
    amount = timedelta(minutes=minutes)
    due = working.due(start, amount, pauses)
    assert working.elapsed(start, due, pauses) == amount
    if amount:  # it is the earliest such moment
        before = due - timedelta(microseconds=1)
        assert working.elapsed(start, before, pauses) < amount
    if start <= cut <= due:
        parts = working.elapsed(start, cut, pauses) + working.elapsed(cut, due, pauses)
        assert parts == amount


@settings(max_examples=30, deadline=None)
@given(start=moments, hours=st.integers(0, 400))
def test_elapsed_agrees_with_counting_minute_by_minute(start, hours):
    working = clock("America/New_York", LUNCH, ["2026-03-10"])
    start = start.replace(second=0, microsecond=0)
    minutes = sum(
        working.is_open(start + timedelta(minutes=minute)) for minute in range(hours * 60)
    )
    assert working.elapsed(start, start + timedelta(hours=hours)) == timedelta(minutes=minutes)


quarters = st.integers(0, 365 * 96).map(lambda n: datetime(2025, 10, 1) + n * QUARTER)
QUARTER = timedelta(minutes=15)
ZONES = [
    "UTC", NY, KATHMANDU, LORD_HOWE, "Europe/Berlin", "Europe/London", "Asia/Kolkata",
    "Pacific/Auckland", "America/Sao_Paulo", "Pacific/Apia", "America/St_Johns",
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    hours=st.sampled_from([WEEK, LUNCH, NIGHT, SUNDAY, [*WEEK, (6, "10:00", "14:00")]]),
    holidays=st.sets(st.dates(date(2025, 10, 1), date(2026, 10, 20)), max_size=40),
    pauses=st.lists(st.tuples(quarters, st.integers(0, 400)), max_size=3),
    start=quarters,
    length=st.integers(0, 21 * 96),
)
def test_elapsed_is_what_looking_at_the_local_clock_every_quarter_of_an_hour_counts(
    zone, hours, holidays, pauses, start, length
):
    """All zones' changes of clock, weekends, holidays and pauses; nothing shared with the clock."""
    local, spans = ZoneInfo(zone), [(first, first + n * QUARTER) for first, n in pauses]

    def is_worked(moment: datetime) -> bool:
        here = moment.replace(tzinfo=UTC).astimezone(local)
        if any(first <= moment < last for first, last in spans):
            return False
        for back in (0, 1):  # a night shift is of the day it begins on
            day = here.date() - timedelta(days=back)
            now = here.hour * 60 + here.minute + back * 24 * 60
            for weekday, opens, closes in hours:
                first, last = (int(t[:2]) * 60 + int(t[3:]) for t in (opens, closes))
                last += 24 * 60 if last <= first else 0
                if day.isoweekday() == weekday and day not in holidays and first <= now < last:
                    return True
        return False

    working = WorkingTime(zone, [Hours.of(*row) for row in hours], frozenset(holidays))
    counted = sum((QUARTER for n in range(length) if is_worked(start + n * QUARTER)), timedelta())
    end = start + length * QUARTER
    assert working.elapsed(start, end, spans) == counted
    if counted:
        due = working.due(start, counted, spans)
        assert due <= end
        assert is_worked(due - QUARTER)


def test_a_time_of_day_that_is_none_is_refused():
    with pytest.raises(ValueError, match="write HH:MM"):
        Hours.of(1, "09:00", "25:00")


def test_spans_that_touch_are_one():
    a, b, c = (datetime(2026, 1, day) for day in (1, 2, 3))
    assert merged([(b, c), (a, b), (c, c)]) == [(a, c)]
    assert merged([(b, None), (a, c)]) == [(a, None)]
