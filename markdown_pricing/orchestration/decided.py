"""What people have decided, as a round reads it: copied from the ERP at its start, and kept with the week.

No decision is an error of a round, and nor is an ERP that has none. Locked prices must not fall because nobody could be
asked: an ERP that is away is waited for, as the refresh would, and where one does not show its decisions those of the
last copy count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

import dagster as dg

from markdown_pricing.decisions.decision import (
    Decision,
    DecisionsRead,
    in_force,
    locks,
    made_before,
    read,
    why_void,
    without_persons,
)
from markdown_pricing.decisions.followed import FollowedUp
from markdown_pricing.erp.database import Erp
from markdown_pricing.erp.decisions import Row, read_decisions
from markdown_pricing.erp.missing import TablesMissing
from markdown_pricing.errors import FinalError
from markdown_pricing.kept.results import Results
from markdown_pricing.lake import paths
from markdown_pricing.orchestration.figures import IN_SHORT, NOTHING, Metadata
from markdown_pricing.provenance import provenance
from markdown_pricing.texts.words import counted
from markdown_pricing.weeks import HEAD_OFFICE, ONE_WEEK, this_week

MOST_SHOWN = 10
"""So many of the rows that do not count are listed. Chosen on 2026-11-27: what somebody may look at on a Monday."""
READ_FROM, NOT_READ = "Read from", "The table cannot be read"
"""The labels of where the decisions are from, and of whether somebody has to see to their table."""
GONE_ARTICLES = "Decisions about articles that are gone"


@dataclass(frozen=True)
class CopiedDecisions:
    """The decisions about a country's weeks up to one of them.

    rows     : as the ERP has them ; read : the same, understood
    not_asked : why the ERP does not show them; empty when it does, or need not be asked
    copy_of   : the week whose copy they are; None for those that the ERP shows, and where there is no copy either
    is_first  : whether there is neither a copy nor the table, as before the first refresh, which makes it
    """

    rows: Sequence[Row]
    read: DecisionsRead
    not_asked: str = ""
    copy_of: date | None = None
    is_first: bool = False

    @property
    def warning(self) -> str:
        """What somebody has to see to before the next round; empty when the ERP has shown what it has."""
        if not self.not_asked:
            return ""
        if self.copy_of is None:
            return f"Priced without people's decisions, of which there is no copy either. {self.not_asked}"
        return (
            f"The ERP does not show people's decisions, so that those count that were copied in the week of "
            f"{self.copy_of}: its locks hold, and none that was set since. {self.not_asked}"
        )


def find_decisions(results: Results, erp: Erp, now: datetime) -> CopiedDecisions:
    """The decisions that the week is to be priced with: a week that is over keeps the copy that it was priced with.

    Without a copy, as of a week that is priced for the first time when it is over, they are those of before its end.
    Where the ERP does not show them they are those of the newest copy of this week or an earlier one.
    Raises a TransientError while the ERP or the lake is away.
    """
    is_over = results.week < this_week(now)
    if is_over and (kept := results.decisions.read_unchanged()) is not None:
        return CopiedDecisions(kept, read(kept), copy_of=results.week)
    engine = erp.not_connected()
    try:
        rows: Sequence[Row] = read_decisions(engine, results.country, until=results.week)
    except FinalError as error:
        week, copied = results.decisions.newest() or (None, [])
        is_first = week is None and isinstance(error, TablesMissing)
        return CopiedDecisions(copied, read(copied), str(error), week, is_first)
    finally:
        engine.dispose()
    if is_over:
        rows = made_before(datetime.combine(results.week + ONE_WEEK, time(), HEAD_OFFICE), rows)
    return CopiedDecisions(rows, read(rows))


def copy_decisions(results: Results, erp: Erp, now: datetime) -> tuple[CopiedDecisions, str]:
    """Keep the decisions that the week is to be priced with, and return them and the path of the copy.

    It is kept without persons. A copy that is there already stays where the ERP does not show what it has.
    """
    copied = find_decisions(results, erp, now)
    if copied.copy_of == results.week:
        return copied, paths.decisions_file(results.week, results.country)
    return copied, results.decisions.keep(without_persons(copied.rows), provenance(results.week, results.country, ""))


def copied_decisions(results: Results, erp: Erp, now: datetime) -> Sequence[Decision]:
    """The decisions that were copied at the start of the round; now, where somebody materializes the prices alone.

    Raises ResultChanged for a copy that somebody has changed.
    """
    kept = results.decisions.read()
    return copy_decisions(results, erp, now)[0].read.decisions if kept is None else read(kept).decisions


def figures_of(copied: CopiedDecisions, week: date) -> Metadata:
    """How many decisions there are about the country's weeks up to this one, and what is wrong with some."""
    valid = in_force(copied.read.decisions)
    locked = len(locks(valid, week))
    newest_first = sorted(valid, key=lambda each: each.week, reverse=True)
    void = [f"{each.article_id}, week {each.week}: {why}" for each in newest_first if (why := why_void(each))]
    is_over = copied.copy_of is not None and not copied.not_asked
    from_where = "The week is over, so that those count with which it was priced. " if is_over else ""
    if copied.warning:
        from_where = "The ERP does not show them: see below. "
    return {
        IN_SHORT: (
            f"{from_where}{counted(len(valid), 'decision')} about this week and those before it; "
            f"{counted(locked, 'price')} locked."
        ),
        "Decisions": len(valid),
        "Locked prices": locked,
        NOT_READ: bool(copied.not_asked) and not copied.is_first,
        READ_FROM: copied.warning or (f"the copy of {copied.copy_of}" if is_over else "the ERP"),
        "Void": dg.MetadataValue.text(_first_ones(void)),
        "Not readable": dg.MetadataValue.text(_first_ones(copied.read.unreadable)),
    }


def _first_ones(lines: Sequence[str]) -> str:
    """The first lines and how many more there are, as rows stay for ever."""
    more = len(lines) - MOST_SHOWN
    return "\n".join([*lines[:MOST_SHOWN], *([f"and {more:,} more"] if more > 0 else [])]) or NOTHING


def figures_of_gone(followed: FollowedUp) -> Metadata:
    """The decisions about articles that are not there any more."""
    return {GONE_ARTICLES: dg.MetadataValue.text("\n".join(followed.gone) or NOTHING)}
