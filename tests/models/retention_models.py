"""The retention models' own SQL, as dbt compiled it, run on histories a test makes up.

A build of dbt takes seconds and a history must be cheap to vary, so the compiled queries are run
in an in-memory DuckDB, in the order dbt runs them, on tables named as in the warehouse.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import duckdb

from tests.models.naive_retention import DAY, Entity, Rules

MODELS = [
    "int_retention__entities",
    "int_retention__active_days",
    "int_retention__event_days",
    "int_retention__cohort_returns",
    "rpt_retention_cohorts",
    "int_retention__feature_months",
    "rpt_active_users",
    "rpt_power_users",
    "fct_lifecycle_weeks",
    "rpt_lifecycle",
    "rpt_feature_adoption",
]
COHORTS = MODELS[:5]
INPUTS = {
    "core.dim_as_of": "as_of_date date, as_of_at timestamp",
    "core.dim_people": "person_id varchar, primary_account_id varchar, first_channel varchar, "
    "first_seen_at timestamp, signed_up_at timestamp",
    "core.dim_accounts": "account_id varchar, segment varchar, plan varchar, "
    "signed_up_at timestamp",
    "core.fct_person_days": "person_id varchar, activity_date date, event_name varchar, "
    "count_events bigint",
    "core.fct_account_days": "account_id varchar, activity_date date, event_name varchar, "
    "count_events bigint",
    "activation.fct_person_milestones": "person_id varchar, milestone varchar, "
    "reached_at timestamp",
    "activation.fct_account_milestones": "account_id varchar, milestone varchar, "
    "reached_at timestamp",
    "seeds.retention_definitions": "definition_key varchar, product_line varchar, "
    "start_event varchar, return_event varchar, start_counting varchar, for_people boolean, "
    "for_accounts boolean, by_day boolean, by_week boolean, by_month boolean, has_cuts boolean",
    "seeds.retention_windows": "first_day integer, last_day integer",
    "seeds.milestone_definitions": "product_line varchar, milestone varchar, event_name varchar, "
    "valid_from date, valid_to date",
    "seeds.feature_events": "event_name varchar, feature_key varchar",
}


class RetentionModels:
    """`compiled` is dbt's folder of compiled models, `rules` stand for the seeds."""

    def __init__(self, compiled: Path, rules: Rules):
        self.rules = rules
        self.queries = {}
        for name in MODELS:
            (path,) = compiled.rglob(f"retention/{name}.sql")  # a unit test's is elsewhere
            self.queries[name] = path.read_text()

        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("attach ':memory:' as warehouse; use warehouse")
        for schema in ("core", "activation", "seeds", "retention"):
            self.connection.execute(f"create schema {schema}")
        for name, columns in INPUTS.items():
            self.connection.execute(f"create table {name} ({columns})")
        for name, rows in self._seeds().items():
            self._insert(name, rows)

    def run(
        self,
        entities: Iterable[Entity],
        as_of: date,
        timezone: str = "UTC",
        models: Iterable[str] = MODELS,
    ) -> duckdb.DuckDBPyConnection:
        """The connection, the models built on these entities in the order they are given."""
        self.connection.execute(f"set timezone = '{timezone}'")
        for name, rows in self._facts(list(entities), as_of).items():
            self.connection.execute(f"delete from {name}")
            self._insert(name, rows)
        for name in models:
            self.connection.execute(
                f"create or replace table retention.{name} as {self.queries[name]}"
            )
        return self.connection

    def cohorts(
        self, entities: Iterable[Entity], as_of: date, timezone: str = "UTC"
    ) -> dict[tuple, tuple]:
        """As `naive_retention.cohorts` gives them."""
        rows = (
            self.run(entities, as_of, timezone, COHORTS)
            .execute(
                "select definition_key, entity_type, grain, method, dimension, dimension_value, "
                "cohort_date, period_number, last_period_number, cohort_size, retained, is_mature "
                "from retention.rpt_retention_cohorts"
            )
            .fetchall()
        )
        assert len({row[:9] for row in rows}) == len(rows)
        return {row[:9]: row[9:] for row in rows}

    def _insert(self, name: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            values = ", ".join(map(_row, rows))
            self.connection.execute(f"insert into {name} values {values}")

    def _facts(self, entities: list[Entity], as_of: date) -> dict[str, list[Sequence[Any]]]:
        tables: dict[str, list[Sequence[Any]]] = {
            name: [] for name in INPUTS if not name.startswith("seeds.")
        }
        # now is in the last second of its day
        tables["core.dim_as_of"] = [(as_of, datetime.combine(as_of, time(23, 59, 59)))]
        for entity in entities:
            # half of them sign up at midnight, half in the last second before the next
            late = len(entity.events) % 2
            moment = datetime.combine(entity.signup, time(23, 59, 59) if late else time())
            kind, name = entity.entity_type, entity.entity_id
            if kind == "person":
                channel = entity.cuts["first_channel"]
                tables["core.dim_people"].append((name, None, channel, moment, moment))
            else:
                cuts = (entity.cuts["segment"], entity.cuts["plan"])
                tables["core.dim_accounts"].append((name, *cuts, moment))
            for day, event, count in entity.events:
                tables[f"core.fct_{kind}_days"].append((name, day, event, count))
            for milestone, day in entity.reached.items():
                reached = datetime.combine(day + DAY, time()) - datetime.resolution
                tables[f"activation.fct_{kind}_milestones"].append((name, milestone, reached))
        return tables

    def _seeds(self) -> dict[str, list[Sequence[Any]]]:
        columns = [part.split()[0] for part in INPUTS["seeds.retention_definitions"].split(", ")]
        return {
            "seeds.retention_definitions": [
                [row.get(column) for column in columns] for row in self.rules.definitions
            ],
            "seeds.retention_windows": list(self.rules.windows),
            "seeds.milestone_definitions": [
                ("analytics", row["milestone"], row["event_name"], None, None)
                for row in self.rules.milestones
            ],
            "seeds.feature_events": list(self.rules.features.items()),
        }


def _row(values: Sequence[Any]) -> str:
    return f"({', '.join('null' if value is None else repr(str(value)) for value in values)})"
