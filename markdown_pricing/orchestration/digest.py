"""How a round stands, in figures and in the words of a message: countries done, failed and blocked, money at stake."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus

from markdown_pricing.orchestration.checks import DESCRIPTIONS, WEEKS_BACK
from markdown_pricing.orchestration.faults import why_failed
from markdown_pricing.orchestration.figures import CURRENCY, EXPECTED_REVENUE, LEAD_OVER_KEEP
from markdown_pricing.orchestration.names import COUNTRY_TAG, NOT_RETRIED_TAG, PREDICTIONS, WEEK_TAG
from markdown_pricing.orchestration.partitions import partition_key
from markdown_pricing.shown import plain
from markdown_pricing.weeks import ONE_WEEK, parse_week
from markdown_pricing.words import counted

LONGEST_REASON = 300
"""Characters of a reason that a message shows; chosen on 2026-11-24."""


@dataclass(frozen=True)
class NotDone:
    """A country without new prices: why, whether a check blocked it, and what its plan brings over today's prices."""

    country: str
    run_id: str
    why: str
    blocked: bool
    stake: float | None = None
    currency: str = ""


@dataclass(frozen=True)
class Digest:
    """What a round that is over has done, and what it has left undone.

    gone : countries that were not delivered, though the week before they were
    """

    week: str
    done: Sequence[str]
    not_done: Sequence[NotDone]
    gone: Sequence[str] = ()

    @property
    def title(self) -> str:
        countries = counted(len(self.done) + len(self.not_done) + len(self.gone), "country")
        incomplete = ", incomplete" if self.gone else ""
        return f"Markdown pricing, week {self.week}: {len(self.done)} of {countries} done{incomplete}"

    @property
    def text(self) -> str:
        lines = [f"Done: {', '.join(self.done) or 'none'}."]
        if self.gone:
            lines.append(f"Not delivered, though the week before they were: {', '.join(self.gone)}.")
        for title, blocked in (("Failed", False), ("Blocked by a check", True)):
            countries = [one for one in self.not_done if one.blocked == blocked]
            lines += [f"{title}:", *(f"- {one.country}: {one.why}" for one in countries)] if countries else []
        if self.not_done:
            lines.append(
                f"At stake: {self._stakes()}. So much more do these countries' plans bring than today's prices."
            )
        return "\n".join(lines)

    def _stakes(self) -> str:
        """The money at stake. Each currency is summed for itself, because the day's rates are not known here."""
        sums: Counter[str] = Counter()
        for one in self.not_done:
            if one.stake is not None:
                sums[one.currency] += round(one.stake)
        unknown = [one.country for one in self.not_done if one.stake is None]
        amounts = [f"{amount:,} {currency}" for currency, amount in sums.items()]
        return " and ".join(amounts + ([f"what is not known of {', '.join(unknown)}"] if unknown else []))


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
    return Digest(week, done, [not_done(instance, newest[code]) for code in sorted(newest.keys() - set(done))], gone)


def not_done(instance: dg.DagsterInstance, run: dg.DagsterRun) -> NotDone:
    """The country that this run did not bring into the ERP, why, and the money that this costs."""
    country, checks = run.tags.get(COUNTRY_TAG, "?"), run.tags.get(NOT_RETRIED_TAG, "").split(", ")
    blocked = any(check in DESCRIPTIONS for check in checks)
    stake = stake_of(_last_figures(instance, run.tags.get(WEEK_TAG), country))
    why = "; ".join(DESCRIPTIONS.get(check, check) for check in checks) if blocked else why_not_done(instance, run)
    return NotDone(country, run.run_id, why, blocked, *(stake or (None, "")))


def why_not_done(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """Why the run ended without success, in a line for a message."""
    if run.status == DagsterRunStatus.CANCELED:
        return "canceled"
    failures = instance.all_logs(run.run_id, of_type={DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE})
    return _short(why_failed(entry.get_dagster_event() for entry in failures))


def stake_of(figures: Mapping[str, object]) -> tuple[float, str] | None:
    """What a plan brings more than today's prices, from the figures of its predictions, and its currency."""
    revenue, lead = EXPECTED_REVENUE.number(figures), LEAD_OVER_KEEP.number(figures)
    if revenue is None or lead is None:
        return None
    return revenue - revenue / (1 + lead / 100), str(CURRENCY.of(figures) or "")


def _last_figures(instance: dg.DagsterInstance, week: str | None, country: str) -> dict[str, object]:
    """The figures of the country's predictions of that week, or of those that were made last in the weeks before it."""
    if not week:
        return {}
    keys = [partition_key(parse_week(week) - ago * ONE_WEEK, country) for ago in range(WEEKS_BACK + 1)]
    found = instance.fetch_materializations(dg.AssetRecordsFilter(PREDICTIONS, asset_partitions=keys), limit=1).records
    event = found[0].asset_materialization if found else None
    return {label: value.value for label, value in event.metadata.items()} if event else {}


def _short(text: str) -> str:
    line = " ".join(plain(text).split())
    return line if len(line) <= LONGEST_REASON else f"{line[:LONGEST_REASON]} …"
