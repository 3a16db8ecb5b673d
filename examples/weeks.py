"""Plays Mondays of a small shop with a buyer who follows some of the advice; `make weeks N=8` calls it.

Each Monday the week is priced, the buyer decides, the shops sell, and the next week is delivered. It ends with the
ledger. Everything is done by the commands that people have, which are printed, in a folder of its own with a lake, an
ERP and Dagster's storage. The weeks have passed: the last delivery is the one of the week that has begun.
"""

import argparse
import csv
import hashlib
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import product
from pathlib import Path

import pandas as pd
from dagster import BetaWarning, DagsterInstance

from markdown_pricing.codes import ACCEPTED, CHANGED, MARKDOWN, REJECTED, VERDICTS_IN_FORCE
from markdown_pricing.definitions import build
from markdown_pricing.installation.settings import Settings
from markdown_pricing.orchestration.figures import IN_SHORT
from markdown_pricing.orchestration.judged import COST_OF_WEEKS
from markdown_pricing.orchestration.names import OUTCOMES_JOB
from markdown_pricing.orchestration.partitions import partition_key

FOLDER = Path(".local/weeks")
ONE_WEEK = timedelta(weeks=1)
FOLLOWED = 0.6
"""The share of the markdowns that the buyer accepts, unless it is chosen."""
NOT_APPLIED = 0.2
"""The share of the new prices that the shops forget to ask. Made up, as are the numbers of the buyer."""
LOCKED_WEEKS = 3
SAME_PRICE_SHARE = 0.015
"""A price this near, as a share of the list price, is the recommended one, as in docs/decisions.md."""
COLUMNS = ("country", "article_id", "week", "verdict", "price", "lock_until", "decision_reason", "decided_by")
KEY = ["country", "article_id"]
VERDICTS = (*VERDICTS_IN_FORCE, "locked")

Decision = dict[str, str]
"""A line of the buyer's file: its cells by column."""


def decide(rows: pd.DataFrame, week: date, followed: float) -> Iterator[Decision]:
    """What the buyer decides about the markdowns among a country's rows of markdown_recommendations.

    Of those that he does not accept he asks a higher price for a third, keeps today's price for a third, and locks it
    for a third. Chance is looked up by week, country and article: the same weeks are played again in the same way.
    """
    for row in rows[rows["action"] == MARKDOWN].itertuples():
        about = {"country": row.country, "article_id": row.article_id, "week": str(week), "decided_by": "the buyer"}
        chance = _chance(str(week), row.country, row.article_id)
        if chance < followed:
            yield {**about, "verdict": ACCEPTED}
            continue
        how = int(3 * (chance - followed) / (1 - followed))
        between = round((row.recommended_price + row.current_price) / 2, 2)
        if how == 0 and row.recommended_price < between < row.current_price:
            yield {**about, "verdict": CHANGED, "price": f"{between:.2f}", "decision_reason": "too_deep"}
        elif how <= 1:
            yield {**about, "verdict": REJECTED, "decision_reason": "too_early"}
        else:
            until = str(week + LOCKED_WEEKS * ONE_WEEK)
            yield {**about, "verdict": REJECTED, "decision_reason": "promotion_planned", "lock_until": until}


def _chance(*keys: str) -> float:
    """A number from 0 to below 1 that depends on the keys alone."""
    return int.from_bytes(hashlib.sha256(" ".join(keys).encode()).digest()[:6], "big") / 2**48


@dataclass(frozen=True)
class Monday:
    """What became of one week's advice, by the delivery after it.

    decided    : how many decisions of each kind there were
    markdowns  : how many prices were to fall by the advice ; at_advice : how many of them were sold at that price
    """

    week: date
    markdowns: int
    decided: Mapping[str, int]
    at_advice: int

    @classmethod
    def of(cls, week: date, rows: pd.DataFrame, decisions: Sequence[Decision], delivered: pd.DataFrame) -> "Monday":
        """The rows of the week's recommendations beside those of the delivery after it.

        Its snapshot says which price is there, and the week that was sold does for articles that are gone by then.
        """
        latest = delivered[delivered["week"] >= week].sort_values("week").drop_duplicates(KEY, keep="last")
        kinds = ["locked" if each.get("lock_until") else each["verdict"] for each in decisions]
        asked = rows[rows["action"] == MARKDOWN].merge(latest, on=KEY, suffixes=("", "_then"))
        near = (asked["price"] - asked["recommended_price"]).abs() <= SAME_PRICE_SHARE * asked["list_price_then"]
        counts = {kind: kinds.count(kind) for kind in VERDICTS}
        return cls(week, int((rows["action"] == MARKDOWN).sum()), counts, int(near.sum()))


def table(mondays: Iterable[Monday]) -> str:
    """What became of the advice, in a line for each week and one for all."""
    head = ["Week", "Markdowns", *(kind.capitalize() for kind in VERDICTS), "At advised price"]
    played = list(mondays)
    lines = [_line(str(each.week), [each]) for each in played] + [_line("All", played)]
    widths = [max(map(len, cells)) for cells in zip(head, *lines, strict=True)]
    aligned = [
        "  ".join(cell.rjust(width) if place else cell.ljust(width) for place, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(cells, widths, strict=True)) for cells in (head, *lines))
    ]
    return "\n".join([aligned[0], "-" * len(aligned[0]), *aligned[1:]])


def _line(name: str, mondays: Sequence[Monday]) -> list[str]:
    markdowns, at_advice = sum(each.markdowns for each in mondays), sum(each.at_advice for each in mondays)
    share = f" ({100 * at_advice / markdowns:.0f} %)" if markdowns else ""
    counts = [str(sum(each.decided[kind] for each in mondays)) for kind in VERDICTS]
    return [name, str(markdowns), *counts, f"{at_advice}{share}"]


@dataclass(frozen=True)
class Shop:
    """The folder in which the weeks are played, the countries and how many articles each has; None for the usual.

    largest : how many articles the largest country has, where the others are as much smaller as in production
    settings : those that take the place of the play's own, by name
    """

    root: Path
    countries: Sequence[str]
    articles: int | None
    first: date
    largest: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    def call(self, *arguments: str) -> None:
        """Print the command and run it; what it says is seen. Ends the play with its exit code when it fails."""
        print(f"\n$ markdown-pricing {' '.join(arguments)}", flush=True)
        ended = subprocess.run([sys.executable, "-m", "markdown_pricing", *arguments], env=self.environment)
        if ended.returncode:
            sys.exit(ended.returncode)

    @property
    def environment(self) -> dict[str, str]:
        """That of the caller without any setting: another ERP, other rules or a start week are not the play's."""
        others = {name: value for name, value in os.environ.items() if not _is_setting(name)}
        return {
            **others,
            "MARKDOWN_PRICING_LOG": "off",
            "MARKDOWN_PRICING_LAKE": str(self.lake),
            "MARKDOWN_PRICING_ERP": f"sqlite:///{self.root.absolute()}/erp.sqlite",
            "MARKDOWN_PRICING_START_WEEK": str(self.first),
            "DAGSTER_HOME": str(self.root.absolute() / "dagster"),
            **self.settings,
        }

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    def open(self) -> None:
        """Begin anew: whatever was played before in the folder goes, and the first week is delivered."""
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)
        sizes = {"--articles": self.articles, "--largest": self.largest}
        size = [text for option, number in sizes.items() if number for text in (option, str(number))]
        first, countries = str(self.first), ",".join(self.countries)
        self.call("sample", "--lake", str(self.lake), "--week", first, "--countries", countries, *size)

    def price(self, workers: int) -> None:
        """Price the newest week."""
        self.call("run", "--countries", ",".join(self.countries), "--workers", str(workers))

    def play(self, week: date, followed: float, not_applied: float, workers: int) -> Monday:
        """Price the week, decide, sell, and have the next one delivered."""
        self.price(workers)
        rows = self._read("markdown_predictions", week)
        decisions = list(decide(rows, week, followed))
        if decisions:
            self.call("decide", str(self._write(week, decisions)))
        self.call("sample", "--lake", str(self.lake), "--next-week", "--not-applied", str(not_applied))
        delivered = self._read("markdown_training_data", week + ONE_WEEK)
        return Monday.of(week, rows, decisions, delivered)

    def settle(self, weeks: Sequence[date]) -> Iterator[str]:
        """Make the ledger of the weeks by the job that Dagster's sensor starts, and give what each says, in short."""
        warnings.filterwarnings("ignore", "Handling yaml-defined logging", BetaWarning)
        job = build(Settings.from_env(self.environment)).resolve_job_def(OUTCOMES_JOB)
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        with DagsterInstance.from_config(self.environment["DAGSTER_HOME"]) as instance:
            for week, country in product(weeks, self.countries):
                key = partition_key(week, country)
                done = job.execute_in_process(quiet, instance, key)
                [made] = [event for event in done.get_asset_materialization_events() if event.partition == key]
                says = made.materialization.metadata
                yield f"{week}  {country}  {says[IN_SHORT].value}"
                if week == weeks[-1]:
                    yield f"All weeks   {country}  What the other prices cost the plan: {says[COST_OF_WEEKS].value}."

    def _read(self, folder: str, week: date) -> pd.DataFrame:
        """The rows of a week's folder of the lake, with the country of each."""
        found = []
        for country in self.countries:
            parts = sorted((self.lake / folder / str(week) / f"country={country}").glob("part-*.parquet"))
            found += [pd.read_parquet(part, partitioning=None).assign(country=country) for part in parts]
        return pd.concat(found, ignore_index=True)

    def _write(self, week: date, decisions: Iterable[Decision]) -> Path:
        path = self.root / f"decisions-{week}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, restval="")
            writer.writeheader()
            writer.writerows(decisions)
        return path


def _is_setting(name: str) -> bool:
    return name.startswith(("MARKDOWN_PRICING_", "DAGSTER_", "DB_")) or name == "COUNTRY_GROUP"


def codes_in(text: str) -> list[str]:
    """The codes of a list with commas, as `--countries` of the commands reads it.

    >>> codes_in("DEU, AUT,DEU")
    ['DEU', 'AUT']
    """
    return list(dict.fromkeys(code for each in text.split(",") if (code := each.strip())))


def main() -> None:
    today = date.today()
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--weeks", type=int, default=8)
    options.add_argument("--countries", type=codes_in, default="DEU,AUT")
    options.add_argument("--articles", type=int)
    options.add_argument("--followed", type=float, default=FOLLOWED)
    options.add_argument("--not-applied", type=float, default=NOT_APPLIED)
    options.add_argument("--workers", type=int, default=2)
    given = options.parse_args()
    first = today - timedelta(days=today.weekday()) - given.weeks * ONE_WEEK
    shop = Shop(FOLDER, given.countries, given.articles, first)
    try:
        play(shop, given)
    except KeyboardInterrupt:
        sys.exit("Interrupted. The next call begins anew.")


def play(shop: Shop, given: argparse.Namespace) -> None:
    """Play the weeks and show what became of the advice."""
    shop.open()
    weeks = [shop.first + number * ONE_WEEK for number in range(given.weeks)]
    mondays = [shop.play(week, given.followed, given.not_applied, given.workers) for week in weeks]
    for country in shop.countries:
        shop.call("decisions", country)
    print(f"\nWhat became of the advice, by the deliveries that followed\n\n{table(mondays)}")
    # The last week is known to be sold once the delivery after it is priced.
    shop.price(given.workers)
    print("\nThe ledger: what followed the advice, and what other prices cost by the plan's own menus\n")
    for line in shop.settle(weeks):
        print(line, flush=True)
    print("\nIts rows are in the tables markdown_outcomes and markdown_outcome_totals: docs/outcomes.md")


if __name__ == "__main__":
    main()
