"""What ingestion remembers about files: ``ops.ingest_files`` and its neighbours."""

from warehouse.settings import Settings


def committed_load_id(settings: Settings) -> int:
    """Number of the last committed load, 0 when nothing was ever loaded."""
    if not settings.ops_path.exists():
        return 0
    from warehouse.ops import OpsStore

    with OpsStore(settings.ops_path).connection() as connection:
        query = "select coalesce(max(load_id), 0) from ingest_files"
        return connection.execute(query).fetchone()[0]
