"""Week × country: one partition is one country of one week, and a run reads the week that it is for."""

from collections.abc import Iterable, Sequence
from datetime import date

import dagster as dg

from markdown_pricing.countries import Countries
from markdown_pricing.orchestration.names import SHARED
from markdown_pricing.provenance import code_version
from markdown_pricing.weeks import HEAD_OFFICE, parse_week


def weeks_from(start: date) -> dg.WeeklyPartitionsDefinition:
    """One partition for each Monday from `start` on. Each exists from 00:00 on its own Monday."""
    # Without end_offset a week would exist only when it is over, and every round would be a week late.
    return dg.WeeklyPartitionsDefinition(
        start_date=start.isoformat(), day_offset=1, timezone=str(HEAD_OFFICE), end_offset=1
    )


def week_and_country(start: date, countries: Iterable[str]) -> dg.MultiPartitionsDefinition:
    """One partition for each Monday from `start` on and each country."""
    return dg.MultiPartitionsDefinition(
        {"week": weeks_from(start), "country": dg.StaticPartitionsDefinition(list(countries))}
    )


def start_week_of(partitions: dg.MultiPartitionsDefinition) -> date:
    """The first week of the partitions, which is a Monday."""
    weeks = partitions.get_partitions_def_for_dimension("week")
    assert isinstance(weeks, dg.TimeWindowPartitionsDefinition)
    return weeks.start.date()


def countries_in(partitions: dg.MultiPartitionsDefinition) -> list[str]:
    """The codes of the countries in the partitions, in their order."""
    return list(partitions.get_partitions_def_for_dimension("country").get_partition_keys())


def partition_key(week: date, country: str) -> dg.MultiPartitionKey:
    """The key of the partition of one country of one week. `week` is a Monday."""
    return dg.MultiPartitionKey({"week": week.isoformat(), "country": country})


def week_and_country_of(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> tuple[date, str]:
    """The week and the country that a run is for, by its partition key."""
    key = context.partition_key
    assert isinstance(key, dg.MultiPartitionKey), f"{key} is no week × country"
    return parse_week(key.keys_by_dimension["week"]), key.keys_by_dimension["country"]


def by_week_and_country(
    assets: Sequence[dg.AssetsDefinition],
    weeks: dg.TimeWindowPartitionsDefinition,
    partitions: dg.MultiPartitionsDefinition,
    countries: Countries,
) -> list[dg.AssetsDefinition]:
    """The assets for the weeks and countries of one installation, with the version of the code that makes them.

    What the countries share has a partition for each week. Every other asset has one for each week and country, and a
    description that names the countries, whose codes are all that the page offers to choose from.
    """
    code = code_version()
    names = f"Countries: {', '.join(f'{country.code} {country.name}' for country in countries.values())}."

    def here(spec: dg.AssetSpec) -> dg.AssetSpec:
        if spec.key == SHARED:
            return spec.replace_attributes(partitions_def=weeks, code_version=code)
        described = f"{spec.description}\n\n{names}"
        return spec.replace_attributes(partitions_def=partitions, code_version=code, description=described)

    return list(dg.map_asset_specs(here, assets))
