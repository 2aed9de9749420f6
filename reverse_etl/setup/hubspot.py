"""HubSpot: custom objects over the schemas API, properties over the properties API v3."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hubspot.crm.properties import (
    BatchInputPropertyCreate,
    PropertyCreate,
    PropertyGroupCreate,
)
from hubspot.crm.schemas import (
    ObjectSchemaEgg,
    ObjectTypeDefinitionLabels,
    ObjectTypePropertyCreate,
)

from reverse_etl.destinations.hubspot import HubSpotDestination
from reverse_etl.destinations.hubspot_fit import hubspot_problems
from reverse_etl.errors import BatchRefused, DestinationError
from reverse_etl.setup.wanted import Missing, WantedField, WantedObject, plural
from reverse_etl.shape import Shape
from reverse_etl.specs import SyncSpec

GROUP = "plg"
MOST_PROPERTIES_A_CALL = 100
SINGLE_LINE = 255

_OWN_OBJECT = "p_"  # a custom object is addressed as p_ and the name it was created with


class HubSpotSetup:
    """Compares what the syncs want with a portal, and creates what is missing."""

    def __init__(self, destination: HubSpotDestination):
        self.destination = destination
        self.client = destination.client

    def missing(self, wanted: Mapping[str, WantedObject]) -> Missing:
        """What is not there."""
        objects, fields, standard = [], [], []
        for entry in wanted.values():
            properties = self._properties(entry.name)
            if properties is None and not entry.name.startswith(_OWN_OBJECT):
                standard.append(f"object {entry.name} is HubSpot's own and not visible")
                continue
            if properties is None:
                objects.append(entry)
            known = {p.name for p in properties or []}
            fields += [(entry.name, f) for f in entry.fields.values() if f.name not in known]
        return Missing(tuple(objects), tuple(fields), tuple(standard))

    def problems(self, syncs: Sequence[tuple[SyncSpec, Shape]]) -> list[str]:
        """What does not fit though it is there; only a person can change it."""
        found = []
        for spec, shape in syncs:
            properties = self._properties(spec.object)
            if properties is not None:
                found += [
                    f"{spec.object}: {problem}"
                    for problem in hubspot_problems(spec, shape, properties)
                    if not problem.startswith("no ")
                ]
        return list(dict.fromkeys(found))

    def apply(self, missing: Missing, wanted: Mapping[str, WantedObject]) -> None:
        """Create what is missing: objects with all their properties, then single properties."""
        new = {entry.name for entry in missing.objects}
        for entry in missing.objects:
            egg = _egg(entry)
            self._call(
                f"custom object {egg.name}",
                lambda egg=egg: self.client.crm.schemas.core_api.create(egg),
            )
        by_object: dict[str, list[WantedField]] = {}
        for object_name, field in missing.fields:
            if object_name not in new:
                by_object.setdefault(object_name, []).append(field)
        for object_name, fields in by_object.items():
            self._require_group(object_name)
            for start in range(0, len(fields), MOST_PROPERTIES_A_CALL):
                inputs = [
                    PropertyCreate(group_name=GROUP, **_property(field))
                    for field in fields[start : start + MOST_PROPERTIES_A_CALL]
                ]
                self._call(
                    f"properties of {object_name}",
                    lambda name=object_name, inputs=inputs: (
                        self.client.crm.properties.batch_api.create(
                            name, BatchInputPropertyCreate(inputs=inputs)
                        )
                    ),
                )

    # calls -------------------------------------------------------------------------------

    def _properties(self, object_name: str) -> list[Any] | None:
        """The properties of an object; None where there is no such object."""
        try:
            return self.client.crm.properties.core_api.get_all(object_name).results
        except Exception as error:
            named = self.destination.named(error, f"properties of {object_name}")
            if isinstance(named, BatchRefused) or getattr(error, "status", 0) == 404:
                return None
            raise named from error

    def _require_group(self, object_name: str) -> None:
        groups = self.client.crm.properties.groups_api
        known = self._call(f"groups of {object_name}", lambda: groups.get_all(object_name))
        if GROUP not in {group.name for group in known.results}:
            made = PropertyGroupCreate(name=GROUP, label="Product-led growth")
            self._call(f"group {GROUP}", lambda: groups.create(object_name, made))

    def _call(self, what: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:
            named = self.destination.named(error, what)
            if isinstance(named, DestinationError):
                raise named from error
            raise


def _egg(entry: WantedObject) -> ObjectSchemaEgg:
    name = entry.name.removeprefix(_OWN_OBJECT)
    label = name.replace("_", " ").capitalize()
    shown = next((n for n in entry.fields if n.endswith("_name")), entry.key)
    return ObjectSchemaEgg(
        name=name,
        labels=ObjectTypeDefinitionLabels(singular=label, plural=plural(label)),
        primary_display_property=shown,
        required_properties=[entry.key],
        searchable_properties=list(dict.fromkeys([shown, entry.key])),
        properties=[ObjectTypePropertyCreate(**_property(f)) for f in entry.fields.values()],
        associated_objects=["COMPANY"],
    )


def _property(field: WantedField) -> dict[str, Any]:
    kinds = {
        "text": ("string", "text"),
        "integer": ("number", "number"),
        "number": ("number", "number"),
        "boolean": ("bool", "booleancheckbox"),
        "date": ("date", "date"),
        "datetime": ("datetime", "date"),
    }
    kind, control = kinds[field.type]
    if field.type == "text" and (field.length is None or field.length > SINGLE_LINE):
        control = "textarea"
    label = field.name.removeprefix("plg_").replace("_", " ").capitalize()
    made = {"name": field.name, "label": label, "type": kind, "field_type": control}
    if field.is_key:
        made["has_unique_value"] = True
    if field.type == "boolean":
        made["options"] = [_option("Yes", "true", 0), _option("No", "false", 1)]
    return made


def _option(label: str, value: str, order: int) -> dict[str, Any]:
    return {"label": label, "value": value, "displayOrder": order, "hidden": False}
