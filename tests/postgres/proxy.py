"""A TCP proxy in front of PostgreSQL that loses a COMMIT or its answer when told to, and cuts the connection then."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

REQUEST, ANSWER = "request", "answer"


@dataclass
class Proxy:
    """`to_lose`: what is lost of each COMMIT to come, REQUEST or ANSWER; those after them go through."""

    port: int
    to_lose: list[str] = field(default_factory=list)

    def connect(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on what either says, until one ends or something is lost."""
        answers_are_lost = threading.Event()

        def ask() -> None:
            while data := client.recv(65536):
                lost = self.to_lose.pop(0) if b"COMMIT\0" in data and self.to_lose else None
                if lost == REQUEST:
                    return
                if lost == ANSWER:
                    answers_are_lost.set()
                server.sendall(data)

        def answer() -> None:
            while data := server.recv(65536):
                if answers_are_lost.is_set():
                    return
                client.sendall(data)

        for part in (ask, answer):
            threading.Thread(target=_then_cut, args=(part, client, server), daemon=True).start()


@contextmanager
def proxy_of(server_port: int, listen: tuple[str, int] = ("127.0.0.1", 0)) -> Iterator[Proxy]:
    """A proxy of the server on that port of 127.0.0.1, on a free port or on the address that is given."""
    with socket.create_server(listen) as listener:
        proxy = Proxy(listener.getsockname()[1])

        def accept() -> None:
            with suppress(OSError):  # the listener is closed at the end
                while True:
                    client, _ = listener.accept()
                    proxy.connect(client, socket.create_connection(("127.0.0.1", server_port)))

        threading.Thread(target=accept, daemon=True).start()
        yield proxy


def _then_cut(part: Callable[[], None], client: socket.socket, server: socket.socket) -> None:
    with suppress(OSError):
        part()
    for end in (client, server):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
