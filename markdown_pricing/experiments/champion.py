"""The champion: the demand model that won the last comparison. Production reads it from the lake at every run."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from markdown_pricing.errors import FinalError
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.publish import ResultMissing, publish_bytes, read_bytes

CHAMPIONS = "markdown_pricing/champions.json"


@dataclass(frozen=True)
class Champion:
    """A promotion, with what it rests on."""

    model: str
    over: str
    """The model that it beat."""
    lead_pct: float
    """More revenue than that, mean of the markets."""
    backtest: str
    rules: str
    code: str
    promoted_at: str


class NoWayBack(FinalError):
    def __init__(self, where: str) -> None:
        super().__init__(f"No champion was ever promoted: {where} holds none. There is nothing to go back from.")


def champions(lake: Lake) -> list[Champion]:
    """Every promotion that stands, oldest first; the last one is the champion. Raises a TransientError."""
    try:
        return [Champion(**one) for one in json.loads(read_bytes(lake, CHAMPIONS))]
    except ResultMissing:
        return []


def champion_or(lake: Lake, model: str, follow: bool = True) -> str:
    """The champion's model, or `model` where none was promoted or it is not to be followed."""
    promoted = champions(lake) if follow else []
    return promoted[-1].model if promoted else model


def promote(lake: Lake, champion: Champion) -> None:
    _keep(lake, [*champions(lake), champion])


def go_back(lake: Lake) -> Champion:
    """Takes the last promotion back and answers it; raises NoWayBack."""
    promoted = champions(lake)
    if not promoted:
        raise NoWayBack(lake.where(CHAMPIONS))
    _keep(lake, promoted[:-1])
    return promoted[-1]


def _keep(lake: Lake, promoted: Sequence[Champion]) -> None:
    publish_bytes(lake, CHAMPIONS, json.dumps([asdict(one) for one in promoted], indent=1).encode())
