"""Which staged rows are repeats: inside this load and against the lake. Set-wise SQL.

Two rules. *First wins*: a key arrives once (``message_id``); of several copies in a load
the one received earliest counts, then by path, then by line. *Versions*: a key may come
again with new content, which is a new version; only a repeat of the version before it is
dropped.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb


@dataclass(frozen=True)
class Rule:
    """How rows of a dataset repeat. ``content`` set: versions; else the first wins.

    ``hashed``: a staged column with a hash of the keys, by which repeats are looked for first.
    """

    keys: tuple[str, ...]
    content: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    hashed: str | None = None


RULES: Mapping[str, Rule] = {
    "events": Rule(("message_id",), order=("received_at",), hashed="message_key"),
    "stripe_events": Rule(("event_id",)),
    "stripe_objects": Rule(("object_type", "object_id"), content=("object",)),
    "crm_records": Rule(("crm", "object_name", "record_id", "modified_at", "is_deleted")),
    "contracts": Rule(
        ("contract_id",),
        content=(
            "account",
            "start_date",
            "end_date",
            "annual_value",
            "currency",
            "seats",
            "billing_frequency",
            "signed_date",
            "owner",
        ),
    ),
    "fx_rates": Rule(("month", "currency"), content=("rate",)),
    "firmographics": Rule(
        ("domain",),
        content=(
            "company",
            "employees",
            "industry",
            "country",
            "tech_stack",
            "hiring_signals",
            "ip_ranges",
        ),
    ),
    # marketing_spend has none: a line may legitimately come twice in a file, and a later
    # file replaces the whole key (see raw_views)
    "gtm_costs": Rule(("month", "kind"), content=("amount",)),
    "support_tickets": Rule(
        ("ticket_id",),
        content=(
            "account",
            "requester",
            "opened_at",
            "first_response_at",
            "resolved_at",
            "channel",
            "deflected_by",
        ),
    ),
    "targets": Rule(("month", "metric"), content=("target",)),
}


def find_duplicates(
    connection: duckdb.DuckDBPyConnection, dataset: str, staged: str, lake: str
) -> None:
    """Create temp table ``duplicates(file_no, line_number, of_file_no, of_file_id)``.

    ``staged`` and ``lake`` are SQL relations; the lake's rows have ``file_id``. Exactly
    one of ``of_file_no`` and ``of_file_id`` names the file that holds the row that counts.
    """
    rule = RULES.get(dataset)
    connection.execute(
        "create or replace temp table duplicates "
        "(file_no integer, line_number bigint, of_file_no integer, of_file_id varchar)"
    )
    if rule is None:
        return
    if rule.content:
        connection.execute(f"insert into duplicates {_repeated_versions(rule, staged, lake)}")
        return
    connection.execute(f"insert into duplicates {_known_to_lake(rule, staged, lake)}")
    connection.execute(f"insert into duplicates {_repeated_in_load(rule, staged)}")


def _known_to_lake(rule: Rule, staged: str, lake: str) -> str:
    keys = ", ".join(rule.keys)
    return f"""
    select staged.file_no, staged.line_number, null, any_value(lake.file_id)
    from (select file_no, line_number, {keys} from {staged}) as staged
    inner join (select file_id, {keys} from {lake}) as lake using ({keys})
    group by staged.file_no, staged.line_number
    """


def _repeated_in_load(rule: Rule, staged: str) -> str:
    keys = ", ".join(rule.keys)
    order = ", ".join((*rule.order, "file_no", "line_number"))
    looked_for = rule.hashed or keys
    return f"""
    with

    repeated as (
        -- nearly every key comes once: rank only those that do not
        select {looked_for}
        from {staged}
        group by {looked_for}
        having count(*) > 1
    ),

    fresh as (
        select file_no, line_number, {", ".join(dict.fromkeys((*rule.keys, *rule.order)))}
        from {staged}
        semi join repeated using ({looked_for})
        anti join duplicates using (file_no, line_number)
    ),

    ranked as (
        select
            fresh.file_no,
            fresh.line_number,
            row_number() over copies as copy_number,
            first_value(fresh.file_no) over copies as first_file_no
        from fresh
        window copies as (partition by {keys} order by {order})
    )

    select file_no, line_number, first_file_no, null
    from ranked
    where copy_number > 1
    """


def _repeated_versions(rule: Rule, staged: str, lake: str) -> str:
    keys = ", ".join(rule.keys)
    content = f"row({', '.join(rule.content)})"
    return f"""
    with

    newest_in_lake as (
        select {keys}, {content} as content, file_id
        from {lake}
        semi join (select {keys} from {staged}) using ({keys})
        qualify row_number() over (
            partition by {keys} order by load_id desc, file_id desc, line_number desc
        ) = 1
    ),

    versions as (
        select {keys}, content, -1 as file_no, 0 as line_number, file_id
        from newest_in_lake
        union all
        select {keys}, {content}, file_no, line_number, null
        from {staged}
    ),

    compared as (
        select
            *,
            lag(content) over history as content_before,
            lag(file_no) over history as file_no_before,
            lag(file_id) over history as file_id_before
        from versions
        window history as (partition by {keys} order by file_no, line_number)
    )

    select
        file_no,
        line_number,
        case when file_no_before >= 0 then file_no_before end,
        file_id_before
    from compared
    where file_no >= 0 and file_no_before is not null and content = content_before
    """
