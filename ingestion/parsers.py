"""Which `Parser` reads which dataset of JSON rows, by the part of the landing folder."""

from collections.abc import Callable, Mapping
from datetime import datetime

from ingestion.formats import events_parser
from ingestion.parsing import (
    Parser,
    crm_parser,
    stripe_events_parser,
    stripe_objects_parser,
)

PARSERS: Mapping[str, Callable[[str, datetime], Parser]] = {
    "events": events_parser,
    "stripe_events": stripe_events_parser,
    "stripe_objects": stripe_objects_parser,
    "crm_records": crm_parser,
}
