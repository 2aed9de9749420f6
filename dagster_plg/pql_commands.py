"""`plg pql`: product-qualified leads. One module a topic adds its commands to `app`."""

import typer

from dagster_plg import pql_card_commands, pql_proof_commands

app = typer.Typer(help="Product-qualified leads: models and their proof.", no_args_is_help=True)


@app.callback()
def pql() -> None:
    """Product-qualified leads: models and their proof."""


app.command("propose")(pql_proof_commands.propose)
app.command("accept")(pql_proof_commands.accept)
app.command("card")(pql_card_commands.write_card)
