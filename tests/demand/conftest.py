"""A market with a known truth, made once for the tests of all demand models, and the framework of one of them."""

from collections.abc import Iterator

import pandas as pd
import pytest

from tests.demand.market import market
from tests.demand.other_frameworks import scikit_learn_found


@pytest.fixture(scope="session")
def sold() -> tuple[pd.DataFrame, pd.DataFrame]:
    """History and the articles to price, without the truth's columns."""
    history, articles = market(seed=1, articles=200)
    return history.drop(columns=["mean", "elasticity"]), articles.drop(columns=["mean", "elasticity"])


@pytest.fixture(scope="session")
def few() -> tuple[pd.DataFrame, pd.DataFrame]:
    """A smaller market than `sold`, for the tests that fit a model for each of their cases."""
    history, articles = market(seed=1, articles=50)
    return history.drop(columns=["mean", "elasticity"]), articles.drop(columns=["mean", "elasticity"])


@pytest.fixture(scope="module")
def scikit_learn() -> Iterator[None]:
    """For the files whose tests fit the example in scikit-learn."""
    with scikit_learn_found():
        yield
