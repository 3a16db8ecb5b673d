"""Pictures that commands draw. They take frames and return the bytes of a PNG."""

import io

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# The names of articles and categories are no formulas, whatever dollar signs they have.
names_as_they_are = rc_context({"text.parse_math": False})

INK, ACCENT, PALE = "#333333", "#c2410c", "#9ca3af"
DOTS_PER_INCH = 90
MOST_GROUPS = 60
"""The most lines of a picture, chosen so that their texts can be read."""


@names_as_they_are
def comparison_chart(groups: pd.DataFrame, title: str) -> bytes:
    """What other rules change: a line per country and per category within it, a panel per measure.

    groups : label, whole (a country, not a category), revenue_pct, leftover_pct (None: standing is 0), markdowns
    When there are more than MOST_GROUPS lines, only whole countries are drawn.
    """
    shown = groups if len(groups) <= MOST_GROUPS else groups[groups["whole"]]
    height = 0.9 + 0.19 * len(shown)
    figure = new_figure(title, (8.0, height))
    # Set by hand, because matplotlib takes longer to work them out than to draw the rest.
    margins = {"left": 0.2, "right": 0.96, "bottom": 0.35 / height, "top": 1 - 0.55 / height, "wspace": 0.12}
    panels = figure.subplots(1, 3, sharey=True, gridspec_kw=margins)
    lines = range(len(shown))
    names = {"revenue_pct": "Revenue, %", "leftover_pct": "Left-over, %", "markdowns": "Markdowns this week, number"}
    for panel, (measure, name) in zip(panels, names.items(), strict=True):
        values = shown[measure].astype(float).fillna(0.0)
        panel.barh(lines, values, color=[ACCENT if whole else PALE for whole in shown["whole"]], height=0.7)
        for line, value in zip(lines, values, strict=True):
            text = "0" if value == 0 else f"{value:+.0f}" if measure == "markdowns" else f"{value:+.1f}"
            side, align = (3, "left") if value >= 0 else (-3, "right")
            panel.annotate(
                text, (value, line), (side, 0), textcoords="offset points", fontsize=6, ha=align, va="center", color=INK
            )
        panel.axvline(0, color=INK, linewidth=0.6)
        panel.use_sticky_edges = False  # room for the numbers of bars that are 0
        panel.margins(x=0.25, y=0.01)
        panel.set_title(name, fontsize=8, loc="left", color=INK)
        plain(panel)
    panels[0].set_yticks(lines, shown["label"])
    panels[0].invert_yaxis()
    return png_of(figure)


def new_figure(title: str, inches: tuple[float, float]) -> Figure:
    """An empty figure with its title at the left; `inches` are its width and its height."""
    figure = Figure(figsize=inches, dpi=DOTS_PER_INCH)
    figure.suptitle(title, fontsize=9, x=0.01, ha="left", color=INK)
    return figure


def plain(axes: Axes) -> None:
    """Small labels, and no frame at the top and the right."""
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def png_of(figure: Figure) -> bytes:
    """The figure as PNG. It does not name the library, so that the same figure gives the same bytes."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()
