"""deploy/kubernetes as one machine can run it: what is other than in the files, and why, stands in `DIFFERENCES`."""

import copy
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from markdown_pricing import DATA
from tests.kubernetes.conftest import NAMESPACE
from tests.postgres.server import WITHOUT_TLS
from tests.quick import PATIENCE_S, WAIT_WHILE

WEEK = "2026-02-09"
WAIT = "wait"
"""The file as long as which is there runs learn nothing."""
HADOOP_USER = "pricing"
SERVICES = {"code-server": "10.232.0.10", "web-server": "10.232.0.11"}
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
_SETTINGS = {
    "HADOOP_USER_NAME": HADOOP_USER,
    "MARKDOWN_PRICING_ERP": "postgresql://erp.example.com/prices?sslmode=disable",
    "MARKDOWN_PRICING_START_WEEK": WEEK,
    "MARKDOWN_PRICING_MODEL": "tests.quick:Patient",
    "PYTHONPATH": f"{_FOLDER}/code",
    WAIT_WHILE: f"{_FOLDER}/{WAIT}",
    PATIENCE_S: "300",
}


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
    config["storage"]["custom"]["config"]["postgres_db"]["params"] |= WITHOUT_TLS
    launcher = config["run_launcher"]["config"]
    launcher["resources"] = {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"memory": "2Gi"}}
    launcher["volumes"].append({"name": "of-the-tests", "persistentVolumeClaim": {"claimName": "of-the-tests"}})
    launcher["volume_mounts"].append({"name": "of-the-tests", "mountPath": _FOLDER})
    measured = {"min_cpus": 0.1, "max_cpus": 0.1, "min_mib": 512, "max_mib": 2048}
    config["run_coordinator"]["config"]["by_earlier_weeks"] |= measured
    config["run_monitoring"]["poll_interval_seconds"] = 5
    return str(yaml.safe_dump(config))


def volume_of_the_tests(folder: Path) -> list[dict[str, Any]]:
    """This machine's folder as a volume, with a claim on it."""
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
