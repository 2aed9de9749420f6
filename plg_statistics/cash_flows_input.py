"""The shape of cohort returns, without scipy: cheap to import."""

import pyarrow as pa

RETURNS = pa.schema(
    [
        ("cohort_month", pa.date32()),
        ("irr_monthly", pa.float64()),
        ("irr_annual", pa.float64()),
        ("inputs_hash", pa.string()),
    ]
)


def no_returns() -> pa.Table:
    """Returns of nothing, with their columns."""
    return RETURNS.empty_table()
