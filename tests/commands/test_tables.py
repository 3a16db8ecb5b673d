"""What commands print fits the terminal: numbers stay whole, and what has no room is named."""

from collections.abc import Callable

import pytest
from rich.console import Console

from markdown_pricing.commands import console, doctor, explain, rules_compared
from markdown_pricing.commands.around import Around
from markdown_pricing.commands.article_page import Explained
from markdown_pricing.commands.console import print_table
from markdown_pricing.installation.finding import Finding
from markdown_pricing.markdown.other_rules import Compared, Totals
from markdown_pricing.markdown.rules import Rules
from markdown_pricing.provenance import provenance
from tests.markdown.seasons import WEEK, article, recommend_for

HEAD = ("", "WAPE after a cut", "bias after a cut", "Revenue, against keeping", "seconds a week")
ROWS = [("gradient_boosting", "0.319", "-0.403", "1,234,567.89", "4.882")] * 2

Shown = Callable[[], str]


@pytest.fixture
def screen(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shown:
    """What a terminal of so many columns shows; None is a pipe."""
    terminal = Console(width=request.param, force_terminal=request.param is not None, color_system=None)
    for module in (console, explain, rules_compared):
        monkeypatch.setattr(module, "standard_output", terminal)
    return lambda: capsys.readouterr().out


@pytest.mark.parametrize(
    ("screen", "shown"), [(80, 5), (52, 4), (40, 3), (20, 1)], indirect=["screen"], ids=["80", "52", "40", "20"]
)
def test_numbers_are_whole_and_what_has_no_room_is_named(
    screen: Shown, shown: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(console, "print_error", said.append)

    print_table("Scores", HEAD, ROWS)

    page = screen()
    assert max(map(len, page.splitlines())) <= console.standard_output.width
    assert [number in page for number in ROWS[0][1:]] == [place < shown for place in range(1, len(HEAD))]
    assert (
        said
        == ([f"There is no room for {', '.join(HEAD[shown:])}. A wider terminal or a pipe shows them."])[: 5 - shown]
    )


@pytest.mark.parametrize("screen", [None], indirect=True)
def test_in_a_pipe_a_table_is_as_wide_as_it_is(screen: Shown) -> None:
    print_table("Scores", HEAD, [("a " * 100 + "z", *ROWS[0][1:])])

    page = screen()
    assert f"│ {'a ' * 100}z │" in page
    assert all(f" {name} " in page for name in HEAD[1:])


@pytest.mark.parametrize("screen", [80, 40], indirect=True)
def test_a_finding_is_wrapped_and_never_left_out(screen: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/srv/pricing/a/long/path/to/countries.csv"
    findings = [Finding("ERP: markdown_recommendations", ok=False, says=f"Correct {path} and start again.")]
    monkeypatch.setattr(doctor, "_findings", lambda environ, week: iter(findings))

    doctor.doctor({}, None, None, as_json=False)

    page = screen()
    assert max(map(len, page.splitlines())) <= console.standard_output.width
    assert "to do" in page
    told = "".join(line.split("│")[-2].strip() for line in page.splitlines() if "│" in line)
    assert told.replace(" ", "") == f"Correct {path} and start again.".replace(" ", "")


@pytest.mark.parametrize("screen", [80, 40, None], indirect=True)
def test_a_comparison_keeps_its_numbers_whole(screen: Shown) -> None:
    of = Totals(revenue=123_456_789.0, leftover=1_234_567.0, markdowns=123)
    group = Compared(None, None, "EUR", articles=12_345, repriced=1_234, standing=of, other=of)

    rules_compared.show_rules([group], "none.toml")

    page = screen()
    assert page.count("123,456,789") == 2
    if (terminal := console.standard_output).is_terminal:
        assert max(len(line) for line in page.splitlines() if "123,456,789" in line) <= terminal.width


@pytest.mark.parametrize("screen", [80, 40, 20, None], indirect=True)
def test_an_article_is_explained_on_any_screen(screen: Shown) -> None:
    """The price of each week stands whole in it."""
    priced = recommend_for(article(stock=400), rules=Rules())
    row = {str(name): value for name, value in priced.rows.iloc[0].items()}
    origin = provenance(WEEK, "DEU", "stamp")
    explained = Explained(row, priced.price_path, priced.options, origin, "EUR", "the country's own model", None)

    explain.show_article(explained, Around().past)

    page = screen()
    assert all(f"{step.price:,.2f}" in page for step in priced.price_path.itertuples())
