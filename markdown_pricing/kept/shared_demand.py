"""What the countries share, on the lake: one file for each delivery."""

from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from markdown_pricing.demand.shared import SharedDemand
from markdown_pricing.errors import TRY_AGAIN
from markdown_pricing.lake import paths
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.publish import ResultMissing, publish_sealed, read_sealed
from markdown_pricing.learnt_together import lacks_its_own
from markdown_pricing.provenance import NOTHING_SHARED, Provenance


@dataclass(frozen=True)
class SharedAtHand:
    """What the countries share, and its version. When it is missing, `why_none` says why."""

    shared: SharedDemand | None = None
    version: str = NOTHING_SHARED
    why_none: str = ""

    def __str__(self) -> str:
        return f"{NOTHING_SHARED}, because {self.why_none}" if self.shared is None else self.version

    def in_words(self, model: str) -> str:
        """Which version there is, or why there is none, and whether the model has learnt nothing in it."""
        lacks = self.shared is not None and lacks_its_own(self.shared, model)
        return f"{self}, in which {model} has learnt nothing" if lacks else str(self)


def keep_shared_demand(lake: Lake, week: date, shared: SharedDemand, origin: Provenance) -> tuple[str, str]:
    """Keep what the countries share in one file, as a model is kept, and return its path and its version."""
    path, data = paths.shared_demand_file(week, origin.snapshot), shared.to_bytes()
    publish_sealed(lake, path, origin.to_json().encode() + b"\n" + data)
    return path, version_of(data)


def shared_demand_at_hand(lake: Lake, week: date, stamp: str, why_none: str | None = None) -> SharedAtHand:
    """What was learnt from the delivery with this stamp, or why there is nothing.

    why_none : the reason, when it is already known that there is nothing
    Raises a TransientError when the lake cannot be asked.
    """
    try:
        _, _, data = read_sealed(lake, paths.shared_demand_file(week, stamp)).partition(b"\n")
        return SharedAtHand(SharedDemand.from_bytes(data), version_of(data))
    except ResultMissing:
        return SharedAtHand(why_none=why_none or "it has not been learnt from this delivery")
    except TRY_AGAIN:
        raise
    except Exception as error:
        return SharedAtHand(why_none=f"it can't be read ({type(error).__name__}); materialize shared_demand again")


def version_of(shared: bytes) -> str:
    """Twelve hexadecimal digits that are equal for equal bytes."""
    return sha256(shared).hexdigest()[:12]
