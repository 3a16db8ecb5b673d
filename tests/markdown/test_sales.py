"""Numbers from closed forms: of the exponential, the geometric and the Poisson distribution."""

import numpy as np
import pytest

from markdown_pricing.markdown.sales import demand_points, demand_quantile, expected_sales

EXPONENTIAL = np.array([2.0]), np.array([0.5])
"""Mean and dispersion whose gamma distribution is exponential: its variance, 2 + 0.5 · 2², is the squared mean."""


def test_points_are_the_means_of_equally_likely_slices() -> None:
    """The halves of an exponential distribution have the means 1 - ln 2 and 1 + ln 2, relative to its own."""
    [halves] = demand_points(*EXPONENTIAL, points=2)

    assert halves == pytest.approx([2 * (1 - np.log(2)), 2 * (1 + np.log(2))])


def test_points_have_the_mean_of_the_demand() -> None:
    means, dispersions = np.array([0.0, 0.01, 3.0, 4_000.0]), np.array([0.5, 0.0, 2.0, 0.1])

    points = demand_points(means, dispersions, points=7)

    assert points.mean(axis=1) == pytest.approx(means)
    assert (np.diff(points, axis=1) >= 0).all()


@pytest.mark.parametrize("stock", [0.5, 2.0, 10.0])
def test_a_stock_sells_the_smaller_of_stock_and_demand(stock: float) -> None:
    """Of exponential demand with mean m a stock S sells m · (1 - exp(-S / m)), here to one percent."""
    [sold] = expected_sales(np.array([stock]), *EXPONENTIAL)

    assert sold == pytest.approx(2 * (1 - np.exp(-stock / 2)), rel=0.01)


def test_never_more_is_sold_than_there_is() -> None:
    sold = expected_sales(np.array([0.0, 7.0]), np.array([5.0, 1e6]), np.array([0.5, 0.5]))

    assert sold[0] == 0
    assert sold[1] == pytest.approx(7, rel=0.01)
    assert (sold <= [0, 7]).all()


@pytest.mark.parametrize(
    ("mean", "share", "units"), [(1, 0.5, 0), (1, 0.51, 1), (1, 0.875, 2), (1, 0.9, 3), (3, 0.9, 8)]
)
def test_quantiles_of_a_geometric_demand(mean: float, share: float, units: int) -> None:
    """With dispersion 1 no more than k units are asked for with probability 1 - (mean / (1 + mean)) ** (k + 1)."""
    assert demand_quantile(share, np.array([float(mean)]), np.array([1.0])).tolist() == [units]


@pytest.mark.parametrize(("share", "units"), [(0.36, 0), (0.37, 1), (0.73, 1), (0.74, 2), (0.9, 2), (0.93, 3)])
def test_quantiles_of_a_poisson_demand(share: float, units: int) -> None:
    """With mean 1 it is 0 with probability 0.368, at most 1 with 0.736, and at most 2 with 0.920."""
    assert demand_quantile(share, np.array([1.0]), np.array([0.0])).tolist() == [units]


def test_without_demand_every_quantile_is_zero() -> None:
    assert demand_quantile(0.99, np.array([0.0]), np.array([0.5])).tolist() == [0]
