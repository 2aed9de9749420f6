"""Who signs up: companies, their people, contractors between them, and who reaches value."""

import re
import unicodedata

import numpy as np

from demo_company import names
from demo_company.clock import MS_DAY, MS_HOUR, MS_MINUTE, stream
from demo_company.devices import build_devices
from demo_company.parameters import Parameters
from demo_company.world import (
    NEVER,
    WITHIN_7_DAYS,
    Account,
    User,
    World,
    day_weights,
    hex_ids,
    office_moment,
)

ACTIVATED_7D_SHARE, ACTIVATED_LATER_SHARE, TOO_LATE_SHARE = 0.35, 0.04, 0.02
TRIAL_SHARE = 0.45
ENOUGH_FOR_MARKS = 50


def build_world(parameters: Parameters) -> World:
    accounts = _accounts(parameters)
    users, unaccepted = _users(parameters, accounts)
    _assign_activation(parameters, accounts, users)
    _claim_others_mailboxes(parameters, users)
    devices = build_devices(parameters, accounts, users)
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
    _mark(accounts)
    return accounts


def _mark(accounts: list[Account]) -> None:
    """A competitor and two schools among the others: whom nobody should sell to."""
    if len(accounts) < ENOUGH_FOR_MARKS:
        return
    others = [account for account in accounts if account.domain and not account.second_domain]
    planted = ((names.COMPETITOR, "competitor"), *((school, "student") for school in names.SCHOOLS))
    for nth, ((name, domain), mark) in enumerate(planted):
        account = others[len(others) * (2 * nth + 1) // 8]
        account.name, account.domain, account.mark = name, domain, mark
        if mark == "student":
            account.industry = "Education"


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.replace("ø", "o")).encode("ascii", "ignore")
    return re.sub(r"[^a-z]", "", plain.decode().lower())


class _Registrar:
    """Signs people up: a name, a mailbox of their own, a title."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.users: list[User] = []
        self.taken: set[str] = set()

    def sign_up(
        self,
        account: Account | None,
        moment: int,
        method: str,
        channel: str = "invite",
        campaign: str | None = None,
        domain: str | None = None,
    ) -> User:
        rng = self.rng
        first = names.FIRST[rng.integers(len(names.FIRST))]
        last = names.LAST[rng.integers(len(names.LAST))]
        user = User(
            index=len(self.users),
            person=len(self.users),
            user_id="",
            account=-1 if account is None else account.index,
            is_founder=method != "invite" and account is not None,
            first_name=first,
            last_name=last,
            email=self._mailbox(first, last, domain or self._domain(account)),
            email_verified=bool(rng.random() < 0.85),
            title=self._title(account),
            signed_up=moment,
            method=method,
            channel=channel,
            campaign=campaign,
            country=account.country if account is not None else "US",
            intensity=float(rng.lognormal(-0.3, 0.9)),
        )
        self.users.append(user)
        return user

    def _title(self, account: Account | None) -> str:
        title = names.TITLES[self.rng.integers(len(names.TITLES))]
        return "Student" if account is not None and account.mark == "student" else title

    def _domain(self, account: Account | None) -> str:
        """One member in ten uses a private mailbox; in free-mail accounts everybody does."""
        rng = self.rng
        if account is None or account.domain is None or rng.random() < 0.10:
            return names.FREE_MAIL[rng.integers(len(names.FREE_MAIL))]
        if account.second_domain and rng.random() < 0.35:
            return account.second_domain
        return account.domain

    def _mailbox(self, first: str, last: str, domain: str) -> str:
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
    registrar = _Registrar(rng)
    users = registrar.users
    unaccepted: list[tuple[int, int, str, str]] = []
    last_moment = parameters.end_ms - 2 * MS_HOUR
    for account in accounts:
        founder = registrar.sign_up(
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
            user = registrar.sign_up(account, accepted, "invite")
            user.inviter, user.invited_at = inviter.index, sent
            user.invite_id = f"inv_{user.index:07x}"
            account.members.append(user.index)
        for _ in range(int(rng.poisson(0.3 + 0.35 * size))):  # invitations nobody took up
            sent = office_moment(
                rng, account.signed_up // MS_DAY + 1 + int(rng.exponential(45)), account.utc_offset
            )
            if sent < last_moment and account.domain:
                invite = f"inv_x{account.index:05x}{len(unaccepted):05x}"
                address = f"team{len(unaccepted)}@{account.domain}"
                unaccepted.append((founder.index, sent, invite, address))
    _add_loners(parameters, accounts, registrar)
    ids = hex_ids(rng, len(users), "usr_")
    for user in users:
        user.user_id = ids[user.index]
    _add_contractors(parameters, rng, accounts, users)
    return users, unaccepted


def _add_loners(parameters: Parameters, accounts: list[Account], registrar: _Registrar) -> None:
    """People who sign up and never enter a workspace: a colleague's domain, or free mail."""
    rng = registrar.rng
    crowded = [a for a in accounts if a.domain and len(a.members) >= 3]
    for k in range(round(len(registrar.users) * 0.012)):
        with_domain = bool(crowded) and k % 2 == 0
        account = crowded[rng.integers(len(crowded))] if with_domain else None
        domain = account.domain if account else names.FREE_MAIL[k % len(names.FREE_MAIL)]
        first = account.signed_up if account else parameters.start_ms
        moment = int(
            rng.uniform(first + MS_DAY, max(parameters.end_ms - MS_DAY, first + MS_DAY + 1))
        )
        if moment < parameters.end_ms - 2 * MS_HOUR:
            channel = names.CHANNEL_NAMES[rng.integers(len(names.CHANNEL_NAMES))]
            registrar.sign_up(None, moment, "password", domain=domain, channel=channel)


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
