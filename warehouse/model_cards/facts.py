"""What is known of a scoring model: its rules (seeds), its figures (the published copy)."""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from warehouse.query import NothingPublished, run_query
from warehouse.settings import PROJECT_ROOT, Settings

Row = dict[str, Any]
SEEDS = PROJECT_ROOT / "seeds"

# tables with a model_key that a card shows as they are; any of them may be absent
TABLES = (
    "pql.rpt_backtest",
    "pql.rpt_calibration",
    "pql.rpt_bias_review",
    "pql.rpt_drift",
    "pql.rpt_promotion",
    "pql.rpt_recalibration",
    "pql.rpt_tuning_hints",
    "pql.rpt_qualification_pipeline",
    "pql.rpt_pql_feedback",
    "pql.rpt_pql_rejections",
    "pql.fct_model_changes",
)


@dataclass(frozen=True)
class ModelFacts:
    """All a card is made of. ``tables``: rows of the model by table; a table that is not
    published is not among the keys."""

    model: Row
    signals: Sequence[Row]
    tiers: Sequence[Row]
    promotions: Sequence[Row]
    as_of: datetime | None
    first_scored: date | None
    last_scored: date | None
    count_scored: int  # accounts (or people) scored on the last day
    tier_counts: Mapping[str, int]
    signal_counts: Mapping[str, tuple[int, int]]  # signal -> (with points, input missing)
    tables: Mapping[str, Sequence[Row]]

    def rows(self, table: str) -> list[Row]:
        """Rows of ``pql.<table>`` about the model; none where it is not published."""
        return list(self.tables.get(f"pql.{table}", ()))

    @property
    def model_key(self) -> str:
        return self.model["model_key"]


class NoSuchModel(ValueError):
    """The model asked for is in no row of seeds/pql_models.csv."""


def read_seed(name: str, seeds: Path = SEEDS) -> list[Row]:
    """A seed's rows, empty values as None; none where there is no such file."""
    path = seeds / f"{name}.csv"
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [{k: v or None for k, v in row.items()} for row in csv.DictReader(file)]


def collect_facts(
    settings: Settings, model_key: str | None = None, seeds: Path = SEEDS
) -> list[ModelFacts]:
    """Facts of one model, or of all in the order of their priority.

    Raises `NoSuchModel`, and `warehouse.query.NothingPublished` before the first run."""
    models = sorted(read_seed("pql_models", seeds), key=lambda row: int(row["priority"]))
    if model_key is not None:
        known = [row["model_key"] for row in models]
        models = [row for row in models if row["model_key"] == model_key]
        if not models:
            raise NoSuchModel(f"no model {model_key!r}: there are {', '.join(known)}")
    published = _Published(settings)
    signals, tiers = read_seed("pql_signals", seeds), read_seed("pql_tiers", seeds)
    promotions = read_seed("pql_promotions", seeds)

    def of(rows: Sequence[Row], key: str) -> list[Row]:
        return [row for row in rows if row["model_key"] == key]

    return [
        ModelFacts(
            model=model,
            signals=of(signals, model["model_key"]),
            tiers=sorted(of(tiers, model["model_key"]), key=lambda row: -float(row["min_points"])),
            promotions=of(promotions, model["model_key"]),
            as_of=published.as_of(),
            **published.scores(model["model_key"], model["level"]),
            tables=published.tables_of(model["model_key"]),
        )
        for model in models
    ]


class _Published:
    """The published copy, asked only for what it has."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        if not settings.published_path.is_file():
            raise NothingPublished("nothing is published yet: plg run")
        self.columns: dict[str, set[str]] = defaultdict(set)
        for row in self.query(
            "select table_schema, table_name, column_name from information_schema.columns"
        ):
            name = f"{row['table_schema']}.{row['table_name']}"
            self.columns[name].add(row["column_name"])

    def query(self, sql: str) -> list[Row]:
        result = run_query(self.settings, sql)
        return [dict(zip(result.columns, row, strict=True)) for row in result.rows]

    def has(self, table: str, *columns: str) -> bool:
        return set(columns) <= self.columns.get(table, set()) and table in self.columns

    def as_of(self) -> datetime | None:
        if not self.has("core.dim_as_of", "as_of_at"):
            return None
        rows = self.query("select as_of_at from core.dim_as_of")
        return rows[0]["as_of_at"] if rows else None

    def tables_of(self, model_key: str) -> dict[str, list[Row]]:
        return {
            table: self.query(f"select * from {table} where model_key = {_text(model_key)}")
            for table in TABLES
            if self.has(table, "model_key")
        }

    def scores(self, model_key: str, level: str) -> Row:
        user = "user_" if level == "user" else ""
        scores, reasons = f"pql.fct_{user}scores", f"pql.fct_{user}score_reasons"
        found: Row = {
            "first_scored": None, "last_scored": None, "count_scored": 0,
            "tier_counts": {}, "signal_counts": {},
        }  # fmt: skip
        if not self.has(scores, "model_key", "score_date", "tier"):
            return found
        of_model = f"where model_key = {_text(model_key)}"
        (span,) = self.query(
            f"select min(score_date) as first, max(score_date) as last from {scores} {of_model}"
        )
        if span["last"] is None:
            return found
        last_day = f"{of_model} and score_date = date '{span['last']}'"
        tiers = self.query(f"select tier, count(*) as n from {scores} {last_day} group by tier")
        found |= {
            "first_scored": span["first"],
            "last_scored": span["last"],
            "count_scored": sum(row["n"] for row in tiers),
            "tier_counts": {row["tier"]: row["n"] for row in tiers},
        }
        if self.has(reasons, "model_key", "score_date", "signal_key", "points", "is_missing"):
            counts = self.query(
                "select signal_key, count(*) filter (where points <> 0) as given, "
                f"count(*) filter (where is_missing) as missing from {reasons} {last_day} "
                "group by signal_key"
            )
            found["signal_counts"] = {
                row["signal_key"]: (row["given"], row["missing"]) for row in counts
            }
        return found


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
