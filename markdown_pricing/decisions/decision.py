"""What somebody decided about a recommended price, and which of the decisions about an article and week counts.

People's tools write rows that nobody has checked. A row that cannot be read is left out and named; one that can be read
but makes no sense is void. Neither is an error of a round.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from itertools import count

from markdown_pricing.codes import (
    ACCEPTED,
    CHANGED,
    NEEDS_REASON,
    REJECTED,
    VERDICTS,
    WITHDRAWN,
)
from markdown_pricing.columns import CENT
from markdown_pricing.weeks import CLOCKS_MAY_DIFFER, ONE_WEEK, monday_of

SOMEBODY = "somebody"
"""This stands for whoever decided where no name is kept."""
LAST_MONDAY = date(2199, 12, 30)
"""A lock for longer ends here. Chosen on 2026-11-27: pandas counts days until 2262, and nobody plans so far ahead."""

ArticleWeek = tuple[str, str, date]
"""Country, article_id and week."""


class UnreadableDecision(ValueError):
    """A row of markdown_decisions of which a value cannot be read; the message says which."""


@dataclass(frozen=True)
class Decision:
    """A row of markdown_decisions, in the order of its columns. Money is in local currency, times know their zone."""

    decision_id: str
    country: str
    article_id: str
    week: date
    seq: int
    verdict: str
    price: Decimal | None
    lock_until: date | None
    recommended_price: Decimal | None
    current_price: Decimal | None
    stake: Decimal | None
    run_id: str | None
    decision_reason: str | None
    note: str | None
    decided_by: str
    source: str
    batch_id: str | None
    decided_at: datetime

    @classmethod
    def of(cls, row: Mapping[str, str | None]) -> "Decision":
        """The decision in a row whose values are texts, as `erp.decisions` reads them. Raises UnreadableDecision."""
        values: dict[str, object] = dict(row)
        for names, parse in ((_DAYS, _day), (_AMOUNTS, _amount), (("decided_at",), _moment), (("seq",), int)):
            for name in names:
                given = row[name]
                try:
                    values[name] = None if given is None else parse(given)
                except (ValueError, ArithmeticError):
                    raise UnreadableDecision(f"{row['decision_id']}: {name} is {given!r}") from None
        if empty := [name for name in _FILLED if values[name] is None]:
            raise UnreadableDecision(f"{row['decision_id']}: {', '.join(empty)} is empty")
        return cls(**{field.name: values[field.name] for field in fields(cls)})  # type: ignore[arg-type]

    @property
    def about(self) -> ArticleWeek:
        """The country, the article and the week that it is about."""
        return self.country, self.article_id, self.week

    @property
    def asked_price(self) -> Decimal | None:
        """The price that the shops should ask by it; None when the row does not say."""
        if self.verdict == REJECTED:
            return self.current_price
        return self.recommended_price if self.verdict == ACCEPTED and self.price is None else self.price

    @property
    def locked_until(self) -> date | None:
        """The Monday until which the price is held: `lock_until`, or the Monday after it where that is another day."""
        if self.lock_until is None or self.lock_until >= LAST_MONDAY:
            return self.lock_until and LAST_MONDAY
        monday = monday_of(self.lock_until)
        return monday if monday == self.lock_until else monday + ONE_WEEK

    @property
    def says(self) -> str:
        """The decision in words: the verdict, the price and the lock."""
        price = self.asked_price if self.verdict in (ACCEPTED, CHANGED) else None
        at = "" if price is None else f" at {price}"
        return f"{self.verdict}{at}" + (f", locked until {self.locked_until}" if self.lock_until else "")


COLUMNS = tuple(field.name for field in fields(Decision))
"""The columns of markdown_decisions."""
_DAYS = ("week", "lock_until")
_AMOUNTS = ("price", "recommended_price", "current_price", "stake")
"""The columns of money."""
_FILLED = ("country", "article_id", "week", "seq", "verdict", "decided_by", "source", "decided_at")


@dataclass(frozen=True)
class DecisionsRead:
    """The decisions in rows of the table, and what is wrong with rows that could not be read."""

    decisions: tuple[Decision, ...]
    unreadable: tuple[str, ...]


def read(rows: Iterable[Mapping[str, str | None]]) -> DecisionsRead:
    """The decisions in the rows, whose values are texts."""
    decisions, unreadable = [], []
    for row in rows:
        try:
            decisions.append(Decision.of(row))
        except UnreadableDecision as error:
            unreadable.append(str(error))
    return DecisionsRead(tuple(decisions), tuple(unreadable))


def last_numbers(rows: Iterable[Mapping[str, str | None]]) -> dict[ArticleWeek, int]:
    """The highest number about each article and week, of rows that cannot be read, too: their numbers are taken."""
    last: dict[ArticleWeek, int] = {}
    for row in rows:
        country, article = row["country"], row["article_id"]
        try:
            about, number = (country or "", article or "", _day(row["week"] or "")), int(row["seq"] or "")
        except ValueError:
            continue
        last[about] = max(number, last.get(about, number))
    return last


def newest(decisions: Iterable[Decision]) -> dict[ArticleWeek, Decision]:
    """The newest decision about each article and week, withdrawn ones included."""
    by_article_and_week: dict[ArticleWeek, Decision] = {}
    for decision in decisions:
        if decision.about not in by_article_and_week or by_article_and_week[decision.about].seq < decision.seq:
            by_article_and_week[decision.about] = decision
    return by_article_and_week


def without_persons(rows: Iterable[Mapping[str, str | None]]) -> list[dict[str, str | None]]:
    """The rows with what prices are found by, and neither who decided nor what they noted."""
    return [{**row, "note": None, "decided_by": row["decided_by"] and SOMEBODY} for row in rows]


def made_before(moment: datetime, rows: Iterable[Mapping[str, str | None]]) -> list[Mapping[str, str | None]]:
    """The rows that were written before the moment by their own time, and those whose time cannot be read."""
    return [row for row in rows if not _is_later(row["decided_at"], moment)]


def _is_later(text: str | None, moment: datetime) -> bool:
    try:
        return text is not None and _moment(text) >= moment
    except (ValueError, ArithmeticError):
        return False


def in_force(decisions: Iterable[Decision]) -> list[Decision]:
    """The newest decision about each article and week, without those that are withdrawn, as the view has them."""
    return [decision for decision in newest(decisions).values() if decision.verdict != WITHDRAWN]


def locks(decisions: Iterable[Decision], week: date) -> dict[str, Decision]:
    """By article the decision that locks its price in `week`, of the decisions in force about one country.

    A lock holds until its Monday, unless its decision is withdrawn or a later decision has a lock of its own.
    """
    with_lock = [
        decision
        for decision in decisions
        if decision.lock_until is not None and decision.week <= week and why_void(decision) is None
    ]
    latest = {decision.article_id: decision for decision in sorted(with_lock, key=lambda each: (each.week, each.seq))}
    return {article: each for article, each in latest.items() if each.locked_until and each.locked_until > week}


def why_void(decision: Decision) -> str | None:
    """Why the decision cannot be followed, whatever the article is doing; None when it can."""
    if decision.verdict not in VERDICTS:
        return f"there is no verdict {decision.verdict!r}"
    if decision.week.weekday() != 0:
        return f"its week, {decision.week}, is no Monday"
    if decision.verdict in (ACCEPTED, CHANGED) and not (decision.asked_price or 0) > 0:
        return "it does not say at which price"
    if decision.locked_until is not None and decision.locked_until <= decision.week:
        return f"its lock until {decision.lock_until} is over before it begins"
    return None


def remarks(decisions: Sequence[Decision], reasons: Mapping[str, str], now: datetime) -> dict[str, list[str]]:
    """What is odd about decisions that count all the same, by the id of the newest of their article and week.

    decisions : all those about the articles and weeks ; reasons : the known codes ; now : by the ERP's clock
    """
    numbers: dict[ArticleWeek, set[int]] = {}
    for decision in decisions:
        numbers.setdefault(decision.about, set()).add(decision.seq)
    said = {
        decision.decision_id: list(_remarks(decision, numbers[decision.about], reasons, now))
        for decision in newest(decisions).values()
    }
    return {each: lines for each, lines in said.items() if lines}


def _remarks(decision: Decision, numbers: set[int], reasons: Mapping[str, str], now: datetime) -> Iterator[str]:
    code = decision.decision_reason
    if code is None and decision.verdict in NEEDS_REASON:
        yield "it gives no reason"
    elif code is not None and code not in reasons:
        yield f"its reason {code!r} is not in the list"
    if decision.decided_at > now + CLOCKS_MAY_DIFFER:
        yield f"its time, {decision.decided_at.isoformat()}, lies in the future"
    if decision.lock_until != decision.locked_until:
        yield f"its lock until {decision.lock_until} is held until {decision.locked_until}"
    missing = next(number for number in count(1) if number not in numbers)
    if missing < decision.seq:
        yield f"no decision has the number {missing} before it"


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _amount(text: str) -> Decimal:
    amount = Decimal(text)
    if not amount.is_finite():
        raise InvalidOperation
    return amount.quantize(CENT)


def _moment(text: str) -> datetime:
    """A time without a zone is in UTC, as the contract has it for SQLite; PostgreSQL gives the zone with each."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
