"""How much room is left in the lake, and how much a round needs."""

import shutil
from datetime import date

from markdown_pricing.errors import TransientError
from markdown_pricing.lake import paths
from markdown_pricing.lake.errors import lake_errors
from markdown_pricing.lake.filesystem import Lake

MARGIN = 3
"""So many rounds of last week's size must have room, because countries grow and HDFS keeps each block three times;
chosen on 2026-11-24."""


class LittleRoom(TransientError):
    def __init__(self, lake: Lake, free: int, wanted: int) -> None:
        super().__init__(
            f"{lake.url} has room for {free / 2**20:,.1f} MiB, but {MARGIN} times last week's results are "
            f"{wanted / 2**20:,.1f} MiB. Make room, or have the quota raised."
        )


def check_room(lake: Lake, last_week: date) -> str:
    """How much room there is, in words. Raises LittleRoom.

    HDFS lets its clients know the quota of the lake's folder, but not how full its disks are.
    """
    wanted = MARGIN * _bytes_of_results(lake, last_week)
    with lake_errors(lake.url):
        free = _free_bytes(lake)
    if free is None:
        return f"no quota on {lake.url}; {MARGIN} times last week's results are {wanted / 2**20:,.1f} MiB"
    if free < wanted:
        raise LittleRoom(lake, free, wanted)
    return f"{free / 2**20:,.1f} MiB free for {wanted / 2**20:,.1f} MiB, {MARGIN} times last week's results"


def _free_bytes(lake: Lake) -> int | None:
    if not lake.url.startswith(("hdfs:", "viewfs:")):
        return shutil.disk_usage(lake.root).free
    summary = lake.filesystem.client.get_content_summary(lake.root)
    return summary.space_quota - summary.space_consumed if 0 < summary.space_quota < 2**62 else None


def _bytes_of_results(lake: Lake, week: date) -> int:
    def size(folder: str) -> int:
        entries = lake.entries_if_any(folder)
        return sum(size(entry.path) if entry.is_folder else entry.bytes for entry in entries)

    return sum(size(f"{folder}/{week}") for folder in paths.MADE_BY if folder != paths.SNAPSHOTS)
