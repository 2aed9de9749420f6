"""How dbt runs a model of a layer: not at all where nothing changed, and else as the last time.

dbt spends some 25 ms of Python on a model before and after its SQL: contexts, Jinja, the contract's
queries, and three times that on one of the event models, which ask what to read. A model whose
project did not change would run the very statement it ran last time, an event model with other
received days; the notes (`warehouse.dbt_builds`) hold it, and here it is run at once. What else
depends on the state of the warehouse (other incremental models, Python models, views) and what has
hooks goes dbt's own way.

dbt offers no hook for this: its build task is given another runner for models
(``BuildTask.RUNNER_MAP``), which falls back on dbt's for all else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import current_thread
from time import monotonic

from dbt.artifacts.resources.types import NodeType
from dbt.artifacts.schemas.results import RunStatus
from dbt.artifacts.schemas.run import RunResult
from dbt.task.build import BuildTask
from dbt.task.run import ModelRunner

from warehouse.dbt_builds import LayerBuilds

UNCHANGED = "unchanged"


class _NotedModelRunner(ModelRunner):
    """dbt's runner of models, with the notes of the layer that is being built."""

    builds: LayerBuilds

    def run_with_hooks(self, manifest):
        if not self.skip and self.builds.leaves_alone(self.node.unique_id):
            return self._result(UNCHANGED, 0.0)
        return super().run_with_hooks(manifest)

    def compile_and_execute(self, manifest, ctx):
        unique_id = self.node.unique_id
        statement = self.builds.statement(unique_id)
        if statement is None:
            result = super().compile_and_execute(manifest, ctx)
            if result.status == RunStatus.Success:
                self.builds.built(unique_id, self._statement_run(ctx.node))
            return result
        started = monotonic()
        with self.adapter.connection_named(unique_id, self.node):
            self.adapter.execute(statement, auto_begin=True)
            self.adapter.commit_if_has_connection()
        self.builds.built(unique_id, statement)
        return self._result("OK", monotonic() - started)

    def _statement_run(self, node) -> str | None:
        """The statement that makes the table, where it is all there is to do, now and again."""
        config = node.config
        is_plain_table = config.materialized == "table" and str(node.language) == "sql"
        is_event_model = config.get("incremental_strategy") == "replace_received_days"
        if not (is_plain_table or is_event_model) or config.pre_hook or config.post_hook:
            return None
        # where dbt's `statement` macro writes what it runs, and ours what a night runs
        return Path(self.config.project_root, node.build_path).read_text()

    def _result(self, message: str, seconds: float) -> RunResult:
        return RunResult(
            status=RunStatus.Success,
            timing=[],
            thread_id=current_thread().name,
            execution_time=seconds,
            adapter_response={},
            message=message,
            failures=None,
            batch_results=None,
            node=self.node,
        )


@contextmanager
def models_noted_in(builds: LayerBuilds) -> Iterator[None]:
    """``dbt build`` leaves alone what ``builds`` says is unchanged, and notes the rest."""
    runner = type("NotedModelRunner", (_NotedModelRunner,), {"builds": builds})
    runners = BuildTask.RUNNER_MAP
    BuildTask.RUNNER_MAP = runners | {NodeType.Model: runner}
    try:
        yield
    finally:
        BuildTask.RUNNER_MAP = runners
