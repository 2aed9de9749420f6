"""How well people are stitched, against the truth: `python -m bench.identity`.

Generates a company (or takes a home that a run has been through), runs the main job and
compares every pair of ids with the demo company's truth.
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
from tests.identity.identity_truth import compare
from warehouse.settings import Settings

LEAST_PRECISION, LEAST_RECALL = 0.995, 0.98


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=300)
    parser.add_argument("--months", type=int, default=18)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--dirt-rate", type=float, default=0.005)
    parser.add_argument("--home", type=Path, help="a home whose run is done; nothing is generated")
    parser.add_argument("--json", action="store_true", dest="as_json")
    arguments = parser.parse_args()

    home = arguments.home or Path(tempfile.mkdtemp(prefix="plg-bench-identity-"))
    settings = Settings(home=home)
    seconds = None
    try:
        if arguments.home is None:
            generate(
                settings.landing_dir, accounts=arguments.accounts, months=arguments.months,
                seed=arguments.seed, dirt_rate=arguments.dirt_rate,
            )  # fmt: skip
            started = time.monotonic()
            _run_job(home)
            seconds = round(time.monotonic() - started, 1)
        found = compare(settings.published_path, home / "demo_truth")
    finally:
        if arguments.home is None:
            shutil.rmtree(home, ignore_errors=True)

    results = {
        "ids": found.ids,
        "true_pairs": found.true_pairs,
        "found_pairs": found.found_pairs,
        "precision": round(found.precision, 6),
        "recall": round(found.recall, 6),
        "plg_run_seconds": seconds,
    }
    if arguments.as_json:
        print(json.dumps(results, indent=2))
    else:
        table = Table("what", "value", title="Stitching of people", title_justify="left")
        for key, value in results.items():
            table.add_row(key, "" if value is None else f"{value:,}")
        Console().print(table)
    if found.precision < LEAST_PRECISION or found.recall < LEAST_RECALL:
        sys.exit(
            f"precision {found.precision:.4f} and recall {found.recall:.4f} must be at least "
            f"{LEAST_PRECISION} and {LEAST_RECALL}: look at identity.rpt_guard_violations"
        )


def _run_job(home: Path) -> None:
    command = [sys.executable, "-c", "from dagster_plg.cli import main; main()", "run"]
    done = subprocess.run(
        command, env=os.environ | {"PLG_HOME": str(home)}, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"plg run failed:\n{done.stdout}\n{done.stderr}")


if __name__ == "__main__":
    main()
