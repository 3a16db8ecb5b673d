"""A terminal of 80 × 24 with a command on it, as somebody sits before it."""

import os
import pty
import re
import signal
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread


class Terminal:
    """The command leads the terminal's processes, all of which Ctrl-C reaches; they end with the `with` block."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], folder: Path | None = None) -> None:
        self.pid, self._screen = pty.fork()
        if self.pid == 0:
            termios.tcsetwinsize(0, (24, 80))
            os.chdir(folder or ".")
            os.execvpe(command[0], command, {**environ, "TERM": "xterm"})
        self._read = bytearray()
        self._reader = Thread(target=self._listen, daemon=True)
        self._reader.start()

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        os.close(self._screen)

    def said(self) -> str:
        """All that was written, without what moves the cursor and colours the text."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._read.decode(errors="replace")).replace("\r", "")

    def press_ctrl_c(self) -> None:
        os.write(self._screen, b"\x03")

    def ended(self) -> tuple[int, str]:
        """The exit code, which is below 0 where a signal ended the command, and all that was written."""
        _, status = os.waitpid(self.pid, 0)
        self._reader.join(10)
        return os.waitstatus_to_exitcode(status), self.said()

    def _listen(self) -> None:
        with suppress(OSError):  # the last process of the terminal has ended
            while read := os.read(self._screen, 4096):
                self._read += read
