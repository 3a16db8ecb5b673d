"""The raw tables from which a snapshot is made, and the columns and keys that they must have."""

from collections.abc import Mapping, Sequence

from markdown_pricing.errors import Fault, FinalError

RAW: Mapping[str, Sequence[str]] = {
    "sales": ("country", "article_id", "date", "units"),
    "stock": ("country", "article_id", "week", "stock", "stores"),
    "prices": ("country", "article_id", "week", "price"),
    "articles": (
        "country",
        "article_id",
        "category",
        "season",
        "launch_week",
        "end_week",
        "list_price",
        "salvage_price",
    ),
}
"""The columns of each table. Sales are receipts and returns by day; stock and prices are those of a Monday."""
KEYS: Mapping[str, Sequence[str]] = {
    "stock": ("country", "article_id", "week"),
    "prices": ("country", "article_id", "week"),
    "articles": ("country", "article_id"),
}
"""The key of each table: no two rows may have the same values in these columns."""
NOT_NEGATIVE: Mapping[str, Sequence[str]] = {"stock": ("stock", "stores")}
WEEKS_OF_HISTORY = 104
"""Weeks before the snapshot week that a snapshot holds: two years, as the contract has it."""


class BadRawTables(FinalError):
    def __init__(self, week: str, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        listed = "".join(f"\n  - {fault}" for fault in faults)
        super().__init__(
            f"No snapshot of {week} can be made from the raw tables:{listed}\n"
            "Nothing was written. Correct the tables and materialize markdown_training_data again."
        )
