"""Does a sync fit an object of Salesforce: names, types, lengths, rights, as ``describe`` tells."""

from collections.abc import Mapping
from typing import Any

from reverse_etl.shape import SentField, Shape, text_problem
from reverse_etl.specs import FieldType, SyncSpec

_TEXT = frozenset({"string", "textarea", "url", "encryptedstring", "combobox"})
# a cut e-mail address or id would be another one: Salesforce refuses the record instead
_CLOSED_TEXT = frozenset({"email", "phone", "picklist", "multipicklist", "reference", "id"})
_NUMBERS = frozenset({"double", "currency", "percent"})
_FITS: Mapping[FieldType, frozenset[str]] = {
    "text": _TEXT | _CLOSED_TEXT,
    "integer": _NUMBERS | {"int", "long"},
    "number": _NUMBERS,
    "boolean": frozenset({"boolean"}),
    "date": frozenset({"date"}),
    "datetime": frozenset({"datetime"}),
}


def salesforce_problems(spec: SyncSpec, shape: Shape, described: Mapping[str, Any]) -> list[str]:
    """All that is wrong, in words; empty where the sync fits. Without ``shape``: names only."""
    fields = {field["name"]: field for field in described["fields"]}
    relations = {
        field["relationshipName"]: field for field in fields.values() if field["relationshipName"]
    }
    problems = _object_problems(spec, described) + _key_problems(spec, fields)
    for name in [*spec.fields, *(n for n in spec.set_fields or {} if n not in spec.fields)]:
        mapping = spec.fields.get(name)
        if mapping is not None and mapping.reference is not None:
            problems += _reference_problems(spec, name, relations.get(name))
        elif name not in fields:
            problems.append(f"no field {name}")
        else:
            problems += _right_problems(spec, f"field {name}", fields[name])
            if name in shape:
                problems += _value_problems(shape[name], fields[name])
    return problems


def _object_problems(spec: SyncSpec, described: Mapping[str, Any]) -> list[str]:
    needed = {"createable": spec.mode != "update", "updateable": True}
    needed["deletable"] = spec.effective_delete_policy == "delete"
    return [
        f"the object is not {right} for this user"
        for right, is_needed in needed.items()
        if is_needed and not described.get(right, True)
    ]


def _key_problems(spec: SyncSpec, fields: Mapping[str, Mapping[str, Any]]) -> list[str]:
    name = spec.external_id or ""
    key = fields.get(name)
    if key is None:
        return [f"no field {name} (the external id)"]
    problems = []
    if not key["externalId"]:
        problems.append(f"{name} is not marked as an external id")
    elif not key["unique"]:
        problems.append(f"{name} is not unique: two records could hold one key")
    if key["type"] not in _TEXT | _CLOSED_TEXT:
        problems.append(f"{name} has type {key['type']}, the external id is text")
    return problems + _right_problems(spec, name, key)


def _reference_problems(spec: SyncSpec, name: str, relation: Mapping[str, Any] | None) -> list[str]:
    if relation is None:
        return [f"no relationship {name}"]
    targets, wanted = relation["referenceTo"], spec.fields[name].reference_object
    problems = _right_problems(spec, f"relationship {name}", relation)
    if wanted is not None and wanted not in targets:
        problems.append(f"relationship {name} points at {', '.join(targets)}, not at {wanted}")
    elif wanted is None and len(targets) > 1:
        problems.append(
            f"relationship {name} may point at {', '.join(targets)}: say which in reference_object"
        )
    return problems


def _right_problems(spec: SyncSpec, what: str, field: Mapping[str, Any]) -> list[str]:
    if not field["updateable"]:
        return [f"{what} cannot be written (not updateable for this user)"]
    if spec.mode != "update" and not field["createable"]:
        return [f"{what} cannot be written in a new record (not createable for this user)"]
    return []


def _value_problems(sent: SentField, field: Mapping[str, Any]) -> list[str]:
    kind = field["type"]
    if kind not in _FITS[sent.type]:
        return [f"field {sent.name} has type {kind}, the mapping sends {sent.type}"]
    if field.get("restrictedPicklist"):
        known = {entry["value"] for entry in field["picklistValues"]}
        unknown = [repr(value) for value in sent.constants if value not in known]
        if unknown:
            return [f"field {sent.name} has no value {', '.join(unknown)} in its picklist"]
    problem = text_problem(sent, field["length"] or None if kind in _TEXT else None)
    return [problem] if problem else []
