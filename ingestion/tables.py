"""The CSV sources: their headers, the type of every column, and reading them.

These are small reference tables. The text is split by the ``csv`` module (exact with
quotes and line breaks in cells, and it knows the line a record starts on); types are then
checked set-wise in SQL, so one bad cell refuses one row and says which column it was.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from ingestion.errors import FileRefused
from ingestion.lake import sql_text
from ingestion.lines import RAW_BYTES_KEPT, BadLine, kept_text

_MONTH = r"[12][0-9]{3}-[0-9]{2}(-01)?"
_DATE = r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}"
_CURRENCY = "[A-Z]{3}"


@dataclass(frozen=True)
class Column:
    """A CSV column: where it goes in the lake, its ``kind`` (see `value_sql`), needed or not."""

    target: str
    kind: str = "text"
    required: bool = False


@dataclass(frozen=True)
class CsvTable:
    """A CSV source. ``optional`` columns may be missing from the header."""

    columns: Mapping[str, Column]
    optional: tuple[str, ...] = ()
    overrides: Mapping[str, str] = ()  # lake column → SQL over the others' values


CSV_TABLES: Mapping[str, CsvTable] = {
    "contracts": CsvTable(
        {
            "contract_id": Column("contract_id"),
            "account": Column("account", required=True),
            "start": Column("start_date", "date", required=True),
            "end": Column("end_date", "date", required=True),
            "annual_value": Column("annual_value", "decimal(18,2)", required=True),
            "currency": Column("currency", "currency", required=True),
            "seats": Column("seats", "integer"),
            "billing_frequency": Column("billing_frequency"),
            "signed_date": Column("signed_date", "date"),
            "owner": Column("owner"),
        },
        optional=("contract_id",),
        overrides={
            "contract_id": "coalesce(contract_id, "
            "md5(concat_ws('|', account, start_date, coalesce(cast(signed_date as varchar), ''))))"
        },
    ),
    "fx_rates": CsvTable(
        {
            "month": Column("month", "month", required=True),
            "currency": Column("currency", "currency", required=True),
            "rate": Column("rate", "decimal(18,8)", required=True),
        }
    ),
    "firmographics": CsvTable(
        {
            "domain": Column("domain", required=True),
            "company": Column("company"),
            "employees": Column("employees", "integer"),
            "industry": Column("industry"),
            "country": Column("country"),
            "tech_stack": Column("tech_stack"),
            "hiring_signals": Column("hiring_signals"),
            "ip_ranges": Column("ip_ranges"),
        }
    ),
    "marketing_spend": CsvTable(
        {
            "date": Column("spend_date", "date", required=True),
            "channel": Column("channel", required=True),
            "campaign": Column("campaign"),
            "amount": Column("amount", "decimal(18,2)", required=True),
            "currency": Column("currency", "currency", required=True),
        }
    ),
    "gtm_costs": CsvTable(
        {
            "month": Column("month", "month", required=True),
            "kind": Column("kind", required=True),
            "amount": Column("amount", "decimal(18,2)", required=True),
        }
    ),
    "support_tickets": CsvTable(
        {
            "id": Column("ticket_id", required=True),
            "account": Column("account"),
            "requester": Column("requester"),
            "opened": Column("opened_at", "time", required=True),
            "first_response": Column("first_response_at", "time"),
            "resolved": Column("resolved_at", "time"),
            "channel": Column("channel"),
            "deflected_by": Column("deflected_by"),
        }
    ),
    "targets": CsvTable(
        {
            "month": Column("month", "month", required=True),
            "metric": Column("metric", required=True),
            "target": Column("target", "decimal(18,4)", required=True),
        }
    ),
}

_EXPECTED = {
    "date": "a date (YYYY-MM-DD)",
    "month": "a month (YYYY-MM or YYYY-MM-01)",
    "time": "an ISO 8601 time",
    "integer": "a whole number",
    "currency": "a three-letter currency",
}


@dataclass(frozen=True)
class CsvRows:
    """A CSV file's rows as text, ready for SQL: ``line_number``, ``raw`` and ``c_<column>``."""

    rows: pa.Table
    bad: list[BadLine]


def read_csv_file(path: Path, shown_path: str, dataset: str) -> CsvRows:
    """The rows of a CSV file of ``dataset``, all columns as text.

    Blank lines are no rows. Raises `FileRefused` when the header is not the expected one,
    or where a quote is never closed (everything after it would be one cell).
    """
    table = CSV_TABLES[dataset]
    # bytes that are no UTF-8 become lone surrogates, which mark their row below
    text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, strict=True)
    names: list[str] = []
    cells: dict[str, list[str | None]] = {f"c_{name}": [] for name in table.columns}
    numbers: list[int] = []
    raws: list[str] = []
    bad: list[BadLine] = []
    start = 0
    try:
        for record in reader:
            first, start = start + 1, reader.line_num
            if not record or (len(record) == 1 and not record[0].strip()):
                continue
            if not names:
                names = [name.strip() for name in record]
                _check_header(names, table, shown_path, dataset)
                continue
            raw = "".join(lines[first - 1 : start])
            if not raw.isascii() and _has_surrogates(raw):
                kept = kept_text(raw.encode("utf-8", "surrogateescape"))
                bad.append(BadLine(first, "invalid_utf8", "bytes are no UTF-8", kept))
            elif len(record) != len(names):
                detail = f"{len(record)} columns, expected {len(names)}"
                bad.append(BadLine(first, "bad_value", detail, kept_text(raw.encode())))
            else:
                row = dict(zip(names, record, strict=True))
                for name in table.columns:
                    cells[f"c_{name}"].append(row.get(name))
                numbers.append(first)
                raws.append(raw[:RAW_BYTES_KEPT].rstrip("\r\n").replace("\x00", "\\x00"))
    except csv.Error as error:
        raise FileRefused(
            "unreadable_file",
            f"{shown_path}: line {start + 1}: {error}; mend the file and land it again",
        ) from error
    columns = {name: pa.array(values, pa.string()) for name, values in cells.items()}
    return CsvRows(
        pa.table({"line_number": pa.array(numbers, pa.int64()), "raw": pa.array(raws), **columns}),
        bad,
    )


def _check_header(names: list[str], table: CsvTable, shown_path: str, dataset: str) -> None:
    expected = ",".join(
        f"[{name},]" if name in table.optional else name for name in table.columns
    ).replace(",],", ",]")
    missing = [n for n in table.columns if n not in names and n not in table.optional]
    extra = [name for name in names if name not in table.columns]
    repeated = sorted({name for name in names if names.count(name) > 1})
    problems = [
        f"{what} {', '.join(repr(name) for name in found)}"
        for what, found in (
            ("missing column", missing),
            ("unexpected column", extra),
            ("repeated column", repeated),
        )
        if found
    ]
    if problems:
        raise FileRefused(
            "bad_header",
            f"{shown_path}: {'; '.join(problems)}. Expected header of {dataset}: {expected}",
        )


def _has_surrogates(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def csv_parser_sql(dataset: str) -> str:
    """Select over ``csv_rows(file_no, line_number, raw, c_…)``: lake columns and ``reason``."""
    table = CSV_TABLES[dataset]
    values = ",\n        ".join(
        f"{value_sql(f'c_{name}', column.kind)} as {column.target}"
        for name, column in table.columns.items()
    )
    details = []
    for name, column in table.columns.items():
        cell = f'"c_{name}"'
        if column.required:
            details.append(f"when given({cell}) is null then {sql_text(f'{name}: empty')}")
        if column.kind != "text":
            expected = _EXPECTED.get(column.kind, f"a number that fits {column.kind}")
            details.append(
                f"when given({cell}) is not null and {column.target} is null then "
                f"{sql_text(f'{name}: ')} || left({cell}, 100) || {sql_text(f' is not {expected}')}"
            )
    finals = ", ".join(
        f"{dict(table.overrides).get(column.target, column.target)} as {column.target}"
        for column in table.columns.values()
    )
    return f"""
    with

    valued as (
        select
        file_no, line_number, raw as row_text, {", ".join(f'"c_{name}"' for name in table.columns)},
        {values}
        from csv_rows
    ),

    judged as (
        select *, case {" ".join(details)} end as detail
        from valued
    )

    select
        file_no,
        line_number,
        case when detail is not null then 'bad_value' end as reason,
        detail,
        case when detail is not null then row_text end as raw,
        {finals}
    from judged
    """


def value_sql(cell: str, kind: str) -> str:
    """SQL that turns a text cell into a value of ``kind``; NULL when empty or not one.

    Numbers must fit exactly: 12.345 is no DECIMAL(18,2), rather than silently 12.35.
    """
    text = f'trim("{cell}")'
    if kind == "date":
        return (
            f"case when regexp_full_match({text}, {sql_text(_DATE)}) "
            f"then try_cast({text} as date) end"
        )
    if kind == "month":
        return (
            f"case when regexp_full_match({text}, {sql_text(_MONTH)}) "
            f"then try_cast(left({text}, 7) || '-01' as date) end"
        )
    if kind == "time":
        return f"iso_time({text})"
    if kind == "currency":
        upper = f"upper({text})"
        return f"case when regexp_full_match({upper}, {sql_text(_CURRENCY)}) then {upper} end"
    if kind == "integer" or kind.startswith("decimal"):
        return (
            f"case when try_cast({text} as decimal(38,12)) = try_cast({text} as {kind}) "
            f"then try_cast({text} as {kind}) end"
        )
    return f'trim(given("{cell}"))'
