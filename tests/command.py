"""`markdown-pricing` as its user calls it, without a process of its own: its exit code and what it says."""

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from subprocess import CompletedProcess
from typing import IO, Any
from unittest.mock import patch

from markdown_pricing.__main__ import main
from markdown_pricing.process.threads import VARIABLES
from markdown_pricing.process.workers import SPAWN, Worker, _done


def command(*arguments: str, environ: Mapping[str, str]) -> CompletedProcess[str]:
    """What `python -m markdown_pricing` does with these arguments in this environment alone.

    It has as many threads as the tests, because a limit that it sets stays set in this process. In processes of its own
    it imports anew what is here already; some of tests/commands do that, too.
    """
    told, signals = ["markdown-pricing", *arguments], {each: signal.getsignal(each) for each in STOPS}
    threads = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    # Files, as a stream of a process is one: log lines and Dagster's logs go straight to it.
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        with (
            patch.object(sys, "argv", told),
            patch.dict(os.environ, {**threads, **environ}, clear=True),
            redirect_stdout(out),
            redirect_stderr(err),
            patch("markdown_pricing.orchestration.local_round.Worker", InThisProcess),
        ):
            try:
                main()
            except SystemExit as ended:
                code = int(ended.code or 0)
            finally:
                _forget(signals)
        return CompletedProcess(told, code, *(_text(stream) for stream in (out, err)))


class InThisProcess(Worker):
    """A worker that is no process: it has answered when it is told to begin."""

    def __init__(self, side_by_side: int) -> None:
        self.connection, self._answers = SPAWN.Pipe()

    def begin(self, work: Callable[..., Any], *arguments: Any) -> None:
        with patch(
            "markdown_pricing.process.workers._to_command", self._answers
        ):  # so that its notes come before the answer
            self._answers.send(_done(work, arguments))

    def end(self, grace_s: float = 0.0) -> None:
        self.connection.close()


STOPS = (signal.SIGTERM, signal.SIGINT)


def _forget(signals: Mapping[signal.Signals, object]) -> None:
    """What a process is set up with once: the definitions of one environment, and what a stop does."""
    for number, handler in signals.items():
        signal.signal(number, handler)  # type: ignore[arg-type]
    if local_runs := sys.modules.get("markdown_pricing.orchestration.local_runs"):
        local_runs.load_definitions.cache_clear()


def _text(stream: IO[str]) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()
