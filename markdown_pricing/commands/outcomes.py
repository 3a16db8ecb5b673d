"""What `markdown-pricing run` prints of its countries: the table at the end, or how far it was when it was stopped."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING

from markdown_pricing.commands.console import print_error, print_json, print_table, standard_error, standard_output
from markdown_pricing.texts.words import counted
from markdown_pricing.worth import Worth, sentence_of

if TYPE_CHECKING:
    from markdown_pricing.orchestration.outcome import RunOutcome

HEAD = (
    *("Country", "Result", "Articles", "Markdowns"),
    *("This week's decisions, EUR", "Whole plan against habit", "Seconds"),
)
ALL_THERE = (
    "All of it was there already, from the same snapshot, code, rules, settings, champion and locks. "
    "`markdown-pricing run --again` prices it anew."
)


def show_outcomes(
    week: date, outcomes: Sequence["RunOutcome"], gone: Sequence[str], as_json: bool, beside_log_lines: bool
) -> None:
    """Print the outcomes: as a table on standard output, or on standard error where that one is for log lines.

    gone : the countries that the delivery lacks and that the delivered week before it held
    """
    if as_json:
        print_json({"week": week, "countries": [asdict(outcome) for outcome in outcomes], "gone": gone})
    else:
        to = standard_error if beside_log_lines else standard_output
        print_table(f"Week {week}", HEAD, [_row(outcome) for outcome in outcomes], numbers_from=2, to=to)
        done = [outcome for outcome in outcomes if not outcome.failed]
        articles, markdowns = sum(o.articles or 0 for o in done), sum(o.markdowns or 0 for o in done)
        countries = f"{len(done)} of {counted(len(outcomes), 'country')}"
        total = f"{countries}, {counted(articles, 'article')}, {counted(markdowns, 'markdown')}."
        worth = sentence_of([outcome.worth for outcome in done if outcome.worth])
        to.print("\n".join(filter(None, (total, worth))), highlight=False, soft_wrap=True)
    for outcome in outcomes:
        if outcome.failed:
            print_error(f"{outcome.country}: {outcome.message}")
    if gone:
        print_error(
            f"Incomplete: the delivery of {week} lacks {', '.join(gone)}, which the delivered week before it held. "
            "Have the ETL deliver the week with them."
        )


def interrupted(outcomes: Sequence["RunOutcome"], countries: int, by_make: bool) -> str:
    """The sentence that a stopped command ends with, which names what goes on: `make run`, if that began it."""
    done = sum(not outcome.failed for outcome in outcomes)
    command = "make run" if by_make else "markdown-pricing run"
    return f"Interrupted: {done} of {counted(countries, 'country')} are done and in the ERP. `{command}` goes on."


def _row(outcome: "RunOutcome") -> tuple[str, ...]:
    def count(value: int | None) -> str:
        return "" if value is None else f"{value:,}"

    worth = outcome.worth
    return (
        outcome.country,
        outcome.status,
        count(outcome.articles),
        count(outcome.markdowns),
        _stake(worth) if worth else "",
        f"{worth.over_habit_pct:+.1f} %" if worth else "",
        "earlier" if outcome.earlier else f"{outcome.seconds:.1f}",
    )


def _stake(worth: Worth) -> str:
    """What the decisions are worth in euros; where no rate is known, in percent of the expected revenue."""
    return f"{worth.stake_pct:.2f} %" if worth.stake_eur is None else f"{worth.stake_eur:,.0f}"
