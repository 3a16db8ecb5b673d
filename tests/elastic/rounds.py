"""Three real rounds through `markdown-pricing run`, and what they wrote to standard output: two good ones, a bad one.

In the bad week everything goes wrong that an alert is for: Germany has 15 % fewer articles to price and sales that no
model foretells, Austria has been refreshed by a later run, Poland is not in the snapshot.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from markdown_pricing.erp.tables import engine_for, refreshes
from markdown_pricing.lake import Lake
from markdown_pricing.weeks import ONE_WEEK
from tests.command import command
from tests.lake import spark
from tests.quick import sold as sales
from tests.storage import make_storage

FIRST = date(2026, 1, 26)
GOOD, BAD = FIRST + ONE_WEEK, FIRST + 2 * ONE_WEEK
COUNTRIES = ("DEU", "AUT", "POL")
ARTICLES = 20
SECRET = "planted-s3cret"

Line = dict[str, Any]


@dataclass(frozen=True)
class Round:
    """What one command said: its log lines, all other lines of standard output, and its exit code."""

    week: date
    lines: list[Line]
    rest: list[str]
    code: int

    def of(self, dataset: str, country: str | None = None) -> list[Line]:
        """The lines of a dataset, in their order."""
        return [
            line
            for line in self.lines
            if line["event"]["dataset"] == dataset and (country is None or line["markdown"].get("country") == country)
        ]


def play(folder: Path) -> Iterator[Round]:
    """The three rounds, one after the other, in an installation of their own."""
    lake = Lake(str(folder / "lake"))
    make_storage(folder / "dagster")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MARKDOWN_PRICING_", "DAGSTER_"))},
        "MARKDOWN_PRICING_LAKE": lake.url,
        "MARKDOWN_PRICING_ERP": f"sqlite:///{folder}/erp.sqlite",
        "MARKDOWN_PRICING_MODEL": "log_linear",
        "MARKDOWN_PRICING_ALERTS": f"json://robot:{SECRET}@127.0.0.1:1/",
        "MARKDOWN_PRICING_LOG": "stdout",
        "DAGSTER_HOME": str(folder / "dagster"),
        "DB_PASSWORD": SECRET,
    }
    for week in (FIRST, GOOD, BAD):
        sold = {code: sales(code, week, ARTICLES, seed=1) for code in COUNTRIES}
        if week == BAD:
            sold = {"DEU": _unforeseen(_fewer(sold["DEU"], week), week), "AUT": sold["AUT"]}
            _refreshed_by_a_later_run(f"sqlite:///{folder}/erp.sqlite", "AUT", week)
        spark.deliver(lake, {code: [table] for code, table in sold.items()}, week)
        arguments = ["--week", str(week), "--countries", ",".join(COUNTRIES), "--workers", "1"]
        told = command("run", *arguments, environ=environment)
        said = told.stdout.splitlines()
        lines = [json.loads(line) for line in said if line.startswith("{")]
        yield Round(week, lines, [line for line in said if not line.startswith("{")], told.returncode)


def moved_to_its_monday(one: Round) -> list[Line]:
    """Its lines as if it had begun on its week's Monday at 08:00 UTC: only the clock is another."""
    times = [datetime.fromisoformat(line["@timestamp"]) for line in one.lines]
    monday = datetime(one.week.year, one.week.month, one.week.day, 8, tzinfo=UTC)
    by = monday - min(times)
    moved = [(at + by).isoformat(timespec="milliseconds").replace("+00:00", "Z") for at in times]
    return [{**line, "@timestamp": at} for line, at in zip(one.lines, moved, strict=True)]


def _fewer(sold: pa.Table, week: date) -> pa.Table:
    """The table without the snapshot rows of three of its twenty articles."""
    now = pc.equal(sold["week"], pa.scalar(week, pa.date32()))
    gone = pc.unique(sold.filter(now)["article_id"])[:3]
    return sold.filter(pc.invert(pc.and_(now, pc.is_in(sold["article_id"], gone))))


def _unforeseen(sold: pa.Table, week: date) -> pa.Table:
    """Sales of the last five weeks that have nothing to do with those before."""
    weeks = np.asarray(sold["week"].to_numpy(), dtype="datetime64[D]")
    units = np.nan_to_num(np.asarray(sold["units"].to_numpy(), dtype=float))
    late = weeks >= np.datetime64(week - timedelta(weeks=5))
    dice = np.random.default_rng(0).lognormal(1.0, 2.0, len(units))
    wild = np.where(late, (units * dice).round(), units).astype("int32")
    null = sold["units"].is_null().to_numpy()
    return sold.set_column(sold.schema.get_field_index("units"), "units", pa.array(wild, mask=null))


def _refreshed_by_a_later_run(erp: str, country: str, week: date) -> None:
    """The receipt that a run launched tomorrow leaves; ours comes too late."""
    now = datetime.now(UTC)
    receipt = {
        "country": country,
        "week": week,
        "run_id": "of-a-later-run",
        "launched_at": now + timedelta(days=1),
        "articles": 1,
        "previous_articles": 0,
        "total_expected_revenue": 1,
        "content_hash": "0" * 64,
        "refreshed_at": now,
    }
    with engine_for(erp, None, None).begin() as connection:
        connection.execute(refreshes.insert(), [receipt])
