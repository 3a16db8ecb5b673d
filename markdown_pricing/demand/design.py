"""How rows of training data become the numbers that log-linear demand works on.

The priors of the coefficients were chosen by judgement from 2026-11-23 on; their signs are those that theory expects.
The constant of the shelf was set by looking at the sample market. docs/pricing.md names the figures that it flatters.
"""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from markdown_pricing.demand.pooling import Prior
from markdown_pricing.demand.response import KNOTS_PCT, PIECES, TYPICAL_CUT, terms_of_price, used_to
from markdown_pricing.training_data.features import (
    Age,
    FloatArray,
    IntArray,
    Panel,
    attribute_columns,
    season_terms,
    week_number,
)

PRICE, SHELF, NOVELTY = 0, slice(1, 3), 3
"""Columns of the terms. PRICE is the log of price over first price. SHELF is the log of the share of customers who find
their size, in two forms. NOVELTY is the log of price over the price that customers are used to."""
SHAPE = slice(4, 5 + PIECES)
"""Columns of what the price response has beside one elasticity; see `response.py`."""
PRIOR_ELASTICITY = 1.8
"""The elasticity that is expected where nothing was sold; grade D is priced with it."""
TERMS = {  # name: prior mean, and the standard deviations of the country around it and of a category around the country
    "price": (-PRIOR_ELASTICITY, 0.8, 0.4),
    "shelf": (0.35, 0.5, 0.15),
    "shelf_sharp": (0.35, 0.5, 0.15),
    "novelty": (-0.1, 0.25, 0.1),
    "price_drift": (-0.5, 2.0, 0.4),
    **{f"price_from_{knot:.0f}": (0.0, 0.7, 0.2) for knot in KNOTS_PCT},
    "launch_week": (-0.3, 0.5, 0.2),
    "second_week": (-0.1, 0.5, 0.2),
    "age": (0.0, 1.0, 0.3),
    "life_share": (-0.5, 1.0, 0.3),
    "life_share_squared": (0.0, 1.0, 0.3),
    "sin_1": (0.0, 0.5, 0.8),
    "cos_1": (0.0, 0.5, 0.8),
    "sin_2": (0.0, 0.3, 0.25),
    "cos_2": (0.0, 0.3, 0.25),
}
TO_A_CUT = np.zeros(len(TERMS))
"""Its product with the coefficients of TERMS is the elasticity at a cut of TYPICAL_CUT from the first price."""
TO_A_CUT[PRICE], TO_A_CUT[SHAPE] = -1.0, terms_of_price(np.array(-TYPICAL_CUT)) / TYPICAL_CUT
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
    censored: NDArray[np.bool_]
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
                price - used_to(panel.grid(price))[panel.row, panel.column],
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


def country_of(frame: pd.DataFrame) -> str:
    """The country of the frame's rows, which all have the same; empty when there are no rows."""
    return str(frame["country"].iloc[0]) if len(frame) else ""


def dates_of(frame: pd.DataFrame) -> tuple[IntArray, IntArray, IntArray]:
    """The week numbers of each row's week, launch week and end week, each (rows,)."""
    return week_number(frame["week"]), week_number(frame["launch_week"]), week_number(frame["end_week"])


def terms_of(
    price: FloatArray,
    novelty: FloatArray,
    shelf: FloatArray,
    week: IntArray,
    launch: IntArray,
    end: IntArray,
    attributes: FloatArray,
) -> FloatArray:
    """The terms of log demand, (…, terms), in the order of TERMS and then the attributes.

    price, novelty    : (…), see PRICE and NOVELTY ; shelf : (…, 2) ; attributes : (…, attributes)
    week, launch, end : (…), week numbers
    """
    age = Age.of(week, launch, end)
    life = age.life_share - 0.5
    early = [(age.age_weeks == lived).astype(np.float64) for lived in (0, 1)]
    lived = np.stack([*early, np.log1p(age.age_weeks) - 1.5, life, life**2], axis=-1)
    first = [price[..., np.newaxis], shelf, novelty[..., np.newaxis], terms_of_price(price)]
    return np.concatenate([*first, lived, season_terms(week), attributes], axis=-1)


def shelf(stock: FloatArray, stores: FloatArray) -> FloatArray:
    """Logs of two shares of customers who find their size, (…, 2); near 0 on full shelves.

    The shares are s/(s + 0.35) at s units a store, and s²/(s² + 1), which falls late and then steeply. Broken
    assortments slow sales (Smith & Achabal 1998; Caro & Gallien 2012). A coefficient for each says by how much.
    The 0.35 was set by looking at the sample market's shelves (BROKEN_ASSORTMENT in sample/articles.py);
    docs/pricing.md names the figures that this flatters.
    """
    a_store = np.maximum(stock / stores, 0.05)
    shares: FloatArray = np.log(np.stack([a_store / (a_store + 0.35), a_store**2 / (a_store**2 + 1.0)], axis=-1))
    return shares


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
