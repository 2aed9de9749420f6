"""Revenue recognition, written down day by day: slow, and without any of the models' formulas.

Every service day of a line gets its share of the line as a fraction; what is recognised until a
day is the sum of the shares before it, rounded once. Inputs are plain rows as
`recognition_models.Books` holds them, outputs are minor units.
"""

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache

DAY = timedelta(days=1)
NO_CENTS = {"JPY", "KRW"}
THOUSANDTHS = {"KWD", "TND"}


def rounded(value: Fraction) -> int:
    """To a whole number, halves away from zero."""
    whole, rest = divmod(abs(value.numerator), value.denominator)
    whole += 2 * rest >= value.denominator
    return whole if value >= 0 else -whole


def month_of(day: date) -> date:
    return day.replace(day=1)


def month_after(month: date) -> date:
    return month_of(month + timedelta(days=31))


def _anchored(month: date, anchor: int) -> date:
    return month.replace(day=min(anchor, monthrange(month.year, month.month)[1]))


def _service_months(first: date, end: date) -> list[tuple[date, date]]:
    """Anchor to anchor, for the smallest anchor day that fits both ends; none when none does."""
    for anchor in range(1, 32):
        if _anchored(month_of(first), anchor) != first:
            continue
        months, at = [], first
        while at < end:
            following = _anchored(month_after(month_of(at)), anchor)
            months.append((at, following))
            at = following
        if at == end:
            return months
    return []


@cache
def daily_shares(first: date, end: date) -> dict[date, Fraction]:
    """Share of the line that each day of [first, end) carries; they sum to 1."""
    if end <= first:
        return {first: Fraction(1)}
    months = _service_months(first, end) or [(first, end)]
    shares = {}
    for start, stop in months:
        day = start
        while day < stop:
            shares[day] = Fraction(1, len(months) * (stop - start).days)
            day += DAY
    assert sum(shares.values()) == 1
    return shares


@cache
def share_before(first: date, end: date, day: date) -> Fraction:
    return sum((s for d, s in daily_shares(first, end).items() if d < day), Fraction(0))


def minor_units(currency: str) -> int:
    return 1 if currency in NO_CENTS else 1000 if currency in THOUSANDTHS else 100


def in_reporting(cents: int, currency: str, rate: Decimal | None) -> int | None:
    if rate is None:
        return None
    value = Decimal(cents) / minor_units(currency) * rate
    return int(value.quantize(Decimal("0.01"), ROUND_HALF_UP) * 100)


class Line:
    """A line of an invoice or an instalment, and the documents that lower it."""

    def __init__(self, name: str, invoice: str, net: int, currency: str, rate: Decimal | None,
                 billed: date, first: date, end: date):  # fmt: skip
        self.name, self.invoice, self.net, self.currency = name, invoice, net, currency
        self.rate, self.billed, self.first, self.end = rate, billed, first, end
        self.reductions: list[tuple[date, str, str, int]] = []

    def reduce(self, day: date, kind: str, document: str, amount: int) -> None:
        if amount:
            self.reductions.append((day, kind, document, amount))

    @property
    def left(self) -> int:
        return self.net - sum(r[3] for r in self.reductions)

    def _amounts(self, reporting: bool) -> list[tuple[date | None, str, int]]:
        """Since when (None: always), kind, amount: the line's own first."""
        if not reporting:
            return [
                (None, "own", self.net),
                *((d, k, -a) for d, k, _, a in sorted(self.reductions)),
            ]

        def value(cents: int) -> int:
            return in_reporting(cents, self.currency, self.rate) or 0

        rows, so_far = [(None, "own", value(self.net))], 0
        for day, kind, _, amount in sorted(self.reductions):
            rows.append((day, kind, value(so_far) - value(so_far + amount)))
            so_far += amount
        return rows

    def recognised_before(self, day: date, reporting: bool = False) -> int:
        total = 0
        for since, kind, amount in self._amounts(reporting):
            if since is not None and day <= since:
                continue
            total += rounded(amount * share_before(self.first, self.end, day))
            if kind == "write_off":
                total -= rounded(amount * share_before(self.first, self.end, since))
        return total

    def adjusted_before(self, day: date, reporting: bool = False) -> int:
        """What documents dated before `day` took off what was billed (negative)."""
        total = 0
        for since, kind, amount in self._amounts(reporting)[1:]:
            if since < day:
                total += amount
                if kind == "write_off":
                    total -= rounded(amount * share_before(self.first, self.end, since))
        return total

    def months(self) -> Iterator[date]:
        days = [self.first, max(self.end - DAY, self.first), *(r[0] for r in self.reductions)]
        month = month_of(self.first)
        while month <= month_of(max(days)):
            yield month
            month = month_after(month)

    def recognised_by_month(self, reporting: bool = False) -> dict[date, int]:
        """Months in which nothing is recognised are left out."""
        found = {
            m: self.recognised_before(month_after(m), reporting)
            - self.recognised_before(m, reporting)
            for m in self.months()
        }
        return {month: amount for month, amount in found.items() if amount}


def share_out(amount: int, weights: list[int]) -> list[int]:
    """In proportion to signed weights, rounding what is given so far; all to the first
    when they sum to nothing or less."""
    if sum(weights) <= 0:
        return [amount, *[0] * (len(weights) - 1)]
    given, shares = 0, []
    for i in range(len(weights)):
        until = rounded(Fraction(amount * sum(weights[: i + 1]), sum(weights)))
        shares.append(until - given)
        given = until
    return shares


def instalments(contract: dict, months: int | None) -> list[tuple[date, date, int]]:
    """First day, day after the last, minor units; counting the months of the contract by hand."""
    units = minor_units(contract["currency"])
    annual = int(contract["annual_value"] * units)
    start, end = contract["start_date"], contract["end_date"] + DAY
    if end <= start:
        return []
    cuts = [start]
    for number in range(1, 500):
        month = month_of(start)
        for _ in range(number):
            month = month_after(month)
        cuts.append(_anchored(month, start.day))

    def twelfths(day: date) -> Fraction:
        whole = max(i for i, cut in enumerate(cuts) if cut <= day)
        return whole + Fraction((day - cuts[whole]).days, (cuts[whole + 1] - cuts[whole]).days)

    bounds = [cut for i, cut in enumerate(cuts) if cut < end and i % (months or 10_000) == 0]
    bounds.append(end)
    values = [rounded(annual * twelfths(b) / 12) for b in bounds]
    return [(bounds[i], bounds[i + 1], values[i + 1] - values[i]) for i in range(len(bounds) - 1)]


def lines_of(books) -> list[Line]:
    """Every line with all that lowers it. `books` is a `recognition_models.Books`."""
    last_month = month_of(books.as_of_date)

    def rate(currency: str, billed: date) -> Decimal | None:
        if currency == books.reporting_currency:
            return Decimal(1)
        known = {m: r for (m, c), r in books.rates.items() if c == currency}
        months = sorted({m for m, _ in books.rates})
        if not known:
            return None
        return known[min(max(month_of(billed), months[0]), min(months[-1], last_month))]

    lines, by_invoice = [], defaultdict(list)
    for invoice in books.invoices:
        billed = invoice["finalized_at"].date()
        for row in invoice["lines"]:
            line = Line(
                row["invoice_line_id"], invoice["invoice_id"], row["net_amount_cents"],
                invoice["currency"], rate(invoice["currency"], billed), billed,
                row["service_start_at"].date(), row["service_end_at"].date(),
            )  # fmt: skip
            lines.append(line)
            by_invoice[invoice["invoice_id"]].append(line)
    for contract in books.contracts:
        months = books.frequencies.get(contract["billing_frequency"])
        for number, (first, end, value) in enumerate(instalments(contract, months), start=1):
            name = f"{contract['contract_id']}/{number}"
            currency = contract["currency"]
            lines.append(
                Line(name, name, value, currency, rate(currency, first), first, first, end)
            )

    for note in books.credit_notes:
        of_invoice = by_invoice[note["invoice_id"]]
        taken = dict.fromkeys(of_invoice, 0)
        for name, amount in note["lines"]:
            for line in of_invoice:
                if line.name == name:
                    taken[line] += amount
        rest = note["net_cents"] - sum(taken.values())
        if rest:
            shares = share_out(rest, [line.net for line in of_invoice])
            for line, amount in zip(of_invoice, shares, strict=True):
                taken[line] += amount
        note["taken"] = taken

    for invoice in books.invoices:
        of_invoice = by_invoice[invoice["invoice_id"]]
        notes = [n for n in books.credit_notes if n["invoice_id"] == invoice["invoice_id"]]
        standing = [n for n in notes if n["voided_at"] is None]
        for note in standing:
            name = note["credit_note_id"]
            for line, amount in note["taken"].items():
                line.reduce(note["effective_at"].date(), "credit_note", name, amount)
        left = max(sum(line.left for line in of_invoice), 0)
        weights = [line.left for line in of_invoice]
        refunds = [r for r in books.refunds if r["invoice_id"] == invoice["invoice_id"]]
        for refund in sorted(refunds, key=lambda r: (r["refunded_at"], r["refund_id"])):
            if refund["credit_note_id"] is not None:
                continue
            total = invoice["total_cents"]
            net = refund["amount_cents"]
            if total > 0:
                net = rounded(Fraction(net * (total - invoice["tax_cents"]), total))
            net, left = min(net, left), left - min(net, left)
            for line, amount in zip(of_invoice, share_out(net, weights), strict=True):
                line.reduce(refund["refunded_at"].date(), "refund", refund["refund_id"], amount)
        if invoice["status"] == "void":
            for line in of_invoice:
                line.reduce(invoice["voided_at"].date(), "void", invoice["invoice_id"], line.left)
        if invoice["status"] == "uncollectible":
            owed = invoice["total_cents"] - sum(n["total_cents"] for n in standing)
            unpaid = min(invoice["amount_remaining_cents"], owed)
            for line in of_invoice if owed > 0 else []:
                amount = rounded(Fraction(line.left * unpaid, owed))
                day = invoice["marked_uncollectible_at"].date()
                line.reduce(day, "write_off", invoice["invoice_id"], amount)
        for note in notes:
            if note["voided_at"] is not None:
                for line, amount in note["taken"].items():
                    name = note["credit_note_id"]
                    line.reduce(note["effective_at"].date(), "credit_note", name, amount)
                    line.reduce(note["voided_at"].date(), "credit_note_void", name, -amount)
    return lines
