"""The ledger on the lake: what later data show of a week that was priced, and the outcomes that are kept of it.

Everything is read from what the rounds have kept there, so that the ledger needs neither the ERP nor a decision.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, partial

import pandas as pd

from markdown_pricing.countries import Countries
from markdown_pricing.currencies import Changeover
from markdown_pricing.decisions.decision import Decision, in_force, locks, read, why_void
from markdown_pricing.decisions.followed import units_of_one
from markdown_pricing.demand.model import DemandModel
from markdown_pricing.errors import FinalError, if_readable
from markdown_pricing.forecast import BrokenModel
from markdown_pricing.kept.results import Results
from markdown_pricing.lake import paths
from markdown_pricing.lake.publish import weeks_in, weeks_with_predictions
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.outcomes.costs import (
    looked_back,
    with_hindsight,
    with_hindsight_of_followed,
    with_what_the_menu_lacks,
)
from markdown_pricing.outcomes.hindsight import SETTLED_WEEKS, Then
from markdown_pricing.outcomes.ledger import RecommendedWeek, Shown, outcome_rows, wanted_prices
from markdown_pricing.outcomes.totals import totals, valued_others
from markdown_pricing.pricing import CountryWeek
from markdown_pricing.provenance import Provenance
from markdown_pricing.weeks import weeks_between

MOST_WEEKS_ON = 2
"""A snapshot later than so many weeks after a week tells nothing of its prices: much else was decided since. Chosen on
2026-11-28, as a price that comes late comes with the second Monday."""
WEEKS_TO_SETTLE = 3
"""So many weeks are looked at for costs that are not settled, because a snapshot or a ledger may have been skipped.
Chosen on 2026-11-28."""
COSTS = ["cost_ex_ante", "cost_hindsight", "cost_low", "cost_high", "hindsight_week"]
"""The columns that it takes models to find."""
Read = Callable[[date], CountryWeek]
"""A function that gives a country's training data of a week."""


class NotSoldYet(FinalError):
    """Nothing is known of a week before the next snapshot is taken in."""

    def __init__(self, week: date, country: str) -> None:
        super().__init__(
            f"{country}, week {week}: no later snapshot of the country is taken in, so that nothing is known of what "
            "was sold. Materialize training_data of the week after it first."
        )


@dataclass(frozen=True)
class Outcomes:
    """One country's ledger of a week: OUTCOME_COLUMNS, and their sums with TOTAL_COLUMNS.

    recommended : the rows of markdown_recommendations that the outcomes came from, in the same order
    """

    rows: pd.DataFrame
    totals: pd.DataFrame
    recommended: pd.DataFrame


@dataclass(frozen=True)
class Later:
    """The data of a country that came after a week: of the first two snapshots the articles, of the newest all.

    The newest history has prices of weeks whose own snapshot was skipped or not taken in.
    """

    weeks: Sequence[date]
    first: pd.DataFrame
    second: pd.DataFrame | None
    newest: CountryWeek


def outcomes_of(
    results: Results,
    countries: Countries,
    book: RuleBook,
    run_id: str,
    computed_at: datetime,
    known: pd.DataFrame | None = None,
    read: Read | None = None,
) -> tuple[Outcomes, Provenance]:
    """The ledger of a priced week by all data that came after it, and what it was made from.

    book  : the rules, under which prices are valued that the menu does not value
    known : the week's rows of an earlier look, whose costs stay; without it they are found
    read  : gives the country's training data of a week, which the caller may have read before
    Raises NotSoldYet, ResultMissing for a week that was not priced, and ResultChanged.
    """
    rows, options, origin = results.recommendations.rows_and_options()
    read = read or _reading(results)
    later, changeovers = _later(results, read), countries.changes_of(results.country)
    decisions = _followable(results.in_week(later.weeks[-1]))
    priced = RecommendedWeek(
        results.week,
        rows,
        options,
        decided={each.article_id: each for each in decisions if each.week == results.week},
        locked=locks(decisions, results.week).keys(),
        wanted_next=_wanted_next(results, later.weeks[0], decisions, changeovers),
    )
    made = outcome_rows(priced, _shown(results.week, later, changeovers), run_id, computed_at)
    if known is None:
        made = _with_costs(made, results, read, later.newest, countries, book, origin)
    else:
        costs = known.set_index("article_id")[COSTS].reindex(made["article_id"])
        made = made.assign(**{name: costs[name].to_numpy() for name in COSTS})
    return Outcomes(made, totals(made, rows, run_id, computed_at), rows), origin


def bring_up_to_date(
    results: Results, countries: Countries, book: RuleBook, run_id: str, computed_at: datetime
) -> Mapping[date, Outcomes]:
    """Make and keep the ledger of a sold week, of the priced week before it, and of those that are settled now.

    Of the week before it is known only now whether a price came late; its costs stay as they were found, except where
    a model was missing. Costs with hindsight are found again once what sold in SETTLED_WEEKS weeks is known. Where what
    is kept of an earlier week cannot be read, it is left as it is. Returned by week, the newest first.
    Raises what `outcomes_of` raises.
    """
    made, read = {}, cache(_reading(results))
    before = next(weeks_with_predictions(results.lake, results.country, before=results.week), None)
    for week in filter(None, (results.week, before)):
        in_week = results.in_week(week)
        kept = None if week == results.week else next(in_week.outcomes.last(1), None)
        has_costs = kept is not None and set(kept[0]["week"]) == {week} and _has_hindsight(kept[0])
        known = kept[0] if kept is not None and has_costs else None
        try:
            made[week], origin = outcomes_of(in_week, countries, book, run_id, computed_at, known, read)
        except FinalError:
            if week == results.week:
                raise
            continue
        in_week.outcomes.keep(made[week].rows, made[week].totals, origin)
    newest = read(_weeks_after(results)[-1])
    for rows in _to_settle(results, newest.week):
        in_week = results.in_week(rows["week"].iloc[0])
        if in_week.week in made:
            continue
        again = _with_costs(rows, in_week, read, newest, countries, book)
        if looked_back(again) == looked_back(rows):
            continue
        with suppress(FinalError):
            recommended, _, origin = in_week.recommendations.rows_and_options()
            recommended = (
                recommended.set_index("article_id", drop=False).loc[again["article_id"]].reset_index(drop=True)
            )
            again = again.assign(run_id=run_id, computed_at=computed_at)
            made[in_week.week] = settled = Outcomes(again, totals(again, recommended, run_id, computed_at), recommended)
            in_week.outcomes.keep(settled.rows, settled.totals, origin)
    return made


def _to_settle(results: Results, newest: date) -> Iterator[pd.DataFrame]:
    """The kept rows of weeks whose costs with hindsight may be found for good by data of the newest week."""
    until = min(newest - timedelta(weeks=SETTLED_WEEKS), results.week - timedelta(weeks=2))
    for rows, _ in results.in_week(until).outcomes.last(WEEKS_TO_SETTLE):
        by_model_of = looked_back(rows)
        if by_model_of is not None and weeks_between(rows["week"].iloc[0], by_model_of) < SETTLED_WEEKS:
            yield rows


def _has_hindsight(rows: pd.DataFrame) -> bool:
    """Whether every other price that a sum counts has its cost with hindsight, so that no model need be asked again."""
    return bool(valued_others(rows)["cost_hindsight"].notna().all())


def _reading(results: Results) -> Read:
    """Reads the training data of the country's weeks from the lake."""
    return lambda week: results.in_week(week).training_data.read()[0]


def _later(results: Results, read: Read) -> Later:
    """The snapshots after the week; one that was skipped, or was not taken in, is as if it had not been."""
    weeks = _weeks_after(results)
    newest = read(weeks[-1])
    articles = [
        newest.articles if week == weeks[-1] else results.in_week(week).training_data.articles() for week in weeks[:2]
    ]
    return Later(weeks, articles[0], articles[1] if len(articles) > 1 else None, newest)


def _weeks_after(results: Results) -> list[date]:
    """The weeks of the country's snapshots after the week that are taken in, the oldest first. Raises NotSoldYet."""
    lake, country = results.lake, results.country
    weeks = sorted(
        week
        for week in weeks_in(lake, paths.TRAINING_DATA)
        if week > results.week and lake.entry(paths.training_data_file(week, country))
    )
    if not weeks:
        raise NotSoldYet(results.week, country)
    return weeks


def _followable(results: Results) -> list[Decision]:
    """The decisions in force by the newest copy on the lake; those that are void count as none."""
    copied = results.decisions.newest()
    if copied is None:
        return []
    return [each for each in in_force(read(copied[1]).decisions) if why_void(each) is None]


def _wanted_next(
    results: Results, week: date, decisions: Sequence[Decision], changeovers: Sequence[Changeover]
) -> "pd.Series[float]":
    """What was wanted in the week of the next snapshot, in the currency of this one; nothing if it was not priced."""
    try:
        rows = results.in_week(week).recommendations.rows()
    except FinalError:
        return pd.Series(dtype=float)
    decided = {each.article_id: each for each in decisions if each.week == week}
    return wanted_prices(rows, decided, locks(decisions, week).keys()) * float(
        units_of_one(results.week, week, changeovers)
    )


def _shown(week: date, later: Later, changeovers: Sequence[Changeover]) -> Shown:
    def by_article(frame: pd.DataFrame, column: str) -> "pd.Series[float]":
        return frame.set_index("article_id")[column].astype(float)

    def prices(frame: pd.DataFrame, of: date) -> "pd.Series[float]":
        """In the currency of the week that was sold, to the cent."""
        return (by_article(frame, "price") * float(units_of_one(week, of, changeovers))).round(2)

    history, newest_week = later.newest.history, later.weeks[-1]
    sold = history[history["week"] == pd.Timestamp(week)]
    next_monday = pd.Timestamp(week) + pd.Timedelta(weeks=1)
    in_next_week = prices(history[history["week"] == next_monday], newest_week)
    first, second = (prices(later.first, later.weeks[0]), later.second)
    price_after = pd.Series(dtype=float) if second is None else prices(second, later.weeks[1])
    has_after, has_next = second is not None, weeks_between(week, later.weeks[0]) <= MOST_WEEKS_ON
    if pd.Timestamp(later.weeks[0]) != next_monday and not in_next_week.empty:
        # The sales of the week after tell its prices, so that the first snapshot there is comes second.
        first, price_after, has_after, has_next = in_next_week, first, True, True
    after = later.newest.articles if next_monday == pd.Timestamp(newest_week) else history
    stock = by_article(after[after["week"] == next_monday], "stock")
    left = (by_article(sold, "stock") - by_article(sold, "units").clip(lower=0)).clip(lower=0)
    return Shown(
        next_price=first if has_next else pd.Series(dtype=float),
        has_next=has_next,
        price_after=price_after,
        has_after=has_after,
        sold_price=prices(sold, newest_week),
        units=by_article(sold, "units"),
        stock_end=stock.combine_first(left),
    )


def _with_costs(
    made: pd.DataFrame,
    results: Results,
    read: Read,
    newest: CountryWeek,
    countries: Countries,
    book: RuleBook,
    origin: Provenance | None = None,
) -> pd.DataFrame:
    """The rows with the costs that only models tell: with hindsight, and those that the menu does not have.

    origin : of the week; without it the costs that the menu does not have stay as they are
    Rows stay as they are where a model is gone or cannot be read, and where the currency has changed since; without
    what the menu does not have also where the week's rules are others now.
    """
    week, country = results.week, results.country
    if units_of_one(week, newest.week, countries.changes_of(country)) != 1:
        return made
    try:
        priced = read(week)
    except FinalError:
        return made
    then = Then(week, countries.in_week(country, week), book, priced.articles, priced.history)
    made = with_hindsight_of_followed(made)
    if not (own := _model(results)):
        return made
    # A model is asked as the round asked its own, with what was planned then for weeks to come.
    own_of = partial(priced.forecast, own)
    with suppress(BrokenModel):
        if origin is not None and origin.rules == book.version:
            made = with_what_the_menu_lacks(made, then, own_of)
        if model := _model(results.in_week(newest.week)):
            made = with_hindsight(made, then, own_of, partial(priced.forecast, model), newest.history, newest.week)
    return made


def _model(results: Results) -> DemandModel | None:
    """The model that is kept there; None where there is none that can be read."""
    kept = if_readable(results.model.read)
    return kept[0] if kept else None
