"""Files and folders for nobody but their owner: what may hold secrets or logs."""

import os
from contextlib import suppress
from pathlib import Path

FOLDER, FILE = 0o700, 0o600


def keep_private(folder: Path) -> None:
    """Take the rights of all others from the folder and from all that is in it, as far as it is this user's own."""
    for place, _, files in os.walk(folder):
        _narrow(Path(place), FOLDER)
        for name in files:
            _narrow(Path(place) / name, FILE)


def write_private(file: Path, text: str) -> None:
    """Write the file anew; it is nobody else's from its first byte on."""
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE), "w", encoding="utf-8") as opened:
        opened.write(text)


def _narrow(path: Path, most: int) -> None:
    # It may be another's, on a read-only mount, or gone already: Dagster works beside.
    with suppress(OSError):
        if not path.is_symlink() and (mode := path.stat().st_mode & 0o777) & ~most:
            path.chmod(mode & most)
