"""What a Salesforce org does with records: types, required and unique fields, references, DML.

No HTTP here. Refusals are `RecordError` with Salesforce's status codes and words; a request
that cannot be read at all (unknown column, wrong JSON type) is a `RequestError`, because the
platform refuses the whole call then.
"""

import re
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from reverse_etl.mocks.faults import Fault
from reverse_etl.mocks.store import Record, Store, iso_now

SCHEMA_FILE = Path(__file__).with_name("salesforce_schema.yml")

CLOSED_STAGES = ("Closed Won", "Closed Lost")
TEXT_TYPES = ("string", "textarea", "email", "url", "phone", "picklist", "reference", "id")
HISTORY_FIELDS = ("StageName", "Amount", "CloseDate")

_EMAIL = re.compile(r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$")
_SUFFIX_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class RecordError(Exception):
    """One record is refused: ``code`` is a Salesforce StatusCode."""

    def __init__(self, code: str, message: str, fields: list[str] | None = None):
        super().__init__(message)
        self.code, self.message, self.fields = code, message, fields or []

    def as_json(self) -> dict[str, Any]:
        return {"statusCode": self.code, "message": self.message, "fields": self.fields}

    @classmethod
    def asked_for(cls, fault: Fault) -> "RecordError":
        """The refusal that a `partial` fault asks for."""
        return cls(fault.code or "FIELD_CUSTOM_VALIDATION_EXCEPTION", fault.message)


class RequestError(Exception):
    """The call as a whole is refused, with an HTTP status."""

    def __init__(self, status: int, code: str, message: str):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def as_json(self) -> list[dict[str, Any]]:
        return [{"message": self.message, "errorCode": self.code}]


def _not_read(field: "Field", value: Any) -> RequestError:
    kind = "STRING" if isinstance(value, str) else type(value).__name__.upper()
    return RequestError(
        400,
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {field.type} from VALUE_{kind} value {value} or request "
        "may be missing a required field at [line:1, column:1]",
    )


@dataclass(frozen=True)
class Field:
    """A column of an object."""

    name: str
    type: str
    label: str
    length: int = 0
    precision: int = 18
    scale: int = 0
    required: bool = False
    unique: bool = False
    external_id: bool = False
    readonly: bool = False
    default: Any = None
    to: tuple[str, ...] = ()
    relationship: str | None = None
    min: float | None = None
    max: float | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class ObjectType:
    """An object: its columns and how its ids begin."""

    name: str
    key_prefix: str
    label: str
    plural: str
    name_field: str
    columns: tuple[str, ...]
    custom: bool
    fields: Mapping[str, Field]

    @cached_property
    def relations(self) -> Mapping[str, Field]:
        """References by the name of their relationship: ``Account`` → ``AccountId``."""
        return {f.relationship: f for f in self.fields.values() if f.relationship}

    @cached_property
    def required_fields(self) -> list[str]:
        return [field.name for field in self.fields.values() if field.required]

    @cached_property
    def unique_fields(self) -> list[str]:
        return [field.name for field in self.fields.values() if field.unique]

    def field(self, name: str) -> Field | None:
        """By API name, which Salesforce compares without case."""
        return self.fields.get(name) or self._by_lower.get(name.lower())

    @cached_property
    def _by_lower(self) -> Mapping[str, Field]:
        return {name.lower(): field for name, field in self.fields.items()}


@cache
def load_schema() -> Mapping[str, ObjectType]:
    """The objects of ``salesforce_schema.yml``."""
    document = yaml.safe_load(SCHEMA_FILE.read_text())
    objects = {}
    for name, entry in document["objects"].items():
        fields = {key: _field(key, options) for key, options in entry.pop("fields").items()}
        entry["columns"] = tuple(entry["columns"])
        objects[name] = ObjectType(
            name=name, fields=fields, custom=entry.pop("custom", False), **entry
        )
    return objects


def _field(name: str, options: Mapping[str, Any]) -> Field:
    options = {"label": name, **options}
    target = options.pop("to", ())
    options["to"] = (target,) if isinstance(target, str) else tuple(target)
    options["values"] = tuple(options.get("values", ()))
    return Field(name=name, **options)


def _bare(known: ObjectType) -> ObjectType:
    fields = {name: f for name, f in known.fields.items() if not name.endswith("__c")}
    return replace(known, fields=fields)


def _custom_object(
    name: str, number: int, label: str, plural: str, standard: ObjectType
) -> ObjectType:
    system = ("Id", "CreatedDate", "LastModifiedDate", "SystemModstamp", "IsDeleted", "OwnerId")
    fields = {key: standard.fields[key] for key in system}
    fields["Name"] = _field("Name", {"type": "string", "length": 80, "label": label})
    return ObjectType(
        name, f"a{number:02d}", label, plural, "Name", ("Name",), custom=True, fields=fields
    )


def id_suffix(id15: str) -> str:
    """The three characters that make a 15-character id safe where case is lost."""
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << i for i, c in enumerate(id15[start : start + 5]) if "A" <= c <= "Z")
        suffix += _SUFFIX_ALPHABET[bits]
    return suffix


def make_id(key_prefix: str, number: int) -> str:
    """An 18-character record id such as ``003Pg00000000AbIAI``."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _BASE62[rest] + digits
    id15 = f"{key_prefix}Pg{digits.rjust(10, '0')}"
    return id15 + id_suffix(id15)


@dataclass(frozen=True)
class Outcome:
    """A record was written."""

    id: str
    created: bool


class Org:
    """The org's records, in a `Store`, under the rules of the schema."""

    def __init__(self, store: Store):
        self.store = store
        self._load()

    # the schema ------------------------------------------------------------------------

    def _load(self) -> None:
        """The schema of the file, and what was changed in this org since."""
        self.schema: dict[str, ObjectType] = self.every_object()
        for name, hidden in (self.store.document("hidden") or {}).items():
            if "*" in hidden:
                del self.schema[name]
                continue
            known = self.schema[name]
            seen = {key: f for key, f in known.fields.items() if key not in hidden}
            self.schema[name] = replace(known, fields=seen)

    def every_object(self) -> dict[str, ObjectType]:
        """All there is in this org, also what no permission shows to its user."""
        schema = dict(load_schema())
        if self.store.document("is_bare"):
            schema = {name: _bare(known) for name, known in schema.items() if not known.custom}
        for name, (number, label, plural) in (self.store.document("objects") or {}).items():
            schema[name] = _custom_object(name, number, label, plural, schema["Opportunity"])
        for name, changed in (self.store.document("schema") or {}).items():
            fields = dict(schema[name].fields)
            for key, options in changed.items():
                if options is None:
                    fields.pop(key, None)
                else:
                    fields[key] = _field(key, options)
            schema[name] = replace(schema[name], fields=fields)
        return schema

    def make_bare(self) -> None:
        """The org as it is before anybody set it up: no custom field, no custom object."""
        for document in ("schema", "objects", "hidden", "permission_sets"):
            self.store.keep_document(document, {})
        self.store.keep_document("is_bare", True)
        self._load()

    def add_object(self, name: str, label: str, plural: str) -> None:
        """A custom object, which nobody sees until a permission set says so."""
        known = self.store.document("objects") or {}
        number = self.store.next_number("custom_object", 50)
        self.store.keep_document("objects", {**known, name: [number, label, plural]})
        self.hide(name, "*")

    def hide(self, object_name: str, field_name: str) -> None:
        hidden = self.store.document("hidden") or {}
        names = {*hidden.get(object_name, []), field_name}
        self.store.keep_document("hidden", {**hidden, object_name: sorted(names)})
        self._load()

    def keep_permission_set(self, name: str, entry: Mapping[str, Any]) -> None:
        """Make or replace a permission set; who has it already sees what it shows."""
        sets = self.store.document("permission_sets") or {}
        self.store.keep_document("permission_sets", {**sets, name: dict(entry)})
        object_type = self.schema["PermissionSet"]
        rows, _ = self.store.page(object_type.name, limit=-1)
        known = next((row for row in rows if row.fields["Name"] == name), None)
        if known is None:
            self.create(object_type, {"Name": name, "Label": entry["label"]})
            return
        given, _ = self.store.page("PermissionSetAssignment", limit=-1)
        if any(row.fields["PermissionSetId"] == known.id for row in given):
            self._show(entry)

    def _show(self, entry: Mapping[str, Any]) -> None:
        hidden = {name: set(keys) for name, keys in (self.store.document("hidden") or {}).items()}
        for object_name in entry["objects"]:
            hidden.get(object_name, set()).discard("*")
        for object_name, field_name in entry["fields"]:
            hidden.get(object_name, set()).discard(field_name)
        self.store.keep_document("hidden", {n: sorted(keys) for n, keys in hidden.items() if keys})
        self._load()

    def set_field(
        self, object_type: ObjectType, name: str, options: Mapping[str, Any] | None
    ) -> None:
        """Add a field, change some ``options`` of one, or with None take it away."""
        known = object_type.fields.get(name)
        if options is not None:
            before = asdict(known) if known else {}
            before.pop("name", None)
            options = {**before, **options}
            _field(name, options)  # TypeError for an option no field has
        changes = self.store.document("schema") or {}
        changes.setdefault(object_type.name, {})[name] = options
        self.store.keep_document("schema", changes)
        self._load()

    # look-ups ------------------------------------------------------------------------

    def object_type(self, name: str) -> ObjectType:
        found = self.schema.get(name)
        if found is None:
            found = next((o for key, o in self.schema.items() if key.lower() == name.lower()), None)
        if found is None:
            raise RequestError(404, "NOT_FOUND", "The requested resource does not exist")
        return found

    def resolve_id(self, object_type: ObjectType, value: Any, label: str = "") -> str:
        """The stored id for a 15- or 18-character id; MALFORMED_ID where it cannot be one."""
        label = label or f"{object_type.label} ID"
        malformed = RecordError(
            "MALFORMED_ID", f"{label}: id value of incorrect type: {value}", ["Id"]
        )
        if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9]{15}(?:.{3})?", value):
            raise malformed
        if not value.startswith(object_type.key_prefix):
            raise malformed
        if len(value) == 18:
            return value
        row = self.store.db.execute(
            "select id from records where object = ? and substr(id, 1, 15) = ?",
            (object_type.name, value),
        ).fetchone()
        return row[0] if row else value + id_suffix(value)

    def find_by_external_id(self, object_type: ObjectType, field: Field, value: Any) -> str | None:
        return self.store.find_unique(object_type.name, field.name, str(value))

    def external_id_field(self, object_type: ObjectType, name: str) -> Field:
        field = object_type.field(name)
        if field is None or not (field.external_id or field.name == "Id"):
            raise RequestError(
                400,
                "INVALID_FIELD",
                f"Field name provided, {name} does not match an External ID, "
                f"Salesforce Id, or indexed field for {object_type.name}",
            )
        return field

    # reading a request -----------------------------------------------------------------

    def parse(self, object_type: ObjectType, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Check columns and JSON types of one record; RequestError refuses the whole call."""
        parsed: dict[str, Any] = {}
        for name, value in raw.items():
            if name == "attributes":
                continue
            relation = object_type.relations.get(name)
            if relation is not None and not isinstance(value, str):
                if not isinstance(value, dict | None):
                    raise RequestError(400, "JSON_PARSER_ERROR", f"{name}: object expected")
                parsed[f"@{relation.name}"] = value
                continue
            field = object_type.field(name)
            if field is None:
                raise RequestError(
                    400,
                    "INVALID_FIELD",
                    f"No such column '{name}' on sobject of type {object_type.name}",
                )
            parsed[field.name] = self.read_value(field, value)
        return parsed

    def read_value(self, field: Field, value: Any) -> Any:
        if value is None:
            return None
        if field.type in TEXT_TYPES and isinstance(value, str):
            return value
        if isinstance(value, dict | list):
            raise RequestError(400, "JSON_PARSER_ERROR", f"Unexpected object for {field.name}")
        if field.type in ("double", "currency", "percent", "int"):
            if isinstance(value, bool):
                raise _not_read(field, value)
            try:
                number = float(value)
            except ValueError:
                raise _not_read(field, value) from None
            if number != number or number in (float("inf"), float("-inf")):
                raise _not_read(field, value)
            if field.type == "int":
                if number != int(number):
                    raise _not_read(field, value)
                return int(number)
            # scale 0 still answers 12.0, as the real API does
            return round(number, field.scale)
        if field.type == "boolean":
            if isinstance(value, bool):
                return value
            if isinstance(value, str) and value.lower() in ("true", "false"):
                return value.lower() == "true"
            raise _not_read(field, value)
        if field.type in ("date", "datetime"):
            text = self._as_time(field.type, value)
            if text is None:
                raise _not_read(field, value)
            return text
        if isinstance(value, bool):
            return str(value).lower()
        return str(value)

    @staticmethod
    def _as_time(kind: str, value: Any) -> str | None:
        if not isinstance(value, str):
            return None
        if kind == "date":
            try:
                return datetime.strptime(value, "%Y-%m-%d").date().isoformat()
            except ValueError:
                return None
        if not re.match(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}", value):
            return None
        text = re.sub(r"([+-]\d{2})(\d{2})$", r"\1:\2", value.replace("Z", "+00:00"))
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        if moment.tzinfo is None:
            return None
        return format_time(moment)

    # writing ---------------------------------------------------------------------------

    def create(self, object_type: ObjectType, values: Mapping[str, Any]) -> Outcome:
        values = self._bind_relations(object_type, values)
        if values.get("Id") is not None:
            raise RecordError(
                "INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ["Id"]
            )
        values.pop("Id", None)
        defaults = {f.name: f.default for f in object_type.fields.values() if f.default is not None}
        fields = {**defaults, **values}
        self._check(object_type, fields, None, values)
        fields = {name: value for name, value in fields.items() if value not in (None, "")}
        number = self.store.next_number(f"id:{object_type.name}")
        record_id = make_id(object_type.key_prefix, number)
        while self.store.get(object_type.name, record_id, with_deleted=True) is not None:
            number = self.store.next_number(f"id:{object_type.name}")
            record_id = make_id(object_type.key_prefix, number)
        self._write(object_type, record_id, fields, "create", {}, None)
        return Outcome(record_id, True)

    def update(self, object_type: ObjectType, record_id: str, values: Mapping[str, Any]) -> Outcome:
        values = self._bind_relations(object_type, values)
        values.pop("Id", None)
        record = self.store.get(object_type.name, record_id, with_deleted=True)
        if record is None:
            raise RecordError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
        if record.is_deleted:
            raise RecordError("ENTITY_IS_DELETED", "entity is deleted", [])
        if record.fields.get("IsConverted"):
            raise RecordError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        fields = {**record.fields, **values}
        self._check(object_type, fields, record_id, values)
        fields = {name: value for name, value in fields.items() if value not in (None, "")}
        self._write(object_type, record_id, fields, "update", record.fields, record)
        return Outcome(record_id, False)

    def upsert(self, object_type: ObjectType, field: Field, values: Mapping[str, Any]) -> Outcome:
        """By external id (or Id): update the one record that has it, else create it."""
        value = values.get(field.name)
        if value in (None, ""):
            raise RecordError("MISSING_ARGUMENT", f"{field.name} not specified", [field.name])
        if field.name == "Id":
            return self.update(object_type, self.resolve_id(object_type, value), values)
        existing = self.find_by_external_id(object_type, field, value)
        if existing is not None:
            return self.update(object_type, existing, values)
        return self.create(object_type, values)

    def delete(self, object_type: ObjectType, record_id: str) -> None:
        record = self.store.get(object_type.name, record_id, with_deleted=True)
        if record is None:
            raise RecordError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
        if record.is_deleted:
            raise RecordError("ENTITY_IS_DELETED", "entity is deleted", [])
        self.store.put(
            object_type.name,
            record_id,
            record.fields,
            unique_fields=object_type.unique_fields,
            operation="delete",
            changed={},
            is_deleted=True,
        )

    def undelete(self, object_type: ObjectType, record_id: str) -> None:
        """Back out of the recycle bin; what is unique may be taken by now (DUPLICATE_VALUE)."""
        record = self.store.get(object_type.name, record_id, with_deleted=True)
        if record is None or not record.is_deleted:
            raise RecordError("UNDELETE_FAILED", "Entity is not in the recycle bin")
        fields = {n: v for n, v in record.fields.items() if n != "MasterRecordId"}
        self._check_unique(object_type, fields, record_id)
        self.store.put(
            object_type.name,
            record_id,
            fields,
            unique_fields=object_type.unique_fields,
            operation="undelete",
            changed={},
        )

    def merge(self, object_type: ObjectType, master_id: str, loser_id: str) -> int:
        """Merge one record into another: the other is deleted, and its children move.

        Returns how many children moved.
        """
        master = self.store.get(object_type.name, master_id)
        loser = self.store.get(object_type.name, loser_id)
        if master is None or loser is None or master_id == loser_id:
            raise RecordError("INVALID_ID_FIELD", "invalid record to merge", ["Id"])
        moved = 0
        for child in self.schema.values():
            links = [f.name for f in child.fields.values() if object_type.name in f.to]
            links = [name for name in links if name != "MasterRecordId"]
            for link in links:
                children, _ = self.store.page(
                    child.name,
                    where=f"json_extract(fields, '$.{link}') = ?",
                    parameters=[loser_id],
                    limit=-1,
                )
                for record in children:
                    fields = {**record.fields, link: master_id}
                    self._write(child, record.id, fields, "update", record.fields, record)
                moved += len(children)
        self.store.put(
            object_type.name,
            loser_id,
            {**loser.fields, "MasterRecordId": master_id},
            unique_fields=object_type.unique_fields,
            operation="merge",
            changed={"MasterRecordId": (None, master_id)},
            created_at=loser.created_at,
            is_deleted=True,
        )
        kept = {**loser.fields, **master.fields}
        self._write(object_type, master_id, kept, "merge", master.fields, master)
        return moved

    def convert(self, lead_id: str) -> dict[str, str]:
        """Turn a lead into a contact of a new account; fields of ours stay behind on the lead."""
        leads = self.schema["Lead"]
        lead = self.store.get("Lead", lead_id)
        if lead is None or lead.fields.get("IsConverted"):
            raise RecordError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        account = self.create(self.schema["Account"], {"Name": lead.fields["Company"]}).id
        names = ("FirstName", "LastName", "Email", "Title", "OwnerId")
        person = {name: lead.fields[name] for name in names if name in lead.fields}
        contact = self.create(self.schema["Contact"], {**person, "AccountId": account}).id
        became = {"ConvertedAccountId": account, "ConvertedContactId": contact}
        fields = {**lead.fields, **became, "IsConverted": True}
        self._write(leads, lead_id, fields, "convert", lead.fields, lead)
        return became

    def seed(self, object_type: ObjectType, raw: Mapping[str, Any]) -> None:
        """Put a record as it is (demo data): no rule is checked, unknown columns are left out."""
        fields = {}
        for name, value in raw.items():
            field = object_type.field(name)
            if field is None or name in ("Id", "IsDeleted") or value in (None, ""):
                continue
            is_system = name in ("CreatedDate", "SystemModstamp", "LastModifiedDate")
            fields[field.name] = value if is_system else self.read_value(field, value)
        modified = self._as_time(
            "datetime", raw.get("SystemModstamp") or raw.get("LastModifiedDate")
        )
        modified = modified or iso_now()
        created = self._as_time("datetime", fields.pop("CreatedDate", None)) or modified
        fields.pop("SystemModstamp", None)
        fields.pop("LastModifiedDate", None)
        if not fields.get("Name") and object_type.name_field == "Name":
            fields["Name"] = _person_name(fields) or raw["Id"]
        for name in object_type.unique_fields:
            if fields.get(name) and self.store.find_unique(
                object_type.name, name, str(fields[name])
            ) not in (None, raw["Id"]):
                fields.pop(name)
        self.store.put(
            object_type.name,
            raw["Id"],
            fields,
            unique_fields=object_type.unique_fields,
            operation="seed",
            changed={},
            created_at=created,
            updated_at=modified,
            is_deleted=bool(raw.get("IsDeleted")),
            with_history=False,
        )
        if object_type.name == "Opportunity":
            # how it came to its stage the files do not tell
            self._keep_stage(raw["Id"], fields, modified)

    def _bind_relations(self, object_type: ObjectType, values: Mapping[str, Any]) -> dict[str, Any]:
        """{"@AccountId": {"PLG_Account_Id__c": "acc_1"}} → {"AccountId": "001…"}."""
        bound = {name: value for name, value in values.items() if not name.startswith("@")}
        for name, value in values.items():
            if not name.startswith("@"):
                continue
            field = object_type.fields[name[1:]]
            if value is None:
                bound[field.name] = None
                continue
            keys = {k: v for k, v in value.items() if k != "attributes"}
            kind = (value.get("attributes") or {}).get("type")
            if len(field.to) > 1 and kind not in field.to:
                raise RecordError(
                    "INVALID_FIELD",
                    f"The relationship {field.relationship} points at several objects: say which "
                    "in attributes.type",
                )
            target = self.schema[kind if kind in field.to else field.to[0]]
            if len(keys) != 1:
                raise RecordError(
                    "INVALID_FIELD", f"Only one field may be specified for {field.relationship}"
                )
            (key, key_value) = next(iter(keys.items()))
            key_field = target.field(key)
            if key_field is None or not (key_field.external_id or key_field.name == "Id"):
                raise RecordError(
                    "INVALID_FIELD",
                    f"Field name provided, {key} does not match an External ID, "
                    f"Salesforce Id, or indexed field for {target.name}",
                    [key],
                )
            found = (
                self.resolve_id(target, key_value)
                if key_field.name == "Id"
                else self.find_by_external_id(target, key_field, key_value)
            )
            if found is None:
                raise RecordError(
                    "INVALID_FIELD",
                    f"Foreign key external ID: {key_value} not found for field "
                    f"{key_field.name} in entity {target.name}",
                )
            bound[field.name] = found
        return bound

    def _check(
        self,
        object_type: ObjectType,
        fields: Mapping[str, Any],
        record_id: str | None,
        given: Mapping[str, Any],
    ) -> None:
        readonly = [name for name in given if object_type.fields[name].readonly]
        if readonly:
            raise RecordError(
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                f"Unable to create/update fields: {', '.join(readonly)}. Please check the "
                "security settings of this field and verify that it is read/write for your "
                "profile or permission set.",
                readonly,
            )
        missing = [n for n in object_type.required_fields if fields.get(n) in (None, "")]
        if missing:
            raise RecordError(
                "REQUIRED_FIELD_MISSING",
                f"Required fields are missing: [{', '.join(missing)}]",
                missing,
            )
        for name, value in given.items():
            if value not in (None, ""):
                self._check_value(object_type, object_type.fields[name], value)
        self._check_unique(object_type, given, record_id)

    def _check_unique(
        self, object_type: ObjectType, given: Mapping[str, Any], record_id: str | None
    ) -> None:
        for name in object_type.unique_fields:
            value = given.get(name)
            if value in (None, ""):
                continue
            holder = self.store.find_unique(object_type.name, name, str(value))
            if holder not in (None, record_id):
                raise RecordError(
                    "DUPLICATE_VALUE",
                    f"duplicate value found: {name} duplicates value on record with id: "
                    f"{holder[:15]}",
                )

    def _check_value(self, object_type: ObjectType, field: Field, value: Any) -> None:
        if field.type == "reference":
            self._check_reference(field, value)
        if field.length and isinstance(value, str) and len(value) > field.length:
            raise RecordError(
                "STRING_TOO_LONG",
                f"{field.label}: data value too large: {value[:255]} (max length={field.length})",
                [field.name],
            )
        if field.type == "email" and not _EMAIL.match(value):
            raise RecordError(
                "INVALID_EMAIL_ADDRESS",
                f"{field.label}: invalid email address: {value}",
                [field.name],
            )
        if field.values and value not in field.values:
            raise RecordError(
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                f"{field.label}: bad value for restricted picklist field: {value}",
                [field.name],
            )
        if isinstance(value, int | float) and not isinstance(value, bool):
            too_large = abs(value) >= 10 ** (field.precision - field.scale)
            below = field.min is not None and value < field.min
            if too_large or below or (field.max is not None and value > field.max):
                raise RecordError(
                    "NUMBER_OUTSIDE_VALID_RANGE",
                    f"{field.label}: value outside of valid range on numeric field: {value}",
                    [field.name],
                )

    def _check_reference(self, field: Field, value: str) -> None:
        targets = [self.schema[name] for name in field.to]
        matching = [t for t in targets if str(value).startswith(t.key_prefix)]
        if not matching:
            raise RecordError(
                "MALFORMED_ID",
                f"{field.label} ID: id value of incorrect type: {value}",
                [field.name],
            )
        record_id = self.resolve_id(matching[0], value, f"{field.label} ID")
        if self.store.get(matching[0].name, record_id) is None:
            raise RecordError(
                "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [field.name]
            )

    def _write(
        self,
        object_type: ObjectType,
        record_id: str,
        fields: dict[str, Any],
        operation: str,
        before: Mapping[str, Any],
        record: Record | None,
    ) -> None:
        if object_type.fields.get("LastName") is not None:
            fields["Name"] = _person_name(fields)
        if object_type.name == "Opportunity":
            fields["IsClosed"] = fields.get("StageName") in CLOSED_STAGES
            fields["IsWon"] = fields.get("StageName") == "Closed Won"
        changed = {
            name: (before.get(name), fields.get(name))
            for name in {**before, **fields}
            if before.get(name) != fields.get(name)
        }
        self.store.put(
            object_type.name,
            record_id,
            fields,
            unique_fields=[n for n in object_type.unique_fields if n in changed],
            operation=operation,
            changed=changed,
            created_at=record.created_at if record else None,
        )
        if object_type.name == "PermissionSetAssignment":
            shown = self.store.get("PermissionSet", fields["PermissionSetId"])
            sets = self.store.document("permission_sets") or {}
            if shown is not None and shown.fields["Name"] in sets:
                self._show(sets[shown.fields["Name"]])
        if object_type.name == "Opportunity" and any(n in changed for n in HISTORY_FIELDS):
            written = self.store.get(object_type.name, record_id)
            self._keep_stage(record_id, fields, written.updated_at)

    def _keep_stage(self, opportunity_id: str, fields: Mapping[str, Any], at: str) -> None:
        """A row of OpportunityHistory: what the opportunity is from ``at`` on."""
        object_type = self.schema["OpportunityHistory"]
        number = self.store.next_number(f"id:{object_type.name}")
        kept = {name: fields[name] for name in HISTORY_FIELDS if fields.get(name) is not None}
        self.store.put(
            object_type.name,
            make_id(object_type.key_prefix, number),
            {"OpportunityId": opportunity_id, **kept},
            operation="create",
            changed={},
            at=at,
            with_history=False,
        )

    # answering -------------------------------------------------------------------------

    def as_json(self, object_type: ObjectType, record: Record, version: str) -> dict[str, Any]:
        """The record as the REST API answers it: every column, absent ones null."""
        answer: dict[str, Any] = {
            "attributes": {
                "type": object_type.name,
                "url": f"/services/data/v{version}/sobjects/{object_type.name}/{record.id}",
            }
        }
        for name in object_type.fields:
            answer[name] = self.value(record, name)
        return answer

    @staticmethod
    def value(record: Record, name: str) -> Any:
        """One column of a record, the system columns included."""
        match name:
            case "Id":
                return record.id
            case "IsDeleted":
                return record.is_deleted
            case "CreatedDate":
                return _vendor_time(record.created_at)
            case "LastModifiedDate" | "SystemModstamp":
                return _vendor_time(record.updated_at)
        return record.fields.get(name)


def format_time(moment: datetime) -> str:
    """``2026-01-31T12:00:00.000+0000``, as Salesforce writes a datetime."""
    moment = moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def _vendor_time(iso: str) -> str:
    return f"{iso[:-1]}+0000" if iso.endswith("Z") else iso


def _person_name(fields: Mapping[str, Any]) -> str:
    return " ".join(p for p in (fields.get("FirstName"), fields.get("LastName")) if p)


def org_id(home: str) -> str:
    """A stable organization id for an installation."""
    return f"00DPg{zlib.crc32(home.encode()):010d}"
