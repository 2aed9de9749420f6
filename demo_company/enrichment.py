"""What a provider of company data says of the accounts."""

from typing import Any

from demo_company import names
from demo_company.clock import stream
from demo_company.world import World


def companies_enriched(world: World) -> dict[int, tuple[Any, ...]]:
    """Account -> its row of firmographics; nine of ten companies have one."""
    rng = stream(world.parameters.seed, "firmographics")
    rows: dict[int, tuple[Any, ...]] = {}
    for account in world.accounts:
        if account.domain and rng.random() < 0.9:
            tech = ";".join(sorted(rng.choice(names.TECH, int(rng.integers(1, 4)), replace=False)))
            hiring = names.HIRING[int(rng.integers(4))] if rng.random() < 0.25 else ""
            block = f"{rng.integers(11, 220)}.{rng.integers(256)}.{rng.integers(256)}.0/24"
            rows[account.index] = (
                account.domain, account.name, account.employees, account.industry,
                account.country, tech, hiring, block,
            )  # fmt: skip
    return rows
