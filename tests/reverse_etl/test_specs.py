"""Sync specifications: the shipped ones are right, wrong ones are named exactly."""

from pathlib import Path

import pytest
import yaml

from reverse_etl.errors import SpecError
from reverse_etl.specs import FieldMapping, find_spec, load_specs, read_spec

GOOD = {
    "name": "people",
    "description": "People.",
    "source": "syncs.sync_salesforce__contacts",
    "destination": "salesforce",
    "object": "Contact",
    "external_id": "PLG_Person_Id__c",
    "fields": {"Email": "email"},
    "owner": "sales-ops@plg.example",
}


def written(folder: Path, **changes: object) -> Path:
    document = {**GOOD, **changes}
    path = folder / f"{GOOD['name']}.yml"
    path.write_text(yaml.safe_dump({k: v for k, v in document.items() if v is not None}))
    return path


def test_the_shipped_specs_load_in_an_order_that_respects_their_dependencies() -> None:
    names = list(load_specs())
    assert sorted(names) == sorted([
        "csv_revenue_recognition",
        "hubspot_audiences",
        *(
            f"{crm}_{name}"
            for crm, of_accounts in (("hubspot", "companies"), ("salesforce", "accounts"))
            for name in (
                of_accounts, "contacts", "pqls", "product_users", "tasks", "usage_summaries"
            )
        ),
        "salesforce_leads",
        "slack_hot_pqls",
        "slack_sla_alerts",
        "webhook_account_health",
    ])  # fmt: skip
    assert names.index("salesforce_accounts") < names.index("salesforce_contacts")
    assert names.index("salesforce_accounts") < names.index("salesforce_pqls")
    assert names.index("hubspot_companies") < names.index("hubspot_contacts")


def test_a_column_name_is_short_for_a_mapping(tmp_path: Path) -> None:
    spec = read_spec(written(tmp_path))
    assert spec.fields["Email"] == FieldMapping(column="email")
    assert spec.source_columns == ["record_key", "email"]
    assert spec.records_per_call == 200


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"destination": "hubsot"}, ["destination", "'hubsot'", "'salesforce', 'hubspot'"]),
        ({"owner": None}, ["owner", "missing"]),
        ({"batchsize": 10}, ["batchsize", "not a key", "batch_size"]),
        ({"source": "drop table x; --"}, ["source", "drop table"]),
        ({"batch_size": 500}, ["batch_size 500", "200"]),
        ({"external_id": None}, ["external_id is required"]),
        ({"announces": "Phone"}, ["announces: Phone", "not among fields"]),
        ({"first_run": "note"}, ["first_run: note", "mode: insert"]),
        ({"message": "hot_pql"}, ["message", "slack"]),
        ({"destination": "slack", "mode": "insert"}, ["message", "required"]),
        ({"mode": "insert"}, ["duplicates after a crash", "upsert"]),
        ({"mode": "replace"}, ["mode", "'replace'", "'mirror'"]),
        ({"fields": {"Email": {"colum": "email"}}}, ["fields.Email.colum", "column"]),
        ({"fields": {"Email": {"column": "email", "constant": "x"}}}, ["exactly one of"]),
        ({"fields": {"Email": {"column": 'a"; drop'}}}, ["fields.Email", "form"]),
        ({"fields": {"Email": {"column": "a", "type": "money"}}}, ["type", "'money'", "'number'"]),
        ({"fields": {"PLG_Person_Id__c": "record_key"}}, ["gets record_key"]),
        ({"delete_policy": "set_fields"}, ["set_fields goes with"]),
        ({"mode": "mirror", "delete_policy": "keep"}, ["mirror needs"]),
        ({"name": "persons"}, ["'persons'", "'people'"]),
        ({"failure_rate": 2}, ["failure_rate", "2"]),
    ],
)
def test_a_wrong_spec_is_refused_with_its_file_its_key_and_what_is_allowed(
    tmp_path: Path, changes: dict[str, object], words: list[str]
) -> None:
    path = written(tmp_path, **changes)
    with pytest.raises(SpecError) as refused:
        read_spec(path)
    message = str(refused.value)
    for word in [str(path), *words]:
        assert word in message, message


def test_all_wrong_files_of_a_folder_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("name: [")
    (tmp_path / "b.yml").write_text("just text")
    with pytest.raises(SpecError) as refused:
        load_specs(tmp_path)
    assert "a.yml" in str(refused.value) and "b.yml" in str(refused.value)


def test_dependencies_must_exist_and_not_go_in_a_circle(tmp_path: Path) -> None:
    written(tmp_path, depends_on=["nobody"])
    with pytest.raises(SpecError, match="no sync nobody"):
        load_specs(tmp_path)
    written(tmp_path, depends_on=["people"])
    with pytest.raises(SpecError, match="circle"):
        load_specs(tmp_path)


def test_an_unknown_sync_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(SpecError, match=r"there are .*salesforce_contacts"):
        find_spec("salesforce_contact")


def test_a_template_is_split_into_text_and_columns() -> None:
    parts = FieldMapping(template="{name} – {tier}!").template_parts()
    assert parts == [("column", "name"), ("text", " – "), ("column", "tier"), ("text", "!")]
