"""`plg sync`: run, retry and show syncs outside a Dagster run."""

import json

from rich.console import Console
from rich.table import Table

from dagster_plg.mocks import mocks_when_used
from quality.gates import require_gate
from reverse_etl.engine import SyncReport, retry_dead_letters, run_sync, sync_status
from reverse_etl.specs import in_order, load_specs
from warehouse.settings import Settings


class UnknownSync(Exception):
    """A sync was asked for that no file in ``reverse_etl/syncs`` declares."""


def _checked(names: list[str]) -> list[str]:
    specs = load_specs()
    unknown = [name for name in names if name not in specs]
    if unknown:
        raise UnknownSync(f"no sync {', '.join(unknown)}: there are {', '.join(specs)}")
    return [spec.name for spec in in_order(specs) if not names or spec.name in names]


def run_syncs(settings: Settings, names: list[str], dry_run: bool) -> list[SyncReport]:
    """Run the named syncs (all when empty), the ones others depend on first.

    Asks the gates first: a verdict of an earlier run stops a sync of today.
    """
    chosen = _checked(names)
    for gate in ("marts", "syncs"):
        require_gate(settings, gate)
    with mocks_when_used(settings):
        return [run_sync(settings, name, dry_run=dry_run) for name in chosen]


def retry_syncs(settings: Settings, names: list[str]) -> list[SyncReport]:
    """Send the dead letters of the named syncs (all when empty) again."""
    chosen = _checked(names)
    for gate in ("marts", "syncs"):
        require_gate(settings, gate)
    with mocks_when_used(settings):
        return [retry_dead_letters(settings, name) for name in chosen]


def show_status(settings: Settings, console: Console, as_json: bool) -> None:
    """The last run of every sync and its refused records."""
    rows = sync_status(settings)
    if as_json:
        print(json.dumps(rows, indent=2, default=str))
        return
    if not rows:
        console.print("no sync has run yet")
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    console.print(table)
