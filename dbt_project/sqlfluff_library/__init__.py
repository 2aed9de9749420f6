"""What dbt offers to macros beyond sqlfluff's own stand-ins, for linting without dbt.

sqlfluff's dbt templater would need a warehouse and seconds a run; its jinja templater
renders the project's macros (`.sqlfluff`: `load_macros_from_path`) with these names.
"""

from types import SimpleNamespace

from jinja2 import pass_context


@pass_context
def _dispatch(context, macro_name, macro_namespace=None):
    return context.resolve(f"default__{macro_name}")


def _return(value):
    return value


def _env_var(name, default=""):
    return default


adapter = SimpleNamespace(dispatch=_dispatch)
env_var = _env_var
modules = SimpleNamespace()
globals()["return"] = _return


def var(name, default=1):
    """Variables of the project are numbers; any will do for the shape of the SQL."""
    return default
