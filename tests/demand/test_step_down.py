"""A country whose model fails its checks is priced by the next simpler one, and says why."""

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.demand import model as model_module
from markdown_pricing.demand.log_linear import LogLinear, learn_country
from markdown_pricing.demand.model import EVALUATED_WEEKS, DemandModel, UnknownModel
from markdown_pricing.demand.shared import SharedDemand, pool
from markdown_pricing.demand.step_down import LAST_GOOD, LEAST_WEEKS, OWN, POOLED, RULE, Choice, EarlierModel, choose
from markdown_pricing.errors import TransientError
from markdown_pricing.weeks import ONE_WEEK
from tests.demand.market import WEEK

SEED = 3
FAULTS = {
    "SellsMoreWhenDearer": "and less at the next lower price",
    "Indifferent": "sales do not rise when the price falls",
    "AtTheBound": "lies at the bound",
    "NotANumber": "not finite",
    "FarOff": "far above that of last week's value",
    "NoDispersion": "dispersion",
    "Breaks": "matrix is singular",
}


@pytest.fixture(scope="module")
def shared(sold: tuple[pd.DataFrame, pd.DataFrame]) -> SharedDemand:
    """What two countries like this one know."""
    history, _ = sold
    return pool({country: learn_country(history, SEED) for country in ("AUT", "DEU")})


@pytest.fixture(scope="module")
def last_good(sold: tuple[pd.DataFrame, pd.DataFrame]) -> EarlierModel:
    history, _ = sold
    earlier, model = WEEK - 2 * ONE_WEEK, LogLinear()
    model.fit(history[history["week"] < pd.Timestamp(earlier)], earlier, SEED)
    return EarlierModel(model, "log_linear", earlier, "0123456789ab")


def chosen(
    sold: tuple[pd.DataFrame, pd.DataFrame],
    name: str = "log_linear",
    shared: SharedDemand | None = None,
    kept: EarlierModel | None = None,
) -> Choice:
    history, articles = sold
    model = name if name == "log_linear" else f"tests.demand.odd_models:{name}"
    return choose(history, articles, WEEK, model, SEED, shared=shared, last_good=lambda: kept)


def test_the_model_that_judges_knows_nothing_of_the_weeks_that_it_judges(sold, monkeypatch) -> None:
    """Other sales of these weeks leave it as it is, whatever was learnt together from them before."""
    history, articles = sold
    first = pd.Timestamp(WEEK - EVALUATED_WEEKS * ONE_WEEK)
    doubled = history.assign(units=history["units"].where(history["week"] < first, 2 * history["units"]))
    judged: list[bytes] = []
    measure = model_module.measure_error
    monkeypatch.setattr(model_module, "measure_error", lambda model, *sales: judge(model) or measure(model, *sales))

    def judge(model: DemandModel) -> None:
        judged.append(model.to_bytes())

    for sales in (history, doubled):
        shared = pool({country: learn_country(sales, SEED) for country in ("AUT", "DEU")})
        choose(sales, articles, WEEK, "log_linear", SEED, shared=shared.for_country("AUT"))
    assert judged[0] == judged[1]


def test_a_model_that_passes_is_the_countrys_own(sold) -> None:
    """Nothing else is looked at, least of all the lake for an older model."""
    history, articles = sold

    def not_asked() -> EarlierModel | None:
        raise AssertionError

    choice = choose(history, articles, WEEK, "log_linear", SEED, last_good=not_asked)
    assert (choice.grade, choice.name, choice.refused) == (OWN, "log_linear", {})
    assert choice.why == "A: the country's own model"


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_steps_down_to_the_last_good_model(name, sold, last_good) -> None:
    """The reason that is kept names the fault."""
    choice = chosen(sold, name, kept=last_good)
    assert (choice.grade, choice.name, choice.model) == (LAST_GOOD, "log_linear", last_good.model)
    assert FAULTS[name] in choice.refused[OWN]
    assert FAULTS[name] in choice.why
    assert choice.model_of == f"{last_good.week} 0123456789ab"


def test_without_a_last_good_model_what_is_shared_stands_in(sold, shared) -> None:
    choice = chosen(sold, "Breaks", shared)
    assert (choice.grade, choice.name) == (POOLED, "log_linear")
    assert "have none" in choice.refused[LAST_GOOD]


def test_without_what_is_shared_the_rule_is_left(sold) -> None:
    choice = chosen(sold, "Breaks")
    assert (choice.grade, choice.name) == (RULE, "log_linear")
    assert list(choice.refused) == [OWN, LAST_GOOD, POOLED]


@pytest.mark.parametrize("name", ["Indifferent", "FarOff", "NotANumber"])
def test_a_last_good_model_that_is_no_longer_good_is_passed_over(name, sold, shared, last_good) -> None:
    from tests.demand import odd_models

    spoilt = getattr(odd_models, name).from_bytes(last_good.model.to_bytes())
    choice = chosen(sold, "Breaks", shared, EarlierModel(spoilt, name, last_good.week, last_good.version))
    assert choice.grade == POOLED
    assert FAULTS[name] in choice.refused[LAST_GOOD]


@pytest.mark.parametrize("weeks", [0, 1, LEAST_WEEKS - 1])
def test_too_little_history_is_no_basis_of_its_own(weeks, sold, shared) -> None:
    history, articles = sold
    short = history[history["week"] >= pd.Timestamp(WEEK - weeks * ONE_WEEK)].reset_index(drop=True)
    choice = chosen((short, articles), shared=shared)
    assert choice.grade == POOLED
    assert "too little history" in choice.refused[OWN]


def test_of_a_handful_of_units_no_error_is_made_out(sold) -> None:
    """A country that sells next to nothing keeps its own model: what it is off by in four weeks is chance."""
    history, articles = sold
    few = history[history["article_id"].isin(history["article_id"].unique()[::40])].reset_index(drop=True)
    few["units"] = (np.arange(len(few)) % 9 == 0).astype(float)
    assert chosen((few, articles), "FarOff").grade == OWN


def test_a_lake_that_is_away_is_no_fault_of_the_model(sold, shared) -> None:
    """The run is tried again; it does not price the country by less than it has."""
    with pytest.raises(TransientError, match="does not answer"):
        chosen(sold, "LakeAway", shared)


def test_a_model_that_is_not_there_is_a_wrong_setting(sold, shared) -> None:
    history, articles = sold
    with pytest.raises(UnknownModel):
        choose(history, articles, WEEK, "oracle", SEED, shared=shared)


@pytest.mark.parametrize("case", ["as it is", "no history", "one row", "never sold", "sold out"])
def test_the_rule_answers_for_every_article(case, sold) -> None:
    """It gives a number for each price, and more units at a lower one."""
    history, articles = sold
    past = {
        "as it is": history,
        "no history": history.iloc[:0],
        "one row": history.iloc[:1],
        "never sold": history.assign(units=0.0),
        "sold out": history.assign(units=0.0, stock=0, stores=0, censored=True),
    }[case]
    choice = chosen((past, articles), "Breaks")
    assert choice.grade == RULE
    prices = articles[["price"]].to_numpy() * [1.0, 0.7, 0.5]
    units = choice.model.forecast(articles, past, WEEK).at(prices, 5).units
    assert (np.diff(units, axis=1) > 0).all()


def test_the_rule_follows_each_articles_running_rate(sold) -> None:
    """Over all articles it is near what they sold in the last weeks, and who sold more is expected to sell more."""
    history, articles = sold
    choice = chosen(sold, "Breaks")
    recent = history[history["week"] >= pd.Timestamp(WEEK - 3 * ONE_WEEK)]
    rate = articles["article_id"].map(recent.groupby("article_id")["units"].mean())
    known = rate.notna().to_numpy()
    expected = choice.model.forecast(articles, history, WEEK).units(articles[["price"]].to_numpy(), 1)[known, 0, 0]
    assert expected.sum() == pytest.approx(rate[known].sum(), rel=0.35)
    assert np.corrcoef(expected, rate[known])[0, 1] > 0.8
