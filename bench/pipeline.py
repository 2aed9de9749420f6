"""How long the pipeline takes on a million events: `make bench`.

The demo company is written first (not counted). Then `plg run` in a new process on an
empty installation, and again with nothing new. Seconds a step come from Dagster's own
record of the run; the total is the wall clock of the whole command, imports included.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from demo_company.generate import generate
from warehouse.settings import PROJECT_ROOT, Settings

_ACCOUNTS, _MONTHS, _DAYS_A_MONTH = 300, 18, 30.4


def _plg_run(home: Path) -> float:
    started = time.monotonic()
    environment = os.environ | {"PLG_HOME": str(home)}
    command = [str(Path(sys.executable).with_name("plg")), "run"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"plg run failed:\n{done.stdout}\n{done.stderr}")
    return time.monotonic() - started


def _step_seconds(settings: Settings) -> dict[str, float]:
    """Seconds of each step of the newest run, by Dagster's event log."""
    from dagster_plg.instance import prepare_instance

    with prepare_instance(settings) as instance:
        run = instance.get_runs(limit=1)[0]
        stats = instance.get_run_step_stats(run.run_id)
        return {
            s.step_key: s.end_time - s.start_time
            for s in sorted(stats, key=lambda s: s.start_time or 0)
            if s.start_time and s.end_time
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000, help="product events, about")
    parser.add_argument("--home", type=Path, help="where to work; default a temporary folder")
    parser.add_argument("--out", type=Path, default=PROJECT_ROOT / "bench-results.json")
    arguments = parser.parse_args()

    home = arguments.home or Path(tempfile.mkdtemp(prefix="plg-bench-"))
    settings = Settings(home=home)
    try:
        started = time.monotonic()
        per_day = round(arguments.events / (_MONTHS * _DAYS_A_MONTH))
        generate(settings.landing_dir, accounts=_ACCOUNTS, months=_MONTHS, events_per_day=per_day)
        generated = time.monotonic() - started
        first = _plg_run(home)
        steps = _step_seconds(settings)
        second = _plg_run(home)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        with _read_only(settings) as connection:
            events = connection.execute(
                "select sum(rows_accepted) from ops.ingest_files where dataset = 'events'"
            ).fetchone()[0]
    finally:
        if arguments.home is None:
            shutil.rmtree(home, ignore_errors=True)

    synced = ("salesforce", "hubspot", "slack")
    to_publish = sum(s for key, s in steps.items() if not key.startswith(synced))
    results = {
        "events": int(events),
        "generate_seconds": round(generated, 1),
        "ingest_to_publish_seconds": round(to_publish, 1),
        "events_per_second": round(events / to_publish),
        "plg_run_seconds": round(first, 1),
        "second_run_seconds": round(second, 1),
        "peak_memory_gib": round(peak, 2),
        "steps": {key: round(value, 2) for key, value in steps.items()},
    }
    arguments.out.write_text(json.dumps(results, indent=2) + "\n")
    table = Table("what", "value", title="Pipeline benchmark", title_justify="left")
    for key, value in results.items():
        if key != "steps":
            table.add_row(key, f"{value:,}")
    for key, value in results["steps"].items():
        table.add_row(f"  step {key}", f"{value:.2f} s")
    Console().print(table)
    print(f"written to {arguments.out}")


def _read_only(settings: Settings):
    import duckdb

    return duckdb.connect(str(settings.published_path), read_only=True)


if __name__ == "__main__":
    main()
