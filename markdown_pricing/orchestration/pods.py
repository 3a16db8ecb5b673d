"""What keeps a run's pod from beginning, in Kubernetes' own words, and what to do about it.

Pods, Jobs and events are as the API server writes them in JSON.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

RUN_LABEL = "dagster/run-id"
"""dagster-k8s gives it to the Job and to the pod of a run."""

_NO_ROOM = (
    "The run begins by itself as soon as a node has room. Give the cluster a node that is large enough, or let the run "
    "ask for less (tags_by_country, by_earlier_weeks and resources in dagster.yaml)."
)
_IMAGE = (
    "Kubernetes tries again by itself. Look whether the image's name and tag are right, whether the registry can be "
    "reached, and whether the namespace has the registry's secret (image_pull_secrets in dagster.yaml)."
)
_MISSING = (
    "Kubernetes tries again by itself. Make what is missing in the namespace: docs/kubernetes.md lists the secrets and "
    "config maps."
)
_REFUSED = (
    "Kubernetes tries again by itself. Look at the namespace's quotas, its pod security standard and what else may "
    "refuse a pod."
)
_NODE = "Kubernetes tries again by itself. Look at the node, and drain it if others on it have the same trouble."
REMEDIES: Mapping[str, str] = {
    "Unschedulable": _NO_ROOM,
    "SchedulingGated": "The run begins when whoever gated its pod takes the gate away.",
    **dict.fromkeys(
        ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"), _IMAGE
    ),
    **dict.fromkeys(("CreateContainerConfigError", "FailedMount"), _MISSING),
    "FailedCreate": _REFUSED,
    **dict.fromkeys(
        ("CreateContainerError", "RunContainerError", "FailedAttachVolume", "FailedCreatePodSandBox"), _NODE
    ),
}
"""By the reason that scheduler, kubelet and Job controller give
(https://kubernetes.io/docs/tasks/debug/debug-application/debug-pods/)."""
_OF_EVENTS = ("FailedCreate", "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox")
"""Reasons that stand in no pod's status."""


@dataclass(frozen=True)
class Hindrance:
    """Why a pod does not begin: Kubernetes' own reason and message."""

    reason: str
    message: str

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDIES[self.reason]

    def __str__(self) -> str:
        said = self.message.rstrip(". \n")
        return f"The run has not begun. Kubernetes says {self.reason}: {said}. {self.remedy}"


def hindrance(pods: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]]) -> Hindrance | None:
    """What keeps a run from beginning; None while it only takes its time.

    pods   : the run's own
    events : those of the run's Job and pods, the newest last; they count where no pod says more
    """
    for pod in pods:
        status = pod.get("status", {})
        for condition in status.get("conditions", ()):
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                known = _known(condition.get("reason"), condition.get("message"))
                if known:
                    return known
        for container in status.get("containerStatuses", ()):
            waiting = container.get("state", {}).get("waiting") or {}
            if known := _known(waiting.get("reason"), waiting.get("message")):
                return known
    said = [event for event in events if event.get("reason") in _OF_EVENTS]
    return _known(said[-1]["reason"], said[-1].get("message")) if said else None


def is_over(job: Mapping[str, Any]) -> bool:
    """Whether Kubernetes itself is done with the Job, and removes it when its time is up."""
    conditions = job.get("status", {}).get("conditions") or ()
    return any(each["type"] in ("Complete", "Failed") and each["status"] == "True" for each in conditions)


def run_id_of(pod_or_job: Mapping[str, Any]) -> str:
    """The Dagster run that a Job or a pod belongs to."""
    run_id: str = pod_or_job["metadata"]["labels"][RUN_LABEL]
    return run_id


def _known(reason: str | None, message: str | None) -> Hindrance | None:
    return Hindrance(reason, message or "it gives no more words") if reason and reason in REMEDIES else None
