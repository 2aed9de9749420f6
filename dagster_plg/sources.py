"""What is outside: the landing folder's parts, as external assets."""

from dagster import AssetKey, AssetSpec

# landing part -> (what it is, the raw datasets made of it)
LANDING_PARTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "product_events": (
        "Product events as files of JSON lines or Parquet in `landing/events/<format>/`: calls "
        "of Segment or RudderStack, exports of PostHog, Amplitude or Mixpanel.",
        ("events", "event_loads"),
    ),
    "stripe": (
        "Stripe webhook envelopes (`landing/stripe/events/`) and list-API objects "
        "(`landing/stripe/<object>/`).",
        ("stripe_events", "stripe_objects"),
    ),
    "crm": (
        "CRM objects as read back from Salesforce, in `landing/crm/<object>/`.",
        ("crm_records",),
    ),
    "finance": (
        "Enterprise contracts, FX rates, marketing spend, go-to-market costs and targets, "
        "as CSV with fixed headers.",
        ("contracts", "fx_rates", "marketing_spend", "gtm_costs", "targets"),
    ),
    "support": ("Support tickets as CSV.", ("support_tickets",)),
    "firmographics": (
        "Companies by domain: size, industry, country, technology, hiring signals, as CSV.",
        ("firmographics",),
    ),
}


def landing_key(part: str) -> AssetKey:
    return AssetKey(["landing", part])


def landing_key_of_dataset(dataset: str) -> AssetKey | None:
    """The landing part a raw dataset is read from; None for what ingestion makes itself."""
    for part, (_, datasets) in LANDING_PARTS.items():
        if dataset in datasets:
            return landing_key(part)
    return None


source_assets = [
    AssetSpec(
        key=landing_key(part),
        description=description,
        group_name="landing",
        kinds={"file", "csv" if part in ("finance", "support", "firmographics") else "json"},
        owners=["data-engineering@plg.example"],
    )
    for part, (description, _) in LANDING_PARTS.items()
]
