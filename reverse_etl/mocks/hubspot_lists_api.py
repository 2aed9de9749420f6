"""HubSpot's lists, API v3: manual lists and who is in them; audiences of the syncs live here."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from reverse_etl.mocks.calls import json_body
from reverse_etl.mocks.hubspot_portal import Portal, PortalError
from reverse_etl.mocks.store import Store, iso_now

MAX_MEMBERS = 100_000
_TABLES = """
create table if not exists lists (
    list_id integer primary key, name text not null, object text not null, kind text not null,
    created_at text not null, updated_at text not null, is_deleted integer not null default 0
);
create table if not exists list_members (
    list_id integer not null, record_id integer not null, joined_at text not null,
    primary key (list_id, record_id)
) without rowid;
create index if not exists lists_of_record on list_members (record_id);
"""
_COLUMNS = "list_id, name, object, kind, created_at, updated_at, is_deleted"


class Lists:
    """Lists and memberships, in the portal's store."""

    def __init__(self, portal: Portal):
        self.portal, self.store = portal, portal.store
        self.store.db.executescript(_TABLES)

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        name, kind = str(request.get("name") or ""), request.get("processingType")
        object_type = self.portal.object_type(str(request.get("objectTypeId") or ""))
        if not name or kind not in ("MANUAL", "SNAPSHOT", "DYNAMIC"):
            raise PortalError(400, "VALIDATION_ERROR", "Invalid input JSON: name, processingType")
        if kind == "DYNAMIC":
            raise PortalError(
                400, "VALIDATION_ERROR", "this mock keeps MANUAL and SNAPSHOT lists only"
            )
        if self._find("object = ? and name = ? collate nocase", object_type.name, name):
            raise PortalError(
                400,
                "VALIDATION_ERROR",
                f"A list with name '{name}' already exists for {object_type.type_id}",
            )
        now = iso_now()
        made = self.store.db.execute(
            "insert into lists (name, object, kind, created_at, updated_at) "
            "values (?, ?, ?, ?, ?) returning list_id",
            (name, object_type.name, kind, now, now),
        ).fetchone()
        return self.read(made[0])

    def read(self, list_id: Any) -> dict[str, Any]:
        return self._as_json(self._row(list_id))

    def by_name(self, object_type_id: str, name: str) -> dict[str, Any]:
        object_type = self.portal.object_type(object_type_id)
        found = self._find("object = ? and name = ? collate nocase", object_type.name, name)
        if not found:
            raise _missing(name)
        return self._as_json(found[0])

    def search(self, text: str) -> list[dict[str, Any]]:
        return [self._as_json(row) for row in self._find("instr(lower(name), ?)", text.lower())]

    def delete(self, list_id: Any) -> None:
        row = self._row(list_id)
        self.store.db.execute("update lists set is_deleted = 1 where list_id = ?", (row[0],))

    def rename(self, list_id: Any, name: str) -> dict[str, Any]:
        row = self._row(list_id)
        self.store.db.execute(
            "update lists set name = ?, updated_at = ? where list_id = ?", (name, iso_now(), row[0])
        )
        return self.read(list_id)

    def change(self, list_id: Any, add: list[Any], remove: list[Any]) -> dict[str, list[str]]:
        """Members in and out; ids without a record are named, not refused."""
        row = self._row(list_id)
        if len(add) + len(remove) > MAX_MEMBERS:
            raise PortalError(400, "VALIDATION_ERROR", f"up to {MAX_MEMBERS} records a call")
        added, removed, missing = [], [], []
        now = iso_now()
        with self.store.transaction():
            for record_id in map(str, add):
                if self.store.get(row[2], record_id) is None:
                    missing.append(record_id)
                    continue
                cursor = self.store.db.execute(
                    "insert or ignore into list_members values (?, ?, ?)",
                    (row[0], int(record_id), now),
                )
                added += [record_id] * cursor.rowcount
            for record_id in map(str, remove):
                cursor = self.store.db.execute(
                    "delete from list_members where list_id = ? and record_id = ?",
                    (row[0], int(record_id) if record_id.isdigit() else -1),
                )
                removed += [record_id] * cursor.rowcount
        return {
            "recordsIdsAdded": added,
            "recordIdsRemoved": removed,
            "recordIdsMissing": missing,
        }

    def clear(self, list_id: Any) -> None:
        row = self._row(list_id)
        self.store.db.execute("delete from list_members where list_id = ?", (row[0],))

    def members(self, list_id: Any, after: str, limit: int) -> dict[str, Any]:
        row = self._row(list_id)
        rows = self.store.db.execute(
            "select record_id, joined_at from list_members where list_id = ? and record_id > ? "
            "order by record_id limit ?",
            (row[0], int(after or 0), limit + 1),
        ).fetchall()
        body: dict[str, Any] = {
            "results": [{"recordId": str(r), "membershipTimestamp": at} for r, at in rows[:limit]],
            "total": self._size(row[0]),
        }
        if len(rows) > limit:
            body["paging"] = {"next": {"after": str(rows[limit - 1][0]), "link": ""}}
        return body

    def of_record(self, object_type_id: str, record_id: str) -> list[dict[str, Any]]:
        object_type = self.portal.object_type(object_type_id)
        rows = self.store.db.execute(
            "select list_id, joined_at, name from list_members join lists using (list_id) "
            "where record_id = ? and object = ? and not is_deleted",
            (int(record_id), object_type.name),
        )
        return [
            {
                "listId": str(list_id),
                "listVersion": 1,
                "firstAddedTimestamp": joined_at,
                "lastAddedTimestamp": joined_at,
            }
            for list_id, joined_at, _ in rows
        ]

    def _size(self, list_id: int) -> int:
        query = "select count(*) from list_members where list_id = ?"
        return self.store.db.execute(query, (list_id,)).fetchone()[0]

    def _find(self, where: str, *values: Any) -> list[Any]:
        query = f"select {_COLUMNS} from lists where {where} and not is_deleted order by list_id"
        return self.store.db.execute(query, values).fetchall()

    def _row(self, list_id: Any) -> Any:
        found = self._find("list_id = ?", int(list_id) if str(list_id).isdigit() else -1)
        if not found:
            raise _missing(list_id)
        return found[0]

    def _as_json(self, row: Any) -> dict[str, Any]:
        list_id, name, object_name, kind, created_at, updated_at, _ = row
        return {
            "listId": str(list_id),
            "listVersion": 1,
            "name": name,
            "objectTypeId": self.portal.schema[object_name].type_id,
            "processingType": kind,
            "processingStatus": "COMPLETE",
            "size": self._size(list_id),
            "createdAt": created_at,
            "updatedAt": updated_at,
            "createdById": "1",
            "updatedById": "1",
        }


def all_lists(store: Store) -> list[tuple[int, str, str, int]]:
    """Id, name, object and size of every list, for the pages."""
    return store.db.execute(
        "select list_id, name, object, (select count(*) from list_members as m "
        "where m.list_id = lists.list_id) from lists where not is_deleted order by name"
    ).fetchall()


def _missing(what: Any) -> PortalError:
    return PortalError(404, "OBJECT_NOT_FOUND", f"List does not exist with ID {what}.")


def build_router(
    lists: Lists,
    require_token: Callable[[Request], None],
    read_object: Callable[[Request], Awaitable[dict[str, Any]]],
) -> APIRouter:
    """Routes below ``/hubspot``."""
    router = APIRouter(prefix="/crm/v3/lists")

    @router.post("")
    @router.post("/")
    async def create(request: Request) -> JSONResponse:
        require_token(request)
        return JSONResponse({"list": lists.create(await read_object(request))})

    @router.get("")
    @router.get("/")
    async def read_some(request: Request) -> JSONResponse:
        require_token(request)
        wanted = request.query_params.getlist("listIds")
        return JSONResponse({"lists": [lists.read(list_id) for list_id in wanted]})

    @router.post("/search")
    async def search(request: Request) -> JSONResponse:
        require_token(request)
        given = await read_object(request)
        found = lists.search(str(given.get("query") or ""))
        start, count = int(given.get("offset") or 0), int(given.get("count") or 20)
        page = [
            {
                **{k: v for k, v in one.items() if k != "size"},
                "additionalProperties": {"hs_list_size": str(one["size"])},
            }
            for one in found[start : start + count]
        ]
        end = start + len(page)
        return JSONResponse(
            {"lists": page, "offset": end, "hasMore": end < len(found), "total": len(found)}
        )

    @router.get("/object-type-id/{object_type_id}/name/{name}")
    async def by_name(request: Request, object_type_id: str, name: str) -> JSONResponse:
        require_token(request)
        return JSONResponse({"list": lists.by_name(object_type_id, name)})

    @router.get("/records/{object_type_id}/{record_id}/memberships")
    async def of_record(request: Request, object_type_id: str, record_id: str) -> JSONResponse:
        require_token(request)
        found = lists.of_record(object_type_id, record_id)
        return JSONResponse({"results": found, "total": len(found)})

    @router.get("/{list_id}")
    async def read(request: Request, list_id: str) -> JSONResponse:
        require_token(request)
        return JSONResponse({"list": lists.read(list_id)})

    @router.delete("/{list_id}")
    async def delete(request: Request, list_id: str) -> Response:
        require_token(request)
        lists.delete(list_id)
        return Response(status_code=204)

    @router.put("/{list_id}/update-list-name")
    async def rename(request: Request, list_id: str, listName: str) -> JSONResponse:
        require_token(request)
        return JSONResponse({"updatedList": lists.rename(list_id, listName)})

    @router.get("/{list_id}/memberships")
    async def members(
        request: Request, list_id: str, after: str = "", limit: int = 100
    ) -> JSONResponse:
        require_token(request)
        return JSONResponse(lists.members(list_id, after, min(max(limit, 1), 250)))

    @router.delete("/{list_id}/memberships")
    async def clear(request: Request, list_id: str) -> Response:
        require_token(request)
        lists.clear(list_id)
        return Response(status_code=204)

    async def ids(request: Request) -> list[Any]:
        def refuse(text: str) -> PortalError:
            return PortalError(400, "VALIDATION_ERROR", f"Invalid input JSON: {text}")

        found = json_body(await request.body(), refuse)
        if not isinstance(found, list):
            raise refuse("a list of record ids is expected")
        request.state.notes.records = len(found)
        return found

    @router.put("/{list_id}/memberships/add")
    async def add(request: Request, list_id: str) -> JSONResponse:
        require_token(request)
        return JSONResponse(lists.change(list_id, await ids(request), []))

    @router.put("/{list_id}/memberships/remove")
    async def remove(request: Request, list_id: str) -> JSONResponse:
        require_token(request)
        return JSONResponse(lists.change(list_id, [], await ids(request)))

    @router.put("/{list_id}/memberships/add-and-remove")
    async def add_and_remove(request: Request, list_id: str) -> JSONResponse:
        require_token(request)
        given = await read_object(request)
        add, remove = given.get("recordIdsToAdd") or [], given.get("recordIdsToRemove") or []
        request.state.notes.records = len(add) + len(remove)
        return JSONResponse(lists.change(list_id, add, remove))

    return router
