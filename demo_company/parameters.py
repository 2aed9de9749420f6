"""What the demo company can be asked for, and what came out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from demo_company.clock import add_months, day_ms

GENERATOR_VERSION = "1"
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
    """What was written. `summary` is the content of ``summary.json``."""

    landing: Path
    truth: Path
    files: int
    bytes_written: int
    seconds: float
    summary: dict[str, Any] = field(default_factory=dict)
