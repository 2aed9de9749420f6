"""What the dbt project is right now, and what of it a warehouse already holds.

A seed and a view are their definition: once built, they change only with the project. The
project's fingerprint, kept in the warehouse itself, tells whether they must be built again.
Every dbt command that builds or tests forgets it when it starts (``on-run-start``), but for one
that is told to leave them alone (variable ``keeps_definitions``); who builds all of them writes it
down again. Views and seeds that somebody
changed in the warehouse by hand are noticed: their SQL and rows are part of what is remembered.
"""

import hashlib
from importlib.metadata import version

import duckdb

from warehouse.dbt import DBT_PROJECT_DIR
from warehouse.settings import PROJECT_ROOT, Settings

_FOLDERS = (PROJECT_ROOT / "models", PROJECT_ROOT / "seeds", DBT_PROJECT_DIR)
_SUFFIXES = (".sql", ".yml", ".csv", ".py")
_WRITTEN_BY_DBT = ("target", "logs")
_TABLE = "internal.dbt_definitions"
_PACKAGES = ("dbt-core", "dbt-duckdb", "duckdb")


def project_fingerprint() -> str:
    """SHA-256 of every file dbt compiles from and of the versions that compile it."""
    digest = hashlib.sha256(repr([version(name) for name in _PACKAGES]).encode())
    for folder in _FOLDERS:
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(PROJECT_ROOT)
            if path.name.startswith(".") or not path.is_file():
                continue  # an editor's
            if path.suffix in _SUFFIXES and not set(_WRITTEN_BY_DBT) & set(relative.parts):
                digest.update(f"{relative}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def relations_in(settings: Settings) -> set[str]:
    """Every table and view of the warehouse, as "schema.name"."""
    if not settings.warehouse_path.exists():
        return set()
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        return {
            name
            for (name,) in connection.execute(
                "select schema_name || '.' || table_name from duckdb_tables() union all "
                "select schema_name || '.' || view_name from duckdb_views() where not internal"
            ).fetchall()
        }


def are_definitions_built(settings: Settings, project: str, relations: set[str]) -> bool:
    """True when this warehouse holds all ``relations`` ("schema.name"), built from ``project``.

    A raw view with other columns than then counts as another project: DuckDB refuses a view
    whose source changed under it.
    """
    if not {_TABLE, *relations} <= relations_in(settings):
        return False
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        built = connection.execute(f"select fingerprint from {_TABLE}").fetchone()
        return built == (_remembered(connection, settings, project),)


def definitions_built(settings: Settings, project: str) -> None:
    """Remember that all seeds and views of ``project`` are in this warehouse."""
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        fingerprint = _remembered(connection, settings, project)
        connection.execute("create schema if not exists internal")
        connection.execute(
            f"create or replace table {_TABLE} as select $fingerprint as fingerprint",
            {"fingerprint": fingerprint},
        )


def _remembered(connection: duckdb.DuckDBPyConnection, settings: Settings, project: str) -> str:
    """The fingerprint with what the definitions stand on, and with what became of them."""
    columns = connection.execute(
        "select table_name, column_name, data_type from duckdb_columns() "
        "where schema_name = 'raw' order by all"
    ).fetchall()
    views = connection.execute(
        "select view_name, sql from duckdb_views() where schema_name = 'staging' order by all"
    ).fetchall()
    seeds = connection.execute(
        "select table_name from duckdb_tables() where schema_name = 'seeds' order by all"
    ).fetchall()
    rows = [
        connection.execute(f'select bit_xor(hash(seed)), count(*) from seeds."{name}" as seed')
        .fetchone()
        for (name,) in seeds
    ]  # fmt: skip
    words = (project, settings.target, settings.product_line, columns, views, seeds, rows)
    return hashlib.sha256(repr(words).encode()).hexdigest()
