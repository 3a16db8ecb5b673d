"""A demand model may learn from all countries itself; what it fails to learn stops nobody."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner

from markdown_pricing import pricing
from markdown_pricing.__main__ import cli
from markdown_pricing.backtest.twin import NotShared, Setting, shared_with
from markdown_pricing.countries import read_countries
from markdown_pricing.demand.model import MODELS
from markdown_pricing.demand.shared import SharedDemand
from markdown_pricing.errors import TransientError
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.learnt_together import ALL_COUNTRIES, LearntTogether, lacks_its_own, learn_shared
from tests.quick import STEADY, Steady, deliver, sold

WEEK, CODES = date(2026, 2, 9), ("AUT", "CZE", "SVK")
TOGETHER = f"{__name__}:Together"
BROKEN: dict[str, Exception | object] = {}
"""What `Together` raises or returns in a country, or in ALL_COUNTRIES, instead of learning."""
HAPPENED: list[str] = []


class Together(Steady):
    """It learns in how many weeks articles were in stock in all countries."""

    shared: SharedDemand | None = None

    @classmethod
    def contribution(cls, history, week, seed):
        [country] = history["country"].unique()
        HAPPENED.append(f"given {country}")
        return spoilt(country) or json.dumps([int((history["stock"] > 0).sum()), str(week), seed]).encode()

    @classmethod
    def learn_together(cls, contributions, week, seed, threads=1):
        HAPPENED.append("learnt")
        rows = {country: json.loads(data)[0] for country, data in contributions.items()}
        return spoilt(ALL_COUNTRIES) or json.dumps({**rows, "threads": threads}).encode()

    def fit(self, history, week, seed, threads=1, shared=None) -> None:
        HAPPENED.append(f"fit before {week} with {shared and shared.learnt}")
        super().fit(history, week, seed, threads)


class Silent(Together):
    """One that decides to give nothing."""

    @classmethod
    def contribution(cls, history, week, seed):
        return None


def spoilt(where: str) -> Any:
    if isinstance(fault := BROKEN.get(where), Exception):
        raise fault
    return fault


@pytest.fixture(autouse=True)
def nothing_happened() -> Iterator[None]:
    HAPPENED.clear()
    yield
    BROKEN.clear()


def read(code: str) -> pa.Table:
    HAPPENED.append(f"read {code}")
    return sold(code, WEEK, 6)


def learn(model: str | None = TOGETHER, read: Callable[[str], pa.Table] = read, **how: int) -> LearntTogether:
    return learn_shared(WEEK, CODES, read, None if model is None else pricing.HowToLearn(model, **how))


def learnt(by: LearntTogether) -> Mapping[str, int]:
    data = by.shared.for_country("AUT", TOGETHER).learnt
    return {} if data is None else json.loads(data)


def test_each_country_gives_while_its_rows_are_there_and_then_the_model_learns_once() -> None:
    """The rows of no more than one country are in memory at a time."""
    assert set(learnt(learn(threads=3))) == {*CODES, "threads"}
    assert learnt(learn(threads=3))["threads"] == 3
    one_by_one = [event for code in CODES for event in (f"read {code}", f"given {code}")]
    assert 2 * [*one_by_one, "learnt"] == HAPPENED


def test_what_it_learnt_comes_to_its_fit_and_to_no_other_model() -> None:
    shared = learn().shared
    assert shared.for_country("AUT", STEADY).learnt is None
    assert shared.for_country("AUT").learnt is None
    week = pricing.CountryWeek.of(pricing.make_training_data(read("AUT"), WEEK, "AUT"), WEEK, "AUT")
    pricing.fit_or_step_down(week, pricing.HowToLearn(TOGETHER), shared=shared)
    assert str(shared.learnt_by[TOGETHER]) in HAPPENED[-2]


def test_a_model_that_is_judged_by_its_last_weeks_gets_nothing_that_was_learnt_with_them() -> None:
    week = pricing.CountryWeek.of(pricing.make_training_data(read("AUT"), WEEK, "AUT"), WEEK, "AUT")
    HAPPENED.clear()
    pricing.fit_or_step_down(week, pricing.HowToLearn(TOGETHER), shared=learn().shared)
    priced_by, judged = [event for event in HAPPENED if event.startswith("fit")]
    assert priced_by.startswith(f"fit before {WEEK} with b'")
    assert judged == "fit before 2026-01-12 with None"


@pytest.mark.parametrize("model", [*MODELS, STEADY, f"{__name__}:Silent"])
def test_for_a_model_that_learns_nothing_itself_the_bytes_are_those_without_it(model: str) -> None:
    with_it, without = learn(model), learn(None)
    assert with_it.shared.to_bytes() == without.shared.to_bytes()
    assert b"learnt_by" not in without.shared.to_bytes()
    assert with_it.faults == {}


def test_the_bytes_hold_what_was_learnt_and_are_the_same_again() -> None:
    data = learn().shared.to_bytes()
    assert data == learn().shared.to_bytes()
    again = SharedDemand.from_bytes(data)
    assert again.learnt_by == learn().shared.learnt_by
    assert again.to_bytes() == data
    with pytest.raises(ValueError, match=r"[Bb]ase64"):
        SharedDemand.from_bytes(data.replace(b'"learnt_by": {"', b'"learnt_by": {"other": "no base64!", "'))


@pytest.mark.parametrize("fault", [ZeroDivisionError("division by zero"), "a text"])
def test_a_country_that_it_cannot_learn_from_is_named_and_left_out_of_its_own_learning_only(fault: object) -> None:
    BROKEN["CZE"] = fault
    without = learn()
    assert set(learnt(without)) == {"AUT", "SVK", "threads"}
    [(country, why)] = without.faults.items()
    assert (country, why) in {("CZE", "division by zero"), ("CZE", "contribution returned str, and not bytes or None")}
    assert set(without.shared.seen) == set(without.articles) == set(CODES)


@pytest.mark.parametrize("fault", [RuntimeError("CUDA is gone"), "a text"])
def test_a_model_that_cannot_learn_leaves_the_countries_what_every_model_is_given(fault: object) -> None:
    BROKEN[ALL_COUNTRIES] = fault
    without = learn()
    assert without.shared.to_bytes() == learn(None).shared.to_bytes()
    assert list(without.faults) == [ALL_COUNTRIES]
    assert without.faults[ALL_COUNTRIES] in {"CUDA is gone", "learn_together returned str, and not bytes or None"}


def test_a_model_that_is_not_there_stops_nobody_here() -> None:
    """It does where a country is to be priced with it."""
    without = learn("tests.quick:NoSuchModel")
    assert set(without.faults) == set(without.articles) == set(CODES)
    assert "NoSuchModel" in without.faults["AUT"]


@pytest.mark.parametrize("where", ["SVK", ALL_COUNTRIES])
@pytest.mark.parametrize("fault", [MemoryError(), TransientError("the disk is busy")])
def test_what_may_pass_is_raised_so_that_all_of_it_is_tried_again(where: str, fault: Exception) -> None:
    BROKEN[where] = fault
    with pytest.raises(type(fault)):
        learn()


def test_what_is_shared_lacks_a_model_only_when_that_would_have_learnt_from_all() -> None:
    with_it, without = learn().shared, learn(None).shared
    assert [lacks_its_own(shared, TOGETHER) for shared in (with_it, without)] == [False, True]
    assert not any(lacks_its_own(without, model) for model in (*MODELS, STEADY, "tests.quick:NoSuchModel"))


def test_the_command_price_lets_the_model_learn_from_the_countries_that_it_prices(tmp_path: Path) -> None:
    deliver(Lake(str(tmp_path / "lake")), WEEK, CODES, articles=6)
    out, week = str(tmp_path / "prices.parquet"), str(WEEK)
    priced = ["price", "--lake", str(tmp_path / "lake"), "--week", week, "--out", out, "--model", TOGETHER]
    assert CliRunner().invoke(cli, priced).exit_code == 0
    fits = [event for event in HAPPENED if event.startswith(f"fit before {WEEK}")]
    assert len(fits) == len(CODES)
    assert all(f'"{code}"' in fit for fit in fits for code in CODES)

    BROKEN[ALL_COUNTRIES] = RuntimeError("CUDA is gone")
    without = CliRunner().invoke(cli, priced)
    assert without.exit_code == 0
    assert f"{TOGETHER} learns nothing from all countries: CUDA is gone" in " ".join(without.stderr.split())


def test_a_simulated_season_shares_what_the_model_learns_itself() -> None:
    countries = read_countries()
    sharing = tuple(countries[code] for code in ("EST", "MLT"))
    setting = Setting("constant_elasticity", countries["LVA"], articles=8, weeks=2, seed=0, sharing=sharing)
    played = shared_with(setting, f"{TOGETHER}+level")
    assert played is not None
    assert played.learnt is not None
    assert set(json.loads(played.learnt)) == {"EST", "MLT", "threads"}
    BROKEN["MLT"] = RuntimeError("no")
    with pytest.raises(NotShared, match="MLT: no"):
        shared_with(setting, TOGETHER)
