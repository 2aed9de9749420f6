"""The revenue marts against the demo company's truth, to the cent: `python -m bench.revenue`.

Generates a company with dirt (or takes a home that a run has been through), runs the main job
and compares MRR by account and month, every movement and its cause, payment recovery and
recognition, row for row. Exit code 1 where anything differs.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from demo_company.generate import generate
from tests.models.revenue_truth import compare
from warehouse.settings import Settings

ACCOUNTS_AN_EVENT = 10
"""Product events make no revenue and take most of the time: few are asked for."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=5_000)
    parser.add_argument("--months", type=int, default=18)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--dirt-rate", type=float, default=0.005)
    parser.add_argument("--home", type=Path, help="a home whose run is done; nothing is generated")
    parser.add_argument("--json", action="store_true", dest="as_json")
    arguments = parser.parse_args()

    home = arguments.home or Path(tempfile.mkdtemp(prefix="plg-bench-revenue-"))
    settings = Settings(home=home)
    seconds = None
    try:
        if arguments.home is None:
            generate(
                settings.landing_dir, accounts=arguments.accounts, months=arguments.months,
                seed=arguments.seed, dirt_rate=arguments.dirt_rate,
                events_per_day=max(arguments.accounts // ACCOUNTS_AN_EVENT, 1),
            )  # fmt: skip
            started = time.monotonic()
            _run_job(home)
            seconds = round(time.monotonic() - started, 1)
        database = settings.published_path
        if not database.exists():
            database = settings.warehouse_path  # built, and not published
        found = compare(database, home / "demo_truth")
        summary = json.loads((home / "demo_truth" / "summary.json").read_text())
    finally:
        if arguments.home is None:
            shutil.rmtree(home, ignore_errors=True)

    dirt = {kind: n for kind, n in summary["dirt"].items() if kind.startswith("stripe_")}
    if arguments.as_json:
        results = {
            "accounts": summary["parameters"]["accounts"],
            "plg_run_seconds": seconds,
            "dirt": dirt,
            "tables": {c.name: [c.compared, c.equal, c.differing] for c in found},
        }
        print(json.dumps(results, indent=2))
    else:
        title = f"Revenue against the truth, {summary['parameters']['accounts']:,} accounts"
        table = Table("what", "rows", "equal", "differing", title=title, title_justify="left")
        for one in found:
            table.add_row(one.name, f"{one.compared:,}", f"{one.equal:,}", f"{one.differing:,}")
        console = Console()
        console.print(table)
        console.print(f"with dirt: {dirt}; plg run: {seconds} s")
        for one in found:
            for example in one.examples:
                console.print(f"{one.name}: {example}", soft_wrap=True)
    if any(one.differing or not one.compared for one in found):
        sys.exit("the warehouse and the truth differ (or there was nothing to compare)")


def _run_job(home: Path) -> None:
    command = [sys.executable, "-c", "from dagster_plg.cli import main; main()", "run"]
    done = subprocess.run(
        command, env=os.environ | {"PLG_HOME": str(home)}, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"plg run failed:\n{done.stdout}\n{done.stderr}")


if __name__ == "__main__":
    main()
