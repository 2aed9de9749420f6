"""Pages of Stripe's lists, through the official client, with patience.

The client's own retries are off: one rule for throttling, outages and lost connections, which
waits as long as ``Retry-After`` says.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import stripe
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from ingestion.pulls.errors import PullRefused

PAGE_SIZE = 100  # Stripe's largest
ATTEMPTS = 6
TIMEOUT_SECONDS = 60
LONGEST_WAIT_SECONDS = 60
_backing_off = wait_random_exponential(multiplier=0.5, max=20)


@dataclass(frozen=True)
class Page:
    """``after``: the id the next page begins behind; None: this is the last."""

    rows: list[dict[str, Any]]
    after: str | None


class BadParameter(Exception):
    """The server does not take one of the parameters; ``name`` where it says which."""

    def __init__(self, name: str | None, message: str) -> None:
        super().__init__(message)
        self.name = name


class NoSuchList(Exception):
    """The server, or this key, has no such list."""


class StripeApi:
    """Reads lists of one account. Raises `PullRefused` for what no waiting helps against."""

    def __init__(
        self,
        api_key: str,
        url: str,
        version: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = url.rstrip("/")
        self._sleep = sleep
        self._client = stripe.StripeClient(
            api_key,
            stripe_version=version,
            base_addresses={"api": self._url},
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
        )
        self.version: str | None = None  # as the server says, else as we asked
        self._asked_version = version or stripe.api_version

    def page(self, path: str, params: Mapping[str, Any]) -> Page:
        """One page. Raises `BadParameter` and `NoSuchList` for the caller to decide."""
        for attempt in Retrying(
            retry=retry_if_exception(_is_worth_another_try),
            wait=_wait,
            stop=stop_after_attempt(ATTEMPTS),
            sleep=self._sleep,
            reraise=True,
        ):
            with attempt:
                try:
                    answer = self._client.raw_request("get", path, limit=PAGE_SIZE, **_flat(params))
                except stripe.StripeError as error:
                    raise self._as_ours(error, path, params) from error
        self.version = answer.headers.get("Stripe-Version") or self._asked_version
        body = orjson.loads(answer.body)
        rows = body["data"]
        return Page(rows, rows[-1]["id"] if body.get("has_more") and rows else None)

    def rest_of(self, nested: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """What a list inside an object leaves out (Stripe puts ten in)."""
        after = nested["data"][-1]["id"] if nested.get("has_more") and nested["data"] else None
        while after:
            page = self.page(nested["url"], {"starting_after": after})
            yield from page.rows
            after = page.after

    def _as_ours(
        self, error: stripe.StripeError, path: str, params: Mapping[str, Any]
    ) -> Exception:
        status = error.http_status
        if isinstance(error, stripe.AuthenticationError):
            return PullRefused(f"{self._url} does not know the key: check PLG_STRIPE_API_KEY")
        if isinstance(error, stripe.PermissionError):
            return NoSuchList(f"the key may not read {path}: allow it, or leave the list out")
        if status in (404, 405) and not params.get("starting_after"):
            return NoSuchList(f"{self._url} has no {path}")
        if status in (400, 404):
            return BadParameter(getattr(error, "param", None), f"{path}: {error.user_message}")
        return error


def is_outage(error: Exception) -> bool:
    """Whether the server failed, not the request."""
    return isinstance(error, stripe.StripeError)


def _is_worth_another_try(error: BaseException) -> bool:
    if isinstance(error, stripe.APIConnectionError | stripe.RateLimitError):
        return True
    status = getattr(error, "http_status", None) or 0
    return isinstance(error, stripe.StripeError) and (status in (408, 409, 429) or status >= 500)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception()
    headers = getattr(error, "headers", None) or {}
    headers = {name.lower(): value for name, value in headers.items()}
    try:
        asked = float(headers.get("retry-after", 0))
    except ValueError:
        asked = 0.0
    return min(max(asked, _backing_off(state)), LONGEST_WAIT_SECONDS)


def _flat(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}
