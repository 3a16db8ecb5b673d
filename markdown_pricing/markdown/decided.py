"""What people have decided about the articles to price, as columns beside their own; without these, nothing."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray, ObjectArray

ASKED_ANEW_WEEKS = 4
"""After so many weeks a rejected markdown that is still recommended should be looked at again, by the contract."""
STAKE_GREW = 1.25
"""So should one of which the stake has become so many times what it was."""


@dataclass(frozen=True)
class Decided:
    """What the newest decision of an earlier week about each article says, (articles,) each.

    not_applied : whether a price was decided that has not been asked since
    rejected    : whether today's price was kept against the recommendation
    week        : the week that was decided about, a date; None without a decision
    price       : the price that was decided, in local currency ; stake : what was at stake then; both NaN if unknown
    void        : why the decision cannot be followed; empty when it can
    """

    not_applied: BoolArray
    rejected: BoolArray
    week: ObjectArray
    price: FloatArray
    stake: FloatArray
    void: ObjectArray

    @classmethod
    def of(cls, articles: pd.DataFrame) -> "Decided":
        """What the columns of the articles say that `beside` has added."""
        if "decided_week" not in articles:
            none, unknown = np.zeros(len(articles), dtype=np.bool_), np.full(len(articles), np.nan)
            nothing = np.full(len(articles), None, dtype=object)
            return cls(none, none, nothing, unknown, unknown, np.full(len(articles), "", dtype=object))
        return cls(
            not_applied=articles["decided_not_applied"].to_numpy(dtype=np.bool_),
            rejected=articles["decided_rejected"].to_numpy(dtype=np.bool_),
            week=articles["decided_week"].to_numpy(dtype=object),
            price=articles["decided_price"].to_numpy(dtype=np.float64),
            stake=articles["decided_stake"].to_numpy(dtype=np.float64),
            void=articles["decided_void"].to_numpy(dtype=object),
        )

    def beside(self, articles: pd.DataFrame, locked_until: "pd.Series[pd.Timestamp]") -> pd.DataFrame:
        """The articles with these columns."""
        return articles.assign(
            locked_until=locked_until.to_numpy(),
            decided_not_applied=self.not_applied,
            decided_rejected=self.rejected,
            decided_week=self.week,
            decided_price=self.price,
            decided_stake=self.stake,
            decided_void=self.void,
        )

    def asks_for_a_look(self, weeks_ago: IntArray, stake: FloatArray) -> BoolArray:
        """Whether a markdown that was rejected so many weeks ago should be looked at again, (articles,).

        stake : what is at stake now
        """
        grew: BoolArray = (self.stake > 0) & (stake >= STAKE_GREW * self.stake)
        return (weeks_ago >= ASKED_ANEW_WEEKS) | grew
