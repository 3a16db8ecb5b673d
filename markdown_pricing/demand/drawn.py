"""Articles that are drawn from a large country, so that a fit takes no longer there."""

import numpy as np
import pandas as pd

from markdown_pricing.arrays import BoolArray

JUDGED_ROWS = 75_000
"""About so many rows are left for a fit that is only judged, by weeks that it does not know (docs/adr/0032)."""


def thinned(history: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    """`history`, or the rows of articles drawn from it, so that about `rows` are left when there are more."""
    if len(history) <= rows:
        return history.reset_index(drop=True)
    codes, ids = pd.factorize(history["article_id"], sort=True)
    return history[draw_articles(len(ids), rows / len(history), seed)[codes]].reset_index(drop=True)


def draw_articles(articles: int, share: float, seed: int) -> BoolArray:
    """Which of the articles are drawn, (articles,), so that they are about such a share of all."""
    return np.random.default_rng(seed).random(articles) < share
