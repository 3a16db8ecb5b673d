"""The countries that are priced, in the configured order, with their currencies, price endings and groups."""

import csv
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError, ValidationInfo
from pydantic.dataclasses import dataclass as pydantic_dataclass

from markdown_pricing.currencies import Changeover, currency_in, is_code, read_currencies
from markdown_pricing.declared import faults_of
from markdown_pricing.defaults import COUNTRIES_FILE, CURRENCIES_FILE
from markdown_pricing.errors import InputWarning, UnusableFile, UsageError

NO_LONGER_READ = "time_zone"
EURO = "EUR"


class BadCountries(UnusableFile):
    what = "list of countries"


class NotACountry(UsageError):
    def __init__(self, code: str) -> None:
        super().__init__(f"{code!r} is not a country. Give three capital letters, for example DEU.")


class UnknownCountries(UsageError):
    def __init__(self, unknown: Sequence[str], known: Sequence[str]) -> None:
        self.unknown = tuple(unknown)
        super().__init__(
            f"Not configured: {', '.join(unknown) or 'an empty country'}. Configured are {', '.join(known)}. "
            "Add a row to the countries file (MARKDOWN_PRICING_COUNTRIES) or correct the name."
        )


@dataclass(frozen=True)
class PriceEnding:
    """Prices that look alike at the end: all `cents + k * every_cents`, in whole cents.

    >>> PriceEnding.parse(".95")
    PriceEnding(cents=95, every_cents=100)
    >>> PriceEnding.parse("990")
    PriceEnding(cents=99000, every_cents=100000)
    """

    cents: int
    every_cents: int

    @classmethod
    def parse(cls, text: str) -> "PriceEnding":
        """The ending that a text such as .99 or 990 stands for. Raises ValueError."""
        whole, _, _ = text.partition(".")
        cents = Decimal(text) * 100 if re.fullmatch(r"[0-9]{0,9}(\.[0-9]{1,9})?", text) and text else Decimal(0)
        if cents <= 0 or cents != int(cents):
            raise ValueError(f"{text!r} is no price ending; write it as .99 or as 990")
        return cls(int(cents), 100 * 10 ** len(whole))


CENT_ENDINGS = (PriceEnding(99, 100), PriceEnding(95, 100))


def _three_capitals(text: str) -> str:
    if not is_code(text):
        raise ValueError("should be three capital letters")
    return text


def _endings(written: object) -> object:
    if not isinstance(written, str):
        return written
    try:
        return tuple(PriceEnding.parse(text) for text in written.split())
    except ValueError as error:
        raise ValueError(f"should be price endings such as .99 .95: {error}") from None


def _none_if_empty(written: object) -> object:
    return None if written == "" else written


def _one_for_the_euro(rate: float | None, row: ValidationInfo) -> float | None:
    if row.data.get("currency") == EURO and rate not in (None, 1):
        raise ValueError("should be 1, as one euro is one euro")
    return rate


def _beside_its_rate(day: date | None, row: ValidationInfo) -> date | None:
    if day is None and row.data.get("currency") != EURO and row.data.get("eur_per_unit") is not None:
        raise ValueError("should be the day of the rate in eur_per_unit, like 2026-12-21")
    return day


@pydantic_dataclass(frozen=True)
class Country:
    """A country as the pricing department knows it: a row of the countries file, in which a field is a column."""

    code: Annotated[str, AfterValidator(_three_capitals)] = Field(description="ISO 3166 alpha-3; the column `country`")
    name: str = Field(default="", description="in English, for people")
    currency: Annotated[str, AfterValidator(_three_capitals)] = Field(default="EUR", description="ISO 4217")
    price_endings: Annotated[tuple[PriceEnding, ...], BeforeValidator(_endings)] = Field(
        default=CENT_ENDINGS, min_length=1, description="how prices end, with blanks between: .99 .95, or 990"
    )
    eur_per_unit: Annotated[float | None, BeforeValidator(_none_if_empty), AfterValidator(_one_for_the_euro)] = Field(
        default=None, gt=0, allow_inf_nan=False, description="euros for one unit of the currency; empty: not known"
    )
    eur_date: Annotated[date | None, BeforeValidator(_none_if_empty), AfterValidator(_beside_its_rate)] = Field(
        default=None, description="the day of that rate"
    )

    def in_eur(self, amount: float) -> float | None:
        """An amount of the country's currency in euros; None where the rate is not known."""
        rate = 1.0 if self.currency == EURO else self.eur_per_unit
        return None if rate is None else rate * amount


OPTIONAL = ("eur_per_unit", "eur_date")
"""Columns that a countries file may lack, or leave empty."""
CALLED = {"code": "country"}
"""Fields that have another name in the file, by their own names."""
COLUMNS = {CALLED.get(own.name, own.name): own.name for own in fields(Country)}
COUNTRY = TypeAdapter(Country)


@dataclass(frozen=True)
class Countries(Mapping[str, Country]):
    """The configured countries by code, in their configured order."""

    by_code: Mapping[str, Country] = field(repr=False)
    changeovers: Mapping[str, tuple[Changeover, ...]] = field(default_factory=dict, repr=False)
    """When a country changed its currency, by its code; those of other countries, too."""

    def changes_of(self, code: str) -> tuple[Changeover, ...]:
        """The country's changes of currency, by their weeks; mostly there are none."""
        return self.changeovers.get(code, ())

    def in_week(self, code: str, week: date) -> Country:
        """The country with the currency that its prices have in a snapshot of `week`.

        The rate in euros is that of the currency in the countries file, and not known of another one.
        """
        country = self.by_code[code]
        currency = currency_in(self.changes_of(code), week, country.currency)
        if currency == country.currency:
            return country
        return replace(country, currency=currency, eur_per_unit=None, eur_date=None)

    def __getitem__(self, code: str) -> Country:
        return self.by_code[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_code)

    def __len__(self) -> int:
        return len(self.by_code)

    def choose(self, codes: Iterable[str]) -> list[str]:
        """`codes` in the given order, each once. Raises UnknownCountries, which lists all that are not configured."""
        chosen = list(dict.fromkeys(code.strip() for code in codes))
        unknown = [code for code in chosen if code not in self.by_code]
        if unknown or not chosen:
            raise UnknownCountries([code for code in unknown if code], list(self.by_code))
        return chosen


def read_countries(path: Path = COUNTRIES_FILE, currencies: Path = CURRENCIES_FILE) -> Countries:
    """The countries of a CSV file with a row for each. Raises BadCountries, which lists every fault with its line.

    currencies : the file of their changes of currency. Raises BadCurrencies, too.
    Warns once in a process of a column that earlier versions read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            asked = [column for column in COLUMNS if column not in OPTIONAL]
            missing = [column for column in asked if column not in (reader.fieldnames or ())]
            if missing:
                raise BadCountries(path, [f"the first line lacks {', '.join(missing)}"])
            rows = [(reader.line_num, row) for row in reader]
            if NO_LONGER_READ in (reader.fieldnames or ()):
                _warn_of_a_column_that_nobody_reads(path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadCountries(path, [str(error)]) from error
    by_code: dict[str, Country] = {}
    faults: list[str] = []
    for line, row in rows:
        values = {name: (row.get(column) or "").strip() for column, name in COLUMNS.items()}
        try:
            country = COUNTRY.validate_python(values)
        except ValidationError as error:
            wrong = faults_of(error, values, [one.name for one in fields(Country)], CALLED)
            faults.append(f"line {line}: {'; '.join(wrong.values())}")
            continue
        if country.code in by_code:
            faults.append(f"line {line}: {country.code} stands there twice")
        by_code[country.code] = country
    if not rows:
        faults.append("it has no rows")
    if faults:
        raise BadCountries(path, faults)
    return Countries(by_code, read_currencies(currencies))


@cache
def _warn_of_a_column_that_nobody_reads(path: Path) -> None:
    message = f"{path}: nobody reads the column {NO_LONGER_READ} any more. Delete it."
    warnings.warn(message, InputWarning, stacklevel=1)


def unconfigured(code: str) -> Country:
    """A country that no file describes. Its prices are in euros and end in .99 or .95. Raises NotACountry."""
    try:
        return Country(code)
    except ValidationError:
        raise NotACountry(code) from None


def split_countries(countries: Sequence[str], groups: int) -> list[list[str]]:
    """Contiguous groups of near equal length, the longer ones first. There are fewer when countries run out.

    >>> split_countries(["DEU", "AUT", "NLD", "FRA", "ESP", "ITA"], 3)
    [['DEU', 'AUT'], ['NLD', 'FRA'], ['ESP', 'ITA']]
    """
    if groups < 1:
        raise ValueError(f"{groups} groups: at least one is needed")
    groups = min(groups, len(countries))
    length, longer = divmod(len(countries), groups) if groups else (0, 0)
    starts = [index * length + min(index, longer) for index in range(groups + 1)]
    return [list(countries[a:b]) for a, b in pairwise(starts)]
