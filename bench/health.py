"""Does account health see who leaves, and why? `python -m bench.health`.

Generates a company whose reasons to leave are known (or looks at a home that a run has been
through), builds, and prints: who left within 60 days by band, with intervals that resample
accounts; how well each component tells by itself; and what cause was named, a week before the end
of each account that left, for what was planted. Exit code 1 where accounts at risk do not leave
surely more often than those that are not, or a failed payment that ended an account is not named.
"""

import argparse
import json
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from bench.pql_proof import run_plg
from demo_company.generate import generate
from warehouse.settings import PROJECT_ROOT, Settings

ACCOUNTS_AN_EVENT = 4
DAYS_BEFORE = 7
SIGNS = ("usage_decline", "champion_quiet", "support_load")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--home", type=Path, help="a home that was built; it is only read")
    parser.add_argument("--out", type=Path, default=PROJECT_ROOT / "bench-health-results.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="plg-bench-health-") as place:
        home = arguments.home or Path(place) / "home"
        if not arguments.home:
            generate(
                Settings(home=home).landing_dir, accounts=arguments.accounts, months=18,
                seed=arguments.seed, events_per_day=max(arguments.accounts // ACCOUNTS_AN_EVENT, 1),
            )  # fmt: skip
            run_plg(home, "ingest")
            run_plg(home, "build")
        results = measure(home)
    show(results)
    arguments.out.write_text(json.dumps(results, indent=2, default=str) + "\n")
    sys.exit(any(not held for held in results["shown"].values()))


def measure(home: Path) -> dict[str, Any]:
    """Figures of the marts in ``home`` beside the truth about the company."""
    truth = home / "demo_truth" / "churned_accounts.parquet"
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:

        def rows(sql: str) -> list[dict[str, Any]]:
            answer = warehouse.execute(sql)
            names = [column[0] for column in answer.description]
            return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

        bands = rows(
            "select cut as band, n, true_positives as churned, churn_rate, churn_rate_low, "
            "churn_rate_high, lift from health.rpt_health_backtest "
            "where model_key = 'health' and cut_type = 'band' order by cut_order"
        )
        below = rows(
            "select cut, n, true_positives as churned, churn_rate, churn_rate_low, "
            "churn_rate_high, recall, recall_low, recall_high, lift, lift_low, lift_high "
            "from health.rpt_health_backtest "
            "where model_key = 'health' and cut_type = 'threshold' order by cut_order"
        )
        areas = rows(
            "select model_key, count_observed, count_churned, auc, auc_low, auc_high "
            "from health.rpt_health_backtest where cut_type = 'model' order by auc desc"
        )
        ends = rows(
            f"""
            select t.*, h.band, h.top_cause, h.is_at_risk
            from read_parquet('{truth}') as t
            left join health.fct_account_health as h
                on t.account_id = h.account_id and h.health_date = t.churned_on - {DAYS_BEFORE}
            """
        )
        lost = rows(
            f"""
            select t.churned_on, c.component, c.lost_points, c.account_id,
                row_number() over (
                    partition by c.account_id, c.health_date order by c.lost_points desc, c.place
                ) as nth
            from read_parquet('{truth}') as t
            inner join health.fct_health_components as c
                on t.account_id = c.account_id and c.health_date = t.churned_on - {DAYS_BEFORE}
            where not c.is_missing
            """
        )
    seen = [end for end in ends if end["band"] not in (None, "unknown")]
    causes: dict[str, dict[str, int]] = {}
    for end in seen:
        if end["churn_kind"] == "involuntary":
            planted = "payment_failure"
        else:
            planted = "+".join(sign for sign in SIGNS if end[sign]) or "none"
        named = causes.setdefault(planted, {})
        named[end["top_cause"] or "none"] = named.get(end["top_cause"] or "none", 0) + 1
    with_sign = [end for end in seen if any(end[sign] for sign in SIGNS)]
    costliest = {
        (row["account_id"], row["churned_on"], row["component"]) for row in lost if row["nth"] <= 3
    }
    of_sign = {
        "usage_decline": "usage_trend",
        "champion_quiet": "champion_activity",
        "support_load": "support_load",
    }
    among = {
        sign: [
            (end["account_id"], end["churned_on"], of_sign[sign]) in costliest
            for end in with_sign
            if end[sign]
        ]
        for sign in SIGNS
    }
    rate = {row["band"]: row for row in bands}
    at_risk = next((row for row in below if row["cut"] == "< 50"), None)
    named = causes.get("payment_failure", {})
    return {
        "bands": bands,
        "below": below,
        "areas": areas,
        "causes_named": causes,
        "ends": len(ends),
        "ends_in_a_band": len(seen),
        "sign_among_three_costliest": {
            sign: {"ends": len(found), "share": sum(found) / len(found) if found else None}
            for sign, found in among.items()
        },
        "shown": {
            "accounts at risk leave surely more often than the healthy": bool(
                at_risk
                and "healthy" in rate
                and at_risk["churn_rate_low"] > rate["healthy"]["churn_rate_high"]
            ),
            "the worse the band, the more leave": all(
                worse["churn_rate"] >= better["churn_rate"] for worse, better in pairwise(bands)
            ),
            "a failed payment that ended an account is named": bool(named)
            and named.get("payment_failure", 0) >= 0.9 * sum(named.values()),
        },
    }


def show(results: dict[str, Any]) -> None:
    """Print the figures as tables."""
    console = Console()
    for title in ("bands", "below", "areas"):
        table = Table(title=title)
        if not results[title]:
            continue
        for name in results[title][0]:
            table.add_column(name)
        for row in results[title]:
            table.add_row(*(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values()))
        console.print(table)
    console.print(f"causes named {DAYS_BEFORE} days before the end, by what was planted:")
    for planted, named in results["causes_named"].items():
        console.print(f"  {planted}: {named}")
    console.print("sign among the three costliest:", results["sign_among_three_costliest"])
    for claim, held in results["shown"].items():
        console.print(f"{'yes' if held else 'NO '}  {claim}")


if __name__ == "__main__":
    main()
