"""`markdown-pricing` as its user calls it, without a process of its own: its exit code and what it says."""

import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from subprocess import CompletedProcess
from typing import IO
from unittest.mock import patch

from markdown_pricing.__main__ import main


def command(*arguments: str, environ: Mapping[str, str]) -> CompletedProcess[str]:
    """What `python -m markdown_pricing` does with these arguments in this environment alone.

    In a process of its own it imports anew what is here already; some of tests/test_command_line.py do that, too.
    """
    told, signals = ["markdown-pricing", *arguments], {each: signal.getsignal(each) for each in STOPS}
    # Files, as a stream of a process is one: log lines and Dagster's logs go straight to it.
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        with (
            patch.object(sys, "argv", told),
            patch.dict(os.environ, environ, clear=True),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as ended:
                code = int(ended.code or 0)
            finally:
                _forget(signals)
        return CompletedProcess(told, code, *(_text(stream) for stream in (out, err)))


STOPS = (signal.SIGTERM, signal.SIGINT)


def _forget(signals: Mapping[signal.Signals, object]) -> None:
    """What a process is set up with once: the definitions of one environment, and what a stop does."""
    for number, handler in signals.items():
        signal.signal(number, handler)  # type: ignore[arg-type]
    if local_round := sys.modules.get("markdown_pricing.orchestration.local_round"):
        signal.set_wakeup_fd(-1)
        local_round.load_definitions.cache_clear()
        local_round._signal_notes.cache_clear()


def _text(stream: IO[str]) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()
