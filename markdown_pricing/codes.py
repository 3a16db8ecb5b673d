"""The words that may stand in the coded columns of the ERP's tables, each declared once.

They are the contract's. The tables check some of them, and what the columns mean is said with them.
"""

from collections.abc import Sequence
from enum import StrEnum

ACTIONS = MARKDOWN, KEEP = "markdown", "keep"
"""What is recommended for an article this week."""
SEVERITIES = ACT, LOOK, INFO = "act", "look", "info"
"""What somebody should do about an exception: act, have a look, or only know."""
ARMS = ON_PLAN, ON_HABIT = "plan", "habit"
"""How an article is priced in a comparison: by the plan, or by the old habit."""
VERDICTS = ACCEPTED, CHANGED, REJECTED, WITHDRAWN = "accepted", "changed", "rejected", "withdrawn"
"""What somebody decided about a recommended price."""
VERDICTS_IN_FORCE = (ACCEPTED, CHANGED, REJECTED)
"""Those of decisions that stand."""
NEEDS_REASON = (CHANGED, REJECTED)
"""The verdicts that need a decision_reason."""
SOURCES = ERP, IMPORT, PAGE, RULE = "erp", "import", "page", "rule"
"""Where a decision was made."""
LONGEST_NOTE = 500
"""Characters of a note about a decision."""
STATES = OPEN, APPLIED, APPLIED_LATE, NOT_APPLIED, OVERTAKEN, UNKNOWN = (
    *("open", "applied", "applied_late"),
    *("not_applied", "overtaken", "unknown"),
)
"""Whether a price was asked in the shops."""
PHASES = LAUNCH, MIDDLE, END = "launch", "middle", "end"
"""The third of its life in which an article was."""
STATUSES = INTERIM, FINAL = "interim", "final"
"""Whether the season of an effect has ended."""
EVERYTHING = "all"
"""The scope of an effect that is measured over the cells of all countries together."""
NOBODY = "none"
"""In the place of a verdict, or of its reason: nobody decided."""


class ReasonCode(StrEnum):
    """Why a price is what it is: reason_code."""

    BAD_DATA = "bad_data"
    AWAITS_STOCK = "awaits_stock"
    SOLD_OUT = "sold_out"
    PAST_END = "past_end"
    TEMPORARY_PRICE = "temporary_price"
    LOCKED = "locked"
    MARKDOWN_BY_HABIT = "markdown_by_habit"
    HELD_ON_HABIT = "held_on_habit"
    MARKDOWN_FOR_TARGET = "markdown_for_target"
    MARKDOWN_WITH_GROUP = "markdown_with_group"
    MARKDOWN_NOW = "markdown_now"
    NO_RUNG_LEFT = "no_rung_left"
    BLOCKED_BY_NUMBER = "blocked_by_number"
    TOO_SMALL = "too_small"
    BLOCKED_BY_STEP = "blocked_by_step"
    BLOCKED_BY_FULL_PRICE = "blocked_by_full_price"
    BLOCKED_BY_INTERVAL = "blocked_by_interval"
    NO_TOUCH_WEEK = "no_touch_week"
    BLOCKED_BY_BUDGET = "blocked_by_budget"
    TOO_LITTLE_GAIN = "too_little_gain"
    WAIT = "wait"
    KEEP_PRICE = "keep_price"


class ExceptionCode(StrEnum):
    """What somebody should look at: exception_code."""

    BAD_DATA = "bad_data"
    SOLD_OUT = "sold_out"
    PAST_END = "past_end"
    NOT_APPLIED = "not_applied"
    VOID_DECISION = "void_decision"
    ASKED_AGAIN = "asked_again"
    FAR_END = "far_end"
    BAD_MARGIN = "bad_margin"
    INFEASIBLE_RULES = "infeasible_rules"
    TARGET_OUT_OF_REACH = "target_out_of_reach"
    GROUP_APART = "group_apart"
    UNKNOWN_CATEGORY = "unknown_category"
    NO_HISTORY = "no_history"
    OFF_LADDER = "off_ladder"
    CERTAIN_LEFTOVER = "certain_leftover"


class OptionRule(StrEnum):
    """What forbids a price of this week, in this order, or why one worth more was not taken."""

    FULL_PRICE_WEEKS = "full_price_weeks"
    TOO_SMALL = "too_small"
    TOO_SOON = "too_soon"
    TOO_MANY = "too_many"
    NO_TOUCH_WEEK = "no_touch_week"
    MAX_STEP = "max_step"
    BELOW_SALVAGE = "below_salvage"
    GROUP_LADDER = "group_ladder"
    LOCKED = "locked"
    ARM = "arm"
    LEAST_GAIN = "least_gain"
    BUDGET = "budget"


def one_of(words: Sequence[str]) -> str:
    """The words in a sentence.

    >>> one_of(VERDICTS)
    'accepted, changed, rejected or withdrawn'
    """
    return f"{', '.join(words[:-1])} or {words[-1]}"
