"""The same snapshot, rules, code and seed give the same prices, whatever the order and the number of threads.

That of workers does not matter either: tests/commands/test_run.py.
"""

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from markdown_pricing import DATA, pricing
from markdown_pricing.columns import Recommendations
from markdown_pricing.countries import read_countries
from markdown_pricing.installation.files import read_reason_codes, read_rules
from markdown_pricing.learnt_together import learn_shared
from markdown_pricing.provenance import provenance
from markdown_pricing.sample.season import sample_market

WEEK, COUNTRY = date(2026, 2, 9), read_countries()["EST"]
ARTICLES = 16


@pytest.fixture(scope="module")
def sales() -> pa.Table:
    return sample_market(COUNTRY, WEEK, ARTICLES, seed=3).table()


def price(sales: pa.Table, threads: int = 1) -> Recommendations:
    """From the snapshot's rows to rows and price paths, with what the country alone can share."""
    learnt = learn_shared(WEEK, [COUNTRY.code], lambda _: sales)
    sold = pricing.CountryWeek.of(pricing.make_training_data(sales, WEEK, COUNTRY.code), WEEK, COUNTRY.code)
    choice = pricing.fit_or_step_down(
        sold, pricing.HowToLearn("gradient_boosting", threads=threads), shared=learnt.shared
    )
    origin = pricing.modelled_by(
        provenance(WEEK, COUNTRY.code, "stamp"), choice, pricing.HowToLearn("gradient_boosting")
    )
    book, at = read_rules(DATA / "rules.toml"), datetime(2026, 2, 9, tzinfo=UTC)
    inputs = pricing.PricingInputs(COUNTRY, book, read_reason_codes())
    return pricing.price_articles(sold, choice.model, inputs, origin, "run", at)


@pytest.fixture(scope="module")
def once(sales: pa.Table) -> Recommendations:
    return price(sales)


def test_the_order_in_which_rows_and_columns_come_does_not_matter(sales: pa.Table, once: Recommendations) -> None:
    """Any part files, in any order, with the rows in them in any order: to the last bit, units and money included."""
    mixed = sales.take(np.random.default_rng(5).permutation(sales.num_rows)).select(sales.column_names[::-1])
    parts = [mixed.slice(start, 700) for start in range(0, sales.num_rows, 700)]

    again = price(pa.concat_tables(parts))

    pd.testing.assert_frame_equal(again.rows, once.rows, check_exact=True)
    pd.testing.assert_frame_equal(again.price_path, once.price_path, check_exact=True)


def test_the_number_of_threads_does_not_matter(sales: pa.Table, once: Recommendations) -> None:
    """Sums are made in the same order in LightGBM's histograms."""
    again = price(sales, threads=2)

    pd.testing.assert_frame_equal(again.rows, once.rows, check_exact=True)
    pd.testing.assert_frame_equal(again.price_path, once.price_path, check_exact=True)
