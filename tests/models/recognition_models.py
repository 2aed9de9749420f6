"""The recognition models' own SQL, as dbt compiled it, run on books a test makes up."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import yaml

from tests.small_installation import SmallInstallation
from warehouse.settings import PROJECT_ROOT

MODELS = [
    "fct_credit_note_lines",
    "int_revenue__contract_instalments",
    "int_revenue__billed_lines",
    "int_revenue__line_reductions",
    "int_revenue__recognition_schedules",
    "fct_recognition_months",
    "fct_deferred_invoice_months",
    "rpt_deferred_roll_forward",
    "int_revenue__journal_due",
    "int_revenue__journal_postings",
    "fct_journal_entries",
]
RECOGNITION = MODELS[:6]
INPUTS = {
    "core.fct_invoices": "models/core/billing/fct_invoices.yml",
    "core.fct_invoice_lines": "models/core/billing/fct_invoice_lines.yml",
    "core.fct_credit_notes": "models/core/billing/fct_credit_notes.yml",
    "core.fct_invoice_refunds": "models/core/billing/fct_invoice_refunds.yml",
    "core.fct_contracts": "models/core/billing/fct_contracts.yml",
    "core.dim_fx_rates": "models/core/billing/dim_fx_rates.yml",
    "core.dim_as_of": "models/core/dim_as_of.yml",
    "staging.stg_stripe__credit_note_lines": "models/staging/stripe/"
    "stg_stripe__credit_note_lines.yml",
}
SEEDS = ("currency_minor_units", "billing_frequencies", "ledger_accounts")
MEMORY = "revenue.int_revenue__journal_postings"


@dataclass
class Books:
    """What was billed, credited and refunded. Rows as the core models have them; an invoice's and
    a credit note's lines are in its `lines`."""

    as_of: datetime
    invoices: list[dict[str, Any]] = field(default_factory=list)
    credit_notes: list[dict[str, Any]] = field(default_factory=list)
    refunds: list[dict[str, Any]] = field(default_factory=list)
    contracts: list[dict[str, Any]] = field(default_factory=list)
    rates: dict[tuple[date, str], Decimal] = field(default_factory=dict)
    reporting_currency: str = "USD"
    frequencies: dict[str, int | None] = field(
        default_factory=lambda: {"monthly": 1, "quarterly": 3, "annual": 12, "upfront": None}
    )

    @property
    def as_of_date(self) -> date:
        """The day that is under way, or just over."""
        return (self.as_of - timedelta(microseconds=1)).date()

    def invoice(
        self,
        name: str,
        *lines: tuple[int, date, date],
        finalized: datetime | None = None,
        **values: Any,
    ) -> dict[str, Any]:
        """Lines are net amount, first day, end day (not included); named `<invoice>-1` …"""
        finalized = finalized or datetime.combine(lines[0][1], datetime.min.time())
        net = sum(line[0] for line in lines)
        total = net + values.get("tax_cents", 0)
        row = {
            "invoice_id": name,
            "account_id": "a",
            "customer_id": "cus",
            "status": "paid",
            "currency": "USD",
            "subtotal_cents": net,
            "discount_cents": 0,
            "tax_cents": 0,
            "total_cents": total,
            "amount_due_cents": total,
            "amount_paid_cents": 0,
            "amount_remaining_cents": total,
            "applied_balance_cents": 0,
            "created_at": finalized,
            "finalized_at": finalized,
            "voided_at": None,
            "marked_uncollectible_at": None,
            "lines": [
                {
                    "invoice_line_id": f"{name}-{number}",
                    "line_position": number,
                    "line_type": "recurring",
                    "net_amount_cents": amount,
                    "service_start_at": datetime.combine(first, datetime.min.time()),
                    "service_end_at": datetime.combine(end, datetime.min.time()),
                }
                for number, (amount, first, end) in enumerate(lines, start=1)
            ],
        } | values
        self.invoices.append(row)
        return row

    def credit(
        self, name: str, invoice: str, net: int, on: date, *lines: tuple[str, int], **values: Any
    ) -> None:
        """`lines` are invoice lines and what is taken off them; the rest is shared."""
        at = datetime.combine(on, datetime.min.time())
        self.credit_notes.append(
            {
                "credit_note_id": name, "invoice_id": invoice, "net_cents": net, "tax_cents": 0,
                "total_cents": net + values.get("tax_cents", 0), "effective_at": at,
                "voided_at": None, "lines": list(lines),
            }
            | values
        )  # fmt: skip

    def refund(
        self, name: str, invoice: str, amount: int, on: date, credit_note: str | None = None
    ) -> None:
        self.refunds.append(
            {
                "refund_id": name, "invoice_id": invoice, "account_id": "a", "customer_id": "cus",
                "credit_note_id": credit_note, "amount_cents": amount,
                "refunded_at": datetime.combine(on, datetime.min.time()),
            }
        )  # fmt: skip

    def contract(self, name: str, annual: str, first: date, last: date, frequency: str,
                 currency: str = "USD") -> None:  # fmt: skip
        self.contracts.append(
            {
                "contract_id": name, "account_id": "a", "plan_key": "enterprise",
                "currency": currency, "billing_frequency": frequency,
                "annual_value": Decimal(annual), "start_date": first, "end_date": last,
            }
        )  # fmt: skip


def compile_models(home: Path) -> dict[str, str]:
    """Model → its SQL as dbt compiles it; no warehouse is built."""
    installation = SmallInstallation(home, as_of=None)
    installation.dbt("compile", "--select", *MODELS)
    compiled = installation.settings.dbt_target_dir / "compiled"
    return {name: next(compiled.rglob(f"{name}.sql")).read_text() for name in MODELS}


class RecognitionModels:
    """Builds the models on books; the journal remembers from one run to the next until `forget`."""

    def __init__(self, compiled: dict[str, str]):
        self._compiled = compiled
        self._db = duckdb.connect(config={"threads": 1})
        self._db.execute("attach ':memory:' as warehouse; use warehouse")
        for schema in ("core", "staging", "seeds", "revenue"):
            self._db.execute(f"create schema {schema}")
        self._columns = {}
        for table, file in INPUTS.items():
            (model,) = yaml.safe_load((PROJECT_ROOT / file).read_text())["models"]
            self._columns[table] = [c["name"] for c in model["columns"]]
            described = ", ".join(f"{c['name']} {c['data_type']}" for c in model["columns"])
            self._db.execute(f"create table {table} ({described})")
        for seed in SEEDS:
            path = PROJECT_ROOT / "seeds" / f"{seed}.csv"
            self._db.execute(
                f"create table seeds.{seed} as select * from read_csv('{path}', header = true, "
                "types = {'account_code': 'varchar'}, auto_detect = true)"
                if seed == "ledger_accounts"
                else f"create table seeds.{seed} as select * from read_csv('{path}', header = true)"
            )
        # the branch of an incremental build, which reads what is there
        first = compiled["int_revenue__journal_postings"]
        self._incremental = first.replace(
            "entry_month as posted_month\n    from journal_due\n    where false",
            f"posted_month\n    from {MEMORY}",
        )
        assert self._incremental != first

    def forget(self) -> None:
        self._db.execute(f"drop table if exists {MEMORY}")

    def close(self) -> None:
        self._db.close()

    def run(self, books: Books, models: Iterable[str] = MODELS) -> "RecognitionModels":
        for table in INPUTS:
            self._db.execute(f"delete from {table}")
        self._insert("core.dim_as_of", [{
            "as_of_at": books.as_of, "as_of_date": books.as_of.date(),
            "reporting_currency": books.reporting_currency, "timezone": "UTC",
        }])  # fmt: skip
        self._insert("core.fct_invoices", books.invoices)
        self._insert(
            "core.fct_invoice_lines",
            [
                {
                    "invoice_id": invoice["invoice_id"], "account_id": invoice["account_id"],
                    "customer_id": "cus", "currency": invoice["currency"],
                    "created_at": invoice["created_at"],
                } | line
                for invoice in books.invoices
                for line in invoice["lines"]
            ],
        )  # fmt: skip
        self._insert("core.fct_credit_notes", [{"account_id": "a"} | n for n in books.credit_notes])
        self._insert(
            "staging.stg_stripe__credit_note_lines",
            [
                {"credit_note_id": note["credit_note_id"], "line_position": position,
                 "invoice_line_id": line, "net_cents": amount}
                for note in books.credit_notes
                for position, (line, amount) in enumerate(note["lines"], start=1)
            ],
        )  # fmt: skip
        self._insert("core.fct_invoice_refunds", books.refunds)
        self._insert("core.fct_contracts", books.contracts)
        self._insert(
            "core.dim_fx_rates",
            [{"month": m, "currency": c, "rate": rate} for (m, c), rate in books.rates.items()],
        )
        for name in models:
            schema = "core" if name == "fct_credit_note_lines" else "revenue"
            if name == "int_revenue__journal_postings":
                self._post()
            else:
                self._db.execute(
                    f"create or replace table {schema}.{name} as {self._compiled[name]}"
                )
        return self

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self._db.execute(sql).fetchall()

    def months(self, line: str, column: str = "recognised_cents") -> dict[date, Any]:
        """What a line recognises, months with nothing left out."""
        return dict(
            self.rows(
                f"select month, {column} from revenue.fct_recognition_months "
                f"where invoice_line_id = '{line}' and {column} <> 0 order by month"
            )
        )

    def journal(self, where: str = "true") -> list[tuple[Any, ...]]:
        return self.rows(
            f"select * from revenue.fct_journal_entries where {where} "
            "order by entry_id, account_key"
        )

    def _post(self) -> None:
        known = self.rows(
            "select 1 from information_schema.tables where table_schema = 'revenue' "
            "and table_name = 'int_revenue__journal_postings'"
        )
        if known:
            self._db.execute(f"insert into {MEMORY} {self._incremental}")
        else:
            first = self._compiled["int_revenue__journal_postings"]
            self._db.execute(f"create table {MEMORY} as {first}")

    def _insert(self, table: str, rows: list[dict[str, Any]]) -> None:
        columns = self._columns[table]
        if rows:
            values = ", ".join(
                f"({', '.join(_literal(row.get(column)) for column in columns)})" for row in rows
            )
            self._db.execute(f"insert into {table} values {values}")


def _literal(value: Any) -> str:
    return "null" if value is None else f"'{value}'"
