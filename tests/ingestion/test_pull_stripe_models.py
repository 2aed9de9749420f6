"""Stripe's own sample payloads through ingest and staging: every object of the spec is readable.

The samples lie outside the repository (``../shared/reference``); without them the tests skip.
"""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.raw_views import create_raw_views
from ingestion.run import ingest
from warehouse.dbt import run_dbt
from warehouse.settings import PROJECT_ROOT, Settings

pytestmark = pytest.mark.pipeline
REFERENCE = PROJECT_ROOT.parent / "shared" / "reference"
WEBHOOKS = REFERENCE / "stripe_webhook_events"
FIXTURES = REFERENCE / "stripe_openapi" / "fixtures3.json"
LISTED = {
    "charge": "charges",
    "checkout.session": "checkout_sessions",
    "coupon": "coupons",
    "credit_note": "credit_notes",
    "customer": "customers",
    "invoice": "invoices",
    "payment_intent": "payment_intents",
    "price": "prices",
    "product": "products",
    "promotion_code": "promotion_codes",
    "refund": "refunds",
    "subscription": "subscriptions",
}


def in_live_mode(value: Any) -> Any:
    """The samples are of test mode, which staging leaves out."""
    if isinstance(value, dict):
        return {
            key: True if key == "livemode" else in_live_mode(inner) for key, inner in value.items()
        }
    return [in_live_mode(inner) for inner in value] if isinstance(value, list) else value


def land(settings: Settings, name: str, rows: list[dict[str, Any]]) -> None:
    path = settings.landing_dir / "stripe" / name / "sample.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(in_live_mode(row)) + "\n" for row in rows))


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """Staging built over the samples: webhooks of 2020, list objects of today."""
    if not WEBHOOKS.is_dir() or not FIXTURES.is_file():
        pytest.skip(f"no Stripe samples in {REFERENCE}")
    settings = Settings(home=tmp_path_factory.mktemp("samples"), _env_file=None)
    resources = json.loads(FIXTURES.read_text())["resources"]
    for kind, name in LISTED.items():
        land(settings, name, [resources[kind]])
    webhooks = [json.loads(Path(path).read_text()) for path in sorted(WEBHOOKS.glob("*.json"))]
    # the samples share one made-up id
    for number, webhook in enumerate(webhooks):
        webhook["id"] = f"evt_{number}"
    land(settings, "events", webhooks)
    ingest(settings)
    create_raw_views(settings)
    arguments = ["build", "--select", "staging.stripe", "--exclude-resource-type", "unit_test"]
    assert run_dbt(settings, [*arguments, "--quiet"]).success
    return duckdb.connect(str(settings.warehouse_path), read_only=True)


VIEWS = {
    "charges": "amount_cents is not null and currency = upper(currency) and created_at is not null",
    "payment_intents": "amount_cents is not null and payment_status is not null",
    "refunds": "amount_cents > 0 and amount > 0 and charge_id is not null",
    "credit_notes": "invoice_id is not null and total_cents is not null and total is not null",
    "checkout_sessions": "checkout_mode is not null and expires_at is not null",
    "coupons": "duration is not null and coalesce(percent_off, amount_off_cents) is not null",
    "promotion_codes": "promotion_code is not null",
    "invoice_lines": "amount_cents is not null and line_type is not null and is_invoice_complete",
    "invoices": "customer_id is not null and total_cents is not null",
    "customers": "customer_id is not null",
    "products": "product_id is not null",
    "prices": "price_id is not null",
    "subscription_events": "customer_id is not null and current_period_ends_at is not null",
    "subscription_items": "price_id is not null",
}


@pytest.mark.parametrize("name", VIEWS)
def test_the_samples_of_every_object_are_read_in_full(staged, name: str):
    rows, whole = staged.execute(
        f"select count(*), count(*) filter (where {VIEWS[name]}) from staging.stg_stripe__{name}"
    ).fetchone()
    assert rows > 0 and whole == rows


def test_an_amount_is_its_minor_units_in_the_currencys_own_unit(staged):
    mismatches = staged.execute(
        "select count(*) from staging.stg_stripe__charges "
        "where currency = 'USD' and amount * 100 <> amount_cents"
    ).fetchone()
    assert mismatches == (0,)


def test_a_refund_that_only_its_charge_tells_of_is_known(staged):
    # charge.refunded of API version 2020-08-27
    found = staged.execute(
        "select refund_status, amount_cents from staging.stg_stripe__refunds "
        "where refund_id = 're_000000000000000000000000'"
    ).fetchone()
    assert found == ("succeeded", 100)
