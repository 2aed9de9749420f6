"""What a pull did, list by list."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class ListReport:
    """One list: rows and pages pulled, files landed. ``note``: what was different, else None."""

    name: str
    rows: int = 0
    pages: int = 0
    files: list[str] = field(default_factory=list)
    note: str | None = None
    is_skipped: bool = False


@dataclass
class PullReport:
    """A whole pull. ``mode``: full, incremental, or resumed."""

    source: str
    mode: str
    api_version: str | None = None
    lists: list[ListReport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        return sum(report.rows for report in self.lists)

    def all_notes(self) -> list[str]:
        return self.notes + [f"{r.name}: {r.note}" for r in self.lists if r.note]

    def summary(self) -> str:
        files = sum(len(report.files) for report in self.lists)
        return (
            f"{self.source}: {self.rows:,} objects of {len(self.lists)} lists in {files} files "
            f"({self.mode}, {self.seconds:.1f} s)"
        )

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "rows": self.rows}
