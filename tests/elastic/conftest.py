"""The real rounds, played once for all tests of this folder, and the search server that they are kept in."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from markdown_pricing import DATA
from tests.elastic.node import Elasticsearch, elasticsearch, lacking
from tests.elastic.rounds import Round, play
from tests.real_parts import missing

ELASTIC = DATA / "elastic"


@pytest.fixture(scope="session")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> list[Round]:
    return list(play(Path(tmp_path_factory.mktemp("rounds"))))


@pytest.fixture(scope="session")
def good(rounds: list[Round]) -> Round:
    return rounds[1]


@pytest.fixture(scope="session")
def bad(rounds: list[Round]) -> Round:
    return rounds[2]


@pytest.fixture(scope="session")
def elastic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elasticsearch]:
    """A real Elasticsearch with the packaged template, except that it refuses fields it does not name."""
    if why := lacking():
        missing("Elasticsearch", why)
    template = json.loads((ELASTIC / "index_template.json").read_text())
    mappings = template["template"]["mappings"]
    mappings["dynamic"] = mappings["properties"]["markdown"]["dynamic"] = "strict"
    with elasticsearch(Path(tmp_path_factory.mktemp("elastic")) / "home") as server:
        server.ask("PUT", "_index_template/markdown-pricing", template)
        yield server
