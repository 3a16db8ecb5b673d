"""What the countries of a week share: learnt from each one's delivery, and pooled, with no I/O and no orchestrator."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from markdown_pricing.currencies import Changeover
from markdown_pricing.demand.log_linear import learn_country
from markdown_pricing.demand.shared import CountryDemand, SharedDemand, pool
from markdown_pricing.errors import TRY_AGAIN, FinalError
from markdown_pricing.pricing import SEED, CountryWeek, make_training_data


@dataclass(frozen=True)
class LearntTogether:
    """What the countries of one week share, and which of them took part.

    articles : by country how many articles its history has ; left_out : by country why it did not take part
    """

    shared: SharedDemand
    articles: Mapping[str, int]
    left_out: Mapping[str, str]


class NothingShared(FinalError):
    def __init__(self, week: date, left_out: Mapping[str, str]) -> None:
        listed = "".join(f"\n  - {country}: {why}" for country, why in left_out.items())
        super().__init__(
            f"No country of {week} has data to learn from together:{listed or ' it has no country at all'}\n"
            "The countries can be priced without it, each where its own data is right."
        )


Apply = Callable[[Callable[[str], Any], Iterable[str]], Iterable[Any]]
"""A function that applies another one to each country: `map`, or the `map` of a pool of processes."""


def learn_shared(
    week: date,
    countries: Iterable[str],
    read: Callable[[str], pa.Table],
    seed: int = SEED,
    apply: Apply = map,
    changeovers: Mapping[str, tuple[Changeover, ...]] = MappingProxyType({}),
) -> LearntTogether:
    """What `countries` share. A country whose data is broken is left out.

    read  : gives the snapshot's rows of a country; the rows of no more than one country are in memory at a time
    changeovers : the countries' changes of currency
    apply : with a pool's `map` several countries are learnt from at a time, each in a process, to which `read` is sent
    Raises NothingShared when every country is left out, and any TransientError that `read` raises.
    """
    contributions: dict[str, CountryDemand] = {}
    articles, left_out = {}, {}
    ordered = sorted(countries)  # always in the same order, because sums of floats depend on it
    for country, learnt in zip(
        ordered, apply(partial(_learnt, week, read, seed, dict(changeovers)), ordered), strict=True
    ):
        if isinstance(learnt, str):
            left_out[country] = learnt
        else:
            contributions[country], articles[country] = learnt
    if not contributions:
        raise NothingShared(week, left_out)
    return LearntTogether(pool(contributions), articles, left_out)


def _learnt(
    week: date,
    read: Callable[[str], pa.Table],
    seed: int,
    changeovers: Mapping[str, tuple[Changeover, ...]],
    country: str,
) -> tuple[CountryDemand, int] | str:
    """A country's contribution and how many articles it has; or why it is left out.

    Raises what is in TRY_AGAIN.
    """
    try:
        rows = make_training_data(read(country), week, country, changeovers.get(country, ()))
        sold = CountryWeek.of(rows, week, country)
        return learn_country(sold.history, seed), int(sold.history["article_id"].nunique())
    except TRY_AGAIN:
        raise
    except Exception as error:  # a fault of one country must not stop the others
        return str(error) or type(error).__name__
