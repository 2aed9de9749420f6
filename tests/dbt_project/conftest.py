"""One installation where nothing has landed, run once: every seed, model and unit test."""

import json
from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

from dagster_plg.cli import app
from warehouse.dbt import run_dbt
from warehouse.settings import Settings


@dataclass(frozen=True)
class Project:
    """What the whole job said of an empty landing folder, and what dbt knows of the project."""

    settings: Settings
    said: str
    manifest: dict
    unit_tests: dict[str, dict]
    warnings: list[str]

    @property
    def models(self) -> dict[str, dict]:
        """Model nodes of the manifest by name."""
        return {
            node["name"]: node
            for node in self.manifest["nodes"].values()
            if node["resource_type"] == "model"
        }


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Project:
    home = tmp_path_factory.mktemp("empty_home")
    (home / "landing").mkdir()
    as_of = "2026-06-30T12:00:00Z"
    run = CliRunner().invoke(app, ["run"], env={"PLG_HOME": str(home), "PLG_AS_OF": as_of})
    assert run.exit_code == 0, run.output
    settings = Settings(home=home, as_of=as_of, _env_file=None)
    warnings: list[str] = []

    def remember(event):
        if event.info.level in ("warn", "error"):
            warnings.append(event.info.msg)

    compiled = run_dbt(settings, ["compile", "--quiet"], on_event=[remember])
    assert compiled.success, compiled.exception
    manifest = json.loads((settings.dbt_target_dir / "manifest.json").read_text())
    run_dbt(settings, ["test", "--select", "test_type:unit", "--quiet"], on_event=[remember])
    run_results = json.loads((settings.dbt_target_dir / "run_results.json").read_text())
    return Project(
        settings=settings,
        said=run.output,
        manifest=manifest,
        unit_tests={
            result["unique_id"]: result
            for result in run_results["results"]
            if result["unique_id"].startswith("unit_test.")
        },
        warnings=warnings,
    )
