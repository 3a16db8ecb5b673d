"""Odd articles and odd countries: each gets a price by the rules, or keeps its own with a named exception.

From the contract's form to the ERP's records, by the steps that price a country. Never a crash, never NaN.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from markdown_pricing import pricing
from markdown_pricing.countries import CENT_ENDINGS, Country
from markdown_pricing.demand.log_linear import learn_country
from markdown_pricing.demand.model import MODELS, make_model, measure_error
from markdown_pricing.demand.shared import pool
from markdown_pricing.demand.step_down import OWN, POOLED, RULE, Choice
from markdown_pricing.erp.rows import country_rows
from markdown_pricing.forecast import Forecast
from markdown_pricing.installation.files import read_reason_codes
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.provenance import provenance
from markdown_pricing.training_data.schema import COLUMNS
from tests.demand.market import WEEK, market
from tests.markdown.rule_checker import cents, ladder

NOW = pd.Timestamp(WEEK)
DEU = Country("DEU", price_endings=CENT_ENDINGS)
BOOK, CODES = RuleBook(), read_reason_codes()
MORNING = datetime(2026, 2, 9, 8, tzinfo=UTC)
INT32 = 2**31 - 1

Record = dict[str, Any]


def weeks_of(number: int) -> pd.Timedelta:
    return pd.Timedelta(weeks=number)


@pytest.fixture(scope="module")
def country() -> pd.DataFrame:
    """An ordinary country in the contract's columns, history and snapshot."""
    history, articles = market(seed=4, articles=45)
    return pd.concat([history, articles])[list(COLUMNS)].sort_values(["article_id", "week"], ignore_index=True)


@pytest.fixture(scope="module")
def ordinary(country: pd.DataFrame) -> pd.DataFrame:
    """One article in the middle of its life, marked down once, that sells; all odd articles are made from it."""
    weeks = country.groupby("article_id")["week"].agg(["size", "max"])
    now = country[country["week"] == NOW].set_index("article_id")
    left = (now["end_week"] - NOW).dt.days // 7
    middle = now[(weeks["size"].reindex(now.index) >= 8) & left.between(5, 12) & now["stock"].between(30, 200)]
    rows = country[country["article_id"] == middle.index[0]].reset_index(drop=True)
    list_price = float(rows["list_price"].iloc[0])
    rung = ladder(cents(list_price), (20,), CENT_ENDINGS)[0] / 100
    return rows.assign(price=np.where(rows["week"] < NOW - weeks_of(4), list_price, rung))


Change = Callable[[pd.DataFrame], pd.DataFrame]


def last(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """The snapshot's row and so many before it."""
    return rows.iloc[-count - 1 :]


def now(**values: object) -> Change:
    """Another value in the snapshot's row alone."""

    def changed(rows: pd.DataFrame) -> pd.DataFrame:
        changed = rows.copy()
        for name, value in values.items():
            if name.endswith("_week"):
                changed[name] = changed[name].astype("datetime64[s]")
            changed[name] = changed[name].astype(object) if name == "category" else changed[name]
            changed.loc[changed["week"] == NOW, name] = value
        return changed

    return changed


def always(**values: object) -> Change:
    return lambda rows: rows.assign(**values)


def list_price_changed(share: float, with_price: bool) -> Change:
    """Midway through the article's life, its price with it or not."""

    def changed(rows: pd.DataFrame) -> pd.DataFrame:
        later = (rows["week"] >= NOW - weeks_of(4)).to_numpy()
        factor = np.where(later, share, 1.0)
        return rows.assign(
            list_price=(rows["list_price"].iloc[0] * factor).round(2),
            price=(rows["list_price"].iloc[0] * (factor if with_price else 1.0)).round(2),
        )

    return changed


ANY = object()
ARTICLES: dict[str, tuple[Change, object]] = {
    "as it was made": (lambda rows: rows, None),
    "no history": (lambda rows: last(rows, 0), "no_history"),
    "one week of history": (lambda rows: last(rows, 1), None),
    "launched this week": (lambda rows: last(rows, 0).assign(launch_week=NOW), "no_history"),
    "not launched yet": (lambda rows: last(rows, 0).assign(launch_week=NOW + weeks_of(2)), "no_history"),
    "none sold": (always(units=0.0), ANY),
    "only returns": (always(units=-2.0), ANY),
    "none sold with one week of history": (lambda rows: last(rows, 1).assign(units=0.0), ANY),
    "more sold than there was": (lambda rows: rows.assign(units=rows["stock"] + 5.0), ANY),
    "stock 0": (now(stock=0, stores=0), "sold_out"),
    "never in stock": (always(stock=0, stores=0, units=0.0), "sold_out"),
    "stock 0 and past its end": (now(stock=0, stores=0, end_week=NOW - weeks_of(1)), "sold_out"),
    "stock in no store": (now(stores=0), None),
    "one unit": (now(stock=1, stores=1), None),
    "a warehouse full": (now(stock=INT32), "certain_leftover"),
    "salvage above the price": (lambda rows: rows.assign(salvage_price=rows["price"] + 10), "bad_margin"),
    "salvage at the price": (lambda rows: rows.assign(salvage_price=rows["price"]), "bad_margin"),
    "salvage above the ladder": (
        lambda rows: rows.assign(price=rows["list_price"], salvage_price=rows["list_price"] - 0.5),
        "infeasible_rules",
    ),
    "salvage 0": (always(salvage_price=0.0), None),
    "end week in the past": (always(end_week=NOW - weeks_of(1)), "past_end"),
    "end week long past": (always(end_week=NOW - weeks_of(60)), "past_end"),
    "end week before the launch": (lambda rows: rows.assign(end_week=rows["launch_week"] - weeks_of(3)), "past_end"),
    "last week": (always(end_week=NOW), ANY),
    "ends in two years": (always(end_week=NOW + weeks_of(104)), None),
    "always one price": (lambda rows: rows.assign(price=rows["list_price"]), None),
    "category never seen": (now(category="hats"), "unknown_category"),
    "category without a name": (now(category=""), "unknown_category"),
    "every second week missing": (lambda rows: rows[(rows["week"].rank(ascending=False) % 2 == 1)], None),
    "half a year missing": (
        lambda rows: rows.assign(week=rows["week"].where(rows.index > 2, rows["week"] - weeks_of(26))),
        None,
    ),
    "list price cut midway": (list_price_changed(0.8, with_price=True), None),
    "list price raised midway": (list_price_changed(1.25, with_price=True), None),
    "list price cut below the price": (list_price_changed(0.6, with_price=False), "off_ladder"),
    "list price raised alone": (list_price_changed(1.37, with_price=False), "off_ladder"),
    "price above the list price": (now(price=500.0), "off_ladder"),
    "a cent": (always(price=0.01, list_price=0.01, salvage_price=0.0), ANY),
    "a fortune": (always(price=99_999.99, list_price=99_999.99, salvage_price=1.0), ANY),
    "five markdowns": (
        lambda rows: rows.assign(price=(rows["list_price"] * np.linspace(1, 0.5, len(rows))).round(2)),
        "infeasible_rules",
    ),
}
"""What is odd, and the exception that is due; ANY where demand decides whether stock is certain to be left."""


def country_week(rows: pd.DataFrame) -> pricing.CountryWeek:
    """The rows as the lake delivers them, checked."""
    dated = {name: pa.date32() for name in ("week", "launch_week", "end_week", "price_until") if name in rows}
    table = pa.Table.from_pandas(rows, preserve_index=False)
    for name, kind in {**dated, "units": pa.int32()}.items():
        table = table.set_column(table.column_names.index(name), name, table[name].cast(kind))
    return pricing.CountryWeek.of(pricing.make_training_data(table, WEEK, "DEU"), WEEK, "DEU")


def priced(sold: pricing.CountryWeek, choice: Choice) -> tuple[dict[str, Record], dict[str, list[Record]]]:
    """Each article's record and path, as the ERP takes them."""
    origin = pricing.modelled_by(provenance(WEEK, "DEU", "0"), choice, pricing.HowToLearn("gradient_boosting"))
    found = pricing.price_articles(sold, choice.model, pricing.PricingInputs(DEU, BOOK, CODES), origin, "run", MORNING)
    kept = country_rows(found, week=WEEK, country="DEU", run_id="run")
    paths: dict[str, list[Record]] = {}
    for step in kept.price_path.to_pylist():
        paths.setdefault(step["article_id"], []).append(step)
    return {row["article_id"]: row for row in kept.recommendations.to_pylist()}, paths


def assert_is_a_price(row: Record, path: list[Record], snapshot: pd.Series) -> None:
    """By the rules, and every number one that a buyer can read; the ERP's columns have refused NULL and infinity."""
    new, current = cents(row["recommended_price"]), cents(snapshot["price"])
    assert cents(row["current_price"]) == current
    if new != current:
        assert new < current
        assert new >= cents(snapshot["salvage_price"])
        assert new in ladder(cents(snapshot["list_price"]), BOOK.default.discounts_pct, CENT_ENDINGS)
    assert (row["action"] == "markdown") == (new < current)
    assert 0 <= row["expected_units"] <= snapshot["stock"]
    assert row["expected_units_q10"] <= row["expected_units_q90"] <= snapshot["stock"]
    assert 0 <= row["expected_sell_through"] <= 1
    assert 0 <= row["expected_leftover"] <= snapshot["stock"]
    assert row["expected_revenue"] >= 0
    assert row["reason"].endswith(".")
    assert path[0]["price"] == row["recommended_price"]
    selling = max((snapshot["end_week"] - NOW).days // 7 + 1, 1)
    assert len(path) == selling


@pytest.fixture(scope="module", params=[*MODELS, "nothing learnt"])
def odd_articles(
    request: pytest.FixtureRequest, country: pd.DataFrame, ordinary: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, Record], dict[str, list[Record]]]:
    """All odd articles in the midst of the ordinary country, priced by each model without its checks, and by rule."""
    odd = [change(ordinary).assign(article_id=name) for name, (change, _) in ARTICLES.items()]
    rows = pd.concat([country, *odd], ignore_index=True)
    sold = country_week(rows)
    learns = request.param != "nothing learnt"
    name = request.param if learns else "log_linear"
    model = make_model(name)
    model.fit(sold.history if learns else sold.history.iloc[:0], WEEK, pricing.SEED)
    records, paths = priced(sold, Choice(model, name, OWN, measure_error(model, sold.history, WEEK)))
    return rows[rows["week"] == NOW].set_index("article_id"), records, paths


@pytest.mark.parametrize("name", ARTICLES)
def test_an_odd_article_is_priced_or_named(odd_articles, name) -> None:
    snapshot, records, paths = odd_articles
    assert_is_a_price(records[name], paths[name], snapshot.loc[name])
    wanted = ARTICLES[name][1]
    assert wanted is ANY or records[name]["exception_code"] == wanted, records[name]["reason"]


def test_the_ordinary_articles_beside_them_are_priced_too(odd_articles) -> None:
    snapshot, records, paths = odd_articles
    assert records.keys() == paths.keys() == set(snapshot.index)
    for article_id in snapshot.index.difference(list(ARTICLES)):
        assert_is_a_price(records[article_id], paths[article_id], snapshot.loc[article_id])


def few(count: int) -> Change:
    """The training data of so many of the articles to price."""
    return lambda rows: rows[rows["article_id"].isin(rows.loc[rows["week"] == NOW, "article_id"].iloc[:count])]


def list_prices_changed(share: float) -> Change:
    """The list price of every article changed twenty weeks ago, and its price with it."""

    def changed(rows: pd.DataFrame) -> pd.DataFrame:
        factor = np.where(rows["week"] >= NOW - weeks_of(20), share, 1.0)
        return rows.assign(**{name: (rows[name] * factor).round(2) for name in ("list_price", "price")})

    return changed


COUNTRIES: dict[str, tuple[Change, str, str]] = {
    "no price ever moved": (lambda rows: rows.assign(price=rows["list_price"]), OWN, ""),
    "ten articles": (few(10), OWN, ""),
    "five articles": (few(5), RULE, "too little history"),
    "one article": (few(1), RULE, "too little history"),
    "no history at all": (lambda rows: rows[rows["week"] == NOW], RULE, "too little history"),
    "one week of history": (lambda rows: rows[rows["week"] >= NOW - weeks_of(1)], RULE, "too little history"),
    "seven weeks of history": (lambda rows: rows[rows["week"] >= NOW - weeks_of(7)], RULE, "too little history"),
    "nothing ever sold": (always(units=0.0), OWN, ""),
    "only returns": (always(units=-1.0), OWN, ""),
    "never in stock": (always(stock=0, stores=0, units=0.0), RULE, "too little history"),
    "all sold out each week": (lambda rows: rows.assign(units=rows["stock"].astype(float)), OWN, ""),
    "every third week missing": (lambda rows: rows[(rows.index % 3 > 0) | (rows["week"] == NOW)], OWN, ""),
    "half of a year missing": (
        lambda rows: rows[~rows["week"].between(NOW - weeks_of(40), NOW - weeks_of(14))],
        OWN,
        "",
    ),
    "all list prices cut midway": (list_prices_changed(0.85), OWN, ""),
    "all list prices raised midway": (list_prices_changed(1.2), OWN, ""),
    "a season of new categories": (
        lambda rows: rows.assign(category=rows["category"].where(rows["week"] < NOW, "new " + rows["category"])),
        OWN,
        "",
    ),
    "all past their end": (lambda rows: rows.assign(end_week=rows["end_week"].clip(upper=NOW - weeks_of(1))), OWN, ""),
    "no margin anywhere": (lambda rows: rows.assign(salvage_price=rows["list_price"] + 1), OWN, ""),
}
"""What is odd, the grade of the model that prices it, and why it is no better one."""


@pytest.mark.parametrize("name", COUNTRIES)
def test_an_odd_country_is_priced_by_the_best_model_that_holds(country, name) -> None:
    change, grade, why_not = COUNTRIES[name]
    rows = change(country).reset_index(drop=True)
    sold = country_week(rows)
    choice = pricing.fit_or_step_down(sold, pricing.HowToLearn("gradient_boosting"))
    assert choice.grade == grade, choice.why
    assert why_not in choice.refused.get(OWN, "")
    records, paths = priced(sold, choice)
    snapshot = rows[rows["week"] == NOW].set_index("article_id")
    assert records.keys() == set(snapshot.index)
    for article_id, record in records.items():
        assert_is_a_price(record, paths[article_id], snapshot.loc[article_id])
        assert record["model_grade"] == grade


def test_five_articles_are_priced_by_what_the_countries_share(country) -> None:
    """Where it is at hand, it stands before the rule."""
    rows = few(5)(country).reset_index(drop=True)
    sold = country_week(rows)
    shared = pool({code: learn_country(country_week(country).history, 1) for code in ("AUT", "POL")})
    choice = pricing.fit_or_step_down(sold, pricing.HowToLearn("gradient_boosting"), shared=shared)
    assert choice.grade == POOLED, choice.why
    records, paths = priced(sold, choice)
    snapshot = rows[rows["week"] == NOW].set_index("article_id")
    for article_id, record in records.items():
        assert_is_a_price(record, paths[article_id], snapshot.loc[article_id])


@pytest.mark.parametrize("name", ["none sold", "only returns"])
def test_what_never_sold_is_marked_down_or_reported(odd_articles, name) -> None:
    """It is never kept at its price as if all were well."""
    record = odd_articles[1][name]
    assert record["action"] == "markdown" or record["exception_code"] == "certain_leftover", record["reason"]


SET_ASIDE: dict[str, tuple[Change, str]] = {
    "stock below 0": (now(stock=-5), "stock negative (week 2026-02-09, stock -5)"),
    "a stock that stands for unlimited": (
        now(stock=INT32, list_price=5_000.0),
        "stock at its price is more than amounts in the ERP hold (week 2026-02-09, stock 2147483647)",
    ),
    "salvage below 0": (now(salvage_price=-1.0), "salvage_price negative (week 2026-02-09, salvage_price -1.0)"),
    "an end that is no Monday": (now(end_week=pd.Timestamp("9999-12-31")), "end_week is no Monday"),
    "launched in another century": (now(launch_week=pd.Timestamp("1900-01-01")), "launch_week too long ago"),
    "sales beyond reason": (lambda rows: rows.assign(units=[*rows["units"][:-2], 1e9, np.nan]), "units too large"),
}
"""What is wrong with an article, and what its row says of it."""


def priced_by_what_was_learnt(rows: pd.DataFrame) -> tuple[dict[str, Record], dict[str, list[Record]]]:
    model = make_model("log_linear")
    model.fit(country_week(rows).history.iloc[:0], WEEK, pricing.SEED)
    sold = country_week(rows)
    return priced(sold, Choice(model, "log_linear", OWN, measure_error(model, sold.history, WEEK)))


def test_articles_that_are_set_aside_keep_their_price_and_harm_no_other(country, ordinary) -> None:
    """Each row names column and value; the others' rows and paths are equal to the bit to those without them."""
    without, paths_without = priced_by_what_was_learnt(country)
    for names in (list(SET_ASIDE)[:3], list(SET_ASIDE)[3:]):  # more would be a fault of the delivery
        odd = [SET_ASIDE[name][0](ordinary).assign(article_id=name) for name in names]
        records, paths = priced_by_what_was_learnt(pd.concat([country, *odd], ignore_index=True))
        for name in names:
            own = records.pop(name)
            assert (own["action"], own["reason_code"], own["exception_code"]) == ("keep", "bad_data", "bad_data"), name
            assert own["recommended_price"] == own["current_price"]
            assert SET_ASIDE[name][1] in own["reason"]
            del paths[name]
        assert (records, paths) == (without, paths_without)


def test_an_article_without_an_end_is_planned_to_104_weeks_and_costs_the_others_nothing(
    country, ordinary, monkeypatch
) -> None:
    without, paths_without = priced_by_what_was_learnt(country)
    asked: list[tuple[int, int]] = []
    real = Forecast.at
    monkeypatch.setattr(
        Forecast, "at", lambda own, prices, weeks: asked.append((len(prices), weeks)) or real(own, prices, weeks)
    )
    endless = now(end_week=pd.Timestamp("9999-12-27"))(ordinary).assign(article_id="endless")
    records, paths = priced_by_what_was_learnt(pd.concat([country, endless], ignore_index=True))
    own = records.pop("endless")
    assert (own["exception_code"], str(own["end_week"]), len(paths.pop("endless"))) == ("far_end", "9999-12-27", 105)
    assert (records, paths) == (without, paths_without)
    assert sorted(articles for articles, weeks in asked if weeks == 105) == [1]


def test_a_temporary_price_is_planned_as_one(country, ordinary) -> None:
    """It holds until its last week, is advised as it is, and then the last price that counted comes back."""
    rung = ordinary["price"].iloc[-1]
    promoted = now(price=round(rung * 0.6, 2))(ordinary).assign(article_id="promoted")
    rows = pd.concat([country, promoted], ignore_index=True)
    until = np.where((rows["article_id"] == "promoted") & (rows["week"] == NOW), NOW + weeks_of(2), pd.NaT)
    records, paths = priced_by_what_was_learnt(rows.assign(price_until=pd.to_datetime(until)))
    own, path = records["promoted"], paths["promoted"]
    assert (own["action"], own["reason_code"]) == ("keep", "temporary_price")
    assert cents(own["current_price"]) == cents(own["recommended_price"]) == cents(rung * 0.6)
    assert [cents(step["price"]) for step in path[:3]] == [cents(rung * 0.6)] * 3
    after = [cents(step["price"]) for step in path[3:]]
    assert abs(after[0] - cents(rung)) <= 1 or after[0] < cents(rung)
    assert max(after) > cents(rung * 0.6)
