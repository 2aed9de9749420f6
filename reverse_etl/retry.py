"""How long to wait before a call is tried again."""

import random
from collections.abc import Callable

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_any,
)
from tenacity.wait import wait_base

from reverse_etl.errors import RetryLater

MAX_ATTEMPTS = 6
MAX_WAIT_SECONDS = 60.0
LONGEST_OBEYED_SECONDS = 300.0


class AskedOrBackOff(wait_base):
    """The destination's ``Retry-After`` where it gave one, else 0.5, 1, 2, 4 … s with jitter.

    Jitter is added above what was asked and spread over the lower half of our own waits, so
    that several syncs do not come back in one instant.
    """

    def __init__(self, chance: random.Random):
        self.chance = chance

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        asked = error.retry_after if isinstance(error, RetryLater) else None
        if asked is not None:
            return asked + self.chance.uniform(0, 0.25)
        longest = min(0.5 * 2 ** (retry_state.attempt_number - 1), MAX_WAIT_SECONDS)
        return longest * self.chance.uniform(0.5, 1.0)


def asks_too_long(retry_state: RetryCallState) -> bool:
    """True where the destination asks for a longer pause than a run should sit through."""
    error = retry_state.outcome.exception() if retry_state.outcome else None
    asked = error.retry_after if isinstance(error, RetryLater) else None
    return asked is not None and asked > LONGEST_OBEYED_SECONDS


def retrying(sleep: Callable[[float], None], chance: random.Random) -> Retrying:
    """A tenacity ``Retrying`` for `RetryLater`; the last error is raised as it is."""
    return Retrying(
        retry=retry_if_exception_type(RetryLater),
        wait=AskedOrBackOff(chance),
        stop=stop_any(stop_after_attempt(MAX_ATTEMPTS), asks_too_long),
        sleep=sleep,
        reraise=True,
    )
