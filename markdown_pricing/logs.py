"""One JSON line for each thing that happened, in the Elastic Common Schema, for whatever collects standard output.

A line is written at once and nothing is kept: a collector or Elasticsearch that is down costs no memory here. A line
that cannot be written is no fault of the round's: that is said once on standard error, and the round goes on.
"""

import logging
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, TextIO

from markdown_pricing import __version__

STDOUT, STDERR, OFF = "stdout", "stderr", "off"
DESTINATIONS = (STDOUT, STDERR, OFF)
SUCCESS, FAILURE, UNKNOWN = "success", "failure", "unknown"
"""ECS event.outcome."""

LONGEST_TEXT = 4000
LEFT_OUT_OF_ECS = ("log.original", "log.origin", "process.name", "process.thread", "error.stack_trace")
NANOSECONDS = 1_000_000_000

LOGGER = logging.getLogger("markdown_pricing.log")
LOGGER.propagate = False
LOGGER.setLevel(logging.DEBUG)
LOGGER.addHandler(logging.NullHandler())


def write_to(destination: str | None, environment: str, secrets: Iterable[str] = ()) -> None:
    """From now on lines go to `destination`, one of DESTINATIONS; None: to standard output unless that is a terminal.

    environment : ECS service.environment ; secrets : stars stand in their place, whatever message they come up in
    """
    chosen = destination or (OFF if sys.stdout and sys.stdout.isatty() else STDOUT)
    LOGGER.handlers = [logging.NullHandler() if chosen == OFF else _Lines(chosen, environment, tuple(secrets))]


def tell(message: str, facts: Mapping[str, object], level: int = logging.INFO) -> None:
    """Write one line; `facts` are named by their ECS fields, dotted, and those that are None or NaN are left out."""
    known = {field: value for field, value in facts.items() if value is not None and value == value}
    LOGGER.log(level, "%s", message[:LONGEST_TEXT], extra=known)


def duration(seconds: float) -> dict[str, object]:
    """In ECS' nanoseconds, and in seconds for people."""
    return {"event.duration": round(seconds * NANOSECONDS), "markdown.seconds": round(seconds, 3)}


class OnceOnly:
    """Says that lines are lost, the first time."""

    def __init__(self) -> None:
        self._said = False

    def say(self, error: BaseException | None) -> None:
        if self._said or sys.stderr is None:
            return
        self._said = True
        with suppress(OSError):  # then there is nowhere left to say it
            print(f"Log lines are lost: {type(error).__name__}: {error}. The round goes on without.", file=sys.stderr)


class _Lines(logging.StreamHandler[TextIO]):
    """To the stream of that name as it is at each line: Dagster puts others in its place while it captures output."""

    def __init__(self, stream: str, environment: str, secrets: tuple[str, ...]) -> None:
        super().__init__()
        self._name, self._environment, self._secrets = stream, environment, secrets
        self._formatter: logging.Formatter | None = None
        self._once = OnceOnly()

    @property
    def stream(self) -> TextIO:
        return getattr(sys, self._name)  # type: ignore[no-any-return]

    @stream.setter
    def stream(self, value: TextIO) -> None:
        """The base class sets one; it is not used."""

    def format(self, record: logging.LogRecord) -> str:
        if self._formatter is None:
            self._formatter = _formatter(self._environment, self._secrets)
        return self._formatter.format(record)

    def handleError(self, record: logging.LogRecord) -> None:
        self._once.say(sys.exc_info()[1])


def _formatter(environment: str, secrets: tuple[str, ...]) -> logging.Formatter:
    import ecs_logging  # here: the command line's help comes without it

    class Formatter(ecs_logging.StdlibFormatter):
        def format_to_ecs(self, record: logging.LogRecord) -> dict[str, Any]:
            line = super().format_to_ecs(record)
            for texts, name in ((line, "message"), (line.get("error", {}), "message")):
                for secret in secrets:
                    if name in texts:
                        texts[name] = texts[name].replace(secret, "***")
            return line

    service = {"service.name": "markdown-pricing", "service.version": __version__, "service.environment": environment}
    return Formatter(exclude_fields=LEFT_OUT_OF_ECS, extra={**service, "event.kind": "event"})
