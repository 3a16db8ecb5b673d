"""Deliveries that nobody would think of: good articles get their prices, or one of our errors says what is wrong."""

import resource
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import pandas as pd
import pyarrow as pa
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from markdown_pricing import pricing
from markdown_pricing.countries import CENT_ENDINGS, Country
from markdown_pricing.demand.model import DemandModel, make_model
from markdown_pricing.erp.rows import country_rows
from markdown_pricing.errors import PricingError
from markdown_pricing.installation.files import read_reason_codes
from markdown_pricing.markdown.acceptance import check_every_article_has_a_row, check_new_prices
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.provenance import provenance
from markdown_pricing.training_data.intake import FEW_ARTICLES
from markdown_pricing.training_data.planned import take_in_plan
from markdown_pricing.training_data.schema import COLUMNS
from tests.demand.market import WEEK, market

SHORT, LONG = 15, 250
"""Deliveries: a quarter of a second each, and up to a second where the model is learnt anew."""
DEU = Country("DEU", price_endings=CENT_ENDINGS)
LONGEST_S, MOST_MIB = 20.0, 600
"""What one case may take on a busy machine; an ordinary one takes a tenth of a second."""

Change = Callable[[pa.Table], pa.Table]


@cache
def delivery() -> pa.Table:
    """Articles of half a year, in the contract's types."""
    history, articles = market(seed=3, articles=16, weeks=26)
    table = pa.Table.from_pandas(pd.concat([history, articles])[list(COLUMNS)], preserve_index=False)
    for name in ("week", "launch_week", "end_week"):
        table = table.set_column(COLUMNS.index(name), name, table[name].cast(pa.date32()))
    for name in ("units", "stock", "stores"):
        table = table.set_column(COLUMNS.index(name), name, table[name].cast(pa.int32()))
    return table


def text_of_bytes(values: list[bytes | None]) -> pa.Array:
    """Texts whose bytes nobody checked."""
    raw = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(raw), raw.buffers())


NUMBERS = st.one_of(
    st.sampled_from([0, -1, 1, 0.004, 0.005, 1e-300, 1e9, 1e300, float("inf"), float("-inf"), float("nan"), 2**31 - 1]),
    st.floats(),
)
WHOLE = st.one_of(st.sampled_from([0, -1, 1, 2**31 - 1, -(2**31), 99_999_999]), st.integers(-(2**31), 2**31 - 1))
DAYS = st.one_of(
    st.sampled_from([date(1, 1, 1), date(1970, 1, 5), date(1900, 1, 1), date(2099, 12, 28), date(9999, 12, 27)]),
    st.dates(),
    st.integers(-200, 200).map(lambda ahead: WEEK + timedelta(weeks=ahead)),
)
BYTES = st.one_of(
    st.sampled_from(
        [b"", b" ", b"\xe9", b"a\x00b", b"=1+1", b"\xf0\x9f\x91\x9f", b"x" * 20_000, b"\xed\xa0\x80", b"[x]"]
    ),
    st.binary(max_size=12),
)
KINDS = {
    **dict.fromkeys(("article_id", "category", "season"), BYTES),
    **dict.fromkeys(("week", "launch_week", "end_week"), DAYS),
    **dict.fromkeys(("list_price", "price", "salvage_price"), NUMBERS),
    **dict.fromkeys(("units", "stock", "stores"), WHOLE),
}
WIDTHS = [pa.int8(), pa.int16(), pa.int64(), pa.uint32(), pa.uint64(), pa.float16(), pa.float32(), pa.float64()]
WIDTHS += [pa.decimal128(20, 4), pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.date64()]
WIDTHS += [pa.timestamp("us"), pa.dictionary(pa.int32(), pa.string()), pa.bool_()]
NAMES = st.one_of(st.sampled_from(["size[cm]", "a.b", 'q"', "", "\N{PERSONAL COMPUTER}", "{}:,"]), st.text(max_size=6))


@st.composite
def odd_cells(draw: st.DrawFn) -> Change:
    """Odd values in a few cells of one column, of one article or of several."""
    name = draw(st.sampled_from(COLUMNS))
    rows = draw(st.lists(st.integers(0, delivery().num_rows - 1), min_size=1, max_size=6))
    value = draw(st.none() | KINDS[name])

    def change(table: pa.Table) -> pa.Table:
        if table.column_names.count(name) != 1 or table.num_rows == 0:
            return table
        if table.schema.field(name).type != delivery().schema.field(name).type:
            return table
        values: list[Any] = table[name].to_pylist() if KINDS[name] is not BYTES else []
        if KINDS[name] is BYTES:
            values = table[name].cast(pa.binary()).to_pylist()
        for row in rows:
            values[row % table.num_rows] = value
        kind = table.schema.field(name).type
        column = text_of_bytes(values) if KINDS[name] is BYTES else pa.array(values, kind)
        return table.set_column(table.column_names.index(name), name, column)

    return change


@st.composite
def another_width(draw: st.DrawFn) -> Change:
    name, kind = draw(st.sampled_from(COLUMNS)), draw(st.sampled_from(WIDTHS))

    def change(table: pa.Table) -> pa.Table:
        if table.column_names.count(name) != 1:
            return table
        try:
            return table.set_column(table.column_names.index(name), name, table[name].cast(kind))
        except (pa.ArrowException, ValueError):
            return table

    return change


@st.composite
def another_column(draw: st.DrawFn) -> Change:
    """An optional column of any name, type and values."""
    name, values = (
        draw(NAMES),
        draw(st.one_of(*(st.lists(kind, min_size=1, max_size=9) for kind in (NUMBERS, WHOLE, DAYS)))),
    )
    texts, nested = draw(st.none() | st.lists(BYTES, min_size=1, max_size=90)), draw(st.booleans())
    own_name = draw(st.sampled_from(["stock_to_come", f"attr_{name}", f"attr_{name}"]))

    def change(table: pa.Table) -> pa.Table:
        rows = range(table.num_rows)
        column = pa.array([values[row % len(values)] for row in rows])
        if texts:
            column = text_of_bytes([texts[row % len(texts)] for row in rows])
        elif nested:
            column = pa.array([[row] for row in rows])
        return table.append_column(own_name, column)

    return change


@st.composite
def any_plan(draw: st.DrawFn) -> pa.Table:
    """A plan of a few rows with odd values, some of its columns missing, without a type or of another one."""
    rows = draw(st.integers(0, 6))
    columns = {
        "article_id": st.sampled_from([b"a", b"b"]) | BYTES | st.none(),
        "category": st.sampled_from([b"coats"]) | BYTES | st.none(),
        "week": st.sampled_from([WEEK + timedelta(weeks=ahead) for ahead in range(4)]) | DAYS | st.none(),
        "attr_promo": NUMBERS | st.none(),
    }
    made = {}
    for name, kind in columns.items():
        values = draw(st.lists(kind, min_size=rows, max_size=rows))
        column = text_of_bytes(values) if name in ("article_id", "category") else pa.array(values)
        how = draw(st.sampled_from(["as it is", "as it is", "as it is", "gone", "nothing", "another"]))
        if how != "gone":
            made[name] = {"nothing": pa.nulls(rows), "another": pa.array([[1]] * rows)}.get(how, column)
    return pa.table(made)


@st.composite
def without_rows_or_columns(draw: st.DrawFn) -> Change:
    """A column missing or twice, rows missing, twice, or in another order."""
    name, how = draw(st.sampled_from(COLUMNS)), draw(st.sampled_from(["gone", "twice", "head", "doubled", "reversed"]))
    count = draw(st.integers(0, delivery().num_rows))
    return {
        "gone": lambda table: table.drop_columns([name]) if table.column_names.count(name) == 1 else table,
        "twice": lambda table: table.append_column(name, table[name]) if table.column_names.count(name) == 1 else table,
        "head": lambda table: table[:count],
        "doubled": lambda table: pa.concat_tables([table, table[count : count + 2]]),
        "reversed": lambda table: table.take(pa.array(range(table.num_rows - 1, -1, -1), pa.int64())),
    }[how]


CHANGES = st.lists(
    st.one_of(odd_cells(), odd_cells(), another_width(), another_column(), without_rows_or_columns()), max_size=3
)


@cache
def learnt() -> DemandModel:
    """The model of the delivery as it was made."""
    return learn(pricing.make_training_data(delivery(), WEEK, "DEU"))


def learn(rows: pd.DataFrame) -> DemandModel:
    model = make_model("log_linear")
    model.fit(pricing.CountryWeek.of(rows, WEEK, "DEU").history, WEEK, pricing.SEED)
    return model


def prices_or_one_of_our_errors(changes: list[Change], learn: Callable[[pd.DataFrame], DemandModel]) -> None:
    """Within bounded time and memory."""
    learnt()
    table, begun, memory = delivery(), time.monotonic(), peak_mib()
    for change in changes:
        table = change(table)
    try:
        taken = pricing.take_in_country(table, WEEK, "DEU")
        assert len(taken.set_aside) <= 2 * FEW_ARTICLES
        assert all(str(aside).isprintable() for aside in taken.set_aside)
        priced(pricing.CountryWeek.of(taken.rows, WEEK, "DEU"), learn(taken.rows))
        event("some set aside" if taken.set_aside else "priced")
    except PricingError as error:
        event(type(error).__name__)
    assert time.monotonic() - begun < LONGEST_S
    assert peak_mib() - memory < MOST_MIB


def priced(sold: pricing.CountryWeek, model: DemandModel) -> None:
    origin, at = provenance(WEEK, "DEU", "0"), datetime(2026, 2, 9, 8, tzinfo=UTC)
    inputs = pricing.PricingInputs(DEU, RuleBook(), read_reason_codes())
    found = pricing.price_articles(sold, model, inputs, origin, "run", at)
    assert not check_every_article_has_a_row(found.rows, sold.articles)
    assert not check_new_prices(found.rows, sold.articles, DEU, RuleBook())
    kept = country_rows(found, week=WEEK, country="DEU", run_id="run")
    for row in kept.recommendations.to_pylist():
        assert row["recommended_price"] > 0
        assert row["reason"].endswith(".")


def peak_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


QUIETLY = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@settings(max_examples=SHORT, derandomize=True, suppress_health_check=QUIETLY)
@given(CHANGES)
def test_any_delivery_ends_in_prices_or_in_one_of_our_errors(changes: list[Change]) -> None:
    """Priced by a model that has learnt from the delivery as it was made, which saves time."""
    prices_or_one_of_our_errors(changes, lambda rows: learnt())


@settings(max_examples=LONG, derandomize=True, suppress_health_check=QUIETLY)
@given(CHANGES)
def test_hundreds_of_deliveries_end_in_prices_or_in_one_of_our_errors(changes: list[Change]) -> None:
    prices_or_one_of_our_errors(changes, learn)


@settings(max_examples=10 * SHORT, derandomize=True, suppress_health_check=QUIETLY)
@given(any_plan())
def test_any_plan_is_taken_or_passed_over(plan: pa.Table) -> None:
    """Nothing of it is an error, and nothing is planned for a week that is here or past."""
    articles = pd.DataFrame({"article_id": ["a", "b"], "category": ["coats", ""], "attr_promo": [0.0, 1.0]})
    taken = take_in_plan(plan, articles, WEEK)

    assert all(note.isprintable() for note in taken.notes)
    if taken.rows is not None:
        assert taken.rows["article_id"].isin(["a", "b"]).all()
        assert (taken.rows["week"] > pd.Timestamp(WEEK)).all()
        assert not taken.rows.duplicated(["article_id", "week"]).any()
    event("taken" if taken.rows is not None else "nothing is planned")
