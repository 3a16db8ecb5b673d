"""Forecast next week's units by mlforecast's LightGBM, in another interpreter, because mlforecast 1.1 needs pandas 2.

    python -m venv peer && peer/bin/pip install mlforecast lightgbm pyarrow
    python bench/real_sales.py --peer peer/bin/python

One model of all articles: tweedie loss, lags, running means, the week of the year, price and promotions as exogenous
features that are known for the week to come, what an article is as static ones. Units may fall with price or rise.
"""

import argparse

import lightgbm as lgb
import pandas as pd
from mlforecast import MLForecast
from mlforecast.lag_transforms import RollingMean

STATIC = ["category", "attr_department", "attr_brand", "list_price"]
KNOWN_AHEAD = ["price", "attr_display", "attr_mailer"]
SETTINGS = {"objective": "tweedie", "n_estimators": 300, "learning_rate": 0.05, "min_child_samples": 30}


def foretold(rows: pd.DataFrame) -> pd.DataFrame:
    """The forecast of the last week of `rows`, whose units are NaN, as article_id and units."""
    rows = rows.rename(columns={"article_id": "unique_id", "week": "ds", "units": "y"})
    rows["ds"] = pd.to_datetime(rows["ds"])
    rows = rows.astype({name: "category" for name in STATIC if name != "list_price"})
    rows = rows[["unique_id", "ds", "y", *STATIC, *KNOWN_AHEAD]]
    past, coming = rows[rows["y"].notna()], rows[rows["y"].isna()]
    model = MLForecast(
        {"units": lgb.LGBMRegressor(**SETTINGS, random_state=1, verbosity=-1)},
        freq="W-MON",
        lags=[1, 2, 3, 4],
        lag_transforms={1: [RollingMean(weeks, min_samples=1) for weeks in (4, 8, 13)]},
        date_features=["week"],
    )
    model.fit(past, static_features=STATIC)
    answer = model.predict(1, X_df=coming[["unique_id", "ds", *KNOWN_AHEAD]])
    return answer.rename(columns={"unique_id": "article_id"})[["article_id", "units"]]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows")
    parser.add_argument("out")
    given = parser.parse_args()
    foretold(pd.read_parquet(given.rows)).to_parquet(given.out)
