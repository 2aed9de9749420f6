"""Does the proof of scoring models find what was planted? `python -m bench.pql_proof`.

Generates a company whose reasons to pay are known (or takes a copy of a home that a run has been
through), runs the main job, then adds a scoring model that knows nothing: every
planted cause and every planted noise that an event shows, ten points each. Whether the tiers
separate, the signals that mean something are told from those that do not, the order of the
planted weights comes back, the planted actions are named and the expansion queue knew of the
planted purchases is printed; exit code 1 where one of them fails.
"""

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

from demo_company.generate import generate
from warehouse.settings import PROJECT_ROOT, Settings

MODEL = "knows_nothing"
ACCOUNTS_AN_EVENT = 10
# kind, events, window in days, least count or share: as the demo company plants them
SIGNALS = {
    "pricing_page_viewed": ("event_count", "pricing_page_viewed", 14, 1, None),
    "active_days": ("distinct_days", "*", 14, 5, None),
    "checkout_started": ("event_count", "checkout_started", 14, 1, None),
    "teammates_invited": ("event_count", "teammate_invited", 14, 4, None),
    "limit_reached_twice": ("event_count", "limit_reached", 14, 2, None),
    "quota_used": ("quota_share", "quota_reported", 14, 1, 0.5),
    "feature_dive": ("event_count", "alert_created;integration_added", 14, 5, None),
    "core_workflow": ("event_count", "query_run", 14, 1, None),
    "api_calls": ("event_count", "api_called", 30, 101, None),
    "several_active_users": ("distinct_users", "*", 14, 2, None),
    "email_opened": ("event_count", "email_opened", 14, 1, None),
    "docs_viewed": ("event_count", "docs_viewed", 14, 1, None),
}
TELLING = 0.7
"""Planted log odds from which some 500 conversions can tell a cause from nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--home", type=Path, help="a home whose run is done: a copy is worked on")
    parser.add_argument("--out", type=Path, default=PROJECT_ROOT / "bench-pql-proof-results.json")
    arguments = parser.parse_args()

    place = Path(tempfile.mkdtemp(prefix="plg-bench-pql-"))
    try:
        home = place / "home"
        if arguments.home:
            shutil.copytree(arguments.home, home, symlinks=True)
        else:
            generate(
                Settings(home=home).landing_dir, accounts=arguments.accounts, months=18,
                seed=arguments.seed, events_per_day=max(arguments.accounts // ACCOUNTS_AN_EVENT, 1),
            )  # fmt: skip
            run_plg(home, "run")
        run_plg(home, "build", "--select", "resource_type:seed")
        add_model(home)
        started = time.monotonic()
        run_plg(home, "dbt", "run", "--select", "marts.pql")
        results = measure(home) | {"marts_pql_seconds": round(time.monotonic() - started, 1)}
    finally:
        shutil.rmtree(place, ignore_errors=True)
    show(results)
    arguments.out.write_text(json.dumps(results, indent=2, default=str) + "\n")
    sys.exit(any(not held for held in results["shown"].values()))


def run_plg(home: Path, *arguments: str) -> None:
    command = [str(Path(sys.executable).with_name("plg")), *arguments]
    done = subprocess.run(
        command, env=os.environ | {"PLG_HOME": str(home)}, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")


def add_model(home: Path) -> None:
    """The model's rows in the seeds' tables of the warehouse: what a line of CSV would do."""
    with duckdb.connect(str(home / "warehouse.duckdb")) as warehouse:
        most = 10 * len(SIGNALS)
        warehouse.execute(
            "insert into seeds.pql_models by name select * replace ("
            "$key as model_key, 'shadow' as status, 9 as priority, 0 as min_points, "
            "$most as max_points, 0 as score_1_points, $most as score_10_points, "
            "null as approved_by, null as approved_on) "
            "from seeds.pql_models where model_key = 'rubric_150'",
            {"key": MODEL, "most": most},
        )
        for key, (kind, events, window, count, share) in SIGNALS.items():
            warehouse.execute(
                "insert into seeds.pql_signals by name select $model as model_key, "
                "$key as signal_key, 'usage' as category, $kind as kind, $events as event_names, "
                "$window as window_days, $count as min_count, $share as threshold, 10 as points, "
                "'{count} times.' as sentence",
                {
                    "model": MODEL, "key": key, "kind": kind, "events": events,
                    "window": window, "count": count, "share": share,
                },
            )  # fmt: skip
        warehouse.execute(
            "insert into seeds.pql_tiers by name "
            "select $key as model_key, tier, least as min_points, 'Nothing' as action "
            "from (values ('hot', 60), ('warm', 40), ('watching', 20), ('none', 0)) t(tier, least)",
            {"key": MODEL},
        )


def _rows(warehouse: duckdb.DuckDBPyConnection, sql: str, **values: Any) -> list[dict[str, Any]]:
    answer = warehouse.execute(sql, values)
    names = [column[0] for column in answer.description]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def measure(home: Path) -> dict[str, Any]:
    truth = home / "demo_truth"
    with duckdb.connect(str(home / "warehouse.duckdb")) as warehouse:
        tiers = _rows(
            warehouse,
            "select cut, n, conversion_rate, conversion_rate_low, conversion_rate_high, paid_rate, "
            "paid_rate_low, paid_rate_high from pql.rpt_backtest "
            "where model_key = 'rubric_150' and cut_type = 'tier' order by conversion_rate desc",
        )
        whole = _rows(
            warehouse,
            "select auc, auc_low, auc_high, count_observed, count_conversions "
            "from pql.rpt_backtest where model_key = 'rubric_150' and cut = 'all'",
        )
        signals = _rows(
            warehouse,
            "select signal_key, role, log_odds, verdict, coefficient, coefficient_low, "
            "coefficient_high, lift, lift_low, lift_high, lift_p_value_adjusted, proposed_points "
            f"from pql.rpt_recalibration inner join '{truth}/pql_causes.parquet' using (signal_key)"
            " where model_key = $model order by log_odds desc, signal_key",
            model=MODEL,
        )
        named = _rows(
            warehouse,
            "select event_name, max(presence) as presence, min(base_rate) as base_rate "
            "from pql.rpt_criteria_discovery where is_named group by 1 order by 2 desc",
        )
        planned = {
            event
            for row in _rows(
                warehouse,
                f"select event_names from '{truth}/pql_causes.parquet' where is_planted_action",
            )
            for event in row["event_names"].split(";")
        }
        expansion = _expansion(warehouse, truth)
        noise = {
            event
            for row in _rows(
                warehouse,
                f"select event_names from '{truth}/pql_causes.parquet' where role = 'noise' "
                "and event_names is not null",
            )
            for event in row["event_names"].split(";")
        }
    telling = [row for row in signals if row["log_odds"] >= TELLING]
    rank = spearmanr(
        [row["log_odds"] for row in telling], [row["coefficient"] for row in telling]
    ).statistic
    found = {row["event_name"] for row in named}
    bounds = {row["cut"]: row for row in tiers}
    order = ("hot", "warm", "watching", "none")
    shown = {
        "hot > warm > watching > none, intervals apart": all(
            bounds[high]["conversion_rate_low"] > bounds[low]["conversion_rate_high"]
            for high, low in itertools.pairwise(order)
        ),
        "planted signals are found": all(row["verdict"] == "predictive" for row in telling),
        "planted noise is rejected": all(
            row["verdict"] == "no_evidence" for row in signals if row["role"] == "noise"
        )
        and any(row["role"] == "noise" for row in signals),
        "planted order of weights comes back (rank correlation > 0.8)": bool(rank > 0.8),
        "no planted pair of weights is evidently reversed": not _reversed_pairs(signals),
        "planted actions are named": planned <= found,
        "no planted noise is named": not noise & found,
    }
    return {
        "tiers": tiers, "whole": whole, "signals": signals, "rank_correlation": float(rank),
        "named": named, "expansion": expansion, "planned": sorted(planned), "shown": shown,
    }  # fmt: skip


def _expansion(warehouse: duckdb.DuckDBPyConnection, truth: Path) -> list[dict[str, Any]]:
    """The expansion queue by kind against the planted purchases.

    `recall`: of the purchases, an item of the kind lasted on the day, begun before it;
    `recall_shown`: of those before which a sign of the kind was planted. `precision`: of the items
    whose time is over, a purchase of the kind came within it. `lift`: as `rpt_expansion_backtest`.
    """
    return _rows(
        warehouse,
        f"""
        with signs as (
            unpivot (from '{truth}/expansions.parquet')
            on limits_reached, gated_features_tried, plans_looked_at, teammates_invited
            into name signal_key value is_shown
        ),
        bought as (
            select account_id, expanded_on, kind,
                bool_or(is_shown and growth_kind = kind) as is_shown
            from signs inner join '{truth}/expansion_causes.parquet' using (signal_key)
            group by all
        ),
        found as (
            select bought.*, exists (
                from pql.fct_expansion_queue as queue
                where queue.account_id = bought.account_id and queue.kind = bought.kind
                    and queue.qualified_date < expanded_on
                    and coalesce(queue.closed_date >= expanded_on, true)
            ) as is_found
            from bought
        ),
        recalled as (
            select kind, count(*) as purchases, count_if(is_shown) as purchases_shown,
                avg(is_found::int) as recall,
                avg(is_found::int) filter (where is_shown) as recall_shown
            from found group by kind
        ),
        precise as (
            select kind, count(*) as items_over, avg(exists (
                from bought
                where bought.account_id = queue.account_id and bought.kind = queue.kind
                    and expanded_on > qualified_date and expanded_on <= expires_date
            )::int) as precision
            from pql.fct_expansion_queue as queue where closed_date is not null group by kind
        )
        select recalled.*, items_over, precision,
            backtest.expansion_rate, backtest.expansion_rate_low,
            others.expansion_rate_high as rate_high_others, backtest.lift
        from recalled
        left join precise using (kind)
        left join pql.rpt_expansion_backtest as backtest
            on backtest.kind = recalled.kind and backtest.queue_state = 'queued'
        left join pql.rpt_expansion_backtest as others
            on others.kind = recalled.kind and others.queue_state = 'not_queued'
        order by recalled.kind
        """,
    )


def _reversed_pairs(signals: list[dict[str, Any]]) -> list[str]:
    """Planted pairs whose weights come back the other way round with intervals apart."""
    return [
        f"{one['signal_key']} < {other['signal_key']}"
        for one, other in itertools.permutations(signals, 2)
        if one["log_odds"] > other["log_odds"]
        and one["coefficient_high"] < other["coefficient_low"]
    ]


def show(results: dict[str, Any]) -> None:
    console = Console()
    for name in ("tiers", "whole", "signals", "named", "expansion"):
        rows = results[name]
        table = Table(*(rows[0] if rows else ["nothing"]), title=name, title_justify="left")
        for row in rows:
            table.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()))
        console.print(table)
    console.print(f"rank correlation of weights {results['rank_correlation']:.3f}")
    for claim, held in results["shown"].items():
        console.print(f"{'yes' if held else 'NO '}  {claim}")


if __name__ == "__main__":
    main()
