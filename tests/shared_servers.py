"""Servers that all processes of a test run share: each is started once, when the first test asks for it.

pytest-xdist runs the tests in several processes and leads them from one that runs none. That one starts the servers and
ends them, so that each lives exactly as long as the run. Without pytest-xdist the only process asks itself.
"""

import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Protocol, TypeVar

S = TypeVar("S")
Answer = TypeVar("Answer")
Start = Callable[[Path], AbstractContextManager[S]]
"""Starts a server that keeps its files in the folder, and ends it when the context is left."""


class Servers(Protocol):
    def ask(self, start: Start[S], read: Callable[[S], Answer]) -> Answer:
        """What `read` answers of the server that `start` has started; both are functions of a module.

        raises what `start` or `read` raised
        """


class Leader:
    """Starts the servers; `address` is the socket on which the other processes ask."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="servers-"))
        self._folder.chmod(0o711)  # PostgreSQL runs as a user of its own
        self._started: dict[str, Any] = {}
        self._to_end = ExitStack()
        self._one_at_a_time = Lock()
        self.address = str(self._folder / "socket")
        self._listener = Listener(self.address, "AF_UNIX")
        Thread(target=self._listen, daemon=True).start()

    def ask(self, start: Start[S], read: Callable[[S], Answer]) -> Answer:
        name = start.__name__
        with self._one_at_a_time:
            if name not in self._started:
                self._started[name] = self._to_end.enter_context(start(self._folder / name))
            return read(self._started[name])

    def end(self) -> None:
        """End every server, and remove what they kept."""
        self._listener.close()
        self._to_end.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _listen(self) -> None:
        with suppress(OSError):  # the listener is closed at the end
            while True:
                Thread(target=self._answer, args=(self._listener.accept(),), daemon=True).start()

    def _answer(self, connection: Connection) -> None:
        with connection, suppress(EOFError):
            start, read = connection.recv()
            try:
                connection.send((self.ask(start, read), None))
            except Exception as error:
                connection.send((None, error))


class Follower:
    """Asks the leader, which is another process."""

    def __init__(self, address: str) -> None:
        self._address = address

    def ask(self, start: Start[S], read: Callable[[S], Answer]) -> Answer:
        with Client(self._address, "AF_UNIX") as leader:
            leader.send((start, read))
            answer, error = leader.recv()
        if error is not None:
            raise error
        return answer
