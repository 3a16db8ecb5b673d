"""Small pictures for the orchestrator's pages: frames in, PNG bytes out."""

import io

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

matplotlib.use("Agg")

INK, ACCENT, PALE = "#333333", "#c2410c", "#9ca3af"
PATHS_SHOWN = 40


def price_paths_chart(path: pd.DataFrame, rows: pd.DataFrame) -> bytes:
    """Planned prices as a share of the list price, week by week, of the articles that earn most.

    path : article_id, week, price, … ; rows : article_id, list_price, expected_revenue, …
    """
    earners = rows.nlargest(PATHS_SHOWN, "expected_revenue")
    planned = path.merge(earners[["article_id", "list_price"]], on="article_id")
    planned["share"] = 100 * planned["price"].astype(float) / planned["list_price"].astype(float)
    figure, axes = _canvas("Planned price, % of list price", f"{len(earners)} articles with the most revenue to come")
    for _, one in planned.groupby("article_id"):
        axes.step(pd.to_datetime(one["week"]), one["share"], where="post", color=ACCENT, alpha=0.35, linewidth=1)
    axes.set_ylim(0, 105)
    return _png(figure)


def expected_and_actual_chart(by_week: pd.DataFrame) -> bytes:
    """Units that the model foretold one week ahead beside what was sold and the naive forecast.

    by_week : week, actual, expected, naive
    """
    figure, axes = _canvas("Units a week", "Last weeks, each forecast a week ahead")
    weeks = pd.to_datetime(by_week["week"]).dt.strftime("%d %b")
    axes.plot(weeks, by_week["actual"], color=INK, marker="o", label="sold")
    axes.plot(weeks, by_week["expected"], color=ACCENT, marker="o", label="expected")
    axes.plot(weeks, by_week["naive"], color=PALE, linestyle="--", label="as last week")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8)
    return _png(figure)


def _canvas(label: str, title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, 2.6), dpi=80, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, fontsize=9, loc="left", color=INK)
    axes.set_ylabel(label, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: Figure) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()
