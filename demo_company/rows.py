"""Event rows as columns of whole numbers; texts are positions in dictionaries.

Nothing here is a Python object per event: a month of a large company is a few arrays.
"""

from dataclasses import dataclass, field

import numpy as np

TRACK, PAGE, IDENTIFY, GROUP, ALIAS = range(5)
CALL_TYPES = ("track", "page", "identify", "group", "alias")

EVENTS = (
    "signed_up",
    "logged_in",
    "workspace_created",
    "profile_completed",
    "data_source_connected",
    "sample_data_loaded",
    "dashboard_viewed",
    "report_created",
    "query_run",
    "insight_explored",
    "export_downloaded",
    "alert_created",
    "teammate_invited",
    "invite_accepted",
    "report_shared",
    "comment_added",
    "api_called",
    "integration_added",
    "sso_configured",
    "seats_added",
    "pricing_page_viewed",
    "plans_compared",
    "feature_gate_hit",
    "limit_reached",
    "checkout_started",
    "checkout_completed",
    "query_failed",
    "import_failed",
    "checkout_abandoned",
    "support_contacted",
    "experiment_viewed",
    "usage_reported",
    "upgrade_nudge_clicked",
    "email_unsubscribed",
    "invite_reported",
    "exit_survey_answered",
    "paid_feature_tried",
    "email_opened",
    "docs_viewed",
    "create_report",  # the old name of report_created, planted as dirt
)
EVENT_CODE = {name: code for code, name in enumerate(EVENTS)}

COLUMNS = {
    "t": np.int64,  # true moment, ms
    "kind": np.int8,  # position in CALL_TYPES
    "event": np.int16,  # position in EVENTS; -1: none
    "user": np.int32,  # position of the user; -1: anonymous
    "anon": np.int32,  # position of the anonymous id; -1: none
    "account": np.int32,  # position of the account; -1: none
    "page": np.int32,  # position in Texts.pages; -1: none
    "extra": np.int32,  # position in Texts.extras (properties or traits); -1: made up by event
    "previous": np.int32,  # position in Texts.extras of an alias's previousId; -1: none
    "person": np.int32,  # truth: the person behind the row
}


@dataclass
class Texts:
    """Dictionaries the rows point into."""

    anonymous_ids: list[str] = field(default_factory=list)
    device_context: list[str] = field(default_factory=list)  # one an anonymous id
    pages: list[str] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)
    _page_codes: dict[str, int] = field(default_factory=dict)

    def add_anonymous(self, anonymous_id: str, context: str) -> int:
        self.anonymous_ids.append(anonymous_id)
        self.device_context.append(context)
        return len(self.anonymous_ids) - 1

    def add_extra(self, text: str) -> int:
        self.extras.append(text)
        return len(self.extras) - 1

    def page(self, text: str) -> int:
        if text not in self._page_codes:
            self._page_codes[text] = len(self.pages)
            self.pages.append(text)
        return self._page_codes[text]


@dataclass
class Rows:
    """A table of event rows."""

    columns: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.columns["t"])

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    @classmethod
    def of(cls, count: int, **columns: object) -> "Rows":
        """Columns not given are -1 (`t` must be given)."""
        table = {
            name: np.broadcast_to(np.asarray(columns.get(name, -1), dtype=kind), (count,)).copy()
            for name, kind in COLUMNS.items()
        }
        return cls(table)

    @classmethod
    def concat(cls, parts: list["Rows"]) -> "Rows":
        return cls(
            {
                name: np.concatenate([np.empty(0, kind), *(part[name] for part in parts)])
                for name, kind in COLUMNS.items()
            }
        )

    def take(self, which: np.ndarray) -> "Rows":
        return Rows({name: values[which] for name, values in self.columns.items()})

    def between(self, first_ms: int, end_ms: int) -> "Rows":
        return self.take((self["t"] >= first_ms) & (self["t"] < end_ms))

    def sorted(self) -> "Rows":
        """By moment; ties by call (identify and alias before what follows them), then content."""
        order = np.lexsort((self["event"], self["user"], self["anon"], self["kind"], self["t"]))
        return self.take(order)


class RowList:
    """Collects single rows of low volume (sign-ups, invitations, checkouts)."""

    def __init__(self) -> None:
        self.values: dict[str, list[int]] = {name: [] for name in COLUMNS}

    def add(self, t: int, kind: int, person: int, **columns: int) -> None:
        for name in COLUMNS:
            self.values[name].append(columns.get(name, -1))
        self.values["t"][-1], self.values["kind"][-1] = int(t), kind
        self.values["person"][-1] = person

    def rows(self) -> Rows:
        return Rows({name: np.array(self.values[name], kind) for name, kind in COLUMNS.items()})
