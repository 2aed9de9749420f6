"""The journal of a month for the ERP: what ``plg journal export`` writes.

Reads the published copy. A closed month gives the same bytes on every run; the month that is still
open is provisional, and says so in its ``status`` column.
"""

import re
from datetime import date
from pathlib import Path
from typing import NamedTuple

from warehouse.query import run_query, to_csv
from warehouse.settings import Settings


class NotAMonth(ValueError):
    """The text is no calendar month."""


class JournalExport(NamedTuple):
    """A month's CSV, its lines and whether the month is closed (final)."""

    csv: str
    count_lines: int
    is_closed: bool


def parse_month(text: str) -> date:
    """First day of a month given as ``2026-05``."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text):
        raise NotAMonth(f"{text!r} is not a month; give one like 2026-05")
    return date.fromisoformat(f"{text}-01")


def export_journal(settings: Settings, month: date) -> JournalExport:
    """The lines posted in `month` (first day), a header first; only the header when there are
    none. Amounts are in the line's currency and in the reporting currency."""
    closed = run_query(
        settings, "select max(month) filter (where is_closed) from revenue.fct_journal_entries"
    ).rows[0][0]
    result = run_query(
        settings,
        f"""
        select
            entry_date as date, account_code as account, account_name, debit, credit, currency,
            reporting_debit, reporting_credit, reporting_currency, reference, source, entry_id,
            invoice_id, account_id as customer_account, concerns_month as period,
            is_correction, case when is_closed then 'final' else 'provisional' end as status
        from revenue.fct_journal_entries
        where month = date '{month.isoformat()}'
        order by entry_date, source, reference, entry_id, account_code, account_key
        """,
    )
    return JournalExport(to_csv(result), len(result.rows), closed is not None and month <= closed)


def write_journal(export: JournalExport, file: Path) -> None:
    """Whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(file.name + ".partial")
    partial.write_text(export.csv, encoding="utf-8", newline="")
    partial.replace(file)
