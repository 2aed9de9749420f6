"""Views ``raw.<dataset>`` in the warehouse: what dbt sees of the lake and of our own records.

A view shows only what the manifest knows: rows of loads that were committed, without the
rows of files that were superseded or withdrawn. Rows that a crashed ingest left behind
are therefore invisible even before the next ingest removes them.
"""

import hashlib
from collections.abc import Mapping

import duckdb
import pyarrow as pa

from ingestion.lake import (
    INTERNAL,
    PARTITIONED,
    STORED,
    ensure_datasets,
    load_of,
    read_dataset,
    sql_text,
)
from ingestion.lake_schema import DATASETS
from ingestion.manifest import committed_load_id
from warehouse.dbt_builds import RAW_VERSIONS, writing
from warehouse.ops import OpsStore, retry_while_locked
from warehouse.settings import Settings

# a later row with the same key replaces the earlier one
CURRENT_ROW_KEYS: Mapping[str, tuple[str, ...]] = {
    "contracts": ("contract_id",),
    "fx_rates": ("month", "currency"),
    "firmographics": ("domain",),
    "gtm_costs": ("month", "kind"),
    "support_tickets": ("ticket_id",),
    "targets": ("month", "metric"),
}
# here a key may have several rows in one file; a later file's rows replace them all
CURRENT_FILE_KEYS: Mapping[str, tuple[str, ...]] = {
    "marketing_spend": ("spend_date", "channel", "campaign"),
}


def create_raw_views(settings: Settings) -> None:
    """Create or replace every ``raw.<dataset>`` view in ``warehouse.duckdb``.

    Works with an empty lake (the views are there and empty) and is cheap: no data is
    read. Opens the warehouse for writing only as long as that takes.
    """
    ensure_datasets(settings.lake_dir)
    load_id = committed_load_id(settings)
    deliveries = _sync_deliveries(settings)
    settings.warehouse_path.parent.mkdir(parents=True, exist_ok=True)
    for attempt in retry_while_locked():
        with attempt:
            connection = duckdb.connect(str(settings.warehouse_path))
    with writing(settings), connection:
        without_withdrawn = _has_withdrawn_files(connection, settings, load_id)
        connection.execute("begin")
        connection.execute("create schema if not exists raw")
        connection.execute(
            f"create or replace view raw.pipeline_clock as {_clock_select(settings)}"
        )
        connection.execute(f"create or replace table raw.sync_deliveries ({_DELIVERY_COLUMNS})")
        if deliveries:
            connection.register("deliveries", _as_arrow(deliveries))
            connection.execute("insert into raw.sync_deliveries by name select * from deliveries")
        for dataset in STORED:
            if dataset not in INTERNAL:
                connection.execute(
                    f"create or replace view raw.{dataset} as "
                    f"{dataset_select(settings, dataset, load_id, without_withdrawn)}"
                )
        connection.execute("create schema if not exists internal")
        rows = ", ".join(
            f"({sql_text(dataset)}, {sql_text(version)})"
            for dataset, version in sorted(
                {
                    **dataset_versions(settings, load_id),
                    "sync_deliveries": _hash(repr(deliveries)),
                }.items()
            )
        )
        connection.execute(
            f"create or replace view {RAW_VERSIONS} as "
            f"select * from (values {rows}) as versions (dataset, version)"
        )
        connection.execute("commit")


def dataset_versions(settings: Settings, load_id: int) -> dict[str, str]:
    """A version of each dataset, another whenever its view may show other rows.

    Parquet files are written once: name, size and time stand for what is in one. Of events, which
    have a file a day and load, ``event_loads`` tells what loads changed.
    """
    withdrawn = _files(settings, "withdrawn_files", load_id)
    versions = {"pipeline_clock": _hash(_clock_select(settings))}
    for dataset in STORED.keys() - INTERNAL.keys():
        files = _files(settings, "event_loads" if dataset in PARTITIONED else dataset, load_id)
        versions[dataset] = _hash(repr((files, withdrawn)))
    return versions


_DELIVERY_COLUMNS = ", ".join(f"{n} {t}" for n, t in DATASETS["sync_deliveries"].items())


def _sync_deliveries(settings: Settings) -> list[tuple]:
    """What the operations store knows of deliveries: small, and copied, so that dbt never holds
    the store while syncs want to write it."""
    if not settings.ops_path.exists():
        return []
    names = ", ".join(DATASETS["sync_deliveries"])
    with OpsStore(settings.ops_path).connection() as connection:
        return connection.execute(
            f"select {names} from sync_deliveries order by sync_name, subject"
        ).fetchall()


def _as_arrow(rows: list[tuple]) -> pa.Table:
    columns = zip(DATASETS["sync_deliveries"], zip(*rows, strict=True), strict=True)
    return pa.table({name: list(values) for name, values in columns})


def _files(settings: Settings, dataset: str, load_id: int) -> list[tuple[str, int, int]]:
    """The files of committed loads: name, size, time of writing."""
    found = []
    for path in sorted((settings.lake_dir / dataset).glob("load-*.parquet")):
        if (load_of(path) or 0) <= load_id:
            stat = path.stat()
            found.append((path.name, stat.st_size, stat.st_mtime_ns))
    return found


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def dataset_select(settings: Settings, dataset: str, load_id: int, without_withdrawn: bool) -> str:
    """SQL that selects the rows of ``dataset`` which count as of load ``load_id``."""
    columns = ", ".join(f'"{name}"' for name in DATASETS[dataset])
    conditions = [f"load_id <= {load_id}"]
    if without_withdrawn and "file_id" in DATASETS[dataset]:
        withdrawn = read_dataset(settings.lake_dir, "withdrawn_files")
        conditions.append(
            f"file_id not in (select file_id from {withdrawn} where load_id <= {load_id})"
        )
    select = (
        f"select {columns} from {read_dataset(settings.lake_dir, dataset)} "
        f"where {' and '.join(conditions)}"
    )
    newest_first = "load_id desc, file_id desc"
    if keys := CURRENT_ROW_KEYS.get(dataset):
        select += (
            f" qualify row_number() over (partition by {', '.join(keys)} "
            f"order by {newest_first}, line_number desc) = 1"
        )
    elif keys := CURRENT_FILE_KEYS.get(dataset):
        select += (
            f" qualify rank() over (partition by {', '.join(keys)} order by {newest_first}) = 1"
        )
    return select


def _has_withdrawn_files(
    connection: duckdb.DuckDBPyConnection, settings: Settings, load_id: int
) -> bool:
    # most installations never withdraw anything: spare their every read the anti-join
    withdrawn = read_dataset(settings.lake_dir, "withdrawn_files")
    query = f"select count(*) > 0 from {withdrawn} where load_id <= {load_id}"
    return connection.execute(query).fetchall()[0][0]


def _clock_select(settings: Settings) -> str:
    as_of = settings.now.replace(tzinfo=None).isoformat(sep=" ")
    return (
        f"select timestamp {sql_text(as_of)} as as_of_at, "
        f"{sql_text(settings.reporting_currency)} as reporting_currency, "
        f"{sql_text(settings.timezone)} as timezone"
    )
