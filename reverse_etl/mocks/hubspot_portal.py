"""What a HubSpot portal does with records: properties, types, unique values. No HTTP here."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from reverse_etl.mocks.store import Record, Store

SCHEMA_FILE = Path(__file__).with_name("hubspot_schema.yml")
FIRST_ID = {
    "contacts": 101,
    "companies": 50001,
    "pql": 600001,
    "usage_summary": 610001,
    "product_user": 620001,
    "deals": 700001,
    "leads": 800001,
    "tasks": 900001,
    "calls": 910001,
    "emails": 920001,
    "meetings": 930001,
    "communications": 940001,
}
OWNERS = "owners"
ASSOCIATIONS = "associations"
# nobody makes an owner over the API: who is a user of the portal is one
FIRST_OWNERS_SINCE = "2024-01-02T09:00:00.000Z"
FIRST_OWNERS = (
    ("51000001", {"firstName": "Sam", "lastName": "Rivera", "email": "sam@plg.example"}, False),
    ("51000002", {"firstName": "Ada", "lastName": "Okafor", "email": "ada@plg.example"}, False),
    ("51000003", {"firstName": "Leon", "lastName": "Left", "email": "leon@plg.example"}, True),
)

_EMAIL = re.compile(r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$")


class PortalError(Exception):
    """HubSpot's refusal, of a record or of a call: HTTP status, category and its words."""

    def __init__(
        self,
        status: int,
        category: str,
        message: str,
        *,
        errors: list[dict[str, Any]] | None = None,
        context: dict[str, list[str]] | None = None,
    ):
        super().__init__(message)
        self.status, self.category, self.message = status, category, message
        self.errors, self.context = errors or [], context or {}

    def as_json(self) -> dict[str, Any]:
        """The body of a refused call."""
        answer: dict[str, Any] = {
            "status": "error",
            "message": self.message,
            "correlationId": str(uuid4()),
            "category": self.category,
        }
        if self.errors:
            answer["errors"] = self.errors
        if self.context:
            answer["context"] = self.context
        return answer

    def as_record_error(self, trace_id: str) -> dict[str, Any]:
        """One entry of ``errors`` in a 207 (StandardError of the API description)."""
        return {
            "status": "error",
            "id": str(uuid4()),
            "category": self.category,
            "message": self.message,
            "errors": self.errors,
            "context": {**self.context, "objectWriteTraceId": [trace_id]},
            "links": {},
        }


@dataclass(frozen=True)
class Property:
    """A property of an object; HubSpot keeps every value as text."""

    name: str
    type: str
    label: str = ""
    format: str = ""
    unique: bool = False
    readonly: bool = False
    options: tuple[str, ...] = ()
    group: str = ""
    description: str = ""
    is_own: bool = False

    def as_json(self) -> dict[str, Any]:
        """A Property of the API description."""
        is_own = self.is_own or self.name.startswith("plg_")
        field_types = {"enumeration": "select", "datetime": "date", "bool": "booleancheckbox"}
        return {
            "name": self.name,
            "label": self.label or self.name,
            "type": self.type,
            "fieldType": field_types.get(self.type, "text" if self.type == "string" else self.type),
            "description": self.description,
            "groupName": self.group or ("plg" if is_own else "standard"),
            "options": [
                {"label": o, "value": o, "hidden": False, "displayOrder": i}
                for i, o in enumerate(self.options)
            ],
            "hasUniqueValue": self.unique,
            "hidden": False,
            "formField": False,
            "archived": False,
            "hubspotDefined": not is_own,
            "calculated": False,
            "externalOptions": False,
            "displayOrder": -1,
            "modificationMetadata": {
                "archivable": is_own,
                "readOnlyDefinition": not is_own,
                "readOnlyValue": self.readonly,
            },
        }


@dataclass(frozen=True)
class ObjectType:
    """An object of the portal."""

    name: str
    type_id: str
    label: str
    plural: str
    name_properties: tuple[str, ...]
    columns: tuple[str, ...]
    default_properties: tuple[str, ...]
    required: tuple[str, ...] = ()
    custom: bool = False
    properties: Mapping[str, Property] = field(default_factory=dict)

    @property
    def unique_properties(self) -> list[str]:
        return [p.name for p in self.properties.values() if p.unique]

    @property
    def modified_property(self) -> str:
        return "lastmodifieddate" if self.name == "contacts" else "hs_lastmodifieddate"

    @property
    def created_property(self) -> str:
        return "createdate" if "createdate" in self.properties else "hs_createdate"


@cache
def load_schema() -> Mapping[str, ObjectType]:
    """The objects of ``hubspot_schema.yml``."""
    document = yaml.safe_load(SCHEMA_FILE.read_text())
    return {name: _object_type(name, entry) for name, entry in document["objects"].items()}


def _object_type(name: str, entry: Mapping[str, Any]) -> ObjectType:
    return ObjectType(
        name=name,
        type_id=entry["type_id"],
        label=entry["label"],
        plural=entry["plural"],
        name_properties=tuple(entry["name"]),
        columns=tuple(entry["columns"]),
        default_properties=tuple(entry["default_properties"]),
        required=tuple(entry.get("required", ())),
        custom=entry.get("custom", False),
        properties={key: _property(key, options) for key, options in entry["properties"].items()},
    )


def _property(name: str, options: Mapping[str, Any]) -> Property:
    return Property(name=name, **{**options, "options": tuple(options.get("options", ()))})


def _bare(known: ObjectType) -> ObjectType:
    kept = {name: p for name, p in known.properties.items() if not name.startswith("plg_")}
    return replace(known, properties=kept)


@cache
def association_types() -> Mapping[str, Mapping[str, tuple[int | None, int]]]:
    """By object and other object: the type ids of a primary and of a usual association."""
    return yaml.safe_load(SCHEMA_FILE.read_text())["associations"]


class Portal:
    """The portal's records, in a `Store`, under the rules of the schema."""

    def __init__(self, store: Store):
        self.store = store
        self._load()
        if not store.count(OWNERS):
            for owner_id, fields, is_archived in FIRST_OWNERS:
                store.put(
                    OWNERS,
                    owner_id,
                    {**fields, "userId": int(owner_id) - 50_000_000},
                    operation="seed",
                    changed={},
                    at=FIRST_OWNERS_SINCE,  # before any demo ends
                    is_deleted=is_archived,
                    with_history=False,
                )

    # the schema ------------------------------------------------------------------------

    def _load(self) -> None:
        """The schema of the file, and what was changed in this portal since."""
        self._changes = self.store.document("schema") or {}
        self.schema: dict[str, ObjectType] = dict(load_schema())
        ties = {name: dict(others) for name, others in association_types().items()}
        if self._changes.get("is_bare"):
            self.schema = {n: _bare(o) for n, o in self.schema.items() if not o.custom}
            ties = {
                name: {other: pair for other, pair in others.items() if other in self.schema}
                for name, others in ties.items()
                if name in self.schema
            }
        for name, entry in self._changes.get("objects", {}).items():
            self.schema[name] = _object_type(name, entry)
        for key, pair in self._changes.get("associations", {}).items():
            name, _, other = key.partition("/")
            ties.setdefault(name, {})[other] = tuple(pair)
        for name, changed in self._changes.get("properties", {}).items():
            properties = dict(self.schema[name].properties)
            for key, options in changed.items():
                if options is None:
                    properties.pop(key, None)
                else:
                    properties[key] = _property(key, options)
            self.schema[name] = replace(self.schema[name], properties=properties)
        self.association_types: Mapping[str, Mapping[str, Any]] = ties
        self._aliases = {}
        for name, o in self.schema.items():
            own = [f"p48_{name}", f"p_{name}"] if o.custom else []
            for alias in (o.label.lower(), o.type_id, *own):
                self._aliases[alias] = name

    def make_bare(self) -> None:
        """The portal as it is before anybody set it up: no property and no object of ours."""
        self.store.keep_document("schema", {"is_bare": True})
        self.store.keep_document("groups", {})
        self._load()

    def _change(self, kind: str, key: str, value: Any) -> None:
        changes = {**self._changes, kind: {**self._changes.get(kind, {}), key: value}}
        self.store.keep_document("schema", changes)
        self._load()

    def add_property(self, object_type: ObjectType, options: Mapping[str, Any]) -> Property:
        """A property the portal has from now on; 409 where it has one of this name."""
        name = str(options.get("name") or "")
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,99}", name):
            raise PortalError(
                400,
                "VALIDATION_ERROR",
                f"Invalid property name '{name}': names are lower case letters, digits and "
                "underscores, and begin with a letter",
            )
        if name in object_type.properties:
            raise PortalError(
                409,
                "OBJECT_ALREADY_EXISTS",
                f"A property named '{name}' already exists.",
            )
        kind = options.get("type")
        if kind not in ("string", "number", "bool", "date", "datetime", "enumeration"):
            raise PortalError(400, "VALIDATION_ERROR", f"Invalid input JSON: type {kind}")
        for needed in ("label", "fieldType"):
            if not options.get(needed):
                raise PortalError(
                    400,
                    "VALIDATION_ERROR",
                    f"Invalid input JSON: some required fields were not set: [{needed}]",
                )
        self.set_property(
            object_type,
            name,
            {
                "type": kind,
                "label": options["label"],
                "unique": bool(options.get("hasUniqueValue")),
                "options": [str(o["value"]) for o in options.get("options") or []],
                "group": options.get("groupName") or "",
                "description": options.get("description") or "",
                "is_own": True,
            },
        )
        return self.schema[object_type.name].properties[name]

    def set_property(
        self, object_type: ObjectType, name: str, options: Mapping[str, Any] | None
    ) -> None:
        """Define a property anew; None takes it away."""
        own = self._changes.get("properties", {}).get(object_type.name, {})
        self._change("properties", object_type.name, {**own, name: options})

    def archive_property(self, object_type: ObjectType, name: str) -> None:
        known = object_type.properties.get(name)
        if known is not None and not known.as_json()["modificationMetadata"]["archivable"]:
            raise PortalError(
                400, "VALIDATION_ERROR", f"Property {name} is HubSpot-defined and stays"
            )
        if known is not None:
            self.set_property(object_type, name, None)

    def add_object(self, egg: Mapping[str, Any]) -> ObjectType:
        """A custom object, from an ObjectSchemaEgg."""
        name = str(egg.get("name") or "").lower()
        labels = egg.get("labels") or {}
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or not labels.get("singular"):
            raise PortalError(400, "VALIDATION_ERROR", "Invalid input JSON: name and labels")
        if name in self.schema:
            raise PortalError(
                409, "OBJECT_ALREADY_EXISTS", f"Object schema {name} already exists for portal"
            )
        number = self.store.next_number("custom_object", 48101)
        standard = self.schema["tasks"].properties
        kept = ("hs_object_id", "hs_createdate", "hs_lastmodifieddate", "hubspot_owner_id")
        plain = {
            key: {"type": p.type, "label": p.label, "readonly": p.readonly}
            for key, p in standard.items()
            if key in kept
        }
        shown = egg.get("primaryDisplayProperty") or (egg.get("requiredProperties") or [None])[0]
        columns = [shown, *(egg.get("secondaryDisplayProperties") or [])]
        entry = {
            "type_id": f"2-{number}",
            "label": labels["singular"],
            "plural": labels.get("plural") or labels["singular"],
            "name": [n for n in [shown] if n],
            "columns": [n for n in columns if n] or ["hs_object_id"],
            "default_properties": [n for n in kept if n != "hubspot_owner_id"],
            "required": list(egg.get("requiredProperties") or []),
            "custom": True,
            "properties": plain,
        }
        with self.store.transaction():
            self._change("objects", name, entry)
            for options in egg.get("properties") or []:
                self.add_property(self.schema[name], options)
            for other in egg.get("associatedObjects") or []:
                self.allow_association(self.schema[name], self.object_type(str(other)))
        return self.schema[name]

    def allow_association(self, object_type: ObjectType, other_type: ObjectType) -> int:
        """Let two objects be associated, both ways; the type id of the first way."""
        known = self.association_types.get(object_type.name, {}).get(other_type.name)
        if known is not None:
            return known[1]
        forth = self.store.next_number("association_type", 2001)
        back = self.store.next_number("association_type", 2001)
        self._change("associations", f"{object_type.name}/{other_type.name}", [None, forth])
        self._change("associations", f"{other_type.name}/{object_type.name}", [None, back])
        return forth

    def schema_json(self, object_type: ObjectType) -> dict[str, Any]:
        """An ObjectSchema."""
        shown = object_type.name_properties[0] if object_type.name_properties else None
        return {
            "id": object_type.type_id.rpartition("-")[2],
            "objectTypeId": object_type.type_id,
            "name": object_type.name,
            "fullyQualifiedName": f"p48_{object_type.name}",
            "labels": {"singular": object_type.label, "plural": object_type.plural},
            "primaryDisplayProperty": shown,
            "secondaryDisplayProperties": list(object_type.columns[1:3]),
            "searchableProperties": list(object_type.name_properties),
            "requiredProperties": list(object_type.required),
            "properties": [p.as_json() for p in object_type.properties.values()],
            "associations": [
                {
                    "id": str(usual),
                    "fromObjectTypeId": object_type.type_id,
                    "toObjectTypeId": self.schema[other].type_id,
                    "name": f"{object_type.name}_to_{other}",
                }
                for other, (_, usual) in self.association_types.get(object_type.name, {}).items()
            ],
            "archived": False,
        }

    def object_type(self, name: str) -> ObjectType:
        found = self.schema.get(self._aliases.get(name.lower(), name.lower()))
        if found is None:
            raise PortalError(400, "VALIDATION_ERROR", f"Unable to infer object type from: {name}")
        return found

    # finding ---------------------------------------------------------------------------

    def find(self, object_type: ObjectType, value: str, id_property: str | None) -> Record | None:
        """By record id, or by the value of a unique property."""
        if not id_property or id_property == "hs_object_id":
            return self.store.get(object_type.name, str(value))
        known = object_type.properties.get(id_property)
        if known is None or not known.unique:
            raise PortalError(
                400,
                "VALIDATION_ERROR",
                f"The property '{id_property}' is not a unique property of "
                f"{object_type.name}; use a property with hasUniqueValue.",
            )
        record_id = self.store.find_unique(object_type.name, id_property, str(value).strip())
        return self.store.get(object_type.name, record_id) if record_id else None

    # writing ---------------------------------------------------------------------------

    def create(self, object_type: ObjectType, properties: Mapping[str, Any]) -> Record:
        values = self._checked(object_type, properties)
        missing = [name for name in object_type.required if not values.get(name)]
        if missing:
            raise PortalError(
                400,
                "VALIDATION_ERROR",
                f"Error creating {object_type.label}. Some required properties were not set.",
                context={"properties": missing},
            )
        self._require_unique(object_type, values, None)
        record_id = str(
            self.store.next_number(
                f"id:{object_type.name}", FIRST_ID.get(object_type.name, 1_000_001)
            )
        )
        values = {name: value for name, value in values.items() if value != ""}
        self._write(object_type, record_id, values, "create", {}, None)
        return self._stored(object_type, record_id)

    def update(
        self, object_type: ObjectType, record: Record, properties: Mapping[str, Any]
    ) -> Record:
        values = self._checked(object_type, properties)
        self._require_unique(object_type, values, record.id)
        merged = {**record.fields, **values}
        merged = {name: value for name, value in merged.items() if value != ""}
        self._write(object_type, record.id, merged, "update", record.fields, record)
        return self._stored(object_type, record.id)

    def archive(self, object_type: ObjectType, record: Record) -> None:
        self.store.put(
            object_type.name,
            record.id,
            record.fields,
            unique_fields=object_type.unique_properties,
            operation="archive",
            changed={},
            updated_at=record.updated_at,  # HubSpot says `archivedAt` instead
            is_deleted=True,
        )

    def merge(self, object_type: ObjectType, record: Record, other: Record) -> Record:
        """Merge ``other`` into ``record``: it is found no more, not even among the archived."""
        merged = [*filter(None, [record.fields.get("hs_merged_object_ids")]), other.id]
        fields = {**other.fields, **record.fields, "hs_merged_object_ids": ";".join(merged)}
        self.archive(object_type, other)
        self.store.db.execute(
            "delete from records where object = ? and id = ?", (object_type.name, other.id)
        )
        self._write(object_type, record.id, fields, "merge", record.fields, record)
        return self._stored(object_type, record.id)

    def associate(
        self,
        object_type: ObjectType,
        record_id: str,
        other_type: ObjectType,
        other_id: str,
        type_id: int | None = None,
    ) -> int:
        """Tie two records, as primary where ``type_id`` says so; the id of the type of the tie."""
        types = self._types_between(object_type, other_type)
        primary, usual = types
        type_id = type_id or usual
        if type_id not in types:
            raise PortalError(
                400, "VALIDATION_ERROR", f"{type_id} is not a valid association type id"
            )
        record = self.store.get(object_type.name, record_id)
        other = self.store.get(other_type.name, other_id)
        if record is None or other is None:
            raise PortalError(404, "OBJECT_NOT_FOUND", "One or more associations are not valid")
        is_primary = type_id == primary
        self._tie(object_type, record, other_type, other_id, is_primary)
        back = self.association_types.get(other_type.name, {})
        if object_type.name in back and object_type is not other_type:  # a parent is no child
            self._tie(other_type, other, object_type, record_id, is_primary)
        return type_id

    def _types_between(
        self, object_type: ObjectType, other_type: ObjectType
    ) -> tuple[int | None, int]:
        types = self.association_types.get(object_type.name, {}).get(other_type.name)
        if types is None:
            raise PortalError(
                400,
                "VALIDATION_ERROR",
                f"No association types between {object_type.name} and {other_type.name}",
            )
        return types

    def _tie(
        self,
        object_type: ObjectType,
        record: Record,
        other_type: ObjectType,
        other_id: str,
        is_primary: bool,
    ) -> None:
        """One way of an association."""
        primary, usual = self.association_types[object_type.name][other_type.name]
        between = f"{object_type.name}/{other_type.name}"
        tie = {"from": record.id, "to": other_id, "between": between}
        self.store.put(
            ASSOCIATIONS,
            f"{between}/{record.id}/{other_id}",
            {**tie, "is_primary": is_primary, "type_id": usual, "primary_id": primary},
            operation="associate",
            changed={},
            with_history=False,
        )
        shown = {
            ("contacts", "companies"): "associatedcompanyid",
            ("companies", "companies"): "hs_parent_company_id",
        }.get((object_type.name, other_type.name))
        if shown and record.fields.get(shown) != other_id:
            fields = {**record.fields, shown: other_id}
            self._write(object_type, record.id, fields, "associate", record.fields, record)

    def dissociate(
        self, object_type: ObjectType, record_id: str, other_type: ObjectType, other_id: str
    ) -> None:
        """Undo an association, both ways; nothing happens where there is none."""
        self._types_between(object_type, other_type)
        for one, one_id, two, two_id in (
            (object_type, record_id, other_type, other_id),
            (other_type, other_id, object_type, record_id),
        ):
            self.store.db.execute(
                "delete from records where object = ? and id = ?",
                (ASSOCIATIONS, f"{one.name}/{two.name}/{one_id}/{two_id}"),
            )

    def associated(
        self, object_type: ObjectType, record_id: str, other_type: ObjectType
    ) -> list[dict[str, Any]]:
        """What a record is tied to, as the v4 API tells it."""
        ties, _ = self.store.page(
            ASSOCIATIONS,
            where="id > ? and id < ?",  # a range of the key; "0" comes after "/"
            parameters=[
                f"{object_type.name}/{other_type.name}/{record_id}{end}" for end in ("/", "0")
            ],
            order="cast(json_extract(fields, '$.to') as integer)",
            limit=1000,
        )
        found = []
        is_own = object_type.custom or other_type.custom
        category = "USER_DEFINED" if is_own else "HUBSPOT_DEFINED"
        for tie in ties:
            types = [{"category": category, "typeId": tie.fields["type_id"], "label": None}]
            if tie.fields["is_primary"]:
                primary = tie.fields["primary_id"]
                types.append({"category": category, "typeId": primary, "label": "Primary"})
            found.append({"toObjectId": int(tie.fields["to"]), "associationTypes": types})
        return found

    def property_history(
        self, object_type: ObjectType, record: Record, name: str
    ) -> list[dict[str, Any]]:
        """What a property was, the newest first, as ``propertiesWithHistory`` tells it."""
        return [
            {
                "value": change["fields"][name][1] or "",
                "timestamp": change["changed_at"],
                "sourceType": "INTEGRATION",
                "sourceId": "plg",
            }
            for change in self.store.history(object_type.name, record.id)
            if name in change["fields"]
        ]

    def owner_json(self, owner: Record) -> dict[str, Any]:
        """A PublicOwner."""
        return {
            "id": owner.id,
            "type": "PERSON",
            **owner.fields,
            "userIdIncludingInactive": owner.fields["userId"],
            "createdAt": owner.created_at,
            "updatedAt": owner.updated_at,
            "archived": owner.is_deleted,
        }

    def _stored(self, object_type: ObjectType, record_id: str) -> Record:
        record = self.store.get(object_type.name, record_id)
        assert record is not None
        return record

    def _write(
        self,
        object_type: ObjectType,
        record_id: str,
        fields: dict[str, Any],
        operation: str,
        before: Mapping[str, Any],
        record: Record | None,
    ) -> None:
        changed = {
            name: (before.get(name), fields.get(name))
            for name in {**before, **fields}
            if before.get(name) != fields.get(name)
        }
        self.store.put(
            object_type.name,
            record_id,
            _with_calculated(object_type, fields),
            unique_fields=[n for n in object_type.unique_properties if n in changed],
            operation=operation,
            changed=changed,
            created_at=record.created_at if record else None,
        )

    def _require_unique(
        self, object_type: ObjectType, values: Mapping[str, str], record_id: str | None
    ) -> None:
        for name in object_type.unique_properties:
            value = values.get(name)
            if not value:
                continue
            holder = self.store.find_unique(object_type.name, name, value)
            if holder not in (None, record_id):
                kind = object_type.label
                raise PortalError(
                    409,
                    "CONFLICT",
                    f"{kind} already exists. Existing ID: {holder}"
                    if name == "email"
                    else f"{kind} with {name} = {value} already exists. Existing ID: {holder}",
                )

    def _checked(self, object_type: ObjectType, properties: Mapping[str, Any]) -> dict[str, str]:
        """Values as HubSpot keeps them; all that is wrong is named in one VALIDATION_ERROR."""
        values, problems = {}, []
        for name, raw in properties.items():
            known = object_type.properties.get(name.lower())
            if known is None:
                problems.append(
                    _problem(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
                )
                continue
            if known.readonly:
                problems.append(
                    _problem(
                        name,
                        "READ_ONLY_VALUE",
                        f'"{name}" is a read only property; its value cannot be set.',
                    )
                )
                continue
            value = _as_text(raw)
            if known.name == "email":
                value = value.strip().lower()
            elif known.unique:
                value = value.strip()
            if value != "":
                problem = _value_problem(known, value)
                if problem is not None:
                    problems.append(problem)
                    continue
                if known.type == "datetime":
                    value = as_datetime(value) or value
            values[known.name] = value
        if problems:
            raise PortalError(
                400,
                "VALIDATION_ERROR",
                f"Property values were not valid: {json.dumps(problems)}",
                errors=[
                    {
                        "message": problem["message"],
                        "code": problem["error"],
                        "context": {"propertyName": [problem["name"]]},
                    }
                    for problem in problems
                ],
            )
        return values

    # answering -------------------------------------------------------------------------

    def as_json(
        self,
        object_type: ObjectType,
        record: Record,
        names: list[str] | None = None,
        with_all: bool = False,
    ) -> dict[str, Any]:
        """A SimplePublicObject; the properties asked for beside those always sent."""
        created, modified = object_type.created_property, object_type.modified_property
        values = {
            **record.fields,
            "hs_object_id": record.id,
            created: record.created_at,
            modified: record.updated_at,
        }
        if with_all:
            properties = values
        else:
            wanted = names or list(object_type.default_properties)
            always = [created, "hs_object_id", modified]
            properties = {
                name: values.get(name)
                for name in dict.fromkeys([*wanted, *always])
                if name in object_type.properties
            }
        answer = {
            "id": record.id,
            "properties": properties,
            "createdAt": record.created_at,
            "updatedAt": record.updated_at,
            "archived": record.is_deleted,
        }
        if record.is_deleted:
            answer["archivedAt"] = self.store.history(object_type.name, record.id)[0]["changed_at"]
        return answer


def _with_calculated(object_type: ObjectType, fields: Mapping[str, Any]) -> dict[str, Any]:
    if object_type.name != "deals":
        return dict(fields)
    stage = fields.get("dealstage")
    return {
        **fields,
        "hs_is_closed": _as_text(stage in ("closedwon", "closedlost")),
        "hs_is_closed_won": _as_text(stage == "closedwon"),
    }


def _as_text(raw: Any) -> str:
    if raw is None:
        return ""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    return raw if isinstance(raw, str) else json.dumps(raw)


def _problem(name: str, code: str, message: str) -> dict[str, Any]:
    return {"isValid": False, "message": message, "error": code, "name": name}


def _value_problem(known: Property, value: str) -> dict[str, Any] | None:
    if len(value) > 65536:
        return _problem(
            known.name, "PROPERTY_VALUE_TOO_LONG", "Property value exceeds 65536 characters"
        )
    if known.format == "email" and not _EMAIL.match(value):
        return _problem(known.name, "INVALID_EMAIL", f"Email address {value} is invalid")
    if known.type == "number" and not re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", value):
        return _problem(known.name, "INVALID_DOUBLE", f"{value} was not a valid number.")
    if known.type == "bool" and value not in ("true", "false"):
        return _problem(known.name, "INVALID_BOOLEAN", f"{value} was not a valid boolean.")
    if known.type == "date" and not _is_date(value):
        return _problem(known.name, "INVALID_DATE", f"{value} was not a valid date.")
    if known.type == "datetime" and as_datetime(value) is None:
        return _problem(known.name, "INVALID_LONG", f"{value} was not a valid long.")
    if known.type == "enumeration" and value not in known.options:
        return _problem(
            known.name,
            "INVALID_OPTION",
            f"{value} was not one of the allowed options: [{', '.join(known.options)}]",
        )
    return None


def _is_date(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def as_datetime(value: str) -> str | None:
    """ISO 8601 or epoch milliseconds → ``2026-01-31T12:00:00.000Z``; None where it is neither."""
    try:
        if re.fullmatch(r"-?\d{10,}", value):
            moment = datetime.fromtimestamp(int(value) / 1000, UTC)
        else:
            moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except (ValueError, OverflowError, OSError):
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
