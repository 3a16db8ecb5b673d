"""deploy/kubernetes on a real node: what is other there than in the files, and why, stands in `DIFFERENCES`."""

import copy
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
import hdfs_native
import httpx
import yaml  # type: ignore[import-untyped]
from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG
from sqlalchemy import make_url

from markdown_pricing.countries import read_countries
from markdown_pricing.lake.filesystem import Lake
from markdown_pricing.orchestration.names import COUNTRY_TAG, JOB, LOCATION, WEEK_TAG
from markdown_pricing.sample.deliver import deliver_sample
from markdown_pricing.settings import DATA
from markdown_pricing.weeks import parse_week
from tests.hdfs.cluster import mini_hdfs
from tests.image.containers import writable
from tests.kubernetes.cluster import documents
from tests.kubernetes.conftest import MANIFESTS, NAMESPACE, ORDER, PROJECT
from tests.kubernetes.network import ADDRESS
from tests.kubernetes.node import Node, node
from tests.postgres.proxy import proxy_of
from tests.postgres.server import WITHOUT_TLS, PostgresServer, postgres_server
from tests.processes import wait_until
from tests.quick import NEEDS_MIB, PATIENCE_S, WAIT_WHILE

IMAGE = "registry.example.com/markdown-pricing:0.1.0"
NEXT_IMAGE = "registry.example.com/markdown-pricing:next"
WEEK = "2026-02-09"
COUNTRIES = ("HUN", "MLT")
OF_A_RUN = (COUNTRY_TAG, WEEK_TAG)
WAIT = "wait"
SERVICES = {"code-server": "10.232.0.10", "web-server": "10.232.0.11"}
SERVERS = ("code-server", "web-server", "daemon")
DIFFERENCES = {
    "Services have fixed addresses": "a name server on the bridge, which knows them, takes the place of CoreDNS",
    "a folder of the node, by a claim": "it holds the tests' model, and the files by which tests have it wait",
    "HADOOP_USER_NAME is given": "the mini-cluster knows no Kerberos",
    "PostgreSQL is reached without TLS": "it is this machine's own, and has no certificate for postgres.example.com",
    "a run asks for 100m and 512Mi, also when it was measured, and may take 2Gi": "two cores are here, and other tests",
    "Dagster looks after runs every 5 s and not every 60": "a test waits for each of these looks",
    "the sample's week, and a model that is fitted at once": "a test prices two countries of six articles",
}
"""What is applied in another form than it stands in deploy/kubernetes and dagster.kubernetes.yaml, with its reason."""
_FOLDER = "/of-the-tests"
_LAKE = "/data/production"
"""As settings.yaml has it."""
_HADOOP_USER = "pricing"
_PASSWORDS = {"dagster": "of-the-storage", "pricing": "of-the-erp", "pricing_reader": "of-the-erp-to-read"}
_SECRETS = {
    "markdown-pricing": {"DB_PASSWORD": "pricing", "DAGSTER_PG_PASSWORD": "dagster"},
    "markdown-pricing-reader": {"DB_PASSWORD": "pricing_reader"},
    "dagster": {"DAGSTER_PG_PASSWORD": "dagster"},
}
_SETTINGS = {
    "HADOOP_USER_NAME": _HADOOP_USER,
    "MARKDOWN_PRICING_ERP": "postgresql://erp.example.com/prices?sslmode=disable",
    "MARKDOWN_PRICING_START_WEEK": WEEK,
    "MARKDOWN_PRICING_MODEL": "tests.quick:Patient",
    "PYTHONPATH": f"{_FOLDER}/code",
    WAIT_WHILE: f"{_FOLDER}/{WAIT}",
    PATIENCE_S: "300",
}


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


@contextmanager
def installation(folder: Path, image: str) -> Iterator[Installation]:
    """Install deploy/kubernetes on a node of its own and deliver a week, before its sensors look for the first time."""
    names = {f"{name}.{NAMESPACE}.svc.cluster.local": address for name, address in SERVICES.items()}
    names |= {"postgres.example.com": ADDRESS, "erp.example.com": ADDRESS, "namenode.example.com": ADDRESS}
    with ExitStack() as stack:
        server = stack.enter_context(postgres_server())
        here = stack.enter_context(node({IMAGE: image, NEXT_IMAGE: image}, names))
        stack.enter_context(proxy_of(int(make_url(server.url).port or 0), (ADDRESS, 5432)))
        _accounts(server)
        lake = stack.enter_context(_lake(folder / "hdfs"))
        of_tests = _of_the_tests(folder / "of-the-tests")
        instance = stack.enter_context(_dagster(folder, server))
        _apply(here, of_tests)
        site = Installation(here, of_tests, lake, server, instance)
        site.wait_for_servers()
        yield site


def _accounts(server: PostgresServer) -> None:
    for name, password in _PASSWORDS.items():
        server.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
    for database, owner in (("dagster", "dagster"), ("prices", "pricing")):
        server.execute(f"CREATE DATABASE {database} OWNER {owner}")
    may_read = "ALTER DEFAULT PRIVILEGES FOR ROLE pricing GRANT SELECT ON TABLES TO pricing_reader"
    server.execute(may_read, server.database("prices"))


@contextmanager
def _lake(folder: Path) -> Iterator[Lake]:
    """A delivered week on an HDFS whose data nodes pods reach as this machine does; its name node by a proxy."""
    with mini_hdfs(folder, address=ADDRESS) as hdfs, proxy_of(hdfs.ports[0], (ADDRESS, 8020)):
        administrator = hdfs_native.Client(hdfs.url)
        administrator.mkdirs(_LAKE, 0o755, True)
        administrator.set_owner(_LAKE, _HADOOP_USER, _HADOOP_USER)
        with patch.dict("os.environ", HADOOP_USER_NAME=_HADOOP_USER):
            lake, known = Lake(hdfs.url + _LAKE), read_countries()
            deliver_sample(lake, parse_week(WEEK), [known[code] for code in COUNTRIES], articles=6)
        yield lake


def _of_the_tests(folder: Path) -> Path:
    (folder / "code" / "tests").mkdir(parents=True)
    shutil.copy(PROJECT / "tests" / "quick.py", folder / "code" / "tests")
    return writable(folder)


@contextmanager
def _dagster(folder: Path, server: PostgresServer) -> Iterator[dg.DagsterInstance]:
    """Its storage, of which the tests read."""
    home = folder / "dagster"
    home.mkdir()
    config = yaml.safe_load((DATA / "dagster.kubernetes.yaml").read_text())
    storage = config["storage"]["postgres"]["postgres_db"]
    storage |= {"hostname": "127.0.0.1", "port": make_url(server.url).port, "username": "dagster", "db_name": "dagster"}
    storage["params"] |= WITHOUT_TLS
    (home / "dagster.yaml").write_text(yaml.safe_dump({"storage": config["storage"], "telemetry": {"enabled": False}}))
    os.environ["DAGSTER_PG_PASSWORD"] = _PASSWORDS["dagster"]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def _apply(here: Node, folder: Path) -> None:
    """What docs/kubernetes.md says, in its order; `DIFFERENCES` says what is other."""
    manifests = {file: [adapted(each) for each in documents(MANIFESTS / file)] for file in ORDER}
    _apply_all(here, manifests.pop("access.yaml"))
    _apply_all(here, _volume(folder))
    made = here.kubectl(*_made("configmap", "dagster"), f"--from-literal=dagster.yaml={dagster_yaml()}")
    here.kubectl("apply", "-f", "-", stdin=made)
    for name, content in _SECRETS.items():
        given = [f"--from-literal={variable}={_PASSWORDS[account]}" for variable, account in content.items()]
        here.kubectl("apply", "-f", "-", stdin=here.kubectl(*_made("secret", name), *given))
    for file in ("settings.yaml", "network.yaml", "servers.yaml"):
        _apply_all(here, manifests[file])


def _made(kind: str, name: str) -> list[str]:
    kinds = [kind] if kind == "configmap" else [kind, "generic"]
    return ["-n", NAMESPACE, "create", *kinds, name, "--dry-run=client", "-o", "json"]


def _apply_all(here: Node, manifests: list[dict[str, Any]]) -> None:
    here.kubectl("apply", "--validate=strict", "-f", "-", stdin=yaml.safe_dump_all(manifests))


def adapted(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest as this machine can run it."""
    manifest = copy.deepcopy(manifest)
    name = manifest["metadata"]["name"]
    if manifest["kind"] == "Service":
        manifest["spec"]["clusterIP"] = SERVICES[name]
    if manifest["kind"] == "ConfigMap":
        manifest["data"] |= _SETTINGS
    if manifest["kind"] == "Deployment" and name == "code-server":
        pod = manifest["spec"]["template"]["spec"]
        pod["volumes"].append({"name": "of-the-tests", "persistentVolumeClaim": {"claimName": "of-the-tests"}})
        pod["containers"][0]["volumeMounts"].append({"name": "of-the-tests", "mountPath": _FOLDER})
    return manifest


def dagster_yaml() -> str:
    """dagster.kubernetes.yaml as this machine can run it."""
    config = yaml.safe_load((DATA / "dagster.kubernetes.yaml").read_text())
    config["storage"]["postgres"]["postgres_db"]["params"] |= WITHOUT_TLS
    launcher = config["run_launcher"]["config"]
    launcher["resources"] = {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"memory": "2Gi"}}
    launcher["volumes"].append({"name": "of-the-tests", "persistentVolumeClaim": {"claimName": "of-the-tests"}})
    launcher["volume_mounts"].append({"name": "of-the-tests", "mountPath": _FOLDER})
    measured = {"min_cpus": 0.1, "max_cpus": 0.1, "min_mib": 512, "max_mib": 2048}
    config["run_coordinator"]["config"]["by_earlier_weeks"] |= measured
    config["run_monitoring"]["poll_interval_seconds"] = 5
    return str(yaml.safe_dump(config))


def _volume(folder: Path) -> list[dict[str, Any]]:
    modes = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    size = {"storage": "1Gi"}
    volume = {"hostPath": {"path": str(folder)}, "capacity": size, **modes}
    claim = {"volumeName": "of-the-tests", "resources": {"requests": size}, **modes}
    return [
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "of-the-tests"}, "spec": volume},
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "of-the-tests", "namespace": NAMESPACE},
            "spec": claim,
        },
    ]
