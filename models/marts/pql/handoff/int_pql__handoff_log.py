"""Hand-offs and all that happened to them: thin around ``plg_statistics.handoff_fold``.

The table remembers: what an earlier build decided (who qualified, whose turn it was) stands. With
``dbt --vars '{handoff_forget: true}'`` history is worked out anew, by today's rules.
"""


def model(dbt, session):
    from plg_statistics.handoff_tables import handoff_log

    known_accounts = dbt.ref("dim_accounts").project("account_id, named_account_owner_id")
    opportunities = dbt.ref("fct_opportunities").filter("account_id is not null")
    touches = dbt.ref("fct_sales_touches").filter("account_id is not null")
    versions = dbt.ref("fct_crm_handoff_versions").filter("account_id is not null")
    relations = {
        "accounts": known_accounts,
        "opportunities": opportunities,
        "touches": touches,
        "crm_versions": versions,
        "deliveries": dbt.ref("fct_sync_deliveries"),
        "crossings": dbt.ref("int_pql__handoff_crossings"),
        "zones": dbt.ref("int_pql__handoff_zones"),
        "suppressions": dbt.ref("int_pql__handoff_suppressions"),
        "routes": dbt.ref("int_pql__handoff_routes"),
        "people": dbt.ref("int_pql__handoff_people"),
        "tiers": dbt.ref("int_pql__handoff_tiers"),
        "paying_periods": dbt.ref("int_pql__paying_periods"),
        "teams": dbt.ref("sales_teams"),
        "absences": dbt.ref("sales_absences"),
        "calendars": dbt.ref("sla_calendars"),
        "holidays": dbt.ref("sla_holidays"),
        "pauses": dbt.ref("sla_pauses"),
        "escalations": dbt.ref("handoff_escalations"),
        "statuses": dbt.ref("handoff_statuses"),
        "moves": dbt.ref("handoff_moves"),
        "reasons": dbt.ref("handoff_suppressions"),
    }
    tables = {name: rows.to_arrow_table().to_pylist() for name, rows in relations.items()}
    ((now,),) = dbt.ref("dim_as_of").project("as_of_at").fetchall()
    before = []
    known = session.sql(
        "select count(*) from duckdb_tables() where database_name = current_database() "
        f"and schema_name = '{dbt.this.schema}' and table_name = '{dbt.this.identifier}'"
    ).fetchall()
    if known != [(0,)] and not dbt.config.get("forget"):
        rows = session.sql(
            f"select * from {dbt.this} where row_type in ('run', 'decision', 'event')"
        )
        before = rows.to_arrow_table().to_pylist()
    return handoff_log(tables, now, before)
