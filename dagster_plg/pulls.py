"""What is pulled over HTTP before the landing folder is read. Unconfigured, nothing happens."""

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import AssetExecutionContext, AssetKey, MaterializeResult, asset

from dagster_plg.resources import Installation
from ingestion.pulls.crm import pull_crm
from ingestion.pulls.errors import NotConfigured
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
    kinds={"salesforce", "file"},
    owners=["data-engineering@plg.example"],
    description="What people changed in Salesforce since the last pull, into `landing/crm/`. Does "
    "nothing unless `PLG_CRM_READ_BACK`.",
)
def pulled_crm(context: AssetExecutionContext, installation: Installation):
    try:
        report = read_crm_back(installation.settings)
    except NotConfigured as error:
        return _nothing_pulled(context, error)
    return _materialized(context, report)


def read_crm_back(settings: Settings, *, full: bool = False) -> PullReport:
    """Pull the CRM, or the installation's mock of it. Raises what `pull_crm` does."""
    if not (settings.crm_read_back and settings.salesforce_enabled):
        raise NotConfigured("PLG_CRM_READ_BACK or Salesforce is off: the CRM is not read back")
    with _salesforce_url(settings) as url:
        return pull_crm(settings, SalesforceCrm(settings, url), full=full)


@contextmanager
def _salesforce_url(settings: Settings) -> Iterator[str]:
    from reverse_etl.mocks.process import mocks_running

    if settings.salesforce_url != "mock":
        yield settings.salesforce_url
        return
    with mocks_running(settings) as urls:
        yield urls.salesforce


def _nothing_pulled(context: AssetExecutionContext, error: NotConfigured) -> MaterializeResult:
    context.log.info("note: %s", error)
    return MaterializeResult(metadata={"note": str(error)})


def _materialized(context: AssetExecutionContext, report: PullReport) -> MaterializeResult:
    for note in report.all_notes():
        context.log.info("note: %s", note)
    context.log.info(report.summary())
    return MaterializeResult(
        metadata={
            "mode": report.mode,
            "api_version": report.api_version or "",
            "objects": report.rows,
            **{pulled.name: pulled.rows for pulled in report.lists},
        }
    )


pulls = [pulled_stripe, pulled_crm]
