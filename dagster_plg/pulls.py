"""What is pulled over HTTP before the landing folder is read. Unconfigured, nothing happens."""

from dagster import AssetExecutionContext, AssetKey, MaterializeResult, asset

from dagster_plg.resources import Installation
from ingestion.pulls.errors import NotConfigured
from ingestion.pulls.stripe import pull_stripe

PULLED_STRIPE = AssetKey(["pulled", "stripe"])
# which raw datasets are read after which pull
PULLED_FOR: dict[str, AssetKey] = {
    "stripe_events": PULLED_STRIPE,
    "stripe_objects": PULLED_STRIPE,
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
        context.log.info("note: %s", error)
        return MaterializeResult(metadata={"note": str(error)})
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


pulls = [pulled_stripe]
