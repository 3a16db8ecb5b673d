"""How rows of training data become the numbers of log-linear demand: the terms of `terms.py`, and what is launched."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray, rows_of
from markdown_pricing.demand.pooling import Prior
from markdown_pricing.demand.response import novelty_of, used_to
from markdown_pricing.demand.terms import TERMS, shelf, terms_of
from markdown_pricing.training_data.features import Panel, attribute_columns, week_number

_ATTRIBUTE = (0.0, 0.3, 0.1)  # the same for each attribute that is a number
LAUNCHTERMS = ("one", "log_launch_stock", "log_stores", "log_list_price", "log_life_weeks")
MOST_VALUES = 60
"""A text attribute with more values than this (a name, a number) says nothing about an article never seen. Chosen on
2026-11-23: more than any range of colours or fabrics has."""


@dataclass(frozen=True)
class Design:
    """What a model has to remember to turn new rows into the same numbers as the rows that it has learnt from.

    categories : the categories in the order of their codes
    attributes : for each attr_* column its values in the order of their codes, or None when it is a number
    scale      : mean and standard deviation of each attr_* column that is a number
    """

    categories: list[str] = field(default_factory=list)
    attributes: dict[str, list[str] | None] = field(default_factory=dict)
    scale: dict[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, history: pd.DataFrame) -> Self:
        """The design for the categories and attributes of a country's history, a training frame."""
        categories = sorted(history["category"].unique())
        attributes: dict[str, list[str] | None] = {}
        scale = {}
        for name in attribute_columns(history):
            if pd.api.types.is_numeric_dtype(history[name]) or pd.api.types.is_bool_dtype(history[name]):
                values = attribute_values(history, name, None)
                attributes[name] = None
                if np.isfinite(values).any() and float(np.nanstd(values)) > 0:
                    scale[name] = (float(np.nanmean(values)), float(np.nanstd(values)))
            else:
                known = sorted(history[name].dropna().astype("str").unique())
                if len(known) <= MOST_VALUES:
                    attributes[name] = known
        return cls(categories, attributes, scale)

    @property
    def term_names(self) -> list[str]:
        """The names of the columns of the terms: those of TERMS, then the numeric attributes."""
        return [*TERMS, *self.scale]

    @property
    def prior(self) -> Prior:
        """The priors of all terms for a country that knows nothing of other countries."""
        mean, country, category = np.array([*TERMS.values(), *[_ATTRIBUTE] * len(self.scale)]).T
        return Prior(mean, country, category)

    @property
    def attribute_terms(self) -> slice:
        """The columns of the terms that hold the numeric attributes."""
        return slice(len(TERMS), None)

    @property
    def launch_terms(self) -> int:
        """How many columns what is known at launch has: those of LAUNCHTERMS, and each value of a text attribute."""
        return len(LAUNCHTERMS) + sum(len(values) for values in self.attributes.values() if values)

    def category_of(self, frame: pd.DataFrame) -> IntArray:
        """The code of each row's category, (rows,); one past the last code for a category that was never seen."""
        return codes_of(frame["category"], self.categories)

    def scaled_attributes(self, frame: pd.DataFrame) -> FloatArray:
        """Numeric attributes in standard deviations, (rows, attributes), cut to ±3; 0 where a value is unknown."""
        columns = [
            np.clip(np.nan_to_num((attribute_values(frame, name, None) - mean) / sd), -3.0, 3.0)
            for name, (mean, sd) in self.scale.items()
        ]
        return np.stack(columns, axis=1) if columns else np.zeros((len(frame), 0))

    def flags(self, frame: pd.DataFrame) -> FloatArray:
        """Text attributes, (rows, values of all of them): 1 where the row has the value, else 0."""
        flags = [
            np.eye(len(values) + 1)[codes_of(frame[name].where(frame[name].notna(), ""), values)][:, : len(values)]
            if name in frame
            else np.zeros((len(frame), len(values)))
            for name, values in self.attributes.items()
            if values
        ]
        return np.hstack(flags) if flags else np.zeros((len(frame), 0))

    def to_dict(self) -> dict[str, Any]:
        return {"categories": self.categories, "attributes": self.attributes, "scale": self.scale}

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> Self:
        scale = {name: (mean, sd) for name, (mean, sd) in saved["scale"].items()}
        return cls(saved["categories"], saved["attributes"], scale)


@dataclass(frozen=True)
class DesignRows:
    """What a model sees of each row. Every array but `launch` is (rows, …), in the order of the frame.

    category : codes ; week : week numbers ; country : that of all rows, empty when there are none
    terms    : (rows, terms), in which the log of demand is linear
    launch   : (articles, launch terms), what was known of each article in its earliest row
    first_price, first_stores : list price and stores in the article's earliest row, with which later rows are compared
    """

    units: FloatArray
    stock: FloatArray
    censored: BoolArray
    category: IntArray
    week: IntArray
    country: str
    terms: FloatArray
    launch: FloatArray
    first_price: FloatArray
    first_stores: FloatArray

    @classmethod
    def of(cls, frame: pd.DataFrame, panel: Panel, design: Design) -> Self:
        """The frame's rows as the model sees them. `panel` lays out the same frame."""
        week, launch, end = dates_of(frame)
        stock = frame["stock"].to_numpy(dtype=np.float64)
        price_at_launch = panel.first(frame["list_price"].to_numpy(dtype=np.float64))
        stores_at_launch = np.maximum(panel.first(frame["stores"].to_numpy(dtype=np.float64)), 1.0)
        first_price, first_stores = price_at_launch[panel.row], stores_at_launch[panel.row]
        price = np.log(frame["price"].to_numpy(dtype=np.float64) / first_price)
        life = panel.first(np.maximum(end - launch + 1, 1))
        at_launch = np.maximum(panel.first(stock), 1.0), stores_at_launch, price_at_launch, life
        return cls(
            units=frame["units"].to_numpy(dtype=np.float64),
            stock=stock,
            censored=frame["censored"].to_numpy(dtype=np.bool_),
            category=design.category_of(frame),
            week=week,
            country=country_of(frame),
            terms=terms_of(
                price,
                novelty_of(price, used_to(panel.grid(price))[panel.row, panel.column]),
                shelf(stock, first_stores),
                week,
                launch,
                end,
                design.scaled_attributes(frame),
            ),
            # The logs are centred, so that a ridge pulls towards sensible values.
            launch=np.column_stack(
                [
                    np.ones(len(life)),
                    np.log(np.column_stack(at_launch)) - np.array([5.0, 3.0, 3.0, 3.0]),
                    design.flags(frame.iloc[panel.earliest]),
                ]
            ),
            first_price=first_price,
            first_stores=first_stores,
        )

    def part(self, rows: IntArray, articles: IntArray) -> Self:
        """These rows, (part,), which are all the rows of these articles, with what was known at their launch."""
        # Rows are taken of all arrays but `launch`, which has a row for each article; another array stands in for it.
        return replace(rows_of(replace(self, launch=self.first_price), rows), launch=self.launch[articles])


def country_of(frame: pd.DataFrame) -> str:
    """The country of the frame's rows, which all have the same; empty when there are no rows."""
    return str(frame["country"].iloc[0]) if len(frame) else ""


def dates_of(frame: pd.DataFrame) -> tuple[IntArray, IntArray, IntArray]:
    """The week numbers of each row's week, launch week and end week, each (rows,)."""
    return week_number(frame["week"]), week_number(frame["launch_week"]), week_number(frame["end_week"])


def codes_of(values: pd.Series, known: list[str]) -> IntArray:
    """The index of each value in `known`, (rows,); one past the last index for a value that was never seen."""
    codes = pd.Index(known, dtype="str").get_indexer(values.astype("str"))
    places: IntArray = np.where(codes < 0, len(known), codes).astype(np.int64)
    return places


def attribute_values(frame: pd.DataFrame, name: str, values: list[str] | None) -> FloatArray:
    """The column as numbers, (rows,), NaN where unknown; `values` are the known texts, None for a column of numbers."""
    if name not in frame:
        return np.full(len(frame), np.nan)
    if values is None:
        numbers: FloatArray = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isfinite(numbers), numbers, np.nan)
    codes = codes_of(frame[name], values).astype(np.float64)
    return np.where((codes >= len(values)) | frame[name].isna().to_numpy(), np.nan, codes)
