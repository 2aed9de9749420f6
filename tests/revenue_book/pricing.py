"""Prices and coupons, from a finance person's words to Stripe's objects."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

AMOUNT = r"\d+(?:\.\d+)?"
EVERY = r"(?:an?|per|every|every (?P<count>\d+)) (?P<every>day|week|month|year)s?"
THOUSANDTHS = {"BHD", "JOD", "KWD", "OMR", "TND"}
# Stripe's zero-decimal currencies (docs.stripe.com/currencies); UGX and ISK are sent in
# hundredths although they have none, for old times' sake
WHOLE = {
    *("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA"),
    *("PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"),
}


class NotUnderstood(ValueError):
    """A phrase of a scenario that is not in the vocabulary (README.md)."""


def in_minor_units(amount: str, currency: str) -> Decimal:
    """`49.90` EUR → 4990. What Stripe would call the amount."""
    code = currency.upper()
    units = 1 if code in WHOLE else 1000 if code in THOUSANDTHS else 100
    return (Decimal(amount) * units).normalize()


def _integer(amount: Decimal) -> int | None:
    return int(amount) if amount == int(amount) else None


@dataclass(frozen=True)
class Price:
    """What one item costs. Amounts in major units; `tiers` as (up to, unit amount, flat amount)."""

    every: str
    count: int = 1
    unit_amount: str | None = None
    currency: str | None = None
    tiers_mode: str | None = None
    tiers: tuple[tuple[int | None, str, str], ...] = ()
    package: tuple[int, str] | None = None
    is_metered: bool = False
    name: str | None = None

    def body(self, product: str, currency: str, key: str) -> dict[str, Any]:
        """Stripe's price object."""
        currency = (self.currency or currency).lower()
        words = [product, self.name or self.unit_amount, currency, self.every, str(self.count)]
        body: dict[str, Any] = {
            "id": f"price_{key}_" + "_".join(str(word) for word in words),
            "object": "price",
            "active": True,
            "type": "recurring",
            "product": f"prod_{product}",
            "currency": currency,
            "billing_scheme": "tiered" if self.tiers else "per_unit",
            "tiers_mode": self.tiers_mode,
            "unit_amount": None,
            "unit_amount_decimal": None,
            "transform_quantity": None,
            "recurring": {
                "interval": self.every,
                "interval_count": self.count,
                "usage_type": "metered" if self.is_metered else "licensed",
            },
        }
        if self.unit_amount is not None:
            minor = in_minor_units(self.unit_amount, currency)
            body["unit_amount"] = _integer(minor)
            body["unit_amount_decimal"] = f"{minor:f}"
        if self.package:
            size, rounding = self.package
            body["transform_quantity"] = {"divide_by": size, "round": rounding}
        if self.tiers:
            body["tiers"] = [
                {
                    "up_to": up_to,
                    "unit_amount": _integer(in_minor_units(unit, currency)),
                    "unit_amount_decimal": f"{in_minor_units(unit, currency):f}",
                    "flat_amount": _integer(in_minor_units(flat, currency)),
                    "flat_amount_decimal": f"{in_minor_units(flat, currency):f}",
                }
                for up_to, unit, flat in self.tiers
            ]
        return body


def price_in_words(words: str, named: dict[str, Price]) -> Price:
    """`29.00 a month`, `12.00 EUR every 3 months`, `metered 0.05 a month`, or a named price."""
    if words in named:
        return named[words]
    found = re.fullmatch(
        rf"(?P<metered>metered )?(?P<amount>{AMOUNT})(?: (?P<currency>[A-Z]{{3}}))? {EVERY}", words
    )
    if not found:
        raise NotUnderstood(f"price {words!r}")
    return Price(
        every=found["every"],
        count=int(found["count"] or 1),
        unit_amount=found["amount"],
        currency=found["currency"],
        is_metered=bool(found["metered"]),
    )


def named_price(name: str, words: str) -> Price:
    """A price with a rule: `a month, volume, up to 5 at 10.00, above at 8.00 and 3.00 flat`.

    Or a package: `a month, 25.00 for every 10, rounded up`.
    """
    first, *rest = words.split(", ")
    found = re.fullmatch(EVERY, first)
    if not found or not rest:
        raise NotUnderstood(f"price {name}: {words!r}")
    every, count = found["every"], int(found["count"] or 1)
    if rest[0] in ("volume", "graduated"):
        tiers = []
        for part in rest[1:]:
            tier = re.fullmatch(
                rf"(?:up to (\d+)|above) at ({AMOUNT})(?: and ({AMOUNT}) flat)?", part
            )
            if not tier:
                raise NotUnderstood(f"tier {part!r} of price {name}")
            tiers.append((int(tier[1]) if tier[1] else None, tier[2], tier[3] or "0"))
        return Price(every, count, tiers_mode=rest[0], tiers=tuple(tiers), name=name)
    package = re.fullmatch(rf"({AMOUNT}) for every (\d+)", rest[0])
    if package and len(rest) == 2 and rest[1] in ("rounded up", "rounded down"):
        rounding = rest[1].removeprefix("rounded ")
        return Price(
            every, count, unit_amount=package[1], package=(int(package[2]), rounding), name=name
        )
    raise NotUnderstood(f"price {name}: {words!r}")


@dataclass(frozen=True)
class Coupon:
    """A percentage or an amount off; `months` only where it is repeating."""

    duration: str
    months: int | None = None
    percent_off: str | None = None
    amount_off: str | None = None
    currency: str | None = None
    product: str | None = None
    amount_elsewhere: tuple[str, str] | None = None

    def body(self, coupon_id: str, currency: str) -> dict[str, Any]:
        """Stripe's coupon object."""
        own = (self.currency or currency).lower()
        amount = in_minor_units(self.amount_off, own) if self.amount_off else None
        return {
            "id": coupon_id,
            "object": "coupon",
            "percent_off": float(self.percent_off) if self.percent_off else None,
            "amount_off": int(amount) if amount is not None else None,
            "currency": own if self.amount_off else None,
            "duration": self.duration,
            "duration_in_months": self.months,
            "valid": True,
            **({"applies_to": {"products": [f"prod_{self.product}"]}} if self.product else {}),
            **self._currency_options(),
        }

    def _currency_options(self) -> dict[str, Any]:
        if not self.amount_elsewhere:
            return {}
        amount, currency = self.amount_elsewhere
        units = int(in_minor_units(amount, currency.lower()))
        return {"currency_options": {currency.lower(): {"amount_off": units}}}


def coupon_in_words(words: str) -> Coupon:
    """`20% off forever`, `10.00 EUR off once`, `50% off for 3 months`, `30% off support forever`,
    `10.00 EUR or 12.00 USD off forever`."""
    found = re.fullmatch(
        rf"(?:(?P<percent>{AMOUNT})%|(?P<amount>{AMOUNT})(?: (?P<currency>[A-Z]{{3}}))?"
        rf"(?: or (?P<elsewhere>{AMOUNT}) (?P<other>[A-Z]{{3}}))?) off "
        r"(?:(?P<product>(?!forever|once|for )\w+) )?"
        r"(?:(?P<named>forever|once)|for (?P<months>\d+) months?)",
        words,
    )
    if not found:
        raise NotUnderstood(f"coupon {words!r}")
    return Coupon(
        duration=found["named"] or "repeating",
        months=int(found["months"]) if found["months"] else None,
        percent_off=found["percent"],
        amount_off=found["amount"],
        currency=found["currency"],
        product=found["product"],
        amount_elsewhere=(found["elsewhere"], found["other"]) if found["other"] else None,
    )
