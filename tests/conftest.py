"""What all tests share: real servers, one thread for each process, and how the tests are spread over processes."""

import gc
import os

# Before NumPy is loaded, and for every process that a test starts: two processes on two cores would fight otherwise.
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

import tempfile  # noqa: E402
from collections.abc import Callable, Generator  # noqa: E402
from contextlib import AbstractContextManager  # noqa: E402
from functools import partial  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

from tests.hdfs.cluster import MiniHdfs, lacking, mini_hdfs  # noqa: E402
from tests.long import has_none, is_long, is_of_node  # noqa: E402
from tests.postgres.server import PostgresMissing, PostgresServer, postgres_server  # noqa: E402
from tests.real_parts import missing  # noqa: E402
from tests.shared_servers import Follower, Leader, Servers  # noqa: E402

# Seconds are no test: a machine may be busy.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

SERVERS = pytest.StashKey[Leader]()
ONE_PROCESS = ("tests/elastic/", "tests/kubernetes/")
"""Folders whose files share a server of their own, which a second process would start a second time."""
FIRST = ("tests/system/", "tests/elastic/", "tests/etl/", "tests/metronome/", "tests/commands/test_run.py")
"""The longest, so that no process is left alone with one of them at the end."""
LAST = ("tests/kubernetes/", "tests/image/")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.stash[SERVERS] = leader = Leader()
        config.add_cleanup(leader.end)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """pytest-xdist is about to start a process."""
    node.workerinput["servers"] = node.config.stash[SERVERS].address


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """A file stays in one process, as what its tests share does; so do some folders."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((folder for folder in ONE_PROCESS if nodeid.startswith(folder)), nodeid.partition("::")[0])

    return ByFile(config, log)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m long` or `-m node` most files have no test to run, and each process would import all of them."""
    if collection_path.is_dir():
        return None
    return has_none(collection_path.relative_to(config.rootpath).as_posix(), config.option.markexpr) or None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported lives as long as the process: the garbage collector need not look at it again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, and last what waits for a program or an image to be built."""
    items.sort(key=lambda item: (item.nodeid.startswith(LAST), not item.nodeid.startswith(FIRST)))
    for item in items:
        if is_of_node(item.nodeid):
            item.add_marker("node")
        elif is_long(item.nodeid):
            item.add_marker("long")


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Servers:
    """Real servers that all processes of this run share."""
    given = getattr(request.config, "workerinput", None)
    return request.config.stash[SERVERS] if given is None else Follower(given["servers"])


@pytest.fixture(scope="session")
def hdfs(servers: Servers) -> str:
    """The URL of a real HDFS, hdfs://localhost:port; each test keeps to a folder of its own."""
    if why := lacking():
        missing("HDFS", why)
    return servers.ask(mini_hdfs, _url)


@pytest.fixture(scope="session")
def tell_hdfs(servers: Servers, hdfs: str) -> Callable[[str], None]:
    """Has that HDFS do one of the commands of MiniHdfs.java."""
    return lambda command: servers.ask(mini_hdfs, partial(_tell, command))


@pytest.fixture(scope="session")
def postgres(servers: Servers) -> PostgresServer:
    """A real PostgreSQL; `fresh_database()` gives a test one of its own."""
    try:
        return servers.ask(_postgres_on_disk, _as_it_is)
    except PostgresMissing as why:
        missing("PostgreSQL", str(why))


def _postgres_on_disk(_: Path) -> AbstractContextManager[PostgresServer]:
    """It waits for no disk, and its databases, 8 MB each, are too many to be kept in memory as other files are."""
    return postgres_server(Path(tempfile.mkdtemp(prefix="postgres-", dir="/var/tmp")))


def _url(cluster: MiniHdfs) -> str:
    return cluster.url


def _tell(command: str, cluster: MiniHdfs) -> None:
    cluster.tell(command)


def _as_it_is(server: PostgresServer) -> PostgresServer:
    return server
