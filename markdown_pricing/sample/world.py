"""What a market has beside its family of demand: articles that stand for each other, weather that stays, stockpiling.

No column of a delivery says any of it, and no demand model has its form or its numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from markdown_pricing.sample.substitution import FROM_NEIGHBOURS


@dataclass(frozen=True)
class World:
    """How a market differs from the plain one.

    substitution   : the share of a markdown's extra units that comes from its neighbours in the category, 0 to 1
    weather_memory : the correlation of a category's weather with that of the week before, from 0 to below 1
    stockpiled     : the share of an advert's extra units that customers do not buy in the week after it, 0 to 1
    """

    substitution: float = 0.0
    weather_memory: float = 0.0
    stockpiled: float = 0.0


PLAIN, PLAIN_WORLD = World(), "plain"
WORLDS: Mapping[str, World] = {
    PLAIN_WORLD: PLAIN,
    "substitution": World(substitution=FROM_NEIGHBOURS),
    "lasting_weather": World(weather_memory=0.8),
    "stockpiling": World(stockpiled=0.7),
}
"""The numbers are made up. With stockpiling the week after an advert sells a fifth less."""
