"""The CSV files people keep by hand: contracts, FX, spend, costs, tickets, firmographics, goals."""

import csv
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

from demo_company import names
from demo_company.books import Books
from demo_company.clock import (
    MS_DAY,
    MS_HOUR,
    MS_MINUTE,
    add_months,
    day_of,
    iso,
    month_start,
    stream,
)
from demo_company.employers import OFFICE, Employer, office_network
from demo_company.enrichment import companies_enriched
from demo_company.intent import Intent
from demo_company.leaving import Leaving
from demo_company.parameters import Parameters
from demo_company.world import World


def write_csv(path: Path, header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(["" if cell is None else cell for cell in row] for row in rows)


def months_of(parameters: Parameters) -> list[date]:
    """Every month touched by the history."""
    month, result = month_start(parameters.start), []
    while month < parameters.end:
        result.append(month)
        month = add_months(month, 1)
    return result


def fx_rates(parameters: Parameters) -> dict[tuple[date, str], int]:
    """USD per unit in ten-thousandths: a mild random walk, a row a month and currency."""
    rng = stream(parameters.seed, "fx")
    level = {"eur": 10_700, "gbp": 12_600}
    rates = {}
    for month in months_of(parameters):
        for currency in level:
            level[currency] += int(rng.integers(-160, 170))
            rates[(month, currency)] = level[currency]
    return rates


def write_back_office(
    world: World,
    books: Books,
    intent: Intent,
    leaving: Leaving,
    rates: dict[tuple[date, str], int],
    employed: dict[int, Employer],
    landing: Path,
) -> None:
    parameters = world.parameters
    write_csv(
        landing / "fx_rates" / "fx_rates.csv",
        ("month", "currency", "rate"),
        ((f"{m:%Y-%m}", c.upper(), f"{r / 10_000:.4f}") for (m, c), r in rates.items()),
    )
    write_csv(
        landing / "contracts" / "contracts.csv",
        ("contract_id", "account", "start", "end", "annual_value", "currency", "seats",
         "billing_frequency", "signed_date", "owner"),
        ((c.contract_id, c.account.account_id, day_of(c.start), day_of(c.end),
          f"{c.annual_value // 100}.{c.annual_value % 100:02d}", c.currency.upper(), c.seats,
          c.billing_frequency, day_of(c.signed), c.owner)
         for c in books.contracts if c.signed * MS_DAY < parameters.end_ms),
    )  # fmt: skip
    _firmographics(world, landing, employed)
    _spend(world, landing)
    _costs(world, landing)
    _tickets(world, intent, leaving, landing)
    _targets(world, landing)


def _firmographics(world: World, landing: Path, employed: dict[int, Employer]) -> None:
    rows = companies_enriched(world)
    offices: dict[int, list[str]] = {account: [] for account in rows}
    for user, employer in employed.items():
        if employer.way == OFFICE:
            offices[employer.account].append(office_network(world, user))
    if world.parameters.dirt_rate > 0 and len(rows) >= 6:
        # no offices: a provider's whole block, and a co-working space of two companies
        provider, tenant, other_tenant = list(rows)[3:6]
        founder = world.accounts[tenant].founder
        offices[provider].append("64.0.0.0/3")
        offices[tenant].append(office_network(world, founder))
        offices[other_tenant].append(office_network(world, founder))
    write_csv(
        landing / "firmographics" / "firmographics.csv",
        ("domain", "company", "employees", "industry", "country", "tech_stack", "hiring_signals",
         "ip_ranges"),
        ((*row[:-1], ";".join([row[-1], *offices[account]])) for account, row in rows.items()),
    )  # fmt: skip


def _spend(world: World, landing: Path) -> None:
    parameters = world.parameters
    rng = stream(parameters.seed, "spend")
    size = max(len(world.accounts) / 300, 0.05)
    paid = {"paid_search": 90, "social": 55, "partner": 25, "email": 12}
    rows = []
    day = parameters.start
    while day < parameters.end:
        for channel, base in paid.items():
            for campaign in names.CHANNELS[channel][4]:
                amount = size * base * (0.4 if day.weekday() >= 5 else 1.0) * rng.uniform(0.7, 1.3)
                rows.append((day, channel, campaign, f"{amount:.2f}", "USD"))
        day += timedelta(days=1)
    write_csv(
        landing / "marketing_spend" / "marketing_spend.csv",
        ("date", "channel", "campaign", "amount", "currency"),
        rows,
    )


def _costs(world: World, landing: Path) -> None:
    rng = stream(world.parameters.seed, "costs")
    size = max(len(world.accounts) / 300, 0.05)
    kinds = {"sales": 9000, "marketing": 7000, "onboarding": 2500, "support": 3000, "tooling": 1500}
    write_csv(
        landing / "gtm_costs" / "gtm_costs.csv",
        ("month", "kind", "amount"),
        ((f"{month:%Y-%m}", kind, f"{size * base * rng.uniform(0.9, 1.1):.2f}")
         for month in months_of(world.parameters) for kind, base in kinds.items()),
    )  # fmt: skip


def _tickets(world: World, intent: Intent, leaving: Leaving, landing: Path) -> None:
    parameters = world.parameters
    rng = stream(parameters.seed, "tickets")
    rows = []
    planned: dict[int, list[int]] = {}
    for at, who in [*intent.tickets, *leaving.tickets]:
        planned.setdefault(who, []).append(at)
    for user in world.users:
        if user.account < 0:
            continue
        asked = []
        for _ in range(int(rng.poisson(0.15 + 0.25 * (user.kind > 0)))):
            opened = int(user.signed_up + rng.exponential(60) * MS_DAY)
            # around a decision, whoever has a question is in the plan
            if not intent.is_near_decision(user.account, opened // MS_DAY):
                asked.append(opened)
        for opened in asked + planned.get(user.index, []):
            first = opened + int(rng.exponential(5) * MS_HOUR) + 5 * MS_MINUTE
            solved = first + int(rng.exponential(20) * MS_HOUR) + 5 * MS_MINUTE
            if opened >= parameters.end_ms - MS_MINUTE:
                continue
            deflected = str(
                rng.choice(
                    ["none", "knowledge_base", "chatbot", "community"], p=[0.7, 0.14, 0.1, 0.06]
                )
            )
            rows.append(
                (
                    opened,
                    world.accounts[user.account].account_id,
                    user.email,
                    iso(first) if first < parameters.end_ms else None,
                    iso(solved) if solved < parameters.end_ms else None,
                    str(rng.choice(["email", "chat", "in_app"])),
                    deflected,
                )
            )
    rows.sort(key=lambda row: (row[0], row[2]))
    write_csv(
        landing / "support_tickets" / "support_tickets.csv",
        ("id", "account", "requester", "opened", "first_response", "resolved", "channel",
         "deflected_by"),
        ((f"tck_{i:06d}", account, who, iso(opened), *rest)
         for i, (opened, account, who, *rest) in enumerate(rows)),
    )  # fmt: skip


def _targets(world: World, landing: Path) -> None:
    goals = {"activation_rate": 0.40, "free_to_paid_rate": 0.05, "nrr": 1.10, "k_factor": 0.2}
    write_csv(
        landing / "targets" / "targets.csv",
        ("month", "metric", "target"),
        ((f"{month:%Y-%m}", metric, goal)
         for month in months_of(world.parameters) for metric, goal in goals.items()),
    )  # fmt: skip
