"""Numbers, days and commands as sentences have them."""

import math
from collections.abc import Sequence
from datetime import date, timedelta


def counted(number: int, one: str) -> str:
    """The number with its noun, of which `one` is the singular.

    >>> counted(1, "country"), counted(2, "country"), counted(1_200, "week")
    ('1 country', '2 countries', '1,200 weeks')
    """
    if number != 1:
        one = f"{one[:-1]}ies" if one.endswith("y") and one[-2] not in "aeo" else f"{one}s"
    return f"{number:,} {one}"


UNKNOWN = "?"
"""It stands where a sentence asks for a number that there is not."""


def price(amount: float) -> str:
    """An amount to the cent.

    >>> price(1249.9), price(math.nan)
    ('1,249.90', '?')
    """
    return UNKNOWN if math.isnan(amount) else f"{amount:,.2f}"


def about(number: float) -> str:
    """A number with two significant digits, and no more than one behind the point; a whole one has none there.

    >>> about(3_320.4), about(-0.849), about(9.96), about(0.02), about(5)
    ('3,300', '-0.8', '10', '0', '5')
    """
    if not math.isfinite(number):
        return UNKNOWN
    if abs(number) < 0.05:
        return "0"
    rounded = round(number, min(1 - math.floor(math.log10(abs(number))), 1))
    return f"{rounded:,.{int(abs(rounded) < 10 and number % 1 > 0)}f}"


def about_range(low: float, high: float) -> str:
    """The range of an expected number, in brackets after a space; empty where it is not known.

    >>> about_range(1_234.0, 5_678.0), about_range(math.nan, math.nan), about_range(0.0, math.inf)
    (' (1,200 to 5,700)', '', '')
    """
    return "" if not (math.isfinite(low) and math.isfinite(high)) else f" ({about(low)} to {about(high)})"


def percent(share: float) -> str:
    """A share in percent, with two significant digits.

    >>> percent(0.0637), percent(0.118)
    ('6.4 %', '12 %')
    """
    return f"{about(100 * share)} %"


def more_or_less(ratio: float) -> str:
    """How much more or less something is than what it is compared with.

    >>> more_or_less(0.938), more_or_less(1.12), more_or_less(1.0)
    ('6.2 % less', '12 % more', 'as much')
    """
    if about(100 * (ratio - 1)) == "0":
        return "as much"
    return f"{percent(abs(ratio - 1))} {'more' if ratio > 1 else 'less'}"


def day(when: date) -> str:
    """A day as people write it.

    >>> day(date(2027, 3, 8))
    '8 Mar 2027'
    """
    return f"{when.day} {when:%b %Y}"


def last_day(week: date) -> str:
    """The Sunday of a week that is named by its Monday; the end of the calendar where there is none.

    >>> last_day(date(2027, 3, 15)), last_day(date(9999, 12, 27))
    ('21 Mar 2027', '31 Dec 9999')
    """
    return day(min(week, date.max - timedelta(days=6)) + timedelta(days=6))


def in_words(code: str) -> str:
    """A code of the data as words.

    >>> in_words("full_price_weeks")
    'full price weeks'
    """
    return code.replace("_", " ")


def listed(parts: Sequence[str]) -> str:
    """The parts as a sentence has them.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def install(extra: str) -> str:
    """The command that adds an extra to the checkout's environment. The package is on no public index."""
    return f".venv/bin/python -m pip install --constraint constraints.txt --editable '.[{extra}]'"
