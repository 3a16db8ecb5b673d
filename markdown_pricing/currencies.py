"""When countries changed their currency, and by which factor: a file that says in which currency prices are."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from markdown_pricing.defaults import CURRENCIES_FILE
from markdown_pricing.errors import UnusableFile
from markdown_pricing.weeks import NotAWeek, parse_week

COLUMNS = ("country", "currency", "since", "factor")
CURRENCY_BEFORE = "currency_before"


class BadCurrencies(UnusableFile):
    what = "list of currencies"


@dataclass(frozen=True)
class Changeover:
    """A line of the file: from the Monday `since` on prices are in `currency`.

    factor : units of the currency before that one unit is; 1 says that prices really moved by one factor in that week
    currency_before : empty where it is not given
    """

    country: str
    currency: str
    since: date
    factor: float
    currency_before: str = ""


def is_code(text: str) -> bool:
    """Whether a text is three capital letters, as the codes of countries and currencies are."""
    return len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()


def currency_in(changeovers: Sequence[Changeover], week: date, otherwise: str) -> str:
    """The currency of a country's prices in a snapshot of `week`; `otherwise` where no line says it."""
    begun = [change for change in changeovers if change.since <= week]
    if begun:
        return begun[-1].currency
    return (changeovers[0].currency_before if changeovers else "") or otherwise


def changes_in_short(changeovers: Sequence[Changeover]) -> str:
    """The changeovers of a country as a text that differs when one of them does; empty without any.

    >>> changes_in_short([Changeover("HRV", "EUR", date(2023, 1, 2), 7.5345)])
    'EUR 2023-01-02 7.5345'
    """
    return ", ".join(f"{change.currency} {change.since} {change.factor!r}" for change in changeovers)


def read_currencies(path: Path = CURRENCIES_FILE) -> Mapping[str, tuple[Changeover, ...]]:
    """The changeovers of each country, by `since`. Raises BadCurrencies, which lists every fault with its line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise BadCurrencies(path, [f"the first line lacks {', '.join(missing)}"])
            lines = [(reader.line_num, line) for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadCurrencies(path, [str(error)]) from error
    faults: list[str] = []
    by_country_and_day: dict[tuple[str, date], Changeover] = {}
    for number, line in lines:
        change = _changeover({name: (line.get(name) or "").strip() for name in (*COLUMNS, CURRENCY_BEFORE)})
        if isinstance(change, str):
            faults.append(f"line {number}: {change}")
        elif by_country_and_day.setdefault((change.country, change.since), change) is not change:
            faults.append(f"line {number}: {change.country} and {change.since} stand there twice")
    if faults:
        raise BadCurrencies(path, faults)
    by_country: dict[str, tuple[Changeover, ...]] = {}
    for (country, _), change in sorted(by_country_and_day.items()):
        by_country[country] = (*by_country.get(country, ()), change)
    return by_country


def _changeover(line: Mapping[str, str]) -> Changeover | str:
    """A line's values in their types; or what is wrong with them."""
    for name in ("country", "currency", CURRENCY_BEFORE):
        if not is_code(line[name]) and not (name == CURRENCY_BEFORE and not line[name]):
            return f"{name} = {line[name]!r}: it should be three capital letters"
    try:
        since = parse_week(line["since"])
    except NotAWeek:
        return f"since = {line['since']!r}: it should be a Monday, as 2026-01-05"
    try:
        factor = float(line["factor"])
    except ValueError:
        factor = math.nan
    if not (math.isfinite(factor) and factor > 0):
        return f"factor = {line['factor']!r}: it should be a number above 0"
    return Changeover(line["country"], line["currency"], since, factor, line[CURRENCY_BEFORE])
