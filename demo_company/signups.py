"""First steps: signing up, setting up, reaching value, inviting; and the way to the checkout."""

import json

import numpy as np

from demo_company.books import Books
from demo_company.clock import MS_HOUR, MS_MINUTE, iso, stream
from demo_company.intent import Step
from demo_company.rows import ALIAS, EVENT_CODE, GROUP, IDENTIFY, PAGE, TRACK, RowList, Texts
from demo_company.web import page_context
from demo_company.world import User, World

ON_SERVER = frozenset({"email_opened", "api_called"})  # no browser sends these


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def first_steps(
    world: World, texts: Texts, rows: RowList, connected: np.ndarray, viewed: np.ndarray,
    invites: list[tuple[int, int, str, str]],
) -> None:  # fmt: skip
    """Alias, identify, group and the tracked steps of everyone who signs up.

    `invites`: (inviter, ms, invite id, e-mail) of planned ones nobody takes up.
    """
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
    _invitations(world, texts, rows, [*world.unaccepted_invites, *invites])


def _entry_plan(world: World, user: User) -> str:
    if user.account < 0:
        return "free"
    return "trial" if world.accounts[user.account].entry_model == "trial" else "free"


def _invitations(
    world: World, texts: Texts, rows: RowList, nobody: list[tuple[int, int, str, str]]
) -> None:
    sent = [
        (u.inviter, u.invited_at, u.invite_id or "", u.email, u.account)
        for u in world.users
        if u.invite_id
    ]
    sent += [(i, t, v, e, world.users[i].account) for i, t, v, e in nobody]
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


def commercial_steps(
    world: World, texts: Texts, rows: RowList, books: Books, planned: list[Step]
) -> None:
    """What leads to a decision or away, what only looks like it, and checkouts."""
    own = [
        Step(second * 1000, world.accounts[account].founder, event, extra)
        for second, account, event, extra in books.product_events
    ]
    for step in [*own, *planned]:
        user = world.users[step.user]
        if user.signed_up < step.at < world.parameters.end_ms - MS_MINUTE:
            device = world.device_at(user, step.at)
            if step.event in ON_SERVER or not world.devices[device].is_first:
                device = -1
            rows.add(
                step.at,
                TRACK,
                user.person,
                event=EVENT_CODE[step.event],
                user=user.index,
                anon=device,
                account=user.account,
                extra=-1 if step.extra is None else texts.add_extra(step.extra),
            )
