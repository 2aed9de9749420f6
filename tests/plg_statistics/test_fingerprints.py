"""The hash of what a Python model reads: of the values, not of the memory they lie in."""

import pyarrow as pa

from plg_statistics.fingerprints import fingerprint_of_tables


def numbers(in_the_gap: int) -> pa.Table:
    """1, NULL, 3, with ``in_the_gap`` in memory where the NULL is."""
    kind = pa.int64()
    data = pa.array([1, in_the_gap, 3], kind).buffers()[1]
    column = pa.Array.from_buffers(kind, 3, [pa.py_buffer(b"\x05"), data])
    assert column.to_pylist() == [1, None, 3]
    return pa.table({"n": column})


def test_what_lies_in_memory_where_a_value_is_missing_does_not_matter():
    assert fingerprint_of_tables([numbers(7)]) == fingerprint_of_tables([numbers(8)])


def test_values_their_places_names_types_and_chunks():
    base = pa.table({"n": [1, None, 3], "s": ["a", "b", None], "b": [True, None, False]})
    found = fingerprint_of_tables([base])
    assert fingerprint_of_tables([pa.concat_tables([base[:1], base[1:]])]) == found
    others = [
        pa.table({"n": [1, 3, None], "s": ["a", "b", None], "b": [True, None, False]}),
        pa.table({"n": [1, None, 3], "s": ["a", "b", ""], "b": [True, None, False]}),
        pa.table({"n": [1, None, 3], "s": ["ab", "", None], "b": [True, None, False]}),
        pa.table({"n": [1, None, 3], "s": ["a", "b", None], "b": [True, None, True]}),
        pa.table({"m": [1, None, 3], "s": ["a", "b", None], "b": [True, None, False]}),
        base.set_column(0, "n", pa.array([1, None, 3], pa.int32())),
        base[:2],
    ]
    assert len({found, *(fingerprint_of_tables([other]) for other in others)}) == 8
