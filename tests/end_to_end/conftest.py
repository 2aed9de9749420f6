"""Whole runs of the main job, through the `plg` command as a user types it."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from dagster_plg.cli import app
from dagster_plg.dbt_project import parsed_project
from ingestion.lake_schema import DATASETS
from warehouse.query import run_query, to_json_rows
from warehouse.settings import Settings

PLG = Path(sys.executable).with_name("plg")
# when a row was read and from which file is all that may differ
_OF_THE_LOAD = {
    "built_load_id",
    "newest_load_id",
    "known_in_load",
    "load_id",
    "file_id",
    "line_number",
    "rules_hash",
}


# say what was known when, by the load that told it or the build that said it
_KNOWN_WHEN = {
    "int_pql__build_window",
    "int_pql__handoff_log",
    "int_health__paying_spans",
    "rpt_mrr_as_known",
    "stg_syncs__deliveries",
}


def tables_that_remember() -> set[str]:
    """What is told of earlier builds or by the time of a load, and all that is made of it.

    A history of three loads is not that of one: what was known on a day stands, whatever comes in
    later. (`test_pql_replay`, `test_naive_health` and `test_mrr_closes` say what it must be.)
    """
    nodes = parsed_project().manifest_json["nodes"]
    models = {key: node for key, node in nodes.items() if node["resource_type"] == "model"}
    found = {
        key
        for key, node in models.items()
        if node["config"].get("incremental_strategy") in ("append", "replace_open_days")
        or node["name"] in _KNOWN_WHEN
    }
    while True:
        more = {
            key
            for key, node in models.items()
            if key not in found and found & set(node["depends_on"]["nodes"])
        }
        if not more:
            break
        found |= more
    return {f'"{models[key]["schema"]}"."{models[key]["name"]}"' for key in found}


@dataclass(frozen=True)
class Done:
    """How a command ended and what it printed."""

    returncode: int
    output: str


@dataclass(frozen=True)
class Installation:
    """A PLG_HOME and the command that works on it."""

    home: Path

    def plg(self, *arguments: str, check: bool = True, new_process: bool = False) -> Done:
        """Run `plg`: in this process, which has imported everything, or as a user does."""
        done = self._as_a_user(arguments) if new_process else self._in_this_process(arguments)
        if check and done.returncode:
            raise AssertionError(f"plg {' '.join(arguments)}:\n{done.output}")
        return done

    def _as_a_user(self, arguments: tuple[str, ...]) -> Done:
        done = subprocess.run(
            [str(PLG), *arguments],
            env=os.environ | {"PLG_HOME": str(self.home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=540,
        )
        return Done(done.returncode, done.stdout)

    def _in_this_process(self, arguments: tuple[str, ...]) -> Done:
        result = CliRunner().invoke(app, list(arguments), env={"PLG_HOME": str(self.home)})
        said = f"\n{result.exception!r}" if result.exception else ""
        return Done(result.exit_code, result.output + said)

    def query(self, sql: str) -> list[dict]:
        """What `plg query` answers, as a list of dictionaries."""
        return to_json_rows(run_query(Settings(home=self.home), sql))

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    @property
    def published(self) -> Path:
        return self.home / "published" / "plg.duckdb"

    @property
    def truth(self) -> Path:
        return self.home / "demo_truth"

    def table_contents(self, database: Path | None = None) -> dict[str, str]:
        """Every table of a file -> number of rows and a hash that ignores their order."""
        with duckdb.connect(str(database or self.published), read_only=True) as connection:
            tables = connection.execute(
                "select schema_name, table_name from duckdb_tables() "
                "where schema_name not in ('ops', 'meta') order by all"
            ).fetchall()
            return {
                f"{schema}.{table}": str(
                    connection.execute(
                        "select count(*), sum(hash(t::varchar)::hugeint) "
                        f'from "{schema}"."{table}" as t'
                    ).fetchone()
                )
                for schema, table in tables
            }

    def warehouse_contents(self, *, without: Collection[str] = ()) -> dict[str, tuple]:
        """Every built table and view of the warehouse -> number of rows and a hash of the rows.

        Without columns that are of a load.
        """
        with duckdb.connect(str(self.home / "warehouse.duckdb")) as connection:
            columns: dict[str, list[str]] = {}
            for schema, table, column in connection.execute(
                "select schema_name, table_name, column_name from duckdb_columns() "
                "where not internal and schema_name not in ('raw', 'main', 'internal') order by all"
            ).fetchall():
                if column not in _OF_THE_LOAD:
                    columns.setdefault(f'"{schema}"."{table}"', []).append(f'"{column}"')
            return {
                table: connection.execute(
                    f"select count(*), sum(hash(row({', '.join(names)})::varchar)::hugeint) "
                    f"from {table}"
                ).fetchone()
                for table, names in columns.items()
                if table not in without
            }

    def raw_rows(self, dataset: str) -> list[tuple]:
        """The rows of a raw dataset that count, without which load and line brought them."""
        columns = [name for name in DATASETS[dataset] if name not in _OF_THE_LOAD]
        with duckdb.connect(str(self.home / "warehouse.duckdb")) as connection:
            return connection.execute(
                f"select {', '.join(columns)} from raw.{dataset} order by all"
            ).fetchall()

    def count_rows(self, table: str, condition: str) -> int:
        """Rows of a table of the warehouse (not of the published copy)."""
        with duckdb.connect(str(self.home / "warehouse.duckdb"), read_only=True) as connection:
            return connection.execute(f"select count(*) from {table} where {condition}").fetchone()[
                0
            ]

    def published_sha256(self) -> str:
        return hashlib.sha256(self.published.read_bytes()).hexdigest()


@pytest.fixture(scope="session")
def new_installation(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Installation]:
    def make(name: str) -> Installation:
        return Installation(tmp_path_factory.mktemp(name))

    return make


@pytest.fixture(scope="session")
def demo_run(new_installation) -> Installation:
    """A demo company with its default dirt, taken through the whole job once."""
    installation = new_installation("demo")
    installation.plg(
        "demo", "generate", "--accounts", "240", "--months", "18", "--seed", "11",
        "--events-per-day", "150", "--out", str(installation.landing),
    )  # fmt: skip
    installation.plg("run", new_process=True)
    return installation
