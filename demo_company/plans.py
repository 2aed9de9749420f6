"""What Lumen sells: per-seat prices in minor units, by plan, interval and currency."""

from typing import Any

PRICE_PER_SEAT = {  # plan: interval: currency: minor units
    "starter": {
        "month": {"usd": 1500, "eur": 1400, "gbp": 1200},
        "year": {"usd": 14900, "eur": 13900, "gbp": 11900},
    },
    "team": {
        "month": {"usd": 2900, "eur": 2700, "gbp": 2400},
        "year": {"usd": 28900, "eur": 26900, "gbp": 23900},
    },
    "business": {
        "month": {"usd": 5900, "eur": 5500, "gbp": 4900},
        "year": {"usd": 58900, "eur": 54900, "gbp": 48900},
    },
}
PAID_PLANS = tuple(PRICE_PER_SEAT)
QUOTA_LIMIT = {
    "free": 1_000,
    "starter": 10_000,
    "team": 50_000,
    "business": 250_000,
    "enterprise": 2_000_000,
}
FLAGS = {
    "free": [],
    "starter": ["exports"],
    "team": ["exports", "alerts"],
    "business": ["exports", "alerts", "api", "sso"],
    "enterprise": ["exports", "alerts", "api", "sso", "audit_log"],
}


def price_id(plan: str, interval: str, currency: str) -> str:
    """`price_team_year`, `price_team_year_eur`: US dollars carry no suffix."""
    return f"price_{plan}_{interval}" + ("" if currency == "usd" else f"_{currency}")


def price_object(plan: str, interval: str, currency: str, created: int) -> dict[str, Any]:
    """A Stripe price, as inside a subscription item and in the list API."""
    amount = PRICE_PER_SEAT[plan][interval][currency]
    return {
        "id": price_id(plan, interval, currency),
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": created,
        "currency": currency,
        "livemode": True,
        "lookup_key": None,
        "metadata": {"plan": plan},
        "nickname": f"{plan.title()} {interval}ly",
        "product": f"prod_{plan}",
        "recurring": {"interval": interval, "interval_count": 1, "usage_type": "licensed"},
        "tiers_mode": None,
        "type": "recurring",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }


def product_object(plan: str, created: int) -> dict[str, Any]:
    """A Stripe product."""
    return {
        "id": f"prod_{plan}",
        "object": "product",
        "active": True,
        "created": created,
        "default_price": price_id(plan, "month", "usd"),
        "description": f"Lumen {plan.title()}, per seat",
        "livemode": True,
        "metadata": {"product_line": "analytics"},
        "name": f"Lumen {plan.title()}",
        "type": "service",
        "updated": created,
    }
