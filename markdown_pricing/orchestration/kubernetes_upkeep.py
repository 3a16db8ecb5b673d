"""A sensor for what dagster-k8s and Dagster's monitoring leave out: runs that wait in silence, and Jobs left behind."""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg

from markdown_pricing.orchestration.pods import RUN_LABEL, Hindrance, hindrance, is_over, run_id_of

if TYPE_CHECKING:  # it takes a second to load
    from kubernetes.client import ApiClient  # type: ignore[import-untyped]

NAME = "kubernetes_upkeep"
LAUNCHER = "K8sRunLauncher"
ANSWER_S = 10.0
"""Seconds that the API server may take for an answer: five of a look stay under the 60 that a sensor has."""
NOT_FOUND = 404
MOST_REMOVED = 2
"""So many Jobs are removed in one look, so that a slow API server does not take all of its time."""
LEFT_BEHIND_S = 120.0
"""Seconds after the end of a run in which its pod may end by itself; it is given 60 to stop."""


@dataclass(frozen=True)
class Kubernetes:
    """The namespace in which the run launcher of dagster.yaml makes its Jobs, asked as this process's own account."""

    namespace: str
    kubeconfig_file: str | None = None
    is_inside: bool = False

    def jobs(self) -> list[dict[str, Any]]:
        """The Jobs of all runs."""
        from kubernetes.client import BatchV1Api

        return self._items(BatchV1Api(self._client).list_namespaced_job, label_selector=RUN_LABEL)

    def pods(self) -> list[dict[str, Any]]:
        """The pods of all runs."""
        from kubernetes.client import CoreV1Api

        return self._items(CoreV1Api(self._client).list_namespaced_pod, label_selector=RUN_LABEL)

    def warnings(self) -> list[dict[str, Any]]:
        """What went wrong in the last hour, the newest last."""
        from kubernetes.client import CoreV1Api

        events = self._items(CoreV1Api(self._client).list_namespaced_event, field_selector="type=Warning")
        return sorted(events, key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")

    def delete_job(self, name: str) -> str:
        """Take the Job away, and its pods. Returns why that was refused, or nothing; a Job that is gone is well."""
        from kubernetes.client import ApiException, BatchV1Api

        delete = BatchV1Api(self._client).delete_namespaced_job
        try:
            delete(name, self.namespace, propagation_policy="Background", _request_timeout=ANSWER_S)
        except ApiException as error:
            return "" if error.status == NOT_FOUND else f"{error.status} {error.reason}"
        return ""

    def _items(self, listing: Callable[..., Any], **which: str) -> list[dict[str, Any]]:
        answer = listing(self.namespace, _preload_content=False, _request_timeout=ANSWER_S, **which)
        items: list[dict[str, Any]] = json.loads(answer.data)["items"]
        return items

    @cached_property
    def _client(self) -> "ApiClient":
        from kubernetes import client, config  # type: ignore[import-untyped]

        configuration = client.Configuration()
        if self.is_inside:
            config.load_incluster_config(client_configuration=configuration)
        else:
            config.load_kube_config(self.kubeconfig_file, client_configuration=configuration)
        configuration.retries = False  # the next look is the repetition
        return client.ApiClient(configuration)


@dg.sensor(
    name=NAME,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Says in Kubernetes' own words why a run does not begin, and removes Jobs of runs that are over.",
)
def kubernetes_upkeep(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """It starts no run. Each hindrance is said once, in the events of the run that it keeps from beginning."""
    launcher = context.instance.get_ref().run_launcher_data
    if launcher is None or launcher.class_name != LAUNCHER:
        return dg.SkipReason("Nothing to do: the run launcher of dagster.yaml has no Kubernetes.")
    resolved: Any = context.instance.run_launcher
    cluster = Kubernetes(resolved.job_namespace, resolved.kubeconfig_file, resolved.load_incluster_config)
    done, said = look_after_pods(context.instance, cluster, json.loads(context.cursor or "{}"))
    context.update_cursor(json.dumps(said))
    return dg.SkipReason("\n".join(done) or "Nothing to do.")


def look_after_pods(
    instance: dg.DagsterInstance,
    cluster: Kubernetes,
    said: Mapping[str, str],
    clock: Callable[[], float] = time.time,
) -> tuple[list[str], dict[str, str]]:
    """Look once at the Jobs and pods of all runs.

    said : run id -> what was advised last. The kubelet goes to and fro between reasons of one kind.
    Returns what was said and done, in words, and `said` for the next look.
    """
    jobs = {run_id_of(job): job for job in cluster.jobs()}
    starting = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING]))
    hindrances = _hindrances(cluster, {run.run_id: jobs[run.run_id] for run in starting if run.run_id in jobs})
    done: list[str] = []
    for run in starting:
        own = hindrances.get(run.run_id)
        if own is not None and said.get(run.run_id) != own.remedy:
            instance.report_engine_event(str(own), run)
            done.append(f"Run {run.run_id}: {own}")
    done += _remove_left_behind(instance, cluster, jobs, clock())
    return done, {run_id: own.remedy for run_id, own in hindrances.items()}


def _hindrances(cluster: Kubernetes, jobs: Mapping[str, Mapping[str, Any]]) -> dict[str, Hindrance]:
    """What keeps runs from beginning, by run; nothing is asked where none waits. jobs : by run"""
    if not jobs:
        return {}
    pods, events = defaultdict(list), cluster.warnings()
    for pod in cluster.pods():
        pods[run_id_of(pod)].append(pod)
    hindrances = {}
    for run_id, job in jobs.items():
        own = {each["metadata"]["name"] for each in (job, *pods[run_id])}
        pod_events = [event for event in events if event.get("involvedObject", {}).get("name") in own]
        if hindered := hindrance(pods[run_id], pod_events):
            hindrances[run_id] = hindered
    return hindrances


def _remove_left_behind(
    instance: dg.DagsterInstance, cluster: Kubernetes, jobs: Mapping[str, Mapping[str, Any]], now_s: float
) -> list[str]:
    """Remove the Jobs that go on although their runs are over; what is no run of this Dagster is left alone."""
    removed: list[str] = []
    for run_id in sorted(run_id for run_id, job in jobs.items() if not is_over(job)):
        record = instance.get_run_record_by_id(run_id)
        if record is None or not record.dagster_run.is_finished or now_s - (record.end_time or now_s) < LEFT_BEHIND_S:
            continue
        if len(removed) == MOST_REMOVED:
            break
        name, run = jobs[run_id]["metadata"]["name"], record.dagster_run
        went_on = f"Job {name} went on although its run is over ({run.status.value})."
        if refused := cluster.delete_job(name):
            removed.append(f"{went_on} It could not be removed: {refused}.")
            continue
        removed.append(f"{went_on} It was removed with its pod.")
        instance.report_engine_event(removed[-1], run)
    return removed
