"""What people have decided, as a round reads it: copied from the ERP at its start, and kept with the week.

No decision is an error of a round, and nor is an ERP that has none or shows none. Only an ERP that is away is waited
for, as the refresh would: locked prices must not fall because nobody could be asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import dagster as dg

from markdown_pricing.decisions.decision import Decision, DecisionsRead, in_force, locks, read, why_void
from markdown_pricing.decisions.followed import FollowedUp
from markdown_pricing.erp.decisions import Row, read_decisions
from markdown_pricing.erp.tables import engine_for
from markdown_pricing.errors import FinalError
from markdown_pricing.lake.seal import ResultChanged
from markdown_pricing.orchestration.figures import IN_SHORT, NOTHING, Metadata
from markdown_pricing.orchestration.resources import Erp
from markdown_pricing.provenance import provenance
from markdown_pricing.results import Results
from markdown_pricing.weeks import this_week
from markdown_pricing.words import counted

GONE_ARTICLES = "Decisions about articles that are gone"


@dataclass(frozen=True)
class Found:
    """The decisions about a country's weeks up to one of them.

    rows     : as the ERP has them ; read : the same, understood
    why_none : why the ERP shows none; empty when it was asked, or need not be
    is_copy  : whether they are those that the week was priced with, because it is over
    """

    rows: Sequence[Row]
    read: DecisionsRead
    why_none: str = ""
    is_copy: bool = False


def find_decisions(results: Results, erp: Erp, now: datetime) -> Found:
    """The decisions that the week is to be priced with: a week that is over keeps the copy that it was priced with.

    Raises a TransientError while the ERP or the lake is away.
    """
    if results.week < this_week(now) and (kept := _kept_unchanged(results)) is not None:
        return Found(kept, read(kept), is_copy=True)
    engine = engine_for(erp.url, erp.user, erp.password, erp.schema)
    try:
        rows = read_decisions(engine, results.country, until=results.week)
    except FinalError as error:
        return Found((), read(()), str(error))
    finally:
        engine.dispose()
    return Found(rows, read(rows))


def copy_decisions(results: Results, erp: Erp, now: datetime) -> tuple[Found, str]:
    """Keep the decisions that the week is to be priced with, and return them and the path of the copy."""
    found = find_decisions(results, erp, now)
    return found, results.keep_decisions(found.rows, provenance(str(results.week), results.country, ""))


def copied_decisions(results: Results, erp: Erp, now: datetime) -> Sequence[Decision]:
    """The decisions that were copied at the start of the round; now, where somebody materializes the prices alone.

    Raises ResultChanged for a copy that somebody has changed.
    """
    kept = results.decisions()
    return copy_decisions(results, erp, now)[0].read.decisions if kept is None else read(kept).decisions


def figures_of(found: Found, week: date) -> Metadata:
    """How many decisions there are about the country's weeks up to this one, and what is wrong with some."""
    valid = in_force(found.read.decisions)
    locked = len(locks(valid, week))
    void = [f"{each.article_id}, week {each.week}: {why}" for each in valid if (why := why_void(each))]
    from_where = "The week is over, so that those count with which it was priced. " if found.is_copy else ""
    return {
        IN_SHORT: (
            f"{from_where}{counted(len(valid), 'decision')} about this week and those before it; "
            f"{counted(locked, 'price')} locked."
        ),
        "Decisions": len(valid),
        "Locked prices": locked,
        "Why there are none": found.why_none or "they were read",
        "Void": dg.MetadataValue.text("\n".join(void) or NOTHING),
        "Not readable": dg.MetadataValue.text("\n".join(found.read.unreadable) or NOTHING),
    }


def figures_of_gone(followed: FollowedUp) -> Metadata:
    """The decisions about articles that are not there any more."""
    return {GONE_ARTICLES: dg.MetadataValue.text("\n".join(followed.gone) or NOTHING)}


def _kept_unchanged(results: Results) -> Sequence[Row] | None:
    try:
        return results.decisions()
    except ResultChanged:
        return None
