"""Great Expectations on DuckDB: a datasource and an execution engine of our own.

Great Expectations 1.24 reads a result after the SQLAlchemy connection went back to its
pool; DuckDB's cursor is the connection, and empty by then (``IndexError``). For SQLite
Great Expectations keeps one connection for each engine (``get_connection``); this
subclass does the same for DuckDB.

Importing this module imports Great Expectations: some four seconds. Import it inside
functions.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

# before great_expectations is imported: nothing is sent anywhere
os.environ["GX_ANALYTICS_ENABLED"] = "false"

import duckdb
import great_expectations.expectations as gxe
import sqlalchemy as sa
from duckdb_engine import ConnectionWrapper
from great_expectations.compatibility import pydantic
from great_expectations.datasource.fluent.sql_datasource import SQLDatasource
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.registry import get_expectation_impl

SAMPLE_ROWS = 10


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
    """One SQLAlchemy connection for the life of the engine."""

    @contextmanager
    def get_connection(self) -> Iterator[sa.Connection]:
        if self._connection is None:
            self._connection = self.engine.connect()
        try:
            yield self._connection
        except Exception:
            # one expectation's wrong query must not abort the transaction of the others
            self._connection.rollback()
            raise


_EngineType = type[DuckDBExecutionEngine]  # in the class below, `type` is a field


class DuckDBDatasource(SQLDatasource):
    """A datasource over a DuckDB connection that is open already (see `use`)."""

    type: Literal["plg_duckdb"] = "plg_duckdb"

    _opened: ClassVar[dict[str, sa.Engine]] = {}

    @property
    def execution_engine_type(self) -> _EngineType:
        return DuckDBExecutionEngine

    def get_engine(self) -> sa.Engine:
        return self._opened[self.name]

    def get_execution_engine(self) -> DuckDBExecutionEngine:
        if self._execution_engine is None:
            self._execution_engine = DuckDBExecutionEngine(
                engine=self.get_engine(), create_temp_table=False
            )
        return self._execution_engine

    @classmethod
    @contextmanager
    def use(cls, name: str, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Datasources named ``name`` read through ``connection`` inside the block."""
        engine = sa.create_engine(
            "duckdb:///:memory:",
            creator=lambda: ConnectionWrapper(connection),
            poolclass=sa.StaticPool,
        )
        cls._opened[name] = engine
        try:
            yield
        finally:
            del cls._opened[name]


class ExpectNoRowsThatBreakTheRule(gxe.UnexpectedRowsExpectation):
    """Great Expectations' `UnexpectedRowsExpectation` that shows a few of the rows.

    The original shows rows only in the result format COMPLETE, in which the column
    expectations would fetch every failing value.
    """

    @pydantic.validator("unexpected_rows_query")
    def _validate_query(cls, query: str) -> str:
        # the original prints a warning to stdout for queries about more than the batch
        return query.rstrip("; \t\r\n")

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict | None = None,
        execution_engine: SqlAlchemyExecutionEngine | None = None,
    ) -> dict[str, Any]:
        count = metrics["unexpected_rows_query.row_count"]
        rows = metrics["unexpected_rows_query.table"][:SAMPLE_ROWS]
        return {
            "success": count == 0,
            "result": {"observed_value": count, "details": {"unexpected_rows": rows}},
        }


def build_expectation(name: str, **kwargs: Any) -> gxe.Expectation:
    """The expectation called ``name`` (``expect_column_values_to_be_unique`` …)."""
    return get_expectation_impl(name)(**kwargs)
