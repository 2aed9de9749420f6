"""What changed in a Salesforce org, through `simple-salesforce`.

Every field the user may read is asked for, so fields a company added come along. ``queryAll``
tells of deleted records too.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, SalesforceError
from simple_salesforce.exceptions import SalesforceExpiredSession
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from ingestion.pulls.crm import CrmPage, NoSuchObject
from ingestion.pulls.cursors import account_key
from ingestion.pulls.errors import PullRefused
from warehouse.settings import Settings

API_VERSION = "59.0"
ATTEMPTS = 6
TIMEOUT_SECONDS = 60
LONGEST_WAIT_SECONDS = 60
# landing folder -> object; owners first, so that whoever is named is known
OBJECTS: Mapping[str, str] = {
    "owners": "User",
    "accounts": "Account",
    "contacts": "Contact",
    "leads": "Lead",
    "opportunities": "Opportunity",
    "opportunity_history": "OpportunityHistory",
    "tasks": "Task",
    "campaign_members": "CampaignMember",
    "pqls": "PQL__c",  # what our syncs wrote, and reps answered on
}
_CHANGED_BY = ("SystemModstamp", "LastModifiedDate", "CreatedDate")
_NO_COLUMN = ("address", "location", "base64")  # composed of others, or too large
_NOT_THERE = ("INVALID_TYPE", "NOT_FOUND", "INSUFFICIENT_ACCESS")
_backing_off = wait_random_exponential(multiplier=0.5, max=20)


class _PlainHttp(HTTPAdapter):
    """Speaks http where the client insists on https; for a Salesforce on this machine."""

    def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
        request.url = "http" + request.url.removeprefix("https")
        return super().send(request, *args, **kwargs)


class SalesforceCrm:
    """One org, as `Crm`. ``url``: where to log in."""

    name = "salesforce"
    objects = tuple(OBJECTS)

    def __init__(
        self, settings: Settings, url: str, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._settings = settings
        self._url = url.rstrip("/")
        self._sleep = sleep
        self._client: Salesforce | None = None
        self._session = requests.Session()
        self._retry_after = 0.0
        self._session.hooks["response"].append(self._note_retry_after)
        parts = urlsplit(self._url)
        if parts.scheme == "http":
            self._session.mount(f"https://{parts.netloc}", _PlainHttp())
            self._session.trust_env = False
        # a port may change from start to start where the org is a mock
        place = "mock" if settings.salesforce_url == "mock" else self._url
        self.account = account_key(place, settings.salesforce_username)

    def changed(self, name: str, since: str | None, after: str | None) -> Iterator[CrmPage]:
        since = after or since  # in order of change: the last change seen is the place
        object_name = OBJECTS[name]
        columns, changed_by = self._columns(object_name)
        query = f"select {', '.join(columns)} from {object_name}"
        if since is not None:
            moment = datetime.fromisoformat(since).astimezone(UTC)
            query += f" where {changed_by} >= {moment:%Y-%m-%dT%H:%M:%S}.000Z"
        query += f" order by {changed_by}"
        answer = self._ask(lambda client: client.query(query, include_deleted=True))
        while answer["records"]:
            rows = [_as_landed(record, changed_by) for record in answer["records"]]
            until = _iso(rows[-1][changed_by])
            yield CrmPage(rows, after=until, until=until)
            if answer["done"]:
                return
            more = answer["nextRecordsUrl"]
            answer = self._ask(
                lambda client, more=more: client.query_more(more, identifier_is_url=True)
            )

    def _columns(self, object_name: str) -> tuple[list[str], str]:
        path = f"sobjects/{object_name}/describe"
        described = self._ask(lambda client: client.restful(path))
        names = [f["name"] for f in described["fields"] if f["type"] not in _NO_COLUMN]
        changed_by = next((name for name in _CHANGED_BY if name in names), None)
        if changed_by is None:
            raise NoSuchObject(f"{object_name} does not say when its records changed")
        return names, changed_by

    def _ask(self, question: Callable[[Salesforce], Any]) -> Any:
        for attempt in Retrying(
            retry=retry_if_exception(_is_worth_another_try),
            wait=self._wait,
            stop=stop_after_attempt(ATTEMPTS),
            sleep=self._sleep,
            reraise=True,
        ):
            with attempt:
                self._retry_after = 0.0
                try:
                    if self._client is None:
                        self._client = self._log_in()
                    return question(self._client)
                except SalesforceExpiredSession:
                    self._client = None
                    raise
                except SalesforceError as error:
                    if any(code in str(error.content) for code in _NOT_THERE):
                        raise NoSuchObject(
                            f"Salesforce has no such object for this user ({error.url})"
                        ) from error
                    raise self._final(error) from error
                except requests.RequestException as error:
                    raise _Down(str(error)) from error
        raise AssertionError("the last attempt raises")

    def _final(self, error: SalesforceError) -> Exception:
        if error.status in (429, 500, 502, 503, 504):
            return _Down(f"HTTP {error.status}: {error.content}")
        return PullRefused(f"Salesforce refused: HTTP {error.status}: {error.content}")

    def _log_in(self) -> Salesforce:
        settings = self._settings
        form = {
            "client_id": settings.salesforce_client_id,
            "client_secret": settings.salesforce_client_secret,
        }
        if settings.salesforce_username:
            form |= {
                "grant_type": "password",
                "username": settings.salesforce_username,
                "password": settings.salesforce_password,
            }
        else:
            form["grant_type"] = "client_credentials"
        answer = self._session.post(
            f"{self._url}/services/oauth2/token", data=form, timeout=TIMEOUT_SECONDS
        )
        if answer.status_code == 429 or answer.status_code >= 500:
            raise _Down(f"login: HTTP {answer.status_code}")
        if answer.status_code != 200:
            raise PullRefused(
                f"Salesforce refused the login at {self._url}: {answer.text[:200]}. "
                "Check PLG_SALESFORCE_CLIENT_ID, _CLIENT_SECRET, _USERNAME and _PASSWORD"
            )
        body = answer.json()
        return Salesforce(
            session_id=body["access_token"],
            instance=body["instance_url"].split("://", 1)[-1].rstrip("/"),
            session=self._session,
            version=API_VERSION,
        )

    def _note_retry_after(self, response: requests.Response, *args: Any, **kwargs: Any) -> None:
        try:
            self._retry_after = float(response.headers.get("Retry-After", 0))
        except ValueError:
            self._retry_after = 0.0

    def _wait(self, state: RetryCallState) -> float:
        return min(max(self._retry_after, _backing_off(state)), LONGEST_WAIT_SECONDS)


class _Down(PullRefused):
    """Throttled or not there: worth another try, and the answer when tries are used up."""

    def __init__(self, message: str) -> None:
        super().__init__(f"Salesforce does not answer ({message}); pull again to go on")


def _is_worth_another_try(error: BaseException) -> bool:
    return isinstance(error, _Down | SalesforceExpiredSession)


def _as_landed(record: Mapping[str, Any], changed_by: str) -> dict[str, Any]:
    landed = {name: value for name, value in record.items() if name != "attributes"}
    # the ingest wants a time of change; histories have only that of their making
    landed.setdefault("SystemModstamp", landed[changed_by])
    return landed


def _iso(text: str) -> str:
    """Salesforce's ``2026-01-01T00:00:00.000+0000`` as ISO 8601."""
    return datetime.fromisoformat(text).isoformat()
