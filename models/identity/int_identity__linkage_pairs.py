"""Probabilistic linkage of open CRM records with people and accounts.

The one model that is not SQL: thin around ``plg_statistics.linkage``, which holds the method. The
same input gives the same output, so an unchanged input keeps the table and costs no import.
"""


def model(dbt, session):
    records = dbt.ref("int_identity__linkage_records").order("all").to_arrow_table()
    from plg_statistics.fingerprints import fingerprint
    from plg_statistics.linkage_input import no_pairs

    if not records.num_rows:
        return no_pairs()
    digest = fingerprint(records, "splink")
    known = session.sql(
        "select count(*) from duckdb_tables() where database_name = current_database() "
        f"and schema_name = '{dbt.this.schema}' and table_name = '{dbt.this.identifier}'"
    ).fetchall()
    if known != [(0,)]:
        before = session.sql(f"select * from {dbt.this}").to_arrow_table()
        if before.num_rows and set(before["inputs_hash"].to_pylist()) == {digest}:
            return before
    from plg_statistics.linkage import link

    return link(records, digest)
