"""The text of a card. What is not measured is said to be so; nothing is left blank."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any

from warehouse.model_cards.facts import ModelFacts, Row
from warehouse.model_cards.render import Block, Bullets, Heading, Note, Table, Text

NOT_MEASURED = "not yet measured"

_METHODS = {
    "sum": "Each sign below gives points; the score is their sum.",
    "normalised": "Each sign below gives points. What people did is divided by the logarithm of "
    "how many there are (never by less than 1) and weighed by the company's potential; "
    "then the points for fit are added.",
    "triggers": "Each rule is a pattern of events; the strongest rule that is met is the score.",
}
_COUNTED = {
    "event_count": "at least {n}: {events}",
    "distinct_days": "on at least {n} days: {events}",
    "distinct_users": "by at least {n} people: {events}",
    "session_count": "in at least {n} sittings: {events}",
    "busy_days": "on at least {n} days, {threshold} or more a day: {events}",
    "not_followed": "{events}, and not {unless} within {threshold} hours",
    "quota_share": "more than {share} of the quota used",
}
_ATTRIBUTES = {
    "icp_match": "the ideal customer profile",
    "business_email": "a business e-mail address",
    "employees": "at least {threshold} employees",
    "hiring_signals": "the company is hiring",
}
_EVENTS = {"*": "any activity", "*power": "any power feature"}
_STATUS = {
    "live": "live: it is scored every day and its hot and warm accounts are handed to Sales",
    "shadow": "in shadow: it is scored every day and nothing is handed to anybody by it",
    "retired": "retired: it is scored no more; its history stays",
}
_MEASURES = {
    "selection_rate": "Selected",
    "precision": "Paid, of the selected",
    "recall": "Selected, of those who paid",
    "false_positive_rate": "Selected, of those who did not pay",
}


def card(facts: ModelFacts) -> list[Block]:
    """The blocks of one model's card, in the order they are read."""
    sections: Sequence[Callable[[ModelFacts], Iterable[Block]]] = (
        _head, _purpose, _points, _tiers, _proof, _pipeline, _feedback, _fairness, _drift,
        _weights_proposed, _approvals, _history, _inputs, _limits,
    )  # fmt: skip
    return [block for section in sections for block in section(facts)]


def title(facts: ModelFacts) -> str:
    return f"Model card: {facts.model_key}"


# --- who it is ----------------------------------------------------------------------------------


def _head(facts: ModelFacts) -> Iterable[Block]:
    model = facts.model
    yield Heading(title(facts), 1)
    since = f" since {model['status_since']}" if model.get("status_since") else ""
    parts = [
        f"Version {model['version']}",
        f"{model['status']}{since}",
        f"scores {'people' if model['level'] == 'user' else 'accounts'}",
        f"as of {_day(facts.as_of)}" if facts.as_of else "nothing published yet",
    ]
    yield Text(" · ".join(parts))
    yield Text(_sentence(model.get("description") or "No description is given."))
    yield from _flags(facts)
    yield Heading("In short")
    yield Bullets(list(_in_short(facts)))


def _flags(facts: ModelFacts) -> Iterable[Block]:
    silent = _unversioned(facts)
    if silent:
        names = ", ".join(sorted({row["part_key"] for row in silent}))
        since = min(row["recorded_at"] for row in silent)
        yield Note(
            f"Changed without a new version since {_day(since)}: {names}. Scores before and after "
            "are not comparable. Raise the version in seeds/pql_models.csv.",
            "bad",
        )
    if facts.model["status"] == "live" and not facts.model.get("approved_by"):
        yield Note("It is live, and nobody is named who approved it.", "bad")
    uneven = sorted(
        {
            f"{_plain(row['dimension'])} {row['dimension_value']}"
            for row in facts.rows("rpt_bias_review")
            if row.get("flag") == "act"
        }
    )
    if uneven:
        yield Note(
            f"It does not treat all groups alike: {', '.join(uneven)}. See below, and decide "
            "whether the difference is meant."
        )


def _in_short(facts: ModelFacts) -> Iterable[str]:
    model, what = facts.model, _what(facts)
    yield f"Status: {_STATUS.get(model['status'], model['status'])}."
    if facts.count_scored:
        counts = ", ".join(
            f"{facts.tier_counts.get(row['tier'], 0):,} {row['tier']}" for row in facts.tiers
        )
        scored = (
            f"{facts.count_scored:,} {what}"
            if model["level"] != "user"
            else f"{facts.count_scored:,} people with any points"
        )
        yield f"On {facts.last_scored}: {scored}, of these {counts}."
    else:
        yield f"Today's tiers: {NOT_MEASURED} (no score is published)."
    bound = _pql_bound(facts)
    if bound is None:
        yield f"Do its picks pay? {_capital(NOT_MEASURED)}: there is no back-test of it."
    else:
        yield (
            f"Of its picks ({_cut(bound)}) {_interval(bound, 'conversion_rate')} paid in the "
            f"window after the look, from {_count(bound, 'n')} looks at "
            f"{_count(bound, 'n_accounts')} {what}; "
            f"it found {_interval(bound, 'recall')} of those who paid. "
            f"That is {_interval(bound, 'lift', _times)} the average."
        )
    paid = _total(facts, "pql_to_paid")
    if paid is None or paid.get("rate") is None:
        yield f"PQL to paid: {NOT_MEASURED}."
    else:
        yield f"PQL to paid within {paid['within_days']} days: {_rate(paid)}; {_judged(paid)}."
    failing = [row for row in facts.rows("rpt_promotion") if not row.get("is_met")]
    if "pql.rpt_promotion" not in facts.tables or not facts.rows("rpt_promotion"):
        yield f"Conditions for being live: {NOT_MEASURED}."
    elif failing:
        yield f"Conditions for being live not met: {len(failing)} (see Proof)."
    else:
        yield "All conditions for being live are met."


def _purpose(facts: ModelFacts) -> Iterable[Block]:
    yield Heading("What it is for")
    if facts.model["level"] == "user":
        yield Text(
            "To say whom to talk to in an account that is worth talking to. Sales acts on "
            "accounts; this names the people in them."
        )
    else:
        yield Text(
            "To say which free or trial accounts behave as those do that are ready to pay or to "
            "talk, so that Sales calls these first. It ranks; it does not decide about anybody: a "
            "rep sees the reasons and may reject the lead with one."
        )
    yield Bullets(
        [
            "Not for accounts that pay: they have no score (see the expansion queue).",
            "Not for prices, credit, contracts, or judging employees of a customer or of ours.",
            "Not for comparing two versions, or two models, by their points: compare what paid.",
        ]
    )


# --- how it scores ------------------------------------------------------------------------------


def _points(facts: ModelFacts) -> Iterable[Block]:
    model = facts.model
    yield Heading("How it scores")
    most = float(model["max_points"])
    yield Text(
        f"{_METHODS.get(model['method'], 'Method ' + model['method'] + '.')} "
        f"Scores run from {_number(model.get('min_points') or 0)} to {_number(most)} points; the "
        f"CRM shows 1 at {_number(model['score_1_points'])} and 10 at "
        f"{_number(model['score_10_points'])}. The score of a day uses what was known at its end."
    )
    if not facts.signals:
        yield Text("No signals are defined.")
        return
    signals = sorted(facts.signals, key=lambda row: (-float(row["points"]), row["signal_key"]))
    largest = max(abs(float(row["points"])) for row in signals) or 1
    yield Table(
        ["Signal", "Points", "Category", "What counts", "How long", "Fades", "Has it today"],
        [
            [
                row["signal_key"].replace("_", " "),
                _signed(row["points"]),
                row["category"],
                _evidence(row),
                f"{row['window_days']} days" if row.get("window_days") else "as long as it is so",
                f"half in {row['half_life_days']} days" if row.get("half_life_days") else "no",
                _has_it(facts, row["signal_key"]),
            ]
            for row in signals
        ],
        frozenset({1, 6}),
        {(n, 1): abs(float(row["points"])) / largest for n, row in enumerate(signals)},
    )


def _evidence(row: Row) -> str:
    threshold = row.get("threshold")
    words = {
        "n": row["min_count"],
        "events": _events(row.get("event_names")),
        "unless": _events(row.get("unless_event_names")),
        "threshold": _number(threshold) if threshold else "any",
        "share": f"{float(threshold):.0%}" if threshold else "any",
    }
    if row["kind"] == "attribute":
        attribute = row.get("attribute") or "attribute"
        if attribute not in _ATTRIBUTES and attribute.startswith("icp_"):
            return f"{attribute.removeprefix('icp_')} of the ideal customer profile"
        return _ATTRIBUTES.get(attribute, attribute.replace("_", " ")).format(**words)
    kind = _COUNTED.get(row["kind"], row["kind"].replace("_", " ") + " of {events}, at least {n}")
    text = kind.format(**words)
    if row["min_count"] == "1":
        text = text.replace("at least 1 days", "a day").replace("at least 1 people", "somebody")
    if row.get("rule_key"):
        text += f" (with the others of rule {row['rule_key'].replace('_', ' ')})"
    return text


def _events(names: str | None) -> str:
    parts = (names or "").split(";")
    return " or ".join(_EVENTS.get(name, name.replace("_", " ")) for name in parts)


def _has_it(facts: ModelFacts, signal: str) -> str:
    if not facts.count_scored:
        return NOT_MEASURED
    return _percent(facts.signal_counts.get(signal, (0, 0))[0] / facts.count_scored)


def _tiers(facts: ModelFacts) -> Iterable[Block]:
    yield Heading("What a score leads to")
    measured = {str(row.get("tier") or row["cut"]): row for row in _cuts(facts, "tier")}
    yield Table(
        ["Tier", "From", "What is done", "Within", "Today", "Should pay", "Paid in back-test"],
        [
            [
                row["tier"],
                _number(row["min_points"]),
                row["action"],
                _minutes(row.get("sla_minutes")),
                _today(facts, row["tier"]),
                _expected(row),
                _interval(measured.get(row["tier"]), "conversion_rate"),
            ]
            for row in facts.tiers
        ],
        frozenset({1, 4}),
    )  # fmt: skip


def _today(facts: ModelFacts, tier: str) -> str:
    return f"{facts.tier_counts.get(tier, 0):,}" if facts.count_scored else NOT_MEASURED


def _expected(tier: Row) -> str:
    low, high = tier.get("expected_conversion_from"), tier.get("expected_conversion_to")
    if low is None and high is None:
        return "no target"
    return f"{float(low or 0):.0%} to {float(high):.0%}" if high else f"{float(low):.0%} or more"


# --- is it any good -----------------------------------------------------------------------------


def _proof(facts: ModelFacts) -> Iterable[Block]:
    yield Heading("Proof")
    yield Text(
        "Accounts are looked at on past days with what was known then, and compared with who paid "
        "in the window after. Intervals hold 95% of the time."
    )
    yield Heading("By tier and bound", 3)
    cuts = [*_cuts(facts, "tier"), *(row for row in _cuts(facts, "threshold") if _is_bound(row))]
    if not cuts:
        yield Text(f"Back-test: {NOT_MEASURED}.")
    else:
        yield Table(
            ["Whom it picks", "Looks", "Paid (precision)", "Of all who paid (recall)", "Lift"],
            [
                [
                    _cut(row),
                    _count(row, "n"),
                    _interval(row, "precision"),
                    _interval(row, "recall"),
                    _interval(row, "lift", _times),
                ]
                for row in cuts
            ],
            frozenset({1}),
        )
    yield Heading("Does the score mean what it says?", 3)
    calibration = next((r for r in facts.rows("rpt_calibration") if r.get("cut") == "all"), None)
    if calibration is None or calibration.get("calibration_error") is None:
        yield Text(f"Calibration: {NOT_MEASURED}.")
    else:
        verdict = {True: "it holds", False: "it does not hold"}.get(
            calibration.get("is_calibrated"), "too little to say whether it holds"
        )
        yield Text(
            f"Predicted from the earlier windows {_percent(calibration['predicted_rate'])}, "
            f"observed in the latest {_interval(calibration, 'observed_rate')}: {verdict}. "
            f"Expected calibration error {_percent(calibration['calibration_error'])}, Brier score "
            f"{_decimal(calibration.get('brier_score'), places=4)}."
        )
    yield Heading("Conditions for being live", 3)
    conditions = sorted(
        facts.rows("rpt_promotion"), key=lambda row: row.get("condition_order") or 0
    )
    if not conditions:
        yield Text(f"Conditions: {NOT_MEASURED}.")
    else:
        yield Table(
            ["Condition", "Measured", "Needed", "Met"],
            [
                [
                    _capital(row.get("description") or str(row["condition"]).replace("_", " ")),
                    _decimal(row.get("value")),
                    _decimal(row.get("needed"), "-"),
                    "yes" if row.get("is_met") else "NO",
                ]
                for row in conditions
            ],
            frozenset({1, 2}),
        )
    hints = [row for row in facts.rows("rpt_tuning_hints") if row.get("hint")]
    if hints:
        yield Heading("What the figures suggest", 3)
        yield Bullets([_sentence(str(row["hint"])) for row in hints])


def _pipeline(facts: ModelFacts) -> Iterable[Block]:
    yield Heading("What became of its PQLs")
    rows = [r for r in facts.rows("rpt_qualification_pipeline") if r.get("cohort_grain") == "total"]
    if not rows:
        yield Text(
            f"{_capital(NOT_MEASURED)}"
            + (": people are no PQLs, accounts are." if facts.model["level"] == "user" else ".")
        )
        return
    names = {
        "signup_to_pql": "Sign-up to PQL",
        "pql_to_sql": "PQL to sales-qualified",
        "pql_to_opportunity": "PQL to opportunity",
        "pql_to_paid": "PQL to paid",
    }
    order = {key: place for place, key in enumerate(names)}
    rows.sort(key=lambda row: (order.get(row["conversion_key"], len(order)), row["conversion_key"]))
    yield Table(
        ["From, to", "Rate", "Of", "Median days", "Waited for", "Judgement"],
        [
            [
                names.get(row["conversion_key"], row["conversion_key"].replace("_", " ")),
                _rate(row) if row.get("rate") is not None else NOT_MEASURED,
                _count(row, "denominator"),
                _decimal(row.get("median_days"), places=0),
                f"{row['within_days']} days",
                _judged(row),
            ]
            for row in rows
        ],
        frozenset({2, 3}),
    )
    yield Text("Months are counted once everybody in them has had the time waited for.")


def _feedback(facts: ModelFacts) -> Iterable[Block]:
    yield Heading("What Sales says")
    rows = [r for r in facts.rows("rpt_pql_feedback") if r.get("cohort_grain", "total") == "total"]
    if not rows:
        yield Text(f"Acceptance and rejections: {NOT_MEASURED}.")
        return
    yield Table(
        [
            "Tier",
            "Handed over",
            "Answered",
            "Accepted",
            "Rejected",
            "Opportunity",
            "Won",
            "Judgement",
        ],
        [
            [
                str(row["tier"]),
                _count(row, "count_handoffs"),
                _count(row, "count_answered"),
                _percent(row.get("acceptance_rate")),
                _percent(row.get("rejection_rate")),
                _percent(row.get("opportunity_rate")),
                _percent(row.get("close_rate")),
                str(row.get("state") or NOT_MEASURED).replace("_", " "),
            ]
            for row in rows
        ],
        frozenset({1, 2, 3, 4, 5, 6}),
    )
    reasons: dict[str, int] = {}
    for row in facts.rows("rpt_pql_rejections"):
        if row.get("signal_key") == "all" and row["reason"] != "all":
            reasons[row["reason"]] = reasons.get(row["reason"], 0) + row["count_rejected"]
    if reasons:
        ranked = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        yield Text(
            "Rejected because: "
            + ", ".join(f"{name.replace('_', ' ')} ({n})" for name, n in ranked)
        )


def _fairness(facts: ModelFacts) -> Iterable[Block]:
    yield Heading("Does it treat groups alike?")
    rows = [row for row in facts.rows("rpt_bias_review") if row.get("measure") == "selection_rate"]
    bounds = {row["cut"] for row in rows}
    if not rows:
        yield Text(f"Bias review: {NOT_MEASURED}.")
        return
    lowest = min(
        bounds,
        key=lambda cut: min(float(r.get("threshold_points") or 0) for r in rows if r["cut"] == cut),
    )
    every = [row for row in facts.rows("rpt_bias_review") if row["cut"] == lowest]
    values = {(r["dimension"], r["dimension_value"], r["measure"]): r for r in every}
    groups = sorted({(r["dimension"], str(r["dimension_value"])) for r in every})
    measures = [m for m in _MEASURES if any(r["measure"] == m for r in every)]
    worst = {"act": 3, "watch": 2, "ok": 1, "too_few": 0}
    lines = []
    for dimension, group in groups:
        cells = [values.get((dimension, group, measure)) for measure in measures]
        flags = [cell["flag"] for cell in cells if cell and cell.get("flag")]
        flag = max(flags, key=lambda name: worst.get(name, 0)) if flags else "too_few"
        lines.append(
            [
                f"{_plain(dimension)}: {group}",
                _count(cells[0] or {}, "n_accounts"),
                *(_percent(cell["value"]) if cell else NOT_MEASURED for cell in cells),
                {"act": "act", "watch": "watch", "ok": "alike"}.get(flag, "too few to say"),
            ]
        )
    yield Text(
        f"Of {lowest} and above. A rate under four fifths of the best group's is to be watched; "
        "where its whole interval is, something is to be done."
    )
    names = [_MEASURES[measure] for measure in measures]
    figures = frozenset(range(1, 2 + len(measures)))
    yield Table(["Group", "Accounts", *names, "Verdict"], lines, figures)


def _drift(facts: ModelFacts) -> Iterable[Block]:
    yield Heading("Has anything shifted?")
    rows = [row for row in facts.rows("rpt_drift") if row.get("month") is not None]
    if not rows:
        yield Text(f"Drift: {NOT_MEASURED}.")
        return
    newest = max(row["month"] for row in rows)
    shifted = [
        row for row in rows if row["month"] == newest and row.get("status") in ("watch", "act")
    ]
    if not shifted:
        if all(row["status"] == "too_few" for row in rows if row["month"] == newest):
            yield Text(f"In {newest:%B %Y} there were too few accounts to say.")
        else:
            yield Text(f"In {newest:%B %Y} scores and signals were as in the reference months.")
        return
    yield Table(
        ["What", "Accounts looked at", "Shift (PSI)", "Verdict"],
        [
            [
                str(row["item"]).replace("_", " "),
                f"{row['population']}, {_count(row, 'n')} looks",
                _decimal(row.get("psi")),
                str(row["status"]),
            ]
            for row in sorted(shifted, key=lambda r: -(float(r.get("psi") or 0)))
        ],
        frozenset({2}),
    )
    yield Text(f"{newest:%B %Y} against the reference months; 0.10 is watched, 0.25 acted on.")


def _weights_proposed(facts: ModelFacts) -> Iterable[Block]:
    yield Heading("Weights today, and what the data would propose")
    rows = facts.rows("rpt_recalibration")
    if not rows:
        yield Text(f"Recalibration: {NOT_MEASURED}.")
        return
    if all(row.get("verdict") == "not_enough_data" for row in rows):
        yield Text(
            f"Recalibration: {NOT_MEASURED}: too few conversions "
            f"({_count(rows[0], 'conversions')}) to propose anything."
        )
        return
    rows.sort(key=lambda row: (-float(row.get("current_points") or 0), row["signal_key"]))
    yield Table(
        ["Signal", "Today", "Proposed", "What the data say"],
        [
            [
                str(row["signal_key"]).replace("_", " "),
                _decimal(row.get("current_points"), places=0),
                _decimal(row.get("proposed_points"), "none", 0),
                str(row["verdict"]).replace("_", " "),
            ]
            for row in rows
        ],
        frozenset({1, 2}),
    )
    yield Text("A proposal changes nothing until a person accepts it.")


# --- who answers for it -------------------------------------------------------------------------


def _approvals(facts: ModelFacts) -> Iterable[Block]:
    yield Heading("Who approved it")
    model = facts.model
    if not facts.promotions:
        by = model.get("approved_by")
        yield Text(
            f"Version {model['version']}, {model['status']}: "
            + (f"approved by {by}." if by else "nobody has approved it for use by Sales.")
        )
        return
    yield Table(
        ["Version", "Put live on", "By", "In shadow since", "Note"],
        [
            [
                row["version"],
                row["promoted_on"],
                row["approved_by"],
                row.get("shadow_from") or "never",
                (row.get("note") or "none")
                + (" (an exception)" if row.get("is_exception") == "true" else ""),
            ]
            for row in sorted(facts.promotions, key=lambda r: int(r["version"]))
        ],
    )


def _history(facts: ModelFacts) -> Iterable[Block]:
    yield Heading("Versions")
    rows = sorted(
        facts.rows("fct_model_changes"),
        key=lambda row: (row["build_number"], row["part"], row["part_key"]),
    )
    if not rows:
        yield Text(f"History: {NOT_MEASURED}; it begins with the first build.")
        return
    lines = []
    first = [row for row in rows if row["change"] == "first"]
    if first:
        signals = sum(row["part"] == "signal" for row in first)
        lines.append(
            [
                _day(first[0]["recorded_at"]),
                str(first[0]["version"]),
                f"first seen here, with {signals} signals",
                "",
            ]
        )
    for row in rows:
        if row["change"] != "first":
            lines.append(
                [
                    _day(row["recorded_at"]),
                    str(row["version"]),
                    _change(row),
                    "WITHOUT A NEW VERSION" if row["is_without_version"] else "",
                ]
            )
    yield Table(["As of", "Version", "What changed", "Remark"], _with_dashes(lines))


def _change(row: Row) -> str:
    name = f"{row['part']} {row['part_key']}".replace("_", " ")
    if row["part"] in ("signal", "tier") and row["change"] == "changed":
        before, after = row.get("from_points"), row.get("to_points")
        if before is not None and after is not None and before != after:
            return f"{name}: {_number(before)} → {_number(after)} points"
    if row["change"] == "changed":
        return f"{name}: {row['from_definition']} → {row['to_definition']}"
    return f"{name} {row['change']}"


def _inputs(facts: ModelFacts) -> Iterable[Block]:
    yield Heading("Its data")
    if facts.last_scored is None:
        yield Text(f"Days scored: {NOT_MEASURED}.")
    else:
        yield Text(
            f"Scored for every day from {facts.first_scored} to {facts.last_scored}; "
            f"{facts.count_scored:,} {_what(facts)} on the last."
        )
    asked = [row["signal_key"] for row in facts.signals if row.get("sentence_missing")]
    if not asked:
        yield Text("None of its inputs can be unknown: what is not seen did not happen.")
        return
    yield Text("An input that is unknown gives no points, and is shown to the rep as unknown:")
    yield Bullets(
        [
            f"{key.replace('_', ' ')}: unknown for "
            + (
                f"{_percent(facts.signal_counts.get(key, (0, 0))[1] / facts.count_scored)} of them"
                if facts.count_scored
                else f"({NOT_MEASURED})"
            )
            for key in asked
        ]
    )


def _limits(facts: ModelFacts) -> Iterable[Block]:
    yield Heading("What it cannot do")
    items = [
        "Its points were set by people. The tables above say how far they agree with who paid; "
        "they do not say that a sign causes a purchase.",
        "Events that are not sent, or arrive later, are not seen on the day; a blocked tracker "
        "looks like an idle account.",
        "Calling an account changes what it does: figures of a model that is live hold for "
        "accounts that were called, too.",
        "Groups with few accounts have wide intervals; “too few to say” is no clean bill.",
    ]
    if facts.model["method"] == "sum":
        items.append("Points are added: it knows no “this only matters together with that”.")
    if facts.model["method"] == "normalised":
        items.append(
            "An account of one person is not divided by less than 1: without that it would rank "
            "above every team. The raw figure is kept beside the score (raw_points)."
        )
    if facts.model["method"] == "triggers":
        items.append("It knows met and not met; two accounts of one tier are not ranked.")
    yield Bullets(items)


# --- how figures are said -----------------------------------------------------------------------


def _cuts(facts: ModelFacts, kind: str) -> list[Row]:
    rows = [row for row in facts.rows("rpt_backtest") if row.get("cut_type", "tier") == kind]
    return sorted(rows, key=lambda row: (row.get("cut_order") or 0, str(row["cut"])))


def _is_bound(row: Row) -> bool:
    return bool(row.get("is_pql_bound"))


def _pql_bound(facts: ModelFacts) -> Row | None:
    rows = [row for row in facts.rows("rpt_backtest") if _is_bound(row)]
    rows.sort(key=lambda row: row.get("cut_type") != "threshold")
    return next((row for row in rows if row.get("n")), None)


def _cut(row: Row) -> str:
    text = str(row["cut"])
    if text.startswith(">="):
        text = f"{text.removeprefix('>=').strip()} points or more"
        return f"{text}, its bound for a PQL" if _is_bound(row) else text
    return text


def _total(facts: ModelFacts, conversion: str) -> Row | None:
    return next(
        (
            row
            for row in facts.rows("rpt_qualification_pipeline")
            if row.get("conversion_key") == conversion and row.get("cohort_grain") == "total"
        ),
        None,
    )


def _unversioned(facts: ModelFacts) -> list[Row]:
    """Parts that stand otherwise than when the current version began."""
    version = int(facts.model["version"])
    first: dict[tuple[str, str], Row] = {}
    found = []
    rows = [
        row
        for row in facts.rows("fct_model_changes")
        if row["is_without_version"] and row["version"] == version
    ]
    for row in sorted(rows, key=lambda row: row["build_number"]):
        begun = first.setdefault((row["part"], row["part_key"]), row)
        if row["is_latest"] and row["to_definition"] != begun["from_definition"]:
            found.append(begun)
    return found


def _rate(row: Row) -> str:
    low, high = row.get("rate_low"), row.get("rate_high")
    return _with_interval(_percent(row["rate"]), low, high, _percent)


def _judged(row: Row) -> str:
    return {
        "as_expected": "as expected",
        "below_expected": "below what is expected",
        "above_expected": "above what is expected",
        "too_low": "too low: a red flag",
        "too_high": "too high: a red flag",
        "no_target": "no target is set",
        "not_told": f"{NOT_MEASURED}: the CRM does not tell",
    }.get(str(row.get("state")), NOT_MEASURED)


def _interval(row: Row | None, name: str, say: Callable[[Any], str] | None = None) -> str:
    say = say or _percent
    if row is None or row.get(name) is None:
        return NOT_MEASURED
    return _with_interval(say(row[name]), row.get(f"{name}_low"), row.get(f"{name}_high"), say)


def _with_interval(text: str, low: Any, high: Any, say: Callable[[Any], str]) -> str:
    if low is None or high is None:
        return text
    return f"{text} ({say(low)}–{say(high)})"


def _what(facts: ModelFacts) -> str:
    return "people" if facts.model["level"] == "user" else "accounts"


def _count(row: Row, name: str) -> str:
    value = row.get(name)
    return NOT_MEASURED if value is None else f"{value:,}"


def _percent(value: Any) -> str:
    if value is None:
        return NOT_MEASURED
    share = float(value)
    return f"{share:.1%}" if 0 < abs(share) < 0.2 else f"{share:.0%}"


def _times(value: Any) -> str:
    return f"{float(value):.1f}×"


def _decimal(value: Any, missing: str = NOT_MEASURED, places: int = 2) -> str:
    if value is None:
        return missing
    if isinstance(value, str | bool | date):
        return str(value)
    text = f"{float(value):,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _number(value: Any) -> str:
    return f"{float(value):g}"


def _signed(value: Any) -> str:
    return f"{float(value):+g}".replace("-", "−")


def _minutes(value: Any) -> str:
    if value is None:
        return "no deadline"
    minutes = int(value)
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


def _day(value: datetime | date) -> str:
    return value.strftime("%Y-%m-%d")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _plain(name: Any) -> str:
    return str(name).replace("_", " ")


def _sentence(text: str) -> str:
    text = _capital(text.strip())
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _with_dashes(lines: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[cell or "-" for cell in line] for line in lines]
