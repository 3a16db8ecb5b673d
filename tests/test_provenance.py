"""The origin of a result, as every file on the lake keeps it."""

from datetime import date

import pytest

from markdown_pricing.provenance import NOTHING_SHARED, Provenance

WEEK = date(2026, 2, 9)
ORIGIN = Provenance(WEEK, "DEU", "stamp", "1.0+ab", "numpy-2", shared_demand=NOTHING_SHARED, seed=7)
TEXT = (
    '{"arms": "", "code": "1.0+ab", "country": "DEU", "currencies": "", "demand_model": "", "libraries": "numpy-2", '
    '"locks": "", "model_asked": "", "model_grade": "", "model_of": "", "plan": "", "price_endings": "", "rules": "", '
    '"seed": 7, "shared_demand": "none", "snapshot": "stamp", "week": "2026-02-09"}'
)


def test_the_lake_keeps_it_as_one_line_that_says_the_same_again() -> None:
    """Files of two years hold it, and versions are digests of it."""
    assert ORIGIN.to_json() == TEXT
    assert Provenance.from_json(TEXT) == ORIGIN
    assert ORIGIN.version == "9fd7e35b2c23"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"country": "DEU"}', KeyError),
        ('{"week": "2026-02-09", "of": "another version"}', TypeError),
        (TEXT.replace("2026-02-09", "next Monday"), ValueError),
    ],
)
def test_what_another_version_has_kept_is_told_from_it(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        Provenance.from_json(text)
