"""Readers and writers at the same time, and writers that die."""

import dataclasses
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from multiprocessing.synchronize import Event
from typing import Any

import pytest
from sqlalchemy import event, text

from markdown_pricing.erp import locks, tables
from markdown_pricing.erp.errors import ErpUnreachable
from markdown_pricing.erp.refresh import LaterRunInErp, Receipt, content_hash, last_receipts, utc_now
from tests.erp.conftest import Erp
from tests.erp.samples import NEXT_WEEK, make_rows

FORK = multiprocessing.get_context("fork")
SIZES = {0: 40, 1: 25}
"""Articles of even and of odd runs, so that a mix shows in their number as well."""
LOOK = text("SELECT run_id, count(*) AS n FROM markdown_recommendations WHERE country = 'DEU' GROUP BY run_id")


def _look(erp: Erp, looking: Event, stop: Event, answers: Any) -> None:
    """Poll the country until told to stop; count the looks and keep what must not be seen."""
    looks, runs, wrong = 0, set(), []
    with erp.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not stop.is_set():
            seen = [tuple(row) for row in connection.execute(LOOK)]
            looks += 1
            runs |= {run for run, _ in seen}
            if len(seen) != 1 or seen[0][1] != SIZES[int(seen[0][0]) % 2]:
                wrong.append(seen)
            looking.set()
    answers.put((looks, len(runs), wrong))


def test_a_reader_sees_the_old_set_or_the_new_one(erp: Erp, at: Callable[[int], datetime]) -> None:
    """While 10 refreshes run, no look finds the country empty, partly filled or mixed."""
    erp.replace(make_rows(articles=SIZES[0]), run_id="0")
    looking, stop, answers = FORK.Event(), FORK.Event(), FORK.Queue()
    reader = FORK.Process(target=_look, args=(erp, looking, stop, answers))
    reader.start()
    assert looking.wait(30)

    for run in range(1, 11):
        erp.replace(make_rows(articles=SIZES[run % 2]), run_id=str(run), launched_at=at(run))
    stop.set()
    looks, runs, wrong = answers.get(timeout=30)
    reader.join(30)

    assert wrong == []
    assert looks > 10
    assert runs > 2


def test_a_set_that_is_not_committed_is_not_seen(erp: Erp) -> None:
    """In the very moment between insert and commit the old rows, plan and receipt are what others read."""
    erp.replace(make_rows(articles=4), run_id="old")
    before = erp.everything()
    seen = []

    def look() -> datetime:
        seen.append(erp.everything())
        return utc_now()

    erp.replace(make_rows(NEXT_WEEK), run_id="new", now=look)

    assert seen == [before]
    assert erp.runs() == [("new", 5)]


def test_the_hash_is_that_of_one_moment(erp: Erp, at: Callable[[int], datetime]) -> None:
    """A refresh between the reading of the one table and of the other makes no mix."""
    old = erp.replace(make_rows(articles=4), run_id="old")
    reading = dataclasses.replace(erp).engine  # one of its own, so that nobody else's queries are listened to

    def after_the_first_table(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "FROM markdown_recommendations" in statement and erp.runs() == [("old", 4)]:
            erp.replace(make_rows(articles=5), run_id="new", launched_at=at(5))

    event.listen(reading, "after_cursor_execute", after_the_first_table)

    assert content_hash(reading, "DEU") == old.content_hash
    assert erp.runs() == [("new", 5)]


def _die() -> datetime:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _refresh_and_die(erp: Erp) -> None:
    erp.replace(make_rows(NEXT_WEEK), run_id="killed", now=_die)


def test_a_writer_that_is_killed_leaves_the_old_set(erp: Erp) -> None:
    """kill -9 between delete and commit; the next writer is not held up."""
    erp.replace(make_rows(articles=4), run_id="old")
    before = erp.everything()

    writer = FORK.Process(target=_refresh_and_die, args=(erp,))
    writer.start()
    writer.join(60)

    assert writer.exitcode == -signal.SIGKILL
    assert erp.everything() == before
    assert erp.replace(make_rows(NEXT_WEEK), run_id="retry").previous_articles == 4


def _race(erp: Erp, run: int, rounds: int, answers: Any) -> None:
    outcomes = []
    for turn in range(rounds):
        rows = make_rows(articles=SIZES[run % 2])
        launched_at = datetime.fromisoformat("2026-02-09T07:00:00+00:00") + timedelta(minutes=2 * turn + run)
        try:
            erp.replace(rows, run_id=str(2 * turn + run), launched_at=launched_at)
            outcomes.append("written")
        except LaterRunInErp:
            outcomes.append("late")
    answers.put(outcomes)


def test_two_writers_of_one_country_take_turns(erp: Erp) -> None:
    """Each set is written whole or refused as late; no other error, and at the end one set."""
    answers = FORK.Queue()
    writers = [FORK.Process(target=_race, args=(erp, run, 5, answers)) for run in (0, 1)]
    for writer in writers:
        writer.start()
    outcomes = [answers.get(timeout=60) for _ in writers]
    for writer in writers:
        writer.join(30)

    assert {outcome for each in outcomes for outcome in each} <= {"written", "late"}
    assert erp.runs() == [("9", SIZES[1])]
    receipt = last_receipts(erp.engine)["DEU"]
    assert content_hash(erp.engine, "DEU") == receipt.content_hash


def test_the_second_writer_waits_and_then_meets_the_fence(erp: Erp, at: Callable[[int], datetime]) -> None:
    """A late run that began while the later one was writing is refused as soon as that is done."""
    outcome: list[BaseException] = []

    def late() -> None:
        try:
            erp.replace(run_id="late", launched_at=at(0))
        except LaterRunInErp as error:
            outcome.append(error)

    second = threading.Thread(target=late)

    def start_the_second() -> datetime:
        second.start()
        second.join(0.5)
        assert second.is_alive(), "it should wait for the lock"
        return utc_now()

    erp.replace(run_id="first", launched_at=at(5), now=start_the_second)
    second.join(30)

    assert len(outcome) == 1
    assert erp.runs() == [("first", 5)]


def test_the_same_run_twice_at_once_gives_one_receipt(erp: Erp) -> None:
    """A worker thought dead and its successor: the second is answered with the receipt of the first."""
    receipts: list[Receipt] = []
    second = threading.Thread(target=lambda: receipts.append(erp.replace(make_rows(articles=2))))

    def start_the_second() -> datetime:
        second.start()
        return utc_now()

    receipts.append(erp.replace(now=start_the_second))
    second.join(30)

    assert receipts[0] == receipts[1]
    assert erp.runs() == [("run-1", 5)]


def test_on_postgres_countries_do_not_wait_for_each_other(postgres_erp: Erp) -> None:
    """The lock is the country's own."""
    tables.ensure_tables(postgres_erp.engine)

    def write_another() -> datetime:
        postgres_erp.replace(make_rows(country="AUT"))
        return utc_now()

    postgres_erp.replace(make_rows(country="DEU"), now=write_another)

    assert postgres_erp.runs("AUT") == postgres_erp.runs("DEU") == [("run-1", 5)]


def test_a_lock_that_is_not_had_in_time_is_transient(erp: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait has an end, and a later attempt may succeed."""
    monkeypatch.setattr(locks, "LOCK_TIMEOUT_MS", 100)
    url = erp.url if erp.is_postgres else f"{erp.url}?timeout=0.1"
    impatient = Erp(url, erp.user, erp.password, erp.server)

    def try_meanwhile() -> datetime:
        with pytest.raises(ErpUnreachable, match=r"(?i)lock"):
            impatient.replace(run_id="run-2")
        return utc_now()

    erp.replace(run_id="run-1", now=try_meanwhile)

    assert erp.runs() == [("run-1", 5)]
