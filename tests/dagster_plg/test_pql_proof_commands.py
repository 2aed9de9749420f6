"""`plg pql propose` and `accept`: a proposal is files; accepting it is a patch a person applies."""

import csv
import json
import shutil
import subprocess
from datetime import date
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from dagster_plg.cli import app
from warehouse.pql_proposals import ProposalError, proposal_diff
from warehouse.settings import PROJECT_ROOT, Settings

PROPOSED = {
    "pricing_page_viewed": 45, "active_days": 40, "teammates_invited": 30, "quota_used": 20,
    "core_workflow": 15, "several_active_users": 0, "icp_match": 0, "business_email": 0,
    "support_contacted": 0,
}  # fmt: skip
TODAY = date(2026, 6, 30)


def seed_rows(name: str, folder: Path = PROJECT_ROOT / "seeds") -> list[dict]:
    with (folder / f"{name}.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture
def published(tmp_path, monkeypatch) -> Settings:
    """A published copy with one recalibrated model, and one without enough data."""
    monkeypatch.setenv("PLG_HOME", str(tmp_path))
    settings = Settings()
    settings.published_path.parent.mkdir(parents=True)
    with duckdb.connect(str(settings.published_path)) as database:
        database.execute(
            "create schema core; create schema pql;"
            "create table core.dim_as_of as select timestamp '2026-07-01' as as_of_at;"
            "create table pql.rpt_recalibration (model_key varchar, signal_key varchar,"
            " verdict varchar, decision varchar, reason varchar, n bigint, conversions bigint,"
            " current_points decimal(9,2), proposed_points decimal(9,2), count_present bigint,"
            " lift double, lift_low double, lift_high double, coefficient double,"
            " coefficient_low double, coefficient_high double, p_value_adjusted double,"
            " n_held_out bigint, conversions_held_out bigint, current_auc double,"
            " proposed_auc double, auc_change_low double, auc_change_high double,"
            " held_out_from date, quarter date);"
            "create table pql.rpt_recalibration_tiers (model_key varchar, tier varchar,"
            " current_min_points decimal(9,2), proposed_min_points decimal(9,2),"
            " current_share double, proposed_share double, current_precision double,"
            " proposed_precision double, precision_change_low double, precision_change_high double,"
            " current_recall double, proposed_recall double);"
        )
        for row in seed_rows("pql_signals"):
            if row["model_key"] not in ("rubric_150", "rubric_user"):
                continue
            is_told = row["model_key"] == "rubric_150"
            points = PROPOSED.get(row["signal_key"]) if is_told else None
            database.execute(
                "insert into pql.rpt_recalibration by name select ? as model_key,"
                " ? as signal_key, ? as verdict, ? as decision, 'As told.' as reason, 900 as n,"
                " 80 as conversions, ?::decimal(9,2) as current_points,"
                " ?::decimal(9,2) as proposed_points, 40 as count_present, 2.5 as lift,"
                " 1.5 as lift_low, 4.0 as lift_high, ?::double as coefficient,"
                " date '2026-04-01' as quarter",
                [
                    row["model_key"], row["signal_key"], "predictive" if points else "no_evidence",
                    "consider" if is_told else "not_enough_data", row["points"], points, points,
                ],
            )  # fmt: skip
        for row in seed_rows("pql_tiers"):
            if row["model_key"] == "rubric_150" and row["tier"] != "none":
                database.execute(
                    "insert into pql.rpt_recalibration_tiers by name select 'rubric_150' as"
                    " model_key, ? as tier, ? as current_min_points, ? as proposed_min_points,"
                    " 0.1 as current_share",
                    [row["tier"], row["min_points"], float(row["min_points"]) - 10],
                )
    return settings


def plg(*arguments: str):
    return CliRunner().invoke(app, ["pql", *arguments])


@pytest.fixture
def proposal(published) -> Path:
    done = plg("propose", "--model", "rubric_150", "--json")
    assert done.exit_code == 0, done.output
    (told,) = json.loads(done.output)
    assert (told["decision"], told["has_weights"]) == ("consider", True)
    assert Path(told["csv"]).name == "rubric_150_2026q2.csv"
    return Path(told["csv"])


def test_a_proposal_stands_beside_todays_weights_and_changes_nothing(published, proposal):
    page = proposal.with_suffix(".md").read_text()
    assert "| pricing_page_viewed | 10 | 45 | predictive |" in page
    assert "| hot | 80 | 70 |" in page
    before = {path: path.read_bytes() for path in (PROJECT_ROOT / "seeds").glob("pql_*")}
    done = plg("propose")
    assert done.exit_code == 0 and "rubric_user: not_enough_data" in done.output
    assert before == {path: path.read_bytes() for path in (PROJECT_ROOT / "seeds").glob("pql_*")}


def test_twice_the_same_quarter_writes_the_same_file(published, proposal):
    before = proposal.read_bytes()
    plg("propose", "--model", "rubric_150")
    assert proposal.read_bytes() == before


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A git working copy with the seeds, to apply patches to."""
    folder = tmp_path / "checkout"
    (folder / "seeds").mkdir(parents=True)
    for path in (PROJECT_ROOT / "seeds").glob("pql_*.csv"):
        shutil.copy(path, folder / "seeds")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def applied(checkout: Path, patch: str) -> None:
    subprocess.run(["git", "apply", "-"], cwd=checkout, input=patch.encode(), check=True)


def test_accepting_adds_a_copy_in_shadow_with_the_new_weights(proposal, checkout):
    done = plg("accept", str(proposal))
    assert done.exit_code == 0, done.output
    applied(checkout, done.stdout)
    models = {row["model_key"]: row for row in seed_rows("pql_models", checkout / "seeds")}
    live, copy = models["rubric_150"], models["rubric_150_v2"]
    assert live == next(r for r in seed_rows("pql_models") if r["model_key"] == "rubric_150")
    assert copy["status"] == "shadow"
    assert copy["status_since"] == "2026-06-30"
    assert copy["approved_by"] == ""
    assert len({row["priority"] for row in models.values()}) == len(models)
    points = {
        row["signal_key"]: int(row["points"])
        for row in seed_rows("pql_signals", checkout / "seeds")
        if row["model_key"] == "rubric_150_v2"
    }
    assert points == {name: value for name, value in PROPOSED.items() if value}
    assert sum(points.values()) == int(copy["max_points"])
    tiers = {
        row["tier"]: row["min_points"]
        for row in seed_rows("pql_tiers", checkout / "seeds")
        if row["model_key"] == "rubric_150_v2"
    }
    assert tiers == {"hot": "70", "warm": "40", "watching": "20", "none": "0"}


def test_in_place_a_live_model_needs_who_approves_and_says_it_is_an_exception(proposal, checkout):
    refused = plg("accept", str(proposal), "--in-place")
    assert refused.exit_code == 1 and "--by" in refused.output
    done = plg("accept", str(proposal), "--in-place", "--by", "lead@plg.example")
    applied(checkout, done.stdout)
    seeds = checkout / "seeds"
    (model,) = [r for r in seed_rows("pql_models", seeds) if r["model_key"] == "rubric_150"]
    assert model["version"] == "2"
    (record,) = [r for r in seed_rows("pql_promotions", seeds) if r["version"] == "2"]
    assert (record["approved_by"], record["is_exception"]) == ("lead@plg.example", "true")
    points = {
        row["signal_key"]: int(row["points"])
        for row in seed_rows("pql_signals", seeds)
        if row["model_key"] == "rubric_150"
    }
    assert points == {name: value for name, value in PROPOSED.items() if value}
    others = [r for r in seed_rows("pql_signals", seeds) if r["model_key"] != "rubric_150"]
    assert others == [r for r in seed_rows("pql_signals") if r["model_key"] != "rubric_150"]


def test_a_proposal_that_no_longer_fits_the_seeds_is_refused(proposal, checkout, tmp_path):
    seeds = checkout / "seeds"
    text = (seeds / "pql_tiers.csv").read_text()
    (seeds / "pql_tiers.csv").write_text(text.replace("rubric_150,hot,80", "rubric_150,hot,85"))
    with pytest.raises(ProposalError, match="hot of rubric_150 is 85 today and was 80"):
        proposal_diff(proposal, seeds, TODAY, False, None)
    with pytest.raises(ProposalError, match="cannot be read"):
        proposal_diff(tmp_path / "nowhere.csv", seeds, TODAY, False, None)
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(ProposalError, match="is no proposal"):
        proposal_diff(other, seeds, TODAY, False, None)


def test_what_proposes_no_weights_cannot_be_accepted_and_an_unknown_model_is_named(published):
    told = json.loads(plg("propose", "--model", "rubric_user", "--json").output)
    refused = plg("accept", told[0]["csv"])
    assert refused.exit_code == 1 and "nothing to accept" in refused.output
    unknown = plg("propose", "--model", "rubric_151")
    assert unknown.exit_code == 1 and "rubric_151" in unknown.output
