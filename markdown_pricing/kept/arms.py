"""The comparison on the lake: which cells were drawn for which season, and what became of them.

Rounds read the draws, which lie in one file, and ask nobody else. What the cells brought is read from the training data
of each country's newest snapshot, so that it needs neither the ERP nor a ledger.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from markdown_pricing.arms.draw import Cell, Draw, Key, arms_of, draw_season, strata_of
from markdown_pricing.arms.effect import Cells, effect_of
from markdown_pricing.arms.seasons import article_results, by_category, share_of_list_value
from markdown_pricing.arms.sentence import ComparisonResult
from markdown_pricing.codes import ON_PLAN
from markdown_pricing.countries import Countries, Country
from markdown_pricing.errors import FinalError, UsageError
from markdown_pricing.kept.results import Results
from markdown_pricing.lake import paths
from markdown_pricing.lake.errors import FileTaken
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.publish import ResultMissing, publish_sealed, read_sealed, weeks_in
from markdown_pricing.lake.seal import ResultChanged

YEAR = timedelta(weeks=52)
REMEDY = "Put the file back as it was, from a backup of the lake"


class AlreadyDrawn(UsageError):
    def __init__(self, draw: Draw) -> None:
        super().__init__(
            f"Season {draw.season} was drawn on {draw.drawn_at:%Y-%m-%d} with the seed {draw.seed}. A comparison whose "
            "cells are drawn again tells nothing. Draw the next season instead."
        )


class DrawUnderWay(FinalError):
    def __init__(self, where: str) -> None:
        super().__init__(
            f"Nothing is drawn: another draw is just being written. Try again; if nobody else draws, it was killed: "
            f"then remove {where}."
        )


class OtherDrawMeanwhile(FinalError):
    def __init__(self, season: str, others: Sequence[str]) -> None:
        super().__init__(
            f"Season {season} is not drawn: while its cells were chosen, somebody else has drawn season "
            f"{', '.join(others)}, whose cells keep their arm. Draw it again, so that it knows of them."
        )


class NoCellToDraw(FinalError):
    def __init__(self, season: str) -> None:
        super().__init__(
            f"No cell can be drawn for season {season}: no country has training data of this or an earlier week with "
            "articles of a known category, and a rate in euros. Run a round first, or fill eur_per_unit in the "
            "countries file."
        )


def read_draws(lake: Lake) -> tuple[Draw, ...]:
    """The draws of all seasons, the oldest first; none where nothing was ever drawn. Raises ResultChanged."""
    try:
        data = read_sealed(lake, paths.ARM_DRAWS, REMEDY)
        return tuple(Draw.from_json(each) for each in json.loads(data))
    except ResultMissing:
        return ()
    except (ValueError, KeyError, TypeError) as error:
        why = f"another version has written it ({type(error).__name__}: {error})"
        raise ResultChanged(lake.where(paths.ARM_DRAWS), why, REMEDY) from error


def arms_in(lake: Lake, country: str, week: date) -> tuple[dict[Key, str], str]:
    """By season and category the arm of one country's articles in a week, and why nobody knows it, else an empty text.

    A round goes on without a comparison that cannot be read: no country may wait for one. Raises a TransientError.
    """
    try:
        return arms_of(read_draws(lake), country, week), ""
    except ResultChanged as error:
        return {}, f"Priced as if no cell were held on the old habit, which spoils the comparison. {error}"


def draws_or_none(lake: Lake) -> tuple[Draw, ...]:
    """The draws; none, too, where they cannot be read, as a round is then priced without them."""
    try:
        return read_draws(lake)
    except ResultChanged:
        return ()


def keep_draw(lake: Lake, draw: Draw, seen: Sequence[Draw]) -> None:
    """Add a season's draw.

    seen : the draws by which its cells were chosen; of two that are made at once only the first one counts
    Raises AlreadyDrawn, OtherDrawMeanwhile, DrawUnderWay and ResultChanged.
    """
    with ExitStack() as held:
        try:
            held.enter_context(lake.alone(paths.ARM_DRAW_UNDER_WAY))
        except FileTaken as error:
            raise DrawUnderWay(error.where) from error
        draws = read_draws(lake)
        for each in draws:
            if each.season == draw.season:
                raise AlreadyDrawn(each)
        if others := [each.season for each in draws if each.season not in {one.season for one in seen}]:
            raise OtherDrawMeanwhile(draw.season, others)
        publish_sealed(lake, paths.ARM_DRAWS, json.dumps([each.to_json() for each in (*draws, draw)]).encode())


def newest_results(lake: Lake, countries: Countries) -> Iterator[Results]:
    """Each country at its newest week that has training data; those without any are left out."""
    weeks = weeks_in(lake, paths.TRAINING_DATA)
    for code in countries:
        with_data = (week for week in weeks if lake.entry(paths.training_data_file(week, code)))
        if week := next(with_data, None):
            yield Results(lake, week, code)


@dataclass(frozen=True)
class Candidates:
    """What can be drawn.

    cells : country, category, stratum, list_value and revenue of the articles that ended in the last year (euros),
        before (their ratio), earlier (that of the year before), and gain: what the plan of the newest round is reckoned
        to bring more than the habit, in euros
    reckoned : that gain as a share of the habit's revenue; NaN where no round is known
    seasons : the seasons of which articles are on sale ; without_rate : countries whose money is not known in euros
    """

    cells: pd.DataFrame
    reckoned: float
    seasons: frozenset[str]
    without_rate: tuple[str, ...]


def candidates(lake: Lake, countries: Countries, season: str) -> Candidates:
    """The cells of all countries by their newest data. Raises NoCellToDraw."""
    cells_by_country, habit, seasons, without = [], 0.0, set[str](), []
    for results in newest_results(lake, countries):
        country = countries.in_week(results.country, results.week)
        rate = country.in_eur(1.0)
        if rate is None:
            without.append(country.code)
            continue
        sold, _ = results.training_data.read()
        seasons |= set(sold.articles["season"].dropna().astype(str))
        gain = _reckoned(results, rate)
        habit += float(gain["habit"].sum())
        cells_by_country.append(_candidates_of(country, results.week, sold.history, sold.articles, gain["gain"], rate))
    if not cells_by_country or not (cells := pd.concat(cells_by_country, ignore_index=True))["list_value"].gt(0).any():
        raise NoCellToDraw(season)
    cells = cells.assign(stratum=strata_of(cells))
    return Candidates(
        cells, float(cells["gain"].sum()) / habit if habit else float("nan"), frozenset(seasons), tuple(without)
    )


def _candidates_of(
    country: Country,
    week: date,
    history: pd.DataFrame,
    articles: pd.DataFrame,
    gain: "pd.Series[float]",
    rate: float,
) -> pd.DataFrame:
    """One country's cells: the categories of its articles on sale and of those that ended in the year before."""
    ended = article_results(history, week)
    ended = ended[ended["ended"] & _is_whole(ended)]
    last_year = ended["end_week"] >= pd.Timestamp(week - YEAR)
    now, before = (by_category(some, rate).set_index("category") for some in (ended[last_year], ended[~last_year]))
    on_sale = articles["category"].dropna().astype(str)
    names = sorted(set(on_sale[on_sale != ""]) | set(now.index))
    now, before = now.reindex(names), before.reindex(names)
    return pd.DataFrame(
        {
            "country": country.code,
            "category": names,
            "list_value": now["list_value"].fillna(0.0).to_numpy(),
            "revenue": now["revenue"].fillna(0.0).to_numpy(),
            "before": share_of_list_value(now).to_numpy(),
            "earlier": share_of_list_value(before).to_numpy(),
            "gain": gain.reindex(names).fillna(0.0).to_numpy(),
        }
    )


def _is_whole(results: pd.DataFrame) -> "pd.Series[bool]":
    """Whether the history shows an article from its launch on; of others the first weeks' sales are not known."""
    return results["first_week"] <= results["launch_week"] + pd.Timedelta(weeks=1)


def _reckoned(results: Results, rate: float) -> pd.DataFrame:
    """By category what the newest round reckons that the plan brings more than the habit, and the habit's revenue."""
    try:
        rows = results.recommendations.rows()
    except FinalError:
        return pd.DataFrame({"gain": [], "habit": []}, dtype=float)
    money = rows[["expected_revenue", "expected_revenue_habit"]].astype(float) * rate
    sums = money.groupby(rows["category"].fillna("").astype(str)).sum()
    habit = sums["expected_revenue_habit"]
    return pd.DataFrame({"gain": sums["expected_revenue"] - habit, "habit": habit})


def drawn(eligible: Candidates, given: Draw, draws: Sequence[Draw]) -> Draw:
    """The season's draw. Where an earlier one is still in the shops, its cells keep their arm."""
    running = [each for each in draws if each.season in eligible.seasons]
    standing: Mapping[Key, Cell] = {cell.key: cell for each in running for cell in each.cells}
    kept_from = running[-1].season if running else ""
    drawn_now = draw_season(eligible.cells, given, standing)
    return replace(drawn_now, kept_from=kept_from)


def comparison_so_far(lake: Lake, countries: Countries, draw: Draw) -> ComparisonResult:
    """What is known of a season's comparison by the newest data of each country."""
    sums, ended, open_articles = [], 0, 0
    plan, habit = 0.0, 0.0
    for results in newest_results(lake, countries):
        mine = [cell for cell in draw.cells if cell.country == results.country]
        rate = countries.in_week(results.country, results.week).in_eur(1.0)
        if not mine or rate is None or results.week <= draw.from_week:
            continue
        sold, _ = results.training_data.read()
        rows = pd.concat([sold.history, sold.articles], ignore_index=True)
        rows = _rows_compared(rows, draw, {cell.category for cell in mine})
        by_article = article_results(rows[rows["week"] < pd.Timestamp(results.week)], results.week)
        over = by_article[by_article["ended"]]
        ended, open_articles = ended + len(over), open_articles + rows["article_id"].nunique() - len(over)
        sums.append(by_category(over, rate).assign(country=results.country))
        on_plan = {cell.category for cell in mine if cell.arm == ON_PLAN}
        reckoned = _first_reckoned(results, draw, on_plan)
        plan, habit = (
            plan + rate * reckoned["expected_revenue"].sum(),
            habit + rate * reckoned["expected_revenue_habit"].sum(),
        )
    reckoned_share = float(plan / habit - 1) if habit > 0 else None
    if not sums:
        return ComparisonResult(draw.season, None, reckoned_share, ended, open_articles)
    cells = draw.frame().merge(pd.concat(sums, ignore_index=True), on=["country", "category"])
    cells = cells[cells["list_value"] > 0]
    effect = effect_of(Cells.of(cells), draw.seed) if len(cells) else None
    return ComparisonResult(draw.season, effect, reckoned_share, ended, open_articles)


def _rows_compared(rows: pd.DataFrame, draw: Draw, categories: set[str]) -> pd.DataFrame:
    """The rows of articles that are compared: their newest row says of which season and category they are."""
    newest = rows.sort_values("week", kind="stable").groupby("article_id").tail(1)
    compared = newest[
        (newest["season"] == draw.season)
        & (newest["launch_week"] >= pd.Timestamp(draw.from_week))
        & newest["category"].isin(categories)
    ]
    return rows[rows["article_id"].isin(compared["article_id"])]


def _first_reckoned(results: Results, draw: Draw, categories: set[str]) -> pd.DataFrame:
    """What was reckoned of each compared article of these categories in the first week that it was priced in."""
    columns = ["article_id", "expected_revenue", "expected_revenue_habit"]
    first = pd.DataFrame({name: [] for name in columns})
    for week in sorted(weeks_in(results.lake, paths.KEPT_PREDICTIONS)):
        if not draw.from_week <= week <= results.week:
            continue
        try:
            rows = results.in_week(week).recommendations.rows()
        except FinalError:  # the country was not priced in that week, or its file was changed
            continue
        mine = rows[(rows["season"] == draw.season) & rows["category"].isin(categories)]
        launched = pd.to_datetime(mine["launch_week"]) >= pd.Timestamp(draw.from_week)
        mine = mine[launched & ~mine["article_id"].isin(first["article_id"])]
        first = pd.concat([first, mine[columns].astype(dict.fromkeys(columns[1:], float))], ignore_index=True)
    return first.replace({np.nan: 0.0})
