"""The shape of a linkage's input and output, without Splink: cheap to import.

Who only wants to know whether there is anything to link, or whether it was linked before, need
not pay for the import.
"""

import pyarrow as pa

RECORDS = pa.schema(
    [
        ("entity", pa.string()),  # person, account
        ("side", pa.string()),  # product, crm
        ("record_key", pa.string()),
        ("first_name", pa.string()),
        ("last_name", pa.string()),
        ("email_local", pa.string()),
        ("email_domain", pa.string()),  # company domains only
        ("title", pa.string()),
        ("country", pa.string()),
        ("account_id", pa.string()),
        ("company", pa.string()),  # normalised name
        ("company_digits", pa.string()),
        ("domain", pa.string()),
        ("domain_stem", pa.string()),
        ("employees", pa.int64()),
        ("industry", pa.string()),
    ]
)
PAIRS = pa.schema(
    [
        ("entity", pa.string()),
        ("entity_id", pa.string()),  # record_key of the product side
        ("record_key", pa.string()),  # of the CRM side
        ("probability", pa.float64()),
        ("inputs_hash", pa.string()),
    ]
)


def no_pairs() -> pa.Table:
    """A result of nothing, with its columns."""
    return PAIRS.empty_table()
