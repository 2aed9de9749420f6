"""How Python collects garbage in a run, and how a command ends.

Dagster's definitions, dbt's manifest and Great Expectations are some two million objects
that live as long as the process. Every full collection walks all of them: a third of the
time of a small run, for nothing; the collection at exit alone takes seconds.
"""

import atexit
import gc

from warehouse.ending import say_nothing_more

_ALLOCATIONS_BETWEEN_COLLECTIONS = 1_000_000


def collect_rarely() -> None:
    """Collect after a million allocations instead of 700, and old objects seldom."""
    gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS, 20, 50)


def keep_what_is_loaded() -> None:
    """Leave all objects of now out of every later collection but the one at exit."""
    gc.freeze()
    atexit.register(gc.unfreeze)


def end_quickly() -> None:
    """For `atexit`, registered first so that it runs last: no collection of what ends anyway."""
    gc.freeze()
    say_nothing_more()
