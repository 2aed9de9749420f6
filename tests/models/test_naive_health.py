"""Account health on random worlds against plain loops; and that it never looks ahead."""

import csv
import random
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import duckdb
import pytest

from tests.models import naive_health as naive
from tests.models.compiled_models import compiled_models
from warehouse.settings import PROJECT_ROOT

MODELS = (
    "int_health__paying_spans",
    "int_health__champions",
    "int_health__evidence_changes",
    "int_health__component_spans",
    "fct_health_components",
    "fct_account_health",
    "fct_band_changes",
    "int_health__landmarks",
    "fct_current_health",
    "rpt_at_risk_queue",
)
SEEDS = {
    "event_registry": "event_name varchar, is_product_activity boolean",
    "feature_events": "event_name varchar, feature_key varchar",
    "health_overrides": "override_key varchar, account_id varchar, band varchar, reason varchar, "
    "overridden_by varchar, valid_from date, valid_until date",
}
INPUTS = {
    "core.dim_as_of": "as_of_at timestamp",
    "core.dim_accounts": "account_id varchar, account_name varchar, owner_id varchar",
    "core.fct_account_days": "account_id varchar, person_id varchar, activity_date date, "
    "event_name varchar, known_date date, count_events bigint",
    "core.fct_support_tickets": "account_id varchar, person_id varchar, opened_at timestamp",
    "core.int_core__item_states": "account_id varchar, subscription_id varchar, "
    "event_id varchar, event_rank integer, status varchar, is_churn_scheduled boolean, "
    "is_metered boolean, known_in_load bigint, quantity bigint, mrr_cents bigint, "
    "effective_at timestamp, valid_from timestamp, event_created_at timestamp, "
    "known_at timestamp",
    "core.fct_contracts": "account_id varchar, start_date date, end_date date, signed_date date, "
    "mrr_cents bigint, seats bigint",
    "core.fct_payment_attempts": "payment_attempt_id varchar, account_id varchar, "
    "invoice_id varchar, is_successful boolean, attempted_at timestamp",
    "core.fct_invoices": "invoice_id varchar, voided_at timestamp, "
    "marked_uncollectible_at timestamp",
    "revenue.fct_mrr_movements": "account_id varchar, movement_date date, "
    "movement_type varchar, amount decimal(18, 2)",
    "health.rpt_health_backtest": "model_key varchar, cut_type varchar, cut varchar, "
    "churn_rate double",
    **{f"seeds.{name}": columns for name, columns in SEEDS.items()},
}
FROM_FILES = ("components", "curves", "bands", "billing_states", "touch_models", "actions")
BEGIN = date(2026, 1, 20)  # over the ends of January and of a February of 28 days
PRODUCT, OTHER = ("query_run", "report_created", "dashboard_viewed", "thing_done"), "page_viewed"
FEATURES = {"query_run": "queries", "report_created": "reports", "dashboard_viewed": "dashboards"}


def seed_rows(name: str) -> list[dict]:
    with (PROJECT_ROOT / "seeds" / f"health_{name}.csv").open() as file:
        return list(csv.DictReader(file))


class Warehouse:
    """The models on tables a test fills."""

    def __init__(self):
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("attach ':memory:' as warehouse; use warehouse")
        for schema in ("core", "seeds", "health", "revenue"):
            self.connection.execute(f"create schema {schema}")
        for name, columns in INPUTS.items():
            self.connection.execute(f"create table {name} ({columns})")
        for name in FROM_FILES:
            path = PROJECT_ROOT / "seeds" / f"health_{name}.csv"
            self.connection.execute(
                f"create table seeds.health_{name} as from read_csv('{path}', header = true)"
            )

    def run(self, world: dict, models=MODELS) -> None:
        for name, rows in tables_of(world).items():
            self.connection.execute(f"delete from {name}")
            if rows:
                names = list(rows[0])
                self.connection.executemany(
                    f"insert into {name} ({', '.join(names)}) "
                    f"values ({', '.join('?' * len(names))})",
                    [list(row.values()) for row in rows],
                )
        for name in models:
            self.connection.execute(
                f"create or replace table health.{name} as {compiled_models(*MODELS)[name]}"
            )

    def rows(self, sql: str) -> list[tuple]:
        return self.connection.execute(sql).fetchall()

    def health(self) -> dict:
        """As `naive.health` tells it."""
        parts: dict = {}
        for account, day, component, score, points in self.rows(
            "select account_id, health_date, component, score, points "
            "from health.fct_health_components order by place"
        ):
            parts.setdefault((account, day), {})[component] = (
                None if score is None else int(score * 100), int(points * 100)
            )  # fmt: skip
        return {
            (account, day): (
                None if score is None else int(score * 100), band, cause, parts[account, day]
            )
            for account, day, score, band, cause in self.rows(
                "select account_id, health_date, health_score, band, top_cause "
                "from health.fct_account_health"
            )
        }  # fmt: skip


@pytest.fixture(scope="module")
def warehouse() -> Warehouse:
    return Warehouse()


def world_of_rules() -> dict:
    """An empty world under the rules in seeds/."""
    return {
        "accounts": [], "events": [], "tickets": [], "states": [], "contracts": [],
        "attempts": [], "invoices": [], "movements": [], "overrides": [],
        "begin": BEGIN - timedelta(days=80),
        "product_events": set(PRODUCT),
        "features": FEATURES,
        "components": [
            {
                name: (
                    None if value == "" and name == "min_denominator"
                    else int(value) if name in ("weight", "window_days", "per", "min_denominator")
                    else value
                )
                for name, value in row.items()
            }
            for row in sorted(seed_rows("components"), key=lambda row: int(row["place"]))
        ],
        "curves": {
            component: [
                (Decimal(row["value"]), Decimal(row["score"]))
                for row in seed_rows("curves")
                if row["component"] == component
            ]
            for component in {row["component"] for row in seed_rows("curves")}
        },
        "bands": [(int(row["min_score"]), row["band"]) for row in seed_rows("bands")],
        "billing_states": [
            row | {"value": int(row["value"]), "cause": row["cause"] or None}
            for row in seed_rows("billing_states")
        ],
    }  # fmt: skip


def state(account: str, at: datetime, mrr_cents: int, **other) -> dict:
    return {
        "account_id": account, "subscription_id": f"sub_{account}", "event_id": f"evt_{at}",
        "event_rank": 1, "status": "active", "is_churn_scheduled": False, "is_metered": False,
        "known_in_load": 1, "quantity": 5, "mrr_cents": mrr_cents, "effective_at": at,
        "valid_from": at, "event_created_at": at, "known_at": at,
    } | other  # fmt: skip


def drawn(seed: int) -> dict:
    """Payers and others, with ties, late data, several subscriptions, returns and midnights."""
    rng = random.Random(seed)
    days = rng.choice([1, 40, 110])
    at_end = datetime.combine(BEGIN + timedelta(days=days), time())
    world = world_of_rules() | {
        "as_of": at_end + rng.choice([timedelta(0), timedelta(microseconds=1), timedelta(hours=9)]),
        "accounts": [f"acc_{n}" for n in range(rng.randint(1, 3))],
    }

    def day(since=-130):
        return BEGIN + timedelta(days=rng.randrange(since, days))

    def moment(since=-40):
        return datetime.combine(day(since), time()) + timedelta(
            seconds=rng.choice([0, 1, 86_399, rng.randrange(86_400)])
        )

    people = ["p1", "p2", "p3"]
    for account in world["accounts"]:
        for _ in range(rng.choice([0, 4, 90])):
            at = day()
            late = timedelta(days=rng.choice([0, 0, 0, 1, 3, 35, 70]))
            world["events"].append(
                (account, rng.choice(people), at, rng.choice([*PRODUCT, OTHER]), at + late,
                 rng.choice([1, 1, 5]))
            )  # fmt: skip
        for _ in range(rng.choice([0, 0, 1, 9])):
            world["tickets"].append((account, rng.choice([None, *people]), moment(-60)))
        for sub in range(rng.choice([0, 1, 1, 2])):
            for n in range(rng.randint(1, 5)):
                at = moment()
                one = state(
                    account, at, rng.choice([0, 1000, 2000]),
                    subscription_id=f"sub_{account}_{sub}", event_id=f"evt_{n}",
                    event_rank=rng.choice([1, 2, 3]),
                    status=rng.choice(["active", "active", "past_due"]),
                    is_churn_scheduled=rng.random() < 0.2, is_metered=rng.random() < 0.1,
                    known_in_load=rng.choice([1, 1, 2]), quantity=rng.choice([None, 1, 4, 9]),
                    event_created_at=at + timedelta(hours=rng.choice([0, 30])),
                    known_at=at + timedelta(days=rng.choice([0, 2, 20])),
                )  # fmt: skip
                world["states"].append(one)
                if rng.random() < 0.3:  # a second item of the same state
                    world["states"].append(one | {"mrr_cents": 500, "quantity": 2})
        if rng.random() < 0.4:
            start = day(-20)
            world["contracts"].append(
                {
                    "account_id": account, "start_date": start,
                    "end_date": start + timedelta(days=rng.choice([-1, 0, 30, 200])),
                    "signed_date": rng.choice([None, start, start + timedelta(days=9)]),
                    "mrr_cents": rng.choice([0, 5000]), "seats": rng.choice([None, 0, 3]),
                }
            )  # fmt: skip
        for n in range(rng.choice([0, 1, 4])):
            world["attempts"].append(
                {
                    "payment_attempt_id": f"try_{account}_{n}", "account_id": account,
                    "invoice_id": f"in_{account}_{n % 2}", "is_successful": rng.random() < 0.4,
                    "attempted_at": moment(-70),
                }
            )  # fmt: skip
        world["invoices"].append(
            {
                "invoice_id": f"in_{account}_0", "voided_at": rng.choice([None, moment()]),
                "marked_uncollectible_at": rng.choice([None, None, moment()]),
            }
        )  # fmt: skip
        for _ in range(rng.choice([0, 1, 2])):
            world["movements"].append(
                {
                    "account_id": account, "movement_date": day(0),
                    "movement_type": rng.choice(["new", "churn"]), "amount": Decimal(10),
                }
            )  # fmt: skip
    return world


def tables_of(world: dict) -> dict[str, list[dict]]:
    names = ("account_id", "person_id", "activity_date", "event_name", "known_date", "count_events")
    return {
        "core.dim_as_of": [{"as_of_at": world["as_of"]}],
        "core.dim_accounts": [
            {"account_id": account, "account_name": account.upper(), "owner_id": None}
            for account in world["accounts"]
        ],
        "core.fct_account_days": [dict(zip(names, row, strict=True)) for row in world["events"]],
        "core.fct_support_tickets": [
            {"account_id": account, "person_id": person, "opened_at": at}
            for account, person, at in world["tickets"]
        ],
        "core.int_core__item_states": world["states"],
        "core.fct_contracts": world["contracts"],
        "core.fct_payment_attempts": world["attempts"],
        "core.fct_invoices": world["invoices"],
        "revenue.fct_mrr_movements": world["movements"],
        "health.rpt_health_backtest": [
            {"model_key": "health", "cut_type": "band", "cut": "critical", "churn_rate": 0.25}
        ],
        "seeds.event_registry": [
            {"event_name": name, "is_product_activity": name != OTHER} for name in [*PRODUCT, OTHER]
        ],
        "seeds.feature_events": [
            {"event_name": name, "feature_key": key} for name, key in FEATURES.items()
        ],
        "seeds.health_overrides": world["overrides"],
    }


@pytest.mark.parametrize(
    "seed", [*range(12), *(pytest.param(n, marks=pytest.mark.proof) for n in range(12, 200))]
)
def test_every_day_is_what_plain_loops_find(warehouse, seed):
    world = drawn(seed)
    warehouse.run(world)
    found, expected = warehouse.health(), naive.health(world)
    assert found.keys() == expected.keys()
    assert {key: (found[key], expected[key]) for key in found if found[key] != expected[key]} == {}


def test_random_worlds_hold_what_is_hard():
    """Else the comparison above would compare little."""
    days = [row for seed in range(12) for row in naive.health(drawn(seed)).values()]
    assert len(days) > 500
    assert {"healthy", "watch", "at_risk", "critical", "unknown"} == {row[1] for row in days}
    assert len({row[2] for row in days}) > 5
    for component in {name for row in days for name in row[3]}:
        scores = [row[3][component][0] for row in days]
        assert None in scores and len(set(scores) - {None}) > 2, component


@pytest.mark.parametrize("seed", [3, 5, 8])
def test_no_day_sees_what_was_not_known_on_it(warehouse, seed):
    """Everything that happens or is heard of later is taken away, and more is put there."""
    world = drawn(seed)
    warehouse.run(world)
    whole = warehouse.health()
    cut = naive.last_day(world) - timedelta(days=15)
    tomorrow = cut + timedelta(days=1)

    def later(moment):
        return moment.date() > cut

    past = world | {
        "events": [row for row in world["events"] if row[4] <= cut]
        + [(account, "p9", tomorrow, "query_run", tomorrow, 50) for account in world["accounts"]],
        "tickets": [row for row in world["tickets"] if not later(row[2])],
        "states": [
            one
            for one in world["states"]
            if not later(one["known_at"]) and not later(one["event_created_at"])
        ],
        "attempts": [one for one in world["attempts"] if not later(one["attempted_at"])],
        "contracts": [
            one
            for one in world["contracts"]
            if max(one["start_date"], one["signed_date"] or one["start_date"]) <= cut
        ],
        "invoices": [
            one
            | {
                name: one[name] if one[name] and not later(one[name]) else None
                for name in ("voided_at", "marked_uncollectible_at")
            }
            for one in world["invoices"]
        ],
    }
    warehouse.run(past)
    known_then = {key: row for key, row in warehouse.health().items() if key[1] <= cut}
    # a state of the first load counts as known when it was made; all others by their load
    first = min((one["known_in_load"] for one in world["states"]), default=1)
    silent = {
        one["account_id"]
        for one in world["states"]
        if one["known_in_load"] == first and later(one["known_at"]) and not later(one["valid_from"])
    }
    before = {key: row for key, row in whole.items() if key[1] <= cut}
    assert {k: r for k, r in known_then.items() if k[0] not in silent} == {
        k: r for k, r in before.items() if k[0] not in silent
    }


def test_nothing_at_all_is_no_error(warehouse):
    warehouse.run(world_of_rules() | {"as_of": datetime(2026, 7, 1)})
    for name in MODELS:
        assert warehouse.rows(f"select count(*) from health.{name}") == [(0,)]


def paying_world(mrr: int = 600) -> dict:
    """One account that pays and was used until the middle of its time."""
    begin = datetime(2026, 1, 20)
    return world_of_rules() | {
        "as_of": datetime(2026, 5, 1),
        "accounts": ["acc_0"],
        "states": [state("acc_0", begin, mrr * 100)],
        "movements": [
            {"account_id": "acc_0", "movement_date": begin.date(), "movement_type": "new",
             "amount": Decimal(mrr)}
        ],
        "events": [
            ("acc_0", "p1", BEGIN + timedelta(days=n), PRODUCT[n % 3], BEGIN + timedelta(days=n), 4)
            for n in range(50)
        ],
    }  # fmt: skip


def current(warehouse, columns: str) -> tuple:
    (row,) = warehouse.rows(f"select {columns} from health.fct_current_health")
    return row


def test_who_stops_using_it_falls_to_the_queue_with_cause_and_action(warehouse):
    warehouse.run(paying_world())
    (row,) = warehouse.rows(
        "select place, band, cause, touch_model, mrr_at_risk, action, reason "
        "from health.rpt_at_risk_queue"
    )
    assert row[:5] == (1, "critical", "usage_decline", "high_touch", Decimal("600.00"))
    assert row[5] == "Call the owner: ask what changed and agree a plan"
    assert "Used on 0 person-days in the last 28 days, 5 in the 28 before: 0 %." in row[6]
    moved = warehouse.rows(
        "select from_band, to_band, moved_by from health.fct_band_changes order by health_date"
    )
    assert moved[-1] == (
        "at_risk",
        "critical",
        "product_breadth",
    )  # the last feature left the window
    assert current(warehouse, "band_churn_rate, count_missing, scored_band = band") == (
        0.25, 1, True,
    )  # fmt: skip
    # no help desk is no fault of theirs
    assert warehouse.rows(
        "select distinct component, points, effective_weight from health.fct_health_components "
        "where is_missing and health_date = date '2026-04-30'"
    ) == [("support_load", 0, 0)]


def test_what_billing_tells_is_named_before_what_costs_more(warehouse):
    """Nobody uses it any more, and the last charge failed: the payment ends it first."""
    failed = {
        "payment_attempt_id": "try_1",
        "account_id": "acc_0",
        "invoice_id": "in_1",
        "is_successful": False,
        "attempted_at": datetime(2026, 4, 20, 8),
    }
    warehouse.run(paying_world() | {"attempts": [failed]})
    lost = dict(
        warehouse.rows(
            "select component, lost_points from health.fct_health_components "
            "where health_date = date '2026-04-30'"
        )
    )
    assert lost["usage_trend"] > lost["billing_state"] > 0
    cause, reason, action = current(warehouse, "top_cause, reason, action")
    assert cause == "payment_failure"
    assert reason.startswith("A payment failed and has not been recovered.")
    assert action == "Ask the billing contact to update the payment"


@pytest.mark.parametrize(
    ("mrr", "touch_model"), [(499, "tech_touch"), (500, "high_touch"), (501, "high_touch")]
)
def test_the_touch_model_begins_at_its_value(warehouse, mrr, touch_model):
    warehouse.run(paying_world(mrr))
    assert current(warehouse, "touch_model") == (touch_model,)


@pytest.mark.parametrize(
    ("since", "until", "band"),
    [
        ("2026-04-30", "2026-04-30", "healthy"),
        ("2026-01-01", "2026-04-29", "critical"),
        ("2026-05-01", "2026-06-01", "critical"),
    ],
)
def test_a_persons_judgement_holds_with_its_first_and_last_day_and_no_longer(
    warehouse, since, until, band
):
    judgement = {
        "override_key": "o1", "account_id": "acc_0", "band": "healthy",
        "reason": "On parental leave; back in June.", "overridden_by": "ana@plg.example",
        "valid_from": date.fromisoformat(since), "valid_until": date.fromisoformat(until),
    }  # fmt: skip
    warehouse.run(paying_world() | {"overrides": [judgement]})
    held = band == "healthy"
    assert current(warehouse, "band, scored_band, is_overridden, override_reason, is_at_risk") == (
        band, "critical", held, judgement["reason"] if held else None, not held,
    )  # fmt: skip
    assert warehouse.rows("select count(*) from health.rpt_at_risk_queue") == [(0 if held else 1,)]


@pytest.mark.parametrize(
    ("left_on", "landmarks"),
    [
        # the window of 17 February ends with 18 April
        (date(2026, 4, 18), [(date(2026, 2, 17), True, True)]),
        (date(2026, 4, 19), [(date(2026, 2, 17), True, False), (date(2026, 4, 18), False, True)]),
        (None, [(date(2026, 2, 17), True, False), (date(2026, 4, 18), False, False)]),
    ],
)
def test_a_loss_lies_in_one_window_and_an_open_one_is_not_mature(warehouse, left_on, landmarks):
    """28 days after the first paid day, then every 60, while it pays."""
    world = paying_world()
    if left_on:
        at = datetime.combine(left_on, time())
        world["states"].append(state("acc_0", at, 0, event_id="evt_end"))
        world["movements"].append(
            {"account_id": "acc_0", "movement_date": left_on, "movement_type": "churn",
             "amount": Decimal(-600)}
        )  # fmt: skip
    warehouse.run(world)
    rows = warehouse.rows(
        "select landmark_date, is_mature, is_converted from health.int_health__landmarks "
        "where model_key = 'health' order by all"
    )
    assert rows == landmarks
