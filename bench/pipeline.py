"""How long the pipeline takes on a million events and on ten: `make bench`.

For each size the demo company is written (not counted), its newest 100,000 events are held
back, and `plg run` takes the rest through the whole job in a new process, on the morning before
them. Then the held-back files land and it runs again, as of the demo's end: what stands on the
date is due as well. And a third time with nothing new. Beside it stands what DuckDB
needs to read the same files and do nothing with them, and what the lifecycle marts cost when
they are all built anew from core.

Seconds a step come from Dagster's own record of the run; a run's total is the wall clock of
the command, imports included.
"""

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from demo_company.generate import generate
from warehouse.settings import PROJECT_ROOT, Settings

_ACCOUNTS, _MONTHS, _DAYS_A_MONTH = 300, 18, 30.4
_TO_CORE = ("ingest", "dbt_staging", "dbt_identity", "dbt_core")
_LIFECYCLE = tuple(
    f"marts.{domain}" for domain in ("activation", "funnel", "retention", "loops", "experiments")
)
_DESTINATIONS = ("salesforce", "hubspot", "slack")

# what a reader needs at least to know an event: typed columns of the Segment spec
_COLUMNS = (
    "{messageId: 'VARCHAR', type: 'VARCHAR', event: 'VARCHAR', userId: 'VARCHAR', "
    "anonymousId: 'VARCHAR', timestamp: 'VARCHAR', receivedAt: 'VARCHAR', "
    "context: 'JSON', properties: 'JSON', traits: 'JSON'}"
)


@dataclass(frozen=True)
class Run:
    """One `plg run`: wall clock, peak memory of the process, seconds by Dagster step."""

    seconds: float
    peak_gib: float
    steps: dict[str, float]

    @property
    def to_core(self) -> float:
        """Landing → core: ingest, staging, identity, core."""
        return sum(self.steps.get(name, 0.0) for name in _TO_CORE)

    @property
    def to_publish(self) -> float:
        return sum(s for name, s in self.steps.items() if not name.startswith(_DESTINATIONS))


def plg_run(settings: Settings, as_of: date | None = None) -> Run:
    """Run the whole job, as of the start of a day or of what the installation says."""
    started = time.monotonic()
    environment = os.environ | {"PLG_HOME": str(settings.home)}
    if as_of is not None:
        environment["PLG_AS_OF"] = f"{as_of}T00:00:00Z"
    command = [str(Path(sys.executable).with_name("plg")), "run"]
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            command, env=environment, stdout=said, stderr=subprocess.STDOUT, text=True
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            sys.exit(f"plg run failed:\n{said.read()}")
    return Run(time.monotonic() - started, usage.ru_maxrss / 2**20, _step_seconds(settings))


def lifecycle_seconds(settings: Settings) -> float:
    """All lifecycle marts built anew from core, data tests left out: wall clock of the command."""
    started = time.monotonic()
    command = [str(Path(sys.executable).with_name("plg")), "dbt", "run", "--select", *_LIFECYCLE]
    environment = os.environ | {"PLG_HOME": str(settings.home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
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


def event_files(settings: Settings) -> list[Path]:
    """The event files of the landing folder, a received day each, oldest first."""
    return sorted((settings.landing_dir / "events" / "segment").rglob("*.jsonl*"))


def day_of(file: Path) -> date:
    return date.fromisoformat(file.name.partition(".")[0])


def hold_back(files: list[Path], events: int) -> list[Path]:
    """The newest files that hold at least ``events`` together, newest first."""
    held: list[Path] = []
    count = 0
    while count < events and len(held) < len(files) - 1:
        held.append(files[-1 - len(held)])
        opened = gzip.open if held[-1].suffix == ".gz" else open
        with opened(held[-1], "rb") as lines:
            count += sum(1 for _ in lines)
    return held


def move(files: list[Path], source: Path, target: Path) -> None:
    for path in files:
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        path.rename(place)


def bare_read_seconds(files: list[Path]) -> float:
    """DuckDB reads the same files into typed columns and counts them."""
    listed = [str(path) for path in files]
    started = time.monotonic()
    with duckdb.connect() as connection:
        connection.execute(
            "select count(messageId), max(timestamp), max(userId), max(properties), max(context) "
            f"from read_json($files, format = 'newline_delimited', ignore_errors = true, "
            f"columns = {_COLUMNS})",
            {"files": listed},
        ).fetchall()
    return time.monotonic() - started


def accepted_events(settings: Settings) -> int:
    with duckdb.connect(str(settings.published_path), read_only=True) as connection:
        return connection.execute(
            "select coalesce(sum(rows_accepted), 0) from ops.ingest_files where dataset = 'events'"
        ).fetchone()[0]


def _bytes_under(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(found.stat().st_size for found in path.rglob("*") if found.is_file())


def measure(events: int, increment: int, home: Path) -> dict[str, Any]:
    settings = Settings(home=home)
    started = time.monotonic()
    per_day = round(events / (_MONTHS * _DAYS_A_MONTH))
    generate(settings.landing_dir, accounts=_ACCOUNTS, months=_MONTHS, events_per_day=per_day)
    generated = time.monotonic() - started

    files = event_files(settings)
    held = hold_back(files, increment)
    shelf = home / "held_back"
    move(held, settings.landing_dir, shelf)
    bare = bare_read_seconds(event_files(settings))
    first = plg_run(settings, as_of=day_of(held[-1]))
    loaded = int(accepted_events(settings))
    move([shelf / path.relative_to(settings.landing_dir) for path in held], shelf,
         settings.landing_dir)  # fmt: skip
    second = plg_run(settings)
    arrived = int(accepted_events(settings)) - loaded
    third = plg_run(settings)
    lifecycle = lifecycle_seconds(settings)
    gib = 2**30
    return {
        "events": loaded,
        "generate_seconds": round(generated, 1),
        "bare_read_seconds": round(bare, 1),
        "landing_to_core_seconds": round(first.to_core, 1),
        "landing_to_core_events_per_second": round(loaded / first.to_core),
        "landing_to_core_over_bare_read": round(first.to_core / bare, 1),
        "ingest_to_publish_seconds": round(first.to_publish, 1),
        "plg_run_seconds": round(first.seconds, 1),
        "peak_memory_gib": round(first.peak_gib, 2),
        "increment_events": arrived,
        "increment_to_core_seconds": round(second.to_core, 1),
        "increment_over_first": round(second.to_core / first.to_core, 3),
        "increment_plg_run_seconds": round(second.seconds, 1),
        "nothing_new_plg_run_seconds": round(third.seconds, 1),
        "lifecycle_marts_rebuild_seconds": round(lifecycle, 1),
        "landing_gib": round(_bytes_under(settings.landing_dir) / gib, 3),
        "lake_gib": round(_bytes_under(settings.lake_dir) / gib, 3),
        "warehouse_gib": round(_bytes_under(settings.warehouse_path) / gib, 3),
        "published_gib": round(_bytes_under(settings.published_path) / gib, 3),
        "steps": {name: round(value, 2) for name, value in first.steps.items()},
        "increment_steps": {name: round(value, 2) for name, value in second.steps.items()},
    }


def show(results: dict[str, Any]) -> None:
    table = Table("what", "value", title=f"{results['events']:,} events", title_justify="left")
    for key, value in results.items():
        if key not in ("steps", "increment_steps"):
            table.add_row(key, f"{value:,}")
    for key, value in results["steps"].items():
        again = results["increment_steps"].get(key)
        table.add_row(f"  {key}", f"{value:.2f} s" + (f", then {again:.2f} s" if again else ""))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--events", type=int, nargs="+", default=[1_000_000, 10_000_000], help="product events"
    )
    parser.add_argument("--increment", type=int, default=100_000, help="events held back")
    parser.add_argument("--home", type=Path, help="where to work; default a temporary folder")
    parser.add_argument("--out", type=Path, default=PROJECT_ROOT / "bench-results.json")
    arguments = parser.parse_args()

    everything = []
    for events in arguments.events:
        home = arguments.home or Path(tempfile.mkdtemp(prefix="plg-bench-"))
        try:
            results = measure(events, arguments.increment, home)
        finally:
            if arguments.home is None:
                shutil.rmtree(home, ignore_errors=True)
        show(results)
        everything.append(results)
    arguments.out.write_text(json.dumps(everything, indent=2) + "\n")
    print(f"written to {arguments.out}")


if __name__ == "__main__":
    main()
