"""The Dagster instance of an installation: its storage and limits, under PLG_HOME."""

import os

import yaml
from dagster import DagsterInstance

from warehouse.settings import Settings

_INSTANCE_CONFIG = {
    "telemetry": {"enabled": False},
    "nux": {"enabled": False},  # no newsletter before the graph
    # DuckDB has one writing process: everything that writes it is in one pool of one
    "concurrency": {
        "runs": {"max_concurrent_runs": 4},
        "pools": {"default_limit": 1, "granularity": "run"},
    },
    "run_monitoring": {"enabled": True, "start_timeout_seconds": 300},
}


def prepare_instance(settings: Settings) -> DagsterInstance:
    """Write ``HOME/dagster/dagster.yaml`` and open the instance; idempotent."""
    folder = settings.dagster_dir
    folder.mkdir(parents=True, exist_ok=True)
    event_log = {
        "module": "dagster_plg.event_log",
        "class": "KeptOpenEventLogStorage",
        "config": {"base_dir": str(folder / "history" / "runs")},
    }
    text = yaml.safe_dump(_INSTANCE_CONFIG | {"event_log_storage": event_log}, sort_keys=False)
    config = folder / "dagster.yaml"
    if not config.exists() or config.read_text() != text:
        config.write_text(text)
    os.environ["DAGSTER_HOME"] = str(folder)
    return DagsterInstance.from_config(str(folder))
