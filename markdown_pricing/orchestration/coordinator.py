"""Dagster's queue, which tags each run when it is submitted, whether a sensor, the page or a retry has started it."""

import json
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._core.storage.tags import MAX_RETRIES_TAG
from dagster._serdes import ConfigurableClassData

from markdown_pricing.orchestration.names import (
    CODE_TAG,
    COUNTRY_TAG,
    MEASURED_TAG,
    NOT_RETRIED_TAG,
    PARTITION_TAG,
    WEEK_TAG,
)
from markdown_pricing.orchestration.needs import KUBERNETES_CONFIG, Need, Sizing, most, need_of, tags_of, uses
from markdown_pricing.weeks import parse_week

Tags = Mapping[str, Any]
ALLOWED_FIELD = "container_config.resources"
"""The parts of `dagster-k8s/config` that whoever starts a run may set."""


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
        given = tags_for(run.tags, self._tags_by_country)
        tags = self._by_earlier_weeks(run, given) | given | _code_of(context)
        if MEASURED_TAG in run.tags:
            tags = {MEASURED_TAG: "", **tags}  # what was measured is said here alone, never by who started the run
        if refused := forbidden_fields(run.tags, self._tags_by_country):
            tags |= {MAX_RETRIES_TAG: "0", NOT_RETRIED_TAG: "a tag that nobody has allowed"}
        if tags:
            self._instance.add_run_tags(run.run_id, tags)
        if refused:
            tagged = self._instance.get_run_by_id(run.run_id) or run
            self._instance.report_run_failed(
                tagged,
                f"{KUBERNETES_CONFIG} may set {ALLOWED_FIELD} of a run, and not {', '.join(refused)}. "
                "An operator can give them to a country in `tags_by_country` of dagster.yaml.",
            )
            return self._instance.get_run_by_id(run.run_id) or tagged
        return super().submit_run(context)

    def tags_given(self, run_tags: Mapping[str, str]) -> dict[str, str]:
        """What this configuration gives a run with these tags: what its country needs and what was measured.

        The launcher asks, so that an operator's own values need no listing among those that users may set.
        """
        measured = {name: run_tags[name] for name in run_tags.get(MEASURED_TAG, "").split() if name in run_tags}
        return measured | tags_for(run_tags, self._tags_by_country, also_said=True)

    def _by_earlier_weeks(self, run: dg.DagsterRun, given: Tags) -> dict[str, str]:
        week, country = _partition_of(run.tags)
        if self._sizing is None or not week or not country:
            return {}
        if MEASURED_TAG in run.tags:  # it repeats a run, for which what was measured may have been too little
            need: Need | None = most(self._sizing)
        else:
            need = need_of(uses(self._instance, parse_week(week), country, self._sizing.weeks), self._sizing)
        launcher = self._instance.get_ref().run_launcher_data
        return tags_of(need, launcher.class_name, run.tags, given) if need and launcher else {}


def tags_for(
    run_tags: Mapping[str, str], tags_by_country: Mapping[str, Tags], also_said: bool = False
) -> dict[str, str]:
    """What the run's country needs and the run does not say itself: who gave this one run a tag knew better.

    also_said : with the tags that the run says itself
    """
    _, country = _partition_of(run_tags)
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in tags_by_country.get(country, {}).items()
        if also_said or name not in run_tags
    }


def forbidden_fields(run_tags: Mapping[str, str], tags_by_country: Mapping[str, Tags]) -> list[str]:
    """What a run's tag for Kubernetes asks for beside cpus and memory, unless it is its country's own tag.

    The launcher's allow list cannot do that: it does not know who set a tag, and has to let a country's tag pass.
    """
    text = run_tags.get(KUBERNETES_CONFIG)
    if text is None or text == tags_for(run_tags, tags_by_country, also_said=True).get(KUBERNETES_CONFIG):
        return []
    try:
        asked = json.loads(text)
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        return ["what is no object in JSON"]
    fields: set[str] = set()
    for part, inner in asked.items():
        fields |= {f"{part}.{field}" for field in inner} if isinstance(inner, dict) else {part}
    return sorted(fields - {ALLOWED_FIELD})


def _partition_of(run_tags: Mapping[str, str]) -> tuple[str, str]:
    """Week and country, as the sensor or the page names them; empty where the run is for none."""
    week, country = (
        run_tags.get(ours) or run_tags.get(f"{PARTITION_TAG}/{dimension}") or ""
        for ours, dimension in ((WEEK_TAG, "week"), (COUNTRY_TAG, "country"))
    )
    return week, country


def _code_of(context: SubmitRunContext) -> dict[str, str]:
    """What the code location calls its code; every asset of ours says the same."""
    origin = context.dagster_run.remote_job_origin
    if origin is None:
        return {}
    location = context.workspace.get_code_location(origin.location_name)
    assets = location.get_repository(origin.repository_origin.repository_name).get_asset_node_snaps()
    versions = {asset.code_version for asset in assets if asset.code_version}
    return {CODE_TAG: versions.pop()} if len(versions) == 1 else {}
