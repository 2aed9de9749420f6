"""Whether a result is still that of its input: a hash of the rows and of what works on them."""

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa


def fingerprint(rows: pa.Table, *packages: str) -> str:
    """SHA-256 of ``rows`` in their order, of this package's source and of the versions of the
    ``packages`` that do the arithmetic. Importing them is not needed."""
    digest = hashlib.sha256(_source().encode())
    for package in packages:
        digest.update(f"{package}=={version(package)}\n".encode())
    for name in rows.column_names:
        digest.update(name.encode())
        for value in rows.column(name).to_pylist():
            digest.update(b"\x00" if value is None else b"\x01" + str(value).encode() + b"\x02")
    return digest.hexdigest()


def fingerprint_of_tables(tables: Iterable[pa.Table], *packages: str) -> str:
    """The same of whole tables, by their bytes: for those too large to look at value by value."""
    digest = hashlib.sha256(_source().encode())
    for package in packages:
        digest.update(f"{package}=={version(package)}\n".encode())
    for table in tables:
        digest.update(str(table.schema.remove_metadata()).encode())
        for column in table.columns:
            # apart: what lies in memory where a value is missing may be anything
            for values in (column.is_valid().cast(pa.uint8()), column.drop_null()):
                digest.update(_bytes(values))
    return digest.hexdigest()


def _bytes(values: pa.ChunkedArray) -> pa.Buffer:
    if pa.types.is_boolean(values.type):  # the last byte's unused bits neither
        values = values.cast(pa.uint8())
    table = pa.table({"values": values}).combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


@cache
def _source() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
