"""The lake's datasets: columns and DuckDB types, one entry a dataset.

Every dataset is a folder of Parquet under ``lake/<dataset>/`` and a view
``raw.<dataset>`` in the warehouse. Where nothing has landed, the view is there and
empty, so every model downstream is empty too rather than broken.

Each row carries where it came from: ``file_id`` (of ``ops.ingest_files``),
``line_number`` (1-based) and ``load_id`` (the number of the ingest run that wrote it).
"""

from collections.abc import Mapping

_ORIGIN = {"file_id": "VARCHAR", "line_number": "BIGINT", "load_id": "BIGINT"}

DATASETS: Mapping[str, Mapping[str, str]] = {
    "events": {
        "message_id": "VARCHAR",
        "call_type": "VARCHAR",  # identify, track, page, screen, group, alias
        "event_name": "VARCHAR",  # as sent; track: event, page/screen: name (may be NULL)
        "user_id": "VARCHAR",  # ids are as sent; staging cleans them
        "anonymous_id": "VARCHAR",
        "previous_id": "VARCHAR",
        "group_id": "VARCHAR",  # groupId, else context.groupId
        "event_at": "TIMESTAMP",  # UTC, corrected for clock skew
        "sent_at": "TIMESTAMP",
        "received_at": "TIMESTAMP",
        "ip": "VARCHAR",
        "user_agent": "VARCHAR",
        "page_url": "VARCHAR",
        "referrer_url": "VARCHAR",
        "utm_source": "VARCHAR",
        "utm_medium": "VARCHAR",
        "utm_campaign": "VARCHAR",
        "utm_term": "VARCHAR",
        "utm_content": "VARCHAR",
        "properties": "VARCHAR",  # JSON text, '{}' when absent
        "traits": "VARCHAR",  # JSON text, '{}' when absent
        "source_format": "VARCHAR",
        "received_date": "DATE",  # hive partition
        **_ORIGIN,
    },
    # which received days each load touched: what incremental models rebuild
    "event_loads": {"load_id": "BIGINT", "received_date": "DATE", "count_events": "BIGINT"},
    "stripe_events": {
        "event_id": "VARCHAR",
        "event_type": "VARCHAR",
        "created_at": "TIMESTAMP",
        "api_version": "VARCHAR",
        "is_livemode": "BOOLEAN",
        "object_type": "VARCHAR",
        "object_id": "VARCHAR",
        "object": "VARCHAR",  # JSON text of data.object
        "previous_attributes": "VARCHAR",  # JSON text, '{}' when absent
        "received_at": "TIMESTAMP",
        **_ORIGIN,
    },
    "stripe_objects": {  # a row a version; the newest pulled_at, then load_id, wins
        "object_type": "VARCHAR",  # singular, as in the object's own "object" field
        "object_id": "VARCHAR",
        "created_at": "TIMESTAMP",
        "is_livemode": "BOOLEAN",
        "object": "VARCHAR",
        "pulled_at": "TIMESTAMP",  # told by the file's name, else when it was ingested
        **_ORIGIN,
    },
    "crm_records": {  # a row a version; the newest modified_at, then load_id, wins
        "crm": "VARCHAR",  # salesforce, hubspot
        "object_name": "VARCHAR",  # the folder: accounts, contacts, leads, opportunities, …
        "record_id": "VARCHAR",
        "record": "VARCHAR",  # JSON text
        "modified_at": "TIMESTAMP",
        "is_deleted": "BOOLEAN",
        **_ORIGIN,
    },
    "contracts": {
        "contract_id": "VARCHAR",  # md5 of account, start and signed date where none is given
        "account": "VARCHAR",  # an account id or a domain
        "start_date": "DATE",
        "end_date": "DATE",  # last day covered
        "annual_value": "DECIMAL(18,2)",
        "currency": "VARCHAR",
        "seats": "INTEGER",
        "billing_frequency": "VARCHAR",
        "signed_date": "DATE",
        "owner": "VARCHAR",
        **_ORIGIN,
    },
    "fx_rates": {  # rate: value of 1 unit of currency in the reporting currency, that month
        "month": "DATE",
        "currency": "VARCHAR",
        "rate": "DECIMAL(18,8)",
        **_ORIGIN,
    },
    "firmographics": {
        "domain": "VARCHAR",
        "company": "VARCHAR",
        "employees": "INTEGER",
        "industry": "VARCHAR",
        "country": "VARCHAR",
        "tech_stack": "VARCHAR",  # lists are separated by ;
        "hiring_signals": "VARCHAR",
        "ip_ranges": "VARCHAR",
        **_ORIGIN,
    },
    "marketing_spend": {
        "spend_date": "DATE",
        "channel": "VARCHAR",
        "campaign": "VARCHAR",
        "amount": "DECIMAL(18,2)",
        "currency": "VARCHAR",
        **_ORIGIN,
    },
    "gtm_costs": {
        "month": "DATE",
        "kind": "VARCHAR",
        "amount": "DECIMAL(18,2)",
        **_ORIGIN,
    },
    "support_tickets": {
        "ticket_id": "VARCHAR",
        "account": "VARCHAR",
        "requester": "VARCHAR",
        "opened_at": "TIMESTAMP",
        "first_response_at": "TIMESTAMP",
        "resolved_at": "TIMESTAMP",
        "channel": "VARCHAR",
        "deflected_by": "VARCHAR",
        **_ORIGIN,
    },
    "targets": {"month": "DATE", "metric": "VARCHAR", "target": "DECIMAL(18,4)", **_ORIGIN},
    # one row: what "now" is for every model of this build
    "pipeline_clock": {
        "as_of_at": "TIMESTAMP",
        "reporting_currency": "VARCHAR",
        "timezone": "VARCHAR",
    },
    # when destinations had what our syncs announced to them; kept in ops, copied for each build
    "sync_deliveries": {
        "sync_name": "VARCHAR",
        "subject": "VARCHAR",
        "destination": "VARCHAR",
        "record_key": "VARCHAR",
        "delivered_at": "TIMESTAMP",
    },
}
