"""The mocks' server: one FastAPI app with the vendors' APIs, a sink, the pages and /admin."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal

from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from reverse_etl.mocks import hubspot_api, pages, salesforce_api, sink_api, slack_api
from reverse_etl.mocks.calls import ApiCalls, MockedApi
from reverse_etl.mocks.faults import Fault, Faults
from reverse_etl.mocks.hubspot_portal import PortalError
from reverse_etl.mocks.salesforce_org import RecordError, RequestError
from reverse_etl.mocks.seed import seed_from_landing
from reverse_etl.mocks.store import Store
from warehouse.settings import Settings


class Limits(BaseModel):
    """Limits that are enforced from now on."""

    system: Literal["salesforce", "hubspot"]
    daily: int | None = None
    per_ten_seconds: int | None = None


class SchemaChange(BaseModel):
    """A field taken away, added or changed; ``options`` as in the system's schema file."""

    system: Literal["salesforce", "hubspot"]
    object: str
    field: str
    remove: bool = False
    options: dict[str, Any] = {}


class BareSchema(BaseModel):
    """The CRM to put back to what its vendor delivers."""

    system: Literal["salesforce", "hubspot"]


class MergedPair(BaseModel):
    """Two records of an object, one merged into the other."""

    object: str
    master: str
    loser: str


@dataclass(frozen=True)
class Systems:
    """The mocked systems of an installation and their common faults."""

    salesforce: salesforce_api.SalesforceApi
    hubspot: hubspot_api.HubSpotApi
    slack: slack_api.SlackApi
    sink: sink_api.SinkApi
    faults: Faults

    @property
    def by_name(self) -> dict[str, MockedApi]:
        return {
            "salesforce": self.salesforce,
            "hubspot": self.hubspot,
            "slack": self.slack,
            "sink": self.sink,
        }


def open_systems(settings: Settings) -> Systems:
    """Open the stores under ``HOME/mocks`` and fill an empty Salesforce from a demo landing."""
    faults = Faults()
    folder = settings.mocks_dir
    systems = Systems(
        salesforce_api.SalesforceApi(
            Store(folder / "salesforce.sqlite"),
            faults,
            salesforce_api.Credentials(
                settings.salesforce_client_id,
                settings.salesforce_client_secret,
                settings.salesforce_username,
                settings.salesforce_password,
            ),
            str(settings.home),
        ),
        hubspot_api.HubSpotApi(Store(folder / "hubspot.sqlite"), faults, settings.hubspot_token),
        slack_api.SlackApi(Store(folder / "slack.sqlite"), faults),
        sink_api.SinkApi(Store(folder / "sink.sqlite"), faults, settings.webhook_secret),
        faults,
    )
    seed_from_landing(settings, systems.salesforce.org)
    return systems


def create_app(settings: Settings) -> FastAPI:
    """The app of one installation; its stores are closed when the server stops."""
    systems = open_systems(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        systems.salesforce.bulk.resume()
        yield
        await systems.salesforce.bulk.stop()
        for api in systems.by_name.values():
            api.store.close()

    app = FastAPI(title="CRM mocks", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.systems = systems
    app.include_router(salesforce_api.build_router(systems.salesforce))
    app.include_router(hubspot_api.build_router(systems.hubspot))
    app.include_router(slack_api.build_router(systems.slack))
    app.include_router(sink_api.build_router(systems.sink))
    app.include_router(pages.build_router(systems.by_name, home=settings.home))
    app.include_router(_admin_router(systems))
    _handle_refusals(app, systems)
    app.add_middleware(ApiCalls, apis=systems.by_name, faults=systems.faults)

    @app.get("/healthz")
    async def healthz() -> dict[str, Any]:
        return {"status": "ok", "home": str(settings.home), "pid": os.getpid()}

    return app


def _handle_refusals(app: FastAPI, systems: Systems) -> None:
    salesforce, hubspot = systems.salesforce.store, systems.hubspot.store

    @app.exception_handler(RequestError)
    async def request_error(request: Request, error: RequestError) -> Response:
        salesforce.log_error(None, request.url.path, error.code, error.message)
        return JSONResponse(error.as_json(), error.status)

    @app.exception_handler(RecordError)
    async def record_error(request: Request, error: RecordError) -> Response:
        if hasattr(request.state, "notes"):  # not on a call of /admin
            request.state.notes.refused = 1
        salesforce.log_error(None, request.url.path, error.code, error.message)
        body = {"message": error.message, "errorCode": error.code, "fields": error.fields}
        return JSONResponse([body], 400)

    @app.exception_handler(PortalError)
    async def portal_error(request: Request, error: PortalError) -> Response:
        if hasattr(request.state, "notes"):
            request.state.notes.refused = max(request.state.notes.refused, 1)
        hubspot.log_error(None, request.url.path, error.category, error.message)
        return JSONResponse(error.as_json(), error.status)


def _admin_router(systems: Systems) -> APIRouter:
    router = APIRouter(prefix="/admin")

    @router.get("/faults")
    async def waiting() -> list[Fault]:
        return list(systems.faults)

    @router.post("/faults", status_code=201)
    async def add(fault: Fault) -> Fault:
        systems.faults.add(fault)
        return fault

    @router.delete("/faults", status_code=204)
    async def clear(system: str = "") -> None:
        systems.faults.clear(system or None)

    @router.post("/limits", status_code=204)
    async def limits(limits: Limits) -> None:
        api = systems.salesforce if limits.system == "salesforce" else systems.hubspot
        if limits.daily is not None:
            api.daily_limit = limits.daily
        if limits.per_ten_seconds is not None:
            systems.hubspot.burst_limit = limits.per_ten_seconds

    @router.post("/schema", status_code=204)
    async def change_schema(change: SchemaChange) -> None:
        """A field is removed, added or changed by somebody in the vendor's settings."""
        options = None if change.remove else change.options
        if change.system == "salesforce":
            org = systems.salesforce.org
            org.set_field(org.object_type(change.object), change.field, options)
            return
        portal = systems.hubspot.portal
        object_type = portal.object_type(change.object)
        known = object_type.properties.get(change.field)
        before = {} if known is None else {k: v for k, v in asdict(known).items() if k != "name"}
        merged = None if options is None else {"type": "string", **before, **options}
        portal.set_property(object_type, change.field, merged)

    @router.post("/schema/bare", status_code=204)
    async def bare(bare: BareSchema) -> None:
        """As the vendor delivers it, before `plg crm setup`: none of our fields and objects."""
        if bare.system == "salesforce":
            systems.salesforce.org.make_bare()
        else:
            systems.hubspot.portal.make_bare()

    @router.post("/salesforce/merge")
    async def merge(pair: MergedPair) -> dict[str, int]:
        """What a rep does with two accounts in the browser (over the API it is SOAP only)."""
        org = systems.salesforce.org
        with org.store.transaction():
            return {"moved": org.merge(org.object_type(pair.object), pair.master, pair.loser)}

    @router.post("/salesforce/convert/{lead_id}")
    async def convert(lead_id: str) -> dict[str, str]:
        """What a rep does with a lead in the browser (over the API it is SOAP only)."""
        org = systems.salesforce.org
        with org.store.transaction():
            return org.convert(lead_id)

    @router.post("/salesforce/undelete/{name}/{record_id}", status_code=204)
    async def undelete(name: str, record_id: str) -> None:
        org = systems.salesforce.org
        with org.store.transaction():
            org.undelete(org.object_type(name), record_id)

    return router
