"""Forecast weeks of real sales by mlforecast's LightGBM, in another interpreter, because mlforecast 1.1 needs pandas 2.

    python -m venv peer && peer/bin/pip install mlforecast lightgbm pyarrow scikit-learn
    python bench/real_sales.py --peer peer/bin/python

Two models of all articles, fitted anew for each target week: tweedie loss, and squared errors of logs. They have lags,
running means, the week and month of the year, promotions, and the price against last week's, against the mean of eight
weeks and against the highest so far; what an article is, is static. Settings were not searched. A gap in an article's
history is filled with its last known week, and an article begins with its first sale.
"""

import argparse
from collections.abc import Iterator
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from mlforecast import MLForecast
from mlforecast.lag_transforms import ExpandingMean, RollingMean
from mlforecast.target_transforms import GlobalSklearnTransformer
from sklearn.preprocessing import FunctionTransformer

SETTINGS: dict[str, Any] = {
    "n_estimators": 400,
    "learning_rate": 0.03,
    "num_leaves": 31,
    "min_child_samples": 30,
    "subsample": 0.8,
    "subsample_freq": 1,
    "colsample_bytree": 0.7,
    "reg_lambda": 2.0,
    "verbosity": -1,
    "n_jobs": 1,
    "random_state": 0,
}
LOSSES: dict[str, tuple[dict[str, Any], bool]] = {
    "mlforecast tweedie": ({"objective": "tweedie", "tweedie_variance_power": 1.3}, False),
    "mlforecast logs": ({"objective": "l2"}, True),
}
"""What is minimised, and whether the units' logs are forecast."""


def prepared(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The rows without gaps, with the price's features in its place; the names of what is static."""
    rows = rows.assign(ds=pd.to_datetime(rows["monday"])).drop(columns="monday").set_index(["article_id", "ds"])
    weeks = pd.date_range(*rows.index.levels[1][[0, -1]], freq="W-MON")
    rows = rows.reindex(pd.MultiIndex.from_product([rows.index.levels[0], weeks], names=["article_id", "ds"]))
    known = [name for name in rows if name != "units"]
    rows[known] = rows.groupby(level=0)[known].transform(lambda own: own.ffill().bfill())
    # Only from the past, so that the target week, whose units are not known, never fills its own lags.
    rows["units"] = rows.groupby(level=0)["units"].ffill()
    rows = rows[rows["units"].notna()].reset_index()
    price = rows.groupby("article_id")["price"]
    usual = price.transform(lambda own: own.shift(1).rolling(8, min_periods=1).mean())
    rows["log_price"] = np.log(rows["price"])
    rows["to_last_week"] = np.log(rows["price"] / price.shift(1)).fillna(0.0)
    rows["to_eight_weeks"] = np.log(rows["price"] / usual).fillna(0.0)
    rows["to_highest"] = np.log(rows["price"] / price.transform("cummax"))
    static = [name for name in known if not pd.api.types.is_numeric_dtype(rows[name])]
    return rows.astype(dict.fromkeys(static, "category")).drop(columns="price"), static


def foretold(rows: pd.DataFrame) -> Iterator[pd.Series]:
    """The last week's units by each of LOSSES, by article_id."""
    rows, static = prepared(rows)
    for name, (loss, logs) in LOSSES.items():
        model = MLForecast(
            models={name: lgb.LGBMRegressor(**SETTINGS, **loss)},
            freq="W-MON",
            lags=[1, 2, 3, 4, 8],
            lag_transforms={
                1: [*(RollingMean(weeks, min_samples=1) for weeks in (4, 8, 13)), ExpandingMean()],
            },
            date_features=["week", "month"],
            target_transforms=[GlobalSklearnTransformer(FunctionTransformer(np.log1p, np.expm1))] if logs else None,
            num_threads=1,
        )
        names = {"id_col": "article_id", "time_col": "ds", "target_col": "units"}
        answer = model.cross_validation(rows, n_windows=1, h=1, refit=True, static_features=static, **names)
        yield answer.set_index("article_id")[name].clip(lower=0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", help="Parquet: the rows up to each target week, one after the other, by `target`")
    parser.add_argument("out")
    given = parser.parse_args()
    answers = [
        pd.concat(foretold(own.drop(columns="target")), axis=1).reset_index().assign(target=target)
        for target, own in pd.read_parquet(given.rows).groupby("target")
    ]
    pd.concat(answers).to_parquet(given.out)


if __name__ == "__main__":
    main()
