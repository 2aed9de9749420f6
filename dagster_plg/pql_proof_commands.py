"""`plg pql propose` and `plg pql accept`: new weights beside today's, for a person to decide."""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from warehouse.pql_proposals import (
    ProposalError,
    proposal_diff,
    read_proposals,
    write_proposal,
)
from warehouse.query import QueryError, run_query
from warehouse.settings import PROJECT_ROOT, Settings

out = Console(width=None if sys.stdout.isatty() else 140)
err = Console(stderr=True)


def propose(
    model: Annotated[str | None, typer.Option(help="One model; default all that score.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder; default proposals/ in PLG_HOME.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Write what the newest recalibration proposes (CSV and a page to read); changes nothing."""
    settings = Settings()
    try:
        proposals = read_proposals(settings, model)
        written = [
            (proposal, *write_proposal(proposal, folder or settings.home / "proposals"))
            for proposal in proposals
        ]
    except (ProposalError, QueryError, OSError) as error:
        raise _fail(error) from None
    if as_json:
        print(
            json.dumps(
                [
                    {
                        "model_key": proposal.model_key,
                        "decision": proposal.decision,
                        "reason": proposal.reason,
                        "has_weights": proposal.has_weights,
                        "csv": str(table),
                        "page": str(page),
                    }
                    for proposal, table, page in written
                ],
                indent=2,
            )
        )
        return
    for proposal, table, page in written:
        out.print(f"{proposal.model_key}: {proposal.decision}. {proposal.reason}", highlight=False)
        out.print(f"  {page}\n  {table}", highlight=False, soft_wrap=True)


def accept(
    proposal: Annotated[Path, typer.Argument(help="CSV that `plg pql propose` wrote.")],
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Change the model itself, without a shadow copy.")
    ] = False,
    by: Annotated[
        str | None, typer.Option(help="Who approves a live model changed in place.")
    ] = None,
) -> None:
    """Print the change of the seeds as a patch to review; changes nothing.

    `plg pql accept FILE | git apply` applies it. The new weights become a model in shadow, which is
    proved before it may be live.
    """
    settings = Settings()
    try:
        answer = run_query(settings, "select as_of_at from core.dim_as_of")
        # midnight belongs to the day before
        today = (answer.rows[0][0] - timedelta(microseconds=1)).date()
        patch = proposal_diff(proposal, PROJECT_ROOT / "seeds", today, in_place, by)
    except (ProposalError, QueryError) as error:
        raise _fail(error) from None
    sys.stdout.write(patch)


def _fail(error: Exception) -> typer.Exit:
    err.print(f"error: {error}", highlight=False, markup=False)
    return typer.Exit(1)
