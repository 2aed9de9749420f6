"""The lake on disk: where a dataset's Parquet lives and how files get there whole.

A Parquet file is written beside its final place under a temporary name and renamed, so
a reader never meets half a file. Every dataset holds one zero-row ``schema.parquet``,
so that a reader finds the columns before anything has landed.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import duckdb

from ingestion.lake_schema import DATASETS

PARTITIONED = {"events": "received_date"}
VIRTUAL = {"pipeline_clock", "sync_deliveries"}  # settings and our own records, not files
INTERNAL: Mapping[str, Mapping[str, str]] = {
    # files whose rows no longer count: replaced by new content, or taken out
    "withdrawn_files": {"file_id": "VARCHAR", "load_id": "BIGINT"},
    # an index of the events' message ids, see event_keys.py
    "event_keys": {"message_key": "UBIGINT", "received_date": "DATE", "load_id": "BIGINT"},
}
STORED: Mapping[str, Mapping[str, str]] = {
    **{name: columns for name, columns in DATASETS.items() if name not in VIRTUAL},
    **INTERNAL,
}
# the last in any listing: DuckDB takes the first file for the size of all
_EMPTY_PARTITION = "9999-12-31"
_LOAD_FILE = re.compile(r"load-(\d+)(-\d+)?\.parquet")


def load_of(path: Path) -> int | None:
    """Number of the load that wrote a Parquet file of the lake; None when no load did."""
    found = _LOAD_FILE.fullmatch(path.name)
    return int(found[1]) if found else None


def sql_text(value: object) -> str:
    """A SQL string literal; the only way a path or a value gets into a statement."""
    return "'" + str(value).replace("'", "''") + "'"


def dataset_glob(lake_dir: Path, dataset: str) -> str:
    """Glob for a dataset's Parquet; the folder's own name is escaped."""
    folder = glob_escape(str(lake_dir / dataset))
    return f"{folder}/*/*.parquet" if dataset in PARTITIONED else f"{folder}/*.parquet"


def glob_escape(text: str) -> str:
    """``text`` with DuckDB's glob characters bracketed."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in text)


def read_dataset(lake_dir: Path, dataset: str) -> str:
    """SQL table function that reads all rows ever written of a dataset."""
    source = sql_text(dataset_glob(lake_dir, dataset))
    if dataset in PARTITIONED:
        types = f"{{{sql_text(PARTITIONED[dataset])}: DATE}}"
        return f"read_parquet({source}, hive_partitioning = true, hive_types = {types})"
    return f"read_parquet({source}, hive_partitioning = false)"


def ensure_datasets(lake_dir: Path) -> None:
    """Write the zero-row file of every dataset that has none yet."""
    missing = [name for name in STORED if not _schema_file(lake_dir, name).exists()]
    if not missing:
        return
    with duckdb.connect() as connection:
        for dataset in missing:
            path = _schema_file(lake_dir, dataset)
            path.parent.mkdir(parents=True, exist_ok=True)
            columns = ", ".join(
                f'cast(null as {kind}) as "{name}"'
                for name, kind in STORED[dataset].items()
                if name != PARTITIONED.get(dataset)
            )
            partial = path.with_name(path.name + ".tmp")
            connection.execute(
                f"copy (select {columns} where false) to {sql_text(partial)} (format parquet)"
            )
            partial.replace(path)


def _schema_file(lake_dir: Path, dataset: str) -> Path:
    folder = lake_dir / dataset
    if dataset in PARTITIONED:
        folder = folder / f"{PARTITIONED[dataset]}={_EMPTY_PARTITION}"
    return folder / "schema.parquet"
