"""The network that all countries learn together: each adapts it, and whoever writes it gets no code run."""

import io
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from markdown_pricing.demand.level import OwnEffects
from markdown_pricing.demand.model import make_model
from markdown_pricing.demand.shared import SharedDemand
from markdown_pricing.demand.step_down import OWN, choose
from markdown_pricing.process.device import choose_device
from tests.demand.market import WEEK, market
from tests.demand.other_frameworks import PYTORCH, needs_pytorch
from tests.demand.test_contract import ARTICLES, HISTORIES, assert_keeps_the_contract

TRUTH, SEED = 2.6, 7


@pytest.fixture(scope="module", autouse=True)
def pytorch() -> None:
    needs_pytorch()


@pytest.fixture(scope="module")
def given() -> Mapping[str, bytes]:
    """What three countries with an elasticity of about TRUTH give."""
    histories = {code: market(seed=n, articles=150, elasticity=TRUTH)[0] for n, code in enumerate("ABC")}
    return {code: type(make_model(PYTORCH)).contribution(each, WEEK, SEED) for code, each in histories.items()}


def learn_together(given: Mapping[str, bytes]) -> bytes:
    learnt = type(make_model(PYTORCH)).learn_together(given, WEEK, SEED)
    assert learnt is not None
    return learnt


@pytest.fixture(scope="module")
def learnt(given: Mapping[str, bytes]) -> bytes:
    return learn_together(given)


def shared_with(country: str, learnt: bytes) -> SharedDemand:
    nothing = SharedDemand((), np.zeros((0, 1)), OwnEffects(), {}, taste_sd=0.1, learnt_by={PYTORCH: learnt})
    return nothing.for_country(country, PYTORCH)


def fitted(history: pd.DataFrame, shared: SharedDemand | None):
    model = make_model(PYTORCH)
    model.fit(history, WEEK, SEED, shared=shared)
    return model


@pytest.mark.parametrize("country", ["A", "of its own"])
@pytest.mark.parametrize("case", HISTORIES)
def test_with_any_history_it_keeps_the_contract(learnt, few, country, case) -> None:
    history, articles = few
    past = HISTORIES[case](history).reset_index(drop=True)
    assert_keeps_the_contract(fitted(past, shared_with(country, learnt)), articles, past)


@pytest.mark.parametrize("case", ARTICLES)
def test_with_any_articles_it_keeps_the_contract(learnt, few, case) -> None:
    history, articles = few
    asked = ARTICLES[case](articles).reset_index(drop=True)
    assert_keeps_the_contract(fitted(history, shared_with("A", learnt)), asked, history)


def test_a_country_that_never_marked_down_learns_the_response_of_the_others(learnt) -> None:
    history, articles = market(seed=9, articles=12, elasticity=TRUTH)
    history = history.assign(price=history["list_price"])
    off = []
    for shared in (None, shared_with("D", learnt)):
        prices = articles[["price"]].to_numpy() * [1.0, 0.7]
        units = fitted(history, shared).forecast(articles, history, WEEK).units(prices, 1)[:, :, 0]
        off.append(abs(np.median(np.log(units[:, 1] / units[:, 0]) / -np.log(0.7)) - TRUTH))
    assert off[1] < 0.5 * off[0]


def test_a_country_adapts_level_and_response_to_its_own_sales(learnt) -> None:
    """Half as many units more in each week in which the price was cut: a stronger response, and no other level."""
    history, _ = market(seed=3, articles=60, elasticity=TRUTH)
    cut = history["price"] < 0.9 * history["list_price"]
    stronger = history.assign(units=np.where(cut, 1.5, 1.0) * history["units"], censored=False)
    as_it_is, changed = (fitted(each, shared_with("D", learnt)).adapted for each in (history, stronger))
    assert changed.stretch > 1.05 * as_it_is.stretch
    assert abs(changed.shift - as_it_is.shift) < 0.15


def test_it_passes_the_checks_of_a_countrys_own_model(learnt) -> None:
    history, articles = market(seed=3, articles=250, elasticity=TRUTH)
    choice = choose(history, articles, WEEK, PYTORCH, SEED, shared=shared_with("D", learnt))
    assert (choice.grade, choice.refused) == (OWN, {})
    assert choice.model.adapted is not None


def test_the_same_seed_gives_the_same_bytes_whatever_order_the_countries_come_in(given, learnt) -> None:
    assert learn_together(dict(reversed(given.items()))) == learnt
    history = market(seed=3, articles=60)[0]
    first, second = (fitted(history, shared_with("A", learnt)).to_bytes() for _ in range(2))
    assert first == second


def test_without_anything_learnt_together_it_is_the_countrys_own(few) -> None:
    nothing = SharedDemand((), np.zeros((0, 1)), OwnEffects(), {}, taste_sd=0.1).for_country("A", PYTORCH)
    history, _ = few
    assert fitted(history, nothing).to_bytes() == fitted(history, None).to_bytes()


def test_a_country_gives_a_bounded_number_of_rows(monkeypatch) -> None:
    history, _ = market(seed=1, articles=60)
    monkeypatch.setattr("examples.contribution.ROWS_A_COUNTRY", 500)
    data = type(make_model(PYTORCH)).contribution(history, WEEK, SEED)
    with np.load(io.BytesIO(data)) as arrays:
        assert {len(arrays[name]) for name in ("x", "rate", "units", "censored", "before", "step")} == {500}
        assert arrays["x"].dtype == np.float32


def test_countries_in_which_nothing_was_sold_teach_nothing(few) -> None:
    history, _ = few
    assert type(make_model(PYTORCH)).contribution(history.assign(units=0.0), WEEK, SEED) is None


class Runs:
    def __reduce__(self):
        import os

        return os.system, ("true",)


@pytest.mark.parametrize("name", ["mean", "categories", "weight level.0.weight"])
def test_arrays_that_would_have_to_be_unpickled_are_refused(learnt, few, name) -> None:
    """Who may write to the lake does not thereby run code on the machines that price."""
    with np.load(io.BytesIO(learnt)) as file:
        arrays = {key: file[key] for key in file.files}
    assert name in arrays
    changed = io.BytesIO()
    np.savez(changed, **{**arrays, name: np.array([Runs()], dtype=object)})
    with pytest.raises(ValueError, match="allow_pickle=False"):
        fitted(few[0], shared_with("A", changed.getvalue()))


def test_it_is_learnt_on_the_gpu_where_there_is_one_and_answers_nearly_the_same(given, few) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("learning together on a GPU did not run: this machine has none")
    history, articles = few
    models = []
    for device in ("cpu", "cuda"):
        choose_device(device)
        models.append(fitted(history, shared_with("A", learn_together(given))))
    choose_device("auto")
    assert [model.device for model in models] == ["cpu", "cuda"]
    first, second = (
        model.forecast(articles, history, WEEK).units(articles[["price"]].to_numpy(), 4) for model in models
    )
    np.testing.assert_allclose(second, first, rtol=0.2)
