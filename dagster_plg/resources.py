"""The one resource: this installation's settings, the same object for a whole run."""

from dagster import ConfigurableResource
from pydantic import PrivateAttr

from warehouse.settings import Settings


class Installation(ConfigurableResource):
    """Settings from the environment, read once a run, so that *now* is one moment."""

    _settings: Settings | None = PrivateAttr(default=None)

    @property
    def settings(self) -> Settings:
        if self._settings is None:
            self._settings = Settings()
        return self._settings
