"""Audiences as HubSpot's manual lists: a row is a membership, its coming and going enter and leave.

A list that is not there is made. A member is found by a unique property (its e-mail) when it
enters, and leaves by the record id that the ledger kept: also when the e-mail has changed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hubspot.crm.lists import ListCreateRequest, MembershipChangeRequest
from hubspot.crm.objects import BatchReadInputSimplePublicObjectId

from reverse_etl.destinations.base import Answer, CallCount, Outgoing
from reverse_etl.destinations.hubspot import HubSpotDestination, HubSpotLogin
from reverse_etl.errors import DestinationError, Rejection, SyncStopped
from reverse_etl.specs import Audience, SyncSpec

OBJECT_TYPES = {"contacts": "0-1", "companies": "0-2"}
_OTHER_ADDRESSES = "hs_additional_emails"
_BETWEEN = "\x1f"


class HubSpotAudience(HubSpotDestination):
    """The lists of one sync."""

    def __init__(
        self,
        spec: SyncSpec,
        audience: Audience,
        login: HubSpotLogin,
        calls: CallCount | None = None,
    ):
        super().__init__(spec, login, calls)
        self.audience = audience
        self.lists = self.client.crm.lists.lists_api
        self.memberships = self.client.crm.lists.memberships_api
        self._list_ids: dict[str, str] = {}

    def check(self) -> None:
        properties = self._counted(
            f"properties of {self.spec.object}",
            lambda: self.properties.get_all(self.spec.object, _request_timeout=self._seconds),
        )
        member = self.audience.member
        known = next((p for p in properties.results if p.name == member), None)
        if known is None or not (known.has_unique_value or member == "email"):
            raise SyncStopped(
                f"{self.spec.name}.yml finds members of {self.spec.object} by {member}, which is "
                "no unique property there; change audience.member"
            )

    def call_for(self, outgoing: Outgoing) -> str:
        """``left list, entered list``: memberships of one list share batches."""
        record = outgoing.record
        entered = record.payload.get(self.audience.list) or ""
        left = record.acknowledged.get(self.audience.list) or entered
        if record.operation == "delete":
            return f"{left}{_BETWEEN}"
        if outgoing.as_new or record.destination_id is None:
            return f"{_BETWEEN}{entered}"
        return f"{left}{_BETWEEN}{entered}"

    def send(self, call: str, batch: Sequence[Outgoing]) -> list[Answer]:
        left, _, entered = call.partition(_BETWEEN)
        ids = self._found(batch) if entered else {}
        entering = [ids.get(self._member(outgoing)) for outgoing in batch]
        # whoever cannot enter stays where it was: the change is tried again as a whole
        leaving = [
            str(outgoing.record.destination_id)
            for outgoing, record_id in zip(batch, entering, strict=True)
            if left and (record_id or not entered)
        ]
        missing = self._change(left, entered, leaving, [i for i in entering if i])
        return [
            Answer() if not entered else self._answer(outgoing, record_id, missing)
            for outgoing, record_id in zip(batch, entering, strict=True)
        ]

    # members -----------------------------------------------------------------------------

    def _member(self, outgoing: Outgoing) -> str:
        return str(outgoing.record.payload.get(self.audience.member) or "").lower()

    def _found(self, batch: Sequence[Outgoing]) -> Mapping[str, str]:
        """Member → record id, of those that HubSpot knows."""
        wanted = [{"id": member} for member in dict.fromkeys(map(self._member, batch)) if member]
        if not wanted:
            return {}
        request = BatchReadInputSimplePublicObjectId(
            id_property=self.audience.member,
            inputs=wanted,
            properties=[self.audience.member, _OTHER_ADDRESSES],
            properties_with_history=[],
        )
        answer = self._counted(
            f"read of {len(wanted)} {self.spec.object}",
            lambda: self.batches.read(self.spec.object, request, _request_timeout=self._seconds),
        )
        found: dict[str, str] = {}
        for record in answer.results:
            others = str(record.properties.get(_OTHER_ADDRESSES) or "").split(";")
            for name in (record.properties.get(self.audience.member), *others):
                if name:
                    found[str(name).strip().lower()] = record.id
        return found

    def _answer(self, outgoing: Outgoing, record_id: str | None, missing: Sequence[str]) -> Answer:
        if record_id is not None and record_id not in missing:
            return Answer(destination_id=record_id)
        return Answer(
            rejection=Rejection(
                "missing_reference",
                f"HubSpot has no {self.spec.object} with {self.audience.member} "
                f"{self._member(outgoing) or '(empty)'}",
            )
        )

    # lists -------------------------------------------------------------------------------

    def _change(
        self, left: str, entered: str, leaving: list[str], entering: list[str]
    ) -> Sequence[str]:
        """Members out of one list and into another, or the same; ids HubSpot does not know."""
        if left == entered:
            stay = set(entering)
            change = MembershipChangeRequest(
                record_ids_to_add=entering,
                record_ids_to_remove=[i for i in leaving if i not in stay],
            )
            return (
                self._written(self.memberships.add_and_remove, entered, change) if entering else []
            )
        missing: Sequence[str] = []
        if entering:
            missing = self._written(self.memberships.add, entered, entering)
        if leaving:
            self._written(self.memberships.remove, left, leaving)
        return missing

    def _written(self, write: Callable[..., Any], name: str, change: Any) -> Sequence[str]:
        list_id = self._list_id(name)
        answer = self._counted(
            f"members of list {name!r}",
            lambda: write(list_id, change, _request_timeout=self._seconds),
            is_write=True,
        )
        return [str(i) for i in answer.record_ids_missing or []]

    def _list_id(self, name: str) -> str:
        if name not in self._list_ids:
            type_id = OBJECT_TYPES[self.spec.object]
            found = self._counted(
                f"list {name!r}",
                lambda: self.lists.get_by_name(name, type_id, _request_timeout=self._seconds),
                none_where_absent=True,
            )
            if found is None:
                request = ListCreateRequest(
                    name=name, object_type_id=type_id, processing_type="MANUAL"
                )
                found = self._counted(
                    f"new list {name!r}",
                    lambda: self.lists.create(request, _request_timeout=self._seconds),
                    is_write=True,
                )
            self._list_ids[name] = str(found.list.list_id)
        return self._list_ids[name]

    # calls -------------------------------------------------------------------------------

    @property
    def _seconds(self) -> float:
        return self.login.timeout_seconds

    def _counted(
        self,
        what: str,
        call: Callable[[], Any],
        *,
        is_write: bool = False,
        none_where_absent: bool = False,
    ) -> Any:
        self.calls.count(is_write=is_write)
        try:
            return call()
        except Exception as error:
            if none_where_absent and getattr(error, "status", None) == 404:
                return None
            named = self.named(error, what)
            if isinstance(named, DestinationError):
                raise named from error
            raise
