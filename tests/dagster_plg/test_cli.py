"""The `plg` command as a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from dagster_plg.cli import app
from warehouse.ops import OpsStore
from warehouse.settings import Settings


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


def test_refused_records_are_listed_and_dismissed_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("PLG_HOME", str(tmp_path))
    with OpsStore(Settings().ops_path).connection() as connection:
        connection.execute(
            "insert into dead_letters (sync_name, record_key, error_class, message, next_action, "
            "attempts, state) values ('hubspot_contacts', 'a@b', 'duplicate', 'said no', 'merge', "
            "2, 'open')"
        )
    runner = CliRunner()
    shown = runner.invoke(app, ["sync", "dead-letters", "hubspot_contacts", "--json"])
    assert [(x["record_key"], x["next_action"]) for x in json.loads(shown.output)] == [
        ("a@b", "merge")
    ]
    assert runner.invoke(app, ["sync", "dismiss", "hubspot_contacts"]).exit_code == 2
    assert runner.invoke(app, ["sync", "dismiss", "hubspot_contacts", "a@b"]).exit_code == 0
    assert json.loads(runner.invoke(app, ["sync", "dead-letters", "--json"]).output) == []
