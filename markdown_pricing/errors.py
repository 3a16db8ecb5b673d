"""What can go wrong, told apart by what to do about it.

PricingError
├── TransientError   the lake, the ERP or a worker is away: the same run may succeed later
└── FinalError       bad data, a refused write: a repeat would fail again
    └── UsageError   what the user gave is wrong: an argument, a setting, a rules file
"""


class PricingError(Exception):
    """Any fault that we understand; its message says what, where and what to do next."""


class TransientError(PricingError):
    """The same work may succeed when it is tried again."""


class FinalError(PricingError):
    """The same work would fail again: somebody has to change something first."""


class UsageError(FinalError):
    """What the user gave can't be used; the command line answers it with exit code 2."""
