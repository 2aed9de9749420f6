"""Who there is: accounts, the users inside them, the people behind the users, their devices.

A *user* is a product login inside one account (or none). A *person* may be behind several
users: a contractor who works in two accounts, with one login or with two.
"""

from dataclasses import dataclass, field

import numpy as np

from demo_company import names
from demo_company.clock import MS_DAY, MS_HOUR, MS_MINUTE, weekday
from demo_company.parameters import Parameters

# activation kinds of a user
NEVER, WITHIN_7_DAYS, WITHIN_30_DAYS, TOO_LATE = 0, 1, 2, 3


@dataclass
class Account:
    """A company (or a group on free mail) that signed up."""

    index: int
    account_id: str
    name: str
    domain: str | None  # None: wholly on free mail
    second_domain: str | None
    employees: int
    industry: str
    country: str
    currency: str
    entry_model: str  # freemium, trial
    channel: str
    campaign: str | None
    quality: float
    signed_up: int  # ms
    mark: str | None = None  # competitor, student: never buys
    founder: int = -1
    members: list[int] = field(default_factory=list)

    @property
    def utc_offset(self) -> int:
        return names.UTC_OFFSET_HOURS[self.country]


@dataclass
class User:
    """A login. `same_as` is the earlier user of the same person, `link` how they are tied."""

    index: int
    person: int
    user_id: str
    account: int  # -1: none
    is_founder: bool
    first_name: str
    last_name: str
    email: str
    email_verified: bool
    title: str
    signed_up: int  # ms
    method: str  # password, google, invite
    channel: str
    campaign: str | None
    country: str
    kind: int = NEVER
    intensity: float = 1.0
    inviter: int = -1
    invite_id: str | None = None
    invited_at: int = 0
    same_as: int = -1
    link: str | None = None  # same_user_id, verified_email, alias
    has_claimed_email: bool = False


@dataclass
class Device:
    """A browser: one anonymous id. A shared device is two rows with one anonymous id."""

    index: int
    anonymous_id: str
    user: int
    usable_from: int  # ms
    usable_until: int
    agent: int
    ip: str
    is_first: bool  # the device of the sign-up
    shared_from: int = -1  # index of the device row whose anonymous id this is


@dataclass
class World:
    parameters: Parameters
    accounts: list[Account]
    users: list[User]
    devices: list[Device]
    devices_of: list[list[int]]  # by user
    unaccepted_invites: list[tuple[int, int, str, str]]  # inviter, ms, invite id, e-mail

    @property
    def count_people(self) -> int:
        return len({user.person for user in self.users})

    def device_at(self, user: User, moment: int) -> int:
        """The first device the user has in hands at the moment (their first device, if none)."""
        owner = user.same_as if user.link == "same_user_id" else user.index
        own = self.devices_of[owner]
        usable = (
            d
            for d in own
            if self.devices[d].usable_from <= moment < self.devices[d].usable_until
            and self.devices[d].shared_from < 0
        )
        return next(usable, own[0])


def hex_ids(rng: np.random.Generator, count: int, prefix: str, width: int = 12) -> list[str]:
    """Distinct ids `prefix` + hex; the position is woven in, so they cannot collide."""
    noise = rng.integers(0, 16 ** (width - 6), count)
    return [f"{prefix}{int(noise[i]):0{width - 6}x}{i:06x}" for i in range(count)]


def uuids(rng: np.random.Generator, count: int) -> list[str]:
    """Random version-4 UUIDs."""
    raw = rng.bytes(16 * count).hex()
    variant = "89ab"
    return [
        f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{variant[int(h[16], 16) & 3]}{h[17:20]}-{h[20:]}"
        for h in (raw[i : i + 32] for i in range(0, 32 * count, 32))
    ]


def office_moment(rng: np.random.Generator, day: int, utc_offset: int) -> int:
    """A moment on the UTC day `day` (days since 1970), most likely in local office hours."""
    hour = float(np.clip(rng.normal(13.5, 3.2) - utc_offset, 0.2, 23.4))
    return int(day * MS_DAY + hour * MS_HOUR + rng.integers(0, MS_MINUTE))


def day_weights(parameters: Parameters) -> np.ndarray:
    """Sign-up propensity of each day: growth, weekday rhythm, quieter summers and Decembers."""
    first = parameters.start_ms // MS_DAY
    days = np.arange(first, parameters.end_ms // MS_DAY)
    growth = 1.0 + 0.2 * np.arange(len(days)) / max(len(days), 1)
    return growth * np.where(weekday(days) >= 5, 0.35, 1.0) * season(days)


def season(days: np.ndarray) -> np.ndarray:
    """Share of normal activity on the day: August 0.85, late December 0.5."""
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(int) % 12 + 1
    day_of_year = (
        days.astype("datetime64[D]") - days.astype("datetime64[Y]").astype("datetime64[D]")
    ).astype(int)
    return np.where(months == 8, 0.85, 1.0) * np.where(day_of_year >= 355, 0.5, 1.0)
