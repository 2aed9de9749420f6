"""The Metadata API's REST resource: deployments of objects, fields and permission sets.

Played: ``metadata/deployRequest`` with a zip of one package (rolled back on any error) and its
result. What is deployed nobody can see until a permission set that names it is given to the user
(field-level security), as in a real org.
"""

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from reverse_etl.mocks.salesforce_org import Org, RequestError, make_id

_NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"
_SHARED_HOME = {"Activity": "Task"}
_UNIQUE_TYPES = ("Text", "Number", "Email")
MOST_LABEL, MOST_NAME = 40, 40

METADATA_TYPES = {
    "Text": "string",
    "LongTextArea": "textarea",
    "TextArea": "textarea",
    "Email": "email",
    "Url": "url",
    "Phone": "phone",
    "Number": "double",
    "Currency": "currency",
    "Percent": "percent",
    "Checkbox": "boolean",
    "Date": "date",
    "DateTime": "datetime",
    "Picklist": "picklist",
    "Lookup": "reference",
}


class ComponentError(Exception):
    """A component of a deployment is refused."""


def field_options(name: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A custom field's metadata as an entry of the schema; `ComponentError` names what is wrong."""
    given = str(metadata.get("type"))
    kind = METADATA_TYPES.get(given)
    if kind is None:
        raise ComponentError(f"unknown field type {metadata.get('type')}")
    options: dict[str, Any] = {"type": kind, "label": metadata.get("label") or ""}
    options |= {n: int(metadata[n]) for n in ("length", "precision", "scale") if n in metadata}
    options |= {n: _is_true(metadata[n]) for n in ("required", "unique") if n in metadata}
    if _is_true(metadata.get("externalId")):
        options["external_id"] = True
    if kind == "reference":
        options |= {"to": metadata.get("referenceTo"), "relationship": f"{name[:-1]}r"}
    return options


def _is_true(value: Any) -> bool:
    return value is True or value == "true"


@dataclass
class Deployment:
    """What a package would change, read before anything is applied."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    fields: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    permission_sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: list[dict[str, str]] = field(default_factory=list)

    def fail(self, kind: str, name: str, problem: str) -> None:
        self.failures.append(
            {"componentType": kind, "fullName": name, "problem": problem, "problemType": "Error"}
        )


def read_package(org: Org, package: bytes) -> Deployment:
    """The components of a zip file, checked against the org."""
    deployment = Deployment()
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        roots = {name: ElementTree.fromstring(content) for name, content in files.items()}
    except (zipfile.BadZipFile, ElementTree.ParseError) as error:
        deployment.fail("", "package.xml", f"Error parsing file: {error}")
        return deployment
    manifest = roots.get("package.xml")
    if manifest is None:
        deployment.fail("", "package.xml", "No package.xml found")
        return deployment
    named = {m.text for m in manifest.iter(f"{_NAMESPACE}members")}
    for name, root in roots.items():
        stem = name.rpartition("/")[2].rpartition(".")[0]
        if name.startswith("objects/"):
            _read_object(org, deployment, _SHARED_HOME.get(stem, stem), stem, root, named)
    for name, root in roots.items():
        stem = name.rpartition("/")[2].rpartition(".")[0]
        if name.startswith("permissionsets/") and stem in named:
            _read_permission_set(org, deployment, stem, root)
    return deployment


def _read_object(
    org: Org, deployment: Deployment, name: str, home: str, root: Any, named: set[str | None]
) -> None:
    if home in named and home.endswith("__c"):
        entry = _values(root)
        if (
            not entry.get("label")
            or not entry.get("pluralLabel")
            or root.find(_t("nameField")) is None
        ):
            deployment.fail("CustomObject", home, "Must specify label, pluralLabel and nameField")
        deployment.objects[name] = entry
    elif org.every_object().get(name) is None:
        deployment.fail("CustomObject", home, f"Entity Enumeration Or ID: no object {home}")
        return
    for element in root.findall(_t("fields")):
        metadata = _values(element)
        full = f"{home}.{metadata.get('fullName')}"
        if full not in named and home not in named:
            continue
        try:
            deployment.fields[name, metadata["fullName"]] = _checked_field(
                org, deployment, metadata
            )
        except ComponentError as error:
            deployment.fail("CustomField", full, str(error))


def _checked_field(org: Org, deployment: Deployment, metadata: Mapping[str, Any]) -> dict[str, Any]:
    name, kind = str(metadata.get("fullName")), metadata.get("type")
    if not re.fullmatch(r"[A-Za-z](_?[A-Za-z0-9])*__c", name) or len(name) - 3 > MOST_NAME:
        raise ComponentError(f"{name}: the custom field name is not valid")
    if not metadata.get("label") or len(metadata["label"]) > MOST_LABEL:
        raise ComponentError(f"Label: between 1 and {MOST_LABEL} characters are expected")
    options = field_options(name, metadata)
    length = options.get("length", 0)
    if kind == "Text" and not 1 <= length <= 255:
        raise ComponentError("Text length must be between 1 and 255")
    if kind == "LongTextArea" and not (256 <= length <= 131_072 and "visibleLines" in metadata):
        raise ComponentError("LongTextArea needs visibleLines, and a length from 256 to 131072")
    if kind in ("Number", "Currency", "Percent") and not 0 < options.get("precision", 0) <= 18:
        raise ComponentError("Must specify 'precision' (at most 18) and 'scale'")
    if kind == "Checkbox" and "defaultValue" not in metadata:
        raise ComponentError("Must specify 'defaultValue' for a CustomField of type Checkbox")
    if kind not in _UNIQUE_TYPES and (options.get("unique") or options.get("external_id")):
        raise ComponentError(f"Can not specify 'externalId' for a CustomField of type {kind}")
    if kind == "Lookup":
        target = str(options["to"])
        if target not in org.every_object() and target not in deployment.objects:
            raise ComponentError(f"referenceTo value of '{target}' does not resolve to an object")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", str(metadata.get("relationshipName"))):
            raise ComponentError("Must specify a valid 'relationshipName' for a Lookup")
    return options


def _read_permission_set(org: Org, deployment: Deployment, name: str, root: Any) -> None:
    fields, objects = [], []
    for element in root.findall(_t("fieldPermissions")):
        entry = _values(element)
        object_name, _, field_name = str(entry.get("field")).partition(".")
        known = org.every_object().get(object_name)
        there = (object_name, field_name) in deployment.fields or (
            known is not None and known.field(field_name) is not None
        )
        if not there:
            deployment.fail("PermissionSet", name, f"no CustomField named {entry['field']} found")
        elif _is_true(entry.get("readable")):
            fields.append([object_name, field_name])
    for element in root.findall(_t("objectPermissions")):
        entry = _values(element)
        if entry.get("object") not in {*org.every_object(), *deployment.objects}:
            deployment.fail("PermissionSet", name, f"no CustomObject named {entry['object']} found")
        elif _is_true(entry.get("allowRead")):
            objects.append(entry["object"])
    label = root.findtext(_t("label"))
    if not label:
        deployment.fail("PermissionSet", name, "Required field is missing: label")
    deployment.permission_sets[name] = {"label": label, "fields": fields, "objects": objects}


def _values(element: Any) -> dict[str, Any]:
    return {
        child.tag.removeprefix(_NAMESPACE): child.text or "" for child in element if not len(child)
    }


def _t(name: str) -> str:
    return f"{_NAMESPACE}{name}"


class Deployments:
    """Deployments by id, and their results."""

    def __init__(self, org: Org):
        self.org = org
        self.results: dict[str, dict[str, Any]] = {}
        self._asked: set[str] = set()

    def start(self, package: bytes) -> str:
        deployment = read_package(self.org, package)
        deployment_id = make_id("0Af", self.org.store.next_number("id:deployment"))
        if not deployment.failures:
            with self.org.store.transaction():
                self._apply(deployment)
        is_good = not deployment.failures
        self.results[deployment_id] = {
            "id": deployment_id,
            "done": True,
            "success": is_good,
            "status": "Succeeded" if is_good else "Failed",
            "rollbackOnError": True,
            "numberComponentErrors": len(deployment.failures),
            "details": {"componentFailures": deployment.failures, "componentSuccesses": []},
        }
        return deployment_id

    def result(self, deployment_id: str) -> dict[str, Any]:
        known = self.results.get(deployment_id)
        if known is None:
            raise RequestError(404, "NOT_FOUND", "The requested resource does not exist")
        if deployment_id not in self._asked:  # a deployment takes its time
            self._asked.add(deployment_id)
            return {"id": deployment_id, "done": False, "success": False, "status": "InProgress"}
        return known

    def _apply(self, deployment: Deployment) -> None:
        org = self.org
        for name, entry in deployment.objects.items():
            if name not in org.every_object():
                org.add_object(name, entry["label"], entry["pluralLabel"])
        for (object_name, field_name), options in deployment.fields.items():
            is_new = org.every_object()[object_name].field(field_name) is None
            org.set_field(org.every_object()[object_name], field_name, options)
            if is_new:
                org.hide(object_name, field_name)
        for name, entry in deployment.permission_sets.items():
            org.keep_permission_set(name, entry)


def build_router(deployments: Deployments, require_session: Callable[[Request], None]) -> APIRouter:
    """Routes below ``/salesforce``."""
    router = APIRouter(prefix="/services/data/v{version}/metadata/deployRequest")

    @router.post("")
    async def deploy(request: Request) -> JSONResponse:
        require_session(request)
        parts = _parts(request.headers.get("content-type", ""), await request.body())
        try:
            options = json.loads(parts["json"])["deployOptions"]
            package = parts["file"]
        except (KeyError, ValueError):
            raise RequestError(
                400, "INVALID_MULTIPART_REQUEST", "parts json (deployOptions) and file are expected"
            ) from None
        deployment_id = deployments.start(package)
        return JSONResponse({"id": deployment_id, "deployOptions": options}, 201)

    @router.get("/{deployment_id}")
    async def result(request: Request, deployment_id: str) -> JSONResponse:
        require_session(request)
        answer = deployments.result(deployment_id)
        return JSONResponse({"id": deployment_id, "deployResult": answer})

    return router


def _parts(content_type: str, body: bytes) -> dict[str, bytes]:
    """The parts of multipart/form-data by name."""
    boundary = re.search(r'boundary="?([^";]+)"?', content_type)
    if boundary is None:
        return {}
    parts = {}
    for part in body.split(b"--" + boundary.group(1).encode()):
        head, _, content = part.partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]+)"', head)
        if name:
            parts[name.group(1).decode()] = content.removesuffix(b"\r\n")
    return parts
