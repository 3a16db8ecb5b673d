"""What comes from the data and looks like something else is shown as the text that it is."""

import pytest

from markdown_pricing.commands import console
from markdown_pricing.texts.shown import cell, in_markdown, plain


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "  ="])
def test_a_cell_is_no_formula_of_a_spreadsheet(begin: str) -> None:
    assert cell(f"{begin}cmd()").startswith("'")
    assert cell(f"1000{begin}cmd()").startswith("1000")


def test_a_terminal_obeys_no_control_character() -> None:
    """Neither an escape sequence nor a sign that turns the direction of reading."""
    assert plain("A\x1b[2J\x07\x9b1m\u202eB") == "A\\x1b[2J\\x07\\x9b1m\\u202eB"
    assert plain("two\nlines, ü and €") == "two\nlines, ü and €"


def test_markdown_means_nothing_in_a_cell() -> None:
    hostile = "<img src=x onerror=y>|[a](javascript:b) *c* `d`\n# e"

    shown = in_markdown(hostile)

    assert "<" not in shown
    assert "\n" not in shown
    assert all(f"\\{sign}" in shown for sign in "|[]*`")


def test_a_table_shows_texts_as_they_read(capsys: pytest.CaptureFixture[str]) -> None:
    """Brackets are rich's markup else: such a text would vanish, or end the command with an error."""
    console.print_table("", ("Article", "Price"), [("[red]A[/red]", "1"), ("[/]\x1b[2J", "2")])

    text = capsys.readouterr().out
    assert "[red]A[/red]" in text
    assert "[/]\\x1b[2J" in text


def test_an_error_is_printed_without_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_error("article \x1b]0;title\x07 is not there")

    assert capsys.readouterr().err == "article \\x1b]0;title\\x07 is not there\n"
