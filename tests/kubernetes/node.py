"""A real node of one machine: kubelet and containerd beside the API server, with controllers, scheduler and proxy."""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.image import containers
from tests.kubernetes.cluster import SERVICES, Cluster, api_server, started
from tests.kubernetes.network import ADDRESS, PODS, bridge, cni, dnsmasq, legacy_iptables
from tests.processes import free_port, wait_until

NODE = "node"
PROGRAMS = ("containerd", "ctr", "dnsmasq", "iptables-legacy", "ip")
PACKAGES = "containerd containernetworking-plugins dnsmasq-base iptables iproute2"
PAUSE = "localhost/pause:latest"
"""The container that holds a pod's network."""
BASE = "localhost/python-stand-in"
RUN = Path("/run/markdown-pricing-node")
SOCKET = RUN / "containerd.sock"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "markdown-pricing" / "node"


def lacking() -> str | None:
    """What this machine lacks for a node, and where it comes from."""
    if why := containers.lacking():
        return why
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    if absent := [program for program in PROGRAMS if shutil.which(program, path=path) is None]:
        return f"no {', '.join(absent)} found (Debian: apt-get install {PACKAGES})"
    if not Path("/usr/lib/cni/bridge").exists():
        return "no /usr/lib/cni/bridge found (Debian: apt-get install containernetworking-plugins)"
    return None


class NotYet(Exception):
    """What kubectl was asked for was refused, or is not there."""


@dataclass(frozen=True)
class Node:
    """A cluster whose pods run."""

    cluster: Cluster
    admin: Path
    processes: dict[str, "subprocess.Popen[bytes]"]

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl says as the administrator; raises NotYet."""
        command = [self.cluster.program, "kubectl", "--kubeconfig", str(self.admin), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True)
        if done.returncode:
            raise NotYet(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def log(self, name: str) -> str:
        return (self.cluster.folder / f"{name}.log").read_text(errors="replace")


@contextmanager
def node(images: Mapping[str, str], names: Mapping[str, str]) -> Iterator[Node]:
    """A node that is ready; nothing of it is left at the end but what containerd keeps of the images in the cache.

    images : what pods call each image, and what podman calls it
    names  : what pods can look up, beside Kubernetes' own
    raises NotBuilt
    """
    RUN.mkdir(exist_ok=True)
    with (RUN.parent / f"{RUN.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one bridge, one node
        _clean()
        options = [
            f"--advertise-address={ADDRESS}",
            "--kubelet-preferred-address-types=InternalIP",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
        ]
        with bridge():
            try:
                with api_server(ADDRESS, *options, modes="Node,RBAC") as cluster:
                    yield from _node(cluster, images, names)
            finally:
                _clean()


def _node(cluster: Cluster, images: Mapping[str, str], names: Mapping[str, str]) -> Iterator[Node]:
    folder = cluster.folder
    path = f"{legacy_iptables(folder / 'bin')}:{os.environ['PATH']}:/usr/sbin:/sbin"
    cni(folder)
    (folder / "containerd.toml").write_text(_CONTAINERD.format(root=CACHE, run=RUN, folder=folder, pause=PAUSE))
    (folder / "kubelet.yaml").write_text(_KUBELET.format(address=ADDRESS, socket=SOCKET, folder=folder))
    (folder / "resolv.conf").touch()
    first = {"containerd": ["containerd", "--config", str(folder / "containerd.toml")], "dnsmasq": dnsmasq(dict(names))}
    with unmounted(), started(first, folder, {"PATH": path}) as processes:
        wait_until(
            "containerd answers", lambda: _ctr("version").returncode == 0, 60, lambda: _tail(folder, "containerd")
        )
        _load({**images, PAUSE: _pause(folder)})
        with started(_parts(cluster), folder, {"PATH": path}) as parts:
            here = Node(cluster, cluster.kubeconfig_of_user("admin"), {**processes, **parts})
            wait_until("the node is ready", lambda: _is_ready(here), 180, lambda: _tail(folder, "kubelet"), every_s=1)
            try:
                yield here
            finally:
                _end_containers()


def _parts(cluster: Cluster) -> dict[str, list[str]]:
    folder = cluster.folder

    def part(name: str, user: str, *options: str) -> list[str]:
        return [cluster.program, name, f"--kubeconfig={cluster.kubeconfig_of_user(user)}", *options]

    key, ca = folder / "accounts.key", cluster.ca_file
    accounts = [f"--service-account-private-key-file={key}", f"--root-ca-file={ca}"]
    accounts += ["--use-service-account-credentials", "--leader-elect=false", "--secure-port=0"]
    proxy = ["--proxy-mode=iptables", f"--cluster-cidr={PODS}", f"--hostname-override={NODE}", "--masquerade-all"]
    proxy += ["--conntrack-max-per-core=0", "--conntrack-min=0", "--conntrack-tcp-timeout-established=0s"]
    proxy += [
        "--conntrack-tcp-timeout-close-wait=0s",
        "--healthz-bind-address=",
        f"--metrics-bind-address=127.0.0.1:{free_port()}",
    ]
    kubelet = [f"--config={folder / 'kubelet.yaml'}", f"--root-dir={folder / 'kubelet'}", f"--node-ip={ADDRESS}"]
    kubelet += [f"--hostname-override={NODE}", f"--cert-dir={folder / 'kubelet-certificates'}"]
    return {
        "kube-controller-manager": part("kube-controller-manager", "system:kube-controller-manager", *accounts),
        "kube-scheduler": part("kube-scheduler", "system:kube-scheduler", "--leader-elect=false", "--secure-port=0"),
        "kube-proxy": part("kube-proxy", "system:kube-proxy", *proxy),
        "kubelet": part("kubelet", f"system:node:{NODE}", *kubelet),
    }


def _is_ready(node: Node) -> bool:
    ended = [name for name, process in node.processes.items() if process.poll() is not None]
    assert not ended, f"{ended[0]} has ended: {node.log(ended[0])[-2000:]}"
    with suppress(NotYet):
        path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
        node.kubectl("get", "serviceaccount", "default")
        return node.kubectl("get", "node", NODE, "-o", path) == "True"
    return False


def _pause(folder: Path) -> str:
    """The image of a container that only waits, of the same base as ours."""
    bases = containers.podman("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={BASE}")
    (folder / "Pause").write_text(f'FROM {bases.stdout.split()[0]}\nENTRYPOINT ["sleep", "infinity"]\n')
    with containers.nobody_builds():  # whose end would remove this one's container
        containers.podman("build", "--quiet", "--tag", PAUSE, "--file", str(folder / "Pause"), str(folder / "bin"))
    return PAUSE


def _load(images: Mapping[str, str]) -> None:
    """Into containerd's store, which the cache keeps: an image that is there is not loaded again."""
    by_identity: dict[str, str] = {}
    for name, built in images.items():
        identity = containers.podman("inspect", "--format", "{{.Id}}", built).stdout.strip()
        if (first := by_identity.setdefault(identity, name)) != name:
            _ctr("images", "tag", "--force", first, name)
            continue
        mark = CACHE / f"loaded-{name.replace('/', '_')}"
        if mark.exists() and mark.read_text() == identity and name in _ctr("images", "ls", "-q").stdout.split():
            continue
        containers.podman("tag", built, name)
        with containers.podman_output("save", "--format", "docker-archive", name) as archive:
            done = subprocess.run([*_CTR, "images", "import", "-"], stdin=archive, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        mark.write_text(identity)


_CTR = ["ctr", "--address", str(SOCKET), "--namespace", "k8s.io"]


def _ctr(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*_CTR, *arguments], capture_output=True, text=True)


def _tail(folder: Path, name: str) -> str:
    return (folder / f"{name}.log").read_text(errors="replace")[-3000:]


def _end_containers() -> None:
    """Every container of the node, while containerd can still be asked."""
    for each in _ctr("tasks", "ls", "-q").stdout.split():
        _ctr("tasks", "kill", "--signal", "SIGKILL", "--all", each)
    for each in _ctr("containers", "ls", "-q").stdout.split():
        _ctr("tasks", "delete", "--force", each)
        _ctr("containers", "delete", each)


@contextmanager
def unmounted() -> Iterator[None]:
    """Nothing below the node's folders is mounted any more when this is left, so that they can be removed."""
    try:
        yield
    finally:
        _unmount()


def _unmount() -> None:
    for mount in reversed(Path("/proc/mounts").read_text().splitlines()):
        place = mount.split()[1]
        if place.startswith((str(RUN), "/tmp/kubernetes-", "/run/netns")):
            subprocess.run(["umount", "--lazy", place], capture_output=True)  # CNI mounts that folder over itself


def _clean() -> None:
    """What a node leaves behind, also one that was killed: processes, mounts, cgroups, network namespaces, logs."""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if f"-address\0{SOCKET}\0".encode() in process.read_bytes():  # a container's shim
                os.kill(int(process.parent.name), signal.SIGKILL)
    _end_cgroups()
    _unmount()
    for leftover in Path("/run/netns").glob("cni-*"):
        with suppress(OSError):
            leftover.unlink()
    shutil.rmtree(RUN, ignore_errors=True)
    for log in Path("/var/log/containers").glob("*.log"):
        if log.is_symlink() and not log.exists():
            log.unlink()
    RUN.mkdir(exist_ok=True)


def _end_cgroups() -> None:
    """Processes of pods, and the groups that the kubelet made for them."""
    for group in Path("/sys/fs/cgroup").glob("**/kubepods"):
        for processes in group.rglob("cgroup.procs"):
            for process in processes.read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(process), signal.SIGKILL)
    deadline = time.monotonic() + 20
    while (left := list(Path("/sys/fs/cgroup").glob("**/kubepods"))) and time.monotonic() < deadline:
        for group in left:
            for folder in (*sorted((f for f in group.rglob("*") if f.is_dir()), reverse=True), group):
                with suppress(OSError):
                    folder.rmdir()
        time.sleep(0.2)


_CONTAINERD = """version = 2
root = "{root}/containerd"
state = "{run}/state"
[grpc]
address = "{run}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{folder}/net.d"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "/usr/sbin/runc"
SystemdCgroup = false
"""
_KUBELET = """apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: {address}
authentication: {{anonymous: {{enabled: true}}, webhook: {{enabled: false}}}}
authorization: {{mode: AlwaysAllow}}
cgroupDriver: cgroupfs
clusterDNS: [{address}]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix://{socket}
failCgroupV1: false
failSwapOn: false
featureGates: {{KubeletInUserNamespace: true}}
healthzPort: 0
imageGCHighThresholdPercent: 100
imageMinimumGCAge: 24h
evictionHard: {{memory.available: 100Mi}}
makeIPTablesUtilChains: false
maxOpenFiles: 20000
oomScoreAdj: 0
podLogsDir: {folder}/pods
readOnlyPort: 0
resolvConf: ""
"""
assert SERVICES
