"""What every demand model keeps, whatever framework it is made with."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from markdown_pricing import demand
from markdown_pricing.demand.model import MODELS, DemandModel, make_model
from tests.demand.market import WEEK
from tests.demand.other_frameworks import EXAMPLES, PYTORCH, SCIKIT_LEARN_FOLDER, needs_pytorch

pytestmark = pytest.mark.usefixtures("scikit_learn")

WEEKS = 12
LADDER = np.array([1.0, 0.9, 0.7, 0.5, 0.3, 0.3])


def fitted(name: str, history: pd.DataFrame, week: date = WEEK) -> DemandModel:
    model = make_model(name)
    model.fit(history, week, seed=7)
    return model


def ladders(articles: pd.DataFrame) -> np.ndarray:
    return articles["price"].to_numpy()[:, None] * LADDER


def assert_keeps_the_contract(model: DemandModel, articles: pd.DataFrame, history: pd.DataFrame) -> np.ndarray:
    """Shape, finite, >= 0, less at a higher price; all other answers and the bytes with them. Returns the units."""
    prices = ladders(articles)
    forecast = model.forecast(articles, history, WEEK)
    demand = forecast.at(prices, WEEKS)
    assert demand.units.shape == (len(articles), len(LADDER), WEEKS)
    assert demand.dispersion.shape == (len(articles),)
    assert (demand.dispersion > 0).all()
    for values in forecast.elasticity or ():
        assert (values > 0).all()
    again = type(model).from_bytes(model.to_bytes())
    np.testing.assert_array_equal(units_of(again, articles, history), demand.units)
    return demand.units


def units_of(model: DemandModel, articles: pd.DataFrame, history: pd.DataFrame) -> np.ndarray:
    return model.forecast(articles, history, WEEK).at(ladders(articles), WEEKS).units


@pytest.fixture(scope="module", params=[*MODELS, *EXAMPLES])
def name(request: pytest.FixtureRequest) -> str:
    if request.param == PYTORCH:
        needs_pytorch()
    return str(request.param)


@pytest.fixture(scope="module")
def fitted_once(sold: tuple[pd.DataFrame, pd.DataFrame]) -> Callable[[str], DemandModel]:
    """A model by name, for the tests that only ask it."""
    return cache(lambda name: fitted(name, sold[0]))


@pytest.fixture(scope="module")
def model(name: str, fitted_once: Callable[[str], DemandModel]) -> DemandModel:
    return fitted_once(name)


def test_every_model_of_the_package_is_known_by_its_name() -> None:
    """A file that defines a subclass of DemandModel is one of MODELS."""
    files = sorted(Path(demand.__path__[0]).glob("*.py"))
    assert tuple(file.stem for file in files if "(DemandModel):" in file.read_text()) == MODELS


def test_answers_for_every_article_rung_and_week(model, sold) -> None:
    history, articles = sold
    units = assert_keeps_the_contract(model, articles, history)
    assert units[:, 4].sum() > units[:, 0].sum(), "a lower price sells more"
    np.testing.assert_array_equal(units[:, 4], units[:, 5])


def test_the_same_seed_gives_the_same_model(name, model, sold) -> None:
    history, _articles = sold
    assert fitted(name, history).to_bytes() == model.to_bytes()


ANOTHER_PROCESS = """
import datetime, pathlib, sys
import numpy as np, pandas as pd
from markdown_pricing.demand.model import make_model

folder, week, *names = sys.argv[1:]
folder = pathlib.Path(folder)
articles, history = (pd.read_pickle(folder / f"{part}.pkl") for part in ("articles", "history"))
for number, name in enumerate(names):
    model = type(make_model(name)).from_bytes((folder / f"{number}.bin").read_bytes())
    forecast = model.forecast(articles, history, datetime.date.fromisoformat(week))
    np.save(folder / f"{number}.npy", forecast.at(articles[["price"]].to_numpy(), 3).units)
"""


@pytest.fixture(scope="module")
def answers_of_another_process(
    fitted_once: Callable[[str], DemandModel],
    sold: tuple[pd.DataFrame, pd.DataFrame],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., dict[str, np.ndarray]]:
    """What the models of these names answer in a process that has nothing but their bytes; they share one."""

    @cache
    def answers(*names: str) -> dict[str, np.ndarray]:
        folder = tmp_path_factory.mktemp("another-process")
        for part, frame in zip(("history", "articles"), sold, strict=True):
            frame.to_pickle(folder / f"{part}.pkl")
        for number, name in enumerate(names):
            (folder / f"{number}.bin").write_bytes(fitted_once(name).to_bytes())
        environ = {**os.environ, "PYTHONPATH": SCIKIT_LEARN_FOLDER}
        command = [sys.executable, "-c", ANOTHER_PROCESS, folder, WEEK.isoformat(), *names]
        subprocess.run(command, check=True, env=environ)
        return {name: np.load(folder / f"{number}.npy") for number, name in enumerate(names)}

    return answers


def test_another_process_gives_the_same_answer(name, model, sold, answers_of_another_process) -> None:
    """The bytes are all there is to a model: no pickle, nothing kept in the process that fitted it."""
    history, articles = sold
    together = (PYTORCH,) if name == PYTORCH else tuple(own for own in (*MODELS, *EXAMPLES) if own != PYTORCH)
    expected = model.forecast(articles, history, WEEK).at(articles[["price"]].to_numpy(), 3).units
    np.testing.assert_array_equal(answers_of_another_process(*together)[name], expected)


def test_an_article_is_answered_the_same_alone_and_among_others(model, sold) -> None:
    history, articles = sold
    together, alone = (units_of(model, asked, history) for asked in (articles, articles.iloc[[3]]))
    np.testing.assert_allclose(alone[0], together[3], rtol=1e-9)


def test_the_order_of_the_articles_is_the_order_of_the_answer(model, sold) -> None:
    history, articles = sold
    turned = articles.iloc[::-1].reset_index(drop=True)
    straight, backwards = (units_of(model, asked, history) for asked in (articles, turned))
    np.testing.assert_allclose(backwards, straight[::-1], rtol=1e-9)


def test_nothing_of_the_week_to_price_is_learnt(model, sold) -> None:
    """Units in the snapshot rows, were there any, change no answer."""
    history, articles = sold
    with_units = articles.assign(units=500.0)
    np.testing.assert_array_equal(units_of(model, with_units, history), units_of(model, articles, history))


HISTORIES = {
    "no history": lambda history: history.iloc[:0],
    "one row": lambda history: history.iloc[:1],
    "one week": lambda history: history[history["week"] == history["week"].max()],
    "five articles": lambda history: history[history["article_id"].isin(history["article_id"].unique()[-5:])],
    "never a markdown": lambda history: history.assign(price=history["list_price"]),
    "nothing sold": lambda history: history.assign(units=0.0),
    "only returns": lambda history: history.assign(units=-1.0),
    "all sold out": lambda history: history.assign(units=history["stock"].astype(float), censored=True),
    "never in stock": lambda history: history.assign(units=0.0, stock=0, stores=0, censored=True),
    "every third week missing": lambda history: history[np.arange(len(history)) % 3 > 0],
    "list price cut midway": lambda history: history.assign(
        list_price=np.where(history["week"] > pd.Timestamp(WEEK - timedelta(weeks=20)), 0.8, 1) * history["list_price"]
    ),
    "one category": lambda history: history.assign(category="dresses"),
    "another category": lambda history: history.assign(category="hats"),
}


@pytest.mark.parametrize("case", HISTORIES)
def test_any_history_will_do(name, few, case) -> None:
    history, articles = few
    past = HISTORIES[case](history).reset_index(drop=True)
    assert_keeps_the_contract(fitted(name, past), articles, past)


ARTICLES = {
    "none": lambda articles: articles.iloc[:0],
    "one": lambda articles: articles.iloc[:1],
    "never seen": lambda articles: articles.assign(article_id=[f"new-{n}" for n in range(len(articles))]),
    "of an unknown category": lambda articles: articles.assign(category="hats"),
    "past their end": lambda articles: articles.assign(end_week=articles["week"] - pd.Timedelta(weeks=9)),
    "ending in three years": lambda articles: articles.assign(end_week=articles["week"] + pd.Timedelta(weeks=150)),
    "not yet launched": lambda articles: articles.assign(launch_week=articles["week"] + pd.Timedelta(weeks=2)),
    "sold out": lambda articles: articles.assign(stock=0, stores=0, censored=True),
    "a hundred times as dear": lambda articles: articles.assign(price=articles["price"] * 100),
    "with a new list price": lambda articles: articles.assign(list_price=articles["list_price"] * 0.7),
}


@pytest.mark.parametrize("case", ARTICLES)
def test_any_articles_will_do(model, sold, case) -> None:
    history, articles = sold
    asked = ARTICLES[case](articles).reset_index(drop=True)
    assert_keeps_the_contract(model, asked, history)


def test_attributes_of_any_kind_are_allowed(name, few) -> None:
    """Text with gaps, flags, numbers; one that turns up only now; a value never seen."""
    history, articles = few
    colours = np.resize(np.array(["red", "blue", None], dtype=object), len(history))
    history = history.assign(attr_colour=colours, attr_flag=True, attr_size=np.arange(len(history)) % 7)
    articles = articles.assign(attr_colour="mauve", attr_flag=None, attr_size=np.nan, attr_new="x")
    assert_keeps_the_contract(fitted(name, history), articles, history)
