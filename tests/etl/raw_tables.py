"""A sample market taken apart into the raw tables that it might have come from."""

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from markdown_pricing.countries import read_countries
from markdown_pricing.etl.raw import RAW
from markdown_pricing.sample.season import sample_market

WEEK = date(2026, 2, 9)
Tables = dict[str, pd.DataFrame]


def sample(country: str, articles: int = 6) -> pd.DataFrame:
    """The snapshot's rows of one country, as the sample has them; each article's master data as it is now."""
    rows = sample_market(read_countries()[country], WEEK, articles, seed=2).table().to_pandas()
    rows = rows[rows["week"] >= WEEK - timedelta(weeks=104)].sort_values(["article_id", "week"])
    for column in ("list_price", "salvage_price", "end_week"):
        rows[column] = rows.groupby("article_id")[column].transform("last")
    return rows.reset_index(drop=True)


def taken_apart(samples: dict[str, pd.DataFrame]) -> Tables:
    """Sales are told by day: half on the Monday, the rest on the Sunday, a return among them."""
    rows = pd.concat([rows.assign(country=code) for code, rows in samples.items()], ignore_index=True)
    sold = rows[rows["units"].notna()]
    half = sold["units"].astype(int) // 2
    days = [(0, half + 1), (6, sold["units"].astype(int) - half), (6, -1)]
    told = [sold.assign(units=units, date=sold["week"] + timedelta(days=after)) for after, units in days]
    tables = {
        "sales": pd.concat(told, ignore_index=True),
        "stock": rows,
        "prices": rows,
        "articles": rows.drop_duplicates(["country", "article_id"], keep="last"),
    }
    return {name: table[list(RAW[name])].reset_index(drop=True) for name, table in tables.items()}


def write(tables: Tables, folder: Path) -> str:
    for name, table in tables.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), folder / name / "part-0.parquet")
    return str(folder)
