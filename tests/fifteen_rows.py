"""Write docs/fifteen-rows.md: fifteen rows of a round, chosen by a seed, each beside the figures of its menu.

python -m tests.fifteen_rows LAKE WEEK SEED > docs/fifteen-rows.md
"""

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd

from markdown_pricing.countries import read_countries
from markdown_pricing.installation.files import read_reason_codes, read_rules
from markdown_pricing.kept.results import Results
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.paths import predictions_file
from markdown_pricing.markdown.assortment import Assortment
from tests.markdown.recomputed import Published, published, sentence_of

ROWS = 15
HEAD = """# Fifteen rows

Fifteen rows of the round that `make run` makes of the sample, of the week {week}. The seed {seed} chooses them among
all {articles:,} rows of its {countries} countries. Each sentence is set beside the figures from which it follows. This
page is what the command prints after `make run`:

```
.venv/bin/python -m tests.fifteen_rows .local/lake {week} {seed}
```

It works each sentence out anew from what is published, which is the row, `markdown_options` and
`markdown_price_path`, and ends with an error where one differs. In this round none did, in any row of any country. A
test recomputes the numbers of this page's sentences from its tables. "Worth" is `value`, "against" is `value_loss` with
its sign turned, and "on paper" is `expected_revenue`. The recommended price is in bold.
"""


class Differs(Exception):
    def __init__(self, row: str, said: str, worked_out: str) -> None:
        super().__init__(f"{row} says\n{said}\nand from its menu follows\n{worked_out}")


def page(lake: Lake, week: date, seed: int) -> Iterator[str]:
    """The page's parts. Raises Differs for a sentence with a number that does not follow from what is published."""
    book, codes = read_rules(), read_reason_codes()
    priced = [code for code in read_countries() if lake.entry(predictions_file(week, code))]
    rows = {code: Results(lake, week, code).recommendations.read()[0] for code in priced}
    names = [(code, article) for code, own in rows.items() for article in own.rows["article_id"]]
    chosen = sorted(Random(seed).sample(names, ROWS))
    yield HEAD.format(week=week, seed=seed, articles=len(names), countries=len(rows))
    for code in sorted(rows):
        sold, _ = Results(lake, week, code).training_data.read()
        country = read_countries()[code]
        assortment = Assortment(week, country, sold.articles, sold.history, book, codes)
        own = rows[code]
        for one, words in published(own.rows, own.options, own.price_path, assortment):
            if (worked_out := sentence_of(one, codes, words)) != one.row.reason:
                raise Differs(f"{code} {one.row.article_id}", one.row.reason, worked_out)
            if (code, one.row.article_id) in chosen:
                yield section(one, country.currency)


def section(one: Published, currency: str) -> str:
    """A row's sentence, its menu, and what else the sentence takes from the row."""
    row = one.row
    lines = [f"## {row.country} {row.article_id}", "", row.reason, ""]
    lines += [f"| Price, {currency} | Worth | Against | Units this week | Left over | On paper | Next | Rule |"]
    lines += ["| ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |"]
    lines += [_line(line, line.price == row.recommended_price) for line in one.menu]
    if row.stock == 0:
        return "\n".join([*lines, ""])
    facts = {
        "stock": f"{row.stock:,}",
        "end_week": row.end_week,
        "stake": "" if pd.isna(row.stake) else f"{row.stake:,.2f} ({row.stake_low:,.2f} to {row.stake_high:,.2f})",
        "today's price kept, on paper": f"{row.expected_revenue_keep:,.2f}",
        "old habit, on paper and left over": f"{row.expected_revenue_habit:,.2f}, {row.expected_leftover_habit:,.3f}",
        "elasticity": "" if pd.isna(row.elasticity) else f"{row.elasticity:.3f} ± {row.elasticity_se:.3f}",
        "plan": _steps(one, one.plan, one.plan[0]),
        "old habit": _steps(one, one.habit, row.current_price),
    }
    told = [f"{name} {value}" for name, value in facts.items() if value]
    return "\n".join([*lines, "", f"Beside it: {'; '.join(told)}.", ""])


def _line(line: Any, is_mine: bool) -> str:
    money = line.value, 0.0 - line.value_loss, line.expected_revenue
    worth, against, paper = ("" if np.isnan(amount) else f"{amount:,.2f}" for amount in money)
    units, left = (
        "" if np.isnan(number) else f"{number:,.3f}" for number in (line.expected_units, line.expected_leftover)
    )
    later = "" if pd.isna(line.next_markdown_price) else f"{line.next_markdown_price:,.2f}, {line.next_markdown_week}"
    price = f"**{line.price:,.2f}**" if is_mine else f"{line.price:,.2f}"
    return (
        f"| {' | '.join([price, worth, against, units, left, paper, later, '' if pd.isna(line.rule) else line.rule])} |"
    )


def _steps(one: Published, prices: list[float], before: float) -> str:
    return ", ".join(f"{price:,.2f} from {week}" for week, price in one.changes(prices, before)) or "no change"


if __name__ == "__main__":
    place, week_asked, seed_asked = sys.argv[1:]
    sys.stdout.write("\n".join(page(Lake(str(Path(place).resolve())), date.fromisoformat(week_asked), int(seed_asked))))
