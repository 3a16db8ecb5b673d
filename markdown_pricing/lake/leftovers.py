"""Remove what killed writers leave behind: unfinished files, known by their names, when they are a day old."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

from markdown_pricing.lake import paths
from markdown_pricing.lake.errors import FileMissing
from markdown_pricing.lake.filesystem import Entry, Lake

KEPT_FOR = timedelta(days=1)
"""A writer is done within seconds, so that the run of a file that is a day old has been over for long."""


def remove_leftovers(lake: Lake, now: datetime) -> list[str]:
    """Remove unfinished files from the folders that only this package writes, and return their paths.

    Raises LakeUnreachable and LakeDenied.
    """
    oldest_ms = (now - KEPT_FOR).timestamp() * 1000
    old = [file.path for folder in paths.OURS for file in _unfinished(lake, folder) if file.modified_ms < oldest_ms]
    for path in old:
        with suppress(FileMissing):  # its writer was alive, and has finished meanwhile
            lake.remove(path)
    return old


def _unfinished(lake: Lake, folder: str) -> Iterator[Entry]:
    for entry in lake.entries_if_any(folder):
        if entry.is_folder:
            yield from _unfinished(lake, entry.path)
        elif paths.is_unfinished(entry.name):
            yield entry
