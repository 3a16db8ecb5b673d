"""A file of decisions is taken whole or refused with every fault and its line."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count

import pytest

from markdown_pricing.decisions.csv_file import BadDecisions, Checked, Known, ShownArticle, Writer, check_rows, lines_of
from markdown_pricing.decisions.decision import ArticleWeek, Decision, newest

WEEK = date(2026, 2, 9)
NOW = datetime(2026, 2, 9, 9, 30, tzinfo=UTC)
SEEN = ShownArticle(WEEK, Decimal("19.99"), Decimal("13.95"), Decimal("19.99"), Decimal("120.50"), "run-1")
REASONS = {"too_deep": "Too deep.", "other": "The note says what."}
HEAD = "country,article_id,week,verdict,price,lock_until,decision_reason,note,decided_by,decision_id"


def known(*decided: Decision) -> Known:
    seen = {("DEU", f"A{number}"): SEEN for number in range(5)}
    return Known(seen, REASONS, newest(decided), {each.decision_id: each for each in decided}, numbers(*decided))


def numbers(*decided: Decision) -> dict[ArticleWeek, int]:
    return {each.about: each.seq for each in newest(decided).values()}


def ids() -> Iterator[str]:
    return (f"id-{number}" for number in count())


def checked(*lines: str, head: str = HEAD, against: Known | None = None) -> Checked:
    new_ids = ids()
    writer = Writer("anna", NOW, "batch-1", lambda: next(new_ids))
    text = "\r\n".join((head, *lines))
    return check_rows(lines_of(text, "decisions.csv"), against or known(), writer, "decisions.csv")


def faults(*lines: str, head: str = HEAD, against: Known | None = None) -> tuple[str, ...]:
    with pytest.raises(BadDecisions) as error:
        checked(*lines, head=head, against=against)
    return error.value.faults


def test_a_decision_keeps_what_was_seen_and_who_decided() -> None:
    [decision] = checked("DEU,A1,2026-02-09,changed,15.95,2026-03-02,too_deep,„später“,ben,erp-7").new

    assert decision == Decision(
        decision_id="erp-7",
        country="DEU",
        article_id="A1",
        week=WEEK,
        seq=1,
        verdict="changed",
        price=Decimal("15.95"),
        lock_until=date(2026, 3, 2),
        recommended_price=Decimal("13.95"),
        current_price=Decimal("19.99"),
        stake=Decimal("120.50"),
        run_id="run-1",
        decision_reason="too_deep",
        note="„später“",
        decided_by="ben",
        source="import",
        batch_id="batch-1",
        decided_at=NOW,
    )


def test_optional_columns_may_be_left_out_and_their_order_is_free() -> None:
    [decision] = checked("accepted,2026-02-09,A1,DEU", "", head="verdict,week,article_id,country").new

    assert (decision.verdict, decision.price, decision.decided_by) == ("accepted", Decimal("13.95"), "anna")


def test_a_second_decision_has_the_next_number() -> None:
    [first] = checked("DEU,A1,2026-02-09,accepted,,,,,,").new

    [second] = checked("DEU,A1,2026-02-09,rejected,,,other,,,", against=known(first)).new

    assert (second.seq, second.price, second.asked_price) == (2, None, Decimal("19.99"))


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("DEU,A9,2026-02-09,accepted,,,,,,", "the ERP has no article 'A9' in DEU"),
        ("XYZ,A1,2026-02-09,accepted,,,,,,", "the ERP has no rows of a country 'XYZ'"),
        ("DEU,A1,2026-02-16,accepted,,,,,,", "the ERP shows DEU for week 2026-02-09"),
        ("DEU,A1,2026-02-10,accepted,,,,,,", "'2026-02-10' is not a week"),
        ("DEU,A1,2026-02-09,agreed,,,,,,", "verdict 'agreed' is none of accepted, changed, rejected, withdrawn"),
        ("DEU,A1,2026-02-09,changed,,,other,,,", "changed needs a price"),
        ('DEU,A1,2026-02-09,changed,"15,95",,other,,,', "price '15,95' is no price above 0"),
        ("DEU,A1,2026-02-09,changed,15.955,,other,,,", "price '15.955' is no price above 0"),
        ("DEU,A1,2026-02-09,changed,0,,other,,,", "price '0' is no price above 0"),
        ("DEU,A1,2026-02-09,changed,NaN,,other,,,", "price 'NaN' is no price above 0"),
        ("DEU,A1,2026-02-09,changed,20.99,,other,,,", "up to the list price, 19.99"),
        ("DEU,A1,2026-02-09,accepted,15.95,,,,,", "15.95 is not the recommended price, 13.95"),
        ("DEU,A1,2026-02-09,changed,13.95,,other,,,", "13.95 is the recommended price"),
        ("DEU,A1,2026-02-09,rejected,15.95,,other,,,", "rejected keeps today's price, 19.99"),
        ("DEU,A1,2026-02-09,changed,15.95,,,,,", "changed needs a decision_reason; known are too_deep, other"),
        ("DEU,A1,2026-02-09,rejected,,,whim,,,", "decision_reason 'whim' is not in the list"),
        ("DEU,A1,2026-02-09,accepted,,2026-03-03,,,,", "lock_until: '2026-03-03' is not a week"),
        ("DEU,A1,2026-02-09,accepted,,2026-02-09,,,,", "lock_until 2026-02-09 is no Monday within the 52 weeks"),
        ("DEU,A1,2026-02-09,accepted,,2062-03-06,,,,", "lock_until 2062-03-06 is no Monday within the 52 weeks"),
        ("DEU,A1,2026-02-09,withdrawn,,,,,,", "there is no decision about DEU A1, week 2026-02-09"),
        (f"DEU,A1,2026-02-09,accepted,,,,{'x' * 501},,", "the note has 501 characters; at most 500"),
        (f"DEU,A1,2026-02-09,accepted,,,,,,{'x' * 201}", "the decision_id has 201 characters; at most 200"),
        ("DEU,A1,2026-02-09,accepted,,,,,b\x1b[2Jen,", "a cell has control characters"),
    ],
)
def test_each_fault_is_said_with_its_line(line: str, fault: str) -> None:
    [said] = faults("DEU,A0,2026-02-09,accepted,,,,,,", line)

    assert said.startswith("line 3: ")
    assert fault in said


def test_all_faults_are_said_at_once() -> None:
    said = faults("DEU,A1,2026-02-09,changed,,,,,,", "DEU,A2,2026-02-09,agreed,,,whim,,,")

    assert [fault.partition(":")[0] for fault in said] == ["line 2", "line 2", "line 3", "line 3"]


def test_the_same_article_week_or_id_twice_in_a_file_is_a_fault() -> None:
    said = faults(
        "DEU,A1,2026-02-09,accepted,,,,,,x", "DEU,A2,2026-02-09,accepted,,,,,,x", "DEU,A1,2026-02-09,accepted,,,,,,"
    )

    assert said == (
        "line 3: decision_id x is on line 2, too",
        "line 4: the article-week DEU A1 2026-02-09 is on line 2, too",
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "line 1: the column country, article_id, week, verdict is missing"),
        (f"{HEAD}\n", "it holds no decision"),
        ("country;article_id;week;verdict\nDEU;A1;2026-02-09;accepted", "line 1: the column country"),
        ("country,article_id,week,verdict,reason\nDEU,A1,2026-02-09,accepted,", "line 1: 'reason' is no column"),
        ("country,article_id,week,verdict,week\nDEU,A1,2026-02-09,accepted,", "line 1: week comes twice"),
        (f"{HEAD}\nDEU,A1,2026-02-09", "line 2: 3 cells, but 10 columns"),
        ('country,article_id,week,verdict\nDEU,"A1,2026-02-09,accepted', "line 2: unexpected end of data"),
    ],
)
def test_a_text_that_is_no_list_of_decisions_is_refused(text: str, fault: str) -> None:
    with pytest.raises(BadDecisions) as error:
        lines_of(text, "decisions.csv")

    assert error.value.faults[0].startswith(fault)


def test_a_note_may_have_lines_of_its_own() -> None:
    [decision] = checked('DEU,A1,2026-02-09,accepted,,,,"one\ntwo",,').new

    assert decision.note == "one\ntwo"


def test_the_same_id_again_is_done_and_another_decision_with_it_a_fault() -> None:
    [first] = checked("DEU,A1,2026-02-09,accepted,,,,,,x").new

    again = checked("DEU,A1,2026-02-09,accepted,,,,,ben,x", against=known(first))

    assert (again.new, again.done) == ((), (first,))
    [fault] = faults("DEU,A1,2026-02-09,rejected,,,other,,,x", against=known(first))
    assert fault == "line 2: decision_id x is that of another decision"


def test_a_file_without_ids_may_be_given_twice_and_minds_may_change_back() -> None:
    """What the newest decision says already is done; an older one that says it is not enough."""
    accepted, rejected = "DEU,A1,2026-02-09,accepted,,,,,,", "DEU,A1,2026-02-09,rejected,,,other,,,"
    [first] = checked(accepted).new
    assert checked(accepted, against=known(first)).new == ()
    [second] = checked(rejected, against=known(first)).new

    [third] = checked(accepted, against=known(first, replace(second, decision_id="other"))).new

    assert third.seq == 3


def test_a_decision_of_an_earlier_week_may_be_withdrawn_once() -> None:
    """So ends a lock that was set weeks ago."""
    [lock] = checked("DEU,A1,2026-02-09,rejected,,2026-06-01,other,,,").new
    earlier = replace(lock, week=WEEK - timedelta(weeks=3))

    [withdrawn] = checked("DEU,A1,2026-01-19,withdrawn,,,,,,", against=known(earlier)).new

    assert (withdrawn.seq, withdrawn.lock_until, withdrawn.recommended_price) == (2, None, None)
    [fault] = faults("DEU,A1,2026-01-19,withdrawn,,,,,,", against=known(earlier, replace(withdrawn, decision_id="w")))
    assert "could be withdrawn" in fault
