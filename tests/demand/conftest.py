"""A market with a known truth, made once for the tests of all demand models."""

import pandas as pd
import pytest

from tests.demand.market import market


@pytest.fixture(scope="session")
def sold() -> tuple[pd.DataFrame, pd.DataFrame]:
    """History and the articles to price, without the truth's columns."""
    history, articles = market(seed=1, articles=200)
    return history.drop(columns=["mean", "elasticity"]), articles.drop(columns=["mean", "elasticity"])
