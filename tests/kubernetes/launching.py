"""One Dagster run, launched by the launchers that we hand out, and what its worker is given by each."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
import yaml  # type: ignore[import-untyped]
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.origin import DEFAULT_DAGSTER_ENTRY_POINT, JobPythonOrigin, RepositoryPythonOrigin
from sqlalchemy import URL, make_url

from markdown_pricing import DATA
from markdown_pricing.orchestration.names import COUNTRY_TAG, JOB
from tests.doubles.dcos import Dcos
from tests.kubernetes.cluster import Cluster, documents
from tests.kubernetes.conftest import MANIFESTS, NAMESPACE, SECRETS
from tests.postgres.server import WITHOUT_TLS, PostgresServer
from tests.storage import make_storage

IMAGE = "registry.example.com/markdown-pricing:0.1.0"
PREFIX = "dagster.markdown-pricing"
GIB = {"Gi": 1024, "Mi": 1}


def settings() -> dict[str, str]:
    """The config map of the manifests, which the servers on DC/OS have as their environment."""
    [found] = [each for each in documents(MANIFESTS / "settings.yaml") if each["kind"] == "ConfigMap"]
    return dict(found["data"])


def new_run(
    instance: dg.DagsterInstance, tags: Mapping[str, str] | None = None, run_id: str | None = None
) -> dg.DagsterRun:
    """A run as the manifests' code server hands it to the queue."""

    @dg.job(name=JOB)
    def pricing() -> None: ...

    pointer = ModuleCodePointer("markdown_pricing.definitions", "defs")
    repository = RepositoryPythonOrigin(
        executable_path="/usr/local/bin/python",
        code_pointer=pointer,
        container_image=IMAGE,
        entry_point=DEFAULT_DAGSTER_ENTRY_POINT,
    )
    origin = JobPythonOrigin(job_name=JOB, repository_origin=repository)
    tags = {COUNTRY_TAG: "DEU", "markdown/week": "2026-02-09", **(tags or {})}
    return instance.create_run_for_job(pricing, run_id=run_id, tags=tags, job_code_origin=origin)


def launch(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    instance.launch_run(run.run_id, None)  # type: ignore[arg-type]


def job_of(cluster: Cluster, run: dg.DagsterRun) -> dict[str, Any]:
    """The Job of a run, as the API server keeps it."""
    jobs = cluster.list("Job", NAMESPACE)
    [job] = [job for job in jobs if job["metadata"]["labels"].get("dagster/run-id") == run.run_id]
    return job


@contextmanager
def on_kubernetes(
    home: Path, cluster: Cluster, postgres: PostgresServer | None = None, **launcher: Any
) -> Iterator[dg.DagsterInstance]:
    """The dagster.yaml that we hand out, acting as the daemon's service account from outside the cluster.

    postgres : where its storage is; without, SQLite
    launcher : what else its launcher is told
    """
    account = {
        **launcher,
        "load_incluster_config": False,
        "kubeconfig_file": str(cluster.kubeconfig_of("dagster", NAMESPACE)),
    }
    storage = make_url(postgres.fresh_database()) if postgres else None
    places = (
        {
            "DAGSTER_PG_HOST": str(storage.host),
            "DAGSTER_PG_USER": str(storage.username),
            "DAGSTER_PG_DB": str(storage.database),
        }
        if storage
        else {}
    )
    environment = {**settings(), **SECRETS, **places}
    with patch.dict("os.environ", environment), _instance(home, "kubernetes", account, storage) as instance:
        yield instance


@contextmanager
def on_metronome(home: Path, dcos: Dcos, **limits: float) -> Iterator[dg.DagsterInstance]:
    """The dagster.yaml that we hand out; `limits` of its `by_earlier_weeks` are others."""
    dcos.users = {"pricing-robot": "let-me-in"}
    environment = {
        **settings(),
        **SECRETS,
        "MARKDOWN_PRICING_IMAGE": IMAGE,
        "METRONOME_URL": dcos.url,
        "METRONOME_CA_FILE": str(dcos.ca_file),
        "METRONOME_UID": "pricing-robot",
        "METRONOME_PASSWORD": "let-me-in",
    }
    with patch.dict("os.environ", environment), _instance(home, "metronome", {}, limits=limits) as instance:
        yield instance


@contextmanager
def _instance(
    home: Path, which: str, launcher: Mapping[str, Any], storage: URL | None = None, limits: Mapping[str, float] = {}
) -> Iterator[dg.DagsterInstance]:
    """Without `storage` it is SQLite beside `home`, so that two launchers see the same run."""
    config = yaml.safe_load((DATA / f"dagster.{which}.yaml").read_text())
    if storage:
        to_storage = config["storage"]["custom"]["config"]["postgres_db"]
        to_storage |= {"port": storage.port, "params": to_storage["params"] | WITHOUT_TLS}
    else:
        config["storage"] = {"sqlite": {"base_dir": str(home.parent / "storage")}}
        make_storage(home.parent / "storage")
    config["run_launcher"]["config"] |= launcher
    config["run_coordinator"]["config"]["by_earlier_weeks"] |= limits
    home.mkdir()
    (home / "dagster.yaml").write_text(yaml.safe_dump(config))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


@dataclass(frozen=True)
class Worker:
    """What a run's container is given, whoever starts it. Memory in MiB."""

    run_id: str
    image: str
    command: tuple[str, ...]
    told: dict[str, Any]
    environment: dict[str, str]
    secrets: frozenset[str]
    cpus: float
    memory: float
    gpus: int


def worker_of_job(job: dict[str, Any], environment: Mapping[str, str]) -> Worker:
    """Of a Kubernetes Job; `environment` is what the config map holds that it names."""
    [container] = job["spec"]["template"]["spec"]["containers"]
    named = {next(iter(source)): next(iter(source.values()))["name"] for source in container["envFrom"]}
    assert named == {"configMapRef": "markdown-pricing", "secretRef": "markdown-pricing"}
    resources = container["resources"]
    return Worker(
        job["metadata"]["labels"]["dagster/run-id"],
        container["image"],
        *_read(container["args"]),
        {**environment},
        frozenset(SECRETS),
        float(resources["requests"]["cpu"]),
        float(resources["limits"]["memory"][:-2]) * GIB[resources["limits"]["memory"][-2:]],
        int(resources["limits"].get("nvidia.com/gpu", 0)),
    )


def worker_of_metronome(body: dict[str, Any]) -> Worker:
    run = body["run"]
    by_reference = {name for name, value in run["env"].items() if isinstance(value, dict)}
    return Worker(
        body["labels"]["dagster-run"],
        run["ucr"]["image"]["id"],
        *_read(run["args"]),
        {name: value for name, value in run["env"].items() if isinstance(value, str)},
        frozenset(by_reference),
        run["cpus"],
        run["mem"],
        run.get("gpus", 0),
    )


def _read(args: list[str]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The command, and what it is told but for the instance, whose launcher is each one's own."""
    told = json.loads(args[-1])
    instance = told.pop("instance_ref")
    kept = {name: value for name, value in instance.items() if name in ("run_storage_data", "event_storage_data")}
    return tuple(args[:-1]), {**told, "storage": kept}
