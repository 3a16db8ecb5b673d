"""The champion: the demand model that won the last comparison. Production reads it from the lake at every run."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import MISSING, asdict, dataclass, fields

from markdown_pricing.errors import FinalError
from markdown_pricing.lake.errors import FileTaken
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.publish import ResultMissing, publish_sealed, read_sealed

CHAMPIONS = "markdown_pricing/champions.json"
REMEDY = "Remove it, and promote the champion again"
UNDER_WAY = "markdown_pricing/champions.lock"


@dataclass(frozen=True)
class Champion:
    """A promotion, with the back-test on which it rests."""

    model: str
    over: str
    """The model that it beat."""
    lead_pct: float
    """How many percent more revenue it earned than that model, as the mean of the markets."""
    backtest: str
    rules: str
    code: str
    promoted_at: str
    real_weeks: str = ""
    """How it forecast the lake's last weeks against that model; empty where the lake had none to judge by."""


class PromotionUnderWay(FinalError):
    def __init__(self, where: str) -> None:
        super().__init__(
            f"Nothing is promoted: another promotion is just being written. Try again; if nobody else promotes, it was "
            f"killed: then remove {where}."
        )


class ChampionChanged(FinalError):
    def __init__(self, challenger: str, now: str) -> None:
        super().__init__(
            f"{challenger} is not promoted: while it was compared, somebody else changed the champion, to {now}. "
            f"Compare it with that."
        )


class ChampionsOfAnotherVersion(FinalError):
    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            f"{where} is of another version of markdown-pricing: {why}. Go on with that version; or name the model to "
            "price with in MARKDOWN_PRICING_MODEL until the file is moved away and the champion is promoted again."
        )


class NoWayBack(FinalError):
    def __init__(self, where: str) -> None:
        super().__init__(f"No champion was ever promoted: {where} holds none. There is nothing to go back from.")


def champions(lake: Lake) -> list[Champion]:
    """Every promotion that was not taken back, oldest first; the last one is the champion.

    Raises ResultChanged, ChampionsOfAnotherVersion, and the errors of the lake, each of which is a TransientError when
    it cannot be asked.
    """
    try:
        kept = json.loads(read_sealed(lake, CHAMPIONS, REMEDY))
    except ResultMissing:
        return []
    try:
        return [Champion(**one) for one in kept]
    except TypeError as error:
        raise ChampionsOfAnotherVersion(lake.where(CHAMPIONS), _other_fields(kept)) from error


def _other_fields(kept: object) -> str:
    """What the promotions have that this version does not know, and lack that it needs; in words."""
    if not isinstance(kept, list) or not all(isinstance(one, dict) for one in kept):
        return "it holds no list of promotions"
    known = {field.name for field in fields(Champion)}
    needed = {field.name for field in fields(Champion) if field.default is MISSING}
    unknown = sorted({name for one in kept for name in one} - known)
    lacking = sorted({name for one in kept for name in needed - one.keys()})
    differences = {"has": unknown, "lacks": lacking}
    return " and ".join(f"it {verb} {', '.join(names)}" for verb, names in differences.items() if names)


def champion_or(lake: Lake, model: str, follow: bool = True) -> str:
    """The champion's model, or `model` when none was promoted or when `follow` is false."""
    promoted = champions(lake) if follow else []
    return promoted[-1].model if promoted else model


def promote(lake: Lake, champion: Champion, seen: Sequence[Champion]) -> None:
    """Add a promotion, so that its model is the champion from the next run on.

    seen : the promotions when the comparison began; of two that beat the same champion only the first one counts
    Raises ChampionChanged and PromotionUnderWay.
    """
    with _alone(lake):
        promoted = champions(lake)
        if promoted != list(seen):
            raise ChampionChanged(champion.model, promoted[-1].model if promoted else "the model of the settings")
        _keep(lake, [*promoted, champion])


def go_back(lake: Lake) -> Champion:
    """Take the last promotion back and return it. Raises NoWayBack when there is none, and PromotionUnderWay."""
    with _alone(lake):
        promoted = champions(lake)
        if not promoted:
            raise NoWayBack(lake.where(CHAMPIONS))
        _keep(lake, promoted[:-1])
    return promoted[-1]


@contextmanager
def _alone(lake: Lake) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(lake.alone(UNDER_WAY))
        except FileTaken as error:
            raise PromotionUnderWay(error.where) from error
        yield


def _keep(lake: Lake, promoted: Sequence[Champion]) -> None:
    publish_sealed(lake, CHAMPIONS, json.dumps([asdict(one) for one in promoted], indent=1).encode())
