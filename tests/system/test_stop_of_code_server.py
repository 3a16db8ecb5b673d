"""What `serve code-server` makes of a stop, also where Dagster by itself would wait for the kill."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from markdown_pricing.commands.serve import OPEN_CALLS_S
from markdown_pricing.installation.settings import CODE_SERVER_PORT, DATA
from markdown_pricing.orchestration.heartbeat import FILE
from tests.processes import end_groups, free_port, wait_until

LOG = "code-server.log"


@contextmanager
def code_server(folder: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Started as by the `&` of a script: it is to ignore SIGINT."""
    shutil.copy(DATA / "dagster.yaml", folder)
    (folder / "lake").mkdir()
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(folder),
        CODE_SERVER_PORT: str(port),
        "MARKDOWN_PRICING_LAKE": str(folder / "lake"),
        "MARKDOWN_PRICING_ERP": f"sqlite:///{folder}/erp.sqlite",
    }
    command = [sys.executable, "-m", "markdown_pricing", "serve", "code-server", "--host", "127.0.0.1"]
    script = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command]
    log = folder / LOG
    with log.open("wb") as file:
        server = subprocess.Popen(script, cwd=folder, env=environment, stdout=file, stderr=file, start_new_session=True)
    try:
        heartbeat = folder / FILE.format(server="code-server")
        wait_until("the code server answers", heartbeat.exists, 300, log.read_text)
        yield server
    finally:
        end_groups([server])


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT], ids=["Kubernetes", "compose"])
def test_it_ends_by_itself_though_it_was_started_to_ignore_the_keyboard(tmp_path: Path, stop: signal.Signals) -> None:
    """And says for how long it waits at most for calls that are open: none is, so that it ends at once."""
    with code_server(tmp_path, free_port()) as server:
        server.send_signal(stop)

        assert server.wait(timeout=300) == 0

    [seconds] = OPEN_CALLS_S.values()
    said = (tmp_path / LOG).read_text()
    assert f"Stopping server once all current RPC calls terminate or {seconds} seconds pass" in said


def test_its_limit_for_open_calls_leaves_room_in_that_of_kubernetes() -> None:
    """Which waits 30 s before it kills where a pod names no other time, as those of the servers."""
    assert [int(seconds) for seconds in OPEN_CALLS_S.values()] < [30]
