"""Models written in other frameworks price a country as the package's own do, on the device that was chosen."""

import pickle
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from markdown_pricing import pricing
from markdown_pricing.demand.model import make_model
from markdown_pricing.demand.step_down import OWN, Choice, choose
from markdown_pricing.installation.files import read_reason_codes
from markdown_pricing.kept.results import Results
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.process.device import choose_device
from markdown_pricing.provenance import provenance
from tests.demand.market import WEEK, market
from tests.demand.other_frameworks import EXAMPLES, PYTORCH, SCIKIT_LEARN, needs_pytorch
from tests.demand.test_contract import assert_keeps_the_contract, fitted
from tests.markdown.seasons import DEU

pytestmark = pytest.mark.usefixtures("scikit_learn")

GUIDE = Path(__file__).parents[2] / "docs/models.md"
TRUTH = 2.0


@pytest.fixture(autouse=True)
def the_usual_device() -> Iterator[None]:
    yield
    choose_device("auto")


@pytest.fixture(scope="module")
def sales() -> tuple[pd.DataFrame, pd.DataFrame]:
    return market(seed=3, articles=250, elasticity=TRUTH)


@pytest.fixture(scope="module", params=EXAMPLES)
def choice(request: pytest.FixtureRequest, sales: tuple[pd.DataFrame, pd.DataFrame]) -> Choice:
    if request.param == PYTORCH:
        needs_pytorch()
    history, articles = sales
    return choose(history, articles, WEEK, request.param, seed=1)


def test_it_passes_the_checks_of_a_countrys_own_model(choice) -> None:
    assert (choice.grade, choice.refused) == (OWN, {})


def test_it_foretells_better_than_last_weeks_value(choice) -> None:
    assert choice.report.wape < 0.9 * choice.report.naive_wape


def test_comparing_an_article_with_itself_finds_most_of_the_price_response(choice, sales) -> None:
    """The manager's markdowns of slow sellers do not hide it: within 40 % of the truth."""
    history, articles = sales
    prices = articles[["price"]].to_numpy() * [1.0, 0.7]
    units = choice.model.forecast(articles, history, WEEK).at(prices, 1).units[:, :, 0]
    response = np.log(units[:, 1] / units[:, 0]) / -np.log(0.7)
    assert 0.6 * TRUTH < np.median(response) < 1.4 * TRUTH


def test_it_is_kept_on_the_lake_and_priced_with_from_there(choice, sales, tmp_path) -> None:
    """As the assets do: one run fits, keeps and forgets it, the next reads it by its name."""
    history, articles = sales
    results = Results(Lake(str(tmp_path), models=(choice.name,)), WEEK, "DEU")
    made_by = pricing.modelled_by(provenance(WEEK, "DEU", "0"), choice, pricing.HowToLearn(choice.name, seed=1))
    results.model.keep(choice.model, made_by)
    model, origin = results.model.read()
    assert type(model) is type(choice.model)
    week = pricing.CountryWeek(WEEK, "DEU", history, articles)
    at = datetime(2026, 2, 9, tzinfo=UTC)
    inputs = pricing.PricingInputs(DEU, RuleBook(), read_reason_codes())
    rows = pricing.price_articles(week, model, inputs, origin, "run", at).rows
    assert set(rows["article_id"]) == set(articles["article_id"])
    assert (rows["action"] == "markdown").any()
    assert rows["model_version"].str.startswith(choice.name).all()


def test_a_pickle_may_hold_trees_and_nothing_that_runs(sales) -> None:
    """Who may write to the lake does not thereby run code on the machines that price."""
    header, _, _ = fitted(SCIKIT_LEARN, sales[0]).to_bytes().partition(b"\n")
    with pytest.raises(pickle.UnpicklingError, match=r"posix.system|os.system"):
        make_model(SCIKIT_LEARN).from_bytes(header + b"\n" + pickle.dumps(Runs()))


class Runs:
    def __reduce__(self):
        import os

        return os.system, ("true",)


def test_the_thirty_lines_of_the_guide_keep_the_contract(tmp_path, monkeypatch, sold) -> None:
    [code] = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 34
    (tmp_path / "steady.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "steady", raising=False)
    history, articles = sold
    assert_keeps_the_contract(fitted("steady:Steady", history), articles, history)
    assert choose(history, articles, WEEK, "steady:Steady", seed=1).grade == OWN


def test_without_a_gpu_it_is_trained_on_the_cpu_and_says_so(sales) -> None:
    needs_pytorch()
    import torch

    if torch.cuda.is_available():
        pytest.skip("the fallback did not run: this machine has a GPU")
    choose_device("cuda")
    with pytest.warns(RuntimeWarning, match="computes on the CPU"):
        assert fitted(PYTORCH, sales[0]).device == "cpu"


def test_it_is_trained_on_the_gpu_where_there_is_one(sales) -> None:
    """What it has learnt there answers on a machine without a GPU, too."""
    needs_pytorch()
    import torch

    if not torch.cuda.is_available():
        pytest.skip("training on a GPU did not run: this machine has none")
    history, articles = sales
    prices = articles[["price"]].to_numpy() * [1.0, 0.7]
    models = []
    for device in ("cpu", "cuda"):
        choose_device(device)
        models.append(fitted(PYTORCH, history))
    on_cpu, on_gpu = models
    assert (on_cpu.device, on_gpu.device) == ("cpu", "cuda")
    assert_keeps_the_contract(on_gpu, articles, history)
    first, second = (model.forecast(articles, history, WEEK).at(prices, 4).units for model in models)
    np.testing.assert_allclose(second, first, rtol=0.05)
