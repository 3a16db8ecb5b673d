"""Numbers and commands as sentences have them."""

from pathlib import Path

import pytest

from markdown_pricing.words import counted

PROJECT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("number", "one", "says"),
    [
        (1, "country", "1 country"),
        (0, "country", "0 countries"),
        (2, "Monday", "2 Mondays"),
        (1200, "row", "1,200 rows"),
    ],
)
def test_one_thing_is_one_and_others_are_many(number: int, one: str, says: str) -> None:
    assert counted(number, one) == says


def test_no_page_and_no_message_sends_people_to_the_public_index() -> None:
    """The package is on no index; one there of its name would not be ours."""
    texts = [*PROJECT.glob("markdown_pricing/**/*.py"), *PROJECT.glob("docs/**/*.md"), PROJECT / "README.md"]

    assert not [text.name for text in texts if "install 'markdown-pricing" in text.read_text()]
