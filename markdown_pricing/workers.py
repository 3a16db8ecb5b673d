"""Processes that work on countries side by side. They end with the command that started them, and share its cores."""

import multiprocessing
import os
import signal
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from threading import Thread
from types import FrameType

from markdown_pricing.errors import InputWarning
from markdown_pricing.threads import limit_threads

SECONDS_TO_END = 10
"""How long a worker may take to end its run after its command is gone; chosen on 2026-11-23."""


def worker_processes(number: int, side_by_side: int | None = None) -> ProcessPoolExecutor:
    """`number` processes, each of which starts with its first piece of work.

    side_by_side : each computes on cores ÷ this; `number` when not given
    """
    # Spawned, not forked: the HDFS client's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(number, context, initializer=_begin, initargs=(side_by_side or number,))


def end_on_a_stop() -> None:
    """SIGTERM, a container's stop, ends this command and its workers as Ctrl-C does: each run says that it is over."""

    def stop(number: int, frame: FrameType | None) -> None:
        for worker in multiprocessing.active_children():
            worker.terminate()
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGTERM, stop)


def _begin(side_by_side: int) -> None:
    """What a worker does before its first piece of work: it outlives neither a stop nor its command.

    Nobody would look after what it writes.
    """
    limit_threads(side_by_side)
    warnings.filterwarnings("ignore", category=InputWarning)  # the command has said it
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    Thread(target=_watch_the_command, daemon=True).start()


def _watch_the_command() -> None:
    command = multiprocessing.parent_process()
    assert command is not None
    command.join()
    os.kill(os.getpid(), signal.SIGINT)  # Dagster ends the run and says so
    time.sleep(SECONDS_TO_END)
    os._exit(1)
