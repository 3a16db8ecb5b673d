"""What a price may do: the rules of the pricing department, read from a file that an analyst edits."""

import hashlib
import json
import math
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

from markdown_pricing.errors import UsageError

DEFAULT_FILE = Path(__file__).parent.parent / "data" / "rules.toml"


class BadRules(UsageError):
    def __init__(self, path: Path, faults: Sequence[str]) -> None:
        self.path, self.faults = path, tuple(faults)
        listed = "".join(f"\n  - {fault}" for fault in faults)
        super().__init__(f"{path} is not a usable set of pricing rules:{listed}\nCorrect the file and start again.")


@dataclass(frozen=True)
class Rules:
    """The rules one article is priced under; `data/rules.toml` says in words what each of them means."""

    discounts_pct: tuple[float, ...] = (10, 20, 30, 40, 50, 60, 70)
    max_markdowns: int = 4
    weeks_between_markdowns: int = 2
    no_touch_weeks: frozenset[date] = frozenset()
    max_step_pct: float = 100
    relabel_cost_per_store: float = 0.0
    sell_through_target: float = 0.0
    sell_through: str = "soft"
    left_over_penalty_pct: float = 0.0
    least_gain_pct: float = 0.0
    markdown_budget: float = math.inf
    same_price_by: str = ""


@dataclass(frozen=True)
class Override:
    """Changes to the default for one country, one category (None: for all), or both."""

    country: str | None
    category: str | None
    changes: Mapping[str, Any] = field(default_factory=dict)

    def fits(self, country: str, category: str) -> bool:
        return self.country in (None, country) and self.category in (None, category)


@dataclass(frozen=True)
class RuleBook:
    """All rules: a default, and overrides of which the last that fits wins, word by word."""

    default: Rules = Rules()
    overrides: tuple[Override, ...] = ()

    def rules_for(self, country: str, category: str) -> Rules:
        rules = self.default
        for override in self.overrides:
            if override.fits(country, category):
                rules = replace(rules, **override.changes)
        return rules

    @property
    def version(self) -> str:
        """12 hex digits of what the rules say; comments and layout of the file don't count."""
        content = json.dumps([asdict(self.default), [asdict(override) for override in self.overrides]], default=_plain)
        return hashlib.sha256(content.encode()).hexdigest()[:12]


def read_rules(path: Path = DEFAULT_FILE) -> RuleBook:
    """The rule book of a TOML file; raises BadRules, which lists every fault."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadRules(path, [str(error)]) from error
    faults = [
        f"{key}: unknown; the file has [default] and [[override]]" for key in content.keys() - {"default", "override"}
    ]
    default, overrides = content.get("default", {}), content.get("override", [])
    if not isinstance(default, dict):
        raise BadRules(path, [*sorted(faults), "default: write it as a table, [default]"])
    if not isinstance(overrides, list) or not all(isinstance(override, dict) for override in overrides):
        raise BadRules(path, [*sorted(faults), "override: write each as a table, [[override]]"])
    rules = Rules(**_values("default", default, faults))
    book = RuleBook(rules, tuple(_override(number, table, faults) for number, table in enumerate(overrides, start=1)))
    if faults:
        raise BadRules(path, sorted(faults))
    return book


def _override(number: int, table: dict[str, Any], faults: list[str]) -> Override:
    where = f"override {number}"
    country, category = table.get("country"), table.get("category")
    if country is None and category is None:
        faults.append(f"{where}: name a country, a category or both; what holds for all belongs under [default]")
    if country is not None and not (isinstance(country, str) and re.fullmatch("[A-Z]{3}", country)):
        faults.append(f"{where}: country {country!r} is not three capital letters")
    if category is not None and not (isinstance(category, str) and category):
        faults.append(f"{where}: category {category!r} is not a name")
    changes = {key: value for key, value in table.items() if key not in ("country", "category")}
    if category is not None and "markdown_budget" in changes:
        faults.append(f"{where}: markdown_budget is a country's, shared by all its categories; name no category")
    if not changes:
        faults.append(f"{where}: it changes nothing")
    return Override(country, category, _values(where, changes, faults))


def _values(where: str, table: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    """The good values of a table in the types of Rules; each bad one is added to `faults`."""
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in READERS:
            faults.append(f"{where}: {key} is unknown; known are {', '.join(READERS)}")
            continue
        try:
            values[key] = READERS[key](value)
        except (TypeError, ValueError) as error:
            faults.append(f"{where}: {key} = {value!r}: {error}")
    return values


def _number(value: Any, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("not a number")
    if not least <= value <= most:
        raise ValueError(f"not from {least:g} to {most:g}")
    return float(value)


def _whole(value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("not a whole number")
    return int(_number(value, least, most))


def _discounts(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list):
        raise TypeError("not a list of percentages")
    discounts = tuple(_number(discount, 0, 100) for discount in value)
    if not discounts or min(discounts) <= 0 or max(discounts) >= 100:
        raise ValueError("give at least one discount, each between 0 and 100")
    if any(later <= earlier for earlier, later in pairwise(discounts)):
        raise ValueError("not ascending")
    return discounts


def _column(value: Any) -> str:
    if not isinstance(value, str) or not (value == "" or re.fullmatch("attr_[A-Za-z0-9_]+", value)):
        raise ValueError('not the name of a column attr_…, nor "" for none')
    return value


def _one_of(value: Any, words: Sequence[str]) -> str:
    if value not in words:
        raise ValueError(f"not one of {', '.join(words)}")
    return str(value)


def _weeks(value: Any) -> frozenset[date]:
    # A TOML date-time is a date to Python too, but not a week to an analyst.
    if not isinstance(value, list) or any(type(week) is not date for week in value):
        raise TypeError("not a list of dates like 2026-12-21")
    if no_mondays := [week.isoformat() for week in value if week.weekday() != 0]:
        raise ValueError(f"no Monday: {', '.join(no_mondays)}")
    return frozenset(value)


READERS: dict[str, Callable[[Any], Any]] = {
    "discounts_pct": _discounts,
    "max_markdowns": lambda value: _whole(value, 0, 100),
    "weeks_between_markdowns": lambda value: _whole(value, 1, 520),
    "no_touch_weeks": _weeks,
    "max_step_pct": lambda value: _number(value, 1, 100),
    "relabel_cost_per_store": lambda value: _number(value, 0, 1e6),
    "sell_through_target": lambda value: _number(value, 0, 1),
    "sell_through": lambda value: _one_of(value, ("soft", "hard")),
    "left_over_penalty_pct": lambda value: _number(value, 0, 400),
    "least_gain_pct": lambda value: _number(value, 0, 100),
    "markdown_budget": lambda value: _number(value, 0, math.inf),
    "same_price_by": lambda value: _column(value),
}


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value.isoformat()
