"""What an installation's settings decide: how its processes are set up, and which resources its assets are given."""

from typing import Any

from markdown_pricing.countries import Countries
from markdown_pricing.installation.files import read_reason_codes
from markdown_pricing.installation.from_settings import erp_of, lake_of, rules_of
from markdown_pricing.installation.preflight import Preflight
from markdown_pricing.installation.settings import Settings
from markdown_pricing.kept.handover import Handover
from markdown_pricing.lake.old_results import KeptFor
from markdown_pricing.orchestration.resources import DemandTraining, SharedLearning, fixed, made_for_each_run
from markdown_pricing.pricing import SEED
from markdown_pricing.process.device import choose_device
from markdown_pricing.process.logs import write_to


def set_up_process(settings: Settings) -> None:
    """Decide for a whole process where its log lines go, and on which device demand models compute.

    It is called once, where a code server, a run worker or a command loads what it works with.
    """
    choose_device(settings.device)
    write_to(settings.log, settings.environment, settings.secrets)


def resources_of(settings: Settings, countries: Countries) -> dict[str, Any]:
    """The resources of one installation, each under the name by which assets ask for it."""
    return {
        "lake": fixed(
            lake_of(settings),
            "The lake, on HDFS or in a folder, from which sales are read and on which results are kept.",
        ),
        "in_memory": made_for_each_run(Handover, "The training data that a run has kept, handed on to its next steps."),
        "demand_training": DemandTraining(
            model=settings.demand_model, follow_champion=settings.follow_champion, seed=SEED, threads=1
        ),
        "shared_learning": SharedLearning(),
        "rules": fixed(rules_of(settings), "The rules that every price obeys, by country and category."),
        "reason_codes": fixed(read_reason_codes(), "The sentences that tell buyers why a price is what it is."),
        "countries": fixed(countries, "The countries that are priced, with their currencies and price endings."),
        "kept_for": fixed(
            KeptFor(settings.keep_weeks), "How long old models and what they were trained on stay on the lake."
        ),
        "preflight": fixed(Preflight(settings), "What is asked before a round whether all is there that it needs."),
        "erp": fixed(
            erp_of(settings), "The database in which the pricing department reads recommendations and decides."
        ),
    }
