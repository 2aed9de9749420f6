"""The project's dbt unit tests, and the whole job where nothing has landed."""

import duckdb


def test_every_dbt_unit_test_passes(project):
    assert len(project.unit_tests) == len(project.manifest["unit_tests"]) > 50
    assert [
        f"{unique_id}: {result['message']}"
        for unique_id, result in project.unit_tests.items()
        if result["status"] != "pass"
    ] == []


def test_an_installation_where_nothing_has_landed_builds_every_model_and_publishes(project):
    with duckdb.connect(str(project.settings.warehouse_path), read_only=True) as warehouse:
        built = warehouse.execute(
            "select schema_name, table_name from duckdb_tables() union all "
            "select schema_name, view_name from duckdb_views()"
        ).fetchall()
    expected = {
        (node["schema"], node["alias"])
        for node in project.models.values()
        if node["config"]["materialized"] != "ephemeral"
    }
    assert expected - set(built) == set()


def test_an_empty_landing_folder_gives_empty_tables_and_says_what_is_missing(project):
    assert "note" in project.said
    with duckdb.connect(str(project.settings.published_path), read_only=True) as published:
        for table in (
            "core.dim_people", "core.dim_accounts", "core.fct_person_days",
            "identity.bridge_person_ids", "activation.fct_person_milestones",
            "funnel.fct_stages", "retention.rpt_retention", "revenue.fct_mrr_months",
            "revenue.rpt_nrr", "pql.fct_scores", "experiments.fct_exposures",
            "ops.ingest_files",
        ):  # fmt: skip
            assert published.execute(f"select count(*) from {table}").fetchall() == [(0,)], table


def test_dbt_warns_of_nothing(project):
    """Deprecated YAML, unused configuration and the like are errors to come."""
    assert project.warnings == []
