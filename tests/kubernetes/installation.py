"""What tests do to deploy/kubernetes on a real node, and what they see of it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import yaml  # type: ignore[import-untyped]
from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG

from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.orchestration.names import COUNTRY_TAG, JOB, LOCATION, WEEK_TAG
from tests.kubernetes.adapted import SERVICES, WAIT, adapted
from tests.kubernetes.cluster import documents
from tests.kubernetes.conftest import MANIFESTS, NAMESPACE
from tests.kubernetes.node import Node
from tests.postgres.server import PostgresServer
from tests.processes import wait_until
from tests.quick import NEEDS_MIB

IMAGE = "registry.example.com/markdown-pricing:0.1.0"
SERVERS = ("code-server", "web-server", "daemon")
OF_A_RUN = (COUNTRY_TAG, WEEK_TAG)


@dataclass(frozen=True)
class Installation:
    """All three servers as pods, and Dagster as they see it."""

    node: Node
    folder: Path
    lake: Lake
    postgres: PostgresServer
    dagster: dg.DagsterInstance

    # What is done to it

    def launch(self, country: str, resources: Mapping[str, Any] | None = None) -> str:
        """Start a run by the page, of the same week as the round; its id."""
        like = next(run for run in self.dagster.get_runs(dg.RunsFilter(tags={COUNTRY_TAG: country})))
        tags = {
            name: value for name, value in like.tags.items() if name.startswith("dagster/partition") or name in OF_A_RUN
        }
        if resources:
            tags["dagster-k8s/config"] = json.dumps({"container_config": {"resources": resources}})
        selector = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__", "jobName": JOB}
        asked = {
            "selector": selector,
            "runConfigData": {},
            "mode": "default",
            "executionMetadata": {"tags": [{"key": name, "value": value} for name, value in tags.items()]},
        }
        told = self._graphql(_LAUNCH, p=asked)["launchRun"]
        assert "run" in told, told
        return str(told["run"]["runId"])

    def cancel(self, run_id: str, force: bool = False) -> None:
        """As the page does it."""
        policy = "MARK_AS_CANCELED_IMMEDIATELY" if force else "SAFE_TERMINATE"
        told = self._graphql(_CANCEL, run=run_id, policy=policy)["terminateRun"]
        assert told["__typename"] == "TerminateRunSuccess", told

    @contextmanager
    def patience(self) -> Iterator[None]:
        """Runs learn nothing, for five minutes at most, until this is left or they are let go."""
        (self.folder / WAIT).touch()
        try:
            yield
        finally:
            self.let_go()

    def let_go(self) -> None:
        (self.folder / WAIT).unlink(missing_ok=True)

    @contextmanager
    def need(self, mib: int) -> Iterator[None]:
        """Runs need so much memory for their model, until this is left."""
        (self.folder / NEEDS_MIB).write_text(str(mib))
        try:
            yield
        finally:
            (self.folder / NEEDS_MIB).unlink()

    def roll_out(self, image: str) -> None:
        """Give servers and runs to come another image, as whoever edits servers.yaml and applies it."""
        servers = yaml.safe_dump_all(adapted(each) for each in documents(MANIFESTS / "servers.yaml"))
        assert servers.count(IMAGE) == len(SERVERS) + 1
        self.node.kubectl("apply", "--validate=strict", "-f", "-", stdin=servers.replace(IMAGE, image))
        self.wait_for_servers()

    # What is seen of it

    def status(self, run_id: str) -> str:
        run = self.dagster.get_run_by_id(run_id)
        assert run is not None
        return run.status.value

    def wait_for(self, run_id: str, status: str, within_s: float = 240) -> None:
        wait_until(f"run {run_id} is {status}", lambda: self.status(run_id) == status, within_s, self.state, every_s=1)

    def wait_until_it_learns(self, run_id: str) -> None:
        def steps() -> set[str]:
            entries = self.dagster.all_logs(run_id, of_type=dg.DagsterEventType.STEP_START)
            return {str(entry.step_key) for entry in entries}

        wait_until(f"run {run_id} learns", lambda: "demand_model" in steps(), 240, self.state, every_s=1)

    def wait_for_its_retry(self, run_id: str, within_s: float = 360) -> list[str]:
        """The runs that took its place, once the last of them has succeeded."""
        chain: list[str] = []

        def succeeded() -> bool:
            chain[:] = self._chain(run_id)
            return len(chain) > 1 and self.status(chain[-1]) == "SUCCESS"

        wait_until(f"a retry of run {run_id} has succeeded", succeeded, within_s, self.state, every_s=1)
        return chain[1:]

    def said(self, run_id: str) -> str:
        """Every message of a run's events."""
        return "\n".join(entry.user_message or "" for entry in self.dagster.all_logs(run_id)) + "\n".join(
            str(entry.dagster_event.message) for entry in self.dagster.all_logs(run_id) if entry.dagster_event
        )

    def pod_of(self, run_id: str) -> dict[str, Any]:
        told = self.node.kubectl("-n", NAMESPACE, "get", "pods", "-l", f"dagster/run-id={run_id}", "-o", "json")
        [pod] = json.loads(told)["items"]
        return dict(pod)

    def container_of(self, run_id: str) -> dict[str, Any]:
        """As the API server keeps it."""
        [container] = self.pod_of(run_id)["spec"]["containers"]
        return dict(container)

    def has_left(self, *runs: str) -> list[str]:
        """Jobs and pods of these runs, or of all, that still go on, by name."""
        told = self.node.kubectl("-n", NAMESPACE, "get", "jobs,pods", "-l", "dagster/run-id", "-o", "json")
        return [
            f"{each['kind']} {each['metadata']['name']}"
            for each in json.loads(told)["items"]
            if not runs or each["metadata"]["labels"]["dagster/run-id"] in runs
            if each["status"].get("active") or each["status"].get("phase") in ("Pending", "Running")
        ]

    def wait_until_nothing_is_left(self, *runs: str, within_s: float = 90) -> None:
        wait_until("Jobs and pods are over", lambda: not self.has_left(*runs), within_s, self.state, every_s=1)

    def wait_for_servers(self) -> None:
        for name in SERVERS:
            self.node.kubectl("-n", NAMESPACE, "rollout", "status", f"deployment/{name}", "--timeout=300s")

    @property
    def erp(self) -> str:
        return self.postgres.database("prices")

    def state(self) -> str:
        runs = [f"{run.run_id[:8]} {run.tags.get(COUNTRY_TAG)} {run.status.value}" for run in self.dagster.get_runs()]
        with_pods = self.node.kubectl("-n", NAMESPACE, "get", "pods,jobs", "-o", "wide")
        logs = self.node.kubectl("-n", NAMESPACE, "logs", "deploy/daemon", "--tail=15")
        return "\n".join([*runs, with_pods, logs])

    def _chain(self, run_id: str) -> list[str]:
        chain = [run_id]
        while run := self.dagster.get_run_by_id(chain[-1]):
            if not (following := run.tags.get(AUTO_RETRY_RUN_ID_TAG)):
                break
            chain.append(following)
        return chain

    def _graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        address = f"http://{SERVICES['web-server']}/graphql"
        told = httpx.post(address, json={"query": query, "variables": variables}, timeout=60).raise_for_status().json()
        assert not told.get("errors"), told
        return dict(told["data"])


_LAUNCH = """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
_CANCEL = """mutation($run: String!, $policy: TerminateRunPolicy) {
  terminateRun(runId: $run, terminatePolicy: $policy) { __typename ... on TerminateRunFailure { message } } }"""
