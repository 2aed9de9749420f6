"""Run suites through Great Expectations: a checkpoint, its results, its Data Docs.

Everything Great Expectations keeps (suites, definitions, results) is in memory; the only
files are the HTML of the Data Docs. Nothing is sent anywhere.
"""

import json
import os
import shutil
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from quality.suites import Expectation, SuiteError, SuiteFile

_SAMPLE_VALUES = 10
_SAMPLE_CHARACTERS = 2_000
_DATASOURCE = "warehouse"
# Great Expectations has one current context in a process
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Outcome:
    """What one expectation found. ``failing_rows`` is None where rows are not counted."""

    passed: bool
    observed: str
    failing_rows: int | None
    sample: str | None


def validate(
    connection: duckdb.DuckDBPyConnection,
    gate: str,
    files: Iterable[SuiteFile],
    parameters: Mapping[str, str],
    docs_dir: Path | None = None,
) -> dict[str, Outcome]:
    """Check every file's data; outcomes by the expectations' keys.

    ``parameters`` replace ``{name}`` in the files' queries. With ``docs_dir`` the Data
    Docs of this run replace what is in that folder.
    """
    import quality.duckdb_engine as engine_module  # imports Great Expectations: seconds

    files = [file for file in files if file.expectations]
    if not files:
        return {}
    with _ONE_AT_A_TIME, engine_module.DuckDBDatasource.use(_DATASOURCE, connection):
        building = docs_dir.with_name(f".{docs_dir.name}.tmp-{os.getpid()}") if docs_dir else None
        context = _new_context(building)
        source = context.data_sources.add_plg_duckdb(
            name=_DATASOURCE, connection_string="duckdb:///:memory:"
        )
        definitions = [_definition(context, source, file, parameters) for file in files]
        result = _run(context, gate, definitions)
        if docs_dir:
            _write_docs(context, building, docs_dir)
    return {
        one.expectation_config.meta["key"]: _outcome(one)
        for validation in result.run_results.values()
        for one in validation.results
    }


def with_parameters(sql: str, parameters: Mapping[str, str]) -> str:
    for name, value in parameters.items():
        sql = sql.replace(f"{{{name}}}", value)
    return sql


def _new_context(docs_dir: Path | None):
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
    )

    sites = {}
    if docs_dir:
        shutil.rmtree(docs_dir, ignore_errors=True)
        sites["gate"] = {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "store_backend": {
                "class_name": "TupleFilesystemStoreBackend",
                "base_directory": str(docs_dir),
            },
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        }
    context = gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            data_docs_sites=sites,
            analytics_enabled=False,
        ),
    )
    context.variables.progress_bars = {"globally": False}
    return context


def _definition(context, source, file: SuiteFile, parameters: Mapping[str, str]):
    """A validation definition: the file's data and its expectations."""
    import great_expectations as gx

    query = with_parameters(file.batch_query, parameters)
    asset = source.add_query_asset(name=file.suite, query=query)
    suite = gx.ExpectationSuite(
        name=file.suite,
        expectations=[_built(entry, file, parameters) for entry in file.expectations],
        meta={"owner": file.owner, "asset": file.asset},
    )
    return context.validation_definitions.add(
        gx.ValidationDefinition(
            name=file.suite,
            data=asset.add_batch_definition_whole_table("rows"),
            suite=context.suites.add(suite),
        )
    )


def _built(entry: Expectation, file: SuiteFile, parameters: Mapping[str, str]):
    from quality.duckdb_engine import ExpectNoRowsThatBreakTheRule, build_expectation

    about = {
        "meta": {"key": entry.key, "severity": entry.severity, "owner": entry.owner},
        "notes": f"{entry.key} ({entry.severity}): {entry.reason}",
        "severity": "critical" if entry.severity == "blocking" else "warning",
    }
    try:
        if entry.rows_that_break_it:
            return ExpectNoRowsThatBreakTheRule(
                unexpected_rows_query=with_parameters(entry.rows_that_break_it, parameters),
                description=entry.expected,
                **about,
            )
        if entry.expected:
            about["description"] = entry.expected
        return build_expectation(entry.expect, **entry.kwargs, **about)
    except Exception as error:
        raise SuiteError(
            f"suite {file.suite}, expectation {entry.key}: Great Expectations does not accept "
            f"{entry.expect or 'the query'}: {error}"
        ) from error


def _run(context, gate: str, definitions: list):
    from great_expectations.checkpoint import Checkpoint

    checkpoint = Checkpoint(
        name=gate,
        validation_definitions=definitions,
        actions=[],
        result_format={
            "result_format": "SUMMARY",
            "partial_unexpected_count": _SAMPLE_VALUES,
        },
    )
    return context.checkpoints.add(checkpoint).run()


def _write_docs(context, building: Path, docs_dir: Path) -> None:
    """Build beside the old pages, then change places: readers never meet half a site."""
    context.build_data_docs(site_names=["gate"])
    old = docs_dir.with_name(f".{docs_dir.name}.old-{os.getpid()}")
    shutil.rmtree(old, ignore_errors=True)
    if docs_dir.exists():
        docs_dir.rename(old)
    building.rename(docs_dir)
    shutil.rmtree(old, ignore_errors=True)


def _outcome(result) -> Outcome:
    if problem := _exception(result.exception_info):
        return Outcome(False, f"could not be checked: {problem}", None, None)
    found = result.result
    passed = bool(result.success)
    if "details" in found and "unexpected_rows" in found["details"]:
        count = found["observed_value"]
        rows = found["details"]["unexpected_rows"]
        return Outcome(passed, _rows(count), count, _sample(rows) if rows else None)
    if "element_count" in found:
        count = found.get("unexpected_count") or 0
        values = list(dict.fromkeys(map(str, found.get("partial_unexpected_list") or [])))
        observed = f"{count:,} of {_rows(found['element_count'])}"
        return Outcome(passed, observed, count, _sample(values) if values else None)
    return Outcome(passed, str(found.get("observed_value")), None, None)


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"


def _sample(values: list) -> str:
    text = json.dumps(values, default=str, ensure_ascii=False)
    return text if len(text) <= _SAMPLE_CHARACTERS else text[: _SAMPLE_CHARACTERS - 1] + "…"


def _exception(info: Mapping[str, Any] | None) -> str | None:
    """The message of an expectation that raised; Great Expectations nests it by metric."""
    if not info:
        return None
    if "raised_exception" in info:
        return _first_line(info["exception_message"]) if info["raised_exception"] else None
    for nested in info.values():
        if message := _exception(nested):
            return message
    return None


def _first_line(message: str | None) -> str:
    lines = [line for line in (message or "unknown error").splitlines() if line.strip()]
    return lines[0].strip()
