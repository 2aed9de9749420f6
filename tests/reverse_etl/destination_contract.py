"""What every destination must do, whatever its vendor: one class, inherited once a destination.

A subclass says which shipped sync it uses, how to see what arrived, and how the vendor refuses. All
of it runs through the engine and over HTTP to the mocks (CSV: into a real folder).
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from reverse_etl.engine import SyncReport, run_sync
from reverse_etl.status import list_dead_letters
from tests.reverse_etl.test_setup import changed_spec

if TYPE_CHECKING:
    from pathlib import Path

    from tests.reverse_etl.conftest import Home, Mocks

Held = list[tuple[str, dict[str, Any]]]

ODD = "Ünï „Q“, <Ltd> & 'Söhne'; 株式会社 🚀"


class Killed(BaseException):
    """The process ends here."""


class DestinationContract:
    """The claims. ``column`` of the table is sent as text in ``field``; keys are acc_1, acc_2 …"""

    sync: ClassVar[str]
    system: ClassVar[str]
    column: ClassVar[str] = "plan"
    field: ClassVar[str]
    long_column: ClassVar[str]
    long_field: ClassVar[str]
    changes: ClassVar[dict[str, Any]] = {}
    wrong: ClassVar[dict[str, Any]]
    wrong_words: ClassVar[str]
    key: ClassVar[str] = "acc_{}"

    # what a subclass knows of its vendor -------------------------------------------------

    def held(self, home: Home, mocks: Mocks) -> Held:
        """Every live record that arrived: its key and its fields; a duplicate twice."""
        raise NotImplementedError

    def refuse(self, mocks: Mocks) -> None:
        """Make the vendor refuse one of the next call's records."""
        mocks.fault(system=self.system, kind="partial", share=0.3)

    # parts -------------------------------------------------------------------------------

    @property
    def table(self) -> str:
        return f"sync_{self.sync.replace('_', '__', 1)}"

    @pytest.fixture
    def specs(self, tmp_path: Path) -> Path:
        return changed_spec(tmp_path / "specs", self.sync, **self.changes)

    def publish(self, home: Home, rows: int = 3) -> None:
        home.publish(**{self.table.removeprefix("sync_"): rows})

    def run(self, home: Home, mocks: Mocks, specs: Path, **options: Any) -> SyncReport:
        options = {"sleep": lambda seconds: None, **options}
        return run_sync(
            options.pop("settings", home.settings), self.sync, base_urls=mocks.urls,
            specs_folder=specs, **options,
        )  # fmt: skip

    def fields_of(self, home: Home, mocks: Mocks, number: int) -> dict[str, Any]:
        return dict(self.held(home, mocks))[self.key.format(number)]

    def assert_each_once(self, home: Home, mocks: Mocks, rows: int = 3) -> None:
        keys = Counter(key for key, _ in self.held(home, mocks))
        assert keys == {self.key.format(n): 1 for n in range(1, rows + 1)}

    def change(self, home: Home, column: str, value: str, number: int = 2) -> None:
        text = value.replace("'", "''")
        key = self.key.format(number)
        home.change(f"update {self.table} set {column} = '{text}' where record_key = '{key}'")

    # claims ------------------------------------------------------------------------------

    def test_what_is_new_is_created_once_and_then_left_alone(
        self, home: Home, mocks: Mocks, specs: Path
    ) -> None:
        self.publish(home)
        first = self.run(home, mocks, specs)
        assert (first.status, first.accepted, first.rejected) == ("succeeded", 3, 0)
        self.assert_each_once(home, mocks)
        second = self.run(home, mocks, specs)
        assert (second.status, second.unchanged, second.api_calls) == ("succeeded", 3, 0)

    def test_a_change_of_one_field_sends_that_field_alone(
        self, home: Home, mocks: Mocks, specs: Path
    ) -> None:
        self.publish(home)
        self.run(home, mocks, specs)
        before = self.fields_of(home, mocks, 1)
        self.change(home, self.column, "other")
        report = self.run(home, mocks, specs)
        assert (report.status, report.accepted) == ("succeeded", 1)
        sent = home.ops(f"select payload from sync_records where run_id = '{report.run_id}'")
        assert [json.loads(payload) for (payload,) in sent] == [{self.field: "other"}]
        assert self.fields_of(home, mocks, 2)[self.field] == "other"
        assert self.fields_of(home, mocks, 1) == before

    def test_a_refused_record_is_listed_and_tried_again_by_the_next_run(
        self, home: Home, mocks: Mocks, specs: Path
    ) -> None:
        self.publish(home)
        self.refuse(mocks)
        report = self.run(home, mocks, specs)
        assert (report.status, report.accepted, report.rejected) == ("partial", 2, 1)
        (letter,) = list_dead_letters(home.settings)
        assert letter["message"] and letter["next_action"]
        assert letter["record_key"] not in dict(self.held(home, mocks))
        again = self.run(home, mocks, specs)
        assert (again.status, again.accepted) == ("succeeded", 1)
        self.assert_each_once(home, mocks)
        assert list_dead_letters(home.settings) == []

    @pytest.mark.parametrize("kind", ["error_after_apply", "drop", "unavailable", "throttle"])
    def test_a_call_without_an_answer_is_repeated_and_makes_no_duplicate(
        self, home: Home, mocks: Mocks, specs: Path, kind: str
    ) -> None:
        self.publish(home)
        mocks.fault(system=self.system, kind=kind)
        report = self.run(home, mocks, specs)
        assert (report.status, report.accepted) == ("succeeded", 3)
        self.assert_each_once(home, mocks)

    def test_killed_after_the_write_the_next_run_makes_no_duplicate(
        self, home: Home, mocks: Mocks, specs: Path
    ) -> None:
        self.publish(home)
        mocks.fault(system=self.system, kind="drop")

        def die(seconds: float) -> None:
            raise Killed

        with pytest.raises(Killed):
            self.run(home, mocks, specs, sleep=die)
        report = self.run(home, mocks, specs)
        assert report.status == "succeeded"
        self.assert_each_once(home, mocks)
        assert self.run(home, mocks, specs).api_calls == 0

    def test_a_row_that_left_is_deleted_where_the_spec_says_so(
        self, home: Home, mocks: Mocks, tmp_path: Path
    ) -> None:
        changes = {"delete_policy": None, "set_fields": None, **self.changes, "mode": "mirror"}
        specs = changed_spec(tmp_path / "specs", self.sync, **changes)
        self.publish(home)
        self.run(home, mocks, specs)
        home.change(f"delete from {self.table} where record_key = '{self.key.format(3)}'")
        report = self.run(home, mocks, specs)
        assert (report.status, report.planned_deletes, report.accepted) == ("succeeded", 1, 1)
        self.assert_each_once(home, mocks, rows=2)
        assert self.run(home, mocks, specs).api_calls == 0
        self.publish(home)  # and comes back as it was
        assert self.run(home, mocks, specs).planned_creates == 1
        self.assert_each_once(home, mocks)

    def test_a_row_that_left_is_kept_where_the_spec_says_so(
        self, home: Home, mocks: Mocks, tmp_path: Path
    ) -> None:
        changes = {**self.changes, "mode": "upsert", "delete_policy": "keep", "set_fields": None}
        specs = changed_spec(tmp_path / "specs", self.sync, **changes)
        self.publish(home)
        self.run(home, mocks, specs)
        home.change(f"delete from {self.table} where record_key = '{self.key.format(3)}'")
        report = self.run(home, mocks, specs)
        assert (report.planned_deletes, report.api_calls) == (0, 0)
        self.assert_each_once(home, mocks)

    def test_an_empty_source_stops_the_sync_and_sends_nothing(
        self, home: Home, mocks: Mocks, tmp_path: Path
    ) -> None:
        specs = changed_spec(
            tmp_path / "specs", self.sync, **{**self.changes, "empty_source": "stop"}
        )
        self.publish(home)
        self.run(home, mocks, specs)
        home.change(f"delete from {self.table}")
        report = self.run(home, mocks, specs)
        assert (report.status, report.api_calls) == ("stopped", 0)
        assert f"plg sync release {self.sync}" in str(report.message)
        self.assert_each_once(home, mocks)

    def test_an_empty_source_on_the_first_run_is_no_event(
        self, home: Home, mocks: Mocks, specs: Path
    ) -> None:
        self.publish(home, rows=1)
        home.change(f"delete from {self.table}")
        report = self.run(home, mocks, specs)
        assert (report.status, report.api_calls) == ("succeeded", 0)

    def test_odd_letters_arrive_as_they_are_long_text_is_cut_and_null_is_empty(
        self, home: Home, mocks: Mocks, specs: Path
    ) -> None:
        self.publish(home)
        self.change(home, self.long_column, ODD, number=1)
        self.change(home, self.long_column, "x" * 40_000, number=2)
        home.change(
            f"update {self.table} set {self.column} = null "
            f"where record_key = '{self.key.format(3)}'"
        )
        report = self.run(home, mocks, specs)
        assert (report.status, report.accepted) == ("succeeded", 3)
        assert self.fields_of(home, mocks, 1)[self.long_field] == ODD
        assert set(self.fields_of(home, mocks, 2)[self.long_field]) == {"x"}
        assert self.fields_of(home, mocks, 3).get(self.field) in (None, "")

    def test_wrong_credentials_stop_the_sync_and_are_named(
        self, home: Home, mocks: Mocks, specs: Path
    ) -> None:
        self.publish(home)
        settings = home.settings.model_copy(update=self.wrong)
        report = self.run(home, mocks, specs, settings=settings)
        assert (report.status, report.accepted) == ("failed", 0)
        assert self.wrong_words in str(report.message)
        assert self.run(home, mocks, specs).accepted == 3
