"""Salesforce's Bulk API 2.0 of the mock: ingest jobs and query jobs.

A job lives in the store, so it goes on where it was after a restart of the server. Rows are
written in chunks of 200, as the platform does: a chunk, its results and the job's progress are
one transaction, and other calls are answered between two chunks.

Ingest: create (Open) → upload once → close (UploadComplete) → InProgress → JobComplete, or
Failed where the file cannot be read, or Aborted. Every row ends in exactly one of the three
result files: successful, failed, unprocessed.
"""

import asyncio
import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from reverse_etl.mocks.calls import json_body
from reverse_etl.mocks.salesforce_org import (
    Field,
    ObjectType,
    Org,
    Outcome,
    RecordError,
    RequestError,
    make_id,
)
from reverse_etl.mocks.soql import compile_query, read_column
from reverse_etl.mocks.store import iso_now

CHUNK_ROWS = 200
OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
DELIMITERS = {
    "COMMA": ",",
    "PIPE": "|",
    "SEMICOLON": ";",
    "TAB": "\t",
    "CARET": "^",
    "BACKQUOTE": "`",
}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
DONE = ("JobComplete", "Failed", "Aborted")
RESULTS = ("successfulResults", "failedResults", "unprocessedrecords")
DEFAULT_PAGE_ROWS = 50_000
SET_TO_NULL = "#N/A"

_TABLES = """
create table if not exists bulk_jobs (
    job_id text primary key, kind text not null, job text not null, position integer not null
);
create table if not exists bulk_uploads (job_id text primary key, body text not null);
create table if not exists bulk_rows (
    job_id text not null, kind text not null, number integer not null, line text not null,
    primary key (job_id, kind, number)
) without rowid;
"""


class JobFailed(Exception):
    """The file as a whole cannot be used; the message is the job's ``errorMessage``."""


class BulkJobs:
    """The jobs of an org."""

    def __init__(self, org: Org, faults: Any):
        self.org, self.store, self.faults = org, org.store, faults
        self.store.db.executescript(_TABLES)
        self._running: set[asyncio.Task[None]] = set()

    # jobs ----------------------------------------------------------------------------

    def create_ingest(self, request: Mapping[str, Any], version: str) -> dict[str, Any]:
        operation = request.get("operation")
        if operation not in OPERATIONS:
            raise _invalid_job(f"Invalid operation: {operation}")
        object_type = self._object(str(request.get("object") or ""))
        key = request.get("externalIdFieldName")
        if operation == "upsert":
            if not key:
                raise _invalid_job(
                    f"External ID was blank for {object_type.name}. An External ID must be "
                    "specified for upsert."
                )
            self.org.external_id_field(object_type, str(key))
        job = {
            **self._new(request, version, "Open", "V2Ingest"),
            "object": object_type.name,
        }
        if key:
            job["externalIdFieldName"] = str(key)
        job["contentUrl"] = f"services/data/v{version}/jobs/ingest/{job['id']}/batches"
        self._insert("ingest", job)
        return job

    def create_query(self, request: Mapping[str, Any], version: str) -> dict[str, Any]:
        if request.get("operation") not in ("query", "queryAll"):
            raise _invalid_job(f"Invalid operation: {request.get('operation')}")
        text = str(request.get("query") or "")
        query = compile_query(text, self.org.schema)
        if query.is_count:
            raise RequestError(
                400, "API_ERROR", "Aggregate Relationships not supported in Bulk Query"
            )
        job = {
            **self._new(request, version, "UploadComplete", "V2Query"),
            "object": query.object_type.name,
        }
        self._insert("query", job, text)
        return job

    def job(self, kind: str, job_id: str) -> dict[str, Any]:
        row = self.store.db.execute(
            "select job from bulk_jobs where kind = ? and substr(job_id, 1, 15) = ?",
            (kind, job_id[:15]),
        ).fetchone()
        if row is None:
            raise RequestError(404, "NOT_FOUND", "The requested resource does not exist")
        return json.loads(row[0])

    def jobs(self, kind: str) -> list[dict[str, Any]]:
        rows = self.store.db.execute(
            "select job from bulk_jobs where kind = ? order by job_id desc limit 1000", (kind,)
        )
        return [json.loads(row[0]) for row in rows]

    def upload(self, job_id: str, body: str) -> int:
        """Keep the file of an open job; the number of its rows, roughly."""
        job = self.job("ingest", job_id)
        if job["state"] != "Open":
            raise _bad_state(f"Uploading data to a job in state {job['state']} is not allowed")
        if self._upload(job["id"]) is not None:
            raise RequestError(
                400,
                "CLIENTINPUTERROR",
                f"Found multiple contents for job: <{job['id']}>, please 'Close' / 'Abort' / "
                "'Delete' the current Job then create a new Job and make sure you only do 'PUT' "
                "once on a given Job.",
            )
        self.store.db.execute("insert into bulk_uploads values (?, ?)", (job["id"], body))
        return max(body.count("\n") - 1, 0)

    def set_state(self, kind: str, job_id: str, state: Any) -> dict[str, Any]:
        job = self.job(kind, job_id)
        if state == "UploadComplete" and kind == "ingest":
            if job["state"] != "Open":
                raise _bad_state(f"Closing already {_words(job['state'])} Job not allowed")
            if self._upload(job["id"]) is None:
                raise RequestError(
                    400, "CLIENTINPUTERROR", "Unable to find any data to create a batch"
                )
            job["state"] = "UploadComplete"
        elif state == "Aborted":
            if job["state"] in DONE:
                raise _bad_state(f"Aborting already {_words(job['state'])} Job not allowed")
            with self.store.transaction():
                job["state"] = "Aborted"
                self._keep_unprocessed(job)
        else:
            raise _invalid_job(f"Invalid state: {state}")
        self._save(job)
        return job

    def delete(self, kind: str, job_id: str) -> None:
        job = self.job(kind, job_id)
        if job["state"] not in DONE:
            raise _bad_state(f"Deleting not Closed Job not allowed: {job['state']}")
        with self.store.transaction():
            for table in ("bulk_jobs", "bulk_uploads", "bulk_rows"):
                self.store.db.execute(f"delete from {table} where job_id = ?", (job["id"],))

    def result(self, job_id: str, kind: str) -> str:
        job = self.job("ingest", job_id)
        if job["state"] not in DONE:
            raise _bad_state(f"Results of a job in state {job['state']} are not available")
        lines = self.store.db.execute(
            "select line from bulk_rows where job_id = ? and kind = ? order by number",
            (job["id"], kind),
        )
        header = self._header(job)
        extra = {
            "successfulResults": ["sf__Id", "sf__Created"],
            "failedResults": ["sf__Id", "sf__Error"],
            "unprocessedrecords": [],
        }
        return _line([*extra[kind], *header], job) + "".join(line for (line,) in lines)

    def query_page(self, job_id: str, start: int, rows: int) -> tuple[str, int, bool]:
        """CSV of up to ``rows`` rows from ``start``, their number, and whether more follow."""
        job = self.job("query", job_id)
        if job["state"] != "JobComplete":
            raise _bad_state(f"Results of a job in state {job['state']} are not available")
        lines = self.store.db.execute(
            "select line from bulk_rows where job_id = ? and kind = 'query' and number >= ? "
            "order by number limit ?",
            (job["id"], start + 1, rows),
        ).fetchall()
        header = self.store.db.execute(
            "select line from bulk_rows where job_id = ? and kind = 'header'", (job["id"],)
        ).fetchone()
        more = start + len(lines) < job["numberRecordsProcessed"]
        return header[0] + "".join(line for (line,) in lines), len(lines), more

    # working -------------------------------------------------------------------------

    def start(self, job_id: str) -> None:
        """Go to work on a closed job beside the calls that come in."""
        task = asyncio.get_running_loop().create_task(self._work(job_id))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def resume(self) -> None:
        """Go on with the jobs a stopped server left unfinished."""
        for job_id, state in self.store.db.execute(
            "select job_id, json_extract(job, '$.state') from bulk_jobs"
        ).fetchall():
            if state in ("UploadComplete", "InProgress"):
                self.start(job_id)

    async def stop(self) -> None:
        """Leave the work where it is, between two chunks."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _work(self, job_id: str) -> None:
        await asyncio.sleep(0)
        slow = self.faults.next_job("slow_job")
        if slow is not None:
            await asyncio.sleep(slow.seconds)
        row = self.store.db.execute(
            "select kind, job from bulk_jobs where job_id = ?", (job_id,)
        ).fetchone()
        kind, job = row[0], json.loads(row[1])
        if job["state"] in DONE:
            return
        job["state"] = "InProgress"
        self._save(job)
        if kind == "query":
            self._answer_query(job)
            return
        try:
            await self._write_rows(job)
        except JobFailed as failure:
            with self.store.transaction():
                job |= {"state": "Failed", "errorMessage": str(failure)}
                self._keep_unprocessed(job)
                self._save(job)
            self.store.log_error(job["object"], job["id"], "InvalidBatch", str(failure))

    async def _write_rows(self, job: dict[str, Any]) -> None:
        fails = self.faults.next_job("fail_job")
        reader = _rows(self._upload(job["id"]) or "", job)
        header, rows = reader[0], reader[1:]
        write = self._writer(job, header)
        stop_at = len(rows) if fails is None else int(len(rows) * (1 - fails.share))
        start = self._position(job["id"])
        while start < stop_at:
            # an abort may have come in between
            if self.job("ingest", job["id"])["state"] == "Aborted":
                return
            chunk = rows[start : min(start + CHUNK_ROWS, stop_at)]
            with self.store.transaction():
                self._write_chunk(job, chunk, start, write)
                start += len(chunk)
                self._save(job, position=start)
            await asyncio.sleep(0)
        if fails is not None:
            raise JobFailed(
                fails.code or "InternalServerError : Unable to process the rest of the job"
            )
        with self.store.transaction():
            job["state"] = "JobComplete"
            self._save(job)

    def _write_chunk(
        self,
        job: dict[str, Any],
        chunk: Sequence[list[str]],
        start: int,
        write: Callable[[list[str], set[str]], Outcome],
    ) -> None:
        fault, refused = self.faults.refused_records("salesforce", len(chunk))
        seen: set[str] = set()
        lines = []
        for index, row in enumerate(chunk):
            number = start + index + 1
            try:
                if fault is not None and index in refused:
                    raise RecordError.asked_for(fault)
                with self.store.savepoint():
                    outcome = write(row, seen)
            except RecordError as error:
                job["numberRecordsFailed"] += 1
                said = f"{error.code}:{error.message}:{' '.join(error.fields)}--"
                lines.append((job["id"], "failedResults", number, _line(["", said, *row], job)))
                self.store.log_error(job["object"], row[0], error.code, error.message)
            else:
                created = "true" if outcome.created else "false"
                line = _line([outcome.id, created, *row], job)
                lines.append((job["id"], "successfulResults", number, line))
        job["numberRecordsProcessed"] += len(chunk)
        self.store.db.executemany("insert into bulk_rows values (?, ?, ?, ?)", lines)

    def _writer(
        self, job: Mapping[str, Any], header: Sequence[str]
    ) -> Callable[[list[str], set[str]], Outcome]:
        """How one row of this file is written; JobFailed where its header makes no sense."""
        org, object_type = self.org, self._object(job["object"])
        columns = [self._column(object_type, name) for name in header]
        operation = job["operation"]
        key = None
        if operation == "upsert":
            key = org.external_id_field(object_type, job["externalIdFieldName"])
            if key.name not in [f.name for f, _ in columns]:
                raise JobFailed(f"InvalidBatch : Field name not found : {key.name}")
        elif operation != "insert" and "Id" not in [f.name for f, _ in columns]:
            raise JobFailed("InvalidBatch : Field name not found : Id")
        if operation in ("delete", "hardDelete") and len(columns) > 1:
            raise JobFailed("InvalidBatch : The 'delete' batch must contain only ids")

        def write(row: list[str], seen: set[str]) -> Outcome:
            if len(row) != len(columns):
                raise RecordError(
                    "INVALID_FIELD", f"Row has {len(row)} columns, the header {len(columns)}"
                )
            values = _values(org, columns, row)
            if key is not None:
                mark = str(values.get(key.name) or "")
                if mark and mark in seen:
                    raise RecordError(
                        "DUPLICATE_VALUE", f"Duplicate external id specified: {mark}", [key.name]
                    )
                seen.add(mark)
                return org.upsert(object_type, key, values)
            if operation == "insert":
                return org.create(object_type, values)
            if not values.get("Id"):
                raise RecordError("MISSING_ARGUMENT", "Id not specified", ["Id"])
            record_id = org.resolve_id(object_type, values["Id"])
            if record_id in seen:
                raise RecordError("DUPLICATE_VALUE", f"duplicate id specified: {record_id}")
            seen.add(record_id)
            if operation == "update":
                return org.update(object_type, record_id, values)
            org.delete(object_type, record_id)
            return Outcome(record_id, False)

        return write

    @staticmethod
    def _column(object_type: ObjectType, name: str) -> tuple[Field, str]:
        """The field a column fills, and for ``Account.Key__c`` the key of the parent."""
        head, _, key = name.partition(".")
        if key:
            head = head.rpartition(":")[2] or head
            field = object_type.relations.get(head)
        else:
            field = object_type.field(head)
        if field is None:
            raise JobFailed(f"InvalidBatch : Field name not found : {name}")
        return field, key

    def _answer_query(self, job: dict[str, Any]) -> None:
        query = compile_query(self._upload(job["id"]) or "", self.org.schema)
        records, _ = self.store.page(
            query.object_type.name,
            where=query.where,
            parameters=query.parameters,
            order=query.order,
            limit=-1 if query.limit is None else query.limit,
            offset=query.offset,
            with_deleted=query.all_rows or job["operation"] == "queryAll",
        )
        lines = [(job["id"], "header", 0, _line([c.name for c in query.columns], job))]
        for number, record in enumerate(records, 1):
            cells = [_cell(read_column(self.org, record, c)) for c in query.columns]
            lines.append((job["id"], "query", number, _line(cells, job)))
        with self.store.transaction():
            self.store.db.executemany("insert or replace into bulk_rows values (?, ?, ?, ?)", lines)
            job |= {"state": "JobComplete", "numberRecordsProcessed": len(records)}
            self._save(job)

    # parts ---------------------------------------------------------------------------

    def _object(self, name: str) -> ObjectType:
        try:
            return self.org.object_type(name)
        except RequestError:
            raise RequestError(
                400, "INVALIDENTITY", f"Entity '{name}' is not supported by the Bulk API."
            ) from None

    def _new(
        self, request: Mapping[str, Any], version: str, state: str, job_type: str
    ) -> dict[str, Any]:
        delimiter = request.get("columnDelimiter") or "COMMA"
        ending = request.get("lineEnding") or "LF"
        if delimiter not in DELIMITERS or ending not in LINE_ENDINGS:
            raise _invalid_job(f"Invalid columnDelimiter or lineEnding: {delimiter}, {ending}")
        if request.get("contentType", "CSV") != "CSV":
            raise _invalid_job(f"Invalid contentType: {request['contentType']}")
        now = iso_now().replace("Z", "+0000")
        return {
            "id": make_id("750", self.store.next_number("id:bulk_job")),
            "operation": request["operation"],
            "createdById": make_id("005", 1),
            "createdDate": now,
            "systemModstamp": now,
            "state": state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(version),
            "lineEnding": ending,
            "columnDelimiter": delimiter,
            "jobType": job_type,
            "numberRecordsProcessed": 0,
            "numberRecordsFailed": 0,
            "retries": 0,
            "totalProcessingTime": 0,
            "apiActiveProcessingTime": 0,
            "apexProcessingTime": 0,
        }

    def _insert(self, kind: str, job: Mapping[str, Any], upload: str | None = None) -> None:
        with self.store.transaction():
            self.store.db.execute(
                "insert into bulk_jobs values (?, ?, ?, 0)", (job["id"], kind, json.dumps(job))
            )
            if upload is not None:
                self.store.db.execute("insert into bulk_uploads values (?, ?)", (job["id"], upload))

    def _save(self, job: dict[str, Any], position: int | None = None) -> None:
        job["systemModstamp"] = iso_now().replace("Z", "+0000")
        self.store.db.execute(
            "update bulk_jobs set job = ?, position = coalesce(?, position) where job_id = ?",
            (json.dumps(job), position, job["id"]),
        )

    def _position(self, job_id: str) -> int:
        query = "select position from bulk_jobs where job_id = ?"
        return self.store.db.execute(query, (job_id,)).fetchone()[0]

    def _upload(self, job_id: str) -> str | None:
        query = "select body from bulk_uploads where job_id = ?"
        row = self.store.db.execute(query, (job_id,)).fetchone()
        return row[0] if row else None

    def _header(self, job: Mapping[str, Any]) -> list[str]:
        upload = self._upload(job["id"])
        if not upload:
            return []
        return next(csv.reader(io.StringIO(upload), delimiter=DELIMITERS[job["columnDelimiter"]]))

    def _keep_unprocessed(self, job: Mapping[str, Any]) -> None:
        start = self._position(job["id"])
        rows = _rows(self._upload(job["id"]) or "", job, strict=False)[1:]
        self.store.db.executemany(
            "insert into bulk_rows values (?, 'unprocessedrecords', ?, ?)",
            [(job["id"], n, _line(row, job)) for n, row in enumerate(rows[start:], start + 1)],
        )


def _rows(text: str, job: Mapping[str, Any], *, strict: bool = True) -> list[list[str]]:
    """Header and rows of an uploaded file; not ``strict``: as much of it as can be read."""
    first = text.split("\n", 1)[0]
    if strict and first.endswith("\r") != (job["lineEnding"] == "CRLF") and "\n" in text:
        raise JobFailed(
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting "
            f"is {job['lineEnding']}"
        )
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=DELIMITERS[job["columnDelimiter"]])
    try:
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise JobFailed(f"InvalidBatch : Failed to parse CSV: {error}") from error
    if strict and not rows:
        raise JobFailed("InvalidBatch : Unable to read the header of the file")
    return rows


def _values(org: Org, columns: Sequence[tuple[Field, str]], row: Sequence[str]) -> dict[str, Any]:
    """The values of a row: an empty cell is left alone, #N/A empties the field."""
    values: dict[str, Any] = {}
    for (field, key), cell in zip(columns, row, strict=True):
        if cell == "":
            continue
        value = None if cell == SET_TO_NULL else cell
        if key:
            values[f"@{field.name}"] = None if value is None else {key: value}
            continue
        try:
            values[field.name] = org.read_value(field, value)
        except RequestError:
            raise RecordError(
                "INVALID_TYPE_ON_FIELD_IN_RECORD",
                f"{field.label}: value not of required type: {cell}",
                [field.name],
            ) from None
    return values


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return f"{text[:-5]}Z" if text.endswith("+0000") else text


def _line(cells: Iterable[str], job: Mapping[str, Any]) -> str:
    out = io.StringIO()
    csv.writer(
        out,
        quoting=csv.QUOTE_ALL,
        delimiter=DELIMITERS[job["columnDelimiter"]],
        lineterminator=LINE_ENDINGS[job["lineEnding"]],
    ).writerow(cells)
    return out.getvalue()


def _words(state: str) -> str:
    return {"JobComplete": "Completed", "UploadComplete": "Closed"}.get(state, state)


def _invalid_job(message: str) -> RequestError:
    return RequestError(400, "INVALIDJOB", message)


def _bad_state(message: str) -> RequestError:
    return RequestError(400, "INVALIDJOBSTATE", message)


def build_router(jobs: BulkJobs, require_session: Callable[[Request], None]) -> APIRouter:
    """Routes below ``/salesforce/services/data/vNN.N/jobs``."""
    router = APIRouter(prefix="/services/data/v{version}/jobs")

    async def document(request: Request) -> dict[str, Any]:
        require_session(request)
        found = json_body(
            await request.body(), lambda text: RequestError(400, "JSON_PARSER_ERROR", text)
        )
        if not isinstance(found, dict):
            raise RequestError(400, "JSON_PARSER_ERROR", "an object is expected")
        return found

    def shown(job: Mapping[str, Any], *, brief: bool = False) -> JSONResponse:
        """A job as it is told: what has happened to it is left out where it is just made."""
        told = ("number", "retries", "total", "api", "apex", "jobType")
        hidden = [n for n in job if brief and n.startswith(told) and n != "apiVersion"]
        return JSONResponse({n: v for n, v in job.items() if n not in hidden})

    @router.post("/ingest")
    @router.post("/ingest/")
    async def create(request: Request, version: str) -> JSONResponse:
        return shown(jobs.create_ingest(await document(request), version), brief=True)

    @router.post("/query")
    @router.post("/query/")
    async def create_query(request: Request, version: str) -> JSONResponse:
        job = jobs.create_query(await document(request), version)
        jobs.start(job["id"])
        return shown(job, brief=True)

    @router.get("/{kind}")
    @router.get("/{kind}/")
    async def list_jobs(request: Request, kind: str) -> JSONResponse:
        require_session(request)
        return JSONResponse({"done": True, "nextRecordsUrl": None, "records": jobs.jobs(kind)})

    @router.put("/ingest/{job_id}/batches")
    @router.put("/ingest/{job_id}/batches/")
    async def upload(request: Request, job_id: str) -> Response:
        require_session(request)
        if "csv" not in request.headers.get("content-type", ""):
            raise RequestError(415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type must be text/csv")
        try:
            body = (await request.body()).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise RequestError(400, "CLIENTINPUTERROR", "The data is not UTF-8") from None
        request.state.notes.records = jobs.upload(job_id, body)
        return Response(status_code=201)

    @router.get("/{kind}/{job_id}")
    @router.get("/{kind}/{job_id}/")
    async def read(request: Request, kind: str, job_id: str) -> JSONResponse:
        require_session(request)
        return shown(jobs.job(kind, job_id))

    @router.patch("/{kind}/{job_id}")
    @router.patch("/{kind}/{job_id}/")
    async def change(request: Request, kind: str, job_id: str) -> JSONResponse:
        job = jobs.set_state(kind, job_id, (await document(request)).get("state"))
        if job["state"] == "UploadComplete":
            jobs.start(job["id"])
        return shown(job, brief=True)

    @router.delete("/{kind}/{job_id}")
    @router.delete("/{kind}/{job_id}/")
    async def remove(request: Request, kind: str, job_id: str) -> Response:
        require_session(request)
        jobs.delete(kind, job_id)
        return Response(status_code=204)

    @router.get("/query/{job_id}/results")
    @router.get("/query/{job_id}/results/")
    async def query_results(
        request: Request, job_id: str, maxRecords: int = DEFAULT_PAGE_ROWS, locator: str = ""
    ) -> Response:
        require_session(request)
        if locator and not locator.isdigit():
            raise RequestError(400, "INVALIDQUERYLOCATOR", f"Invalid locator: {locator}")
        start = int(locator or 0)
        body, number, more = jobs.query_page(job_id, start, max(maxRecords, 1))
        headers = {
            "Sforce-Locator": str(start + number) if more else "null",
            "Sforce-NumberOfRecords": str(number),
        }
        return Response(body, 200, headers, media_type="text/csv")

    @router.get("/ingest/{job_id}/{kind}")
    @router.get("/ingest/{job_id}/{kind}/")
    async def ingest_results(request: Request, job_id: str, kind: str) -> Response:
        require_session(request)
        known = {name.lower(): name for name in RESULTS}.get(kind.lower())
        if known is None:
            raise RequestError(404, "NOT_FOUND", "The requested resource does not exist")
        return Response(jobs.result(job_id, known), media_type="text/csv")

    return router
