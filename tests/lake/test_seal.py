"""What is kept as bytes is believed only as it was written, by who holds the key where there is one."""

from datetime import date
from pathlib import Path
from typing import ClassVar, Self

import pandas as pd
import pytest

from markdown_pricing.demand.model import DemandModel, ModelNotAllowed
from markdown_pricing.demand.shared import SharedDemand
from markdown_pricing.forecast import Forecast
from markdown_pricing.lake import Lake, paths
from markdown_pricing.lake.publish import publish_bytes, read_bytes
from markdown_pricing.lake.seal import ResultChanged, sealed, unsealed
from markdown_pricing.provenance import Provenance
from markdown_pricing.results import Results, shared_demand_at_hand

WEEK = date(2026, 2, 9)
NAME = f"{__name__}:Believing"
FILE = paths.model_file(WEEK, "DEU")
KEY = "of the secret store"


class Believing(DemandModel):
    """A model that takes any bytes, and remembers that it was asked to."""

    read: ClassVar[list[bytes]] = []

    def fit(
        self, history: pd.DataFrame, week: date, seed: int, threads: int = 1, shared: SharedDemand | None = None
    ) -> None: ...

    def forecast(self, articles: pd.DataFrame, history: pd.DataFrame, week: date) -> Forecast:
        raise NotImplementedError

    def to_bytes(self) -> bytes:
        return b"0.25 0.5\n1"

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        cls.read.append(data)
        return cls()


@pytest.fixture(autouse=True)
def nothing_read() -> None:
    Believing.read.clear()


def kept(folder: Path, key: str | None = None, model: str = NAME) -> Results:
    folder.mkdir(exist_ok=True)
    results = Results(Lake(str(folder), key, (NAME,)), WEEK, "DEU")
    results.keep_model(Believing(), Provenance(str(WEEK), "DEU", "0", "code", "libraries", model))
    return results


def test_what_is_kept_is_read_as_it_was(tmp_path: Path) -> None:
    for key in (None, KEY):
        _, origin = kept(tmp_path, key).model()

        assert origin.demand_model == NAME
    assert Believing.read == [b"0.25 0.5\n1"] * 2


@pytest.mark.parametrize("key", [None, KEY])
def test_a_model_with_one_changed_byte_is_refused_before_it_is_parsed(tmp_path: Path, key: str | None) -> None:
    results = kept(tmp_path, key)
    content = read_bytes(results.lake, FILE)
    for place in range(len(content)):
        changed = bytes([*content[:place], content[place] ^ 1, *content[place + 1 :]])
        publish_bytes(results.lake, FILE, changed)
        with pytest.raises(ResultChanged, match="Materialize demand_model"):
            results.model()
    assert Believing.read == []


def test_a_model_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    results = kept(tmp_path)
    content = read_bytes(results.lake, FILE)
    publish_bytes(results.lake, FILE, content[:-1])

    with pytest.raises(ResultChanged, match="SHA-256"):
        results.model()


@pytest.mark.parametrize("other", [None, "guessed"])
def test_with_a_key_a_model_of_somebody_without_it_is_refused(tmp_path: Path, other: str | None) -> None:
    """Who may write to the lake can make a right SHA-256, and no right HMAC."""
    kept(tmp_path, other)

    with pytest.raises(ResultChanged, match="does not hold MARKDOWN_PRICING_RESULTS_KEY"):
        Results(Lake(str(tmp_path), KEY), WEEK, "DEU").model()
    assert Believing.read == []


@pytest.mark.parametrize("model", ["os:abort", "tests.lake.test_seal:kept", "antigravity:fly"])
def test_a_kept_model_that_nobody_has_allowed_is_not_imported(tmp_path: Path, model: str) -> None:
    with pytest.raises(ModelNotAllowed, match="MARKDOWN_PRICING_ALLOWED_MODELS"):
        kept(tmp_path, model=model).model()


def test_changed_shared_demand_is_done_without(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    publish_bytes(lake, paths.shared_demand_file(WEEK, "ab"), sealed(b"{}\n{}", None)[:-1] + b"]")

    at_hand = shared_demand_at_hand(lake, WEEK, "ab")

    assert at_hand.shared is None
    assert "ResultChanged" in at_hand.why_none


def test_the_key_is_never_printed() -> None:
    assert KEY not in repr(Lake("lake", KEY))


@pytest.mark.parametrize("content", [b"", b"\n", b"{}\na", b"[]\na", b'{"sha256": 1}\na', b"no seal"])
def test_what_has_no_seal_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"seal|SHA-256"):
        unsealed(content, None)
