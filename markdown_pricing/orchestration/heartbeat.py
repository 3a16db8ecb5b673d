"""One of Dagster's servers, and beside it a file that is touched for as long as the server answers.

    python -m markdown_pricing.orchestration.heartbeat daemon MODULE [ARGUMENTS]

Whoever looks after the server looks at the age of the file $DAGSTER_HOME/heartbeat-daemon, which starts no Python.
Dagster's own checks start one each time, which takes seconds on a busy node, so that healthy servers were killed there.
"""

import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

from markdown_pricing.process.imported import imported_for_good

FILE = "heartbeat-{server}"
"""The name of a server's file in DAGSTER_HOME."""
EVERY_S = 15.0
"""Seconds from one look at the server to the next. Chosen on 2026-11-27: whoever looks after the server allows the file
an age of two minutes, which are eight looks."""


def beat(file: Path, answers: Callable[[], bool], stop: Event, every_s: float = EVERY_S) -> None:
    """Touch the file after each look at which the server answers, until `stop` is set.

    A look that fails counts as an answer: a database that cannot be asked is mended by no restart of the server.
    """
    while not stop.wait(every_s):
        try:
            alive = answers()
        except Exception:
            alive = True
        if alive:
            file.touch()


def daemon_answers() -> Callable[[], bool]:
    """Whether each part of Dagster's daemon has written its own heartbeat to Dagster's database lately."""
    with imported_for_good():
        from dagster import DagsterInstance
        from dagster._daemon.controller import all_daemons_live

    instance = DagsterInstance.get()
    return lambda: all_daemons_live(instance)


def code_server_answers(host: str, port: int) -> Callable[[], bool]:
    """Whether the code server answers the health check of gRPC."""
    with imported_for_good():
        from dagster._grpc.client import DagsterGrpcClient

    client = DagsterGrpcClient(host=host, port=port)
    return lambda: bool(client.health_check_query() == "SERVING")  # type: ignore[no-untyped-call]


def _look(server: str, arguments: list[str]) -> Callable[[], bool]:
    if server == "daemon":
        return daemon_answers()
    host, port = (arguments[arguments.index(name) + 1] for name in ("--host", "--port"))
    return code_server_answers("localhost" if host == "0.0.0.0" else host, int(port))


def main() -> None:
    """Become the server that the command line names, with a thread that touches the file."""
    server, module, *arguments = sys.argv[1:]
    # This is a program of its own, which `serve` turns into: it has the environment that `serve` gave it.
    file = Path(os.environ["DAGSTER_HOME"]) / FILE.format(server=server)
    file.unlink(missing_ok=True)  # an earlier server's says nothing of this one
    # Dagster is imported here, because an import from two threads at once may find a module half made.
    Thread(target=beat, args=(file, _look(server, arguments), Event()), daemon=True).start()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
