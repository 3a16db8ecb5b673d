"""`markdown-pricing shadow`: two rounds of the same week, the one that stands and its shadow."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from markdown_pricing.__main__ import cli
from markdown_pricing.columns import Recommendations
from markdown_pricing.commands.rounds import Difference, Round, differences
from markdown_pricing.erp.refresh import replace_country
from markdown_pricing.erp.tables import engine_for, ensure_tables
from markdown_pricing.kept.results import Results
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.markdown.rules import Rules
from markdown_pricing.provenance import provenance
from tests.markdown.seasons import WEEK, article, recommend_for

SEASON = (article(stock=400), article(stock=30))


def keep(
    place: Path,
    erp: str,
    run_id: str,
    change: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows,
    change_menu: Callable[[pd.DataFrame], pd.DataFrame] = lambda menu: menu,
) -> None:
    """A round of WEEK by one run, kept on a lake and refreshed in an ERP."""
    priced = recommend_for(*SEASON, rules=Rules())
    rows = change(priced.rows.assign(week=WEEK, run_id=run_id))
    origin = provenance(WEEK, "DEU", "stamp")
    made = Recommendations(rows, priced.price_path, change_menu(priced.options))
    Results(Lake(str(place)), WEEK, "DEU").recommendations.keep(made, origin)
    engine = engine_for(erp, None, None)
    ensure_tables(engine)
    path, options = (frame[frame["article_id"].isin(rows["article_id"])] for frame in (made.price_path, made.options))
    refreshed = Recommendations(rows, path, options)
    replace_country(engine, refreshed, week=WEEK, country="DEU", run_id=run_id, launched_at=datetime.now(UTC))


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """What the one cluster wrote and what the other did."""
    return {
        **{f"lake {name}": str(tmp_path / name) for name in ("one", "other")},
        **{f"erp {name}": f"sqlite:///{tmp_path / name}.sqlite" for name in ("one", "other")},
    }


def keep_both(places: dict[str, str], change: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows) -> None:
    keep(Path(places["lake one"]), places["erp one"], "run-on-metronome")
    keep(Path(places["lake other"]), places["erp other"], "run-on-kubernetes", change)


def shadow(first: str, second: str, *more: str, week: str = WEEK.isoformat()) -> Result:
    return CliRunner().invoke(cli, ["shadow", first, second, "--week", week, *more], standalone_mode=False)


def dearer(rows: pd.DataFrame) -> pd.DataFrame:
    """The second article at a list price that is a cent higher."""
    changed = rows["list_price"].where(rows["article_id"] != "0001", rows["list_price"] + 0.01)
    return rows.assign(list_price=changed)


@pytest.mark.parametrize(
    ("first", "second"), [("erp one", "erp other"), ("lake one", "lake other"), ("erp one", "lake other")]
)
def test_two_rounds_of_the_same_data_are_equal(places: dict[str, str], first: str, second: str) -> None:
    """Although other runs made them at another time, and a database writes numbers otherwise than a file."""
    keep_both(places)

    done = shadow(places[first], places[second])

    assert done.return_value == 0, done.output
    assert "Equal: 1 country, 2 articles" in done.output


@pytest.mark.parametrize("kind", ["erp", "lake"])
def test_a_changed_price_is_shown_with_its_cell(places: dict[str, str], kind: str) -> None:
    keep_both(places, dearer)

    done = shadow(places[f"{kind} one"], places[f"{kind} other"], "--json")
    answer = json.loads(done.output)
    [cell] = answer["cells_that_differ"]

    assert done.return_value == 1
    assert (cell["country"], cell["article_id"], cell["column"]) == ("DEU", "0001", "list_price")
    assert cell["second"] == pytest.approx(cell["first"] + 0.01)
    assert str(cell["first"]) in shadow(places[f"{kind} one"], places[f"{kind} other"]).output


@pytest.mark.parametrize("kind", ["erp", "lake"])
def test_a_changed_value_of_the_menu_is_shown_with_its_price(places: dict[str, str], kind: str) -> None:
    def worth_more(menu: pd.DataFrame) -> pd.DataFrame:
        return menu.assign(value=menu["value"].where(menu.index != 1, menu["value"] + 0.01))

    keep(Path(places["lake one"]), places["erp one"], "run-on-metronome")
    keep(Path(places["lake other"]), places["erp other"], "run-on-kubernetes", change_menu=worth_more)

    answer = json.loads(shadow(places[f"{kind} one"], places[f"{kind} other"], "--json").output)

    priced = recommend_for(*SEASON, rules=Rules()).options.iloc[1]
    [cell] = answer["cells_that_differ"]
    assert (cell["article_id"], cell["of"], cell["column"]) == (priced["article_id"], str(priced["price"]), "value")


def test_a_table_that_one_round_lacks_is_named_and_not_compared(places: dict[str, str]) -> None:
    keep_both(places)
    with engine_for(places["erp one"], None, None).begin() as erp:
        erp.exec_driver_sql("DROP TABLE markdown_options")

    done = shadow(places["erp one"], places["erp other"])

    assert done.return_value == 0, done.output
    assert "Only the second round has the table markdown_options" in done.output


def test_a_row_that_one_round_lacks_is_a_difference(places: dict[str, str]) -> None:
    keep_both(places, lambda rows: rows.iloc[:1])

    answer = json.loads(shadow(places["lake one"], places["lake other"], "--json").output)

    assert [(each["article_id"], each["column"], each["second"]) for each in answer["cells_that_differ"]] == [
        ("0001", "row", "no such row")
    ]


@pytest.mark.parametrize(("week", "countries"), [("2020-01-06", "DEU"), (WEEK.isoformat(), "DEU,AUT")])
def test_nothing_beside_nothing_is_not_equal(places: dict[str, str], week: str, countries: str) -> None:
    keep_both(places)

    done = shadow(places["lake one"], places["lake other"], "--countries", countries, week=week)

    assert type(done.exception).__name__ == "RoundMissing"
    assert "--week" in str(done.exception)


def test_an_erp_is_read_with_an_account_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The runs' account is given to no host that stands on a command line."""
    seen: list[object] = []
    monkeypatch.setattr("markdown_pricing.erp.database.engine_for", lambda *given: seen.append(given) or stop())
    environ = {"DB_USER": "pricing", "DB_PASSWORD": "s3cret", "MARKDOWN_PRICING_LAKE": str(tmp_path)}
    own = {"MARKDOWN_PRICING_SHADOW_USER": "reader", "MARKDOWN_PRICING_SHADOW_PASSWORD": "to read"}
    places = ["shadow", "postgresql://erp/prices", "postgresql://elsewhere/prices", "--week", WEEK.isoformat()]

    refused = CliRunner().invoke(cli, places, env=environ, standalone_mode=False)
    CliRunner().invoke(cli, places, env=environ | own, standalone_mode=False)

    assert "set MARKDOWN_PRICING_SHADOW_USER" in str(refused.exception)
    assert seen == [("postgresql://erp/prices", "reader", "to read", None)]


def stop() -> None:
    raise RuntimeError("far enough")


def a_round(**columns: object) -> Round:
    rows = pd.DataFrame({"country": ["DEU"], "article_id": ["1"], **{name: [value] for name, value in columns.items()}})
    return Round({"markdown_recommendations": rows})


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [(1.0, 1.0, True), (1.0, 1.0 + 1e-12, False), (None, float("nan"), True), (None, 0.0, False), ("a", "b", False)],
)
def test_cells_are_equal_only_when_they_say_the_same(first: object, second: object, equal: bool) -> None:
    found = differences(a_round(elasticity=first), a_round(elasticity=second))

    assert (not found) == equal


def test_a_tolerance_lets_the_last_digits_go_and_nothing_else() -> None:
    one, near, far = a_round(elasticity=-1.5), a_round(elasticity=-1.5 - 1e-12), a_round(elasticity=-1.6)

    assert differences(one, near, tolerance=1e-9) == []
    assert differences(one, far, tolerance=1e-9) == [Difference("DEU", "1", None, "elasticity", -1.5, -1.6)]


@pytest.mark.parametrize("kind", ["erp", "lake"])
def test_a_column_that_one_round_lacks_is_named_and_not_compared(places: dict[str, str], kind: str) -> None:
    """As in a round of the version before. Its models, whose version is that of the code, are others by nature."""
    keep_both(places, lambda rows: rows.assign(model_version="of the version before"))
    with engine_for(places["erp one"], None, None).begin() as erp:
        erp.exec_driver_sql("ALTER TABLE markdown_recommendations DROP COLUMN change_reason")
    kept = Results(Lake(places["lake one"]), WEEK, "DEU")
    made, origin = kept.recommendations.read()
    kept.recommendations.keep(replace(made, rows=made.rows.drop(columns="change_reason")), origin)

    done = shadow(places[f"{kind} one"], places[f"{kind} other"])

    assert done.return_value == 0, done.output
    assert "Only the second round has change_reason" in done.output
    answer = json.loads(shadow(places[f"{kind} other"], places[f"{kind} one"], "--json").output)
    assert (answer["only_in_first"], answer["only_in_second"]) == (["change_reason"], [])
