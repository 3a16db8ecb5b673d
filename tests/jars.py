"""Java programs of the tests: how they are run, and their libraries, fetched by Maven once and kept in `.cache`."""

import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

CACHE = Path(__file__).parent.parent / ".cache"
SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""For Java programs that end with the tests: what pays only in long lives is not compiled. HDFS begins with
9 in place of 13 processor seconds, Spark with its first snapshot 21 in place of 37."""


def fetched(pom: Path, name: str) -> Path:
    """The folder `.cache/<name>` with what `pom` depends on."""
    jars = CACHE / name
    if not jars.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            unfinished = Path(folder) / "jars"
            command = [
                "mvn",
                "-q",
                "-B",
                "-f",
                str(pom),
                "dependency:copy-dependencies",
                f"-DoutputDirectory={unfinished}",
            ]
            subprocess.run(command, check=True)
            with suppress(OSError):  # another process was faster
                unfinished.rename(jars)
    return jars
