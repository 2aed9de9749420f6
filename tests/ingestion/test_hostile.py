"""A corpus of hostile lines and files: nothing crashes, nothing is lost, nothing is doubled.

All are landed together and ingested once; each test looks at what became of its case.
"""

import gzip
import json
import os

import duckdb
import pytest

from ingestion.landing import scan_landing
from ingestion.lines import BLOCK_BYTES, read_lines
from ingestion.run import ingest
from ingestion.staging import Job, Stager
from tests.ingestion.conftest import NOW, Installation, track
from tests.ingestion.hostile_files import Refused, Unsupported, files, goods
from tests.ingestion.hostile_lines import corpus
from tests.ingestion.vendor_rows import STORIES

LINES = corpus()
FILES = files()
LINES_PATH = "events/segment/all lines.jsonl"
ODD_NAME = b"events/segment/not \xff UTF-8.jsonl"


def landed(home: Installation) -> None:
    content = bytearray()
    for number, (line, _) in enumerate(LINES.values()):
        content += json.dumps(track(f"good {number}")).encode() + b"\n" + line + b"\n"
    home.land(LINES_PATH, bytes(content))
    for path, (data, _) in FILES.items():
        file = home.landing / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    folder = home.landing / "events/segment"
    outside = home.settings.home / "outside.jsonl"
    outside.write_bytes(goods("outside"))
    (folder / "link out.jsonl").symlink_to(outside)
    (folder / "link to nothing.jsonl").symlink_to(folder / "nothing.jsonl")
    (folder / "link to itself.jsonl").symlink_to(folder / "link to itself.jsonl")
    (folder / "link to a folder").symlink_to(home.settings.home)
    (folder / "link within.jsonl").symlink_to(folder / "it's.jsonl")
    os.mkfifo(folder / "pipe.jsonl")
    for name in (".hidden.jsonl", "_SUCCESS", "upload.jsonl.tmp", "a.jsonl.part", "b.jsonl~"):
        (folder / name).write_bytes(goods(name))
    (folder / ".hidden folder").mkdir()
    (folder / ".hidden folder/a.jsonl").write_bytes(goods("hidden"))
    (home.landing / os.fsdecode(ODD_NAME)).write_bytes(goods("odd"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Installation:
    home = Installation(tmp_path_factory.mktemp("hostile"))
    landed(home)
    home.ingest()
    return home


@pytest.fixture(scope="module")
def records(hostile) -> dict[str, tuple]:
    """Path → status, message, counts."""
    return {
        path: (status, message, counts)
        for path, status, message, *counts in hostile.ops(
            "select path, status, message, rows_read, rows_accepted, rows_quarantined, "
            "rows_duplicate from ingest_files"
        )
    }


@pytest.fixture(scope="module")
def fates(hostile) -> dict[int, tuple[str, dict]]:
    """Line number of the file of lines → what became of it."""
    file_id = hostile.ops(f"select file_id from ingest_files where path = '{LINES_PATH}'")[0][0]
    found = {
        number: ("quarantined", {"reason": reason, "raw": raw})
        for number, reason, raw in hostile.ops(
            f"select line_number, reason, raw from quarantine where file_id = '{file_id}'"
        )
    }
    rows = hostile.raw(
        "select line_number, message_id, user_id, group_id, ip, properties, traits, "
        "strftime(event_at, '%Y-%m-%d %H:%M:%S'), strftime(sent_at, '%Y-%m-%d %H:%M:%S') "
        f"from raw.events where file_id = '{file_id}'"
    )
    names = ("message_id", "user_id", "group_id", "ip", "properties", "traits",
             "event_at", "sent_at")  # fmt: skip
    for number, *values in rows:
        assert number not in found, f"line {number} is in the lake and in quarantine"
        found[number] = ("accepted", dict(zip(names, values, strict=True)))
    return found


def test_the_corpus_is_large():
    assert len(LINES) + len(FILES) > 300


@pytest.mark.parametrize("number", range(len(LINES)), ids=list(LINES))
def test_a_hostile_line_becomes_what_it_should_and_spares_its_neighbours(fates, number):
    line, expected = list(LINES.values())[number]
    assert fates[2 * number + 1][0] == "accepted"
    assert fates[2 * number + 1][1]["message_id"] == f"good {number}"
    kind, values = fates[2 * number + 2]
    if isinstance(expected, str):
        assert (kind, values.get("reason")) == ("quarantined", expected)
        kept = line.rstrip(b"\r\n").decode("utf-8", "backslashreplace").replace("\x00", "\\x00")
        assert values["raw"] == kept or (
            len(line) > 65536 and values["raw"][:60_000] == kept[:60_000]
        )
    else:
        assert kind == "accepted", values
        assert {name: values[name] for name in expected} == expected


def test_every_line_ends_up_exactly_once(hostile, fates):
    assert sorted(fates) == list(range(1, 2 * len(LINES) + 1))
    refused = sum(isinstance(expected, str) for _, expected in LINES.values())
    total = 2 * len(LINES)
    assert hostile.counts(LINES_PATH) == (total, total - refused, refused, 0)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path[:80].replace("\n", " "))
def test_a_hostile_file_is_counted_or_refused_with_a_word_of_why(hostile, records, path):
    expected = FILES[path][1]
    status, message, counts = records[path]
    if isinstance(expected, Refused):
        assert status == "refused"
        assert expected.word in message
        assert message.startswith(path)
    elif isinstance(expected, Unsupported):
        assert status == "unsupported"
    else:
        assert (status, counts) == ("loaded", list(vars(expected).values())[:4])
        quoted = path.replace("'", "''")
        reasons = hostile.ops(f"select reason from quarantine where path = '{quoted}' order by 1")
        assert tuple(reason for (reason,) in reasons) == expected.reasons


def test_links_pipes_and_odd_names_are_refused_read_or_left_by_what_they_are(records):
    folder = "events/segment/"
    for name, word in {
        "link out.jsonl": "outside the landing folder",
        "link to nothing.jsonl": "a link to nothing",
        "link to itself.jsonl": "a link to itself",
        "link to a folder": "outside the landing folder",
        "pipe.jsonl": "not a regular file",
    }.items():
        status, message, _ = records[folder + name]
        assert status == "refused", name
        assert word in message
    # the same content as the file it leads to
    assert sorted(records[folder + name][2] for name in ("link within.jsonl", "it's.jsonl")) == [
        [2, 0, 0, 2],
        [2, 2, 0, 0],
    ]
    assert records[folder + r"not \xff UTF-8.jsonl"][2] == [2, 2, 0, 0]
    assert not [path for path in records if "hidden" in path or path.endswith(("tmp", "part", "~"))]


def test_the_books_of_every_file_balance(hostile):
    assert hostile.ops(
        "select path from ingest_files where status = 'loaded' "
        "and rows_read is distinct from rows_accepted + rows_quarantined + rows_duplicate"
    ) == []  # fmt: skip
    ((accepted, quarantined),) = hostile.ops(
        "select sum(rows_accepted), sum(rows_quarantined) from ingest_files where status = 'loaded'"
    )
    datasets = ("events", "stripe_events", "crm_records", "fx_rates")
    stored = sum(hostile.raw(f"select count(*) from raw.{name}")[0][0] for name in datasets)
    assert stored == accepted
    assert hostile.ops("select count(*) from quarantine") == [(quarantined,)]
    assert hostile.raw("select count(*) - count(distinct message_id) from raw.events") == [(0,)]


def test_ingesting_the_corpus_again_changes_nothing(hostile, records):
    before = (hostile.lake_files(), hostile.ops("from ingest_files order by file_id"))
    report = hostile.ingest()
    assert (report.load_id, report.files_new) == (None, 0)
    assert before == (hostile.lake_files(), hostile.ops("from ingest_files order by file_id"))


def test_a_bomb_is_read_in_blocks_of_bounded_size(tmp_path):
    path = tmp_path / "bomb.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n' * 6_000_000, 1))
    sizes = [(block.bytes_read, block.lines.nbytes) for block in read_lines(path)]
    assert sum(read for read, _ in sizes) == 54_000_000
    assert max(read for read, _ in sizes) <= BLOCK_BYTES + 9


def test_a_home_with_special_characters_quarantines_too(tmp_path):
    home = Installation(tmp_path / "it's [my] home*")
    home.land("events/segment/a.jsonl", [track("m1"), "broken"])
    home.ingest()
    assert home.ops("select line_number, reason from quarantine") == [(2, "malformed_json")]


def test_lines_that_need_more_memory_than_there_is_are_judged_in_smaller_parts(tmp_path):
    home = Installation(tmp_path / "home")
    numbers = '{"a":[' + "1," * 200_000 + "1]}"
    home.land(
        "events/segment/wide.jsonl",
        [json.dumps(track(f"m{n}", properties=0)).replace(': 0}', f": {numbers}}}")
         for n in range(20)],
    )  # fmt: skip
    with duckdb.connect(config={"memory_limit": "80MB", "threads": 2}) as connection:
        connection.execute("set timezone = 'UTC'")
        stager = Stager(connection, tmp_path / "staging", NOW)
        staged = stager.stage([Job(0, file) for file in scan_landing(home.landing)])
        assert dict(staged.rows_read) == {0: 20}
        assert len(list((tmp_path / "staging/events").iterdir())) > 1
        assert connection.execute(
            f"select count(*), count(distinct message_id), min(length(properties)) "
            f"from {stager.staged_files('events')}"
        ).fetchall() == [(20, 20, len(numbers))]


# files that change while others are read


def busy(home: Installation) -> int:
    """Land files before the one of interest, enough to keep both readers busy; their rows."""
    for number in range(12):
        home.land(f"events/segment/a{number:02}.jsonl", goods(f"busy {number}", 300))
    return 12 * 300


def meanwhile(action):
    """A progress callback that acts once, when the first file has been read."""
    done = []

    def progress(step: str, read: int, total: int) -> None:
        if not done:
            done.append(step)
            action()

    return progress


LATE = {
    "events/segment/z.jsonl": goods("z"),
    "events/segment/z.jsonl.gz": gzip.compress(goods("z")),
    "events/segment/z.parquet": FILES["events/segment/it's [a] *?.parquet"][0],
    "fx_rates/z.csv": b"month,currency,rate\n2026-01,EUR,1.1\n",
}


@pytest.mark.parametrize("path", LATE)
def test_a_file_deleted_while_others_are_read_is_refused_until_it_is_there_again(
    installation, path
):
    others = busy(installation)
    target = installation.land(path, LATE[path])
    report = ingest(installation.settings, progress=meanwhile(target.unlink))
    assert [message for message in report.files_refused if path in message]
    assert installation.raw("select count(*) from raw.events") == [(others,)]
    target.write_bytes(LATE[path])
    assert installation.ingest().files_refused == []
    read, accepted, *_ = installation.counts(path)
    assert read == accepted > 0
    assert installation.raw("select count(*) - count(distinct message_id) from raw.events") == [
        (0,)
    ]


@pytest.mark.parametrize("path", LATE)
def test_a_file_that_grows_while_others_are_read_waits_for_the_next_ingest(installation, path):
    others = busy(installation)
    whole = LATE[path]
    target = installation.land(path, b"")
    target.write_bytes(whole[: len(whole) // 2])
    report = ingest(installation.settings, progress=meanwhile(lambda: target.write_bytes(whole)))
    assert any(f"{path}: was written to while it was read" in note for note in report.notes)
    assert installation.raw("select count(*) from raw.events") == [(others,)]
    installation.ingest()
    read, accepted, *_ = installation.counts(path)
    assert read == accepted > 0


# the same rules for the vendors


HOSTILE_VALUES = {
    "a list": [1], "an object": {"a": 1}, "an empty text": "", "a boolean": True,
    "a huge number": 10**40, "a brace": "{oops", "a bracket": "[oops", "text": "x",
    "deep": json.loads('{"a":' * 400 + "1" + "}" * 400),
}  # fmt: skip


@pytest.mark.parametrize("name", ["posthog", "amplitude", "mixpanel"])
def test_a_vendors_row_with_any_value_in_any_place_ends_up_exactly_once(installation, name):
    rows = []
    for row in STORIES[name]():
        for value in HOSTILE_VALUES.values():
            places = [row, *(inner for inner in row.values() if isinstance(inner, dict))]
            for place, inner in enumerate(places):
                for key in list(inner):
                    changed = json.loads(json.dumps(row))
                    spot = changed
                    if place:
                        outer = [k for k, v in row.items() if isinstance(v, dict)][place - 1]
                        spot = changed[outer]
                    spot[key] = value
                    rows.append(json.dumps(changed))
    rows = list(dict.fromkeys(rows))
    lines = []
    for number, row in enumerate(rows):
        good = STORIES[name]()[4]
        if name == "mixpanel":
            good["properties"]["$insert_id"] = f"good {number}"
        else:
            good["uuid"] = f"good {number}"
        lines += [json.dumps(good), row]
    path = f"events/{name}/any.jsonl"
    installation.land(path, lines)
    installation.ingest()
    read, accepted, quarantined, duplicate = installation.counts(path)
    assert read == len(lines) == accepted + quarantined + duplicate
    assert installation.raw(
        "select count(*) from raw.events where message_id like 'good %'"
    ) == [(len(rows),)]  # fmt: skip
    assert quarantined > 0
