"""The objects and fields that the syncs of a CRM need, derived from their specs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reverse_etl.errors import SpecError
from reverse_etl.shape import SentField, Shape
from reverse_etl.specs import FieldType, SyncSpec

KEY_LENGTH = 255
CONSTANT_LENGTH = 40
ANSWER_LENGTH = 80


@dataclass(frozen=True)
class WantedField:
    """A field: ``length`` None is text of any length, ``points_at`` the object of a reference."""

    name: str
    type: FieldType
    length: int | None = None
    scale: int = 0
    is_key: bool = False
    points_at: str | None = None


@dataclass(frozen=True)
class WantedObject:
    """An object and the fields that syncs write there or read back; ``syncs`` need it."""

    name: str
    key: str
    syncs: tuple[str, ...] = ()
    fields: Mapping[str, WantedField] = field(default_factory=dict)


@dataclass(frozen=True)
class Missing:
    """What a CRM lacks; ``standard``: the vendor's own that this user cannot see, in words."""

    objects: tuple[WantedObject, ...]
    fields: tuple[tuple[str, WantedField], ...]
    standard: tuple[str, ...]

    @property
    def is_nothing(self) -> bool:
        return not self.objects and not self.fields


def wanted_objects(syncs: Sequence[tuple[SyncSpec, Shape]]) -> dict[str, WantedObject]:
    """Object → what the syncs want there, in the order of the syncs.

    Raises `SpecError` where two syncs want one field with different types.
    """
    objects: dict[str, WantedObject] = {}
    keys = {spec.external_id: spec.object for spec, _ in syncs}
    for spec, shape in syncs:
        known = objects.get(spec.object) or WantedObject(spec.object, str(spec.external_id))
        fields = dict(known.fields)
        for wanted in _fields_of(spec, shape, keys):
            fields[wanted.name] = _merged(spec, fields.get(wanted.name), wanted)
        objects[spec.object] = replace(known, syncs=(*known.syncs, spec.name), fields=fields)
    return objects


def _fields_of(
    spec: SyncSpec, shape: Shape, keys: Mapping[str | None, str]
) -> Iterable[WantedField]:
    yield WantedField(str(spec.external_id), "text", KEY_LENGTH, is_key=True)
    for sent in shape.values():
        if sent.reference is None:
            yield WantedField(sent.name, sent.type, _length(sent), sent.scale)
            continue
        target = sent.reference_object or keys.get(sent.reference)
        if target is None:
            raise SpecError(
                f"sync {spec.name}: fields.{sent.name}: no sync has external_id {sent.reference}; "
                "say which object it points at in reference_object"
            )
        yield WantedField(sent.name, "text", points_at=target)
    for name, kind in spec.answers.items():
        yield WantedField(name, kind, ANSWER_LENGTH if kind == "text" else None)


def _length(sent: SentField) -> int | None:
    if sent.type != "text" or sent.max_length is not None:
        return sent.max_length
    if sent.constants:
        return max(CONSTANT_LENGTH, *(len(str(value)) for value in sent.constants))
    return None


def _merged(spec: SyncSpec, known: WantedField | None, wanted: WantedField) -> WantedField:
    if known is None:
        return wanted
    if (known.type, known.points_at) != (wanted.type, wanted.points_at):
        raise SpecError(
            f"sync {spec.name}: {spec.object}.{wanted.name} is {wanted.type} here and "
            f"{known.type} in another sync of the object; give both the same type"
        )
    any_length = None in (known.length, wanted.length)
    return replace(
        known,
        length=None if any_length else max(known.length or 0, wanted.length or 0),
        scale=max(known.scale, wanted.scale),
        is_key=known.is_key or wanted.is_key,
    )


def plural(word: str) -> str:
    """``PQL`` → ``PQLs``, ``Usage summary`` → ``Usage summaries``."""
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
