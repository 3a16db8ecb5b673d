"""Processes that work on countries side by side. They end with the command that started them, and share its cores."""

import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any

from markdown_pricing.errors import InputWarning
from markdown_pricing.process.device import choose_device, chosen_device
from markdown_pricing.process.imported import imported_for_good
from markdown_pricing.process.threads import limit_threads, own_cores

SECONDS_TO_END = 10
"""How long a worker may take to end its run after its command is gone; chosen on 2026-11-23."""
SPAWN = multiprocessing.get_context("spawn")
"""Spawned, not forked: the HDFS client's threads do not survive a fork."""


@dataclass(frozen=True)
class Answer:
    """What a piece of work has returned."""

    value: Any


@dataclass(frozen=True)
class Raised:
    """What a piece of work has raised, in words, because not every error can go between processes."""

    message: str


@dataclass(frozen=True)
class Note:
    """What a piece of work tells its command while it goes on."""

    text: str


class WorkerDied(Exception):
    """The process is gone, with the piece of work that it had."""

    def __init__(self, exit_code: int | None) -> None:
        killed = exit_code is not None and exit_code < 0
        how = f"was killed by {signal.Signals(-exit_code).name}" if killed and exit_code else "ended by itself"
        super().__init__(f"its worker process {how}")


class Worker:
    """A process for one piece of work after the other. When it dies, only the piece that it had is lost.

    side_by_side : it computes on cores ÷ this
    """

    def __init__(self, side_by_side: int) -> None:
        self.connection, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(target=_serve, args=(theirs, side_by_side))
        try:
            with _ctrl_c_is_for_the_command():
                self._process.start()
        except KeyboardInterrupt:  # pressed meanwhile: nobody else knows the process
            self._process.kill()
            raise
        theirs.close()  # so that reading fails at once when the process is gone

    @property
    def pid(self) -> int | None:
        """The id of its process."""
        return self._process.pid

    def begin(self, work: Callable[..., Any], *arguments: Any) -> None:
        """Let it do `work(*arguments)`, a function of a module. It answers later, even when it is dead already."""
        with suppress(OSError):
            self.connection.send((work, arguments))

    def receive(self) -> Answer | Raised | Note:
        """What it has sent. Raises WorkerDied."""
        try:
            message: Answer | Raised | Note = self.connection.recv()
        except (EOFError, OSError) as error:
            self._process.join()
            raise WorkerDied(self._process.exitcode) from error
        return message

    def end(self, grace_s: float = 0.0) -> None:
        """End the process, whatever it does. It is asked first where it is given some seconds for that."""
        if grace_s:
            self._process.terminate()
            self._process.join(grace_s)
        self._process.kill()
        self._process.join()
        self.connection.close()


def heard(workers: Iterable[Worker], within_s: float) -> list[Worker]:
    """Those that have sent something or have died; none when that takes longer than `within_s`."""
    by_connection = {worker.connection: worker for worker in workers}
    return [by_connection[ready] for ready in wait(list(by_connection), within_s)]  # type: ignore[index]


def tell_command(text: str) -> None:
    """Tell the command how far the work is. It does nothing where no command is waiting for it."""
    if _to_command:
        _to_command.send(Note(text))


def worker_processes(number: int) -> ProcessPoolExecutor:
    """`number` processes, each of which starts with its first piece of work and computes on own cores ÷ `number`.

    Their models compute on the device that this process has chosen.
    """
    given = number, own_cores(), chosen_device()
    return ProcessPoolExecutor(number, SPAWN, initializer=_begin_in_a_pool, initargs=given)


def on_a_stop() -> Callable[[], bool]:
    """Let SIGTERM, a container's stop, end this command as Ctrl-C does. Returns whether it was told to stop.

    What a handler raises in a callback of the garbage collector Python ignores: whoever waits has to ask, too.
    """
    stopped = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        raise KeyboardInterrupt

    for each in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(each) != signal.SIG_IGN:
            signal.signal(each, stop)
    return lambda: stopped


def end_with_the_parent(end: Callable[[], None] = lambda: os._exit(1)) -> None:
    """This process ends by `end` when the one that has spawned it does, or else SECONDS_TO_END later.

    Whoever asks first decides how: what runs in a worker that has some seconds to end in must not take them away. A
    process that nobody has spawned goes on.
    """
    parent = multiprocessing.parent_process()
    if parent is None or any(thread.name == _WATCH for thread in threading.enumerate()):
        return

    def watch() -> None:
        parent.join()
        end()
        time.sleep(SECONDS_TO_END)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name=_WATCH).start()


_WATCH = "watches the parent"
_to_command: Connection | None = None


def _serve(command: Connection, side_by_side: int) -> None:
    """What a worker does all its life: one piece of work after the other."""
    global _to_command
    _to_command = command
    _begin(side_by_side, lambda: os.kill(os.getpid(), signal.SIGTERM))  # Dagster ends the run and says so
    while True:
        try:
            with imported_for_good():  # with the first piece of work comes what it needs
                work, arguments = command.recv()
            command.send(_done(work, arguments))
        except (EOFError, OSError, KeyboardInterrupt):  # the command is gone, or it was told to end
            os._exit(1)


def _done(work: Callable[..., Any], arguments: tuple[Any, ...]) -> Answer | Raised:
    try:
        return Answer(work(*arguments))
    except Exception as error:
        return Raised(str(error) or type(error).__name__)


def _begin_in_a_pool(side_by_side: int, cores: int, device: str) -> None:
    choose_device(device)
    _begin(side_by_side, cores=cores)


def _begin(side_by_side: int, end: Callable[[], None] = lambda: os._exit(1), cores: int | None = None) -> None:
    """What a worker does before its first piece of work: it outlives neither a stop nor its command.

    Nobody would look after what it writes.
    """
    limit_threads(side_by_side, cores)
    warnings.filterwarnings("ignore", category=InputWarning)  # the command has said it
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    end_with_the_parent(end)


@contextmanager
def _ctrl_c_is_for_the_command() -> Iterator[None]:
    """A process that is started meanwhile never gets it, whatever handler it sets: only its command decides."""
    resource_tracker.ensure_running()  # which starts with the first process, and then allows the signal again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
