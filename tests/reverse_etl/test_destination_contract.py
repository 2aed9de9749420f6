"""Every destination keeps the contract (`destination_contract`), and says where it cannot."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from reverse_etl.engine import run_sync
from reverse_etl.mocks.hubspot_lists_api import Lists
from tests.reverse_etl.destination_contract import ODD, DestinationContract, Held, Killed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.reverse_etl.conftest import Home, Mocks


class TestSalesforceCollections(DestinationContract):
    sync, system, field = "salesforce_accounts", "salesforce", "PLG_Plan__c"
    long_column, long_field = "account_name", "Name"
    wrong, wrong_words = {"salesforce_password": "x"}, "PLG_SALESFORCE_CLIENT_ID"

    def held(self, home: Home, mocks: Mocks) -> Held:
        records, _ = mocks.store("salesforce").page("Account", limit=-1)
        return [(r.fields["PLG_Account_Id__c"], r.fields) for r in records]


class TestSalesforceBulk(TestSalesforceCollections):
    changes: ClassVar[dict[str, Any]] = {"bulk_above": 0, "batch_size": 1}

    def refuse(self, mocks: Mocks) -> None:
        """A number of employees Salesforce does not take: the job's other rows are done."""
        mocks.post(
            "/admin/schema",
            json={
                "system": "salesforce",
                "object": "Account",
                "field": "NumberOfEmployees",
                "options": {"max": 2},
            },
        ).raise_for_status()

    def test_a_refused_record_is_listed_and_tried_again_by_the_next_run(
        self, home: Home, mocks: Mocks, specs: Path
    ) -> None:
        self.publish(home)
        self.refuse(mocks)
        report = self.run(home, mocks, specs)
        assert (report.status, report.accepted, report.rejected) == ("partial", 2, 1)
        assert "NUMBER_OUTSIDE_VALID_RANGE" in report.rejections[0]["message"]
        change = {"system": "salesforce", "object": "Account", "field": "NumberOfEmployees"}
        mocks.post("/admin/schema", json={**change, "options": {"max": 9}}).raise_for_status()
        assert self.run(home, mocks, specs).accepted == 1
        self.assert_each_once(home, mocks)

    def test_the_records_went_as_a_job(self, home: Home, mocks: Mocks, specs: Path) -> None:
        self.publish(home)
        self.run(home, mocks, specs)
        paths = [call["path"] for call in mocks.store("salesforce").rows("calls", limit=100)]
        assert any("/jobs/ingest" in path for path in paths)
        assert not any("/composite/" in path for path in paths)


class TestHubSpot(DestinationContract):
    sync, system, field = "hubspot_companies", "hubspot", "plg_plan"
    long_column, long_field = "pql_reason", "plg_pql_reason"
    wrong, wrong_words = {"hubspot_token": "x"}, "PLG_HUBSPOT_TOKEN"

    def held(self, home: Home, mocks: Mocks) -> Held:
        records, _ = mocks.store("hubspot").page("companies", limit=-1)
        return [(r.fields["plg_account_id"], r.fields) for r in records]


class TestAudience(DestinationContract):
    """A record is a membership of a list, of a contact that is there already."""

    sync, system = "hubspot_audiences", "hubspot"
    column, field, key = "list_name", "list_name", "dormant|p{}@acc.example"
    wrong, wrong_words = {"hubspot_token": "x"}, "PLG_HUBSPOT_TOKEN"

    @pytest.fixture(autouse=True)
    def contacts(self, mocks: Mocks) -> None:
        for number in (1, 2, 3):
            self.make_contact(mocks, number)

    @staticmethod
    def make_contact(mocks: Mocks, number: int) -> None:
        properties = {"email": f"p{number}@acc.example"}
        path = "/crm/v3/objects/contacts"
        mocks.hubspot("POST", path, json={"properties": properties}).raise_for_status()

    def held(self, home: Home, mocks: Mocks) -> Held:
        names = [one["name"] for one in Lists(mocks.app.state.systems.hubspot.portal).search("")]
        return [
            (f"dormant|{email}", {"list_name": name})
            for name in names
            for email in mocks.list_members(name)
        ]

    def test_a_refused_record_is_listed_and_tried_again_by_the_next_run(
        self, home: Home, mocks: Mocks, specs: Path
    ) -> None:
        self.publish(home)
        portal = mocks.app.state.systems.hubspot.portal
        gone = portal.find(portal.object_type("contacts"), "p2@acc.example", "email")
        mocks.hubspot("DELETE", f"/crm/v3/objects/contacts/{gone.id}").raise_for_status()
        report = self.run(home, mocks, specs)
        assert (report.status, report.accepted, report.rejected) == ("partial", 2, 1)
        assert "no contacts with email p2@acc.example" in report.rejections[0]["message"]
        self.make_contact(mocks, 2)
        assert self.run(home, mocks, specs).accepted == 1
        self.assert_each_once(home, mocks)

    # whose row left has left the list
    test_a_row_that_left_is_kept_where_the_spec_says_so = None

    def test_odd_letters_arrive_as_they_are_long_text_is_cut_and_null_is_empty(
        self, home: Home, mocks: Mocks, specs: Path
    ) -> None:
        self.publish(home)
        self.change(home, "list_name", ODD, number=1)
        home.change(
            f"update {self.table} set email = null where record_key = 'dormant|p3@acc.example'"
        )
        report = self.run(home, mocks, specs)
        assert (report.status, report.accepted, report.rejected) == ("partial", 2, 1)
        assert self.fields_of(home, mocks, 1) == {"list_name": ODD}
        assert "email (empty)" in report.rejections[0]["message"]


class TestWebhook(DestinationContract):
    sync, system, field = "webhook_account_health", "sink", "plan"
    long_column, long_field = "account_name", "account_name"
    wrong, wrong_words = {"webhook_secret": "x"}, "PLG_WEBHOOK_SECRET"

    def held(self, home: Home, mocks: Mocks) -> Held:
        records, _ = mocks.store("sink").page("account_health", limit=-1)
        return [(r.id, r.fields) for r in records]


class TestCsv(DestinationContract):
    """Files have no receiver: nobody refuses, and what was written is applied as it was told."""

    sync, system, field = "csv_revenue_recognition", "", "plan"
    column, long_column, long_field = "plan_key", "account_name", "account_name"
    key = "il_{}|2026-01"

    def held(self, home: Home, mocks: Mocks) -> Held:
        held: dict[str, Any] = {}
        again: Held = []
        for rows in home.files("revenue_recognition"):
            for row in rows:
                key, operation = row["line_month_id"], row["operation"]
                fields = {k: v for k, v in row.items() if k not in ("line_month_id", "operation")}
                if operation == "delete":
                    del held[key]
                elif operation == "create" and key in held:
                    again.append((key, fields))
                else:
                    held[key] = fields
        return [*held.items(), *again]

    # a file refuses no record
    test_a_refused_record_is_listed_and_tried_again_by_the_next_run = None

    # and gives no answer that could be lost: a killed run is the next claim
    test_a_call_without_an_answer_is_repeated_and_makes_no_duplicate = None

    def test_killed_after_the_write_the_next_run_makes_no_duplicate(
        self, home: Home, mocks: Mocks, specs: Path
    ) -> None:
        self.publish(home)
        self.run(home, mocks, specs)
        home.forget("sync_ledger")  # the file is there, and the ledger never heard of it
        assert self.run(home, mocks, specs).accepted == 3
        self.assert_each_once(home, mocks)

    def test_wrong_credentials_stop_the_sync_and_are_named(
        self, home: Home, mocks: Mocks, specs: Path
    ) -> None:
        self.publish(home)
        home.settings.exports_dir.write_text("a file where the folder should be")
        report = self.run(home, mocks, specs)
        assert (report.status, report.accepted) == ("failed", 0)
        assert "PLG_CSV_FOLDER" in str(report.message)
        home.settings.exports_dir.unlink()
        assert self.run(home, mocks, specs).accepted == 3


class TestSlack(DestinationContract):
    """A webhook knows no key: messages are posted, never changed or taken back, at least once."""

    sync, system, field = "slack_hot_pqls", "slack", "plan"
    long_column, long_field = "account_name", "text"
    key = "acc_{}"

    def held(self, home: Home, mocks: Mocks) -> Held:
        names = [
            m["text"].removeprefix("Account &lt;").partition("&gt;")[0] for m in mocks.messages()
        ]
        return [(f"acc_{name}", {}) for name in names]

    def test_a_change_of_one_field_sends_that_field_alone(
        self, home: Home, mocks: Mocks, specs: Path
    ) -> None:
        self.publish(home)
        self.run(home, mocks, specs)
        home.change(f"update {self.table} set plan = 'other'")
        assert self.run(home, mocks, specs).api_calls == 0, "a message is not changed afterwards"

    def test_a_refused_record_is_listed_and_tried_again_by_the_next_run(
        self, home: Home, mocks: Mocks, specs: Path
    ) -> None:
        self.publish(home)
        mocks.fault(system="slack", kind="refuse_batch", value="Account &lt;2&gt;")
        report = self.run(home, mocks, specs)
        assert (report.status, report.accepted, report.rejected) == ("partial", 2, 1)
        mocks.clear_faults()
        assert self.run(home, mocks, specs).accepted == 1
        self.assert_each_once(home, mocks)

    @pytest.mark.parametrize("kind", ["error_after_apply", "drop"])
    def test_a_call_without_an_answer_is_repeated_and_makes_no_duplicate(
        self, home: Home, mocks: Mocks, specs: Path, kind: str
    ) -> None:
        self.publish(home)
        mocks.fault(system=self.system, kind=kind)
        report = self.run(home, mocks, specs)
        assert (report.status, report.accepted) == ("succeeded", 3)
        assert len(self.held(home, mocks)) == 4, "posted again rather than lost"

    def test_killed_after_the_write_the_next_run_makes_no_duplicate(
        self, home: Home, mocks: Mocks, specs: Path
    ) -> None:
        self.publish(home)
        mocks.fault(system=self.system, kind="drop")

        def die(seconds: float) -> None:
            raise Killed

        with pytest.raises(Killed):
            self.run(home, mocks, specs, sleep=die)
        self.run(home, mocks, specs)
        posted = Counter(key for key, _ in self.held(home, mocks))
        assert posted == {"acc_1": 2, "acc_2": 1, "acc_3": 1}, "never lost, as README says"

    # a message cannot be taken back
    test_a_row_that_left_is_deleted_where_the_spec_says_so = None

    def test_a_row_that_left_is_kept_where_the_spec_says_so(
        self, home: Home, mocks: Mocks, specs: Path
    ) -> None:
        self.publish(home)
        self.run(home, mocks, specs)
        home.change(f"delete from {self.table} where account_id = 'acc_3'")
        assert self.run(home, mocks, specs).api_calls == 0
        self.assert_each_once(home, mocks)

    def test_odd_letters_arrive_as_they_are_long_text_is_cut_and_null_is_empty(
        self, home: Home, mocks: Mocks, specs: Path
    ) -> None:
        self.publish(home)
        home.change(f"update {self.table} set reason = repeat('x', 40000), plan = null")
        assert self.run(home, mocks, specs).accepted == 3
        assert all(len(m["payload"]) < 4000 for m in mocks.messages())

    def test_wrong_credentials_stop_the_sync_and_are_named(
        self, home: Home, mocks: Mocks, specs: Path
    ) -> None:
        self.publish(home)
        wrong = {**mocks.urls, "slack": f"{mocks.root}/slack/services/gone/B0/x"}
        report = run_sync(home.settings, self.sync, base_urls=wrong, specs_folder=specs)
        assert (report.status, report.accepted) == ("failed", 0)
        assert "PLG_SLACK_URL" in str(report.message)
