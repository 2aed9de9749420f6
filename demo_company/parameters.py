"""What the demo company can be asked for, and what came out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from demo_company.clock import add_months, day_ms

GENERATOR_VERSION = "8"
DEFAULT_END = date(2026, 7, 1)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Parameters:
    """Size, seed and dirt of a company; the same parameters give the same bytes."""

    accounts: int = 300
    months: int = 18
    seed: int = 7
    end: date = DEFAULT_END
    dirt_rate: float = 0.005
    events_per_day: int | None = None

    def __post_init__(self) -> None:
        if self.accounts < 1:
            raise ValueError(f"accounts is {self.accounts}; ask for at least 1")
        if not 1 <= self.months <= 120:
            raise ValueError(f"months is {self.months}; ask for 1 to 120")
        if not 0 <= self.dirt_rate <= 0.2:
            raise ValueError(f"dirt_rate is {self.dirt_rate}; ask for 0 to 0.2")
        if self.events_per_day is not None and self.events_per_day < 1:
            raise ValueError(f"events_per_day is {self.events_per_day}; ask for at least 1")

    @property
    def start(self) -> date:
        """First day of the company's history."""
        return add_months(self.end, -self.months)

    @property
    def start_ms(self) -> int:
        return day_ms(self.start)

    @property
    def end_ms(self) -> int:
        """as_of, exclusive: every moment in the files is before it."""
        return day_ms(self.end)


@dataclass(frozen=True)
class DemoReport:
    """What was written. `facts` is the content of ``summary.json``."""

    landing: Path
    truth: Path
    as_of: datetime
    files: int
    bytes_written: int
    seconds: float
    facts: dict[str, Any] = field(default_factory=dict)

    def summary(self) -> list[str]:
        """A few lines for people."""
        people, events = self.facts["people"], self.facts["events"]
        revenue, conversion = self.facts["revenue"], self.facts["conversion"]
        nrr = revenue["nrr_12_months"]
        return [
            f"{self.files} files, {self.bytes_written / 1e6:.0f} MB in {self.landing}"
            f" ({self.seconds:.1f} s); as of {self.as_of:%Y-%m-%d %H:%M} UTC",
            f"{events['lines']:,} event lines: {events['accepted']:,} good,"
            f" {events['duplicates']:,} repeated, {events['quarantined']:,} to be refused",
            f"{people['visitors']:,} visitors, {people['signed_up']:,} signed up,"
            f" {people['activation_rate_7d']:.1%} activated within 7 days",
            f"paid: {conversion['freemium']['rate']:.1%} of freemium and"
            f" {conversion['trial']['rate']:.1%} of trial accounts;"
            f" MRR {revenue['closing_mrr']:,.2f} USD from {revenue['paying_accounts']} accounts,"
            f" NRR {'n/a' if nrr is None else f'{nrr:.0%}'}",
            f"truth in {self.truth}",
        ]
