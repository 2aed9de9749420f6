"""Sessions of hostile timing, loaded in pieces: as a rebuild and a naive count would have them.

Gaps of exactly the limit and a millisecond more, midnight and the end of the year, two devices,
a shared one, entries at the moment of another event, calls that arrive days late and a file
taken back.
"""

import random
from datetime import datetime, timedelta

import pytest

from ingestion.withdraw import withdraw_file
from tests.demo_company import raw_reading as raw
from tests.models import naive_sessions
from tests.small_installation import SmallInstallation

pytestmark = [pytest.mark.pipeline, pytest.mark.proof]  # five builds

START = datetime(2025, 12, 31, 21)
MINUTES_30 = timedelta(minutes=30)
MS = timedelta(milliseconds=1)
STEPS = [
    timedelta(0), MS, timedelta(minutes=7), MINUTES_30 - MS, MINUTES_30, MINUTES_30 + MS,
    timedelta(hours=2), timedelta(hours=9),
]  # fmt: skip
SITE = "https://lumen.example/"
ENTRIES = [
    {},
    {},
    {},
    {"page": {"url": SITE, "referrer": f"{SITE}docs"}},
    {"page": {"url": f"{SITE}a", "referrer": "https://www.g2.com/lumen"}},
    {"page": {"url": f"{SITE}b", "referrer": "https://checkout.stripe.com/pay"}},
    {"page": {"url": SITE}, "campaign": {"source": "Google", "medium": "cpc", "name": "brand"}},
    {"page": {"url": SITE}, "campaign": {"source": "google", "medium": "cpc", "name": "tools"}},
    {"page": {"url": SITE}, "campaign": {"source": "share", "content": "s1", "name": "report"}},
]
COUNTED = "select * from core.fct_sessions order by all"


def make_calls(seed: int) -> list[dict]:
    """Some hundred calls of six people, in the order they are received."""
    chance = random.Random(seed)
    calls: list[dict] = []
    for person in range(6):
        devices: list[str | None] = [f"own_{person}", f"own_{person}", f"other_{person}", None]
        if person < 2:
            devices.append("shared")
        at = START + timedelta(minutes=chance.randrange(90), milliseconds=person)
        for _ in range(70):
            at += chance.choice(STEPS)
            calls.append(_call(chance, len(calls), person, chance.choice(devices), at))
    for at in (datetime(2025, 12, 31, 23, 50), datetime(2026, 1, 1, 0, 10)):
        calls.append(_call(chance, len(calls), 6, "own_6", at))
    return sorted(calls, key=lambda call: call["receivedAt"])


def _call(chance, number, person, device, at) -> dict:
    late = chance.choice([timedelta(seconds=1)] * 3 + [timedelta(hours=30), timedelta(hours=70)])
    call = {
        "messageId": f"m{chance.randrange(10**6):06d}-{number}",
        "timestamp": f"{at.isoformat(timespec='milliseconds')}Z",
        "receivedAt": f"{(at + late).isoformat(timespec='milliseconds')}Z",
    }
    if device:
        call["anonymousId"] = device
    if not device or chance.random() < 0.5:
        call["userId"] = f"u{person}"
    if chance.random() < 0.5:
        call |= {"type": "page", "context": dict(chance.choice(ENTRIES))}
    else:
        event = chance.choice(["query_run", "query_run", "usage_reported", "api_called"])
        call |= {"type": "track", "event": event, "context": {"groupId": chance.choice("ab")}}
    return call


class Installation(SmallInstallation):
    def build(self, *flags: str) -> None:
        self.run("+fct_touches", *flags)

    def found(self) -> dict:
        return {
            row[:3]: row[3:]
            for row in self.query(
                "select person_id, device_id, started_at, ended_at, channel, campaign, "
                "count_events, count_pages, is_signed_in from core.fct_sessions"
            )
        }

    def naive(self, sent: list[dict]) -> dict:
        calls = [(call, raw.moment(call["timestamp"]).replace(tzinfo=None)) for call in sent]
        people = raw.People(calls)
        bridge = dict(self.query("select id_value, person_id from identity.bridge_person_ids"))
        return {
            (s.person, s.device, s.started_at): (
                s.ended_at,
                s.channel,
                s.entry.get("campaign"),
                s.count_events,
                s.count_pages,
                s.is_signed_in,
            )
            for s in naive_sessions.sessions(
                calls, lambda user, device, at: bridge[people.of(user, device, at)]
            )
        }


@pytest.fixture(scope="module", params=[1])
def loaded(request, tmp_path_factory) -> tuple[Installation, list[list[dict]]]:
    calls = make_calls(request.param)
    chance = random.Random(request.param)
    batches: list[list[dict]] = [[], [], []]
    for place, call in enumerate(calls):  # mostly in order, some days in two pieces
        nth = place * 3 // len(calls)
        batches[nth if chance.random() < 0.8 else chance.randrange(3)].append(call)
    home = Installation(tmp_path_factory.mktemp("sessions"), as_of="2026-02-01T00:00:00Z")
    home.seed()
    return home, batches


def test_after_every_load_sessions_are_what_a_naive_count_of_all_calls_makes(loaded):
    home, batches = loaded
    for nth, batch in enumerate(batches):
        home.land(f"batch_{nth}.jsonl", batch)
        home.build()
        sent = [call for landed in batches[: nth + 1] for call in landed]
        found = home.found()
        assert found == home.naive(sent)
    assert {row[1] for row in found.values()} >= {
        "direct", "paid_search", "referral", "shared_link",
    }  # fmt: skip
    assert any(key[2].year == 2025 and row[0].year == 2026 for key, row in found.items())
    assert any(key[1] == "shared" for key in found)


def test_a_file_taken_back_takes_its_part_of_sessions_with_it(loaded):
    home, batches = loaded
    withdraw_file(home.settings, "events/segment/batch_1.jsonl")
    home.build()
    assert home.found() == home.naive(batches[0] + batches[2])


def test_sessions_built_step_by_step_are_those_of_a_rebuild(loaded):
    home, _ = loaded
    step_by_step = home.query(COUNTED)
    spans = "select * exclude (built_load_id) from staging.stg_events__activity_spans order by all"
    spans_before = home.query(spans)
    home.build("--full-refresh")
    assert home.query(spans) == spans_before
    assert home.query(COUNTED) == step_by_step
