"""How Python collects garbage in a run.

Dagster's definitions, dbt's manifest and Great Expectations are some two million objects
that live as long as the process. Every full collection walks all of them: a third of the
time of a small run, for nothing.
"""

import gc

_ALLOCATIONS_BETWEEN_COLLECTIONS = 1_000_000


def collect_rarely() -> None:
    """Collect after a million allocations instead of 700, and old objects seldom."""
    gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS, 20, 50)


def keep_what_is_loaded() -> None:
    """Leave all objects of now out of every later collection, the one at exit included."""
    gc.freeze()
