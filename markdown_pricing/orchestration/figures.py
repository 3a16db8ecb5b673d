"""What people see of each result in the Dagster UI: key figures with readable labels, tables, pictures."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg
import pandas as pd

from markdown_pricing.codes import MARKDOWN
from markdown_pricing.columns import Recommendations
from markdown_pricing.countries import EURO, Country
from markdown_pricing.demand.calibration import LEVEL, Bias, out_of_place
from markdown_pricing.demand.step_down import Choice
from markdown_pricing.demand.terms import TO_A_CUT
from markdown_pricing.erp.refresh import Receipt
from markdown_pricing.learnt_together import LearntTogether
from markdown_pricing.markdown.changes import Stability
from markdown_pricing.old_habit import CUT_PCT
from markdown_pricing.orchestration.names import CONTENT_HASH, REFRESHED_AT, STAMP, SUPERSEDED_BY
from markdown_pricing.pictures.drawings import expected_and_actual_drawing, most_at_stake, price_paths_drawing
from markdown_pricing.pictures.sketches import PLANS, expected_and_actual_sketch, price_paths_sketch
from markdown_pricing.pricing import CountryWeek
from markdown_pricing.provenance import Provenance
from markdown_pricing.texts.shown import cell, in_markdown
from markdown_pricing.texts.words import counted
from markdown_pricing.training_data.intake import Intake
from markdown_pricing.training_data.planned import plan_in_short
from markdown_pricing.worth import Worth, rounded

IMPORTANT_FEATURES = 12
"""So many of a model's inputs are drawn; chosen on 2026-11-23 so that their names stay readable."""
NO_BREAK = "\u00a0"
"""A space at which no line is broken."""

Metadata = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """A figure that others read: declared here once, recorded under its label, found again by whoever holds it.

    key   : its name in log lines, as `markdown.<key>`
    label : how pages show it, and the key under which Dagster keeps it
    unit  : of its number; WORDS for a text
    """

    key: str
    label: str
    unit: str

    @property
    def field(self) -> str:
        """The name of the figure's field in log lines."""
        return f"markdown.{self.key}"

    @property
    def is_number(self) -> bool:
        return self.unit != WORDS

    def of(self, metadata: Mapping[str, Any]) -> Any:
        """The figure's value as it was recorded in `metadata`; None where it was not recorded."""
        value = metadata.get(self.label)
        return value.value if isinstance(value, dg.MetadataValue) else value

    def number(self, metadata: Mapping[str, Any]) -> float | None:
        """The figure as a number.

        It is None when it was not recorded, or was recorded as words such as "not known".
        """
        value = self.of(metadata)
        return float(value) if isinstance(value, int | float) else None


WORDS = "words"
LOCAL_MONEY, EUROS = "money of the country's currency", "EUR"
"""Figures of the first unit are never added over countries."""
ARTICLES_TO_PRICE = Figure("articles", "Articles to price", "articles")
ARTICLES = Figure("articles", "Articles", "articles")
ARTICLES_BEFORE = Figure("articles_before", "Articles before", "articles")
COUNTRIES = Figure("countries", "Countries", "countries")
CURRENCY = Figure("currency", "Currency", WORDS)
EXPECTED_REVENUE = Figure("expected_revenue", "Expected revenue", LOCAL_MONEY)
EXPECTED_REVENUE_EUR = Figure("expected_revenue_eur", "Expected revenue (EUR)", EUROS)
STAKE = Figure("stake", "This week's decisions", LOCAL_MONEY)
STAKE_EUR = Figure("stake_eur", "This week's decisions (EUR)", EUROS)
STAKE_PCT = Figure("stake_pct", "This week's decisions (% of the expected revenue)", "%")
LEAD_OVER_HABIT = Figure("lead_over_habit_pct", "The whole plan against the old habit (%)", "%")
MARKDOWNS = Figure("markdowns", "Markdowns", "articles")
MODEL_NAME = Figure("model", "Model", WORDS)
GRADE = Figure("model_grade", "Grade", WORDS)
ERROR = Figure("error", "Error of the model (WAPE, last weeks)", "share of the units sold")
NAIVE_ERROR = Figure("naive_error", "Error of last week's value (WAPE)", "share of the units sold")
BIAS = Figure("bias", "Bias", "share of the units sold")
ROWS = Figure("rows", "Rows", "rows")
ROW_COUNT = Figure("rows", "dagster/row_count", "rows")
SOLD_OUT_WEEKS = Figure("sold_out_weeks", "Sold-out weeks", "weeks of articles")
SET_ASIDE = Figure("set_aside", "Articles set aside", "articles")
SNAPSHOT_STAMP = Figure("snapshot", STAMP, WORDS)
NEWER_WEEK = Figure("superseded_by", SUPERSEDED_BY, WORDS)
LOGGED = (
    *(ARTICLES_TO_PRICE, ARTICLES, ARTICLES_BEFORE, COUNTRIES, CURRENCY, EXPECTED_REVENUE, EXPECTED_REVENUE_EUR),
    *(STAKE, STAKE_EUR, STAKE_PCT, LEAD_OVER_HABIT, MARKDOWNS, MODEL_NAME, GRADE, ERROR, NAIVE_ERROR),
    *(BIAS, ROWS, ROW_COUNT, SOLD_OUT_WEEKS, SET_ASIDE, SNAPSHOT_STAMP, NEWER_WEEK),
)
"""Those that stand in a step's log line; all other figures are for the pages of the Dagster UI alone."""

IN_SHORT = "In short"
"""The label of the sentence that stands first, with its numbers as people write them.

The figures below it stay plain numbers, because Dagster plots them, and log lines and messages take them from there.
"""
LARGE = ", large"
"""So the label of a picture ends that a click shows; a sketch of the same stands beside it at once."""
NOT_KNOWN = "not known"
NOT_TAKEN, REMARKS, NOTHING = "What the intake left out", "What else the intake says", "nothing"
FEWER_ROWS = 0.9
"""From so many of the rows of the week before on, the rows of a delivery are as many as they should be."""
MADE_BY = "Made by"
MOST_AT_STAKE = "Decisions that are worth most"
RATE = "Rate in euros"
UNEXPLAINED_CHANGES = "Plans changed without cause in sales (%)"
WHY_THIS_GRADE = "Why this grade"
BIASED = "Biases that luck does not explain"
LEFT_OUT, SHARED_ELASTICITY = "Left out", "Price response by category"
LEARNT_BY, NOT_LEARNT_BY = "Learnt by the model itself", "Not learnt by the model itself"


def snapshot(stamp: str, bytes_by_country: Mapping[str, int]) -> Metadata:
    """Which delivery of a week it is, how many countries it holds, and its size."""
    return {
        COUNTRIES.label: len(bytes_by_country),
        "MiB": round(sum(bytes_by_country.values()) / 2**20, 1),
        SNAPSHOT_STAMP.label: stamp,
    }


def training_data(sold: CountryWeek, taken: Intake, rows_before: int | None, origin: Provenance, uri: str) -> Metadata:
    """How much there is to learn from, how many articles there are to price, and what the intake left out.

    rows_before : of the training data of the week before; None when it is not known
    """
    articles, weeks = int(sold.history["article_id"].nunique()), int(sold.history["week"].nunique())
    left_out = list(taken.notes)
    if rows_before and len(taken.rows) < FEWER_ROWS * rows_before:
        left_out.append(f"There are {len(taken.rows):,} rows, and in the week before there were {rows_before:,}.")
    return {
        IN_SHORT: (
            f"{counted(len(sold.articles), 'article')} to price. {counted(articles, 'article')} have a history, "
            f"which is {counted(weeks, 'week')} long."
        ),
        ARTICLES_TO_PRICE.label: len(sold.articles),
        "Articles with history": articles,
        "Weeks of history": weeks,
        SOLD_OUT_WEEKS.label: int(sold.history["censored"].sum() + sold.articles["censored"].sum()),
        SET_ASIDE.label: len(taken.set_aside),
        NOT_TAKEN: dg.MetadataValue.text("\n".join(left_out) or NOTHING),
        REMARKS: dg.MetadataValue.text("\n".join(taken.remarks) or NOTHING),
        "Planned for weeks to come": dg.MetadataValue.text(plan_in_short(taken.planned) or NOTHING),
        ROW_COUNT.label: len(sold.history) + len(sold.articles),
        **_origin(origin, uri),
    }


def shared_demand(learnt: LearntTogether, version: str, seconds: float, origin: Provenance, uri: str) -> Metadata:
    """What the countries share: which of them took part, the price response by category, and how long it took."""
    shared, articles = learnt.shared, sum(learnt.articles.values())
    return {
        IN_SHORT: (
            f"Learnt from {counted(articles, 'article')} of {counted(len(learnt.articles), 'country')}; "
            f"{counted(len(learnt.left_out), 'country')} left out."
        ),
        COUNTRIES.label: len(learnt.articles),
        ARTICLES.label: articles,
        LEFT_OUT: _table(("Country", "Why"), [(code, cell(why)) for code, why in learnt.left_out.items()]),
        **_of_the_model(learnt),
        SHARED_ELASTICITY: _table(
            ("Category", f"Elasticity of {CUT_PCT} % off"),
            [(cell(name), f"{each:.2f}") for name, each in zip(shared.categories, shared.mean @ TO_A_CUT, strict=True)],
        ),
        "Seconds": round(seconds, 1),
        "Version": version,
        **_origin(origin, uri),
    }


def _of_the_model(learnt: LearntTogether) -> Metadata:
    """What the demand model has learnt from all countries itself, and what it failed to; nothing for most models."""
    sizes = [f"{cell(name)}: {len(data):,} bytes" for name, data in learnt.shared.learnt_by.items()]
    faults = [(what, cell(why)) for what, why in learnt.faults.items()]
    learnt_by = {LEARNT_BY: ", ".join(sizes)} if sizes else {}
    return {**learnt_by, **({NOT_LEARNT_BY: _table(("From", "Why"), faults)} if faults else {})}


def demand_model(choice: Choice, shared_demand: str, origin: Provenance, uri: str) -> Metadata:
    """Which model was chosen and why, and how well it foretold the last weeks before the week to price."""
    report = choice.report
    importance = list(choice.model.importance().items())[:IMPORTANT_FEATURES]
    return {
        IN_SHORT: (
            f"{origin.demand_model}, grade {choice.grade}. In the last weeks its error was {_percent(report.wape)} of "
            f"the units sold; that of last week's value was {_percent(report.naive_wape)}."
        ),
        MODEL_NAME.label: origin.demand_model,
        GRADE.label: choice.grade,
        WHY_THIS_GRADE: choice.why,
        "Shared demand": shared_demand,
        ERROR.label: _figure(report.wape),
        NAIVE_ERROR.label: _figure(report.naive_wape),
        BIAS.label: _figure(report.bias),
        **_biases(report.biases),
        "Units in the last weeks": _table(
            ("Week", "Sold", "Expected", "As in the week before"),
            [
                (f"{row.week:%Y-%m-%d}", f"{row.actual:,.0f}", f"{row.expected:,.0f}", f"{row.naive:,.0f}")
                for row in report.by_week.itertuples()
            ],
        ),
        "Expected and actual units": _drawn(lambda: expected_and_actual_sketch(report.by_week)),
        f"Expected and actual units{LARGE}": _drawn(lambda: expected_and_actual_drawing(report.by_week)),
        "Feature importance": _table(
            ("Feature", "Share"), [(cell(name), f"{share:.1%}") for name, share in importance]
        ),
        ROWS.label: report.rows,
        ARTICLES.label: report.articles,
        "Weeks of history": report.weeks_of_history,
        **_origin(origin, uri),
    }


def _biases(measured: Sequence[Bias]) -> Metadata:
    """The bias of each group of sales, and the sentences about those that the check warns of."""
    head = ("Sales", "Bias (%)", f"{LEVEL:.0%} interval".replace("%", " %"), "Weeks", "Units sold")
    rows = [
        (one.group, f"{100 * one.value:+.1f}", one.interval, str(one.weeks), f"{one.units:,.0f}") for one in measured
    ]
    said = "\n".join(f"{one}." for one in out_of_place(measured))
    return {"Bias in the last weeks": _table(head, rows), BIASED: dg.MetadataValue.text(said or NOTHING)}


def predictions(
    recommended: Recommendations, steady: Stability | None, country: Country, origin: Provenance, uri: str
) -> Metadata:
    """How many articles are marked down, what that is worth, and how the plans compare with last week's."""
    rows = recommended.rows
    exceptions = rows["exception_code"].value_counts().to_dict()
    markdowns, money = int((rows["action"] == MARKDOWN).sum()), money_of(rows, country)
    return {
        IN_SHORT: (
            f"{markdowns:,} of {counted(len(rows), 'article')} marked down. This week's decisions are worth "
            f"{rounded(money[STAKE.label]):,.0f} {country.currency}, {money[STAKE_PCT.label]:.2f} % of the "
            f"expected revenue. The whole plan against the old habit: {money[LEAD_OVER_HABIT.label]:+.1f} %."
        ),
        ARTICLES.label: len(rows),
        MARKDOWNS.label: markdowns,
        **money,
        CURRENCY.label: country.currency,
        **_rate(country),
        **_stability(steady),
        MOST_AT_STAKE: _table(
            ("Article", "Today", "This week", "Next", "Stake"),
            [_plan(row) for row in most_at_stake(rows, PLANS).itertuples()],
        ),
        "Price paths": _drawn(lambda: price_paths_sketch(recommended.price_path, most_at_stake(rows, PLANS))),
        f"Price paths{LARGE}": _drawn(lambda: price_paths_drawing(recommended.price_path, rows)),
        "Exceptions": _table(("Exception", "Articles"), [(code, str(count)) for code, count in exceptions.items()]),
        ROW_COUNT.label: len(rows),
        **_origin(origin, uri),
    }


def receipt(receipt: Receipt, origin: Provenance, currency: str) -> Metadata:
    """The figures of a refresh, as the ERP's receipt states them."""
    return {
        IN_SHORT: (
            f"{counted(receipt.articles, 'article')} in the ERP, {receipt.previous_articles:,} before. Expected "
            f"revenue {receipt.total_expected_revenue:,.0f} {currency}."
        ),
        ARTICLES.label: receipt.articles,
        ARTICLES_BEFORE.label: receipt.previous_articles,
        EXPECTED_REVENUE.label: float(receipt.total_expected_revenue),
        CURRENCY.label: currency,
        REFRESHED_AT: dg.MetadataValue.timestamp(receipt.refreshed_at),
        CONTENT_HASH: receipt.content_hash,
        ROW_COUNT.label: receipt.articles,
        **_origin(origin),
    }


def superseded(held: date, origin: Provenance) -> Metadata:
    """The figures of a refresh that was not attempted, because the ERP holds the newer week `held`."""
    return {**_origin(origin), NEWER_WEEK.label: held.isoformat()}


def money_of(rows: pd.DataFrame, country: Country) -> Metadata:
    """What the decisions and the whole plan are worth; in euros, too, where the country's rate is known."""
    plan, habit = (float(rows[name].astype(float).sum()) for name in ("expected_revenue", "expected_revenue_habit"))
    # What would be lost if they waited a week. Kept prices are left out, because nobody has to do anything for them.
    stake = float(rows.loc[rows["action"] == MARKDOWN, "stake"].astype(float).sum())
    figures = {
        STAKE: stake,
        STAKE_EUR: country.in_eur(stake),
        STAKE_PCT: 100 * stake / plan if plan > 0 else 0.0,
        LEAD_OVER_HABIT: _lead(plan, habit),
        EXPECTED_REVENUE: plan,
        EXPECTED_REVENUE_EUR: country.in_eur(plan),
    }
    known = {figure: value for figure, value in figures.items() if value is not None}
    return {figure.label: round(value, 4 if figure is STAKE_PCT else 2) for figure, value in known.items()}


def _rate(country: Country) -> Metadata:
    """By which rate the figures in euros were made; nothing of a country that has the euro."""
    if country.currency == EURO:
        return {}
    if country.eur_per_unit is None:
        return {RATE: NOT_KNOWN}
    return {RATE: f"{country.eur_per_unit:g} EUR for 1 {country.currency}, of {country.eur_date}"}


def worth_shown(country: str, predicted: Mapping[str, Any]) -> Worth | None:
    """What a country's recommendations are worth, from the figures of its predictions; None where they do not say it.

    They do not when they are of a version that recorded other figures, or are not there.
    """
    stake, lead = STAKE_PCT.number(predicted), LEAD_OVER_HABIT.number(predicted)
    if stake is None or lead is None:
        return None
    return Worth(country, stake, lead, STAKE_EUR.number(predicted), EXPECTED_REVENUE_EUR.number(predicted))


def _stability(steady: Stability | None) -> Metadata:
    """How steady the plans are; no figure where last week's plan is not known."""
    if steady is None:
        return {}
    return {
        UNEXPLAINED_CHANGES: round(steady.unexplained_pct, 2),
        "Plans compared with last week's": steady.articles,
        "Prices other than planned last week": steady.changed,
    }


def _lead(plan: float, other: float) -> float:
    return round(100 * (plan / other - 1), 2) if other > 0 else 0.0


def _plan(row: Any) -> tuple[str, ...]:
    later = f"{row.next_markdown_price:,.2f} from {row.next_markdown_week:%d %b}" if row.next_markdown_week else ""
    return (
        cell(row.article_id),
        f"{row.current_price:,.2f}",
        f"{row.recommended_price:,.2f}",
        later.replace(" ", NO_BREAK),
        "" if pd.isna(row.stake) else f"{row.stake:,.2f}",
    )


def _origin(origin: Provenance, uri: str | None = None) -> Metadata:
    """What made a result so far: the snapshot, and each choice that was made on the way."""
    known = {name: value for name, value in json.loads(origin.to_json()).items() if value}
    made_by = {
        SNAPSHOT_STAMP.label: origin.snapshot,
        MADE_BY: dg.MetadataValue.json({**known, "libraries": origin.libraries.split()}),
    }
    return {**made_by, "dagster/uri": uri} if uri else made_by


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %") if share == share else "what is not known"


def made_from(metadata: Mapping[str, Any]) -> str:
    """The version of what a result was to be made from; empty when a version that knew other facts has recorded it."""
    try:
        known = metadata[MADE_BY].value
        return Provenance.of_facts({**known, "libraries": " ".join(known["libraries"])}).wanted.version
    except (KeyError, TypeError, ValueError):
        return ""


def _figure(value: float) -> float | str:
    return round(value, 4) if value == value else NOT_KNOWN


def _drawn(draw: Callable[[], str]) -> dg.MarkdownMetadataValue | dg.TextMetadataValue:
    """The picture, or why there is none: no country is lost because it can't be drawn."""
    try:
        return dg.MetadataValue.md(draw())
    except MemoryError:
        raise
    except Exception as error:  # whatever the library finds odd about the data
        return dg.MetadataValue.text(f"It could not be drawn: {error}")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> dg.MarkdownMetadataValue:
    lines = [head, ["---"] * len(head), *(map(in_markdown, row) for row in rows)]
    return dg.MetadataValue.md("\n".join("| " + " | ".join(line) + " |" for line in lines) if rows else "none")
