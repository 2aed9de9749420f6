"""A request body → JSON, in bounded memory whatever is sent.

A body is counted as it arrives and as it unpacks, so neither a missing Content-Length nor a gzip
bomb takes more than the limit.
"""

import json
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson

from ingestion.collector.refusals import Refused, bad_request, too_large

BATCH_SETTING = "PLG_COLLECT_MAX_BATCH_BYTES"
_GZIP_MAGIC = b"\x1f\x8b"
_ZLIB_WINDOW = {"gzip": 31, "x-gzip": 31, "deflate": 15}


async def read_body(
    chunks: AsyncIterator[bytes], limit: int, on_bytes: Callable[[int], None]
) -> bytes:
    """All of ``chunks``; `Refused` as soon as they are more than ``limit`` bytes.

    ``on_bytes`` is told the size of each chunk before it is kept, and may refuse too.
    """
    kept = bytearray()
    async for chunk in chunks:
        if len(kept) + len(chunk) > limit:
            raise too_large("the body", limit, BATCH_SETTING)
        on_bytes(len(chunk))
        kept += chunk
    return bytes(kept)


def unpack(body: bytes, encoding: str, limit: int) -> bytes:
    """The body without its Content-Encoding, at most ``limit`` bytes of it.

    PostHog's browser client sends gzip without saying so: its first bytes tell.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        if not body.startswith(_GZIP_MAGIC):
            return body
        encoding = "gzip"
    if encoding not in _ZLIB_WINDOW:
        raise Refused(
            415, "unsupported_encoding", f"Content-Encoding {encoding!r}: send gzip or deflate"
        )
    stream = zlib.decompressobj(_ZLIB_WINDOW[encoding])
    try:
        plain = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise bad_request(f"the body is no {encoding} stream ({error})") from error
    if len(plain) > limit:
        raise too_large("the unpacked body", limit, BATCH_SETTING)
    if not stream.eof:
        raise bad_request(f"the body's {encoding} stream breaks off before its end")
    return plain


def parse_json(body: bytes) -> Any:
    """The value in ``body``.

    What Python clients write although strict JSON has it not (NaN, half a surrogate pair)
    passes: one such value must not cost the other messages of its batch. NaN lands as null, as
    JavaScript writes it; half a pair lands as sent.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"the body is no JSON: {error}") from error


def json_line(value: dict[str, Any]) -> bytes:
    """``value`` as one line, line feed included."""
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:
        # an integer of more than 64 bits, or half a surrogate pair
        return json.dumps(value, separators=(",", ":")).encode() + b"\n"
