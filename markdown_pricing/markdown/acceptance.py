"""Check whether new rows may replace those of their country, before the ERP sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from markdown_pricing.arrays import BoolArray
from markdown_pricing.countries import Country
from markdown_pricing.errors import FinalError
from markdown_pricing.markdown.ladder import ladder_cents, to_cents
from markdown_pricing.markdown.rules import RuleBook


@dataclass(frozen=True)
class Objection:
    """What stands against a refresh or gives it pause, for how many rows that holds, and one of them."""

    severity: Literal["block", "warn"]
    what: str
    count: int
    example: str

    def __str__(self) -> str:
        return f"{self.count} {self.what}, for example {self.example}"


class NotAcceptable(FinalError):
    def __init__(self, objections: Sequence[Objection]) -> None:
        self.objections = tuple(objections)
        listed = "".join(f"\n  - {objection}" for objection in objections)
        super().__init__(
            f"These rows must not reach the ERP:{listed}\nIt keeps what it has. Correct the cause and run again."
        )


def refuse_unless_acceptable(objections: Sequence[Objection]) -> None:
    """Raises NotAcceptable, which lists all objections that block; warnings pass."""
    if blocking := [objection for objection in objections if objection.severity == "block"]:
        raise NotAcceptable(blocking)


def check_every_article_has_a_row(rows: pd.DataFrame, articles: pd.DataFrame) -> list[Objection]:
    """Blocks when an article of the snapshot has no row."""
    missing = articles.loc[~articles["article_id"].isin(rows["article_id"]), "article_id"]
    if missing.empty:
        return []
    return [Objection("block", "articles of the snapshot without a row", len(missing), str(missing.iloc[0]))]


def check_number_of_rows(rows: int, previous_rows: int | None) -> list[Objection]:
    """Blocks when more than half of the country's last other week is missing, warns when a tenth is.

    Both shares were chosen by judgement on 2026-11-23.

    previous_rows : how many rows the last other week had; None when there is none
    """
    if not previous_rows or 10 * rows >= 9 * previous_rows:
        return []
    severity: Literal["block", "warn"] = "block" if 2 * rows < previous_rows else "warn"
    what = f"rows fewer than the last other week had ({100 * (1 - rows / previous_rows):.0f} % less)"
    return [Objection(severity, what, previous_rows - rows, f"{rows} against {previous_rows}")]


def check_new_prices(rows: pd.DataFrame, articles: pd.DataFrame, country: Country, book: RuleBook) -> list[Objection]:
    """Blocks new prices that are off the ladder, above the current price or below salvage_price.

    Current price, list price, category and salvage_price are those of the snapshot (`articles`), not those of the rows.
    """
    known = articles[["article_id", "category", "price", "list_price", "salvage_price"]]
    both = rows[["article_id", "recommended_price"]].merge(known, on="article_id", validate="one_to_one")
    new, current = to_cents(both["recommended_price"]), to_cents(both["price"])
    on_ladder = np.zeros(len(both), dtype=np.bool_)
    categories = both["category"].fillna("").astype(str)
    for category in categories.unique():
        own = (categories == category).to_numpy()
        discounts = book.rules_for(country.code, category).discounts_pct
        ladder = ladder_cents(to_cents(both["list_price"])[own], discounts, country.price_endings)
        on_ladder[own] = (ladder == new[own, np.newaxis]).any(axis=1)
    changed = new != current
    salvage = both["salvage_price"].to_numpy(dtype=np.float64) * 100
    broken_by_rule = {
        "new prices are above the current price": new > current,
        "new prices are below salvage_price": changed & (new < salvage - 1e-6),
        "new prices are on no rung of the ladder": changed & ~on_ladder,
        "recommended prices are below one cent": new < 1,
    }
    return [
        Objection("block", what, int(broken.sum()), _example(both, broken))
        for what, broken in broken_by_rule.items()
        if broken.any()
    ]


def _example(both: pd.DataFrame, broken: BoolArray) -> str:
    row = both.loc[broken].iloc[0]
    return f"{row.article_id}: {row.price:.2f} -> {row.recommended_price:.2f}"
