"""HubSpot's API about the portal itself: properties, custom objects, pipelines, OAuth."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import yaml
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from reverse_etl.mocks.hubspot_portal import SCHEMA_FILE, Portal, PortalError
from reverse_etl.mocks.store import iso_now

# the app that may ask for tokens, as a developer account would list it
CLIENT_ID = "plg-demo-app"
CLIENT_SECRET = "plg-demo-app-secret"
REFRESH_TOKEN = "plg-demo-refresh"
TOKEN_SECONDS = 1800
MAX_BATCH = 100

ReadObject = Callable[[Request], Awaitable[dict[str, Any]]]


def build_router(
    portal: Portal,
    require_token: Callable[[Request], None],
    read_object: ReadObject,
    give_token: Callable[[str], None],
) -> APIRouter:
    """Routes below ``/hubspot``."""
    router = APIRouter()
    not_found = PortalError(404, "OBJECT_NOT_FOUND", "resource not found")
    properties = "/crm/v3/properties/{name}"

    async def batch(request: Request) -> list[dict[str, Any]]:
        inputs = (await read_object(request)).get("inputs")
        if not isinstance(inputs, list) or len(inputs) > MAX_BATCH:
            raise PortalError(
                400, "VALIDATION_ERROR", f"Invalid input JSON: up to {MAX_BATCH} inputs"
            )
        return inputs

    def batch_answer(started_at: str, results: list[Any], status: int) -> JSONResponse:
        times = {"startedAt": started_at, "completedAt": iso_now()}
        return JSONResponse({"status": "COMPLETE", "results": results, **times}, status)

    def groups_of(name: str) -> list[str]:
        object_type = portal.object_type(name)
        names = dict.fromkeys(p.as_json()["groupName"] for p in object_type.properties.values())
        made = (portal.store.document("groups") or {}).get(object_type.name, [])
        return list(names | dict.fromkeys(made))

    def add_property(name: str, given: Mapping[str, Any]) -> Any:
        if given.get("groupName") not in groups_of(name):
            raise PortalError(
                400, "VALIDATION_ERROR", f"Property group {given.get('groupName')} does not exist"
            )
        return portal.add_property(portal.object_type(name), given)

    # properties
    @router.get(properties)
    async def list_properties(request: Request, name: str) -> JSONResponse:
        require_token(request)
        known = portal.object_type(name).properties.values()
        return JSONResponse({"results": [p.as_json() for p in known]})

    @router.post(properties)
    async def create_property(request: Request, name: str) -> JSONResponse:
        require_token(request)
        made = add_property(name, await read_object(request))
        return JSONResponse(made.as_json(), 201)

    @router.post(properties + "/batch/create")
    async def create_properties(request: Request, name: str) -> JSONResponse:
        require_token(request)
        started_at = iso_now()
        made = [add_property(name, entry).as_json() for entry in await batch(request)]
        return batch_answer(started_at, made, 201)

    @router.post(properties + "/batch/read")
    async def read_properties(request: Request, name: str) -> JSONResponse:
        require_token(request)
        started_at = iso_now()
        known = portal.object_type(name).properties
        wanted = [str(entry.get("name")) for entry in await batch(request)]
        return batch_answer(started_at, [known[n].as_json() for n in wanted if n in known], 200)

    @router.post(properties + "/batch/archive")
    async def archive_properties(request: Request, name: str) -> Response:
        require_token(request)
        for entry in await batch(request):
            portal.archive_property(portal.object_type(name), str(entry.get("name")))
        return Response(status_code=204)

    @router.get(properties + "/groups")
    async def list_groups(request: Request, name: str) -> JSONResponse:
        require_token(request)
        return JSONResponse({"results": [_group(n) for n in groups_of(name)]})

    @router.post(properties + "/groups")
    async def create_group(request: Request, name: str) -> JSONResponse:
        require_token(request)
        known, object_type = groups_of(name), portal.object_type(name)
        group = str((await read_object(request)).get("name") or "")
        if not group:
            raise PortalError(400, "VALIDATION_ERROR", "Invalid input JSON: name is required")
        if group in known:
            raise PortalError(409, "CONFLICT", f"Property group {group} already exists")
        made = portal.store.document("groups") or {}
        made[object_type.name] = [*made.get(object_type.name, []), group]
        portal.store.keep_document("groups", made)
        return JSONResponse(_group(group), 201)

    @router.get(properties + "/{property_name}")
    async def read_property(request: Request, name: str, property_name: str) -> JSONResponse:
        require_token(request)
        known = portal.object_type(name).properties.get(property_name)
        if known is None:
            raise not_found
        return JSONResponse(known.as_json())

    @router.patch(properties + "/{property_name}")
    async def change_property(request: Request, name: str, property_name: str) -> JSONResponse:
        require_token(request)
        object_type = portal.object_type(name)
        known = object_type.properties.get(property_name)
        if known is None:
            raise not_found
        given = await read_object(request)
        changed = replace(
            known,
            type=given.get("type", known.type),
            label=given.get("label", known.label),
            description=given.get("description", known.description),
            options=tuple(str(o["value"]) for o in given["options"])
            if "options" in given
            else known.options,
        )
        kept = {k: v for k, v in changed.__dict__.items() if k != "name"}
        portal.set_property(object_type, known.name, {**kept, "options": list(changed.options)})
        return JSONResponse(changed.as_json())

    @router.delete(properties + "/{property_name}")
    async def archive_property(request: Request, name: str, property_name: str) -> Response:
        require_token(request)
        portal.archive_property(portal.object_type(name), property_name)
        return Response(status_code=204)

    # custom objects
    for schemas in ("/crm/v3/schemas", "/crm-object-schemas/v3/schemas"):

        @router.get(schemas)
        async def list_schemas(request: Request) -> JSONResponse:
            require_token(request)
            own = [portal.schema_json(o) for o in portal.schema.values() if o.custom]
            return JSONResponse({"results": own})

        @router.post(schemas)
        async def create_schema(request: Request) -> JSONResponse:
            require_token(request)
            made = portal.add_object(await read_object(request))
            return JSONResponse(portal.schema_json(made), 201)

        @router.get(schemas + "/{name}")
        async def read_schema(request: Request, name: str) -> JSONResponse:
            require_token(request)
            try:
                return JSONResponse(portal.schema_json(portal.object_type(name)))
            except PortalError:
                raise not_found from None

        @router.post(schemas + "/{name}/associations")
        async def create_association(request: Request, name: str) -> JSONResponse:
            require_token(request)
            given = await read_object(request)
            object_type = portal.object_type(name)
            other = portal.object_type(str(given.get("toObjectTypeId")))
            number = portal.allow_association(object_type, other)
            body = {
                "id": str(number),
                "fromObjectTypeId": object_type.type_id,
                "toObjectTypeId": other.type_id,
                "name": given.get("name") or f"{object_type.name}_to_{other.name}",
            }
            return JSONResponse(body, 201)

    # pipelines
    @router.get("/crm/v3/pipelines/{name}")
    async def list_pipelines(request: Request, name: str) -> JSONResponse:
        require_token(request)
        return JSONResponse({"results": _pipelines(portal.object_type(name).name)})

    @router.get("/crm/v3/pipelines/{name}/{pipeline_id}")
    async def read_pipeline(request: Request, name: str, pipeline_id: str) -> JSONResponse:
        require_token(request)
        for pipeline in _pipelines(portal.object_type(name).name):
            if pipeline["id"] == pipeline_id:
                return JSONResponse(pipeline)
        raise not_found

    @router.get("/crm/v3/pipelines/{name}/{pipeline_id}/stages")
    async def list_stages(request: Request, name: str, pipeline_id: str) -> JSONResponse:
        require_token(request)
        for pipeline in _pipelines(portal.object_type(name).name):
            if pipeline["id"] == pipeline_id:
                return JSONResponse({"results": pipeline["stages"]})
        raise not_found

    # tokens
    @router.post("/oauth/v1/token")
    async def token(request: Request) -> JSONResponse:
        form = parse_qs((await request.body()).decode(errors="replace"))
        given = {name: values[0] for name, values in form.items()}
        if (given.get("client_id"), given.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return _oauth_error("BAD_CLIENT_ID", "missing or unknown client id or secret")
        grant = given.get("grant_type")
        if grant == "refresh_token" and given.get("refresh_token") != REFRESH_TOKEN:
            return _oauth_error("BAD_REFRESH_TOKEN", "missing or invalid refresh token")
        if grant == "authorization_code" and not given.get("code"):
            return _oauth_error("BAD_AUTH_CODE", "missing or unknown auth code")
        if grant not in ("refresh_token", "authorization_code"):
            return _oauth_error("BAD_GRANT_TYPE", "grant_type must be one of the known")
        made = f"CN{secrets.token_urlsafe(32)}"
        give_token(made)
        return JSONResponse(
            {
                "access_token": made,
                "refresh_token": REFRESH_TOKEN,
                "expires_in": TOKEN_SECONDS,
                "token_type": "bearer",
            }
        )

    return router


def _oauth_error(status: str, message: str) -> JSONResponse:
    return JSONResponse({"status": status, "message": message}, 400)


def _group(name: str) -> dict[str, Any]:
    return {"name": name, "label": name, "displayOrder": -1, "archived": False}


def _pipelines(name: str) -> list[dict[str, Any]]:
    document: Mapping[str, Any] = yaml.safe_load(SCHEMA_FILE.read_text())["pipelines"]
    since = {"createdAt": "2024-01-02T09:00:00Z", "updatedAt": "2024-01-02T09:00:00Z"}

    def stage(number: int, stage_id: str, label: str, value: str) -> dict[str, Any]:
        is_closed = value in ("1.0", "0.0", "QUALIFIED", "UNQUALIFIED")
        metadata = {"isClosed": str(is_closed).lower()}
        metadata["probability" if value[0].isdigit() else "leadState"] = value
        return {
            "id": stage_id,
            "label": label,
            "displayOrder": number,
            "metadata": metadata,
            "archived": False,
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            **since,
        }

    return [
        {
            "id": entry["id"],
            "label": entry["label"],
            "displayOrder": number,
            "archived": False,
            "stages": [stage(n, *values) for n, values in enumerate(entry["stages"])],
            **since,
        }
        for number, entry in enumerate(document.get(name, []))
    ]
