"""A recalibration as files a person reads, and as the change of the seeds they may accept.

Nothing here writes a seed: `proposal_diff` gives the text of a patch. A live model is answered
with a copy in shadow, which is proved like any other before it is put live.
"""

import csv
import difflib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from warehouse.query import run_query
from warehouse.settings import Settings

COLUMNS = (
    "model_key", "kind", "key", "current_points", "proposed_points", "verdict",
    "coefficient", "coefficient_low", "coefficient_high", "p_value_adjusted",
    "lift", "lift_low", "lift_high", "count_present",
)  # fmt: skip


class ProposalError(Exception):
    """A proposal cannot be written, or does not fit the seeds any more."""


@dataclass(frozen=True)
class Proposal:
    """What the newest run says of one model."""

    model_key: str
    quarter: date
    as_of: str
    decision: str
    reason: str
    signals: Sequence[dict[str, Any]]
    tiers: Sequence[dict[str, Any]]

    @property
    def name(self) -> str:
        """File name without ending, the same throughout a quarter."""
        quarter = f"{self.quarter.year}q{(self.quarter.month + 2) // 3}"
        return f"{self.model_key}_{quarter}"

    @property
    def has_weights(self) -> bool:
        return any(row["proposed_points"] is not None for row in self.signals)


def read_proposals(settings: Settings, model_key: str | None = None) -> list[Proposal]:
    """Of every scored model, or of one, from the published copy."""
    signals = _rows(
        settings,
        "select * from pql.rpt_recalibration "
        "order by model_key, coefficient desc nulls last, signal_key",
    )
    tiers = _rows(
        settings,
        "select * from pql.rpt_recalibration_tiers order by model_key, current_min_points desc",
    )
    as_of = _rows(settings, "select as_of_at from core.dim_as_of")
    keys = sorted({row["model_key"] for row in signals})
    if model_key is not None:
        if model_key not in keys:
            raise ProposalError(
                f"{model_key!r} is no scored model; there are {', '.join(keys) or 'none'}"
            )
        keys = [model_key]
    found = []
    for key in keys:
        own = [row for row in signals if row["model_key"] == key]
        found.append(
            Proposal(
                key, own[0]["quarter"], str(as_of[0]["as_of_at"]), own[0]["decision"],
                own[0]["reason"], own, [row for row in tiers if row["model_key"] == key],
            )
        )  # fmt: skip
    return found


def _rows(settings: Settings, sql: str) -> list[dict[str, Any]]:
    answer = run_query(settings, sql)
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def write_proposal(proposal: Proposal, folder: Path) -> tuple[Path, Path]:
    """The CSV `plg pql accept` reads, and the page a person reads."""
    folder.mkdir(parents=True, exist_ok=True)
    table, page = folder / f"{proposal.name}.csv", folder / f"{proposal.name}.md"
    with table.open("w", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for row in proposal.signals:
            writer.writerow(row | {"kind": "signal", "key": row["signal_key"]})
        for row in proposal.tiers:
            writer.writerow(
                {
                    "model_key": row["model_key"],
                    "kind": "tier",
                    "key": row["tier"],
                    "current_points": row["current_min_points"],
                    "proposed_points": row["proposed_min_points"],
                }
            )
    page.write_text(_page(proposal, table.name))
    return table, page


def _page(proposal: Proposal, table_name: str) -> str:
    one = proposal.signals[0]
    lines = [
        f"# Recalibration of {proposal.model_key}, {proposal.name.rsplit('_', 1)[1]}",
        "",
        f"As of {proposal.as_of}. Advice: **{proposal.decision}**. {proposal.reason}",
        "",
        f"{one['n']:,} account-windows, {one['conversions']:,} conversions.",
    ]
    if one["held_out_from"] is not None:
        lines.append(
            f"Held out from {one['held_out_from']} on: {one['n_held_out']:,} with "
            f"{one['conversions_held_out']:,} conversions."
        )
    if one["proposed_auc"] is not None:
        lines.append(
            f"AUC there {one['current_auc']:.3f} today, {one['proposed_auc']:.3f} with weights "
            f"fitted before (change {one['auc_change_low']:+.3f} to {one['auc_change_high']:+.3f})."
        )
    lines += [
        "",
        "| signal | today | proposed | verdict | coefficient (95 %) | p adjusted | lift (95 %) |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in proposal.signals:
        lines.append(
            f"| {row['signal_key']} | {_points(row['current_points'])} "
            f"| {_points(row['proposed_points'])} | {row['verdict']} "
            f"| {_interval(row, 'coefficient')} | {_figure(row['p_value_adjusted'], 4)} "
            f"| {_interval(row, 'lift')} |"
        )
    if proposal.tiers:
        lines += [
            "",
            "| tier | bound today | proposed | selected | precision | change (95 %) | recall |",
            "|---|---|---|---|---|---|---|",
        ]
        for row in proposal.tiers:
            lines.append(
                f"| {row['tier']} | {_points(row['current_min_points'])} "
                f"| {_points(row['proposed_min_points'])} "
                f"| {_arrow(row, 'share')} | {_arrow(row, 'precision')} "
                f"| {_figure(row['precision_change_low'], 3)} to "
                f"{_figure(row['precision_change_high'], 3)} | {_arrow(row, 'recall')} |"
            )
    lines += [
        "",
        "Correlation, not cause. Nothing changes by itself: "
        f"`plg pql accept {table_name}` prints the change of the seeds for a review.",
        "",
    ]
    return "\n".join(lines)


def _points(value: Decimal | None) -> str:
    return "–" if value is None else f"{value.normalize():f}"


def _figure(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _interval(row: dict[str, Any], name: str) -> str:
    if row[name] is None:
        return "–"
    ends = (_figure(row[f"{name}_{end}"], 2) for end in ("low", "high"))
    return f"{row[name]:.2f} ({' to '.join(ends)})"


def _arrow(row: dict[str, Any], name: str) -> str:
    return " → ".join(_figure(row[f"{when}_{name}"], 3) for when in ("current", "proposed"))


# ------------------------------------------------------------------ accepting


def proposal_diff(
    proposal_file: Path, seeds: Path, today: date, in_place: bool, approved_by: str | None
) -> str:
    """The change of the seeds as a patch (`git apply`).

    As a shadow copy named `<model>_v<version + 1>`; or `in_place`, which for a live model also
    records who put it live without a shadow (`approved_by` is needed then).
    """
    rows = _read(proposal_file)
    model_key = rows[0]["model_key"]
    files = {
        name: _Seed(seeds / f"{name}.csv")
        for name in ("pql_models", "pql_signals", "pql_tiers", "pql_promotions")
    }
    model = next((row for row in files["pql_models"].rows if row["model_key"] == model_key), None)
    if model is None:
        raise ProposalError(f"{model_key} is not in seeds/pql_models.csv any more")
    proposed = {
        (row["kind"], row["key"]): (row["current_points"], row["proposed_points"]) for row in rows
    }
    if not any(kind == "signal" and new for (kind, _), (_, new) in proposed.items()):
        raise ProposalError(
            f"{proposal_file.name} proposes no weights: there is nothing to accept. "
            "Its .md says why"
        )
    _check_fresh(files, model_key, proposed)
    version = int(model["version"]) + 1
    if in_place:
        if model["status"] == "live" and not approved_by:
            raise ProposalError(f"{model_key} is live: say who approves it with --by")
        _change_in_place(files, model, proposed, version, today, approved_by, proposal_file.name)
    else:
        _add_shadow(files, model, proposed, version, today)
    return "".join(file.diff() for file in files.values())


class _Seed:
    """A CSV whose untouched lines stay as they were written."""

    def __init__(self, path: Path):
        self.path = path
        self.before = path.read_text().splitlines(keepends=True)
        self.header = next(csv.reader([self.before[0]]))
        self.rows = [dict(zip(self.header, r, strict=True)) for r in csv.reader(self.before[1:])]
        self.lines: list[str | None] = list(self.before[1:])
        self.added: list[str] = []

    def change(self, place: int, **values: str) -> None:
        self.lines[place] = self._line(self.rows[place] | values)

    def remove(self, place: int) -> None:
        self.lines[place] = None

    def add(self, row: dict[str, str]) -> None:
        self.added.append(self._line(row))

    def _line(self, row: dict[str, str]) -> str:
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerow(row.get(name, "") for name in self.header)
        return out.getvalue()

    def diff(self) -> str:
        after = [self.before[0], *(line for line in self.lines if line is not None), *self.added]
        name = f"seeds/{self.path.name}"
        return "".join(
            difflib.unified_diff(self.before, after, fromfile=f"a/{name}", tofile=f"b/{name}")
        )


def _read(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="") as lines:
            reader = csv.DictReader(lines)
            rows = list(reader)
    except (OSError, UnicodeDecodeError) as error:
        raise ProposalError(f"{path} cannot be read: {error}") from None
    if tuple(reader.fieldnames or ()) != COLUMNS or not rows:
        raise ProposalError(f"{path} is no proposal: write one with `plg pql propose`")
    if len({row["model_key"] for row in rows}) != 1:
        raise ProposalError(f"{path} speaks of several models: a proposal is of one")
    return rows


def _check_fresh(files: dict[str, _Seed], model_key: str, proposed: dict) -> None:
    """Today's points must still be those the proposal was made beside."""
    today = {
        ("signal", row["signal_key"]): row["points"]
        for row in files["pql_signals"].rows if row["model_key"] == model_key
    } | {
        ("tier", row["tier"]): row["min_points"]
        for row in files["pql_tiers"].rows if row["model_key"] == model_key
    }  # fmt: skip
    for key, (then, _) in proposed.items():
        if key not in today or Decimal(today[key]) != Decimal(then):
            raise ProposalError(
                f"{' '.join(key)} of {model_key} is {today.get(key, 'not there')} today and was "
                f"{then} when the proposal was written: write a new one with `plg pql propose`"
            )
    missing = [key for key in today if key[0] == "signal" and key not in proposed]
    if missing:
        raise ProposalError(
            f"signal {missing[0][1]} of {model_key} is not in the proposal: write a new one"
        )


def _whole(text: str) -> str:
    return f"{Decimal(text).normalize():f}"


def _signal_and_tier_rows(files: dict[str, _Seed], model_key: str, proposed: dict):
    """(seed, place, row, name of its points, points proposed or None to stay)"""
    for seed, kind, key, points in (
        ("pql_signals", "signal", "signal_key", "points"),
        ("pql_tiers", "tier", "tier", "min_points"),
    ):
        for place, row in enumerate(files[seed].rows):
            if row["model_key"] == model_key:
                new = proposed.get((kind, row[key]), ("", ""))[1]
                yield seed, place, row, points, _whole(new) if new else None


def _add_shadow(files, model: dict, proposed: dict, version: int, today: date) -> None:
    base = model["model_key"]
    copy = f"{base}_v{version}"
    if any(row["model_key"] == copy for row in files["pql_models"].rows):
        raise ProposalError(f"{copy} is there already: retire or rename it first")
    priority = max(int(row["priority"]) for row in files["pql_models"].rows) + 1
    files["pql_models"].add(
        model
        | {
            "model_key": copy, "version": "1", "status": "shadow",
            "status_since": today.isoformat(), "approved_by": "", "priority": str(priority),
            "description": f"{base} with recalibrated weights",
        }
    )  # fmt: skip
    for seed, _, row, points, new in _signal_and_tier_rows(files, base, proposed):
        if new != "0" or seed == "pql_tiers":
            files[seed].add(row | {"model_key": copy, points: new or row[points]})


def _change_in_place(
    files, model: dict, proposed: dict, version: int, today: date, approved_by, source: str
) -> None:
    base = model["model_key"]
    place = files["pql_models"].rows.index(model)
    files["pql_models"].change(place, version=str(version), status_since=today.isoformat())
    for seed, place, row, points, new in _signal_and_tier_rows(files, base, proposed):
        if new == "0" and seed == "pql_signals":
            files[seed].remove(place)
        elif new is not None and Decimal(new) != Decimal(row[points]):
            files[seed].change(place, **{points: new})
    if model["status"] == "live":
        files["pql_promotions"].add(
            {
                "model_key": base, "version": str(version), "promoted_on": today.isoformat(),
                "approved_by": approved_by, "is_exception": "true",
                "note": f"Recalibrated weights of {source} without a shadow of their own",
            }
        )  # fmt: skip
