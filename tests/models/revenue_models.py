"""The billing and revenue models' own SQL, as dbt compiled it, on raw tables a test makes up.

A build of dbt takes seconds and a history must be cheap to vary (shuffled, sent twice, at
random), so the compiled queries run in an in-memory DuckDB, in the order dbt runs them. Which
models there are, what they read and the columns of the tables at the border come from dbt's
manifest: a new model needs no line here.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import duckdb
import pyarrow as pa

from ingestion.lake_schema import DATASETS
from tests.small_installation import SmallInstallation

FOLDERS = (
    ("staging", "stripe"),
    ("staging", "finance"),
    ("core", "billing"),
    ("marts", "revenue"),
)
MODELS_OUTSIDE = ("dim_as_of",)
TARGETS = ("fct_mrr_movements", "fct_mrr_months")


class RevenueModels:
    """Everything that `targets` need, from Stripe's raw events on; who is who is handed in."""

    def __init__(self, targets: Iterable[str] = TARGETS):
        nodes, self._queries = _compiled()
        self._all_nodes = nodes
        self._nodes = {node["name"]: node for node in nodes.values() if _is_run(node)}
        self.models: list[str] = []
        self._border: dict[str, dict] = {}
        self._seeds: dict[str, dict] = {}
        for target in targets:
            self._plan(nodes, self._nodes[target]["unique_id"])

    def _plan(self, nodes: Mapping[str, dict], unique_id: str) -> None:
        """Ancestors first; what is of another domain stays an empty table at the border."""
        node = nodes.get(unique_id)
        if node is None:  # a raw table
            return
        name = node["name"]
        if node["resource_type"] == "seed":
            self._seeds[name] = node
        elif not _is_run(node):
            self._border[name] = node
        elif name not in self.models:
            for parent in node["depends_on"]["nodes"]:
                self._plan(nodes, parent)
            self.models.append(name)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A database with the seeds and the empty tables at the border; `raw` is the caller's."""
        connection = duckdb.connect(config={"threads": 1})
        connection.execute("attach ':memory:' as warehouse; use warehouse; set timezone = 'UTC'")
        connection.execute("create schema raw")
        nodes = [self._nodes[name] for name in self.models]
        for node in [*nodes, *self._border.values(), *self._seeds.values()]:
            connection.execute(f"create schema if not exists {node['schema']}")
        for node in self._border.values():
            described = ", ".join(
                f"{name} {column['data_type']}" for name, column in node["columns"].items()
            )
            connection.execute(f"create table {node['schema']}.{node['name']} ({described})")
        for node in self._seeds.values():
            file = Path(node["root_path"]) / node["original_file_path"]
            types = {
                name: column["data_type"]
                for name, column in node["columns"].items()
                if column.get("data_type")
            } | node["config"].get("column_types", {})
            connection.execute(
                f"create table {node['schema']}.{node['name']} as "
                "select * from read_csv(?, header = true, auto_detect = true, types = ?)",
                [str(file), types],
            )
        return connection

    def fill_raw(
        self, connection: duckdb.DuckDBPyConnection, rows: Mapping[str, list[dict[str, Any]]]
    ) -> None:
        """Raw tables as ingestion would leave them, without ingestion."""
        for dataset, columns in DATASETS.items():
            described = ", ".join(f"{name} {kind}" for name, kind in columns.items())
            connection.execute(f"create or replace table raw.{dataset} ({described})")
            if not rows.get(dataset):
                continue
            lines = [
                {"file_id": dataset, "line_number": number, "load_id": 1} | row
                for number, row in enumerate(rows[dataset], start=1)
            ]
            names = [name for name in columns if name in lines[0]]
            values = pa.table({name: [line[name] for line in lines] for name in names})
            connection.register("made_up", values)
            connection.execute(
                f"insert into raw.{dataset} ({', '.join(names)}) "
                f"select {', '.join(f'{name}::{columns[name]}' for name in names)} from made_up"
            )
            connection.unregister("made_up")

    def build(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Build every model; again, where they are there already."""
        for name in self.models:
            schema = self._nodes[name]["schema"]
            try:
                connection.execute(
                    f"create or replace table {schema}.{name} as {self._queries[name]}"
                )
            except duckdb.Error as error:
                error.add_note(f"in {schema}.{name}")
                raise

    @cached_property
    def data_tests(self) -> dict[str, str]:
        """dbt's own data tests that read nothing but what is built here, by name."""
        built = {self._nodes[name]["unique_id"] for name in self.models}
        built |= {node["unique_id"] for node in self._seeds.values()}
        return {
            node["name"]: query
            for node in self._all_nodes.values()
            if node["resource_type"] == "test"
            and node["config"]["severity"].lower() == "error"
            and set(node["depends_on"]["nodes"]) <= built
            and (query := self._queries.get(Path(node["path"]).stem))
        }

    def violations(self, connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple]]:
        """Data tests that fail on the built models, with some of their rows."""
        return {
            name: rows
            for name, query in self.data_tests.items()
            if (rows := connection.execute(query).fetchmany(5))
        }


def _is_run(node: Mapping[str, Any]) -> bool:
    if node["resource_type"] != "model":
        return False
    return node["name"] in MODELS_OUTSIDE or tuple(node["fqn"][1:3]) in FOLDERS


def compiled_queries() -> Mapping[str, str]:
    """SQL of every model of FOLDERS, by the model's name."""
    return _compiled()[1]


@cache
def _compiled() -> tuple[dict[str, dict], dict[str, str]]:
    """dbt's nodes by id, and the models' SQL by name; once a test session."""
    installation = SmallInstallation(Path(mkdtemp(prefix="plg-revenue-")), as_of=None)
    folders = [".".join(folder) for folder in FOLDERS]
    installation.dbt("compile", "--select", *folders, *MODELS_OUTSIDE)
    target = installation.settings.dbt_target_dir
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    queries = {path.stem: path.read_text() for path in (target / "compiled").rglob("*.sql")}
    return nodes, queries
