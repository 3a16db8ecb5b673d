"""Which price the shops should ask this week, by what was decided about it, or else by what was advised."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from markdown_pricing.decisions.decision import Decision, in_force, locks, why_void


@dataclass(frozen=True)
class ToAsk:
    """The price of an article, in local currency, and whether somebody decided it."""

    price: Decimal
    decided: bool


def prices_to_ask(
    decisions: Iterable[Decision], week: date, current: Mapping[str, Decimal], advised: Mapping[str, Decimal]
) -> dict[str, ToAsk]:
    """The price to ask for each article of one country in `week`.

    A locked price is held, whatever price was decided. A decision counts before the advice, and where nobody decided
    about this week, or the decision is void, the advice is taken. An article without advice is held at its price.

    current : today's price by article ; advised : the recommended one, which may be there for some of them
    """
    known = [each for each in in_force(decisions) if each.week <= week]
    locked = locks(known, week)
    decided = {each.article_id: each for each in known if each.week == week and why_void(each) is None}
    found = {}
    for article, price in current.items():
        if article in locked:
            found[article] = ToAsk(price, True)
        elif article in decided:
            found[article] = ToAsk(decided[article].asked_price or price, True)
        else:
            found[article] = ToAsk(advised.get(article, price), False)
    return found
