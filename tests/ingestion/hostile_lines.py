"""Lines nobody should send, each with what has to become of it.

A line is bytes; what is expected is the reason it is refused with, or the columns of the
row it becomes. ``{}`` in an id stands for nothing special: every line that can be a call
carries the name of its case as message id.
"""

import json
from typing import Any

from tests.ingestion.conftest import track

Expected = str | dict[str, Any]


def call(name: str, **fields: Any) -> bytes:
    """A track call that passes, with ``fields`` changed; not ASCII only."""
    return json.dumps(track(name, **fields), ensure_ascii=False).encode()


def text(name: str, member: str, value: str) -> bytes:
    """The same with one member written by hand, as JSON or not."""
    call = track(name)
    call.pop(member, None)
    return (json.dumps(call)[:-1] + f', "{member}": {value}}}').encode()


BROKEN = {
    "an open brace": b"{",
    "a closing brace": b"}",
    "two objects": b'{"messageId": "a"}{"messageId": "b"}',
    "an object cut short": b'{"messageId": "m", "type": "tra',
    "a key without a value": b'{"messageId"}',
    "a key without a colon": b'{"messageId" "m"}',
    "a key without quotes": b'{messageId: "m"}',
    "single quotes": b"{'messageId': 'm'}",
    "a comment": b'{"messageId": "m" /* a comment */}',
    "a line comment": b'{"messageId": "m"} // done',
    "text after the object": b'{"messageId": "m"} and more',
    "a string that does not end": b'{"messageId": "m}',
    "an escape that does not exist": rb'{"messageId": "\x41"}',
    "a short unicode escape": rb'{"messageId": "\u12"}',
    "half a pair of surrogates": rb'{"messageId": "\ud800"}',
    "surrogates the wrong way round": rb'{"messageId": "\udc00\ud800"}',
    "a tab inside a string": b'{"messageId": "a\tb"}',
    "a NUL inside a string": b'{"messageId": "a\x00b"}',
    "a NUL before": b'\x00{"messageId": "m"}',
    "a NUL behind": b'{"messageId": "m"}\x00',
    "nothing but NULs": b"\x00\x00\x00",
    "a leading zero": b'{"messageId": "m", "n": 012}',
    "a plus sign": b'{"messageId": "m", "n": +1}',
    "a hexadecimal number": b'{"messageId": "m", "n": 0x1f}',
    "a number without digits before the point": b'{"messageId": "m", "n": .5}',
    "a number without digits after the point": b'{"messageId": "m", "n": 1.}',
    "a number without an exponent": b'{"messageId": "m", "n": 1e}',
    "undefined": b'{"messageId": undefined}',
    "True of Python": b'{"messageId": True}',
    "None of Python": b'{"messageId": None}',
    "nan in small letters of a shell": b'{"messageId": nul}',
    "HTML": b"<html><body>502 Bad Gateway</body></html>",
    "XML": b'<?xml version="1.0"?><event/>',
    "CSV": b"messageId,type,event",
    "YAML": b"messageId: m",
    "a line of a log": b'2026-02-01T10:00:00Z INFO {"messageId": "m"}',
    "a form": b"messageId=m&type=track",
    "base64": b"eyJtZXNzYWdlSWQiOiAibSJ9",
    "a merge conflict": b"<<<<<<< HEAD",
    "a vertical tab": b"\x0b",
    "a form feed": b"\x0c",
    "a byte order mark in the middle": b'\xef\xbb\xbf{"messageId": "m"}',
    "a separator of records": b'\x1e{"messageId": "m"}',
    "brackets that never close": b"[" * 20_000,
    "objects that never close": b'{"a":' * 20_000,
    "a control character": b'{"messageId": "\x01"}',
    "an escape character of a terminal": b'\x1b[31m{"messageId": "m"}\x1b[0m',
}

NOT_OBJECTS = {
    "an empty list": b"[]",
    "a list of calls": b'[{"messageId": "m"}]',
    "a number": b"42",
    "a negative number": b"-1",
    "a string": b'"messageId"',
    "an empty string": b'""',
    "true": b"true",
    "null": b"null",
    "lists in lists": b"[" * 5_000 + b"]" * 5_000,
}

NOT_UTF8 = {
    "Latin-1": '{"messageId": "Zoë"}'.encode("latin-1"),
    "Windows-1252": '{"messageId": "“m”"}'.encode("cp1252"),
    "Shift JIS": '{"messageId": "表"}'.encode("shift_jis"),
    "a surrogate as UTF-8": b'{"messageId": "\xed\xa0\x80"}',
    "a pair of surrogates as UTF-8": b'{"messageId": "\xed\xa0\xbd\xed\xb8\x80"}',
    "an overlong slash": b'{"messageId": "\xc0\xaf"}',
    "an overlong NUL": b'{"messageId": "\xc0\x80"}',
    "an overlong euro": b'{"messageId": "\xf0\x82\x82\xac"}',
    "beyond the last code point": b'{"messageId": "\xf4\x90\x80\x80"}',
    "a byte that never occurs": b'{"messageId": "\xff"}',
    "half a letter": b'{"messageId": "\xe2\x82"}',
    "a lonely continuation": b'{"messageId": "\x80"}',
    "five bytes": b'{"messageId": "\xf8\x88\x80\x80\x80"}',
    "UTF-16 with its mark": '{"messageId": "m"}'.encode("utf-16"),
    "UTF-32 with its mark": '{"messageId": "m"}'.encode("utf-32"),
    "compressed bytes": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff",
    "an image": b"\x89PNG\r",
}

# UTF-16 without a mark is valid UTF-8 with NULs between the letters
NUL_LETTERS = {
    "UTF-16 big-endian": '{"messageId": "m"}'.encode("utf-16-be"),
    "UTF-32 big-endian": '{"messageId": "m"}'.encode("utf-32-be"),
}


def times() -> dict[str, tuple[bytes, Expected]]:
    at = "2026-02-01 10:00:00"
    good = {
        "a space for the T": ("2026-02-01 10:00:00Z", at),
        "an offset": ("2026-02-01T12:00:00+02:00", at),
        "an offset west of Greenwich": ("2026-02-01T02:30:00-07:30", at),
        "an offset without a colon": ("2026-02-01T12:00:00+0200", at),
        "no offset at all": ("2026-02-01T10:00:00", at),
        "no seconds": ("2026-02-01T10:00Z", at),
        "nanoseconds": ("2026-02-01T10:00:00.000000999Z", at),
        "midnight called 24:00": ("2026-01-31T24:00:00Z", "2026-02-01 00:00:00"),
        "a date alone": ("2026-02-01", "2026-02-01 00:00:00"),
        "the last moment of a leap day": ("2024-02-29T23:59:59Z", "2024-02-29 23:59:59"),
        "the first moment that counts": ("2000-01-01T00:00:00Z", "2000-01-01 00:00:00"),
        "24 hours after it was received": ("2026-02-02T10:00:02Z", "2026-02-02 10:00:02"),
    }
    bad = [
        "2026-02-30T10:00:00Z", "2026-13-01T10:00:00Z", "2026-00-01T10:00:00Z",
        "2026-02-00T10:00:00Z", "2023-02-29T00:00:00Z", "2026-02-01T25:00:00Z",
        "2026-02-01T10:60:00Z", "2026-02-01T10:00:61Z", "2016-12-31T23:59:60Z",
        "2026-W05-7", "2026-W05-7T10:00:00Z", "2026-032", "20260201T100000Z", "2026",
        "0000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z", "1999-12-31T23:59:59Z", "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z", "10000-01-01T00:00:00Z", "294247-01-10T04:00:54Z",
        "infinity", "-infinity", "epoch", "now", "today", "tomorrow", "NaT", "Invalid date",
        "01/02/2026", "01.02.2026 10:00", "Sun, 01 Feb 2026 10:00:00 GMT", "1. helmikuuta 2026",
        "1769940000", "1769940000000", "1.76994e9", "46054.41", "2026-02-01T10:00:00Z junk",
        "２０２６-０２-０１", "2026‑02‑01T10:00:00Z", "2026-02-01T10:00:00−02:00",
        "2026-02-01T10:00:00,5Z", "T10:00:00Z", "P1D", "2026-02-01/2026-02-02", "0", "-1",
        "2026-02-01T10:00:00Z\x00", "2026-02-01T10:00:00+25:00", "2026-02-01T10:00:00+14:60",
    ]  # fmt: skip
    cases: dict[str, tuple[bytes, Expected]] = {}
    for name, (value, expected) in good.items():
        cases[f"time: {name}"] = (call(f"time: {name}", timestamp=value), {"event_at": expected})
    for value in bad:
        name = f"time: {value!r}"
        cases[name] = (
            json.dumps(track(name, timestamp=value)).encode(),
            "bad_timestamp",
        )
    cases["time: a day and a second ahead"] = (
        call("m", timestamp="2026-02-02T10:00:03Z"),
        "timestamp_in_future",
    )
    cases["time: the last year of four digits"] = (
        call("m", timestamp="9998-12-31T23:59:59Z"),
        "timestamp_in_future",
    )
    cases["time: received in the last year"] = (
        call("m", receivedAt="9998-12-31T23:59:59Z"),
        "timestamp_in_future",
    )
    cases["time: received before there were events"] = (
        call("m", receivedAt="1970-01-01T00:00:00Z"),
        "bad_timestamp",
    )
    cases["time: blank"] = (call("m", timestamp="   "), "missing_timestamp")
    cases["time: a clock wrong by a thousand years"] = (
        call(
            "m",
            originalTimestamp="3026-02-01T10:00:00Z",
            sentAt="2026-02-01T10:00:00Z",
        ),
        "timestamp_in_future",
    )
    cases["time: sent before it was invented"] = (
        call("time: sent", originalTimestamp="2026-02-01T10:00:00Z", sentAt="0001-01-01"),
        # no time of sending, so no correction
        {"event_at": "2026-02-01 10:00:00", "sent_at": None},
    )
    return cases


def ids() -> dict[str, tuple[bytes, Expected]]:
    kept = {
        "64 k letters": "x" * 65_536,
        "a million letters": "y" * 1_000_000,
        "an emoji": "👩‍👩‍👧‍👦",
        "right to left": "مستخدم‏١",
        "a right-to-left override": "usr‮1",
        "zero width": "usr​1",
        "only zero width": "​",
        "accents put together": "Zoe\u0308",
        "SQL": "'; drop table events; --",
        "a quote": 'a"b',
        "a backslash": "a\\b",
        "a percent sign": "100%s %d %(x)s",
        "braces": "{0} {x} ${y}",
        "a brace first": "{x",
        "a bracket first": "[x",
        "a line break": "a\nb",
        "a carriage return": "a\rb",
        "a separator of paragraphs": "a\u2029b",
        "a letter no font has": "\U0010ffff",
        "a non-character": "\ufffe",
        "the word null": "null",
        "blanks around": " usr_1 ",
        "a comma": "a,b",
        "HTML": "<script>alert(1)</script>",
        "a path": "../../etc/passwd",
        "a formula": "=1+1",
        "a NUL written out": "a\\u0000b",
    }
    cases: dict[str, tuple[bytes, Expected]] = {}
    for name, value in kept.items():
        name = f"id: {name}"
        cases[name] = (call(name, userId=value), {"user_id": value})
    for name, value, stored in (
        ("a whole number", 4711, "4711"),
        ("a large number", 10**40, str(10**40)),
        ("a negative number", -1, "-1"),
        ("a boolean", True, "true"),
        ("zero", 0, "0"),
    ):
        name = f"id: {name}"
        cases[name] = (call(name, userId=value), {"user_id": stored})
    for member in ("messageId", "type", "event", "userId", "anonymousId", "timestamp",
                   "receivedAt", "groupId", "previousId"):  # fmt: skip
        for kind, value in (("a list", ["x"]), ("an object", {"x": 1}), ("an empty object", {})):
            name = f"{member}: {kind}"
            cases[name] = (json.dumps({**track(name), member: value}).encode(), "bad_value")
    cases["context.groupId: an object"] = (call("m", context={"groupId": {"a": 1}}), "bad_value")
    cases["messageId: null"] = (text("m", "messageId", "null"), "missing_message_id")
    cases["messageId: blank"] = (call("  "), "missing_message_id")
    cases["type: in capitals"] = (call("m", type="TRACK"), "unknown_type")
    cases["type: a boolean"] = (call("m", type=True), "unknown_type")
    cases["event: blank"] = (call("m", event="\u0020"), "missing_event_name")
    cases["ids: both empty"] = (call("m", userId="", anonymousId=""), "missing_id")
    cases["an empty object"] = (b"{}", "missing_message_id")
    return cases


def payloads() -> dict[str, tuple[bytes, Expected]]:
    cases: dict[str, tuple[bytes, Expected]] = {}

    def member(name: str, value: str, expected: Expected) -> None:
        name = f"properties: {name}"
        cases[name] = (text(name, "properties", value), expected)

    member("a number too large for a double", '{"n":1e400}', {"properties": '{"n":1e400}'})
    member("a number too small", '{"n":1e-400}', {"properties": '{"n":0.0}'})
    member("forty digits", f'{{"n":{10**40}}}', {"properties": f'{{"n":{10**40}}}'})
    member("a thousand digits", f'{{"n":{"9" * 1000}}}', {})
    member("minus zero", '{"n":-0}', {})
    member("NaN", '{"n":NaN}', "bad_value")
    member("Infinity", '{"n":Infinity}', "bad_value")
    member("minus Infinity", '{"n":-Infinity}', "bad_value")
    member("NaN in a list", '{"n":[1,NaN]}', "bad_value")
    member("the word NaN", '{"n":"NaN"}', {"properties": '{"n":"NaN"}'})
    member("NaN as a key", '{"NaN":1}', {"properties": '{"NaN":1}'})
    member("a list", "[1,2]", "bad_value")
    member("a text", '"x"', "bad_value")
    member("a number", "5", "bad_value")
    member("false", "false", "bad_value")
    member("null", "null", {"properties": "{}"})
    member("empty", "{}", {"properties": "{}"})
    member("a key twice", '{"a":1,"a":2}', {"properties": '{"a":1,"a":2}'})
    member("an empty key", '{"":1}', {"properties": '{"":1}'})
    member("a key with a dot", '{"a.b":1}', {"properties": '{"a.b":1}'})
    member("a key with a quote", r'{"a\"b":1}', {"properties": r'{"a\"b":1}'})
    member("a key with a dollar", '{"$a":1,"$":2}', {"properties": '{"$a":1,"$":2}'})
    member("a key with brackets", '{"[0]":1,"*":2}', {"properties": '{"[0]":1,"*":2}'})
    member("a NUL written out", r'{"a":"x\u0000y"}', {"properties": r'{"a":"x\u0000y"}'})
    member("a prototype", '{"__proto__":{"a":1}}', {})
    member("ten thousand levels", '{"a":' * 10_000 + "1" + "}" * 10_000, {})
    member("ten thousand lists", '{"a":' + "[" * 10_000 + "]" * 10_000 + "}", {})
    member("ten thousand keys", json.dumps({f"k{n}": n for n in range(10_000)}), {})
    member("a megabyte of text", json.dumps({"a": "z" * 1_000_000}), {})
    member("white space all over", '{ "a" :\t1 }', {"properties": '{"a":1}'})
    for name, value, expected in (
        ("a list", "[]", "bad_value"),
        ("a text", '"x"', "bad_value"),
        ("null", "null", {"traits": "{}"}),
        ("NaN", '{"n":NaN}', "bad_value"),
    ):
        cases[f"traits: {name}"] = (text(f"traits: {name}", "traits", value), expected)
    for name, value in (("a text", '"x"'), ("a list", "[1]"), ("null", "null"), ("1", "1")):
        # nothing that counts stands in it; the call is whole
        cases[f"context: {name}"] = (
            text(f"context: {name}", "context", value),
            {"group_id": None, "ip": None},
        )
    cases["a key twice: the first counts"] = (
        text("a key twice: the first counts", "userId", '"usr_1", "userId": "usr_2"'),
        {"user_id": "usr_1"},
    )
    cases["keys in other letters"] = (
        json.dumps(
            {**track("keys in other letters"), "USERID": "no", "user_id": "no", "userid": "no"}
        ).encode(),
        {"user_id": "usr_1"},
    )
    cases["a comma too many"] = (
        call("a comma too many")[:-1] + b",}",
        {"message_id": "a comma too many"},
    )
    cases["white space around"] = (
        b" \t " + call("white space around") + b" \t ",
        {"message_id": "white space around"},
    )
    cases["a carriage return behind"] = (
        call("a carriage return behind") + b"\r",
        {"message_id": "a carriage return behind"},
    )
    return cases


def corpus() -> dict[str, tuple[bytes, Expected]]:
    """Name → (line without its line feed, what has to become of it)."""
    cases: dict[str, tuple[bytes, Expected]] = {}
    for group, reason in (
        (BROKEN, "malformed_json"),
        (NOT_OBJECTS, "not_an_object"),
        (NOT_UTF8, "invalid_utf8"),
        (NUL_LETTERS, "malformed_json"),
    ):
        cases |= {f"{reason}: {name}": (line, reason) for name, line in group.items()}
    return cases | times() | ids() | payloads()
