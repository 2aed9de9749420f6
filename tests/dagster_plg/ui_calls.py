"""What Dagster's UI asks of its server when a person clicks: the GraphQL of its buttons."""

from collections.abc import Callable, Mapping
from typing import Any

REPOSITORY = {
    "repositoryName": "__repository__",
    "repositoryLocationName": "dagster_plg.definitions",
}
UNFINISHED = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")

_NODES = """
query { assetNodes {
  assetKey { path } isExecutable isObservable jobNames
  partitionDefinition { name } configField { isRequired }
  assetChecksOrError { ... on AssetChecks { checks { name jobNames } } }
} }
"""
_LAUNCH_RUN = """
mutation Launch($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
  __typename
  ... on LaunchRunSuccess { run { runId } }
  ... on PythonError { message }
  ... on RunConfigValidationInvalid { errors { message } }
} }
"""
_LAUNCH_BACKFILL = """
mutation Launch($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename
  ... on LaunchBackfillSuccess { backfillId }
  ... on PartitionKeysNotFoundError { message }
  ... on PythonError { message }
} }
"""
_RUNS = """
query { runsOrError { ... on Runs {
  results { runId jobName status startTime endTime tags { key value } }
} } }
"""


class DagsterUi:
    """A person at the UI; ``ask`` sends a query with its variables and returns the data."""

    def __init__(self, ask: Callable[[str, Mapping[str, Any]], dict]):
        self._ask = ask

    def assets(self) -> list[dict]:
        return self._ask(_NODES, {})["assetNodes"]

    def materialize_all(self) -> str:
        """The button on the lineage page, where it may launch a run unasked; the run's id.

        As the UI does (`LaunchAssetExecutionButton`): what cannot be executed is left out, and
        as soon as one of the others is partitioned or needs configuration, it opens a dialog.
        """
        executable = [a for a in self.assets() if a["isExecutable"] and not a["isObservable"]]
        partitioned = [a["assetKey"]["path"] for a in executable if a["partitionDefinition"]]
        assert not partitioned, f"the UI would ask for a partition of {partitioned}"
        configured = [a for a in executable if (a["configField"] or {}).get("isRequired")]
        assert not configured, f"the UI would ask for configuration: {configured}"
        jobs = set.intersection(*(set(asset["jobNames"]) for asset in executable))
        job = next(name for name in executable[0]["jobNames"] if name in jobs)
        checks = [
            {"assetKey": {"path": asset["assetKey"]["path"]}, "name": check["name"]}
            for asset in executable
            for check in asset["assetChecksOrError"].get("checks", [])
            if not check["jobNames"] or job in check["jobNames"]
        ]
        selector = {
            **REPOSITORY,
            "pipelineName": job,
            "assetSelection": [{"path": asset["assetKey"]["path"]} for asset in executable],
            "assetCheckSelection": checks,
        }
        params = {"mode": "default", "runConfigData": "{}", "selector": selector}
        launched = self._ask(_LAUNCH_RUN, {"params": params})["launchPipelineExecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return launched["run"]["runId"]

    def launch_backfill(self, job: str, partitions: list[str]) -> str:
        """Job page, Partitions, Launch backfill; the backfill's id."""
        params = {
            "selector": {
                "partitionSetName": f"{job}_partition_set",
                "repositorySelector": REPOSITORY,
            },
            "partitionNames": partitions,
            "fromFailure": False,
        }
        launched = self._ask(_LAUNCH_BACKFILL, {"params": params})["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        return launched["backfillId"]

    def runs(self) -> list[dict]:
        """Every run, newest first, its tags as a dictionary."""
        found = self._ask(_RUNS, {})["runsOrError"]["results"]
        return [run | {"tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in found]

    def unfinished(self) -> list[dict]:
        return [run for run in self.runs() if run["status"] in UNFINISHED]
