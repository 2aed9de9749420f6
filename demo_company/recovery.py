"""Which failed payments came in after all, from the company's own invoices."""

from typing import Any

from demo_company.books import Books

FIRST_PAYMENT = "subscription_create"  # a card that never worked is no customer lost
GIVEN_UP_AFTER = 60 * 86_400


def failed_invoices(books: Books) -> list[dict[str, Any]]:
    """One row per invoice with a failed attempt; moments in seconds or None.

    Recovered: paid after the first failure. Lost: voided, written off, its subscription unpaid or
    cancelled, or sixty days gone, whatever comes first. Else open. First payments are no dunning.
    """
    rows = []
    for invoice in books.invoices.values():
        failures = [(at, why) for at, why in invoice.attempts if why]
        if not failures or invoice.reason == FIRST_PAYMENT:
            continue
        first, reason = failures[0]
        recovered = lost = None
        if invoice.closed and invoice.closed[1] == "paid":
            recovered = invoice.closed[0]
        else:
            ends = [at for at in books.stops.get(invoice.subscription, []) if at > first]
            ends += [invoice.closed[0]] if invoice.closed else []
            ends += [first + GIVEN_UP_AFTER] if first + GIVEN_UP_AFTER < books.end else []
            lost = min(ends, default=None)
        rows.append(
            {
                "invoice_id": invoice.id,
                "account": invoice.account,
                "first_failed_at": first,
                "reason": reason,
                "failed_attempts": len(failures),
                "outcome": "recovered" if recovered else "lost" if lost else "open",
                "recovered_at": recovered,
                "recovered_on_attempt": len(invoice.attempts) if recovered else None,
                "lost_at": lost,
                "amount_cents": invoice.amount_due,
                "currency": invoice.currency.upper(),
            }
        )
    return rows
