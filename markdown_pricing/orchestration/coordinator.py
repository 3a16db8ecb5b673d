"""Dagster's queue, with what every run is told when it is submitted, whatever started it: sensor, page or retry."""

import json
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._serdes import ConfigurableClassData

from markdown_pricing.orchestration.automation import COUNTRY_TAG
from markdown_pricing.orchestration.faults import CODE_TAG

PARTITION_TAG = "dagster/partition/country"
Tags = Mapping[str, Any]


class PricingRunCoordinator(dg.QueuedRunCoordinator[dg.DagsterInstance]):
    """Set in dagster.yaml. A run is tagged with the code that its location holds and with what its country needs.

    tags_by_country : country -> tags; a value that is no text is written as JSON, as `dagster-k8s/config` wants it
    """

    def __init__(
        self,
        tags_by_country: Mapping[str, Tags] | None = None,
        inst_data: ConfigurableClassData | None = None,
        **queue: Any,
    ) -> None:
        super().__init__(inst_data=inst_data, **queue)
        self._tags_by_country = tags_by_country or {}

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        by_country = dg.Map(str, dg.Permissive())  # type: ignore[no-untyped-call]
        field = dg.Field(by_country, is_required=False, description="country -> tags of its runs")
        return {**dict(super().config_type()), "tags_by_country": field}  # type: ignore[arg-type]

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "PricingRunCoordinator":
        return cls(inst_data=inst_data, **config_value)

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        run = context.dagster_run
        if tags := tags_for(run.tags, self._tags_by_country) | _code_of(context):
            self._instance.add_run_tags(run.run_id, tags)
        return super().submit_run(context)


def tags_for(run_tags: Mapping[str, str], tags_by_country: Mapping[str, Tags]) -> dict[str, str]:
    """What the run's country needs and the run does not say itself: who gave this one run a tag knew better."""
    country = run_tags.get(COUNTRY_TAG) or run_tags.get(PARTITION_TAG) or ""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in tags_by_country.get(country, {}).items()
        if name not in run_tags
    }


def _code_of(context: SubmitRunContext) -> dict[str, str]:
    """What the code location calls its code; every asset of ours says the same."""
    origin = context.dagster_run.remote_job_origin
    if origin is None:
        return {}
    location = context.workspace.get_code_location(origin.location_name)
    assets = location.get_repository(origin.repository_origin.repository_name).get_asset_node_snaps()
    versions = {asset.code_version for asset in assets if asset.code_version}
    return {CODE_TAG: versions.pop()} if len(versions) == 1 else {}
