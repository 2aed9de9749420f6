"""The pages show what arrived, and show it safely."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import httpx

from reverse_etl.engine import run_sync
from reverse_etl.mocks.pages import mrkdwn, shown
from reverse_etl.mocks.store import messages, records

if TYPE_CHECKING:
    from tests.reverse_etl.conftest import Home, Mocks

ATTACK = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"


def text_of(page: httpx.Response) -> str:
    assert page.status_code == 200, page.text
    return html.unescape(re.sub(r"<[^>]*>", " ", page.text))


def test_a_salesperson_finds_the_hot_account_its_record_and_its_history(
    home: Home, mocks: Mocks
) -> None:
    home.publish(salesforce__accounts=60, salesforce__pqls=3, slack__hot_pqls=1)
    for name in ("salesforce_accounts", "salesforce_pqls", "slack_hot_pqls"):
        run_sync(home.settings, name, base_urls=mocks.urls)
    home.change("update sync_salesforce__accounts set plan = 'team' where record_key = 'acc_3'")
    run_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls)
    start = mocks.get("/")
    words = text_of(start)
    assert words.index("Account 3") < words.index("Account 2")  # the hottest first
    assert "Three people hit the query limit" in words
    assert "Account <1> is now hot: 132 points" in words
    found = mocks.get("/records/salesforce/Account", params={"q": "ACC3.example"})
    assert "1 record with" in text_of(found)
    links = re.findall(r'href="(/records/salesforce/Account/001\w+)"', found.text)
    record = mocks.get(f"{links[0]}")
    words = text_of(record)
    assert "Product account id" in words and "acc_3" in words
    assert re.search(r"update\s+Plan\s+free\s+team", words)
    assert "PQLs" in words
    pages = mocks.get("/records/salesforce/Account")
    assert "60 records" in text_of(pages) and "Next" in text_of(pages)
    following = mocks.get("/records/salesforce/Account?page_number=2")
    assert len(re.findall(r"/Account/001\w+", following.text)) == 10
    assert "composite/sobjects/Account" in text_of(mocks.get("/calls/salesforce"))


def test_refused_records_are_listed_with_the_reason(home: Home, mocks: Mocks) -> None:
    home.publish(hubspot__contacts=1)
    home.change("update sync_hubspot__contacts set record_key = 'nonsense'")
    run_sync(home.settings, "hubspot_contacts", base_urls=mocks.urls)
    assert "Email address nonsense is invalid" in text_of(mocks.get("/errors/hubspot"))


def test_no_value_becomes_html(mocks: Mocks) -> None:
    body = {"Name": ATTACK, "Website": "javascript:alert(1)", "PLG_PQL_Tier__c": ATTACK[:40]}
    record_id = mocks.salesforce("POST", "sobjects/Account", json=body).json()["id"]
    mocks.salesforce("POST", "sobjects/Account", json={ATTACK: 1})
    mocks.hubspot("POST", "/crm/v3/objects/companies", json={"properties": {"name": ATTACK}})
    payload = {"text": f'*{ATTACK}* <javascript:alert(1)|x> <https://a.example/" onx=1|{ATTACK}>'}
    mocks.post(mocks.urls["slack"].removeprefix(mocks.root), json={**payload, "channel": ATTACK})
    mocks.get(f"/salesforce/{ATTACK}")
    for path in (
        "/",
        "/records/salesforce/Account",
        f"/records/salesforce/Account/{record_id}",
        "/records/hubspot/companies",
        "/messages",
        "/calls/salesforce",
        "/errors/salesforce",
    ):
        page = mocks.get(f"{path}")
        assert page.status_code == 200
        assert "<script" not in page.text and "<img" not in page.text, path
        assert 'href="javascript' not in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    searched = mocks.get("/records/salesforce/Account", params={"q": ATTACK})
    assert "<script" not in searched.text and "1 record with" in text_of(searched)


def test_what_is_not_there_is_a_404_with_a_way_back(mocks: Mocks) -> None:
    for path in ("/records/salesforce/Nope", "/records/x/Account", "/records/hubspot/contacts/1"):
        page = mocks.get(f"{path}")
        assert page.status_code == 404 and 'href="/"' in page.text


def test_search_treats_wildcards_and_quotes_as_text(mocks: Mocks) -> None:
    for name in ("100% sure", "100 sure", 'say "hi"', "Ünïcode"):
        mocks.salesforce("POST", "sobjects/Account", json={"Name": name})
    for query, count in (("100%", 1), ('"hi"', 1), ("ÜNÏ", 1), ("_", 0)):
        page = mocks.get("/records/salesforce/Account", params={"q": query})
        assert f"· {count} record" in text_of(page), query


def test_values_are_written_for_people() -> None:
    assert shown(None) == "–"
    assert shown(True) == "yes"
    assert shown(1234.0) == "1,234"
    assert shown(12.5) == "12.50"
    assert shown("2026-01-31T12:00:00.000+0000") == "31 Jan 2026, 12:00"
    assert shown("2026-01-31") == "31 Jan 2026"
    assert str(mrkdwn("*a &lt;b&gt;* <https://x.example|y>")) == (
        '<strong>a &lt;b&gt;</strong> <a href="https://x.example">y</a>'
    )


def test_what_arrived_can_be_listed_from_python(mocks: Mocks) -> None:
    mocks.salesforce("POST", "sobjects/Account", json={"Name": "A", "PLG_Account_Id__c": "a"})
    mocks.post(mocks.urls["slack"].removeprefix(mocks.root), json={"text": "hello"})
    listed = records(mocks.settings, "salesforce", "Account")
    assert [(r["Name"], r["PLG_Account_Id__c"], r["Id"][:3]) for r in listed] == [("A", "a", "001")]
    assert records(mocks.settings, "hubspot", "contacts") == []
    assert [m["text"] for m in messages(mocks.settings)] == ["hello"]
