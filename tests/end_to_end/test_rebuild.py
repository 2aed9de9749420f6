"""However the files arrive, the warehouse ends up the same: nightly increments = one rebuild.

GIVEN a demo company's files, WHEN they arrive over three builds (late, out of order, once
truncated and corrected, once sent again under another name, once by a sender that had to be
withdrawn), THEN every table of every layer equals that of an installation that read the final
landing folder once.
"""

import gzip
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.conftest import tables_that_remember

pytestmark = pytest.mark.proof


@pytest.fixture(scope="module")
def company(new_installation):
    """The landing folder as it is in the end."""
    installation = new_installation("whole")
    installation.plg(
        "demo", "generate", "--accounts", "40", "--months", "8", "--seed", "23",
        "--out", str(installation.landing),
    )  # fmt: skip
    return installation


@pytest.fixture(scope="module")
def rebuilt(company):
    company.plg("ingest")
    company.plg("build")
    return company


@pytest.fixture(scope="module")
def incremental(company, new_installation):
    installation = new_installation("nightly")
    arrival = _Arrival(company.landing, installation.landing)
    days = arrival.files("events/segment")
    months = arrival.files("stripe/events")
    everything_else = [
        path
        for path in arrival.files("")
        if path not in days and path not in months and path.name != "demo.json"
    ]
    late_day, truncated_day, early = days[20], days[40], int(len(days) * 0.6)
    late_month = months[3]

    arrival.bring([Path("demo.json"), *everything_else])
    arrival.bring([day for day in days[:early] if day not in (late_day, truncated_day)])
    arrival.bring_truncated(truncated_day)
    arrival.bring([month for month in months[:5] if month != late_month])
    installation.plg("ingest")
    installation.plg("build")

    arrival.bring([truncated_day, late_day, *days[early:-10]])
    arrival.bring_again(days[10], "again/resent.jsonl.gz")
    arrival.bring_from_a_stranger("stranger.jsonl")
    arrival.bring(months[5:])
    installation.plg("ingest")
    installation.plg("build")
    assert installation.count_rows("staging.stg_events__identifies", "user_id = 'stranger'")

    arrival.bring([*days[-10:], late_month])
    installation.plg("ingest", "--withdraw", "events/segment/stranger.jsonl")
    (installation.landing / "events/segment/stranger.jsonl").unlink()
    installation.plg("ingest")
    installation.plg("build")
    return installation


class _Arrival:
    """Copies files of the final landing folder into another one, as they arrive."""

    def __init__(self, source: Path, target: Path):
        self.source, self.target = source, target

    def files(self, part: str) -> list[Path]:
        found = (self.source / part).rglob("*")
        return sorted(path.relative_to(self.source) for path in found if path.is_file())

    def bring(self, paths: list[Path]) -> None:
        for path in paths:
            self._place(path).write_bytes((self.source / path).read_bytes())

    def bring_truncated(self, path: Path) -> None:
        lines = gzip.decompress((self.source / path).read_bytes()).splitlines(keepends=True)
        self._place(path).write_bytes(gzip.compress(b"".join(lines[: len(lines) // 2])))

    def bring_again(self, path: Path, name: str) -> None:
        shutil.copy(self.source / path, self._place(Path("events/segment") / name))

    def bring_from_a_stranger(self, name: str) -> None:
        times = '"timestamp":"2026-05-05T10:00:00Z","receivedAt":"2026-05-05T10:00:01Z"'
        who = '"userId":"stranger","anonymousId":"stranger-device"'
        self._place(Path("events/segment") / name).write_text(
            f'{{"messageId":"s1","type":"identify",{who},{times},'
            '"traits":{"email":"stranger@elsewhere.example","email_verified":true}}\n'
            f'{{"messageId":"s2","type":"group","groupId":"acc_stranger",{who},{times}}}\n'
            f'{{"messageId":"s3","type":"track","event":"signed_up",{who},{times}}}\n'
        )

    def _place(self, path: Path) -> Path:
        place = self.target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place


def test_every_table_is_the_same_as_after_one_rebuild(incremental, rebuilt):
    histories = tables_that_remember()
    after_increments = incremental.warehouse_contents(without=histories)
    after_rebuild = rebuilt.warehouse_contents(without=histories)
    assert len(after_rebuild) > 250
    assert sum(rows for rows, _ in after_rebuild.values()) > 10_000
    different = {
        table: (after_increments.get(table), contents)
        for table, contents in after_rebuild.items()
        if after_increments.get(table) != contents
    }
    assert different == {}
    assert after_increments.keys() == after_rebuild.keys()
