"""What runs beside the rounds: on Sunday a look whether all is there for Monday, each night a tidy lake."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import partial
from itertools import islice

import dagster as dg

from markdown_pricing.experiments.champion import champions
from markdown_pricing.installation.preflight import Preflight
from markdown_pricing.kept.results import Results
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.leftovers import remove_leftovers
from markdown_pricing.lake.old_results import Kept, KeptFor, remove_old_results
from markdown_pricing.lake.paths import MODELS
from markdown_pricing.orchestration.facts import is_under_way
from markdown_pricing.orchestration.names import READY, SNAPSHOT, WEEK_TAG
from markdown_pricing.texts.shown import in_markdown
from markdown_pricing.weeks import HEAD_OFFICE, ONE_WEEK, parse_week, this_week

NAMED = 10
"""So many of the files that were removed are named in the log; of a first night there may be thousands."""


@dg.asset_check(asset=SNAPSHOT, name=READY)
def ready_for_the_round(
    context: dg.AssetCheckExecutionContext, preflight: dg.ResourceParam[Preflight]
) -> dg.AssetCheckResult:
    """What `markdown-pricing doctor --week` finds for the coming week: data, rights, token, room, models. Warns."""
    now = datetime.now(UTC)
    week = parse_week(context.run.tags.get(WEEK_TAG) or str(this_week(now) + ONE_WEEK))
    findings = list(preflight.findings(week))
    to_do = [finding for finding in findings if not finding.ok]
    for finding in to_do:
        context.log.warning(f"{finding.what}: {finding.says}")
    lines = [
        f"| {finding.what} | {'ok' if finding.ok else '**to do**'} | {_cell(finding.says)} |" for finding in findings
    ]
    return dg.AssetCheckResult(
        passed=not to_do,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{week}: " + ("; ".join(f"{finding.what}: {finding.says}" for finding in to_do) or "all is there"),
        metadata={
            "To do": len(to_do),
            "Findings": dg.MetadataValue.md("\n".join(["| | | |", "|---|---|---|", *lines])),
        },
    )


preflight_job = dg.define_asset_job(
    "preflight",
    selection=dg.AssetSelection.checks(ready_for_the_round),
    description="Is everything there that Monday's round needs? It also tries to write to the lake.",
)


@dg.schedule(
    name="preflight_on_sunday",
    job=preflight_job,
    cron_schedule="0 18 * * 0",
    execution_timezone=str(HEAD_OFFICE),
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="On the eve of a round; what is found is a warning of the check ready_for_the_round.",
)
def preflight_on_sunday(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Start the look at the coming week on Sunday at 18:00."""
    week = this_week(context.scheduled_execution_time) + ONE_WEEK
    return dg.RunRequest(run_key=f"preflight:{week}", tags={WEEK_TAG: week.isoformat()})


@dg.op
def remove_what_killed_writers_left(context: dg.OpExecutionContext, lake: dg.ResourceParam[Lake]) -> None:
    """Remove unfinished files that are older than a day, and log which they were."""
    removed = remove_leftovers(lake, datetime.now(UTC))
    context.log.info(f"Unfinished files older than a day, taken away: {len(removed)}. {', '.join(removed)}")


@dg.op
def remove_results_that_are_old(
    context: dg.OpExecutionContext, lake: dg.ResourceParam[Lake], kept_for: dg.ResourceParam[KeptFor]
) -> None:
    """Remove the models, the training data and what the countries share that were written too long ago.

    What stays in any case: the files of each country's newest kept week, the newest model that the champion has made,
    and all of a week of which a run is under way.
    """
    now = datetime.now(UTC)
    before = now - kept_for.weeks * ONE_WEEK

    def is_busy(week: date) -> bool:
        return is_under_way(context.instance, week, context.run_id, now)

    removed = remove_old_results(lake, before, is_busy, partial(_newest_of_the_champion, lake))
    named = f" {', '.join(removed[:NAMED])}" + (" …" if len(removed) > NAMED else "") if removed else ""
    context.log.info(f"Files that were written before {before:%Y-%m-%d}, removed: {len(removed)}.{named}")


def _newest_of_the_champion(lake: Lake, kept: Sequence[Kept]) -> list[Kept]:
    """Of a country's kept models, newest first, the first that the champion has made; of other files none."""
    promoted = champions(lake) if kept[0].folder == MODELS else []
    by_champion = (
        each for each in kept if Results(lake, each.week, each.country).model.made_by() == promoted[-1].model
    )
    return list(islice(by_champion, 1)) if promoted else []


@dg.job(
    description="Takes away unfinished files that killed writers left, when they are a day old. Takes away models, "
    "training data and what the countries share when they are older than MARKDOWN_PRICING_KEEP_WEEKS."
)
def tidy_lake() -> None:
    remove_what_killed_writers_left()
    remove_results_that_are_old()


tidy_every_night = dg.ScheduleDefinition(
    name="tidy_every_night",
    job=tidy_lake,
    cron_schedule="0 4 * * *",
    execution_timezone=str(HEAD_OFFICE),
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Takes away each night what killed writers left on the lake.",
)

SCHEDULES = [preflight_on_sunday, tidy_every_night]


def _cell(text: str) -> str:
    return "<br>".join(map(in_markdown, text.split("\n")))
