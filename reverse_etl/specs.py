"""Sync specifications: ``reverse_etl/syncs/*.yml``, checked before anything runs.

A field of the destination is mapped from a column (``Email: email``) or from a mapping:

    PLG_MRR__c: {column: mrr, type: number}
    FirstName: {column: first_name, max_length: 40}
    Account: {column: account_id, reference: PLG_Account_Id__c}   # by its external id
    What: {column: account_id, reference: PLG_Account_Id__c, reference_object: Account}
    LeadSource: {constant: Product}
    Name: {template: "{name} – {tier}"}
    amount: {column: recognised_amount, type: decimal}            # as it is: no rounding, as text
"""

import re
from collections.abc import Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from reverse_etl.errors import SpecError

SYNCS_FOLDER = Path(__file__).with_name("syncs")

Destination = Literal["salesforce", "hubspot", "slack", "webhook", "csv"]
FieldType = Literal["text", "integer", "number", "decimal", "boolean", "date", "datetime"]
Cadence = Literal["nightly", "every_15_minutes", "on_event"]

_NAME = r"^[a-z][a-z0-9_]*$"
_SOURCE = r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$"
_COLUMN = r"^[A-Za-z_][A-Za-z0-9_]*$"
_MAX_BATCH = {"salesforce": 200, "hubspot": 100, "slack": 1, "webhook": 500, "csv": 100_000}
_EXACT = ("webhook", "csv")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class FieldMapping(BaseModel):
    """Where one field of the destination gets its value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str | None = Field(default=None, pattern=_COLUMN)
    constant: str | int | float | bool | None = None
    template: str | None = None
    type: FieldType | None = Field(default=None, description="default: from the column's type")
    max_length: int | None = Field(default=None, ge=1, description="longer text is cut")
    reference: str | None = Field(default=None, description="external id of the record pointed at")
    reference_object: str | None = Field(
        default=None, description="the object pointed at, where a field may point at several"
    )

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        given = [n for n in ("column", "constant", "template") if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of: column, constant, template")
        if self.reference is not None and self.column is None:
            raise ValueError("a reference needs a column")
        if self.reference_object is not None and self.reference is None:
            raise ValueError("reference_object goes with reference")
        return self

    @property
    def columns(self) -> list[str]:
        """The source columns it reads."""
        if self.column is not None:
            return [self.column]
        return _PLACEHOLDER.findall(self.template or "")

    def template_parts(self) -> list[tuple[str, str]]:
        """``("text", "…")`` and ``("column", name)`` in the order of the template."""
        parts, position = [], 0
        template = self.template or ""
        for match in _PLACEHOLDER.finditer(template):
            if match.start() > position:
                parts.append(("text", template[position : match.start()]))
            parts.append(("column", match.group(1)))
            position = match.end()
        if position < len(template):
            parts.append(("text", template[position:]))
        return parts


class Audience(BaseModel):
    """A HubSpot list that rows are memberships of; both are among ``fields``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    list: str = Field(description="field with the name of the list")
    member: str = Field(description="field, and unique property, by which the member is found")


def _as_mapping(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


class Breaker(BaseModel):
    """Plans that are not sent before a person has looked at them; shares are of what is synced.

    ``null`` for a share: any number may be.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    create: float | None = Field(default=1.0, gt=0, description="largest share of new records")
    update: float | None = Field(
        default=None, gt=0, description="largest share changed; most nights change most records"
    )
    delete: float | None = Field(default=0.3, gt=0, description="largest share deleted or closed")
    least: int = Field(default=100, ge=1, description="fewer records than this never trip it")
    score: str | None = Field(default=None, description="field whose distribution is watched")
    score_jump: float = Field(
        default=0.3, gt=0, le=1, description="largest Kolmogorov-Smirnov distance of it"
    )


class SyncSpec(BaseModel):
    """One sync: which published table goes to which object, and under which rules."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=_NAME, description="also the file's stem")
    description: str
    source: str = Field(pattern=_SOURCE, description="schema.table of the published copy")
    destination: Destination
    object: str = Field(
        min_length=1, description="Salesforce object, HubSpot object, channel, feed or file"
    )
    external_id: str | None = Field(default=None, description="unique field that gets record_key")
    record_key: str = Field(default="record_key", pattern=_COLUMN)
    match_id: str | None = Field(
        default=None, pattern=_COLUMN, description="column with the id of a matched record"
    )
    mode: Literal["upsert", "update", "insert", "mirror"] = Field(
        default="upsert",
        description="upsert: create and change; update: never create; insert: each row once; "
        "mirror: upsert, and rows that left are deleted",
    )
    fields: dict[str, Annotated[FieldMapping, BeforeValidator(_as_mapping)]] = Field(min_length=1)
    delete_policy: Literal["keep", "delete", "set_fields"] | None = Field(
        default=None, description="what happens to a record whose row left the source"
    )
    set_fields: dict[str, str | int | float | bool] | None = None
    answers: dict[str, FieldType] = Field(
        default_factory=dict,
        description="fields that people fill in over there and the read-back brings home: "
        "`plg crm setup` creates them, nothing here writes them",
    )
    batch_size: int | None = Field(default=None, ge=1)
    bulk_above: int = Field(
        default=5000, ge=0, description="Salesforce: more records than this go as a bulk job"
    )
    cadence: Cadence = "nightly"
    failure_rate: float = Field(
        default=0.01, ge=0, le=1, description="share of refused records that raises an alert"
    )
    empty_source: Literal["stop", "allow"] = Field(
        default="stop", description="stop: an empty source with records synced earlier is an error"
    )
    consent: str | None = Field(
        default=None,
        pattern=_COLUMN,
        description="boolean column: a row where it is not true is held back; one that was synced "
        "has left the source",
    )
    audience: Audience | None = Field(
        default=None, description="HubSpot: each row is a member of a list"
    )
    on_drift: Literal["overwrite", "keep"] = Field(
        default="overwrite",
        description="what the next run does with fields that `plg sync reconcile` found edited "
        "and with records it found deleted",
    )
    breaker: Breaker = Field(default=Breaker(), description="when a plan waits for a person")
    announces: str | None = Field(
        default=None,
        description="field with the id of what the record tells of; when each was first "
        "acknowledged is in ops.sync_deliveries",
    )
    first_run: Literal["send", "note"] = Field(
        default="send", description="note: what is there on the first run is history, never sent"
    )
    message: Literal["hot_pql", "sla_alert"] | None = Field(
        default=None, description="Slack: which message a row becomes"
    )
    file: Literal["full", "changes"] | None = Field(
        default=None,
        description="CSV: the whole table whenever something changed, or the changed rows only",
    )
    owner: str
    depends_on: tuple[str, ...] = ()

    @field_validator("object")
    @classmethod
    def _plain_object(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_#-]*", value):
            raise ValueError("letters, digits and underscores only")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.destination == "slack":
            if self.mode != "insert":
                raise ValueError("a Slack sync has mode: insert (each row is posted once)")
        elif self.audience is not None:
            self._require_audience(self.audience)
        elif self.external_id is None:
            raise ValueError(
                "external_id is required: the unique field of the object that holds record_key"
            )
        elif self.mode == "insert":
            raise ValueError(
                "mode insert would write duplicates after a crash; use upsert with external_id"
            )
        if (self.message is None) == (self.destination == "slack"):
            raise ValueError("message goes with destination: slack, and is required there")
        if (self.file is None) == (self.destination == "csv"):
            raise ValueError("file goes with destination: csv, and is required there")
        if self.file == "full" and (self.mode, self.delete_policy) != ("mirror", None):
            raise ValueError(
                "file: full has mode: mirror: a row that left the source leaves the file"
            )
        if self.destination not in _EXACT:
            exact = [name for name, m in self.fields.items() if m.type == "decimal"]
            exact += [name for name, kind in self.answers.items() if kind == "decimal"]
            if exact:
                raise ValueError(
                    f"type decimal is for {', '.join(_EXACT)}; a CRM wants number: "
                    f"{', '.join(exact)}"
                )
        if self.breaker.score is not None and self.breaker.score not in self.fields:
            raise ValueError(f"breaker.score: {self.breaker.score} is not among fields")
        if self.announces is not None and self.announces not in self.fields:
            raise ValueError(f"announces: {self.announces} is not among fields")
        if self.first_run == "note" and self.mode != "insert":
            raise ValueError("first_run: note goes with mode: insert; records are compared instead")
        if self.answers and (self.destination not in ("salesforce", "hubspot") or self.audience):
            raise ValueError("answers are fields of a CRM's object")
        written = [n for n in self.answers if n in self.fields or n in (self.set_fields or {})]
        if written:
            raise ValueError(f"answers are people's, not to be mapped: {', '.join(written)}")
        if self.external_id is not None and self.external_id in self.fields:
            raise ValueError(f"{self.external_id} gets record_key; take it out of fields")
        if (self.set_fields is not None) != (self.effective_delete_policy == "set_fields"):
            raise ValueError("set_fields goes with delete_policy: set_fields, and only with it")
        if self.mode == "mirror" and self.effective_delete_policy == "keep":
            raise ValueError("mode mirror needs delete_policy: delete or set_fields")
        if self.destination != "salesforce":
            referring = [name for name, m in self.fields.items() if m.reference]
            if referring:
                raise ValueError(f"references are Salesforce's: {', '.join(referring)}")
            if self.match_id:
                raise ValueError("match_id is Salesforce's; HubSpot matches by its unique property")
        limit = _MAX_BATCH[self.destination]
        if self.batch_size is not None and self.batch_size > limit:
            raise ValueError(f"batch_size {self.batch_size} is above {self.destination}'s {limit}")
        return self

    def _require_audience(self, audience: Audience) -> None:
        if self.destination != "hubspot" or self.object not in ("contacts", "companies"):
            raise ValueError("audience goes with destination: hubspot, object: contacts, companies")
        unmapped = [n for n in (audience.list, audience.member) if n not in self.fields]
        if unmapped:
            raise ValueError(f"audience: {', '.join(unmapped)} is not among fields")
        if (self.mode, self.effective_delete_policy) != ("mirror", "delete"):
            raise ValueError("an audience has mode: mirror: whose row left, leaves the list")
        if self.external_id is not None:
            raise ValueError("an audience has no external_id; its members are found by member")

    @property
    def effective_delete_policy(self) -> Literal["keep", "delete", "set_fields"]:
        return self.delete_policy or ("delete" if self.mode == "mirror" else "keep")

    @property
    def records_per_call(self) -> int:
        """The destination's native batch, or fewer where the spec says so."""
        return self.batch_size or _MAX_BATCH[self.destination]

    @property
    def source_columns(self) -> list[str]:
        """Every column of the source it reads."""
        names = [self.record_key, *(n for n in (self.match_id, self.consent) if n)]
        for mapping in self.fields.values():
            names += mapping.columns
        return list(dict.fromkeys(names))


def read_spec(path: Path) -> SyncSpec:
    """The spec in a file; `SpecError` names the file, the key and what is allowed."""
    try:
        document = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise SpecError(f"{path}: not readable as YAML: {error}") from error
    if not isinstance(document, dict):
        raise SpecError(f"{path}: a mapping with the keys of a sync is expected")
    try:
        spec = SyncSpec.model_validate(document)
    except ValidationError as error:
        problems = "; ".join(_problem(entry) for entry in error.errors())
        raise SpecError(f"{path}: {problems}") from None
    if spec.name != path.stem:
        raise SpecError(f"{path}: name: is {spec.name!r}, must equal the file name {path.stem!r}")
    return spec


def _problem(entry: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in entry["loc"]) or "spec"
    where = where.removesuffix(".function-before[_as_mapping(), FieldMapping]")
    context = entry.get("ctx", {})
    match entry["type"]:
        case "literal_error":
            return f"{where}: {entry['input']!r} is not allowed; use one of {context['expected']}"
        case "missing":
            return f"{where}: is missing"
        case "extra_forbidden":
            inside = {"fields": FieldMapping, "breaker": Breaker, "audience": Audience}
            parent = (
                inside.get(str(entry["loc"][0]), SyncSpec) if len(entry["loc"]) > 1 else SyncSpec
            )
            return f"{where}: is not a key; allowed are {', '.join(parent.model_fields)}"
        case "string_pattern_mismatch":
            return f"{where}: {entry['input']!r} does not have the form {context['pattern']}"
        case "value_error":
            return f"{where}: {context['error']}"
    return f"{where}: {entry['msg']} (is {entry['input']!r})"


def load_specs(folder: Path = SYNCS_FOLDER) -> dict[str, SyncSpec]:
    """All specs by name, each after those it depends on; `SpecError` lists every wrong file."""
    specs: dict[str, SyncSpec] = {}
    problems = []
    for path in sorted(folder.glob("*.yml")):
        try:
            spec = read_spec(path)
        except SpecError as error:
            problems.append(str(error))
            continue
        specs[spec.name] = spec
    for spec in specs.values():
        unknown = [name for name in spec.depends_on if name not in specs]
        if unknown and not problems:
            problems.append(
                f"{folder / spec.name}.yml: depends_on: no sync {', '.join(unknown)}; there are "
                f"{', '.join(specs)}"
            )
    if problems:
        raise SpecError("\n".join(problems))
    try:
        order = TopologicalSorter({s.name: s.depends_on for s in specs.values()}).static_order()
        return {name: specs[name] for name in order}
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise SpecError(f"{folder}: depends_on goes in a circle: {circle}") from None


@cache
def _shipped() -> Mapping[str, SyncSpec]:
    return load_specs()


def find_spec(name: str, folder: Path | None = None) -> SyncSpec:
    """The spec called ``name``; `SpecError` names those that exist."""
    specs = load_specs(folder) if folder else _shipped()
    if name not in specs:
        raise SpecError(f"there is no sync {name!r}; there are {', '.join(specs)}")
    return specs[name]
