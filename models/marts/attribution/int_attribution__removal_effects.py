"""What each channel is worth to the chain of touches.

Thin around ``plg_statistics.markov_attribution``. The same steps give the same effects, so an
unchanged input keeps the table.
"""


def model(dbt, session):
    steps = dbt.ref("int_attribution__channel_steps").order("all").to_arrow_table()
    from plg_statistics.fingerprints import fingerprint
    from plg_statistics.markov_attribution import no_effects, removal_effects

    if not steps.num_rows:
        return no_effects()
    digest = fingerprint(steps, "numpy")
    known = session.sql(
        "select count(*) from duckdb_tables() where database_name = current_database() "
        f"and schema_name = '{dbt.this.schema}' and table_name = '{dbt.this.identifier}'"
    ).fetchall()
    if known != [(0,)]:
        before = session.sql(f"select * from {dbt.this}").to_arrow_table()
        if before.num_rows and set(before["inputs_hash"].to_pylist()) == {digest}:
            return before
    return removal_effects(steps, digest)
