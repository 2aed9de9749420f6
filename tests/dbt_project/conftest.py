"""One warehouse without any data, built once: every seed, model and unit test of the project."""

import json
from dataclasses import dataclass

import pytest

from ingestion.raw_views import create_raw_views
from warehouse.dbt import run_dbt
from warehouse.settings import Settings


@dataclass(frozen=True)
class Project:
    """What dbt knows after building the project on an empty lake."""

    settings: Settings
    manifest: dict
    results: dict[str, dict]
    output: list[str]

    @property
    def models(self) -> dict[str, dict]:
        """Model nodes of the manifest by name."""
        return {
            node["name"]: node
            for node in self.manifest["nodes"].values()
            if node["resource_type"] == "model"
        }

    def failures(self, resource_type: str) -> list[str]:
        return [
            f"{unique_id}: {result['message']}"
            for unique_id, result in self.results.items()
            if unique_id.startswith(resource_type + ".")
            and result["status"] not in ("success", "pass", "no-op")
        ]


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Project:
    settings = Settings(
        home=tmp_path_factory.mktemp("empty_home"), as_of="2026-06-30T12:00:00Z", _env_file=None
    )
    create_raw_views(settings)
    output: list[str] = []

    def remember(event):
        if event.info.level in ("warn", "error"):
            output.append(event.info.msg)

    run_dbt(settings, ["build", "--exclude-resource-type", "test", "--quiet"], on_event=[remember])
    manifest = json.loads((settings.dbt_target_dir / "manifest.json").read_text())
    run_results = json.loads((settings.dbt_target_dir / "run_results.json").read_text())
    return Project(
        settings=settings,
        manifest=manifest,
        results={result["unique_id"]: result for result in run_results["results"]},
        output=output,
    )
