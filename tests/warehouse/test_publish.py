"""Publishing: the public tables and only they, all or nothing."""

import os
import stat

import duckdb
import pytest

from tests.warehouse.conftest import build_warehouse
from warehouse.ops import OPS_TABLES, OpsStore
from warehouse.publish import PublishFailed, publish


def rows(settings, sql):
    with duckdb.connect(str(settings.published_path), read_only=True) as reader:
        return reader.execute(sql).fetchall()


def test_publishes_public_tables_and_nothing_else(built):
    report = publish(built)

    expected = {
        "core.dim_as_of",
        "core.dim_customers",
        "core.dim_people",
        "identity.bridge_person_ids",
        "revenue.fct_mrr_months",
        "syncs.sync_salesforce__accounts",
        *(f"ops.{name}" for name in OPS_TABLES),
    }
    assert {table.name for table in report.tables} == expected
    found = rows(
        built, "select table_schema || '.' || table_name, table_type from information_schema.tables"
    )
    assert {name for name, _ in found} == expected | {"meta.published"}
    assert {kind for _, kind in found} == {"BASE TABLE"}  # also what was a view


def test_the_copy_needs_no_other_file(built):
    publish(built)
    built.warehouse_path.unlink()
    assert rows(built, "select count(*) from core.dim_customers") == [(3,)]


def test_says_what_it_is(built):
    with OpsStore(built.ops_path).connection() as connection:
        connection.execute("insert into ingest_files (file_id, load_id) values ('a', 4), ('b', 7)")
    report = publish(built)
    assert report.load_id == 7
    ((as_of, published_at, load_id, duckdb_version),) = rows(
        built, "select as_of, published_at, load_id, versions ->> 'duckdb' from meta.published"
    )
    assert str(as_of) == "2026-06-29 12:00:00"  # what the marts were built for
    assert (published_at, load_id) == (report.published_at, 7)
    assert duckdb_version == duckdb.__version__
    assert rows(built, "select file_id from ops.ingest_files order by all") == [("a",), ("b",)]


def test_comments_travel_along(built):
    publish(built)
    assert rows(built, "select comment from duckdb_tables() where table_name = 'dim_people'") == [
        ("One row per person; it's a comment.",)
    ]
    assert rows(
        built,
        "select table_name, comment from duckdb_columns() "
        "where column_name = 'person_id' and comment is not null order by all",
    ) == [("dim_customers", "Who buys."), ("dim_people", "Who.")]


def test_the_same_warehouse_makes_the_same_tables(built):
    publish(built)
    first = rows(built, "from identity.bridge_person_ids")
    publish(built)
    assert rows(built, "from identity.bridge_person_ids") == first == sorted(first)


def test_the_file_is_read_only_and_alone_in_its_folder(built):
    publish(built)
    assert stat.S_IMODE(built.published_path.stat().st_mode) == 0o444
    assert [path.name for path in built.published_path.parent.iterdir()] == ["plg.duckdb"]


def test_a_reader_keeps_the_old_copy_while_the_next_is_published(built):
    publish(built)
    reader = duckdb.connect(str(built.published_path), read_only=True)
    assert reader.execute("select count(*) from core.dim_people").fetchone() == (3,)

    build_warehouse(built.warehouse_path, people=5)
    publish(built)

    assert reader.execute("select count(*) from identity.bridge_person_ids").fetchone() == (3,)
    reader.close()
    assert rows(built, "select count(*) from core.dim_people") == [(5,)]


def test_a_failure_leaves_the_old_copy_and_no_temporary_file(built):
    publish(built)
    before = built.published_path.read_bytes()
    with duckdb.connect(str(built.warehouse_path)) as warehouse:
        warehouse.execute("create table core.gone as select 1 as x")
        warehouse.execute("create view core.dim_broken as select * from core.gone")
        warehouse.execute("drop table core.gone")

    with pytest.raises(PublishFailed, match=r"copy of before is unchanged.*gone"):
        publish(built)

    assert built.published_path.read_bytes() == before
    assert [path.name for path in built.published_path.parent.iterdir()] == ["plg.duckdb"]


def test_leftovers_of_a_killed_process_are_removed_and_those_of_a_living_one_kept(built):
    folder = built.published_path.parent
    folder.mkdir(parents=True)
    (folder / "plg.duckdb.tmp-4194304999").write_bytes(b"half")
    alive = folder / f"plg.duckdb.tmp-{os.getppid()}"
    alive.write_bytes(b"being built")
    publish(built)
    assert sorted(path.name for path in folder.iterdir()) == ["plg.duckdb", alive.name]


def test_without_a_warehouse_it_says_what_to_run(settings):
    with pytest.raises(PublishFailed, match="run `plg run`"):
        publish(settings)
    assert not settings.published_path.exists()


def test_without_public_tables_it_says_what_to_run(settings):
    settings.home.mkdir()
    duckdb.connect(str(settings.warehouse_path)).close()
    with pytest.raises(PublishFailed, match="no public table yet: run `plg build`"):
        publish(settings)
