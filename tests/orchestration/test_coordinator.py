"""What a run is told when it is submitted; through servers: tests/system/test_three_processes.py."""

import json

import dagster as dg
import pytest

from markdown_pricing.orchestration.coordinator import PricingRunCoordinator, tags_for
from markdown_pricing.orchestration.names import COUNTRY_TAG, PARTITION_TAG

TAGS = {"DEU": {"metronome/gpus": "1", "dagster-k8s/config": {"container_config": {"resources": {}}}}}


@pytest.mark.parametrize("tag", [COUNTRY_TAG, f"{PARTITION_TAG}/country"])
def test_a_countrys_runs_get_its_tags_from_the_sensor_as_from_the_page(tag: str) -> None:
    tags = tags_for({tag: "DEU"}, TAGS)

    assert tags["metronome/gpus"] == "1"
    assert json.loads(tags["dagster-k8s/config"]) == TAGS["DEU"]["dagster-k8s/config"]


@pytest.mark.parametrize("tags", [{COUNTRY_TAG: "AUT"}, {}])
def test_all_others_get_none(tags: dict[str, str]) -> None:
    assert tags_for(tags, TAGS) == {}


def test_a_tag_that_somebody_gave_the_run_stays() -> None:
    assert set(tags_for({COUNTRY_TAG: "DEU", "metronome/gpus": "2"}, TAGS)) == {"dagster-k8s/config"}


def test_it_is_dagsters_queue_with_the_limits_of_dagster_yaml() -> None:
    config = {"tags_by_country": TAGS, "dequeue_interval_seconds": 7}
    coordinator = {"module": PricingRunCoordinator.__module__, "class": "PricingRunCoordinator", "config": config}
    limits = {"runs": {"max_concurrent_runs": 3}}
    with dg.instance_for_test(overrides={"run_coordinator": coordinator, "concurrency": limits}) as instance:
        queue = instance.run_coordinator

        assert isinstance(queue, PricingRunCoordinator)
        assert queue.dequeue_interval_seconds == 7
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 3
