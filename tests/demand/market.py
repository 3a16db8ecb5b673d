"""A small market with a known truth: demand that moves with price, and a manager who marks slow sellers down."""

from datetime import date

import numpy as np
import pandas as pd

WEEK = date(2026, 2, 9)
CATEGORIES = ("dresses", "jackets", "shirts", "shoes")


def market(
    seed: int = 0,
    articles: int = 150,
    weeks: int = 104,
    elasticity: float = 2.0,
    spread: float = 0.3,
    dispersion: float = 0.15,
    buy: float = 1.1,
    slow_share: float = 0.9,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """History and snapshot in the training data's form, `censored` and the true `mean` and `elasticity` included.

    elasticity, spread : of categories, their mean and half range ; buy : stock bought over a whole life's mean demand
    slow_share : the manager marks down what has sold less than this share of what the category sold by that age
    """
    rng = np.random.default_rng(seed)
    monday = np.datetime64(WEEK)
    by_category = dict(zip(CATEGORIES, np.linspace(elasticity - spread, elasticity + spread, 4), strict=True))
    rows = []
    for number in range(articles):
        category = CATEGORIES[int(rng.integers(4))]
        life = int(rng.integers(12, 27))
        launch = int(rng.integers(-life + 1, weeks))  # weeks before the snapshot
        quality = float(np.exp(rng.normal(2.2, 0.8)))
        decay = float(rng.uniform(0.02, 0.05))
        list_price = float(np.round(rng.uniform(10, 80))) - 0.01
        ages = np.arange(life)
        week_index = ages - launch
        season = 1 + 0.3 * np.sin(2 * np.pi * week_index / 52 + CATEGORIES.index(category))
        base = quality * np.exp(-decay * ages) * season
        expected_total = float(np.exp(rng.normal(0, 0.35)) * base.sum())
        stock, stores = int(buy * expected_total) + 1, int(rng.integers(5, 40))
        price, since, sold = list_price, 0, 0
        plan = np.cumsum(np.exp(2.2 + 0.32 - 0.035 * ages))
        for age in range(life):
            if week_index[age] > 0:
                break
            slow = sold < slow_share * plan[age - 1] if age else False
            if age >= 5 and since >= 3 and slow and price > 0.45 * list_price:
                price, since = round(price * 0.8, 2), 0
            since += 1
            mean = base[age] * (price / list_price) ** -by_category[category]
            demand = int(rng.negative_binomial(1 / dispersion, 1 / (1 + dispersion * mean)))
            units = min(demand, stock)
            if week_index[age] >= -weeks:
                rows.append(
                    (f"A{number:05d}", monday + 7 * int(week_index[age]), category, "all", monday - 7 * launch,
                     monday + 7 * int(week_index[-1]), list_price, price, units, stock, stores if stock else 0,
                     round(0.2 * list_price, 2), mean, by_category[category])
                )  # fmt: skip
            stock, sold = stock - units, sold + units
    names = ["article_id", "week", "category", "season", "launch_week", "end_week", "list_price", "price", "units"]
    frame = pd.DataFrame(rows, columns=[*names, "stock", "stores", "salvage_price", "mean", "elasticity"])
    frame = frame.astype({"week": "datetime64[s]", "launch_week": "datetime64[s]", "end_week": "datetime64[s]"})
    frame = frame.astype({"units": "float64", "article_id": "str", "category": "str", "season": "str"})
    frame["censored"] = frame["units"] >= frame["stock"]
    frame["country"] = "DEU"
    now = frame["week"] == pd.Timestamp(WEEK)
    return frame[~now].reset_index(drop=True), frame[now].assign(units=np.nan).reset_index(drop=True)
