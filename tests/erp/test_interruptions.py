"""A refresh of PostgreSQL that breaks off: it is repeated by itself, and done exactly once."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from sqlalchemy import make_url, text

from markdown_pricing.erp import locks, refresh
from markdown_pricing.erp.errors import ErpInterrupted, ErpUnreachable
from markdown_pricing.erp.refresh import NewerWeekInErp, content_hash, utc_now
from markdown_pricing.erp.tables import ensure_tables
from tests.erp.conftest import Erp
from tests.erp.samples import NEXT_WEEK, make_rows
from tests.postgres.proxy import ANSWER, REQUEST, Proxy, proxy_of


class Moments:
    """A refresh's `now`, which each attempt asks once, just before its receipt; something `happens` the first time."""

    def __init__(self, happens: Callable[[], None] = lambda: None) -> None:
        self.asked, self.happens = 0, happens

    def __call__(self) -> datetime:
        self.asked += 1
        if self.asked == 1:
            self.happens()
        return utc_now()


@pytest.fixture
def pauses() -> list[float]:
    """How long it was waited between attempts; nobody waits."""
    return []


@pytest.fixture
def erp(postgres_erp: Erp) -> Erp:
    """A country that has last week's rows."""
    ensure_tables(postgres_erp.engine)
    postgres_erp.replace(make_rows(articles=4), run_id="old")
    return postgres_erp


@pytest.fixture
def proxy(erp: Erp) -> Iterator[Proxy]:
    port = make_url(erp.url).port
    assert port
    with proxy_of(port) as proxy:
        yield proxy


def through(proxy: Proxy, erp: Erp) -> Erp:
    url = make_url(erp.url).set(port=proxy.port).render_as_string(hide_password=False)
    return Erp(url, erp.user, erp.password, erp.server)


def test_a_commit_whose_answer_was_lost_is_not_repeated_and_no_failure(
    erp: Erp, proxy: Proxy, pauses: list[float]
) -> None:
    """The rows are there, written once; the receipt found is the answer."""
    proxy.to_lose, now = [ANSWER], Moments()

    receipt = through(proxy, erp).replace(make_rows(NEXT_WEEK), run_id="new", now=now, pause=pauses.append)

    assert proxy.to_lose == []
    assert now.asked == 1
    assert (receipt.run_id, receipt.previous_articles) == ("new", 4)
    assert erp.read("SELECT run_id FROM markdown_refreshes ORDER BY week") == [("old",), ("new",)]
    assert content_hash(erp.engine, "DEU") == receipt.content_hash
    assert len(pauses) == 1


def test_a_commit_that_never_arrived_is_repeated(erp: Erp, proxy: Proxy, pauses: list[float]) -> None:
    """From outside it looks like the one whose answer was lost; the receipt tells them apart."""
    proxy.to_lose, now = [REQUEST], Moments()

    receipt = through(proxy, erp).replace(make_rows(NEXT_WEEK), run_id="new", now=now, pause=pauses.append)

    assert now.asked == 2
    assert erp.runs() == [("new", 5)]
    assert content_hash(erp.engine, "DEU") == receipt.content_hash


def test_the_repeats_have_an_end(erp: Erp, proxy: Proxy, pauses: list[float]) -> None:
    """Then the run is told that it may be tried again; the old set is still there."""
    proxy.to_lose = [REQUEST] * 4

    with pytest.raises(ErpInterrupted):
        through(proxy, erp).replace(make_rows(NEXT_WEEK), run_id="new", pause=pauses.append)

    assert tuple(pauses) == refresh.PAUSES_S
    assert erp.runs() == [("old", 4)]


def test_a_connection_that_the_server_cut_is_made_anew(erp: Erp, pauses: list[float]) -> None:
    """A restart or an administrator cuts connections like that."""
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = '{}'"
    now = Moments(lambda: erp.execute(cut.format(make_url(erp.url).database)))

    erp.replace(make_rows(NEXT_WEEK), run_id="new", now=now, pause=pauses.append)

    assert (now.asked, len(pauses)) == (2, 1)
    assert erp.runs() == [("new", 5)]


def test_a_deadlock_is_repeated(erp: Erp, pauses: list[float]) -> None:
    """With somebody who locks the same tables in the other order and waits more patiently than we."""
    with erp.engine.connect() as other:
        other.execute(text("SET deadlock_timeout = '60s'"))
        other.execute(text("LOCK TABLE markdown_refreshes IN SHARE MODE"))

        def lock_the_other_table() -> None:
            other.execute(text("LOCK TABLE markdown_recommendations"))
            other.rollback()

        waits = threading.Thread(target=lock_the_other_table)
        erp.replace(make_rows(NEXT_WEEK), run_id="new", now=Moments(waits.start), pause=pauses.append)
        waits.join(30)

    assert len(pauses) == 1
    assert erp.runs() == [("new", 5)]


def test_a_serialization_failure_is_repeated(erp: Erp, pauses: list[float]) -> None:
    """As a trigger of the ERP's own may bring it about; this one fails the first insert only."""
    erp.execute(
        "CREATE SEQUENCE attempts",
        "CREATE FUNCTION fail_first() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF nextval('attempts') = 1"
        " THEN RAISE 'could not serialize access' USING ERRCODE = 'serialization_failure'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER first BEFORE INSERT ON markdown_refreshes FOR EACH ROW EXECUTE FUNCTION fail_first()",
    )

    erp.replace(make_rows(NEXT_WEEK), run_id="new", pause=pauses.append)

    assert len(pauses) == 1
    assert erp.runs() == [("new", 5)]


def test_a_statement_that_takes_too_long_is_ended(
    erp: Erp, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not repeated at once: it would take as long again. The limits hold for this transaction alone."""
    monkeypatch.setattr(locks, "STATEMENT_TIMEOUT_MS", 200)
    erp.execute(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN PERFORM pg_sleep(30); RETURN NEW; END $$",
        "CREATE TRIGGER slow BEFORE INSERT ON markdown_refreshes FOR EACH ROW EXECUTE FUNCTION dawdle()",
    )

    with pytest.raises(ErpUnreachable, match="statement timeout"):
        erp.replace(make_rows(NEXT_WEEK), run_id="new", pause=pauses.append)

    assert pauses == []
    assert erp.runs() == [("old", 4)]


def test_a_writer_that_falls_silent_does_not_hold_its_country(
    erp: Erp, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen between insert and commit: the server ends its transaction, the next writer goes ahead, it comes late."""

    def freeze() -> None:
        monkeypatch.setattr(locks, "SILENCE_TIMEOUT_MS", 60_000)
        erp.replace(make_rows(NEXT_WEEK, articles=3), run_id="next")

    monkeypatch.setattr(locks, "SILENCE_TIMEOUT_MS", 300)
    with pytest.raises(NewerWeekInErp):
        erp.replace(make_rows(articles=2), run_id="frozen", now=Moments(freeze), pause=pauses.append)

    assert len(pauses) == 1
    assert erp.runs() == [("next", 3)]
