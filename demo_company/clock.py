"""Time as whole milliseconds (events) or seconds (Stripe) since 1970, UTC; seeded randomness."""

import zlib
from datetime import UTC, date, datetime, timedelta

import numpy as np

MS_SECOND = 1_000
MS_MINUTE = 60 * MS_SECOND
MS_HOUR = 60 * MS_MINUTE
MS_DAY = 24 * MS_HOUR
EPOCH = date(1970, 1, 1)


def stream(seed: int, *name: object) -> np.random.Generator:
    """A random stream of its own per name, so that one part's draws never shift another's."""
    return np.random.default_rng([seed, zlib.crc32("/".join(map(str, name)).encode())])


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def day_of(number: int) -> date:
    """The date that is `number` days after 1970-01-01."""
    return EPOCH + timedelta(days=int(number))


def day_ms(day: date) -> int:
    """Midnight UTC of the day in milliseconds."""
    return day_number(day) * MS_DAY


def add_months(day: date, months: int) -> date:
    """Same day of month `months` later, or the last day of a shorter month."""
    first = month_start(day)
    index = first.year * 12 + first.month - 1 + months
    target = date(index // 12, index % 12 + 1, 1)
    following = date((index + 1) // 12, (index + 1) % 12 + 1, 1)
    return target + timedelta(days=min(day.day, (following - target).days) - 1)


def add_months_s(seconds: int, months: int) -> int:
    """`add_months` for a Unix time, keeping the time of day."""
    days, rest = divmod(seconds, 86_400)
    return day_number(add_months(day_of(days), months)) * 86_400 + rest


def month_start(day: date) -> date:
    """First day of the month."""
    return day.replace(day=1)


def iso(ms: int) -> str:
    """2026-01-15T09:30:00.123Z"""
    moment = datetime.fromtimestamp(int(ms) // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{int(ms) % 1000:03d}Z"


def weekday(day_numbers: np.ndarray) -> np.ndarray:
    """0 = Monday … 6 = Sunday."""
    return (np.asarray(day_numbers) + 3) % 7
