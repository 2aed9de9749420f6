"""First steps: signing up, setting up, reaching value, inviting; and the way to the checkout."""

import json

import numpy as np

from demo_company.books import Books
from demo_company.clock import MS_DAY, MS_HOUR, MS_MINUTE, iso, stream
from demo_company.rows import ALIAS, EVENT_CODE, GROUP, IDENTIFY, PAGE, TRACK, RowList, Texts
from demo_company.web import page_context
from demo_company.world import (
    TOO_LATE,
    WITHIN_7_DAYS,
    WITHIN_30_DAYS,
    User,
    World,
)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def activation_moments(world: World) -> tuple[np.ndarray, np.ndarray]:
    """(data source connected, dashboard viewed) in ms by user; 0: not in the first steps."""
    rng = stream(world.parameters.seed, "activation_moments")
    connected = np.zeros(len(world.users), np.int64)
    viewed = np.zeros(len(world.users), np.int64)
    for user in world.users:
        minutes = float(np.clip(rng.lognormal(np.log(45), 1.9), 4, 6.7 * 1440))
        part, other, days = rng.uniform(0.3, 0.9), rng.random(), rng.random()
        if user.same_as >= 0:
            continue
        if user.kind == WITHIN_7_DAYS:
            delay = minutes * MS_MINUTE
        elif user.kind == WITHIN_30_DAYS:
            delay = (8 + 20 * days) * MS_DAY
        elif user.kind == TOO_LATE:
            delay = (33 + 25 * days) * MS_DAY
        else:
            if other < 0.30:  # gets the data in and never looks at it
                connected[user.index] = user.signed_up + int(minutes * MS_MINUTE)
            continue
        viewed[user.index] = user.signed_up + int(delay)
        connected[user.index] = user.signed_up + int(delay * part)
    return connected, viewed


def first_steps(
    world: World, texts: Texts, rows: RowList, connected: np.ndarray, viewed: np.ndarray
) -> None:
    """Alias, identify, group and the tracked steps of everyone who signs up."""
    rng = stream(world.parameters.seed, "first_steps")
    for user in world.users:
        device = world.device_at(user, user.signed_up)
        at, who = user.signed_up, {"user": user.index, "anon": device, "account": user.account}
        is_new_login = user.link != "same_user_id"

        def track(
            moment: int, event: str, extra: str = "", who: dict[str, int] = who, user: User = user
        ) -> None:
            rows.add(
                moment,
                TRACK,
                user.person,
                event=EVENT_CODE[event],
                extra=texts.add_extra(extra),
                **who,
            )

        if is_new_login:
            previous = texts.add_extra(texts.anonymous_ids[device])
            rows.add(at - 900, ALIAS, user.person, user=user.index, previous=previous)
            traits = {
                "email": user.email,
                "name": f"{user.first_name} {user.last_name}",
                "firstName": user.first_name,
                "lastName": user.last_name,
                "title": user.title,
                "createdAt": iso(at),
                "email_verified": False,
            }
            rows.add(
                at - 600,
                IDENTIFY,
                user.person,
                extra=texts.add_extra(_json(traits)),
                user=user.index,
                anon=device,
            )
            if user.email_verified:
                later = at + int(rng.integers(60, 2400) * 1000)
                traits["email_verified"] = True
                rows.add(
                    later,
                    IDENTIFY,
                    user.person,
                    extra=texts.add_extra(_json(traits)),
                    user=user.index,
                    anon=device,
                )
            if user.link == "alias":
                old = texts.add_extra(world.users[user.same_as].user_id)
                rows.add(at + 5 * MS_MINUTE, ALIAS, user.person, user=user.index, previous=old)
            extra = (
                f',"source":"{user.channel}","method":"{user.method}"'
                f',"plan":"{_entry_plan(world, user)}","referrer":"{user.campaign or ""}"'
            )
            track(at, "signed_up", extra)
        if user.account >= 0:
            account = world.accounts[user.account]
            group = {"name": account.name, "plan": _entry_plan(world, user)}
            if account.domain:
                group |= {
                    "domain": account.domain,
                    "website": f"https://{account.domain}",
                    "industry": account.industry,
                    "employees": account.employees,
                }
            rows.add(at + 800, GROUP, user.person, extra=texts.add_extra(_json(group)), **who)
        if user.invite_id:
            track(at + 1200, "invite_accepted", f',"invite_id":"{user.invite_id}"')
        if user.is_founder and rng.random() < 0.9:
            track(
                at + int(rng.integers(20, 240) * 1000), "workspace_created", ',"template":"blank"'
            )
        if rng.random() < 0.55:
            track(at + int(rng.integers(60, 1200) * 1000), "profile_completed")
        if rng.random() < 0.4:
            track(
                at + int(rng.integers(90, 1500) * 1000), "sample_data_loaded", ',"dataset":"retail"'
            )
        if connected[user.index]:
            connector = ("postgres", "snowflake", "csv", "stripe", "google_sheets")[
                int(rng.integers(5))
            ]
            track(
                int(connected[user.index]), "data_source_connected", f',"connector":"{connector}"'
            )
        if viewed[user.index]:
            track(
                int(viewed[user.index]),
                "dashboard_viewed",
                f',"dashboard_id":"dash_{user.index}_0"',
            )
    _invitations(world, texts, rows)


def _entry_plan(world: World, user: User) -> str:
    if user.account < 0:
        return "free"
    return "trial" if world.accounts[user.account].entry_model == "trial" else "free"


def _invitations(world: World, texts: Texts, rows: RowList) -> None:
    sent = [
        (u.inviter, u.invited_at, u.invite_id or "", u.email, u.account)
        for u in world.users
        if u.invite_id
    ]
    sent += [(i, t, v, e, world.users[i].account) for i, t, v, e in world.unaccepted_invites]
    for inviter, moment, invite, email, account in sent:
        user = world.users[inviter]
        device = world.device_at(user, moment)
        extra = f',"invite_id":"{invite}","invitee_email":"{email}"'
        rows.add(
            moment,
            TRACK,
            user.person,
            event=EVENT_CODE["teammate_invited"],
            user=inviter,
            anon=device,
            account=account,
            extra=texts.add_extra(extra),
        )


def hand_overs(world: World, texts: Texts, rows: RowList) -> None:
    """The first sign-in of a shared device's second user, before they start to work on it.

    The sign-in page is seen before anybody signed in: it belongs to the first user still.
    """
    rng = stream(world.parameters.seed, "hand_overs")
    page = texts.page(page_context("/login"))
    for device in world.devices:
        if device.shared_from < 0:
            continue
        user = world.users[device.user]
        giver = world.users[world.devices[device.shared_from].user]
        at = device.usable_from - 3 * MS_HOUR + int(rng.integers(0, MS_HOUR))
        who = {"user": user.index, "anon": device.index, "account": user.account}
        rows.add(at - 45_000, PAGE, giver.person, anon=device.index, page=page)
        rows.add(at, IDENTIFY, user.person, **who)
        rows.add(at + 700, TRACK, user.person, event=EVENT_CODE["logged_in"], **who)


def commercial_steps(world: World, texts: Texts, rows: RowList, books: Books) -> None:
    """Upgrade intent and checkouts, by the founder; abandoned ones of accounts that never paid."""
    rng = stream(world.parameters.seed, "commercial_steps")

    def track(account: int, moment: int, event: str, extra: str) -> None:
        founder = world.users[world.accounts[account].founder]
        if founder.signed_up < moment < world.parameters.end_ms - MS_MINUTE:
            rows.add(
                moment,
                TRACK,
                founder.person,
                event=EVENT_CODE[event],
                user=founder.index,
                anon=world.device_at(founder, moment),
                account=account,
                extra=texts.add_extra(extra),
            )

    for second, account, event, extra in books.product_events:
        track(account, second * 1000, event, extra)
    for account in world.accounts:
        active = world.users[account.founder].kind in (WITHIN_7_DAYS, WITHIN_30_DAYS)
        draws = rng.random(3)
        chance = 0.30 if active else 0.05
        if account.index in books.converted or draws[0] > chance:
            continue
        moment = account.signed_up + int((1 + draws[1] * 25) * MS_DAY)
        track(account.index, moment, "limit_reached", ',"limit":"rows"')
        track(account.index, moment + 40_000, "pricing_page_viewed", "")
        if draws[2] < 0.4:
            track(account.index, moment + 4 * MS_MINUTE, "checkout_started", ',"plan":"team"')
            track(account.index, moment + MS_HOUR, "checkout_abandoned", ',"plan":"team"')
