"""A real HDFS on this machine for as long as it is needed: `with mini_hdfs(data_dir) as hdfs: ... hdfs.url ...`.

Needs Java 17 and, the first time, Maven; the jars are kept in `.cache/hdfs-jars`, those of Hadoop 2 beside them.
"""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.jars import CACHE, SHORT_LIVED, fetched

HERE = Path(__file__).parent
HADOOP_3, HADOOP_2 = "hdfs-jars", "hdfs-jars-2"
REPLICATION = 3
"""How many data nodes a file of HDFS lies on where nobody has set `dfs.replication`. With a single one, which has told
the name node nothing of a block yet when its writer says that the file is complete, closing takes half a second."""
_POMS = {HADOOP_3: "pom.xml", HADOOP_2: "pom-2.xml"}


@dataclass(frozen=True)
class MiniHdfs:
    """A running cluster; `ports` are those of its name nodes."""

    ports: tuple[int, ...]
    process: "subprocess.Popen[str]"

    @property
    def url(self) -> str:
        return f"hdfs://localhost:{self.ports[0]}"

    def tell(self, command: str) -> None:
        """Have the cluster do one of the commands of MiniHdfs.java, and wait until it has."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        said = []
        for line in self.process.stdout:
            if line == "done\n":
                return
            said.append(line)
        raise RuntimeError(f"HDFS ended at {command!r}: {''.join(said)}")


def lacking(hadoop: str = HADOOP_3) -> str | None:
    """What this machine lacks for a real HDFS, or None."""
    if importlib.util.find_spec("hdfs_native") is None:
        return "the package hdfs-native is not installed (markdown-pricing[hdfs])"
    if shutil.which("java") is None:
        return "java is not installed (17 or newer)"
    if not (CACHE / hadoop).exists() and shutil.which("mvn") is None:
        return "mvn is not installed, which fetches the jars of HDFS"
    return None


@contextmanager
def mini_hdfs(
    data_dir: Path, *, data_nodes: int = 1, high_availability: bool = False, address: str = "", hadoop: str = HADOOP_3
) -> Iterator[MiniHdfs]:
    """Start HDFS with its files and log in `data_dir`; it ends with the `with` block, and with this process.

    address : of this machine, at which the data nodes listen in place of 127.0.0.1; not with `high_availability`
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir / "hdfs.log"
    program = [str(HERE / "MiniHdfs.java"), str(data_dir / "blocks"), str(data_nodes)]
    command = ["java", *SHORT_LIVED, "-Xmx768m", "-cp", f"{fetched(HERE / _POMS[hadoop], hadoop)}/*", *program]
    # Hadoop's own variables of this process would reach the cluster as well.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HADOOP_")}
    with (
        log.open("w") as log_file,
        subprocess.Popen(
            [*command, *(["ha"] if high_availability else [address] if address else [])],
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
