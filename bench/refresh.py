"""Time a large country's refresh of PostgreSQL beside one bare COPY of the same rows.

    python bench/refresh.py [--articles 20000] [--weeks 8] [--prices 8] [--runs 5]

The refresh takes frames, checks and converts them, hashes them, deletes what was there, copies, writes the receipt,
commits and vacuums. The bare COPY is psycopg's own, row by row, of records that are converted and ordered already, in a
transaction that deletes first.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
from sqlalchemy import delete

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from markdown_pricing.columns import Recommendations  # noqa: E402
from markdown_pricing.erp.refresh import replace_country  # noqa: E402
from markdown_pricing.erp.rows import country_rows  # noqa: E402
from markdown_pricing.erp.tables import engine_for, ensure_tables  # noqa: E402
from tests.erp.samples import LAUNCHED, WEEK, make_menus, make_path, make_rows  # noqa: E402
from tests.postgres.server import postgres_server  # noqa: E402


def seconds_of(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def frames(articles: int, weeks: int, prices: int) -> Recommendations:
    """Those of a country in which no two expectations are equal, as in a real one."""
    rows = make_rows(articles=articles)
    path, menu = make_path(rows, weeks), make_menus(rows, prices)
    random = np.random.default_rng(0)
    for frame in (rows, path, menu):
        for name in frame.columns[frame.columns.str.startswith(("expected_", "value"))]:
            frame[name] *= random.uniform(0.5, 1, len(frame))
    return Recommendations(rows, path, menu)


def compare(articles: int, weeks: int, prices: int, runs: int) -> None:
    made = frames(articles, weeks, prices)
    taken = country_rows(made, week=WEEK, country="DEU", run_id="bare")
    records = {table: [tuple(record.values()) for record in its.to_pylist()] for table, its in taken.by_table()}
    with postgres_server() as server:
        ours, bare = (engine_for(server.fresh_database(), server.user, None) for _ in range(2))
        ensure_tables(ours)
        ensure_tables(bare)

        def refresh(turn: int) -> None:
            launched_at = LAUNCHED + timedelta(minutes=turn)
            replace_country(ours, made, week=WEEK, country="DEU", run_id=str(turn), launched_at=launched_at)

        def copy() -> None:
            with bare.begin() as connection:
                for table in records:
                    connection.execute(delete(table))
                    driver = connection.connection.driver_connection
                    assert driver is not None
                    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} FROM STDIN") as copying:
                        for record in records[table]:
                            copying.write_row(record)

        def convert_and_hash() -> None:
            country_rows(made, week=WEEK, country="DEU", run_id="bare").content_hash()

        refresh(-1)
        copy()
        pairs = [(seconds_of(partial(refresh, turn)), seconds_of(copy)) for turn in range(runs)]
        converted = statistics.median(seconds_of(convert_and_hash) for _ in range(runs))
    rows_of = f"{articles * weeks:,} rows of price paths, {articles * prices:,} options"
    print(f"{articles:,} articles, {rows_of}; {runs} of each in turn, medians\n")
    print("| | seconds |\n|---|---|")
    print(f"| refresh | {statistics.median(own for own, _ in pairs):.2f} |")
    print(f"| of it checks, conversion and hash | {converted:.2f} |")
    print(f"| delete and COPY alone | {statistics.median(floor for _, floor in pairs):.2f} |")
    print(f"| speed of the refresh against it | {100 * statistics.median(b / a for a, b in pairs):.0f} % |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("--articles", 20_000), ("--weeks", 8), ("--prices", 8), ("--runs", 5)):
        parser.add_argument(name, type=int, default=default)
    compare(**vars(parser.parse_args()))
