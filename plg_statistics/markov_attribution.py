"""Attribution by a first-order Markov chain of channels: the removal effect.

Every path of touches begins at a start, goes from channel to channel and ends in a conversion or
in nothing. The counted steps give the chance of each next step. A channel's removal effect is the
share of all conversions that would be lost if whoever comes to it went away instead:

    effect(c) = 1 - P(conversion | c leads nowhere) / P(conversion)

(Anderl, Becker, von Wangenheim, Schumann: Mapping the customer journey, International Journal of
Research in Marketing 33, 2016.) The chances of absorption are the solution of one linear system,
``(I - Q) x = r`` (Kemeny, Snell: Finite Markov Chains, 1960, theorem 3.3.7): exact, no simulation.
A step from a channel to itself changes neither side; paths of one touch are a start, a step and
an end like any other.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

EFFECTS = pa.schema(
    [
        ("conversion_type", pa.string()),
        ("channel", pa.string()),
        ("count_visits", pa.int64()),
        ("conversion_probability", pa.float64()),  # of a path, all channels there
        ("probability_without", pa.float64()),  # the channel removed
        ("removal_effect", pa.float64()),
        ("inputs_hash", pa.string()),
    ]
)

# from a channel (None: the start) to a channel (None: the end of the path), converted, how often
Step = tuple[str | None, str | None, bool, int]


def no_effects() -> pa.Table:
    """A result of nothing, with its columns."""
    return EFFECTS.empty_table()


def removal_effects(steps: pa.Table, inputs_hash: str = "") -> pa.Table:
    """Removal effect of every channel for every conversion type.

    ``steps``: conversion_type, from_channel (NULL: start), to_channel (NULL: end), is_conversion,
    count_steps. A type in which nothing converts has effects of NULL: there is nothing to lose.
    """
    by_type: dict[str, list[Step]] = defaultdict(list)
    for row in steps.to_pylist():
        by_type[row["conversion_type"]].append(
            (row["from_channel"], row["to_channel"], row["is_conversion"], row["count_steps"])
        )
    rows = []
    for conversion_type, counted in sorted(by_type.items()):
        chain = Chain(counted)
        whole = chain.conversion_probability()
        for channel in chain.channels:
            without = chain.conversion_probability(removed=channel)
            rows.append(
                {
                    "conversion_type": conversion_type,
                    "channel": channel,
                    "count_visits": chain.visits[channel],
                    "conversion_probability": whole,
                    "probability_without": without,
                    # rounding may leave a channel of no converting path a hair off zero
                    "removal_effect": min(max(1 - without / whole, 0.0), 1.0) if whole else None,
                    "inputs_hash": inputs_hash,
                }
            )
    return pa.Table.from_pylist(rows, schema=EFFECTS)


class Chain:
    """The chain of one conversion type: channels in alphabetical order, the start before them."""

    def __init__(self, steps: Iterable[Step]):
        counted = [step for step in steps if step[3] > 0]
        names = {name for from_, to, _, _ in counted for name in (from_, to)} - {None}
        self.channels: list[str] = sorted(names)
        self.visits: Mapping[str, int] = defaultdict(int)
        place = {None: 0, **{name: number for number, name in enumerate(self.channels, 1)}}
        moves = np.zeros((len(place), len(place)))
        converting = np.zeros(len(place))
        leaving = np.zeros(len(place))
        for from_, to, is_conversion, count in counted:
            leaving[place[from_]] += count
            if to is not None:
                moves[place[from_], place[to]] += count
                self.visits[to] += count
            elif is_conversion:
                converting[place[from_]] += count
        known = np.where(leaving > 0, leaving, 1)
        self._place = place
        self._moves = moves / known[:, None]
        self._converting = converting / known

    def conversion_probability(self, removed: str | None = None) -> float:
        """Chance that a path converts; ``removed``: when who comes to this channel is lost."""
        moves, converting = self._moves.copy(), self._converting.copy()
        if removed is not None:
            gone = self._place[removed]
            moves[gone] = 0
            converting[gone] = 0
        # who can never convert has no chance; without them the rest can always be absorbed, so
        # that the system has one solution even where a circle of channels has no way out
        can = converting > 0
        while True:
            grown = can | (moves[:, can].sum(axis=1) > 0)
            if (grown == can).all():
                break
            can = grown
        if not can[0]:
            return 0.0
        inner = moves[np.ix_(can, can)]
        chances = np.linalg.solve(np.eye(len(inner)) - inner, converting[can])
        return float(chances[0])
