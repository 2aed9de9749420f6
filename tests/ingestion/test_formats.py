"""Vendor formats: each export in its published shape becomes the calls it stands for."""

import copy
import json
from datetime import datetime, timedelta

import pytest

from ingestion.formats import FORMATS
from ingestion.landing import EVENT_FORMATS
from tests.ingestion.conftest import Installation
from tests.ingestion.vendor_rows import (
    ACCOUNT,
    HOME,
    LAPTOP,
    PHONE,
    PRICING,
    START,
    STORIES,
    TRAITS,
    USER,
    write_parquet,
)

VENDORS = ("posthog", "amplitude", "mixpanel")
COLUMNS = (
    "call_type, event_name, user_id, anonymous_id, previous_id, group_id, "
    "event_at, received_at, ip, user_agent, page_url, referrer_url, "
    "utm_source, utm_medium, utm_campaign"
)


@pytest.fixture(scope="module")
def stories(tmp_path_factory) -> dict[tuple[str, str], Installation]:
    """The story in every format and every kind of file, each in a home of its own."""
    homes = {}
    for name, tell in STORIES.items():
        for ending in ("jsonl", "jsonl.gz", "parquet"):
            home = Installation(tmp_path_factory.mktemp(f"{name}-{ending}"))
            path = f"events/{name}/2026/02/export.{ending}"
            if ending == "parquet":
                write_parquet(home.land(path, b""), tell())
            else:
                home.land(path, tell())
            home.ingest()
            homes[name, ending] = home
    return homes


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def page(number, user, device, url, campaign):
    return (
        "page", None, user, device, None, None, minute(number),
        minute(number) + timedelta(seconds=2), "203.0.113.7", "Mozilla/5.0", url,
        "https://www.google.com/", *campaign,
    )  # fmt: skip


def call(number, kind, name, device, group):
    return (
        kind, name, USER, device, None, group, minute(number),
        minute(number) + timedelta(seconds=2), "203.0.113.7", "Mozilla/5.0",
        None, None, None, None, None,
    )  # fmt: skip


EXPECTED = [
    page(0, None, LAPTOP, PRICING, ("google", "cpc", "spring")),
    page(1, None, LAPTOP, HOME, (None, None, None)),
    call(2, "identify", None, LAPTOP, None),
    call(3, "group", None, LAPTOP, ACCOUNT),
    call(4, "track", "report_created", LAPTOP, ACCOUNT),
    call(5, "track", "report_created", LAPTOP, ACCOUNT),
    page(1500, USER, PHONE, HOME, (None, None, None)),
    call(1501, "track", "report_shared", PHONE, ACCOUNT),
]


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "parquet"])
@pytest.mark.parametrize("name", STORIES)
def test_the_same_story_gives_the_same_calls_in_every_format(stories, name, ending):
    home = stories[name, ending]
    path = f"events/{name}/2026/02/export.{ending}"
    assert home.counts(path) == (8, 8, 0, 0)
    got = [list(row) for row in home.raw(f"select {COLUMNS} from raw.events order by event_at")]
    expected = [list(row) for row in EXPECTED]
    utm = slice(12, 15)
    if name == "mixpanel":
        # no group calls: the event that carries the key brings the membership
        expected[3][:2] = ["track", "company_joined"]
    for row, _ in zip(got, expected, strict=True):
        if row[0] not in ("page", "screen"):
            row[utm] = [None] * 3  # campaigns count on pages only
    assert got == expected
    assert home.raw("select distinct source_format from raw.events") == [(name,)]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
@pytest.mark.parametrize("name", STORIES)
def test_the_same_story_gives_the_same_traits_and_properties(stories, name, ending):
    home = stories[name, ending]
    ((traits,),) = home.raw("select traits from raw.events where call_type = 'identify'")
    assert json.loads(traits) == TRAITS
    for (properties,) in home.raw("select properties from raw.events where call_type = 'track'"):
        if "company_joined" not in properties and json.loads(properties).get("plan_tier"):
            assert json.loads(properties)["plan_tier"] == "team"
    assert home.raw(
        "select count(*) from raw.events "
        "where json_extract_string(properties, '$.plan_tier') = 'team'"
    ) == [(3,)]


def test_every_format_of_the_landing_layout_has_a_mapping():
    assert set(EVENT_FORMATS) == set(FORMATS) == set(STORIES)


def test_files_are_known_by_the_names_vendors_give_them(installation, tmp_path):
    write_parquet(tmp_path / "x.parquet", STORIES["posthog"]())
    whole = (tmp_path / "x.parquet").read_bytes()
    installation.land("events/posthog/2026-02-01_events/part-0.parquet.zst", whole)
    installation.land("events/posthog/2026-02-01_events/run_manifest.json", '{"files": ["x"]}')
    installation.land("events/amplitude/100001/100001_2026-02-01_10#0.json.gz",
                      STORIES["amplitude"]())  # fmt: skip
    report = installation.ingest()
    assert (report.files_refused, report.files_unsupported) == ([], [])
    assert installation.ops("select path, rows_accepted from ingest_files order by 1") == [
        ("events/amplitude/100001/100001_2026-02-01_10#0.json.gz", 8),
        ("events/posthog/2026-02-01_events/part-0.parquet.zst", 8),
    ]


# what makes a row a repeat, and what is refused


def good(name: str) -> dict:
    """A track row with a user and nothing optional."""
    return copy.deepcopy(STORIES[name]()[4])


def edited(name: str, **changes) -> dict:
    """`good` with values set by path (``properties__time``); None takes the value away."""
    row = good(name)
    for path, value in changes.items():
        *parents, last = path.split("__")
        target = row
        for parent in parents:
            target = target[parent]
        target.pop(last, None)
        if value is not None:
            target[last] = value
    return row


def without_ids(name: str) -> dict:
    row = good(name)
    if name == "posthog":
        del row["distinct_id"]
        for key in ("$device_id", "$user_id"):
            del row["properties"][key]
    elif name == "amplitude":
        row |= {"user_id": None, "device_id": ""}
    else:
        for key in ("$device_id", "$user_id"):
            del row["properties"][key]
        row["properties"]["distinct_id"] = ""
    return row


TIME_OF = {"posthog": "timestamp", "amplitude": "event_time", "mixpanel": "properties__time"}
RECEIVED_OF = {
    "posthog": "created_at",
    "amplitude": "server_received_time",
    "mixpanel": "properties__mp_processing_time_ms",
}
EVENT_OF = {"posthog": "event", "amplitude": "event_type", "mixpanel": "event"}
USER_OF = {
    "posthog": "distinct_id",
    "amplitude": "user_id",
    "mixpanel": "properties__$user_id",
}
FUTURE = {
    "posthog": "2026-02-02T10:04:03Z",
    "amplitude": "2026-02-02 10:04:03.000000",
    "mixpanel": 1770026643,
}
LATER_THAN_NOW = {
    "posthog": "2026-03-02T00:00:01Z",
    "amplitude": "2026-03-02 00:00:01.000000",
    "mixpanel": 1772409601000,
}


def account_as_object(name: str) -> dict:
    row = good(name)
    if name == "posthog":
        row["properties"]["$groups"] = {"company": {"id": 1}}
    elif name == "amplitude":
        row["groups"] = {"company": {"id": 1}}
    else:
        row["properties"]["company"] = [{"id": 1}]
    return row


def refused_rows(name: str) -> dict[str, tuple[str, str | dict]]:
    no_times = {}
    if name == "amplitude":
        no_times = {"client_event_time": None}
    text = {"posthog": "properties", "amplitude": "event_properties", "mixpanel": "properties"}
    nested = json.dumps({"a": 1, "b": {"c": 'say "x"'}})
    return {
        "broken": ("malformed_json", json.dumps(good(name))[:-2]),
        "list": ("not_an_object", json.dumps([good(name)])),
        "no name": ("missing_event_name", edited(name, **{EVENT_OF[name]: None})),
        "blank name": ("missing_event_name", edited(name, **{EVENT_OF[name]: "  "})),
        "no ids": ("missing_id", without_ids(name)),
        "no time": ("missing_timestamp", edited(name, **{TIME_OF[name]: None}, **no_times)),
        "no real time": ("bad_timestamp", edited(name, **{TIME_OF[name]: "yesterday"}, **no_times)),
        "an old clock": (
            "bad_timestamp",
            edited(
                name,
                **{TIME_OF[name]: 86400 if name == "mixpanel" else "1970-01-02T00:00:00Z"},
                **no_times,
            ),
        ),
        "received never": ("bad_timestamp", edited(name, **{RECEIVED_OF[name]: "soon"})),
        "a day ahead": (
            "timestamp_in_future",
            edited(name, **{TIME_OF[name]: FUTURE[name]}, **no_times),
        ),
        "received tomorrow": (
            "timestamp_in_future",
            edited(name, **{RECEIVED_OF[name]: LATER_THAN_NOW[name]}, **no_times),
        ),
        "an object for an id": ("bad_value", edited(name, **{USER_OF[name]: {"id": 1}})),
        "a list for a name": ("bad_value", edited(name, **{EVENT_OF[name]: ["a"]})),
        "properties as a list": (
            "bad_value",
            edited(name, **{text[name]: [1]}),
        ),
        "an object for the account": ("bad_value", account_as_object(name)),
        "properties as text": ("bad_value", edited(name, **{text[name]: nested})),
    }


@pytest.fixture(scope="module")
def refused(tmp_path_factory) -> Installation:
    """Every refused row of every vendor, between two good ones, ingested at once."""
    home = Installation(tmp_path_factory.mktemp("refused"))
    for name in VENDORS:
        for case, (_, row) in refused_rows(name).items():
            before, after = good(name), good(name)
            for number, neighbour in enumerate((before, after)):
                set_message_id(name, neighbour, f"{name} {case} {number}")
            home.land(f"events/{name}/{case}.jsonl", [before, row, after])
    home.ingest()
    return home


def set_message_id(name: str, row: dict, value: str | None) -> None:
    if name == "mixpanel":
        row["properties"]["$insert_id"] = value
    else:
        row["uuid"] = value


@pytest.mark.parametrize("name", VENDORS)
@pytest.mark.parametrize("case", refused_rows("posthog"))
def test_a_row_that_lacks_what_a_call_needs_is_quarantined_alone(refused, name, case):
    path = f"events/{name}/{case}.jsonl"
    reason, row = refused_rows(name)[case]
    assert refused.counts(path) == (3, 2, 1, 0)
    assert refused.ops(
        f"select line_number, reason, raw from quarantine where path = '{path}'"
    ) == [(2, reason, row if isinstance(row, str) else json.dumps(row))]


@pytest.mark.parametrize("name", VENDORS)
def test_a_row_is_known_again_by_the_vendors_id(installation, name):
    first, other = good(name), good(name)
    set_message_id(name, other, "another")
    again = edited(name, **{USER_OF[name]: "usr_2"})
    installation.land(f"events/{name}/a.jsonl", [first, again])
    installation.land(f"events/{name}/b.jsonl", [other, first])
    installation.ingest()
    assert installation.counts(f"events/{name}/a.jsonl") == (2, 1, 0, 1)
    assert installation.counts(f"events/{name}/b.jsonl") == (2, 1, 0, 1)


@pytest.mark.parametrize("name", VENDORS)
def test_a_row_without_an_id_is_known_again_by_its_content(installation, name):
    row = good(name)
    set_message_id(name, row, None)
    row.pop("$insert_id", None)
    other = copy.deepcopy(row)
    (other["properties"] if name != "amplitude" else other["event_properties"])["more"] = 1
    installation.land(f"events/{name}/a.jsonl", [row, json.dumps(row, indent=None), other])
    installation.ingest()
    assert installation.counts(f"events/{name}/a.jsonl") == (3, 2, 0, 1)
    # spaces are no content
    installation.land(f"events/{name}/b.jsonl", [json.dumps(row, separators=(",", ":"))])
    installation.ingest()
    assert installation.counts(f"events/{name}/b.jsonl") == (1, 0, 0, 1)


def test_amplitudes_insert_id_stands_in_for_a_missing_uuid(installation):
    installation.land("events/amplitude/a.jsonl", [edited("amplitude", uuid=None)])
    installation.ingest()
    assert installation.raw("select message_id from raw.events") == [("insert-4",)]


def ingested(installation, name: str, rows: list, columns: str) -> list[tuple]:
    for number, row in enumerate(rows):
        set_message_id(name, row, f"id-{number}")
    installation.land(f"events/{name}/rows.jsonl", rows)
    installation.ingest()
    assert installation.ops("select line_number, reason, detail from quarantine") == []
    return installation.raw(f"select {columns} from raw.events order by line_number")


# PostHog

UUID4 = "9f0e4c8e-2f5a-4a0e-9d6b-1c2d3e4f5a6b"
UUID7 = "0190a5c2-9f00-7abc-8def-aabbccddeeff"


def posthog(event: str, distinct_id: str, /, **properties) -> dict:
    return {
        "event": event,
        "distinct_id": distinct_id,
        "timestamp": "2026-02-01T10:00:00Z",
        "created_at": "2026-02-01T10:00:02Z",
        "properties": properties,
    }


def test_posthog_ids_are_users_or_visitors_by_what_the_row_says(installation):
    rows = [
        posthog("a", "usr_1"),  # a server: identified unless it says otherwise
        posthog("a", UUID4),
        posthog("a", UUID4, **{"$process_person_profile": False}),
        posthog("a", UUID7, **{"$lib": "posthog-ios"}),
        posthog("a", UUID7, **{"$is_identified": False, "$device_id": "dev"}),
        posthog("a", UUID7, **{"$is_identified": True, "$device_id": "dev"}),
        posthog("a", UUID7, **{"$user_id": UUID7, "$device_id": "dev"}),
        posthog("a", "dev", **{"$device_id": "dev"}),
    ]
    assert ingested(installation, "posthog", rows, "user_id, anonymous_id") == [
        ("usr_1", None),
        (UUID4, None),
        (None, UUID4),
        (None, UUID7),
        (None, UUID7),
        (UUID7, "dev"),
        (UUID7, "dev"),
        (None, "dev"),
    ]


def test_posthog_aliases_name_the_user_and_the_id_before(installation):
    rows = [
        posthog("$create_alias", "usr_1", alias=UUID7),
        posthog("$create_alias", UUID7, alias="usr_1", distinct_id=UUID7),  # as its Python library
        posthog("$create_alias", "usr_new", alias="usr_old"),
        posthog("$merge_dangerously", "usr_new", alias="usr_old"),
    ]
    assert ingested(
        installation, "posthog", rows, "call_type, user_id, previous_id, anonymous_id"
    ) == [
        ("alias", "usr_1", UUID7, None),
        ("alias", "usr_1", UUID7, None),
        ("alias", "usr_new", "usr_old", None),
        ("alias", "usr_new", "usr_old", None),
    ]


def test_posthog_groups_described_by_a_server_belong_to_no_person(installation):
    group = {"$group_type": "company", "$group_key": "acc_1", "$group_set": {"name": "Acme"}}
    project = {"$group_type": "project", "$group_key": "p1", "$group_set": {}}
    rows = [
        posthog("$groupidentify", "$company_acc_1", **group),
        posthog("$groupidentify", UUID4, **group),
        posthog("$groupidentify", "usr_1", **group),
        posthog("$groupidentify", "usr_1", **project, **{"$groups": {"company": "acc_1"}}),
        posthog("$groupidentify", "usr_1", **project, **{"$groups": {"project": "p1"}}),
    ]
    assert ingested(installation, "posthog", rows, "call_type, user_id, group_id, traits") == [
        ("group", None, "acc_1", '{"name":"Acme"}'),
        ("group", None, "acc_1", '{"name":"Acme"}'),
        ("group", "usr_1", "acc_1", '{"name":"Acme"}'),
        ("track", "usr_1", "acc_1", "{}"),
        ("group", "usr_1", "p1", "{}"),
    ]


def test_posthog_traits_are_set_over_set_once_wherever_they_stand(installation):
    inside = posthog("$identify", "usr_1", **{"$set": {"a": 2}, "$set_once": {"a": 1, "b": 1}})
    beside = {**posthog("$set", "usr_1"), "$set": {"plan": "team"}}
    state = {**posthog("$identify", "usr_1"), "person_properties": {"email": "a@b.example"}}
    later = {**posthog("report_created", "usr_1"), "person_properties": {"email": "a@b.example"}}
    with_set = posthog("report_created", "usr_1", **{"$set": {"plan": "free"}})
    rows = ingested(
        installation,
        "posthog",
        [inside, beside, state, later, with_set],
        "call_type, traits",
    )
    assert [(kind, json.loads(traits)) for kind, traits in rows] == [
        ("identify", {"a": 2, "b": 1}),
        ("identify", {"plan": "team"}),
        ("identify", {"email": "a@b.example"}),
        ("track", {}),
        ("track", {"plan": "free"}),
    ]


def test_amplitudes_state_of_the_user_is_the_traits_of_every_event(installation):
    rows = ingested(
        installation,
        "amplitude",
        [
            amplitude("a", user_properties={"email": "a@b.example", "plan": "team"}),
            amplitude("b", user_properties={"$set": {"plan": "free"}, "$setOnce": {"first": 1}}),
            amplitude("[Amplitude] Page Viewed", user_properties={"plan": "free"}),
            amplitude("c", user_properties={}),
            amplitude("d", user_properties="none"),
        ],
        "call_type, traits",
    )
    assert [(kind, json.loads(traits)) for kind, traits in rows] == [
        ("track", {"email": "a@b.example", "plan": "team"}),
        ("track", {"plan": "free", "first": 1}),
        ("page", {"plan": "free"}),
        ("track", {}),
        ("track", {}),
    ]


def test_posthog_events_of_its_own_are_kept_under_their_names(installation):
    rows = [
        posthog("$pageleave", "usr_1", **{"$current_url": HOME}),
        posthog("$autocapture", "usr_1"),
        posthog("$screen", "usr_1", **{"$screen_name": "Settings"}),
    ]
    assert ingested(installation, "posthog", rows, "call_type, event_name, page_url") == [
        ("track", "$pageleave", HOME),
        ("track", "$autocapture", None),
        ("screen", "Settings", None),
    ]


def test_a_posthog_event_as_captured_is_corrected_for_a_wrong_clock(installation):
    row = posthog("a", "usr_1") | {
        "timestamp": "2026-02-01T09:10:00Z",
        "sent_at": "2026-02-01T09:10:05Z",
        "now": "2026-02-01T10:00:06Z",
    }
    del row["created_at"]
    assert ingested(installation, "posthog", [row], "event_at, received_at, sent_at") == [
        (datetime(2026, 2, 1, 10, 0, 1), datetime(2026, 2, 1, 10, 0, 6),
         datetime(2026, 2, 1, 9, 10, 5)),
    ]  # fmt: skip


def test_the_rows_of_the_posthog_python_library_are_read(installation):
    """What the installed client really sends, caught before it leaves."""
    from posthog import Posthog

    sent = []
    client = Posthog("phc_test", host="http://127.0.0.1:9", sync_mode=True, send=False,
                     before_send=lambda event: sent.append(event) or event)  # fmt: skip
    client.capture("report_created", distinct_id="usr_1", groups={"company": "acc_1"})
    client.set(distinct_id="usr_1", properties={"email": "a@b.example"})
    client.alias(previous_id=UUID4, distinct_id="usr_1")
    client.group_identify("company", "acc_1", {"name": "Acme"})
    client.capture("visited")
    rows = [json.loads(json.dumps(event, default=str)) for event in sent]
    assert len(rows) == 5
    for row in rows:
        row["timestamp"] = "2026-02-01T10:00:00+00:00"
    installation.land("events/posthog/client.jsonl", rows)
    installation.ingest()
    assert installation.ops("select * from quarantine") == []
    calls = installation.raw(
        "select call_type, event_name, user_id, previous_id, group_id, traits "
        "from raw.events order by line_number"
    )
    assert calls == [
        ("track", "report_created", "usr_1", None, "acc_1", "{}"),
        ("identify", None, "usr_1", None, None, '{"email":"a@b.example"}'),
        ("alias", None, "usr_1", UUID4, None, "{}"),
        ("group", None, None, None, "acc_1", '{"name":"Acme"}'),
        ("track", "visited", None, None, None, "{}"),
    ]


# Amplitude


def amplitude(event_type: str, **fields) -> dict:
    row = {
        "event_type": event_type,
        "user_id": "usr_1",
        "device_id": "dev",
        "event_time": "2026-02-01 10:00:00.250000",
        "server_upload_time": "2026-02-01 10:00:02.000000",
        **fields,
    }
    return {name: value for name, value in row.items() if value is not None}


def test_amplitude_groups_come_with_their_traits(installation):
    rows = [
        amplitude("$groupidentify", user_id=None, device_id=None, groups={"org id": "15"},
                  group_properties={"$set": {"name": "Acme"}}),
        amplitude("$groupidentify", groups={"org id": ["15"]},
                  group_properties={"org id": {"15": {"name": "Acme"}}}),
        amplitude("$groupidentify", groups={"org id": "15"}, group_properties={"name": "Acme"}),
        amplitude("$identify", groups={"company": ["acc_1"]}, user_properties={}),
        amplitude("$identify", groups={"company": ["acc_1"]}, user_properties={"email": "a@b.c"}),
    ]  # fmt: skip
    assert ingested(installation, "amplitude", rows, "call_type, user_id, group_id, traits") == [
        ("group", None, "15", '{"name":"Acme"}'),
        ("group", "usr_1", "15", '{"name":"Acme"}'),
        ("group", "usr_1", "15", '{"name":"Acme"}'),
        ("group", "usr_1", "acc_1", "{}"),
        ("identify", "usr_1", "acc_1", '{"email":"a@b.c"}'),
    ]


def test_the_account_is_the_group_of_that_kind_or_the_only_one(installation):
    rows = [
        amplitude("a", groups={"project": "p1", "Company": ["acc_1", "acc_2"]}),
        amplitude("a", groups={"team": "t1", "account_id": 15}),
        amplitude("a", groups={"studio": "s1"}),
        amplitude("a", groups={"studio": "s1", "project": "p1"}),
        amplitude("a", groups={"company": None}),
        amplitude("a", groups={"company": ""}),
        amplitude("a"),
    ]
    assert ingested(installation, "amplitude", rows, "group_id") == [
        ("acc_1",), ("15",), ("s1",), (None,), (None,), (None,), (None,),
    ]  # fmt: skip


def test_amplitude_times_are_utc_and_corrected_where_the_parts_are_there(installation):
    plain = amplitude("a")
    skewed = amplitude(
        "a",
        client_event_time="2026-02-01 09:10:00.000000",
        client_upload_time="2026-02-01 09:10:05.000000",
        server_received_time="2026-02-01 10:00:06.000000",
    )
    assert ingested(installation, "amplitude", [plain, skewed], "event_at, received_at") == [
        (datetime(2026, 2, 1, 10, 0, 0, 250000), datetime(2026, 2, 1, 10, 0, 2)),
        (datetime(2026, 2, 1, 10, 0, 1), datetime(2026, 2, 1, 10, 0, 6)),
    ]


def test_amplitude_events_of_its_own_are_kept_under_their_names(installation):
    rows = [
        amplitude("session_start"),
        amplitude("[Amplitude] Element Clicked"),
        amplitude("[Amplitude] Screen Viewed",
                  event_properties={"[Amplitude] Screen Name": "Settings"}),
        amplitude("[Amplitude] Page Viewed",
                  event_properties={"[Amplitude] Page URL": HOME, "utm_source": "news",
                                    "[Amplitude] Page Title": "Home"}),
    ]  # fmt: skip
    assert ingested(
        installation, "amplitude", rows, "call_type, event_name, page_url, utm_source"
    ) == [
        ("track", "session_start", None, None),
        ("track", "[Amplitude] Element Clicked", None, None),
        ("screen", "Settings", None, None),
        ("page", "Home", HOME, "news"),
    ]


# Mixpanel


def mixpanel(event: str, **properties) -> dict:
    properties = {"time": 1769940000, "mp_processing_time_ms": 1769940002000, **properties}
    return {"event": event, "properties": properties}


def test_mixpanel_ids_are_read_in_both_of_its_systems(installation):
    rows = [
        mixpanel("a", distinct_id=f"$device:{UUID4}"),
        mixpanel("a", distinct_id="usr_1"),
        mixpanel("a", **{"distinct_id": UUID4, "$device_id": UUID4}),
        mixpanel("a", **{"distinct_id": UUID7, "$device_id": UUID4}),
        mixpanel("a", **{"distinct_id": "usr_1", "$user_id": "usr_1", "$device_id": UUID4}),
        mixpanel("a", **{"$user_id": "usr_1"}),
        mixpanel("$identify", **{"$identified_id": "usr_1", "$anon_id": UUID4}),
        mixpanel("$identify", **{"distinct_id": "usr_1", "$anon_distinct_id": f"$device:{UUID4}"}),
    ]
    assert ingested(installation, "mixpanel", rows, "user_id, anonymous_id") == [
        (None, UUID4),
        ("usr_1", None),
        (None, UUID4),
        (None, UUID4),
        ("usr_1", UUID4),
        ("usr_1", None),
        ("usr_1", UUID4),
        ("usr_1", UUID4),
    ]


def test_mixpanel_aliases_and_merges_name_the_user_and_the_id_before(installation):
    rows = [
        mixpanel("$create_alias", distinct_id=UUID4, alias="usr_1"),
        mixpanel("$create_alias", distinct_id="usr_1", alias=UUID4),
        mixpanel("$create_alias", distinct_id="old", alias="new"),
        mixpanel("$merge", **{"$distinct_ids": ["usr_1", f"$device:{UUID4}"]}),
        mixpanel("$merge", **{"$distinct_ids": [UUID4, "usr_1"], "distinct_id": "usr_1"}),
    ]
    assert ingested(
        installation, "mixpanel", rows, "call_type, user_id, previous_id, anonymous_id"
    ) == [
        ("alias", "usr_1", UUID4, None),
        ("alias", "usr_1", UUID4, None),
        ("alias", "new", "old", None),
        ("alias", "usr_1", UUID4, None),
        ("alias", "usr_1", UUID4, None),
    ]


def test_mixpanel_times_are_seconds_or_milliseconds(installation):
    rows = [
        mixpanel("a", distinct_id="u"),
        mixpanel("a", distinct_id="u", time=1769940000250),
        mixpanel("a", distinct_id="u", time=1769940000.25),
        mixpanel("a", distinct_id="u", time="1769940000"),
    ]
    assert ingested(installation, "mixpanel", rows, "event_at, received_at") == [
        (datetime(2026, 2, 1, 10), datetime(2026, 2, 1, 10, 0, 2)),
        (datetime(2026, 2, 1, 10, 0, 0, 250000), datetime(2026, 2, 1, 10, 0, 2)),
        (datetime(2026, 2, 1, 10, 0, 0, 250000), datetime(2026, 2, 1, 10, 0, 2)),
        (datetime(2026, 2, 1, 10), datetime(2026, 2, 1, 10, 0, 2)),
    ]


def test_a_mixpanel_account_is_a_group_key_or_an_id_among_the_properties(installation):
    rows = [
        mixpanel("a", distinct_id="u", company=["acc_1"]),
        mixpanel("a", distinct_id="u", company="Acme Inc"),  # a name, no key
        mixpanel("a", distinct_id="u", account_id=15),
        mixpanel("a", distinct_id="u", **{"$groups": {"company": "acc_1"}, "account_id": 15}),
    ]
    assert ingested(installation, "mixpanel", rows, "group_id") == [
        ("acc_1",), (None,), ("15",), ("acc_1",),
    ]  # fmt: skip


def test_the_first_referrer_ever_counts_only_where_the_page_is_not_shown_whole(installation):
    first = {"distinct_id": "u", "$initial_referrer": "https://a.example/", "utm_source": "s"}
    rows = [
        mixpanel("$mp_web_page_view", **first, **{"$current_url": HOME}),
        mixpanel("$mp_web_page_view", **first, **{"$current_url": HOME, "current_url_search": ""}),
        mixpanel("$mp_web_page_view", distinct_id="u", **{"$referrer": "$direct"}),
    ]
    assert ingested(installation, "mixpanel", rows, "referrer_url, utm_source") == [
        ("https://a.example/", "s"),
        (None, None),
        (None, None),
    ]


def test_a_campaign_in_the_address_is_decoded_and_never_breaks_the_load(installation):
    address = "https://a.example/?utm_source=big%20news+letter&utm_medium=%ff%fe&utm_term="
    rows = [posthog("$pageview", "usr_1", **{"$current_url": address})]
    assert ingested(
        installation, "posthog", rows, "utm_source, utm_medium, utm_term, utm_content"
    ) == [("big news letter", None, None, None)]
