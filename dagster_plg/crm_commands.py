"""`plg crm`: what the CRMs must have before a sync can write there."""

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from warehouse.settings import Settings

if TYPE_CHECKING:
    from reverse_etl.setup.run import SetupReport

app = typer.Typer(
    help="The CRMs' own side: objects and fields for the syncs.", no_args_is_help=True
)
out = Console()


class Crm(StrEnum):
    salesforce = "salesforce"
    hubspot = "hubspot"


@app.callback()
def crm() -> None:
    """Keeps `setup` a command of its own."""


@app.command("setup")
def setup(
    system: Annotated[
        Crm | None, typer.Argument(metavar="[salesforce|hubspot]", help="Default: both.")
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Create what is missing; without it, only print.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print, or with --apply create, the objects, fields and unique properties that the enabled
    syncs need. Safe to run again."""
    # a plain `plg --help` does not wait for these
    from dagster_plg.mocks import mocks_when_used
    from reverse_etl.setup.run import CRMS, set_up

    settings = Settings()
    with mocks_when_used(settings):
        reports = [
            set_up(settings, name, apply=apply)
            for name in (CRMS if system is None else (system.value,))
        ]
    if as_json:
        print(json.dumps([report.as_dict() for report in reports], indent=2))
    else:
        for report in reports:
            _show(report)
    if not all(report.ok for report in reports):
        raise typer.Exit(1)


def _show(report: "SetupReport") -> None:
    for line in report.missing:
        out.print(f"{report.crm}: {line}", highlight=False, markup=False, soft_wrap=True)
    for line in report.left:
        out.print(
            f"{report.crm}: a person must change: {line}",
            highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip
    count = len(report.missing)
    if report.message:
        said = report.message
    elif report.is_applied:
        said = f"{count} created"
    elif count:
        said = f"{count} missing; create them with: plg crm setup {report.crm} --apply"
    else:
        said = "nothing is missing"
    out.print(f"{report.crm}: {said}", highlight=False, markup=False, soft_wrap=True)
