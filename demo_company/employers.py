"""What Sales and enrichment know of people who never entered a workspace.

Every fourth of them on free mail is a contact of a customer, a lead that names its company
(not quite as the product spells it), somebody in a customer's office, or nobody's. Without an
event more, each must be found by its own kind of evidence: CRM contact, company name, IP range.
"""

from dataclasses import dataclass

from demo_company import names
from demo_company.clock import stream
from demo_company.world import World

CONTACT, LEAD, OFFICE = "crm_contact", "company_name", "ip_range"
_WAYS = (CONTACT, LEAD, OFFICE, None)


@dataclass(frozen=True)
class Employer:
    """The account somebody without a workspace works for, and what gives it away."""

    account: int
    way: str


def employers(world: World, enriched: frozenset[int]) -> dict[int, Employer]:
    """User index -> employer. `enriched`: accounts the firmographics speak of."""
    rng = stream(world.parameters.seed, "employers")
    free = set(names.FREE_MAIL)
    loners = [u for u in world.users if u.account < 0 and u.email.split("@")[1] in free]
    companies = [a.index for a in world.accounts if a.index in enriched]
    if not companies:
        return {}
    found = {}
    for k, user in enumerate(loners):
        account = companies[int(rng.integers(len(companies)))]
        way = _WAYS[k % len(_WAYS)]
        if way:
            found[user.index] = Employer(account, way)
    return found


def office_network(world: World, user: int) -> str:
    """The /24 the user's first device is in."""
    device = world.devices[world.devices_of[user][0]]
    return device.ip.rsplit(".", 1)[0] + ".0/24"
