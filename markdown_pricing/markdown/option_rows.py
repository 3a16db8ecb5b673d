"""Make the rows of markdown_options: for each article the prices that exist this week, each with its worth or rule."""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd

from markdown_pricing.arrays import FloatArray, ObjectArray
from markdown_pricing.columns import OPTION_COLUMNS
from markdown_pricing.markdown.ladder import to_price
from markdown_pricing.markdown.menu import NO_PRICE, Menu


def option_rows(menu: Menu, country: str, article_ids: Sequence[str], week: date, run_id: str) -> pd.DataFrame:
    """OPTION_COLUMNS, a row for each price of each article, from today's price down, in the articles' order.

    Money is to the cent. A price that a rule forbids has neither values nor expectations: they are NaN, or None in
    the column of weeks.
    """
    exists = menu.cents != NO_PRICE
    place = np.nonzero(exists)
    value, expected = np.round(menu.value, 2), menu.expected
    in_force = np.take_along_axis(value, menu.chosen[:, np.newaxis], axis=1)
    columns = {
        "country": country,
        "article_id": np.asarray(article_ids, dtype=object)[place[0]],
        "price": to_price(menu.cents)[place],
        "week": week,
        "run_id": run_id,
        "step": exists.cumsum(axis=1)[place] - 1,
        "value": value[place],
        "value_loss": np.round(in_force - value, 2)[place],
        "expected_units": expected.units[place],
        "expected_leftover": expected.leftover[place],
        "expected_revenue": np.round(expected.revenue, 2)[place],
        "next_markdown_week": weeks_ahead(week, expected.next_week[place]),
        "next_markdown_price": expected.next_price[place],
        "rule": menu.rule[place],
    }
    return pd.DataFrame(columns, columns=OPTION_COLUMNS)


def weeks_ahead(week: date, ahead: FloatArray) -> ObjectArray:
    """The Mondays that lie so many weeks after `week`, in the shape of `ahead`; None for NaN."""
    known = np.where(np.isnan(ahead), -1, ahead).astype(np.int64)
    mondays = [week + timedelta(weeks=weeks) for weeks in range(int(known.max(initial=0)) + 1)]
    return np.array([*mondays, None], dtype=object)[known]
