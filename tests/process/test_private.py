"""What may hold secrets or logs is nobody's but its owner's."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from markdown_pricing.process.private import keep_private, write_private


@pytest.fixture(autouse=True)
def an_open_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_what_is_in_a_private_folder_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "storage"
    (folder / "logs").mkdir(parents=True)
    (folder / "logs" / "a").write_text("a")
    (folder / "run.sh").write_text("b")
    (folder / "run.sh").chmod(0o755)
    (tmp_path / "of others").write_text("c")
    (folder / "away").symlink_to(tmp_path / "of others")

    keep_private(folder)

    assert [mode(path) for path in (folder, folder / "logs")] == [0o700, 0o700]
    assert mode(folder / "logs" / "a") == mode(folder / "run.sh") == 0o600
    assert mode(tmp_path / "of others") == 0o644
    keep_private(tmp_path / "not there")


def test_a_private_file_is_never_open_whatever_was_there(tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_text("old")
    file.chmod(0o666)

    write_private(file, "new")

    assert (mode(file), file.read_text()) == (0o600, "new")
