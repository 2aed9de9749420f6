"""Suites are data: read without Great Expectations, and mistakes are named."""

import subprocess
import sys

import pytest

from quality.suites import SuiteError, gate_names, load_suite

GOOD = """
suite: raw.things
asset: raw/things
owner: me@plg.example
table: raw.things
expectations:
  - key: things_present
    severity: blocking
    reason: Things are needed everywhere.
    expect: expect_column_values_to_not_be_null
    with: {column: thing_id}
"""


def load(tmp_path, text, gate="raw"):
    (tmp_path / gate).mkdir(parents=True, exist_ok=True)
    (tmp_path / gate / "things.yml").write_text(text)
    return load_suite(gate, tmp_path)


def test_a_suite_is_read_and_entries_inherit_asset_and_owner(tmp_path):
    (entry,) = load(tmp_path, GOOD).expectations
    assert (entry.key, entry.asset, entry.owner) == (
        "things_present",
        "raw/things",
        "me@plg.example",
    )
    assert entry.kwargs == {"column": "thing_id"}


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("severity: blocking", "severity: fatal", r"things\.yml.*present\.severity.*warning"),
        ("    reason: Things are needed everywhere.\n", "", r"things_present\.reason.*required"),
        ("    with:", "    whith:", r"things_present\.whith.*[Ee]xtra"),
        ("expect: expect_column_values_to_not_be_null", "expected: x", r"say either `expect:`"),
        ("table: raw.things", "query: with x as (select 1) select 1", r"must begin with `select`"),
        ("table: raw.things", "table: a.b\nquery: select 1", r"say either `table:` or `query:`"),
        ("owner: me@plg.example", "owner: me", r"owner"),
        ("- key: things_present", "- key: Things Present", r"key.*pattern"),
        ("suite: raw.things", "suite: [", r"not YAML"),
    ],
)  # fmt: skip
def test_a_mistake_names_file_entry_and_what_was_expected(tmp_path, before, after, message):
    with pytest.raises(SuiteError, match=f"(?s){message}"):
        load(tmp_path, GOOD.replace(before, after))


def test_two_expectations_cannot_have_one_key(tmp_path):
    twin = GOOD[GOOD.index("  - key") :]
    with pytest.raises(SuiteError, match="key used twice: things_present"):
        load(tmp_path, GOOD + twin)


def test_an_unknown_gate_lists_those_there_are():
    with pytest.raises(SuiteError, match=r"no gate 'row'.*raw, identity, marts, syncs"):
        load_suite("row")


@pytest.mark.parametrize("gate", gate_names())
def test_every_expectation_shipped_has_an_owner_and_a_reason(gate):
    for entry in load_suite(gate).expectations:
        assert entry.owner.endswith("@plg.example") and len(entry.reason) > 20, entry.key
        assert entry.expected or entry.expect


def test_keys_are_unique_over_all_gates():
    keys = [entry.key for gate in gate_names() for entry in load_suite(gate).expectations]
    assert len(keys) == len(set(keys))


def test_reading_suites_and_asking_for_verdicts_does_not_import_great_expectations(request):
    code = (
        "import sys, quality.gates, quality.alerts, quality.suites;"
        "quality.suites.load_suite('raw'); print('great_expectations' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=request.config.rootpath, capture_output=True, text=True
    )
    assert answer.stdout.strip() == "False", answer.stderr
