"""Servers of this machine that take messages: a chat that is told over HTTP, and a mail server."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.processes import free_port


@dataclass
class Chat:
    """`url` is apprise's; `answers` is the status of every request."""

    url: str
    taken: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0
    answers: int = 200


@dataclass
class Mail:
    """`url` is apprise's; a full box takes nothing."""

    url: str
    taken: list[EmailMessage] = field(default_factory=list)
    full: bool = False

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        if self.full:
            return "552 Mailbox full"
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.append(message)
        return "250 OK"


@contextmanager
def chat_server(user: str = "robot:s3cret") -> Iterator[Chat]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            chat.asked += 1
            if chat.answers == 200:
                chat.taken.append(said)
            self.send_response(chat.answers)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        chat = Chat(f"json://{user}@127.0.0.1:{server.server_port}/")
        Thread(target=server.serve_forever, daemon=True).start()
        yield chat
        server.shutdown()


@contextmanager
def mail_server() -> Iterator[Mail]:
    from aiosmtpd.controller import Controller

    port = free_port()
    mail = Mail(f"mailto://127.0.0.1:{port}?from=pricing@example.com&to=team@example.com")
    controller = Controller(mail, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield mail
    finally:
        controller.stop()


@contextmanager
def silent_server() -> Iterator[str]:
    """The URL of a chat that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"json://127.0.0.1:{server.getsockname()[1]}/"
