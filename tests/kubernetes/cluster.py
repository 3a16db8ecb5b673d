"""Kubernetes' real API server on etcd, for as long as it is needed. No scheduler, no kubelet: no pod ever runs."""

import os
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
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
USERS = {
    "admin": "system:masters",
    "system:kube-controller-manager": "",
    "system:kube-scheduler": "",
    "system:kube-proxy": "",
    "system:node:node": "system:nodes",
}
"""Who logs in by a token of its own, with its group."""
SERVICES = "10.232.0.0/24"
"""The addresses of Services."""


def lacking() -> str | None:
    """What this machine lacks, and where it comes from."""
    if shutil.which("etcd") is None:
        return "no etcd found (Debian: apt-get install etcd-server)"
    if shutil.which("go") is None:
        return "no go found, which builds Kubernetes (about ten minutes, once)"
    return None


@dataclass(frozen=True)
class Cluster:
    """An API server; this face is its administrator's."""

    url: str
    ca_file: Path
    folder: Path
    program: str
    """Kubernetes' programs, for those that a node adds."""
    _tokens: dict[str, str] = field(repr=False)

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
        return self._kubeconfig(service_account, token, namespace)

    def kubeconfig_of_user(self, name: str) -> Path:
        """Written for one of Kubernetes' own parts; `admin` may do everything."""
        return self._kubeconfig(name, self._tokens[name], "default")

    def _kubeconfig(self, user: str, token: str, namespace: str) -> Path:
        file = self.folder / f"kubeconfig-{uuid4().hex}"
        named = {"cluster": "test", "user": user, "namespace": namespace}
        cluster = {"server": self.url, "certificate-authority": str(self.ca_file)}
        file.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "test",
                    "contexts": [{"name": "test", "context": named}],
                    "clusters": [{"name": "test", "cluster": cluster}],
                    "users": [{"name": user, "user": {"token": token}}],
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
            base_url=self.url, headers={"Authorization": f"Bearer {self._tokens['admin']}"}, verify=trusted, timeout=30
        )


class NotBuilt(Exception):
    """This machine can't build Kubernetes, such as without a network."""


def program() -> str:
    """Kubernetes' programs in one; its first argument says which. Built the first time on a machine, ten minutes.

    raises NotBuilt
    """
    built = subprocess.run([BUILD], capture_output=True, text=True)
    if built.returncode:
        raise NotBuilt(f"Kubernetes was not built: {built.stderr[-500:]}")
    return built.stdout.strip()


@contextmanager
def api_server(address: str = "127.0.0.1", *options: str, modes: str = "RBAC") -> Iterator[Cluster]:
    """Start etcd and kube-apiserver on that address, a few seconds; `options` are further ones of the server's.

    raises NotBuilt
    """
    built = program()
    with tempfile.TemporaryDirectory(prefix="kubernetes-") as name:
        folder = Path(name)
        certificates = folder / "certificates"
        client, peer, port = free_port(), free_port(), free_port()
        _service_account_keys(folder)
        tokens = {user: uuid4().hex for user in USERS}
        lines = [f'{token},{user},{user},"{USERS[user]}"' for user, token in tokens.items()]
        (folder / "tokens.csv").write_text("\n".join(lines) + "\n")
        etcd = [
            *("etcd", "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync"),
            *("--listen-client-urls", f"http://127.0.0.1:{client}"),
            *("--advertise-client-urls", f"http://127.0.0.1:{client}"),
            *("--listen-peer-urls", f"http://127.0.0.1:{peer}"),
            *("--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}"),
            *("--initial-cluster", f"default=http://127.0.0.1:{peer}"),
        ]
        server = [
            *(built, "kube-apiserver"),
            f"--etcd-servers=http://127.0.0.1:{client}",
            f"--secure-port={port}",
            f"--bind-address={address}",
            f"--cert-dir={certificates}",
            f"--service-account-key-file={folder / 'accounts.pub'}",
            f"--service-account-signing-key-file={folder / 'accounts.key'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--token-auth-file={folder / 'tokens.csv'}",
            f"--authorization-mode={modes}",
            f"--service-cluster-ip-range={SERVICES}",
            *options,
        ]
        cluster = Cluster(f"https://{address}:{port}", certificates / "apiserver.crt", folder, built, tokens)
        with started({"etcd": etcd, "kube-apiserver": server}, folder):
            wait_until(
                "the API server is ready",
                lambda: cluster.ca_file.exists() and cluster.is_ready(),
                120,
                lambda: (folder / "kube-apiserver.log").read_text()[-3000:],
            )
            yield cluster


@contextmanager
def started(
    commands: Mapping[str, Sequence[str]], folder: Path, environment: Mapping[str, str] = {}
) -> Iterator[dict[str, "subprocess.Popen[bytes]"]]:
    """The commands as processes, each with its log `name.log` in the folder; they are killed at the end."""
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in commands.items():
            with (folder / f"{name}.log").open("wb") as log:
                processes[name] = subprocess.Popen(
                    command,
                    stdout=log,
                    stderr=log,
                    cwd=folder,
                    start_new_session=True,
                    env={**os.environ, **environment},
                )
        yield processes
    finally:
        end_groups(reversed(processes.values()))


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
