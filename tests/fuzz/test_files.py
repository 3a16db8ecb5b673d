"""Files that analysts edit, with anything in them: they are read, or one of our errors names the file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from markdown_pricing.countries import read_countries
from markdown_pricing.currencies import read_currencies
from markdown_pricing.errors import PricingError
from markdown_pricing.installation.files import read_reason_codes, read_rules

DATA = Path(__file__).parents[2] / "markdown_pricing" / "data"
READERS: dict[str, Callable[[Path], Any]] = {
    "countries.csv": read_countries,
    "currencies.csv": read_currencies,
    "rules.toml": read_rules,
    "reason_codes.toml": read_reason_codes,
}
ODD = st.one_of(
    st.sampled_from(
        [
            b"nan",
            b"inf",
            b"-1",
            b"1e999",
            b"\x00",
            b"\xff",
            b'"',
            b",",
            b"\n",
            b";",
            b"= 1",
            b"[[override]]",
            b"\xef\xbb\xbf",
        ]
    ),
    st.binary(max_size=8),
    st.text(max_size=8).map(str.encode),
)
EDITS = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 12), ODD), min_size=1, max_size=4)


def edited(content: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """The file with other bytes in place of some."""
    for place, length, other in edits:
        at = place % (len(content) + 1)
        content = content[:at] + other + content[at + length :]
    return content


def is_read_or_named(name: str, edits: list[tuple[int, int, bytes]], folder: Path) -> None:
    file = folder / name
    file.write_bytes(edited((DATA / name).read_bytes(), edits))
    said = str(file)
    try:
        READERS[name](file)
    except PricingError as error:
        said = str(error)
    assert str(file) in said


IN_ONE_FOLDER = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
"""Each example writes its file anew, so that they may share a folder."""


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=60, derandomize=True, suppress_health_check=IN_ONE_FOLDER)
@given(EDITS)
def test_a_file_is_read_or_named(name: str, tmp_path: Path, edits: list[tuple[int, int, bytes]]) -> None:
    is_read_or_named(name, edits, tmp_path)


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=1_000, derandomize=True, suppress_health_check=IN_ONE_FOLDER)
@given(EDITS)
def test_thousands_of_edits_are_read_or_named(name: str, tmp_path: Path, edits: list[tuple[int, int, bytes]]) -> None:
    is_read_or_named(name, edits, tmp_path)
