"""What can go wrong, by what can be done about it.

PricingError
├── TransientError   the lake, the ERP or a worker is away: the same run may succeed later
└── FinalError       bad data, a refused write: a repeat would fail again
    └── UsageError   what the user gave is wrong: an argument, a setting, a rules file (UnusableFile)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self, TypeVar

Read = TypeVar("Read")


@dataclass(frozen=True)
class Fault:
    """One kind of fault: what is wrong, in how many rows (or columns), and one of them."""

    what: str
    count: int
    example: object

    def __str__(self) -> str:
        return f"{self.what}: {self.count:,}, for example {self.example}"


class PricingError(Exception):
    """Any fault that this package understands. Its message says what is wrong, where, and what to do next."""

    def __reduce__(self) -> tuple[object, ...]:
        # A worker process passes its fault to the command with its message, not with the arguments of __init__.
        return type(self)._with_message, self.args, self.__dict__

    @classmethod
    def _with_message(cls, *args: object) -> Self:
        return cls.__new__(cls, *args)


class TransientError(PricingError):
    """The same work may succeed when it is tried again."""


TRY_AGAIN = (TransientError, MemoryError)
"""What says nothing against that which was read or computed when it was raised: the work is tried again, after a lack
of memory with more of it."""


class FinalError(PricingError):
    """The same work would fail again until somebody changes something."""


class UsageError(FinalError):
    """What the user gave can't be used. The command line then ends with exit code 2."""


class UnusableFile(UsageError):
    """A file that somebody edits holds what can't be used. A kind of file says in `what` what it should be."""

    what: ClassVar[str]

    def __init__(self, file: object, faults: Sequence[str]) -> None:
        self.file, self.faults = str(file), tuple(faults)
        listed = "".join(f"\n  - {fault}" for fault in faults)
        super().__init__(f"{file} is not a usable {self.what}:{listed}\nCorrect the file and start again.")


class InputWarning(UserWarning):
    """What the user gave can be used, but not all of it. It is said once by a command, and not by its workers."""


def if_readable(read: Callable[[], Read]) -> Read | None:
    """What `read` gives of something that is kept; None where it can't be read.

    Then it is gone or changed, nobody has allowed what it names, or another version has kept it in another form.
    Raises what is in TRY_AGAIN.
    """
    try:
        return read()
    except TRY_AGAIN:
        raise
    except Exception:
        return None
