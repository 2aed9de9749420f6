"""The model cards, written anew after each publication and shown in Dagster."""

from dagster import AssetExecutionContext, AssetKey, MaterializeResult, MetadataValue, asset

from dagster_plg.publishing import PUBLISHED_KEY
from dagster_plg.resources import Installation


@asset(
    key=AssetKey(["reports", "model_cards"]),
    deps=[PUBLISHED_KEY],
    group_name="reports",
    kinds={"markdown", "html"},
    owners=["growth@plg.example"],
    description="A card for each scoring model in PLG_HOME/reports/model_cards: inputs, weights, "
    "proof, bias review, approvals, history. From the published copy.",
)
def model_cards(context: AssetExecutionContext, installation: Installation) -> MaterializeResult:
    from warehouse.model_cards.facts import collect_facts
    from warehouse.model_cards.write import cards_dir, write_cards

    settings = installation.settings
    written = write_cards(collect_facts(settings), cards_dir(settings))
    context.log.info("model cards: %d written to %s", len(written), cards_dir(settings))
    return MaterializeResult(
        metadata={
            "folder": MetadataValue.path(str(cards_dir(settings))),
            **{card.model_key: MetadataValue.md(card.markdown) for card in written},
        }
    )
