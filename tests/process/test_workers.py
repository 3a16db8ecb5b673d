"""Processes that work on countries side by side."""

import os
import signal
import sys
import warnings
import weakref

import pytest

from markdown_pricing.errors import InputWarning
from markdown_pricing.process.workers import on_a_stop, worker_processes


def warnings_heard() -> int:
    with warnings.catch_warnings(record=True) as heard:
        warnings.warn("nobody reads the column time_zone any more", InputWarning, stacklevel=1)
    return len(heard)


def test_what_the_command_has_warned_of_no_worker_says_again() -> None:
    with worker_processes(1) as pool:
        assert pool.submit(warnings_heard).result() == 0


def test_a_stop_that_python_ignores_is_known_all_the_same() -> None:
    """What a signal's handler raises is lost in a callback of the garbage collector, where nobody can catch it."""
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    was_told = on_a_stop()
    try:
        with pytest.MonkeyPatch.context() as quiet:
            quiet.setattr(sys, "unraisablehook", lambda _: None)
            gone: set[int] = set()
            watch = weakref.ref(gone, lambda _: os.kill(os.getpid(), signal.SIGTERM))
            del gone
        assert watch() is None
        assert was_told()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
