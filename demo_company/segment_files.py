"""Rows to Segment-spec JSONL, a file a received day.

DuckDB builds all lines of a month as one Arrow column; a file is then a slice of that
column's buffer, written without touching a single line in Python.
"""

import gzip
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from demo_company import plans
from demo_company.clock import MS_DAY, day_of
from demo_company.intent import Intent
from demo_company.rows import CALL_TYPES, EVENTS, Rows, Texts
from demo_company.world import World

_STAMP = "'%Y-%m-%dT%H:%M:%S.%gZ'"

# what a kind of event carries beside the four common properties; `r` is 32 random bits
_EXTRA_BY_EVENT = """
case event
    when 'query_run' then ',"duration_ms":' || (20 + r % 4000) || ',"rows":' || (r % 100003)
    when 'logged_in' then ',"method":"' || ['password', 'google', 'sso'][1 + r % 3] || '"'
    when 'query_failed' then ',"error":"' || ['timeout', 'syntax', 'permission'][1 + r % 3] || '"'
    when 'import_failed' then ',"error":"' || ['schema', 'network', 'encoding'][1 + r % 3] || '"'
    when 'dashboard_viewed' then ',"dashboard_id":"dash_' || user_code || '_' || (r % 9) || '"'
    when 'report_created' then ',"report_id":"rep_' || to_hex(r) || '"'
    when 'create_report' then ',"report_id":"rep_' || to_hex(r) || '"'
    when 'export_downloaded' then ',"format":"' || ['csv', 'xlsx', 'pdf'][1 + r % 3] || '"'
    when 'report_shared' then ',"is_external":' || (r % 4 = 0)
        || case when r % 4 = 0 then ',"share_id":"shr_' || to_hex(r) || '"' else '' end
    when 'alert_created' then ',"alert_id":"al_' || to_hex(r) || '"'
    when 'api_called' then ',"endpoint":"/v1/' || ['query', 'rows', 'reports'][1 + r % 3] || '"'
    when 'integration_added'
        then ',"integration":"' || ['slack', 'zapier', 'teams'][1 + r % 3] || '"'
    when 'limit_reached' then ',"limit":"' || ['rows', 'queries'][1 + r % 2] || '"'
    when 'feature_gate_hit'
        then ',"feature":"' || ['alerts', 'api', 'sso', 'exports'][1 + r % 4] || '"'
    when 'usage_reported' then
        ',"quota_used":' || cast(round(quota_limit * fill * (0.8 + (r % 400) / 1000.0)) as bigint)
        || ',"quota_limit":' || quota_limit
    else ''
end
"""

_LINES = f"""
with parts as (
    select
        *,
        coalesce(extra, {_EXTRA_BY_EVENT}) as more,
        'ajs-' || to_hex(seq) || '-' || to_hex(r) as message_id
    from month_rows
)
select
    file_date,
    message_id,
    coalesce(raw_line,
        '{{"type":"' || call_type || '","messageId":"' || message_id || '"'
        || case when call_type = 'track' then ',"event":"' || event_sent || '"' else '' end
        || case when call_type = 'page' then ',"name":"Website"' else '' end
        || coalesce(',"userId":"' || user_id || '"', '')
        || coalesce(',"anonymousId":"' || anonymous_id || '"', '')
        || coalesce(',"previousId":"' || previous_id || '"', '')
        || case when call_type = 'group' then ',"groupId":"' || group_id || '"' else '' end
        || ',"timestamp":"' || strftime(epoch_ms(t + timestamp_skew), {_STAMP})
        || '","originalTimestamp":"' || strftime(epoch_ms(t + skew), {_STAMP})
        || '","sentAt":"' || strftime(epoch_ms(t + queue + skew), {_STAMP})
        || '","receivedAt":"' || strftime(epoch_ms(t + queue), {_STAMP}) || '"'
        || case
            when call_type in ('identify', 'group') then ',"traits":' || coalesce(extra, '{{}}')
            when call_type = 'track'
                then ',"properties":{{' || state
                    || case when event = 'signed_up' then '' else ',"source":"web"' end
                    || more || '}}'
            when call_type = 'page' then ',"properties":{{"title":"Lumen"}}'
            else ''
        end
        || ',"context":{{'
        || coalesce(device, '"library":{{"name":"lumen-server","version":"1.4"}}')
        || coalesce(',' || page, '')
        || case when call_type = 'track' and group_id is not null
            then ',"groupId":"' || group_id || '"' else '' end
        || '}}}}'
    ) || chr(10) as line
from parts
order by file_date, file_order, seq
"""


class StateTimeline:
    """Plan and seats of an account at a moment, as ready JSON text."""

    def __init__(self, world: World, plan_changes: list[tuple[int, int, str, int]]) -> None:
        self.plans = ["free"]
        self.texts = [self._text("free", 1)]
        keys: list[int] = []
        codes: list[int] = []
        index = {self.texts[0]: 0}

        def add(account: int, ms: int, plan: str, seats: int) -> None:
            text = self._text(plan, seats)
            if text not in index:
                index[text] = len(self.texts)
                self.texts.append(text)
                self.plans.append(plan)
            keys.append((account + 1) * 2**44 + ms)
            codes.append(index[text])

        add(-1, 0, "free", 1)
        for account in world.accounts:
            add(account.index, 0, "free", max(1, len(account.members)))
        for second, account_index, plan, seats in plan_changes:
            add(account_index, second * 1000, plan, seats)
        order = np.argsort(np.array(keys), kind="stable")
        self.keys, self.codes = np.array(keys)[order], np.array(codes)[order]
        self.limit_of_code = np.array([plans.QUOTA_LIMIT[p] for p in self.plans])

    @staticmethod
    def _text(plan: str, seats: int) -> str:
        flags = ",".join(f'"{flag}"' for flag in plans.FLAGS[plan])
        return f'"plan_tier":"{plan}","seats_count":{seats},"feature_flags":[{flags}]'

    def at(self, account: np.ndarray, t: np.ndarray) -> np.ndarray:
        place = np.searchsorted(self.keys, (account.astype(np.int64) + 1) * 2**44 + t, side="right")
        return self.codes[place - 1]


def _coded(codes: np.ndarray, texts: pa.Array) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32), mask=codes < 0), texts)


class EventFiles:
    """Writes landing/events/segment/YYYY-MM/YYYY-MM-DD.jsonl[.gz] and demo_truth/events.parquet."""

    def __init__(
        self, landing: Path, truth: Path, world: World, texts: Texts, timeline: StateTimeline,
        intent: Intent,
    ) -> None:  # fmt: skip
        self.folder = landing / "events" / "segment"
        self.world, self.timeline = world, timeline
        self.connection = duckdb.connect()
        self.connection.execute("set threads = 2; set arrow_large_buffer_size = true")
        self.connection.execute("set timezone = 'UTC'")
        self.users = pa.array([u.user_id for u in world.users])
        self.anonymous = pa.array(texts.anonymous_ids)
        self.devices = pa.array(texts.device_context)
        self.pages = pa.array(texts.pages or [""])
        self.extras = pa.array(texts.extras or [""])
        self.groups = pa.array([a.account_id for a in world.accounts])
        self.states = pa.array(timeline.texts)
        # how much of its quota an account uses: less than half but in the weeks planned for it,
        # and as it likes once it pays
        none = [0]
        lively = [0.12 + 0.3 * np.exp(a.quality * 0.7) for a in world.accounts]
        self.fill_unpaid = np.array([min(0.40, fill) for fill in lively] + [0.1])
        self.fill_paid = np.array([min(1.0, fill) for fill in lively] + [0.1])
        self.fill_near = np.array([min(1.0, 0.65 + fill / 3) for fill in lively] + [0.1])
        self.near_from = np.append(intent.quota_from, none) * MS_DAY
        self.near_until = (np.append(intent.quota_until, none) + 1) * MS_DAY
        paid_from = np.append(intent.pays_on, none) * MS_DAY
        self.paid_from = np.where(paid_from > 0, paid_from, np.iinfo(np.int64).max)
        self.truth_path = truth / "events.parquet"
        self.truth_writer: pq.ParquetWriter | None = None
        self.pool = ThreadPoolExecutor(2)
        self.pending: list = []
        self.files, self.bytes, self.lines = 0, 0, 0
        last = world.parameters.end_ms // 86_400_000
        self.plain_from = last - 31

    def write(self, rows: Rows, more: dict[str, np.ndarray], raw_lines: list[str]) -> None:
        """One month of lines. `more`: seq, queue, skew, timestamp_skew, file_day, file_order,
        raw (position in raw_lines, -1: none), event_sent, r, is_truth."""
        if not len(rows):
            return
        state = self.timeline.at(rows["account"], rows["t"])
        table = pa.table(
            {
                "seq": more["seq"],
                "t": rows["t"],
                "queue": more["queue"],
                "skew": more["skew"],
                "timestamp_skew": more["timestamp_skew"],
                "file_date": more["file_day"],
                "file_order": more["file_order"],
                "r": more["r"].astype(np.int64),
                "user_code": rows["user"],
                "call_type": _coded(rows["kind"], pa.array(CALL_TYPES)),
                "event": _coded(rows["event"], pa.array(EVENTS)),
                "event_sent": _coded(more["event_sent"], pa.array([*EVENTS, "Report Created"])),
                "user_id": _coded(rows["user"], self.users),
                "anonymous_id": _coded(rows["anon"], self.anonymous),
                "device": _coded(rows["anon"], self.devices),
                "group_id": _coded(rows["account"], self.groups),
                "page": _coded(rows["page"], self.pages),
                "extra": _coded(rows["extra"], self.extras),
                "previous_id": _coded(rows["previous"], self.extras),
                "state": _coded(state, self.states),
                "quota_limit": self.timeline.limit_of_code[state],
                "fill": self._fill(rows["account"], rows["t"]),
                "raw_line": _coded(more["raw"], pa.array(raw_lines or [""])),
            }
        )
        self.connection.register("month_rows", table)
        result = self.connection.sql(_LINES).to_arrow_table()
        self.connection.unregister("month_rows")
        days = result["file_date"].to_numpy()
        self._write_truth(rows, more)
        lines = (
            pa.concat_arrays(result["line"].chunks)
            if result["line"].num_chunks != 1
            else result["line"].chunk(0)
        )
        for path, data in self._slices(days, lines):
            self.files += 1
            self.bytes += len(data)
            while len(self.pending) > 8:
                self.pending.pop(0).result()
            self.pending.append(self.pool.submit(_write_file, path, data))
        self.lines += len(rows)

    def _fill(self, account: np.ndarray, t: np.ndarray) -> np.ndarray:
        near = (t >= self.near_from[account]) & (t < self.near_until[account])
        fill = np.where(near, self.fill_near[account], self.fill_unpaid[account])
        return np.where(t >= self.paid_from[account], self.fill_paid[account], fill)

    def _slices(self, days: np.ndarray, lines: pa.Array) -> Iterator[tuple[Path, memoryview]]:
        kind = np.int64 if pa.types.is_large_string(lines.type) else np.int32
        buffers = lines.buffers()
        offsets = np.frombuffer(buffers[1], kind)[lines.offset : lines.offset + len(lines) + 1]
        data = memoryview(buffers[2])
        edges = np.concatenate([[0], np.nonzero(np.diff(days))[0] + 1, [len(days)]])
        for first, end in itertools.pairwise(edges):
            day = day_of(days[first])
            ending = "jsonl" if days[first] >= self.plain_from else "jsonl.gz"
            path = self.folder / f"{day:%Y-%m}" / f"{day}.{ending}"
            yield path, data[offsets[first] : offsets[end]]

    def _write_truth(self, rows: Rows, more: dict[str, np.ndarray]) -> None:
        which = np.nonzero(more["is_truth"])[0]
        part = rows.take(which)
        kinds = pa.array(CALL_TYPES)
        table = pa.table(
            {
                "seq": more["seq"][which],
                "r": more["r"][which].astype(np.int64),
                "person": pa.array(part["person"], mask=part["person"] < 0),
                "call_type": _coded(part["kind"], kinds),
                "event": _coded(part["event"], pa.array(EVENTS)),
                "account": _coded(part["account"], self.groups),
                "t": part["t"],
                "queue": more["queue"][which],
            }
        )
        self.connection.register("truth_rows", table)
        result = self.connection.sql(
            """
            select
                'ajs-' || to_hex(seq) || '-' || to_hex(r) as message_id,
                'true_' || lpad(cast(person as varchar), 8, '0') as true_person_id,
                cast(call_type as varchar) as call_type,
                case when event = 'create_report' then 'report_created'
                    else cast(event as varchar) end as event,
                cast(account as varchar) as account_id,
                epoch_ms(t) as event_at,
                epoch_ms(t + queue) as received_at,
            from truth_rows order by seq
            """
        ).to_arrow_table()
        self.connection.unregister("truth_rows")
        if self.truth_writer is None:
            self.truth_writer = pq.ParquetWriter(self.truth_path, result.schema, compression="zstd")
        self.truth_writer.write_table(result)

    def close(self) -> None:
        for job in self.pending:
            job.result()
        self.pool.shutdown()
        if self.truth_writer is not None:
            self.truth_writer.close()
        self.connection.close()


def _write_file(path: Path, data: memoryview) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        if path.suffix == ".gz":
            # no name and no time in the header: the same data is the same bytes
            with gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as packed:
                packed.write(data)
        else:
            file.write(data)
