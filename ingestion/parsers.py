"""Which `Parser` reads which dataset of JSON rows.

Called with the part of the landing folder, now, and when the file was told (`landing.told_at`),
which dates what its rows do not date themselves.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from ingestion.formats import events_parser
from ingestion.parsing import (
    Parser,
    crm_parser,
    stripe_events_parser,
    stripe_objects_parser,
)

PARSERS: Mapping[str, Callable[[str, datetime, datetime], Parser]] = {
    "events": events_parser,
    "stripe_events": stripe_events_parser,
    "stripe_objects": stripe_objects_parser,
    "crm_records": crm_parser,
}
