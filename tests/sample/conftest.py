"""Markets of a large, two middling and a small country, with their whole history."""

from datetime import date

import pandas as pd
import pytest

from markdown_pricing.countries import Country, read_countries
from markdown_pricing.sample.market import Market
from markdown_pricing.sample.season import sample_market

WEEK = date(2026, 2, 9)
COUNTRIES = read_countries()
CODES = ("DEU", "BEL", "HUN", "MLT")


def country(code: str) -> Country:
    return COUNTRIES[code]


@pytest.fixture(scope="session")
def markets() -> dict[str, Market]:
    return {code: sample_market(country(code), WEEK) for code in CODES}


@pytest.fixture(scope="session")
def frames(markets: dict[str, Market]) -> dict[str, pd.DataFrame]:
    return {code: market.table().to_pandas() for code, market in markets.items()}


@pytest.fixture(params=CODES)
def code(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def market(markets: dict[str, Market], code: str) -> Market:
    return markets[code]


@pytest.fixture
def frame(frames: dict[str, pd.DataFrame], code: str) -> pd.DataFrame:
    return frames[code]
