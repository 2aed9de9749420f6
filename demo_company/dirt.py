"""The dirt of real life, planted on purpose and counted; none of it changes what is true.

Two sorts: lines that are changed in ways a good pipeline undoes (late, skewed, renamed,
repeated, shuffled), and extra lines that a good pipeline refuses or ignores.
"""

from collections import Counter
from collections.abc import Callable

import numpy as np

from demo_company.clock import MS_DAY, MS_HOUR, MS_MINUTE, iso
from demo_company.rows import EVENT_CODE, EVENTS, TRACK, Rows

Columns = dict[str, np.ndarray]
TITLE_CASE = len(EVENTS)  # position of "Report Created" among the names as sent

_NAMED = '"type":"track","event":"query_run","userId":"usr_dirt","anonymousId":"dirt-device"'


def _line(body: str, received: int) -> str:
    return f'{{{body},"receivedAt":"{iso(received)}"}}'


def _timed(t: int) -> str:
    return f'"timestamp":"{iso(t)}"'


# reason: (message id, moment) -> a line that must be refused for exactly that reason
REFUSED: dict[str, Callable[[str, int], str]] = {
    "malformed_json": lambda m, t: f'{{"messageId":"{m}",{_NAMED},"timestamp":"{iso(t)[:-9]}',
    "not_an_object": lambda m, t: f'["{m}","{iso(t)}"]',
    "missing_message_id": lambda m, t: _line(f"{_NAMED},{_timed(t)}", t),
    "missing_type": lambda m, t: _line(
        f'"messageId":"{m}","event":"query_run","userId":"usr_dirt",{_timed(t)}', t
    ),
    "unknown_type": lambda m, t: _line(
        f'"messageId":"{m}","type":"heartbeat","userId":"usr_dirt",{_timed(t)}', t
    ),
    "missing_event_name": lambda m, t: _line(
        f'"messageId":"{m}","type":"track","userId":"usr_dirt",{_timed(t)}', t
    ),
    "missing_id": lambda m, t: _line(
        f'"messageId":"{m}","type":"track","event":"query_run",{_timed(t)}', t
    ),
    "missing_timestamp": lambda m, t: _line(f'"messageId":"{m}",{_NAMED}', t),
    "bad_timestamp": lambda m, t: _line(f'"messageId":"{m}",{_NAMED},"timestamp":"yesterday"', t),
    "timestamp_in_future": lambda m, t: _line(
        f'"messageId":"{m}",{_NAMED},{_timed(t + 40 * MS_DAY)}', t
    ),
}
DIRTY_IDS = ("null", "undefined", " ")
# share of all lines, in units of the dirt rate
REFUSED_SHARE = 0.06  # each of the reasons
DIRTY_ID_SHARE = 0.1
# ten extra lines to refuse are less than half a percent of so many
ENOUGH_LINES = 3_000


class Dirt:
    """Soils the lines of one stretch of days after the other and keeps the count."""

    def __init__(self, rate: float, end_day: int) -> None:
        self.rate, self.end_day = rate, end_day
        self.counts: Counter[str] = Counter()
        self.lines = 0

    def soil(
        self, rows: Rows, more: Columns, rng: np.random.Generator, next_seq: int
    ) -> tuple[Rows, Columns, list[str], int]:
        """Returns the rows with dirt, the raw texts of extra lines, and the next free seq."""
        raw: list[str] = []
        if self.rate <= 0 or not len(rows):
            return rows, more, raw, next_seq
        n = len(rows)
        self.lines += n
        self._late(rows, more, rng.random(n) < self.rate, rng)
        self._skewed(more, rng.random(n) < self.rate, rng)
        self._renamed(rows, more, rng)
        shuffled = rng.random(n) < self.rate * 2
        more["file_order"][shuffled] += rng.integers(-30, 31, n)[shuffled] * MS_MINUTE
        self.counts["out_of_order"] += int(shuffled.sum())
        parts = [(rows, more), self._repeated(rows, more, rng)]
        extra = self._extra(rows, rng, next_seq, raw)
        if extra is not None:
            parts.append(extra)
            next_seq += len(extra[0])
        merged = {key: np.concatenate([part[1][key] for part in parts]) for key in more}
        return Rows.concat([part[0] for part in parts]), merged, raw, next_seq

    def _late(self, rows: Rows, more: Columns, mask: np.ndarray, rng: np.random.Generator) -> None:
        mask &= rows["t"] < self.end_day * MS_DAY - 49 * MS_HOUR
        more["queue"][mask] = rng.integers(MS_HOUR, 48 * MS_HOUR, len(rows))[mask]
        received = rows["t"] + more["queue"]
        more["file_day"], more["file_order"] = received // MS_DAY, received
        self.counts["late"] += int(mask.sum())

    def _skewed(self, more: Columns, mask: np.ndarray, rng: np.random.Generator) -> None:
        """The device's clock is off; in half the lines `timestamp` is the uncorrected one."""
        n = len(mask)
        off = rng.integers(5 * MS_MINUTE, 3 * MS_DAY, n) * rng.choice([-1, 1], n)
        more["skew"][mask] = off[mask]
        raw_stamp = mask & (rng.random(n) < 0.5)
        more["timestamp_skew"][raw_stamp] = off[raw_stamp]
        self.counts["clock_skew"] += int(mask.sum())

    def _renamed(self, rows: Rows, more: Columns, rng: np.random.Generator) -> None:
        n = len(rows)
        mask = (rows["event"] == EVENT_CODE["report_created"]) & (rng.random(n) < self.rate * 20)
        old = mask & (rng.random(n) < 0.6)
        more["event_sent"][mask] = TITLE_CASE
        more["event_sent"][old] = EVENT_CODE["create_report"]
        self.counts["renamed_event"] += int(mask.sum())

    def _repeated(
        self, rows: Rows, more: Columns, rng: np.random.Generator
    ) -> tuple[Rows, Columns]:
        """The same line again: later in the same file, or in the file of one of the next days."""
        n = len(rows)
        again = np.nonzero(rng.random(n) < self.rate)[0]
        copies = {key: values[again].copy() for key, values in more.items()}
        days_later = rng.integers(1, 3, len(again)) * (rng.random(len(again)) < 0.4)
        days_later = np.where(copies["file_day"] + days_later < self.end_day, days_later, 0)
        copies["file_day"] += days_later
        copies["file_order"] += days_later * MS_DAY + rng.integers(0, MS_HOUR, len(again))
        copies["is_truth"][:] = False
        self.counts["duplicate_lines"] += len(again)
        self.counts["duplicates_in_another_file"] += int((days_later > 0).sum())
        return rows.take(again), copies

    def _extra(
        self, rows: Rows, rng: np.random.Generator, next_seq: int, raw: list[str]
    ) -> tuple[Rows, Columns] | None:
        moments: list[int] = []
        accepted: list[bool] = []
        noise = rng.integers(0, 2**32, 10_000, dtype=np.int64)

        def add(make: Callable[[str, int], str], is_accepted: bool) -> None:
            t = int(rows["t"][int(rng.integers(len(rows)))])
            number = next_seq + len(moments)
            r = int(noise[len(moments) % len(noise)])
            raw.append(make(f"ajs-{number:X}-{r:X}", t))
            moments.append(t)
            accepted.append(is_accepted)

        for reason, make in REFUSED.items():
            kind = f"quarantined_{reason}"
            count = self._count(rng, len(rows) * self.rate * REFUSED_SHARE, kind)
            self.counts[kind] += count
            for _ in range(count):
                add(make, False)
        count = self._count(rng, len(rows) * self.rate * DIRTY_ID_SHARE, "dirty_ids")
        self.counts["dirty_ids"] += count
        for k in range(count):
            bad = DIRTY_IDS[k % len(DIRTY_IDS)]
            field = ("userId", "anonymousId")[k // len(DIRTY_IDS) % 2]
            add(
                lambda m, t, bad=bad, field=field: _line(
                    f'"messageId":"{m}","type":"track","event":"query_run","{field}":"{bad}",{_timed(t)}',
                    t,
                ),
                True,
            )
        if not moments:
            return None
        n = len(moments)
        t = np.array(moments, np.int64)
        # at the moment of some row of these days; received at once
        extra = Rows.of(n, t=t, kind=TRACK, event=EVENT_CODE["query_run"])
        day = t // MS_DAY
        columns = {
            "seq": np.arange(next_seq, next_seq + n),
            "queue": np.zeros(n, np.int64),
            "skew": np.zeros(n, np.int64),
            "timestamp_skew": np.zeros(n, np.int64),
            "file_day": day,
            "file_order": t,
            "raw": np.arange(n),
            "event_sent": extra["event"].copy(),
            "r": noise[np.arange(n) % len(noise)],
            "is_truth": np.array(accepted, bool),
        }
        return extra, columns

    def _count(self, rng: np.random.Generator, expected: float, kind: str) -> int:
        """About `expected`; and of every kind at least one, once there are enough lines."""
        count = int(expected + rng.random())
        is_due = self.lines >= ENOUGH_LINES and not self.counts[kind]
        return max(count, 1) if is_due else count
