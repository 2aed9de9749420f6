"""The operations store: one schema, many processes."""

import subprocess
import sys
import threading
import time

import duckdb
import pytest

from warehouse.ops import OPS_TABLES, OpsLocked, OpsStore

HOLD_LOCK = """
import sys, time, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
time.sleep(float(sys.argv[2]))
connection.close()
"""

INSERT_ROWS = """
import sys
sys.path.insert(0, sys.argv[3])
from warehouse.ops import OpsStore
store = OpsStore(sys.argv[1])
for number in range(25):
    with store.transaction() as connection:
        connection.execute(
            "insert into quarantine (path, line_number) values (?, ?)", [sys.argv[2], number]
        )
"""


def test_a_new_store_has_every_table_and_column(tmp_path):
    path = tmp_path / "deep" / "ops.duckdb"
    OpsStore(path).create()
    with duckdb.connect() as reader:
        reader.execute(f"attach '{path}' as ops (read_only)")
        for name, table in OPS_TABLES.items():
            described = reader.execute(f"describe ops.{name}").fetchall()
            assert [row[0] for row in described] == list(table.columns)


def test_opening_again_changes_nothing(tmp_path):
    store = OpsStore(tmp_path / "ops.duckdb")
    with store.connection() as connection:
        connection.execute("insert into ingest_files (file_id, path) values ('1', 'a')")
    with store.connection() as connection:
        assert connection.execute("select path from ingest_files").fetchall() == [("a",)]


def test_a_store_of_an_older_version_gets_the_new_columns_and_keeps_its_rows(tmp_path):
    path = tmp_path / "ops.duckdb"
    with duckdb.connect(str(path)) as old:
        old.execute("create table sync_runs (run_id varchar, sync_name varchar)")
        old.execute("insert into sync_runs values ('r1', 'salesforce_accounts')")
    with OpsStore(path).connection() as connection:
        rows = connection.execute("select run_id, sync_name, api_calls from sync_runs").fetchall()
    assert rows == [("r1", "salesforce_accounts", None)]


def test_the_ledger_holds_one_row_a_record(tmp_path):
    store = OpsStore(tmp_path / "ops.duckdb")
    for payload_hash in ("a", "b"):
        with store.connection() as connection:
            connection.execute(
                "insert or replace into sync_ledger (sync_name, record_key, payload_hash) "
                "values ('s', 'k', ?)",
                [payload_hash],
            )
    with store.connection() as connection:
        assert connection.execute("select payload_hash from sync_ledger").fetchall() == [("b",)]


def test_a_failed_transaction_leaves_nothing(tmp_path):
    store = OpsStore(tmp_path / "ops.duckdb")
    with pytest.raises(ZeroDivisionError), store.transaction() as connection:
        connection.execute("insert into quarantine (path) values ('a')")
        raise ZeroDivisionError
    with store.connection() as connection:
        assert connection.execute("select count(*) from quarantine").fetchone() == (0,)


def test_waits_while_another_process_holds_the_store(tmp_path):
    path = tmp_path / "ops.duckdb"
    OpsStore(path).create()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK, str(path), "0.7"], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    started = time.monotonic()
    with OpsStore(path).connection() as connection:
        assert connection.execute("select count(*) from alerts").fetchone() == (0,)
    assert time.monotonic() - started > 0.3
    assert holder.wait() == 0


def test_gives_up_with_a_clear_error_when_the_holder_never_lets_go(tmp_path):
    path = tmp_path / "ops.duckdb"
    OpsStore(path).create()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK, str(path), "30"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(OpsLocked, match=rf"stayed locked for 0.3 s.*PID {holder.pid}"),
            OpsStore(path, lock_timeout_seconds=0.3).connection(),
        ):
            pass
    finally:
        holder.kill()
        holder.wait()


def test_two_processes_and_threads_lose_no_row(tmp_path, request):
    path = tmp_path / "ops.duckdb"
    root = str(request.config.rootpath)
    processes = [
        subprocess.Popen([sys.executable, "-c", INSERT_ROWS, str(path), name, root])
        for name in ("first", "second")
    ]

    def write(name):
        for number in range(10):
            with OpsStore(path).transaction() as connection:
                connection.execute(
                    "insert into quarantine (path, line_number) values (?, ?)", [name, number]
                )

    threads = [threading.Thread(target=write, args=(name,)) for name in ("third", "fourth")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait() for process in processes] == [0, 0]
    with OpsStore(path).connection() as connection:
        rows = connection.execute(
            "select path, count(distinct line_number) from quarantine group by all order by all"
        ).fetchall()
    assert rows == [("first", 25), ("fourth", 10), ("second", 25), ("third", 10)]
