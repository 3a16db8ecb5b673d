"""Places that a command's user names: a lake to read from, and files to write, found out about before the work."""

from collections.abc import Sequence

from markdown_pricing.errors import UsageError
from markdown_pricing.lake.errors import LakeMissing
from markdown_pricing.lake.filesystem import Lake


class NoLakeThere(UsageError):
    def __init__(self, url: str) -> None:
        super().__init__(
            f"There is no lake at {url}. Give --lake the folder or the URL in which markdown_training_data lies."
        )


def named_lake(url: str, key: str | None = None, models: Sequence[str] = ()) -> Lake:
    """The lake that an option names. Raises NoLakeThere, so that nobody looks for the fault in a setting."""
    lake = Lake(url, key, tuple(models))
    try:
        lake.check_exists()
    except LakeMissing as error:
        raise NoLakeThere(url) from error
    return lake
