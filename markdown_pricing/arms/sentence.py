"""What may be said of a comparison: an effect with its interval, and whether the season is over.

Nothing is said to be saved where no cell was held, and an effect whose interval holds 0 is not called one.
"""

from dataclasses import dataclass

from markdown_pricing.arms.effect import Effect
from markdown_pricing.codes import FINAL, INTERIM
from markdown_pricing.texts.words import counted


@dataclass(frozen=True)
class ComparisonResult:
    """What is known of a season's comparison.

    effect   : None where no cell of either arm has an article that has ended
    reckoned : what the model reckoned that the plan brings more, as a share of the habit's; None where that is unknown
    ended, open_articles : articles of the season whose last week is sold, and others
    """

    season: str
    effect: Effect | None
    reckoned: float | None
    ended: int
    open_articles: int

    @property
    def status(self) -> str:
        """A season is over when each of its articles is; before that those that ended early stand for all."""
        return INTERIM if self.open_articles or self.effect is None else FINAL

    @property
    def factor(self) -> tuple[float, float, float] | None:
        """By how much the model's own reckoning is to be multiplied, with its 95 % interval; None without either."""
        if self.effect is None or self.reckoned is None or self.reckoned <= 0:
            return None
        own = self.effect
        return own.value / self.reckoned, own.low / self.reckoned, own.high / self.reckoned

    @property
    def sentence(self) -> str:
        """The effect in one or two sentences."""
        if self.effect is None:
            return (
                f"Interim: of season {self.season} no articles have ended in both arms yet, so that nothing is known."
            )
        own = self.effect
        interval = f"{100 * own.low:+.1f} and {100 * own.high:+.1f} %"
        if own.low <= 0 <= own.high:
            said = f"no difference between plan and old habit can be told: it lies between {interval}"
        else:
            more = "more" if own.value > 0 else "less"
            said = (
                f"the plan brought {abs(100 * own.value):.1f} % {more} revenue than the old habit, with 19 chances in "
                f"20 between {interval}"
            )
        begins = (
            f"Interim, with {counted(self.open_articles, 'article')} still on sale: in season"
            if (self.status == INTERIM)
            else "In season"
        )
        return (
            f"{begins} {self.season} {said} ({counted(self.ended, 'article')}, {own.held} of {own.cells} cells held on "
            f"the habit; {100 * own.detectable:.1f} % would have been found with 4 chances in 5).{self._of_reckoning()}"
        )

    def _of_reckoning(self) -> str:
        if self.factor is None or self.reckoned is None:
            return ""
        value, low, high = self.factor
        return (
            f" The model reckoned {100 * self.reckoned:+.1f} %: multiply its reckoning by {value:.2f} "
            f"({low:.2f} to {high:.2f})."
        )
