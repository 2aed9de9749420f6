"""A poisoned input trips the gate, and nothing downstream of it is built, published or sent."""

import json

import pytest

pytestmark = [pytest.mark.pipeline, pytest.mark.proof]  # five runs


def _event(number: int, **overrides) -> str:
    event = {
        "messageId": f"poison-{number}",
        "type": "track",
        "event": "dashboard_viewed",
        "userId": f"usr_poison_{number}",
        "timestamp": "2026-06-30T10:00:00Z",
        "receivedAt": "2026-06-30T10:00:01Z",
        "properties": {},
    }
    return json.dumps(event | overrides)


POISONS = {
    # a broken exporter: most of the file cannot be used
    "events/segment/poison.jsonl": "\n".join(
        '{"messageId": "broken' if number % 4 else _event(number) for number in range(400)
    ),
    # somebody renamed a column
    "fx_rates/poison.csv": "month,currency,exchange_rate\n2026-06,EUR,1.1\n",
    # a negative price out of billing
    "stripe/events/poison.jsonl": json.dumps(
        {
            "id": "evt_poison",
            "object": "event",
            "type": "customer.subscription.created",
            "created": 1782000000,
            "livemode": True,
            "api_version": "2024-06-20",
            "data": {
                "object": {
                    "id": "sub_poison",
                    "object": "subscription",
                    "customer": "cus_poison",
                    "status": "active",
                    "currency": "usd",
                    "metadata": {"account_id": "acc_poison"},
                    "items": {
                        "data": [
                            {
                                "id": "si_poison",
                                "quantity": 1,
                                "price": {
                                    "id": "price_poison",
                                    "product": "prod_team",
                                    "unit_amount": -500000,
                                    "currency": "usd",
                                    "recurring": {"interval": "month", "interval_count": 1},
                                },
                            }
                        ]
                    },
                }
            },
        }
    ),
}


@pytest.fixture(scope="module")
def healthy(new_installation):
    """A small company with another seed, through the job until nothing changes any more: the second
    run learns what the syncs of the first delivered."""
    installation = new_installation("poison")
    installation.plg(
        "demo", "generate", "--accounts", "25", "--months", "5", "--seed", "23",
        "--out", str(installation.landing),
    )  # fmt: skip
    installation.plg("run")
    installation.plg("run")
    return installation


def _state(installation):
    return {
        "published": installation.published_sha256(),
        "warehouse": installation.table_contents(installation.home / "warehouse.duckdb"),
        "sync_runs": installation.query("select count(*) as n from ops.sync_runs"),
        "sync_records": installation.query("select count(*) as n from ops.sync_records"),
    }


def test_poison_stops_this_run_and_the_next_and_its_withdrawal_heals(healthy):
    before = _state(healthy)
    marts_before = healthy.table_contents()
    for path, text in POISONS.items():
        (healthy.landing / path).write_text(text)

    poisoned = healthy.plg("run", check=False)
    assert poisoned.returncode != 0
    assert "gate raw" in poisoned.output
    assert _state(healthy) == before

    # each poison is named by an expectation of its own
    failed = healthy.query(
        "select distinct expectation from ops.gate_results "
        "where gate = 'raw' and severity = 'blocking' and not passed"
    )
    failed = {row["expectation"] for row in failed}
    assert any(name.startswith("files_quarantined_share") for name in failed)
    assert "files_none_refused" in failed
    assert any(name.startswith("stripe") for name in failed), failed
    told = healthy.query("select kind from ops.alerts where delivered_at is not null")
    assert {row["kind"] for row in told} >= {"gate_failed", "run_failed"}

    # no file is new, and yet the verdict stands
    again = healthy.plg("run", check=False)
    assert again.returncode != 0
    assert _state(healthy) == before

    # nor does a sync or a publication by hand get past it
    assert healthy.plg("sync", check=False).returncode != 0
    assert healthy.plg("publish", check=False).returncode != 0
    assert _state(healthy) == before

    for path in POISONS:
        if not path.startswith("fx_rates"):  # a refused file has no rows to take out
            healthy.plg("ingest", "--withdraw", path)
        (healthy.landing / path).unlink()
    healthy.plg("run")
    assert healthy.table_contents() == marts_before
    assert _state(healthy)["sync_records"] == before["sync_records"]
