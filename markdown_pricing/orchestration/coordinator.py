"""Dagster's queue, which tags each run when it is submitted, whether a sensor, the page or a retry has started it."""

import json
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._core.storage.tags import MAX_RETRIES_TAG
from dagster._serdes import ConfigurableClassData

from markdown_pricing.orchestration.more_memory import Memory, memory_by_the_end_of, mib_given, next_step, with_memory
from markdown_pricing.orchestration.names import (
    CODE_TAG,
    MEASURED_TAG,
    NOT_RETRIED_TAG,
    week_and_country_in,
)
from markdown_pricing.orchestration.needs import KUBERNETES_CONFIG, LAUNCHERS, Sizing, need_of, tags_of, uses
from markdown_pricing.weeks import parse_week

Tags = Mapping[str, Any]
ALLOWED_FIELD = "container_config.resources"
"""The parts of `dagster-k8s/config` that whoever starts a run may set."""

THE_MOST_WAS_NOT_ENOUGH = (
    "The memory was not enough for the run before, which had the most that a run may be given. Raise `max_mib` of "
    "`by_earlier_weeks` in dagster.yaml, or the country's memory in `tags_by_country`, and materialize it."
)


class PricingRunCoordinator(dg.QueuedRunCoordinator[dg.DagsterInstance]):
    """Set in dagster.yaml. A run is tagged with the code that its location holds and with what its country needs.

    A run that asks Kubernetes for more than cpus and memory fails here, unless its country's tags ask for it.

    tags_by_country  : country -> tags; a value that is no text is written as JSON, as `dagster-k8s/config` wants it
    by_earlier_weeks : how a country's earlier runs decide cpus and memory; None leaves them to the launcher
    """

    def __init__(
        self,
        tags_by_country: Mapping[str, Tags] | None = None,
        by_earlier_weeks: Mapping[str, Any] | None = None,
        inst_data: ConfigurableClassData | None = None,
        **queue: Any,
    ) -> None:
        super().__init__(inst_data=inst_data, **queue)
        self._tags_by_country = tags_by_country or {}
        self._sizing = None if by_earlier_weeks is None else Sizing(**by_earlier_weeks)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        by_country = dg.Map(str, dg.Permissive())  # type: ignore[no-untyped-call]
        return {
            **dict(super().config_type()),  # type: ignore[arg-type]
            "tags_by_country": dg.Field(by_country, is_required=False, description="country -> tags of its runs"),
            "by_earlier_weeks": dg.Field(Sizing.to_fields_dict(), is_required=False, description=Sizing.__doc__),
        }

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "PricingRunCoordinator":
        return cls(inst_data=inst_data, **config_value)

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        run = context.dagster_run
        said = without_measured(run.tags)
        given = tags_for(said, self._tags_by_country)
        fields = forbidden_fields(run.tags, self._tags_by_country)
        sized = {} if fields else self._sized(run, said, given)
        tags = given | (sized or {}) | _code_of(context)
        if MEASURED_TAG in run.tags:
            tags = {MEASURED_TAG: "", **tags}  # what was measured is said here alone, never by who started the run
        refusal = ""
        if fields:
            refusal = (
                f"{KUBERNETES_CONFIG} may set {ALLOWED_FIELD} of a run, and not {', '.join(fields)}. "
                "An operator can give them to a country in `tags_by_country` of dagster.yaml."
            )
            tags |= {NOT_RETRIED_TAG: "a tag that nobody has allowed"}
        elif sized is None:
            refusal = THE_MOST_WAS_NOT_ENOUGH
            tags |= {NOT_RETRIED_TAG: "the most memory was not enough"}
        if refusal:
            tags |= {MAX_RETRIES_TAG: "0"}
        if tags:
            self._instance.add_run_tags(run.run_id, tags)
        if refusal:
            self._instance.report_run_failed(self._instance.get_run_by_id(run.run_id) or run, refusal)
            return self._instance.get_run_by_id(run.run_id) or run
        return super().submit_run(context)

    def tags_given(self, run_tags: Mapping[str, str]) -> dict[str, str]:
        """What this configuration gives a run with these tags: what its country needs and what was measured.

        The launcher asks, so that an operator's own values need no listing among those that users may set.
        """
        measured = {name: run_tags[name] for name in run_tags.get(MEASURED_TAG, "").split() if name in run_tags}
        return measured | tags_for(run_tags, self._tags_by_country, also_said=True)

    def _sized(self, run: dg.DagsterRun, said: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str] | None:
        """Tags for cpus and memory by what was measured, and by how the run ended that this one repeats.

        said, given : the tags that whoever started the run, and its country, give it
        None when the most memory was not enough.
        """
        week, country = week_and_country_in(run.tags)
        launcher = self._instance.get_ref().run_launcher_data
        if self._sizing is None or not week or not country or launcher is None or launcher.class_name not in LAUNCHERS:
            return {}
        need = need_of(uses(self._instance, parse_week(week), country, self._sizing.weeks), self._sizing)
        sized = tags_of(need, launcher.class_name, said.keys() | given.keys()) if need else {}
        before = Memory.ENOUGH
        if run.parent_run_id is not None:
            before = memory_by_the_end_of(self._instance, run.parent_run_id)
        if before is not Memory.ENOUGH:
            had_mib = mib_given(run.tags)
            mib = next_step(had_mib, self._sizing.max_mib)
            if mib is None and before is Memory.TOO_LITTLE:
                return None
            mib = mib or int(had_mib or self._sizing.max_mib)
            sized |= with_memory({**said, **given, **sized}, mib, launcher.class_name)
            had = f" of {had_mib:,.0f} MiB" if had_mib else ""
            self._instance.report_engine_event(
                f"The memory{had} of the run before was {before.value}. This one is given {mib:,} MiB.", run
            )
        return {**sized, MEASURED_TAG: " ".join(sized)} if sized else {}


def tags_for(
    run_tags: Mapping[str, str], tags_by_country: Mapping[str, Tags], also_said: bool = False
) -> dict[str, str]:
    """What the run's country needs and the run does not say itself: who gave this one run a tag knew better.

    also_said : with the tags that the run says itself
    """
    _, country = week_and_country_in(run_tags)
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in tags_by_country.get(country, {}).items()
        if also_said or name not in run_tags
    }


def without_measured(run_tags: Mapping[str, str]) -> dict[str, str]:
    """A run's tags without those that were measured for the run that it repeats."""
    measured = run_tags.get(MEASURED_TAG, "").split()
    return {name: value for name, value in run_tags.items() if name not in measured}


def forbidden_fields(run_tags: Mapping[str, str], tags_by_country: Mapping[str, Tags]) -> list[str]:
    """What a run's tag for Kubernetes asks for beside cpus and memory, unless its country's own tag asks for the same.

    The launcher's allow list cannot do that: it does not know who set a tag, and has to let a country's tag pass.
    """
    text = run_tags.get(KUBERNETES_CONFIG)
    if text is None:
        return []
    asked = _fields_of(text)
    if asked is None:
        return ["what is no object in JSON"]
    own = _fields_of(tags_for(run_tags, tags_by_country, also_said=True).get(KUBERNETES_CONFIG, "{}")) or {}
    for fields in (asked, own):
        fields.pop(ALLOWED_FIELD, None)
    return [] if asked == own else sorted(asked)


def _fields_of(text: str) -> dict[str, Any] | None:
    """The values of a tag for Kubernetes by part and field, as in ALLOWED_FIELD; None when it is no object in JSON."""
    try:
        asked = json.loads(text)
    except ValueError:
        return None
    if not isinstance(asked, dict):
        return None
    fields: dict[str, Any] = {}
    for part, inner in asked.items():
        fields |= (
            {f"{part}.{field}": value for field, value in inner.items()} if isinstance(inner, dict) else {part: inner}
        )
    return fields


def _code_of(context: SubmitRunContext) -> dict[str, str]:
    """What the code location calls its code; every asset of ours says the same."""
    origin = context.dagster_run.remote_job_origin
    if origin is None:
        return {}
    location = context.workspace.get_code_location(origin.location_name)
    assets = location.get_repository(origin.repository_origin.repository_name).get_asset_node_snaps()
    versions = {asset.code_version for asset in assets if asset.code_version}
    return {CODE_TAG: versions.pop()} if len(versions) == 1 else {}
