"""Which price the shops should ask this week, by what was decided about it, or else by what was recommended."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from markdown_pricing.codes import REJECTED
from markdown_pricing.decisions.decision import Decision, in_force, locks, why_void


@dataclass(frozen=True)
class ToAsk:
    """The price of an article, in local currency, and whether somebody decided it."""

    price: Decimal
    decided: bool


def price_to_ask(decision: Decision | None, is_locked: bool, today: Decimal | None) -> Decimal | None:
    """The price of an article that people want the shops to ask in a week; None where they do not say.

    A locked price is held, whatever price was decided.

    decision  : the one in force about this week; None without any, and a void one counts as none
    is_locked : whether a lock holds in this week
    today     : the price of the week's snapshot. A rejected markdown leaves it as it is; what the decision's row says
        of it was written by people's tools, and nobody has checked that.
    """
    if is_locked:
        return today
    if decision is None or why_void(decision) is not None:
        return None
    return today if decision.verdict == REJECTED else decision.asked_price


def prices_to_ask(
    decisions: Iterable[Decision], week: date, current: Mapping[str, Decimal], recommended: Mapping[str, Decimal]
) -> dict[str, ToAsk]:
    """The price to ask for each article of one country in `week`.

    A locked price is held, whatever price was decided. A decision counts before the recommendation, and where nobody
    decided about this week, or the decision is void, the recommended price is taken. An article without one is held at
    its price.

    current : today's price by article ; recommended : the recommended one, which may be there for some of them
    """
    known = [each for each in in_force(decisions) if each.week <= week]
    locked = locks(known, week)
    decided = {each.article_id: each for each in known if each.week == week}
    to_ask = {}
    for article, today in current.items():
        wanted = price_to_ask(decided.get(article), article in locked, today)
        to_ask[article] = ToAsk(recommended.get(article, today), False) if wanted is None else ToAsk(wanted, True)
    return to_ask
