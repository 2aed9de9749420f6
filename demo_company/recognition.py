"""What Lumen has earned of every line it billed, by month, from its own books.

A line is earned day by day over its service: whole months of service count the same, the days
inside a month are equal; any other span is spread over its days. Whole cents until the end of a
month, half away from zero; a month is the difference of two such. Whole numbers and fractions.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import Any

from demo_company.books import Books, Contract, Credit, Invoice
from demo_company.clock import add_months, day_number, day_of, month_start
from demo_company.truth import RATE_SCALE, FxTable

INSTALMENT_MONTHS = {"monthly": 1, "quarterly": 3, "semi_annual": 6, "annual": 12}
Rows = list[tuple[str, date, int]]  # line, first of month, USD cents


def half_away(value: Fraction) -> int:
    whole = int(abs(value) + Fraction(1, 2))
    return whole if value >= 0 else -whole


def _day_in_month(year: int, month: int, day: int) -> date:
    """That day, or the last of a shorter month; `month` may be beyond 12."""
    first = date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)
    last = add_months(first, 1) - (date(2000, 1, 2) - date(2000, 1, 1))
    return first.replace(day=min(day, last.day))


class Service:
    """A span of days and how much of it is over by a day."""

    def __init__(self, start: int, end: int) -> None:
        """Day numbers; the end is not part of it."""
        self.start, self.end = start, end
        first, last = day_of(start), day_of(end)
        anchor = max(first.day, last.day)
        count = (last.year - first.year) * 12 + last.month - first.month
        self.edges = [
            day_number(_day_in_month(first.year, first.month + k, anchor))
            for k in range(max(count, 0) + 1)
        ]
        self.is_whole_months = (
            count >= 1 and self.edges[0] == start and self.edges[-1] == end
        )  # fmt: skip

    def share(self, day: int) -> Fraction:
        """Of the service that is over when the day begins."""
        if self.end <= self.start:
            return Fraction(int(day > self.start))
        if day <= self.start:
            return Fraction(0)
        if day >= self.end:
            return Fraction(1)
        if not self.is_whole_months:
            return Fraction(day - self.start, self.end - self.start)
        over = max(k for k, edge in enumerate(self.edges) if edge <= day)
        length = self.edges[over + 1] - self.edges[over]
        return (over + Fraction(day - self.edges[over], length)) / (len(self.edges) - 1)


def _months(service: Service, *others: int) -> Iterator[tuple[date, int, int]]:
    """(month, its first day, the first day of the next) from the service's start to its end."""
    month = month_start(day_of(service.start))
    last = max(service.end, service.start + 1, *(other + 1 for other in others))
    while day_number(month) < last:
        following = add_months(month, 1)
        yield month, day_number(month), day_number(following)
        month = following


def _shared(amount: int, nets: list[int]) -> list[int]:
    """An amount over lines in proportion to what they are; no cent is lost."""
    total, so_far, given, parts = sum(nets), 0, 0, []
    for net in nets:
        so_far += net
        until = half_away(Fraction(amount * so_far, total)) if total else 0
        parts.append(until - given)
        given = until
    return parts


def _credits_by_line(
    invoice: Invoice, credits: list[Credit], nets: list[int]
) -> dict[str, list[tuple[int, str, int]]]:
    """Line -> (day, document, minor units without tax), in order."""
    found: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
    for credit in credits:
        day = credit.at // 86_400
        if credit.line is not None:
            found[credit.line].append((day, credit.id, credit.amount))
            continue
        without_tax = half_away(Fraction(credit.amount * invoice.total_without_tax, invoice.total))
        for line, part in zip(invoice.lines, _shared(without_tax, nets), strict=True):
            found[line["id"]].append((day, credit.id, part))
    return {line: sorted(rows) for line, rows in found.items()}


def _net(line: dict[str, Any]) -> int:
    return int(line["amount"] - sum(part["amount"] for part in line["discount_amounts"]))


def _invoice_rows(invoice: Invoice, credits: list[Credit], fx: FxTable) -> Rows:
    assert invoice.finalized is not None
    rate = fx.rate(invoice.finalized // 86_400, invoice.currency)
    nets = [_net(line) for line in invoice.lines]
    by_line = _credits_by_line(invoice, credits, nets)

    def usd(minor: int) -> int:
        return half_away(Fraction(minor * rate, RATE_SCALE))

    rows: Rows = []
    for line, net in zip(invoice.lines, nets, strict=True):
        service = Service(line["period"]["start"] // 86_400, line["period"]["end"] // 86_400)
        taken: list[tuple[int, int]] = []  # day, USD cents
        credited = 0
        for day, _, amount in by_line.get(line["id"], []):
            taken.append((day, usd(credited + amount) - usd(credited)))
            credited += amount
        never = (0, 0)  # day, USD cents no longer counted on
        if invoice.closed and invoice.closed[1] == "void":
            taken.append((invoice.closed[0] // 86_400, usd(net) - usd(credited)))
        elif invoice.closed and invoice.closed[1] == "uncollectible":
            left = Fraction(min(invoice.amount_due, invoice.total), invoice.total)
            never = (invoice.closed[0] // 86_400, usd(half_away((net - credited) * left)))

        def until(
            day: int, service: Service = service, whole: int = usd(net),
            taken: list[tuple[int, int]] = taken, never: tuple[int, int] = never,
        ) -> int:  # fmt: skip
            """USD cents earned before the day begins, by what is known then."""
            share = service.share(day)
            earned = half_away(whole * share)
            earned -= sum(half_away(cents * share) for since, cents in taken if since < day)
            since, cents = never
            if cents and since < day:
                earned -= half_away(cents * share) - half_away(cents * service.share(since))
            return earned

        before = 0
        for month, _, following in _months(service, *(day for day, _ in taken)):
            now = until(following)
            if now != before:
                rows.append((line["id"], month, now - before))
            before = now
    return rows


def _contract_rows(contract: Contract, fx: FxTable) -> Rows:
    """Billed in advance, a part at the start of every stretch of the billing frequency.

    Parts still to come are as sure as the contract is signed.
    """
    step = INSTALMENT_MONTHS[contract.billing_frequency]
    whole = Service(contract.start, contract.end + 1)
    rows: Rows = []
    edges = [*whole.edges[:-1:step], whole.edges[-1]]
    months = [*range(0, len(whole.edges) - 1, step), len(whole.edges) - 1]
    for number, (start, end) in enumerate(pairwise(edges), start=1):
        value = half_away(Fraction(contract.annual_value * months[number], 12))
        value -= half_away(Fraction(contract.annual_value * months[number - 1], 12))
        cents = half_away(Fraction(value * fx.rate(start, contract.currency), RATE_SCALE))
        service, before = Service(start, end), 0
        for month, _, following in _months(service):
            now = half_away(cents * service.share(following))
            if now != before:
                rows.append((f"{contract.contract_id}/{number}", month, now - before))
            before = now
    return rows


def recognised(books: Books, fx: FxTable) -> Rows:
    """(line or instalment, month, USD cents), months still to come included, zeros left out."""
    credits: dict[str, list[Credit]] = defaultdict(list)
    for credit in books.credits:
        credits[credit.invoice].append(credit)
    rows: Rows = []
    for invoice in books.invoices.values():
        if invoice.finalized is not None:
            rows += _invoice_rows(invoice, credits[invoice.id], fx)
    for contract in books.contracts:
        rows += _contract_rows(contract, fx)
    return rows
