"""`markdown-pricing arms draw` draws the cells of a comparison with the old habit; `arms show` tells what it found."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from markdown_pricing.arms.draw import Draw, HeldShare, cheapest, choices
from markdown_pricing.commands.console import print_error, print_json, print_table
from markdown_pricing.erp.arms import write_comparison
from markdown_pricing.installation.from_settings import countries_of, erp_of, lake_of
from markdown_pricing.installation.settings import Settings
from markdown_pricing.kept.arms import (
    AlreadyDrawn,
    Candidates,
    candidates,
    comparison_so_far,
    drawn,
    keep_draw,
    read_draws,
)
from markdown_pricing.orchestration.arms import rows_of_cells
from markdown_pricing.texts.words import counted
from markdown_pricing.weeks import ONE_WEEK, this_week
from markdown_pricing.worth import rounded

HEAD = ("Held", "Cells", "Found with 4 chances in 5", "Costs about, EUR")


def draw(settings: Settings, season: str, share: int | None, seed: int | None, dry_run: bool, as_json: bool) -> int:
    """Draw the cells of a season's comparison and keep them, or show what shares of the cells would find and cost.

    share : percent of the cells to hold on the old habit; None takes the cheapest share that can find the effect
    returns the exit code
    """
    now, lake = datetime.now(UTC), lake_of(settings)
    draws = read_draws(lake)
    for each in draws:
        if each.season == season:
            raise AlreadyDrawn(each)
    countries = countries_of(settings)
    eligible = candidates(lake, countries, season)
    seed = int(f"{now:%Y%m%d}") if seed is None else seed
    weighed = choices(eligible.cells, seed)
    chosen = share / 100 if share is not None else _of(cheapest(weighed, eligible.reckoned))
    if not as_json:
        _show_choices(eligible, weighed)
    if chosen is None:
        print_error("No share would find that, so that nothing is drawn. Name one with --share, or compare nothing.")
        if as_json:
            print_json(_as_json(eligible, weighed, None))
        return 0 if dry_run else 1
    made = drawn(eligible, Draw(season, this_week(now) + ONE_WEEK, seed, chosen, now, ()), draws)
    if not dry_run:
        keep_draw(lake, made, draws)
        _write_to_erp(settings, made)
    if as_json:
        print_json({**_as_json(eligible, weighed, made), "dry_run": dry_run})
    else:
        _show_drawn(made, dry_run)
    return 0


def show(settings: Settings, as_json: bool) -> int:
    """Print what each comparison has found so far. Returns the exit code."""
    lake = lake_of(settings)
    countries = countries_of(settings)
    draws = read_draws(lake)
    so_far = [comparison_so_far(lake, countries, each) for each in draws]
    if as_json:
        shown = [
            {**asdict(one), "status": one.status, "sentence": one.sentence, "factor": one.factor} for one in so_far
        ]
        print_json({"seasons": shown, "cells": [row for each in draws for row in rows_of_cells(each)]})
        return 0
    if not draws:
        print("Nothing is compared: no cell was ever drawn.")
    for each, one in zip(draws, so_far, strict=True):
        _show_drawn(each, dry_run=False)
        print(one.sentence)
    return 0


def _of(choice: HeldShare | None) -> float | None:
    return None if choice is None else choice.share


def _write_to_erp(settings: Settings, made: Draw) -> None:
    if why := erp_of(settings).why_not(lambda engine: write_comparison(engine, rows_of_cells(made), [])):
        print_error(f"{why} The weekly look at the comparison writes them, too.")


def _show_choices(eligible: Candidates, weighed: Sequence[HeldShare]) -> None:
    if eligible.without_rate:
        print_error(f"Not in the draw, as their money is not known in euros: {', '.join(eligible.without_rate)}.")
    reckoned = "nothing, as no round is known" if math.isnan(eligible.reckoned) else f"{100 * eligible.reckoned:+.1f} %"
    cells = counted(len(eligible.cells), "cell")
    print(f"{cells}; the model reckons that the plan brings {reckoned} against the habit.")
    rows = [
        (f"{100 * each.share:.0f} %", str(each.held), f"{100 * each.detectable:.1f} %", f"{rounded(each.cost):,.0f}")
        for each in weighed
    ]
    print_table("Shares of the cells", HEAD, rows, 0)


def _show_drawn(made: Draw, dry_run: bool) -> None:
    rows = [(cell.stratum, cell.country, cell.category) for cell in sorted(made.held, key=lambda each: each.key)]
    print_table(f"Season {made.season}: held on the old habit", ("Stratum", "Country", "Category"), rows, 3)
    would = "would be held" if dry_run else "are held"
    kept = f" Cells of season {made.kept_from}, which is still in the shops, keep their arm." if made.kept_from else ""
    print(
        f"{len(rows)} of {counted(len(made.cells), 'cell')} {would} from {made.from_week} on (seed {made.seed}).{kept}"
    )


def _as_json(eligible: Candidates, weighed: Sequence[HeldShare], made: Draw | None) -> dict[str, Any]:
    return {
        "cells": len(eligible.cells),
        "reckoned": _known(eligible.reckoned),
        "without_rate": eligible.without_rate,
        "shares": [{**asdict(each), "detectable": _known(each.detectable)} for each in weighed],
        "draw": made and asdict(made),
    }


def _known(value: float) -> float | None:
    """The value as JSON can have it; None where it is not known."""
    return value if math.isfinite(value) else None
