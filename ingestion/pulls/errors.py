"""What can go wrong with a pull, by what somebody should do."""


class PullError(Exception):
    """A pull that did not end.

    PullError
      ├─ NotConfigured  no credentials: the pull is off
      ├─ PullRunning    another process pulls the same source into this home
      └─ PullRefused    the API does not let us in, or is down longer than retries wait
    """


class NotConfigured(PullError):
    """The source has no credentials in the settings."""


class PullRunning(PullError):
    """Another pull of this source works on this home."""


class PullRefused(PullError):
    """The API said no, or nothing; the message says what to do."""
