"""Write one line of JSON in the Elastic Common Schema for each thing that happened.

A line is written at once and nothing is kept, so that a collector or an Elasticsearch that is down costs no memory.
When a line cannot be written, one message on standard error says so, and the round goes on.
"""

import logging
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from io import TextIOWrapper
from typing import Any, BinaryIO, TextIO

from markdown_pricing import __version__

STDOUT, STDERR, OFF = "stdout", "stderr", "off"
DESTINATIONS = (STDOUT, STDERR, OFF)
SUCCESS, FAILURE, UNKNOWN = "success", "failure", "unknown"
"""The values of the ECS field event.outcome."""
ALERTS = "markdown_pricing.alert"
"""The value of the ECS field event.dataset of a line that somebody should know of."""

LONGEST_TEXT = 4000
"""Characters of a message; with them a line stays well below the 16 KiB at which Docker splits it."""
LEFT_OUT_OF_ECS = ("log.original", "log.origin", "process.name", "process.thread", "error.stack_trace")
NANOSECONDS = 1_000_000_000

LOGGER = logging.getLogger("markdown_pricing.log")
LOGGER.propagate = False
LOGGER.setLevel(logging.DEBUG)
LOGGER.addHandler(logging.NullHandler())


def write_to(destination: str | None, environment: str, secrets: Iterable[str] = ()) -> None:
    """Send all lines from now on to `destination`.

    destination : one of DESTINATIONS; None means standard output unless that is a terminal
    environment : the value of the ECS field service.environment
    secrets     : texts in place of which every field has stars; the longest first
    """
    chosen = destination or (OFF if sys.stdout and sys.stdout.isatty() else STDOUT)
    stream = {STDOUT: sys.stdout, STDERR: sys.stderr, OFF: None}[chosen]
    LOGGER.handlers = [_Lines(stream, environment, tuple(secrets)) if stream else logging.NullHandler()]


def tell(message: str, facts: Mapping[str, object], level: int = logging.INFO) -> None:
    """Write one line. `facts` are named by their dotted ECS fields; those that are None or NaN are left out."""
    known = {field: value for field, value in facts.items() if value is not None and value == value}
    LOGGER.log(level, "%s", message[:LONGEST_TEXT], extra=known)


def duration(seconds: float) -> dict[str, object]:
    """The fields of a duration: in nanoseconds, as ECS has it, and in seconds for people."""
    return {"event.duration": round(seconds * NANOSECONDS), "markdown.seconds": round(seconds, 3)}


class OnceOnly:
    """Says that lines are lost, but only the first time."""

    def __init__(self) -> None:
        self._said = False

    def say(self, error: BaseException | None) -> None:
        """Write to standard error that lines are lost, and why; nothing after the first time."""
        if self._said or sys.stderr is None:
            return
        self._said = True
        with suppress(OSError):  # then there is no place left to say it
            print(f"Log lines are lost: {type(error).__name__}: {error}. The round goes on without.", file=sys.stderr)


class _TextAsBytes:
    """A stream that takes only text, such as the one with which `dg` captures standard output, for lines in bytes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: memoryview) -> int:
        self._stream.write(str(line, "utf-8"))
        return len(line)


class _Lines(logging.Handler):
    """Writes lines straight to the file behind a stream, without a buffer.

    It does not write to the stream itself, because while a step runs Dagster puts a file in its place, whose last lines
    it may fail to pass on.
    """

    def __init__(self, stream: TextIO, environment: str, secrets: tuple[str, ...]) -> None:
        super().__init__()
        try:
            self._file: BinaryIO | _TextAsBytes = open(os.dup(stream.fileno()), "wb", buffering=0)  # noqa: SIM115
        except OSError:  # the stream has no file, because something captures what is printed
            self._file = stream.buffer if isinstance(stream, TextIOWrapper) else _TextAsBytes(stream)
        self._formatter: logging.Formatter | None = None
        self._environment, self._secrets = environment, secrets
        self._once = OnceOnly()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._formatter = self._formatter or _formatter(self._environment, self._secrets)
            line = memoryview(self._formatter.format(record).encode() + b"\n")
            while line:
                line = line[self._file.write(line) :]
        except Exception as error:
            self._once.say(error)


def _formatter(environment: str, secrets: tuple[str, ...]) -> logging.Formatter:
    import ecs_logging  # imported here, so that the help of the command line does not wait for it

    class Formatter(ecs_logging.StdlibFormatter):
        def format_to_ecs(self, record: logging.LogRecord) -> dict[str, Any]:
            masked: dict[str, Any] = _masked(super().format_to_ecs(record), secrets)
            return masked

    service = {"service.name": "markdown-pricing", "service.version": __version__, "service.environment": environment}
    return Formatter(exclude_fields=LEFT_OUT_OF_ECS, extra={**service, "event.kind": "event"})


def _masked(value: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {name: _masked(inner, secrets) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(inner, secrets) for inner in value]
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "***")
    return value
