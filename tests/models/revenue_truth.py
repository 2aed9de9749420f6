"""Compares a warehouse's revenue with the demo company's truth, row for row."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

_MONEY = ("opening", "new", "expansion", "contraction", "churn", "reactivation", "fx", "closing")
_MONTHS = ", ".join(f"{name}_mrr" for name in _MONEY)

# what is compared: (in the warehouse, in the truth); the same columns, the first ones are the key
QUESTIONS = {
    "MRR by account and month": (
        f"select account_id, month, {_MONTHS} from plg.revenue.fct_mrr_months",
        f"select account_id, month, {_MONTHS} from truth('mrr_months')",
        ("account_id", "month"),
    ),
    "movements and causes": (
        "select account_id, movement_date, movement_type, cause, amount "
        "from plg.revenue.fct_mrr_movements",
        "select account_id, movement_date, movement_type, cause, amount "
        "from truth('mrr_movements')",
        ("account_id", "movement_date", "movement_type", "cause"),
    ),
    "net revenue retention": (
        "select month, window_months, starting_mrr, expansion_mrr, contraction_mrr, churn_mrr "
        "from plg.revenue.rpt_nrr where dimension = 'all' and starting_mrr > 0",
        "select month, window_months, starting_mrr, expansion_mrr, contraction_mrr, churn_mrr "
        "from truth('nrr') where starting_mrr > 0",
        ("month", "window_months"),
    ),
    "failed payments": (
        "select invoice_id, account_id, first_failed_at, reason, outcome, recovered_at, lost_at, "
        "recovered_on_attempt from plg.revenue.fct_failed_invoices where not is_first_payment",
        "select invoice_id, account_id, first_failed_at, reason, outcome, recovered_at, lost_at, "
        "recovered_on_attempt from truth('recovery')",
        ("invoice_id",),
    ),
    "payment recovery by month and reason": (
        "select month, reason, failed_invoices, recovered_invoices "
        "from plg.revenue.rpt_payment_recovery",
        "select date_trunc('month', first_failed_at)::date as month, reason, "
        "count(*) as failed_invoices, "
        "count(*) filter (where outcome = 'recovered') as recovered_invoices "
        "from truth('recovery') group by 1, 2",
        ("month", "reason"),
    ),
    "recognition by invoice line and month": (
        "select invoice_line_id, month, recognised_amount "
        "from plg.revenue.fct_recognition_months where recognised_amount <> 0",
        "select invoice_line_id, month, recognised_amount from truth('recognition')",
        ("invoice_line_id", "month"),
    ),
}


@dataclass(frozen=True)
class Compared:
    """How many rows of one question are the same in the warehouse and in the truth."""

    name: str
    compared: int  # rows of either side
    equal: int
    examples: tuple[str, ...]  # the first rows that differ

    @property
    def differing(self) -> int:
        return self.compared - self.equal


def compare(database: Path, truth: Path, examples: int = 5) -> list[Compared]:
    """Every question of ``QUESTIONS``, asked of both."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{database}' as plg (read_only)")
        connection.execute(
            f"create macro truth(name) as table "
            f"select * from read_parquet('{truth}/' || name || '.parquet')"
        )
        return [
            _compare(connection, name, *question, examples) for name, question in QUESTIONS.items()
        ]


def _compare(
    connection: duckdb.DuckDBPyConnection, name: str, found: str, true: str,
    key: tuple[str, ...], examples: int,
) -> Compared:  # fmt: skip
    """A full join by key: a row that one side lacks, or has twice, differs."""
    keys = ", ".join(key)
    joined = f"""
        select * from (select {keys}, list(f) as found from ({found}) as f group by all) as f
        full join (select {keys}, list(t) as truly from ({true}) as t group by all) as t
        using ({keys})
    """

    def rows(sql: str) -> list[tuple[Any, ...]]:
        return connection.execute(sql).fetchall()

    try:
        rows(f"from ({found}) limit 0")
    except duckdb.CatalogException as error:
        missing = rows(f"select count(*) from ({true})")[0][0]
        return Compared(name, missing, 0, (str(error).splitlines()[0],))
    compared, equal = rows(
        f"select count(*), count(*) filter (where found::varchar = truly::varchar) from ({joined})"
    )[0]
    differing = rows(
        f"select found::varchar, truly::varchar from ({joined}) "
        f"where found::varchar is distinct from truly::varchar order by {keys} limit {examples}"
    )
    return Compared(name, compared, equal, tuple(f"{f} is truly {t}" for f, t in differing))
