"""Remove what was kept for a time and is old: models, training data and what the countries share.

Input and predictions, with the price paths and options that belong to them, stay for ever.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

from markdown_pricing.lake import paths
from markdown_pricing.lake.errors import FileMissing
from markdown_pricing.lake.filesystem import Entry, Lake

KEPT_FOR_A_TIME = (paths.TRAINING_DATA, paths.MODELS, paths.SHARED_DEMAND)
"""The folders whose files are removed when they are old."""


@dataclass(frozen=True)
class KeptFor:
    """How many weeks models, training data and what the countries share stay, from the day they were written on."""

    weeks: int


@dataclass(frozen=True)
class Kept:
    """A kept file of one week; `country` is empty for what the countries share."""

    folder: str
    week: date
    country: str
    file: Entry


def remove_old_results(
    lake: Lake,
    before: datetime,
    is_under_way: Callable[[date], bool],
    spared: Callable[[Sequence[Kept]], Collection[Kept]],
) -> list[str]:
    """Remove the kept files that were written before that time, and folders that are empty then; return their paths.

    The files of each country's newest kept week stay, whatever their age, and so do those of a week of which a run is
    under way, which is asked right before that week's files go.

    spared : of the kept files of one folder and country, newest week first and some of them old, those that stay, too
    Raises LakeUnreachable and LakeDenied.
    """
    oldest_ms = before.timestamp() * 1000
    old: dict[date, list[Kept]] = defaultdict(list)
    for kept in (files for folder in KEPT_FOR_A_TIME for files in _kept_by_country(lake, folder).values()):
        removable = [each for each in kept if each.file.modified_ms < oldest_ms and each.week != kept[0].week]
        stay = spared(kept) if removable else ()
        for each in removable:
            if each not in stay:
                old[each.week].append(each)
    return [path for week in sorted(old) if not is_under_way(week) for path in _remove(lake, old[week])]


def _kept_by_country(lake: Lake, folder: str) -> Mapping[str, list[Kept]]:
    """The kept files in the folder for each country, newest week first."""
    kept: dict[str, list[Kept]] = defaultdict(list)
    for week_folder in _folders(lake, folder):
        if week := paths.week_of_folder(week_folder.name):
            for part in _folders(lake, week_folder.path):
                country = paths.country_of_folder(part.name) or ""
                kept[country] += [Kept(folder, week, country, file) for file in _files(lake, part.path)]
    return {country: sorted(files, key=lambda each: each.week, reverse=True) for country, files in kept.items()}


def _remove(lake: Lake, files: Sequence[Kept]) -> Iterator[str]:
    """Remove the files, and say each when it is gone."""
    for path in (each.file.path for each in files):
        with suppress(FileMissing):  # somebody else has removed it meanwhile
            lake.remove(path)
        yield path
        part = path.rpartition("/")[0]
        with suppress(FileMissing):
            if lake.remove_empty(part):
                lake.remove_empty(part.rpartition("/")[0])


def _folders(lake: Lake, folder: str) -> list[Entry]:
    return [entry for entry in lake.entries_if_any(folder) if entry.is_folder]


def _files(lake: Lake, folder: str) -> list[Entry]:
    """The files in the folder, without those that are being written, which leftovers.py looks after."""
    files = (entry for entry in lake.entries_if_any(folder) if not entry.is_folder)
    return [file for file in files if not paths.is_unfinished(file.name)]
