"""CSV sources: headers, cells, and which row of a key counts."""

from datetime import date, datetime
from decimal import Decimal

import pytest

HEADER = "account,start,end,annual_value,currency,seats,billing_frequency,signed_date,owner\n"
ACME = "acc_1,2026-01-01,2026-12-31,12000.00,usd,40,annual,2025-12-20,Ann\n"


def test_cells_land_typed_and_a_contract_without_an_id_gets_one(installation):
    installation.land("contracts/c.csv", HEADER + ACME)
    installation.land("support_tickets/t.csv",
        "id,account,requester,opened,first_response,resolved,channel,deflected_by\n"
        't1,acc_1,a@b.co,2026-02-01T10:00:00Z,,,email,"said ""hi"",\nthen left"\n')  # fmt: skip
    installation.ingest()
    ((contract_id, *rest),) = installation.raw(
        "select * exclude (file_id, line_number, load_id) from raw.contracts"
    )
    assert len(contract_id) == 32
    assert rest == [
        "acc_1", date(2026, 1, 1), date(2026, 12, 31), Decimal("12000.00"), "USD", 40, "annual",
        date(2025, 12, 20), "Ann",
    ]  # fmt: skip
    assert installation.raw(
        "select opened_at, resolved_at, deflected_by from raw.support_tickets"
    ) == [(datetime(2026, 2, 1, 10), None, 'said "hi",\nthen left')]


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("month,currency,rate,source", "unexpected column 'source'"),
        ("month,currency", "missing column 'rate'"),
        (
            "month,currency,exchange_rate",
            "missing column 'rate'; unexpected column 'exchange_rate'",
        ),
        ("month,currency,rate,rate", "repeated column 'rate'"),
    ],
)
def test_a_wrong_header_refuses_the_file_and_says_file_column_and_expected(
    installation, header, says
):
    installation.land("fx_rates/fx.csv", f"{header}\n2026-01,EUR,1.1\n")
    installation.land("fx_rates/good.csv", "rate,month,currency\n1.2,2026-01,GBP\n")
    report = installation.ingest()
    assert report.files_refused == [
        f"fx_rates/fx.csv: {says}. Expected header of fx_rates: month,currency,rate"
    ]
    assert installation.ops(
        "select status, message from ingest_files where path = 'fx_rates/fx.csv'"
    ) == [("refused", report.files_refused[0])]
    assert installation.raw("select currency from raw.fx_rates") == [("GBP",)]


def test_a_refused_file_is_reported_until_it_is_mended(installation):
    installation.land("fx_rates/fx.csv", "month,currency\n2026-01,EUR\n")
    first = installation.ingest().files_refused
    assert installation.ingest().files_refused == first
    assert len(first) == 1
    installation.land("fx_rates/fx.csv", "month,currency,rate\n2026-01,EUR,1.1\n")
    assert installation.ingest().files_refused == []
    assert installation.raw("select currency from raw.fx_rates") == [("EUR",)]


def test_a_broken_replacement_leaves_the_rows_that_were_loaded(installation):
    installation.land("fx_rates/fx.csv", "month,currency,rate\n2026-01,EUR,1.1\n")
    installation.ingest()
    installation.land("fx_rates/fx.csv", "month,currency,exchange\n2026-01,EUR,1.2\n")
    assert len(installation.ingest().files_refused) == 1
    assert installation.raw("select rate from raw.fx_rates") == [(Decimal("1.1"),)]
    installation.land("fx_rates/fx.csv", "month,currency,rate\n2026-01,EUR,1.1\n")
    assert installation.ingest().files_refused == []
    assert installation.raw("select rate from raw.fx_rates") == [(Decimal("1.1"),)]


@pytest.mark.parametrize(
    ("row", "detail"),
    [
        (
            "acc_1,2026-02-30,2026-12-31,1,USD,1,annual,,",
            "start: 2026-02-30 is not a date (YYYY-MM-DD)",
        ),
        (
            "acc_1,2026-01-01,2026-12-31,12.345,USD,1,annual,,",
            "annual_value: 12.345 is not a number that fits decimal(18,2)",
        ),
        ("acc_1,2026-01-01,2026-12-31,1,USD,2.5,annual,,", "seats: 2.5 is not a whole number"),
        (
            "acc_1,2026-01-01,2026-12-31,1,dollars,1,annual,,",
            "currency: dollars is not a three-letter currency",
        ),
        (",2026-01-01,2026-12-31,1,USD,1,annual,,", "account: empty"),
        ("acc_1,2026-01-01,2026-12-31", "3 columns, expected 9"),
    ],
)
def test_a_bad_cell_refuses_its_row_and_names_the_column(installation, row, detail):
    installation.land("contracts/c.csv", HEADER + "\n" + row + "\n" + ACME)
    installation.ingest()
    assert installation.counts("contracts/c.csv") == (2, 1, 1, 0)
    assert installation.ops("select line_number, reason, detail, raw from quarantine") == [
        (3, "bad_value", detail, row)
    ]


def test_months_may_be_written_with_or_without_the_first(installation):
    installation.land(
        "targets/t.csv", "month,metric,target\n2026-01,mrr,1\n2026-02-01,mrr,2\n2026-03-02,mrr,3\n"
    )
    installation.ingest()
    assert installation.raw("select month, target from raw.targets order by 1") == [
        (date(2026, 1, 1), Decimal("1.0000")),
        (date(2026, 2, 1), Decimal("2.0000")),
    ]


def test_the_latest_row_of_a_key_counts_and_identical_rows_are_duplicates(installation):
    header = "month,currency,rate\n"
    installation.land(
        "fx_rates/1.csv", header + "2026-01,EUR,1.1\n2026-01,eur,1.10\n2026-02,EUR,1.2\n"
    )
    installation.ingest()
    installation.land("fx_rates/2.csv", header + "2026-01,EUR,1.1\n2026-02,EUR,1.3\n")
    installation.ingest()
    assert installation.counts("fx_rates/1.csv") == (3, 2, 0, 1)
    assert installation.counts("fx_rates/2.csv") == (2, 1, 0, 1)
    assert installation.raw("select month, rate from raw.fx_rates order by 1") == [
        (date(2026, 1, 1), Decimal("1.1")),
        (date(2026, 2, 1), Decimal("1.3")),
    ]


def test_spend_lines_may_repeat_in_a_file_and_a_later_file_replaces_the_key(installation):
    header = "date,channel,campaign,amount,currency\n"
    line = "2026-01-01,ads,brand,10.00,USD\n"
    installation.land("marketing_spend/1.csv", header + line + line + "2026-01-02,ads,,5,USD\n")
    installation.ingest()
    assert installation.raw("select sum(amount) from raw.marketing_spend") == [(Decimal(25),)]
    installation.land("marketing_spend/2.csv", header + "2026-01-01,ads,brand,7.00,USD\n")
    installation.ingest()
    assert installation.raw("select sum(amount) from raw.marketing_spend") == [(Decimal(12),)]


def test_an_unclosed_quote_refuses_the_file_instead_of_swallowing_it(installation):
    installation.land("targets/t.csv", 'month,metric,target\n2026-01,"mrr,1\n2026-02,mrr,2\n')
    (message,) = installation.ingest().files_refused
    assert message.startswith("targets/t.csv: line 2: ")


def test_a_file_from_a_spreadsheet_with_bom_and_crlf_is_read(installation):
    content = b"\xef\xbb\xbfmonth,kind,amount\r\n2026-01,sales,5\r\n2026-01,\xff\xfe,5\r\n"
    installation.land("gtm_costs/g.csv", content)
    installation.ingest()
    assert installation.counts("gtm_costs/g.csv") == (2, 1, 1, 0)
    assert installation.ops("select line_number, reason from quarantine") == [(3, "invalid_utf8")]
