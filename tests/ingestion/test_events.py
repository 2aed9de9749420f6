"""Product events: what is accepted, what is refused and why, to the row."""

import gzip
import json
from datetime import date, datetime
from pathlib import Path

import pytest

from tests.ingestion.conftest import Installation, track

SEGMENT_EXAMPLES = Path(__file__).parents[3] / "shared/reference/segment_spec/spec_examples.json"

REFUSED = {
    "malformed_json": '{"messageId": "m", "type": "track"',
    "not_an_object": '["messageId", "m"]',
    "missing_message_id": track("m", messageId=None),
    "missing_type": track("m", type=" "),
    "unknown_type": track("m", type="trakc"),
    "missing_event_name": track("m", event=None),
    "missing_id": track("m", userId=None, anonymousId=""),
    "missing_timestamp": track("m", timestamp=None),
    "bad_timestamp": track("m", timestamp="yesterday"),
    "timestamp_in_future": track("m", timestamp="2026-02-02T10:00:03Z"),
    "bad_value": track("m", properties=["not", "an", "object"]),
}


CALLS = {
    "an alias with both ids": (track("m", type="alias", event=None, previousId="anon_9"), None),
    "an alias without the id before": (track("m", type="alias", event=None), "missing_id"),
    "a group call": (track("m", type="group", event=None, groupId="acc_9"), None),
    "a group call without a group": (
        track("m", type="group", event=None, context={}),
        "missing_id",
    ),
    "a page without a name": (track("m", type="page", event=None), None),
    "an identify of a visitor": (track("m", type="identify", event=None, userId=None), None),
    "received tomorrow": (track("m", receivedAt="2026-03-02T00:00:01Z"), "timestamp_in_future"),
    "received never": (track("m", receivedAt="soon"), "bad_timestamp"),
    "a clock never set": (track("m", timestamp="1970-01-01T00:00:00Z"), "bad_timestamp"),
    "a word DuckDB takes for a time": (track("m", timestamp="infinity"), "bad_timestamp"),
    "a year of five digits": (track("m", timestamp="12026-02-01T00:00:00Z"), "bad_timestamp"),
    "seconds since 1970": (track("m", timestamp=1769940000), "bad_timestamp"),
    "an object for an id": (track("m", userId={"id": 1}), "bad_value"),
    "a number for an id": (track("m", userId=4711), None),
    "a brace in an id": (track("m", userId="{x"), None),
    "traits as text": (track("m", traits="x"), "bad_value"),
    "no properties": (track("m", properties=None), None),
    "NaN in properties": (track("m", properties={"n": float("nan")}), "bad_value"),
    "the word NaN in properties": (track("m", properties={"n": 'say "NaN"'}), None),
    "no event name": (track("m", event="  "), "missing_event_name"),
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory) -> Installation:
    """Every case in a file of its own, between two good lines, ingested at once."""
    installation = Installation(tmp_path_factory.mktemp("judged"))
    cases = list(REFUSED.items())
    cases += [(name, call) for name, (call, _) in CALLS.items()]
    for name, line in cases:
        if isinstance(line, dict) and line.get("messageId"):
            line = {**line, "messageId": name}
        good = [track(f"before {name}"), line, track(f"after {name}")]
        installation.land(f"events/segment/{name}.jsonl", good)
    installation.ingest()
    return installation


@pytest.mark.parametrize("reason", REFUSED)
def test_a_bad_line_is_quarantined_with_its_reason_line_and_text(judged, reason):
    path = f"events/segment/{reason}.jsonl"
    assert judged.counts(path) == (3, 2, 1, 0)
    text = (judged.landing / path).read_text().splitlines()[1]
    assert judged.ops(f"select line_number, reason, raw from quarantine where path = '{path}'") == [
        (2, reason, text)
    ]
    assert judged.raw(
        f"select message_id, line_number from raw.events where message_id like '% {reason}' "
        "order by line_number"
    ) == [(f"before {reason}", 1), (f"after {reason}", 3)]


@pytest.mark.parametrize("case", CALLS)
def test_each_call_type_has_its_own_required_fields(judged, case):
    reason = CALLS[case][1]
    path = f"events/segment/{case}.jsonl"
    assert judged.counts(path) == ((3, 2, 1, 0) if reason else (3, 3, 0, 0))
    assert judged.ops(f"select reason from quarantine where path = '{path}'") == (
        [(reason,)] if reason else []
    )


def test_the_report_counts_refused_rows_by_reason(installation):
    installation.land("events/segment/a.jsonl", ["{", "{", track("m", type="x"), track("m")])
    report = installation.ingest()
    assert report.reasons == {"malformed_json": 2, "unknown_type": 1}
    assert report.as_dict()["datasets"]["events"] == {
        "files": 1,
        "rows_read": 4,
        "rows_accepted": 1,
        "rows_quarantined": 3,
        "rows_duplicate": 0,
    }
    assert "4 rows read = 1 accepted + 3 quarantined + 0 duplicates" in report.summary()


def test_every_field_lands_in_its_column(installation):
    call = track(
        "m1",
        timestamp="2026-02-01T12:00:00+02:00",
        context={
            "ip": "10.0.0.1",
            "userAgent": "Firefox",
            "groupId": "acc_7",
            "page": {"url": "https://a.example/p", "referrer": "https://b.example"},
            "campaign": {
                "source": "s", "medium": "m", "name": "n", "term": "t", "content": "c",
            },
        },
        traits={"email": "a@b.example"},
    )  # fmt: skip
    installation.land("events/segment/a.jsonl.gz", [call])
    installation.ingest()
    (row,) = installation.raw("from raw.events")
    assert row == (
        "m1", "track", "report_created", "usr_1", "anon_1", None, "acc_7",
        datetime(2026, 2, 1, 10), None, datetime(2026, 2, 1, 10, 0, 2),
        "10.0.0.1", "Firefox", "https://a.example/p", "https://b.example",
        "s", "m", "n", "t", "c",
        '{"plan_tier":"team","seats_count":5}', '{"email":"a@b.example"}',
        "segment", date(2026, 2, 1), "file-000000001", 1, 1,
    )  # fmt: skip


def test_a_wrong_device_clock_is_corrected_as_segment_does(installation):
    # the device is 50 minutes slow and sent the event 5 s after it happened
    skewed = track(
        "m1",
        timestamp="2026-02-01T09:10:00Z",
        originalTimestamp="2026-02-01T09:10:00Z",
        sentAt="2026-02-01T09:10:05Z",
        receivedAt="2026-02-01T10:00:06Z",
    )
    no_sent_at = {**skewed, "messageId": "m2", "sentAt": None}
    installation.land("events/segment/a.jsonl", [skewed, no_sent_at])
    installation.ingest()
    assert installation.raw("select message_id, event_at from raw.events order by 1") == [
        ("m1", datetime(2026, 2, 1, 10, 0, 1)),
        ("m2", datetime(2026, 2, 1, 9, 10)),
    ]


def test_the_examples_of_the_segment_specification_follow_its_clock_rule(installation):
    if not SEGMENT_EXAMPLES.exists():
        pytest.skip(f"reference data is not here: {SEGMENT_EXAMPLES}")
    examples = [entry["example"] for entry in json.loads(SEGMENT_EXAMPLES.read_text())]
    installation.land("events/segment/examples.jsonl", examples)
    installation.ingest()
    read, accepted, quarantined, duplicate = installation.counts("events/segment/examples.jsonl")
    assert read == len(examples) == accepted + quarantined + duplicate
    assert accepted > 0
    parts = ("originalTimestamp", "sentAt", "receivedAt")
    known = {e["messageId"]: e for e in examples if all(part in e for part in parts)}
    for message_id, event_at in installation.raw("select message_id, event_at from raw.events"):
        if example := known.get(message_id):
            original, sent, received = (
                datetime.fromisoformat(example[part]).replace(tzinfo=None) for part in parts
            )
            assert event_at == received - (sent - original)


def test_a_line_without_received_at_is_received_now(installation):
    installation.land("events/segment/a.jsonl", [track("m1", receivedAt=None)])
    installation.ingest()
    assert installation.raw("select received_at, received_date from raw.events") == [
        (datetime(2026, 3, 1), date(2026, 3, 1))
    ]


def test_of_several_copies_the_one_received_first_counts(installation):
    late = track("m1", receivedAt="2026-02-03T10:00:00Z", event="late")
    early = track("m1", receivedAt="2026-02-02T10:00:00Z", event="early")
    installation.land("events/segment/a.jsonl", [late, track("m2"), track("m2")])
    installation.land("events/segment/b.jsonl", [early])
    installation.ingest()
    assert installation.raw(
        "select message_id, event_name, file_id from raw.events order by 1"
    ) == [
        ("m1", "early", "file-000000002"),
        ("m2", "report_created", "file-000000001"),
    ]
    assert installation.counts("events/segment/a.jsonl") == (3, 1, 0, 2)
    assert installation.counts("events/segment/b.jsonl") == (1, 1, 0, 0)


def test_a_message_already_in_the_lake_is_a_duplicate_in_a_later_run(installation):
    installation.land("events/segment/a.jsonl", [track("m1"), track("m2")])
    installation.ingest()
    installation.land("events/segment/b.jsonl", [track("m2"), track("m3")])
    report = installation.ingest()
    assert report.load_id == 2
    assert installation.counts("events/segment/b.jsonl") == (2, 1, 0, 1)
    assert installation.raw("select message_id, load_id from raw.events order by 1") == [
        ("m1", 1),
        ("m2", 1),
        ("m3", 2),
    ]


def test_late_events_go_to_the_day_they_were_received(installation):
    installation.land(
        "events/segment/a.jsonl",
        [
            track("m1", timestamp="2026-01-05T10:00:00Z"),
            track("m2", timestamp="2026-01-05T10:00:00Z", receivedAt="2026-01-05T10:00:01Z"),
        ],
    )
    installation.ingest()
    assert installation.raw(
        "select received_date, cast(event_at as date) from raw.events order by 1"
    ) == [(date(2026, 1, 5), date(2026, 1, 5)), (date(2026, 2, 1), date(2026, 1, 5))]
    assert installation.raw("from raw.event_loads order by all") == [
        (1, date(2026, 1, 5), 1),
        (1, date(2026, 2, 1), 1),
    ]
    folders = {
        name.split("/")[1]
        for name in installation.lake_files()
        if "load-" in name and name.startswith("events/")
    }
    assert folders == {"received_date=2026-01-05", "received_date=2026-02-01"}


def test_bytes_of_every_bad_kind_lose_only_their_own_line(installation):
    good = [json.dumps(track(f"m{number}")).encode() for number in range(6)]
    lines = [
        b"\xef\xbb\xbf" + good[0],  # byte order mark
        good[1] + b"\r",
        b"",
        b"   ",
        b'{"messageId": "\xff\xfe"}',
        good[2].replace(b"usr_1", b"usr\x00"),
        good[3][: len(good[3]) // 2],
        b"[" * 100_000,
        good[4].replace(b"usr_1", "Zoë ☃".encode()),
        good[5],  # without a line feed at the end
    ]
    for number, path in enumerate(("a.jsonl", "b.jsonl.gz")):
        folder = Installation(installation.settings.home / str(number))
        folder.land(f"events/segment/{path}", b"\n".join(lines))
        folder.ingest()
        assert folder.counts(f"events/segment/{path}") == (9 - 1, 4, 4, 0)
        assert folder.ops("select line_number, reason from quarantine order by 1") == [
            (5, "invalid_utf8"),
            (6, "malformed_json"),
            (7, "malformed_json"),
            (8, "malformed_json"),
        ]
        assert folder.raw("select line_number, user_id from raw.events order by 1") == [
            (1, "usr_1"),
            (2, "usr_1"),
            (9, "Zoë ☃"),
            (10, "usr_1"),
        ]


def test_a_gzip_that_breaks_off_keeps_the_lines_before_and_reports_the_rest(installation):
    whole = gzip.compress(
        b"".join(
            json.dumps(track(f"m{n}", noise=str(hash(str(n))))).encode() + b"\n"
            for n in range(5000)
        )
    )
    installation.land("events/segment/cut.jsonl.gz", whole[: len(whole) // 2])
    installation.ingest()
    read, accepted, quarantined, _ = installation.counts("events/segment/cut.jsonl.gz")
    assert 0 < accepted < 5000
    assert (read, quarantined) == (accepted + 1, 1)
    ((line, reason, detail),) = installation.ops(
        "select line_number, reason, detail from quarantine"
    )
    assert (line, reason) == (accepted + 1, "unreadable_file")
    assert "breaks off" in detail
    # the rest of the upload arrives: nothing is lost and nothing doubled
    installation.land("events/segment/cut.jsonl.gz", whole)
    installation.ingest()
    assert installation.counts("events/segment/cut.jsonl.gz") == (5000, 5000, 0, 0)
    assert installation.raw("select count(*), count(distinct message_id) from raw.events") == [
        (5000, 5000)
    ]


def test_a_line_of_fifty_megabytes_is_refused_alone(installation):
    huge = b'{"messageId": "' + b"x" * 50_000_000 + b'"}'
    good = json.dumps(track("m1")).encode()
    installation.land("events/segment/a.jsonl", good + b"\n" + huge + b"\n" + good[:-1] + b"}")
    installation.ingest()
    assert installation.counts("events/segment/a.jsonl") == (3, 1, 1, 1)
    ((line, reason, kept),) = installation.ops(
        "select line_number, reason, length(raw) from quarantine"
    )
    assert (line, reason) == (2, "line_too_long")
    assert kept < 70_000


def test_parquet_files_of_calls_are_read_as_json_lines_are(installation, tmp_path):
    import duckdb

    path = installation.land("events/segment/a.parquet", b"")
    with duckdb.connect() as connection:
        connection.execute(
            f"""
            copy (
                select 'm' || n as "messageId", 'track' as type, 'report_created' as event,
                    case when n != 2 then 'usr_1' end as "userId",
                    timestamptz '2026-02-01 10:00:00+00' as timestamp,
                    '{{"page": {{"url": "https://a.example"}}}}' as context,
                    {{'seats': n}} as properties
                from range(1, 4) as numbers (n)
            ) to '{path}' (format parquet)
            """
        )
    installation.ingest()
    assert installation.counts("events/segment/a.parquet") == (3, 2, 1, 0)
    assert installation.ops("select line_number, reason from quarantine") == [(2, "missing_id")]
    assert installation.raw(
        "select message_id, event_at, page_url, properties, line_number from raw.events order by 1"
    ) == [
        ("m1", datetime(2026, 2, 1, 10), "https://a.example", '{"seats":1}', 1),
        ("m3", datetime(2026, 2, 1, 10), "https://a.example", '{"seats":3}', 3),
    ]


def test_rudderstack_calls_keep_their_traits_in_context(installation):
    call = track("m1", type="identify", event=None, context={"traits": {"email": "a@b.example"}})
    installation.land("events/rudderstack/a.jsonl", [call])
    installation.ingest()
    assert installation.raw("select traits, source_format from raw.events") == [
        ('{"email":"a@b.example"}', "rudderstack")
    ]
