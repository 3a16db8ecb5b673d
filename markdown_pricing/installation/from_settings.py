"""What settings name, made: the lake, the ERP, the countries, their rules. Nobody else takes the settings apart for it.

Each is imported when it is made, so that a command loads only what it works with.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from markdown_pricing.countries import Countries, read_countries
from markdown_pricing.installation.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from markdown_pricing.erp.database import Erp
    from markdown_pricing.lake.filesystem import Lake
    from markdown_pricing.markdown.rules import RuleBook


def lake_of(settings: Settings, url: str | None = None) -> "Lake":
    """The installation's lake, or the one at `url` with the installation's key and the models that it allows."""
    from markdown_pricing.lake.filesystem import Lake

    return Lake(settings.lake_url if url is None else url, settings.results_key, settings.allowed_models)


def champion_of(settings: Settings, lake: "Lake") -> str:
    """The name of the demand model that prices: the lake's champion, unless a setting names another one."""
    from markdown_pricing.experiments.champion import champion_or

    return champion_or(lake, settings.demand_model, settings.follow_champion)


def erp_of(settings: Settings) -> "Erp":
    """The database that the installation refreshes."""
    from markdown_pricing.erp.database import Erp

    return Erp(settings.erp_url, settings.erp_user, settings.erp_password, settings.erp_schema)


def engine_of(settings: Settings) -> "Engine":
    """The engine of that database, which connects to nothing yet. Raises BadErpUrl and MissingDriver."""
    return erp_of(settings).not_connected()


def countries_of(settings: Settings) -> Countries:
    """The countries that are priced, with their changes of currency. Raises BadCountries and BadCurrencies."""
    return read_countries(settings.countries_file, settings.currencies_file)


def rules_of(settings: Settings, instead: Path | None = None) -> "RuleBook":
    """The rules that every price obeys, or those of the file that is named in their place. Raises BadRules."""
    from markdown_pricing.installation.files import read_rules

    return read_rules(instead or settings.rules_file)


def decision_reasons_of(settings: Settings) -> Mapping[str, str]:
    """The codes that say why somebody changed or rejected a price. Raises BadDecisionReasons."""
    from markdown_pricing.installation.files import read_decision_reasons

    return read_decision_reasons(settings.decision_reasons_file)
