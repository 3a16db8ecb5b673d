"""A real Elasticsearch on this machine for as long as it is needed, and what a test asks of it.

Needs Java 17 and, the first time, Maven. It is the server's own code without the distribution's modules: no ILM, no
data streams, no Kibana.
"""

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.jars import CACHE, SHORT_LIVED, fetched

HERE = Path(__file__).parent
JARS = "elastic-jars"


class Refused(Exception):
    """What the server answered instead of doing it."""


@dataclass(frozen=True)
class Elasticsearch:
    port: int

    def ask(self, method: str, path: str, body: object = None, kind: str = "application/json") -> dict[str, Any]:
        data = None if body is None else (body if isinstance(body, bytes) else json.dumps(body).encode())
        request = Request(f"http://127.0.0.1:{self.port}/{path}", data, {"Content-Type": kind}, method=method)
        try:
            with urlopen(request, timeout=30) as answer:
                return dict(json.load(answer))
        except HTTPError as error:
            raise Refused(error.read().decode()) from error

    def keep(self, index: str, documents: Iterable[Mapping[str, Any]]) -> None:
        """All of them, to be found at once; raises Refused when one does not fit the index's mapping."""
        lines = [line for document in documents for line in ({"index": {}}, document)]
        body = "".join(json.dumps(line) + "\n" for line in lines).encode()
        answer = self.ask("POST", f"{index}/_bulk?refresh=true", body, "application/x-ndjson")
        if answer["errors"]:
            faults = [item["index"]["error"] for item in answer["items"] if "error" in item["index"]]
            raise Refused(json.dumps(faults[0]))


def lacking() -> str | None:
    """What this machine lacks for a real Elasticsearch, or None."""
    if shutil.which("java") is None:
        return "java is not installed (17 or newer)"
    if not (CACHE / JARS).exists() and shutil.which("mvn") is None:
        return "mvn is not installed, which fetches the jars of Elasticsearch"
    return None


@contextmanager
def elasticsearch(home: Path) -> Iterator[Elasticsearch]:
    """One node that keeps its data in `home`; it ends with the `with` block, and with this process."""
    jars = fetched(HERE / "pom.xml", JARS)
    memory = ["-Xms256m", "-Xmx256m"]
    command = ["java", *SHORT_LIVED, *memory, "-cp", f"{jars}/*", str(HERE / "EsNode.java"), str(home)]
    log = home.with_suffix(".log")
    with (
        log.open("w") as log_file,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log_file, text=True) as process,
    ):
        try:
            assert process.stdout
            ready = next((line for line in process.stdout if line.startswith("ready ")), "")
            assert ready, f"Elasticsearch did not start. The end of {log}:\n{log.read_text()[-2000:]}"
            yield Elasticsearch(int(ready.split()[1]))
        finally:
            process.kill()
