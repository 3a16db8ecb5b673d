"""What is kept for a time goes when it is old, what must not go stays, and no look at the lake grows with its age."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from io import BytesIO
from typing import Any
from unittest.mock import patch

import pandas as pd

from markdown_pricing.columns import Recommendations
from markdown_pricing.kept.results import Results
from markdown_pricing.lake import Lake, paths
from markdown_pricing.lake.old_results import KEPT_FOR_A_TIME, remove_old_results
from markdown_pricing.lake.publish import publish_bytes
from markdown_pricing.lake.snapshot import newest_week
from markdown_pricing.provenance import Provenance
from markdown_pricing.weeks import ONE_WEEK
from tests.lake.spark import LATER, WEEK, names, put

BEFORE = WEEK - ONE_WEEK
STAYS_FOR_EVER = (
    paths.predictions_file(BEFORE, "DEU"),
    paths.kept_predictions_file(BEFORE, "DEU"),
    paths.success_file(BEFORE),
    f"{paths.country_folder(BEFORE, 'DEU')}/part-0.parquet",
    f"markdown_options/{BEFORE}/country=DEU/part-0.parquet",
    "markdown_pricing/champions.json",
)
YEARS = [WEEK - n * ONE_WEEK for n in range(1, 261)]


def kept_in(week: date, *countries: str) -> list[str]:
    """The files that are kept of a week, in every folder that is kept for a time."""
    by_country = [path(week, code) for code in countries for path in (paths.training_data_file, paths.model_file)]
    return [*by_country, paths.shared_demand_file(week, "0123456789abcdef")]


def keep(lake: Lake, *files: str) -> datetime:
    """Write the files; a moment after all of them, and no later than what is written next, by the clock of the lake.

    A file system's clock goes in steps of some milliseconds, in which many files are written.
    """
    for file in files:
        publish_bytes(lake, file, b"")
    last = now = written_now(lake)
    while now == last:
        now = written_now(lake)
    return datetime.fromtimestamp(now / 1000, UTC)


def written_now(lake: Lake) -> int:
    """When a file was written that is written now, in milliseconds."""
    publish_bytes(lake, "a_moment", b"")
    entry = lake.entry("a_moment")
    assert entry
    return entry.modified_ms


def remove(lake: Lake, before: datetime, under_way: tuple[date, ...] = (), spared: tuple[str, ...] = ()) -> set[str]:
    return set(
        remove_old_results(
            lake,
            before,
            under_way.__contains__,
            lambda kept: [each for each in kept if each.file.path in spared],
        )
    )


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """How often a lake is asked for a folder's content (`entries`) and for a single path (`entry`)."""
    asked: Counter[str] = Counter()

    def counting(name: str, really: Any) -> Any:
        def ask(*arguments: Any) -> Any:
            asked[name] += 1
            return really(*arguments)

        return ask

    with (
        patch.object(Lake, "entries", counting("entries", Lake.entries)),
        patch.object(Lake, "entry", counting("entry", Lake.entry)),
    ):
        yield asked


def put_all(lake: Lake, files: list[str]) -> None:
    with ThreadPoolExecutor(8) as tasks:
        list(tasks.map(partial(put, lake), files))


def test_what_was_written_too_long_ago_goes_and_its_empty_folders_with_it(lake: Lake) -> None:
    """Of every folder that is kept for a time; a file that was written since stays, whatever its week."""
    keep(lake, *kept_in(WEEK, "DEU", "AUT"))
    before = keep(lake, *kept_in(BEFORE, "DEU", "AUT"), *STAYS_FOR_EVER)
    keep(lake, *kept_in(LATER, "DEU", "AUT"), paths.model_file(WEEK, "AUT"))

    removed = remove(lake, before)

    assert removed == {*kept_in(BEFORE, "DEU", "AUT"), *kept_in(WEEK, "DEU", "AUT")} - {paths.model_file(WEEK, "AUT")}
    assert {folder: names(lake, folder) for folder in KEPT_FOR_A_TIME} == {
        paths.TRAINING_DATA: [str(LATER)],
        paths.MODELS: [str(WEEK), str(LATER)],
        paths.SHARED_DEMAND: [str(LATER)],
    }
    assert names(lake, f"{paths.MODELS}/{WEEK}") == ["country=AUT"]
    assert all(lake.entry(path) for path in STAYS_FOR_EVER)
    assert remove(lake, before) == set()


def test_the_newest_that_is_kept_stays_however_old_it_is(lake: Lake) -> None:
    """Each country's own newest: a country that is delivered no more still has its last model."""
    before = keep(lake, *kept_in(BEFORE, "DEU", "AUT"), *kept_in(WEEK, "DEU"))

    assert remove(lake, before) == set(kept_in(BEFORE, "DEU"))


def test_nothing_of_a_week_goes_while_a_run_of_it_is_under_way(lake: Lake) -> None:
    before = keep(lake, *kept_in(BEFORE, "DEU"), *kept_in(WEEK, "DEU"), *kept_in(LATER, "DEU"))

    assert remove(lake, before, under_way=(BEFORE,)) == set(kept_in(WEEK, "DEU"))


def test_what_is_spared_stays(lake: Lake) -> None:
    """The newest model that the champion has made is spared."""
    before = keep(lake, *kept_in(BEFORE, "DEU"), *kept_in(WEEK, "DEU"))
    model = paths.model_file(BEFORE, "DEU")

    assert remove(lake, before, spared=(model,)) == set(kept_in(BEFORE, "DEU")) - {model}


def test_what_is_being_written_and_what_is_no_week_stays(lake: Lake) -> None:
    """The first is looked after by leftovers.py, and a folder of another name is not ours."""
    unfinished = paths.unfinished("model.bin", "0123456789abcdef")
    others = [f"{paths.MODELS}/{BEFORE}/country=DEU/{unfinished}", f"{paths.MODELS}/notes/country=DEU/model.bin"]
    before = keep(lake, *kept_in(WEEK, "DEU"), *others)

    assert remove(lake, before) == set()


def test_a_lake_in_which_nothing_is_kept_has_nothing_old(lake: Lake) -> None:
    assert remove(lake, datetime.now(UTC)) == set()


def test_what_a_run_asks_of_earlier_weeks_costs_the_same_after_five_years(lake: Lake) -> None:
    """The last other week's rows and their number, and the last good model: the newest first, up to the first hit."""
    put_all(lake, [paths.predictions_file(week, "DEU") for week in YEARS])
    put_all(lake, [paths.predictions_file(WEEK + n * ONE_WEEK, "DEU") for n in range(20)])
    last = Results(lake, WEEK - ONE_WEEK, "DEU")
    origin = Provenance(last.week, "DEU", "0", "code", "libraries")
    rows = pd.DataFrame({"article_id": ["a", "b"]})
    last.recommendations.keep(Recommendations(rows, rows, rows), origin)
    results = Results(lake, WEEK, "DEU")

    with counted() as asked:
        results.recommendations.rows_before()
        assert results.recommendations.articles_before() == 2
        results.model.last_good()

    assert asked == {"entries": 2, "entry": 2 + 8}  # a model is looked for in the eight weeks before


def test_the_newest_delivery_is_found_at_the_first_look(lake: Lake) -> None:
    put_all(lake, [paths.success_file(week) for week in YEARS])

    with counted() as asked:
        assert newest_week(lake) == YEARS[0]

    assert asked == {"entries": 1, "entry": 1}


def test_rows_and_options_are_published_for_others(lake: Lake) -> None:
    """Each as Parquet at the place that the contract names; price paths are kept for the refresh alone."""
    origin = Provenance(WEEK, "DEU", "0", "code", "libraries")
    frames = (pd.DataFrame({"article_id": [name]}) for name in ("row", "path", "option"))

    Results(lake, WEEK, "DEU").recommendations.keep(Recommendations(*frames), origin)

    for folder, name in (("markdown_predictions", "row"), ("markdown_options", "option")):
        with lake.reading(f"{folder}/{WEEK}/country=DEU/part-0.parquet") as file:
            published = pd.read_parquet(BytesIO(file.read()))
        assert published["article_id"].tolist() == [name]
    kept, _ = Results(lake, WEEK, "DEU").recommendations.read()
    articles = [frame["article_id"].tolist() for frame in (kept.rows, kept.price_path, kept.options)]
    assert articles == [["row"], ["path"], ["option"]]
