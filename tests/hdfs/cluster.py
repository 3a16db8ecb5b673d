"""A real HDFS on this machine for as long as it is needed: `with mini_hdfs(data_dir) as hdfs: ... hdfs.url ...`.

Needs Java 17 and, the first time, Maven; the jars are kept in `.cache/hdfs-jars`.
"""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.jars import CACHE, fetched

HERE = Path(__file__).parent
JARS = CACHE / "hdfs-jars"


@dataclass(frozen=True)
class MiniHdfs:
    """A running cluster; `ports` are those of its name nodes."""

    ports: tuple[int, ...]
    process: "subprocess.Popen[str]"

    @property
    def url(self) -> str:
        return f"hdfs://localhost:{self.ports[0]}"

    def tell(self, command: str) -> None:
        """Have the cluster do `safemode on`, `safemode off` or `failover`, and wait until it has."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if answer != "done":
            raise RuntimeError(f"HDFS answered {answer!r} to {command!r}")


def lacking() -> str | None:
    """What this machine lacks for a real HDFS, or None."""
    if importlib.util.find_spec("hdfs_native") is None:
        return "the package hdfs-native is not installed (markdown-pricing[hdfs])"
    if shutil.which("java") is None:
        return "java is not installed (17 or newer)"
    if not JARS.exists() and shutil.which("mvn") is None:
        return "mvn is not installed, which fetches the jars of HDFS"
    return None


@contextmanager
def mini_hdfs(data_dir: Path, *, high_availability: bool = False) -> Iterator[MiniHdfs]:
    """Start HDFS with its blocks and log in `data_dir`; it ends with the `with` block, and with this process."""
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir / "hdfs.log"
    command = [
        "java",
        "-Xmx768m",
        "-cp",
        f"{fetched(HERE / 'pom.xml', JARS.name)}/*",
        str(HERE / "MiniHdfs.java"),
        str(data_dir),
    ]
    # Hadoop's own variables of this process would reach the cluster as well.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HADOOP_")}
    with (
        log.open("w") as log_file,
        subprocess.Popen(
            command + ["ha"] * high_availability,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log_file,
            env=environment,
            text=True,
        ) as process,
    ):
        try:
            yield MiniHdfs(_ports(process, log), process)
        finally:
            process.kill()


def _ports(process: "subprocess.Popen[str]", log: Path) -> tuple[int, ...]:
    """The name nodes' ports, once the cluster is ready."""
    assert process.stdout
    ports = []
    for line in process.stdout:
        if line.startswith("port "):
            ports.append(int(line.removeprefix("port ")))
        if line == "ready\n":
            return tuple(ports)
    raise RuntimeError(f"HDFS did not start. The end of {log}:\n{log.read_text()[-2000:]}")
