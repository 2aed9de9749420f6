"""The website: visitors who never sign up, the anonymous past of those who do, crawlers."""

import numpy as np

from demo_company import names
from demo_company.clock import MS_DAY, MS_HOUR, stream
from demo_company.rows import PAGE, RowList, Rows, Texts
from demo_company.world import World, day_weights, uuids

VISITOR_TO_SIGNUP = 0.04
PATHS = ("/", "/product", "/pricing", "/docs", "/blog/dashboards", "/customers", "/integrations")
PATH_SHARE = (0.34, 0.20, 0.16, 0.10, 0.10, 0.06, 0.04)


def device_context(agent: str, ip: str) -> str:
    """The part of `context` that belongs to a browser, as JSON without the braces."""
    library = '"library":{"name":"analytics.js","version":"2.11.1"}'
    return f'"ip":"{ip}","userAgent":"{agent}",{library}'


def page_context(path: str, channel: str | None = None, campaign: str | None = None) -> str:
    """`context.page` and, on a landing page reached by campaign, `context.campaign`."""
    referrer = f"{names.SITE}/"
    utm = ""
    query = ""
    if channel is not None:
        _, source_url, source, medium, _ = names.CHANNELS[channel]
        referrer = source_url or ""
        if source:
            name = campaign or "always-on"
            utm = f',"campaign":{{"source":"{source}","medium":"{medium}","name":"{name}"}}'
            query = f"?utm_source={source}&utm_medium={medium}&utm_campaign={name}"
    return (
        f'"page":{{"path":"{path}","url":"{names.SITE}{path}{query}","referrer":"{referrer}"}}{utm}'
    )


def invite_page(invite_id: str) -> str:
    """The page an invitation's link opens."""
    url = f"{names.SITE}/invite/{invite_id}?utm_source=invite&utm_medium=product"
    campaign = '"campaign":{"source":"invite","medium":"product","name":"teammate"}'
    return f'"page":{{"path":"/invite","url":"{url}","referrer":""}},{campaign}'


def signup_past(world: World, texts: Texts, rows: RowList) -> None:
    """Page views of later users, on the device they sign up with, before they do."""
    rng = stream(world.parameters.seed, "signup_past")
    for user in world.users:
        if user.link == "same_user_id":
            continue
        device = world.devices_of[user.index][0]
        invited = user.method == "invite"
        moment = user.signed_up - int(rng.integers(40, 900) * 1000)
        if invited:
            page = texts.page(invite_page(user.invite_id or ""))
            rows.add(
                max(moment, user.invited_at + 60_000), PAGE, user.person, anon=device, page=page
            )
            continue
        visits = [moment]
        visits += [
            int(moment - rng.exponential(5) * MS_DAY - MS_HOUR)
            for _ in range(int(rng.poisson(0.9)))
        ]
        visits.sort()
        for k, begin in enumerate(visits):
            at = begin
            landing = texts.page(
                page_context(
                    PATHS[int(rng.integers(3))], user.channel if k == 0 else "direct", user.campaign
                )
            )
            for p in range(1 + int(rng.poisson(1.5))):
                if at >= user.signed_up - 2000:
                    break
                page = (
                    landing
                    if p == 0
                    else texts.page(page_context(PATHS[int(rng.choice(7, p=PATH_SHARE))]))
                )
                if at >= world.parameters.start_ms:
                    rows.add(at, PAGE, user.person, anon=device, page=page)
                at += int(rng.integers(4_000, 90_000))


def _landing(texts: Texts, path: str, channel: str, nth: int) -> int:
    campaigns = names.CHANNELS[channel][4]
    campaign = campaigns[nth % len(campaigns)] if campaigns else None
    return texts.page(page_context(path, channel, campaign))


def visitors(world: World, texts: Texts, first_person: int) -> tuple[Rows, int]:
    """Anonymous people who leave again. Returns their page views and how many they are."""
    parameters = world.parameters
    rng = stream(parameters.seed, "visitors")
    count = round(world.count_people * (1 / VISITOR_TO_SIGNUP - 1))
    weights = day_weights(parameters)
    days = parameters.start_ms // MS_DAY + rng.choice(
        len(weights), count, p=weights / weights.sum()
    )
    base = len(texts.anonymous_ids)
    agents = rng.integers(len(names.USER_AGENTS), size=count)
    octets = rng.integers(1, 255, (count, 4))
    for i, anonymous_id in enumerate(uuids(rng, count)):
        a, b, c, d = octets[i]
        texts.add_anonymous(
            anonymous_id, device_context(names.USER_AGENTS[agents[i]], f"{a}.{b}.{c}.{d}")
        )
    shares = np.array([names.CHANNELS[c][0] for c in names.CHANNEL_NAMES])
    channel = rng.choice(len(shares), count, p=shares / shares.sum())
    landing = np.array(  # by channel, path, campaign
        [
            [[_landing(texts, path, name, nth) for nth in range(2)] for path in PATHS[:3]]
            for name in names.CHANNEL_NAMES
        ]
    )
    inner = np.array([texts.page(page_context(path)) for path in PATHS])
    pages = np.minimum(1 + rng.geometric(0.55, count) - 1 + (rng.random(count) < 0.3), 12)
    who = np.repeat(np.arange(count), pages)
    nth = np.arange(len(who)) - np.repeat(np.cumsum(pages) - pages, pages)
    start = days * MS_DAY + (np.clip(rng.normal(14, 4.5, count), 0.1, 23.2) * MS_HOUR).astype(
        np.int64
    )
    second_visit = (rng.random(len(who)) < 0.1) & (nth > 0)
    t = start[who] + nth * rng.integers(5_000, 80_000, len(who))
    t = t + np.where(second_visit, rng.integers(1, 12, len(who)) * MS_DAY, 0)
    page = np.where(
        nth == 0,
        landing[channel[who], rng.integers(3, size=len(who)), rng.integers(2, size=len(who))],
        inner[rng.choice(7, len(who), p=PATH_SHARE)],
    )
    rows = Rows.of(len(who), t=t, kind=PAGE, anon=base + who, page=page, person=first_person + who)
    return rows.take(rows["t"] < parameters.end_ms - 60_000), count


def crawlers(world: World, texts: Texts, first_person: int) -> tuple[Rows, int]:
    """Bots: one anonymous id each, hundreds of page views in a steady beat."""
    parameters = world.parameters
    if parameters.dirt_rate <= 0:
        return Rows.concat([]), 0
    rng = stream(parameters.seed, "crawlers")
    count = max(1, round(world.count_people * 0.004))
    parts = []
    inner = np.array([texts.page(page_context(path)) for path in PATHS])
    for i, anonymous_id in enumerate(uuids(rng, count)):
        agent = names.BOT_AGENTS[i % len(names.BOT_AGENTS)]
        anon = texts.add_anonymous(anonymous_id, device_context(agent, f"66.249.66.{i % 250 + 1}"))
        views = int(rng.integers(120, 320))
        first = rng.integers(parameters.start_ms, parameters.end_ms - MS_DAY)
        t = first + np.arange(views) * 2_500
        parts.append(
            Rows.of(views, t=t, kind=PAGE, anon=anon, page=inner[rng.integers(7, size=views)],
                    person=first_person + i)
        )  # fmt: skip
    return Rows.concat(parts), count
