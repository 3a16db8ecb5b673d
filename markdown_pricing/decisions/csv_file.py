"""A CSV file of decisions: read, and checked against what the ERP shows and what is decided already.

All rows are taken or none, and each fault is named with its line.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from markdown_pricing.codes import (
    ACCEPTED,
    CHANGED,
    IMPORT,
    LONGEST_NOTE,
    NEEDS_REASON,
    REJECTED,
    VERDICTS,
    WITHDRAWN,
)
from markdown_pricing.columns import CENT
from markdown_pricing.decisions.decision import ArticleWeek, Decision
from markdown_pricing.errors import UnusableFile
from markdown_pricing.weeks import NotAWeek, parse_week

REQUIRED = ("country", "article_id", "week", "verdict")
OPTIONAL = ("price", "lock_until", "decision_reason", "note", "decided_by", "decision_id")
LONGEST_LOCK = timedelta(weeks=52)
"""A lock for longer is taken for a slip of the pen. Chosen on 2026-11-27: hardly an article sells for longer."""
LONGEST_ID = 200
"""Characters of a decision_id, which an index of PostgreSQL takes. Chosen on 2026-11-27."""


class BadDecisions(UnusableFile):
    what = "list of decisions"


@dataclass(frozen=True)
class Line:
    """A row of the file: the line on which it ends, and its cells by column, without blanks around them."""

    number: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


@dataclass(frozen=True)
class ShownArticle:
    """What the ERP shows of an article at the moment, in local currency."""

    week: date
    list_price: Decimal
    recommended_price: Decimal
    current_price: Decimal
    stake: Decimal | None
    run_id: str


@dataclass(frozen=True)
class Known:
    """What the file is checked against.

    seen    : by country and article ; reasons : the known codes
    decided : the newest decision about each article and week, withdrawn ones included
    by_id   : all decisions of the countries by their id
    numbers : the highest number about each article and week, of rows that cannot be read, too
    """

    seen: Mapping[tuple[str, str], ShownArticle]
    reasons: Mapping[str, str]
    decided: Mapping[ArticleWeek, Decision]
    by_id: Mapping[str, Decision]
    numbers: Mapping[ArticleWeek, int]


@dataclass(frozen=True)
class Writer:
    """Who writes the decisions of a file, and when.

    decided_by : who decided, where the file does not say ; new_id : makes an id, where the file gives none
    """

    decided_by: str
    decided_at: datetime
    batch_id: str
    new_id: Callable[[], str]


@dataclass(frozen=True)
class Checked:
    """The decisions of a file: those to write, and those that stand there already."""

    new: tuple[Decision, ...]
    done: tuple[Decision, ...]


def lines_of(text: str, file: str) -> list[Line]:
    """The rows of a CSV text with a line of column names. Raises BadDecisions, which lists every fault."""
    reader = csv.reader((f"{line}\n" for line in text.split("\n")), strict=True)
    try:
        head = [name.strip() for name in next(reader, [])]
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise BadDecisions(file, [f"line {reader.line_num}: {error}"]) from error
    rows = [(number, row) for number, row in rows if any(row)]
    faults = list(_faults_of_head(head))
    faults += [
        f"line {number}: {len(row)} cells, but {len(head)} columns" for number, row in rows if len(row) != len(head)
    ]
    if not faults and not rows:
        faults = ["it holds no decision"]
    if faults:
        raise BadDecisions(file, faults)
    return [Line(number, dict(zip(head, row, strict=True))) for number, row in rows]


def _faults_of_head(head: Sequence[str]) -> Iterator[str]:
    known = (*REQUIRED, *OPTIONAL)
    if missing := [name for name in REQUIRED if name not in head]:
        yield f"line 1: the column {', '.join(missing)} is missing; give the names of the columns, with commas between"
    if unknown := [name for name in head if name not in known]:
        yield f"line 1: {', '.join(map(repr, unknown))} is no column; known are {', '.join(known)}"
    if twice := sorted({name for name in head if head.count(name) > 1}):
        yield f"line 1: {', '.join(twice)} comes twice"


def check_rows(lines: Sequence[Line], known: Known, writer: Writer, file: str) -> Checked:
    """The decisions in the lines, each with the number that follows the last one about its article and week.

    A decision whose id is there with the same content, or that gives no id and says what the newest one says already,
    is done. Raises BadDecisions, which lists every fault with its line.
    """
    faults: list[str] = []
    new, done = [], []
    first_with: dict[object, int] = {}
    for line in lines:
        own_faults = list(_faults(line, known))
        for key in _keys(line):
            if key in first_with:
                own_faults.append(f"{key[0]} {key[1]} is on line {first_with[key]}, too")
            first_with.setdefault(key, line.number)
        if own_faults:
            faults += [f"line {line.number}: {fault}" for fault in own_faults]
            continue
        decision = _decision(line, known, writer)
        there = known.by_id.get(line["decision_id"]) if line["decision_id"] else known.decided.get(decision.about)
        if there is not None and _says_the_same(decision, there):
            done.append(there)
        elif line["decision_id"] and there is not None:
            faults.append(f"line {line.number}: decision_id {line['decision_id']} is that of another decision")
        else:
            new.append(decision)
    if faults:
        raise BadDecisions(file, faults)
    return Checked(tuple(new), tuple(done))


def _keys(line: Line) -> Iterator[tuple[str, str]]:
    """What may come once in a file."""
    yield "the article-week", f"{line['country']} {line['article_id']} {line['week']}"
    if line["decision_id"]:
        yield "decision_id", line["decision_id"]


def _faults(line: Line, known: Known) -> Iterator[str]:
    """What is wrong with a line, each fault a phrase that goes on from its number."""
    verdict, week = line["verdict"], _week(line["week"])
    if verdict not in VERDICTS:
        yield f"verdict {verdict!r} is none of {', '.join(VERDICTS)}"
    if week is None:
        yield str(NotAWeek(repr(line["week"])))
    else:
        yield from _faults_of_article(line, week, known)
    yield from _faults_of_lock(line, week)
    reason = line["decision_reason"]
    if reason and reason not in known.reasons:
        yield f"decision_reason {reason!r} is not in the list; known are {', '.join(known.reasons)}"
    if not reason and verdict in NEEDS_REASON:
        yield f"{verdict} needs a decision_reason; known are {', '.join(known.reasons)}"
    if len(line["note"]) > LONGEST_NOTE:
        yield f"the note has {len(line['note'])} characters; at most {LONGEST_NOTE} are kept"
    if len(line["decision_id"]) > LONGEST_ID:
        yield f"the decision_id has {len(line['decision_id'])} characters; at most {LONGEST_ID} are taken"
    if any(not text.isprintable() for name, text in line.cells.items() if name != "note"):
        yield "a cell has control characters"
    if "\0" in line["note"]:
        yield "the note has control characters"


def _faults_of_article(line: Line, week: date, known: Known) -> Iterator[str]:
    """What is wrong with country, article, week and price."""
    country, article, verdict = line["country"], line["article_id"], line["verdict"]
    if verdict == WITHDRAWN:
        decided = known.decided.get((country, article, week))
        if decided is None or (decided.verdict == WITHDRAWN and not line["decision_id"]):
            yield f"there is no decision about {country} {article}, week {week}, that could be withdrawn"
        if line["price"]:
            yield "withdrawn takes no price"
        return
    seen = known.seen.get((country, article))
    if seen is None:
        any_row = any(code == country for code, _ in known.seen)
        yield f"the ERP has no {f'article {article!r} in {country}' if any_row else f'rows of a country {country!r}'}"
    elif seen.week != week:
        yield f"the ERP shows {country} for week {seen.week}; decide about that week, not {week}"
    else:
        yield from _faults_of_price(line, seen)


def _faults_of_price(line: Line, seen: ShownArticle) -> Iterator[str]:
    verdict, given = line["verdict"], line["price"]
    if not given:
        if verdict == CHANGED:
            yield "changed needs a price"
        return
    price = _amount(given)
    if price is None or not 0 < price <= seen.list_price:
        yield f"price {given!r} is no price above 0 and up to the list price, {seen.list_price}, like 12.95"
    elif verdict == ACCEPTED and price != seen.recommended_price:
        yield f"{price} is not the recommended price, {seen.recommended_price}: the verdict is then changed"
    elif verdict == CHANGED and price == seen.recommended_price:
        yield f"{price} is the recommended price: the verdict is then accepted"
    elif verdict == REJECTED and price != seen.current_price:
        yield f"rejected keeps today's price, {seen.current_price}: with another one the verdict is changed"


def _faults_of_lock(line: Line, week: date | None) -> Iterator[str]:
    if not line["lock_until"]:
        return
    until = _week(line["lock_until"])
    if line["verdict"] == WITHDRAWN:
        yield "withdrawn takes no lock_until"
    elif until is None:
        yield f"lock_until: {NotAWeek(repr(line['lock_until']))}"
    elif week is not None and not week < until <= week + LONGEST_LOCK:
        yield f"lock_until {until} is no Monday within the {LONGEST_LOCK.days // 7} weeks after {week}"


def _decision(line: Line, known: Known, writer: Writer) -> Decision:
    """The decision in a line without a fault."""
    about = line["country"], line["article_id"], _week(line["week"]) or date.min
    verdict = line["verdict"]
    seen = None if verdict == WITHDRAWN else known.seen[about[:2]]
    price = _amount(line["price"]) if verdict == CHANGED else None
    return Decision(
        decision_id=line["decision_id"] or writer.new_id(),
        country=about[0],
        article_id=about[1],
        week=about[2],
        seq=known.numbers.get(about, 0) + 1,
        verdict=verdict,
        price=seen.recommended_price if seen and verdict == ACCEPTED else price,
        lock_until=_week(line["lock_until"]),
        recommended_price=seen.recommended_price if seen else None,
        current_price=seen.current_price if seen else None,
        stake=seen.stake if seen else None,
        run_id=seen.run_id if seen else None,
        decision_reason=line["decision_reason"] or None,
        note=line["note"] or None,
        decided_by=line["decided_by"] or writer.decided_by,
        source=IMPORT,
        batch_id=writer.batch_id,
        decided_at=writer.decided_at,
    )


def _says_the_same(one: Decision, other: Decision) -> bool:
    def what(decision: Decision) -> tuple[object, ...]:
        words = decision.decision_reason, decision.note
        return decision.about, decision.verdict, decision.asked_price, decision.lock_until, *words

    return what(one) == what(other)


def _week(text: str) -> date | None:
    try:
        return parse_week(text)
    except NotAWeek:
        return None


def _amount(text: str) -> Decimal | None:
    """An amount in whole cents; None when it is none."""
    try:
        amount = Decimal(text)
        return amount.quantize(CENT) if amount == amount.quantize(CENT) else None
    except InvalidOperation:
        return None
