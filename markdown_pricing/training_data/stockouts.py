"""Mark the weeks whose sales were limited by the stock, because such sales are less than the demand."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from markdown_pricing.arrays import BoolArray


def mark_stockouts(frame: pd.DataFrame) -> pd.DataFrame:
    """The checked frame with a bool column `censored`, which is true where the demand may have been above `units`.

    A week is censored when it began without stock, when all of its stock was sold, or when the next week begins without
    stock. Where more was sold than there was, and the next week begins with stock, deliveries came in and the demand
    was met. A missing next week proves nothing. The snapshot week is censored only when it begins without stock.
    """
    stock, units = frame["stock"].to_numpy(), frame["units"].to_numpy()
    follows = _is_the_week_after(frame)
    none_next, some_next = (np.append(follows & rows, False) for rows in (stock[1:] == 0, stock[1:] > 0))
    sold_all = (units == stock) | ((units > stock) & ~some_next)
    return frame.assign(censored=(stock == 0) | sold_all | none_next & ~np.isnan(units))


def _is_the_week_after(frame: pd.DataFrame) -> BoolArray:
    """Whether each row but the first is of the same article as the row before it, a week later; (rows - 1,).

    The frame is sorted by article and week.
    """
    # Compared by Arrow, because pandas would first make an object of each text.
    article, week = pa.array(frame["article_id"]), frame["week"].to_numpy()
    same = pc.equal(article[1:], article[:-1]).to_numpy(zero_copy_only=False)
    follows: BoolArray = same & (week[1:] - week[:-1] == np.timedelta64(7, "D"))
    return follows
