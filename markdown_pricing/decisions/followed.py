"""What became of decisions by the next snapshots: what is locked, not applied, rejected or void.

Whether a price is there is asked from the first snapshot after the week that was decided about. Of that week itself
only the locks count, so that a second run on the same Monday reads those that were set since.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from math import prod

from markdown_pricing.codes import REJECTED
from markdown_pricing.columns import CENT
from markdown_pricing.currencies import Changeover
from markdown_pricing.decisions.asked import price_to_ask
from markdown_pricing.decisions.decision import Decision, in_force, locks, why_void
from markdown_pricing.weeks import weeks_between

SAME_PRICE_SHARE = Decimal("0.015")
"""A price this near, as a share of the list price, is the decided one: the contract's meaning of applied."""
SAID_FOR_WEEKS = 4
"""That a decision is void, or its article gone, is said for so many weeks. Chosen on 2026-11-27: a month of rounds."""


@dataclass(frozen=True)
class Asked:
    """What the data say of an article's prices.

    list_price : today's ; prices : the price of each week that is known, the snapshot's included
    """

    list_price: Decimal
    prices: Mapping[date, Decimal]


@dataclass(frozen=True)
class Followed:
    """What the decisions about an article mean for its row of this week.

    week, price, stake : of the newest decision of an earlier week, or of a void one
    locked_until       : the Monday until which the price is held ; void : why the decision cannot be followed
    """

    week: date | None = None
    price: Decimal | None = None
    stake: Decimal | None = None
    not_applied: bool = False
    rejected: bool = False
    locked_until: date | None = None
    void: str = ""


@dataclass(frozen=True)
class FollowedUp:
    """The decisions about one country as its round reads them.

    articles : what they mean, by article ; gone : a sentence for each decision about an article that is not there
    """

    articles: Mapping[str, Followed]
    gone: tuple[str, ...]


def follow(decisions: Iterable[Decision], week: date, articles: Mapping[str, Asked]) -> FollowedUp:
    """What the decisions about one country's weeks up to `week` mean for its articles in that week.

    articles : those to price, or at least those of them that somebody has decided about
    """
    known = sorted((each for each in in_force(decisions) if each.week <= week), key=lambda each: each.week)
    locked = locks(known, week)
    newest = {each.article_id: each for each in known}
    before = {each.article_id: each for each in known if each.week < week}
    by_article, gone = {}, []
    for article, decision in newest.items():
        asked, ago = articles.get(article), weeks_between(decision.week, week)
        if asked is None:
            if ago < SAID_FOR_WEEKS:
                gone.append(f"{article}: {decision.says} in the week of {decision.week}, but the article is gone")
            continue
        earlier = before.get(article)
        was_locked = earlier is not None and article in locks(known, earlier.week)
        wanted = price_to_ask(earlier, was_locked, asked.prices.get(earlier.week) if earlier else None)
        followed = _followed(decision, earlier, wanted, locked.get(article), ago < SAID_FOR_WEEKS, asked)
        if followed != Followed():
            by_article[article] = followed
    return FollowedUp(by_article, tuple(gone))


def in_currency_of(
    week: date, decisions: Iterable[Decision], changeovers: Sequence[Changeover]
) -> tuple[Decision, ...]:
    """The decisions with all money in the currency of `week`: that of weeks before a changeover by its factor.

    changeovers : the country's changes of currency
    """
    return tuple(_converted(each, units_of_one(each.week, week, changeovers)) for each in decisions)


def units_of_one(earlier: date, later: date, changeovers: Sequence[Changeover]) -> Decimal:
    """How many units of the currency of the earlier week are one of the later one's."""
    return prod((Decimal(str(each.factor)) for each in changeovers if earlier < each.since <= later), start=Decimal(1))


def _converted(decision: Decision, divisor: Decimal) -> Decision:
    if divisor == 1:
        return decision

    def in_cents(amount: Decimal | None) -> Decimal | None:
        return amount and max((amount / divisor).quantize(CENT), CENT)

    return replace(
        decision,
        price=in_cents(decision.price),
        recommended_price=in_cents(decision.recommended_price),
        current_price=in_cents(decision.current_price),
        stake=in_cents(decision.stake),
    )


def _followed(
    newest: Decision, before: Decision | None, wanted: Decimal | None, lock: Decision | None, is_new: bool, asked: Asked
) -> Followed:
    """What the newest decision means, and the newest one of an earlier week, which wanted this price."""
    until, void = lock.locked_until if lock else None, why_void(newest)
    if void is not None:
        return Followed(newest.week, locked_until=until, void=void) if is_new else Followed(locked_until=until)
    if before is None or why_void(before) is not None:
        return Followed(locked_until=until)
    about = before.week, wanted, before.stake
    if before.verdict == REJECTED:
        return Followed(*about, rejected=True, locked_until=until)
    if wanted is None or _was_asked(wanted, before.week, asked):
        return Followed(locked_until=until)
    return Followed(*about, not_applied=True, locked_until=until)


def _was_asked(price: Decimal, decided_about: date, asked: Asked) -> bool:
    """Whether the price was asked in a week after the one that was decided about."""
    near = SAME_PRICE_SHARE * asked.list_price
    return any(week > decided_about and abs(each - price) <= near for week, each in asked.prices.items())


def locks_in_short(decisions: Iterable[Decision], week: date) -> str:
    """The locks that hold in the week as a text, by which two rounds can be told apart; empty without any."""
    held = locks((each for each in in_force(decisions) if each.week <= week), week)
    return " ".join(f"{article}:{decision.locked_until}" for article, decision in sorted(held.items()))
