"""The suites of expectations, read from ``expectations/<gate>/*.yml``.

Only data: nothing here imports Great Expectations (which costs seconds), so that Dagster
can build its asset checks and the CLI its help from it.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from warehouse.settings import PROJECT_ROOT

EXPECTATIONS_DIR = PROJECT_ROOT / "expectations"
GATES = ("raw", "identity", "marts", "syncs")

Severity = Literal["blocking", "warning"]
_NAME = r"^[a-z][a-z0-9_]*$"


class SuiteError(Exception):
    """A suite file is wrong; the message names file, entry and what was expected."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Expectation(_Strict):
    """One check: a Great Expectations expectation, or a query for the rows that break a rule.

    ``key`` is its stable name (the asset check's). ``expect`` names the expectation and
    ``kwargs`` its arguments; or ``rows_that_break_it`` is a query that must find
    nothing, in which ``{batch}`` is the suite's data. ``expected`` says in words what
    should be; ``observe`` is a query for the one value that was (else it is counted).
    ``only_when`` is a query for a boolean: where it is false, there is nothing to check.
    """

    key: str = Field(pattern=_NAME)
    severity: Severity
    reason: str = Field(min_length=10)
    what_to_do: str = ""
    expect: str | None = Field(default=None, pattern=r"^expect_[a-z_]+$")
    kwargs: Mapping[str, Any] = Field(default_factory=dict, alias="with")
    rows_that_break_it: str | None = None
    expected: str | None = None
    observe: str | None = None
    only_when: str | None = None
    asset: str = Field(default="", pattern=r"^$|^[a-z_]+/[a-z0-9_]+$")
    owner: str = ""

    @model_validator(mode="after")
    def _one_way_to_check(self):
        if (self.expect is None) == (self.rows_that_break_it is None):
            raise ValueError(
                "say either `expect:` (with `with:`) or `rows_that_break_it:`, exactly one of them"
            )
        if self.rows_that_break_it is not None and self.kwargs:
            raise ValueError("`with:` belongs to `expect:`, not to `rows_that_break_it:`")
        if self.rows_that_break_it is not None and not self.expected:
            raise ValueError("`expected:` is missing: say in words what should be")
        return self


class SuiteFile(_Strict):
    """One YAML file: data (a table, or a query) and what is expected of it."""

    suite: str = Field(pattern=r"^[a-z][a-z0-9_.]*$")
    asset: str = Field(pattern=r"^[a-z_]+/[a-z0-9_]+$")
    owner: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    table: str | None = None
    query: str | None = None
    expectations: tuple[Expectation, ...] = Field(min_length=1)

    @field_validator("query")
    @classmethod
    def _query_selects(cls, query: str | None) -> str | None:
        if query is not None and query.split(None, 1)[0].lower() != "select":
            raise ValueError("must begin with `select` (Great Expectations asks for it)")
        return query

    @model_validator(mode="after")
    def _entries_inherit(self):
        if (self.table is None) == (self.query is None):
            raise ValueError("say either `table:` or `query:`, exactly one of them")
        completed = tuple(
            entry.model_copy(
                update={"asset": entry.asset or self.asset, "owner": entry.owner or self.owner}
            )
            for entry in self.expectations
        )
        object.__setattr__(self, "expectations", completed)
        return self

    @property
    def batch_query(self) -> str:
        return self.query or f"select * from {self.table}"


class Suite(_Strict):
    """All expectations of one gate, in the order of the files' names."""

    gate: str
    files: tuple[SuiteFile, ...]

    @property
    def expectations(self) -> tuple[Expectation, ...]:
        return tuple(entry for file in self.files for entry in file.expectations)


def gate_names() -> tuple[str, ...]:
    """The gates, in the order data passes them."""
    return GATES


@cache
def load_suite(gate: str, folder: Path = EXPECTATIONS_DIR) -> Suite:
    """The suite of ``gate``; raises `SuiteError` naming every mistake of a file at once."""
    paths = sorted((folder / gate).glob("*.yml"))
    if not paths:
        raise SuiteError(
            f"no gate {gate!r}: there is no {folder / gate}/*.yml. Gates: {', '.join(GATES)}"
        )
    suite = Suite(gate=gate, files=tuple(_read(path) for path in paths))
    _refuse_twins("suite", [file.suite for file in suite.files], folder / gate)
    _refuse_twins("key", [entry.key for entry in suite.expectations], folder / gate)
    return suite


def _read(path: Path) -> SuiteFile:
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise SuiteError(f"{path}: not YAML: {error}") from error
    if not isinstance(content, dict):
        raise SuiteError(f"{path}: expected `suite:`, `asset:`, `owner:`, `expectations:` …")
    try:
        return SuiteFile.model_validate(content)
    except ValidationError as error:
        mistakes = "\n".join(f"  {_place(e['loc'], content)}: {e['msg']}" for e in error.errors())
        raise SuiteError(f"{path}:\n{mistakes}") from error


def _place(location: tuple[int | str, ...], content: dict) -> str:
    """'expectations.events_unique.severity' rather than 'expectations.3.severity'."""
    parts = [str(part) for part in location]
    if len(location) > 1 and location[0] == "expectations" and isinstance(location[1], int):
        entry = content["expectations"][location[1]]
        if isinstance(entry, dict) and entry.get("key"):
            parts[1] = str(entry["key"])
    return ".".join(parts) or "the file"


def _refuse_twins(what: str, names: list[str], folder: Path) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise SuiteError(f"{folder}: {what} used twice: {', '.join(twins)}")
