"""One command reads every CRM back that is switched on."""

import json
import os
import subprocess
import sys

import pytest

from dagster_plg.doctor import examine
from dagster_plg.pulls import read_crms_back
from ingestion.pulls.crm import crms_read_back
from ingestion.pulls.errors import NotConfigured
from tests.ingestion.crm_mock import landed
from warehouse.settings import PROJECT_ROOT, Settings


def test_both_crms_are_pulled_by_one_command_from_the_installations_mocks(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name[:4] != "PLG_"}
    environment |= {"PLG_HOME": str(tmp_path), "PLG_CRM_READ_BACK": "true"}
    command = "from dagster_plg.cli import main; main()"
    answers = [
        subprocess.run(
            [sys.executable, "-c", command, "pull", "crm", "--json"],
            cwd=PROJECT_ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        for _ in range(2)
    ]
    first, second = (json.loads(answer.stdout) for answer in answers)
    assert [report["source"] for report in first] == ["salesforce", "hubspot"]
    assert [report["mode"] for report in first] == ["full", "full"]
    assert [report["mode"] for report in second] == ["incremental", "incremental"]
    owners = landed(Settings(home=tmp_path, _env_file=None), "owners")
    assert {"sam@plg.example", "ada@plg.example"} <= {owner.get("email") for owner in owners}


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, []),
        ({"crm_read_back": True}, ["salesforce", "hubspot"]),
        ({"crm_read_back": True, "salesforce_enabled": False}, ["hubspot"]),
        # what a mock holds beside a real CRM is only what we wrote
        ({"crm_read_back": True, "hubspot_url": "https://api.hubapi.com"}, ["hubspot"]),
        (
            {
                "crm_read_back": True,
                "hubspot_url": "https://api.hubapi.com",
                "salesforce_url": "https://acme.my.salesforce.com",
            },
            ["salesforce", "hubspot"],
        ),
    ],
)
def test_which_crms_are_read_back_follows_from_the_settings(tmp_path, settings, names):
    assert crms_read_back(Settings(home=tmp_path, _env_file=None, **settings)) == names


def test_nothing_is_pulled_and_no_mock_started_when_it_is_off(tmp_path):
    with pytest.raises(NotConfigured, match="PLG_CRM_READ_BACK"):
        read_crms_back(Settings(home=tmp_path, _env_file=None))
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_says_what_is_read_back(tmp_path):
    settings = Settings(home=tmp_path, crm_read_back=True, slack_enabled=False, _env_file=None)
    (finding,) = [found for found in examine(settings) if found.what == "read back"]
    assert finding.detail == "salesforce (mock), hubspot (mock), before every ingest"
