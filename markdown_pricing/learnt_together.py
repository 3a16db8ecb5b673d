"""What the countries of a week share: learnt from each one's delivery, and pooled, with no I/O and no orchestrator."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

import pyarrow as pa

from markdown_pricing.currencies import Changeover
from markdown_pricing.demand.log_linear import learn_country
from markdown_pricing.demand.model import MODELS, UnknownModel, model_class
from markdown_pricing.demand.shared import CountryDemand, SharedDemand, pool
from markdown_pricing.errors import TRY_AGAIN, FinalError
from markdown_pricing.pricing import SEED, CountryWeek, HowToLearn, make_training_data

ALL_COUNTRIES = "all countries"
Learnt = TypeVar("Learnt")


@dataclass(frozen=True)
class LearntTogether:
    """What the countries of one week share, and which of them took part.

    articles : by country how many articles its history has ; left_out : by country why it did not take part
    faults   : by country why the model that was named learnt nothing from it; by ALL_COUNTRIES why it learnt nothing
    """

    shared: SharedDemand
    articles: Mapping[str, int]
    left_out: Mapping[str, str]
    faults: Mapping[str, str] = field(default_factory=dict)

    def not_learnt_by(self, model: str | None) -> list[str]:
        """A line for each of the faults of the model, which is named in it."""
        return [f"{model} learns nothing from {what}: {why}" for what, why in self.faults.items()]


class NothingShared(FinalError):
    def __init__(self, week: date, left_out: Mapping[str, str]) -> None:
        listed = "".join(f"\n  - {country}: {why}" for country, why in left_out.items())
        super().__init__(
            f"No country of {week} has data to learn from together:{listed or ' it has no country at all'}\n"
            "The countries can be priced without it, each where its own data is right."
        )


@dataclass(frozen=True)
class _Fault:
    """Why something could not be learnt. It is told and stops nothing else."""

    why: str


@dataclass(frozen=True)
class _FromCountry:
    demand: CountryDemand
    articles: int
    to_the_model: bytes | _Fault | None


Apply = Callable[[Callable[[str], Any], Iterable[str]], Iterable[Any]]
"""A function that applies another one to each country: `map`, or the `map` of a pool of processes."""


def learn_shared(
    week: date,
    countries: Iterable[str],
    read: Callable[[str], pa.Table],
    how: HowToLearn | None = None,
    apply: Apply = map,
    changeovers: Mapping[str, tuple[Changeover, ...]] = MappingProxyType({}),
) -> LearntTogether:
    """What `countries` share. A country whose data is broken is left out, and so is what the model fails to learn.

    read  : gives the snapshot's rows of a country; the rows of no more than one country are in memory at a time
    how   : for a model that may learn from all countries itself (`DemandModel.learn_together`); None: none does
    changeovers : the countries' changes of currency
    apply : with a pool's `map` several countries are learnt from at a time, each in a process, to which `read` is sent
    Raises NothingShared when every country is left out, and whatever is in TRY_AGAIN.
    """
    from_each: dict[str, _FromCountry] = {}
    left_out = {}
    ordered = sorted(countries)  # always in the same order, because sums of floats depend on it
    for country, learnt in zip(
        ordered, apply(partial(_learnt, week, read, how, dict(changeovers)), ordered), strict=True
    ):
        if isinstance(learnt, _Fault):
            left_out[country] = learnt.why
        else:
            from_each[country] = learnt
    if not from_each:
        raise NothingShared(week, left_out)
    shared = pool({country: one.demand for country, one in from_each.items()})
    given = {country: one.to_the_model for country, one in from_each.items()}
    learnt_by, faults = _learnt_by_the_model(week, how, given)
    articles = {country: one.articles for country, one in from_each.items()}
    return LearntTogether(replace(shared, learnt_by=learnt_by), articles, left_out, faults)


def lacks_its_own(shared: SharedDemand, model: str) -> bool:
    """Whether the model learns from all countries itself and nothing of that is there.

    It then failed to, or the countries were to be priced with another model when they learnt together.
    """
    if model in MODELS or model in shared.learnt_by:
        return False
    try:
        return model_class(model).learns_together()
    except UnknownModel:  # which is said where it is to price
        return False


def _learnt(
    week: date,
    read: Callable[[str], pa.Table],
    how: HowToLearn | None,
    changeovers: Mapping[str, tuple[Changeover, ...]],
    country: str,
) -> _FromCountry | _Fault:
    """A country's contributions and how many articles it has; or why it is left out.

    Raises what is in TRY_AGAIN.
    """

    def learn() -> _FromCountry:
        rows = make_training_data(read(country), week, country, changeovers.get(country, ()))
        history = CountryWeek.of(rows, week, country).history
        seed = SEED if how is None else how.seed
        own, articles = learn_country(history, seed), int(history["article_id"].nunique())
        if how is None:
            return _FromCountry(own, articles, None)
        model = how.model
        given = _or_fault(lambda: _bytes_of(model_class(model).contribution(history, week, seed), "contribution"))
        return _FromCountry(own, articles, given)

    return _or_fault(learn)


def _learnt_by_the_model(
    week: date, how: HowToLearn | None, given: Mapping[str, bytes | _Fault | None]
) -> tuple[dict[str, bytes], dict[str, str]]:
    """What the model learnt from what it was given, by its name, and its faults; both empty when it learns nothing.

    Raises what is in TRY_AGAIN.
    """
    faults = {country: each.why for country, each in given.items() if isinstance(each, _Fault)}
    contributions = {country: each for country, each in given.items() if isinstance(each, bytes)}
    if how is None or not contributions:
        return {}, faults
    model, arguments = how.model, (contributions, week, how.seed, how.threads)
    learnt = _or_fault(lambda: _bytes_of(model_class(model).learn_together(*arguments), "learn_together"))
    if isinstance(learnt, _Fault):
        return {}, {**faults, ALL_COUNTRIES: learnt.why}
    return ({} if learnt is None else {how.model: learnt}), faults


def _bytes_of(answer: object, method: str) -> bytes | None:
    if answer is None or isinstance(answer, bytes):
        return answer
    raise TypeError(f"{method} returned {type(answer).__name__}, and not bytes or None")


def _or_fault(learn: Callable[[], Learnt]) -> Learnt | _Fault:
    """A fault of one country, or of the model, must not stop the others. Raises what is in TRY_AGAIN."""
    try:
        return learn()
    except TRY_AGAIN:
        raise
    except Exception as error:
        return _Fault(str(error) or type(error).__name__)
