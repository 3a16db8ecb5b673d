"""The rows that were written are compared with what the database prints of them before any value is made of it."""

from datetime import UTC, datetime

import numpy as np
import pytest
from sqlalchemy import make_url

from markdown_pricing.erp import read_back
from markdown_pricing.erp.refresh import content_hash
from markdown_pricing.erp.tables import ensure_tables
from tests.erp.conftest import Erp
from tests.erp.samples import make_rows

TEXTS = ["plain", "a\ttab", "two\nlines", "a \\ backslash", "\\N", "", " „Mäntel“ "]


def values_are_made(*_: object) -> None:
    raise AssertionError("the lines differ, and the values had to be made")


def test_postgresql_prints_what_was_written_to_it(postgres_erp: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the values, which cost twice the printing, need not be made. No time zone changes that."""
    postgres_erp.execute(f"ALTER DATABASE {make_url(postgres_erp.url).database} SET timezone = 'Asia/Kathmandu'")
    ensure_tables(postgres_erp.engine)
    monkeypatch.setattr(read_back, "_held", values_are_made)
    random = np.random.default_rng(seed=3)
    articles = 4000
    sizes = 10.0 ** random.integers(-30, 15, articles)
    units = np.concatenate([(random.random(articles) * sizes)[:-5], [0.0, 5.0, 1e-5, 1e10, 123456789012345.0]])

    receipt = postgres_erp.replace(
        make_rows(
            articles=articles,
            expected_leftover=units,
            reason=random.choice(np.array(TEXTS), articles),
            predicted_at=[datetime(2026, 3, 2, 7, 30, 1, number * 10, tzinfo=UTC) for number in range(articles)],
        )
    )

    assert content_hash(postgres_erp.engine, "DEU") == receipt.content_hash


def test_where_it_prints_numbers_otherwise_the_values_decide(postgres_erp: Erp) -> None:
    """From 1e15 to 1e16 PostgreSQL has an exponent where Python has none."""
    ensure_tables(postgres_erp.engine)

    receipt = postgres_erp.replace(make_rows(expected_leftover=2.0**52))

    assert content_hash(postgres_erp.engine, "DEU") == receipt.content_hash
