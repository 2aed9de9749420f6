"""For dbt's Python models: what a run before this one left, where it is still right."""

from typing import Any

import pyarrow as pa


def result_before(dbt: Any, session: Any, digest: str) -> pa.Table | None:
    """The model's table as it is, if all its rows carry this digest in `inputs_hash`; else None.

    An empty table carries none and is made anew.
    """
    known = session.sql(
        "select count(*) from duckdb_tables() where database_name = current_database() "
        f"and schema_name = '{dbt.this.schema}' and table_name = '{dbt.this.identifier}'"
    ).fetchall()
    if known == [(0,)]:
        return None
    before = session.sql(f"select * from {dbt.this}").to_arrow_table()
    is_same = before.num_rows and set(before["inputs_hash"].to_pylist()) == {digest}
    return before if is_same else None
