"""Answer forecasts of weekly units at today's price by mlforecast's LightGBM, in a process that stays.

It is the other end of `Forecaster` in bench/mlforecast_ladder.py, and runs in another interpreter, because mlforecast
1.1 needs pandas 2. Each line that it reads is one question, and it writes one line when the answer lies in its file:

    {"rows": FILE, "week": "2026-11-23", "weeks": 12, "answer": FILE}

The rows are those of the weeks before `week`, whose units are empty where the week began without stock, and one of
`week` for each article that is asked about, with today's price. The answer has the units of each article and week
ahead. An article that has never been in stock before has no answer.
"""

import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

LAGS, MEANS = (1, 2, 3, 4, 8), (4, 8, 13)
"""As the plain peer has them: bench/plain_peer.py."""
THREADS = 2
TRAINING_ROWS = 150_000
"""As many as `gradient_boosting` learns from at most, drawn at random."""
ID, WEEK, UNITS, STATIC = "article_id", "week", "units", ["category"]
NAMES = {"id_col": ID, "time_col": WEEK, "target_col": UNITS}
KNOWN = ["price", "list_price", "launch_week", "end_week", *STATIC]
FEATURES = ["log_ratio", "to_last_week", "to_eight_weeks", "to_highest", "age_weeks", "weeks_to_end"]


def without_gaps(rows: pd.DataFrame, week: pd.Timestamp, weeks: int) -> pd.DataFrame:
    """A row for each week of an article, from its first known sale on, with what was known last in place of a gap.

    An article of `week` goes on for `weeks` weeks at today's price, with units empty; any other ends with its last row.
    """
    now = rows[rows[WEEK] == week]
    ahead = pd.to_timedelta(7 * np.tile(np.arange(weeks), len(now)), unit="D")
    coming = now.loc[now.index.repeat(weeks)].assign(**{UNITS: np.nan})
    coming[WEEK] = coming[WEEK].to_numpy() + ahead.to_numpy()
    past = rows[rows[WEEK] < week]
    first = past[past[UNITS].notna()].groupby(ID)[WEEK].min()
    whole = pd.concat([past, coming], ignore_index=True)
    whole = whole[whole[WEEK] >= whole[ID].map(first)].sort_values([ID, WEEK], ignore_index=True)
    gap = (whole.groupby(ID)[WEEK].shift(-1) - whole[WEEK]).dt.days.fillna(7).to_numpy(dtype=np.int64) // 7
    filled = whole.loc[whole.index.repeat(gap)].reset_index(drop=True)
    step = np.arange(len(filled)) - np.repeat(np.cumsum(gap) - gap, gap)
    filled[WEEK] = filled[WEEK] + pd.to_timedelta(7 * step, unit="D")
    before = (filled[WEEK] < week).to_numpy()
    filled.loc[before, UNITS] = filled[before].groupby(ID)[UNITS].ffill()
    return filled


def with_features(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of `without_gaps` with FEATURES beside what mlforecast needs. They know prices of no later week."""
    by_article = rows[ID]
    log_ratio = np.log(rows["price"] / rows["list_price"])
    log_price = np.log(rows["price"]).groupby(by_article)
    last = log_price.shift(1)
    usual = last.groupby(by_article).rolling(8, min_periods=1).mean().to_numpy()
    return rows[[ID, WEEK, UNITS, *STATIC]].assign(
        log_ratio=log_ratio,
        to_last_week=(np.log(rows["price"]) - last).fillna(0.0),
        to_eight_weeks=(np.log(rows["price"]) - usual).fillna(0.0),
        to_highest=np.log(rows["price"]) - log_price.cummax(),
        age_weeks=(rows[WEEK] - rows["launch_week"]).dt.days // 7,
        weeks_to_end=(rows["end_week"] - rows[WEEK]).dt.days // 7,
    )


def forecast(rows: pd.DataFrame, week: pd.Timestamp, weeks: int) -> pd.DataFrame:
    """The units of each article of `week` that was in stock before, in that week and those after it: ID, WEEK, UNITS.

    The model is fitted anew. Each week's forecast is the next one's lag, as mlforecast does it by itself.
    """
    # Not above: the tests of the two functions above have no mlforecast.
    import lightgbm as lgb
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import RollingMean

    from bench.mlforecast_peer import LOSSES, SETTINGS

    rows = with_features(without_gaps(rows, week, weeks)).astype(dict.fromkeys(STATIC, "category"))
    past, coming = rows[rows[WEEK] < week], rows[rows[WEEK] >= week]
    asked = coming[ID].unique()
    if not len(asked):
        return coming[[ID, WEEK, UNITS]]
    loss, _ = LOSSES["mlforecast tweedie"]
    model = MLForecast(
        models={UNITS: lgb.LGBMRegressor(**{**SETTINGS, **loss, "n_jobs": THREADS})},
        freq="W-MON",
        lags=list(LAGS),
        lag_transforms={1: [RollingMean(mean, min_samples=1) for mean in MEANS]},
        date_features=["week", "month"],
        num_threads=THREADS,
    )
    x, y = model.preprocess(past, static_features=STATIC, dropna=False, return_X_y=True, **NAMES)
    drawn = np.sort(np.random.default_rng(0).permutation(len(y))[:TRAINING_ROWS])
    model.fit_models(x.iloc[drawn], np.asarray(y)[drawn])
    answer = model.predict(weeks, X_df=coming.drop(columns=[UNITS, *STATIC]), ids=list(asked))
    return answer.assign(**{UNITS: answer[UNITS].clip(lower=0.0)})[[ID, WEEK, UNITS]]


def main() -> None:
    # Young articles have no lag of eight weeks, which is right: the trees take empty features.
    warnings.filterwarnings("ignore", message="Found null values in")
    # What a library prints must not come between the lines of the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        question = json.loads(line)
        rows = pd.read_parquet(question["rows"])
        answer = forecast(rows, pd.Timestamp(question["week"]), int(question["weeks"]))
        answer.to_parquet(question["answer"], index=False)
        print(json.dumps({"answer": question["answer"]}), file=answers, flush=True)


if __name__ == "__main__":
    main()
