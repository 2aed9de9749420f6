"""Gates: nothing passes on before its suite passed.

`run_gate` checks and writes down the verdict; `require_gate` asks for it. The verdict
outlives the run: it says which state of the data it is about, and a batch that failed
fails again in the next run, although no new file arrived, until it is corrected or
withdrawn.

Importing this module does not import Great Expectations; running a gate does.
"""

import hashlib
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import duckdb

from quality.data_docs import write_index
from quality.suites import Expectation, Suite, SuiteFile, load_suite
from quality.validation import Outcome, validate, with_parameters
from warehouse.ops import OPS_TABLES, OpsStore, utc_now
from warehouse.publish import attach_read_only
from warehouse.settings import Settings

# what a verdict is about: the tables of these schemas ('raw' is about loads and files)
AUDITED_SCHEMAS = {
    "raw": (),
    "identity": ("identity",),
    "marts": (
        "core",
        "activation",
        "funnel",
        "retention",
        "loops",
        "experiments",
        "attribution",
        "economics",
        "revenue",
        "packaging",
        "pql",
    ),
    "syncs": ("syncs",),
}
_CONTENT_HASHED_UP_TO = 200_000  # rows; of larger tables the number of rows counts

# what a gate sees of the operations store: raw lines shortened, nothing of the syncs
_OPS_FOR_GATES = {
    "ingest_files": "*",
    "quarantine": "* replace (left(raw, 300) as raw)",
    "gate_verdicts": "*",
}


class GateError(Exception):
    """A gate could not say yes.

    GateError
      ├─ GateNotPassed  the latest verdict on this data is a failure, or there is none
      └─ GateNotRun     there is nothing to check yet
    """


class GateNotPassed(GateError):
    def __init__(self, gate: str, message: str, failing: tuple[str, ...] = ()):
        super().__init__(message)
        self.gate = gate
        self.failing = failing


class GateNotRun(GateError):
    pass


@dataclass(frozen=True)
class GateResult:
    """One expectation's result, as it goes to ops.gate_results."""

    key: str
    asset: str
    severity: str
    passed: bool
    observed: str
    expected: str
    failing_rows: int | None
    sample: str | None
    owner: str
    reason: str
    what_to_do: str


@dataclass(frozen=True)
class GateReport:
    """A gate's run. ``passed``: no blocking expectation failed (warnings may have)."""

    gate: str
    results: tuple[GateResult, ...]
    data_version: str
    checked_at: datetime
    seconds: float

    @property
    def passed(self) -> bool:
        return not self.blocking_failures

    @property
    def blocking_failures(self) -> tuple[GateResult, ...]:
        return tuple(r for r in self.results if not r.passed and r.severity == "blocking")

    @property
    def warnings(self) -> tuple[GateResult, ...]:
        return tuple(r for r in self.results if not r.passed and r.severity == "warning")

    def as_dict(self) -> dict:
        return {
            "gate": self.gate,
            "passed": self.passed,
            "data_version": self.data_version,
            "checked_at": self.checked_at.isoformat(),
            "seconds": round(self.seconds, 3),
            "results": [asdict(result) for result in self.results],
        }


def run_gate(settings: Settings, name: str, everything: bool = False) -> GateReport:
    """Check what the gate guards, write results and verdict to the ops store, build docs.

    Row checks of the raw gate look at the loads after the last one that passed
    (``everything``: at all loads). Raises `GateNotRun` where no warehouse exists,
    `quality.suites.SuiteError` where a suite is wrong.
    """
    report, max_load_id = _check(settings, name, everything)
    _write_down(settings, report, max_load_id)
    write_index(settings)
    return report


def check_suite(settings: Settings, name: str, suite_name: str) -> GateReport:
    """Check one suite of a gate (``marts.nrr``), without a verdict and without Data Docs.

    For trying out expectations: nothing is written.
    """
    return _check(settings, name, everything=True, only=suite_name)[0]


def _check(
    settings: Settings, name: str, everything: bool, only: str | None = None
) -> tuple[GateReport, int]:
    started = time.perf_counter()
    suite = load_suite(name)
    if only:
        chosen = tuple(file for file in suite.files if file.suite == only)
        suite = suite.model_copy(update={"files": chosen})
    with _audited(settings) as connection:
        version = _data_version(connection, name)
        (max_load_id,) = connection.execute(
            "select coalesce(max(load_id), 0) from ops.ingest_files"
        ).fetchone()
        parameters = _parameters(settings, connection, name, everything)
        outcomes = _skipped(connection, suite, parameters)
        outcomes |= validate(
            connection,
            name,
            [_without(file, outcomes) for file in suite.files],
            parameters,
            docs_dir=None if only else settings.docs_dir / "data_docs" / name,
        )
        results = tuple(
            _result(entry, outcomes[entry.key], _observe(connection, entry, parameters))
            for entry in suite.expectations
        )
    seconds = time.perf_counter() - started
    return GateReport(name, results, version, utc_now(), seconds), max_load_id


def require_gate(settings: Settings, name: str) -> None:
    """Return if the gate's latest verdict is a pass on the data as it is now.

    Raises `GateNotPassed` naming the gate, what failed, when, and what to do.
    """
    verdict, failed = _latest_verdict(settings, name)
    again = f"run `plg gate {name}` (or the whole job: `plg run`)"
    if verdict is None:
        raise GateNotPassed(name, f"gate {name} has never been run on this data: {again}")
    passed, checked_at, version = verdict
    when = f"{checked_at:%Y-%m-%d %H:%M:%S} UTC"
    if not passed:
        raise GateNotPassed(
            name,
            f"gate {name} did not pass ({when}). Failing: {'; '.join(failed.values())}. "
            "Correct the source or take the file out again (`plg ingest --withdraw FILE`; see the "
            f"sample in ops.gate_results), then {again}.",
            tuple(failed),
        )
    if version != _current_version(settings, name):
        raise GateNotPassed(name, f"the data changed since gate {name} passed ({when}): {again}")


# -- what a gate sees ------------------------------------------------------------------------


@contextmanager
def _audited(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse read-only as the default catalog, and a copy of the ops tables.

    A copy, so that nobody waits for the gate to let the ops store go.
    """
    if not settings.warehouse_path.is_file():
        raise GateNotRun(
            f"there is no warehouse at {settings.warehouse_path}: run `plg ingest` first"
        )
    OpsStore(settings.ops_path).create()
    with duckdb.connect(":memory:") as connection:
        connection.execute("set temp_directory = ?", [str(settings.home / "tmp")])
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("attach ':memory:' as ops")
        attach_read_only(connection, settings.ops_path, "ops_live")
        for table in OPS_TABLES:
            columns = _OPS_FOR_GATES.get(table)
            if columns:
                connection.execute(
                    f"create table ops.{table} as select {columns} from ops_live.{table}"
                )
        connection.execute("detach ops_live")
        attach_read_only(connection, settings.warehouse_path, "warehouse")
        connection.execute("use warehouse")
        yield connection


def _parameters(
    settings: Settings, connection: duckdb.DuckDBPyConnection, gate: str, everything: bool
) -> dict[str, str]:
    """What queries may name: {since_load_id}, {as_of}, {latest_now}."""
    (since,) = connection.execute(
        "select coalesce(max(max_load_id), 0) from ops.gate_verdicts where gate = ? and passed",
        [gate],
    ).fetchone()
    as_of = settings.now
    latest = max(as_of, datetime.now(UTC))
    return {
        "since_load_id": "0" if everything else str(since),
        "as_of": f"timestamp '{as_of:%Y-%m-%d %H:%M:%S}'",
        "latest_now": f"timestamp '{latest:%Y-%m-%d %H:%M:%S}'",
    }


def _skipped(
    connection: duckdb.DuckDBPyConnection, suite: Suite, parameters: dict[str, str]
) -> dict[str, Outcome]:
    """Outcomes of the expectations that have nothing to check (``only_when`` is false)."""
    outcomes = {}
    for entry in suite.expectations:
        if entry.only_when is None:
            continue
        try:
            (applies,) = connection.execute(with_parameters(entry.only_when, parameters)).fetchone()
        except duckdb.Error as error:
            outcomes[entry.key] = Outcome(
                False, f"could not be checked: only_when: {_short(error)}", None, None
            )
            continue
        if not applies:
            outcomes[entry.key] = Outcome(True, "nothing to check yet", 0, None)
    return outcomes


def _without(file: SuiteFile, outcomes: dict[str, Outcome]) -> SuiteFile:
    remaining = tuple(entry for entry in file.expectations if entry.key not in outcomes)
    return file.model_copy(update={"expectations": remaining})


def _observe(
    connection: duckdb.DuckDBPyConnection, entry: Expectation, parameters: dict[str, str]
) -> str | None:
    if entry.observe is None:
        return None
    try:
        row = connection.execute(with_parameters(entry.observe, parameters)).fetchone()
    except duckdb.Error as error:
        return f"(could not be observed: {_short(error)})"
    return None if row is None or row[0] is None else str(row[0])


def _result(entry: Expectation, outcome: Outcome, observed: str | None) -> GateResult:
    not_checked = outcome.failing_rows is None and not outcome.passed and outcome.sample is None
    return GateResult(
        key=entry.key,
        asset=entry.asset,
        severity=entry.severity,
        passed=outcome.passed,
        observed=outcome.observed if observed is None or not_checked else observed,
        expected=entry.expected or _in_words(entry),
        failing_rows=outcome.failing_rows,
        sample=None if outcome.passed else outcome.sample,
        owner=entry.owner,
        reason=entry.reason,
        what_to_do=entry.what_to_do,
    )


def _in_words(entry: Expectation) -> str:
    """'column_values_to_be_in_set' and its arguments, readable."""
    what = (entry.expect or "").removeprefix("expect_").replace("_", " ")
    arguments = ", ".join(f"{name}={value}" for name, value in entry.kwargs.items())
    return f"{what} ({arguments})" if arguments else what


# -- which state of the data a verdict is about ------------------------------------------------


def _data_version(connection: duckdb.DuckDBPyConnection, gate: str) -> str:
    """Changes with what the gate guards: the loads and files, and the contents of its tables."""
    loads, files, states = connection.execute(
        "select coalesce(max(load_id), 0), count(*), "
        "coalesce(bit_xor(hash(file_id, status, load_id)), 0) from ops.ingest_files"
    ).fetchone()
    version = f"load {loads}, {files} files, {states:016x}"
    if not AUDITED_SCHEMAS[gate]:
        return version
    return f"load {loads}, tables {_contents(connection, AUDITED_SCHEMAS[gate])}"


def _contents(connection: duckdb.DuckDBPyConnection, schemas: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    tables = connection.execute(
        "select schema_name, table_name, estimated_size from duckdb_tables() "
        "where database_name = 'warehouse' and list_contains(?, schema_name) order by all",
        [list(schemas)],
    ).fetchall()
    for schema, table, rows in tables:
        digest.update(f"{schema}.{table}:{rows}".encode())
        if rows <= _CONTENT_HASHED_UP_TO:
            name = f'warehouse."{schema}"."{table}"'
            contents = connection.execute(f"select sum(hash(t)) from {name} as t").fetchone()
            digest.update(str(contents).encode())
    return digest.hexdigest()[:16]


def _current_version(settings: Settings, gate: str) -> str:
    if AUDITED_SCHEMAS[gate]:
        with _audited(settings) as connection:
            return _data_version(connection, gate)
    with OpsStore(settings.ops_path).connection() as connection:
        # (the store's file is called ops, and so is its catalog)
        return _data_version(connection, gate)


# -- writing down ------------------------------------------------------------------------------


def _write_down(settings: Settings, report: GateReport, max_load_id: int) -> None:
    run_id = str(uuid.uuid4())
    with OpsStore(settings.ops_path).transaction() as connection:
        connection.executemany(
            "insert into gate_results (gate_run_id, gate, expectation, asset, severity, passed, "
            "observed, expected, failing_rows, sample, owner, reason, checked_at) "
            "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                [
                    run_id, report.gate, r.key, r.asset, r.severity, r.passed, r.observed,
                    r.expected, r.failing_rows, r.sample, r.owner, r.reason, report.checked_at,
                ]
                for r in report.results
            ],
        )  # fmt: skip
        connection.execute(
            "insert into gate_verdicts (gate_run_id, gate, passed, count_blocking_failed, "
            "count_warnings, data_version, max_load_id, duration_seconds, checked_at) "
            "values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                run_id, report.gate, report.passed, len(report.blocking_failures),
                len(report.warnings), report.data_version, max_load_id, report.seconds,
                report.checked_at,
            ],
        )  # fmt: skip


def _latest_verdict(
    settings: Settings, gate: str
) -> tuple[tuple[bool, datetime, str] | None, dict[str, str]]:
    """(passed, when, version) or None, and the failing blocking expectations by key."""
    if not settings.ops_path.is_file():
        return None, {}
    with OpsStore(settings.ops_path).connection() as connection:
        row = connection.execute(
            "select passed, checked_at, data_version, gate_run_id from gate_verdicts "
            "where gate = ? order by checked_at desc, rowid desc limit 1",
            [gate],
        ).fetchone()
        if row is None:
            return None, {}
        failed = connection.execute(
            "select expectation, asset, observed, expected from gate_results "
            "where gate_run_id = ? and not passed and severity = 'blocking' order by rowid",
            [row[3]],
        ).fetchall()
    return row[:3], {
        key: f"{key} of {asset}: observed {observed}, expected {expected}"
        for key, asset, observed, expected in failed
    }


def _short(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
