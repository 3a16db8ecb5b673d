"""The comparison with the old habit through Dagster: what rounds show of it, and the weekly look at what it has found.

Nothing is compared until cells are drawn (`markdown-pricing arms draw`); then the asset says so, and no price is other.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pandas as pd
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from markdown_pricing.arms.draw import Draw
from markdown_pricing.arms.sentence import ComparisonResult
from markdown_pricing.codes import EVERYTHING, INTERIM, ON_HABIT
from markdown_pricing.countries import Countries
from markdown_pricing.erp.arms import write_comparison
from markdown_pricing.erp.database import Erp
from markdown_pricing.kept.arms import arms_in, comparison_so_far, read_draws
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.orchestration.faults import final_faults_not_retried
from markdown_pricing.orchestration.figures import IN_SHORT, Metadata
from markdown_pricing.orchestration.names import EFFECTS, EFFECTS_JOB, GROUP, LEDGER_POOL, OUTCOMES, OWNERS, STAGE_TAG
from markdown_pricing.orchestration.partitions import week_and_country_of
from markdown_pricing.texts.words import counted
from markdown_pricing.weeks import HEAD_OFFICE

COMPARISON = "Comparison with the old habit"
"""The label of what a round or a week's look says of it."""
NOTHING_DRAWN = "Nothing is compared: no cell was ever drawn."


@dg.asset(
    name=EFFECTS.path[-1],
    deps=[OUTCOMES],
    pool=LEDGER_POOL,
    group_name=GROUP,
    owners=OWNERS,
    tags={STAGE_TAG: "judge"},
    kinds={"sql"},
)
def markdown_effects(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    erp: dg.ResourceParam[Erp],
    countries: dg.ResourceParam[Countries],
) -> dg.MaterializeResult[None]:
    """How much more revenue the plan brought than the old habit, by cells that were held on the habit for a season.

    The newest season that was drawn, by all that was sold until now; interim until the season has ended.
    """
    with final_faults_not_retried(context):
        draws = read_draws(lake)
        if not draws:
            return dg.MaterializeResult(metadata={IN_SHORT: NOTHING_DRAWN})
        so_far = [comparison_so_far(lake, countries, draw) for draw in draws[-2:]]
        # The season before may still be in the shops when the next one is drawn.
        shown = [each for each in so_far if each.status == INTERIM or each is so_far[-1]]
        now = datetime.now(UTC)
        rows = [cell for draw in draws for cell in rows_of_cells(draw)]
        effect_rows = [row_of_effect(each, now) for each in shown]
        in_erp = erp.why_not(lambda engine: write_comparison(engine, rows, effect_rows))
        if in_erp:
            context.log.warning(in_erp)
        return dg.MaterializeResult(metadata={**figures_of_effect(shown), "In the ERP": in_erp or "written"})


def rows_of_cells(draw: Draw) -> list[dict[str, Any]]:
    """The rows of markdown_arms of a draw."""
    drawn = {"season": draw.season, "seed": draw.seed, "drawn_at": draw.drawn_at}
    return [{**drawn, "country": cell.country, "category": cell.category, "arm": cell.arm} for cell in draw.cells]


def row_of_effect(result: ComparisonResult, computed_at: datetime) -> dict[str, Any]:
    """The row of markdown_effects."""
    own = result.effect
    values = (None,) * 4 if own is None else (100 * each for each in (own.value, own.low, own.high, own.detectable))
    return {
        "season": result.season,
        "scope": EVERYTHING,
        "computed_at": computed_at,
        **dict(zip(("effect_pct", "low", "high", "detectable_pct"), values, strict=True)),
        "cells_held": 0 if own is None else own.held,
        "status": result.status,
        "sentence": result.sentence,
    }


def figures_of_effect(shown: Sequence[ComparisonResult]) -> Metadata:
    """What the page says of the seasons, the newest last."""
    own = shown[-1].effect
    figures = (
        {}
        if own is None
        else {
            "Effect against the habit (%)": round(100 * own.value, 2),
            "From (%)": round(100 * own.low, 2),
            "To (%)": round(100 * own.high, 2),
            "Would have been found (%)": round(100 * own.detectable, 2),
            "Cells held on the habit": own.held,
        }
    )
    factor = shown[-1].factor
    by_factor = {} if factor is None else {"Multiply the model's reckoning by": round(factor[0], 2)}
    said = " ".join(each.sentence for each in shown)
    return {
        IN_SHORT: said,
        COMPARISON: dg.MetadataValue.text(said),
        **figures,
        **by_factor,
        "Season": shown[-1].season,
    }


def arms_or_warning(context: dg.AssetExecutionContext, lake: Lake) -> tuple[Mapping[tuple[str, str], str], str]:
    """The arms of the country's articles by season and category; and why nobody knows them, which is logged, too."""
    week, country = week_and_country_of(context)
    arms, why_unknown = arms_in(lake, country, week)
    if why_unknown:
        context.log.warning(why_unknown)
    return arms, why_unknown


def figures_of_arms(rows: pd.DataFrame, why_unknown: str) -> Metadata:
    """How many articles a comparison holds on the old habit; nothing where there is none.

    rows : of markdown_recommendations ; why_unknown : why nobody knows; empty where all is well
    """
    if why_unknown:
        return {COMPARISON: dg.MetadataValue.text(why_unknown)}
    held, compared = int((rows["arm"] == ON_HABIT).sum()), int(rows["arm"].notna().sum())
    return {COMPARISON: f"{held:,} of {counted(compared, 'article')} held on the old habit"} if compared else {}


def sentence_of_comparison(instance: dg.DagsterInstance) -> str:
    """What the newest look at the comparison has found; empty where nothing was ever drawn."""
    event = instance.get_latest_materialization_event(EFFECTS)
    newest = event.asset_materialization if event else None
    return str(newest.metadata[COMPARISON].value) if newest and COMPARISON in newest.metadata else ""


def effects_job() -> UnresolvedAssetJobDefinition:
    """The job of the asset."""
    return dg.define_asset_job(
        EFFECTS_JOB, dg.AssetSelection.assets(EFFECTS), description="What the comparison with the old habit has found."
    )


def effects_schedule(job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """On Tuesday morning, when the rounds of Monday are over."""
    return dg.ScheduleDefinition(
        name="weekly_effects",
        job=job,
        cron_schedule="0 6 * * 2",
        execution_timezone=HEAD_OFFICE.key,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Looks at what the comparison with the old habit has found, where one was drawn.",
    )
