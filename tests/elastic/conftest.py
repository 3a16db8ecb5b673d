"""The real rounds, played once for all tests of this folder."""

from pathlib import Path

import pytest

from tests.elastic.rounds import Round, play


@pytest.fixture(scope="session")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> list[Round]:
    return list(play(Path(tmp_path_factory.mktemp("rounds"))))


@pytest.fixture(scope="session")
def good(rounds: list[Round]) -> Round:
    return rounds[1]


@pytest.fixture(scope="session")
def bad(rounds: list[Round]) -> Round:
    return rounds[2]
