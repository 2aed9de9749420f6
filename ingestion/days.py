"""The received days of the lake: which a load touched, and what they hold now."""

from dataclasses import dataclass
from datetime import date

import duckdb

from ingestion.lake import ensure_datasets, read_dataset
from ingestion.raw_views import dataset_select
from warehouse.settings import Settings


@dataclass(frozen=True)
class ReceivedDay:
    """A received day as the lake holds it: 0 events when all of them were taken out."""

    day: date
    count_events: int
    count_files: int
    last_load_id: int


def days_touched(settings: Settings, load_id: int) -> list[tuple[date, int]]:
    """Received days of load ``load_id``, ascending, with the number of events that came.

    0 events: rows of the day were only taken out.
    """
    with duckdb.connect() as connection:
        return connection.execute(
            "select received_date, sum(count_events)::bigint "
            f"from {read_dataset(settings.lake_dir, 'event_loads')} "
            "where load_id = ? group by received_date order by received_date",
            [load_id],
        ).fetchall()


def days_between(settings: Settings, after: int, last: int) -> list[ReceivedDay]:
    """Every received day that the loads after ``after`` up to ``last`` touched, ascending.

    What it holds is as of load ``last``. Of the events only these days are opened, and of them
    one column.
    """
    ensure_datasets(settings.lake_dir)
    with duckdb.connect() as connection:
        touched = connection.execute(
            "select received_date, max(load_id) "
            f"from {read_dataset(settings.lake_dir, 'event_loads')} "
            "where load_id > ? and load_id <= ? group by received_date order by received_date",
            [after, last],
        ).fetchall()
        if not touched:
            return []
        # as a list, so that DuckDB opens no other day's files
        days = ", ".join(f"date '{day}'" for day, _ in touched)
        held = {
            day: (events, files)
            for day, events, files in connection.execute(
                "select received_date, count(*), count(distinct file_id) "
                f"from ({dataset_select(settings, 'events', last, without_withdrawn=True)}) "
                f"where received_date in ({days}) group by received_date"
            ).fetchall()
        }
    return [ReceivedDay(day, *held.get(day, (0, 0)), load) for day, load in touched]
