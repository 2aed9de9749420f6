"""The `plg` command."""

import atexit
import json
import sys
from dataclasses import asdict
from datetime import date
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from dagster_plg import crm_commands, model_commands, pql_commands
from dagster_plg.memory import collect_rarely, end_quickly
from warehouse.settings import Settings

app = typer.Typer(
    help="The PLG warehouse: raw product events and billing in, gated marts out, CRM filled.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
pull = typer.Typer(
    help="Pull lists over HTTP into the landing folder (Stripe, CRM).", no_args_is_help=True
)
app.add_typer(pull, name="pull")
demo = typer.Typer(help="The demo company.", no_args_is_help=True)
app.add_typer(demo, name="demo")
identity = typer.Typer(help="Who is who, and how we know.", no_args_is_help=True)
app.add_typer(identity, name="identity")
app.add_typer(model_commands.app, name="model")
app.add_typer(pql_commands.app, name="pql")
app.add_typer(crm_commands.app, name="crm")
experiments = typer.Typer(help="Planning experiments.", no_args_is_help=True)
app.add_typer(experiments, name="experiments")
journal = typer.Typer(help="The journal for the ERP.", no_args_is_help=True)
app.add_typer(journal, name="journal")

# a pipe has no width: wide enough that no figure is cut
out = Console(width=None if sys.stdout.isatty() else 140)
err = Console(stderr=True)
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


class IdType(StrEnum):
    user_id = "user_id"
    anonymous_id = "anonymous_id"
    email = "email"


class Format(StrEnum):
    table = "table"
    csv = "csv"
    json = "json"


def _fail(message: str, code: int = 1) -> typer.Exit:
    err.print(f"[bold red]error[/]: {message}", highlight=False, markup=True)
    return typer.Exit(code)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=str))


def _days(text: str) -> tuple[date, date]:
    """First and last day of ``2026-01-01..2026-01-07``, or of a single day."""
    first, _, last = text.partition("..")
    try:
        return date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no day and no span of days: write 2026-01-01 or 2026-01-01..2026-01-07"
        ) from error


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description:<32}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(), console=err, transient=True,
    )  # fmt: skip


class _Bars:
    """Progress callback `(stage, done, total)` drawn as one bar a stage."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.tasks: dict[str, Any] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage not in self.tasks:
            self.tasks[stage] = self.progress.add_task(stage, total=total or 1)
        self.progress.update(self.tasks[stage], completed=done, total=total or 1)


@demo.command("generate")
def demo_generate(
    accounts: Annotated[int, typer.Option(min=1, help="Customer companies.")] = 300,
    months: Annotated[int, typer.Option(min=1, help="Months of history.")] = 18,
    seed: Annotated[int, typer.Option(help="The same seed writes the same bytes.")] = 7,
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="Landing folder to write; default PLG_LANDING.")
    ] = None,
    events_per_day: Annotated[
        int | None, typer.Option(min=1, help="Product events a day, on average.")
    ] = None,
    dirt_rate: Annotated[
        float, typer.Option(min=0, max=0.2, help="Share of rows with planted dirt.")
    ] = 0.005,
    truth: Annotated[
        Path | None, typer.Option(help="Where the truth goes; default beside the landing folder.")
    ] = None,
    if_missing: Annotated[
        bool, typer.Option("--if-missing", help="Do nothing where a demo is there already.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write a synthetic SaaS company's source files, and the truth about it apart."""
    from demo_company.generate import generate
    from warehouse.settings import DEMO_MARKER

    settings = Settings()
    folder = (out_dir or settings.landing_dir).expanduser().absolute()
    if folder == settings.home:
        folder = settings.landing_dir
        err.print(f"--out is PLG_HOME itself: writing to its landing folder {folder}")
    if (folder / DEMO_MARKER).is_file() and if_missing:
        err.print(f"a demo company is already in {folder}")
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise _fail(
            f"{folder} is not empty: the demo would mix with what is there. "
            "Choose another --out, or remove the folder."
        )
    with _progress() as progress:
        report = generate(
            folder, accounts=accounts, months=months, seed=seed, dirt_rate=dirt_rate,
            events_per_day=events_per_day, truth_dir=truth, progress=_Bars(progress),
        )  # fmt: skip
    if as_json:
        _print_json({"landing": str(folder), "as_of": str(report.as_of), "lines": report.summary()})
        return
    out.print(f"Demo company in {folder}", highlight=False)
    for line in report.summary():
        out.print(f"  {line}", highlight=False)


@demo.command("report")
def demo_report() -> None:
    """What came out of the last run, and where to look: counts, funnel, NRR, PQLs, CRM."""
    from dagster_plg.report import print_report

    print_report(Settings(), out)


@app.command()
def run(as_json: JsonFlag = False) -> None:
    """The main job: ingest → gate → build → gate → publish → sync."""
    from dagster_plg.run import run_job

    outcome = run_job(Settings())
    if as_json:
        _print_json(
            {"run_id": outcome.run_id, "success": outcome.success, "errors": outcome.errors}
        )
    if not outcome.success:
        raise _fail("the run failed: " + " | ".join(outcome.errors or ["see above"]))


@app.command()
def ingest(
    withdraw: Annotated[
        str | None,
        typer.Option(help="Take this landed file's rows out of the lake again (path in landing)."),
    ] = None,
    reread: Annotated[
        str | None,
        typer.Option(
            help="Read the event files of these received days again: 2026-01-01 or "
            "2026-01-01..2026-01-07."
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Read new files of the landing folder into the lake."""
    from ingestion.reread import reread_days
    from ingestion.run import ingest as run_ingest
    from ingestion.withdraw import withdraw_file

    settings = Settings()
    if withdraw and reread:
        raise typer.BadParameter("--withdraw and --reread are two different things: name one")
    if withdraw:
        withdraw_file(settings, withdraw)
        _report_days(settings)
        out.print(f"withdrawn: {withdraw}", highlight=False)
        return
    with _progress() as progress:
        if reread:
            first, last = _days(reread)
            report = reread_days(settings, first, last, progress=_Bars(progress))
        else:
            report = run_ingest(settings, progress=_Bars(progress))
    if report.load_id is not None:
        _report_days(settings)
    if as_json:
        _print_json(report.as_dict())
        return
    for note in report.notes:
        err.print(f"note: {note}", highlight=False)
    out.print(report.summary(), highlight=False)
    if report.files_refused:
        raise _fail(f"{len(report.files_refused)} files refused: see ops.ingest_files.message")


def _report_days(settings: Settings) -> None:
    """Show in Dagster what a load outside it changed."""
    from dagster_plg.received_days import report_without_a_run

    report_without_a_run(settings)


@pull.command("stripe")
def pull_stripe_command(
    full: Annotated[
        bool, typer.Option("--full", help="Every list whole, not only what is new.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Stripe's lists into landing/stripe/; a pull that was killed goes on where it was."""
    from ingestion.pulls.stripe import pull_stripe

    with _progress() as progress:
        report = pull_stripe(Settings(), full=full, progress=_Bars(progress))
    _print_pull(report, as_json)


@pull.command("crm")
def pull_crm_command(
    full: Annotated[
        bool, typer.Option("--full", help="Every record, not only what changed.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """What changed in Salesforce and HubSpot into landing/crm/ (PLG_CRM_READ_BACK=true)."""
    from dagster_plg.pulls import read_crms_back

    reports = read_crms_back(Settings(), full=full)
    if as_json:
        _print_json([report.as_dict() for report in reports])
        return
    for report in reports:
        _print_pull(report, as_json)


def _print_pull(report: Any, as_json: bool) -> None:
    if as_json:
        _print_json(report.as_dict())
        return
    for note in report.all_notes():
        err.print(f"note: {note}", highlight=False)
    out.print(report.summary(), highlight=False)


@app.command()
def collect(
    host: Annotated[str | None, typer.Option(help="Default PLG_COLLECT_HOST: loopback.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Default PLG_COLLECT_PORT; 0: a free one.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Receive events from Segment, RudderStack and PostHog clients over HTTP until stopped."""
    from ingestion.collector.server import Started, configure_log, serve

    def started(message: Started) -> None:
        text = json.dumps(message.as_dict()) if as_json else "\n".join(message.lines())
        print(text, flush=True)

    configure_log()
    serve(Settings(), host, port, on_started=started)


@app.command()
def build(
    select: Annotated[
        str | None, typer.Option("--select", "-s", help="dbt selection; default: all layers.")
    ] = None,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Rebuild incremental models from the lake.")
    ] = False,
) -> None:
    """Build the models from the lake (dbt), behind the raw gate; does not publish."""
    from ingestion.raw_views import create_raw_views
    from quality.gates import require_gate, run_gate
    from warehouse.dbt import run_dbt
    from warehouse.lock import sole_writer

    settings = Settings()
    arguments = ["build", "--exclude-resource-type", "unit_test"]
    arguments += ["--select", *select.split()] if select else []
    arguments += ["--full-refresh"] if full_refresh else []
    with sole_writer(settings):
        create_raw_views(settings)
        run_gate(settings, "raw")
        require_gate(settings, "raw")
        if not run_dbt(settings, arguments).success:
            raise _fail("dbt failed: see above")


@app.command()
def gate(
    name: Annotated[str, typer.Argument(help="raw, identity, marts or syncs")],
    as_json: JsonFlag = False,
) -> None:
    """Run one gate on what is in the warehouse; exit code 1 when it does not pass."""
    from quality.gates import run_gate
    from quality.suites import gate_names

    if name not in gate_names():
        raise _fail(f"no gate {name!r}: there are {', '.join(gate_names())}", code=2)
    report = run_gate(Settings(), name)
    if as_json:
        _print_json(report.as_dict())
    else:
        table = Table("expectation", "asset", "severity", "passed", "observed", "expected")
        for r in report.results:
            table.add_row(
                r.key, r.asset, r.severity, "yes" if r.passed else "[red]NO[/]",
                str(r.observed), str(r.expected),
            )  # fmt: skip
        out.print(table)
    if not report.passed:
        raise _fail(f"gate {name} does not pass")


@app.command()
def publish() -> None:
    """Copy the audited marts into the published file, atomically."""
    from quality.gates import require_gate
    from warehouse.publish import publish as run_publish

    settings = Settings()
    for name in ("marts", "syncs"):
        require_gate(settings, name)
    report = run_publish(settings)
    out.print(
        f"published {report.count_tables} tables, {report.count_rows:,} rows: "
        f"{settings.published_path}",
        highlight=False,
    )


@app.command()
def sync(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Syncs to run (default: all), or: status | dead-letters [NAME] | retry NAME… | "
            "dismiss NAME KEY… | release NAME… | reconcile [NAME…]"
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan, send nothing.")
    ] = False,
    reason: Annotated[str, typer.Option(help="With release: why the plan is right.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Send what changed to the destinations. `plg sync status` and `plg sync dead-letters` show;
    `plg sync retry` resends refused records, `plg sync dismiss` gives some up until their row
    changes; `plg sync release` sends a plan the circuit breaker stopped; `plg sync reconcile` reads
    the destinations back and says what is not as it was sent."""
    from dagster_plg.sync_commands import (
        print_sync,
        reconcile_syncs,
        run_syncs,
        show_dead_letters,
        show_status,
    )
    from reverse_etl.engine import run_sync
    from reverse_etl.status import dismiss_dead_letter, release_sync, retry_dead_letters

    settings = Settings()
    action, rest = (names[0], names[1:]) if names else ("", [])
    if action == "status":
        show_status(settings, out, as_json)
        return
    if action == "dead-letters":
        show_dead_letters(settings, rest, out, as_json)
        return
    if action == "reconcile":
        if not reconcile_syncs(settings, rest, out, as_json):
            raise _fail("too many records differ from what was sent: ops.sync_drift lists them")
        return
    if action == "dismiss":
        if len(rest) < 2:
            raise _fail("name the sync and the records: plg sync dismiss NAME KEY…", code=2)
        for key in rest[1:]:
            dismiss_dead_letter(settings, rest[0], key)
            out.print(f"{rest[0]} {key}: dismissed until its row changes", highlight=False)
        return
    if action == "release" and not rest:
        raise _fail("name the sync to release: plg sync release NAME", code=2)
    release = partial(release_sync, reason=reason)
    again = {"retry": retry_dead_letters, "release": release}.get(action)
    reports = run_syncs(
        settings, rest if again else names or [], again or partial(run_sync, dry_run=dry_run)
    )
    if as_json:
        _print_json([r.as_dict() for r in reports])
    else:
        for report in reports:
            print_sync(report, out)
    if not all(r.ok for r in reports):
        raise _fail("not every sync succeeded: plg sync status shows the refused records")


@app.command()
def query(
    sql: Annotated[
        str, typer.Argument(help="One SELECT on the published copy and live ops tables.")
    ],
    format: Annotated[Format, typer.Option("--format", "-f", help="How to print.")] = Format.table,
) -> None:
    """Ask the published copy (read-only)."""
    from warehouse.query import run_query, to_csv, to_json

    result = run_query(Settings(), sql)
    if format is Format.csv:
        sys.stdout.write(to_csv(result))
    elif format is Format.json:
        print(to_json(result))
    else:
        table = Table(*result.columns)
        for row in result.rows:
            table.add_row(*("" if value is None else str(value) for value in row))
        out.print(table)


@identity.command("explain")
def identity_explain(
    asked: Annotated[
        str, typer.Argument(metavar="ID", help="User id, anonymous id, e-mail or person id.")
    ],
    id_type: Annotated[
        IdType | None, typer.Option("--type", help="Where a text is ids of several types.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """The person behind an id: all ids, the path of evidence, guards, accounts, merges."""
    from dagster_plg.identity_commands import print_explanation
    from warehouse.identity import explain

    found = explain(Settings(), asked, id_type)
    if as_json:
        _print_json(found.as_dict())
    else:
        print_explanation(found, out)


@experiments.command("size")
def experiments_size(
    baseline: Annotated[float, typer.Option(help="The control's share, or mean with --deviation.")],
    effect: Annotated[
        float, typer.Option(help="Smallest relative effect to be seen: 0.1 is 10 %.")
    ],
    deviation: Annotated[
        float | None, typer.Option(help="Of a mean: standard deviation of a unit.")
    ] = None,
    alpha: Annotated[float, typer.Option(help="Two-sided significance level.")] = 0.05,
    power: Annotated[float, typer.Option(help="Chance to see the effect, were it true.")] = 0.8,
    as_json: JsonFlag = False,
) -> None:
    """Units each variant needs."""
    from plg_statistics.comparisons import sample_size

    try:
        units = sample_size(baseline, effect, alpha, power, deviation)
    except ValueError as error:
        raise _fail(str(error)) from None
    if as_json:
        _print_json({"units_per_variant": units})
    else:
        out.print(f"{units:,} units in each variant", highlight=False)


@journal.command("export")
def journal_export(
    month: Annotated[str, typer.Option(help="The month posted in, such as 2026-05.")],
    file: Annotated[Path, typer.Option("--out", help="CSV file to write.")],
    as_json: JsonFlag = False,
) -> None:
    """A month's entries as CSV: balanced; of a closed month the same bytes every time."""
    from warehouse.journal import NotAMonth, export_journal, parse_month, write_journal
    from warehouse.query import QueryError

    try:
        export = export_journal(Settings(), parse_month(month))
    except (NotAMonth, QueryError) as error:
        raise _fail(str(error)) from None
    write_journal(export, file)
    if as_json:
        _print_json({"file": str(file), "lines": export.count_lines, "is_closed": export.is_closed})
    else:
        state = "closed, final" if export.is_closed else "not closed yet, provisional"
        out.print(f"{export.count_lines:,} lines of {month} ({state}): {file}", highlight=False)


@app.command()
def status(as_json: JsonFlag = False) -> None:
    """Freshness, gates, syncs and open incidents."""
    from dagster_plg.status import collect_status, print_status

    found = collect_status(Settings())
    if as_json:
        _print_json(found)
    else:
        print_status(found, out)


@app.command()
def mocks(
    port: Annotated[int | None, typer.Option(help="Port; default PLG_MOCKS_PORT.")] = None,
) -> None:
    """Serve the CRM mocks (Salesforce, HubSpot, Slack) until Ctrl-C."""
    from reverse_etl.mocks.process import serve

    serve(Settings(), port)


@app.command()
def ui() -> None:
    """Dagster and the CRM mocks together; one Ctrl-C stops all."""
    from dagster_plg.ui import serve

    raise typer.Exit(serve(Settings(), out))


@app.command()
def doctor(as_json: JsonFlag = False) -> None:
    """Is this machine and configuration fit to run? Says what to fix."""
    from dagster_plg.doctor import examine

    findings = examine(Settings())
    if as_json:
        _print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            mark = "[green]ok  [/]" if finding.ok else "[red]FIX [/]"
            out.print(f"{mark} {finding.what}: {finding.detail}", highlight=False)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@app.command(
    "dbt",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def dbt_command(context: typer.Context) -> None:
    """dbt with this installation's environment: plg dbt ARGUMENTS…"""
    from warehouse.dbt import run_dbt

    if not run_dbt(Settings(), context.args).success:
        raise typer.Exit(1)


def main() -> None:
    """Entry point: an expected error is one clear line and exit code 1."""
    collect_rarely()
    atexit.register(end_quickly)
    try:
        app()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)
    except Exception as error:  # the last resort: one line, the type named
        if Settings().debug:
            raise
        message = str(error).strip() or type(error).__name__
        err.print(f"error: {message}", highlight=False, markup=False)
        sys.exit(1)
