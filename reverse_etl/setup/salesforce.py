"""Salesforce: one deployment of the Metadata API's REST resource, then the permission set.

A field that is deployed can be seen by nobody until a permission set (or profile) says so: the
deployment holds ``PLG_Sync`` with all fields of ours, and the user who runs it gets it.
"""

import io
import json
import re
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

import requests
from simple_salesforce import Salesforce, SalesforceError

from reverse_etl.destinations.salesforce import API_VERSION, SalesforceDestination
from reverse_etl.destinations.salesforce_fit import salesforce_problems
from reverse_etl.errors import RetryLater, SyncStopped
from reverse_etl.setup.wanted import Missing, WantedField, WantedObject, plural
from reverse_etl.shape import Shape
from reverse_etl.specs import SyncSpec

PERMISSION_SET = "PLG_Sync"
MOST_TEXT, LONG_TEXT = 255, 32_768
LABEL_LENGTH = 40
LONGEST_WAIT_SECONDS = 600.0

_NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
# fields of tasks and events are fields of Activity, which both share
_METADATA_HOME = {"Task": "Activity", "Event": "Activity"}


class SalesforceSetup:
    """Compares what the syncs want with an org, and creates what is missing."""

    def __init__(
        self, destination: SalesforceDestination, sleep: Callable[[float], None] = time.sleep
    ):
        self.destination, self.sleep = destination, sleep

    @property
    def client(self) -> Salesforce:
        if self.destination.client is None:
            self.destination.log_in()
        assert self.destination.client is not None
        return self.destination.client

    def missing(self, wanted: Mapping[str, WantedObject]) -> Missing:
        """What is not there, or not visible to this user."""
        objects, fields, standard = [], [], []
        for entry in wanted.values():
            described = self._described(entry.name)
            if described is None and not entry.name.endswith("__c"):
                standard.append(f"object {entry.name} is Salesforce's own and not visible")
                continue
            if described is None:
                objects.append(entry)
            known = {field["name"] for field in (described or {}).get("fields", [])}
            for field in entry.fields.values():
                name = _api_name(field)
                if name in known or (name == "Name" and described is None):
                    continue
                if name.endswith("__c"):
                    fields.append((entry.name, field))
                elif described is not None and field.points_at is None:
                    standard.append(f"{entry.name}.{name} is Salesforce's own and not visible")
        return Missing(tuple(objects), tuple(fields), tuple(standard))

    def problems(self, syncs: Sequence[tuple[SyncSpec, Shape]]) -> list[str]:
        """What does not fit though it is there; only a person can change it."""
        found = []
        for spec, shape in syncs:
            described = self._described(spec.object)
            if described is not None:
                found += [
                    f"{spec.object}: {problem}"
                    for problem in salesforce_problems(spec, shape, described)
                    if not problem.startswith("no ")
                ]
        return list(dict.fromkeys(found))

    def apply(self, missing: Missing, wanted: Mapping[str, WantedObject]) -> None:
        """Deploy what is missing and give this user the permission set."""
        self._deploy(deployment(missing, wanted))
        self._assign()

    # calls -------------------------------------------------------------------------------

    def _described(self, name: str) -> Mapping[str, Any] | None:
        try:
            return self.client.restful(f"sobjects/{name}/describe")
        except SalesforceError as error:
            if error.status == 404:
                return None
            raise _stopped(error, f"describe of {name}") from error
        except requests.RequestException as error:
            raise RetryLater(f"Salesforce gave no answer: {error}") from error

    def _deploy(self, package: bytes) -> None:
        options = {"deployOptions": {"rollbackOnError": True, "singlePackage": True}}
        parts = {
            "json": (None, json.dumps(options), "application/json"),
            "file": ("plg.zip", package, "application/zip"),
        }
        made = self._post_parts("metadata/deployRequest", parts)
        pause, waited = 0.1, 0.0
        while not (result := self._result(made["id"]))["done"]:
            if waited > LONGEST_WAIT_SECONDS:
                raise SyncStopped(
                    f"Salesforce: deployment {made['id']} is {result['status']} after {waited:,.0f}"
                    " s; look at Setup > Deployment Status, then run `plg crm setup` again"
                )
            self.sleep(pause)
            waited, pause = waited + pause, min(pause * 1.5, 5.0)
        if not result["success"]:
            failures = (result.get("details") or {}).get("componentFailures") or []
            words = "; ".join(f"{f['fullName']}: {f['problem']}" for f in failures)
            raise SyncStopped(
                f"Salesforce refused the deployment ({result['status']}), nothing was created: "
                f"{words or result.get('errorMessage')}"
            )

    def _result(self, deployment_id: str) -> Mapping[str, Any]:
        path = f"metadata/deployRequest/{deployment_id}?includeDetails=true"
        try:
            return self.client.restful(path)["deployResult"]
        except SalesforceError as error:
            raise _stopped(error, "the deployment's result") from error
        except requests.RequestException as error:
            raise RetryLater(f"Salesforce gave no answer: {error}") from error

    def _post_parts(self, path: str, parts: Mapping[str, Any]) -> Mapping[str, Any]:
        # the client sends JSON only
        headers = {"Authorization": f"Bearer {self.client.session_id}"}
        try:
            answer = self.client.session.post(
                f"{self.client.base_url}{path}", files=parts, headers=headers
            )
        except requests.RequestException as error:
            raise RetryLater(f"Salesforce gave no answer: {error}") from error
        if answer.status_code != 201:
            raise SyncStopped(
                f"Salesforce says {answer.status_code} to a deployment: {answer.text[:500]}. The "
                "user needs the rights Customize Application and Modify Metadata"
            )
        return answer.json()

    def _assign(self) -> None:
        try:
            found = self.client.query(
                f"SELECT Id FROM PermissionSet WHERE Name = '{PERMISSION_SET}'"
            )["records"]
            me = self.client.oauth2("userinfo")["user_id"]
            given = self.client.query(
                f"SELECT Id FROM PermissionSetAssignment WHERE AssigneeId = '{me}' "
                f"AND PermissionSetId = '{found[0]['Id']}'"
            )["records"]
            if not given:
                self.client.PermissionSetAssignment.create(
                    {"AssigneeId": me, "PermissionSetId": found[0]["Id"]}
                )
        except SalesforceError as error:
            raise _stopped(error, f"permission set {PERMISSION_SET}") from error
        except requests.RequestException as error:
            raise RetryLater(f"Salesforce gave no answer: {error}") from error


def _stopped(error: SalesforceError, what: str) -> SyncStopped:
    return SyncStopped(f"Salesforce says {error.status}: {error.content} ({what})")


# what is deployed ------------------------------------------------------------------------


def deployment(missing: Missing, wanted: Mapping[str, WantedObject]) -> bytes:
    """The zip file of a deployment: objects, fields, and the permission set whole.

    A permission set that is deployed replaces the one that is there, so it names every field
    the syncs want, not only the missing ones.
    """
    new_objects = {entry.name for entry in missing.objects}
    homes: dict[str, list[str]] = {}
    members: list[str] = []
    for entry in missing.objects:
        homes.setdefault(entry.name, []).append(_object_xml(entry))
    for object_name, field in missing.fields:
        home = _METADATA_HOME.get(object_name, object_name)
        homes.setdefault(home, []).append(_field_xml(object_name, field))
        members.append(f"{home}.{_api_name(field)}")
    files = {
        f"objects/{home}.object": _document("CustomObject", "".join(parts))
        for home, parts in homes.items()
    }
    files[f"permissionsets/{PERMISSION_SET}.permissionset"] = _permissions(wanted)
    files["package.xml"] = _document(
        "Package",
        _types("CustomObject", sorted(new_objects))
        + _types("CustomField", sorted(members))
        + _types("PermissionSet", [PERMISSION_SET])
        + _tag("version", API_VERSION),
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in files.items():
            package.writestr(name, text)
    return buffer.getvalue()


def _types(name: str, members: Sequence[str]) -> str:
    if not members:
        return ""
    named = "".join(_tag("members", member) for member in members)
    return f"<types>{named}{_tag('name', name)}</types>"


def _permissions(wanted: Mapping[str, WantedObject]) -> str:
    parts = [_tag("label", "PLG sync")]
    for entry in wanted.values():
        for field in entry.fields.values():
            if _api_name(field).endswith("__c"):
                name = _tag("field", f"{entry.name}.{_api_name(field)}")
                parts.append(
                    f"<fieldPermissions><editable>true</editable>{name}<readable>true</readable>"
                    "</fieldPermissions>"
                )
    rights = ("allowCreate", "allowDelete", "allowEdit", "allowRead")
    for entry in wanted.values():
        if entry.name.endswith("__c"):
            given = "".join(_tag(right, "true") for right in rights)
            everything = _tag("modifyAllRecords", "false") + _tag("viewAllRecords", "true")
            name = _tag("object", entry.name)
            parts.append(f"<objectPermissions>{given}{name}{everything}</objectPermissions>")
    return _document("PermissionSet", "".join(parts))


def _object_xml(entry: WantedObject) -> str:
    label = _label(entry.name)
    name_field = _tag("label", label) + _tag("type", "Text")
    return "".join(
        [
            _tag("deploymentStatus", "Deployed"),
            _tag("description", f"Written by PLG syncs: {', '.join(entry.syncs)}"),
            _tag("label", label),
            f"<nameField>{name_field}</nameField>",
            _tag("pluralLabel", plural(label)),
            _tag("sharingModel", "ReadWrite"),
        ]
    )


def _field_xml(object_name: str, field: WantedField) -> str:
    parts = {"fullName": _api_name(field), "label": _label(_api_name(field))}
    parts |= metadata_of(object_name, field)
    return f"<fields>{''.join(_tag(name, value) for name, value in parts.items())}</fields>"


def metadata_of(object_name: str, field: WantedField) -> dict[str, str]:
    """The type of a custom field in the words of the Metadata API."""
    if field.points_at is not None:
        return {
            "type": "Lookup",
            "referenceTo": field.points_at,
            # the name of the children in queries from the record pointed at
            "relationshipName": plural(object_name.removesuffix("__c")),
            "deleteConstraint": "SetNull",
        }
    match field.type:
        case "text" if field.length is None or field.length > MOST_TEXT:
            return {"type": "LongTextArea", "length": str(LONG_TEXT), "visibleLines": "5"}
        case "text":
            key = {"externalId": "true", "unique": "true", "caseSensitive": "true"}
            return {
                "type": "Text",
                "length": str(field.length),
                **(key if field.is_key else {}),
            }
        case "integer":
            return {"type": "Number", "precision": "18", "scale": "0"}
        case "number":
            return {"type": "Number", "precision": "18", "scale": str(field.scale)}
        case "boolean":
            return {"type": "Checkbox", "defaultValue": "false"}
        case "date":
            return {"type": "Date"}
    return {"type": "DateTime"}


def _api_name(field: WantedField) -> str:
    """``PLG_Account__r`` points by the field ``PLG_Account__c``."""
    if field.points_at is not None and field.name.endswith("__r"):
        return f"{field.name[:-1]}c"
    return field.name


def _label(name: str) -> str:
    return re.sub(r"__c$", "", name).replace("_", " ")[:LABEL_LENGTH]


def _document(root: str, body: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{_NAMESPACE}">{body}</{root}>\n'


def _tag(name: str, value: str) -> str:
    return f"<{name}>{escape(value)}</{name}>"
