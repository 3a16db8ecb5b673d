"""Processes of this machine that tests start: where they listen, when they are ready, and their end."""

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

Found = TypeVar("Found")


def free_port() -> int:
    """Below the range that the system hands to outgoing connections."""
    while True:
        port = random.randrange(20_000, 32_000)
        if not answers(port):
            return port


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_alive(process: int) -> bool:
    """Whether there is a process of this id."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(
    what: str, look: Callable[[], Found | None], within_s: float, state: Callable[[], object], every_s: float = 0.2
) -> Found:
    """What `look` finds, as soon as it is something; fails with the last `state` when it takes too long."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {within_s:g} s until {what}; it stands at: {state()}"
        time.sleep(every_s)
    return found


def end_groups(processes: "Iterable[subprocess.Popen[bytes]]") -> None:
    """kill -9 of each with what it has started: those that lead a process group of their own."""
    for process in processes:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        process.wait()
