"""Which open CRM record is which person or account, as a probability, by Splink.

The model is that of Fellegi and Sunter. Each comparison of a pair adds evidence: `m` is how often
true pairs agree so far, `u` how often two strangers do. Both are fixed here and not trained on
each run: the same records then get the same probabilities every night, a small CRM is judged as
well as a large one, and a reviewer can read why. They were set from what the fields are (a
country agrees by chance every third time, an account once in hundreds), and checked against the
demo company's truth. Correlated fields get less weight than each alone would have: an address is
made of its owner's name. The surname's weight follows how common it is in these records (term
frequency).

The prior follows the sizes: half of the open CRM records are expected to be somebody's.
Blocking keeps the pairs to those that share an account, a name, a local part or a company.

Source of the method: I. P. Fellegi, A. B. Sunter, "A Theory for Record Linkage", JASA 64 (1969).
"""

import logging
from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

from plg_statistics.linkage_input import PAIRS, RECORDS, no_pairs

# pairs below are not worth a row
FLOOR_PROBABILITY = 0.05
EXPECTED_MATCH_SHARE = 0.5

Level = tuple[str, float, float]


def _comparison(name: str, null: str, levels: Sequence[Level], rest: tuple[float, float]) -> Any:
    """A comparison: (SQL condition, m, u) from the strictest on; `rest` is m, u of no agreement."""
    steps: list[dict[str, Any]] = [
        {"sql_condition": null, "label_for_charts": "missing", "is_null_level": True}
    ]
    for condition, m, u in levels:
        steps.append({"sql_condition": condition, "m_probability": m, "u_probability": u})
    steps.append({"sql_condition": "ELSE", "m_probability": rest[0], "u_probability": rest[1]})
    return {"output_column_name": name, "comparison_levels": steps}


def _missing(column: str) -> str:
    return f'"{column}_l" is null or "{column}_r" is null'


def _equal(column: str) -> str:
    return f'"{column}_l" = "{column}_r"'


def _alike(column: str, at_least: float) -> str:
    return f'jaro_winkler_similarity("{column}_l", "{column}_r") >= {at_least}'


def _person_comparisons() -> list[Any]:
    surname = _comparison(
        "last_name",
        _missing("last_name"),
        [(_equal("last_name"), 0.88, 0.012), (_alike("last_name", 0.90), 0.09, 0.008)],
        (0.03, 0.98),
    )
    surname["comparison_levels"][1] |= {
        "tf_adjustment_column": "last_name",
        "tf_minimum_u_value": 0.001,
        "tf_adjustment_weight": 1.0,
    }
    initial = (
        "(length(first_name_l) = 1 or length(first_name_r) = 1) "
        "and substr(first_name_l, 1, 1) = substr(first_name_r, 1, 1)"
    )
    same_name = (
        "coalesce(first_name_l = first_name_r, false) "
        "and coalesce(last_name_l = last_name_r, false)"
    )
    same_company = '"account_id_l" = "account_id_r"'
    alike_company = "coalesce(company_digits_l, '') = coalesce(company_digits_r, '') and " + _alike(
        "company", 0.94
    )
    return [
        surname,
        _comparison(
            "first_name",
            _missing("first_name"),
            [
                (_equal("first_name"), 0.85, 0.018),
                (_alike("first_name", 0.88), 0.07, 0.02),
                (initial, 0.05, 0.002),
            ],
            (0.03, 0.96),
        ),
        _comparison(
            # an address is made of the name: where the name agrees, it adds little
            "email_local",
            _missing("email_local"),
            [
                (f"{_equal('email_local')} and not ({same_name})", 0.10, 0.002),
                (_equal("email_local"), 0.55, 0.10),
                (_alike("email_local", 0.93), 0.15, 0.05),
            ],
            (0.20, 0.848),
        ),
        _comparison(
            "email_domain",
            _missing("email_domain"),
            [(_equal("email_domain"), 0.95, 0.02)],
            (0.05, 0.98),
        ),
        _comparison(
            "company",
            "coalesce(account_id_l = account_id_r, company_l = company_r) is null",
            [(same_company, 0.80, 0.004), (alike_company, 0.14, 0.004)],
            (0.06, 0.992),
        ),
        _comparison("title", _missing("title"), [(_equal("title"), 0.80, 0.08)], (0.20, 0.92)),
        _comparison(
            "country", _missing("country"), [(_equal("country"), 0.95, 0.30)], (0.05, 0.70)
        ),
    ]


def _account_comparisons() -> list[Any]:
    same_digits = "coalesce(company_digits_l, '') = coalesce(company_digits_r, '')"
    ratio = (
        "least(employees_l, employees_r) / cast(greatest(employees_l, employees_r, 1) as double)"
    )
    return [
        _comparison(
            "company",
            _missing("company"),
            [
                (_equal("company"), 0.70, 0.0005),
                (f"{same_digits} and {_alike('company', 0.96)}", 0.20, 0.001),
                (f"{same_digits} and {_alike('company', 0.90)}", 0.06, 0.006),
            ],
            (0.04, 0.9925),
        ),
        _comparison("company_digits", "false", [(same_digits, 0.98, 0.60)], (0.02, 0.40)),
        _comparison(
            "domain",
            _missing("domain"),
            [
                (_equal("domain"), 0.60, 0.0002),
                (_equal("domain_stem"), 0.20, 0.0003),
                (_alike("domain_stem", 0.93), 0.10, 0.003),
            ],
            (0.10, 0.9965),
        ),
        _comparison(
            "employees",
            _missing("employees"),
            [(f"{ratio} >= 0.9", 0.75, 0.05), (f"{ratio} >= 0.5", 0.17, 0.20)],
            (0.08, 0.75),
        ),
        _comparison(
            "industry", _missing("industry"), [(_equal("industry"), 0.90, 0.12)], (0.10, 0.88)
        ),
        _comparison(
            "country", _missing("country"), [(_equal("country"), 0.96, 0.35)], (0.04, 0.65)
        ),
    ]


_BLOCKING = {
    "person": [
        block_on("account_id", "substr(last_name, 1, 1)"),
        block_on("account_id", "substr(first_name, 1, 1)"),
        block_on("last_name", "substr(first_name, 1, 1)"),
        block_on("email_local"),
        block_on("company", "substr(last_name, 1, 1)"),
    ],
    "account": [
        block_on("domain_stem"),
        block_on("substr(company, 1, 4)", "coalesce(company_digits, '')"),
        block_on("substr(company, 1, 2)", "employees"),
    ],
}
_COMPARISONS = {"person": _person_comparisons, "account": _account_comparisons}


def link(records: pa.Table, inputs_hash: str) -> pa.Table:
    """Scored pairs (`PAIRS`) of product and CRM records (`RECORDS`) of the same entity.

    Ordered by entity, CRM record and falling probability; pairs below `FLOOR_PROBABILITY` are
    left out. Deterministic: nothing is sampled or trained.
    """
    logging.getLogger("splink").setLevel(logging.ERROR)
    found = [_link_entity(records, entity, inputs_hash) for entity in ("account", "person")]
    return pa.concat_tables(found)


def _link_entity(records: pa.Table, entity: str, inputs_hash: str) -> pa.Table:
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")  # sums in one order: the same last digit every time
        connection.register("records", records.select(RECORDS.names))
        for side in ("product", "crm"):
            connection.execute(
                f"create table {side}_records as select * rename (record_key as unique_id) "
                "from records where entity = ? and side = ? order by record_key",
                [entity, side],
            )
        [(count_product, count_crm)] = connection.execute(
            "select (select count(*) from product_records), (select count(*) from crm_records)"
        ).fetchall()
        if not count_product or not count_crm:
            return no_pairs()
        settings = SettingsCreator(
            link_type="link_only",
            comparisons=_COMPARISONS[entity](),
            blocking_rules_to_generate_predictions=_BLOCKING[entity],
            probability_two_random_records_match=EXPECTED_MATCH_SHARE / count_product,
            retain_matching_columns=False,
            linker_uid="plg",
        )
        api = DuckDBAPI(connection=connection)
        tables = [
            api.register(f"{side}_records", dataset_display_name=side)
            for side in ("product", "crm")
        ]
        linker = Linker(tables, settings, log_level=logging.ERROR, validate_settings=False)
        scored = linker.inference.predict(
            threshold_match_probability=FLOOR_PROBABILITY, warning_mode="never"
        )
        return (
            connection.sql(
                f"""
            select
                ? as entity,
                case when source_dataset_l = 'product' then unique_id_l else unique_id_r end
                    as entity_id,
                case when source_dataset_l = 'product' then unique_id_r else unique_id_l end
                    as record_key,
                round(max(match_probability), 9) as probability,
                ? as inputs_hash
            from {scored.physical_name}
            group by all
            order by record_key, probability desc, entity_id
            """,
                params=[entity, inputs_hash],
            )
            .to_arrow_table()
            .cast(PAIRS)
        )
