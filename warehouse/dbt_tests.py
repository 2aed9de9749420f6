"""dbt's data tests, run all at once.

What a test asks is a query, and DuckDB answers most of ours in a millisecond or two; dbt
spends some thirty on each around it. Here dbt compiles the tests, once for a version of the
project, and the queries run two at a time on one connection. What passes, warns and fails
is decided as dbt decides it: ``fail_calc``, ``warn_if``, ``error_if``, ``limit``, ``severity``.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import duckdb

from warehouse.dbt import QUICK, run_dbt
from warehouse.settings import Settings

_AT_ONCE = 2  # most take longer to plan than to run


@dataclass(frozen=True)
class TestOutcome:
    """One test's verdict: ``status`` is pass, warn, fail or error; ``failures`` a row count."""

    unique_id: str
    name: str
    status: str
    failures: int | None
    message: str | None

    @property
    def is_failure(self) -> bool:
        return self.status in ("fail", "error")


def compiled_tests(settings: Settings, manifest: Any, project: str) -> dict[str, str]:
    """SQL of every data test by its unique id; compiled once for each ``project`` fingerprint.

    Raises ``RuntimeError`` when a test does not compile.
    """
    kept = (settings.dbt_cache or settings.home / "dbt") / "compiled_tests.json"
    key = [project, settings.target, settings.product_line]
    with suppress(FileNotFoundError, ValueError):
        found = json.loads(kept.read_text())
        if found["key"] == key:
            return found["sql"]
    outcome = run_dbt(
        settings,
        [*QUICK, "compile", "--no-introspect", "--no-populate-cache", "--select",
         "resource_type:test"],
        manifest=manifest,
    )  # fmt: skip
    if not outcome.success:
        wrong = [r.message for r in getattr(outcome.result, "results", []) if r.message]
        raise RuntimeError(f"dbt cannot compile its tests: {outcome.exception or wrong}")
    sql = {r.node.unique_id: r.node.compiled_code for r in outcome.result.results}
    kept.parent.mkdir(parents=True, exist_ok=True)
    partial = kept.with_suffix(f".{os.getpid()}.tmp")
    partial.write_text(json.dumps({"key": key, "sql": sql}))
    partial.replace(kept)
    return sql


def run_tests(
    settings: Settings, tests: Iterable[Mapping[str, Any]], sql: Mapping[str, str]
) -> list[TestOutcome]:
    """Run ``tests`` (nodes of dbt's manifest) against the warehouse, a few at a time."""
    with (
        duckdb.connect(str(settings.warehouse_path)) as connection,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        return list(pool.map(lambda test: _outcome(connection, test, sql), tests))


@dataclass
class TestsBeside:
    """Tests that run while dbt builds what other tests read.

    ``waiting`` holds, for each test, the nodes still to be built that it reads.
    """

    waiting: dict[str, set[str]]
    start: Callable[[str], Future[TestOutcome]]
    started: dict[str, Future[TestOutcome]]

    def built(self, unique_id: str) -> None:
        """Start the tests for which this node was the last to come."""
        for test in [test for test, nodes in self.waiting.items() if unique_id in nodes]:
            self.waiting[test].discard(unique_id)
            if not self.waiting[test]:
                del self.waiting[test]
                self.started[test] = self.start(test)

    def outcomes(self) -> dict[str, TestOutcome]:
        """Of the tests that could run, by unique id; waits for those under way."""
        return {test: future.result() for test, future in self.started.items()}


@contextmanager
def tests_beside(
    settings: Settings,
    nodes: Mapping[str, Mapping[str, Any]],
    sql: Mapping[str, str],
    waiting: Mapping[str, set[str]],
    is_known_to_pass: Callable[[str], bool],
) -> Iterator[TestsBeside]:
    """Tests to run one at a time as what they read is built. What ``is_known_to_pass``, asked when
    all of that is there, is not run."""
    with duckdb.connect(str(settings.warehouse_path)) as connection:

        def run(test: str) -> TestOutcome:
            if is_known_to_pass(test):
                return TestOutcome(test, nodes[test]["name"], "pass", 0, None)
            return _outcome(connection, nodes[test], sql)

        with ThreadPoolExecutor(1, thread_name_prefix="tests") as pool:
            try:
                yield TestsBeside(dict(waiting), lambda test: pool.submit(run, test), {})
            finally:
                pool.shutdown(cancel_futures=True)


def _outcome(
    connection: duckdb.DuckDBPyConnection, test: Mapping[str, Any], sql: Mapping[str, str]
) -> TestOutcome:
    with connection.cursor() as cursor:
        cursor.execute("set timezone = 'UTC'")
        return _run(cursor, test, sql[test["unique_id"]])


def _run(connection: duckdb.DuckDBPyConnection, test: Mapping[str, Any], sql: str) -> TestOutcome:
    config = test["config"]
    count = config["fail_calc"]
    limit = f"limit {config['limit']}" if config["limit"] is not None else ""
    try:
        failures, should_warn, should_error = connection.execute(
            f"select {count}, {count} {config['warn_if']}, {count} {config['error_if']} "
            f"from ({sql}\n{limit}) as failing_rows"
        ).fetchone()
    except duckdb.Error as error:
        return TestOutcome(test["unique_id"], test["name"], "error", None, str(error))
    if should_error and config["severity"].upper() == "ERROR":
        status, rule = "fail", config["error_if"]
    elif should_warn:
        status, rule = "warn", config["warn_if"]
    else:
        return TestOutcome(test["unique_id"], test["name"], "pass", failures, None)
    rows = f"{failures} failing row{'' if failures == 1 else 's'}"
    message = f"{rows}; configured to {status} if {rule}"
    return TestOutcome(test["unique_id"], test["name"], status, failures, message)
