"""Does a sync fit an object of HubSpot: names, types, options, unique values."""

from collections.abc import Mapping, Sequence
from typing import Any

from reverse_etl.shape import SentField, Shape, text_problem
from reverse_etl.specs import FieldType, SyncSpec

TEXT_HOLDS = 65_536
"""Characters of a text property (HubSpot's knowledge base: "Property field types")."""

_FITS: Mapping[FieldType, frozenset[str]] = {
    "text": frozenset({"string", "enumeration", "phone_number"}),
    "integer": frozenset({"number", "string"}),
    "number": frozenset({"number", "string"}),
    "boolean": frozenset({"bool", "string"}),
    "date": frozenset({"date", "datetime", "string"}),
    "datetime": frozenset({"datetime", "string"}),
}


def hubspot_problems(spec: SyncSpec, shape: Shape, properties: Sequence[Any]) -> list[str]:
    """All that is wrong, in words; empty where the sync fits. Without ``shape``: names only.

    ``properties`` are the client's `Property` models of the object.
    """
    known = {entry.name: entry for entry in properties}
    problems = []
    key = known.get(spec.external_id or "")
    if key is None:
        problems.append(f"no property {spec.external_id} (the external id)")
    elif not key.has_unique_value and key.name != "email":
        problems.append(f"{spec.external_id} does not have unique values")
    for name in dict.fromkeys([*spec.fields, *(spec.set_fields or {})]):
        if name not in known:
            problems.append(f"no property {name}")
        elif known[name].modification_metadata.read_only_value:
            problems.append(f"property {name} cannot be written")
        elif name in shape:
            problems += _value_problems(shape[name], known[name])
    return problems


def _value_problems(sent: SentField, known: Any) -> list[str]:
    if known.type not in _FITS[sent.type]:
        return [f"property {sent.name} has type {known.type}, the mapping sends {sent.type}"]
    if known.type == "enumeration" and not known.external_options:
        options = {option.value for option in known.options}
        unknown = [repr(value) for value in sent.constants if str(value) not in options]
        if unknown:
            return [f"property {sent.name} has no option {', '.join(unknown)}"]
    if known.type == "string" and sent.max_length is not None:
        problem = text_problem(sent, TEXT_HOLDS)
        return [problem] if problem else []
    return []
