"""The ledger of a week by what later rounds have kept on the lake."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from markdown_pricing import pricing
from markdown_pricing.columns import OUTCOME_COLUMNS
from markdown_pricing.countries import Countries
from markdown_pricing.currencies import Changeover
from markdown_pricing.demand.model import DemandModel
from markdown_pricing.forecast import Forecast
from markdown_pricing.kept.results import Results
from markdown_pricing.kept.sold_weeks import COSTS, NotSoldYet, Outcomes, bring_up_to_date, outcomes_of
from markdown_pricing.lake import paths
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.publish import publish_bytes
from markdown_pricing.lake.seal import ResultChanged
from markdown_pricing.markdown.rules import RuleBook, Rules
from markdown_pricing.outcomes.hindsight import SETTLED_WEEKS
from markdown_pricing.provenance import Provenance, provenance
from tests.decisions.test_decision import ROW
from tests.markdown.seasons import CODES, DEU, WEEK, article, frames
from tests.quick import STEADY, Steady

ONE = timedelta(weeks=1)
NOW = datetime(2026, 2, 16, 9, tzinfo=UTC)
BOOK, ALONE = RuleBook(), Countries({"DEU": DEU})
FOLLOWED, IGNORED = "0000", "0001"


@dataclass
class Shop:
    """Two equal articles with too much stock; each round keeps on the lake what the assets keep."""

    lake: Lake
    week: date = WEEK
    sold: pricing.CountryWeek | None = None

    def __post_init__(self) -> None:
        articles, history = frames(
            [article({-2: 49.99, -1: 49.99, 0: 49.99}, stock=400, weeks_left=12) for _ in range(2)]
        )
        self.sold = pricing.CountryWeek(WEEK, "DEU", history, articles)

    def results(self, week: date | None = None) -> Results:
        return Results(self.lake, week or self.week, "DEU")

    def round(self, model: DemandModel | None = None, name: str = STEADY) -> pd.DataFrame:
        """The rows that were priced, by article."""
        model = model or Steady()
        origin = provenance(self.week, "DEU", "stamp")
        self.results().training_data.keep(self.sold, origin)
        priced = pricing.price_articles(self.sold, model, pricing.PricingInputs(DEU, BOOK, CODES), origin, "run", NOW)
        priced_by = pricing.priced_under(origin, BOOK, DEU)
        self.results().recommendations.keep(priced, priced_by)
        self.results().model.keep(model, origin.of(demand_model=name))
        return priced.rows.set_index("article_id")

    def go_on(self, prices: Mapping[str, float], weeks: int = 1, factor: float = 1.0) -> None:
        """Three units are sold of each article, and the next snapshot has these prices."""
        sold = self.sold.articles.assign(units=3.0)
        self.week += weeks * ONE
        now = sold.assign(week=pd.Timestamp(self.week), units=float("nan"), stock=sold["stock"] - 3)
        now["price"] = now["article_id"].map(prices).fillna(now["price"])
        history = pd.concat([self.sold.history, sold]).sort_values(["article_id", "week"], ignore_index=True)
        money = ["price", "list_price", "salvage_price"]
        for frame in (now, history):
            frame[money] = frame[money] / factor
        self.sold = pricing.CountryWeek(self.week, "DEU", history, now)

    def outcome(self, article_id: str, changeovers: tuple[Changeover, ...] = (), book: RuleBook = BOOK) -> Any:
        countries = Countries({"DEU": DEU}, {"DEU": changeovers})
        rows = outcomes_of(self.results(WEEK), countries, book, "run-2", NOW)[0].rows
        return next(rows[rows["article_id"] == article_id].itertuples())


class Shelf(Steady):
    """A model that sells a hundredth of an article's stock a week, and more where an attribute is planned."""

    planned = None

    def knowing(self, planned: pd.DataFrame | None) -> "Shelf":
        made = Shelf()
        made.planned = planned
        return made

    def forecast(self, articles: pd.DataFrame, history: pd.DataFrame, week: date) -> Forecast:
        rate = articles["stock"].to_numpy(dtype=float)[:, None, None] / (100 if self.planned is None else 40)
        return Forecast("Shelf", lambda prices, weeks: np.repeat(rate * (prices[:, :, None] / 49.99) ** -1.8, weeks, 2))


SHELF = "tests.kept.test_sold_weeks:Shelf"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(Lake(str(tmp_path / "lake"), models=(STEADY,)))


def decided(**changes: str | None) -> dict[str, str | None]:
    return {**ROW, "article_id": IGNORED, "price": None, "current_price": "49.99", **changes}


def test_the_ledger_works_where_nobody_decides(shop: Shop) -> None:
    """The next snapshot's price says what was done, and the menu of the week what it cost."""
    recommended = shop.round()["recommended_price"]
    shop.go_on({FOLLOWED: recommended[FOLLOWED]})
    shop.round()

    followed, ignored = shop.outcome(FOLLOWED), shop.outcome(IGNORED)

    assert (followed.state, followed.followed, followed.cost_ex_ante, followed.verdict) == ("applied", True, 0.0, None)
    assert (ignored.state, ignored.followed, ignored.applied_price) == ("open", False, 49.99)
    assert ignored.cost_ex_ante > 0
    assert ignored.steps_off > 0
    assert (ignored.units, ignored.revenue, ignored.stock_end) == (3.0, 149.97, 397)


def test_a_week_that_is_not_over_has_no_ledger(shop: Shop) -> None:
    shop.round()

    with pytest.raises(NotSoldYet, match="no later snapshot"):
        shop.outcome(FOLLOWED)


def test_the_second_snapshot_settles_what_was_open(shop: Shop) -> None:
    recommended = shop.round()["recommended_price"][IGNORED]
    shop.go_on({})
    shop.round()
    shop.go_on({IGNORED: recommended})
    shop.round()

    assert shop.outcome(IGNORED).state == "applied_late"
    assert shop.outcome(FOLLOWED).state in ("not_applied", "overtaken")


def test_a_snapshot_that_skipped_a_week_is_the_next_one(shop: Shop) -> None:
    recommended = shop.round()["recommended_price"][FOLLOWED]
    shop.go_on({FOLLOWED: recommended}, weeks=2)
    shop.round()

    row = shop.outcome(FOLLOWED)

    assert (row.state, row.units, row.stock_end) == ("applied", 3.0, 397)


def test_the_sales_of_the_week_after_tell_its_prices_where_its_snapshot_is_missing(shop: Shop) -> None:
    """Advice that was followed does not become another price because later ones were asked when data came again."""
    recommended = shop.round()["recommended_price"][FOLLOWED]
    shop.go_on({FOLLOWED: recommended})
    shop.go_on({FOLLOWED: 9.99, IGNORED: 9.99}, weeks=5)
    shop.round()

    followed, ignored = shop.outcome(FOLLOWED), shop.outcome(IGNORED)

    assert (followed.state, followed.applied_price, ignored.applied_price) == ("applied", recommended, 49.99)


def test_after_a_longer_gap_without_sales_nothing_is_known(shop: Shop) -> None:
    shop.round()
    shop.go_on({FOLLOWED: 9.99}, weeks=3)
    shop.round()

    row = shop.outcome(FOLLOWED)

    assert (row.state, row.followed, row.units) == ("unknown", None, 3.0)
    assert pd.isna([row.applied_price, row.cost_ex_ante, row.cost_hindsight]).all()


def test_an_article_that_is_gone_is_known_by_its_last_week(shop: Shop) -> None:
    shop.round()
    shop.go_on({})
    shop.sold = pricing.CountryWeek(shop.week, "DEU", shop.sold.history, shop.sold.articles[:1])
    shop.round()

    row = shop.outcome(IGNORED)

    assert (row.applied_price, row.stock_end) == (49.99, 397)


def test_an_article_without_any_later_row_is_unknown(shop: Shop) -> None:
    shop.round()
    shop.go_on({})
    history = shop.sold.history[lambda rows: rows["article_id"] == FOLLOWED]
    shop.sold = pricing.CountryWeek(shop.week, "DEU", history, shop.sold.articles[:1])
    shop.round()

    row = shop.outcome(IGNORED)

    assert (row.state, row.followed) == ("unknown", None)
    assert pd.isna(row.units)


def test_decisions_are_those_of_the_newest_copy(shop: Shop) -> None:
    """What was decided in the course of the week is in the copy of the round after it."""
    shop.round()
    shop.go_on({})
    shop.round()
    shop.results().decisions.keep(
        [decided(verdict="rejected", decision_reason="other")], provenance(shop.week, "AUT", "")
    )

    assert shop.outcome(IGNORED).verdict is None  # the copy is of another place, and is not believed
    origin = provenance(shop.week, "DEU", "")
    shop.results().decisions.keep([decided(verdict="rejected", decision_reason="no_such_code")], origin)

    row = shop.outcome(IGNORED)
    assert (row.verdict, row.decision_reason, row.decided_price, row.state) == (
        "rejected",
        "no_such_code",
        49.99,
        "applied",
    )


ODD: tuple[Mapping[str, str | None], ...] = (
    {"verdict": "withdrawn"},
    {"verdict": "no such verdict"},
    {"verdict": "changed"},
    {"price": "many"},
    {"week": "2026-02-11"},
    {"week": "2026-02-02"},
    {"article_id": "nobody's"},
    {"country": None},
)


def test_decisions_that_cannot_be_followed_count_as_none(shop: Shop) -> None:
    """They are no error either: unknown articles, weeks, prices and verdicts, and rows that say nothing."""
    shop.round()
    shop.go_on({})
    shop.round()

    for odd in ODD:
        shop.results().decisions.keep([decided(**odd)], provenance(shop.week, "DEU", ""))
        kept = outcomes_of(shop.results(WEEK), ALONE, BOOK, "run-2", NOW)[0].rows
        assert kept["verdict"].isna().all(), odd


def test_after_a_change_of_currency_prices_are_in_that_of_the_week(shop: Shop) -> None:
    recommended = shop.round()["recommended_price"][FOLLOWED]
    shop.go_on({FOLLOWED: recommended}, factor=2.0)
    shop.round()

    row = shop.outcome(FOLLOWED, changeovers=(Changeover("DEU", "NEW", shop.week, 2.0),))

    assert (row.state, row.applied_price, row.revenue) == ("applied", recommended, 149.97)
    assert pd.isna(row.cost_hindsight)


def test_hindsight_is_by_the_model_of_the_newest_round_with_an_interval(shop: Shop) -> None:
    shop.round()
    shop.go_on({})
    shop.round()

    row = shop.outcome(IGNORED)

    assert row.hindsight_week == shop.week
    assert row.cost_hindsight > 0
    assert row.cost_low <= row.cost_hindsight <= row.cost_high


def test_what_was_followed_cost_nothing_with_hindsight_either(shop: Shop) -> None:
    recommended = shop.round()["recommended_price"][FOLLOWED]
    shop.go_on({FOLLOWED: recommended})
    shop.round()

    row = shop.outcome(FOLLOWED)

    assert (row.cost_hindsight, row.cost_low, row.cost_high) == (0.0, 0.0, 0.0)


def test_a_rise_is_valued_by_the_model_of_the_week(shop: Shop) -> None:
    shop.round()
    shop.go_on({IGNORED: 59.99})
    shop.round()

    assert shop.outcome(IGNORED).cost_ex_ante > 0
    assert pd.isna(shop.outcome(IGNORED, book=RuleBook(Rules(max_markdowns=2))).cost_ex_ante)  # under other rules

    shop.lake.remove(paths.model_file(WEEK, "DEU"))
    assert pd.isna(shop.outcome(IGNORED).cost_ex_ante)


@pytest.mark.parametrize("comes", ["stock", "an attribute"])
def test_a_model_is_asked_with_what_comes_as_the_round_asked_it(shop: Shop, comes: str) -> None:
    """A price that the menu values is worth as much by the model of the week, with stock or attributes on their way."""
    shop.lake = replace(shop.lake, models=(SHELF,))
    articles = shop.sold.articles.assign(stock_to_come=800 if comes == "stock" else 0)
    planned = pd.DataFrame({"article_id": [FOLLOWED], "week": [pd.Timestamp(WEEK + ONE)], "attr_ad": [1.0]})
    history = shop.sold.history.assign(stock_to_come=0)
    shop.sold = replace(shop.sold, articles=articles, history=history, planned=None if comes == "stock" else planned)
    shop.round(Shelf(), SHELF)
    shop.go_on({})
    shop.round(Shelf(), SHELF)
    by_menu = shop.outcome(IGNORED)
    assert by_menu.cost_ex_ante > 0

    kept, origin = shop.results(WEEK).recommendations.read()
    kept.options.loc[kept.options["price"] == 49.99, "value"] = float("nan")
    shop.results(WEEK).recommendations.keep(kept, origin)

    assert shop.outcome(IGNORED).cost_ex_ante == pytest.approx(by_menu.cost_ex_ante, rel=0.05)
    assert by_menu.cost_hindsight == pytest.approx(by_menu.cost_ex_ante, rel=0.05)


def test_without_a_newer_model_there_is_no_hindsight(shop: Shop) -> None:
    shop.round()
    shop.go_on({})
    shop.round()
    publish_bytes(shop.lake, paths.model_file(shop.week, "DEU"), b"changed")

    row = shop.outcome(IGNORED)

    assert pd.isna([row.cost_hindsight, row.cost_low, row.cost_high, row.hindsight_week]).all()
    assert row.cost_ex_ante > 0


def test_the_week_before_gets_its_state_and_keeps_its_costs(shop: Shop) -> None:
    """Whether a price came late is known with the second snapshot; models are asked once."""
    recommended = shop.round()["recommended_price"][IGNORED]
    shop.go_on({})
    shop.round()
    first = bring_up_to_date(shop.results(WEEK), ALONE, BOOK, "run-2", NOW)
    shop.go_on({IGNORED: recommended})
    shop.round()

    second = bring_up_to_date(shop.results(WEEK + ONE), ALONE, BOOK, "run-3", NOW)

    assert (list(first), list(second)) == ([WEEK], [WEEK + ONE, WEEK])
    before, after = (made[WEEK].rows.set_index("article_id") for made in (first, second))
    assert (before["state"][IGNORED], after["state"][IGNORED]) == ("open", "applied_late")
    assert after[COSTS].astype(str).equals(before[COSTS].astype(str))
    assert second[WEEK].rows["hindsight_week"].dropna().unique().tolist() == [WEEK + ONE]


def test_a_week_whose_first_look_had_no_model_gets_its_hindsight_with_the_next(shop: Shop) -> None:
    recommended = shop.round()["recommended_price"]
    shop.go_on({FOLLOWED: recommended[FOLLOWED]})
    shop.round()
    publish_bytes(shop.lake, paths.model_file(shop.week, "DEU"), b"changed")
    first = bring_up_to_date(shop.results(WEEK), ALONE, BOOK, "run-2", NOW)[WEEK].rows
    shop.go_on({})
    shop.round()

    second = bring_up_to_date(shop.results(WEEK + ONE), ALONE, BOOK, "run-3", NOW)[WEEK].rows

    assert first["hindsight_week"].isna().all()
    assert second["hindsight_week"].tolist() == [shop.week] * 2
    assert (second["cost_hindsight"] > 0).tolist() == [False, True]


def test_without_the_model_of_the_week_there_is_no_hindsight_because_nobody_knows_its_plans(shop: Shop) -> None:
    shop.round()
    shop.go_on({})
    shop.round()
    shop.lake.remove(paths.model_file(WEEK, "DEU"))

    row = shop.outcome(IGNORED)

    assert pd.isna([row.cost_hindsight, row.cost_low, row.cost_high, row.hindsight_week]).all()
    assert row.cost_ex_ante > 0


class Unsure(Steady):
    """A model that does not know its levels, so that what sold since tells them."""

    def forecast(self, articles: pd.DataFrame, history: pd.DataFrame, week: date) -> Forecast:
        own = super().forecast(articles, history, week)
        return replace(own, level_sd=lambda weeks: np.full((len(articles), weeks), 0.5))


UNSURE = "tests.kept.test_sold_weeks:Unsure"


def settle(shop: Shop, weeks: int, skipped: Collection[int] = ()) -> list[pd.DataFrame]:
    """Each week's ledger is made with the next snapshot, but for those skipped; of the first week what is kept then."""
    shop.lake, kept = replace(shop.lake, models=(UNSURE,)), []
    for number in range(weeks):
        shop.round(Unsure(), UNSURE)
        sold = shop.week
        shop.go_on({})
        shop.round(Unsure(), UNSURE)
        if number not in skipped:
            bring_up_to_date(shop.results(sold), ALONE, BOOK, f"run-{number}", NOW)
        kept.append(next(shop.results(WEEK).outcomes.last(1))[0].set_index("article_id"))
    return kept


def test_costs_with_hindsight_are_found_for_good_when_six_weeks_are_known(shop: Shop) -> None:
    kept = settle(shop, SETTLED_WEEKS + 1)

    looked_back = [rows["hindsight_week"][IGNORED] for rows in kept]
    assert looked_back == [WEEK + ONE] * (SETTLED_WEEKS - 1) + [WEEK + SETTLED_WEEKS * ONE] * 2
    first, settled, last = kept[0], kept[-2], kept[-1]
    assert settled["cost_ex_ante"].equals(first["cost_ex_ante"])
    assert settled["cost_hindsight"][IGNORED] != first["cost_hindsight"][IGNORED]
    assert (settled["run_id"][IGNORED], last["run_id"][IGNORED]) == (f"run-{SETTLED_WEEKS - 1}",) * 2
    sums = next(shop.results(WEEK).outcomes.last(1))[1]
    assert sums["cost_hindsight"].sum() == pytest.approx(last["cost_hindsight"].sum())


def test_costs_are_found_for_good_later_where_that_ledger_was_not_made(shop: Shop) -> None:
    kept = settle(shop, SETTLED_WEEKS + 1, skipped=[SETTLED_WEEKS - 1])

    assert kept[-1]["hindsight_week"][IGNORED] == WEEK + (SETTLED_WEEKS + 1) * ONE


def test_costs_stay_as_they_were_found_where_a_model_is_gone_when_they_are_to_be_settled(shop: Shop) -> None:
    [first] = settle(shop, 1)
    shop.lake.remove(paths.model_file(WEEK, "DEU"))

    last = settle(shop, SETTLED_WEEKS)[-1]

    assert (
        last.astype(str).drop(columns=["state", "run_id"]).equals(first.astype(str).drop(columns=["state", "run_id"]))
    )
    assert last["hindsight_week"][IGNORED] == WEEK + ONE


def keep(results: Results, outcomes: Outcomes, origin: Provenance) -> None:
    results.outcomes.keep(outcomes.rows, outcomes.totals, origin)


def test_the_kept_ledger_is_read_back_newest_first(shop: Shop) -> None:
    for _ in range(3):
        shop.round()
        shop.go_on({})
    shop.round()
    for ago in (3, 2, 1):
        results = shop.results(shop.week - ago * ONE)
        keep(results, *outcomes_of(results, ALONE, BOOK, "run-2", NOW))

    weeks = [rows["week"].iloc[0] for rows, _ in shop.results().outcomes.last(2)]

    assert weeks == [shop.week - ONE, shop.week - 2 * ONE]
    published = pd.read_parquet(Path(shop.lake.where(paths.outcomes_file(WEEK, "DEU"))))
    assert list(published.columns) == OUTCOME_COLUMNS
    assert published["followed"].dtype == bool


def test_a_kept_ledger_that_somebody_changed_is_left_out(shop: Shop) -> None:
    shop.round()
    shop.go_on({})
    shop.round()
    keep(shop.results(WEEK), *outcomes_of(shop.results(WEEK), ALONE, BOOK, "run-2", NOW))
    publish_bytes(shop.lake, paths.kept_outcomes_file(WEEK, "DEU"), b"changed")

    assert list(shop.results().outcomes.last(12)) == []


def test_advice_that_somebody_changed_is_not_believed(shop: Shop) -> None:
    shop.round()
    shop.go_on({})
    shop.round()
    publish_bytes(shop.lake, paths.kept_predictions_file(WEEK, "DEU"), b"changed")

    with pytest.raises(ResultChanged):
        shop.outcome(FOLLOWED)
