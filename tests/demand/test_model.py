"""Models by name, and how well one would have done."""

import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.demand.model import (
    DemandModel,
    UnknownModel,
    evaluate,
    make_model,
    most_important,
)
from tests.demand.market import WEEK, market

OWN_MODEL = '''
import numpy as np

from markdown_pricing.demand.model import DemandModel
from markdown_pricing.forecast import Forecast


class Flat(DemandModel):
    """Ten a week of everything, at any price."""

    def fit(self, history, week, seed, threads=1, shared=None): ...
    def forecast(self, articles, history, week):
        return Forecast("Flat", lambda prices, weeks: np.full((*prices.shape, weeks), 10.0))
    def to_bytes(self): return b"flat"
    @classmethod
    def from_bytes(cls, data): return cls()


class Half(DemandModel):
    def fit(self, history, week, seed, threads=1, shared=None): ...


class Stranger:
    def __init__(self): raise AssertionError("called before it was looked at")


def fall(): raise AssertionError("called before it was looked at")
'''


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "flat_demand.py").write_text(OWN_MODEL)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "flat_demand", raising=False)
    return "flat_demand"


def test_another_model_is_one_file_and_its_name(own_module, sold) -> None:
    model = make_model(f"{own_module}:Flat")
    assert isinstance(model, DemandModel)
    assert model.importance() == {}
    report = evaluate(f"{own_module}:Flat", sold[0], WEEK, seed=1)
    assert report.by_week["expected"].iloc[0] % 10 == 0


@pytest.mark.parametrize("name", ["boosting", "model", "pooling", "", "no_such_module:Model", "json:NoSuchClass", ":"])
def test_an_unknown_model_is_refused_with_the_known_ones(name) -> None:
    with pytest.raises(UnknownModel, match=r"gradient_boosting, log_linear"):
        make_model(name)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Half", "Half lacks forecast, from_bytes, to_bytes"),
        ("Stranger", "no subclass of DemandModel"),
        ("fall", "fall is no subclass of DemandModel"),
    ],
)
def test_a_model_that_is_not_whole_is_refused_with_what_it_lacks(own_module, name, why) -> None:
    with pytest.raises(UnknownModel, match=why):
        make_model(f"{own_module}:{name}")


@pytest.fixture(scope="module")
def history() -> pd.DataFrame:
    return market(seed=2, articles=250)[0]


@pytest.mark.parametrize("name", ["gradient_boosting", "log_linear"])
def test_a_model_beats_the_naive_forecast_but_not_the_noise(name, history) -> None:
    """Below the error of the true mean it could only know the answer."""
    report = evaluate(name, history, WEEK, seed=1)
    last = history[(history["week"] >= pd.Timestamp(WEEK - timedelta(weeks=4))) & ~history["censored"]]
    floor = (last["units"] - last["mean"]).abs().sum() / last["units"].sum()
    assert 0.95 * floor < report.wape < 0.9 * report.naive_wape
    assert abs(report.bias) < 0.25
    assert report.rows == len(history)
    assert len(report.by_week) == 4


def test_what_is_compared_was_not_known_to_the_model(history) -> None:
    """Other sales in the last four weeks change what is compared with, but no forecast made before them."""
    first_compared = pd.Timestamp(WEEK - timedelta(weeks=4))
    changed = history.assign(units=history["units"].where(history["week"] < first_compared, history["units"] + 50))
    reports = [evaluate("log_linear", each.assign(censored=False), WEEK, seed=1) for each in (history, changed)]
    first, second = (report.by_week.iloc[0] for report in reports)
    assert second["actual"] > first["actual"]
    assert second["expected"] == first["expected"]


def test_the_same_weeks_are_also_forecast_from_further_back(history) -> None:
    """Four Mondays forecast the weeks up to today: as many weeks as there are, less by one for each week ahead."""
    report = evaluate("log_linear", history, WEEK, seed=1)
    measured = {one.group: one for one in report.biases}
    whole = measured["all sales, one week ahead"]
    assert (whole.value, whole.units) == pytest.approx((report.bias, report.by_week["actual"].sum()))
    assert [measured[f"{ahead} weeks ahead"].weeks for ahead in (2, 3, 4)] == [3, 2, 1]


def test_of_a_large_country_some_articles_are_compared(history, monkeypatch) -> None:
    """They say about the same of the model; what is counted is all that it learnt from."""
    all_articles = evaluate("log_linear", history, WEEK, seed=1)
    monkeypatch.setattr("markdown_pricing.demand.model.EVALUATED_ARTICLES", 40)
    some_articles = evaluate("log_linear", history, WEEK, seed=1)
    assert 0.2 < some_articles.by_week["actual"].sum() / all_articles.by_week["actual"].sum() < 0.6
    assert some_articles.wape / some_articles.naive_wape == pytest.approx(
        all_articles.wape / all_articles.naive_wape, rel=0.15
    )
    assert (some_articles.rows, some_articles.articles) == (all_articles.rows, all_articles.articles)


@pytest.mark.parametrize("name", ["gradient_boosting", "log_linear"])
def test_a_fit_that_is_only_judged_learns_from_some_articles_of_a_large_country(name, history, monkeypatch) -> None:
    """It errs hardly more, and the fit that prices learns from as many as ever."""
    all_rows = evaluate(name, history, WEEK, seed=1)
    seen = []
    model = type(make_model(name))
    fit = model.fit
    monkeypatch.setattr(model, "fit", lambda self, rows, *more: (seen.append(len(rows)), fit(self, rows, *more))[1])
    monkeypatch.setattr(model, "judged_rows", len(history) // 2)

    some_rows = evaluate(name, history, WEEK, seed=1)

    assert seen == [pytest.approx(len(history) / 2, rel=0.25)]
    assert some_rows.wape == pytest.approx(all_rows.wape, rel=0.1)
    assert some_rows.rows == all_rows.rows == len(history)


def test_a_model_of_somebody_else_is_judged_by_a_fit_of_all_rows() -> None:
    """Nobody else knows with how few it does as well."""
    assert DemandModel.judged_rows is None


@pytest.mark.parametrize("rows", [0, 1, 20])
def test_a_report_of_next_to_nothing_is_still_a_report(rows, history) -> None:
    report = evaluate("gradient_boosting", history.iloc[:rows], WEEK, seed=1)
    assert report.rows == rows
    assert np.isnan(report.wape) or report.wape >= 0


def test_importance_is_in_shares_largest_first() -> None:
    assert most_important({"a": 1.0, "b": 3.0}) == {"b": 0.75, "a": 0.25}
    assert most_important({"a": 0.0}) == {}
