"""`markdown-pricing sample --next-week` sells the newest week of a sample and delivers the week after it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from markdown_pricing.columns import CENT
from markdown_pricing.commands.console import print_error, print_json, print_table, progress
from markdown_pricing.commands.places import check_writable, named_lake
from markdown_pricing.decisions.asked import ToAsk, prices_to_ask
from markdown_pricing.decisions.decision import read, without_persons
from markdown_pricing.erp.decisions import Row, read_decisions
from markdown_pricing.errors import FinalError
from markdown_pricing.installation.from_settings import countries_of, engine_of
from markdown_pricing.installation.settings import Settings
from markdown_pricing.kept.results import Results
from markdown_pricing.lake import paths
from markdown_pricing.lake.snapshot import find_snapshot, newest_week
from markdown_pricing.provenance import provenance
from markdown_pricing.sample.market import Market
from markdown_pricing.sample.next_week import SoldCountry, check_free, deliver_next, market_before, sell_week
from markdown_pricing.sample.played import CENTS, ids_on_sale, read_played
from markdown_pricing.texts.words import counted
from markdown_pricing.weeks import ONE_WEEK, this_week

if TYPE_CHECKING:
    from sqlalchemy import Engine

HEAD = ("Country", "Articles", "New prices", "Decided", "Not applied", "Units", "Revenue", "Sold out", "Launched next")
SHOWN = ("articles", "new_prices", "decided", "not_applied", "units", "revenue", "sold_out", "launched")
"""The figures below all of HEAD but the country."""


class NotPriced(FinalError):
    def __init__(self, week: date) -> None:
        super().__init__(
            f"No country of the week {week} has been priced from this delivery, so there is no advice to sell it by. "
            f"Run first: markdown-pricing run --week {week}"
        )


class NotOver(FinalError):
    def __init__(self, week: date, lake: str) -> None:
        super().__init__(
            f"The week {week} is not over, and the week after it cannot be priced before its Monday. Begin in the "
            f"past: markdown-pricing sample --lake {lake} --week {week - 8 * ONE_WEEK}"
        )


@dataclass(frozen=True)
class SoldByDecision:
    """A country's week as it was sold, with what was to be asked."""

    asked: Mapping[str, ToAsk]
    sold: SoldCountry
    decided: Sequence[Row]

    def figures(self) -> dict[str, int | float]:
        """What became of the week, in counts and in local currency."""
        sales = self.sold.sales
        return {
            "articles": len(self.asked),
            "new_prices": int((sales.price != self.sold.before).sum()),
            "decided": sum(each.decided for each in self.asked.values()),
            "not_applied": len(self.sold.unchanged),
            "units": int(sales.units.sum()),
            "revenue": float((sales.units * sales.price).sum() / CENTS),
            "sold_out": int(((sales.stock > 0) & (sales.stock == sales.units)).sum()),
            "launched": self.sold.launched,
        }


def next_week(settings: Settings, lake: str, not_applied: float, as_json: bool) -> int:
    """Sell the newest week and deliver the next one.

    Raises NotASample, NotOver, NotOurs, NotPriced, and the errors of the lake and of an ERP that is away.
    """
    place = named_lake(settings, lake)
    week = newest_week(place)
    played = read_played(place, week)
    if week >= this_week(datetime.now(UTC)):
        raise NotOver(week, lake)
    check_free(place, week + ONE_WEEK, played)
    configured = countries_of(settings)
    chosen = [configured[code] for code in configured.choose(list(played.articles))]
    check_writable(place, paths.SNAPSHOTS)
    snapshot = find_snapshot(place, week)
    recommended = {each.code: _recommended_prices(Results(place, week, each.code), snapshot.stamp) for each in chosen}
    if not any(rows is not None for rows in recommended.values()):
        raise NotPriced(week)
    engine = engine_of(settings)
    sold = {}
    with progress(f"Selling {week}", len(chosen)) as advance:
        for country in chosen:
            market = market_before(place, snapshot, played, country)
            rows = _decided(engine, Results(place, week, country.code))
            sold[country.code] = _sell(market, week, recommended[country.code] or {}, rows, not_applied)
            advance(country.code)
    for code, each in sold.items():
        _keep_decisions_of_monday(Results(place, week + ONE_WEEK, code), each.decided)
    following = deliver_next(place, week, played, {code: each.sold for code, each in sold.items()})
    not_priced = [code for code, rows in recommended.items() if rows is None]
    if as_json:
        figures = [{"country": code, **each.figures()} for code, each in sold.items()]
        print_json({"lake": lake, "sold": week, "week": following, "countries": figures, "held": not_priced})
        return 0
    print_table(f"Sold in the week of {week}", HEAD, [_row(code, each) for code, each in sold.items()])
    if not_priced:
        held = f"Not priced from this delivery, and so held at their prices: {', '.join(not_priced)}."
        print_error(f"{held} markdown-pricing run prices them.")
    print(f"{lake} holds a snapshot of {following} for {counted(len(sold), 'country')}.")
    return 0


def _recommended_prices(results: Results, stamp: str) -> dict[str, Decimal] | None:
    """The recommended price by article; None for a country that was not priced from the delivery with this stamp."""
    if results.recommendations.stamp() != stamp:
        return None
    rows = results.recommendations.rows()
    priced = rows[rows["recommended_price"].notna()]
    return dict(zip(priced["article_id"], map(_money, priced["recommended_price"]), strict=True))


def _decided(engine: "Engine", results: Results) -> Sequence[Row]:
    """What people have decided up to the week: in the ERP, or where it does not show that, by the copy on the lake."""
    try:
        return read_decisions(engine, results.country, until=results.week)
    except FinalError as error:
        _, copied = results.decisions.newest() or (None, [])
        print_error(f"{results.country}: the ERP does not show people's decisions, so those of the lake count. {error}")
        return copied


def _sell(
    market: Market, week: date, recommended: Mapping[str, Decimal], rows: Sequence[Row], not_applied: float
) -> SoldByDecision:
    in_erp = read(rows)
    for fault in in_erp.unreadable:
        print_error(f"A decision that cannot be read does not count: {fault}.")
    now = (Decimal(int(cents)) / CENTS for cents in market.price[market.on_sale])
    asked = prices_to_ask(in_erp.decisions, week, dict(zip(ids_on_sale(market), now, strict=True)), recommended)
    sold = sell_week(market, {article: each.price for article, each in asked.items()}, not_applied)
    return SoldByDecision(asked, sold, rows)


def _keep_decisions_of_monday(results: Results, rows: Sequence[Row]) -> None:
    """Keep the copy that a round makes at the start of its week.

    Weeks are played faster than they pass. A round of a week that is over leaves out what was decided after its end,
    unless it finds the copy that was made on its Monday.
    """
    results.decisions.keep(without_persons(rows), provenance(results.week, results.country, ""))


def _money(price: float) -> Decimal:
    return Decimal(str(price)).quantize(CENT)


def _row(code: str, each: SoldByDecision) -> tuple[str, ...]:
    figures = each.figures()
    return (code, *(f"{figures[name]:,.0f}" for name in SHOWN))
