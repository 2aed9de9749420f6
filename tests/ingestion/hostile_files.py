"""Files nobody should drop, each with what has to become of it.

`FILES`: content as bytes at a path. What is expected is the file's counts (read, accepted,
quarantined, duplicate) with the reasons of what is quarantined, or a word of the message it
is refused with.
"""

import gzip
import io
import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from tests.ingestion.conftest import track

SEGMENT = "events/segment"


@dataclass(frozen=True)
class Counts:
    """(read, accepted, quarantined, duplicate) of a file that is loaded, and the reasons."""

    read: int
    accepted: int
    quarantined: int = 0
    duplicate: int = 0
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    """The file is refused; its message holds this word."""

    word: str


@dataclass(frozen=True)
class Unsupported:
    """The file is listed as one that nothing reads."""


def good(name: str) -> bytes:
    return json.dumps(track(name)).encode()


def goods(name: str, count: int = 2) -> bytes:
    return b"".join(good(f"{name} {number}") + b"\n" for number in range(count))


def compressed(name: str, count: int = 200) -> bytes:
    # noise, so that the stream is long enough to be cut
    lines = (
        json.dumps(track(f"{name} {n}", noise=str(zlib.crc32(str(n).encode()) ** 5)))
        for n in range(count)
    )
    return gzip.compress("".join(line + "\n" for line in lines).encode())


def _with_a_wrong_sum(data: bytes) -> bytes:
    return data[:-8] + bytes(byte ^ 0xFF for byte in data[-8:-4]) + data[-4:]


def files() -> dict[str, tuple[bytes, Counts | Refused | Unsupported]]:
    bom = b"\xef\xbb\xbf"
    cases = {
        "empty.jsonl": (b"", Counts(0, 0)),
        "one line feed.jsonl": (b"\n", Counts(0, 0)),
        "blank lines.jsonl": (b"\n\n \n\t\n\r\n\n", Counts(0, 0)),
        "only a byte order mark.jsonl": (bom, Counts(0, 0)),
        "a byte order mark and CRLF.jsonl": (
            bom + goods("bom").replace(b"\n", b"\r\n"),
            Counts(2, 2),
        ),
        "two byte order marks.jsonl": (
            bom + bom + goods("boms"),
            Counts(2, 1, 1, 0, ("malformed_json",)),
        ),
        # only a line feed ends a line: this is one line of two objects
        "carriage returns alone.jsonl": (
            goods("cr").replace(b"\n", b"\r"),
            Counts(1, 0, 1, 0, ("malformed_json",)),
        ),
        "no line feed at the end.jsonl": (goods("end")[:-1], Counts(2, 2)),
        "a NUL at the end.jsonl": (
            goods("nul") + b"\x00",
            Counts(3, 2, 1, 0, ("malformed_json",)),
        ),
        "UTF-16.jsonl": (
            goods("utf16").decode().encode("utf-16"),
            Counts(3, 0, 3, 0, ("invalid_utf8", "malformed_json", "malformed_json")),
        ),
        "one array.json": (
            b"[\n" + good("a0") + b",\n" + good("a1") + b"\n]\n",
            # what stands on a line of its own and is an object is taken
            Counts(4, 1, 3, 0, ("malformed_json", "malformed_json", "malformed_json")),
        ),
        "one object on many lines.json": (
            json.dumps(track("pretty"), indent=1).encode(),
            Counts(0, 0),  # replaced below: every line is malformed
        ),
        "the same line a thousand times.jsonl": (
            (good("same") + b"\n") * 1000,
            Counts(1000, 1, 0, 999),
        ),
        "fifty megabytes in a line.jsonl": (
            good("before fifty")
            + b'\n{"messageId": "'
            + b"x" * 50_000_000
            + b'"}\n'
            + good("after fifty")
            + b"\n",
            Counts(3, 2, 1, 0, ("line_too_long",)),
        ),
        "fifty megabytes without an end.jsonl": (
            good("before end") + b"\n" + b"[" * 50_000_000,
            Counts(2, 1, 1, 0, ("line_too_long",)),
        ),
        "just short enough.jsonl": (
            b'{"messageId": "' + b"x" * (16 * 1024 * 1024 - 20) + b'"}\n' + goods("short"),
            Counts(3, 2, 1, 0, ("missing_type",)),
        ),
        # compressed
        "not compressed.jsonl.gz": (b"\x20" + goods("plain")[:-1], Counts(2, 2)),
        "compressed without the ending.jsonl": (compressed("bare", 5), Counts(5, 5)),
        "several members.jsonl.gz": (
            compressed("first", 3) + compressed("second", 3) + gzip.compress(b""),
            Counts(6, 6),
        ),
        "a line across members.jsonl.gz": (
            gzip.compress(good("split")[:40]) + gzip.compress(good("split")[40:] + b"\n"),
            Counts(1, 1),
        ),
        "padded with zeros.jsonl.gz": (compressed("zeros", 3) + bytes(1000), Counts(3, 3)),
        "an empty stream.jsonl.gz": (gzip.compress(b""), Counts(0, 0)),
        "junk behind.jsonl.gz": (
            compressed("junk", 3) + b"junk",
            Counts(4, 3, 1, 0, ("unreadable_file",)),
        ),
        "a wrong check sum.jsonl.gz": (
            # what came with the wrong sum is not believed
            _with_a_wrong_sum(compressed("sum", 3)),
            Counts(1, 0, 1, 0, ("unreadable_file",)),
        ),
        "only the head.jsonl.gz": (
            compressed("head")[:10],
            Counts(1, 0, 1, 0, ("unreadable_file",)),
        ),
        "only the magic.jsonl.gz": (b"\x1f\x8b", Counts(1, 0, 1, 0, ("unreadable_file",))),
        "a bomb of one line.jsonl.gz": (
            gzip.compress(bytes(120_000_000), 1),
            Counts(1, 0, 1, 0, ("line_too_long",)),
        ),
        "a bomb of blank lines.jsonl.gz": (
            gzip.compress(b"\n" * 30_000_000 + goods("bomb"), 1),
            Counts(2, 2),
        ),
        # names
        "a\nline feed.jsonl": (goods("nl"), Counts(2, 2)),
        "it's.jsonl": (goods("quote"), Counts(2, 2)),
        'a "double" quote.jsonl': (goods("double"), Counts(2, 2)),
        "[ab]*?.jsonl": (goods("glob"), Counts(2, 2)),
        "100%s %d %2e.jsonl": (goods("percent"), Counts(2, 2)),
        "back\\slash.jsonl": (goods("backslash"), Counts(2, 2)),
        "-rf.jsonl": (goods("dash"), Counts(2, 2)),
        " blank .jsonl": (goods("blank"), Counts(2, 2)),
        "CAPITALS.JSONL.GZ": (compressed("capitals", 2), Counts(2, 2)),
        "день ☃ 👩‍👩‍👧‍👦.jsonl": (goods("snow"), Counts(2, 2)),
        "ｅvil‮lnosj.jsonl": (goods("rtl"), Counts(2, 2)),
        "; drop table events; --.jsonl": (goods("sql"), Counts(2, 2)),
        "n" * 240 + ".jsonl": (goods("long"), Counts(2, 2)),
        "received_date=2020-01-01/x.jsonl": (goods("hive"), Counts(2, 2)),
        "deep/" * 40 + "x.jsonl": (goods("deep"), Counts(2, 2)),
        "x.jsonl/inside.jsonl": (goods("folder"), Counts(2, 2)),
        "two.jsonl.gz.gz": (goods("gzgz"), Unsupported()),
        "notes.txt": (b"hello", Unsupported()),
        "data.csv": (b"messageId\nm\n", Unsupported()),
        "data.zip": (b"PK\x03\x04", Unsupported()),
        "jsonl": (goods("bare"), Unsupported()),
        "data.jsonl.zst": (b"\x28\xb5\x2f\xfd", Unsupported()),
        # Parquet
        "empty.parquet": (b"", Refused("cannot be read as Parquet")),
        "text.parquet": (goods("text"), Refused("cannot be read as Parquet")),
        "magic.parquet": (b"PAR1", Refused("cannot be read as Parquet")),
        "magic twice.parquet": (b"PAR1PAR1", Refused("cannot be read as Parquet")),
        "a wild footer.parquet": (
            b"PAR1" + bytes(100) + b"\xff\xff\xff\x7fPAR1",
            Refused("cannot be read as Parquet"),
        ),
    }
    pretty = cases["one object on many lines.json"][0]
    lines = pretty.count(b"\n") + 1
    cases["one object on many lines.json"] = (
        pretty,
        Counts(lines, 0, lines, 0, ("malformed_json",) * lines),
    )
    return {f"{SEGMENT}/{name}": case for name, case in cases.items()} | parquet_files() | others()


def parquet(sql: str, setting: str = "") -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        path = Path(folder) / "x.parquet"
        connection.execute(f"copy ({sql}) to '{path}' (format parquet{setting})")
        return path.read_bytes()


CALL = (
    "'track' as type, 'report_created' as event, 'usr_1' as \"userId\", "
    "timestamp '2026-02-01 10:00:00' as timestamp"
)


def parquet_files() -> dict[str, tuple[bytes, Counts | Refused | Unsupported]]:
    many = parquet(
        f"select 'many ' || n as \"messageId\", {CALL}, repeat(md5(n::varchar), 20) as noise "
        "from range(60000) as numbers (n)",
        ", row_group_size 2048, compression zstd",
    )
    middle = len(many) // 2
    sink = io.BytesIO()
    pq.write_table(pa.table({}), sink)
    cases = {
        "other columns.parquet": (
            parquet("select 1 as a, 'b' as c from range(3)"),
            Counts(3, 0, 3, 0, ("missing_message_id",) * 3),
        ),
        "no columns.parquet": (sink.getvalue(), Refused("cannot be read as Parquet")),
        "no rows.parquet": (
            parquet(f"select 'none' as \"messageId\", {CALL} where false"),
            Counts(0, 0),
        ),
        "a column twice.parquet": (
            parquet(f"select 'twice' as \"messageId\", {CALL}, 'x' as \"MESSAGEID\""),
            Counts(1, 1),
        ),
        "columns named as ours.parquet": (
            parquet(
                f"select 'ours' as \"messageId\", {CALL}, 1 as file_row_number, 2 as line, "
                "3 as file_no, 4 as line_number, 'f' as filename, 5 as reason"
            ),
            Counts(1, 1),
        ),
        "columns with quotes.parquet": (
            parquet(
                f'select \'quotes\' as "messageId", {CALL}, 1 as "it\'s", '
                '2 as "a""b", 3 as "a.b", 4 as "$x"'
            ),
            Counts(1, 1),
        ),
        "every type.parquet": (
            parquet(
                f"select 'types' as \"messageId\", {CALL}, 1.50::decimal(18,2) as a, "
                "170141183460469231731687303715884105727::hugeint as b, uuid() as c, "
                "interval 1 day as d, time '10:00' as e, date '2026-02-01' as f, "
                "timestamptz '2026-02-01 10:00:00+00' as g, [1, 2] as h, "
                "map {'k': [1]} as i, {'s': {'t': [null]}} as j, 'x'::blob as k, "
                "'nan'::double as l, 'infinity'::double as m, 'infinity'::timestamp as n, "
                "'-infinity'::date as o, true as p, null as q"
            ),
            Counts(1, 1),
        ),
        "not a number in properties.parquet": (
            parquet(
                f"select 'pnan' as \"messageId\", {CALL}, {{'n': 'nan'::double}} as properties"
            ),
            Counts(1, 0, 1, 0, ("bad_value",)),
        ),
        "bytes that are no text.parquet": (
            parquet(f"select '\\xFF\\x00'::blob as \"messageId\", {CALL}"),
            Counts(1, 1),
        ),
        "decimals for times.parquet": (
            parquet(
                "select 'dec' as \"messageId\", 'track' as type, 'a' as event, "
                '1 as "userId", 1769940000.5::decimal(18,1) as timestamp'
            ),
            Counts(1, 0, 1, 0, ("bad_timestamp",)),
        ),
        "lists for ids.parquet": (
            parquet(f"select ['list'] as \"messageId\", {CALL}"),
            Counts(1, 0, 1, 0, ("bad_value",)),
        ),
        "broken JSON in properties.parquet": (
            parquet(f"select 'text' as \"messageId\", {CALL}, '{{oops' as properties"),
            Counts(1, 0, 1, 0, ("bad_value",)),
        ),
        "a thousand columns.parquet": (
            parquet(
                f"select 'wide' as \"messageId\", {CALL}, "
                + ", ".join(f"{n} as c{n}" for n in range(1000))
            ),
            Counts(1, 1),
        ),
        "cut in the middle.parquet": (many[:middle], Refused("cannot be read as Parquet")),
        "zeros in the middle.parquet": (
            many[: middle - 3000] + bytes(6000) + many[middle + 3000 :],
            Refused("cannot be read as Parquet"),
        ),
        "it's [a] *?.parquet": (
            parquet(f"select 'pglob' as \"messageId\", {CALL}"),
            Counts(1, 1),
        ),
    }
    return {f"{SEGMENT}/{name}": case for name, case in cases.items()}


def others() -> dict[str, tuple[bytes, Counts | Refused | Unsupported]]:
    fx = b"month,currency,rate\n"
    stripe = b'{"id": "evt_1", "type": "t", "created": 1769940000, "data": {"object": {"id": "x"}}}'
    return {
        "fx_rates/wrong header.csv": (b"month,currency,exchange\n", Refused("exchange")),
        "fx_rates/header twice.csv": (b"month,currency,rate,rate\n", Refused("repeated")),
        "fx_rates/no header.csv": (b"2026-01,EUR,1.1\n", Refused("missing column")),
        "fx_rates/semicolons.csv": (b"month;currency;rate\n", Refused("missing column")),
        "fx_rates/open quote.csv": (fx + b'2026-01,"EUR,1.1\n', Refused("line 2")),
        "fx_rates/a huge cell.csv": (
            fx + b'2026-01,"' + b"x" * 200_000 + b'",1\n',
            Refused("field larger"),
        ),
        "fx_rates/UTF-16.csv": ((fx + b"2026-01,EUR,1\n").decode().encode("utf-16"), Refused("")),
        "fx_rates/JSON.csv": (b'{"month": "2026-01"}\n', Refused("missing column")),
        "fx_rates/compressed.csv": (gzip.compress(fx), Refused("")),
        "fx_rates/bom.csv": (
            b"\xef\xbb\xbf" + fx.replace(b"\n", b"\r\n") + b"2025-01,EUR,1.1\r\n",
            Counts(1, 1),
        ),
        "fx_rates/latin.csv": (
            fx + b"2025-02,EUR,1.1\n2025-02,\xe9,1.1\n2025-02,GBP,1.3",
            Counts(3, 2, 1, 0, ("invalid_utf8",)),
        ),
        "fx_rates/cells.csv": (
            fx + b"2025-03,EUR,NaN\n2025-13,EUR,1\n2025-03,EURO,1\n2025-03,EUR\n"
            b"2025-03,EUR,1,2\n2025-03,EUR,1e400\n,,\n2025-03,USD,1.123456789\n"
            b"0000-01,EUR,1\n2025-03,\x00,1\n2025-03,EUR,1.1\n\n",
            Counts(11, 1, 10, 0, ("bad_value",) * 10),
        ),
        "fx_rates/notes.txt": (b"hello", Unsupported()),
        "stripe/events/hostile.jsonl": (
            stripe + b"\n" + stripe + b"\n" + stripe.replace(b"evt_1", b"evt_2") + b"\n"
            + stripe.replace(b"1769940000", b"1e400") + b"\n"
            + stripe.replace(b"1769940000", b"10000000000000000000000000000000000000000") + b"\n"
            + stripe.replace(b"1769940000", b"-1") + b"\n"
            + stripe.replace(b'"x"', b"NaN") + b"\n"
            + stripe.replace(b'"evt_1"', b'["evt_1"]') + b"\n",
            Counts(
                8, 2, 5, 1,
                ("bad_timestamp", "bad_timestamp", "bad_timestamp", "bad_value", "bad_value"),
            ),
        ),
        "crm/leads/hostile.jsonl": (
            b'{"Id": "00Q1", "SystemModstamp": "2026-02-01T10:00:00.000+0000"}\n'
            b'{"Id": {}, "SystemModstamp": "2026-02-01T10:00:00.000+0000"}\n'
            b'{"Id": "00Q2", "SystemModstamp": "infinity"}\n'
            b'{"Id": "00Q3", "SystemModstamp": "2026-02-01T10:00:00Z", "n": Infinity}\n'
            b"\xff\n",
            Counts(
                5, 1, 4, 0, ("bad_timestamp", "bad_value", "bad_value", "invalid_utf8"),
            ),
        ),
        "events/nobody/a.jsonl": (goods("nobody"), Unsupported()),
        "events/a.jsonl": (goods("top"), Unsupported()),
        "a.jsonl": (goods("root"), Unsupported()),
    }  # fmt: skip
