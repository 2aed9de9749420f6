"""Credits of any paths: exact sums, never negative, whatever the lengths and values."""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from tests.models.naive_attribution import RULES, Touch, weights
from tests.small_installation import SmallInstallation

CHANNELS = ["direct", "email", "paid", "search"]
CONVERTED_AT = datetime(2026, 3, 1)
INPUTS = {
    "seeds.attribution_models": "model varchar",
    "attribution.int_attribution__conversions": "conversion_id varchar, conversion_type varchar, "
    "entity_type varchar, person_id varchar, account_id varchar, is_in_marketing_funnel boolean, "
    "is_in_product_funnel boolean, is_in_both_funnels boolean, value decimal(18, 2), "
    "converted_at timestamp",
    "attribution.int_attribution__path_touches": "conversion_id varchar, conversion_type varchar, "
    "touch_id varchar, touch_type varchar, channel varchar, campaign varchar, is_direct boolean, "
    "touch_number bigint, count_touches bigint, touched_at timestamp, ended_at timestamp",
    "attribution.int_attribution__removal_effects": "conversion_type varchar, channel varchar, "
    "removal_effect double",
}


def random_paths(dice: random.Random) -> dict[str, tuple[Decimal | None, list[Touch]]]:
    """Conversion → its value and path; some at one moment, some long, some worth a cent."""
    paths = {}
    for number in range(150):
        length = dice.choice([0, 1, 2, 3, 4, 7, 11, 30, 997 if number < 3 else 13])
        moments = sorted(
            CONVERTED_AT
            - timedelta(seconds=dice.choice([0, 1, 86_400, dice.randint(0, 7_776_000)]))
            for _ in range(length)
        )
        value = dice.choice([None, "0.01", "0.03", "100.00", "99.99", "1000000000.01", "7.77"])
        paths[f"c{number}"] = (
            None if value is None else Decimal(value),
            [
                Touch(f"t{place:04}", dice.choice(CHANNELS), moment)
                for place, moment in enumerate(moments)
            ],
        )
    return paths


@pytest.mark.pipeline
@pytest.mark.proof
def test_credits_and_values_add_up_exactly_and_follow_the_rules(tmp_path):
    installation = SmallInstallation(tmp_path, as_of=None)
    installation.dbt("compile", "--select", "fct_credits")
    compiled = installation.settings.dbt_target_dir / "compiled"
    (path,) = (p for p in Path(compiled).rglob("fct_credits.sql") if p.parent.suffix != ".yml")
    check(path.read_text(), random_paths(random.Random(5)))


def check(sql: str, paths: dict[str, tuple[Decimal | None, list[Touch]]]) -> None:
    """The model's SQL on these paths, in memory, against exact fractions."""
    # of one channel removal costs nothing at all: its paths alone are shared evenly
    effects = {"direct": 0.0, "email": 0.3, "paid": 1e-9, "search": 0.7}
    models = [*RULES, "markov"]
    with duckdb.connect() as db:
        db.execute("attach ':memory:' as warehouse; use warehouse")
        db.execute("create schema seeds; create schema attribution")
        for name, columns in INPUTS.items():
            db.execute(f"create table {name} ({columns})")
        db.executemany("insert into seeds.attribution_models values (?)", [[m] for m in models])
        db.executemany(
            "insert into attribution.int_attribution__removal_effects values ('x', ?, ?)",
            [[channel, effect] for channel, effect in effects.items()],
        )
        db.executemany(
            "insert into attribution.int_attribution__conversions "
            "values (?, 'x', 'account', null, 'a', true, true, true, ?, ?)",
            [[key, value, CONVERTED_AT] for key, (value, _) in paths.items()],
        )
        touches = pa.Table.from_pylist(
            [
                {
                    "conversion_id": key,
                    "conversion_type": "x",
                    "touch_id": touch.touch_id,
                    "touch_type": "session",
                    "channel": touch.channel,
                    "is_direct": touch.channel == "direct",
                    "touch_number": place,
                    "count_touches": len(path),
                    "touched_at": touch.at,
                    "ended_at": CONVERTED_AT,
                }
                for key, (_, path) in paths.items()
                for place, touch in enumerate(path, 1)
            ]
        )
        db.register("touches", touches)
        db.execute(
            "insert into attribution.int_attribution__path_touches by name select * from touches"
        )
        rows = db.execute(
            f"select conversion_id, model, touch_id, channel, credit, value from ({sql})"
        ).fetchall()
    given: dict = {}
    for key, model, touch, channel, credit, value in rows:
        given.setdefault((key, model), {})[touch] = (channel, credit, value)
    assert set(given) == {(key, model) for key in paths for model in models}
    for (key, model), credits in given.items():
        value, path = paths[key]
        assert sum(credit for _, credit, _ in credits.values()) == 1, (key, model)
        assert all(credit >= 0 for _, credit, _ in credits.values()), (key, model)
        values = [amount for _, _, amount in credits.values()]
        assert values == [None] * len(values) if value is None else sum(values) == value
        assert value is None or min(values) >= 0, (key, model)
        if not path:
            assert credits == {None: ("unattributed", 1, value)}
        elif model != "markov":
            for touch, share in zip(path, weights(model, path), strict=True):
                credit = credits.get(touch.touch_id, (None, 0, 0))[1]
                assert abs(float(credit) - float(share)) < 1e-6, (key, model, touch)
