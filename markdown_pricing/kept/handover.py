"""What a run has kept on the lake, handed on in memory to its next steps, which then need not decode it again.

They read and check the file's bytes all the same, so that what they use is what the lake holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Generic, TypeVar

Kept = TypeVar("Kept")


@dataclass(frozen=True)
class _Last(Generic[Kept]):
    where: str
    digests: Mapping[str, bytes]
    kept: Kept


class Handover(Generic[Kept]):
    """The last thing of its kind that was kept with it; there is never a second one in memory."""

    def __init__(self) -> None:
        self._last: _Last[Kept] | None = None

    def give(self, where: str, parts: Mapping[str, bytes], kept: Kept) -> None:
        """Remember what was kept in a file of these parts.

        where : the file's full name ; parts : the bytes by the name of each part
        """
        self._last = _Last(where, _digests(parts), kept)

    def take(self, where: str, parts: Mapping[str, bytes]) -> Kept | None:
        """What was kept in the file; None where it was not kept last, or not with these bytes.

        parts : all parts of the file as they were read from it
        """
        last = self._last
        return last.kept if last and (last.where, last.digests) == (where, _digests(parts)) else None

    def let_go(self) -> None:
        """Forget it, so that it takes no memory when no further step needs it."""
        self._last = None


def _digests(parts: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: sha256(part).digest() for name, part in parts.items()}
