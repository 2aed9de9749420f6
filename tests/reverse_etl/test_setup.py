"""A CRM as its vendor delivers it: what a sync says, and what `plg crm setup` makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from typer.testing import CliRunner

from dagster_plg.cli import app
from reverse_etl.engine import run_sync
from reverse_etl.errors import SourceInvalid, SpecError, SyncStopped
from reverse_etl.setup.run import set_up
from reverse_etl.setup.wanted import wanted_objects
from reverse_etl.shape import shape_of
from reverse_etl.specs import SYNCS_FOLDER, SyncSpec, load_specs

if TYPE_CHECKING:
    from tests.reverse_etl.conftest import Home, Mocks

ACCOUNT = {"system": "salesforce", "object": "Account"}
COMPANY = {"system": "hubspot", "object": "companies"}


def changed_spec(folder: Path, name: str, **changes: Any) -> Path:
    """The shipped spec ``name``, with changes, alone in a folder of its own."""
    document = yaml.safe_load((SYNCS_FOLDER / f"{name}.yml").read_text())
    folder.mkdir(exist_ok=True)
    document = {**document, "depends_on": [], **changes}
    (folder / f"{name}.yml").write_text(yaml.safe_dump(document))
    return folder


def syncs_of(crm: str) -> list[SyncSpec]:
    return [spec for spec in load_specs().values() if spec.destination == crm]


def publish_one_row_each(home: Home) -> None:
    home.publish(
        **{s.source.removeprefix("syncs.sync_"): 1 for crm in ("salesforce", "hubspot")
           for s in syncs_of(crm)}
    )  # fmt: skip


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_a_crm_as_delivered_stops_the_sync_then_setup_makes_every_sync_succeed(
    home: Home, mocks: Mocks, crm: Any
) -> None:
    mocks.post("/admin/schema/bare", json={"system": crm}).raise_for_status()
    publish_one_row_each(home)
    for spec in syncs_of(crm):
        if spec.audience is not None:
            continue  # it wants nothing but the vendor's own e-mail
        report = run_sync(home.settings, spec.name, base_urls=mocks.urls)
        assert (report.status, report.accepted) == ("failed", 0)
        assert f"plg crm setup {crm}" in str(report.message), report.message
    shown = set_up(home.settings, crm, base_urls=mocks.urls)
    assert shown.missing and not shown.is_applied
    assert set_up(home.settings, crm, base_urls=mocks.urls).missing == shown.missing
    applied = set_up(home.settings, crm, apply=True, base_urls=mocks.urls)
    assert (applied.missing, applied.is_applied, applied.left) == (shown.missing, True, [])
    for spec in syncs_of(crm):
        report = run_sync(home.settings, spec.name, base_urls=mocks.urls)
        assert (report.status, report.rejected) == ("succeeded", 0), report.message
    writes = mocks.write_calls(crm)
    again = set_up(home.settings, crm, apply=True, base_urls=mocks.urls)
    assert (again.missing, again.is_applied, again.ok) == ([], False, True)
    assert mocks.write_calls(crm) == writes


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_the_mocks_own_schema_lacks_nothing_and_setup_leaves_it_alone(
    home: Home, mocks: Mocks, crm: Any
) -> None:
    publish_one_row_each(home)
    report = set_up(home.settings, crm, apply=True, base_urls=mocks.urls)
    assert (report.missing, report.is_applied, report.left) == ([], False, [])
    assert mocks.write_calls(crm) == 0


def test_fields_that_only_people_fill_are_created_for_the_read_back(
    home: Home, mocks: Mocks
) -> None:
    mocks.post("/admin/schema/bare", json={"system": "salesforce"}).raise_for_status()
    publish_one_row_each(home)
    set_up(home.settings, "salesforce", apply=True, base_urls=mocks.urls)
    described = mocks.salesforce("GET", "sobjects/PQL__c/describe").json()
    kinds = {field["name"]: field["type"] for field in described["fields"]}
    assert kinds["PLG_Handoff_Status__c"] == "string"
    assert kinds["PLG_Handoff_Status_At__c"] == "datetime"
    assert kinds["PLG_Account__c"] == "reference"


def test_a_deployed_field_that_nobody_was_allowed_to_see_is_missing_until_setup_runs(
    home: Home, mocks: Mocks
) -> None:
    home.publish(salesforce__accounts=1)
    mocks.app.state.systems.salesforce.org.hide("Account", "PLG_Plan__c")
    report = run_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls)
    assert "no field PLG_Plan__c" in str(report.message)
    publish_one_row_each(home)
    applied = set_up(home.settings, "salesforce", apply=True, base_urls=mocks.urls)
    assert applied.missing == ["Account.PLG_Plan__c (text of up to 40)"]
    report = run_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls)
    assert report.status == "succeeded"


def test_all_that_does_not_fit_salesforce_is_said_at_once(home: Home, mocks: Mocks) -> None:
    home.publish(salesforce__accounts=1)
    for field, options in {
        "PLG_MRR__c": {"type": "string", "length": 18},
        "PLG_Plan__c": {"length": 10},
        "PLG_PQL_Tier__c": {"type": "datetime"},
        "PLG_Health_Band__c": {"readonly": True},
        "PLG_Account_Id__c": {"unique": False},
    }.items():
        change = {**ACCOUNT, "field": field, "options": options}
        mocks.post("/admin/schema", json=change).raise_for_status()
    gone = {**ACCOUNT, "field": "PLG_Last_Seen_At__c", "remove": True}
    mocks.post("/admin/schema", json=gone).raise_for_status()
    report = run_sync(home.settings, "salesforce_accounts", base_urls=mocks.urls)
    assert (report.status, report.write_calls) == ("failed", 0)
    for problem in (
        "field PLG_MRR__c has type string, the mapping sends number",
        "field PLG_Plan__c holds 10 characters, max_length is 40",
        "field PLG_PQL_Tier__c has type datetime, the mapping sends text",
        "field PLG_Health_Band__c cannot be written",
        "PLG_Account_Id__c is not unique",
        "no field PLG_Last_Seen_At__c",
    ):
        assert problem in str(report.message)
    assert mocks.query("SELECT Id FROM Account") == []


def test_all_that_does_not_fit_hubspot_is_said_at_once(home: Home, mocks: Mocks) -> None:
    home.publish(hubspot__companies=1)
    for field, options in {
        "plg_plan": {"type": "number"},
        "plg_activated_at": {"type": "date"},
        "plg_account_id": {"unique": False},
    }.items():
        change = {**COMPANY, "field": field, "options": options}
        mocks.post("/admin/schema", json=change).raise_for_status()
    gone = {**COMPANY, "field": "plg_mrr", "remove": True}
    mocks.post("/admin/schema", json=gone).raise_for_status()
    report = run_sync(home.settings, "hubspot_companies", base_urls=mocks.urls)
    assert (report.status, report.write_calls) == ("failed", 0)
    for problem in (
        "property plg_plan has type number, the mapping sends text",
        "property plg_activated_at has type date, the mapping sends datetime",
        "plg_account_id does not have unique values",
        "no property plg_mrr",
        "plg crm setup hubspot",
    ):
        assert problem in str(report.message)


def test_text_of_any_length_is_not_sent_to_a_short_field(
    home: Home, mocks: Mocks, tmp_path: Path
) -> None:
    home.publish(salesforce__accounts=1)
    fields = {"Name": "account_name", "PLG_Plan__c": "plan", "PLG_PQL_Reason__c": "pql_reason"}
    folder = changed_spec(tmp_path / "specs", "salesforce_accounts", fields=fields, breaker={})
    report = run_sync(
        home.settings, "salesforce_accounts", base_urls=mocks.urls, specs_folder=folder
    )
    assert "field PLG_Plan__c holds 40 characters, the mapping sends text of any" in str(
        report.message
    )
    assert "PLG_PQL_Reason__c" not in str(report.message), "a long text area is made for it"


def test_a_constant_that_is_no_option_of_the_property_stops_the_sync(
    home: Home, mocks: Mocks, tmp_path: Path
) -> None:
    home.publish(hubspot__product_users=1)
    folder = changed_spec(
        tmp_path / "specs", "hubspot_product_users", set_fields={"plg_state": "gone"}
    )
    report = run_sync(
        home.settings, "hubspot_product_users", base_urls=mocks.urls, specs_folder=folder
    )
    assert "property plg_state has no option 'gone'" in str(report.message)


def test_what_exists_but_does_not_fit_is_left_to_a_person(home: Home, mocks: Mocks) -> None:
    publish_one_row_each(home)
    change = {**ACCOUNT, "field": "PLG_Account_Id__c", "options": {"external_id": False}}
    mocks.post("/admin/schema", json=change).raise_for_status()
    report = set_up(home.settings, "salesforce", apply=True, base_urls=mocks.urls)
    assert not report.ok
    assert report.left == ["Account: PLG_Account_Id__c is not marked as an external id"]


def test_a_refused_deployment_creates_nothing_and_names_the_component(
    home: Home, mocks: Mocks, tmp_path: Path
) -> None:
    home.publish(salesforce__accounts=1)
    too_long = f"PLG_{'Very_' * 9}Long__c"
    fields = {"Name": {"column": "account_name", "max_length": 255}, "PLG_New__c": "employees"}
    folder = changed_spec(
        tmp_path / "specs",
        "salesforce_accounts",
        fields={**fields, too_long: "employees"},
        breaker={},
    )
    with pytest.raises(SyncStopped, match=f"Account.{too_long}.*name is not valid"):
        set_up(home.settings, "salesforce", apply=True, base_urls=mocks.urls, specs_folder=folder)
    described = mocks.salesforce("GET", "sobjects/Account/describe").json()
    assert "PLG_New__c" not in {field["name"] for field in described["fields"]}


def test_setup_before_anything_is_published_says_what_to_do(home: Home, mocks: Mocks) -> None:
    with pytest.raises(SourceInvalid, match="run `plg run` first"):
        set_up(home.settings, "hubspot", base_urls=mocks.urls)


def test_a_crm_whose_syncs_are_all_off_needs_nothing(home: Home, mocks: Mocks) -> None:
    settings = home.settings.model_copy(update={"hubspot_enabled": False})
    report = set_up(settings, "hubspot", apply=True, base_urls=mocks.urls)
    assert (report.missing, report.message) == ([], "no sync of it is switched on")


def test_two_syncs_that_disagree_about_a_field_are_refused() -> None:
    base = {
        "description": "d", "source": "syncs.t", "destination": "hubspot", "object": "contacts",
        "external_id": "email", "owner": "o@plg.example",
    }  # fmt: skip
    first = SyncSpec(name="one", fields={"plg_x": "number_column"}, **base)
    second = SyncSpec(name="two", fields={"plg_x": "text_column"}, **base)
    columns = {"number_column": "BIGINT", "text_column": "VARCHAR"}
    syncs = [(spec, shape_of(spec, columns)) for spec in (first, second)]
    with pytest.raises(SpecError, match="plg_x is text here and integer in another sync"):
        wanted_objects(syncs)


def test_the_command_prints_first_and_creates_only_when_told(home: Home, mocks: Mocks) -> None:
    mocks.post("/admin/schema/bare", json={"system": "hubspot"}).raise_for_status()
    publish_one_row_each(home)
    env = {
        "PLG_HOME": str(home.settings.home),
        **{f"PLG_{name.upper()}_URL": url for name, url in mocks.urls.items()},
    }
    runner = CliRunner()
    printed = runner.invoke(app, ["crm", "setup", "hubspot"], env=env)
    assert printed.exit_code == 0
    assert "object p_pql (for hubspot_pqls)" in printed.output
    assert "companies.plg_account_id (text of up to 255, external id, unique)" in printed.output
    assert "plg crm setup hubspot --apply" in printed.output
    created = runner.invoke(app, ["crm", "setup", "--apply", "--json"], env=env)
    reports = {report["crm"]: report for report in json.loads(created.output)}
    assert reports["hubspot"]["is_applied"] and not reports["salesforce"]["is_applied"]
    again = runner.invoke(app, ["crm", "setup", "hubspot", "--apply"], env=env)
    assert "nothing is missing" in again.output
