"""Countries that were priced, as their results lie on a lake."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd

from markdown_pricing.columns import Recommendations
from markdown_pricing.kept.results import Results
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.provenance import provenance
from tests.markdown.seasons import recommend_for

NOTHING_PRICED = Recommendations(*[pd.DataFrame({"article_id": []})] * 3)


def keep_priced(lake: Lake, week: date, articles: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Price each country's articles, which all countries number alike, and keep that as the result of the week."""
    for country, own in articles.items():
        priced = recommend_for(*own)
        frames = (frame.assign(country=country) for frame in (priced.rows, priced.price_path, priced.options))
        origin = provenance(week, country, "stamp")
        Results(lake, week, country).recommendations.keep(Recommendations(*frames), origin)
