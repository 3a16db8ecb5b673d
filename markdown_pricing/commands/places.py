"""Places that a command's user names: a lake to read from, and files to write, found out about before the work."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from markdown_pricing.errors import FinalError, PricingError, TransientError, UsageError
from markdown_pricing.installation.from_settings import lake_of
from markdown_pricing.installation.settings import Settings
from markdown_pricing.lake.errors import LakeMissing
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.publish import try_to_write


class NoLakeThere(UsageError):
    def __init__(self, url: str) -> None:
        super().__init__(
            f"There is no lake at {url}. Give --lake the folder or the URL in which markdown_training_data lies."
        )


def named_lake(settings: Settings, url: str) -> Lake:
    """The lake that an option names. Raises NoLakeThere, so that nobody looks for the fault in a setting."""
    lake = lake_of(settings, url)
    try:
        lake.check_exists()
    except LakeMissing as error:
        raise NoLakeThere(url) from error
    return lake


class LakeNotWritable(UsageError):
    def __init__(self, url: str, error: PricingError) -> None:
        super().__init__(f"Nothing can be written to a lake at {url}: {error} Give another folder or URL.")


def check_writable(lake: Lake, folder: str) -> None:
    """Write a file to a folder of the lake and take it away again, before the work. Raises LakeNotWritable.

    Raises what is transient as it is.
    """
    try:
        try_to_write(lake, folder)
    except TransientError:
        raise
    except FinalError as error:
        raise LakeNotWritable(lake.url, error) from error


class NotWritten(FinalError):
    def __init__(self, file: Path, error: OSError) -> None:
        why = error.strerror or error
        super().__init__(f"{file} could not be written: {why}. What was there before is still there.")


def write_whole(file: Path, write: Callable[[Path], object]) -> None:
    """Have `write` make a file beside its place, and put it there when it is whole. Raises NotWritten."""
    beside = file.with_name(f".{file.name}.{secrets.token_hex(4)}.tmp")
    try:
        write(beside)
        os.replace(beside, file)
    except OSError as error:
        raise NotWritten(file, error) from error
    finally:
        beside.unlink(missing_ok=True)
