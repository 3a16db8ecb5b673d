"""Names and notes leave decisions after 26 weeks, by an account that may do nothing else."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from markdown_pricing.erp.decisions import add_decisions
from markdown_pricing.erp.errors import ErpDenied
from markdown_pricing.erp.missing import TablesMissing
from markdown_pricing.erp.pseudonyms import KEPT_FOR, pseudonymise
from markdown_pricing.erp.tables import ensure_tables
from tests.erp.conftest import Erp
from tests.erp.test_decisions import account, make  # noqa: F401

PAGE = Path(__file__).parents[2] / "docs/decisions.md"


def numbered() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"pseudonym-{next(numbers):012x}"


def weeks_ago(erp: Erp, weeks: float) -> dict[str, Any]:
    """When a decision was made so many weeks ago, and about which week."""
    at = erp.time() - timedelta(weeks=weeks)
    return {"decided_at": at, "week": at.date() - timedelta(days=at.weekday())}


def persons(erp: Erp) -> dict[str, tuple[str, str | None]]:
    rows = erp.read("SELECT decision_id, decided_by, note FROM markdown_decisions ORDER BY decision_id")
    return {row.decision_id: (row.decided_by, row.note) for row in rows}


def test_who_decided_and_what_they_noted_goes_after_26_weeks_and_nothing_else(erp: Erp) -> None:
    """A person has one pseudonym in all rows of one call."""
    old, young = weeks_ago(erp, 26.1), weeks_ago(erp, 25.9)
    rows = [
        make(1, **old, decided_by="anna", note="deeper in March"),
        make(2, **old, decided_by="ben", note=None),
        make(3, **old, decided_by="anna", note=None),
        make(4, **young, decided_by="anna", note="wait"),
    ]
    add_decisions(erp.engine, rows)
    kept = (
        "SELECT decision_id, country, article_id, week, seq, verdict, price, source, decided_at FROM markdown_decisions"
    )
    before = erp.read(f"{kept} ORDER BY decision_id")

    assert pseudonymise(erp.engine) == 3

    found = persons(erp)
    assert found["d4"] == ("anna", "wait")
    assert found["d1"] == found["d3"] != found["d2"]
    assert all(re.fullmatch("pseudonym-[0-9a-f]{12}", found[each][0]) for each in ("d1", "d2", "d3"))
    assert {note for _, note in (found["d1"], found["d2"], found["d3"])} == {None}
    assert erp.read(f"{kept} ORDER BY decision_id") == before


def test_a_second_call_changes_nothing_and_later_rows_get_pseudonyms_of_their_own(erp: Erp) -> None:
    old = weeks_ago(erp, 30)
    add_decisions(erp.engine, [make(1, **old, decided_by="anna")])
    pseudonym = numbered()

    first, again = pseudonymise(erp.engine, pseudonym), pseudonymise(erp.engine, pseudonym)
    add_decisions(erp.engine, [make(2, **old, decided_by="anna")])
    later = pseudonymise(erp.engine, pseudonym)

    assert (first, again, later) == (1, 0, 1)
    assert persons(erp)["d1"][0] != persons(erp)["d2"][0]


@pytest.mark.parametrize(
    "name",
    ["pseudonym-anna", "Pseudonym-0123456789ab", "pseudonym-0123456789AB", "pseudonym-0123456789abc", "pseudonym-%"],
)
def test_nobody_is_taken_for_a_pseudonym_by_the_beginning_of_the_name(erp: Erp, name: str) -> None:
    add_decisions(erp.engine, [make(1, **weeks_ago(erp, 30), decided_by=name, note=None)])

    assert pseudonymise(erp.engine, numbered()) == 1
    assert persons(erp)["d1"][0] == "pseudonym-000000000001"


def test_a_time_in_the_future_keeps_nobodys_name_for_ever(erp: Erp) -> None:
    """The week says how old such a row is."""
    far = datetime(2999, 1, 1, tzinfo=UTC)
    old, young = ({**weeks_ago(erp, weeks), "decided_at": far} for weeks in (28, 1))
    add_decisions(erp.engine, [make(1, **old), make(2, **young)])

    assert pseudonymise(erp.engine, numbered()) == 1
    assert persons(erp)["d1"][0] == "pseudonym-000000000001"


@pytest.mark.parametrize("written", ["today", "", "01/12/2026 09:00", "1.12.2026 09:00", "1796000000"])
def test_what_tools_wrote_into_sqlite_without_care_is_found_too(sqlite_erp: Erp, written: str) -> None:
    """A time that cannot be read, which makes no young name an old one, and a name in other bytes."""
    ensure_tables(sqlite_erp.engine)
    old = weeks_ago(sqlite_erp, 40)
    add_decisions(sqlite_erp.engine, [make(1, **old), make(2, **old), make(3, **weeks_ago(sqlite_erp, 1))])
    sqlite_erp.execute(
        f"UPDATE markdown_decisions SET decided_at = '{written}' WHERE decision_id <> 'd2'",
        "UPDATE markdown_decisions SET decided_by = CAST(x'66fc72' AS TEXT) WHERE decision_id = 'd2'",
    )

    assert pseudonymise(sqlite_erp.engine) == 2

    found = persons(sqlite_erp)
    assert [found[each][0].startswith("pseudonym-") for each in ("d1", "d2", "d3")] == [True, True, False]


def test_an_erp_without_decisions_says_so(erp: Erp) -> None:
    erp.execute("DROP VIEW markdown_decisions_current", "DROP TABLE markdown_decisions")

    with pytest.raises(TablesMissing):
        pseudonymise(erp.engine)


def test_who_may_not_update_is_told_the_grant_and_changes_nothing(
    postgres_erp: Erp,
    account: Callable[..., Erp],  # noqa: F811
) -> None:
    """Run as printed, it is enough, and no more than that."""
    erp = account("SELECT, INSERT ON markdown_decisions")
    add_decisions(erp.engine, [make(1, **weeks_ago(erp, 30), decided_by="anna")])

    with pytest.raises(ErpDenied, match="may not replace the names in markdown_decisions") as error:
        pseudonymise(erp.engine)

    assert error.value.grants == (f"GRANT UPDATE (decided_by, note) ON public.markdown_decisions TO {erp.user};",)
    assert persons(postgres_erp)["d1"][0] == "anna"
    postgres_erp.execute(*error.value.grants)
    assert pseudonymise(erp.engine) == 1


def test_the_account_of_the_docs_may_take_names_out_and_nothing_else(
    postgres_erp: Erp,
    account: Callable[..., Erp],  # noqa: F811
) -> None:
    [grants] = [block for block in re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL) if "privacy" in block]
    erp = account()
    add_decisions(postgres_erp.engine, [make(1, **weeks_ago(erp, 30))])

    postgres_erp.execute(*grants.replace("pricing_privacy", str(erp.user)).strip().split(";\n")[1:])

    assert pseudonymise(erp.engine) == 1
    for statement in (
        "UPDATE markdown_decisions SET verdict = 'accepted'",
        "DELETE FROM markdown_decisions",
        "SELECT price FROM markdown_decisions",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            erp.execute(statement)


def test_a_file_that_may_only_be_read_is_refused(sqlite_erp: Erp) -> None:
    ensure_tables(sqlite_erp.engine)
    add_decisions(sqlite_erp.engine, [make(1, **weeks_ago(sqlite_erp, 30), decided_by="anna")])
    file = make_url(sqlite_erp.url).database
    read_only = Erp(f"sqlite:///file:{file}?mode=ro&uri=true", None, None)

    with pytest.raises(ErpDenied, match=r"readonly|read-only"):
        pseudonymise(read_only.engine)

    assert persons(sqlite_erp)["d1"][0] == "anna"


def test_a_name_stays_for_half_a_year() -> None:
    """As the contract has it."""
    assert timedelta(weeks=26) == KEPT_FOR
