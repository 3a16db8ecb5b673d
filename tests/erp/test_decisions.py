"""The table that people's tools add decisions to: who may write, two at once, and what is there stays."""

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from markdown_pricing.decisions.decision import Decision, read
from markdown_pricing.erp import locks
from markdown_pricing.erp.decisions import (
    SomebodyDecided,
    add_decisions,
    read_decisions,
    seen_rows,
    shown_week,
)
from markdown_pricing.erp.errors import ErpDenied, ErpUnreachable
from markdown_pricing.erp.missing import TablesMissing
from markdown_pricing.erp.rights import check_rights
from markdown_pricing.erp.tables import METADATA, ensure_tables
from tests.erp.conftest import Erp
from tests.erp.samples import NEXT_WEEK, WEEK, make_rows

NOW = datetime(2026, 2, 9, 9, 30, 0, 125, tzinfo=UTC)
PASSWORD = "s3cret-word"


def make(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A row of the table, as `decide` writes it."""
    row = {
        "decision_id": f"d{number}",
        "country": "DEU",
        "article_id": "A000000",
        "week": WEEK,
        "seq": number,
        "verdict": "changed",
        "price": Decimal("15.95"),
        "lock_until": WEEK + timedelta(weeks=2),
        "recommended_price": Decimal("13.95"),
        "current_price": Decimal("19.99"),
        "stake": None,
        "run_id": "run-1",
        "decision_reason": "other",
        "note": "„später“ 'x'",
        "decided_by": "anna",
        "source": "import",
        "batch_id": "b1",
        "decided_at": NOW,
    }
    return {**row, **changes}


def decisions_in(erp: Erp) -> list[Decision]:
    return list(read(read_decisions(erp.engine, "DEU")).decisions)


def test_a_decision_comes_back_as_it_was_written(erp: Erp) -> None:
    add_decisions(erp.engine, [make()])

    assert [asdict(each) for each in decisions_in(erp)] == [make()]


def test_only_the_weeks_that_are_asked_for_are_read(erp: Erp) -> None:
    add_decisions(erp.engine, [make(1, seq=1), make(2, seq=1, week=NEXT_WEEK)])

    found = [read_decisions(erp.engine, "DEU", until=WEEK), read_decisions(erp.engine, "DEU", since=NEXT_WEEK)]

    assert [[row["decision_id"] for row in rows] for rows in found] == [["d1"], ["d2"]]
    assert read_decisions(erp.engine, "AUT") == []


def test_the_view_has_the_newest_decision_of_each_article_and_week(erp: Erp) -> None:
    """None where that one is withdrawn."""
    rows = [
        make(1),
        make(2, verdict="accepted", lock_until=None),
        make(3, seq=1, article_id="A000001"),
        make(4, seq=2, article_id="A000001", verdict="withdrawn", price=None),
        make(5, seq=1, week=NEXT_WEEK),
    ]
    add_decisions(erp.engine, rows)

    view = erp.read("SELECT decision_id, verdict FROM markdown_decisions_current ORDER BY week")

    assert [tuple(row) for row in view] == [("d2", "accepted"), ("d5", "changed")]


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "agreed"},
        {"source": "gossip"},
        {"price": None},
        {"price": Decimal(0)},
        {"decision_reason": None},
        {"note": "x" * 501},
        {"seq": 0},
        {"decided_by": None},
    ],
)
def test_the_table_itself_refuses_what_makes_no_sense(erp: Erp, changes: dict[str, Any]) -> None:
    """Whatever tool writes it; rows before it in the same transaction are not written either."""
    with pytest.raises(Exception, match=r"(?i)constraint|null"):
        add_decisions(erp.engine, [make(), make(2, **changes)])

    assert decisions_in(erp) == []


def test_of_two_who_decide_at_once_the_second_is_refused_and_sees_the_first(erp: Erp) -> None:
    """Both looked before either wrote; the table's key lets one number in once."""
    start = threading.Barrier(2)
    refused: list[SomebodyDecided] = []

    def decide(number: int, who: str) -> None:
        start.wait(30)
        try:
            own = [make(number, seq=1), make(number + 10, seq=1, article_id=who)]
            add_decisions(erp.engine, [{**row, "decided_by": who} for row in own])
        except SomebodyDecided as error:
            refused.append(error)

    people = [threading.Thread(target=decide, args=each) for each in ((1, "anna"), (2, "ben"))]
    for person in people:
        person.start()
    for person in people:
        person.join(60)

    [first] = [each for each in decisions_in(erp) if each.article_id == "A000000"]
    [error] = refused
    assert [row["decided_by"] for row in error.first] == [first.decided_by]
    assert f"{first.decided_by} has changed at 15.95" in str(error)
    assert "nothing was written" in str(error)
    assert [each.decided_by for each in decisions_in(erp)] == [first.decided_by] * 2


def test_the_same_id_again_is_refused_by_the_key(erp: Erp) -> None:
    add_decisions(erp.engine, [make()])

    with pytest.raises(SomebodyDecided):
        add_decisions(erp.engine, [make(seq=2)])

    assert len(decisions_in(erp)) == 1


def test_whatever_driver_writes_it_is_refused_by_the_key(erp: Erp) -> None:
    """psycopg has the code of an error in another field than psycopg2."""
    add_decisions(erp.engine, [make()])
    by_another = Erp(erp.url.replace("postgresql://", "postgresql+psycopg2://"), erp.user, erp.password, erp.server)

    with pytest.raises(SomebodyDecided):
        add_decisions(by_another.engine, [make(seq=2)])


def test_decisions_survive_every_refresh_and_tables_that_are_made_anew(erp: Erp) -> None:
    """A refresh of another week, and the loss of all that a refresh writes."""
    add_decisions(erp.engine, [make()])
    erp.replace()
    erp.replace(make_rows(NEXT_WEEK, articles=1), run_id="run-2")
    erp.execute("DROP VIEW markdown_status", *(f"DROP TABLE {name}" for name in METADATA.tables))
    ensure_tables(erp.engine)
    erp.replace(run_id="run-3")

    assert [asdict(each) for each in decisions_in(erp)] == [make()]


def test_what_people_saw_is_what_stands_in_the_erp(erp: Erp) -> None:
    erp.replace(make_rows(articles=2))

    rows = seen_rows(erp.engine, ["DEU"])

    assert [(row["article_id"], row["week"], row["recommended_price"]) for row in rows] == [
        ("A000000", WEEK, Decimal("13.95")),
        ("A000001", WEEK, Decimal("14.95")),
    ]
    assert seen_rows(erp.engine, ["AUT"]) == []


def test_an_erp_without_the_table_says_who_makes_it_and_is_refreshed_all_the_same(erp: Erp) -> None:
    """As one of the version before; run as printed, the statements help."""
    erp.execute("DROP VIEW markdown_decisions_current", "DROP TABLE markdown_decisions")
    assert erp.replace().articles == 5

    with pytest.raises(TablesMissing, match="next refresh makes it") as error:
        add_decisions(erp.engine, [make()])
    with pytest.raises(TablesMissing):
        read_decisions(erp.engine, "DEU")

    erp.execute(*(line.strip() for line in str(error.value).splitlines()[1:]))
    add_decisions(erp.engine, [make()])
    assert len(decisions_in(erp)) == 1


def test_a_text_that_is_not_in_utf_8_costs_no_other_decision(sqlite_erp: Erp) -> None:
    """SQLite takes any bytes."""
    ensure_tables(sqlite_erp.engine)
    add_decisions(sqlite_erp.engine, [make(), make(2), make(3)])
    sqlite_erp.execute(
        "UPDATE markdown_decisions SET note = CAST(x'66fc72' AS TEXT) WHERE decision_id = 'd1'",
        "UPDATE markdown_decisions SET seq = CAST(x'fc' AS TEXT) WHERE decision_id = 'd2'",
    )

    found = read(read_decisions(sqlite_erp.engine, "DEU"))

    assert [(each.decision_id, each.note) for each in found.decisions] == [("d1", "f�r"), ("d3", make()["note"])]
    assert found.unreadable == ("d2: seq is '�'",)


def test_a_table_that_is_locked_holds_up_nobody_for_long(postgres_erp: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by an owner who changes it; whoever asks may ask again."""
    monkeypatch.setattr(locks, "LOOK_TIMEOUT_MS", 50)
    ensure_tables(postgres_erp.engine)

    with postgres_erp.engine.begin() as owner:
        owner.execute(text("LOCK TABLE markdown_decisions, markdown_recommendations"))
        with pytest.raises(ErpUnreachable, match="timeout"):
            read_decisions(postgres_erp.engine, "DEU")
        with pytest.raises(ErpUnreachable, match="timeout"):
            seen_rows(postgres_erp.engine, ["DEU"])


@pytest.fixture
def account(postgres_erp: Erp) -> Iterator[Callable[..., Erp]]:
    """Makes an account with these rights, and the ERP as it sees it."""
    name = f"role_{make_url(postgres_erp.url).database}"
    ensure_tables(postgres_erp.engine)

    def make(*grants: str) -> Erp:
        postgres_erp.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
        postgres_erp.execute(*(f"GRANT {grant} TO {name}" for grant in grants))
        return Erp(postgres_erp.url.replace(f"//{postgres_erp.user}@", "//"), name, PASSWORD, postgres_erp.server)

    yield make
    postgres_erp.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def test_an_account_that_may_only_read_is_refused_with_the_grant_that_helps(
    postgres_erp: Erp, account: Callable[..., Erp]
) -> None:
    erp = account("SELECT ON markdown_decisions")

    with pytest.raises(ErpDenied, match="may not add to markdown_decisions") as error:
        add_decisions(erp.engine, [make()])

    assert error.value.grants == (f"GRANT INSERT ON public.markdown_decisions TO {erp.user};",)
    postgres_erp.execute(*error.value.grants)
    add_decisions(erp.engine, [make()])
    assert len(decisions_in(erp)) == 1


def test_a_file_that_may_only_be_read_is_refused(sqlite_erp: Erp, tmp_path: Path) -> None:
    ensure_tables(sqlite_erp.engine)
    file = make_url(sqlite_erp.url).database
    read_only = Erp(f"sqlite:///file:{file}?mode=ro&uri=true", None, None)

    with pytest.raises(ErpDenied, match=r"readonly|read-only"):
        add_decisions(read_only.engine, [make()])

    assert decisions_in(sqlite_erp) == []


@pytest.mark.parametrize("statement", ["UPDATE markdown_decisions SET note = 'x'", "DELETE FROM markdown_decisions"])
def test_who_may_select_and_insert_can_neither_change_nor_take_back(
    account: Callable[..., Erp], statement: str
) -> None:
    erp = account("SELECT, INSERT ON markdown_decisions", "SELECT ON markdown_decisions_current")
    add_decisions(erp.engine, [make()])

    with pytest.raises(DBAPIError, match="permission denied"):
        erp.execute(statement)

    assert len(erp.read("SELECT * FROM markdown_decisions_current")) == 1


def test_the_statements_of_the_docs_grant_read_and_insert(postgres_erp: Erp, account: Callable[..., Erp]) -> None:
    """Run as they stand, but for the name of the account."""
    erp, page = account(), (Path(__file__).parents[2] / "docs/decisions.md").read_text()
    grants, look, insert, *_ = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    rows = make_rows(articles=2)
    postgres_erp.replace(rows)

    postgres_erp.execute(*grants.replace("pricing_desk", str(erp.user)).strip().split(";\n")[1:])
    erp.execute(insert)

    [decision] = decisions_in(erp)
    assert (decision.article_id, decision.says) == ("A000001", "changed at 16.95")
    assert [(row.article_id, row.verdict) for row in erp.read(look)] == [("A000001", "changed"), ("A000000", None)]
    assert shown_week(erp.engine, "DEU") == WEEK
    assert shown_week(erp.engine, "AUT") is None


def test_who_may_not_look_is_told_the_grant_for_looking_and_no_other(
    postgres_erp: Erp, account: Callable[..., Erp]
) -> None:
    """A refresh needs more, which is not what was asked."""
    erp = account()

    for look, table in (
        (lambda: read_decisions(erp.engine, "DEU"), "markdown_decisions"),
        (lambda: shown_week(erp.engine, "DEU"), "markdown_recommendations"),
    ):
        with pytest.raises(ErpDenied) as error:
            look()
        assert error.value.grants == (f"GRANT SELECT ON public.{table} TO {erp.user};",)


def test_the_doctor_prints_what_the_owner_has_to_make_or_grant(postgres_erp: Erp, account: Callable[..., Erp]) -> None:
    """For an account that may make nothing; run as printed, it helps, and nothing of it is too much."""
    ours = "markdown_recommendations, markdown_price_path, markdown_options, markdown_outcomes, markdown_outcome_totals"
    erp = account(f"SELECT, INSERT, DELETE ON {ours}", "SELECT, INSERT ON markdown_refreshes")

    def remedies() -> dict[str, str]:
        return {finding.what: finding.says for finding in check_rights(erp.engine) if not finding.ok}

    tables = ["table markdown_decisions", "table markdown_arms", "table markdown_effects"]
    assert list(remedies()) == tables
    for table in tables:
        postgres_erp.execute(*remedies()[table].splitlines()[1:])
    assert remedies() == {}

    postgres_erp.execute("DROP TABLE markdown_decisions CASCADE")
    assert list(remedies()) == ["table markdown_decisions", "view markdown_decisions_current"]
    postgres_erp.execute(*[line for says in remedies().values() for line in says.splitlines()[1:]])
    assert remedies() == {}
    assert read_decisions(erp.engine, "DEU") == []


def test_a_day_that_no_calendar_has_costs_no_other_decision(postgres_erp: Erp) -> None:
    """PostgreSQL knows an infinite one."""
    ensure_tables(postgres_erp.engine)
    add_decisions(postgres_erp.engine, [make(), make(2, week=date(2026, 2, 16), seq=1)])
    postgres_erp.execute("UPDATE markdown_decisions SET lock_until = 'infinity' WHERE decision_id = 'd2'")

    found = read(read_decisions(postgres_erp.engine, "DEU"))

    assert [each.decision_id for each in found.decisions] == ["d1"]
    assert found.unreadable == ("d2: lock_until is 'infinity'",)
