"""How long billing takes: a million subscription events from staging to NRR.

`python -m bench.revenue_events`, part of `make bench`. A Stripe history of three years
(`bench.subscription_history`) is written and ingested, both timed apart; then dbt builds, in a new
process, everything that `revenue.rpt_nrr` needs, from the first staging model on, data tests left
out. Seconds a model come from dbt's own record; memory is the peak of that process.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from bench.subscription_history import END, write_history
from warehouse.settings import PROJECT_ROOT, Settings

LIMIT_SECONDS = 60
_WITHOUT_TESTS = ("--exclude", "resource_type:test", "resource_type:unit_test")


def build(home: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Staging → NRR in a new process: seconds by the wall, peak GiB."""
    command = [str(Path(sys.executable).with_name("plg")), "dbt", "build"]
    command += ["--select", "+rpt_nrr", *_WITHOUT_TESTS]
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            command, env=environment, stdout=said, stderr=subprocess.STDOUT, text=True
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{said.read()}")
    return time.monotonic() - started, usage.ru_maxrss / 2**20


def seconds_by_model(settings: Settings) -> tuple[float, dict[str, float]]:
    """dbt's clock from the first model to the last, and of each model, the slowest first."""
    record = json.loads((settings.dbt_target_dir / "run_results.json").read_text())
    spent = {
        result["unique_id"].rsplit(".", 1)[1]: result["execution_time"]
        for result in record["results"]
    }
    slowest = sorted(spent.items(), key=lambda pair: -pair[1])
    return record["elapsed_time"], dict(slowest)


def measure(events: int, home: Path) -> dict[str, Any]:
    as_of = datetime(END.year, END.month, END.day, tzinfo=UTC)
    settings = Settings(home=home, as_of=as_of)
    environment = os.environ | {"PLG_HOME": str(home), "PLG_AS_OF": as_of.isoformat()}
    started = time.monotonic()
    written = write_history(settings.landing_dir, events)
    generated = time.monotonic() - started
    started = time.monotonic()
    plg = str(Path(sys.executable).with_name("plg"))
    subprocess.run([plg, "ingest"], env=environment, check=True, stdout=subprocess.DEVNULL)
    ingested = time.monotonic() - started
    wall, peak = build(home, environment)
    elapsed, models = seconds_by_model(settings)
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as warehouse:
        accounts, movements = warehouse.execute(
            "select count(distinct account_id), count(*) from revenue.fct_mrr_movements"
        ).fetchone()
        nrr = warehouse.execute(
            "select nrr from revenue.rpt_nrr where dimension = 'all' and window_months = 12 "
            "order by month desc limit 1"
        ).fetchone()
    return {
        "subscription_events": written,
        "accounts_with_revenue": accounts,
        "movements": movements,
        "nrr_12_months": round(nrr[0], 4) if nrr and nrr[0] else None,
        "generate_seconds": round(generated, 1),
        "ingest_seconds": round(ingested, 1),
        "staging_to_nrr_seconds": round(elapsed, 1),
        "staging_to_nrr_with_dbt_start_seconds": round(wall, 1),
        "events_per_second": round(written / elapsed),
        "peak_memory_gib": round(peak, 2),
        "models": {name: round(seconds, 2) for name, seconds in models.items()},
    }


def show(results: dict[str, Any]) -> None:
    title = f"{results['subscription_events']:,} subscription events, tests left out"
    table = Table("what", "value", title=title, title_justify="left")
    for key, value in results.items():
        if key != "models":
            table.add_row(key, f"{value:,}" if value is not None else "")
    for key, value in list(results["models"].items())[:20]:
        table.add_row(f"  {key}", f"{value:.2f} s")
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000, help="subscription events")
    parser.add_argument("--home", type=Path, help="where to work; default a temporary folder")
    parser.add_argument("--out", type=Path, default=PROJECT_ROOT / "bench-revenue-results.json")
    arguments = parser.parse_args()

    home = arguments.home or Path(tempfile.mkdtemp(prefix="plg-bench-subscriptions-"))
    try:
        results = measure(arguments.events, home)
    finally:
        if arguments.home is None:
            shutil.rmtree(home, ignore_errors=True)
    show(results)
    arguments.out.write_text(json.dumps(results, indent=2) + "\n")
    print(f"written to {arguments.out}")
    seconds = results["staging_to_nrr_seconds"]
    if arguments.events >= 1_000_000 and seconds > LIMIT_SECONDS:
        sys.exit(f"{seconds} s from staging to NRR; the limit is {LIMIT_SECONDS} s")


if __name__ == "__main__":
    main()
