"""How accounts behave while they do not pay, and what of it makes them pay.

Every account comes to one decision. In the two weeks before, it does or leaves out a handful of
things, drawn from how lively it is; whether it pays is a logit of exactly those things, with the
log-odds of `PREDICTIVE`. Nothing else matters: `NOISE` happens at the same pace to everybody.
Who pays does so some days after the decision, the burst of use going on until then.
"""

from dataclasses import dataclass, field

import numpy as np

from demo_company.clock import MS_DAY, MS_HOUR, MS_MINUTE, stream, weekday
from demo_company.enrichment import companies_enriched
from demo_company.first_value import activation_moments
from demo_company.world import NEVER, TOO_LATE, Account, User, World, office_moment, season

# log-odds of paying by what was there at the decision, the strongest first
PREDICTIVE = {
    "pricing_page_viewed": 2.4,
    "active_days": 1.9,
    "checkout_started": 1.7,
    "teammates_invited": 1.6,
    "limit_reached_twice": 1.2,
    "quota_used": 1.0,
    "feature_dive": 0.9,
    "core_workflow": 0.75,
    "api_calls": 0.65,
    "several_active_users": 0.55,
    "icp_match": 0.35,
    "hiring_signal": 0.3,
    "support_contacted": 0.15,
}
# what looks like interest and is none; `anytime`: at one pace over the whole life of an account,
# `at_decision`: independent of paying among accounts at their decision
NOISE = {
    "email_opened": "anytime",
    "docs_viewed": "anytime",
    "business_email": "at_decision",
    "profile_completed": "at_decision",
    "sample_data_loaded": "at_decision",
    "comment_added": "at_decision",
}
# chance of each thing in the weeks before the decision of an account of middling liveliness,
# and how much (log-odds) liveliness matters
HABITS = {
    "pricing_page_viewed": (0.22, 0.4),
    "active_days": (0.20, 0.7),
    "checkout_started": (0.05, 0.3),
    "teammates_invited": (0.10, 0.4),
    "quota_used": (0.18, 0.5),
    "limit_reached_twice": (0.09, 0.3),
    "core_workflow": (0.60, 0.3),
    "feature_dive": (0.08, 0.3),
    "api_calls": (0.05, 0.2),
    "several_active_users": (0.40, 0.3),
    "support_contacted": (0.13, 0.1),
}
# who tries the full product does everything more often: log-odds on top; that alone, and no
# weight of its own, makes trials pay more often
EAGERNESS = {"trial": 0.6, "freemium": -0.6}
# a thing that is an event, and counts wherever it was planned
EVENTS_ALONE = (
    "pricing_page_viewed", "checkout_started", "limit_reached_twice", "feature_dive", "api_calls",
    "support_contacted",
)  # fmt: skip
FREEMIUM_CONVERSION, TRIAL_CONVERSION = 0.052, 0.18
TRIAL_DAYS, LONGER_TRIAL_DAYS = 14, 21
LONGER_TRIAL_SHARE, REVERSE_TRIAL_SHARE = 0.10, 0.12
WINDOW, SHORT_WINDOW = 30, 14  # days before the decision in which things count
INVITE_WINDOW = SHORT_WINDOW
CASUAL = 0.32  # how much of a user's vigour is seen while nothing is at stake
COLLEAGUES = 0.35  # of that, of those who did not found the account
QUIET_DAYS, QUIET_SHARE = 30, 0.4  # after a decision against paying, of the days of use
INVITES = 4  # and up to two more: a team is brought in, not one colleague and another
API_CALLS = (110, 170)
NOISE_A_MONTH = {"email_opened": 0.7, "docs_viewed": 0.4}
COMMENT_SHARE = 0.3
PLANS_COMPARED_SHARE = 0.85  # of those who have decided to pay, some days before they do
QUERIES_UNTIL_PAYING = 0.9  # of those who have decided to pay, whatever they did before
REGULAR_QUERIES = 0.4  # share of accounts that run queries whatever they intend
# chances on a day of use far from any decision, as slices of one draw
BACKGROUND = (
    ("pricing_page_viewed", 0.0, 0.012, ""),
    ("limit_reached", 0.1, 0.125, ',"limit":"rows"'),
    ("support_contacted", 0.2, 0.206, ""),
)
# what fits Lumen: as its own marketing says it
FITTING_EMPLOYEES = (20, 5_000)
FITTING_INDUSTRIES = frozenset(
    {"Software", "Financial Services", "Healthcare", "Retail", "Media", "Logistics"}
)
FITTING_TECH = frozenset({"snowflake", "bigquery", "dbt", "segment"})


@dataclass(frozen=True)
class Step:
    """One thing somebody does in the product, planned ahead."""

    at: int  # ms
    user: int
    event: str
    extra: str | None = None


@dataclass
class Intent:
    """What was planned; arrays by account unless said otherwise."""

    first_day: int
    active: np.ndarray  # users × days: uses the product, as long as the account does not pay
    decided_on: np.ndarray  # day number; beyond as_of for those still thinking
    longer_trial: np.ndarray
    reverse_trial: np.ndarray
    runs_queries: np.ndarray  # near the decision
    runs_queries_always: np.ndarray
    runs_queries_to_pay: np.ndarray  # between the decision and paying
    quota_from: np.ndarray  # days within which reports show more than half of the quota
    quota_until: np.ndarray
    features: dict[str, np.ndarray]
    log_odds: np.ndarray
    pays_on: np.ndarray  # day number; 0: not
    payers: set[int] = field(default_factory=set)
    steps: list[Step] = field(default_factory=list)
    noise: list[Step] = field(default_factory=list)
    tickets: list[tuple[int, int]] = field(default_factory=list)
    """(ms, user) of questions to support before a decision"""
    invites: list[tuple[int, int, str, str]] = field(default_factory=list)
    """inviter, ms, invite id, e-mail of invitations before a decision nobody took up"""

    def burst(self, account: int) -> tuple[int, int]:
        """First and last day of the weeks before the decision."""
        decided = int(self.decided_on[account])
        return decided - SHORT_WINDOW + 1, decided

    def are_queries_run(self, account: np.ndarray, day: np.ndarray) -> np.ndarray:
        """Whether an account that does not pay runs queries on the day."""
        decided = self.decided_on[account]
        until = np.where(self.pays_on[account] > 0, self.pays_on[account], decided)
        near = (day > decided - WINDOW) & (day <= until)
        runs = np.where(near, self.runs_queries[account], self.runs_queries_always[account])
        to_pay = near & (day > decided) & self.runs_queries_to_pay[account]
        return runs | to_pay | (account < 0)

    def is_near_decision(self, account: int, day: int) -> bool:
        """Whether what happens that day would count for the decision, or just missed it."""
        decided = int(self.decided_on[account])
        paid = int(self.pays_on[account])
        return decided - WINDOW < day < (paid if paid else decided + 8)


def _logistic(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))


def is_lively(user: User) -> bool:
    """Whether the user reached value in time."""
    return user.kind not in (NEVER, TOO_LATE)


def company_fits(account: Account, enriched: tuple[object, ...] | None) -> bool:
    """Size, industry and tools fit, as far as anybody knows."""
    if enriched is None:
        return False
    low, high = FITTING_EMPLOYEES
    tech = set(str(enriched[5]).split(";"))
    return (
        low <= account.employees <= high
        and account.industry in FITTING_INDUSTRIES
        and bool(tech & FITTING_TECH)
    )


def plan_intent(world: World) -> Intent:
    """The same for the same world, however often it is asked for."""
    parameters = world.parameters
    _, activated_at = activation_moments(world)
    enriched = companies_enriched(world)
    rng = stream(parameters.seed, "intent")
    first = parameters.start_ms // MS_DAY
    n, days = len(world.accounts), parameters.end_ms // MS_DAY - first
    begins, active = _unpaid_days(world, activated_at, first, days)
    zeros = np.zeros(n, bool)
    plan = Intent(
        first_day=first, active=active, decided_on=np.zeros(n, np.int64),
        longer_trial=zeros.copy(), reverse_trial=zeros.copy(), runs_queries=zeros.copy(),
        runs_queries_always=zeros.copy(), runs_queries_to_pay=zeros.copy(),
        quota_from=np.zeros(n, np.int64), quota_until=np.zeros(n, np.int64),
        features={name: zeros.copy() for name in PREDICTIVE}, log_odds=np.zeros(n),
        pays_on=np.zeros(n, np.int64),
    )  # fmt: skip
    invited: dict[int, list[int]] = {account.index: [] for account in world.accounts}
    for user in world.users:
        if user.invite_id:
            invited[user.account].append(user.invited_at)
    for inviter, at, _, _ in world.unaccepted_invites:
        invited[world.users[inviter].account].append(at)
    for account in world.accounts:
        _decision_day(plan, account, rng)
        invited[account.index] += _weeks_before(world, plan, account, begins, rng)
        _read_features(
            world, plan, account, activated_at, invited[account.index], enriched.get(account.index)
        )
    _background(world, plan, stream(parameters.seed, "background"))
    _noise(world, plan, stream(parameters.seed, "noise"))
    for name, weight in PREDICTIVE.items():
        plan.log_odds += weight * plan.features[name]
    _choose_payers(world, plan, stream(parameters.seed, "payers"))
    _burst_until_paying(world, plan, stream(parameters.seed, "until_paying"))
    _quiet_after_declining(world, plan, stream(parameters.seed, "after_declining"))
    until = np.where(plan.pays_on > 0, plan.pays_on, parameters.end_ms // MS_DAY)
    plan.steps = [
        step for step in plan.steps if step.at < until[world.users[step.user].account] * MS_DAY
    ]
    return plan


def _unpaid_days(
    world: World, activated_at: np.ndarray, first: int, days: int
) -> tuple[np.ndarray, np.ndarray]:
    """(first day of use by user, users × days: uses the product) where nothing is at stake."""
    rng = stream(world.parameters.seed, "unpaid_days")
    n = len(world.users)
    begins, lasts, daily = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n)
    for user in world.users:
        i = user.index
        begins[i] = max(activated_at[i], user.signed_up) // MS_DAY + 1
        draws = rng.random(2)
        if not is_active_kind(user):
            daily[i], stays = 0.30, 6.0
        else:
            daily[i] = CASUAL * vigour(user) * (1.0 if user.is_founder else COLLEAGUES)
            stays = 35.0 if draws[1] < 0.3 else 260.0
        lasts[i] = begins[i] - int(np.log(1 - draws[0]) * stays)
    grid = np.arange(first, first + days)
    beat = np.where(weekday(grid) >= 5, 0.22, 1.0) * season(grid)
    active = np.zeros((n, days), bool)
    for start in range(0, n, 4_096):
        part = slice(start, start + 4_096)
        chance = daily[part, None] * beat[None, :]
        inside = (grid >= begins[part, None]) & (grid <= lasts[part, None])
        active[part] = inside & (rng.random(chance.shape) < chance)
    return begins, active


def is_active_kind(user: User) -> bool:
    """Whether the user ever reaches value, or did so under another login."""
    return user.kind != NEVER or user.same_as >= 0


def vigour(user: User) -> float:
    """Chance of use on a normal weekday of a user who has a reason to."""
    return float(np.clip(0.22 + 0.22 * np.log1p(user.intensity), 0.1, 0.85))


def _decision_day(plan: Intent, account: Account, rng: np.random.Generator) -> None:
    i, signed_up = account.index, account.signed_up // MS_DAY
    draws = rng.random(4)
    if account.entry_model == "trial":
        plan.longer_trial[i] = draws[0] < LONGER_TRIAL_SHARE
        plan.reverse_trial[i] = draws[1] < REVERSE_TRIAL_SHARE
        ends = signed_up + (LONGER_TRIAL_DAYS if plan.longer_trial[i] else TRIAL_DAYS)
        plan.decided_on[i] = ends - 5 - int(draws[2] * 2)
        if plan.reverse_trial[i]:  # on the free plan for a while
            plan.decided_on[i] = ends + 2 + int(draws[3] * 56)
    else:
        plan.decided_on[i] = signed_up + 9 + min(int(-np.log(1 - draws[2]) * 28), 95)


def _weeks_before(
    world: World, plan: Intent, account: Account, begins: np.ndarray, rng: np.random.Generator
) -> list[int]:
    """What the account does before its decision, day by day; returns when it invites people."""
    i, founder = account.index, world.users[account.founder]
    lively = any(is_lively(world.users[m]) for m in account.members)
    liveliness = 0.6 * account.quality + (0.7 if lively else -1.4) + 0.6 * rng.normal()
    eager = EAGERNESS[account.entry_model]
    does = {
        name: bool(rng.random() < _logistic(np.log(p / (1 - p)) + slope * liveliness + eager))
        for name, (p, slope) in HABITS.items()
    }
    plan.runs_queries[i] = does["core_workflow"]
    plan.runs_queries_always[i] = rng.random() < REGULAR_QUERIES
    since, until = plan.burst(i)
    since = max(since, account.signed_up // MS_DAY + 1)
    last = world.parameters.end_ms // MS_DAY - 1
    window = np.arange(since, min(until, last) + 1)
    order = rng.permutation(SHORT_WINDOW + 9)
    counts = rng.integers(0, 2**31, 12)
    moments = [office_moment(rng, 0, account.utc_offset) for _ in range(24)]
    if not len(window):
        return []
    for name in EVENTS_ALONE:
        plan.features[name][i] = does[name]
    own = plan.active[founder.index]
    columns = window - plan.first_day
    # workdays first, in random order; from the end of the window on, weekends
    ranked = sorted(window.tolist(), key=lambda d: ((d + 3) % 7 >= 5, order[d - since]))
    if does["active_days"]:
        for day in ranked[: 6 + int(counts[0] % 4)]:
            own[day - plan.first_day] = True
    else:
        wanted = set(ranked[: int(counts[0] % 5)])
        for day in window.tolist():
            own[day - plan.first_day] &= day in wanted
    for nth, member in enumerate(m for m in account.members if m != founder.index):
        row = plan.active[member]
        row[columns] = False
        here = [d for d in ranked[nth % 3 :] if d >= begins[member]]
        if does["several_active_users"] and here and nth < 4:
            busy = [d for d in here if own[d - plan.first_day]] or here
            for day in busy[: 2 + int(counts[1] % 3)]:
                row[day - plan.first_day] = True
    days = [d for d in ranked if own[d - plan.first_day]]
    clock = iter(moments)

    def do(event: str, nth: int, extra: str | None = "", gap: int = 0) -> int:
        """On the nth of the busy days; a day without use becomes one."""
        day = (days or ranked)[nth % len(days or ranked)]
        own[day - plan.first_day] = True
        at = day * MS_DAY + next(clock) + gap
        plan.steps.append(Step(at, founder.index, event, extra))
        return at

    if does["core_workflow"] and days:
        for nth in range(min(len(days), 3)):
            do("query_run", nth, None)
    if does["pricing_page_viewed"]:
        for nth in range(1 + int(counts[2] % 3)):
            at = do("pricing_page_viewed", nth)
            if counts[3] % 4 == 0:
                plan.steps.append(Step(at + 90_000, founder.index, "plans_compared", ""))
    if does["limit_reached_twice"]:
        nearest = sorted(days or ranked)[:2]
        for nth in (0, 1):
            day = nearest[nth % len(nearest)]
            own[day - plan.first_day] = True
            at = day * MS_DAY + next(clock)
            plan.steps.append(Step(at, founder.index, "limit_reached", ',"limit":"queries"'))
    if does["checkout_started"]:
        at = do("checkout_started", 1, ',"plan":"team"')
        if counts[4] % 4 < 3:
            plan.steps.append(
                Step(at + MS_HOUR, founder.index, "checkout_abandoned", ',"plan":"team"')
            )
    if does["feature_dive"]:
        at = do("alert_created", 0, None)
        for nth, event in enumerate(("integration_added", "alert_created", "feature_gate_hit",
                                     "alert_created", "integration_added")):  # fmt: skip
            plan.steps.append(Step(at + (nth + 1) * 4 * MS_MINUTE, founder.index, event, None))
    if does["api_calls"]:
        calls = API_CALLS[0] + int(counts[5] % (API_CALLS[1] - API_CALLS[0]))
        busy = (days or ranked)[:6]
        for nth in range(calls):
            day = busy[nth % len(busy)]
            own[day - plan.first_day] = True
            at = day * MS_DAY + moments[0] + (nth // len(busy)) * 20_000
            plan.steps.append(Step(at, founder.index, "api_called", None))
    if does["support_contacted"]:
        at = do("support_contacted", 0)
        plan.tickets.append((at + 30_000, founder.index))
    if does["quota_used"]:
        plan.quota_from[i], plan.quota_until[i] = since, until + 4
    if counts[7] % 1_000 < 1_000 * COMMENT_SHARE:
        do("comment_added", 1)
    invited = []
    if does["teammates_invited"] and account.domain:
        # in the middle of these weeks: the colleagues are to look at it too
        middle = sorted(days or ranked, key=lambda d: abs(until - 4 - d))[:2]
        for nth in range(INVITES + int(counts[6] % 3)):
            day = middle[nth % len(middle)]
            own[day - plan.first_day] = True
            sent = day * MS_DAY + next(clock)
            invite = f"inv_y{account.index:05x}{nth:02x}"
            address = f"colleague{nth}@{account.domain}"
            if sent < world.parameters.end_ms - MS_HOUR:
                plan.invites.append((founder.index, sent, invite, address))
                invited.append(sent)
    return invited


def _read_features(
    world: World, plan: Intent, account: Account, activated_at: np.ndarray,
    invited: list[int], enriched: tuple[object, ...] | None,
) -> None:  # fmt: skip
    """What is really there on the evening of the decision, however it came about."""
    i, until = account.index, int(plan.decided_on[account.index])
    features = plan.features
    low, high = max(until - SHORT_WINDOW + 1 - plan.first_day, 0), until + 1 - plan.first_day
    used = np.zeros(max(high - low, 0), bool)
    people = 0
    for member in account.members:
        user = world.users[member]
        row = plan.active[member, low:high]
        mine = np.zeros(len(used), bool)
        mine[: len(row)] = row
        for moment in (user.signed_up, int(activated_at[member])):
            place = moment // MS_DAY - plan.first_day - low
            if moment and 0 <= place < len(mine):
                mine[place] = True
        people += bool(mine.any())
        used |= mine
    own = plan.active[account.founder, low:high]
    features["active_days"][i] = used.sum() >= 5
    features["several_active_users"][i] = people >= 2
    features["core_workflow"][i] = plan.runs_queries[i] and own.any()
    features["quota_used"][i] = plan.quota_from[i] > 0 and own.any()
    recent = sum(until - INVITE_WINDOW < at // MS_DAY <= until for at in invited)
    features["teammates_invited"][i] = recent >= INVITES
    features["icp_match"][i] = company_fits(account, enriched)
    features["hiring_signal"][i] = enriched is not None and bool(enriched[6])


def _background(world: World, plan: Intent, rng: np.random.Generator) -> None:
    """Now and then somebody looks at the prices or meets a limit without any decision near."""
    for account in world.accounts:
        founder, decided = account.founder, int(plan.decided_on[account.index])
        days = np.nonzero(plan.active[founder])[0] + plan.first_day
        draws = rng.random((len(days), 2))
        far = (days <= decided - WINDOW) | (days > decided + 7)
        for day, (one, other) in zip(days[far].tolist(), draws[far].tolist(), strict=True):
            at = day * MS_DAY + int((8 + 12 * other) * MS_HOUR)
            for event, low, high, extra in BACKGROUND:
                if low <= one < high:
                    plan.steps.append(Step(at, founder, event, extra))


def _noise(world: World, plan: Intent, rng: np.random.Generator) -> None:
    """What happens to everybody at the same pace, whatever they intend."""
    end = world.parameters.end_ms
    for account in world.accounts:
        months = (end - account.signed_up) / (30 * MS_DAY)
        for event, pace in NOISE_A_MONTH.items():
            for part in rng.random(int(rng.poisson(pace * months))):
                at = account.signed_up + MS_HOUR + int(part * (end - account.signed_up - MS_HOUR))
                plan.noise.append(Step(at, account.founder, event, ""))


def _choose_payers(world: World, plan: Intent, rng: np.random.Generator) -> None:
    """A fixed share by entry model, by log-odds and luck: a logit with the intercept that fits."""
    n = len(world.accounts)
    part = rng.uniform(1e-12, 1, n)
    score = plan.log_odds + np.log(part / (1 - part))
    waits = rng.random(n)
    last = world.parameters.end_ms // MS_DAY - 2
    for account in world.accounts:
        i = account.index
        decided = int(plan.decided_on[i])
        plan.pays_on[i] = decided + 3 + int(waits[i] * 8)
        if account.entry_model == "trial" and not plan.reverse_trial[i]:
            length = LONGER_TRIAL_DAYS if plan.longer_trial[i] else TRIAL_DAYS
            plan.pays_on[i] = account.signed_up // MS_DAY + length
    for model, rate in (("freemium", FREEMIUM_CONVERSION), ("trial", TRIAL_CONVERSION)):
        pool = [a.index for a in world.accounts if a.entry_model == model]
        ripe = [i for i in pool if plan.pays_on[i] < last and world.accounts[i].mark is None]
        plan.payers |= set(sorted(ripe, key=lambda i: -score[i])[: round(rate * len(pool))])
    for i in range(n):
        if i not in plan.payers:
            plan.pays_on[i] = 0


def _burst_until_paying(world: World, plan: Intent, rng: np.random.Generator) -> None:
    """Who has decided to pay goes on working with the product until the money moves."""
    for i in sorted(plan.payers):
        account = world.accounts[i]
        days = np.arange(plan.decided_on[i] + 1, plan.pays_on[i] + 1)
        days = days[(days + 3) % 7 < 5]
        for member in account.members:
            is_founder = member == account.founder
            chance = 0.75 if is_founder else 0.4 * plan.features["several_active_users"][i]
            here = days[days > world.users[member].signed_up // MS_DAY]
            busy = here[rng.random(len(here)) < chance] - plan.first_day
            plan.active[member, busy[busy < plan.active.shape[1]]] = True
        plan.runs_queries_to_pay[i] = rng.random() < QUERIES_UNTIL_PAYING
        if rng.random() < PLANS_COMPARED_SHARE:
            at = int(plan.decided_on[i] + 1) * MS_DAY + int(rng.uniform(8, 20) * MS_HOUR)
            founder = account.founder
            plan.steps.append(Step(at, founder, "pricing_page_viewed", ""))
            plan.steps.append(Step(at + 90_000, founder, "plans_compared", ""))


def _quiet_after_declining(world: World, plan: Intent, rng: np.random.Generator) -> None:
    """Who has looked closely and decided against paying comes less for some weeks."""
    for account in world.accounts:
        if account.index not in plan.payers:
            first = int(plan.decided_on[account.index]) + 1 - plan.first_day
            for member in account.members:
                after = plan.active[member, first : first + QUIET_DAYS]
                after &= rng.random(len(after)) < QUIET_SHARE
