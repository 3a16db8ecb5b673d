"""An article's own level, trend and price response, as a decision in each week could know them.

    log demand = curve of its category + level + trend · share of life lived + response · log price ratio

These three are an article's deviations from its category. At launch they are normal, the level around a guess by the
article's attributes. Each week's sales correct them in proportion to what is still unknown: a Kalman filter in logs, in
which Fisher scoring finds the mode of negative binomial likelihood times normal prior (Fahrmeir 1992, "Posterior mode
estimation by extended Kalman filtering for multivariate dynamic generalized linear models"), from which the correction
goes on to the mean. The level is a random walk, so that sales of long ago count less. How much is still unknown is also
kept. A young article's demand may be half or twice the forecast in all weeks to come. This is not weekly noise, and the
plan has to allow for it.

The numbers of steps and their sizes were chosen by judgement on 2026-11-24 and 2026-11-25. The search of
`choose_own_effects` begins at the scales of `OwnEffects`. What others would bring was not measured.
"""

from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, replace
from typing import Self

import numpy as np
from scipy.special import gammaln

from markdown_pricing.arrays import BoolArray, FloatArray, IntArray, each_array, rows_of
from markdown_pricing.demand.pooling import LOG_RANGE
from markdown_pricing.demand.sold_out import at_least, fill_sold_out
from markdown_pricing.forecast import with_level_unknown

NEWTON_STEPS = 3
"""How many Fisher scoring steps look for the mode after each week."""
LARGEST_STEP = 1.0
"""The largest of these steps, in logs, so that one odd week throws no article off."""
LARGEST_LEAN = 0.3
"""The largest way from mode to mean, in logs. The approximation is for the bulk of a posterior, not for its tails."""
SCALING, MOST_SCALINGS = 1.4, 2
"""A scale of OwnEffects is tried larger and smaller by this factor, each at most so many times."""


@dataclass(frozen=True)
class OwnEffects:
    """How far articles deviate from their category, as standard deviations in logs.

    level_sd : of the level at launch ; trend_sd : of the trend over a whole life
    price_sd : of the elasticity      ; walk_sd  : of the change of the level from one week to the next
    The defaults are those of a model that has learnt nothing.
    """

    level_sd: float = 0.8
    trend_sd: float = 0.4
    price_sd: float = 0.25
    walk_sd: float = 0.07


@dataclass(frozen=True)
class Sales:
    """What the filter reads. All arrays but `dispersion` are (articles, weeks), with NaN where an article has no row.

    units, stock      : sold in the week, and on the shelf at its start ; censored : 1 where the stock limited the sales
    curve             : log of the demand that the category expects of an article of level 0
    life_share, price : the regressors of trend and response ; dispersion : (articles,), of demand
    """

    units: FloatArray
    stock: FloatArray
    censored: FloatArray
    curve: FloatArray
    life_share: FloatArray
    price: FloatArray
    dispersion: FloatArray

    def part(self, articles: IntArray) -> "Sales":
        """The sales of these articles, (part,), alone."""
        return rows_of(self, articles)


@dataclass(frozen=True)
class Level:
    """The normal posterior of each article's effects before each week, and after the last one.

    An article has a state for its launch, and one after each week in which it was on sale.
    mean       : (states, 3, articles), of level, trend and response, in logs
    covariance : (states, 6, articles), of level with level, trend and response, of trend with trend and response,
                 and of response with response
    place      : (articles,), where in these each article stands
    state      : (articles, weeks + 1), the number of the state that an article is in before each week
    walks      : (articles, weeks + 1), how often the level has walked since then
    walk_sd    : the standard deviation of the level's change in a week
    """

    mean: FloatArray
    covariance: FloatArray
    place: IntArray
    state: IntArray
    walks: FloatArray
    walk_sd: float

    def part(self, articles: IntArray) -> "Level":
        """The same of these articles, (part,), alone."""
        return replace(self, place=self.place[articles], state=self.state[articles], walks=self.walks[articles])

    def before(self, cell: tuple[IntArray, IntArray]) -> tuple[FloatArray, FloatArray]:
        """The mean, (cells, 3), and the covariance, (cells, 6), of articles' effects before the cells of the panel."""
        state, place = self.state[cell], self.place[cell[0]]
        mean, covariance = self.mean[state, :, place], self.covariance[state, :, place]
        covariance[:, 0] += self.walks[cell] * self.walk_sd**2
        return mean, covariance

    def at(
        self, cell: tuple[IntArray, IntArray], life_share: FloatArray, price: FloatArray, ahead: IntArray | int = 0
    ) -> tuple[FloatArray, FloatArray]:
        """The mean and variance of articles' deviations from their curves, as they are known in the cells of the panel.

        life_share, price : (cells,) or (cells, weeks), of the weeks that are asked about ; ahead : how many weeks ahead
        """
        mean, covariance = self.before(cell)
        if life_share.ndim > 1:
            mean, covariance = mean[:, np.newaxis], covariance[:, np.newaxis]
        expected = mean[..., 0] + mean[..., 1] * life_share + mean[..., 2] * price
        a, b, c = _gain(np.moveaxis(covariance, -1, 0), life_share, price)
        return expected, a + b * life_share + c * price + ahead * self.walk_sd**2


def follow_level(sales: Sales, guess: FloatArray, own: OwnEffects, guess_sd: FloatArray | None = None) -> Level:
    """Each article's effects before each week: the guess of its level at launch, corrected by each week's sales.

    guess    : (articles,), in logs
    guess_sd : (articles,), how unsure the guess is; None means `own.level_sd` for all
    """
    scales = _scales_of([own], len(guess))
    if guess_sd is not None:
        scales[0] = guess_sd
    lives = _Lives.of(sales)
    following = _Filter(lives, guess[lives.articles], scales[:, lives.articles])
    states = len(lives.count) + 1
    mean, covariance = np.empty((states, 3, len(guess))), np.empty((states, 6, len(guess)))
    mean[0], covariance[0] = following.mean, following.covariance
    for step, count in enumerate(lives.count):
        following.correct(following.foresee(step))
        now = slice(count)
        mean[step + 1, :, now], covariance[step + 1, :, now] = following.mean[:, now], following.covariance[:, now]
    state = np.pad(_on_sale(sales).cumsum(axis=1), ((0, 0), (1, 0)))
    return Level(mean, covariance, np.argsort(lives.articles), state, _walks(sales), own.walk_sd)


def likelihood(sales: Sales, guess: FloatArray, own: OwnEffects) -> float:
    """The log likelihood of all sales, each as it was foreseen on its Monday. `choose_own_effects` maximises it."""
    return float(_log_chances(_Lives.of(sales), guess, [own])[0])


def choose_own_effects(sales: Sales, guess: FloatArray, start: OwnEffects) -> OwnEffects:
    """The scales under which the sales are most likely: each in turn is made smaller or larger while that helps."""
    lives, best = _Lives.of(sales), start
    [reached] = _log_chances(lives, guess, [start])
    for name in ("walk_sd", "trend_sd", "level_sd", "price_sd"):
        ways = [_scaled(best, name, factor) for factor in (1 / SCALING, SCALING)]
        # To follow all at once takes less time than to follow one after the other only as far as it helps.
        log_chances = _log_chances(lives, guess, [tried for way in ways for tried in way]).reshape(len(ways), -1)
        for way, chances in zip(ways, log_chances, strict=True):
            for tried, log_chance in zip(way, chances, strict=True):
                if log_chance <= reached:
                    break
                best, reached = tried, log_chance
            if best in way:
                break
    return best


def _scaled(own: OwnEffects, name: str, factor: float) -> list[OwnEffects]:
    """The same with one scale times the factor, then times its square, and so on, MOST_SCALINGS in all."""
    return [replace(own, **{name: asdict(own)[name] * factor**times}) for times in range(1, MOST_SCALINGS + 1)]


def _scales_of(owns: Sequence[OwnEffects], articles: int) -> FloatArray:
    """The fields of OwnEffects for each article under each of `owns`, (4, articles · owns), the owns side by side."""
    return np.tile(np.array([astuple(own) for own in owns]).T, articles)


def _log_chances(lives: "_Lives", guess: FloatArray, owns: Sequence[OwnEffects]) -> FloatArray:
    """The log likelihood of all sales under each of `owns`, (owns,)."""
    repeated = lives.repeated(len(owns))
    following = _Filter(repeated, guess[repeated.articles], _scales_of(owns, len(guess)))
    log_chances = np.zeros(len(owns))
    for step in range(len(lives.count)):
        foreseen = following.foresee(step)
        log_chances += _log_chance(foreseen).reshape(-1, len(owns)).sum(axis=0)
        following.correct(foreseen)
    return log_chances


@dataclass(frozen=True)
class _Lives:
    """The weeks in which articles were on sale, one after the other, so that all articles begin at the first step.

    The filter steps through these weeks and not through those of the calendar, which are many more. The articles with
    most weeks come first, so that those which have as many weeks as a step asks for are a slice.

    articles : (articles,), their places in the sales ; count : (steps,), how many articles have so many weeks
    walks    : how often the level has walked since the article's last week on sale, or since its launch
    All other arrays are those of `Sales`, (steps, articles), and 0 after an article's last week; dispersion (articles,)
    """

    articles: IntArray
    count: IntArray
    walks: FloatArray
    units: FloatArray
    censored: BoolArray
    curve: FloatArray
    life_share: FloatArray
    price: FloatArray
    dispersion: FloatArray

    @classmethod
    def of(cls, sales: Sales) -> Self:
        on_sale = _on_sale(sales)
        weeks = on_sale.sum(axis=1)
        order = np.argsort(-weeks, kind="stable")
        shape = int(weeks.max(initial=0)), len(order)
        row, column = np.nonzero(on_sale)
        step, place = np.arange(len(row)) - np.repeat(np.cumsum(weeks) - weeks, weeks), np.argsort(order)[row]

        def in_steps(grid: FloatArray) -> FloatArray:
            laid_out = np.zeros(shape)
            laid_out[step, place] = grid[row, column]
            return laid_out

        return cls(
            articles=order,
            count=(weeks > np.arange(shape[0])[:, np.newaxis]).sum(axis=1),
            walks=in_steps(_walks(sales)),
            units=np.maximum(in_steps(sales.units), 0.0),
            censored=in_steps(sales.censored) > 0,
            curve=in_steps(sales.curve),
            life_share=in_steps(sales.life_share),
            price=in_steps(sales.price),
            dispersion=sales.dispersion[order],
        )

    def repeated(self, times: int) -> Self:
        """The same with each article so many times, side by side."""
        wide = each_array(lambda array: np.repeat(array, times, axis=-1), self)
        return replace(wide, count=self.count * times)


def _on_sale(sales: Sales) -> BoolArray:
    """Where an article has a row and stock, (articles, weeks). No other week says anything of it."""
    return ~np.isnan(sales.units) & (sales.stock > 0)


def _walks(sales: Sales) -> FloatArray:
    """How often each level has walked since the last week on sale before each week, (articles, weeks + 1).

    It walks after each week that has a row. An article that has no row keeps what is known of it.
    """
    rows = np.pad(np.isfinite(sales.units).cumsum(axis=1, dtype=np.float64), ((0, 0), (1, 0)))
    until_last = np.where(_on_sale(sales), rows[:, :-1], 0.0)
    walks: FloatArray = rows - np.pad(np.maximum.accumulate(until_last, axis=1), ((0, 0), (1, 0)))
    return walks


@dataclass(frozen=True)
class _Foreseen:
    """What is foreseen of the articles that have a week at one step, and what they sold. Arrays are (articles,).

    log_mean, variance : of the log of demand ; gain : (3, articles), its covariance with level, trend and response
    """

    units: FloatArray
    censored: BoolArray
    dispersion: FloatArray
    log_mean: FloatArray
    variance: FloatArray
    gain: FloatArray


class _Filter:
    """What is known of articles, as it steps through their lives.

    mean, covariance : (3, articles) and (6, articles), as in `Level` ; scales : (4, articles), fields of OwnEffects
    """

    def __init__(self, lives: _Lives, guess: FloatArray, scales: FloatArray) -> None:
        self._lives, (*launch, self._walk) = lives, np.square(scales)
        self.mean, self.covariance = np.zeros((3, len(guess))), np.zeros((6, len(guess)))
        self.mean[0] = guess
        self.covariance[[0, 3, 5]] = launch

    def foresee(self, step: int) -> _Foreseen:
        """What is foreseen of the week at this step, after the level has walked there."""
        lives, now = self._lives, slice(self._lives.count[step])
        x, p = lives.life_share[step, now], lives.price[step, now]
        self.covariance[0, now] += lives.walks[step, now] * self._walk[now]
        mean, gain = self.mean[:, now], np.stack(_gain(self.covariance[:, now], x, p))
        return _Foreseen(
            units=lives.units[step, now],
            censored=lives.censored[step, now],
            dispersion=lives.dispersion[now],
            log_mean=lives.curve[step, now] + mean[0] + mean[1] * x + mean[2] * p,
            variance=gain[0] + gain[1] * x + gain[2] * p,
            gain=gain,
        )

    def correct(self, foreseen: _Foreseen) -> None:
        """Learn from what was sold in the week that was foreseen."""
        log_mean, weight = _learnt_from(foreseen)
        gain, now = foreseen.gain, slice(len(log_mean))
        self.mean[:, now] += gain * ((log_mean - foreseen.log_mean) / foreseen.variance)
        self.covariance[:, now] -= gain[_ROWS] * gain[_COLUMNS] / (foreseen.variance + 1.0 / weight)


_ROWS, _COLUMNS = [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]


def _gain(covariance: FloatArray, x: FloatArray, p: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The product of the covariance, (6, …), with the vector (1, x, p), as three arrays."""
    c = covariance
    return c[0] + c[1] * x + c[2] * p, c[1] + c[3] * x + c[4] * p, c[2] + c[4] * x + c[5] * p


def _learnt_from(week: _Foreseen) -> tuple[FloatArray, FloatArray]:
    """The log of mean demand to expect after a week's sales, and the information in these sales, both (articles,).

    The mode of likelihood times prior is found first. To get to the mean, half the log posterior's third derivative
    times the squared variance is added (Tierney & Kadane 1986), because many unforeseen units say more than few.
    """
    dispersion, log_mean, known = week.dispersion, week.log_mean, 1.0 / week.variance
    for _ in range(NEWTON_STEPS):
        mu = np.exp(_within(log_mean, *LOG_RANGE))
        demand, share = fill_sold_out(week.units, week.censored, mu, dispersion)
        weight = mu / (1.0 + dispersion * mu)
        slope = weight * (demand - mu) / mu - (log_mean - week.log_mean) / week.variance
        log_mean = log_mean + _within(slope / (share * weight + known), -LARGEST_STEP, LARGEST_STEP)
    mu = np.exp(_within(log_mean, *LOG_RANGE))
    spread = 1.0 + dispersion * mu
    weight = share * mu / spread
    third = -mu * (1.0 + dispersion * week.units) * (1.0 - dispersion * mu) / (spread * spread * spread)
    to_the_mean = np.where(week.censored, 0.0, third / 2.0 / np.square(weight + known))
    return log_mean + _within(to_the_mean, -LARGEST_LEAN, LARGEST_LEAN), weight


def _log_chance(week: _Foreseen) -> FloatArray:
    """The log of the chance of each article's sales, as they were foreseen, (articles,)."""
    units, size = week.units, 1.0 / with_level_unknown(week.dispersion, week.variance)
    mu = np.exp(_within(week.log_mean + week.variance / 2.0, *LOG_RANGE))
    p = size / (size + mu)
    chance: FloatArray = gammaln(units + size) - gammaln(size) - gammaln(units + 1)
    chance += size * np.log(p) + units * np.log1p(-p)
    if week.censored.any():  # all that is known of such a week is that demand was at least as large as its sales
        limited = np.flatnonzero(week.censored)
        reached = at_least(units[limited], size[limited], 1.0 - p[limited])
        chance[limited] = np.log(np.maximum(reached, 1e-12))
    return chance


def _within(values: FloatArray, least: float, most: float) -> FloatArray:
    """The same as np.clip, which takes twice the time for as few values as a step has."""
    return np.minimum(np.maximum(values, least), most)
