"""The same story told in five formats, each in its vendor's published export shape.

A visitor comes by a tagged link, looks at two pages, signs up, is put into an account,
creates a report twice, and comes back the next day on another device.
"""

import calendar
import json
from datetime import datetime, timedelta
from typing import Any

LAPTOP = "0190a5c2-7b1e-7c44-9d5e-0a1b2c3d4e5f"
PHONE = "0190a5c2-9f00-7abc-8def-112233445566"
USER = "usr_1"
ACCOUNT = "acc_1"
START = datetime(2026, 2, 1, 10, 0, 0)
PRICING = "https://acme.example/pricing?utm_source=google&utm_medium=cpc&utm_campaign=spring"
HOME = "https://acme.example/"
TRAITS = {"email": "zoe@customer.example", "name": "Zoë Lang"}

# (minutes after the start, what happened, known as whom, device)
STORY = (
    (0, "page", None, LAPTOP, PRICING),
    (1, "page", None, LAPTOP, HOME),
    (2, "identify", USER, LAPTOP, None),
    (3, "group", USER, LAPTOP, None),
    (4, "report_created", USER, LAPTOP, None),
    (5, "report_created", USER, LAPTOP, None),
    (1500, "page", USER, PHONE, HOME),
    (1501, "report_shared", USER, PHONE, None),
)


def segment() -> list[dict[str, Any]]:
    rows = []
    for number, (minutes, what, user, device, url) in enumerate(STORY):
        at = START + timedelta(minutes=minutes)
        row = {
            "messageId": f"msg-{number}",
            "anonymousId": device,
            "userId": user,
            "timestamp": at.isoformat() + "Z",
            "receivedAt": (at + timedelta(seconds=2)).isoformat() + "Z",
            "context": {"ip": "203.0.113.7", "userAgent": "Mozilla/5.0"},
        }
        if what == "page":
            campaign = {"source": "google", "medium": "cpc", "name": "spring"}
            row |= {"type": "page", "properties": {"url": url}}
            row["context"]["page"] = {"url": url, "referrer": "https://www.google.com/"}
            row["context"]["campaign"] = campaign if "utm_" in url else {}
        elif what == "identify":
            row |= {"type": "identify", "traits": TRAITS}
        elif what == "group":
            row |= {"type": "group", "groupId": ACCOUNT, "traits": {"name": "Customer Inc"}}
        else:
            row |= {"type": "track", "event": what, "properties": {"plan_tier": "team"}}
            row["context"]["groupId"] = ACCOUNT
        rows.append(row)
    return rows


def posthog() -> list[dict[str, Any]]:
    rows = []
    for number, (minutes, what, user, device, url) in enumerate(STORY):
        at = START + timedelta(minutes=minutes)
        properties: dict[str, Any] = {
            "$lib": "web",
            "$device_id": device,
            "$is_identified": user is not None,
            "$process_person_profile": user is not None,
            "$ip": "203.0.113.7",
            "$raw_user_agent": "Mozilla/5.0",
            "$session_entry_url": PRICING,
            # kept by the library since the first page
            "utm_source": "google",
            "utm_medium": "cpc",
            "utm_campaign": "spring",
        }
        if user:
            properties["$user_id"] = user
        event = what
        if what == "page":
            event = "$pageview"
            properties |= {"$current_url": url, "$referrer": "https://www.google.com/"}
        elif what == "identify":
            event = "$identify"
            properties |= {"$anon_distinct_id": device, "$set": TRAITS, "$set_once": {}}
        elif what == "group":
            event = "$groupidentify"
            properties |= {
                "$groups": {"company": ACCOUNT},
                "$group_type": "company",
                "$group_key": ACCOUNT,
                "$group_set": {"name": "Customer Inc"},
            }
        else:
            properties |= {"plan_tier": "team", "$groups": {"company": ACCOUNT}}
        rows.append(
            {
                "uuid": f"0190a5c2-0000-7000-8000-{number:012d}",
                "event": event,
                "distinct_id": user or device,
                "person_id": "018f0000-0000-0000-0000-000000000001",
                "properties": properties,
                "person_properties": TRAITS if user else {},
                "elements_chain": "",
                "timestamp": at.isoformat() + "+00:00",
                "created_at": (at + timedelta(seconds=2)).isoformat() + "+00:00",
                "_inserted_at": (at + timedelta(seconds=9)).isoformat() + "+00:00",
            }
        )
    return rows


def _amplitude_time(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")


def amplitude() -> list[dict[str, Any]]:
    rows = []
    skew = timedelta(minutes=50)  # the device's clock is slow
    for number, (minutes, what, user, device, url) in enumerate(STORY):
        at = START + timedelta(minutes=minutes)
        row: dict[str, Any] = {
            "$insert_id": f"insert-{number}",
            "uuid": f"a190a5c2-0000-11ee-8000-{number:012d}",
            "amplitude_id": 661234567890,
            "app": 100001,
            "device_id": device,
            "user_id": user,
            "event_time": _amplitude_time(at),
            "client_event_time": _amplitude_time(at - skew),
            "client_upload_time": _amplitude_time(at - skew + timedelta(seconds=2)),
            "server_received_time": _amplitude_time(at + timedelta(seconds=2)),
            "server_upload_time": _amplitude_time(at + timedelta(seconds=3)),
            "processed_time": _amplitude_time(at + timedelta(seconds=5)),
            "ip_address": "203.0.113.7",
            "user_agent": "Mozilla/5.0",
            "event_properties": {},
            "user_properties": {"utm_source": "google"},
            "groups": {},
            "group_properties": {},
            "data": {"path": "/2/httpapi"},
            "sample_rate": None,
        }
        if what == "page":
            row["event_type"] = "[Amplitude] Page Viewed"
            row["event_properties"] = {
                "[Amplitude] Page Location": url,
                "[Amplitude] Page URL": url.split("?")[0],
                "referrer": "https://www.google.com/",
            }
        elif what == "identify":
            row |= {"event_type": "$identify", "user_properties": {"$set": TRAITS}}
        elif what == "group":
            row |= {
                "event_type": "$identify",
                "user_properties": {"$set": {"company": ACCOUNT}},
                "groups": {"company": [ACCOUNT]},
            }
        else:
            row |= {"event_type": what, "groups": {"company": [ACCOUNT]}}
            row["event_properties"] = {"plan_tier": "team"}
        rows.append(row)
    return rows


def mixpanel() -> list[dict[str, Any]]:
    rows = []
    for number, (minutes, what, user, device, url) in enumerate(STORY):
        at = START + timedelta(minutes=minutes)
        seconds = calendar.timegm(at.timetuple())
        properties: dict[str, Any] = {
            "time": seconds,
            "distinct_id": user or f"$device:{device}",
            "$device_id": device,
            "$insert_id": f"mp{number}",
            "mp_processing_time_ms": (seconds + 2) * 1000,
            "mp_lib": "web",
            "$ip": "203.0.113.7",
            "$user_agent": "Mozilla/5.0",
            "$initial_referrer": "https://www.google.com/",
            "utm_source": "google",
        }
        if user:
            properties["$user_id"] = user
        event = what
        if what == "page":
            event = "$mp_web_page_view"
            properties |= {
                "$current_url": url,
                "current_url_search": url.partition("?")[2] and "?" + url.partition("?")[2],
                "$referrer": "https://www.google.com/",
            }
        elif what == "identify":
            event = "$identify"
            properties |= {"$anon_distinct_id": f"$device:{device}", "$email": TRAITS["email"]}
            properties |= {"$name": TRAITS["name"]}
        elif what == "group":
            # Mixpanel has no group calls: the key is a property of what follows
            event = "company_joined"
            properties["company"] = [ACCOUNT]
        else:
            properties |= {"plan_tier": "team", "company": [ACCOUNT]}
        rows.append({"event": event, "properties": properties})
    return rows


STORIES = {
    "segment": segment,
    "rudderstack": segment,
    "posthog": posthog,
    "amplitude": amplitude,
    "mixpanel": mixpanel,
}
JSON_TEXT = {"properties", "person_properties", "event_properties", "user_properties",
             "groups", "group_properties", "context", "traits"}  # fmt: skip


def write_parquet(path, rows: list[dict[str, Any]]) -> None:
    """The rows as a vendor's Parquet: objects as JSON text, times as timestamps."""
    import duckdb

    names = list(dict.fromkeys(name for row in rows for name in row))
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        columns = []
        for name in names:
            kind = "varchar"
            if name in ("timestamp", "created_at", "_inserted_at"):
                kind = "timestamptz"
            columns.append(f'"{name}" {kind}')
        connection.execute(f"create table vendor ({', '.join(columns)})")
        connection.executemany(
            f"insert into vendor values ({', '.join('?' * len(names))})",
            [
                [
                    json.dumps(value) if isinstance(value := row.get(name), dict) else value
                    for name in names
                ]
                for row in rows
            ],
        )
        connection.execute(f"copy vendor to '{path}' (format parquet)")
