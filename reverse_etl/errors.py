"""What can go wrong in a sync, named by what the caller should do.

DestinationError            something the destination said
  ├─ RetryLater             throttled or briefly down; carries `retry_after` seconds
  ├─ SessionExpired         the token is no longer good; log in again, once
  ├─ BatchRefused           a batch was refused as a whole without per-record detail; bisect it
  ├─ RecordRejected         this record will never be accepted as it is; dead-letter it
  └─ SyncStopped            nothing more can be sent (credentials, schema); a person must act

SyncError                   something on our side, before anything is sent
  ├─ SpecError              a sync specification is wrong: file, key, what is allowed
  ├─ SourceInvalid          the published table is missing or breaks the sync's assumptions
  ├─ BreakerTripped         the plan looks wrong (`reverse_etl.breaker`); released by a person
  └─ SyncBusy               the same sync runs already
"""

from dataclasses import dataclass

from reverse_etl.redact import redacted


class DestinationError(Exception):
    """Something the destination said; its words, with secrets removed."""

    def __init__(self, message: str):
        super().__init__(redacted(message))


class RetryLater(DestinationError):
    """Throttled, briefly down, or no answer: the same call may succeed later."""

    def __init__(self, message: str, retry_after: float | None = None):
        super().__init__(message)
        self.retry_after = retry_after


class SessionExpired(DestinationError):
    """The session or token is no longer good."""


class BatchRefused(DestinationError):
    """The batch was refused as a whole; which record is to blame is not said."""

    def __init__(self, message: str, code: str = ""):
        super().__init__(message)
        self.code = code


class SyncStopped(DestinationError):
    """Nothing more can be sent until a person acts."""


@dataclass(frozen=True)
class Rejection:
    """Why one record was refused.

    ``error_class`` is ours (one of `ERROR_CLASSES`), ``message`` is in the destination's
    words, ``next_action`` says what a person can do.
    """

    error_class: str
    message: str
    code: str = ""

    @property
    def next_action(self) -> str:
        return ERROR_CLASSES[self.error_class]

    @property
    def is_transient(self) -> bool:
        return self.error_class == "transient"


class RecordRejected(DestinationError):
    """One record was refused."""

    def __init__(self, rejection: Rejection):
        super().__init__(rejection.message)
        self.rejection = rejection


ERROR_CLASSES = {
    "invalid_value": "Correct the value in the source system, or change the mapping of the field "
    "it names; the record is sent again in every run.",
    "missing_reference": "The record it points at is not in the destination yet. Run the sync "
    "named in depends_on, or find out why that record was refused.",
    "duplicate": "Another record of the destination holds this unique value. Merge the two "
    "records there, or correct the key in the source.",
    "required_missing": "Fill the field it names in the source, or give it a default in the "
    "mapping.",
    "unknown_field": "The destination lacks a field of the mapping, or the integration user may "
    "not write it. Create the field or grant access, or take it out of the mapping.",
    "not_found": "The record was deleted or merged in the destination. It is looked for again in "
    "the next run; dismiss it where it shall stay deleted.",
    "permission": "Give the integration user the right it names.",
    "transient": "Nothing to do: the destination was busy; the next run sends it again.",
    "refused": "Read the destination's message; correct the source or the destination's rule, or "
    "dismiss the record.",
}


class SyncError(Exception):
    """Something on our side, before anything is sent."""


class SpecError(SyncError):
    """A sync specification is wrong."""


class SourceInvalid(SyncError):
    """The published table is missing or breaks the sync's assumptions."""


class BreakerTripped(SyncError):
    """The plan looks wrong; nothing was sent."""


class SyncBusy(SyncError):
    """The same sync runs already."""
