"""The rules of the pricing department, which say how a price may move. An analyst edits their file."""

import hashlib
import json
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, Strict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass

from markdown_pricing.currencies import is_code
from markdown_pricing.declared import as_written, faults_of
from markdown_pricing.errors import UnusableFile


class BadRules(UnusableFile):
    what = "set of pricing rules"


def _ascending(discounts: tuple[float, ...]) -> tuple[float, ...]:
    if any(later <= earlier for earlier, later in pairwise(discounts)):
        raise ValueError("should ascend")
    return discounts


def _monday(week: date) -> date:
    if week.weekday() != 0:
        raise ValueError("should be a Monday")
    return week


def _group_column(name: str) -> str:
    if not re.fullmatch("(attr_[A-Za-z0-9_]+)?", name):
        raise ValueError('should be the name of a column attr_…, or "" for none')
    return name


# These types are strict: neither true nor a number in quotes is a number, and a date with a time of day is no week.
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Discount = Annotated[Number, Field(gt=0, lt=100)]
Monday = Annotated[date, Strict(), AfterValidator(_monday)]


@pydantic_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Rules:
    """The rules under which one article is priced.

    A field is an option of `data/rules.toml`, with its bounds, its default and its meaning. That file has each option
    under its description, and `tests/markdown/test_rules.py` compares the file with the fields.
    """

    discounts_pct: Annotated[tuple[Discount, ...], Field(min_length=1), AfterValidator(_ascending)] = Field(
        default=(10, 20, 30, 40, 50, 60, 70),
        description="The ladder: discounts off the list price, in percent, smallest first. Each is rounded to the "
        "country's price endings.",
    )
    max_markdowns: Whole = Field(
        default=4, ge=0, le=100, description="How many markdowns an article may have in its whole life."
    )
    weeks_between_markdowns: Whole = Field(
        default=2,
        ge=1,
        le=520,
        description="How many weeks lie between one markdown and the next: 2 means that a price first sold in one "
        "week may fall again two weeks later.",
    )
    full_price_weeks: Whole = Field(
        default=4,
        ge=0,
        le=520,
        description="An article is not marked down before its launch, nor in its first so many selling weeks, of "
        "which the launch week is the first. These are never more than a third of its selling weeks. A "
        "price group is held while the larger part of its stock is. 0 allows markdowns at once.",
    )
    no_touch_weeks: frozenset[Monday] = Field(
        default=frozenset(),
        description="The weeks, by their Mondays, in which no price may change, for example [2026-12-21, 2026-12-28].",
    )
    max_step_pct: Number = Field(
        default=100,
        ge=1,
        le=100,
        description="The largest single markdown, in percentage points of the list price, measured to the whole "
        "point. 100 means no limit.",
    )
    relabel_cost_per_store: Number = Field(
        default=0.0,
        ge=0,
        le=1e6,
        description="What new labels for one article cost in one store, in local currency. A markdown must earn it "
        "back.",
    )
    sell_through_target: Number = Field(
        default=0.0,
        ge=0,
        le=1,
        description="The share of the stock that is to be sold by the end week, from 0 (no target) to 1.",
    )
    sell_through: Literal["soft", "hard"] = Field(
        default="soft",
        description='What happens when the best plan misses the target: "soft" puts left_over_penalty_pct on each unit '
        'beyond it, so that the target gives way where it would cost too much; "hard" marks down by as much as it '
        "takes. Where no markdowns that the rules allow reach it, the row says target_out_of_reach.",
    )
    left_over_penalty_pct: Number = Field(
        default=0.0,
        ge=0,
        le=400,
        description="What each unit left over beyond a soft target costs, in percent of the list price.",
    )
    least_gain_pct: Number = Field(
        default=0.1,
        ge=0,
        le=100,
        description="A markdown this week must bring at least so many percent of the article's expected revenue more "
        "than waiting a week. This keeps prices from moving for next to nothing, except for a hard "
        "sell-through target. 0 lets every cent count.",
    )
    markdown_budget: Number = Field(
        default=math.inf,
        ge=0,
        description="What a country's plans may give away in all, in local currency: today's price less the planned "
        "one, over the units sold at it, to the end week. It is spent where it brings most. inf means no "
        "limit, and 0 allows no markdown. It is a country's, not a category's.",
    )
    same_price_by: Annotated[str, AfterValidator(_group_column)] = Field(
        default="",
        description="Articles of one category with the same value of this column (attr_...) have one price from "
        'their next markdown on. They are planned together, under the strictest member\'s limits. "" '
        "plans each alone. Members whose prices have no rung in common stay alone, and their rows say "
        "group_apart.",
    )


OPTIONS = {own.name: own for own in fields(Rules)}
RULES = TypeAdapter(Rules)


@dataclass(frozen=True)
class Override:
    """Changes of the default for one country, for one category, or for one category of one country.

    country, category : None stands for all
    """

    country: str | None
    category: str | None
    changes: Mapping[str, Any] = field(default_factory=dict)

    def fits(self, country: str, category: str) -> bool:
        """Whether the override holds for this category of this country."""
        return self.country in (None, country) and self.category in (None, category)


@dataclass(frozen=True)
class RuleBook:
    """All rules: a default, and overrides. For each option the last override that fits and has it wins."""

    default: Rules = field(default_factory=Rules)
    overrides: tuple[Override, ...] = ()

    def rules_for(self, country: str, category: str) -> Rules:
        """The rules for a category of a country: the default, changed by every override that fits."""
        rules = self.default
        for override in self.overrides:
            if override.fits(country, category):
                rules = replace(rules, **override.changes)
        return rules

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits that stand for what the rules say, whatever the file's comments and layout."""
        content = json.dumps([asdict(self.default), [asdict(override) for override in self.overrides]], default=_plain)
        return hashlib.sha256(content.encode()).hexdigest()[:12]


def rules_in(text: str, file: str) -> RuleBook:
    """The rules in the text of a TOML `file`. Raises BadRules, which names the file and lists every fault."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadRules(file, [str(error)]) from error
    faults = [
        f"{key}: unknown; the file has [default] and [[override]]" for key in content.keys() - {"default", "override"}
    ]
    default, overrides = content.get("default", {}), content.get("override", [])
    if not isinstance(default, dict):
        raise BadRules(file, [*sorted(faults), "default: write it as a table, [default]"])
    if not isinstance(overrides, list) or not all(isinstance(override, dict) for override in overrides):
        raise BadRules(file, [*sorted(faults), "override: write each as a table, [[override]]"])
    rules = Rules(**_values("default", default, faults))
    book = RuleBook(rules, tuple(_override(number, table, faults) for number, table in enumerate(overrides, start=1)))
    if faults:
        raise BadRules(file, sorted(faults))
    return book


def _override(number: int, table: dict[str, Any], faults: list[str]) -> Override:
    where = f"override {number}"
    country, category = table.get("country"), table.get("category")
    if country is None and category is None:
        faults.append(f"{where}: name a country, a category or both; what holds for all belongs under [default]")
    if country is not None and not (isinstance(country, str) and is_code(country)):
        faults.append(f"{where}: country = {as_written(country)}: it should be three capital letters")
    if category is not None and not (isinstance(category, str) and category):
        faults.append(f"{where}: category = {as_written(category)}: it should be a name")
    changes = {key: value for key, value in table.items() if key not in ("country", "category")}
    if category is not None and "markdown_budget" in changes:
        faults.append(f"{where}: markdown_budget is a country's, shared by all its categories; name no category")
    if not changes:
        faults.append(f"{where}: it changes nothing")
    return Override(country, category, _values(where, changes, faults))


def _values(where: str, table: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    """The values of a table in the types of Rules. When one is bad, there are none, and `faults` gets each bad one."""
    try:
        rules = RULES.validate_python(table)
    except ValidationError as error:
        faults += [f"{where}: {fault}" for fault in faults_of(error, table, OPTIONS).values()]
        return {}
    values = asdict(rules)
    return {key: values[key] for key in table}


def _plain(value: frozenset[date] | date) -> list[date] | str:
    return sorted(value) if isinstance(value, frozenset) else value.isoformat()
