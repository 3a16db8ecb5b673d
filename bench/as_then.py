"""A command of this package without what commit 849ec51 did not do, so that both do the same work.

    python bench/as_then.py price --lake LAKE --week WEEK --out FILE [...]
    python bench/as_then.py run --week WEEK [...]

That commit had no menu of prices with what each is worth, no stake, no sentences, and no forecast of the coming week by
what just happened. The price of an article is found as ever.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from markdown_pricing.__main__ import main  # noqa: E402
from markdown_pricing.demand import gradient_boosting  # noqa: E402
from markdown_pricing.markdown import planning, policy, recommendation, task  # noqa: E402
from markdown_pricing.markdown.dynamic_programme import Problem  # noqa: E402
from markdown_pricing.markdown.menu import Expected, Menu  # noqa: E402
from markdown_pricing.markdown.policy import Solution  # noqa: E402
from markdown_pricing.markdown.reasons import ReasonCodes  # noqa: E402
from markdown_pricing.markdown.stake import Stake  # noqa: E402
from markdown_pricing.markdown.task import Task  # noqa: E402
from markdown_pricing.markdown.valuation import PathValue  # noqa: E402


def best_path_alone(problem: Problem, each_price: bool) -> Solution:
    """The path after the best price, and after no other."""
    solution = policy.solve(problem, each_price=False)
    return replace(solution, after=np.zeros(problem.units.shape, dtype=np.int64)) if each_price else solution


def recommended_alone(alone: Task, _groups: Any, _solution: Any, best: PathValue, *_: Any) -> Menu:
    """The recommended price alone, without what it is worth."""
    none = np.full((len(best.rungs), 1), np.nan)
    return Menu(
        cents=np.rint(100 * alone.ladders.prices_in(best.rungs)[:, :1]).astype(np.int64),
        value=none,
        by_level=none[..., np.newaxis],
        rule=np.full(none.shape, None, dtype=object),
        expected=Expected(none, none, none, none, none),
        chosen=np.zeros(len(none), dtype=np.int64),
    )


def no_stake(alone: Any, *_: Any) -> Stake:
    none = np.full(len(alone.demand.units), np.nan)
    return Stake(none, none, none)


def no_facts(rows: pd.DataFrame, *_: Any) -> Iterator[None]:
    return repeat(None, len(rows))


IN_PLACE_OF: Sequence[tuple[object, str, Any]] = (
    (gradient_boosting, "learn_near", lambda *_: None),
    (task, "solve", best_path_alone),
    (planning, "menu_of", recommended_alone),
    (planning, "stake_of", no_stake),
    (recommendation, "row_facts", no_facts),
    (ReasonCodes, "sentence", lambda *_: ""),
)
"""Where each function is called by its name, the name, and what stands there instead."""


for place, name, instead in IN_PLACE_OF:  # in the workers that `run` starts, too, which import this module
    setattr(place, name, instead)

if __name__ == "__main__":
    main()
