"""What is missing or odd in a snapshot, in one list, for whoever brings data of his own."""

from collections.abc import Iterator
from datetime import date
from functools import partial

import pandas as pd

from markdown_pricing.columns import STOCK_TO_COME
from markdown_pricing.countries import Countries
from markdown_pricing.delivered import take_in_delivery
from markdown_pricing.demand.step_down import LEAST_WEEKS
from markdown_pricing.errors import PricingError
from markdown_pricing.installation.finding import Finding
from markdown_pricing.installation.preflight import inspect
from markdown_pricing.lake import paths
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import Snapshot, delivered_weeks, find_snapshot
from markdown_pricing.texts.words import counted
from markdown_pricing.training_data.planned import plan_in_short
from markdown_pricing.training_data.schema import columns_to_read, printable

SHOWN = 5
"""Articles that are named in a country's line; chosen so that the line can be read."""


def delivery_findings(lake: Lake, week: date | None, configured: Countries) -> Iterator[Finding]:
    """What the snapshot of `week`, or else the newest one, holds and lacks: a finding for each country."""
    try:
        weeks = delivered_weeks(lake)
    except PricingError as error:
        yield Finding("Delivered weeks", ok=False, says=str(error))
        return
    listed = ", ".join(map(str, weeks[-3:])) or f"none: write {lake.where(paths.SNAPSHOTS)}/<Monday>/_SUCCESS last"
    yield Finding("Delivered weeks", ok=bool(weeks), says=listed)
    if not (week := week or max(weeks, default=None)):
        return
    try:
        snapshot = find_snapshot(lake, week)
    except PricingError as error:
        yield Finding(f"Week {week}", ok=False, says=str(error))
        return
    folder = lake.where(paths.snapshot_folder(week))
    held = f"{counted(len(snapshot.files), 'country')} in {folder}"
    yield Finding(
        f"Week {week}", ok=bool(snapshot.files), says=held if snapshot.files else f"{folder} has no country=<ISO3>"
    )
    if snapshot.beside:
        says = f"{', '.join(snapshot.beside)}: not read, as only folders called country=<ISO3> are"
        yield Finding("Beside the countries", ok=False, says=says)
    for code in snapshot.files:
        yield inspect(code, partial(_country, lake, snapshot, code, configured))


def _country(lake: Lake, snapshot: Snapshot, code: str, configured: Countries) -> str:
    """How much there is to price and to learn from, and what is odd. Raises what makes the country unusable."""
    ignored: list[str] = []

    def wanted(available: list[str]) -> list[str]:
        chosen = columns_to_read(available)
        ignored.extend(name for name in available if name not in chosen)
        return chosen

    taken = take_in_delivery(lake, snapshot, code, configured.changes_of(code), wanted)
    frame = taken.rows
    now = pd.Timestamp(snapshot.week)
    history, articles = frame[frame["week"] < now], frame[frame["week"] == now]
    weeks = history["week"].nunique()
    odd = [f"the column {name!r} is left out: {why}" for name, why in taken.left_out.items()]
    notes = [*(f"set aside: {article}" for article in taken.set_aside), *(note.rstrip(".") for note in taken.remarks)]
    notes += [note.rstrip(".") for note in taken.passed_over]
    odd += [*notes[:SHOWN], *([f"and {len(notes) - SHOWN:,} more of the kind"] if len(notes) > SHOWN else [])]
    if ignored:
        odd.append(f"columns that nobody reads: {', '.join(map(printable, ignored))}")
    odd += _oddities(history, articles, now)
    if weeks < LEAST_WEEKS:
        odd.append(f"a model of the country's own needs {LEAST_WEEKS} weeks of history")
    if code not in configured:
        odd.append("the country is not configured, so `price` takes the default rules and `run` leaves it out")
    size = [f"{counted(len(articles), 'article')} to price, {counted(weeks, 'week')} of history"]
    if STOCK_TO_COME in articles and (coming := int((articles[STOCK_TO_COME] > 0).sum())):
        size.append(f"stock to come for {counted(coming, 'article')}")
    size += [planned_in_short] if (planned_in_short := plan_in_short(taken.planned)) else []
    return f"{', '.join(size)}. " + (f"Odd: {'; '.join(odd)}." if odd else "Nothing is odd.")


def _oddities(history: pd.DataFrame, articles: pd.DataFrame, now: pd.Timestamp) -> Iterator[str]:
    """What a price can be found for, and yet is more often a mistake than meant."""
    last = history.groupby("article_id", observed=True).tail(1)
    gone = ~last["article_id"].isin(articles["article_id"]) & (last["end_week"] >= now) & (last["stock"] > 0)
    counts = {
        "no earlier week": ~articles["article_id"].isin(history["article_id"]),
        "a price above the list price": articles["price"] > articles["list_price"],
        "a salvage price at or above the price": articles["salvage_price"] >= articles["price"],
        "an end week that is past": articles["end_week"] < now,
        "a launch week after the end week": articles["launch_week"] > articles["end_week"],
        "no stock": articles["stock"] == 0,
    }
    for what, rows in counts.items():
        if count := int(rows.sum()):
            yield f"{counted(count, 'article')} with {what}"
    if count := int(gone.sum()):
        yield f"{counted(count, 'article')} had stock and an end week to come, and no row in this week"
    if (history["units"] < 0).any():
        yield f"{counted(int((history['units'] < 0).sum()), 'week')} of articles with more returns than sales"
