"""Great Expectations on DuckDB: a datasource and an execution engine of our own.

Great Expectations 1.24 reads a result after the SQLAlchemy connection went back to its
pool; DuckDB's cursor is the connection, and empty by then (``IndexError``). For SQLite
Great Expectations keeps one connection for each engine (``get_connection``); this
subclass does the same for DuckDB.

Importing this module imports Great Expectations: some four seconds. Import it inside
functions.
"""

import atexit
import logging
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

from warehouse.ending import say_nothing_more

SAMPLE_ROWS = 10

# a query that fails is a result, with its message; the log would add 200 lines of traceback
logging.getLogger("great_expectations").setLevel(logging.CRITICAL)

atexit.register(say_nothing_more)


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

    def give_back(self) -> None:
        """End with the connection; the DuckDB connection under it stays open."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Borrowed(ConnectionWrapper):
    """SQLAlchemy uses the DuckDB connection, but does not own it."""

    def close(self) -> None:
        pass


_EngineType = type[DuckDBExecutionEngine]  # in the class below, `type` is a field


class DuckDBDatasource(SQLDatasource):
    """A datasource over a DuckDB connection that is open already (see `use`)."""

    type: Literal["plg_duckdb"] = "plg_duckdb"

    _in_use: ClassVar[dict[str, DuckDBExecutionEngine]] = {}

    @property
    def execution_engine_type(self) -> _EngineType:
        return DuckDBExecutionEngine

    def get_engine(self) -> sa.Engine:
        return self.get_execution_engine().engine

    def get_execution_engine(self) -> DuckDBExecutionEngine:
        return self._in_use[self.name]

    @classmethod
    @contextmanager
    def use(cls, name: str, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Datasources named ``name`` read through ``connection`` inside the block."""
        engine = sa.create_engine(
            "duckdb:///:memory:", creator=lambda: _Borrowed(connection), poolclass=sa.StaticPool
        )
        cls._in_use[name] = DuckDBExecutionEngine(engine=engine, create_temp_table=False)
        try:
            yield
        finally:
            cls._in_use.pop(name).give_back()
            engine.dispose()


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
