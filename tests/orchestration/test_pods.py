"""What the statuses of pods, as scheduler and kubelet write them, say about a run that does not begin."""

from typing import Any

import pytest

from markdown_pricing.orchestration.pods import hindrance, is_over

NO_ROOM = "0/3 nodes are available: 3 Insufficient memory. preemption: 0/3 nodes are available."


def unscheduled(reason: str = "Unschedulable") -> dict[str, Any]:
    condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": NO_ROOM}
    return {"status": {"phase": "Pending", "conditions": [condition]}}


def waiting(reason: str, message: str | None = None) -> dict[str, Any]:
    state = {"waiting": {"reason": reason} | ({"message": message} if message else {})}
    scheduled = {"type": "PodScheduled", "status": "True"}
    return {"status": {"phase": "Pending", "conditions": [scheduled], "containerStatuses": [{"state": state}]}}


def test_a_pod_for_which_no_node_has_room_is_told_in_the_schedulers_words() -> None:
    said = str(hindrance([unscheduled()], []))

    assert "Kubernetes says Unschedulable: 0/3 nodes are available: 3 Insufficient memory" in said
    assert "as soon as a node has room" in said


@pytest.mark.parametrize(
    ("reason", "message", "do"),
    [
        ("ErrImagePull", 'failed to pull "registry.example.com/markdown-pricing:9": not found', "name and tag"),
        ("ImagePullBackOff", 'Back-off pulling image "registry.example.com/markdown-pricing:9"', "name and tag"),
        ("InvalidImageName", "couldn't parse image name", "name and tag"),
        ("CreateContainerConfigError", 'secret "markdown-pricing" not found', "Make what is missing"),
        ("CreateContainerError", "context deadline exceeded", "Look at the node"),
    ],
)
def test_what_the_kubelet_waits_for_is_told_with_what_to_do(reason: str, message: str, do: str) -> None:
    said = str(hindrance([waiting(reason, message)], []))

    assert f"{reason}: {message}" in said
    assert do in said


@pytest.mark.parametrize("pod", [{}, {"status": {"phase": "Pending"}}, waiting("ContainerCreating"), waiting("")])
def test_a_pod_that_takes_its_time_is_no_trouble(pod: dict[str, Any]) -> None:
    assert hindrance([pod], []) is None


def test_a_job_that_gets_no_pod_is_told_by_its_events() -> None:
    refused = {"reason": "FailedCreate", "message": 'pods "x" is forbidden: exceeded quota: memory'}

    said = str(hindrance([], [{"reason": "BackoffLimitExceeded", "message": "no"}, refused]))

    assert "FailedCreate: pods" in said
    assert "quotas" in said


def test_a_volume_that_cannot_be_mounted_is_told_by_the_newest_event() -> None:
    events = [
        {"reason": "FailedMount", "message": 'MountVolume.SetUp failed for volume "x"'},
        {"reason": "FailedMount", "message": 'configmap "dagster" not found'},
    ]

    assert 'configmap "dagster" not found' in str(hindrance([waiting("ContainerCreating")], events))


@pytest.mark.parametrize(
    ("conditions", "over"),
    [
        ([], False),
        ([{"type": "Suspended", "status": "True"}], False),
        ([{"type": "Complete", "status": "True"}], True),
        ([{"type": "Failed", "status": "True"}], True),
        ([{"type": "Failed", "status": "False"}], False),
    ],
)
def test_a_job_is_over_when_kubernetes_says_so(conditions: list[dict[str, str]], over: bool) -> None:
    assert is_over({"status": {"conditions": conditions}}) == over
    assert not is_over({})
