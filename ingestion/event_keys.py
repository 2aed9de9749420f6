"""Which message ids the lake holds, in eight bytes each.

Whether an event came before is asked of the whole lake at every load. Its ids as text are a
tenth of the lake; here each is a 64-bit hash beside the day it was received, so that only days
where a hash is met are opened to compare the ids themselves.
"""

import re
from pathlib import Path

import duckdb

from ingestion.lake import read_dataset, sql_text

DATASET = "event_keys"
_FILE = re.compile(r"load-(\d+)\.parquet$")


def message_key(message_id: str) -> str:
    """SQL: the hash of a message id, by DuckDB's own function: md5 takes fifty times as long."""
    return f"hash({message_id})"


def ensure_event_keys(
    connection: duckdb.DuckDBPyConnection, lake_dir: Path, last_load_id: int
) -> None:
    """Write the keys of loads that have none: of a lake older than this index, a lost file, or
    all of them when DuckDB hashes otherwise than it did."""
    folder = lake_dir / DATASET
    _forget_other_hashes(connection, folder)
    there = {int(found[1]) for path in folder.iterdir() if (found := _FILE.search(path.name))}
    loads = connection.execute(
        "select load_id, list(distinct received_date) "
        f"from {read_dataset(lake_dir, 'event_loads')} "
        "where load_id <= ? and count_events > 0 group by load_id order by load_id",
        [last_load_id],
    ).fetchall()
    for load_id, days in loads:
        if load_id in there:
            continue
        listed = ", ".join(f"date '{day}'" for day in days)
        path = folder / f"load-{load_id:06d}.parquet"
        partial = path.with_suffix(".tmp")
        connection.execute(
            f"copy (select {message_key('message_id')} as message_key, received_date, load_id "
            f"from {read_dataset(lake_dir, 'events')} "
            f"where load_id = {load_id} and received_date in ({listed})) "
            f"to {sql_text(partial)} (format parquet, compression zstd)"
        )
        partial.replace(path)


def _forget_other_hashes(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    marker = folder / "hashes_of_known_texts"
    # short and long texts are hashed by different code
    known = ("abc", "123e4567-e89b-12d3-a456-426614174000")
    hashes = ", ".join(message_key(sql_text(text)) for text in known)
    ours = str(connection.execute(f"select {hashes}").fetchone())
    if marker.exists() and marker.read_text() == ours:
        return
    for path in folder.glob("load-*.parquet"):
        path.unlink()
    marker.write_text(ours)


def days_met(connection: duckdb.DuckDBPyConnection, lake_dir: Path, staged: str) -> list[str]:
    """Received days (ISO) on which the lake may hold a message of ``staged``, ascending.

    ``staged``: SQL relation with ``message_key``.
    """
    return [
        str(day)
        for (day,) in connection.execute(
            f"select distinct received_date from {read_dataset(lake_dir, DATASET)} "
            f"where message_key in (select message_key from {staged}) order by received_date"
        ).fetchall()
    ]
