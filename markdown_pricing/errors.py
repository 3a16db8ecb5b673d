"""What can go wrong, told apart by what to do about it.

PricingError
├── TransientError   the lake, the ERP or a worker is away: the same run may succeed later
└── FinalError       bad data, bad settings, a refused write: a repeat would fail again
"""


class PricingError(Exception):
    """Any fault that we understand; its message says what, where and what to do next."""


class TransientError(PricingError):
    """The same work may succeed when it is tried again."""


class FinalError(PricingError):
    """The same work would fail again: somebody has to change something first."""
