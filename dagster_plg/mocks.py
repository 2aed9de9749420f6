"""The mocks, where a destination that is switched on is one."""

from collections.abc import Iterator
from contextlib import contextmanager

from reverse_etl.mocks.process import mocks_running
from warehouse.settings import Settings


@contextmanager
def mocks_when_used(settings: Settings) -> Iterator[None]:
    """Keep this installation's mocks up for the block when any destination is a mock."""
    used = any(
        url == "mock" and enabled
        for url, enabled in (
            (settings.salesforce_url, settings.salesforce_enabled),
            (settings.hubspot_url, settings.hubspot_enabled),
            (settings.slack_url, settings.slack_enabled),
            (settings.webhook_url, settings.webhook_enabled),
        )
    )
    if not used:
        yield
        return
    with mocks_running(settings):
        yield
