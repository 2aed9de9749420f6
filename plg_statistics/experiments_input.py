"""The shape of experiment statistics and results, without statsmodels: cheap to import.

Who only wants to know whether anything changed since the last evaluation need not pay for it.
"""

import pyarrow as pa

STATISTICS = pa.schema(
    [
        ("experiment_key", pa.string()),
        ("alpha", pa.float64()),
        ("power", pa.float64()),
        ("minimum_effect", pa.float64()),  # relative to the control
        ("srm_alpha", pa.float64()),
        ("is_running", pa.bool_()),
        ("variant", pa.string()),
        ("is_control", pa.bool_()),
        ("planned_share", pa.float64()),
        ("count_units", pa.int64()),
        ("metric", pa.string()),
        ("role", pa.string()),  # primary, secondary, guardrail
        ("kind", pa.string()),  # proportion, mean
        ("direction", pa.string()),  # increase, decrease
        ("margin", pa.float64()),  # of a guardrail, in the metric's unit
        ("count_mature", pa.int64()),
        ("total", pa.float64()),
        ("mean", pa.float64()),
        ("variance", pa.float64()),
        ("pre_mean", pa.float64()),
        ("pre_variance", pa.float64()),
        ("covariance", pa.float64()),
    ]
)

RESULTS = pa.schema(
    [
        ("experiment_key", pa.string()),
        ("variant", pa.string()),
        ("metric", pa.string()),
        ("role", pa.string()),
        ("kind", pa.string()),
        ("direction", pa.string()),
        ("is_control", pa.bool_()),
        ("n", pa.int64()),
        ("count_immature", pa.int64()),
        ("numerator", pa.float64()),
        ("denominator", pa.int64()),
        ("mean", pa.float64()),
        ("absolute_lift", pa.float64()),
        ("absolute_ci_low", pa.float64()),
        ("absolute_ci_high", pa.float64()),
        ("lift", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("p_value", pa.float64()),
        ("adjusted_p", pa.float64()),
        ("always_valid_p", pa.float64()),
        ("adjusted_always_valid_p", pa.float64()),
        ("cuped_mean", pa.float64()),
        ("cuped_lift", pa.float64()),
        ("cuped_ci_low", pa.float64()),
        ("cuped_ci_high", pa.float64()),
        ("cuped_p_value", pa.float64()),
        ("cuped_variance_reduction", pa.float64()),
        ("prob_to_beat_control", pa.float64()),
        ("power", pa.float64()),
        ("sample_size", pa.int64()),
        ("sample_needed", pa.int64()),
        ("srm_p_value", pa.float64()),
        ("verdict", pa.string()),
        ("decision", pa.string()),
        ("reason", pa.string()),
        ("inputs_hash", pa.string()),
    ]
)


def no_results() -> pa.Table:
    """A result of nothing, with its columns."""
    return RESULTS.empty_table()
