"""`plg pql`: product-qualified leads. One module a topic adds its commands to `app`."""

import typer

app = typer.Typer(help="Product-qualified leads: models and their proof.", no_args_is_help=True)


@app.callback()
def pql() -> None:
    """Product-qualified leads: models and their proof."""
