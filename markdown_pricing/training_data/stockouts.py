"""Mark the weeks whose sales were limited by the stock, because such sales are less than the demand."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def mark_stockouts(frame: pd.DataFrame) -> pd.DataFrame:
    """The checked frame with a bool column `censored`, which is true where the demand may have been above `units`.

    A week is censored when it began without stock, when all of its stock was sold, or when the next week begins without
    stock. Where more was sold than there was, and the next week begins with stock, deliveries came in and the demand
    was met. A missing next week proves nothing. The snapshot week is censored only when it begins without stock.
    """
    stock, units = frame["stock"].to_numpy(), frame["units"].to_numpy()
    next_stock = _stock_of_the_next_week(frame)
    sold_all = (units == stock) | ((units > stock) & ~(next_stock > 0))
    return frame.assign(censored=(stock == 0) | sold_all | (next_stock == 0) & ~np.isnan(units))


def _stock_of_the_next_week(frame: pd.DataFrame) -> NDArray[np.float64]:
    """The stock one week later, NaN where the article has no such row. The frame is sorted by article and week."""
    article, week = frame["article_id"].to_numpy(), frame["week"].to_numpy()
    stock = np.full(len(frame), np.nan)
    follows = (article[1:] == article[:-1]) & (week[1:] - week[:-1] == np.timedelta64(7, "D"))
    stock[:-1] = np.where(follows, frame["stock"].to_numpy()[1:], np.nan)
    return stock
