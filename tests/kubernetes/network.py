"""What a node needs of this machine: a bridge for its pods, names that they can look up, and its own iptables."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BRIDGE = "mdpricing0"
ADDRESS, PODS = "10.231.0.1", "10.231.0.0/24"
"""The machine as its pods see it, and where they are."""
LEGACY = "xtables-legacy-multi"
_FORWARD = Path("/proc/sys/net/ipv4/ip_forward")


@contextmanager
def bridge() -> Iterator[None]:
    """A bridge with the machine's address; whatever pods and kube-proxy add to the network goes with it."""
    forwarded = _FORWARD.read_text()
    _ip("link", "add", BRIDGE, "type", "bridge")
    before = _rules()
    try:
        _ip("addr", "add", f"{ADDRESS}/24", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        _FORWARD.write_text("1")
        yield
    finally:
        _FORWARD.write_text(forwarded)
        for table, rules in before.items():
            subprocess.run(["iptables-legacy-restore", "-T", table], input=rules, text=True, check=False)
        with suppress(subprocess.CalledProcessError):
            _ip("link", "del", BRIDGE)


def legacy_iptables(folder: Path) -> Path:
    """A folder for PATH in which iptables is the one that kernel and kube-proxy agree on."""
    folder.mkdir()
    program = shutil.which(LEGACY, path="/usr/sbin:/sbin")
    for family in ("iptables", "ip6tables"):
        for action in ("", "-save", "-restore"):
            (folder / f"{family}{action}").symlink_to(str(program))
    return folder


def dnsmasq(names: dict[str, str]) -> list[str]:
    """The command of a name server for pods: these names, with all below them, and no other."""
    own = [f"--address=/{name}/{address}" for name, address in names.items()]
    return [
        *("dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--no-dhcp-interface=*", "--pid-file="),
        *("--user=root", "--bind-interfaces", f"--listen-address={ADDRESS}", "--conf-file=/dev/null", *own),
    ]


def cni(folder: Path) -> None:
    """The files by which containerd gives each pod an address on the bridge."""
    (folder / "net.d").mkdir()
    (folder / "net.d" / "10-pods.conflist").write_text(
        f"""{{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {{"type": "bridge", "bridge": "{BRIDGE}", "isGateway": true, "ipMasq": true, "hairpinMode": true,
    "ipam": {{"type": "host-local", "dataDir": "{folder}/ipam",
              "ranges": [[{{"subnet": "{PODS}", "gateway": "{ADDRESS}"}}]], "routes": [{{"dst": "0.0.0.0/0"}}]}}}},
  {{"type": "portmap", "capabilities": {{"portMappings": true}}}}]}}"""
    )


def _rules() -> dict[str, str]:
    """The tables of iptables as they were."""
    tables = ("filter", "nat", "mangle")
    save = ["iptables-legacy-save", "-t"]
    return {
        table: subprocess.run([*save, table], check=True, capture_output=True, text=True).stdout for table in tables
    }


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
