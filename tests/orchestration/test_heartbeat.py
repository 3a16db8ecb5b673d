"""The file by whose age a server is looked after, so that nothing has to start a Python for it."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
import yaml  # type: ignore[import-untyped]

from markdown_pricing.orchestration import heartbeat

PROJECT = Path(__file__).parents[2]


def beats_of(file: Path, looks: Iterator[Callable[[], bool]]) -> list[bool]:
    """Whether the file was touched after each of the looks, which are taken one after the other without a pause."""
    stop, seen = Event(), list[bool]()

    def answers() -> bool:
        seen.append(file.exists())
        file.unlink(missing_ok=True)
        look = next(looks, None)
        if look is None:
            stop.set()
            return False
        return look()

    heartbeat.beat(file, answers, stop, every_s=0.0)
    return seen[1:]


def unreachable() -> bool:
    raise ConnectionError("the database is away")


def test_the_file_is_touched_for_as_long_as_the_server_answers(tmp_path: Path) -> None:
    looks = iter([lambda: True, lambda: False, lambda: True])

    assert beats_of(tmp_path / "heartbeat", looks) == [True, False, True]


def test_a_database_that_cannot_be_asked_kills_no_server(tmp_path: Path) -> None:
    assert beats_of(tmp_path / "heartbeat", iter([unreachable, lambda: False])) == [True, False]


def test_the_beat_ends_with_its_server(tmp_path: Path) -> None:
    stop = Event()
    thread = Thread(target=heartbeat.beat, args=(tmp_path / "heartbeat", lambda: True, stop))
    thread.start()
    stop.set()

    thread.join(20)

    assert not thread.is_alive()
    assert not (tmp_path / "heartbeat").exists()


def probes() -> Iterator[tuple[str, object]]:
    """What every definition looks at, by where it stands."""
    for document in yaml.safe_load_all((PROJECT / "deploy/kubernetes/servers.yaml").read_text()):
        if document["kind"] == "Deployment":
            [container] = document["spec"]["template"]["spec"]["containers"]
            for name in ("startupProbe", "livenessProbe"):
                yield f"kubernetes {container['name']} {name}", container[name]
    for file in ("code-server", "web-server", "daemon"):
        [check] = json.loads((PROJECT / f"deploy/dcos/{file}.json").read_text())["healthChecks"]
        yield f"dcos {file}", check
    for name, service in yaml.safe_load((PROJECT / "docker/compose.yaml").read_text())["services"].items():
        if "test" in service.get("healthcheck", {}) and service["image"].startswith("markdown-pricing"):
            yield f"compose {name}", service["healthcheck"]
    [check] = re.findall(r"^HEALTHCHECK (?:.*\\\n)*.*", (PROJECT / "docker/Dockerfile").read_text(), re.MULTILINE)
    yield "image", check


PROBES = list(probes())
HOW = {
    "image": ["-maxdepth 1 -name 'heartbeat-*' -mmin -2"],
    "web-server": ["/server_info"],
    "daemon": ["heartbeat-daemon"],
    "code-server": ["heartbeat-code-server", '"service": "DagsterApi"'],
}
"""What is looked at; the kubelet asks the code server by itself."""


@pytest.mark.parametrize(("where", "probe"), PROBES, ids=[where for where, _ in PROBES])
def test_no_probe_starts_a_python(where: str, probe: object) -> None:
    asked = json.dumps(probe).replace('\\"', '"')
    [looked_at] = [name for name in HOW if name in where.split()]

    assert not re.search(r"python|dagster-daemon|dagster api|markdown-pricing run", asked)
    assert any(way in asked for way in HOW[looked_at])
    assert ("mmin" in asked) == ("heartbeat" in asked)
