"""Countries of production size."""

import pytest

from markdown_pricing.countries import read_countries
from markdown_pricing.sample.season import sample_market
from markdown_pricing.sample.sizes import zipf_sizes
from tests.sample.conftest import WEEK, country


def test_45_countries_of_production_size_have_ten_million_rows() -> None:
    """The largest 20,000 articles of about 100 rows each, all of them five times as many."""
    sizes = zipf_sizes(read_countries(), largest=20_000)

    assert len(sizes) == 45
    assert max(sizes.values()) == sizes["DEU"] == 20_000
    assert sum(sizes.values()) == pytest.approx(100_000, rel=0.01)


def test_an_article_to_price_has_about_a_hundred_rows_of_history() -> None:
    assert sample_market(country("EST"), WEEK, articles=300).table().num_rows == pytest.approx(300 * 100, rel=0.05)


def test_the_r_th_country_has_the_largests_size_by_a_power_of_r() -> None:
    """So the second has about half, the tenth about an eighth, and none has nothing."""
    ordered = list(zipf_sizes(read_countries(), largest=20_000).values())

    assert ordered == sorted(ordered, reverse=True)
    assert ordered[1] / ordered[0] == pytest.approx(2**-0.924, rel=0.01)
    assert ordered[9] / ordered[0] == pytest.approx(10**-0.924, rel=0.01)
    assert min(zipf_sizes(read_countries(), largest=1).values()) == 1


def test_one_factor_makes_all_countries_smaller() -> None:
    large, small = (zipf_sizes(read_countries(), largest) for largest in (20_000, 2_000))

    assert list(large) == list(small)
    assert all(abs(large[code] / 10 - small[code]) <= 1 for code in large)


def test_countries_rank_by_their_sales_whatever_their_order() -> None:
    assert list(zipf_sizes(["MLT", "AUT", "DEU"], largest=10)) == ["DEU", "AUT", "MLT"]
