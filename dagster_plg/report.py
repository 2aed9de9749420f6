"""The short report after `make demo`: what came out, and where to look."""

import httpx
from rich.console import Console
from rich.table import Table

from reverse_etl.mocks.process import mocks_running
from warehouse.query import QueryError, run_query
from warehouse.settings import Settings

_SECTIONS = {
    "Ingested": """
        select
            dataset,
            count(*) as files,
            sum(rows_read) as rows_read,
            sum(rows_accepted) as accepted,
            sum(rows_quarantined) as quarantined,
            sum(rows_duplicate) as duplicates
        from ops.ingest_files
        where status = 'loaded'
        group by dataset
        order by dataset
    """,
    "Gates (last verdict)": """
        select gate, passed, count_blocking_failed, count_warnings
        from ops.gate_verdicts
        qualify row_number() over (partition by gate order by checked_at desc) = 1
        order by checked_at
    """,
    "Marts": """
        select 'people' as what, count(*) as how_many from core.dim_people
        union all
        select 'people signed up', count(signed_up_at) from core.dim_people
        union all
        select 'accounts', count(*) from core.dim_accounts
        union all
        select 'accounts paying', count(*) from core.dim_accounts where is_paying
        union all
        select 'person-day-event rows', count(*) from core.fct_person_days
    """,
    "Funnel of accounts": """
        select
            stage,
            sum(entities) as accounts,
            round(100.0 * sum(entities) / nullif(max(sum(entities)) over (), 0), 1) as pct_of_first
        from funnel.rpt_funnel
        where entity_type = 'account' and dimension = 'all'
        group by stage, stage_number
        order by stage_number
    """,
    "Activation, last five mature weeks": """
        select
            cohort_week, signups, activated_7d,
            round(100 * activation_rate, 1) as activation_pct,
            round(median_minutes_to_value, 1) as median_minutes_to_value
        from activation.rpt_activation_cohorts
        where segment = 'all' and is_mature
        order by cohort_week desc
        limit 5
    """,
    "NRR, 12 months": """
        select
            strftime(month, '%Y-%m') as month, starting_mrr, expansion_mrr,
            contraction_mrr, churn_mrr,
            round(100 * nrr, 1) as nrr_pct, round(100 * grr, 1) as grr_pct
        from revenue.rpt_nrr
        where window_months = 12 and dimension = 'all'
        order by month desc
        limit 3
    """,
    "MRR, last three months": """
        select
            strftime(month, '%Y-%m') as month, sum(opening_mrr) as opening, sum(new_mrr) as new,
            sum(expansion_mrr) as expansion, sum(contraction_mrr) as contraction,
            sum(churn_mrr) as churn, sum(reactivation_mrr) as reactivation, sum(fx_mrr) as fx,
            sum(closing_mrr) as closing
        from revenue.fct_mrr_months
        group by all
        order by month desc
        limit 3
    """,
    "Top PQLs": """
        select
            a.account_name, s.model_key, s.points, s.score_10, s.tier,
            string_agg(r.sentence, ' ' order by r.points desc) as why_now
        from pql.fct_scores as s
        inner join core.dim_accounts as a using (account_id)
        inner join pql.fct_score_reasons as r using (model_key, account_id, score_date)
        where s.score_date = (select max(score_date) from pql.fct_scores) and r.points > 0
        group by all
        order by s.points desc, a.account_name
        limit 5
    """,
    "Syncs (last run)": """
        select
            sync_name, status, planned_creates, planned_updates, accepted, rejected, api_calls
        from ops.sync_runs
        qualify row_number() over (partition by sync_name order by started_at desc) = 1
        order by started_at
    """,
}


def print_report(settings: Settings, console: Console) -> None:
    """Print each section; a section that cannot be answered says why."""
    for title, sql in _SECTIONS.items():
        try:
            result = run_query(settings, sql)
        except QueryError as error:
            console.print(f"{title}: {error}", highlight=False)
            continue
        table = Table(*result.columns, title=title, title_justify="left")
        for row in result.rows:
            table.add_row(*("" if value is None else str(value) for value in row))
        console.print(table)
    with mocks_running(settings) as urls:
        counts = httpx.get(f"{urls.root}/counts.json", timeout=10).json()
    table = Table("CRM", "object", "records", title="Records in the CRMs", title_justify="left")
    for row in (row for row in counts if row["records"]):
        table.add_row(row["crm"], row["object"], str(row["records"]))
    console.print(table)
    _where_to_look(settings, console)


def _where_to_look(settings: Settings, console: Console) -> None:
    console.print(
        f"""
Where to look
  Dagster and the CRM mocks   make ui      (http://{settings.ui_host}:{settings.ui_port} and http://{settings.mocks_host}:{settings.mocks_port})
  ask the marts               .venv/bin/plg query "select * from revenue.rpt_nrr limit 5"
  freshness, gates, syncs     .venv/bin/plg status
  what the gates checked      {settings.docs_dir / "data_docs" / "index.html"}
  the published copy          {settings.published_path}
  run again: 0 write calls    .venv/bin/plg run
""",
        highlight=False,
        soft_wrap=True,
    )
