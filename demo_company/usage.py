"""Using the product: who is active on which day, and what they do there."""

import itertools
from dataclasses import dataclass

import numpy as np

from demo_company.books import Books
from demo_company.clock import MS_DAY, MS_HOUR, MS_MINUTE, stream, weekday
from demo_company.intent import CASUAL, Intent, vigour
from demo_company.leaving import Leaving
from demo_company.rows import EVENT_CODE, EVENTS, IDENTIFY, PAGE, TRACK, Rows, Texts
from demo_company.web import page_context
from demo_company.world import TOO_LATE, WITHIN_7_DAYS, WITHIN_30_DAYS, World, season

MEAN_EVENTS_PER_ACTIVE_DAY = 6.0
DEVICES = 4  # at most, a user
EXPLORING, FREE, UNSEEN, PAID = range(4)  # positions of the mixes below
WITHOUT_QUERIES = 4  # as far behind the unpaid ones is the same mix without queries
# what a working session consists of, by how far its user has come
# what leads to a purchase, and what is known to mean nothing, is planned (`intent`)
MIX_EXPLORING = {
    "query_run": 30, "insight_explored": 30, "report_created": 4, "query_failed": 8,
    "import_failed": 10, "feature_gate_hit": 3, "dashboard_viewed": 5,
}  # fmt: skip
# got the data in, never looks at a dashboard
MIX_UNSEEN = {name: weight for name, weight in MIX_EXPLORING.items() if name != "dashboard_viewed"}
MIX_FREE = {
    "query_run": 38, "dashboard_viewed": 24, "insight_explored": 13, "report_created": 7,
    "export_downloaded": 4, "report_shared": 3, "query_failed": 3, "feature_gate_hit": 1.2,
    "import_failed": 0.6,
}  # fmt: skip
MIX_PAID = {
    "query_run": 36, "dashboard_viewed": 22, "insight_explored": 10, "report_created": 6,
    "export_downloaded": 4, "alert_created": 2, "report_shared": 4, "comment_added": 6,
    "api_called": 5, "integration_added": 0.6, "sso_configured": 0.08, "query_failed": 2.5,
    "import_failed": 0.4,
}  # fmt: skip


def without_queries(mix: dict[str, float]) -> dict[str, float]:
    """Of people who look at what others built."""
    return {name: weight for name, weight in mix.items() if not name.startswith("query")}


def _cumulative(mix: dict[str, float]) -> np.ndarray:
    weights = np.zeros(len(EVENTS))
    for name, weight in mix.items():
        weights[EVENT_CODE[name]] = weight
    return np.cumsum(weights) / weights.sum()


@dataclass
class Rhythm:
    """How a user's days look; arrays by user."""

    first_day: np.ndarray  # first day with usage of value (days since 1970)
    last_day: np.ndarray
    gap_from: np.ndarray  # a spell without usage between leaving and coming back
    gap_until: np.ndarray
    daily: np.ndarray  # chance to be active on a normal weekday while the account pays
    volume: np.ndarray  # mean events of an active day
    is_exploring: np.ndarray
    sees_no_dashboard: np.ndarray
    utc_offset: np.ndarray


def paying_spans(world: World, books: Books) -> dict[int, list[tuple[int, int]]]:
    """(first day, last day) with MRR, by account, from the company's ledger."""
    changes: dict[int, list[tuple[int, str, int]]] = {}
    for second, account, _, source, amount in sorted(books.ledger, key=lambda row: row[0]):
        changes.setdefault(account, []).append((second // 86_400, source, amount))
    spans: dict[int, list[tuple[int, int]]] = {}
    last = world.parameters.end_ms // MS_DAY
    for account, steps in changes.items():
        state: dict[str, int] = {}
        since = None
        for day, source, amount in steps:
            state[source] = amount
            if sum(state.values()) > 0 and since is None:
                since = day
            elif sum(state.values()) == 0 and since is not None:
                spans.setdefault(account, []).append((since, day))
                since = None
        if since is not None:
            spans.setdefault(account, []).append((since, last))
    return spans


def build_rhythm(
    world: World, books: Books, connected_at: np.ndarray, activated_at: np.ndarray
) -> Rhythm:
    """`connected_at`, `activated_at`: planned moments by user in ms, 0 where there is none."""
    parameters = world.parameters
    rng = stream(parameters.seed, "rhythm")
    n = len(world.users)
    spans = paying_spans(world, books)
    last = parameters.end_ms // MS_DAY
    first_day, last_day = np.zeros(n, np.int64), np.zeros(n, np.int64)
    gap_from, gap_until = np.full(n, last), np.full(n, last)
    daily, volume = np.zeros(n), np.zeros(n)
    exploring = np.zeros(n, bool)
    offset = np.zeros(n, np.int64)
    for user in world.users:
        i = user.index
        account = world.accounts[user.account] if user.account >= 0 else None
        offset[i] = account.utc_offset if account else -6
        own_vigour = vigour(user)
        activated = user.kind in (WITHIN_7_DAYS, WITHIN_30_DAYS, TOO_LATE) or user.same_as >= 0
        begin = int(max(activated_at[i], user.signed_up) // MS_DAY) + 1
        first_day[i] = begin
        volume[i] = user.intensity
        draws = rng.random(4)
        if not activated:
            exploring[i] = True
            daily[i] = 0.30
            last_day[i] = begin + int(-np.log(draws[0]) * 6)
            continue
        daily[i] = own_vigour * CASUAL
        own = -np.log(draws[0]) * (35 if draws[1] < 0.3 else 260)
        last_day[i] = begin + int(own)
        account_spans = spans.get(user.account, [])
        if account_spans:
            # who pays stays: nearly everybody until the money stops, and then not for long
            if draws[2] < 0.85:
                last_day[i] = account_spans[-1][1] + int(draws[3] * 12)
            daily[i] = min(own_vigour * 1.25, 0.9)
            for (_, ended), (again, _) in itertools.pairwise(account_spans):
                gap_from[i], gap_until[i] = ended + 7, again
    return Rhythm(
        first_day, np.minimum(last_day, last - 1), gap_from, gap_until, daily, volume, exploring,
        exploring & (connected_at > 0), offset,
    )  # fmt: skip


class Usage:
    """Draws the product usage of one stretch of days after the other."""

    def __init__(
        self, world: World, rhythm: Rhythm, spans: dict[int, list[tuple[int, int]]], texts: Texts,
        intent: Intent, leaving: Leaving,
    ) -> None:  # fmt: skip
        self.world, self.rhythm, self.intent, self.leaving = world, rhythm, intent, leaving
        self.login_page = texts.page(page_context("/login"))
        self.outside_pages = np.array([texts.page(page_context(p)) for p in ("/docs", "/pricing")])
        # the sign-in on a handed-over device is written by signups.hand_overs
        self.seen_devices = np.array([d.shared_from >= 0 for d in world.devices], bool)
        users = world.users
        n = len(users)
        self.account = np.array([u.account for u in users], np.int64)
        self.person = np.array([u.person for u in users], np.int64)
        self.first_paid = np.full(n, np.iinfo(np.int64).max)
        for user in users:
            if user.account in spans:
                self.first_paid[user.index] = spans[user.account][0][0]
        self.reported_week = np.zeros(n, np.int64)
        self.is_founder = np.array([u.is_founder for u in users], bool)
        # the devices of a user, as columns
        owner = [u.index if u.link != "same_user_id" else u.same_as for u in users]
        self.device = np.full((n, DEVICES), -1, np.int64)
        for i, o in enumerate(owner):
            for k, device in enumerate(world.devices_of[o][:DEVICES]):
                self.device[i, k] = device
        self.usable_from = np.array([d.usable_from for d in world.devices], np.int64)
        self.usable_until = np.array([d.usable_until for d in world.devices], np.int64)
        unpaid = (MIX_EXPLORING, MIX_FREE, MIX_UNSEEN)
        self.mixes = [_cumulative(mix) for mix in (*unpaid, MIX_PAID)]
        self.mixes += [_cumulative(without_queries(mix)) for mix in unpaid]
        self.scale = 1.0

    def active_chance(self, days: np.ndarray) -> np.ndarray:
        """users × days"""
        r = self.rhythm
        grid = days[None, :]
        alive = (grid >= r.first_day[:, None]) & (grid <= r.last_day[:, None])
        alive &= ~((grid >= r.gap_from[:, None]) & (grid < r.gap_until[:, None]))
        beat = np.where(weekday(days) >= 5, 0.22, 1.0) * season(days)
        paid = np.where(alive, r.daily[:, None] * beat[None, :], 0.0)
        paid *= self.leaving.share(days, len(r.first_day))
        # before the first payment every day is planned
        first = int(days[0]) - self.intent.first_day
        planned = self.intent.active[:, first : first + len(days)]
        return np.where(grid >= self.first_paid[:, None], paid, planned)

    def scale_to(self, wanted: float, first_day: int, end_day: int) -> None:
        """Sets `scale` so that about `wanted` events come out; engaged users take the most."""
        active_days, by_volume = self._expected(first_day, end_day)
        extra = max(wanted - active_days, 0.0)
        self.scale = extra / max(by_volume * MEAN_EVENTS_PER_ACTIVE_DAY, 1.0)

    def events_a_day(self, first_day: int, end_day: int) -> float:
        """Expected product events of a mean day at the present scale."""
        active_days, by_volume = self._expected(first_day, end_day)
        total = active_days + by_volume * MEAN_EVENTS_PER_ACTIVE_DAY * self.scale
        return total / max(end_day - first_day, 1)

    def _expected(self, first_day: int, end_day: int) -> tuple[float, float]:
        """(active user days, the same weighted with each user's volume)"""
        active_days, by_volume = 0.0, 0.0
        for day in range(first_day, end_day, 31):
            chance = self.active_chance(np.arange(day, min(day + 31, end_day))).sum(axis=1)
            active_days += float(chance.sum())
            by_volume += float((chance * self.rhythm.volume).sum())
        return active_days, by_volume

    def days(self, first_day: int, last_day: int) -> Rows:
        """Usage of the days [first_day, last_day)."""
        parameters = self.world.parameters
        rng = stream(parameters.seed, "usage", first_day)
        days = np.arange(first_day, last_day)
        chance = self.active_chance(days)
        who, nth_day = np.nonzero(rng.random(chance.shape) < chance)
        day = days[nth_day]
        count = 1 + rng.poisson(self.rhythm.volume[who] * MEAN_EVENTS_PER_ACTIVE_DAY * self.scale)
        hour = np.clip(rng.normal(13.5, 3.0, len(who)) - self.rhythm.utc_offset[who], 0.3, 21.5)
        start = (
            day * MS_DAY + (hour * MS_HOUR).astype(np.int64) + rng.integers(0, MS_MINUTE, len(who))
        )
        span = np.minimum(
            count * rng.integers(25_000, 70_000, len(who)),
            day * MS_DAY + MS_DAY - MS_MINUTE - start,
        )
        device = self.pick_devices(rng, who, start)
        keep = device >= 0
        who, day, count, start, span, device = (
            x[keep] for x in (who, day, count, start, span, device)
        )
        is_unpaid = day < self.first_paid[who]
        mix = np.where(is_unpaid, FREE, PAID)
        mix = np.where(self.rhythm.is_exploring[who], EXPLORING, mix)
        unseen = self.rhythm.sees_no_dashboard[who] | (day < self.rhythm.first_day[who])
        mix = np.where(unseen, UNSEEN, mix)
        only_looks = is_unpaid & ~self.intent.are_queries_run(self.account[who], day)
        mix += np.where(only_looks, WITHOUT_QUERIES, 0)
        row = np.repeat(np.arange(len(who)), count)
        draw = rng.random(len(row))
        event = np.empty(len(row), np.int16)
        for k, cumulative in enumerate(self.mixes):
            mine = mix[row] == k
            event[mine] = np.searchsorted(cumulative, draw[mine], side="right")
        t = (
            start[row]
            + 1_500
            + (rng.random(len(row)) * np.maximum(span[row] - 3_000, 1)).astype(np.int64)
        )
        parts = [
            Rows.of(len(row), t=t, kind=TRACK, event=event, user=who[row], anon=device[row],
                    account=self.account[who[row]], person=self.person[who[row]]),
            self.logins(rng, who, start, device),
            self.signed_out_views(rng, who, start + span, device),
            self.quota_reports(who, day, start + span, device),
        ]  # fmt: skip
        return Rows.concat(parts)

    def pick_devices(
        self, rng: np.random.Generator, who: np.ndarray, start: np.ndarray
    ) -> np.ndarray:
        """The first device two days in three, where it is (still) the user's; else another."""
        choice = self.device[who]
        usable = (choice >= 0) & (self.usable_from[choice] <= start[:, None])
        usable &= self.usable_until[choice] > start[:, None] + MS_DAY
        weight = np.where(usable, np.array([1.0, 0.35, 0.2, 0.2]) * rng.random(choice.shape), -1.0)
        best = weight.argmax(axis=1)
        rows = np.arange(len(who))
        return np.where(usable[rows, best], choice[rows, best], -1)

    def logins(
        self, rng: np.random.Generator, who: np.ndarray, start: np.ndarray, device: np.ndarray
    ) -> Rows:
        """Signing in: always on a new device (with identify), else every third day."""
        order = np.lexsort((start, device))
        first = np.ones(len(order), bool)
        first[1:] = device[order][1:] != device[order][:-1]
        is_new = np.zeros(len(who), bool)
        is_new[order] = first
        is_new &= ~self.seen_devices[device]
        self.seen_devices[device[is_new]] = True
        signs_in = is_new | (rng.random(len(who)) < 0.33)
        fields = {
            "account": self.account[who],
            "person": self.person[who],
            "user": who,
            "anon": device,
        }
        identify = Rows.of(len(who), t=start, kind=IDENTIFY, **fields).take(is_new)
        login = Rows.of(
            len(who), t=start + 700, kind=TRACK, event=EVENT_CODE["logged_in"], **fields
        )
        # on a new device the sign-in page comes first, and knows nobody yet
        page = Rows.of(len(who), t=start - rng.integers(20_000, 600_000, len(who)), kind=PAGE,
                       anon=device, page=self.login_page, person=self.person[who])  # fmt: skip
        return Rows.concat([page.take(is_new), identify, login.take(signs_in)])

    def signed_out_views(
        self, rng: np.random.Generator, who: np.ndarray, at: np.ndarray, device: np.ndarray
    ) -> Rows:
        """Now and then somebody reads the website after work, without their user id."""
        page = self.outside_pages[rng.integers(2, size=len(who))]
        views = Rows.of(len(who), t=at + 20_000, kind=PAGE, anon=device, page=page,
                        person=self.person[who])  # fmt: skip
        return views.take(rng.random(len(who)) < 0.03)

    def quota_reports(
        self, who: np.ndarray, day: np.ndarray, at: np.ndarray, device: np.ndarray
    ) -> Rows:
        """Once a week and workspace, at the end of the founder's first session of the week."""
        mine = np.nonzero(self.is_founder[who])[0]
        week = (day[mine] + 3) // 7
        key = who[mine] * 100_000 + week
        order = np.lexsort((day[mine], key))
        first = np.ones(len(order), bool)
        first[1:] = key[order][1:] != key[order][:-1]
        pick = mine[order[first]]
        pick_week = week[order[first]]
        pick = pick[pick_week > self.reported_week[who[pick]]]
        self.reported_week[who[pick]] = (day[pick] + 3) // 7
        return Rows.of(len(pick), t=at[pick], kind=TRACK, event=EVENT_CODE["usage_reported"],
                       user=who[pick], anon=device[pick], account=self.account[who[pick]],
                       person=self.person[who[pick]])  # fmt: skip
