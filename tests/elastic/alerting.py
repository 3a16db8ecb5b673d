"""The real elastalert2 in an environment of its own, because it needs older libraries than ours; kept in `.cache`."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from tests.elastic.conftest import ELASTIC
from tests.elastic.node import Elasticsearch
from tests.jars import CACHE

HERE = Path(__file__).parent
VENV = CACHE / "elastalert"

Alert = dict[str, str]


def alerts(server: Elasticsearch, folder: Path, times: Sequence[datetime]) -> list[Alert]:
    """What the packaged rules alert of at `times`: rule, time and text of each alert, as elastalert2 sends it.

    The packaged configuration, except that nothing is held back to be sent together, and that a query covers six hours.
    """
    config = yaml.safe_load((ELASTIC / "elastalert.yaml").read_text())
    config |= {"rules_folder": str(ELASTIC / "rules"), "buffer_time": {"hours": 6}}
    del config["aggregation"]
    file = folder / "elastalert.yaml"
    file.write_text(yaml.safe_dump(config))
    environment = {**os.environ, "ES_HOST": "127.0.0.1", "ES_PORT": str(server.port)}
    python = _installed() / "bin/python"
    indices = [python, "-m", "elastalert.create_index", "--config", file]
    subprocess.run(indices, env=environment, check=True, capture_output=True)
    command = [python, HERE / "fire.py", file, *(time.isoformat() for time in times)]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr[-2000:]
    return [json.loads(line) for line in told.stdout.splitlines() if line.startswith("{")]


def _installed() -> Path:
    if not VENV.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            # Moved at the end, so only its Python works, not its programs: they name their folder.
            unfinished = Path(folder) / "elastalert"
            subprocess.run([sys.executable, "-m", "venv", unfinished], check=True)
            packages = ["elastalert2", "setuptools", "pytz"]
            constraints = HERE / "constraints.txt"
            command = [unfinished / "bin/python", "-m", "pip", "install", "-q", "-c", constraints, *packages]
            subprocess.run(command, check=True)
            with suppress(OSError):  # another process was faster
                unfinished.rename(VENV)
    return VENV
