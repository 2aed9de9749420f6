"""`plg crm setup`: what a CRM lacks for the syncs of this installation, and creating it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from reverse_etl.connect import connect, destination_url, is_enabled
from reverse_etl.destinations.base import CallCount
from reverse_etl.setup.wanted import WantedField, wanted_objects
from reverse_etl.shape import read_shape
from reverse_etl.specs import SyncSpec, load_specs
from warehouse.settings import Settings

Crm = Literal["salesforce", "hubspot"]
CRMS: tuple[Crm, ...] = ("salesforce", "hubspot")


@dataclass(frozen=True)
class SetupReport:
    """What one CRM lacked, and what was done about it.

    ``missing`` one line an object or field; ``is_applied`` says that all of it was created;
    ``left`` what only a person can change.
    """

    crm: Crm
    missing: list[str] = field(default_factory=list)
    is_applied: bool = False
    left: list[str] = field(default_factory=list)
    message: str | None = None

    @property
    def ok(self) -> bool:
        return not self.left

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def set_up(
    settings: Settings,
    crm: Crm,
    *,
    apply: bool = False,
    base_urls: Mapping[str, str] | None = None,
    specs_folder: Path | None = None,
) -> SetupReport:
    """Compare a CRM with the specs of its enabled syncs; with ``apply`` create what is missing.

    Running it again does nothing. Raises `SyncError` where the published types are not known,
    `DestinationError` where the CRM refuses.
    """
    specs = load_specs(specs_folder) if specs_folder else load_specs()
    chosen = [
        spec
        for spec in specs.values()
        # an audience makes its lists itself
        if spec.destination == crm and spec.audience is None and is_enabled(settings, spec)
    ]
    if not chosen:
        return SetupReport(crm, message="no sync of it is switched on")
    syncs = [(spec, read_shape(spec, settings.published_path)) for spec in chosen]
    wanted = wanted_objects(syncs)
    with _setup_of(settings, crm, chosen[0], base_urls) as setup:
        missing = setup.missing(wanted)
        lines = [f"object {entry.name} (for {', '.join(entry.syncs)})" for entry in missing.objects]
        lines += [f"{name}.{_told(entry)}" for name, entry in missing.fields]
        if apply and not missing.is_nothing:
            setup.apply(missing, wanted)
        left = [*missing.standard, *setup.problems(syncs)]
        return SetupReport(crm, lines, apply and not missing.is_nothing, left)


@contextmanager
def _setup_of(
    settings: Settings, crm: Crm, spec: SyncSpec, base_urls: Mapping[str, str] | None
) -> Iterator[Any]:
    with destination_url(settings, crm, base_urls) as url:
        destination: Any = connect(settings, spec, url, CallCount())
        try:
            destination.log_in()
            if crm == "salesforce":
                from reverse_etl.setup.salesforce import SalesforceSetup

                yield SalesforceSetup(destination)
            else:
                from reverse_etl.setup.hubspot import HubSpotSetup

                yield HubSpotSetup(destination)
        finally:
            destination.close()


def _told(field: WantedField) -> str:
    if field.points_at is not None:
        return f"{field.name} (reference to {field.points_at})"
    size = f" of up to {field.length}" if field.type == "text" and field.length else ""
    key = ", external id, unique" if field.is_key else ""
    return f"{field.name} ({field.type}{size}{key})"
