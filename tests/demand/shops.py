"""Shops whose prices move back and forth: promotions with cuts, a dip after them, and luck that all shops share.

The truth is known. Beside `market.py`, whose prices only fall, this is what real sales of a supermarket look like.
"""

import numpy as np
import pandas as pd

from tests.demand.market import WEEK

ELASTICITY, DIP = 2.0, 0.5
"""The true price response, and the share of its usual demand that an article keeps in the week after a promotion."""


def shops(
    seed: int = 0, articles: int = 40, weeks: int = 90, luck: float = 0.3, together: float = 0.0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """History and snapshot in the training data's form, with the true `mean` of each row.

    together : by so much, in logs, a promotion with a further cut of 10 % sells more than both would alone
    The manager promotes more often when he expects a good week, which no column says: a regression takes some of his
    knowledge for the effect of the low price. Every second article of the snapshot was promoted in the week before.
    """
    rng = np.random.default_rng(seed)
    knows = rng.normal(0, 0.25, (articles, weeks + 1))
    promoted = (rng.random((articles, weeks + 1)) < 0.12) | (knows > 0.4)
    promoted[:, -1], promoted[:, -2] = False, np.arange(articles) % 2 == 0
    cut = np.where(promoted, 0.25, 0.0) + rng.choice([0.0, 0.05, 0.1], (articles, weeks + 1), p=[0.7, 0.2, 0.1])
    after = np.pad(promoted[:, :-1], ((0, 0), (1, 0))) & ~promoted
    level = rng.normal(4, 0.7, (articles, 1)) + np.cumsum(rng.normal(0, 0.05, (articles, weeks + 1)), axis=1)
    common = rng.normal(0, luck, weeks + 1)
    log_mean = level + common + knows - ELASTICITY * np.log1p(-cut) + 0.4 * promoted + np.log(DIP) * after
    log_mean += together * np.where(promoted, cut - 0.25, 0.0) / 0.1
    units = rng.poisson(np.exp(log_mean) * rng.gamma(20, 1 / 20, log_mean.shape))
    article, week = np.indices(units.shape).reshape(2, -1)
    monday = np.datetime64(WEEK) + 7 * (week - weeks)
    frame = pd.DataFrame(
        {
            "article_id": [f"S{number:03d}" for number in article],
            "week": monday,
            "category": np.where(article % 2, "juice", "tea"),
            "season": "all",
            "launch_week": np.datetime64(WEEK) - 7 * weeks,
            "end_week": np.datetime64(WEEK) + 7 * 26,
            "list_price": 2.0,
            "price": np.round(2.0 * (1 - cut.ravel()), 2),
            "units": units.ravel().astype(np.float64),
            "stock": 1_000_000,
            "stores": 1,
            "salvage_price": 0.1,
            "attr_leaflet": promoted.ravel().astype(np.float64),
            "attr_shop": [f"shop {number % 5}" for number in article],
            "mean": np.exp(log_mean - knows).ravel(),
            "promoted_before": after.ravel(),
            "censored": False,
            "country": "DEU",
        }
    ).astype({"week": "datetime64[s]", "launch_week": "datetime64[s]", "end_week": "datetime64[s]"})
    now = frame["week"] == pd.Timestamp(WEEK)
    return frame[~now].reset_index(drop=True), frame[now].assign(units=np.nan).reset_index(drop=True)
