"""What the recommendations of countries are worth. Money of several is added in euros, or not at all."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

SHOWN_DIGITS = 3
"""So many digits of a sum of money are shown to people; chosen on 2026-11-27, as its range is wider than the fourth."""

MOST_NAMED = 5
"""So many countries are named; chosen on 2026-11-27 so that a line of a message can be read."""


@dataclass(frozen=True)
class Worth:
    """What the recommendations of one country are worth.

    stake_pct : what would be lost if each article that is marked down this week waited a week instead, in % of the
        expected revenue of all articles
    stake_eur, revenue_eur : the same stake, and the expected revenue, in euros; both None where no rate is known
    over_habit_pct : by how many percent the expected revenue of the whole plan is above that of the old habit
    """

    country: str
    stake_pct: float
    over_habit_pct: float
    stake_eur: float | None = None
    revenue_eur: float | None = None

    @property
    def habit_eur(self) -> float | None:
        """The revenue that the old habit is expected to bring, in euros."""
        return self.revenue_eur and self.revenue_eur / (1 + self.over_habit_pct / 100)


def stake_in_words(worths: Sequence[Worth]) -> str:
    """What the decisions of countries are worth: a sum in euros, and the shares of those that have no rate.

    >>> stake_in_words([Worth("DEU", 0.2, 7.5, 70_609.0, 35e6), Worth("AUT", 0.1, 7.0, 3_000.0, 3e6)])
    '73,600 EUR'
    >>> stake_in_words([Worth("DEU", 0.2, 7.5, 70_609.0, 35e6), Worth("HUN", 0.15, 9.0)])
    '70,600 EUR, and 0.15 % of the expected revenue of HUN'
    """
    amounts = [each.stake_eur for each in worths if each.stake_eur is not None]
    said = [f"{rounded(sum(amounts)):,.0f} EUR"] if amounts else []
    if alone := _without_rate(worths):
        shares = _range([each.stake_pct for each in alone], ".2f")
        said.append(f"{shares} % of the expected revenue of {_named(alone)}")
    return ", and ".join(said)


def over_habit_of(worths: Sequence[Worth]) -> str:
    """What whole plans are worth against the old habit: of all countries with a rate, and of each other country.

    >>> over_habit_of([Worth("DEU", 0.2, 10.0, 1.0, 110.0), Worth("HUN", 0.15, 9.0)])
    '+10.0 %, and +9.0 % of HUN'
    """
    plan = sum(each.revenue_eur for each in worths if each.revenue_eur is not None)
    habit = sum(each.habit_eur for each in worths if each.habit_eur is not None)
    said = [f"{100 * (plan / habit - 1):+.1f} %"] if habit else []
    if alone := _without_rate(worths):
        said.append(f"{_range([each.over_habit_pct for each in alone], '+.1f')} % of {_named(alone)}")
    return ", and ".join(said)


def sentence_of(worths: Sequence[Worth]) -> str:
    """Both under their plain names; empty without any country.

    >>> sentence_of([Worth("DEU", 0.2, 7.5, 73_609.0, 35e6)])
    "This week's decisions: 73,600 EUR; the whole plan against the old habit: +7.5 %."
    """
    if not worths:
        return ""
    over_habit = over_habit_of(worths) or "nothing is expected to be sold"
    return f"This week's decisions: {stake_in_words(worths)}; the whole plan against the old habit: {over_habit}."


def rounded(amount: float) -> float:
    """The amount to SHOWN_DIGITS digits, as sentences have it; the cents of a small amount stay cents.

    >>> rounded(73_609.4), rounded(0.0), rounded(1.234)
    (73600.0, 0.0, 1.23)
    """
    return round(amount, SHOWN_DIGITS - 1 - math.floor(math.log10(abs(amount)))) if amount else 0.0


def _without_rate(worths: Sequence[Worth]) -> list[Worth]:
    """Those whose money cannot be added."""
    return [each for each in worths if each.stake_eur is None]


def _range(numbers: Sequence[float], form: str) -> str:
    """The least and the largest number; one of them where they look alike."""
    least, most = f"{min(numbers):{form}}", f"{max(numbers):{form}}"
    return least if least == most else f"{least} to {most}"


def _named(alone: Sequence[Worth]) -> str:
    """The countries that have no rate in euros: a few by their codes, more by their number."""
    if len(alone) > MOST_NAMED:
        return f"{len(alone)} countries without a rate in euros"
    return ", ".join(each.country for each in alone)
