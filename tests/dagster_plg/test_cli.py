"""The `plg` command as a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from dagster_plg.cli import app


def test_a_command_that_used_duckdb_says_nothing_on_stderr_when_it_ends(tmp_path):
    done = subprocess.run(
        [str(Path(sys.executable).with_name("plg")), "status"],
        env=os.environ | {"PLG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_size_of_an_experiment_is_told_or_why_there_is_none():
    runner = CliRunner()
    told = runner.invoke(
        app, ["experiments", "size", "--baseline", "0.1", "--effect", "0.3", "--json"]
    )
    assert json.loads(told.output) == {"units_per_variant": 1769}
    refused = runner.invoke(app, ["experiments", "size", "--baseline", "0.6", "--effect", "0.9"])
    assert refused.exit_code == 1
    assert "choose a smaller effect" in refused.output
