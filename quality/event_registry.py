"""The event registry against what arrives: findings and coverage, kept over the runs.

The models ``core.rpt_event_findings`` and ``core.rpt_event_coverage`` say what is wrong now.
Here that goes into the operations store, where a finding has a history: when it was first
found, whether it is still open, when it was gone.
"""

from dataclasses import dataclass
from decimal import Decimal

import duckdb

from warehouse.ops import OpsStore, utc_now
from warehouse.settings import Settings

# what each check of the registry is about -> the findings it counts
CHECKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "names_are_clear": (
        "Every event name is object_action in snake_case and says what happened to what.",
        ("vague_name", "not_object_action"),
    ),
    "events_are_registered": (
        "Every event that arrives is in seeds/event_registry.csv.",
        ("unregistered",),
    ),
    "one_name_an_action": (
        "No action arrives under two names; an old name belongs into column replaces.",
        ("twin_name",),
    ),
    "properties_hold": (
        "Required properties are there, and every property is of the registered type.",
        ("missing_property", "wrong_type"),
    ),
}
COVERAGE_CHECK = (
    "coverage_is_enough",
    "At least 80 % of the registered, active events were seen in the last 7 days (90 % is good).",
)

_KEY = "finding, event_name, subject, observed"
_FACTS = "expected, count_events, share_pct, first_event_at, last_event_at, example_message_id"


@dataclass(frozen=True)
class Finding:
    """One fault of the instrumentation, as it is now."""

    finding: str
    event_name: str
    subject: str
    expected: str
    observed: str
    count_events: int
    share_pct: Decimal | None

    def sentence(self) -> str:
        about = f" {self.subject}" if self.subject else ""
        return (
            f"{self.event_name}{about}: {self.finding.replace('_', ' ')}: expected "
            f"{self.expected}, found {self.observed} ({self.count_events:,} events)"
        )


@dataclass(frozen=True)
class RegistryReport:
    """What a look at the registry found; ``coverage_pct`` is None for an empty registry."""

    findings: tuple[Finding, ...]
    coverage_pct: Decimal | None
    coverage_verdict: str | None

    def of(self, check: str) -> tuple[Finding, ...]:
        kinds = CHECKS[check][1]
        return tuple(finding for finding in self.findings if finding.finding in kinds)


def check_event_registry(settings: Settings) -> RegistryReport:
    """Read the two reports from the warehouse and bring the operations store up to date."""
    with duckdb.connect(str(settings.warehouse_path)) as warehouse:
        findings = warehouse.sql(
            f"select {_KEY}, {_FACTS} from core.rpt_event_findings order by all"
        ).to_arrow_table()
        coverage = warehouse.sql(
            "select as_of_date, category, count_registered, count_seen, coverage_pct, verdict "
            "from core.rpt_event_coverage order by all"
        ).to_arrow_table()
    _write_down(settings, findings, coverage)
    whole = next((row for row in coverage.to_pylist() if row["category"] == "all"), None)
    return RegistryReport(
        findings=tuple(
            Finding(
                **{name: row[name] for name in Finding.__dataclass_fields__},
            )
            for row in findings.to_pylist()
        ),
        coverage_pct=whole["coverage_pct"] if whole else None,
        coverage_verdict=whole["verdict"] if whole else None,
    )


def _write_down(settings: Settings, findings, coverage) -> None:
    now = utc_now()
    with OpsStore(settings.ops_path).transaction() as connection:
        connection.register("found", findings)
        connection.register("covered", coverage)
        connection.execute(
            "update event_findings set state = 'resolved', resolved_at = ? where state = 'open' "
            f"and ({_KEY}) not in (select ({_KEY}) from found)",
            [now],
        )
        connection.execute(
            f"insert into event_findings ({_KEY}, {_FACTS}, state, first_found_at, last_found_at) "
            f"select {_KEY}, {_FACTS}, 'open', $now, $now from found "
            f"on conflict ({_KEY}) do update set expected = excluded.expected, "
            "count_events = excluded.count_events, share_pct = excluded.share_pct, "
            "first_event_at = excluded.first_event_at, last_event_at = excluded.last_event_at, "
            "example_message_id = excluded.example_message_id, state = 'open', "
            "last_found_at = excluded.last_found_at, resolved_at = null",
            {"now": now},
        )
        connection.execute(
            "insert or replace into event_coverage (as_of_date, category, count_registered, "
            "count_seen, coverage_pct, verdict, checked_at) select *, ? from covered",
            [now],
        )
        connection.unregister("found")
        connection.unregister("covered")
