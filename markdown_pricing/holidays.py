"""Public holidays, which close shops and fall into different weeks from year to year."""

from functools import cache

import numpy as np
import numpy.typing as npt

from markdown_pricing.arrays import FloatArray, IntArray

SHOPPING_DAYS = 6
"""Shops are open from Monday to Saturday."""
_SPELT_OTHERWISE = {"BGR": "BG", "XKX": "XK"}
"""Countries that the library does not know by their ISO 3166 alpha-3 code."""


def closed_days(country: str, monday: npt.ArrayLike) -> FloatArray:
    """How many days from Monday to Saturday are public holidays in the country, of the shape of `monday`.

    country : ISO 3166 alpha-3; a country that the library does not know has no holidays
    monday  : datetime64[D]

    >>> closed_days("DEU", np.array(["2026-03-30", "2026-04-06", "2026-04-13"], "datetime64[D]")).tolist()
    [1.0, 1.0, 0.0]
    """
    days = np.asarray(monday, dtype="datetime64[D]")[..., np.newaxis] + np.arange(SHOPPING_DAYS)
    years = np.unique(days.astype("datetime64[Y]")).astype(np.int64) + 1970
    closed = [day for year in years.tolist() for day in _public_holidays(country, year)]
    counted: IntArray = np.isin(days, np.array(closed, dtype="datetime64[D]")).sum(axis=-1)
    return counted.astype(np.float64)


@cache
def _public_holidays(country: str, year: int) -> tuple[np.datetime64, ...]:
    # Imported here, so that only what learns from a calendar waits for it.
    import holidays

    try:
        calendar = holidays.country_holidays(_SPELT_OTHERWISE.get(country, country), years=year)
    except NotImplementedError:
        return ()
    return tuple(np.datetime64(day, "D") for day in calendar)
