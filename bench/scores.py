"""Three years of daily PQL scores, and one day more: `python -m bench.scores`.

Fills the tables the scores are made from with a synthetic company (accounts, people, events with
the day they were received), and runs the models' own compiled SQL in the order dbt would: first
everything, then the same with one more day of events, as a night does. Says how many rows of
scores and of reasons came out.
"""

import argparse
import json
import re
import resource
import shutil
import tempfile
import time
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from ingestion.raw_views import create_raw_views
from warehouse.dbt import run_dbt
from warehouse.settings import Settings

FIRST_DAY = date(2023, 7, 1)
PEOPLE_AN_ACCOUNT = 3
RESULTS = Path("bench-scores-results.json")
NOTHING = ("fct_mrr_movements", "fct_support_tickets")

COMPANY = """
create or replace table inputs.dim_accounts as
    select 'acc_' || i as account_id, timestamp '{first} 08:00:00' as signed_up_at,
        case when i % 3 > 0 then 1 + i % 1200 end::bigint as employees,
        case i % 4 when 0 then 'Software' when 1 then 'Mining' when 2 then 'Media' end as industry,
        'US' as country, case when i % 2 = 0 then 'dbt;segment' end as tech_stack,
        case when i % 5 = 0 then 'data engineer' end as hiring_signals,
        i % 3 > 0 as has_company_data
    from range({accounts}) as r(i);
create or replace table inputs.people as
    select 'per_' || a || '_' || p as person_id, 'acc_' || a as account_id,
        date '{first}' + (p * 40)::integer as known_date, a % 3 as kind
    from range({accounts}) as r(a), range({people}) as q(p);
create or replace table inputs.bridge_account_people as
    select account_id, person_id, true as is_primary, known_date from inputs.people;
create or replace table inputs.dim_people as
    select person_id, account_id as primary_account_id, person_id || '@acme.io' as email,
        kind > 0 as is_business_email, known_date as email_known_date, true as is_identified
    from inputs.people;
"""

# a person is keen for three weeks of thirteen and then works on three days of five: somewhat more
# reasons a day than in the demo company
DAYS = """
with days as (
    select person_id, account_id, d::date as day, hash(person_id || d::varchar) as h
    from inputs.people, range(timestamp '{first}', timestamp '{last}' + interval 1 day,
        interval 1 day) as r(d)
    where d::date between date '{start}' and date '{last}' and d::date >= known_date
        and (hash(person_id) % 91 + (d::date - date '{first}')) % 91 < 21 and h % 5 < 3
), done as (
    select *, unnest([
        'query_run', 'dashboard_viewed',
        case when h % 7 = 0 then 'report_created' end,
        case when h % 11 = 0 then 'insight_explored' end,
        case when h % 40 = 0 then 'teammate_invited' end,
        case when h % 50 = 0 then 'pricing_page_viewed' end,
        case when h % 60 = 0 then 'limit_reached' end,
        case when h % 70 = 0 then 'api_called' end,
        case when h % 90 = 0 then 'support_contacted' end,
        case when h % 200 = 0 then 'checkout_started' end
    ]) as event_name from days
)
insert into inputs.fct_account_days
select account_id, person_id, day as activity_date, event_name,
    day + (case when h % 23 = 0 then h % 9 else 0 end)::integer as received_date,
    day + (case when h % 23 = 0 then h % 9 else 0 end)::integer as known_date,
    1 + h % 6 as count_events, 1 + h % 2 as count_stretches,
    day + to_seconds((h % 80000)::integer) as last_event_at
from done where event_name is not null
"""


class Warehouse:
    """The compiled models of the mart, run one after the other in one DuckDB."""

    def __init__(self, home: Path, memory: str):
        self.settings = Settings(home=home, as_of="2026-06-30T00:00:00Z", _env_file=None)
        create_raw_views(self.settings)
        quiet = ["--quiet", "build", "--exclude-resource-type", "test", "unit_test",
                 "--select", "+marts.pql"]  # fmt: skip
        # twice: what a first build compiles to, and what the next one does
        self.code = {}
        for step in ("first", "next"):
            result = run_dbt(self.settings, quiet)
            assert result.success, result.exception
            manifest = json.loads((self.settings.dbt_target_dir / "manifest.json").read_text())
            nodes = manifest["nodes"]
            results = json.loads((self.settings.dbt_target_dir / "run_results.json").read_text())
            ran = [nodes.get(one["unique_id"], {}) for one in results["results"]]
            self.code[step] = [
                node
                for node in ran
                # scores themselves; hand-off, pipeline and proof have folders of their own
                if node.get("resource_type") == "model" and node["fqn"][1:-1] == ["marts", "pql"]
            ]
        self.connection = duckdb.connect(str(home / "bench.duckdb"))
        self.connection.execute(f"attach '{self.settings.warehouse_path}' as built (read_only)")
        self.connection.execute(f"set memory_limit = '{memory}'; set threads = 2")
        self.connection.execute("create schema inputs; create schema pql; create schema seeds")
        for (table,) in self.connection.execute(
            "select table_name from duckdb_tables() where database_name = 'built' "
            "and schema_name = 'seeds'"
        ).fetchall():
            self.connection.execute(f"create table seeds.{table} as from built.seeds.{table}")
        self.inputs = {"fct_account_days", "fct_quota_usage", *NOTHING}
        self.columns_of("fct_account_days", "core", "account_id, person_id, activity_date, "
                        "event_name, received_date, known_date, count_events, count_stretches, "
                        "last_event_at")  # fmt: skip
        self.columns_of("fct_quota_usage", "core", "*")
        self.columns_of("fct_mrr_movements", "revenue", "*")
        self.columns_of("fct_support_tickets", "core", "*")

    def columns_of(self, table: str, schema: str, columns: str) -> None:
        self.connection.execute(
            f"create table inputs.{table} as select {columns} from built.{schema}.{table} limit 0"
        )

    def only(self, model: str | None) -> None:
        if model:
            for table in ("pql_models", "pql_signals", "pql_tiers", "pql_potentials"):
                self.connection.execute(f"delete from seeds.{table} where model_key <> '{model}'")

    def run(self, step: str, as_of: datetime, before: datetime | None) -> dict[str, float]:
        """Seconds by model. ``before``: now of the build before, none for the first."""
        self.connection.execute(
            f"create or replace table inputs.dim_as_of as select timestamp '{as_of}' as as_of_at"
        )
        seconds = {}
        for node in self.code[step]:
            name, config = node["name"], node["config"]
            sql = re.sub(r'"?\w+"?\."?(core|identity|revenue)"?\."?(\w+)"?', r"inputs.\2",
                         node["compiled_code"])  # fmt: skip
            sql = re.sub(r'"?\w+"?\."?(pql|seeds)"?\."?(\w+)"?', r"\1.\2", sql)
            if before:
                sql = sql.replace("2026-06-30 00:00:00", str(before))
            started = time.monotonic()
            self.build(name, config, sql, step)
            seconds[name] = time.monotonic() - started
        return seconds

    def build(self, name: str, config: dict, sql: str, step: str) -> None:
        run = self.connection.execute
        if config["materialized"] == "view":
            run(f"create or replace view pql.{name} as {sql}")
        elif config["materialized"] == "incremental" and step == "next":
            day, open_from = config["meta"]["day_column"], config["meta"]["open_from"]
            run("begin")
            run(f"delete from pql.{name} where {day} >= "
                f"(select {open_from} from pql.int_pql__build_window)")  # fmt: skip
            columns = ", ".join(row[0] for row in run(f"describe pql.{name}").fetchall())
            run(f"insert into pql.{name} ({columns}) select {columns} from ({sql}) as built")
            run("commit")
        else:
            run(f"create or replace table pql.{name} as {sql}")
            if name == "int_pql__build_window" and step == "next":
                # the rules are the same: only the hash of the empty warehouse differs
                run(f"update pql.{name} set score_from = open_date, evidence_from = open_date - 30")


def measure(arguments: argparse.Namespace, home: Path) -> dict:
    warehouse = Warehouse(home, arguments.memory)
    warehouse.only(arguments.model)
    last = FIRST_DAY + timedelta(days=arguments.days - 1)
    ends = {"first": FIRST_DAY, "people": PEOPLE_AN_ACCOUNT, "accounts": arguments.accounts}
    warehouse.connection.execute(COMPANY.format(**ends))
    warehouse.connection.execute(DAYS.format(start=FIRST_DAY, last=last, **ends))
    midnight = datetime.combine(last + timedelta(days=1), datetime.min.time())
    cpu = time.process_time()
    all_models = warehouse.run("first", midnight, None)
    cpu_all = time.process_time() - cpu

    def count(table: str) -> int:
        return warehouse.connection.execute(f"select count(*) from {table}").fetchone()[0]

    rows = {
        "account_day_events": count("inputs.fct_account_days"),
        "scores": count("pql.fct_scores"), "reasons": count("pql.fct_score_reasons"),
        "user_scores": count("pql.fct_user_scores"),
        "transitions": count("pql.fct_transitions"),
    }  # fmt: skip
    tomorrow = last + timedelta(days=1)
    warehouse.connection.execute(DAYS.format(start=tomorrow, last=tomorrow, **ends))
    cpu = time.process_time()
    one_day = warehouse.run("next", midnight + timedelta(days=1), midnight)
    cpu_one_day = time.process_time() - cpu
    added = count("pql.fct_scores") - rows["scores"]
    assert added == arguments.accounts * rows["scores"] / (arguments.accounts * arguments.days)
    differing = warehouse.connection.execute(
        "select count(*) from (select model_key, account_id, score_date, points from "
        "pql.fct_scores except select model_key, account_id, score_date, coalesce(sum(points), 0) "
        "from pql.fct_score_reasons group by all) where points <> 0"
    ).fetchone()[0]
    return {
        "model": arguments.model or "all", "accounts": arguments.accounts, "days": arguments.days,
        "rows": rows, "scores_differing_from_their_reasons": differing,
        "rebuild_seconds": round(sum(all_models.values()), 1),
        "rebuild_cpu_seconds": round(cpu_all, 1),
        "one_more_day_seconds": round(sum(one_day.values()), 2),
        "one_more_day_cpu_seconds": round(cpu_one_day, 2),
        "peak_memory_gib": round(
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024, 2
        ),
        "slowest": {
            name: round(seconds, 1)
            for name, seconds in sorted(all_models.items(), key=lambda item: -item[1])[:6]
        },
        "slowest_of_one_day": {
            name: round(seconds, 2)
            for name, seconds in sorted(one_day.items(), key=lambda item: -item[1])[:6]
        },
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=5_000)
    parser.add_argument("--days", type=int, default=1_096)
    parser.add_argument("--model", default="rubric_150", help="one model; '' for all of them")
    parser.add_argument("--memory", default="6GB")
    parser.add_argument("--json", action="store_true", dest="as_json")
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="plg-bench-scores-"))
    try:
        found = measure(arguments, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    if arguments.as_json:
        print(json.dumps(found, indent=2))
        return
    rows = found["rows"]
    table = Table("what", "seconds", "rows", title=f"PQL scores: {found['model']}",
                  title_justify="left")  # fmt: skip
    table.add_row("everything anew", str(found["rebuild_seconds"]),
                  f"{rows['scores']:,} scores, {rows['reasons']:,} reasons")  # fmt: skip
    table.add_row("one day more", str(found["one_more_day_seconds"]), f"{arguments.accounts:,}")
    Console().print(table)
    Console().print(
        f"peak memory {found['peak_memory_gib']} GiB; CPU {found['rebuild_cpu_seconds']} s and "
        f"{found['one_more_day_cpu_seconds']} s; slowest {found['slowest']}"
    )


if __name__ == "__main__":
    main()
