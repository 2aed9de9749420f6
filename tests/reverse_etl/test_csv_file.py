"""CSV files: whole or not at all, all digits, quoted by the standard, no formula."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reverse_etl.destinations.csv_file import cell
from reverse_etl.engine import run_sync
from reverse_etl.errors import SpecError
from reverse_etl.specs import read_spec
from tests.reverse_etl.test_setup import changed_spec
from warehouse.ops import OpsStore

if TYPE_CHECKING:
    from tests.reverse_etl.conftest import Home

NAME, TABLE, FILE = (
    "csv_revenue_recognition",
    "sync_csv__revenue_recognition",
    "revenue_recognition",
)


def paths(home: Home) -> list[Path]:
    return sorted((home.settings.exports_dir / FILE).iterdir())


def test_amounts_keep_all_their_digits_and_columns_their_order(home: Home) -> None:
    home.publish(csv__revenue_recognition=1)
    assert run_sync(home.settings, NAME).status == "succeeded"
    (path,) = paths(home)
    assert path.read_bytes() == (
        b"operation,line_month_id,month,invoice_line_id,invoice_id,customer_id,account_id,"
        b"account_name,plan,source,line_type,currency,recognised_amount_native,"
        b"recognised_amount,reversed_amount\r\n"
        b"create,il_1|2026-01,2026-01-01,il_1,in_1,cus_1,acc_1,Account 1,team,invoice,recurring,"
        b"EUR,-123456789012345.675,10.10,0.00\r\n"
    )
    assert re.fullmatch(r"revenue_recognition_\d{8}T\d{12}Z_[0-9a-f]{12}\.csv", path.name)


def test_a_second_file_holds_whole_rows_of_what_changed_and_nothing_else(home: Home) -> None:
    home.publish(csv__revenue_recognition=3)
    run_sync(home.settings, NAME)
    assert run_sync(home.settings, NAME).write_calls == 0
    assert len(paths(home)) == 1
    home.change(f"update {TABLE} set recognised_amount = -5 where invoice_line_id = 'il_2'")
    home.change(f"delete from {TABLE} where invoice_line_id = 'il_3'")
    assert run_sync(home.settings, NAME).accepted == 2
    rows = home.files(FILE)[-1]
    assert [(r["operation"], r["line_month_id"]) for r in rows] == [
        ("update", "il_2|2026-01"),
        ("delete", "il_3|2026-01"),
    ]
    assert (rows[0]["recognised_amount"], rows[0]["currency"]) == ("-5.00", "EUR")
    assert rows[1]["recognised_amount"] == "10.10", "what was last told"


def test_a_full_file_holds_the_whole_table_and_comes_only_with_a_change(
    home: Home, tmp_path: Path
) -> None:
    folder = changed_spec(tmp_path / "specs", NAME, file="full", mode="mirror", delete_policy=None)
    home.publish(csv__revenue_recognition=3)
    for expected in (1, 0):
        report = run_sync(home.settings, NAME, specs_folder=folder)
        assert (report.status, report.write_calls) == ("succeeded", expected)
    home.change(f"delete from {TABLE} where invoice_line_id = 'il_3'")
    run_sync(home.settings, NAME, specs_folder=folder)
    first, second = home.files(FILE)
    assert [r["invoice_line_id"] for r in first] == ["il_1", "il_2", "il_3"]
    assert [r["invoice_line_id"] for r in second] == ["il_1", "il_2"]
    assert "operation" not in second[0]


def test_a_run_killed_before_its_ledger_writes_no_second_file(home: Home) -> None:
    home.publish(csv__revenue_recognition=2)
    run_sync(home.settings, NAME)
    with OpsStore(home.settings.ops_path).connection() as connection:
        connection.execute("delete from sync_ledger")  # as if it had never heard of it
    assert run_sync(home.settings, NAME).accepted == 2
    assert len(paths(home)) == 1


def test_an_unfinished_file_of_a_killed_run_is_removed(home: Home) -> None:
    home.publish(csv__revenue_recognition=1)
    folder = home.settings.exports_dir / FILE
    folder.mkdir(parents=True)
    (folder / ".revenue_recognition_1_x.csv.part").write_text("operation,line")
    run_sync(home.settings, NAME)
    assert [path.suffix for path in paths(home)] == [".csv"]


@pytest.mark.parametrize(
    ("value", "is_text", "expected"),
    [
        ("=1+1", True, "'=1+1"),
        ("+49 30 1", True, "'+49 30 1"),
        ("-x", True, "'-x"),
        ("@cmd", True, "'@cmd"),
        ("\t=1", True, "'\t=1"),
        ("a=b", True, "a=b"),
        ("-5.00", False, "-5.00"),
        (-5.5, False, "-5.5"),
        (1e21, False, "1000000000000000000000"),
        (1e-7, False, "0.0000001"),
        (3.0, False, "3"),
        (True, False, "true"),
        (None, True, ""),
    ],
)
def test_text_is_no_formula_and_a_number_has_no_exponent(
    value: Any, is_text: bool, expected: str
) -> None:
    assert cell(value, is_text=is_text) == expected


def test_names_with_quotes_commas_and_lines_come_back_as_they_were(home: Home) -> None:
    home.publish(csv__revenue_recognition=1)
    odd = 'Ünï "Q", Ltd\nBerlin 🚀'
    home.change(f"update {TABLE} set account_name = '{odd}', customer_id = null")
    run_sync(home.settings, NAME)
    ((row,),) = home.files(FILE)
    assert (row["account_name"], row["customer_id"]) == (odd, "")
    assert b'"\xc3\x9cn\xc3\xaf ""Q"", Ltd\nBerlin' in paths(home)[0].read_bytes()


def test_a_folder_that_cannot_be_written_stops_the_sync_and_says_so(home: Home) -> None:
    home.publish(csv__revenue_recognition=1)
    home.settings.exports_dir.parent.mkdir(parents=True, exist_ok=True)
    home.settings.exports_dir.write_text("a file, not a folder")
    report = run_sync(home.settings, NAME)
    assert (report.status, report.accepted) == ("failed", 0)
    assert "set PLG_CSV_FOLDER" in str(report.message)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"file": None}, "file goes with destination: csv"),
        ({"file": "full"}, "file: full has mode: mirror"),
    ],
)
def test_a_csv_spec_says_which_rows_its_file_holds(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    folder = changed_spec(tmp_path / "specs", NAME, **changes)
    with pytest.raises(SpecError, match=words):
        read_spec(folder / f"{NAME}.yml")


def test_decimal_is_not_for_a_crm(tmp_path: Path) -> None:
    fields = {"Name": "account_name", "PLG_MRR__c": {"column": "mrr", "type": "decimal"}}
    folder = changed_spec(tmp_path / "specs", "salesforce_accounts", fields=fields)
    with pytest.raises(SpecError, match="type decimal is for webhook, csv"):
        read_spec(folder / "salesforce_accounts.yml")
    answers = {"PLG_Answer__c": "decimal"}
    folder = changed_spec(tmp_path / "more", "salesforce_accounts", answers=answers)
    with pytest.raises(SpecError, match="a CRM wants number: PLG_Answer__c"):
        read_spec(folder / "salesforce_accounts.yml")
