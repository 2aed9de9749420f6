"""`plg status`: how old the data is, what the gates said, what the syncs did."""

from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from warehouse.query import run_query
from warehouse.settings import Settings

_SECTIONS = {
    "freshness": """
        select
            dataset,
            count(*) filter (where status = 'loaded') as files,
            sum(rows_accepted) filter (where status = 'loaded') as rows_accepted,
            sum(rows_quarantined) filter (where status = 'loaded') as rows_quarantined,
            max(loaded_at) as last_loaded_at
        from ops.ingest_files
        group by dataset
        order by dataset
    """,
    "gates": """
        select gate, passed, count_blocking_failed, count_warnings, checked_at
        from ops.gate_verdicts
        qualify row_number() over (partition by gate order by checked_at desc) = 1
        order by gate
    """,
    "syncs": """
        select sync_name, status, accepted, rejected, api_calls, finished_at
        from ops.sync_runs
        qualify row_number() over (partition by sync_name order by started_at desc) = 1
        order by sync_name
    """,
    "incidents": """
        select title, severity, created_at, repeats, delivered_at
        from ops.alerts
        where resolved_at is null and kind <> 'recovered'
        order by created_at
    """,
}


def collect_status(settings: Settings) -> dict[str, Any]:
    """The sections as lists of dictionaries, and the published copy's own row."""
    found: dict[str, Any] = {"home": str(settings.home), "as_of": str(settings.now)}
    found["published"] = None
    if settings.published_path.exists():
        with duckdb.connect(str(settings.published_path), read_only=True) as connection:
            cursor = connection.execute("select * from meta.published")
            names = [column[0] for column in cursor.description]
            found["published"] = dict(zip(names, cursor.fetchone(), strict=True))
    for section, sql in _SECTIONS.items():
        result = run_query(settings, sql)
        found[section] = [dict(zip(result.columns, row, strict=True)) for row in result.rows]
    return found


def print_status(found: dict[str, Any], console: Console) -> None:
    console.print(f"home {found['home']}, as of {found['as_of']}", highlight=False)
    published = found["published"]
    console.print(
        f"published {published['published_at']} (UTC), data as of {published['as_of']}"
        if published
        else "nothing published yet: run `plg run`",
        highlight=False,
    )
    for section in _SECTIONS:
        rows = found[section]
        if not rows:
            console.print(f"{section}: none")
            continue
        table = Table(*rows[0], title=section, title_justify="left")
        for row in rows:
            table.add_row(*("" if value is None else str(value) for value in row.values()))
        console.print(table)
