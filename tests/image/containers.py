"""The image as whoever keeps to the manifests runs it: user 10001, a read-only root file system, no capabilities."""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

BUILD = Path(__file__).parent / "build"
PROGRAMS = ("buildah", "podman", "runc", "mmdebstrap")
STORAGE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "markdown-pricing" / "images"
USER = 10001
HOME = "/home/pricing/dagster"
KEPT = ("--user", str(USER), "--read-only", "--read-only-tmpfs=false", "--cap-drop", "all")
"""What the manifests of deploy/kubernetes ask for: nothing but the volumes can be written to."""


class NotBuilt(Exception):
    """This machine can't build the image, such as without a network."""


def lacking() -> str | None:
    """What this machine lacks, and where it comes from."""
    if os.getuid():
        return "only root can build an image here"
    if absent := [program for program in PROGRAMS if shutil.which(program) is None]:
        return f"no {', '.join(absent)} found (Debian: apt-get install {' '.join(absent)})"
    return None


def built(release: str = "") -> str:
    """The name of the image of this checkout, or of the same sources under the name of another release.

    raises NotBuilt
    """
    done = subprocess.run([BUILD, *([release] if release else [])], capture_output=True, text=True)
    if done.returncode:
        raise NotBuilt(f"the image was not built: {done.stderr[-800:]}")
    return done.stdout.strip()


@contextmanager
def nobody_builds() -> Iterator[None]:
    """Waits until no image is built, and holds `build` until this is left."""
    with Path(f"{STORAGE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def podman(*arguments: str, timeout_s: float = 600) -> "subprocess.CompletedProcess[str]":
    """podman on the storage in which the image lies."""
    return subprocess.run([*_PODMAN, *arguments], env=_own(), capture_output=True, text=True, timeout=timeout_s)


def buildah(*arguments: str) -> str:
    """What buildah says on the same storage."""
    return subprocess.run(["buildah", *arguments], env=_own(), capture_output=True, text=True, check=True).stdout


@contextmanager
def podman_output(*arguments: str) -> Iterator[IO[bytes]]:
    """What podman writes, for a process that reads it."""
    with subprocess.Popen([*_PODMAN, *arguments], env=_own(), stdout=subprocess.PIPE) as process:
        assert process.stdout
        yield process.stdout


# No systemd is there to ask for a container's health by itself, which podman says as an error of every start.
_PODMAN = ["podman", "--log-level", "fatal"]


def _own() -> dict[str, str]:
    own = {"CONTAINERS_STORAGE_CONF": STORAGE / "storage.conf", "CONTAINERS_CONF": STORAGE / "containers.conf"}
    return {**os.environ, **{name: str(file) for name, file in own.items()}}


def writable(folder: Path) -> Path:
    """The folder, made for the image's user; those above it can be passed by everybody."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in (folder, *folder.rglob("*")):
        os.chown(each, USER, USER)
    for above in folder.parents:
        if above.stat().st_uid == os.getuid() and len(above.parts) > 2:
            above.chmod(above.stat().st_mode | 0o011)
    return folder


@dataclass(frozen=True)
class Container:
    """A container that goes on by itself."""

    name: str

    def logs(self) -> str:
        done = podman("logs", self.name)
        return done.stdout + done.stderr

    def is_healthy(self) -> bool:
        """What the HEALTHCHECK of image or command line says now."""
        return podman("healthcheck", "run", self.name).returncode == 0

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return podman("exec", self.name, *command)

    def stop(self, within_s: int) -> int:
        """Stop it as `docker stop` does; its exit code, which is 137 where it had to be killed."""
        podman("stop", "--time", str(within_s), self.name)
        return int(self.state()["ExitCode"])

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(podman("inspect", "--format", "{{json .State}}", self.name).stdout)
        return state


def arguments(
    environment: Mapping[str, str] = {}, volumes: Mapping[Path, str] = {}, options: Sequence[str] = ()
) -> list[str]:
    """Of `podman run`: on this machine's network, so that it reaches the servers of the tests."""
    given = [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
    mounted = [part for here, there in volumes.items() for part in ("--volume", f"{here}:{there}")]
    # Dagster's home is a volume of the container's own, as on Kubernetes, unless the test keeps it.
    temporary = ["--tmpfs", "/tmp:rw,mode=1777", *([] if HOME in volumes.values() else ["--volume", HOME])]
    return ["--network", "host", *KEPT, *temporary, *given, *mounted, *options]


def run(image: str, *command: str, **how: Any) -> "subprocess.CompletedProcess[str]":
    """Run a container to its end; `how` is that of `arguments`."""
    return podman("run", "--rm", *arguments(**how), image, *command)


@contextmanager
def started(image: str, *command: str, **how: Any) -> Iterator[Container]:
    """A container in the background, which is removed at the end; `how` is that of `arguments`."""
    name = f"markdown-pricing-{uuid4().hex[:8]}"
    done = podman("run", "--detach", "--name", name, *arguments(**how), image, *command)
    try:
        assert done.returncode == 0, done.stderr
        yield Container(name)
    finally:
        podman("rm", "--force", "--volumes", "--time", "0", name)
