"""What is kept as bytes is believed only as it was written, by who holds the key where there is one."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import ClassVar, Self

import pandas as pd
import pytest

from markdown_pricing.columns import Recommendations
from markdown_pricing.demand.model import DemandModel, ModelNotAllowed
from markdown_pricing.demand.shared import SharedDemand
from markdown_pricing.experiments.champion import CHAMPIONS, Champion, champions, promote
from markdown_pricing.forecast import Forecast
from markdown_pricing.kept.recommendations import ROWS
from markdown_pricing.kept.results import Results
from markdown_pricing.kept.shared_demand import shared_demand_at_hand
from markdown_pricing.lake import Lake, paths
from markdown_pricing.lake.publish import publish_bytes, publish_parts, read_bytes, read_notes, read_parts
from markdown_pricing.lake.seal import ResultChanged, sealed, unsealed
from markdown_pricing.pricing import CountryWeek
from markdown_pricing.provenance import Provenance

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
    results.model.keep(Believing(), Provenance(WEEK, "DEU", "0", "code", "libraries", demand_model=model))
    return results


def test_what_is_kept_is_read_as_it_was(tmp_path: Path) -> None:
    for key in (None, KEY):
        _, origin = kept(tmp_path, key).model.read()

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
            results.model.read()
    assert Believing.read == []


def test_a_model_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    results = kept(tmp_path)
    content = read_bytes(results.lake, FILE)
    publish_bytes(results.lake, FILE, content[:-1])

    with pytest.raises(ResultChanged, match="SHA-256"):
        results.model.read()


@pytest.mark.parametrize("other", [None, "guessed"])
def test_with_a_key_a_model_of_somebody_without_it_is_refused(tmp_path: Path, other: str | None) -> None:
    """Who may write to the lake can make a right SHA-256, and no right HMAC."""
    kept(tmp_path, other)

    with pytest.raises(ResultChanged, match="does not hold MARKDOWN_PRICING_RESULTS_KEY"):
        Results(Lake(str(tmp_path), KEY), WEEK, "DEU").model.read()
    assert Believing.read == []


@pytest.mark.parametrize("model", ["os:abort", "tests.lake.test_seal:kept", "antigravity:fly"])
def test_a_kept_model_that_nobody_has_allowed_is_not_imported(tmp_path: Path, model: str) -> None:
    with pytest.raises(ModelNotAllowed, match="MARKDOWN_PRICING_ALLOWED_MODELS"):
        kept(tmp_path, model=model).model.read()


def test_changed_shared_demand_is_done_without(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    publish_bytes(lake, paths.shared_demand_file(WEEK, "ab"), sealed(b"{}\n{}", None)[:-1] + b"]")

    at_hand = shared_demand_at_hand(lake, WEEK, "ab")

    assert at_hand.shared is None
    assert "ResultChanged" in at_hand.why_none


def test_the_key_is_never_printed() -> None:
    assert KEY not in repr(Lake("lake", KEY))


def kept_frames(folder: Path, key: str | None) -> dict[str, tuple[Results, Callable[[Results], object]]]:
    """Training data and predictions of a few rows, and what reads each of them."""
    results = Results(Lake(str(folder), key), WEEK, "DEU")
    frame = pd.DataFrame({"article_id": ["a", "b"], "price": [1.0, 2.0]})
    origin = Provenance(WEEK, "DEU", "0", "code", "libraries")
    results.training_data.keep(CountryWeek(WEEK, "DEU", frame, frame), origin)
    results.recommendations.keep(Recommendations(frame, frame, frame), origin)
    return {
        paths.training_data_file(WEEK, "DEU"): (results, lambda own: own.training_data.read()),
        paths.kept_predictions_file(WEEK, "DEU"): (results, lambda own: own.recommendations.read()),
    }


@pytest.mark.parametrize("key", [None, KEY])
def test_a_table_with_one_changed_byte_is_refused_before_it_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    """Wherever the byte lies, in the seal, the notes or a table; one of 37 is tried."""
    for file, (results, read) in kept_frames(tmp_path, key).items():
        read(results)
        content = read_bytes(results.lake, file)
        monkeypatch.setattr("pyarrow.parquet.read_table", parsed)
        for place in range(0, len(content), 37):
            changed = bytearray(content)
            changed[place] ^= 1
            (tmp_path / file).write_bytes(changed)
            with pytest.raises(
                ResultChanged, match=r"is not read: .* Materialize (training_data|markdown_predictions)"
            ):
                read(results)
        monkeypatch.undo()


def parsed(*_: object) -> None:
    raise AssertionError("it was parsed")


def test_with_a_key_a_table_of_somebody_without_it_is_refused(tmp_path: Path) -> None:
    for file, (_, read) in kept_frames(tmp_path, "guessed").items():
        with pytest.raises(ResultChanged, match=f"{file} .*does not hold MARKDOWN_PRICING_RESULTS_KEY"):
            read(Results(Lake(str(tmp_path), KEY), WEEK, "DEU"))


def test_what_was_kept_for_another_week_or_country_is_refused(tmp_path: Path) -> None:
    """Its seal is right wherever somebody copies it to."""
    for file, (results, read) in kept_frames(tmp_path, KEY).items():
        for other in (Results(results.lake, WEEK, "AUT"), Results(results.lake, date(2026, 2, 16), "DEU")):
            moved = file.replace("country=DEU", f"country={other.country}").replace(str(WEEK), str(other.week))
            publish_bytes(results.lake, moved, read_bytes(results.lake, file))

            with pytest.raises(ResultChanged, match=f"it is of DEU, week {WEEK}"):
                read(other)


def test_one_part_is_read_without_the_others(lake: Lake) -> None:
    """A large country's articles to price are asked for without its two years of history."""
    publish_parts(lake, "file", {"history": b"h" * 100_000, "articles": b"a"}, {"rows": 1})
    content = bytearray(read_bytes(lake, "file"))
    content[90_000] ^= 1
    publish_bytes(lake, "file", bytes(content))

    assert read_parts(lake, "file", "articles") == ({"rows": 1}, [b"a"])
    assert read_notes(lake, "file") == {"rows": 1}
    with pytest.raises(ResultChanged, match="SHA-256"):
        read_parts(lake, "file", "articles", "history")


def test_what_others_get_is_plain_parquet(tmp_path: Path) -> None:
    """The rows of the kept file, byte for byte."""
    [_, (results, _)] = kept_frames(tmp_path, KEY).values()
    _, [rows] = read_parts(results.lake, paths.kept_predictions_file(WEEK, "DEU"), ROWS)

    assert read_bytes(results.lake, paths.predictions_file(WEEK, "DEU")) == rows
    assert len(pd.read_parquet(tmp_path / paths.predictions_file(WEEK, "DEU"))) == 2


@pytest.mark.parametrize("key", [None, KEY])
def test_a_changed_file_of_champions_is_refused(tmp_path: Path, key: str | None) -> None:
    """Which model prices is nobody's to say who may only write to the lake."""
    lake = Lake(str(tmp_path), key)
    promote(lake, Champion("log_linear", "gradient_boosting", 1.0, "a back-test", "rules", "code", "now"), [])
    content = read_bytes(lake, CHAMPIONS)
    publish_bytes(lake, CHAMPIONS, content.replace(b"log_linear", b"log_cubic!"))

    with pytest.raises(
        ResultChanged, match=r"champions\.json is not read: .*Remove it, and promote the champion again"
    ):
        champions(lake)
    publish_bytes(lake, CHAMPIONS, sealed(content.partition(b"\n")[2], "guessed"))
    with pytest.raises(ResultChanged) if key else nullcontext():
        champions(lake)


@pytest.mark.parametrize("content", [b"", b"\n", b"{}\na", b"[]\na", b'{"sha256": 1}\na', b"no seal"])
def test_what_has_no_seal_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"seal|SHA-256"):
        unsealed(content, None)
