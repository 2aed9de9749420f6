"""Any part of the landing folder may be missing: the rest works, with a note.

An empty folder is run in `tests/dbt_project`.
"""

import json

import pytest

pytestmark = pytest.mark.pipeline


@pytest.mark.proof
def test_events_alone_are_enough(new_installation):
    """Plain Segment calls of an unknown product: no billing, no CRM, no registry entry."""
    installation = new_installation("events_only")
    folder = installation.landing / "events" / "segment"
    folder.mkdir(parents=True)
    lines = []
    for person in range(12):
        ids = {"userId": f"u{person}", "anonymousId": f"a{person}"}
        traits = {"email": f"p{person}@acme{person % 3}.io"}
        calls = [{"type": "identify", "traits": traits}] + [
            {"type": "track", "event": event, "properties": {"source": "web"}}
            for event in ("Signed Up", "Song Played", "Song Played")
        ]
        lines += [
            json.dumps(
                ids
                | call
                | {
                    "messageId": f"m{person}-{number}",
                    "timestamp": f"2026-03-{person + 1:02d}T09:0{number}:00.000Z",
                }
            )
            for number, call in enumerate(calls)
        ]
    (folder / "day.jsonl").write_text("\n".join(lines) + "\n")
    done = installation.plg("run")
    assert "billing" in done.output
    assert installation.query("select count(*) as n from core.dim_people") == [{"n": 12}]
    assert installation.query("select count(*) as n from core.dim_accounts") == [{"n": 3}]
    assert installation.query(
        "select event_name, sum(count_events) as n from core.fct_person_days group by 1 order by 1"
    ) == [{"event_name": "signed_up", "n": 12}, {"event_name": "song_played", "n": 24}]
    assert installation.query("select count(*) as n from revenue.fct_mrr_months") == [{"n": 0}]
