"""A sample goes on: the same market is sold for a week at given prices, and the next week is delivered."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.paths import snapshot_folder, success_file
from markdown_pricing.lake.publish import publish_bytes
from markdown_pricing.lake.snapshot import find_snapshot, newest_week, read_country
from markdown_pricing.sample.deliver import deliver, deliver_sample
from markdown_pricing.sample.market import Market
from markdown_pricing.sample.next_week import NotOurs, deliver_next, market_before, sell_week
from markdown_pricing.sample.played import PLAYED, NotASample, SampleRecord, ids_on_sale, read_played
from markdown_pricing.sample.season import sample_market
from markdown_pricing.weeks import ONE_WEEK
from tests.sample.conftest import WEEK, country

MLT, ARTICLES, SEED = country("MLT"), 12, 3
MANY = 200


@pytest.fixture(scope="module")
def market() -> Market:
    return sample_market(MLT, WEEK, ARTICLES, SEED, weeks_ahead=1)


def lower(market: Market) -> dict[str, Decimal]:
    """A price of each article a fifth below today's."""
    now = market.price[market.on_sale]
    return {each: Decimal(int(0.8 * cents)) / 100 for each, cents in zip(ids_on_sale(market), now, strict=True)}


def test_the_week_is_sold_at_the_given_prices(market: Market) -> None:
    """Articles without one are sold at today's."""
    wanted = lower(market)
    first = next(iter(wanted))

    sold = sell_week(market, {first: wanted[first]})

    before = dict(zip(ids_on_sale(market), market.price[market.on_sale].tolist(), strict=True))
    assert sold.asked == {**before, first: int(100 * wanted[first])}
    assert sold.sales.price.tolist() == [*sold.asked.values()]
    assert sold.unchanged == ()


def test_no_shop_asks_more_than_the_list_price(market: Market) -> None:
    """Whatever a tool has written as the decided price."""
    dear = dict.fromkeys(ids_on_sale(market), Decimal("99999.99"))

    sold = sell_week(market, dear)

    assert sold.sales.price.tolist() == market.articles.price_list[market.on_sale].tolist()


def test_units_agree_with_the_true_demand_at_the_price_that_was_asked(market: Market) -> None:
    """On the average of much luck, for articles whose stock cuts nothing off."""
    wanted = lower(market)
    prices = np.array([float(100 * each) for each in wanted.values()])
    rows = market.on_sale
    mean = market.expected_units(rows, market.week, prices, market.stock[rows])
    plenty = (market.stock[rows] > 5 * mean) & (mean > 5)

    units = np.mean([sell_week(replace(market, luck=luck), wanted).sales.units for luck in range(MANY)], axis=0)

    assert plenty.sum() >= 3
    assert units[plenty] == pytest.approx(mean[plenty], rel=0.15)


def test_nothing_is_sold_above_the_stock(market: Market) -> None:
    nearly_free = dict.fromkeys(ids_on_sale(market), Decimal("0.10"))

    sold = sell_week(market, nearly_free)

    assert (sold.sales.units <= sold.sales.stock).all()
    assert (sold.sales.units == sold.sales.stock).any()
    assert (sold.later.stock >= 0).all()


def test_the_same_seed_gives_the_same_week_and_another_price_meets_the_same_luck(market: Market) -> None:
    assert sell_week(market, lower(market)).later.table() == sell_week(market, lower(market)).later.table()
    more = sell_week(market, lower(market)).sales.units - sell_week(market, {}).sales.units
    assert (more >= 0).all()
    assert more.sum() > 0


def test_a_share_of_the_new_prices_may_not_be_applied(market: Market) -> None:
    """The same ones whenever the week is played; a price that stays cannot be missed."""
    wanted = lower(market)
    kept = ids_on_sale(market)[0]
    wanted[kept] = Decimal(int(market.price[market.on_sale][0])) / 100

    all_of_them, some = sell_week(market, wanted, not_applied=1), sell_week(market, wanted, not_applied=0.4)

    assert set(all_of_them.unchanged) == set(wanted) - {kept}
    assert all_of_them.sales.price.tolist() == market.price[market.on_sale].tolist()
    assert 0 < len(some.unchanged) < len(wanted) - 1
    assert some.unchanged == sell_week(market, wanted, not_applied=0.4).unchanged


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    deliver_sample(lake, WEEK, [MLT], ARTICLES, SEED)
    return lake


def play(lake: Lake, prices: dict[str, Decimal] | None = None) -> date:
    week = newest_week(lake)
    played = read_played(lake, week)
    market = market_before(lake, find_snapshot(lake, week), played, MLT)
    return deliver_next(lake, week, played, {"MLT": sell_week(market, lower(market) if prices is None else prices)})


def test_the_next_week_is_delivered_as_the_etl_does_with_the_sold_week_filled_in(lake: Lake) -> None:
    """Rows of the past stay, but for those that now lie more than two years back, and what is missing stays rare."""
    before = read_country(lake, find_snapshot(lake, WEEK), "MLT").to_pandas()

    following = play(lake)

    assert following == newest_week(lake) == WEEK + ONE_WEEK
    now = read_country(lake, find_snapshot(lake, following), "MLT").to_pandas()
    keys = ["article_id", "week"]
    past = before[(before["week"] < WEEK) & (before["week"] >= now["week"].min())]
    assert past.merge(now, how="left", on=keys, indicator=True)["_merge"].eq("both").all()
    was, sold, snapshot = (
        frame[frame["week"] == week].set_index("article_id")
        for frame, week in ((before, WEEK), (now, WEEK), (now, following))
    )
    wanted = (was["price"] * 80).astype(int) / 100
    assert sold["price"].to_dict() == pytest.approx(wanted[sold.index].to_dict(), abs=0.011)
    assert sold["units"].notna().all()
    assert snapshot["units"].isna().all()
    both = sold.index.intersection(snapshot.index)
    assert (snapshot["stock"][both] == (sold["stock"] - sold["units"])[both]).all()
    assert (snapshot["price"][both] == sold["price"][both]).all()


@pytest.mark.parametrize("file", ["country=MLT/part-00000-1.parquet", "_temporary/0/part-00000-1.parquet"])
def test_half_a_delivery_of_somebody_elses_is_left_alone(lake: Lake, file: str) -> None:
    """As that of an ETL which is just writing, also before its files have their names."""
    theirs = f"{snapshot_folder(WEEK + ONE_WEEK)}/{file}"
    publish_bytes(lake, theirs, b"half")

    with pytest.raises(NotOurs, match="Let it finish"):
        play(lake)

    with lake.reading(theirs) as read:
        assert read.read() == b"half"
    assert newest_week(lake) == WEEK


def test_half_a_delivery_of_another_sample_is_left_alone(lake: Lake) -> None:
    deliver_sample(lake, WEEK + ONE_WEEK, [MLT], ARTICLES, SEED + 1)
    lake.remove(success_file(WEEK + ONE_WEEK))

    with pytest.raises(NotOurs):
        play(lake)


def test_half_a_delivery_of_the_same_sample_is_made_again(lake: Lake) -> None:
    """Whenever it was interrupted: what it is of is written before any of its rows."""
    played = read_played(lake, WEEK)
    market = market_before(lake, find_snapshot(lake, WEEK), played, MLT)
    sold = sell_week(market, {})

    def interrupted(code: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deliver_next(lake, WEEK, played, {"MLT": sold}, interrupted)
    assert newest_week(lake) == WEEK

    play(lake, {})

    assert newest_week(lake) == WEEK + ONE_WEEK


def test_articles_are_launched_as_weeks_go_by() -> None:
    market, launched = sample_market(MLT, WEEK, ARTICLES, SEED, weeks_ahead=6), 0

    for _ in range(6):
        sold = sell_week(market, {})
        assert sold.launched == (market.articles.launch[sold.later.on_sale] == sold.later.week).sum()
        market, launched = sold.later, launched + sold.launched

    assert launched > 0
    assert len(market.on_sale) == ARTICLES


def test_the_file_beside_the_data_is_all_that_is_kept_of_the_market(lake: Lake) -> None:
    play(lake)
    play(lake, {})

    played = SampleRecord.from_bytes(read_played(lake, newest_week(lake)).to_bytes())

    assert played.market(MLT).table() == read_country(lake, find_snapshot(lake, newest_week(lake)), "MLT")
    assert list(played.asked) == [WEEK, WEEK + ONE_WEEK]


def test_a_delivery_of_somebody_elses_has_no_next_week(lake: Lake) -> None:
    """The real sales of the grocer, too."""
    deliver(lake, WEEK, [("MLT", sample_market(MLT, WEEK, ARTICLES, SEED).table())], "season 3")

    with pytest.raises(NotASample, match=f"{PLAYED} is not there"):
        read_played(lake, WEEK)


RIGHT = {"seed": SEED, "first_week": str(WEEK), "articles": {"MLT": ARTICLES}, "asked": {}}
"""What `sample` has put beside the delivery."""


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        *(
            json.dumps({**RIGHT, **wrong}).encode()
            for wrong in (
                {"seed": "x"},
                {"seed": 1.5},
                {"seed": -1},
                {"first_week": "99999-01-01"},
                {"articles": {}},
                {"articles": ["MLT"]},
                {"articles": {"MLT": "12"}},
                {"articles": {"MLT": None}},
                {"articles": {"MLT": -1}},
                {"asked": {str(WEEK): []}},
                {"asked": {str(WEEK): {"MLT": [999]}}},
                {"asked": {str(WEEK): {"MLT": {"1000001": "9.99"}}}},
                {"asked": {str(WEEK): {"AUT": {"1000001": 999}}}},
                {"asked": {str(WEEK + 2 * ONE_WEEK): {"MLT": {"1000001": 999}}}},
                {"asked": {"9999-12-31": {"MLT": {"1000001": 999}}}, "first_week": "9999-12-31"},
            )
        ),
    ],
)
def test_a_spoilt_file_is_refused(lake: Lake, content: bytes) -> None:
    publish_bytes(lake, f"{snapshot_folder(WEEK)}/{PLAYED}", content)

    with pytest.raises(NotASample, match=r"cannot be read|before the sales of"):
        read_played(lake, WEEK)


def test_a_file_of_another_delivery_is_refused(lake: Lake) -> None:
    """Copied there, or beside a folder that was renamed."""
    other = json.dumps({**RIGHT, "first_week": str(WEEK + ONE_WEEK)}).encode()
    publish_bytes(lake, f"{snapshot_folder(WEEK)}/{PLAYED}", other)

    with pytest.raises(NotASample, match=f"tells of the market before the sales of {WEEK + ONE_WEEK}"):
        read_played(lake, WEEK)


def test_a_file_that_lacks_the_price_of_an_article_is_refused(lake: Lake) -> None:
    following = play(lake)
    played = read_played(lake, following)
    prices = dict(played.asked[WEEK]["MLT"])
    gone = next(iter(prices))
    del prices[gone]
    spoilt = replace(played, asked={WEEK: {"MLT": prices}})

    with pytest.raises(NotASample, match=f"no price of the article {gone}, which MLT had on sale"):
        market_before(lake, find_snapshot(lake, following), spoilt, MLT)


def test_data_that_were_changed_have_no_next_week(lake: Lake) -> None:
    other = SampleRecord(SEED + 1, WEEK, {"MLT": ARTICLES}, {})

    with pytest.raises(NotASample, match="the rows of MLT are not those that its seed gives"):
        market_before(lake, find_snapshot(lake, WEEK), other, MLT)
