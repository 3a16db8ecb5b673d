"""The next week of a sample: the market of the last delivery is sold for a week, and delivered as it stands then."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from markdown_pricing.arrays import FloatArray, IntArray
from markdown_pricing.countries import Country
from markdown_pricing.errors import UsageError
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.paths import snapshot_folder
from markdown_pricing.lake.snapshot import Snapshot, read_country
from markdown_pricing.sample.deliver import deliver
from markdown_pricing.sample.dice import uniform
from markdown_pricing.sample.market import Market, SoldWeek
from markdown_pricing.sample.played import CENTS, PLAYED, NotASample, SampleRecord, ids_on_sale, read_played
from markdown_pricing.weeks import ONE_WEEK

Prices = Mapping[str, Decimal]
"""A price in local currency by article_id."""


@dataclass(frozen=True)
class SoldCountry:
    """A country's week as it was sold.

    later     : the market before the sales of the week after ; before : the prices of the snapshot in cents, as `sales`
    asked     : the price of each article in cents ; unchanged : articles whose new price the shops did not ask
    """

    later: Market
    sales: SoldWeek
    before: IntArray
    asked: Mapping[str, int]
    unchanged: tuple[str, ...]

    @property
    def launched(self) -> int:
        """How many articles come on sale in the next week."""
        return len(set(ids_on_sale(self.later)) - set(self.asked))


class NotOurs(UsageError):
    def __init__(self, lake: Lake, week: date) -> None:
        super().__init__(
            f"{lake.where(snapshot_folder(week))} holds what this sample has not made, as of an ETL that is just "
            "delivering, so that nothing was written. Let it finish; or, when nobody needs that, remove the folder "
            "and run the command again."
        )


def check_free(lake: Lake, week: date, played: SampleRecord) -> None:
    """Raises NotOurs where something lies in the week's folder that is not half a delivery of the same sample."""
    if not lake.entry(snapshot_folder(week)) or not lake.entries(snapshot_folder(week)):
        return
    try:
        there = read_played(lake, week)
    except NotASample as error:
        raise NotOurs(lake, week) from error
    if (there.seed, there.first_week, there.articles) != (played.seed, played.first_week, played.articles):
        raise NotOurs(lake, week)


def market_before(lake: Lake, snapshot: Snapshot, played: SampleRecord, country: Country) -> Market:
    """The market whose sales of the snapshot's week are to come. Raises NotASample where the snapshot is another's.

    country : one of those that `played` has
    """
    try:
        market = played.market(country)
    except KeyError as error:
        why = f"{PLAYED} has no price of the article {error.args[0]}, which {country.code} had on sale"
        raise NotASample(lake, snapshot.week, why) from error
    if read_country(lake, snapshot, country.code) != market.table():
        raise NotASample(lake, snapshot.week, f"the rows of {country.code} are not those that its seed gives")
    return market


def sell_week(market: Market, wanted: Prices, not_applied: float = 0.0) -> SoldCountry:
    """Sell the market's week at the wanted prices; articles without one are sold at their price.

    No shop asks more than the list price, which is what `decide` takes at most and other tools may write all the same.

    not_applied : the share of the new prices that the shops do not ask, drawn by seed, article and week

    >>> from markdown_pricing.sample.season import sample_market
    >>> market = sample_market(Country("MLT"), date(2026, 2, 9), articles=4, weeks_ahead=1)
    >>> sold = sell_week(market, {ids_on_sale(market)[0]: Decimal("9.99")})
    >>> sold.asked[ids_on_sale(market)[0]], sold.later.week - market.week
    (999, 1)
    """
    ids, rows = ids_on_sale(market), market.on_sale
    now = market.price[rows]
    new = np.array([_cents(wanted[each]) if each in wanted else price for each, price in zip(ids, now, strict=True)])
    new = np.minimum(new, np.maximum(market.articles.price_list[rows], now))
    held = (new != now) & (_chance(market, rows) < not_applied)
    asked = np.where(held, now, new)
    later, sales = market.sell(asked / CENTS)
    unchanged = tuple(each for each, is_held in zip(ids, held, strict=True) if is_held)
    return SoldCountry(later, sales, now, dict(zip(ids, asked.tolist(), strict=True)), unchanged)


def deliver_next(
    lake: Lake,
    week: date,
    played: SampleRecord,
    sold: Mapping[str, SoldCountry],
    progress: Callable[[str], None] | None = None,
) -> date:
    """Deliver the week after `week`, which was sold, in place of half a delivery of this sample, and return it.

    Raises NotOurs where something else lies there; then nothing was changed.
    """
    check_free(lake, week + ONE_WEEK, played)
    played = played.after(week, {code: each.asked for code, each in sold.items()})
    tables = ((code, each.later.table()) for code, each in sold.items())
    source = f"season {played.seed}"
    deliver(lake, week + ONE_WEEK, tables, source, progress, {PLAYED: played.to_bytes()})
    return week + ONE_WEEK


def _cents(price: Decimal) -> int:
    return int((CENTS * price).to_integral_value())


def _chance(market: Market, rows: IntArray) -> FloatArray:
    return uniform(market.seed, "not applied", market.country.code, market.articles.number[rows], market.week)
