"""`markdown-pricing shadow` compares two rounds of one week cell by cell.

Two equal rounds prove that a migration, or a new version, changes nothing.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

import pandas as pd

from markdown_pricing.columns import OPTION_COLUMNS, PATH_COLUMNS, ROW_COLUMNS
from markdown_pricing.commands.console import print_json, print_table
from markdown_pricing.commands.rounds import Difference, Round, columns_only_in, differences
from markdown_pricing.erp.database import Erp
from markdown_pricing.erp.url import BACKENDS, parse_erp_url
from markdown_pricing.erp.whole_round import OPTIONS, PRICE_PATH, RECOMMENDATIONS, rows_of_round
from markdown_pricing.errors import UsageError
from markdown_pricing.installation.settings import SHADOW_PASSWORD, SHADOW_USER, Settings
from markdown_pricing.kept.results import Results
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.publish import countries_with_predictions
from markdown_pricing.texts.shown import cell
from markdown_pricing.texts.words import counted

BY_NATURE = ("model_version", "run_id", "predicted_at")
"""Columns that differ between any two runs, or, as they hold the code's hash, between any two versions."""
SHOWN = 20


class RoundMissing(UsageError):
    def __init__(self, place: str, week: date) -> None:
        super().__init__(f"Nothing of week {week} is in {place}. Name what both rounds priced: --week, --countries.")


class NoAccount(UsageError):
    """The runs' own account is given to no host that stands on a command line."""

    def __init__(self) -> None:
        super().__init__(
            f"shadow reads an ERP with an account of its own, which may only read: set {SHADOW_USER} and "
            f"{SHADOW_PASSWORD} (docs/security.md)."
        )


def shadow(
    settings: Settings,
    first: str,
    second: str,
    week: date,
    countries: Sequence[str] | None,
    tolerance: float,
    as_json: bool,
) -> int:
    """Compare two rounds of one week cell by cell; the parameters are the arguments of the command.

    returns the exit code, which is 1 when they differ
    """
    rounds = [read_round(place, week, settings, countries) for place in (first, second)]
    for place, each in zip((first, second), rounds, strict=True):
        if each.rows.empty:
            raise RoundMissing(place, week)
    if absent := set(countries or ()).difference(*(each.rows["country"] for each in rounds)):
        raise RoundMissing(f"either round for {', '.join(sorted(absent))}", week)
    cells_that_differ = differences(rounds[0], rounds[1], tolerance)
    compared = {
        "week": week,
        "countries": rounds[0].rows["country"].nunique(),
        "articles": len(rounds[0].rows),
        "cells": sum(frame.size for frame in rounds[0].tables.values()),
        "differences": len(cells_that_differ),
        "only_in_first": columns_only_in(*rounds),
        "only_in_second": columns_only_in(*reversed(rounds)),
    }
    if as_json:
        print_json({**compared, "cells_that_differ": [asdict(each) for each in cells_that_differ]})
    else:
        _show(compared, cells_that_differ)
    return 1 if cells_that_differ else 0


def read_round(place: str, week: date, settings: Settings, countries: Sequence[str] | None = None) -> Round:
    """The round of `week` at `place`, with all its countries or only those of `countries`.

    place : an ERP (a SQLAlchemy URL), or else a lake (a URL or a folder)
    """
    if place.partition("://")[0].partition("+")[0].lower() in BACKENDS:
        tables = _erp_round(place, week, settings)
    else:
        tables = _lake_round(Lake(place), week)
    if countries:
        tables = {name: frame[frame["country"].isin(countries)] for name, frame in tables.items()}
    return Round({name: frame.drop(columns=list(BY_NATURE), errors="ignore") for name, frame in tables.items()})


def _erp_round(url: str, week: date, settings: Settings) -> dict[str, pd.DataFrame]:
    if parse_erp_url(url).get_backend_name() != "sqlite" and not settings.shadow_user:
        raise NoAccount()
    erp = Erp(url, settings.shadow_user, settings.shadow_password, settings.erp_schema)
    return rows_of_round(erp.not_connected(), week)


def _lake_round(lake: Lake, week: date) -> dict[str, pd.DataFrame]:
    kept = [
        Results(lake, week, country).recommendations.read()[0] for country in countries_with_predictions(lake, week)
    ]
    return {
        RECOMMENDATIONS: _joined(ROW_COLUMNS, [each.rows for each in kept]),
        PRICE_PATH: _joined(PATH_COLUMNS, [each.price_path for each in kept]),
        OPTIONS: _joined(OPTION_COLUMNS, [each.options for each in kept]),
    }


def _joined(columns: list[str], frames: list[pd.DataFrame]) -> pd.DataFrame:
    if not frames:
        return pd.DataFrame(columns=columns, dtype=object)
    return pd.concat([frame.astype(object) for frame in frames], ignore_index=True)


def _shown(value: Any) -> str:
    """The value; only a text can be a formula."""
    return cell(value) if isinstance(value, str) else str(value)


def _show(compared: dict[str, Any], cells_that_differ: Sequence[Difference]) -> None:
    for place, columns in (("first", compared["only_in_first"]), ("second", compared["only_in_second"])):
        if columns:
            print(f"Only the {place} round has {', '.join(columns)}, which nothing was compared with.")
    counts = [counted(compared[many], one) for many, one in (("countries", "country"), ("articles", "article"))]
    size = f"{', '.join(counts)}, {counted(compared['cells'], 'cell')} of week {compared['week']}"
    if not cells_that_differ:
        print(f"Equal: {size}.")
        return
    lines = [
        (each.country, cell(each.article_id), each.of or "", each.column, _shown(each.first), _shown(each.second))
        for each in cells_that_differ[:SHOWN]
    ]
    title = f"{counted(len(cells_that_differ), 'cell')} of {size} differ" + (
        f", the first {SHOWN}" if len(cells_that_differ) > SHOWN else ""
    )
    print_table(title, ("Country", "Article", "Of", "Column", "First", "Second"), lines, numbers_from=4)
