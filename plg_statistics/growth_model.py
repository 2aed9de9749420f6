"""The growth model: what sign-ups, activation, conversion and price come to, and what moves it.

Pure arithmetic on exact decimals: the same inputs give the same cent everywhere. Shares are
shares (0.05 is 5 %), money is in one currency, rates of churn are a month's. Where there is no
answer (nobody won, nobody lost) it is None, never infinity.

    bookings   = monthly sign-ups × 12 × activation × free-to-paid × ACV
    CAC        = cost of acquisition / new customers
    LTV:CAC    = ACV × margin × lifetime in years / CAC
    LTV        = price a month × margin / monthly churn
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from decimal import Decimal

Number = Decimal | int | float | str

# a new motion's share of its full pace in the first four quarters
RAMP = (Decimal("0.50"), Decimal("0.75"), Decimal("1.00"), Decimal("1.00"))
CHURN_RATES = tuple(Decimal(rate) / 100 for rate in (2, 5, 8, 10, 12, 15))
# serving self-serve customers costs 20 to 30 % on top of winning them
SUPPORT_OVERHEAD = Decimal("0.25")
SHARES = ("activation_rate", "free_to_paid_rate")
# how many points better a share may become: the sensitivity's question
POINTS = {"activation_rate": Decimal("0.05"), "free_to_paid_rate": Decimal("0.01")}


def exact(value: Number) -> Decimal:
    """A number as it is written: 0.3 is three tenths, not the nearest binary fraction."""
    return value if isinstance(value, Decimal) else Decimal(str(value))


@dataclass(frozen=True)
class GrowthInputs:
    """What bookings are made of. Sign-ups are a month's; free-to-paid is of the activated."""

    monthly_signups: Decimal
    activation_rate: Decimal
    free_to_paid_rate: Decimal
    acv: Decimal

    def __post_init__(self) -> None:
        for field in fields(self):
            value = exact(getattr(self, field.name))
            object.__setattr__(self, field.name, value)
            if not value.is_finite() or value < 0:
                raise ValueError(f"{field.name} is {value}: give a number from 0 on")
            if field.name in SHARES and value > 1:
                raise ValueError(
                    f"{field.name} is {value}: a share lies between 0 and 1; write 0.05 for 5 %"
                )

    @property
    def monthly_customers(self) -> Decimal:
        """Customers won a month."""
        return self.monthly_signups * self.activation_rate * self.free_to_paid_rate

    @property
    def bookings(self) -> Decimal:
        """Annual value of what is sold in twelve months at full pace."""
        return self.monthly_customers * 12 * self.acv


@dataclass(frozen=True)
class Change:
    """What one changed input does to bookings; `change` is relative (0.17 is 17 %)."""

    input: str
    before: Decimal
    after: Decimal
    bookings: Decimal
    difference: Decimal
    change: Decimal | None


@dataclass(frozen=True)
class Quarter:
    """A quarter of a year's plan; `gap` is bookings less target, both added up so far."""

    quarter: int
    share: Decimal
    bookings: Decimal
    total: Decimal
    target: Decimal | None
    gap: Decimal | None


def bookings_of(customers: Number, value: Number) -> Decimal:
    """Bookings of so many customers at a value each: 150 × 3,000 = 450,000."""
    return exact(customers) * exact(value)


def ramped(
    bookings: Number, target: Number | None = None, shares: Sequence[Number] = RAMP
) -> list[Quarter]:
    """A year by quarters, each at its share of full pace, against an even target line."""
    quarters, total = [], Decimal(0)
    for number, share in enumerate(map(exact, shares), 1):
        of_quarter = exact(bookings) / len(shares) * share
        total += of_quarter
        line = None if target is None else exact(target) * number / len(shares)
        quarters.append(
            Quarter(number, share, of_quarter, total, line, None if line is None else total - line)
        )
    return quarters


def sensitivity(
    inputs: GrowthInputs,
    points: Mapping[str, Number] = POINTS,
    relative: Number = "0.10",
) -> list[Change]:
    """Bookings when one input is better: shares by `points`, the others by a relative part.

    +5 points on an activation of 30 % is +16.67 % of bookings.
    """
    changes = []
    for field in fields(inputs):
        before = getattr(inputs, field.name)
        if field.name in SHARES:
            after = min(before + exact(points[field.name]), Decimal(1))
        else:
            after = before * (1 + exact(relative))
        changes.append(changed(inputs, field.name, after))
    return changes


def changed(inputs: GrowthInputs, name: str, after: Number) -> Change:
    """Bookings with one input set to another value."""
    other = replace(inputs, **{name: exact(after)})
    difference = other.bookings - inputs.bookings
    return Change(
        input=name,
        before=getattr(inputs, name),
        after=exact(after),
        bookings=other.bookings,
        difference=difference,
        change=difference / inputs.bookings if inputs.bookings else None,
    )


def needed(inputs: GrowthInputs, target: Number) -> dict[str, Decimal | None]:
    """What each input alone would have to be to reach the target; None where it cannot."""
    found: dict[str, Decimal | None] = {}
    for field in fields(inputs):
        value = getattr(inputs, field.name)
        if not inputs.bookings:
            found[field.name] = None
            continue
        wanted = value * exact(target) / inputs.bookings
        found[field.name] = None if field.name in SHARES and wanted > 1 else wanted
    return found


def scenario(inputs: GrowthInputs, factors: Mapping[str, Number]) -> GrowthInputs:
    """The inputs of a market scenario: each times its factor, shares at most 1."""
    known = asdict(inputs)
    if unknown := set(factors) - set(known):
        raise ValueError(f"no such input: {', '.join(sorted(unknown))}")
    for name, factor in factors.items():
        known[name] *= exact(factor)
        if name in SHARES:
            known[name] = min(known[name], Decimal(1))
    return GrowthInputs(**known)


def cac(cost: Number, customers: Number) -> Decimal | None:
    """Cost of winning a customer: 200,000 / 150 = 1,333.33."""
    return exact(cost) / exact(customers) if exact(customers) > 0 else None


def effective_cac(plain: Number | None, overhead: Number = SUPPORT_OVERHEAD) -> Decimal | None:
    """CAC with the support self-serve customers need on top."""
    return None if plain is None else exact(plain) * (1 + exact(overhead))


def ltv_to_cac(
    acv: Number, margin: Number, lifetime_years: Number, cost_of_one: Number | None
) -> Decimal | None:
    """Gross profit of a customer's life over its CAC: 3,000 × 80 % × 3 / 1,333.33 = 5.4."""
    if cost_of_one is None or exact(cost_of_one) <= 0:
        return None
    return exact(acv) * exact(margin) * exact(lifetime_years) / exact(cost_of_one)


def payback_months(cost_of_one: Number | None, acv: Number, margin: Number = 1) -> Decimal | None:
    """Months of gross profit (margin 1: of revenue) that pay for winning a customer."""
    monthly = exact(acv) / 12 * exact(margin)
    return None if cost_of_one is None or monthly <= 0 else exact(cost_of_one) / monthly


def ltv(price: Number, churn: Number, margin: Number = 1) -> Decimal | None:
    """Lifetime value at a monthly price and churn: 200 / 2 % = 10,000."""
    return exact(price) * exact(margin) / exact(churn) if exact(churn) > 0 else None


def lifetime_years(churn: Number) -> Decimal | None:
    """Years a customer stays on average at a monthly churn."""
    return 1 / exact(churn) / 12 if exact(churn) > 0 else None


def churn_sensitivity(
    price: Number, rates: Iterable[Number] = CHURN_RATES, margin: Number = 1
) -> list[tuple[Decimal, Decimal | None]]:
    """(monthly churn, LTV) for each rate."""
    return [(exact(rate), ltv(price, rate, margin)) for rate in rates]


@dataclass(frozen=True)
class FreemiumCohort:
    """Revenue of a cohort of free users, and what `points` more conversion adds."""

    users: Decimal
    conversion: Decimal
    price: Decimal
    revenue: Decimal
    revenue_per_point: Decimal


def freemium_cohort(
    users: Number, conversion: Number, price: Number, points: Number = "0.01"
) -> FreemiumCohort:
    """100,000 users × 5 % × 200 = 1,000,000; one point more is 200,000."""
    if not 0 <= exact(conversion) <= 1:
        raise ValueError(f"conversion is {conversion}: a share lies between 0 and 1")
    each = exact(users) * exact(price)
    return FreemiumCohort(
        users=exact(users),
        conversion=exact(conversion),
        price=exact(price),
        revenue=each * exact(conversion),
        revenue_per_point=each * exact(points),
    )


def customer_cash_flows(
    cost_of_one: Number, acv: Number, margin: Number, churn: Number, months: int
) -> list[float]:
    """A customer's expected flows by month: the cost, then the gross profit of who is still there.

    In the month of winning it costs and pays; each month after, the share `churn` has left.
    """
    monthly = float(exact(acv) / 12 * exact(margin))
    stays = 1 - float(churn)
    flows = [monthly * stays**month for month in range(months)]
    return [flows[0] - float(cost_of_one), *flows[1:]] if flows else [-float(cost_of_one)]


def plg_share(plg_bookings: Number, company_bookings: Number) -> Decimal | None:
    """Share of first-year bookings the product brings."""
    total = exact(company_bookings)
    return exact(plg_bookings) / total if total > 0 else None


def grade(value: Number | None, better: str, good_from: Number, red_from: Number) -> str | None:
    """good, warning or red flag, by bounds that are themselves a warning."""
    if value is None:
        return None
    sign = 1 if better == "higher" else -1
    found, good, red = (sign * exact(number) for number in (value, good_from, red_from))
    if found > good:
        return "good"
    return "red flag" if found < red else "warning"


def advised(rules: Iterable[Mapping[str, str]], answers: Mapping[str, Number | str]) -> list[dict]:
    """The rules that fit the answers (criterion → value, or segment → its name).

    ``rules``: rows of seed growth_advice. Without answers all rules: the tables themselves.
    """
    fitting = []
    for rule in rules:
        criterion = rule["criterion"]
        if answers:
            if criterion not in answers:
                continue
            if criterion == "segment":
                if rule["segment"] != answers[criterion]:
                    continue
            else:
                value = exact(answers[criterion])
                if value < exact(rule["from_value"] or 0):
                    continue
                if rule["to_value"] and value >= exact(rule["to_value"]):
                    continue
        fitting.append(dict(rule))
    return fitting
