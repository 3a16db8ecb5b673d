"""The whole flow on one page: sales from the lake, a demand model, a price path for every article, the ERP's rows.

What people have decided is copied first. Each asset reads what the one before it kept on the lake and keeps its own
result there, by week and country; so any of them can be materialized alone, and a retried run goes on where it stopped.
`shared_demand` is made once a week for all countries, before them; a country that finds none does without, and says so.
"""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial

import dagster as dg

from markdown_pricing import pricing
from markdown_pricing.countries import Countries
from markdown_pricing.delivered import learn_from_delivery, origin_of_delivery, take_in_delivery
from markdown_pricing.erp.database import Erp
from markdown_pricing.kept.handover import Handover
from markdown_pricing.kept.results import Results
from markdown_pricing.kept.shared_demand import keep_shared_demand, shared_demand_at_hand
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.lake.snapshot import check_unchanged, find_snapshot
from markdown_pricing.markdown.reasons import ReasonCodes
from markdown_pricing.markdown.rules import RuleBook
from markdown_pricing.orchestration import columns, figures
from markdown_pricing.orchestration.checks import refuse_unless_accepted
from markdown_pricing.orchestration.decided import copy_decisions, figures_of
from markdown_pricing.orchestration.faults import final_faults_not_retried
from markdown_pricing.orchestration.inputs import markdown_decisions, markdown_training_data
from markdown_pricing.orchestration.names import DECIDED, GROUP, OWNERS, POOL, SHARED, STAGE_TAG, WITHOUT_SHARED_TAG
from markdown_pricing.orchestration.needs import keep_to_own_cores, measured
from markdown_pricing.orchestration.partitions import week_and_country_of
from markdown_pricing.orchestration.predicting import figures_of_priced, inputs_and_why_no_arms
from markdown_pricing.orchestration.refreshing import receipt_or_newer_week, say_superseded
from markdown_pricing.orchestration.resources import DemandTraining, SharedLearning
from markdown_pricing.provenance import EVERY_COUNTRY, provenance
from markdown_pricing.weeks import HEAD_OFFICE, cron_of_opening, parse_week

country_asset = partial(dg.asset, pool=POOL, group_name=GROUP, owners=OWNERS)
"""What makes a function the asset of one country and week; each says of itself its inputs, stage, kinds and columns."""
REFRESHED_WITHIN = timedelta(hours=12)
"""So long after the opening of its week Dagster's page shows a country that is not refreshed as overdue."""


@dg.multi_asset(
    # Not its asset's name, which its job has, too: Dagster wants names of ops and jobs to differ.
    name="learn_shared_demand",
    specs=[
        dg.AssetSpec(
            SHARED,
            deps=[markdown_training_data],
            group_name=GROUP,
            owners=OWNERS,
            tags={STAGE_TAG: "learn"},
            kinds={"pandas"},
            description=(
                "What the countries share: price response by category and how well articles sell elsewhere. Learnt "
                "once a week, before the countries are priced; a country can be priced without it."
            ),
        )
    ],
)
def shared_demand(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    countries: dg.ResourceParam[Countries],
    demand_training: DemandTraining,
    shared_learning: SharedLearning,
) -> dg.MaterializeResult[None]:
    """Reads as many countries at a time as the run has cores, or as `shared_learning` says, outside the pool.

    A country with broken data is left out and named, and so is what the demand model fails to learn itself.
    """
    week, started = parse_week(context.partition_key), time.monotonic()
    keep_to_own_cores(context)
    with final_faults_not_retried(context), shared_learning.apply() as apply:
        snapshot, how = find_snapshot(lake, week), demand_training.how_to_learn(lake)
        learnt = learn_from_delivery(lake, snapshot, countries, countries.changeovers, how, apply)
        check_unchanged(lake, snapshot)
        for line in learnt.not_learnt_by(how.model):
            context.log.warning(line)
        origin = provenance(week, EVERY_COUNTRY, snapshot.stamp).of(seed=how.seed)
        path, version = keep_shared_demand(lake, week, learnt.shared, origin)
        seconds = time.monotonic() - started
        return dg.MaterializeResult(metadata=figures.shared_demand(learnt, version, seconds, origin, lake.where(path)))


@country_asset(deps=[markdown_decisions], tags={STAGE_TAG: "input"}, kinds={"sql", "json"})
def decisions(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], erp: dg.ResourceParam[Erp]
) -> dg.MaterializeResult[None]:
    """What people have decided about one country's prices up to this week, copied from the ERP.

    A week that is over keeps its copy, so that it can be priced again as it was. An ERP without decisions has none.
    """
    week, country = week_and_country_of(context)
    with final_faults_not_retried(context):
        copied, path = copy_decisions(Results(lake, week, country), erp, datetime.now(UTC))
        if copied.warning:
            context.log.warning(copied.warning)
        observed = figures_of(copied, week)
        context.log_event(dg.AssetObservation(DECIDED, partition=context.partition_key, metadata=observed))
        return dg.MaterializeResult(metadata={**observed, "dagster/uri": lake.where(path)})


@country_asset(
    deps=[markdown_training_data],
    tags={STAGE_TAG: "learn"},
    kinds={"pandas", "parquet"},
    metadata=columns.TRAINING_DATA_COLUMNS,
)
def training_data(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    countries: dg.ResourceParam[Countries],
    in_memory: dg.ResourceParam[Handover[pricing.CountryWeek]],
) -> dg.MaterializeResult[None]:
    """One country's sales, checked as a whole, with the weeks marked in which stock cut sales off.

    A row per article and week, up to and including the week to price; the week's own rows are the articles to price.
    """
    week, country = week_and_country_of(context)
    with final_faults_not_retried(context), measured(context):
        snapshot, changeovers = find_snapshot(lake, week), countries.changes_of(country)
        taken = take_in_delivery(lake, snapshot, country, changeovers)
        sold = pricing.CountryWeek.of(taken.rows, week, country, taken.planned)
        results, origin = Results(lake, week, country, in_memory), origin_of_delivery(snapshot, country, changeovers)
        path, before = results.training_data.keep(sold, origin), results.training_data.rows_in_week_before()
        return dg.MaterializeResult(metadata=figures.training_data(sold, taken, before, origin, lake.where(path)))


@country_asset(deps=[training_data, SHARED], tags={STAGE_TAG: "learn"}, kinds={"lightgbm"})
def demand_model(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    demand_training: DemandTraining,
    in_memory: dg.ResourceParam[Handover[pricing.CountryWeek]],
) -> dg.MaterializeResult[None]:
    """Units per week that one country buys of each article at each price.

    One model per week and country, fitted on the sales before that week; where it fails its checks, the next simpler
    one, with its grade.
    """
    week, country = week_and_country_of(context)
    with final_faults_not_retried(context), measured(context):
        results = Results(lake, week, country, in_memory)
        sold, origin = results.training_data.read()
        shared = shared_demand_at_hand(lake, week, origin.snapshot, context.run.tags.get(WITHOUT_SHARED_TAG))
        how = demand_training.how_to_learn(lake)
        choice = pricing.fit_or_step_down(sold, how, shared.shared, results.model.last_good)
        origin = pricing.modelled_by(origin, choice, how, shared.version)
        path = results.model.keep(choice.model, origin)
        learnt = shared.in_words(how.model)
        return dg.MaterializeResult(metadata=figures.demand_model(choice, learnt, origin, lake.where(path)))


@country_asset(
    deps=[training_data, demand_model, decisions],
    tags={STAGE_TAG: "price"},
    kinds={"numpy", "parquet"},
    metadata=columns.PREDICTION_COLUMNS,
)
def markdown_predictions(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    erp: dg.ResourceParam[Erp],
    rules: dg.ResourceParam[RuleBook],
    reason_codes: dg.ResourceParam[ReasonCodes],
    countries: dg.ResourceParam[Countries],
    in_memory: dg.ResourceParam[Handover[pricing.CountryWeek]],
) -> dg.MaterializeResult[None]:
    """When and by how much to mark each article down: a row per article to price, and its price path to the end week.

    Every price obeys the country's rules, and locked ones are held, as are those that a comparison has drawn for the
    old habit; each decision has its stake, and the plan stands beside the old habit.
    """
    week, country = week_and_country_of(context)
    with final_faults_not_retried(context), measured(context):
        results = Results(lake, week, country, in_memory)
        sold, _ = results.training_data.read()
        in_memory.let_go()
        model, origin = results.model.read()
        inputs, why_no_arms = inputs_and_why_no_arms(context, results, erp, rules, reason_codes, countries)
        made = pricing.price_as_decided(sold, model, inputs, origin, context.run.run_id, datetime.now(UTC))
        path = results.recommendations.keep(made.recommendations, made.origin)
        return dg.MaterializeResult(metadata=figures_of_priced(made, sold, inputs, why_no_arms, lake.where(path)))


@country_asset(
    deps=[markdown_predictions],
    tags={STAGE_TAG: "publish"},
    kinds={"sqlalchemy", "sql"},
    output_required=False,
    metadata=columns.ERP_COLUMNS,
    freshness_policy=dg.FreshnessPolicy.cron(
        cron_of_opening(later=REFRESHED_WITHIN), lower_bound_delta=REFRESHED_WITHIN, timezone=HEAD_OFFICE.key
    ),
)
def erp_refresh(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    erp: dg.ResourceParam[Erp],
    rules: dg.ResourceParam[RuleBook],
    countries: dg.ResourceParam[Countries],
) -> Iterator[dg.MaterializeResult[None]]:
    """The country's rows in the ERP, replaced in one transaction, with a receipt.

    Not attempted when the ERP already holds a newer week: then the partition stays empty and says which.
    """
    week, country = week_and_country_of(context)
    with final_faults_not_retried(context), erp.engine() as engine:
        results, currency = Results(lake, week, country), countries.in_week(country, week).currency
        recommended, origin = results.recommendations.read()
        check = partial(refuse_unless_accepted, results, rules, countries[country], recommended.rows)
        receipt = receipt_or_newer_week(context, engine, recommended, check)
        if isinstance(receipt, date):
            say_superseded(context, receipt, origin)
        else:
            yield dg.MaterializeResult(metadata=figures.receipt(receipt, origin, currency))


FLOW = (decisions, training_data, demand_model, markdown_predictions, erp_refresh)
"""The assets of one country's run, in the order in which they are made."""
