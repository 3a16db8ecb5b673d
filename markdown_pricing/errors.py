"""What can go wrong, told apart by what to do about it.

PricingError
├── TransientError   the lake, the ERP or a worker is away: the same run may succeed later
└── FinalError       bad data, a refused write: a repeat would fail again
    └── UsageError   what the user gave is wrong: an argument, a setting, a rules file
"""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Fault:
    """One kind of fault: what is wrong, in how many rows (or columns), and one of them."""

    what: str
    count: int
    example: object

    def __str__(self) -> str:
        return f"{self.what}: {self.count:,}, for example {self.example}"


class PricingError(Exception):
    """Any fault that we understand; its message says what, where and what to do next."""

    def __reduce__(self) -> tuple[object, ...]:
        # A worker process hands its fault to the command: with the message, not with what __init__ made it of.
        return type(self)._told, self.args, self.__dict__

    @classmethod
    def _told(cls, *args: object) -> Self:
        return cls.__new__(cls, *args)


class TransientError(PricingError):
    """The same work may succeed when it is tried again."""


class FinalError(PricingError):
    """The same work would fail again: somebody has to change something first."""


class UsageError(FinalError):
    """What the user gave can't be used; the command line answers it with exit code 2."""
