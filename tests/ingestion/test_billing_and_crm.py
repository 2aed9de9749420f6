"""Stripe events and objects, CRM records: identity and versions."""

import json
from datetime import datetime
from pathlib import Path

import pytest

WEBHOOKS = Path(__file__).parents[3] / "shared/reference/stripe_webhook_events"


def event(event_id: str, **fields):
    return {
        "id": event_id,
        "object": "event",
        "type": "customer.created",
        "created": 1767225600,
        "livemode": True,
        "api_version": "2024-06-20",
        "data": {"object": {"id": "cus_1", "object": "customer", "balance": 12}},
        **fields,
    }


def test_a_webhook_envelope_keeps_its_object_and_what_changed(installation):
    changed = {"object": {"id": "sub_1", "object": "subscription", "n": 12345678901234567890123}}
    changed["previous_attributes"] = {"quantity": 3}
    installation.land(
        "stripe/events/2026.jsonl",
        [event("evt_1"), event("evt_2", data=changed, livemode=False), event("evt_1")],
    )
    installation.ingest()
    assert installation.counts("stripe/events/2026.jsonl") == (3, 2, 0, 1)
    rows = installation.raw(
        "select event_id, event_type, created_at, is_livemode, object_type, object_id, object, "
        "previous_attributes from raw.stripe_events order by 1"
    )
    assert rows == [
        (
            "evt_1", "customer.created", datetime(2026, 1, 1), True, "customer", "cus_1",
            '{"id":"cus_1","object":"customer","balance":12}', "{}",
        ),
        (
            "evt_2", "customer.created", datetime(2026, 1, 1), False, "subscription", "sub_1",
            '{"id":"sub_1","object":"subscription","n":12345678901234567890123}',
            '{"quantity":3}',
        ),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (event("evt", id=None), "missing_id"),
        (event("evt", type=None), "missing_type"),
        (event("evt", created=None), "missing_timestamp"),
        (event("evt", created="2026-01-01"), "bad_timestamp"),
        (event("evt", created=1.5), "bad_timestamp"),
        (event("evt", created=1e30), "bad_timestamp"),
        (event("evt", created=1900000000), "timestamp_in_future"),
        (event("evt", data={"object": []}), "bad_value"),
        (event("evt", livemode="perhaps"), "bad_value"),
        ("{", "malformed_json"),
    ],
)
def test_a_bad_envelope_is_quarantined_with_its_reason(installation, bad, reason):
    installation.land("stripe/events/a.jsonl", [bad, event("evt_ok")])
    assert installation.ingest().reasons == {reason: 1}
    assert installation.counts("stripe/events/a.jsonl") == (2, 1, 1, 0)


def test_recorded_stripe_webhooks_are_accepted(installation):
    if not WEBHOOKS.is_dir():
        pytest.skip(f"reference data is not here: {WEBHOOKS}")
    samples = [json.loads(path.read_text()) for path in sorted(WEBHOOKS.glob("*.json"))]
    # the samples share one id
    events = [{**sample, "id": f"evt_{n}"} for n, sample in enumerate(samples)]
    installation.land("stripe/events/webhooks.jsonl", events)
    installation.ingest()
    assert installation.counts("stripe/events/webhooks.jsonl") == (len(events), len(events), 0, 0)
    stored = dict(installation.raw("select event_id, object from raw.stripe_events"))
    for sample in events:
        assert json.loads(stored[sample["id"]]) == sample["data"]["object"]


def test_a_pull_with_new_content_is_a_new_version_and_a_repeat_is_dropped(installation):
    def customer(balance):
        return {"id": "cus_1", "object": "customer", "created": 1767225600, "balance": balance}

    installation.land("stripe/customers/1.jsonl", [customer(1), customer(1)])
    installation.ingest()
    installation.land("stripe/customers/2.jsonl", [customer(1), customer(2), {"id": "cus_2"}])
    installation.ingest()
    installation.land("stripe/customers/3.jsonl", [customer(1)])  # back to the first state
    installation.ingest()
    assert installation.counts("stripe/customers/1.jsonl") == (2, 1, 0, 1)
    assert installation.counts("stripe/customers/2.jsonl") == (3, 2, 0, 1)
    assert installation.counts("stripe/customers/3.jsonl") == (1, 1, 0, 0)
    assert installation.raw(
        "select object_type, object_id, load_id, json_extract_string(object, '$.balance') "
        "from raw.stripe_objects order by 3, 2"
    ) == [
        ("customer", "cus_1", 1, "1"),
        ("customer", "cus_1", 2, "2"),
        ("customer", "cus_2", 2, None),
        ("customer", "cus_1", 3, "1"),
    ]


def test_crm_records_are_told_apart_by_object_id_and_time_of_change(installation):
    def account(name, modified="2026-02-01T10:00:00.000+0000", **fields):
        return {
            "Id": "001A",
            "Name": name,
            "SystemModstamp": modified,
            "IsDeleted": False,
            **fields,
        }

    installation.land(
        "crm/accounts/a.jsonl",
        [
            account("first"),
            account("again"),
            account("later", "2026-02-02T10:00:00.000+0000", IsDeleted=True),
            account("no time", None),
            {"Name": "nobody", "SystemModstamp": "2026-02-01T10:00:00Z"},
            {"id": "77", "properties": {"name": "hub"}, "updatedAt": "2026-02-01T10:00:00Z"},
        ],
    )
    installation.land("crm/contacts/a.jsonl", [account("same id, another object")])
    installation.ingest()
    assert installation.counts("crm/accounts/a.jsonl") == (6, 3, 2, 1)
    assert installation.raw(
        "select crm, object_name, record_id, modified_at, is_deleted from raw.crm_records "
        "order by all"
    ) == [
        ("hubspot", "accounts", "77", datetime(2026, 2, 1, 10), False),
        ("salesforce", "accounts", "001A", datetime(2026, 2, 1, 10), False),
        ("salesforce", "accounts", "001A", datetime(2026, 2, 2, 10), True),
        ("salesforce", "contacts", "001A", datetime(2026, 2, 1, 10), False),
    ]
