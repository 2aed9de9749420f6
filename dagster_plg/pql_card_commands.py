"""`plg pql card`: the model cards, written."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from warehouse.settings import Settings

out = Console()
err = Console(stderr=True)


def write_card(
    model: Annotated[
        str | None, typer.Argument(help="Model of seeds/pql_models.csv; default: all.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder; default PLG_HOME/reports/model_cards.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the Markdown too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Write the model cards (Markdown and HTML): inputs, weights, proof, bias, approvals."""
    from warehouse.model_cards.facts import NoSuchModel, collect_facts
    from warehouse.model_cards.write import cards_dir, write_cards
    from warehouse.query import QueryError

    settings = Settings()
    try:
        facts = collect_facts(settings, model)
    except NoSuchModel as error:
        err.print(f"[bold red]error[/]: {error}", highlight=False, markup=True)
        raise typer.Exit(2) from None
    except QueryError as error:
        err.print(f"[bold red]error[/]: {error}", highlight=False, markup=True)
        raise typer.Exit(1) from None
    written = write_cards(facts, folder or cards_dir(settings))
    if as_json:
        print(
            json.dumps(
                [
                    {
                        "model_key": card.model_key,
                        "markdown": str(card.markdown_path),
                        "html": str(card.html_path),
                    }
                    for card in written
                ],
                indent=2,
            )
        )
        return
    for card in written:
        if show:
            print(card.markdown)
        out.print(str(card.html_path), highlight=False, soft_wrap=True)
