"""dbt in this process: one environment for it, one place that starts it."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import duckdb

from warehouse.dbt_builds import LayerBuilds, forget, is_as_left, leave
from warehouse.settings import PROJECT_ROOT, Settings

DBT_PROJECT_DIR = PROJECT_ROOT / "dbt_project"

QUICK = (
    "--quiet", "--log-level", "none", "--log-level-file", "none", "--no-write-json",
    "--cache-selected-only",
)  # fmt: skip
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
    builds: LayerBuilds | None = None,
):
    """Run one dbt command in this process and return dbt's ``dbtRunnerResult``.

    ``on_event`` callbacks get every structured dbt event as it happens. With ``builds``, models
    that did not change are left alone and the others noted. A subprocess would cost some four
    seconds of imports for each call.
    """
    from dbt.cli.main import dbtRunner

    settings.warehouse_path.parent.mkdir(parents=True, exist_ok=True)
    with _environ(dbt_environment(settings)), _noted(builds), _parsed_once(settings):
        try:
            return dbtRunner(manifest=manifest, callbacks=list(on_event)).invoke(list(arguments))
        finally:
            _release_warehouse()


@contextmanager
def _parsed_once(settings: Settings) -> Iterator[None]:
    """Give a home that has none the parsed project of `Settings.dbt_cache`, and put there what the
    first had to parse. dbt takes from it all that did not change since.

    dbt would parse all anew for another warehouse path, as a project might ask for it: this one
    does not (`tests/dbt_project`).
    """
    from dbt.adapters.duckdb.credentials import DuckDBCredentials

    own = settings.dbt_target_dir / "partial_parse.msgpack"
    shared = settings.dbt_cache / own.name if settings.dbt_cache else None
    if shared is not None and shared.exists() and not own.exists():
        _put(shared, own)
    shown = DuckDBCredentials._connection_keys
    DuckDBCredentials._connection_keys = lambda self: tuple(k for k in shown(self) if k != "path")
    try:
        yield
    finally:
        DuckDBCredentials._connection_keys = shown
        if shared is not None and own.exists() and not shared.exists():
            _put(own, shared)


def _put(source: Path, target: Path) -> None:
    """Copy a file so that nobody ever sees half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    shutil.copyfile(source, partial)
    partial.replace(target)


def _noted(builds: LayerBuilds | None) -> AbstractContextManager:
    if builds is None:
        return nullcontext()
    from warehouse.dbt_runner import models_noted_in  # dbt's imports take a second

    return models_noted_in(builds)


@dataclass(frozen=True)
class NodeFinished:
    """A model or seed that dbt is done with: its status and message are dbt's, in ``seconds``."""

    unique_id: str
    status: str
    message: str
    seconds: float


class _Abandoned(Exception):
    """Nobody waits for the command any more: no further node is to be built."""


@dataclass
class RunningDbt:
    """A dbt command at work: iterate for its nodes as they finish, then ask for the ``outcome``."""

    _finished: SimpleQueue = field(default_factory=SimpleQueue)
    _result: Any = None
    _error: BaseException | None = None
    _is_abandoned: bool = False

    def __iter__(self) -> Iterator[NodeFinished]:
        return iter(self._finished.get, None)

    @property
    def outcome(self) -> Any:
        """dbt's ``dbtRunnerResult``, once the nodes are through."""
        if self._error is not None:
            raise self._error
        return self._result

    def _notice(self, event: Any) -> None:
        # where dbt expects a model to fail; anywhere else it would wait for ever
        if self._is_abandoned and event.info.name == "LogStartLine":
            raise _Abandoned
        if event.info.name == "NodeFinished":
            result = event.data.run_result
            node = event.data.node_info.unique_id
            self._finished.put(
                NodeFinished(node, result.status, result.message, result.execution_time)
            )

    def _run(
        self,
        settings: Settings,
        arguments: Sequence[str],
        manifest: Any,
        builds: LayerBuilds | None,
    ) -> None:
        try:
            self._result = run_dbt(settings, arguments, [self._notice], manifest, builds)
        except BaseException as error:
            self._error = error
        finally:
            self._finished.put(None)


@contextmanager
def running_dbt(
    settings: Settings,
    arguments: Sequence[str],
    manifest: Any = None,
    builds: LayerBuilds | None = None,
) -> Iterator[RunningDbt]:
    """Run one dbt command beside the caller, who hears of each node when it is done and has the
    time until the next: telling Dagster of a layer takes a third as long as building it.

    Who leaves early (an interrupt) stops dbt: nodes under way are waited for, no other begins.
    """
    running = RunningDbt()
    thread = Thread(target=running._run, args=(settings, arguments, manifest, builds), name="dbt")
    thread.start()
    try:
        yield running
    except BaseException:
        running._is_abandoned = True
        raise
    finally:
        thread.join()


@contextmanager
def kept_open(settings: Settings) -> Iterator[None]:
    """Keep the warehouse open in this process, so that a layer's dbt command and what is asked
    before and after it open and close nothing: each time costs a tenth of a second, and more as
    the warehouse grows. Connections with the configuration of dbt's share one instance.

    What `warehouse.dbt_builds` has noted is forgotten when somebody else wrote the warehouse.
    """
    settings.warehouse_path.parent.mkdir(parents=True, exist_ok=True)
    is_open = False
    try:
        with duckdb.connect(str(settings.warehouse_path)) as connection:
            if not is_as_left(settings):  # asked now that nobody else can write it
                forget(connection)
            is_open = True
            yield
    finally:
        if is_open:
            leave(settings)


def _release_warehouse() -> None:
    """Close the DuckDB file: dbt-duckdb keeps it open until the process ends, and neither
    another process nor a read-only connection of this one could open it meanwhile."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    environment, DuckDBConnectionManager._ENV = DuckDBConnectionManager._ENV, None
    if environment is not None:
        environment.close()
