"""The received days a load touched: what incremental models rebuild."""

from datetime import date

import duckdb

from ingestion.lake import read_dataset
from warehouse.settings import Settings


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
