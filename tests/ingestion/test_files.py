"""Files: loaded once, replaced when they change, taken out again, refused one by one."""

import gzip
import hashlib
import json
import os
import shutil
import threading

import pytest
from filelock import FileLock

from ingestion.errors import IngestRunning, LakeWithoutManifest, UnknownFile
from ingestion.run import ingest
from ingestion.withdraw import withdraw_file
from tests.ingestion.conftest import Installation, track

A, B, C = (f"events/segment/{name}.jsonl" for name in "abc")


def messages(installation: Installation) -> list[str]:
    return [row[0] for row in installation.raw("select message_id from raw.events order by 1")]


def versions(installation: Installation) -> list[tuple[str, str]]:
    return installation.ops("select path, status from ingest_files order by file_id")


def test_an_empty_landing_folder_gives_empty_views_and_a_note_for_every_source(installation):
    report = installation.ingest()
    assert report.load_id is None
    assert {note.split(" (")[0] for note in report.notes} >= {"no billing", "no product events"}
    for dataset in ("events", "event_loads", "stripe_events", "contracts", "crm_records"):
        assert installation.raw(f"from raw.{dataset}") == []
    assert installation.raw("select count(*) from raw.pipeline_clock") == [(1,)]


def test_events_alone_are_enough(installation):
    installation.land(A, [track("m1")])
    report = installation.ingest()
    assert report.rows_accepted == 1
    assert not any("product events" in note for note in report.notes)
    assert any("no billing" in note for note in report.notes)


def test_ingesting_twice_changes_nothing(installation):
    installation.land(A, [track("m1"), "broken", track("m1")])
    installation.land("fx_rates/fx.csv", "month,currency,rate\n2026-01,EUR,1.1\n")
    installation.ingest()
    before = (
        installation.lake_files(),
        installation.ops("from ingest_files order by file_id"),
        installation.ops("from quarantine"),
        installation.raw("from raw.events"),
    )
    report = installation.ingest()
    assert (report.load_id, report.files_new, report.files_skipped) == (None, 0, 2)
    assert before == (
        installation.lake_files(),
        installation.ops("from ingest_files order by file_id"),
        installation.ops("from quarantine"),
        installation.raw("from raw.events"),
    )


def test_a_touched_file_with_the_same_content_is_not_loaded_again(installation):
    file = installation.land(A, [track("m1")])
    installation.ingest()
    file.touch()
    assert installation.ingest().files_skipped == 1
    assert versions(installation) == [(A, "loaded")]


def test_the_same_content_under_another_path_counts_as_duplicates(installation):
    lines = [track("m1"), "broken", track("m2")]
    installation.land(A, lines)
    installation.land(B, lines)
    installation.ingest()
    installation.land(C, lines)
    assert installation.ingest().load_id is None
    assert installation.counts(A) == (3, 2, 1, 0)
    assert installation.counts(B) == installation.counts(C) == (3, 0, 0, 3)
    assert messages(installation) == ["m1", "m2"]


def test_new_content_under_the_same_path_replaces_the_old_rows(installation):
    installation.land(A, [track("m1"), track("m2"), "broken"])
    installation.ingest()
    installation.land(A, [track("m2"), track("m3", receivedAt="2026-02-02T10:00:00Z")])
    report = installation.ingest()
    assert (report.load_id, report.files_superseded) == (2, 1)
    assert messages(installation) == ["m2", "m3"]
    assert versions(installation) == [(A, "superseded"), (A, "loaded")]
    assert installation.counts(A) == (2, 2, 0, 0)
    assert installation.ops("from quarantine") == []
    # both the day rows came to and the day rows were taken from
    assert [str(row[0]) for row in installation.raw(
        "select received_date from raw.event_loads where load_id = 2 order by 1"
    )] == ["2026-02-01", "2026-02-02"]  # fmt: skip


def test_rows_that_repeated_a_replaced_file_are_not_lost_with_it(installation):
    installation.land(A, [track("m1"), track("m2")])
    installation.ingest()
    installation.land(B, [track("m2"), track("m3")])
    installation.ingest()
    assert installation.counts(B) == (2, 1, 0, 1)
    installation.land(A, [track("m1")])
    installation.ingest()
    assert messages(installation) == ["m1", "m2", "m3"]
    assert installation.counts(B) == (2, 2, 0, 0)


def test_withdrawing_a_file_takes_its_rows_out_and_keeps_them_out(installation):
    installation.land(A, [track("m1", receivedAt="2026-02-03T10:00:00Z"), "broken"])
    installation.land(B, [track("m2")])
    installation.ingest()
    report = withdraw_file(installation.settings, A)
    assert report.load_id == 2
    assert messages(installation) == ["m2"]
    assert versions(installation) == [(A, "withdrawn"), (B, "loaded")]
    assert installation.ops("from quarantine") == []
    assert [(row[0], str(row[1]), row[2]) for row in installation.raw(
        "from raw.event_loads where load_id = 2"
    )] == [(2, "2026-02-03", 0)]  # fmt: skip
    again = installation.ingest()
    assert again.load_id is None
    assert messages(installation) == ["m2"]
    installation.land(A, [track("m1", event="mended")])
    assert installation.ingest().load_id == 3
    assert messages(installation) == ["m1", "m2"]


def test_withdrawing_the_original_brings_the_copy_in(installation):
    installation.land(A, [track("m1"), "broken"])
    installation.land(B, [track("m1"), "broken"])
    installation.ingest()
    withdraw_file(installation.settings, A)
    assert installation.counts(B) == (2, 1, 1, 0)
    assert messages(installation) == ["m1"]


def test_withdrawing_says_so_when_repeats_cannot_be_read_again(installation):
    installation.land(A, [track("m1")])
    copy = installation.land(B, [track("m1"), track("m2")])
    installation.ingest()
    copy.unlink()
    report = withdraw_file(installation.settings, str(installation.landing / A))
    assert messages(installation) == ["m2"]
    assert any(B in note and "land it again" in note for note in report.notes)


def test_withdrawing_a_refused_file_ends_the_error(installation):
    path = "fx_rates/fx.csv"
    installation.land(path, "month,currency,exchange\n")
    assert len(installation.ingest().files_refused) == 1
    assert withdraw_file(installation.settings, path).load_id is None
    assert versions(installation) == [(path, "withdrawn")]
    assert installation.ingest().files_refused == []


def test_only_a_loaded_file_can_be_withdrawn(installation):
    with pytest.raises(UnknownFile, match=r"nothing\.jsonl"):
        withdraw_file(installation.settings, "events/segment/nothing.jsonl")


def test_an_interrupted_ingest_is_invisible_and_healed_by_the_next(installation, monkeypatch):
    installation.land(A, [track("m1")])
    installation.ingest()
    installation.land(B, [track("m2"), track("m3", receivedAt="2026-02-05T10:00:00Z")])

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("ingestion.load.commit", killed)
    with pytest.raises(KeyboardInterrupt):
        installation.ingest()
    monkeypatch.undo()
    orphans = {name for name in installation.lake_files() if "load-000002" in name}
    assert orphans
    assert messages(installation) == ["m1"]
    assert installation.raw("select max(load_id) from raw.event_loads") == [(1,)]
    report = installation.ingest()
    assert any("interrupted" in note for note in report.notes)
    assert (report.load_id, messages(installation)) == (2, ["m1", "m2", "m3"])
    assert not (installation.settings.lake_dir / ".staging").exists()


def test_a_lost_manifest_never_makes_the_lake_be_deleted(installation):
    installation.land(A, [track("m1")])
    installation.ingest()
    before = installation.lake_files()
    installation.settings.ops_path.unlink()
    with pytest.raises(LakeWithoutManifest, match="manifest was lost"):
        installation.ingest()
    assert installation.lake_files() == before


def test_half_staged_files_of_a_killed_ingest_are_removed(installation):
    staging = installation.settings.lake_dir / ".staging"
    staging.mkdir(parents=True)
    (staging / "half.parquet").write_bytes(b"PAR1")
    installation.land(A, [track("m1")])
    installation.ingest()
    assert not staging.exists()


def test_a_second_ingest_at_the_same_time_is_told_so(installation):
    installation.settings.home.mkdir(parents=True)
    held = threading.Event()
    done = threading.Event()

    def hold():
        with FileLock(installation.settings.home / "ingest.lock"):
            held.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    try:
        with pytest.raises(IngestRunning, match="another ingest is running"):
            ingest(installation.settings)
    finally:
        done.set()
        thread.join()


def test_files_nothing_reads_are_listed_and_the_rest_is_loaded(installation):
    installation.land("events/heap/a.jsonl", [{"event": "x"}])
    installation.land("events/segment/notes.txt", "hello")
    installation.land("surprise/a.csv", "a\n1\n")
    installation.land(A, [track("m1")])
    installation.land("events/segment/.hidden.jsonl", [track("m2")])
    installation.land("events/segment/upload.jsonl.tmp", [track("m3")])
    installation.land("demo.json", '{"as_of": "2026-03-01"}')
    for _ in range(2):
        report = installation.ingest()
        assert len(report.files_unsupported) == 3
        assert any("unknown event format: heap" in text for text in report.files_unsupported)
        assert messages(installation) == ["m1"]
        assert sorted(versions(installation)) == [
            ("events/heap/a.jsonl", "unsupported"),
            (A, "loaded"),
            ("events/segment/notes.txt", "unsupported"),
            ("surprise/a.csv", "unsupported"),
        ]
    shutil.rmtree(installation.landing / "surprise")
    installation.ingest()
    assert ("surprise/a.csv", "removed") in versions(installation)


def test_a_link_out_of_the_landing_folder_is_refused(installation, tmp_path):
    outside = tmp_path / "secret.jsonl"
    outside.write_text('{"messageId": "stolen"}')
    installation.land(A, [track("m1")])
    (installation.landing / B).symlink_to(outside)
    (installation.landing / "events/segment/folder").symlink_to(tmp_path)
    report = installation.ingest()
    assert len(report.files_refused) == 2
    assert "outside the landing folder" in report.files_refused[0]
    assert messages(installation) == ["m1"]
    assert versions(installation).count((B, "refused")) == 1
    (installation.landing / B).unlink()
    (installation.landing / "events/segment/folder").unlink()
    assert installation.ingest().files_refused == []


def test_a_file_name_is_never_sql_nor_a_pattern(installation):
    names = ["it's.jsonl", "a;drop table x--.jsonl", "[ab]*.jsonl", 'quo"te.jsonl', "späß ☃.jsonl"]
    for number, name in enumerate(names):
        installation.land(f"events/segment/{name}", [track(f"m{number}"), "broken"])
    installation.ingest()
    assert len(messages(installation)) == len(names)
    assert sorted(row[0] for row in installation.ops("select path from quarantine")) == sorted(
        f"events/segment/{name}" for name in names
    )


def test_a_home_with_special_characters_works(tmp_path):
    installation = Installation(tmp_path / "it's [my] home*")
    installation.land(A, [track("m1")])
    installation.land("fx_rates/fx.csv", "month,currency,rate\n2026-01,EUR,1.1\n")
    installation.ingest()
    installation.land(A, [track("m1"), track("m2")])
    installation.ingest()
    assert messages(installation) == ["m1", "m2"]
    assert installation.raw("select count(*) from raw.fx_rates") == [(1,)]


def test_an_empty_file_is_loaded_as_no_rows(installation):
    installation.land(A, b"")
    installation.land("events/segment/b.jsonl.gz", b"")
    installation.land("contracts/empty.csv", b"")
    report = installation.ingest()
    assert (report.load_id, report.files_new, report.files_refused) == (None, 3, [])
    assert installation.counts(A) == (0, 0, 0, 0)


@pytest.mark.parametrize("tail", [b"", b"\0" * 64, b"no gzip at all"])
def test_the_hash_on_record_is_that_of_the_whole_file(installation, tail):
    """It is taken while the lines are read, which for a damaged gzip ends before the file."""
    plain = installation.land("events/segment/a.jsonl", [track("m1")])
    packed = installation.land(
        "events/segment/b.jsonl.gz", gzip.compress(json.dumps(track("m2")).encode() + b"\n") + tail
    )
    installation.ingest()
    recorded = dict(installation.ops("select path, sha256 from ingest_files"))
    assert recorded == {
        "events/segment/a.jsonl": hashlib.sha256(plain.read_bytes()).hexdigest(),
        "events/segment/b.jsonl.gz": hashlib.sha256(packed.read_bytes()).hexdigest(),
    }


def test_the_hash_of_a_gzip_that_breaks_early_covers_what_follows(installation):
    lines = "".join(
        json.dumps(track(f"m{n}", noise=os.urandom(300).hex())) + "\n" for n in range(9000)
    )
    content = bytearray(gzip.compress(lines.encode()))
    assert len(content) > 2 * 1024 * 1024
    content[5000:5100] = b"\xff" * 100
    file = installation.land("events/segment/a.jsonl.gz", bytes(content))
    installation.ingest()
    assert installation.ops("select sha256 from ingest_files") == [
        (hashlib.sha256(file.read_bytes()).hexdigest(),)
    ]
