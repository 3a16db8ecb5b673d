"""`markdown-pricing decide` adds decisions from a CSV file to the ERP, and `decisions` shows those of a week.

`decisions --pseudonymise` takes names and notes out of old ones.
"""

import getpass
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from markdown_pricing.commands.console import print_error, print_json, print_table
from markdown_pricing.decisions.csv_file import (
    BadDecisions,
    Checked,
    Known,
    Line,
    ShownArticle,
    Writer,
    check_rows,
    lines_of,
)
from markdown_pricing.decisions.decision import Decision, in_force, last_numbers, locks, newest, read, remarks, why_void
from markdown_pricing.erp import pseudonyms
from markdown_pricing.erp.decisions import add_decisions, erp_time, read_decisions, seen_rows, shown_week
from markdown_pricing.installation.from_settings import countries_of, decision_reasons_of, engine_of
from markdown_pricing.installation.settings import Settings
from markdown_pricing.texts.shown import cell
from markdown_pricing.texts.words import counted
from markdown_pricing.weeks import ONE_WEEK

if TYPE_CHECKING:
    from sqlalchemy import Engine

HEAD = ("Article", "Week", "Decision", "Reason", "By", "At", "Note", "Recommended", "Today's", "Stake")
NUMBERS_FROM = 7


def decide(settings: Settings, file: Path, dry_run: bool, as_json: bool) -> int:
    """Add the file's decisions to the ERP, all or none. Returns the exit code; raises BadDecisions."""
    try:
        lines = lines_of(file.read_text(encoding="utf-8-sig"), str(file))
    except UnicodeDecodeError as error:
        raise BadDecisions(file, [f"it is not in UTF-8: {error}"]) from error
    engine = engine_of(settings)
    reasons = decision_reasons_of(settings)
    writer = Writer(_user(), erp_time(engine), uuid4().hex, lambda: uuid4().hex)
    checked = check_rows(lines, _known(engine, lines, reasons), writer, str(file))
    if not dry_run:
        add_decisions(engine, [asdict(decision) for decision in checked.new])
    _show_decided(checked, dry_run, as_json)
    return 0


def decisions(settings: Settings, country: str, week: date | None, as_json: bool) -> int:
    """Print what people decided about one country's prices, with what is odd about it. Returns the exit code."""
    [country] = countries_of(settings).choose([country])
    engine, reasons = engine_of(settings), decision_reasons_of(settings)
    in_erp = read(read_decisions(engine, country, until=week))
    week = week or shown_week(engine, country) or max((each.week for each in in_erp.decisions), default=None)
    shown = _decisions_about(in_erp.decisions, week) if week else []
    odd = remarks(in_erp.decisions, reasons, erp_time(engine))
    says = {each.decision_id: [*_void(each), *odd.get(each.decision_id, ())] for each in shown}
    if as_json:
        listed = [{**asdict(each), "remarks": says[each.decision_id]} for each in shown]
        print_json({"country": country, "week": week, "decisions": listed, "unreadable": in_erp.unreadable})
        return 0
    if not shown:
        print(f"Nobody has decided about {country}{f' in the week of {week}' if week else ''}.")
    else:
        print_table(f"{country}, week of {week}", HEAD, [_row(each, reasons) for each in shown], NUMBERS_FROM)
    for each in shown:
        for remark in says[each.decision_id]:
            print_error(f"{each.article_id}, week {each.week}: {remark}.")
    for fault in in_erp.unreadable:
        print_error(f"A decision that cannot be read does not count: {fault}.")
    return 0


def pseudonymise(settings: Settings, as_json: bool) -> int:
    changed = pseudonyms.pseudonymise(engine_of(settings))
    weeks = pseudonyms.KEPT_FOR // ONE_WEEK
    if as_json:
        print_json({"changed": changed, "older_than_weeks": weeks})
    else:
        print(f"Names and notes were taken out of {counted(changed, 'decision')} older than {weeks} weeks.")
    return 0


def _decisions_about(all_decisions: Sequence[Decision], week: date) -> list[Decision]:
    """The decisions about the week, and those of earlier weeks that still lock a price in it."""
    valid = in_force(all_decisions)
    mine = [decision for decision in valid if decision.week == week]
    locking = [decision for decision in locks(valid, week).values() if decision.week < week]
    return sorted(mine + locking, key=lambda each: (each.article_id, each.week))


def _void(decision: Decision) -> list[str]:
    void = why_void(decision)
    return [] if void is None else [f"the decision is void: {void}"]


def _user() -> str:
    """The account of whoever calls the command; a container may have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _known(engine: "Engine", lines: Sequence[Line], reasons: Mapping[str, str]) -> Known:
    countries = sorted({line["country"] for line in lines})
    rows = [row for country in countries for row in read_decisions(engine, country)]
    there = read(rows).decisions
    seen = {
        (row["country"], row["article_id"]): ShownArticle(
            **{name: value for name, value in row.items() if name not in ("country", "article_id")}
        )
        for row in seen_rows(engine, countries)
    }
    return Known(seen, reasons, newest(there), {each.decision_id: each for each in there}, last_numbers(rows))


def _show_decided(checked: Checked, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json({"dry_run": dry_run, "new": [asdict(each) for each in checked.new], "done": len(checked.done)})
        return
    if checked.new:
        rows = [(each.country, cell(each.article_id), str(each.week), each.says) for each in checked.new]
        print_table("Decisions", ("Country", "Article", "Week", "Decision"), rows, len(rows[0]))
    done = f"; {counted(len(checked.done), 'decision')} stood there already" if checked.done else ""
    would = "would be written" if dry_run else "written"
    print(f"{counted(len(checked.new), 'decision')} {would}{done}.")


def _row(decision: Decision, reasons: Mapping[str, str]) -> tuple[str, ...]:
    def money(value: Any) -> str:
        return "" if value is None else f"{value:,}"

    code = decision.decision_reason or ""
    return (
        cell(decision.article_id),
        str(decision.week),
        decision.says,
        code if code in reasons or not code else f"{cell(code)} (unknown)",
        cell(decision.decided_by),
        f"{decision.decided_at:%Y-%m-%d %H:%M}",
        cell(decision.note or ""),
        money(decision.recommended_price),
        money(decision.current_price),
        money(decision.stake),
    )
