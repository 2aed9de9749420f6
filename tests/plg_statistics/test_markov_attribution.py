"""The removal effect: worked by hand, by another linear solution, by simulated walks."""

import random
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plg_statistics.markov_attribution import EFFECTS, Chain, no_effects, removal_effects
from tests.models import naive_attribution

CHANNELS = ["email", "paid", "search", "social"]
PATHS = st.lists(
    st.tuples(st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=5), st.booleans()),
    min_size=1,
    max_size=15,
)


def steps_of(paths) -> Counter:
    """(from, to, converted) → how often, of (channels, converted) paths."""
    steps = Counter()
    for channels, converted in paths:
        states = [None, *channels]
        for from_, to in zip(states, channels, strict=False):
            steps[from_, to, False] += 1
        steps[channels[-1], None, converted] += 1
    return steps


def table_of(paths, conversion_type="signup") -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "conversion_type": conversion_type,
                "from_channel": from_,
                "to_channel": to,
                "is_conversion": converted,
                "count_steps": count,
            }
            for (from_, to, converted), count in steps_of(paths).items()
        ],
        schema=pa.schema(
            [
                ("conversion_type", pa.string()),
                ("from_channel", pa.string()),
                ("to_channel", pa.string()),
                ("is_conversion", pa.bool_()),
                ("count_steps", pa.int64()),
            ]
        ),
    )


def effects_of(paths) -> dict[str, float | None]:
    rows = removal_effects(table_of(paths)).to_pylist()
    return {row["channel"]: row["removal_effect"] for row in rows}


def test_three_paths_worked_by_hand():
    """search>email converts, email>social does not, search converts.

    From the start 2/3 come to search, 1/3 to email; of two leaving search one converts and one
    goes to email; of two leaving email one converts and one goes to social; social leads nowhere.
    P = 2/3·(1/2 + 1/2·1/2) + 1/3·1/2 = 2/3. Without search 1/3·1/2 = 1/6: effect 3/4. Without
    email 2/3·1/2 = 1/3: effect 1/2. Without social nothing is lost.
    """
    effects = effects_of(
        [(["search", "email"], True), (["email", "social"], False), (["search"], True)]
    )
    assert effects == {
        "email": pytest.approx(0.5, abs=1e-15),
        "search": pytest.approx(0.75, abs=1e-15),
        "social": 0,
    }


def test_three_channels_in_a_row():
    """C1>C2>C3 converts, C1 and C2>C3 do not.

    From the start 2/3 come to C1, 1/3 to C2; half of C1 go on to C2, all of C2 to C3, half of C3
    convert. P = (2/3·1/2 + 1/3)·1/2 = 1/3; without C1 1/3·1/2 = 1/6; without C2 or C3 nothing.
    """
    rows = removal_effects(
        table_of([(["C1", "C2", "C3"], True), (["C1"], False), (["C2", "C3"], False)])
    ).to_pylist()
    assert [row["conversion_probability"] for row in rows] == [pytest.approx(1 / 3)] * 3
    assert [row["removal_effect"] for row in rows] == [pytest.approx(0.5), 1, 1]


def test_the_only_channel_loses_everything():
    assert effects_of([(["email"], True), (["email", "email"], False)]) == {"email": 1}


def test_a_channel_of_no_converting_path_loses_nothing():
    assert effects_of([(["email"], True), (["social", "paid"], False)])["social"] == 0


def test_equal_channels_have_equal_effects():
    effects = effects_of([(["email"], True), (["social"], True), (["email", "social"], False)] * 3)
    mirrored = effects_of([(["social"], True), (["email"], True), (["social", "email"], False)] * 3)
    assert effects["email"] == pytest.approx(mirrored["social"], abs=1e-15)


def test_a_step_from_a_channel_to_itself_changes_nothing():
    once = [(["email", "social"], True), (["social"], False)]
    again = [(["email", "email", "email", "social", "social"], True), (["social"], False)]
    assert effects_of(again) == pytest.approx(effects_of(once))


def test_where_nothing_converts_there_is_nothing_to_lose():
    assert effects_of([(["email"], False)]) == {"email": None}


def test_no_paths_have_no_effects():
    assert removal_effects(table_of([])).equals(no_effects())
    assert no_effects().schema == EFFECTS


def test_a_circle_without_a_way_out_is_lost_and_does_no_harm():
    chain = Chain(
        [(None, "a", False, 1), (None, "b", False, 1), ("a", None, True, 1), ("b", "c", False, 1),
         ("c", "b", False, 1)]
    )  # fmt: skip
    assert chain.conversion_probability() == 0.5
    assert chain.conversion_probability(removed="b") == 0.5


def test_types_are_told_apart():
    table = pa.concat_tables(
        [table_of([(["email"], True)], "signup"), table_of([(["paid"], True)], "pql")]
    )
    found = {(row["conversion_type"], row["channel"]) for row in removal_effects(table).to_pylist()}
    assert found == {("signup", "email"), ("pql", "paid")}


@settings(max_examples=150, deadline=None)
@given(PATHS)
def test_any_paths_agree_with_the_fundamental_matrix(paths):
    """Lost without c are those who ever come to c and convert from there.

    Ever coming to c has the chance N[start, c] / N[c, c] of the fundamental matrix.
    """
    effects = effects_of(paths)
    names = sorted({channel for channels, _ in paths for channel in channels})
    place = {None: 0, **{name: number for number, name in enumerate(names, 1)}}
    counts, ends = np.zeros((len(place), len(place))), np.zeros(len(place))
    leaving = np.zeros(len(place))
    for (from_, to, converted), count in steps_of(paths).items():
        leaving[place[from_]] += count
        if to is not None:
            counts[place[from_], place[to]] += count
        elif converted:
            ends[place[from_]] += count
    fundamental = np.linalg.inv(np.eye(len(place)) - counts / leaving[:, None])
    chances = fundamental @ (ends / leaving)
    # every path is in the chain: as many convert as did
    share = sum(converted for _, converted in paths) / len(paths)
    assert chances[0] == pytest.approx(share)
    for name in names:
        c = place[name]
        if share == 0:
            assert effects[name] is None
            continue
        lost = fundamental[0, c] / fundamental[c, c] * chances[c]
        assert effects[name] == pytest.approx(lost / chances[0], abs=1e-9)
        if any(won and name in path for path, won in paths):
            assert effects[name] > 1e-12, "a converting path would be left without credit"


@settings(max_examples=40, deadline=None)
@given(PATHS)
def test_any_paths_agree_with_a_walk_step_by_step(paths):
    expected = naive_attribution.removal_effects(
        [path for path, won in paths if won], [path for path, won in paths if not won]
    )
    found = {name: effect for name, effect in effects_of(paths).items() if effect is not None}
    assert found == pytest.approx(expected, abs=1e-9)


def test_a_simulation_comes_to_the_same():
    """20,000 visitors thrown through the chain: a removal costs what the effect says."""
    dice = random.Random(3)
    paths = [
        (dice.choices(CHANNELS, [4, 3, 2, 1], k=dice.randint(1, 4)), dice.random() < 0.4)
        for _ in range(60)
    ]
    following = {}
    for (from_, to, converted), count in steps_of(paths).items():
        following.setdefault(from_, Counter())[to if to else converted] += count
    drawn = {state: (list(counts), list(counts.values())) for state, counts in following.items()}

    def converts(removed: str | None) -> bool:
        state = None
        while True:
            state = dice.choices(*drawn[state])[0]
            if isinstance(state, bool):
                return state
            if state == removed:
                return False

    walks = 20_000
    whole = sum(converts(None) for _ in range(walks)) / walks
    for channel, effect in effects_of(paths).items():
        without = sum(converts(channel) for _ in range(walks)) / walks
        assert 1 - without / whole == pytest.approx(effect, abs=0.03)
