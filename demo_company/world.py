"""Who there is: accounts, the users inside them, the people behind the users, their devices.

A *user* is a product login inside one account (or none). A *person* may be behind several
users: a contractor who works in two accounts, with one login or with two.
"""

import re
import unicodedata
from dataclasses import dataclass, field

import numpy as np

from demo_company import names
from demo_company.clock import MS_DAY, MS_HOUR, MS_MINUTE, stream, weekday
from demo_company.parameters import Parameters

# activation kinds of a user
NEVER, WITHIN_7_DAYS, WITHIN_30_DAYS, TOO_LATE = 0, 1, 2, 3
ACTIVATED_7D_SHARE, ACTIVATED_LATER_SHARE, TOO_LATE_SHARE = 0.35, 0.04, 0.02
TRIAL_SHARE = 0.45


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


def build_world(parameters: Parameters) -> World:
    accounts = _accounts(parameters)
    users, unaccepted = _users(parameters, accounts)
    _assign_activation(parameters, accounts, users)
    _claim_others_mailboxes(parameters, users)
    devices = _devices(parameters, users)
    _share_devices(parameters, accounts, users, devices)
    devices_of: list[list[int]] = [[] for _ in users]
    for device in devices:
        devices_of[device.user].append(device.index)
    return World(parameters, accounts, users, devices, devices_of, unaccepted)


def _accounts(parameters: Parameters) -> list[Account]:
    rng = stream(parameters.seed, "accounts")
    n = parameters.accounts
    weights = day_weights(parameters)
    cumulative = np.cumsum(weights) / weights.sum()
    # one account in each n-th of the sign-up curve: small companies keep the rhythm too
    at = np.clip((np.arange(n) + rng.random(n)) / n, 0, 0.998)
    days = parameters.start_ms // MS_DAY + np.searchsorted(cumulative, at)
    ids = hex_ids(rng, n, "acc_")
    currencies = rng.choice(["usd", "eur", "gbp"], n, p=[0.78, 0.14, 0.08])
    is_trial = rng.permutation(n) < round(n * TRIAL_SHARE)
    is_free_mail = (rng.permutation(n) < round(n * 0.07)) & (n > 5)
    has_two_domains = rng.permutation(n) < round(n * 0.10)
    size_class = rng.choice(3, n, p=[0.68, 0.23, 0.09])
    channel_p = np.array([names.CHANNELS[c][0] for c in names.CHANNEL_NAMES])
    channels = rng.choice(len(channel_p), n, p=channel_p / channel_p.sum())
    quality = rng.normal(0, 1, n)
    taken: set[str] = set()
    accounts = []
    for i in range(n):
        head = names.COMPANY_HEAD[rng.integers(len(names.COMPANY_HEAD))]
        tail = names.COMPANY_TAIL[rng.integers(len(names.COMPANY_TAIL))]
        slug = f"{head}{tail}".lower()
        if slug in taken:
            slug = f"{slug}{i}"
            tail = f"{tail} {i}"
        taken.add(slug)
        low, high = ((2, 51), (51, 501), (501, 8000))[size_class[i]]
        employees = int(np.exp(rng.uniform(np.log(low), np.log(high))))
        currency = str(currencies[i])
        countries = names.COUNTRIES[currency]
        country = countries[rng.integers(len(countries))]
        channel = names.CHANNEL_NAMES[channels[i]]
        campaigns = names.CHANNELS[channel][4]
        ending = names.DOMAIN_ENDINGS[rng.integers(len(names.DOMAIN_ENDINGS))]
        accounts.append(
            Account(
                index=i,
                account_id=ids[i],
                name=f"{head} {tail}",
                domain=None if is_free_mail[i] else f"{slug}{ending}",
                second_domain=f"{slug}-group.com"
                if has_two_domains[i] and not is_free_mail[i]
                else None,
                employees=min(employees, 12) if is_free_mail[i] else employees,
                industry=names.INDUSTRIES[rng.integers(len(names.INDUSTRIES))],
                country=country,
                currency=currency,
                entry_model="trial" if is_trial[i] else "freemium",
                channel=channel,
                campaign=campaigns[rng.integers(len(campaigns))] if campaigns else None,
                quality=float(quality[i]),
                signed_up=office_moment(rng, int(days[i]), names.UTC_OFFSET_HOURS[country]),
            )
        )
    return accounts


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.replace("ø", "o")).encode("ascii", "ignore")
    return re.sub(r"[^a-z]", "", plain.decode().lower())


class _Mailboxes:
    """Hands out e-mail addresses that are all different."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def new(self, first: str, last: str, domain: str) -> str:
        stem, number = f"{_ascii(first)}.{_ascii(last)}", 1
        while f"{stem}{number if number > 1 else ''}@{domain}" in self.taken:
            number += 1
        email = f"{stem}{number if number > 1 else ''}@{domain}"
        self.taken.add(email)
        return email


def _users(
    parameters: Parameters, accounts: list[Account]
) -> tuple[list[User], list[tuple[int, int, str, str]]]:
    rng = stream(parameters.seed, "users")
    mailboxes = _Mailboxes()
    users: list[User] = []
    unaccepted: list[tuple[int, int, str, str]] = []
    last_moment = parameters.end_ms - 2 * MS_HOUR

    def new_user(account: Account | None, signed_up: int, method: str, **more: object) -> User:
        first = names.FIRST[rng.integers(len(names.FIRST))]
        last = names.LAST[rng.integers(len(names.LAST))]
        domain = names.FREE_MAIL[rng.integers(len(names.FREE_MAIL))]
        private = rng.random() < 0.10
        if account is not None and account.domain is not None and not private:
            domain = account.domain
            if account.second_domain and rng.random() < 0.35:
                domain = account.second_domain
        user = User(
            index=len(users),
            person=len(users),
            user_id="",
            account=-1 if account is None else account.index,
            is_founder=method != "invite" and account is not None,
            first_name=first,
            last_name=last,
            email=mailboxes.new(first, last, str(more.pop("domain", domain))),
            email_verified=bool(rng.random() < 0.85),
            title=names.TITLES[rng.integers(len(names.TITLES))],
            signed_up=signed_up,
            method=method,
            channel=str(more.pop("channel", "invite")),
            campaign=more.pop("campaign", None),  # type: ignore[arg-type]
            country=account.country if account is not None else "US",
            intensity=float(rng.lognormal(-0.3, 0.9)),
        )
        users.append(user)
        return user

    for account in accounts:
        founder = new_user(
            account,
            account.signed_up,
            "google" if rng.random() < 0.4 else "password",
            channel=account.channel,
            campaign=account.campaign,
        )
        account.founder = founder.index
        account.members.append(founder.index)
        reach = {0: 0.15, 1: 0.75, 2: 1.25}[
            int(account.employees > 50) + int(account.employees > 500)
        ]
        size = int(rng.poisson(np.exp(reach + 0.55 * account.quality)))
        size = min(size, max(account.employees - 1, 0), 60)
        lags = np.sort(rng.exponential(40.0, size))
        for lag in lags:
            inviter = users[
                account.members[0 if rng.random() < 0.6 else rng.integers(len(account.members))]
            ]
            base = max(inviter.signed_up + 2 * MS_HOUR, int(account.signed_up + lag * MS_DAY))
            sent = office_moment(rng, base // MS_DAY + 1, account.utc_offset)
            accepted = int(sent + rng.exponential(20.0) * MS_HOUR + 10 * MS_MINUTE)
            if accepted >= last_moment:
                continue
            user = new_user(account, accepted, "invite")
            user.inviter, user.invited_at = inviter.index, sent
            user.invite_id = f"inv_{user.index:07x}"
            account.members.append(user.index)
        for _ in range(int(rng.poisson(0.5 + 0.5 * size))):  # invitations nobody took up
            sent = office_moment(
                rng, account.signed_up // MS_DAY + 1 + int(rng.exponential(45)), account.utc_offset
            )
            if sent < last_moment and account.domain:
                invite = f"inv_x{account.index:05x}{len(unaccepted):05x}"
                address = f"team{len(unaccepted)}@{account.domain}"
                unaccepted.append((founder.index, sent, invite, address))
    _add_loners(parameters, rng, accounts, users, new_user)
    ids = hex_ids(rng, len(users), "usr_")
    for user in users:
        user.user_id = ids[user.index]
    _add_contractors(parameters, rng, accounts, users)
    return users, unaccepted


def _add_loners(parameters, rng, accounts, users, new_user) -> None:
    """People who sign up and never enter a workspace: a colleague's domain, or free mail."""
    crowded = [a for a in accounts if a.domain and len(a.members) >= 3]
    for k in range(round(len(users) * 0.012)):
        with_domain = bool(crowded) and k % 2 == 0
        account = crowded[rng.integers(len(crowded))] if with_domain else None
        domain = account.domain if account else names.FREE_MAIL[k % len(names.FREE_MAIL)]
        first = account.signed_up if account else parameters.start_ms
        moment = int(
            rng.uniform(first + MS_DAY, max(parameters.end_ms - MS_DAY, first + MS_DAY + 1))
        )
        if moment < parameters.end_ms - 2 * MS_HOUR:
            channel = names.CHANNEL_NAMES[rng.integers(len(names.CHANNEL_NAMES))]
            new_user(None, moment, "password", domain=domain, channel=channel)


def _add_contractors(
    parameters: Parameters, rng: np.random.Generator, accounts: list[Account], users: list[User]
) -> None:
    """People who work in a second account, under the same login, the same verified e-mail, or
    a second login that the product tied to the first by an alias call."""
    links = ("same_user_id", "verified_email", "alias")
    candidates = [u.index for u in users if u.method == "invite" and u.email_verified]
    wanted, made = max(round(len(users) * 0.018), len(links)), 0
    for index in rng.permutation(np.array(candidates, dtype=int)):
        if made == wanted:
            return
        first = users[index]
        drawn = [accounts[i] for i in rng.integers(len(accounts), size=6)]
        latest = parameters.end_ms - 60 * MS_DAY
        others = [a for a in drawn if a.index != first.account and a.signed_up < latest]
        if not others:
            continue
        account, link = others[0], links[made % 3]
        moment = max(first.signed_up, account.signed_up) + int(rng.uniform(9, 40) * MS_DAY)
        if moment >= parameters.end_ms - 3 * MS_DAY:
            continue
        user = User(
            index=len(users),
            person=first.person,
            user_id=first.user_id if link == "same_user_id" else f"usr_c{len(users):011x}",
            account=account.index,
            is_founder=False,
            first_name=first.first_name,
            last_name=first.last_name,
            email=first.email
            if link != "alias"
            else f"{first.email.split('@')[0]}.ext@{account.domain or 'gmail.com'}",
            email_verified=True,
            title=first.title,
            signed_up=moment,
            method="invite",
            channel="invite",
            campaign=None,
            country=account.country,
            intensity=first.intensity * 0.4,
            inviter=account.founder,
            invite_id=f"inv_{len(users):07x}",
            invited_at=moment - int(rng.uniform(1, 20) * MS_HOUR),
            same_as=first.index,
            link=link,
        )
        account.members.append(user.index)
        users.append(user)
        made += 1


def _assign_activation(parameters: Parameters, accounts: list[Account], users: list[User]) -> None:
    """Good accounts activate more; the shares of the whole are exact, not drawn."""
    rng = stream(parameters.seed, "activation")
    score = rng.normal(0, 1, len(users))
    for user in users:
        score[user.index] += 0.8 * user.is_founder + 0.35 * np.log(user.intensity)
        if user.account >= 0:
            score[user.index] += 0.5 * accounts[user.account].quality
        if user.account < 0 or user.same_as >= 0:
            score[user.index] = -99.0
    order = np.argsort(-score, kind="stable")
    bounds = np.cumsum([ACTIVATED_7D_SHARE, ACTIVATED_LATER_SHARE, TOO_LATE_SHARE]) * len(users)
    # the late ones come from the next in rank, shuffled in with the never ones
    rest = rng.permutation(order[round(bounds[0]) :])
    order = np.concatenate([order[: round(bounds[0])], rest])
    for rank, index in enumerate(order):
        user = users[index]
        if score[index] < -50 or rank >= round(bounds[2]):
            user.kind = NEVER
        else:
            user.kind = 1 + int(np.searchsorted(np.round(bounds), rank, side="right"))
    if len(users) == 1:
        users[0].kind = WITHIN_7_DAYS


def _address(rng: np.random.Generator) -> str:
    first, second, third, fourth = (int(rng.integers(11, 220)) for _ in range(4))
    return f"{first}.{second}.{third}.{fourth}"


def _devices(parameters: Parameters, users: list[User]) -> list[Device]:
    rng = stream(parameters.seed, "devices")
    devices: list[Device] = []
    ids = iter(uuids(rng, 4 * len(users)))
    for user in users:
        if user.link == "same_user_id":
            continue  # works on the devices of the first login
        count = 1 + int(rng.random() < 0.35) + int(rng.random() < 0.10)
        for k in range(count):
            begin = user.signed_up + (0 if k == 0 else int(rng.exponential(15 * MS_DAY)) + MS_DAY)
            devices.append(
                Device(
                    index=len(devices),
                    anonymous_id=next(ids),
                    user=user.index,
                    usable_from=begin,
                    usable_until=parameters.end_ms,
                    agent=int(rng.integers(3) if k == 0 else rng.integers(len(names.USER_AGENTS))),
                    ip=_address(rng),
                    is_first=k == 0,
                )
            )
    return devices


def _claim_others_mailboxes(parameters: Parameters, users: list[User]) -> None:
    """Dirt: somebody types a colleague's address and never confirms it. Not the same person."""
    if parameters.dirt_rate <= 0 or len(users) < 50:
        return
    rng = stream(parameters.seed, "mailbox_claims")
    verified = [u for u in users if u.email_verified and u.same_as < 0]
    claimants = [u for u in users if not u.email_verified and not u.is_founder]
    count = min(max(1, round(len(users) * 0.002)), len(claimants))
    for index in rng.permutation(len(claimants))[:count]:
        claimants[index].email = verified[int(rng.integers(len(verified)))].email
        claimants[index].has_claimed_email = True


def _share_devices(
    parameters: Parameters, accounts: list[Account], users: list[User], devices: list[Device]
) -> None:
    """Dirt: a laptop is handed to a colleague. The first owner stops using it two days before."""
    if parameters.dirt_rate <= 0:
        return
    rng = stream(parameters.seed, "shared_devices")
    ids = iter(uuids(rng, len(users)))
    first_device = {d.user: d for d in devices if d.is_first}
    count = max(1, round(len(users) * 0.006))
    for index in rng.permutation(len(accounts)):
        lively = [
            users[m]
            for m in accounts[index].members
            if users[m].kind == WITHIN_7_DAYS and users[m].same_as < 0
        ]
        if len(lively) < 2:
            continue
        giver, taker = lively[0], lively[1]
        ready = max(giver.signed_up, taker.signed_up) + int(rng.uniform(12, 30)) * MS_DAY
        switch = ready // MS_DAY * MS_DAY
        if switch >= parameters.end_ms - 20 * MS_DAY:
            continue
        shared = first_device[giver.index]
        for later in devices:  # what the two get later in life stays as it is
            if later.user == giver.index and not later.is_first:
                later.usable_from = min(later.usable_from, switch - 2 * MS_DAY)
        shared.usable_until = switch - MS_DAY
        new = {"agent": shared.agent, "ip": shared.ip, "is_first": False}
        devices.append(
            Device(
                len(devices), next(ids), giver.index, switch - 2 * MS_DAY, parameters.end_ms, **new
            )
        )
        devices.append(
            Device(
                len(devices), shared.anonymous_id, taker.index, switch, parameters.end_ms,
                shared_from=shared.index, **new,
            )
        )  # fmt: skip
        count -= 1
        if count == 0:
            return
