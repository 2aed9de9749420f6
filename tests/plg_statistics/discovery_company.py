"""People of whom it is known by construction which early events make them stay."""

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa

WINDOWS = (1, 3, 7, 14)


@dataclass
class Company:
    """`days[person][event]`: days since sign-up of each time; who stays is drawn from `chance`."""

    cohort: np.ndarray
    days: list[list[np.ndarray]]
    retained: np.ndarray
    activated: np.ndarray
    not_value: set[str] = field(default_factory=set)

    def people(self) -> pa.Table:
        months = [date(2025 + c // 12, c % 12 + 1, 1) for c in range(int(self.cohort.max()) + 1)]
        return pa.table(
            {
                "person_id": [f"p{i}" for i in range(len(self.cohort))],
                "cohort_month": [months[c] for c in self.cohort],
                "is_retained": self.retained,
                "is_activated": self.activated,
            }
        )

    def counts(self) -> pa.Table:
        rows = [
            (f"p{i}", f"event_{e}", window, int((times < window).sum()))
            for i, events in enumerate(self.days)
            for e, times in enumerate(events)
            for window in WINDOWS
        ]
        rows = [row for row in rows if row[3]]
        person, event, window, count = zip(*rows, strict=True) if rows else ((), (), (), ())
        return pa.table(
            {
                "person_id": pa.array(person, pa.string()),
                "event_name": pa.array(event, pa.string()),
                "window_days": pa.array(window, pa.int32()),
                "count_events": pa.array(count, pa.int64()),
                "is_value_event": pa.array([e not in self.not_value for e in event], pa.bool_()),
            }
        )


def draw(seed: int, people: int, events: int, cohorts: int = 8) -> tuple:
    """Chance, cohorts in order, and times of events over 21 days; some people are busier."""
    chance = np.random.default_rng(seed)
    cohort = np.sort(chance.integers(0, cohorts, people))
    busy = chance.gamma(4, 0.25, people)
    often = chance.uniform(2, 9, events)
    often[0] = 8.0  # what is planted is done by enough people
    days = [
        [chance.uniform(0, 21, chance.poisson(busy[i] * often[e])) for e in range(events)]
        for i in range(people)
    ]
    return chance, cohort, days


def times_within(days, event: int, window: float) -> np.ndarray:
    return np.array([(own[event] < window).sum() for own in days])


def noise(seed: int, people: int = 500, events: int = 8) -> Company:
    """Who stays has nothing to do with what anybody did."""
    chance, cohort, days = draw(seed, people, events)
    return Company(cohort, days, chance.random(people) < 0.4, chance.random(people) < 0.4)


def planted(seed: int, people: int = 1500, events: int = 8) -> Company:
    """Three times event_0 within 7 days makes 65 % stay instead of 20 %."""
    chance, cohort, days = draw(seed, people, events)
    stays = np.where(times_within(days, 0, 7) >= 3, 0.65, 0.2)
    return Company(cohort, days, chance.random(people) < stays, chance.random(people) < 0.4)
