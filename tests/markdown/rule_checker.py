"""The contract's rules in plain Python, one article at a time: it shares no code with what it checks."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from markdown_pricing.countries import PriceEnding
from markdown_pricing.markdown.rules import Rules


def cents(price: float) -> int:
    return round(price * 100)


def nearest_ending(target: Fraction, endings: Sequence[PriceEnding]) -> int:
    """The nearest price with such an ending, found by looking at those around the target."""
    points = []
    for ending in endings:
        below = max(int(target) - ending.cents, 0) // ending.every_cents
        points += [ending.cents + steps * ending.every_cents for step in range(3) if (steps := below - 1 + step) >= 0]
    return min(points, key=lambda price: (abs(price - target), price))


def ladder(list_cents: int, discounts_pct: Sequence[float], endings: Sequence[PriceEnding]) -> list[int]:
    rungs = []
    for discount in discounts_pct:
        exact = list_cents * (100 - Fraction(discount)) / 100
        rungs.append(nearest_ending(Fraction(int(exact + Fraction(1, 2))), endings))
    return rungs


def markdown_weeks(own: Mapping[str, Any]) -> list[int]:
    """Weeks (0: the snapshot's, below 0: before) in which the article had a markdown that counts, read row by row."""
    weeks = sorted(own["prices"])
    list_price = own["list_price"]
    list_by_week = list_price if isinstance(list_price, Mapping) else dict.fromkeys(weeks, list_price)
    shares = {week: Fraction(cents(own["prices"][week]), cents(list_by_week[week])) for week in weeks}
    falls, changed_in = [], {}
    reference = Fraction(1)
    for before, week in zip([None, *weeks], weeks, strict=False):
        unseen = own["launch"] < 0 if before is None else before < -1
        changed_in[week] = -1 if week == 0 and unseen else week
        last = cents(list_by_week[week]) if before is None else cents(own["prices"][before])
        if shares[week] <= reference - Fraction(3, 100) and cents(own["prices"][week]) < last:
            falls.append((week, reference, shares[week]))
            reference = shares[week]
        elif shares[week] >= reference + Fraction(3, 100):
            reference = min(shares[week], Fraction(1))
    return [
        changed_in[week]
        for week, high, low in falls
        if not any(
            later > week and changed_in[later] <= changed_in[week] + 4 and shares[later] - low >= (high - low) / 2
            for later in weeks
        )
    ]


def prices_below(own: Mapping[str, Any], rules: Rules, endings: Sequence[PriceEnding]) -> list[int]:
    """The different rungs below today's price, in whole cents, falling."""
    rungs = ladder(cents(own["list_price"]), rules.discounts_pct, endings)
    return sorted({rung for rung in rungs if rung < cents(own["prices"][0])}, reverse=True)


def forbidding_rule(own: Mapping[str, Any], price: int, week: date, rules: Rules) -> str | None:
    """The first rule, in the contract's order, that forbids to ask `price`, in whole cents, in this week."""
    fell = markdown_weeks(own)
    points = Fraction((cents(own["prices"][0]) - price) * 100, cents(own["list_price"]))
    full_price = min(rules.full_price_weeks, (own["weeks_left"] - own["launch"]) // 3)
    forbids = {
        "full_price_weeks": rules.full_price_weeks > 0 and -own["launch"] < full_price,
        "too_small": points < 3,
        "too_soon": bool(fell) and -max(fell) < rules.weeks_between_markdowns,
        "too_many": len(fell) >= rules.max_markdowns,
        "no_touch_week": week in rules.no_touch_weeks,
        "max_step": rules.max_step_pct < 100 and points >= Fraction(rules.max_step_pct) + Fraction(1, 2),
        "below_salvage": price < own["salvage"] * 100 - 1e-6,
    }
    return next((rule for rule, yes in forbids.items() if yes), None)


def broken_rules(
    own: Mapping[str, Any], path: Sequence[tuple[date, float]], week: date, rules: Rules, endings: Sequence[PriceEnding]
) -> Iterator[str]:
    """What is wrong with a path of (week, price) for the article, in words."""
    expected_weeks = [week + timedelta(weeks=ahead) for ahead in range(max(own["weeks_left"], 1))]
    if [day for day, _ in path] != expected_weeks:
        yield f"weeks {[day for day, _ in path]}"
    rungs = ladder(cents(own["list_price"]), rules.discounts_pct, endings)
    before, fell = cents(own["prices"][0]), markdown_weeks(own)
    for ahead, (day, price) in enumerate(path):
        now = cents(price)
        if now == before:
            continue
        if now > before:
            yield f"{day}: raised from {before} to {now}"
        if now not in rungs:
            yield f"{day}: {now} is not one of {rungs}"
        if price < own["salvage"] - 1e-9:
            yield f"{day}: {price} is below salvage {own['salvage']}"
        if len(fell) >= rules.max_markdowns:
            yield f"{day}: markdown number {len(fell) + 1} of {rules.max_markdowns}"
        if fell and ahead - max(fell) < rules.weeks_between_markdowns:
            yield f"{day}: {ahead - max(fell)} weeks after the last markdown"
        if day in rules.no_touch_weeks:
            yield f"{day}: no-touch week"
        full_price = min(rules.full_price_weeks, (own["weeks_left"] - own["launch"]) // 3)
        if rules.full_price_weeks and ahead - own["launch"] < full_price:
            yield f"{day}: a markdown in the first {full_price} weeks"
        points = Fraction((before - now) * 100, cents(own["list_price"]))
        if points < 3:
            yield f"{day}: a step of {float(points)} points is too small"
        if rules.max_step_pct < 100 and points >= Fraction(rules.max_step_pct) + Fraction(1, 2):
            yield f"{day}: a step of {float(points)} points"
        if ahead >= own["weeks_left"]:
            yield f"{day}: changed after the end"
        fell.append(ahead)
        before = now
