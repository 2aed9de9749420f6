"""What a night costs as history grows: `make bench-history`.

The same 100,000 new events are loaded onto one, two, four and eight parts of one history.
If the cost followed history and not what is new, the last night would take eight times the
first.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.pipeline import accepted_events, event_files, hold_back, move, plg_run
from demo_company.generate import generate
from warehouse.settings import PROJECT_ROOT, Settings

_PARTS = (8, 4, 2, 1)  # the newest eighth, quarter, half of the days, and all of them


def _night(company: Settings, home: Path, part: int, increment: int, events: int) -> dict:
    settings = Settings(home=home)
    shutil.copytree(company.landing_dir, settings.landing_dir)
    files = event_files(settings)
    for path in files[: len(files) - len(files) // part]:
        path.unlink()
    shelf = home / "held_back"
    held = hold_back(event_files(settings), increment)
    move(held, settings.landing_dir, shelf)
    plg_run(settings)
    before = int(accepted_events(settings))
    move([shelf / path.relative_to(settings.landing_dir) for path in held], shelf,
         settings.landing_dir)  # fmt: skip
    night = plg_run(settings)
    return {
        "history_events": before,
        "new_events": int(accepted_events(settings)) - before,
        "landing_to_core_seconds": round(night.to_core, 2),
        "ingest_seconds": round(night.steps["ingest"], 2),
        "plg_run_seconds": round(night.seconds, 1),
        "peak_memory_gib": round(night.peak_gib, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=8_000_000, help="the whole history")
    parser.add_argument("--increment", type=int, default=100_000, help="events of the night")
    parser.add_argument("--out", type=Path, default=PROJECT_ROOT / "bench-history.json")
    arguments = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="plg-bench-"))
    try:
        company = Settings(home=work / "company")
        generate(
            company.landing_dir, accounts=300, months=18,
            events_per_day=round(arguments.events / (18 * 30.4)),
        )  # fmt: skip
        nights = []
        for part in _PARTS:
            home = work / f"part-{part}"
            nights.append(_night(company, home, part, arguments.increment, arguments.events))
            shutil.rmtree(home)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    table = Table(*nights[0], "over the first", title="A night of new events", title_justify="left")
    for night in nights:
        over = night["landing_to_core_seconds"] / nights[0]["landing_to_core_seconds"]
        table.add_row(*(f"{value:,}" for value in night.values()), f"{over:.2f}")
    Console().print(table)
    arguments.out.write_text(json.dumps(nights, indent=2) + "\n")
    print(f"written to {arguments.out}")


if __name__ == "__main__":
    main()
