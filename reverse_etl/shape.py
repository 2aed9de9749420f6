"""The shape of what a sync sends: type and longest text of each mapped field.

From the spec and the columns of the published table. A destination's schema is compared with it
before the first record, and `reverse_etl.setup` derives from it what has to be created there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from reverse_etl.errors import SourceInvalid
from reverse_etl.plan import mapped_type, table_columns
from reverse_etl.specs import FieldMapping, FieldType, SyncSpec
from warehouse.ops import retry_while_locked

Constant = str | int | float | bool

DEFAULT_SCALE = 2

SHORT_TEXT = 255
"""Longer fields are made for text of any length; a value beyond them is refused by itself."""


@dataclass(frozen=True)
class SentField:
    """What arrives in one field: ``max_length`` None is text of any length.

    ``constants`` are all values it can take where the spec fixes them; ``scale`` is the number
    of decimals of a number.
    """

    name: str
    type: FieldType
    max_length: int | None = None
    constants: tuple[Constant, ...] = ()
    scale: int = 0
    reference: str | None = None
    reference_object: str | None = None


Shape = Mapping[str, SentField]


def no_shape() -> Shape:
    """Where types are not known, a destination compares names only."""
    return {}


def shape_reader(spec: SyncSpec, published: Path) -> Callable[[], Shape]:
    """The shape of ``spec``, read when it is asked for; raises `SourceInvalid` as a plan does."""
    return lambda: read_shape(spec, published)


def read_shape(spec: SyncSpec, published: Path) -> Shape:
    """Every field that ``spec`` writes, with its type; the published table must exist."""
    if not published.is_file():
        raise SourceInvalid(
            f"sync {spec.name}: nothing is published yet ({published} does not exist), so the "
            "types of its fields are not known; run `plg run` first"
        )
    for attempt in retry_while_locked():
        with attempt:
            connection = duckdb.connect(str(published), read_only=True)
    with connection:
        schema, table = spec.source.split(".")
        columns = table_columns(connection, spec, f'"{schema}"."{table}"')
    return shape_of(spec, columns)


def shape_of(spec: SyncSpec, columns: Mapping[str, str]) -> Shape:
    """Every field that ``spec`` writes; ``columns``: name → DuckDB type."""
    shape = {
        name: _sent_field(spec, name, mapping, columns) for name, mapping in spec.fields.items()
    }
    for name, value in (spec.set_fields or {}).items():
        known = shape.get(name)
        # a record marked as left gets this value, whatever the field has otherwise
        shape[name] = SentField(
            name,
            known.type if known else _type_of(value),
            known.max_length if known else None,
            (*(known.constants if known else ()), value),
            known.scale if known else DEFAULT_SCALE,
        )
    return shape


def _sent_field(
    spec: SyncSpec, name: str, mapping: FieldMapping, columns: Mapping[str, str]
) -> SentField:
    if mapping.constant is not None:
        return SentField(
            name, _type_of(mapping.constant), constants=(mapping.constant,), scale=DEFAULT_SCALE
        )
    kind = mapped_type(spec, name, mapping, columns)
    source_type = columns.get(mapping.column or "", "")
    return SentField(
        name,
        kind,
        mapping.max_length,
        scale=_scale(source_type) if kind == "number" else 0,
        reference=mapping.reference,
        reference_object=mapping.reference_object,
    )


def _type_of(value: Constant) -> FieldType:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "text"
    return "integer" if isinstance(value, int) else "number"


def _scale(source_type: str) -> int:
    """Decimals of ``DECIMAL(18,2)``; of a double as many as a price has."""
    if not source_type.startswith("DECIMAL"):
        return DEFAULT_SCALE
    return int(source_type.rstrip(")").rpartition(",")[2])


def text_problem(field: SentField, holds: int | None) -> str | None:
    """Why text does not fit a field that holds ``holds`` characters (None: no limit)."""
    if holds is None or field.type != "text":
        return None
    texts = [value for value in field.constants if isinstance(value, str)]
    too_long = [value for value in texts if len(value) > holds]
    if too_long:
        return f"field {field.name} holds {holds} characters, {too_long[0]!r} has more"
    if field.max_length is None and (texts or holds > SHORT_TEXT):
        return None
    if field.max_length is None:
        return (
            f"field {field.name} holds {holds} characters, the mapping sends text of any length "
            f"(give it max_length: {holds}, which cuts, or make the field longer)"
        )
    if field.max_length > holds:
        return f"field {field.name} holds {holds} characters, max_length is {field.max_length}"
    return None
