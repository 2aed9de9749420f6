"""`plg sync`: run, retry and show syncs outside a Dagster run."""

import json
from collections.abc import Callable
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dagster_plg.mocks import mocks_when_used
from quality.gates import require_gate
from reverse_etl.connect import is_enabled
from reverse_etl.engine import SyncReport
from reverse_etl.reconcile import reconcilable, reconcile
from reverse_etl.specs import find_spec, load_specs
from reverse_etl.status import list_dead_letters, sync_status
from warehouse.ops import utc_now
from warehouse.settings import Settings


class UnknownSync(Exception):
    """A sync was asked for that no file in ``reverse_etl/syncs`` declares."""


def _checked(names: list[str]) -> list[str]:
    """The asked-for syncs (all when none is named), those others depend on first."""
    specs = load_specs()
    unknown = [name for name in names if name not in specs]
    if unknown:
        raise UnknownSync(f"no sync {', '.join(unknown)}: there are {', '.join(specs)}")
    return [name for name in specs if not names or name in names]


def run_syncs(
    settings: Settings, names: list[str], run: Callable[[Settings, str], SyncReport]
) -> list[SyncReport]:
    """``run`` each named sync; a gate's verdict of an earlier run stops a sync of today."""
    chosen = _checked(names)
    for gate in ("marts", "syncs"):
        require_gate(settings, gate)
    with mocks_when_used(settings):
        return [run(settings, name) for name in chosen]


def one_line(report: SyncReport) -> str:
    """What a run of a sync did, or would do."""
    if report.status == "disabled":
        return report.message or "disabled"
    plan = (
        f"{report.status}; {report.source_rows:,} rows: {report.planned_creates:,} to create, "
        f"{report.planned_updates:,} to update, {report.planned_deletes:,} to delete, "
        f"{report.unchanged:,} unchanged"
        + (f", {report.held_back:,} held back without consent" if report.held_back else "")
    )
    sent = (
        f"; {report.accepted:,} accepted, {report.rejected:,} refused "
        f"in {report.write_calls:,} write calls"
    )
    why = f" ({report.message})" if report.message else ""
    return plan + ("" if report.status == "planned" else sent) + why


def print_sync(report: SyncReport, console: Console) -> None:
    """One line a sync, and for a plan a few of the records it would send."""
    console.print(f"{report.sync_name}: {one_line(report)}", highlight=False, soft_wrap=True)
    if report.status == "planned":
        for record in report.sample[:3]:
            console.print(f"    {json.dumps(record, default=str)}", highlight=False, soft_wrap=True)


def show_status(settings: Settings, console: Console, as_json: bool) -> None:
    """The last run of every sync and its refused records."""
    statuses = sync_status(settings)
    rows = [asdict(row) | {"flags": row.flags(utc_now())} for row in statuses]
    letters = list_dead_letters(settings)
    if as_json:
        print(json.dumps({"syncs": rows, "dead_letters": letters}, indent=2, default=str))
        return
    columns = (
        "sync_name", "enabled", "last_status", "last_finished_at", "last_accepted",
        "last_rejected", "records_in_step", "dead_letters",
    )  # fmt: skip
    table = Table(*columns)
    for row in rows:
        table.add_row(*("" if row[column] is None else str(row[column]) for column in columns))
    console.print(table)
    for row in statuses:
        for flag in row.flags(utc_now()):
            console.print(f"{row.sync_name}: {flag}", style="bold red", highlight=False)
    for letter in letters[:20]:
        console.print(
            f"{letter['sync_name']} {letter['record_key']}: {letter['error_class']}: "
            f"{letter['message']} ({letter['attempts']} attempts) → {letter['next_action']}",
            highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip


def reconcile_syncs(settings: Settings, names: list[str], console: Console, as_json: bool) -> bool:
    """Read destinations back (all syncs that can be, when none is named) and say what differs;
    True where nowhere too much does."""
    chosen = _checked(names) if names else reconcilable()
    with mocks_when_used(settings):
        found = [
            reconcile(settings, name)
            for name in chosen
            if names or is_enabled(settings, find_spec(name))
        ]
    if as_json:
        print(json.dumps([asdict(one) | {"share": one.share} for one in found], default=str))
        return not any(one.is_red_flag for one in found)
    for one in found:
        next_run = "written again" if one.on_drift == "overwrite" else "left as they are"
        what = f"{one.differing:,} differ ({one.share:.1%}), {next_run} by the next run"
        console.print(
            f"{one.sync_name}: {one.records:,} records read in {one.api_calls:,} calls; "
            f"{what if one.drifts else 'all as sent'}",
            style="bold red" if one.is_red_flag else None, highlight=False, soft_wrap=True,
        )  # fmt: skip
        for drift in one.drifts[:5]:
            said = (
                "is not there any more"
                if drift.field is None
                else f"{drift.field} is {drift.theirs!r}, sent was {drift.ours!r}"
            )
            console.print(
                f"    {drift.record_key}: {said}", highlight=False, markup=False, soft_wrap=True
            )
    return not any(one.is_red_flag for one in found)


def show_dead_letters(
    settings: Settings, names: list[str], console: Console, as_json: bool
) -> None:
    """Every open refusal of the named syncs (all when none is named), and what to do about it."""
    chosen = _checked(names)
    letters = [x for x in list_dead_letters(settings) if x["sync_name"] in chosen]
    if as_json:
        print(json.dumps(letters, indent=2, default=str))
        return
    columns = ("sync_name", "record_key", "error_class", "message", "attempts", "next_action")
    table = Table(*columns, title=f"{len(letters):,} refused records")
    for letter in letters:
        table.add_row(*(escape(str(letter[column])) for column in columns))
    console.print(table)
