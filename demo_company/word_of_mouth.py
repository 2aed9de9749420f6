"""Reports shared with somebody outside, who looks at them and signs up: the sharing loop.

Most shared reports bring nobody; those are drawn with the rest of the usage. Here are the few
that brought a later user, planned ahead so that the truth can name them.
"""

from dataclasses import dataclass

from demo_company import names
from demo_company.clock import MS_DAY, MS_HOUR, MS_MINUTE, stream
from demo_company.rows import EVENT_CODE, PAGE, TRACK, RowList, Texts
from demo_company.world import World

BROUGHT_BY_SHARE = 0.08  # share of the users nobody invited


@dataclass(frozen=True)
class Share:
    """A link that brought a user; `sharer`, `visitor` are positions of users, times in ms."""

    share_id: str
    sharer: int
    shared_at: int
    visitor: int
    visited_at: int


def plan_shares(world: World) -> list[Share]:
    """The same for the same world, however often it is asked for."""
    rng = stream(world.parameters.seed, "word_of_mouth")
    shares = []
    by_signup = sorted(world.users, key=lambda user: user.signed_up)
    for place, user in enumerate(by_signup):
        draws = rng.random(4)
        if user.method == "invite" or user.link or draws[0] >= BROUGHT_BY_SHARE:
            continue
        visited = user.signed_up - int(MS_HOUR + draws[1] * 5 * MS_DAY)
        shared = visited - int(10 * MS_MINUTE + draws[2] * 3 * MS_DAY)
        sharers = [
            other
            for other in by_signup[:place]
            if other.account not in (-1, user.account) and other.signed_up + MS_HOUR < shared
        ]
        if shared < world.parameters.start_ms or not sharers:
            continue
        sharer = sharers[int(draws[3] * len(sharers))]
        shares.append(Share(f"shr_v{user.index:07x}", sharer.index, shared, user.index, visited))
    return shares


def shared_links(world: World, texts: Texts, rows: RowList) -> None:
    """The sharing, and the page the later user sees on the device they sign up with."""
    for share in plan_shares(world):
        sharer, visitor = world.users[share.sharer], world.users[share.visitor]
        rows.add(
            share.shared_at,
            TRACK,
            sharer.person,
            event=EVENT_CODE["report_shared"],
            user=sharer.index,
            anon=world.device_at(sharer, share.shared_at),
            account=sharer.account,
            extra=texts.add_extra(f',"is_external":true,"share_id":"{share.share_id}"'),
        )
        rows.add(
            share.visited_at,
            PAGE,
            visitor.person,
            anon=world.devices_of[visitor.index][0],
            page=texts.page(share_page(share.share_id)),
        )


def share_page(share_id: str) -> str:
    """The page a shared link opens."""
    tags = f"utm_source=share&utm_medium=product&utm_campaign=report&utm_content={share_id}"
    campaign = f'"source":"share","medium":"product","name":"report","content":"{share_id}"'
    return (
        f'"page":{{"path":"/s","url":"{names.SITE}/s/{share_id}?{tags}","referrer":""}},'
        f'"campaign":{{{campaign}}}'
    )
