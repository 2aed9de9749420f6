"""The shapes of the proof of scoring models, and its settings, without scipy or scikit-learn:
cheap to import."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

import pyarrow as pa

BACKTEST = pa.schema(
    [
        ("model_key", pa.string()),
        ("sample", pa.string()),  # all, held_out
        ("cut_type", pa.string()),  # model, tier, threshold, decile, score_10
        ("cut", pa.string()),
        ("cut_order", pa.int32()),
        ("threshold_points", pa.float64()),
        ("count_observed", pa.int64()),
        ("count_accounts", pa.int64()),
        ("count_conversions", pa.int64()),
        ("count_immature", pa.int64()),
        ("n", pa.int64()),
        ("n_accounts", pa.int64()),
        ("true_positives", pa.int64()),
        ("false_positives", pa.int64()),
        ("false_negatives", pa.int64()),
        ("true_negatives", pa.int64()),
        ("selection_rate", pa.float64()),
        ("precision", pa.float64()),
        ("precision_low", pa.float64()),
        ("precision_high", pa.float64()),
        ("recall", pa.float64()),
        ("recall_low", pa.float64()),
        ("recall_high", pa.float64()),
        ("false_positive_rate", pa.float64()),
        ("false_positive_rate_low", pa.float64()),
        ("false_positive_rate_high", pa.float64()),
        ("lift", pa.float64()),
        ("lift_low", pa.float64()),
        ("lift_high", pa.float64()),
        ("gain", pa.float64()),
        ("above_next", pa.float64()),
        ("above_next_low", pa.float64()),
        ("above_next_high", pa.float64()),
        ("predicted_rate", pa.float64()),
        ("auc", pa.float64()),
        ("auc_low", pa.float64()),
        ("auc_high", pa.float64()),
        ("brier_score", pa.float64()),
        ("calibration_error", pa.float64()),
        ("inputs_hash", pa.string()),
    ]
)

BIAS = pa.schema(
    [
        ("model_key", pa.string()),
        ("cut", pa.string()),
        ("threshold_points", pa.float64()),
        ("dimension", pa.string()),
        ("dimension_value", pa.string()),
        ("measure", pa.string()),  # selection_rate, precision, recall, false_positive_rate
        ("n", pa.int64()),
        ("n_accounts", pa.int64()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("best_value", pa.string()),
        ("ratio_to_best", pa.float64()),
        ("ratio_low", pa.float64()),
        ("ratio_high", pa.float64()),
        ("flag", pa.string()),  # ok, watch, act, too_few
        ("inputs_hash", pa.string()),
    ]
)

CRITERIA = pa.schema(
    [
        ("window_key", pa.string()),
        ("event_name", pa.string()),
        ("min_count", pa.int32()),
        ("conversions", pa.int64()),
        ("controls", pa.int64()),
        ("conversions_with", pa.int64()),
        ("controls_with", pa.int64()),
        ("presence", pa.float64()),
        ("presence_low", pa.float64()),
        ("presence_high", pa.float64()),
        ("base_rate", pa.float64()),
        ("base_rate_low", pa.float64()),
        ("base_rate_high", pa.float64()),
        ("lift", pa.float64()),
        ("lift_low", pa.float64()),
        ("lift_high", pa.float64()),
        ("p_value", pa.float64()),
        ("p_value_adjusted", pa.float64()),
        ("is_present_enough", pa.bool_()),
        ("is_significant", pa.bool_()),
        ("is_criterion", pa.bool_()),
        ("place", pa.int32()),
        ("inputs_hash", pa.string()),
    ]
)

RECALIBRATION = pa.schema(
    [
        ("model_key", pa.string()),
        ("row_type", pa.string()),  # model, signal, tier, challenger, challenger_signal
        ("row_key", pa.string()),
        ("n", pa.int64()),
        ("conversions", pa.int64()),
        ("n_held_out", pa.int64()),
        ("conversions_held_out", pa.int64()),
        ("held_out_from", pa.date32()),
        ("penalty_c", pa.float64()),
        # of a signal
        ("count_present", pa.int64()),
        ("rate_present", pa.float64()),
        ("rate_absent", pa.float64()),
        ("lift", pa.float64()),
        ("lift_low", pa.float64()),
        ("lift_high", pa.float64()),
        ("lift_p_value", pa.float64()),
        ("lift_p_value_adjusted", pa.float64()),
        ("coefficient", pa.float64()),
        ("coefficient_low", pa.float64()),
        ("coefficient_high", pa.float64()),
        ("p_value", pa.float64()),
        ("p_value_adjusted", pa.float64()),
        ("verdict", pa.string()),
        # today's and the proposed: points of a signal, bound of a tier
        ("current_points", pa.float64()),
        ("proposed_points", pa.float64()),
        # of a tier, over the held-out windows
        ("current_share", pa.float64()),
        ("proposed_share", pa.float64()),
        ("current_precision", pa.float64()),
        ("proposed_precision", pa.float64()),
        ("precision_change_low", pa.float64()),
        ("precision_change_high", pa.float64()),
        ("current_recall", pa.float64()),
        ("proposed_recall", pa.float64()),
        # of a model and a challenger, over the held-out windows
        ("current_auc", pa.float64()),
        ("proposed_auc", pa.float64()),
        ("auc_change_low", pa.float64()),
        ("auc_change_high", pa.float64()),
        # of a challenger's signal
        ("importance", pa.float64()),
        ("importance_low", pa.float64()),
        ("importance_high", pa.float64()),
        ("rate_when_absent", pa.float64()),
        ("rate_when_full", pa.float64()),
        ("decision", pa.string()),
        ("reason", pa.string()),
        ("inputs_hash", pa.string()),
    ]
)

DRIFT = pa.schema(
    [
        ("model_key", pa.string()),
        ("population", pa.string()),  # new, all
        ("item", pa.string()),
        ("month", pa.date32()),
        ("n", pa.int64()),
        ("n_reference", pa.int64()),
        ("mean", pa.float64()),
        ("mean_reference", pa.float64()),
        ("missing_rate", pa.float64()),
        ("missing_rate_reference", pa.float64()),
        ("psi", pa.float64()),
        ("psi_by_chance", pa.float64()),
        ("ks", pa.float64()),
        ("ks_p_value", pa.float64()),
        ("status", pa.string()),  # reference, steady, watch, act, too_few
        ("reference_from", pa.date32()),
        ("reference_to", pa.date32()),
        ("inputs_hash", pa.string()),
    ]
)


@dataclass(frozen=True)
class ProofSettings:
    """The seed `pql_proof_settings` in Python; what only SQL asks for is left out."""

    landmark_every_days: int = 14
    held_out_share: float = 0.3
    bootstrap_rounds: int = 1000
    confidence_level: float = 0.95
    family_error_rate: float = 0.05
    min_group_size: int = 30
    four_fifths_ratio: float = 0.8
    min_conversions: int = 50
    criteria_presence: float = 0.7
    criteria_min_count: tuple[int, ...] = (1, 2, 5)
    criteria_min_lift: float = 1.2
    drift_reference_months: int = 3
    psi_watch: float = 0.1
    psi_act: float = 0.25
    missing_rate_change: float = 0.1
    challenger_min_conversions: int = 1000

    def __post_init__(self) -> None:
        if not 0 < self.held_out_share < 1:
            raise ValueError(
                f"held_out_share {self.held_out_share} must lie between 0 and 1: "
                "correct it in pql_proof_settings"
            )
        if self.bootstrap_rounds < 100:
            raise ValueError(
                f"bootstrap_rounds {self.bootstrap_rounds} are too few for the ends of an "
                "interval: 100 or more in pql_proof_settings"
            )

    @classmethod
    def of(cls, rows: Iterable[tuple[str, float]]) -> "ProofSettings":
        """From (setting, value); a name that is not there keeps its default."""
        found: dict[str, list[float]] = {}
        for setting, value in rows:
            found.setdefault(setting, []).append(value)
        values: dict = {}
        for field in fields(cls):
            given = found.get(field.name)
            if given is None:
                continue
            if isinstance(field.default, tuple):
                values[field.name] = tuple(sorted(int(value) for value in given))
            else:
                values[field.name] = type(field.default)(given[0])
        return cls(**values)


def as_table(rows: list[dict], schema: pa.Schema, inputs_hash: str) -> pa.Table:
    """Rows by name; a name that is not there, and NaN, is NULL."""
    columns = {}
    for name in schema.names:
        values = [row.get(name) for row in rows]
        columns[name] = [
            None if value is None or value != value else _plain(value) for value in values
        ]
    columns["inputs_hash"] = [inputs_hash] * len(rows)
    return pa.table(columns, schema=schema)


def _plain(value):
    return value.item() if hasattr(value, "item") else value
