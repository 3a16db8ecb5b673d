"""The snapshot of a week as Spark writes it: a folder of part files for each country, and `_SUCCESS` written last."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from hashlib import sha256

import pyarrow as pa

from markdown_pricing.errors import FinalError
from markdown_pricing.lake import paths
from markdown_pricing.lake.errors import FileMissing, LakeUnreachable
from markdown_pricing.lake.filesystem import Entry, Lake
from markdown_pricing.lake.part_files import read_part_files


class SnapshotNotDelivered(FinalError):
    def __init__(self, lake: Lake, week: date) -> None:
        self.week = week
        super().__init__(
            f"The training data of {week} has not been delivered: {lake.where(paths.success_file(week))} is not there. "
            "Wait for the ETL, or have it write that week."
        )


class SnapshotReplaced(FinalError):
    """This error is final, because a repeat of the run would price other data than it was started for."""

    def __init__(self, lake: Lake, week: date) -> None:
        self.week = week
        super().__init__(
            f"The training data of {week} was replaced while it was read from "
            f"{lake.where(paths.snapshot_folder(week))}. The new delivery is priced by a run of its own."
        )


class MissingCountry(FinalError):
    def __init__(self, lake: Lake, week: date, country: str, delivered: Iterable[str]) -> None:
        self.week, self.country = week, country
        super().__init__(
            f"{country} has no part files in {lake.where(paths.country_folder(week, country))}. The snapshot of {week} "
            f"holds {', '.join(delivered) or 'no country at all'}. Have the ETL deliver {country}."
        )


class UnreadFiles(FinalError):
    """What lies among the data and is not read may be half of it."""

    def __init__(self, lake: Lake, week: date, country: str, names: Sequence[str]) -> None:
        self.week, self.country, self.names = week, country, tuple(names)
        super().__init__(
            f"{lake.where(paths.country_folder(week, country))} holds what would not be read: {', '.join(names)}. Read "
            "are files called part-*.parquet that lie directly in the folder; only names that begin with _ or . are "
            "passed over. Have the ETL write all rows into such files, or take the others away."
        )


class NothingDelivered(FinalError):
    def __init__(self, lake: Lake) -> None:
        super().__init__(
            f"{lake.url} holds no delivered snapshot (markdown_training_data/<week>/_SUCCESS). "
            f"Wait for the ETL, or try a sample: markdown-pricing sample --lake {lake.url}"
        )


@dataclass(frozen=True)
class Snapshot:
    """One delivery of a week.

    files  : the part files of each country, ordered by the countries' names
    planned : what lies in the countries' folders for plans, by country, where anything does
    unread : the names of what else lies in a country's folder, where anything does
    beside : the names of what lies beside the countries' folders and is not read
    """

    week: date
    success: Entry = field(repr=False)
    files: Mapping[str, tuple[Entry, ...]] = field(repr=False)
    unread: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    planned: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict, repr=False)
    beside: tuple[str, ...] = ()

    @cached_property
    def stamp(self) -> str:
        """16 hexadecimal digits that change with every delivery, from each file's path, length and time of change.

        Plans are not in it: each has a stamp of its own, because it makes the prices of its country alone.
        """
        return _stamp_of([self.success, *(file for files in self.files.values() for file in files)])

    def plan_stamp(self, country: str) -> str:
        """The same of what is planned for a country; empty where nothing is."""
        files = self.planned.get(country, ())
        return _stamp_of(files) if files else ""

    @property
    def bytes_by_country(self) -> dict[str, int]:
        """The size of each delivered country's part files in bytes; a folder without any is no delivery."""
        return {country: sum(file.bytes for file in files) for country, files in self.files.items() if files}


def _stamp_of(files: Iterable[Entry]) -> str:
    return sha256(repr([(file.path, file.bytes, file.modified_ms) for file in files]).encode()).hexdigest()[:16]


def find_snapshot(lake: Lake, week: date) -> Snapshot:
    """The delivery of `week`. Raises SnapshotNotDelivered, LakeMissing, and LakeUnreachable when nothing is known."""
    success = _success(lake, week)
    try:
        entries = lake.entries(paths.snapshot_folder(week))
    except FileMissing as error:
        raise SnapshotNotDelivered(lake, week) from error
    country_of = {entry.name: paths.country_of_folder(entry.name) if entry.is_folder else None for entry in entries}
    countries = [country for country in country_of.values() if country]
    beside = tuple(name for name, country in country_of.items() if country is None and _is_data(name))
    entries_in = {country: lake.entries_if_any(paths.country_folder(week, country)) for country in countries}
    data_files = {
        country: [entry for entry in inside if _is_data(entry.name)] for country, inside in entries_in.items()
    }
    with_plan = [country for country, inside in entries_in.items() if any(map(_is_plan, inside))]
    planned = {country: tuple(_planned_in(lake, week, country)) for country in with_plan}
    files = {country: tuple(entry for entry in data if _is_read(entry)) for country, data in data_files.items()}
    others = {
        country: tuple(entry.name for entry in data if not _is_read(entry)) for country, data in data_files.items()
    }
    if _success(lake, week) != success:
        raise SnapshotReplaced(lake, week)
    unread = {country: names for country, names in others.items() if names}
    return Snapshot(week, success, files, unread, planned, beside)


def check_unchanged(lake: Lake, snapshot: Snapshot) -> None:
    """Raises SnapshotReplaced when the week holds another delivery by now, and otherwise as `find_snapshot` does."""
    if find_snapshot(lake, snapshot.week).stamp != snapshot.stamp:
        raise SnapshotReplaced(lake, snapshot.week)


def deliveries(lake: Lake) -> dict[date, int]:
    """The weeks that hold `_SUCCESS`, oldest first, with the time at which it was written, in milliseconds.

    It asks once for each week and looks at no country's files. It raises LakeMissing, and LakeUnreachable rather than
    answer that there are none.
    """
    successes = {week: lake.entry(paths.success_file(week)) for week in _weeks_begun(lake)}
    return {week: success.modified_ms for week, success in successes.items() if success}


def delivered_weeks(lake: Lake) -> list[date]:
    """The weeks that hold `_SUCCESS`, oldest first. Raises as `deliveries` does."""
    return list(deliveries(lake))


def newest_week(lake: Lake) -> date:
    """The latest week that holds `_SUCCESS`; older ones are not asked. Raises NothingDelivered, and as `deliveries`."""
    delivery = newest_delivery(lake)
    if delivery is None:
        raise NothingDelivered(lake)
    return delivery[0]


def newest_delivery(lake: Lake, until: date = date.max) -> tuple[date, int] | None:
    """The latest week up to `until` that holds `_SUCCESS`, with the time at which that was written, in milliseconds.

    Older weeks are not asked. None when nothing is delivered; raises as `deliveries` does.
    """
    for week in reversed(_weeks_begun(lake)):
        if week <= until and (success := lake.entry(paths.success_file(week))):
            return week, success.modified_ms
    return None


def gone_from(lake: Lake, snapshot: Snapshot, countries: Iterable[str]) -> list[str]:
    """Those of these countries that the snapshot lacks, and that the delivered week before it held.

    Nothing is asked when it lacks none, and no week but that one. Raises LakeUnreachable.
    """
    lacking = [country for country in countries if country not in snapshot.bytes_by_country]
    if not lacking:
        return []
    earlier = (week for week in reversed(_weeks_begun(lake)) if week < snapshot.week)
    before = next((week for week in earlier if lake.entry(paths.success_file(week))), None)
    return [country for country in lacking if before and any(map(_is_read, _data_in(lake, before, country)))]


def _weeks_begun(lake: Lake) -> list[date]:
    """The weeks that have a folder, oldest first, whether or not they are delivered."""
    try:
        entries = lake.entries(paths.SNAPSHOTS)
    except FileMissing:
        lake.check_exists()
        return []
    return sorted(week for entry in entries if entry.is_folder and (week := paths.week_of_folder(entry.name)))


def read_country(
    lake: Lake,
    snapshot: Snapshot,
    country: str,
    columns: Callable[[list[str]], list[str]] | None = None,
    encoded: bool = False,
) -> pa.Table:
    """One country's rows, part file after part file. A column that one file lacks is null in its rows.

    columns : gets the names of all columns and returns those to read; only their bytes are fetched
    encoded : whether columns of strings come as dictionaries, as the files hold them, where every file has them; that
        spares a text for each row
    Raises MissingCountry, UnreadFiles, CorruptFile, PartFilesDisagree, SnapshotReplaced.
    """
    if unread := snapshot.unread.get(country):
        raise UnreadFiles(lake, snapshot.week, country, unread)
    files = snapshot.files.get(country)
    if not files:
        raise MissingCountry(lake, snapshot.week, country, snapshot.files)
    with _unchanged(lake, snapshot, country):
        return read_part_files(lake, paths.country_folder(snapshot.week, country), files, columns, encoded)


def read_planned(
    lake: Lake, snapshot: Snapshot, country: str, columns: Callable[[list[str]], list[str]]
) -> tuple[pa.Table | None, tuple[str, ...]]:
    """What is planned for a country's weeks to come, None where nothing is; and what is wrong with its files.

    Nothing depends on a plan, so that a file that can't be read costs the plan and not the country; half of a plan
    could be worse than none. Raises LakeUnreachable, because the lake may answer later.
    """
    entries = snapshot.planned.get(country, ())
    files, folder = [entry for entry in entries if _is_read(entry)], paths.planned_folder(snapshot.week, country)
    others = ", ".join(entry.name for entry in entries if not _is_read(entry))
    notes = (f"{lake.where(folder)} holds what is not read: {others}.",) if others else ()
    if not files:
        return None, notes
    try:
        table = read_part_files(lake, folder, files, columns)
    except FinalError as error:
        return None, (*notes, f"What is planned is left out: {error}")
    if tuple(_planned_in(lake, snapshot.week, country)) != entries:
        return None, (
            *notes,
            "What is planned is left out: it was replaced while it was read. Price the week again.",
        )
    return table, notes


@contextmanager
def _unchanged(lake: Lake, snapshot: Snapshot, country: str) -> Iterator[None]:
    """Raises SnapshotReplaced after the block when the country's files are no longer those of the snapshot."""

    def check() -> None:
        try:
            same = snapshot.success == _success(lake, snapshot.week)
            same = same and snapshot.files[country] == tuple(_data_in(lake, snapshot.week, country))
        except (FileMissing, SnapshotNotDelivered) as error:
            raise SnapshotReplaced(lake, snapshot.week) from error
        if not same:
            raise SnapshotReplaced(lake, snapshot.week)

    try:
        yield
    except (FinalError, LakeUnreachable):  # a file that is overwritten looks corrupt, is gone, or has lost its blocks
        check()
        raise
    check()


def _success(lake: Lake, week: date) -> Entry:
    success = lake.entry(paths.success_file(week))
    if success is None:
        lake.check_exists()
        raise SnapshotNotDelivered(lake, week)
    return success


def _data_in(lake: Lake, week: date, country: str) -> list[Entry]:
    """Everything in a country's folder that is data by its name."""
    return [entry for entry in lake.entries_if_any(paths.country_folder(week, country)) if _is_data(entry.name)]


def _planned_in(lake: Lake, week: date, country: str) -> list[Entry]:
    """Everything in a country's folder for plans that is data by its name."""
    return [entry for entry in lake.entries_if_any(paths.planned_folder(week, country)) if _is_data(entry.name)]


def _is_plan(entry: Entry) -> bool:
    return entry.is_folder and entry.name == paths.PLANNED


def _is_data(name: str) -> bool:
    return not name.startswith(("_", "."))


def _is_read(entry: Entry) -> bool:
    return not entry.is_folder and paths.is_part_file(entry.name)
