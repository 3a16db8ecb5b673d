"""`decide` and `decisions`, as their user sees them."""

import json
import os
from datetime import timedelta
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from sqlalchemy import text

from markdown_pricing.erp.refresh import replace_country
from markdown_pricing.erp.tables import engine_for, ensure_tables
from tests.command import command
from tests.erp.samples import LAUNCHED, WEEK, make_rows, recommended

HEAD = "country,article_id,week,verdict,price,lock_until,decision_reason,note"


class Desk:
    """Somebody with an ERP that shows a refreshed week of Germany, and a file of decisions."""

    def __init__(self, root: Path) -> None:
        self.url, self.file = f"sqlite:///{root}/erp.sqlite", root / "decisions.csv"
        self.engine = engine_for(self.url, None, None)
        ensure_tables(self.engine)
        rows = make_rows()
        replace_country(self.engine, recommended(rows), week=WEEK, country="DEU", run_id="run-1", launched_at=LAUNCHED)

    def decide(self, *lines: str, options: tuple[str, ...] = ()) -> CompletedProcess[str]:
        self.file.write_text("\n".join((HEAD, *lines)), encoding="utf-8-sig")
        return self.run("decide", str(self.file), *options)

    def run(self, *arguments: str) -> CompletedProcess[str]:
        environ = {"PATH": os.environ["PATH"], "MARKDOWN_PRICING_ERP": self.url, "LOGNAME": "anna"}
        return command(*arguments, environ=environ)

    def execute(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))

    def verdicts(self) -> list[tuple[str, str]]:
        query = "SELECT article_id, verdict FROM markdown_decisions_current ORDER BY article_id"
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


ACCEPTED = "DEU,A000000,2026-02-09,accepted,,,,"
CHANGED = "DEU,A000001,2026-02-09,changed,16.95,2026-03-02,too_deep,für März"


def test_a_file_of_decisions_is_written_and_shown(desk: Desk) -> None:
    done = desk.decide(ACCEPTED, CHANGED)

    assert done.returncode == 0, done.stderr
    assert "2 decisions written." in done.stdout
    assert desk.verdicts() == [("A000000", "accepted"), ("A000001", "changed")]
    shown = desk.run("decisions", "DEU")
    assert shown.returncode == 0, shown.stderr
    for said in ("accepted at 13.95", "changed at 16.95, locked until 2026-03-02", "too_deep", "anna", "für März"):
        assert said in shown.stdout


def test_the_same_file_again_changes_nothing(desk: Desk) -> None:
    desk.decide(ACCEPTED, CHANGED)

    again = desk.decide(ACCEPTED, CHANGED)

    assert (again.returncode, again.stdout) == (0, "0 decisions written; 2 decisions stood there already.\n")


def test_a_dry_run_checks_all_and_writes_nothing(desk: Desk) -> None:
    done = desk.decide(ACCEPTED, options=("--dry-run",))

    assert "1 decision would be written." in done.stdout
    assert desk.verdicts() == []
    assert desk.decide("DEU,A9,2026-02-09,accepted,,,,", options=("--dry-run",)).returncode == 2


def test_a_fault_in_one_line_keeps_all_out(desk: Desk) -> None:
    done = desk.decide(ACCEPTED, "DEU,A000001,2026-02-09,changed,,,,")

    assert done.returncode == 2
    assert "line 3: changed needs a price" in done.stderr
    assert desk.verdicts() == []


def test_a_file_in_another_encoding_is_refused(desk: Desk) -> None:
    desk.file.write_bytes(f"{HEAD}\n{CHANGED}\n".encode("latin-1"))

    done = desk.run("decide", str(desk.file))

    assert done.returncode == 2
    assert "it is not in UTF-8" in done.stderr


def test_an_erp_without_the_table_is_told_from_one_without_decisions(desk: Desk) -> None:
    assert "Nobody has decided about DEU in the week of 2026-02-09." in desk.run("decisions", "DEU").stdout
    desk.execute("DROP VIEW markdown_decisions_current", "DROP TABLE markdown_decisions")

    for done in (desk.run("decisions", "DEU"), desk.decide(ACCEPTED)):
        assert done.returncode == 1
        assert "has no table markdown_decisions" in done.stderr


def test_a_lock_of_an_earlier_week_is_shown_until_its_monday(desk: Desk) -> None:
    desk.decide(CHANGED)
    weeks = [str(WEEK + timedelta(weeks=ahead)) for ahead in (2, 3)]

    locked, free = (desk.run("decisions", "DEU", "--week", week).stdout for week in weeks)

    assert "locked until 2026-03-02" in locked
    assert "Nobody has decided" in free


def test_what_tools_wrote_without_care_is_said_and_costs_nothing_else(desk: Desk) -> None:
    """A code that does not exist, a time in the future, a gap, no price, and values that cannot be read."""
    into = (
        "INSERT INTO markdown_decisions (decision_id, country, article_id, week, seq, verdict, price, decision_reason,"
    )
    into += " decided_by, source, decided_at) VALUES"
    now, far = "2026-02-09T09:00:00.000000+00:00", "2999-01-01T00:00:00+00:00"
    desk.execute(
        f"{into} ('d1', 'DEU', 'A1', '2026-02-09', 3, 'changed', 9.99, 'whim', 'ben', 'erp', '{far}')",
        f"{into} ('d2', 'DEU', 'A2', '2026-02-09', 1, 'accepted', NULL, NULL, 'ben', 'erp', '{now}')",
        f"{into} ('d3', 'DEU', 'A3', 'soon', 1, 'accepted', 9.99, NULL, 'ben', 'erp', '{now}')",
        f"{into} ('d4', 'DEU', 'A4', '2026-02-09', 1, 'accepted', 9.99, NULL, 'ben', 'erp', '{now}')",
    )

    done = desk.run("decisions", "DEU", "--json")

    listed = {each["article_id"]: each["remarks"] for each in json.loads(done.stdout)["decisions"]}
    assert listed == {
        "A1": [
            "its reason 'whim' is not in the list",
            "its time, 2999-01-01T00:00:00+00:00, lies in the future",
            "no decision has the number 1 before it",
        ],
        "A2": ["the decision is void: it does not say at which price"],
        "A4": [],
    }
    assert json.loads(done.stdout)["unreadable"] == ["d3: week is 'soon'"]
    said = desk.run("decisions", "DEU").stderr
    assert "A2, week 2026-02-09: the decision is void" in said
    assert "A decision that cannot be read does not count: d3: week is 'soon'." in said


def test_a_row_that_cannot_be_read_keeps_nobody_from_deciding(desk: Desk) -> None:
    desk.decide(ACCEPTED)
    desk.execute("UPDATE markdown_decisions SET decided_at = 'today'")

    done = desk.decide(ACCEPTED)

    assert done.returncode == 0, done.stderr
    assert desk.verdicts() == [("A000000", "accepted")]


def test_a_country_that_is_not_priced_is_bad_usage(desk: Desk) -> None:
    done = desk.run("decisions", "XYZ")

    assert done.returncode == 2
    assert "XYZ" in done.stderr


def test_names_and_notes_are_taken_out_of_old_decisions(desk: Desk) -> None:
    """What was decided only now stays as it is; the other options are of no use there."""
    desk.decide(ACCEPTED, CHANGED)
    long_ago = "2020-01-06T09:00:00.000000+00:00"
    desk.execute(f"UPDATE markdown_decisions SET decided_at = '{long_ago}' WHERE article_id = 'A000001'")

    done = desk.run("decisions", "--pseudonymise")

    assert (done.returncode, done.stdout) == (0, "Names and notes were taken out of 1 decision older than 26 weeks.\n")
    shown = json.loads(desk.run("decisions", "DEU", "--json").stdout)["decisions"]
    assert [(each["decided_by"].partition("-")[0], each["note"]) for each in shown] == [
        ("anna", None),
        ("pseudonym", None),
    ]
    both = desk.run("decisions", "DEU", "--pseudonymise")
    assert both.returncode == 2
    assert "--pseudonymise takes no COUNTRY." in both.stderr
    assert desk.run("decisions").returncode == 2
