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

    def as_metadata(self) -> dict[str, int]:
        """The counts as plain values, for a Dagster materialization."""
        return asdict(self)


@dataclass
class IngestReport:
    """Result of `ingest` or `withdraw_file`.

    ``load_id`` is None when no row came or went. ``files_refused``: files that must be
    mended, ``files_unsupported``: files nothing here reads, a sentence each naming the
    file; ``notes``: what is worth knowing, such as a source without data.
    """

    load_id: int | None = None
    files_new: int = 0
    files_skipped: int = 0
    files_superseded: int = 0
    files_refused: list[str] = field(default_factory=list)
    files_unsupported: list[str] = field(default_factory=list)
    datasets: Mapping[str, DatasetCounts] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)  # quarantine reason → rows
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

    def summary(self) -> str:
        """One line: what came in."""
        if self.load_id is None and not self.files_new:
            text = f"nothing new ({self.files_skipped} files known)"
        else:
            load = "no load" if self.load_id is None else f"load {self.load_id}"
            text = (
                f"{load}: {self.files_new:,} new files, {self.rows_read:,} rows read = "
                f"{self.rows_accepted:,} accepted + {self.rows_quarantined:,} quarantined + "
                f"{self.rows_duplicate:,} duplicates"
            )
        for count, what in (
            (self.files_superseded, "replaced"),
            (len(self.files_refused), "REFUSED"),
            (len(self.files_unsupported), "not supported"),
        ):
            if count:
                text += f"; {count} {what}"
        return f"{text} ({self.seconds:.1f} s)"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, totals included, for ``--json``."""
        totals = {
            name: getattr(self, name)
            for name in ("rows_read", "rows_accepted", "rows_quarantined", "rows_duplicate")
        }
        return {**asdict(self), **totals}
