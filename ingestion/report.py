"""What an ingest did, as values."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol


class Progress(Protocol):
    """Called now and then while files are read: ``done`` of ``total`` bytes (compressed)."""

    def __call__(self, step: str, done: int, total: int) -> None: ...


@dataclass
class DatasetCounts:
    """Rows of one dataset in this ingest: read = accepted + quarantined + duplicates."""

    files: int = 0
    rows_read: int = 0
    rows_accepted: int = 0
    rows_quarantined: int = 0
    rows_duplicate: int = 0


@dataclass
class IngestReport:
    """Result of `ingest` or `withdraw_file`.

    ``load_id`` is None when no row came or went. ``errors``: files that must be mended
    (one sentence each); ``notes``: what is worth knowing, such as a source without data.
    """

    load_id: int | None = None
    files_new: int = 0
    files_skipped: int = 0
    files_superseded: int = 0
    files_refused: int = 0
    files_unsupported: int = 0
    datasets: Mapping[str, DatasetCounts] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)  # quarantine reason → rows
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rows_read(self) -> int:
        return sum(counts.rows_read for counts in self.datasets.values())

    @property
    def rows_accepted(self) -> int:
        return sum(counts.rows_accepted for counts in self.datasets.values())

    @property
    def rows_quarantined(self) -> int:
        return sum(counts.rows_quarantined for counts in self.datasets.values())

    @property
    def rows_duplicate(self) -> int:
        return sum(counts.rows_duplicate for counts in self.datasets.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, totals included, for ``--json``."""
        totals = {
            name: getattr(self, name)
            for name in ("rows_read", "rows_accepted", "rows_quarantined", "rows_duplicate")
        }
        return {**asdict(self), **totals}
