"""What `price --compare` shows: other rules beside the standing ones, as tables, as a picture and for machines."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from markdown_pricing.commands.console import print_fitting, standard_output, width_of
from markdown_pricing.commands.places import write_whole
from markdown_pricing.markdown.other_rules import LEFTOVER, MARKDOWNS, MEASURES, REVENUE, Compared, Measure
from markdown_pricing.texts.shown import cell

CAVEAT = (
    "Revenue is that of each plan as it stands today. A plan that waits until a fresh article has sold for longer "
    "is worth more than that: rules under which it can't wait may look better here than they are."
)


def show_rules(compared: Sequence[Compared], rules: str) -> None:
    """Print one table, or one table for each measure where the screen is too narrow."""
    whole = _table(compared, MEASURES)
    tables = [whole]
    if standard_output.is_terminal and standard_output.width < width_of(whole):
        tables = [_table(compared, [measure]) for measure in MEASURES]
    print(
        f"What {rules} changes against the standing rules: revenue to the end of the season with salvage, "
        "units left over after it, articles marked down this week."
    )
    for table in tables:
        print()
        print_fitting(table)
    print(f"\n{CAVEAT}\n")


def _table(compared: Sequence[Compared], measures: Sequence[Measure]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", show_edge=False, pad_edge=False)
    table.add_column("", no_wrap=True)
    for measure in measures:
        for name in (f"{measure.heading}\nstanding", "\nother", "\n+/-", "\n%"):
            table.add_column(name, justify="right")
    table.add_column("Articles", justify="right")
    table.add_column("Repriced", justify="right")
    for place, group in enumerate(compared):
        if group.category is None and place:
            table.add_section()
        style = "bold" if group.category is None else ""
        table.add_row(*map(Text, _cells(group, measures)), style=style)
    return table


def _cells(group: Compared, measures: Sequence[Measure]) -> Iterator[str]:
    if group.category is not None:
        yield f"  {cell(group.category)}"
    else:
        yield f"{group.country}, {group.currency}" if group.country else f"all in {group.currency}"
    for measure in measures:
        share = group.difference_pct(measure)
        yield f"{measure.of(group.standing):,.0f}"
        yield f"{measure.of(group.other):,.0f}"
        yield f"{group.difference(measure):+,.0f}"
        yield "" if share is None else f"{share:+.1f}"
    yield f"{group.articles:,}"
    yield f"{group.repriced:,}"


def machine_readable(group: Compared) -> dict[str, Any]:
    """The group's figures under both sets of rules, with the difference of each measure, in units and in percent."""
    differences = {
        measure.name: {"difference": group.difference(measure), "difference_pct": group.difference_pct(measure)}
        for measure in MEASURES
    }
    return {**asdict(group), **differences}


def draw_rules(compared: Sequence[Compared], week: date, rules: Path | None, picture: Path) -> None:
    """Write the picture of the differences as PNG. Raises NotWritten."""
    from markdown_pricing.pictures.charts import comparison_chart  # here: matplotlib is slow to load

    groups = pd.DataFrame(
        {
            "label": next(_cells(group, ())).rstrip(),
            "whole": group.category is None,
            **{f"{measure.name}_pct": group.difference_pct(measure) for measure in (REVENUE, LEFTOVER)},
            MARKDOWNS.name: group.difference(MARKDOWNS),
        }
        for group in compared
    )
    drawn = comparison_chart(groups, f"Week of {week}: {rules and rules.name} against the standing rules")
    write_whole(picture, lambda file: file.write_bytes(drawn))
