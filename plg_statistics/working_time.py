"""Working time: how much of it lies between two moments, and when so much of it has passed.

A calendar says at which local hours people work on which weekday; a region says on which days they
do not. Both become stretches of UTC time (`zoneinfo` knows the zone's changes of clock), and all
arithmetic is on those: whole microseconds, nothing rounded.

- A stretch is ``[opens, closes)`` on the local clock. ``closes`` not after ``opens`` is on the next
  day (a night shift belongs to the day it begins on); 24:00 is the next midnight.
- An opening time the clock skips counts from the skipped time's place (02:30 that never was is
  03:30); of a time that comes twice the first opens and the second closes. A day around the clock
  therefore has 23, 24 or 25 hours.
- ``elapsed(a, b)`` is the working time in ``[a, b)``; ``due(a, n)`` the earliest moment by which
  ``n`` has elapsed since ``a`` - the closing time where it ends with the day, ``a`` itself for 0.
- What is paused counts as no working time. A pause without an end stops the clock: ``due`` is None.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Span = tuple[datetime, datetime]
"""From (included) to (not included), naive UTC."""
OpenSpan = tuple[datetime, datetime | None]
"""The same; None: has not ended."""

_DAY = timedelta(days=1)
_ZERO = timedelta(0)
_CHUNK_DAYS = 120
_LONGEST_SEARCH = timedelta(days=3 * 366)
"""A calendar without any working time in three years has none."""


@dataclass(frozen=True)
class Hours:
    """Working hours of one weekday (1 Monday … 7 Sunday), minutes after local midnight."""

    weekday: int
    opens: int
    closes: int

    @classmethod
    def of(cls, weekday: int, opens: str, closes: str) -> "Hours":
        """From ``HH:MM``; ``closes`` not after ``opens`` is on the next day."""
        first, last = _minutes(opens), _minutes(closes)
        return cls(weekday, first, last if last > first else last + 24 * 60)


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    value = int(hours) * 60 + int(minutes)
    if not 0 <= value <= 24 * 60 or not 0 <= int(minutes) < 60:
        raise ValueError(f"{text!r} is no time of day: write HH:MM from 00:00 to 24:00")
    return value


@dataclass
class WorkingTime:
    """Whose working hours: a time zone (IANA), hours by weekday, days off."""

    zone: str
    hours: Sequence[Hours]
    days_off: frozenset[date] = frozenset()
    _first: date | None = field(default=None, init=False, repr=False)
    _last: date | None = field(default=None, init=False, repr=False)
    _starts: list[datetime] = field(default_factory=list, init=False, repr=False)
    _ends: list[datetime] = field(default_factory=list, init=False, repr=False)
    _before: list[timedelta] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        self._zone = ZoneInfo(self.zone)
        self._by_weekday: Mapping[int, list[Hours]] = {
            day: [h for h in self.hours if h.weekday == day] for day in range(1, 8)
        }

    def elapsed(self, start: datetime, end: datetime, pauses: Iterable[OpenSpan] = ()) -> timedelta:
        """Working time in ``[start, end)`` outside the pauses; none where ``end`` is earlier."""
        if end <= start:
            return _ZERO
        self._cover(start, end)
        total = self._until(end) - self._until(start)
        for first, last in merged(pauses):
            first, last = max(first, start), min(last or end, end)
            if last > first:
                total -= self._until(last) - self._until(first)
        return total

    def due(
        self, start: datetime, amount: timedelta, pauses: Iterable[OpenSpan] = ()
    ) -> datetime | None:
        """The earliest moment with ``elapsed(start, moment) == amount``; None: never (yet)."""
        at, left = start, amount
        for first, last in merged(pauses):
            if last is not None and last <= at:
                continue
            if first > at:
                worked = self.elapsed(at, first)
                if worked >= left:
                    break
                left -= worked
            elif left == _ZERO:
                break
            if last is None:
                return None
            at = last
        return self._after(at, left)

    def is_open(self, at: datetime) -> bool:
        """Whether ``at`` is working time."""
        self._cover(at, at)
        place = bisect_right(self._starts, at) - 1
        return place >= 0 and at < self._ends[place]

    def local_date(self, at: datetime) -> date:
        """The calendar day on the local clock."""
        return at.replace(tzinfo=UTC).astimezone(self._zone).date()

    def midnight(self, day: date) -> datetime:
        """When the local day begins, UTC."""
        return self._utc(day, 0, is_end=False)

    # stretches -------------------------------------------------------------------------------

    def _until(self, at: datetime) -> timedelta:
        """Working time before ``at`` since the first stretch known."""
        place = bisect_right(self._starts, at) - 1
        if place < 0:
            return _ZERO
        return self._before[place] + min(at, self._ends[place]) - self._starts[place]

    def _after(self, start: datetime, amount: timedelta) -> datetime | None:
        if amount <= _ZERO:
            return start
        horizon = start + timedelta(days=_CHUNK_DAYS)
        while True:
            self._cover(start, horizon)
            goal = self._until(start) + amount
            if self._before and self._before[-1] + self._ends[-1] - self._starts[-1] >= goal:
                break
            if not any(self._by_weekday.values()) or horizon - start > _LONGEST_SEARCH:
                return None
            horizon += timedelta(days=_CHUNK_DAYS)
        place = bisect_right(self._before, goal) - 1
        if self._before[place] == goal:  # it ends with the stretch before
            place -= 1
        return self._starts[place] + (goal - self._before[place])

    def _cover(self, start: datetime, end: datetime) -> None:
        first, last = start.date() - 2 * _DAY, end.date() + 2 * _DAY
        if self._first is not None and self._first <= first and last <= self._last:
            return
        first = min(first - timedelta(days=_CHUNK_DAYS), self._first or first)
        last = max(last + timedelta(days=_CHUNK_DAYS), self._last or last)
        spans = merged(self._stretches(first, last))
        self._first, self._last = first, last
        self._starts = [span[0] for span in spans]
        self._ends = [span[1] for span in spans]
        self._before, total = [], _ZERO
        for begins, ends in spans:
            self._before.append(total)
            total += ends - begins

    def _stretches(self, first: date, last: date) -> Iterable[Span]:
        day = first
        while day <= last:
            if day not in self.days_off:
                for hours in self._by_weekday[day.isoweekday()]:
                    begins = self._utc(day, hours.opens, is_end=False)
                    ends = self._utc(day, hours.closes, is_end=True)
                    if ends > begins:
                        yield begins, ends
            day += _DAY

    def _utc(self, day: date, minutes: int, is_end: bool) -> datetime:
        days, minutes = divmod(minutes, 24 * 60)
        at = time(minutes // 60, minutes % 60, fold=int(is_end))
        local = datetime.combine(day + days * _DAY, at, tzinfo=self._zone)
        if is_end and local.astimezone(UTC).astimezone(self._zone).replace(tzinfo=None) != (
            local.replace(tzinfo=None, fold=0)
        ):
            local = local.replace(fold=0)  # the clock skips it: as for an opening
        return local.astimezone(UTC).replace(tzinfo=None)


def merged(spans: Iterable[OpenSpan]) -> list[OpenSpan]:
    """In order, without overlaps; what touches becomes one."""
    result: list[OpenSpan] = []
    for first, last in sorted(spans, key=lambda span: (span[0], span[1] or datetime.max)):
        if last is not None and last <= first:
            continue
        if result and (result[-1][1] is None or first <= result[-1][1]):
            known = result[-1][1]
            ends = None if known is None or last is None else max(known, last)
            result[-1] = (result[-1][0], ends)
        else:
            result.append((first, last))
    return result
