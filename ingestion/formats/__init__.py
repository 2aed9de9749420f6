"""Event formats: how each vendor's export says what a call of the tracking spec says.

A format is a `CallFormat`, a mapping and nothing else: reading, judging, dropping repeats
and writing are the same for all (`calls.py`, `ingestion/parsing.py`). One row of an export
becomes one call, so that every row stays accounted for.
"""

from collections.abc import Mapping
from datetime import datetime

from ingestion.formats.amplitude import AMPLITUDE
from ingestion.formats.calls import CallFormat, calls_parser
from ingestion.formats.mixpanel import MIXPANEL
from ingestion.formats.posthog import POSTHOG
from ingestion.formats.segment import SEGMENT
from ingestion.parsing import Parser

FORMATS: Mapping[str, CallFormat] = {
    "segment": SEGMENT,
    "rudderstack": SEGMENT,  # speaks the same specification
    "posthog": POSTHOG,
    "amplitude": AMPLITUDE,
    "mixpanel": MIXPANEL,
}


def events_parser(source_format: str, now: datetime, _told_at: datetime) -> Parser:
    """The parser of ``landing/events/<source_format>/``."""
    return calls_parser(source_format, now, FORMATS[source_format])


def json_columns(dataset: str, part: str) -> tuple[str, ...]:
    """Columns of a Parquet file in which text stands for the JSON written in it."""
    return FORMATS[part].json_columns if dataset == "events" else ()
