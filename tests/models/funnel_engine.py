"""The funnel models' compiled SQL on tables of a test's own, in memory.

What runs is the very SQL that dbt would send to the warehouse; only the tables it reads are
made here, from `naive_funnel` values, so that a thousand sequences take a second.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path

import duckdb

from tests.models.naive_funnel import Attempt, Event, Funnel, Stage
from tests.small_installation import SmallInstallation

MODELS = [
    "int_funnel__steps",
    "int_funnel__events",
    "int_funnel__sequences",
    "int_funnel__excluded_moments",
    "int_funnel__points",
    "int_funnel__strict_candidates",
    "int_funnel__strict_deadlines",
    "int_funnel__attempt_steps",
]
AS_OF = datetime(2026, 6, 1)


@dataclass(frozen=True)
class Doings:
    """What one person or account did."""

    events: Sequence[Event] = ()
    stages: Sequence[Stage] = ()
    other_activity: Sequence[datetime] = field(default=())


def compile_models(home: Path) -> dict[str, str]:
    """Model → its SQL as dbt compiles it; no warehouse is built."""
    installation = SmallInstallation(home, as_of=None)
    installation.dbt("compile", "--select", *MODELS)
    compiled = installation.settings.dbt_target_dir / "compiled"
    return {name: next(compiled.rglob(f"{name}.sql")).read_text() for name in MODELS}


class FunnelEngine:
    """Runs funnels over sequences; `entity_type` says whose the sequences are."""

    def __init__(self, compiled: Mapping[str, str]):
        self._compiled = compiled
        self._db = duckdb.connect()
        self._db.execute(
            """
            attach ':memory:' as warehouse; use warehouse;
            create schema core; create schema seeds; create schema funnel;
            create table core.dim_as_of (as_of_at timestamp);
            create table core.fct_person_events (
                person_id varchar, account_id varchar, event_name varchar, event_at timestamp
            );
            create table funnel.int_funnel__stage_occurrences (
                entity_type varchar, entity_id varchar, stage varchar,
                earliest_at timestamp, latest_at timestamp
            );
            create table seeds.event_registry (event_name varchar, is_product_activity boolean);
            create table seeds.funnel_definitions (
                funnel_key varchar, funnel_name varchar, product_line varchar, entity_type varchar,
                order_mode varchar, counting varchar, window_hours double,
                tolerance_seconds integer, touch varchar, touch_step_number integer
            );
            create table seeds.funnel_steps (
                funnel_key varchar, step_number integer, step_key varchar, step_name varchar,
                source varchar, names varchar, is_required boolean, within_hours double
            );
            create table seeds.funnel_exclusions (
                funnel_key varchar, from_step integer, to_step integer, source varchar,
                names varchar
            );
            """
        )
        self._fill("core.dim_as_of", [(AS_OF,)])
        self._fill("seeds.event_registry", [("other_activity", True), ("page_viewed", False)])

    def matched(
        self,
        funnels: Iterable[Funnel],
        sequences: Mapping[str, Doings],
        entity_type: str = "person",
    ) -> dict[tuple[str, str], list[Attempt]]:
        """(funnel, entity) → its attempts; entities that never began are left out."""
        self._fill_seeds(funnels, entity_type)
        self._fill_sequences(sequences, entity_type)
        for name in MODELS:
            self._db.execute(f"create or replace table funnel.{name} as {self._compiled[name]}")
        found: dict[tuple[str, str], list[Attempt]] = {}
        rows = self._db.execute(
            "select funnel_key, entity_id, attempt_number, step_number, reached_at, entity_type "
            "from funnel.int_funnel__attempt_steps order by all"
        ).fetchall()
        for funnel, entity, attempt_number, step_number, reached_at, kind in rows:
            assert kind == entity_type
            attempts = found.setdefault((funnel, entity), [])
            if attempt_number > len(attempts):
                attempts.append({})
            assert attempt_number == len(attempts), "attempts are numbered without gaps"
            assert step_number not in attempts[-1], "a step is reached once"
            attempts[-1][step_number] = reached_at
        return found

    def close(self) -> None:
        """Give the memory back."""
        self._db.close()

    def _fill(self, table: str, rows: list[tuple]) -> None:
        self._db.execute(f"delete from {table}")
        if rows:  # one statement: DuckDB takes a millisecond for each
            marks = ", ".join(["(" + ", ".join("?" * len(rows[0])) + ")"] * len(rows))
            self._db.execute(f"insert into {table} values {marks}", list(chain(*rows)))

    def _fill_seeds(self, funnels: Iterable[Funnel], entity_type: str) -> None:
        funnels = list(funnels)
        self._fill(
            "seeds.funnel_definitions",
            [
                (
                    *(f.key, f.key, None, entity_type, f.order_mode, f.counting),
                    *(_hours(f.window), int(f.tolerance.total_seconds()), "first", None),
                )
                for f in funnels
            ],
        )
        self._fill(
            "seeds.funnel_steps",
            [
                (
                    *(f.key, number, f"step_{number}", f"Step {number}", step.source),
                    *("; ".join(step.names), step.is_required, _hours(step.within)),
                )
                for f in funnels
                for number, step in enumerate(f.steps, 1)
            ],
        )
        self._fill(
            "seeds.funnel_exclusions",
            [
                (f.key, exclusion.from_step, exclusion.to_step, exclusion.source, exclusion.name)
                for f in funnels
                for exclusion in f.exclusions
            ],
        )

    def _fill_sequences(self, sequences: Mapping[str, Doings], entity_type: str) -> None:
        events, stages = [], []
        for number, (entity, sequence) in enumerate(sequences.items()):
            happened = [
                *sequence.events,
                *(Event("other_activity", at) for at in sequence.other_activity),
            ]
            for place, event in enumerate(happened):
                # an account's events are those of all its people
                who = (
                    (entity, None)
                    if entity_type == "person"
                    else (f"person {(number + place) % 3}", entity)
                )
                events.append((*who, event.name, event.at))
            stages += [(entity_type, entity, s.name, s.at, s.until) for s in sequence.stages]
        self._fill("core.fct_person_events", events)
        self._fill("funnel.int_funnel__stage_occurrences", stages)


def _hours(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds() / 3600
