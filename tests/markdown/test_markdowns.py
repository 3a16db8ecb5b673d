"""Which falls of a price are markdowns: one article, a price a week, the last one that of the snapshot."""

from collections.abc import Sequence

import numpy as np
import pytest

from markdown_pricing.markdown.markdowns import Markdowns, PriceHistory, find_markdowns

NEVER = 520


def found(prices: Sequence[int], list_prices: Sequence[int] | None = None, back_in: int = NEVER) -> Markdowns:
    """What the prices tell of an article that was launched with the first of them, at a list price of 100."""
    weeks = np.arange(1 - len(prices), 1)
    history = PriceHistory.of(
        article=np.zeros(len(prices), dtype=np.int64),
        week=weeks,
        price=np.array(prices),
        list_price=np.array(list_prices or [100] * len(prices)),
        launch=np.full(len(prices), weeks[0]),
        articles=1,
    )
    return find_markdowns(history, np.array([back_in]), NEVER)


@pytest.mark.parametrize(
    "prices",
    [
        pytest.param([100, 100, 100], id="a price that stays"),
        pytest.param([100, 98, 100, 98], id="noise"),
        pytest.param([100, 70, 100, 100], id="a promotion"),
        pytest.param([100, 80, 90, 90], id="a fall that is half regained"),
        pytest.param([100, 70, 70, 70, 70, 100], id="a fall that is regained after four weeks"),
    ],
)
def test_no_markdown(prices: list[int]) -> None:
    markdowns = found(prices)

    assert markdowns.taken.tolist() == [0]
    assert markdowns.last.tolist() == [-NEVER]


@pytest.mark.parametrize(
    ("prices", "taken", "last"),
    [
        pytest.param([100, 100, 80, 80], 1, -1, id="a fall that stays"),
        pytest.param([100, 100, 80], 1, 0, id="a fall of this week"),
        pytest.param([100, 90, 90, 70, 70], 2, -1, id="two falls"),
        pytest.param([100, 98, 96], 1, 0, id="a price that creeps"),
        pytest.param([100, 80, 89, 89], 1, -2, id="a fall that is regained by less than half"),
        pytest.param([100, 70, 70, 70, 70, 70, 100], 1, -5, id="a fall that is regained after five weeks"),
        pytest.param([100, 80, 60, 80, 80], 1, -3, id="a promotion after a markdown"),
    ],
)
def test_markdowns(prices: list[int], taken: int, last: int) -> None:
    markdowns = found(prices)

    assert markdowns.taken.tolist() == [taken]
    assert markdowns.last.tolist() == [last]


def test_a_price_that_moves_with_its_list_price_is_no_markdown() -> None:
    assert found([90, 45, 45], list_prices=[100, 50, 50]).taken.tolist() == [1]
    assert found([100, 50, 50], list_prices=[100, 50, 50]).taken.tolist() == [0]


def test_a_temporary_price_is_none_because_it_ends() -> None:
    """It goes back to the price before it."""
    markdowns = found([100, 90, 90, 90, 90, 90, 60], back_in=2)

    assert markdowns.taken.tolist() == [1]
    assert markdowns.last.tolist() == [-5]
    assert markdowns.counted.tolist() == [0.9]


def test_a_temporary_price_of_many_weeks_is_a_markdown() -> None:
    assert found([100, 60], back_in=5).taken.tolist() == [1]


def test_an_article_that_comes_late_may_have_been_marked_down_since_its_launch() -> None:
    """Its first row is the snapshot's: the price fell in the week before or earlier."""
    zero = np.zeros(1, dtype=np.int64)
    history = PriceHistory.of(zero, zero, np.array([80]), np.array([100]), np.array([-9]), 1)

    markdowns = find_markdowns(history, np.array([NEVER]), NEVER)

    assert markdowns.taken.tolist() == [1]
    assert markdowns.last.tolist() == [-1]
