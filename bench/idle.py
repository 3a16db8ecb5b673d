"""Processor time of an installation with nothing to do: the servers of docker/compose.yaml and their health checks.

    python bench/idle.py [OTHER] [--minutes 10] [--countries HUN,MLT]

OTHER is another checkout with a `.venv` of its own, such as a `git worktree` of an earlier commit. Of each checkout,
one after the other, the three servers are started by compose's own command lines, on a PostgreSQL and a folder for a
lake. They price a delivered week of some countries; once no run is left they are idle. Then the processor seconds of
each server, of the PostgreSQL and of the health checks, each asked as often as compose asks it, are counted over some
minutes. What Docker itself takes to start a check in a container comes on top and is not counted. Other work on the
machine hardly changes processor seconds.
"""

import argparse
import json
import os
import re
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import yaml  # type: ignore[import-untyped]
from sqlalchemy import make_url

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

from markdown_pricing.weeks import this_week  # noqa: E402
from tests.postgres.server import PostgresServer, postgres_server  # noqa: E402
from tests.processes import answers, end_groups, free_port, wait_until  # noqa: E402

SERVERS = ("code-server", "web-server", "daemon")
TICKS = os.sysconf("SC_CLK_TCK")
OVER = {"SUCCESS", "FAILURE", "CANCELED"}
SETTLE_S = 60.0
"""Seconds that pass after the last run's end before anything is counted: the daemon looks at ended runs once more."""


@dataclass(frozen=True)
class Check:
    """A server's health check: its command line, and the seconds from one to the next."""

    command: Sequence[str]
    every_s: float


@dataclass(frozen=True)
class Stack:
    """The servers of a checkout's compose file, on this machine's ports and places."""

    checkout: Path
    folder: Path
    countries: Sequence[str]
    server: PostgresServer
    storage: str
    erp: str
    ports: dict[str, int] = field(default_factory=lambda: {"4000": free_port(), "3000": free_port()})

    @property
    def services(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load((self.checkout / "docker/compose.yaml").read_text())["services"]
        return found

    def check(self, name: str) -> Check:
        """compose's own of that server, or else the image's."""
        if own := self.services[name].get("healthcheck"):
            return Check([self._here(part) for part in own["test"][1:]], float(own["interval"].rstrip("s")))
        text = (self.checkout / "docker/Dockerfile").read_text().replace("\\\n", " ")
        [(every_s, command)] = re.findall(r"^HEALTHCHECK .*--interval=(\d+)s.* CMD (\[.*\])$", text, re.MULTILINE)
        return Check([self._here(part) for part in json.loads(command)], float(every_s))

    def _here(self, part: str) -> str:
        """A part of a command line with the ports of this machine, reached from this machine alone."""
        for port, ours in self.ports.items():
            part = part.replace(port, str(ours))
        return part.replace("0.0.0.0", "127.0.0.1")

    def command(self, name: str) -> list[str]:
        command = [self._here(part) for part in self.services[name]["command"]]
        return [*command, "--port", str(self.ports["3000"])] if name == "web-server" else command

    def environment(self, name: str) -> dict[str, str]:
        """A server has a Dagster home of its own, as in its container, and all share the folder of the locks."""
        storage, home = make_url(self.storage), self.folder / name
        return {
            **os.environ,
            "PATH": f"{self.checkout / '.venv/bin'}:{os.environ['PATH']}",
            "DAGSTER_HOME": str(home),
            "MARKDOWN_PRICING_LAKE": str(self.folder / "lake"),
            "MARKDOWN_PRICING_ERP": self.erp,
            "MARKDOWN_PRICING_START_WEEK": str(this_week(datetime.now(UTC))),
            "MARKDOWN_PRICING_COUNTRIES": str(self.folder / "countries.csv"),
            "MARKDOWN_PRICING_CODE_SERVER": "127.0.0.1",
            "MARKDOWN_PRICING_CODE_SERVER_PORT": str(self.ports["4000"]),
            "DAGSTER_PG_HOST": str(storage.host),
            "DAGSTER_PG_USER": self.server.user,
            "DAGSTER_PG_DB": str(storage.database),
            **dict.fromkeys(("DAGSTER_PG_PASSWORD", "DB_PASSWORD"), self.server.password or "not asked for"),
            "DB_USER": self.server.user,
        }

    def install(self) -> None:
        """Each server's Dagster home, and a delivered week of the countries."""
        config = yaml.safe_load((self.checkout / "docker/dagster.yaml").read_text())
        [storage] = config["storage"].values()
        storage.get("config", storage)["postgres_db"]["port"] = make_url(self.storage).port
        (self.folder / "workers").mkdir()
        for name in SERVERS:
            home = self.folder / name
            home.mkdir()
            (home / "dagster.yaml").write_text(yaml.safe_dump(config))
            (home / "workers").symlink_to(self.folder / "workers")
        first, *lines = (self.checkout / "markdown_pricing/data/countries.csv").read_text().splitlines(keepends=True)
        chosen = [line for line in lines if line.partition(",")[0] in self.countries]
        (self.folder / "countries.csv").write_text("".join([first, *chosen]))
        sample = ["markdown-pricing", "sample", "--lake", str(self.folder / "lake"), "--articles", "6"]
        subprocess.run(
            [self.checkout / ".venv/bin" / sample[0], *sample[1:]],
            env=self.environment("code-server"),
            check=True,
            stdout=subprocess.DEVNULL,
        )

    @contextmanager
    def started(self) -> Iterator[dict[str, int]]:
        """The ids of the servers' processes, once their week is priced and no run is left."""
        with ExitStack() as stack:
            running = {}
            for name in SERVERS:
                program, *arguments = self.command(name)
                log = stack.enter_context((self.folder / f"{name}.log").open("wb"))
                running[name] = subprocess.Popen(
                    [self.checkout / ".venv/bin" / program, *arguments],
                    env=self.environment(name),
                    cwd=self.folder / name,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
                if name == "code-server":
                    wait_until("the code server answers", lambda: answers(self.ports["4000"]), 600, self.logs)
            stack.callback(end_groups, running.values())
            wait_until("no run is left", self.is_priced, 1800, self.logs, every_s=5)
            time.sleep(SETTLE_S)
            yield {name: process.pid for name, process in running.items()}

    def is_priced(self) -> bool:
        states = self.states()
        return states["SUCCESS"] >= len(self.countries) and set(states) <= OVER

    def states(self) -> Counter[str]:
        """How many runs Dagster has in each state."""
        with psycopg.connect(self.storage, user=self.server.user, password=self.server.password) as connection:
            if connection.execute("SELECT to_regclass('runs')").fetchone() == (None,):  # no server has made it yet
                return Counter()
            return Counter(str(status) for (status,) in connection.execute("SELECT status FROM runs"))

    def logs(self) -> str:
        return "\n".join(file.read_text()[-2000:] for file in sorted(self.folder.glob("*.log")))

    def postmaster(self) -> int:
        """The id of PostgreSQL's first process."""
        with psycopg.connect(self.storage, user=self.server.user, password=self.server.password) as connection:
            return int(_fields(connection.info.backend_pid)[1])


def _fields(process: int) -> list[str]:
    """What /proc says of it after its name: state, parent and so on; see proc(5)."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def cpu_s(root: int) -> float:
    """Processor seconds of a process, of those below it, and of those that they have waited for."""
    parents, used = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = _fields(int(folder.name))
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            continue
        parents[int(folder.name)] = int(fields[1])
        used[int(folder.name)] = sum(int(ticks) for ticks in fields[11:15]) / TICKS
    total, level = 0.0, {root}
    while level:
        total += sum(used.get(process, 0.0) for process in level)
        level = {process for process, parent in parents.items() if parent in level}
    return total


def ask(check: Check, environment: dict[str, str], name: str) -> float:
    """Ask a server how it is, once; the processor seconds of that. An unhealthy answer is told and costs as much."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(check.command, env=environment, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        print(f"{name} is not healthy: {shlex.join(check.command)}\n{done.stdout}{done.stderr}", file=sys.stderr)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def idle(stack: Stack, minutes: float) -> dict[str, float]:
    """Processor seconds an hour of each server, each check and the PostgreSQL."""
    checks = {name: stack.check(name) for name in SERVERS}
    spent = dict.fromkeys((f"{name}'s check" for name in SERVERS), 0.0)
    with stack.started() as processes:
        roots = {**processes, "PostgreSQL": stack.postmaster()}
        states = stack.states()
        before, began = {name: cpu_s(root) for name, root in roots.items()}, time.monotonic()
        next_at = {name: began + check.every_s for name, check in checks.items()}
        while (now := time.monotonic()) < began + 60 * minutes:
            for name, check in checks.items():
                if now >= next_at[name]:
                    spent[f"{name}'s check"] += ask(check, stack.environment(name), name)
                    next_at[name] += check.every_s
            time.sleep(0.5)
        seconds = time.monotonic() - began
        spent |= {name: cpu_s(root) - before[name] for name, root in roots.items()}
        assert stack.states() == states, f"it was not idle: {states} became {stack.states()}"
    return {name: 3600 * used / seconds for name, used in spent.items()}


def measure(checkouts: Sequence[Path], minutes: float, countries: Sequence[str]) -> None:
    found = []
    for checkout in checkouts:
        with tempfile.TemporaryDirectory() as folder, postgres_server() as server:
            stack = Stack(checkout, Path(folder), countries, server, server.fresh_database(), server.fresh_database())
            stack.install()
            found.append(idle(stack, minutes))
            print(f"{checkout.name}: {json.dumps(found[-1])}", file=sys.stderr, flush=True)
    names = [part for name in SERVERS for part in (name, f"{name}'s check")] + ["PostgreSQL"]
    print(f"| processor seconds an hour | {' | '.join(checkout.name for checkout in checkouts)} |")
    print(f"|---|{'---|' * len(checkouts)}")
    for name in names:
        print(f"| {name} | {' | '.join(f'{each[name]:.0f}' for each in found)} |")
    print(f"| together | {' | '.join(f'{sum(each.values()):.0f}' for each in found)} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", nargs="?", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--countries", default="HUN,MLT")
    given = parser.parse_args()
    others = [given.other.resolve()] if given.other else []
    measure([*others, PROJECT], given.minutes, given.countries.split(","))
