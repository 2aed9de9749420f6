"""Model cards: what they say of a model, and that they never leave anything blank."""

import re
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from warehouse.model_cards.card import NOT_MEASURED, card
from warehouse.model_cards.facts import ModelFacts, NoSuchModel, collect_facts
from warehouse.model_cards.render import Note, Table, as_html, as_markdown
from warehouse.model_cards.write import write_cards
from warehouse.query import NothingPublished
from warehouse.settings import Settings

MODEL = {
    "model_key": "demo_model",
    "version": "2",
    "status": "live",
    "status_since": "2026-01-01",
    "approved_by": "head of sales",
    "level": "account",
    "method": "sum",
    "min_points": "0",
    "max_points": "50",
    "score_1_points": "0",
    "score_10_points": "50",
    "priority": "1",
    "description": "Who is ready to talk",
}
SIGNALS = [
    {
        "signal_key": "pricing_viewed",
        "points": "30",
        "category": "intent",
        "kind": "event_count",
        "event_names": "pricing_page_viewed",
        "min_count": "2",
        "window_days": "14",
        "half_life_days": "7",
        "threshold": None,
        "sentence_missing": None,
    },
    {
        "signal_key": "fits",
        "points": "20",
        "category": "fit",
        "kind": "attribute",
        "attribute": "icp_match",
        "event_names": None,
        "min_count": "1",
        "window_days": None,
        "half_life_days": None,
        "threshold": None,
        "sentence_missing": "Fit unknown.",
    },
]
TIERS = [
    {
        "tier": "hot",
        "min_points": "40",
        "action": "Call",
        "sla_minutes": "60",
        "expected_conversion_from": "0.30",
        "expected_conversion_to": "0.40",
    },
    {
        "tier": "none",
        "min_points": "0",
        "action": "Nothing",
        "sla_minutes": None,
        "expected_conversion_from": None,
        "expected_conversion_to": None,
    },
]


def facts(**changes) -> ModelFacts:
    values = {
        "model": MODEL,
        "signals": SIGNALS,
        "tiers": TIERS,
        "promotions": [],
        "as_of": datetime(2026, 7, 1),
        "first_scored": date(2026, 1, 1),
        "last_scored": date(2026, 6, 30),
        "count_scored": 200,
        "tier_counts": {"hot": 5, "none": 195},
        "signal_counts": {"pricing_viewed": (50, 0), "fits": (20, 30)},
        "tables": {},
    }
    return ModelFacts(**(values | changes))


def text_of(of_model: ModelFacts) -> str:
    return as_markdown(card(of_model))


def test_a_model_nobody_measured_says_so_in_every_section():
    text = text_of(facts(count_scored=0, tier_counts={}, last_scored=None, first_scored=None))
    for heading in (
        "Proof", "What became of its PQLs", "What Sales says", "Does it treat groups alike?",
        "Has anything shifted?", "Weights today, and what the data would propose", "Versions",
        "Its data",
    ):  # fmt: skip
        section = text.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
        assert NOT_MEASURED in section.lower(), heading


@pytest.mark.parametrize("scored", [True, False])
def test_no_cell_and_no_section_is_blank(scored):
    of_model = facts() if scored else facts(count_scored=0, tier_counts={}, last_scored=None)
    blocks = card(of_model)
    for block in blocks:
        if isinstance(block, Table):
            assert block.rows
            for row in block.rows:
                assert len(row) == len(block.columns)
                assert all(cell.strip() for cell in row), row
    text = as_markdown(blocks)
    assert not re.search(r"^(#+ .+)\n\n#{1,2} ", text, re.MULTILINE), "a heading over nothing"
    assert "None" not in text
    assert "nan" not in text.lower().split()


def test_weights_fading_and_unknown_inputs_are_told():
    text = text_of(facts())
    assert "| pricing viewed | +30 | intent | at least 2: pricing page viewed | 14 days |" in text
    assert "| half in 7 days | 25% |" in text
    assert (
        "| fits | +20 | fit | the ideal customer profile | as long as it is so | no | 10.0% |"
        in text
    )
    assert "fits: unknown for 15.0% of them" in text
    assert "| hot | 40 | Call | 1 h | 5 | 30% to 40% |" in text
    assert "| none | 0 | Nothing | no deadline | 195 | no target |" in text


def test_a_change_without_a_version_is_the_first_thing_one_sees():
    change = {
        "build_number": 3,
        "part": "signal",
        "part_key": "pricing_viewed",
        "version": 2,
        "change": "changed",
        "is_without_version": True,
        "is_latest": True,
        "from_definition": "ten",
        "to_definition": "thirty",
        "from_points": Decimal("10.00"),
        "to_points": Decimal("30.00"),
        "recorded_at": datetime(2026, 5, 1),
    }
    blocks = card(facts(tables={"pql.fct_model_changes": [change]}))
    (note,) = (block for block in blocks if isinstance(block, Note))
    assert note.kind == "bad"
    assert "pricing_viewed" in note.text and "2026-05-01" in note.text
    text = as_markdown(blocks)
    assert "| signal pricing viewed: 10 → 30 points | WITHOUT A NEW VERSION |" in text
    # of an earlier version it is history; taken back it is none
    for harmless in ({"version": 1}, {"to_definition": "ten"}):
        blocks = card(facts(tables={"pql.fct_model_changes": [change | harmless]}))
        assert not [block for block in blocks if isinstance(block, Note)]


def test_proof_is_quoted_with_its_interval_and_what_is_missing_is_not_invented():
    tables = {
        "pql.rpt_backtest": [
            {"cut": "hot", "cut_type": "tier", "n": 120, "precision": 0.31, "precision_low": 0.24,
             "precision_high": 0.4, "conversion_rate": 0.31, "recall": None, "lift": 2.53},
        ],
        "pql.rpt_promotion": [
            {"condition": "shadow_days", "description": "60 days in shadow", "value": 12.0,
             "needed": 60.0, "is_met": False, "condition_order": 1},
        ],
    }  # fmt: skip
    text = text_of(facts(tables=tables))
    assert "| hot | 120 | 31% (24%–40%) | not yet measured | 2.5× |" in text
    assert "| 60 days in shadow | 12 | 60 | NO |" in text
    assert "Conditions for being live not met: 1" in text


def test_groups_treated_unlike_and_what_sales_says_are_told():
    def group(name, measure, value, flag):
        return {
            "cut": "hot", "dimension": "segment", "dimension_value": name, "measure": measure,
            "value": value, "flag": flag, "n_accounts": 40, "threshold_points": Decimal("40"),
            "best_value": "51-500",
        }  # fmt: skip

    tables = {
        "pql.rpt_bias_review": [
            group("1-50", "selection_rate", 0.05, "act"),
            group("51-500", "selection_rate", 0.25, "ok"),
            group("51-500", "recall", None, "too_few"),
        ],
        "pql.rpt_pql_feedback": [
            {"cohort_grain": "total", "tier": "hot", "count_handoffs": 50, "count_answered": 40,
             "acceptance_rate": 0.55, "rejection_rate": 0.45, "opportunity_rate": None,
             "close_rate": 0.149, "state": "too_many_rejected_and_too_few_won"},
        ],
        "pql.rpt_pql_rejections": [
            {"signal_key": "all", "reason": "all", "count_rejected": 18},
            {"signal_key": "all", "reason": "no_budget", "count_rejected": 18},
        ],
    }  # fmt: skip
    blocks = card(facts(tables=tables))
    (note,) = (block for block in blocks if isinstance(block, Note))
    assert "segment 1-50" in note.text
    text = as_markdown(blocks)
    assert "| segment: 1-50 | 40 | 5.0% | not yet measured | act |" in text
    assert "| hot | 50 | 40 | 55% | 45% | not yet measured | 14.9% | too many rejected" in text
    assert "Rejected because: no budget (18)" in text


def test_a_live_model_nobody_approved_is_marked():
    unapproved = facts(model=MODEL | {"approved_by": None})
    assert any(isinstance(b, Note) and "nobody" in b.text for b in card(unapproved))


def test_what_a_seed_says_cannot_break_the_page():
    evil = facts(model=MODEL | {"description": "<script>alert(1)</script> | a & b"})
    page = as_html("x", card(evil))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_writing_twice_writes_the_same_bytes_and_an_index(tmp_path):
    first = write_cards([facts()], tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    write_cards([facts()], tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert set(before) == {"demo_model.md", "demo_model.html", "index.html"}
    assert b'href="demo_model.html"' in before["index.html"]
    assert first[0].markdown == first[0].markdown_path.read_text()


# --- read from an installation ------------------------------------------------------------------


@pytest.fixture
def installation(tmp_path) -> Settings:
    settings = Settings(home=tmp_path / "home", _env_file=None)
    settings.published_path.parent.mkdir(parents=True)
    with duckdb.connect(str(settings.published_path)) as published:
        published.execute(
            """
            create schema pql; create schema core;
            create table core.dim_as_of as select timestamp '2026-07-01' as as_of_at;
            create table pql.fct_scores as
                select 'rubric_150' as model_key, 'a' || i as account_id,
                    date '2026-06-30' as score_date,
                    case when i < 2 then 'hot' else 'none' end as tier
                from range(10) as r(i)
                union all select 'rubric_150', 'a1', date '2026-06-29', 'warm';
            create table pql.fct_score_reasons as
                select 'rubric_150' as model_key, 'a' || i as account_id,
                    date '2026-06-30' as score_date, 'icp_match' as signal_key,
                    case when i < 3 then 15 else 0 end as points, i >= 6 as is_missing
                from range(10) as r(i);
            """
        )
    return settings


def test_facts_are_those_of_the_newest_day_and_tables_that_are_not_there_are_not_asked(
    installation,
):
    (of_model,) = collect_facts(installation, "rubric_150")
    assert of_model.count_scored == 10
    assert of_model.tier_counts == {"hot": 2, "none": 8}
    assert of_model.signal_counts["icp_match"] == (3, 4)
    assert (of_model.first_scored, of_model.last_scored) == (date(2026, 6, 29), date(2026, 6, 30))
    assert of_model.tables == {}
    assert "icp match: unknown for 40% of them" in text_of(of_model)


def test_every_model_of_the_seeds_has_a_card(installation, tmp_path):
    written = write_cards(collect_facts(installation), tmp_path / "cards")
    seeds = Path(__file__).parents[2] / "seeds" / "pql_models.csv"
    models = {line.split(",")[0] for line in seeds.read_text().splitlines()[1:] if line}
    assert {card.model_key for card in written} == models


def test_an_unknown_model_is_named_with_those_there_are(installation):
    with pytest.raises(NoSuchModel, match="rubric_150"):
        collect_facts(installation, "no_such_model")


def test_before_the_first_run_there_is_nothing_to_say(tmp_path):
    with pytest.raises(NothingPublished):
        collect_facts(Settings(home=tmp_path / "nothing", _env_file=None))
