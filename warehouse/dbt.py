"""dbt in this process: one environment for it, one place that starts it."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb

from warehouse.settings import PROJECT_ROOT, Settings

DBT_PROJECT_DIR = PROJECT_ROOT / "dbt_project"

QUICK = ("--quiet", "--log-level-file", "none", "--no-write-json", "--cache-selected-only")
"""Flags of a dbt command nobody reads files of: half a second of JSON less."""


def dbt_environment(settings: Settings) -> dict[str, str]:
    """The variables ``dbt_project/profiles.yml`` and dbt itself read."""
    return {
        "PLG_WAREHOUSE_PATH": str(settings.warehouse_path),
        "PLG_TARGET": settings.target,
        "PLG_PRODUCT_LINE": settings.product_line,
        "DBT_TARGET_PATH": str(settings.dbt_target_dir),
        "DBT_LOG_PATH": str(settings.home / "dbt" / "logs"),
        "DBT_PROJECT_DIR": str(DBT_PROJECT_DIR),
        "DBT_PROFILES_DIR": str(DBT_PROJECT_DIR),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_USE_COLORS": "false",
    }


@contextmanager
def _environ(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def run_dbt(
    settings: Settings,
    arguments: Sequence[str],
    on_event: Sequence[Callable[[Any], None]] = (),
    manifest: Any = None,
):
    """Run one dbt command in this process and return dbt's ``dbtRunnerResult``.

    ``on_event`` callbacks get every structured dbt event as it happens. A subprocess
    would cost some four seconds of imports for each call.
    """
    from dbt.cli.main import dbtRunner

    settings.warehouse_path.parent.mkdir(parents=True, exist_ok=True)
    with _environ(dbt_environment(settings)):
        try:
            return dbtRunner(manifest=manifest, callbacks=list(on_event)).invoke(list(arguments))
        finally:
            _release_warehouse()


@contextmanager
def kept_open(settings: Settings) -> Iterator[None]:
    """Keep the warehouse open in this process, so that a layer's dbt command and what is asked
    before and after it open and close nothing: each time costs a tenth of a second, and more as
    the warehouse grows. Connections with the configuration of dbt's share one instance."""
    settings.warehouse_path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(settings.warehouse_path)):
        yield


def _release_warehouse() -> None:
    """Close the DuckDB file: dbt-duckdb keeps it open until the process ends, and neither
    another process nor a read-only connection of this one could open it meanwhile."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    environment, DuckDBConnectionManager._ENV = DuckDBConnectionManager._ENV, None
    if environment is not None:
        environment.close()
