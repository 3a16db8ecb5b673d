"""Measure what readers of the ERP see, and how long they wait, while countries are refreshed on PostgreSQL and SQLite.

    python bench/readers.py [--seconds 60] [--articles 1000] [--readers 2]

One process refreshes three countries in turn, week after week. Beside it, zombies try to write an older week and an
older run of the same week. Readers poll without pause; no look may find a country empty, rows or plans of two runs, or
take longer than a second.
"""

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from markdown_pricing.erp.refresh import LaterRunInErp, NewerWeekInErp, replace_country  # noqa: E402
from markdown_pricing.erp.tables import engine_for, ensure_tables  # noqa: E402
from tests.erp.samples import LAUNCHED, WEEK, make_rows, recommended  # noqa: E402
from tests.postgres.server import postgres_server  # noqa: E402

COUNTRIES = ("DEU", "AUT", "EST")
PLANNED_WEEKS = 4
ZOMBIES_ARTICLES = 10
LONGEST_WAIT_S = 1.0
LOOK = text(
    "SELECT run_id, count(*), (SELECT count(*) FROM markdown_price_path WHERE country = :country)"
    " FROM markdown_recommendations WHERE country = :country GROUP BY run_id"
)
SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Erp:
    url: str
    user: str | None = None

    def engine(self) -> Engine:
        return engine_for(self.url, self.user, None)

    def refresh(self, country: str, turn: int, articles: int, weeks_ago: int = 0, minutes_ago: int = 0) -> None:
        """Refresh for a turn, of which each is a week. Odd turns have a tenth fewer articles, so that a mix is seen."""
        week = WEEK + timedelta(weeks=turn - weeks_ago)
        rows = make_rows(week, country, articles - articles // 10 * (turn % 2))
        replace_country(
            self.engine(),
            recommended(rows, PLANNED_WEEKS),
            week=week,
            country=country,
            run_id=f"run-{turn}" if weeks_ago == minutes_ago == 0 else "zombie",
            launched_at=LAUNCHED + timedelta(weeks=turn) - timedelta(minutes=minutes_ago),
        )


@dataclass
class Seen:
    looks: int = 0
    empty: int = 0
    mixed: int = 0
    late: int = 0
    longest_s: float = 0.0


def read(erp: Erp, articles: int, ready: Event, stop: Event, answers: Any) -> None:
    """Read the countries in turn until the round is over."""
    seen = Seen()
    with erp.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not stop.is_set():
            began = time.monotonic()
            found = connection.execute(LOOK, {"country": COUNTRIES[seen.looks % len(COUNTRIES)]}).all()
            seconds = time.monotonic() - began
            seen.looks += 1
            seen.empty += not found
            seen.mixed += len(found) > 1 or any(not _whole(articles, *row) for row in found)
            seen.late += seconds > LONGEST_WAIT_S
            seen.longest_s = max(seen.longest_s, seconds)
            ready.set()
    answers.put(seen)


def _whole(articles: int, run_id: str, rows: int, planned: int) -> bool:
    expected = articles - articles // 10 * (int(run_id.removeprefix("run-")) % 2)
    return rows == expected and planned == PLANNED_WEEKS * rows


def watch(erp: Erp, seconds: float, articles: int, readers: int) -> tuple[Seen, dict[str, int]]:
    ensure_tables(erp.engine())
    for country in COUNTRIES:
        erp.refresh(country, 0, articles)
    ready, stop, answers = SPAWN.Event(), SPAWN.Event(), SPAWN.Queue()
    processes = [SPAWN.Process(target=read, args=(erp, articles, ready, stop, answers)) for _ in range(readers)]
    for process in processes:
        process.start()
    ready.wait(60)
    counts = {"refreshes": 0, "zombies refused": 0, "zombies that wrote": 0}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        turn = 1 + counts["refreshes"] // len(COUNTRIES)
        country = COUNTRIES[counts["refreshes"] % len(COUNTRIES)]
        erp.refresh(country, turn, articles)
        counts["refreshes"] += 1
        for late in ({"weeks_ago": 1}, {"minutes_ago": 5}):
            try:
                erp.refresh(country, turn, ZOMBIES_ARTICLES, **late)
                counts["zombies that wrote"] += 1
            except (NewerWeekInErp, LaterRunInErp):
                counts["zombies refused"] += 1
    stop.set()
    all_seen: list[Seen] = [answers.get(timeout=60) for _ in processes]
    return (
        Seen(
            looks=sum(seen.looks for seen in all_seen),
            empty=sum(seen.empty for seen in all_seen),
            mixed=sum(seen.mixed for seen in all_seen),
            late=sum(seen.late for seen in all_seen),
            longest_s=max(seen.longest_s for seen in all_seen),
        ),
        counts,
    )


@contextmanager
def databases() -> Iterator[dict[str, Erp]]:
    with tempfile.TemporaryDirectory() as folder, postgres_server() as server:
        yield {
            "PostgreSQL": Erp(server.fresh_database(), server.user),
            "SQLite": Erp(f"sqlite:///{folder}/erp.sqlite"),
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--articles", type=int, default=1000)
    parser.add_argument("--readers", type=int, default=2)
    given = parser.parse_args()
    print(
        "| database | refreshes | zombies refused | zombies that wrote | looks | empty | mixed | over 1 s | longest |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    with databases() as erps:
        for name, erp in erps.items():
            seen, counts = watch(erp, given.seconds, given.articles, given.readers)
            numbers = [*counts.values(), seen.looks, seen.empty, seen.mixed, seen.late]
            print(f"| {name} | {' | '.join(f'{n:,}' for n in numbers)} | {1000 * seen.longest_s:.0f} ms |", flush=True)
