"""Stripe's lists → ``landing/stripe/<object>/pull-….jsonl.gz``: gaps of the event log are filled.

The first pull reads every list whole. Later ones ask for what was created since, and for the
events since, which carry what changed on older objects; Stripe keeps events for 30 days, so after
a longer pause the lists are read whole again. A killed pull goes on behind its last page.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ingestion.pulls.cursors import Cursor, Cursors, Running, account_key, cursors_of
from ingestion.pulls.errors import NotConfigured, PullRefused
from ingestion.pulls.page_file import PageFile, PartLost, part_path
from ingestion.pulls.report import ListReport, PullReport
from ingestion.pulls.stripe_api import BadParameter, NoSuchList, Page, StripeApi, is_outage
from warehouse.settings import Settings

# objects may show up in a list a moment after the second they were created in
OVERLAP = timedelta(hours=1)
EVENTS_KEPT = timedelta(days=29)  # Stripe says 30
FILE_BYTES = 64 * 2**20
BEGINNINGS = 3  # of one list in one pull

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class StripeList:
    """One list: ``name`` is the landing folder, ``nested`` the lists inside each object.

    ``in_order``: rows of one second land oldest first. Stripe lists the newest first, but where
    seconds are equal the models take the later line for the newer state.
    """

    name: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    nested: tuple[str, ...] = ()
    in_order: bool = False


LISTS = (
    # first: what happens while the others are read is in the next pull's events
    StripeList("events", "/v1/events", in_order=True),
    StripeList("customers", "/v1/customers"),
    StripeList("products", "/v1/products"),
    StripeList("prices", "/v1/prices", {"expand": ["data.tiers"]}),
    StripeList("coupons", "/v1/coupons"),
    StripeList("promotion_codes", "/v1/promotion_codes"),
    StripeList(
        "subscriptions",
        "/v1/subscriptions",
        # Stripe leaves cancelled ones out unless asked
        {"status": "all", "expand": ["data.discounts", "data.items.data.price"]},
        nested=("items",),
    ),
    StripeList("invoices", "/v1/invoices", {"expand": ["data.discounts"]}, nested=("lines",)),
    StripeList("payment_intents", "/v1/payment_intents"),
    StripeList("charges", "/v1/charges", nested=("refunds",)),
    StripeList("refunds", "/v1/refunds"),
    StripeList("credit_notes", "/v1/credit_notes", nested=("lines",)),
    StripeList(
        "checkout_sessions", "/v1/checkout/sessions", {"expand": ["data.line_items"]},
        nested=("line_items",),
    ),
)  # fmt: skip
# what a server may refuse, in the order it is given up when it does not say which
OPTIONAL = ("created", "expand", "status")


def pull_stripe(
    settings: Settings,
    *,
    full: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
    progress: Progress | None = None,
) -> PullReport:
    """Pull every list. ``full``: whole, whatever was pulled before.

    Raises `NotConfigured`, `PullRunning`, `PullRefused`. After `PullRefused` the next pull goes
    on where this one stopped.
    """
    if not settings.stripe_api_key:
        raise NotConfigured("no PLG_STRIPE_API_KEY is set: Stripe is not pulled")
    started = time.monotonic()
    api = StripeApi(
        settings.stripe_api_key, settings.stripe_url, settings.stripe_api_version or None, sleep
    )
    account = account_key(settings.stripe_url, settings.stripe_api_key)
    with cursors_of(settings.home, "stripe", account) as cursors:
        report = PullReport("stripe", _mode(cursors, full, now()))
        if cursors.is_other_account:
            report.notes.append("another key or address than last time: everything is pulled anew")
        if report.mode == "full":
            cursors.about["full_since"] = now().isoformat()
            for cursor in cursors.lists.values():
                cursor.refuses.clear()  # the server may have learned
            cursors.save()
        pull = _Pull(settings, api, cursors, now)
        for index, stripe_list in enumerate(LISTS):
            if progress:
                progress("pull stripe", index, len(LISTS))
            report.lists.append(pull.one(stripe_list))
        report.api_version = api.version
        cursors.about = {"api_version": api.version, "pulled_at": now().isoformat()}
        cursors.save()
    report.seconds = round(time.monotonic() - started, 3)
    if progress:
        progress("pull stripe", len(LISTS), len(LISTS))
    return report


def _mode(cursors: Cursors, full: bool, now: datetime) -> str:
    full_is_unfinished = "full_since" in cursors.about
    if full_is_unfinished or (not full and any(c.running for c in cursors.lists.values())):
        return "resumed"
    until = cursors.of("events").complete_until
    if full or until is None or datetime.fromisoformat(until) < now - EVENTS_KEPT:
        return "full"
    return "incremental"


class _Pull:
    """One run over the lists."""

    def __init__(
        self,
        settings: Settings,
        api: StripeApi,
        cursors: Cursors,
        now: Callable[[], datetime],
    ) -> None:
        self._landing = settings.landing_dir
        self._api = api
        self._cursors = cursors
        self._now = now

    def one(self, stripe_list: StripeList) -> ListReport:
        """One list to its end."""
        report = ListReport(stripe_list.name)
        cursor = self._cursors.of(stripe_list.name)
        if self._is_due_whole(cursor) and cursor.running and cursor.running.since is not None:
            self._forget(cursor)
        try:
            for _ in range(BEGINNINGS):
                if self._read(stripe_list, cursor, report):
                    return report
        except NoSuchList as error:
            self._forget(cursor)
            report.is_skipped, report.note = True, str(error)
            return report
        raise PullRefused(f"{stripe_list.name}: begun {BEGINNINGS} times; {report.note}")

    def _is_due_whole(self, cursor: Cursor) -> bool:
        full_since = self._cursors.about.get("full_since")
        return cursor.complete_until is None or (
            full_since is not None
            and datetime.fromisoformat(cursor.complete_until) < datetime.fromisoformat(full_since)
        )

    def _read(self, stripe_list: StripeList, cursor: Cursor, report: ListReport) -> bool:
        """True: the list is read. False: it has to be begun again."""
        running = cursor.running or self._begin(stripe_list, cursor)
        landed = self._landing / running.path
        if not part_path(landed).exists():  # killed between landing and saying so?
            if running.is_read and (landed.exists() or not running.size_bytes):
                self._end(cursor, report)
                return True
            if landed.exists():
                landed = self._landing / self._next_path(stripe_list, running)
        try:
            file = PageFile(landed, running.size_bytes)
        except PartLost:
            report.note = "the file to go on with is gone: the list is pulled again"
            self._forget(cursor)
            return False
        try:
            for page in self._pages(stripe_list, cursor, report):
                file.add(self._completed(row, stripe_list, report) for row in page.rows)
                running.rows += len(page.rows)
                running.pages += 1
                running.after, running.is_read = page.after, page.after is None
                running.size_bytes = file.size_bytes
                self._cursors.save()
                if running.size_bytes >= FILE_BYTES and not running.is_read:
                    file.land()
                    report.files.append(running.path)
                    file = PageFile(self._landing / self._next_path(stripe_list, running))
        except BadParameter as error:
            # most likely what the next page begins behind is gone from the account
            report.note = f"pulled again from its first page ({error})"
            self._forget(cursor)
            return False
        finally:
            file.close()
        if file.land():
            report.files.append(running.path)
        self._end(cursor, report)
        return True

    def _pages(self, stripe_list: StripeList, cursor: Cursor, report: ListReport) -> Iterator[Page]:
        running = cursor.running
        while not running.is_read:
            page = self._page(stripe_list, cursor, report)
            yield _oldest_first(page) if stripe_list.in_order else page

    def _page(self, stripe_list: StripeList, cursor: Cursor, report: ListReport) -> Page:
        """The next page, without what this server does not take."""
        running = cursor.running
        params = dict(stripe_list.params)
        if running.since is not None:
            params["created"] = {"gt": int(datetime.fromisoformat(running.since).timestamp())}
        params = {name: value for name, value in params.items() if name not in cursor.refuses}
        while True:
            try:
                return self._api.page(stripe_list.path, {**params, "starting_after": running.after})
            except BadParameter as error:
                refused = _refused(error.name, params)
                if refused is None:
                    raise
                cursor.refuses.append(refused)
                why = str(error)
            except Exception as error:
                # some doubles fail instead of refusing; only the first page can tell
                if not is_outage(error) or "created" not in params or running.after:
                    raise self._down(error) from error
                refused, why = "created", str(error)
            report.note = f"pulled without {refused!r}, which this server does not take ({why})"
            del params[refused]

    @staticmethod
    def _down(error: Exception) -> Exception:
        if not is_outage(error):
            return error
        return PullRefused(
            f"Stripe does not answer ({error}); what was pulled is kept: pull again to go on"
        )

    def _completed(
        self, row: dict[str, Any], stripe_list: StripeList, report: ListReport
    ) -> dict[str, Any]:
        """The object with the whole of the lists inside it."""
        for name in stripe_list.nested:
            nested = row.get(name)
            if not isinstance(nested, dict) or not nested.get("has_more"):
                continue
            try:
                nested["data"] = [*nested["data"], *self._api.rest_of(nested)]
            except (BadParameter, NoSuchList) as error:
                report.note = f"{row['id']}: its {name} are not complete ({error})"
            else:
                nested["has_more"] = False
        return row

    def _begin(self, stripe_list: StripeList, cursor: Cursor) -> Running:
        started = self._now()
        since = None
        if not self._is_due_whole(cursor):
            since = (datetime.fromisoformat(cursor.complete_until) - OVERLAP).isoformat()
        path = _path(stripe_list, started, 1)
        cursor.running = Running(started_at=started.isoformat(), since=since, path=path)
        self._cursors.save()
        return cursor.running

    def _next_path(self, stripe_list: StripeList, running: Running) -> str:
        running.number += 1
        started = datetime.fromisoformat(running.started_at)
        running.path, running.size_bytes = _path(stripe_list, started, running.number), 0
        self._cursors.save()
        return running.path

    def _end(self, cursor: Cursor, report: ListReport) -> None:
        running = cursor.running
        report.rows, report.pages = running.rows, running.pages
        cursor.complete_until, cursor.running = running.started_at, None
        self._cursors.save()

    def _forget(self, cursor: Cursor) -> None:
        """Begin the list anew; what landed of it stays, the ingest knows repeats."""
        if cursor.running:
            part_path(self._landing / cursor.running.path).unlink(missing_ok=True)
        cursor.running = None
        self._cursors.save()


def _oldest_first(page: Page) -> Page:
    """The page turned round, without its last second if that may go on on the next page."""
    rows = page.rows
    if len(rows) < 2 or rows[0]["created"] < rows[-1]["created"]:
        return page  # a double that lists the oldest first
    if page.after is not None:
        whole = [row for row in rows if row["created"] != rows[-1]["created"]]
        rows = whole or rows  # a second longer than a page cannot be kept together
    return Page(rows[::-1], rows[-1]["id"] if page.after is not None else None)


def _refused(named: str | None, params: Mapping[str, Any]) -> str | None:
    """Which optional parameter to do without; None: none is left."""
    if named == "starting_after":
        return None
    if named:
        return next((name for name in OPTIONAL if named.startswith(name) and name in params), None)
    return next((name for name in OPTIONAL if name in params), None)


def _path(stripe_list: StripeList, started: datetime, number: int) -> str:
    return f"stripe/{stripe_list.name}/pull-{started:%Y%m%dT%H%M%S%f}-{number:03}.jsonl.gz"
