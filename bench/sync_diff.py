"""How long a million source rows take to be compared with the ledger, and how much memory.

    .venv/bin/python -m bench.sync_diff [--rows 1000000]

Everything `plg sync NAME` does before its first call: read the published table, build the
canonical payloads, compare, note what will be sent. One row in a thousand has changed. Limits of
the project: under 10 s and 2 GiB.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import duckdb

from reverse_etl.plan import compare, read_source
from reverse_etl.specs import find_spec
from warehouse.ops import OpsStore

CONTACTS = """
create table syncs.sync_hubspot__contacts as
select
    'p' || n || '@acc.example' as record_key, 'per_' || n as person_id,
    'acc_' || (n % 10000) as account_id, 'p' || n || '@acc.example' as email,
    'First ' || n as first_name, 'Last' as last_name, 'Analyst' as job_title,
    timestamp '2026-01-01 10:00:00' as signed_up_at, null::timestamp as activated_at,
    timestamp '2026-01-31 12:00:00' as last_seen_at, null::varchar as pql_tier
from range(1, {rows} + 1) as numbers(n)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    spec = find_spec("hubspot_contacts")
    with tempfile.TemporaryDirectory() as folder:
        published, scratch = Path(folder) / "plg.duckdb", Path(folder) / "plan.duckdb"
        with duckdb.connect(str(published)) as connection:
            connection.execute("create schema syncs")
            connection.execute(CONTACTS.format(rows=rows))
        ops = OpsStore(Path(folder) / "ops.duckdb")
        read_source(spec, published, scratch)
        with ops.connection() as connection:
            connection.execute(f"attach '{scratch}' as seed (read_only)")
            connection.execute(
                "insert into sync_ledger (sync_name, record_key, payload_hash, payload, "
                "destination_id, state) select ?, record_key, payload_hash, payload, "
                "record_key, 'active' from seed.source_rows",
                [spec.name],
            )
        with duckdb.connect(str(published)) as connection:
            connection.execute(
                "update syncs.sync_hubspot__contacts set last_name = 'Changed' "
                "where cast(substr(person_id, 5) as bigint) % 1000 = 0"
            )
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.perf_counter()
        source_rows = read_source(spec, published, scratch)
        read = time.perf_counter() - started
        with ops.connection() as connection:
            plan = compare(connection, spec, scratch, source_rows)
        seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counts = plan.counts
    assert (counts.updates, counts.unchanged) == (rows // 1000, rows - rows // 1000), counts
    print(
        json.dumps(
            {
                "rows": rows,
                "seconds": round(seconds, 2),
                "seconds_reading": round(read, 2),
                "peak_mib": round(peak / 1024),
                "peak_before_mib": round(before / 1024),
            }
        )
    )


if __name__ == "__main__":
    main()
