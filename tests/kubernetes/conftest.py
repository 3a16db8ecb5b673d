"""A real API server, with our namespace as `kubectl apply` leaves it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from markdown_pricing import DATA
from tests.kubernetes.cluster import Cluster, NotBuilt, api_server, documents, lacking
from tests.real_parts import missing

PROJECT = Path(__file__).parents[2]
MANIFESTS = PROJECT / "deploy" / "kubernetes"
NAMESPACE = "markdown-pricing"
ORDER = ("access.yaml", "settings.yaml", "servers.yaml", "network.yaml")
SECRETS = {"DB_PASSWORD": "of-the-erp", "DAGSTER_PG_PASSWORD": "of-the-storage"}
SECRETS_BY_NAME = {
    "markdown-pricing": SECRETS,
    "markdown-pricing-reader": {"DB_PASSWORD": "of-the-erp-to-read"},
    "dagster": {"DAGSTER_PG_PASSWORD": "of-the-storage"},
}


@pytest.fixture(scope="session")
def empty_cluster() -> Iterator[Cluster]:
    if why := lacking():
        missing("Kubernetes", why)
    try:
        with api_server() as cluster:
            yield cluster
    except NotBuilt as why:
        missing("Kubernetes", str(why))


@pytest.fixture(scope="session")
def cluster(empty_cluster: Cluster) -> Cluster:
    apply_everything(empty_cluster)
    return empty_cluster


def apply_everything(cluster: Cluster) -> None:
    """Every manifest, and beside them what docs/kubernetes.md makes by hand."""
    for file in ORDER:
        for manifest in documents(MANIFESTS / file):
            answer = cluster.create(manifest, NAMESPACE)
            assert answer.status_code == 201, f"{file}, {manifest['kind']}: {answer.text}"
    dagster_yaml = (DATA / "dagster.kubernetes.yaml").read_text()
    for kind, name, content in (
        ("ConfigMap", "dagster", {"data": {"dagster.yaml": dagster_yaml}}),
        *(("Secret", name, {"stringData": content}) for name, content in SECRETS_BY_NAME.items()),
    ):
        manifest = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **content}
        cluster.create(manifest, NAMESPACE).raise_for_status()
