"""What Lumen sells: per-seat prices in minor units, by plan, interval and currency."""

from typing import Any

PRICE_PER_SEAT = {  # plan: interval: currency: minor units
    "starter": {
        "week": {"usd": 500, "eur": 450, "gbp": 400},
        "month": {"usd": 1500, "eur": 1400, "gbp": 1200},
        "quarter": {"usd": 4300, "eur": 4000, "gbp": 3400},
        "year": {"usd": 14900, "eur": 13900, "gbp": 11900},
    },
    "team": {
        "month": {"usd": 2900, "eur": 2700, "gbp": 2400},
        "quarter": {"usd": 8300, "eur": 7700, "gbp": 6900},
        "year": {"usd": 28900, "eur": 26900, "gbp": 23900},
    },
    "business": {
        "month": {"usd": 5900, "eur": 5500, "gbp": 4900},
        "quarter": {"usd": 16900, "eur": 15700, "gbp": 14000},
        "year": {"usd": 58900, "eur": 54900, "gbp": 48900},
    },
}
PAID_PLANS = tuple(PRICE_PER_SEAT)
ADDON, METERED = "insights", "queries"
PRICES = PRICE_PER_SEAT | {
    "free": {"month": {"usd": 0, "eur": 0, "gbp": 0}},
    # an add-on for the whole workspace
    ADDON: {
        "month": {"usd": 4900, "eur": 4500, "gbp": 3900},
        "quarter": {"usd": 13900, "eur": 12900, "gbp": 11000},
        "year": {"usd": 49900, "eur": 45900, "gbp": 39900},
    },
    # a thousand queries above the quota, billed afterwards
    METERED: {"month": {"usd": 40, "eur": 37, "gbp": 32}},
}
INTERVALS = {
    "week": ("week", 1),
    "month": ("month", 1),
    "quarter": ("month", 3),
    "year": ("year", 1),
}
MONTHS = {"month": 1, "quarter": 3, "year": 12}
NEW_PRICE_PERCENT = 110  # what the second price list charges
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


def unit_amount(plan: str, interval: str, currency: str, is_new: bool = False) -> int:
    """Minor units of one seat (workspace, thousand queries) and interval."""
    amount = PRICES[plan][interval][currency]
    return amount * NEW_PRICE_PERCENT // 100 if is_new else amount


def price_id(plan: str, interval: str, currency: str, is_new: bool = False) -> str:
    """`price_team_year`, `price_team_year_eur`: US dollars carry no suffix."""
    suffix = "" if currency == "usd" else f"_{currency}"
    return f"price_{plan}_{interval}{suffix}" + ("_new" if is_new else "")


def price_object(
    plan: str, interval: str, currency: str, created: int, is_new: bool = False
) -> dict[str, Any]:
    """A Stripe price, as inside a subscription item and in the list API."""
    amount = unit_amount(plan, interval, currency, is_new)
    name, count = INTERVALS[interval]
    return {
        "id": price_id(plan, interval, currency, is_new),
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
        "recurring": {
            "interval": name,
            "interval_count": count,
            "usage_type": "metered" if plan == METERED else "licensed",
        },
        "tiers_mode": None,
        "type": "recurring",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }


def product_object(plan: str, created: int) -> dict[str, Any]:
    """A Stripe product."""
    per = {ADDON: "per workspace", METERED: "per thousand"}.get(plan, "per seat")
    return {
        "id": f"prod_{plan}",
        "object": "product",
        "active": True,
        "created": created,
        "default_price": price_id(plan, "month", "usd"),
        "description": f"Lumen {plan.title()}, {per}",
        "livemode": True,
        "metadata": {"product_line": "analytics"},
        "name": f"Lumen {plan.title()}",
        "type": "service",
        "updated": created,
    }


def coupon_object(
    percent_off: int, amount_off: int, currency: str, duration: str, months: int, created: int
) -> dict[str, Any]:
    """A Stripe coupon: `PCT20`, `PCT20X3` (three months), `OFF1000USDONCE`."""
    value = f"PCT{percent_off}" if percent_off else f"OFF{amount_off}{currency.upper()}"
    length = {"forever": "", "once": "ONCE", "repeating": f"X{months}"}[duration]
    return {
        "id": value + length,
        "object": "coupon",
        "amount_off": amount_off or None,
        "created": created,
        "currency": currency if amount_off else None,
        "duration": duration,
        "duration_in_months": months if duration == "repeating" else None,
        "livemode": True,
        "percent_off": float(percent_off) if percent_off else None,
        "valid": True,
    }
