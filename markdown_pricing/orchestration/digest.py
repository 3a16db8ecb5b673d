"""How a round stands, in figures and in the words of a message: countries done, failed and blocked, money at stake."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus

from markdown_pricing.orchestration.arms import sentence_of_comparison
from markdown_pricing.orchestration.checks import DESCRIPTIONS
from markdown_pricing.orchestration.faults import why_failed
from markdown_pricing.orchestration.figures import worth_shown
from markdown_pricing.orchestration.judged import Sums, sentence_of_ledgers
from markdown_pricing.orchestration.latest_figures import WEEKS_BACK
from markdown_pricing.orchestration.names import COUNTRY_TAG, NOT_RETRIED_TAG, OUTCOMES, PREDICTIONS, WEEK_TAG
from markdown_pricing.orchestration.partitions import partition_key
from markdown_pricing.texts.shown import plain
from markdown_pricing.texts.words import counted
from markdown_pricing.weeks import ONE_WEEK, parse_week
from markdown_pricing.worth import Worth, sentence_of, stake_in_words

LEDGER_BACK = 2
"""A digest tells of the ledger that was made after the round before, or of the one before that."""
LONGEST_REASON = 300
"""Characters of a reason that a message shows; chosen on 2026-11-24."""


@dataclass(frozen=True)
class NotDone:
    """A country without new prices: why, whether a check blocked it, and what its newest recommendations are worth."""

    country: str
    run_id: str
    why: str
    blocked: bool
    worth: Worth | None = None


@dataclass(frozen=True)
class Digest:
    """What a round that is over has done, and what it has left undone.

    worth : what the recommendations are worth of the countries that are done
    gone  : countries that were not delivered, though the week before they were
    ledger : how far the recommendations of a sold week were followed, and what other prices cost; empty if nobody knows
    compared : what the comparison with the old habit has found; empty where nothing was drawn
    apart : where the recommendations for an article differ widely between countries; empty where they do not
    """

    week: str
    done: Sequence[str]
    not_done: Sequence[NotDone]
    gone: Sequence[str] = ()
    worth: Sequence[Worth] = ()
    ledger: str = ""
    apart: str = ""
    compared: str = ""

    @property
    def title(self) -> str:
        countries = counted(len(self.done) + len(self.not_done) + len(self.gone), "country")
        incomplete = ", incomplete" if self.gone else ""
        return f"Markdown pricing, week {self.week}: {len(self.done)} of {countries} done{incomplete}"

    @property
    def text(self) -> str:
        lines = [f"Done: {', '.join(self.done) or 'none'}."]
        if said := sentence_of(self.worth):
            lines.append(said)
        if self.gone:
            lines.append(f"Not delivered, though the week before they were: {', '.join(self.gone)}.")
        for title, blocked in (("Failed", False), ("Blocked by a check", True)):
            countries = [one for one in self.not_done if one.blocked == blocked]
            lines += [f"{title}:", *(f"- {one.country}: {one.why}" for one in countries)] if countries else []
        if self.not_done:
            lines.append(f"At stake: {self._stakes()}. So much is lost when their markdowns wait a week.")
        if self.ledger:
            lines.append(self.ledger)
        if self.compared:
            lines.append(self.compared)
        if self.apart:
            lines.append(self.apart)
        return "\n".join(lines)

    def _stakes(self) -> str:
        known = [one.worth for one in self.not_done if one.worth]
        unknown = [one.country for one in self.not_done if not one.worth]
        said = ([stake_in_words(known)] if known else []) + (
            [f"what is not known of {', '.join(unknown)}"] if unknown else []
        )
        return ", and ".join(said)


def newest_by_country(records: Iterable[dg.RunRecord]) -> dict[str, dg.DagsterRun]:
    """Of several runs of a country the newest, which counts. `records` come newest first."""
    newest: dict[str, dg.DagsterRun] = {}
    for record in records:
        newest.setdefault(record.dagster_run.tags.get(COUNTRY_TAG, "?"), record.dagster_run)
    return newest


def digest_of(instance: dg.DagsterInstance, newest: Mapping[str, dg.DagsterRun], gone: Sequence[str] = ()) -> Digest:
    """The digest of a round, from the newest run of each country."""
    done = sorted(code for code, run in newest.items() if run.status == DagsterRunStatus.SUCCESS)
    week = next((run.tags.get(WEEK_TAG, "?") for run in newest.values()), "?")
    left = [not_done(instance, newest[code]) for code in sorted(newest.keys() - set(done))]
    worth = [one for code in done if (one := worth_shown(code, _last_figures(instance, week, code, weeks_back=0)))]
    ledger, compared = _ledger_sentence(instance, week, sorted(newest)), sentence_of_comparison(instance)
    return Digest(week, done, left, gone, worth, ledger, compared=compared)


def not_done(instance: dg.DagsterInstance, run: dg.DagsterRun) -> NotDone:
    """The country that this run did not bring into the ERP, why, and what its newest recommendations are worth."""
    country, checks = run.tags.get(COUNTRY_TAG, "?"), run.tags.get(NOT_RETRIED_TAG, "").split(", ")
    blocked = any(check in DESCRIPTIONS for check in checks)
    worth = worth_shown(country, _last_figures(instance, run.tags.get(WEEK_TAG), country))
    why = "; ".join(DESCRIPTIONS.get(check, check) for check in checks) if blocked else why_not_done(instance, run)
    return NotDone(country, run.run_id, why, blocked, worth)


def why_not_done(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """Why the run ended without success, in a line for a message."""
    if run.status == DagsterRunStatus.CANCELED:
        return "canceled"
    failures = instance.all_logs(run.run_id, of_type={DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE})
    return _short(why_failed(entry.get_dagster_event() for entry in failures))


def _last_figures(
    instance: dg.DagsterInstance, week: str | None, country: str, weeks_back: int = WEEKS_BACK
) -> dict[str, object]:
    """The figures of the country's predictions that were made last, of that week or of the weeks before it."""
    return _newest(instance, PREDICTIONS, week, country, range(weeks_back + 1))


def _ledger_sentence(instance: dg.DagsterInstance, week: str, countries: Sequence[str]) -> str:
    """The sentence of one week for all countries: of the two before that one the newest that most of them have."""
    sums_by_week = [
        [own for code in countries if (own := Sums.of(_newest(instance, OUTCOMES, week, code, [ago])))]
        for ago in range(1, LEDGER_BACK + 1)
    ]
    ago, sums = max(
        enumerate(sums_by_week, start=1), key=lambda each: len(each[1])
    )  # of equal ones the first, the newest
    return sentence_of_ledgers(sums, parse_week(week) - ago * ONE_WEEK) if sums else ""


def _newest(
    instance: dg.DagsterInstance, asset: dg.AssetKey, week: str | None, country: str, weeks_back: Iterable[int]
) -> dict[str, object]:
    if not week or week == "?":
        return {}
    keys = [partition_key(parse_week(week) - ago * ONE_WEEK, country) for ago in weeks_back]
    records = instance.fetch_materializations(dg.AssetRecordsFilter(asset, asset_partitions=keys), limit=1).records
    event = records[0].asset_materialization if records else None
    return {label: value.value for label, value in event.metadata.items()} if event else {}


def _short(text: str) -> str:
    line = " ".join(plain(text).split())
    return line if len(line) <= LONGEST_REASON else f"{line[:LONGEST_REASON]} …"
