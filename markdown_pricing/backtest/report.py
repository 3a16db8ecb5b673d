"""The report of a back-test: one HTML file that holds its pictures and loads nothing from a network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

from markdown_pricing.backtest import pictures
from markdown_pricing.backtest.real_weeks import LEVEL as LEVEL_OF_LEADS
from markdown_pricing.backtest.real_weeks import RealWeeks, as_table
from markdown_pricing.backtest.replay import NAIVE
from markdown_pricing.backtest.scores import (
    OVER,
    bias_table,
    by_family,
    forecast_quality,
    gap_closed,
    leads,
    share_of_planner,
)
from markdown_pricing.backtest.twin import PEER, PLANNER
from markdown_pricing.demand.calibration import LEVEL

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2937; background: #f8fafc; margin: 0; }
main { max-width: 1140px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 28px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 40px 0 8px; }
p { max-width: 76ch; } .what { color: #475569; margin: 0; }
.cards { display: flex; flex-wrap: wrap; gap: 12px; margin: 24px 0; }
.card { background: #fff; border: 1px solid #e2e8f0; border-radius: 8px; padding: 12px 18px; min-width: 150px; }
.card b { display: block; font-size: 24px; font-variant-numeric: tabular-nums; } .card span { color: #475569; }
figure { background: #fff; border: 1px solid #e2e8f0; border-radius: 8px; margin: 12px 0; padding: 12px; }
figure svg { width: 100%; height: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; background: #fff; font-variant-numeric: tabular-nums; margin: 12px 0; }
th, td { padding: 5px 11px; border-bottom: 1px solid #e2e8f0; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } thead th { background: #f1f5f9; }
"""


@dataclass(frozen=True)
class Section:
    """A part of the page: a heading, a text that explains it, and tables or SVG pictures."""

    title: str
    text: str
    parts: Sequence[str]


def seasons_page(scores: pd.DataFrame, first: Mapping[str, pd.DataFrame], what: str) -> str:
    """The page of simulated seasons, from the scores of `scores.score` and each policy's forecasts in one market."""
    shares, ahead = share_of_planner(scores), leads(scores)
    models = [policy for policy in shares if policy not in (*OVER, PLANNER)]
    best = max(models or [PEER], key=lambda name: float(shares[name].mean()))
    cards = {f"of the planner, {best}": f"{shares[best].mean():.2f} %"}
    cards |= {
        f"over {over}": f"{row['mean']:+.2f} %"
        for over in OVER
        for _, row in ahead[(ahead["policy"] == best) & (ahead["over"] == over)].iterrows()
    }
    cards |= {"rules broken": str(scores["broken"].sum()), "without a price": str(scores["unpriced"].sum())}
    closed = pd.concat({"ended": gap_closed(scores), "launched": gap_closed(scores, "revenue_launched")}, axis=1)
    closed.columns = pd.Index([f"{policy}, {which}" for which, policy in closed.columns])
    ahead = ahead.assign(pair=ahead["policy"] + " over " + ahead["over"]).set_index("pair")[["mean", "least", "most"]]
    sections = [
        Section(
            "What prices earn",
            "The revenue of all seasons that ended within the run, salvage of what was left included. Every policy "
            "starts from the same stock and meets the same luck. A dot is a market, and the line is their mean.",
            [pictures.shares_picture(shares), table(by_family(shares).T, named="% of the planner")],
        ),
        Section(
            "Leads, paired by market",
            "The lead in % of the other policy's revenue: the mean over all markets, the worst and the best of them.",
            [table(ahead, "{:+.2f}", "%")],
        ),
        Section(
            "The gap from the peer to the planner",
            "How many percent of it are closed, by all seasons that ended, and by those that also began in the run.",
            [table(by_family(closed), "{:.1f}", "% closed")],
        ),
        Section(
            "Next week's sales",
            "The error and bias of the forecasts, in all weeks and in those right after a markdown, and the share of "
            "sales below, and at or below, the quantiles that the model gave.",
            [table(forecast_quality(scores), "{:.3f}", "policy")],
        ),
        Section(
            "Prices of some articles",
            "Prices of the articles with most stock in the first market, under each policy that forecasts.",
            [pictures.seasons_picture(first)],
        ),
    ]
    return report_page("Back-test: simulated seasons", what, cards, sections)


def replay_page(rows: pd.DataFrame, scores: pd.DataFrame, against: Sequence[RealWeeks], what: str) -> str:
    """The page of real weeks, from rows of `replay.replay` with country and model, and their `replay_scores`.

    against : the first model compared with each of the others
    """
    models = list(dict.fromkeys(rows["model"]))
    now = rows[rows["ahead"] == 0]
    by_week = now[now["model"] == models[0]].groupby("origin")[["actual", "naive"]].sum()
    for model in models:
        by_week[model] = now[now["model"] == model].groupby("origin")["expected"].sum()
    cards = {f"WAPE of the next week, {model}": f"{scores.loc[f'{model}, 1 weeks', 'WAPE']:.3f}" for model in models}
    cards[f"WAPE, {NAIVE}"] = f"{scores.loc[f'{NAIVE}, 1 weeks', 'WAPE']:.3f}"
    sections = [
        Section(
            "Units a week",
            "All articles together, each week forecast on its Monday. Weeks that the stock limited are left out.",
            [pictures.weeks_picture(by_week, {**{model: model for model in models}, "naive": NAIVE})],
        ),
        Section(
            "By weeks ahead",
            "Error and bias as shares of the units sold, in all weeks and in those right after a price was cut, which "
            "show the price response, and the share of sales below, and at or below, the quantiles.",
            [table(scores, "{:.3f}", "model")],
        ),
        Section(
            "Against each other",
            "Errors one week ahead on the same sales, and how much larger those of the second model are, with "
            f"intervals over weeks that hold together with a chance of {100 * LEVEL_OF_LEADS:.0f} %. Biases are "
            "compared without their sign.",
            [f"{table(as_table(one))}<p>{escape(str(one))}</p>" for one in against],
        ),
        Section(
            "Bias by weeks ahead, by the last price change, and by age",
            f"How many percent too much was expected, with the {100 * LEVEL:.0f} % interval over weeks.",
            [table(bias_table(rows), named="sales")],
        ),
    ]
    return report_page("Back-test: real weeks replayed", what, cards, sections)


def report_page(title: str, what: str, cards: Mapping[str, str], sections: Sequence[Section]) -> str:
    """The whole file. `cards` has the figures to read first, by their names, and `what` says what was run."""
    shown = "".join(
        f"<div class=card><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in cards.items()
    )
    body = "".join(
        f"<section><h2>{escape(one.title)}</h2><p>{escape(one.text)}</p>{''.join(one.parts)}</section>"
        for one in sections
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style><main><h1>{escape(title)}</h1>"
        f"<p class=what>{escape(what)}</p><div class=cards>{shown}</div>{body}</main></html>\n"
    )


def table(frame: pd.DataFrame, form: str = "{:.2f}", named: str = "") -> str:
    """An HTML table whose first column is the frame's index. Numbers are written in `form`, and NaN as nothing."""

    def text(value: object) -> str:
        if isinstance(value, float):
            return "" if pd.isna(value) else form.format(value)
        return escape(str(value))

    head = "".join(f"<th>{escape(str(name))}</th>" for name in [named, *frame.columns])
    rows = "".join(
        "<tr>" + "".join(f"<td>{text(value)}</td>" for value in [_label(at), *row]) + "</tr>"
        for at, row in zip(frame.index, frame.itertuples(index=False), strict=True)
    )
    return f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"


def _label(at: object) -> str:
    return " · ".join(map(str, at)) if isinstance(at, tuple) else str(at)
