"""Kubernetes' real API server on etcd, for as long as it is needed. No scheduler, no kubelet: no pod ever runs."""

import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import yaml  # type: ignore[import-untyped]
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.processes import end_groups, free_port, wait_until

BUILD = Path(__file__).parent / "build"
PATHS = {
    "ConfigMap": ("api/v1", "configmaps"),
    "Event": ("api/v1", "events"),
    "Deployment": ("apis/apps/v1", "deployments"),
    "Job": ("apis/batch/v1", "jobs"),
    "Namespace": ("api/v1", "namespaces"),
    "NetworkPolicy": ("apis/networking.k8s.io/v1", "networkpolicies"),
    "Pod": ("api/v1", "pods"),
    "Role": ("apis/rbac.authorization.k8s.io/v1", "roles"),
    "RoleBinding": ("apis/rbac.authorization.k8s.io/v1", "rolebindings"),
    "Secret": ("api/v1", "secrets"),
    "Service": ("api/v1", "services"),
    "ServiceAccount": ("api/v1", "serviceaccounts"),
}


def lacking() -> str | None:
    """What this machine lacks, and where it comes from."""
    if shutil.which("etcd") is None:
        return "no etcd found (Debian: apt-get install etcd-server)"
    if shutil.which("go") is None:
        return "no go found, which builds kube-apiserver (about ten minutes, once)"
    return None


@dataclass(frozen=True)
class Cluster:
    """An API server; this face is its administrator's."""

    url: str
    ca_file: Path
    folder: Path
    _token: str = field(repr=False)

    def create(self, manifest: dict[str, Any], namespace: str, dry_run: bool = False) -> httpx.Response:
        """Create one object as strictly as the server can check it: an unknown field is a fault."""
        check = {"fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        return self._client().post(self._path(manifest["kind"], namespace), params=check, json=manifest)

    def set_status(self, kind: str, name: str, namespace: str, status: dict[str, Any]) -> None:
        """Say what scheduler, kubelet or a controller would say, which this cluster has not."""
        path = f"{self._path(kind, namespace)}/{name}/status"
        headers = {"Content-Type": "application/merge-patch+json"}
        self._client().patch(path, json={"status": status}, headers=headers).raise_for_status()

    def list(self, kind: str, namespace: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._client().get(self._path(kind, namespace)).raise_for_status().json()["items"]
        return found

    def kubeconfig_of(self, service_account: str, namespace: str) -> Path:
        """Written for a process that acts as the service account, and has no other right."""
        path = f"{self._path('ServiceAccount', namespace)}/{service_account}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        token = self._client().post(path, json=request).raise_for_status().json()["status"]["token"]
        file = self.folder / f"kubeconfig-{uuid4().hex}"
        named = {"cluster": "test", "user": service_account, "namespace": namespace}
        cluster = {"server": self.url, "certificate-authority": str(self.ca_file)}
        file.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "test",
                    "contexts": [{"name": "test", "context": named}],
                    "clusters": [{"name": "test", "cluster": cluster}],
                    "users": [{"name": service_account, "user": {"token": token}}],
                }
            )
        )
        return file

    def is_ready(self) -> bool:
        try:
            return self._client().get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def _path(self, kind: str, namespace: str) -> str:
        group, name = PATHS[kind]
        return f"/{group}/{name}" if kind == "Namespace" else f"/{group}/namespaces/{namespace}/{name}"

    def _client(self) -> httpx.Client:
        trusted = ssl.create_default_context(cafile=self.ca_file)
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {self._token}"}, verify=trusted, timeout=30
        )


class NotBuilt(Exception):
    """This machine can't build an API server, such as without a network."""


@contextmanager
def api_server() -> Iterator[Cluster]:
    """Start etcd and kube-apiserver, a few seconds; the first time on a machine the server is built, ten minutes.

    raises NotBuilt
    """
    built = subprocess.run([BUILD], capture_output=True, text=True)
    if built.returncode:
        raise NotBuilt(f"kube-apiserver was not built: {built.stderr[-500:]}")
    program = built.stdout.strip()
    with tempfile.TemporaryDirectory(prefix="kubernetes-") as name:
        folder, token = Path(name), uuid4().hex
        certificates = folder / "certificates"
        client, peer, port = free_port(), free_port(), free_port()
        _service_account_keys(folder)
        (folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
        etcd = [
            *("etcd", "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync"),
            *("--listen-client-urls", f"http://127.0.0.1:{client}"),
            *("--advertise-client-urls", f"http://127.0.0.1:{client}"),
            *("--listen-peer-urls", f"http://127.0.0.1:{peer}"),
            *("--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}"),
            *("--initial-cluster", f"default=http://127.0.0.1:{peer}"),
        ]
        server = [
            program,
            f"--etcd-servers=http://127.0.0.1:{client}",
            f"--secure-port={port}",
            "--bind-address=127.0.0.1",
            f"--cert-dir={certificates}",
            f"--service-account-key-file={folder / 'accounts.pub'}",
            f"--service-account-signing-key-file={folder / 'accounts.key'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--token-auth-file={folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
        ]
        cluster = Cluster(f"https://127.0.0.1:{port}", certificates / "apiserver.crt", folder, token)
        processes: list[subprocess.Popen[bytes]] = []
        try:
            for command in (etcd, server):
                with (folder / f"{Path(command[0]).name}.log").open("wb") as log:
                    processes.append(
                        subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True)
                    )
            wait_until(
                "the API server is ready",
                lambda: cluster.ca_file.exists() and cluster.is_ready(),
                120,
                lambda: (folder / f"{Path(program).name}.log").read_text()[-3000:],
            )
            yield cluster
        finally:
            end_groups(processes)


def _service_account_keys(folder: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (folder / "accounts.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
    (folder / "accounts.pub").write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def documents(file: Path) -> list[dict[str, Any]]:
    """The objects of a manifest file."""
    return [document for document in yaml.safe_load_all(file.read_text()) if document]
