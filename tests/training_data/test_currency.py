"""History is read in the snapshot's currency; a change of currency that nobody told of is refused."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from markdown_pricing.countries import PriceEnding
from markdown_pricing.currencies import Changeover, currency_in
from markdown_pricing.markdown.ladder import round_to_ending, to_cents
from markdown_pricing.markdown.season import read_season
from markdown_pricing.training_data.intake import BadTrainingData, Intake, take_in

WEEK, SINCE = date(2026, 2, 9), date(2026, 1, 5)
FACTOR = 1.95583
ENDINGS = tuple(map(PriceEnding.parse, (".99", ".95")))
EURO = Changeover("BGR", "EUR", SINCE, FACTOR, "BGN")
MONEY = ["list_price", "price", "salvage_price"]


def country(articles: int = 12, weeks: int = 16) -> pd.DataFrame:
    """Articles in euros, every third of them marked down eight weeks ago, and one in the snapshot week."""
    rows = []
    for number in range(articles):
        list_price = 19.99 + 7 * number
        for ago in range(weeks, -1, -1):
            price = list_price * (0.7 if number % 3 == 0 and ago <= 8 else 1) * (0.8 if number == 1 and ago == 0 else 1)
            rows.append((f"{number:03d}", WEEK - timedelta(weeks=ago), list_price, round(price, 2), 4.0))
    frame = pd.DataFrame(rows, columns=["article_id", "week", *MONEY])
    launch, end = WEEK - timedelta(weeks=weeks), WEEK + timedelta(weeks=6)
    fixed = {"category": "shoes", "season": "S", "launch_week": launch, "end_week": end}
    return frame.assign(**fixed, units=5, stock=50, stores=3)


def changed(frame: pd.DataFrame, since: date = SINCE, factor: float = FACTOR, anew: bool = False) -> pd.DataFrame:
    """The same in another currency before `since`; `anew` gives the prices after it the endings .99 and .95."""
    frame, old = frame.copy(), (frame["week"] < since).to_numpy()
    for name in MONEY:
        frame.loc[old, name] = (frame.loc[old, name] * factor).round(2)
        if anew and name != "salvage_price":
            frame.loc[~old, name] = round_to_ending(to_cents(frame.loc[~old, name]), ENDINGS) / 100
    return frame


def taken(frame: pd.DataFrame, *lines: Changeover, week: date = WEEK) -> Intake:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for name in ("units", "stock", "stores"):
        table = table.set_column(table.column_names.index(name), name, table[name].cast(pa.int32()))
    return take_in(table, week, "BGR", lines)


def markdowns(intake: Intake) -> tuple[list[int], list[int]]:
    """Taken by each article, and weeks since the last."""
    now = intake.rows["week"] == pd.Timestamp(WEEK)
    season = read_season(intake.rows[now].reset_index(drop=True), intake.rows[~now].reset_index(drop=True), WEEK)
    return season.markdowns_taken.tolist(), season.weeks_since_markdown.tolist()


@pytest.mark.parametrize("since", [SINCE, WEEK], ids=["five weeks ago", "in the snapshot week"])
@pytest.mark.parametrize("anew", [False, True], ids=["by the exact factor", "priced anew"])
def test_a_change_that_a_line_tells_of_uses_up_no_markdown(since, anew) -> None:
    """Articles have the markdowns that they had, in the weeks in which they were; a real one in that week counts."""
    line = Changeover("BGR", "EUR", since, FACTOR)
    intake = taken(changed(country(), since, anew=anew), line)
    assert markdowns(intake) == markdowns(taken(country()))
    assert not intake.remarks
    full = intake.rows[intake.rows["article_id"] == "004"]
    assert full["list_price"].nunique() == 1


def test_history_by_the_exact_factor_is_what_it_would_have_been_to_the_cent() -> None:
    intake = taken(changed(country()), EURO)
    np.testing.assert_allclose(intake.rows[MONEY], taken(country()).rows[MONEY], atol=0.0051)


@pytest.mark.parametrize("since", [SINCE, WEEK])
@pytest.mark.parametrize("lines", [(), (Changeover("BGR", "EUR", SINCE, 100.0),)], ids=["no line", "another factor"])
def test_a_change_that_nobody_told_of_is_refused(since, lines) -> None:
    with pytest.raises(BadTrainingData, match=rf"prices fell by 49 % with their list prices in week {since}: another"):
        taken(changed(country(), since), *lines)


def test_all_prices_may_really_move_when_a_line_says_so() -> None:
    frame = changed(country())
    intake = taken(frame, Changeover("BGR", "EUR", SINCE, 1.0))
    assert intake.rows[MONEY].equals(frame[MONEY])
    assert markdowns(intake)[0] == markdowns(taken(country()))[0]


def test_history_that_shows_no_jump_is_taken_as_converted_already() -> None:
    intake = taken(country(), EURO)
    assert intake.rows[MONEY].equals(taken(country()).rows[MONEY])
    assert "taken as converted to EUR already" in intake.remarks[0]


def test_a_snapshot_from_before_the_first_line_stays_in_the_currency_of_then() -> None:
    later = Changeover("BGR", "EUR", WEEK + timedelta(weeks=1), FACTOR, "BGN")
    intake = taken(country(), later)
    assert intake.rows[MONEY].equals(taken(country()).rows[MONEY])
    assert not intake.remarks
    assert currency_in((later,), WEEK, "EUR") == "BGN"
    assert currency_in((later,), WEEK + timedelta(weeks=1), "BGN") == "EUR"
    assert currency_in((), WEEK, "PLN") == "PLN"


def test_two_changes_are_converted_one_after_the_other() -> None:
    first = Changeover("BGR", "BGN", date(2025, 11, 3), 1000.0)
    frame = changed(changed(country()), first.since, 1000.0)
    assert markdowns(taken(frame, first, EURO)) == markdowns(taken(country()))
    assert taken(frame, first, EURO).rows["list_price"].max() < 110


@pytest.mark.parametrize("monthly", [1.06, 1.2, 0.85])
def test_inflation_is_no_change_of_currency(monthly) -> None:
    """List prices that move a little each month, and the prices with them."""
    frame = country()
    months = ((WEEK - pd.to_datetime(frame["week"]).dt.date).apply(lambda ago: ago.days) // 28).to_numpy()
    for name in MONEY:
        frame[name] = (frame[name] / monthly**months).round(2)
    assert markdowns(taken(frame)) == markdowns(taken(country()))


def test_a_few_articles_whose_prices_move_are_a_matter_of_prices() -> None:
    frame = country(articles=4)
    assert not taken(changed(frame)).remarks
