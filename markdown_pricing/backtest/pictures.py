"""Pictures of a back-test. They take frames and return SVG that can be put into a page."""

import io
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, MonthLocator
from matplotlib.figure import Figure

from markdown_pricing.backtest.twin import PEER, PLANNER

INK, PALE = "#1f2937", "#9ca3af"
COLOURS = ("#c2410c", "#0f766e", "#6d28d9", "#b45309", "#be185d", "#1d4ed8")
GREY = {"hold": "#cbd5e1", "fixed_ladder": "#94a3b8", "tuned_rule": "#64748b", PEER: "#334155", PLANNER: "#111827"}
ARTICLES_SHOWN = 4


def shares_picture(shares: pd.DataFrame) -> str:
    """Revenue in % of the planner's by policy: a panel for each family, a dot for each market, a line for the mean."""
    families = list(dict.fromkeys(shares.index.get_level_values("family")))
    policies = [policy for policy in shares if policy != PLANNER]
    figure = Figure(figsize=(10.5, 0.8 + 0.34 * len(policies)))
    panels = figure.subplots(1, len(families), sharex=True, sharey=True, squeeze=False)[0]
    colours = colours_of(policies)
    for panel, family in zip(panels, families, strict=True):
        family_shares = shares.xs(family, level="family")
        for place, policy in enumerate(policies):
            values = family_shares[policy].dropna()
            panel.plot(values, [place] * len(values), "o", color=colours[policy], alpha=0.35, markersize=5)
            panel.plot([values.mean()] * 2, [place - 0.3, place + 0.3], color=colours[policy], linewidth=2.5)
        panel.axvline(100, color=INK, linewidth=0.8)
        panel.set_title(family, fontsize=10, loc="left")
        _plain(panel)
        panel.grid(axis="x", color="#e2e8f0", linewidth=0.7)
    panels[0].set_yticks(range(len(policies)), policies)
    panels[0].invert_yaxis()
    panels[0].set_xlim(right=100.4)
    panels[0].set_xlabel("% of the planner's revenue", fontsize=9, loc="left")
    return _svg(figure)


def weeks_picture(by_week: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Units a week over an index of weeks: dots for `actual`, and a line for each column of `labels`."""
    figure = Figure(figsize=(10.5, 2.8))
    axes = figure.subplots()
    axes.plot(by_week.index, by_week["actual"], "o", color=INK, markersize=4, label="sold")
    for column, colour in zip(labels, COLOURS, strict=False):
        axes.plot(by_week.index, by_week[column], color=colour, linewidth=1.6, label=labels[column])
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=9, ncols=4)
    _plain(axes)
    return _svg(figure)


def seasons_picture(forecasts: Mapping[str, pd.DataFrame]) -> str:
    """Prices of the articles with most stock, in percent of the first price: a step line for each policy."""
    some = next(iter(forecasts.values()))
    # All policies show the same articles, which are on sale from early on, so that most of a season is in the picture.
    first = some.sort_values("week").groupby("article_id").agg(stock=("stock", "first"), weeks=("week", "nunique"))
    chosen = first[first["weeks"] >= first["weeks"].quantile(0.6)].nlargest(ARTICLES_SHOWN, "stock").index
    figure = Figure(figsize=(10.5, 2.9))
    panels = figure.subplots(1, ARTICLES_SHOWN, sharey=True, squeeze=False)[0]
    colours = colours_of(list(forecasts))
    for panel, article in zip(panels, chosen, strict=False):
        top = max(rows.loc[rows["article_id"] == article, "price"].max() for rows in forecasts.values())
        for policy, rows in forecasts.items():
            own = rows[rows["article_id"] == article].sort_values("week")
            panel.step(own["week"], 100 * own["price"] / top, where="post", color=colours[policy], label=policy)
        panel.set_title(article, fontsize=9, loc="left")
        panel.xaxis.set_major_locator(MonthLocator())  # type: ignore[no-untyped-call]
        panel.xaxis.set_major_formatter(DateFormatter("%b"))  # type: ignore[no-untyped-call]
        _plain(panel)
    for panel in panels[len(chosen) :]:
        panel.set_visible(False)
    panels[0].set_ylim(0, 104)
    panels[0].set_ylabel("% of first price", fontsize=9)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), frameon=False, fontsize=9)
    figure.subplots_adjust(bottom=0.25)
    return _svg(figure)


def colours_of(policies: Sequence[str]) -> dict[str, str]:
    """Grey for the policies with which models are compared, and a colour for each model."""
    models = [policy for policy in policies if policy not in GREY]
    return {**GREY, **{policy: COLOURS[place % len(COLOURS)] for place, policy in enumerate(models)}}


def _plain(axes: Axes) -> None:
    axes.tick_params(labelsize=9, colors=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(PALE)


def _svg(figure: Figure) -> str:
    drawn = io.StringIO()
    with rc_context({"svg.hashsalt": "markdown-pricing", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure.savefig(drawn, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    drawing = drawn.getvalue()
    return f"<figure>{drawing[drawing.index('<svg') :]}</figure>"
