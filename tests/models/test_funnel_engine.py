"""The funnel engine against every chain tried, and what must hold for any sequence at all."""

import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.models.funnel_engine import Doings, FunnelEngine, compile_models
from tests.models.naive_funnel import Event, Exclusion, Funnel, Stage, Step, matched

pytestmark = pytest.mark.pipeline  # compiles the models once

START = datetime(2026, 1, 1)
MINUTE = timedelta(minutes=1)
ABC = (Step(("a",)), Step(("b",)), Step(("c",)))


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Iterator[FunnelEngine]:
    with closing(FunnelEngine(compile_models(tmp_path_factory.mktemp("compiled")))) as engine:
        yield engine


def minutes(*names_and_minutes: tuple[str, float]) -> Doings:
    """Events by name and minute; `other` is product activity that no funnel names."""
    return Doings(
        events=[Event(n, START + m * MINUTE) for n, m in names_and_minutes if n != "other"],
        other_activity=[START + m * MINUTE for n, m in names_and_minutes if n == "other"],
    )


def depth(attempts) -> int:
    return max((len(attempt) for attempt in attempts), default=0)


# ------------------------------------------------------------------ rules, one by one


def attempts_of(engine, funnel: Funnel, doings: Doings) -> list[dict[int, float]]:
    """Attempts with minutes instead of times, from the SQL and from the naive way alike."""
    found = engine.matched([funnel], {"p": doings}).get((funnel.key, "p"), [])
    assert found == matched(funnel, doings.events, doings.stages, doings.other_activity)
    return [{step: (at - START) / MINUTE for step, at in attempt.items()} for attempt in found]


def test_a_second_attempt_counts_and_first_ever_times_do_not(engine):
    doings = minutes(("b", 0), ("a", 1), ("c", 2), ("a", 5), ("b", 6), ("c", 7))
    assert attempts_of(engine, Funnel("f", ABC), doings) == [{1: 1, 2: 6, 3: 7}]


def test_the_next_step_may_follow_a_later_occurrence_when_the_first_is_too_old(engine):
    steps = (Step(("a",)), Step(("b",)), Step(("c",), within=6 * MINUTE))
    doings = minutes(("a", 0), ("b", 1), ("b", 10), ("c", 15))
    assert attempts_of(engine, Funnel("f", steps), doings) == [{1: 0, 2: 10, 3: 15}]


def test_a_window_ends_before_its_last_moment(engine):
    funnel = Funnel("f", ABC[:2], window=10 * MINUTE)
    assert attempts_of(engine, funnel, minutes(("a", 0), ("b", 10))) == [{1: 0}]
    assert attempts_of(engine, funnel, minutes(("a", 0), ("a", 1), ("b", 10))) == [{1: 1, 2: 10}]


def test_the_first_attempt_is_the_first_start_and_every_attempt_ends_where_the_next_begins(engine):
    doings = minutes(("a", 0), ("a", 20), ("b", 25), ("a", 30), ("b", 31), ("b", 32))
    first = Funnel("f", ABC[:2], counting="first_attempt", window=10 * MINUTE)
    every = Funnel("f", ABC[:2], counting="every_attempt", window=10 * MINUTE)
    assert attempts_of(engine, first, doings) == [{1: 0}]
    assert attempts_of(engine, every, doings) == [{1: 0}, {1: 20, 2: 25}, {1: 30, 2: 31}]


def test_an_exclusion_between_two_steps_ends_the_attempt_there_and_nowhere_else(engine):
    funnel = Funnel("f", ABC, exclusions=(Exclusion("x", 2, 3),))
    assert attempts_of(engine, funnel, minutes(("a", 0), ("x", 1), ("b", 2), ("c", 3))) == [
        {1: 0, 2: 2, 3: 3}
    ]
    assert attempts_of(engine, funnel, minutes(("a", 0), ("b", 2), ("x", 3), ("c", 3))) == [
        {1: 0, 2: 2}
    ]


def test_strict_lets_nothing_come_between_neither_activity_nor_another_step(engine):
    funnel = Funnel("f", ABC, order_mode="strict")
    assert attempts_of(engine, funnel, minutes(("a", 0), ("b", 1), ("c", 2))) == [
        {1: 0, 2: 1, 3: 2}
    ]
    assert attempts_of(engine, funnel, minutes(("a", 0), ("other", 1), ("b", 2))) == [{1: 0}]
    assert attempts_of(engine, funnel, minutes(("a", 0), ("c", 1), ("b", 2))) == [{1: 0}]
    looked = minutes(("a", 0), ("page_viewed", 1), ("b", 2))
    assert attempts_of(engine, funnel, looked) == [{1: 0, 2: 2}], "a page view is no activity"


def test_in_any_order_the_steps_share_a_window(engine):
    funnel = Funnel("f", ABC, order_mode="any", window=10 * MINUTE)
    assert attempts_of(engine, funnel, minutes(("c", 0), ("b", 3), ("a", 9))) == [
        {1: 9, 2: 3, 3: 0}
    ]
    assert attempts_of(engine, funnel, minutes(("c", 0), ("b", 3), ("a", 10))) == [{1: 10, 2: 3}]


def test_equal_timestamps_are_in_order_and_noise_is_tolerated_only_where_it_is_said(engine):
    together = minutes(("c", 1), ("b", 1), ("a", 1))
    assert attempts_of(engine, Funnel("f", ABC), together) == [{1: 1, 2: 1, 3: 1}]
    noisy = minutes(("b", 0), ("a", 1))
    assert attempts_of(engine, Funnel("f", ABC[:2]), noisy) == [{1: 1}]
    tolerant = Funnel("f", ABC[:2], tolerance=MINUTE)
    assert attempts_of(engine, tolerant, noisy) == [{1: 1, 2: 1}]
    assert attempts_of(engine, tolerant, minutes(("b", 0), ("a", 1.5))) == [{1: 1.5}]


def test_one_event_is_one_step_even_where_two_ask_for_it(engine):
    funnel = Funnel("f", (Step(("a",)), Step(("a", "b")), Step(("a",))))
    assert attempts_of(engine, funnel, minutes(("a", 0))) == [{1: 0}]
    assert attempts_of(engine, funnel, minutes(("a", 0), ("a", 0), ("a", 2))) == [{1: 0, 2: 2}]
    assert attempts_of(engine, funnel, minutes(("a", 0), ("b", 1), ("a", 2))) == [
        {1: 0, 2: 1, 3: 2}
    ]


def test_a_step_that_is_not_required_is_reported_and_nothing_depends_on_it(engine):
    funnel = Funnel("f", (ABC[0], replace(ABC[1], is_required=False, within=5 * MINUTE), ABC[2]))
    assert attempts_of(engine, funnel, minutes(("a", 0), ("c", 1), ("b", 4))) == [
        {1: 0, 2: 4, 3: 1}
    ]
    assert attempts_of(engine, funnel, minutes(("a", 0), ("b", 5), ("c", 6))) == [{1: 0, 3: 6}]


def test_a_state_that_lasts_is_reached_when_it_begins_or_at_the_step_before_it(engine):
    steps = (ABC[0], Step(("pql",), source="stage"), ABC[1])
    pql = [Stage("pql", START - 60 * MINUTE, START + 5 * MINUTE)]
    in_time = replace(minutes(("a", 0), ("b", 1)), stages=pql)
    assert attempts_of(engine, Funnel("f", steps), in_time) == [{1: 0, 2: 0, 3: 1}]
    too_late = replace(minutes(("a", 6), ("b", 7)), stages=pql)
    assert attempts_of(engine, Funnel("f", steps), too_late) == [{1: 6}]


# ------------------------------------------------------------------ all rules at once


def make_funnel(chance: random.Random, key: str) -> Funnel:
    """Any funnel the seeds allow (data test funnel_definitions_are_sound)."""
    mode = chance.choice(["ordered", "ordered", "strict", "any"])
    names = chance.sample(["a", "b", "c", "d"], chance.choice([2, 3, 3, 4]))
    asked = [(name,) for name in names]
    tolerance = timedelta(0)
    counting = chance.choice(["first_attempt", "best_attempt", "every_attempt"])
    if mode == "any":
        counting = "best_attempt"
    elif chance.random() < 0.3:
        tolerance = chance.choice([1, 2]) * MINUTE
    elif chance.random() < 0.4:  # one event, two steps
        place = chance.randrange(1, len(asked))
        asked[place] = (*asked[place], names[place - 1]) if chance.random() < 0.5 else asked[0]
        if counting == "every_attempt" and names[0] in {n for a in asked[1:] for n in a}:
            counting = "best_attempt"
    steps = []
    for number, one in enumerate(asked):
        within = None
        if mode != "any" and number and chance.random() < 0.4:
            within = chance.choice([1, 2, 4, 8]) * MINUTE
        is_required = mode != "ordered" or number == 0 or chance.random() < 0.8
        steps.append(Step(one, within, is_required))
    if chance.random() < 0.3 and number:
        steps[-1] = replace(steps[-1], names=("pql",), source="stage")
    required = [n for n, step in enumerate(steps, 1) if step.is_required]
    exclusions = ()
    if len(required) > 1 and chance.random() < 0.4:
        ends = (1, len(steps)) if mode == "any" else sorted(chance.sample(required, 2))
        source, name = chance.choice([("event", "x"), ("stage", "churned")])
        exclusions = (Exclusion(name, *ends, source),)
    return Funnel(
        key=key,
        steps=tuple(steps),
        order_mode=mode,
        counting=counting,
        window=chance.choice([None, 3 * MINUTE, 6 * MINUTE, 12 * MINUTE]),
        tolerance=tolerance,
        exclusions=exclusions,
    )


def make_doings(chance: random.Random) -> Doings:
    """Few moments, so that ties, repeats and the very ends of windows are common."""

    def moment() -> datetime:
        return START + chance.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15]) * MINUTE

    events = [Event(chance.choice("aabbccdx"), moment()) for _ in range(chance.randrange(12))]
    stages = []
    for _ in range(chance.randrange(3)):
        begin = moment()
        lasts = chance.choice([0, 2, 10]) * MINUTE
        stages.append(Stage(chance.choice(["pql", "pql", "churned"]), begin, begin + lasts))
    other = [moment() + MINUTE / 2 for _ in range(chance.choice([0, 0, 1, 2]))]
    return Doings(events, stages, other)


@pytest.mark.parametrize("entity_type", ["person", "account"])
def test_all_modes_windows_exclusions_repeats_and_ties_agree_with_every_chain_tried(
    engine, entity_type
):
    chance = random.Random(f"funnels of each {entity_type}")
    funnels = [make_funnel(chance, f"f{number}") for number in range(60)]
    everybody = {f"e{number}": make_doings(chance) for number in range(40)}
    expected = {}
    for funnel in funnels:
        for entity, did in everybody.items():
            attempts = matched(funnel, did.events, did.stages, did.other_activity)
            if attempts:
                expected[funnel.key, entity] = attempts
    found = engine.matched(funnels, everybody, entity_type)
    reached = {f: {depth(expected[k]) for k in expected if k[0] == f} for f, _ in expected}
    assert sum(len(depths) > 2 for depths in reached.values()) > 20, "the cases must differ"
    differing = {
        key: (expected.get(key), found.get(key))
        for key in expected | found
        if expected.get(key) != found.get(key)
    }
    assert not differing, next(
        (funnel, everybody[key[1]], both)
        for key, both in differing.items()
        for funnel in funnels
        if funnel.key == key[0]
    )


@pytest.mark.proof
def test_fifty_thousand_sequences_agree_with_every_chain_tried(engine):
    chance = random.Random("fifty thousand")
    for _ in range(20):
        funnels = [make_funnel(chance, f"f{number}") for number in range(100)]
        everybody = {f"e{number}": make_doings(chance) for number in range(40)}
        found = engine.matched(funnels, everybody)
        for funnel in funnels:
            for entity, did in everybody.items():
                expected = matched(funnel, did.events, did.stages, did.other_activity)
                assert found.get((funnel.key, entity), []) == expected, (funnel, did)


# ------------------------------------------------------------------ whatever happens

PROPERTIES = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
moments = st.integers(0, 40).map(lambda half: START + half * MINUTE / 2)
doings = st.builds(
    Doings,
    events=st.lists(st.builds(Event, st.sampled_from("abcx"), moments), max_size=12),
    other_activity=st.lists(moments, max_size=2),
)
everybody = st.lists(doings, min_size=5, max_size=12).map(
    lambda people: {f"p{number}": person for number, person in enumerate(people)}
)
windows = st.one_of(st.none(), st.integers(1, 30).map(lambda half: half * MINUTE / 2))


def widened(window: timedelta | None, by: timedelta) -> timedelta | None:
    return None if window is None else window + by


@PROPERTIES
@given(
    people=everybody, window=windows, within=windows, by=st.integers(1, 20), excluded=st.booleans()
)
def test_any_order_holds_no_fewer_than_order_no_fewer_than_strict_and_wider_windows_no_fewer(
    engine, people, window, within, by, excluded
):
    exclusions = (Exclusion("x", 1, 3),) if excluded else ()
    steps = (ABC[0], ABC[1], replace(ABC[2], within=within))
    narrow, wide = {}, {}
    for mode in ["any", "ordered", "strict"]:
        own = ABC if mode == "any" else steps
        narrow[mode] = Funnel(mode, own, mode, window=window, exclusions=exclusions)
        wide[mode] = replace(narrow[mode], key=f"wide {mode}", window=widened(window, by * MINUTE))
    for counting in ["first_attempt", "every_attempt"]:
        narrow[counting] = replace(narrow["ordered"], key=counting, counting=counting)
        wide[counting] = replace(wide["ordered"], key=f"wide {counting}", counting=counting)
    later = replace(
        narrow["ordered"],
        key="wide step",
        steps=(*ABC[:2], replace(ABC[2], within=widened(within, by * MINUTE))),
    )
    found = engine.matched([*narrow.values(), *wide.values(), later], people)

    def steps_of(key: str, person: str) -> int:
        return sum(len(attempt) for attempt in found.get((key, person), []))

    for person in people:
        assert steps_of("any", person) >= steps_of("ordered", person) >= steps_of("strict", person)
        assert steps_of("ordered", person) >= steps_of("first_attempt", person)
        assert steps_of("wide step", person) >= steps_of("ordered", person)
        for key in narrow:
            assert steps_of(f"wide {key}", person) >= steps_of(key, person)


@PROPERTIES
@given(people=everybody, window=windows, mode=st.sampled_from(["ordered", "strict", "any"]))
def test_a_step_is_never_reached_without_the_one_before_nor_earlier(engine, people, window, mode):
    funnel = Funnel("f", ABC, mode, window=window)
    for attempts in engine.matched([funnel], people).values():
        for attempt in attempts:
            assert list(attempt) == list(range(1, len(attempt) + 1))
            times = list(attempt.values())
            assert mode == "any" or times == sorted(times)
            assert window is None or max(times) - min(times) < window


@PROPERTIES
@given(people=everybody, window=windows, chance=st.randoms(use_true_random=False))
def test_the_order_in_which_events_arrive_changes_nothing_nor_does_sending_them_twice(
    engine, people, window, chance
):
    funnels = [
        Funnel(f"{mode} {counting}", ABC, mode, counting, window)
        for mode, counting in [
            ("ordered", "best_attempt"),
            ("ordered", "every_attempt"),
            ("strict", "first_attempt"),
            ("any", "best_attempt"),
        ]
    ]
    shuffled = {}
    for person in chance.sample(sorted(people), len(people)):
        twice = list(people[person].events) + list(people[person].events[:3])
        chance.shuffle(twice)
        shuffled[person] = replace(people[person], events=twice)
    assert engine.matched(funnels, people) == engine.matched(funnels, shuffled)
