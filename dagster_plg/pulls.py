"""What is pulled over HTTP before the landing folder is read. Unconfigured, nothing happens."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from dagster import AssetExecutionContext, AssetKey, MaterializeResult, asset

from dagster_plg.resources import Installation
from ingestion.pulls.crm import Crm, crms_read_back, pull_crm
from ingestion.pulls.errors import NotConfigured
from ingestion.pulls.hubspot_api import HubSpotCrm
from ingestion.pulls.report import PullReport
from ingestion.pulls.salesforce_api import SalesforceCrm
from ingestion.pulls.stripe import pull_stripe
from warehouse.settings import Settings

PULLED_STRIPE = AssetKey(["pulled", "stripe"])
PULLED_CRM = AssetKey(["pulled", "crm"])
# which raw datasets are read after which pull
PULLED_FOR: dict[str, AssetKey] = {
    "stripe_events": PULLED_STRIPE,
    "stripe_objects": PULLED_STRIPE,
    "crm_records": PULLED_CRM,
}
_CRMS: Mapping[str, Callable[[Settings, str], Crm]] = {
    "salesforce": SalesforceCrm,
    "hubspot": HubSpotCrm,
}


@asset(
    key=PULLED_STRIPE,
    group_name="pulled",
    kinds={"stripe", "file"},
    owners=["data-engineering@plg.example"],
    description="Stripe's lists and its events of the last 30 days, into `landing/stripe/`: what "
    "is new since the last pull. Does nothing without `PLG_STRIPE_API_KEY`.",
)
def pulled_stripe(context: AssetExecutionContext, installation: Installation):
    try:
        report = pull_stripe(installation.settings)
    except NotConfigured as error:
        return _nothing_pulled(context, error)
    return _materialized(context, report)


@asset(
    key=PULLED_CRM,
    group_name="pulled",
    kinds={"salesforce", "hubspot", "file"},
    owners=["data-engineering@plg.example"],
    description="What people changed in Salesforce and HubSpot since the last pull, into "
    "`landing/crm/`. Does nothing unless `PLG_CRM_READ_BACK`.",
)
def pulled_crm(context: AssetExecutionContext, installation: Installation):
    try:
        reports = read_crms_back(installation.settings)
    except NotConfigured as error:
        return _nothing_pulled(context, error)
    return _materialized(context, *reports)


def read_crms_back(settings: Settings, *, full: bool = False) -> list[PullReport]:
    """Pull every CRM that is switched on, or the installation's mocks of them.

    Beside a real CRM a mock is no source: what it holds is only what we wrote. Raises what
    `pull_crm` does.
    """
    urls = {name: getattr(settings, f"{name}_url") for name in crms_read_back(settings)}
    if not urls:
        raise NotConfigured(
            "PLG_CRM_READ_BACK or every CRM (PLG_SALESFORCE_ENABLED, PLG_HUBSPOT_ENABLED) is "
            "off: no CRM is read back"
        )
    with _without_mocks(settings, urls) as urls:
        return [
            pull_crm(settings, _CRMS[name](settings, url), full=full) for name, url in urls.items()
        ]


@contextmanager
def _without_mocks(settings: Settings, urls: dict[str, str]) -> Iterator[dict[str, str]]:
    from reverse_etl.mocks.process import mocks_running

    if "mock" not in urls.values():
        yield urls
        return
    with mocks_running(settings) as mocks:
        yield {name: getattr(mocks, name) for name in urls}


def _nothing_pulled(context: AssetExecutionContext, error: NotConfigured) -> MaterializeResult:
    context.log.info("note: %s", error)
    return MaterializeResult(metadata={"note": str(error)})


def _materialized(context: AssetExecutionContext, *reports: PullReport) -> MaterializeResult:
    metadata: dict[str, str | int] = {"objects": sum(report.rows for report in reports)}
    for report in reports:
        for note in report.all_notes():
            context.log.info("note: %s: %s", report.source, note)
        context.log.info(report.summary())
        metadata[f"{report.source}: mode"] = report.mode
        if report.api_version:
            metadata[f"{report.source}: api_version"] = report.api_version
        metadata |= {f"{report.source}: {pulled.name}": pulled.rows for pulled in report.lists}
    return MaterializeResult(metadata=metadata)


pulls = [pulled_stripe, pulled_crm]
