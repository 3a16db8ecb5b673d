"""HDFS or a local folder behind one face; when the lake is away, the answer is that nobody knows."""

import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from markdown_pricing.errors import FinalError, TransientError
from markdown_pricing.lake import (
    Lake,
    LakeDenied,
    LakeUnreachable,
    UnusableLake,
    delivered_weeks,
    filesystem,
    find_snapshot,
    publish_bytes,
    read_bytes,
)
from markdown_pricing.lake.publish import read_notes
from tests.hdfs.cluster import lacking
from tests.lake.spark import WEEK, deliver
from tests.real_parts import missing

ASKING: dict[str, Callable[[Lake], Any]] = {
    "find_snapshot": lambda lake: find_snapshot(lake, WEEK),
    "delivered_weeks": delivered_weeks,
    "read_bytes": lambda lake: read_bytes(lake, "x"),
    "read_notes": lambda lake: read_notes(lake, "x"),
    "publish_bytes": lambda lake: publish_bytes(lake, "x/y", b""),
}


@pytest.fixture
def hdfs_native() -> None:
    if why := lacking():
        missing("HDFS", why)


def silent_port() -> int:
    """A port where somebody listens and never answers, until this process ends."""
    server = socket.create_server(("localhost", 0), backlog=64)
    port: int = server.getsockname()[1]
    server.detach()  # closing it would wake the calls that still wait for an answer
    return port


@contextmanager
def deserted_port() -> Iterator[int]:
    """A port where nobody listens, nor will."""
    with socket.socket() as server:
        server.bind(("localhost", 0))
        yield server.getsockname()[1]


@pytest.mark.usefixtures("hdfs_native")
def test_a_dead_name_node_is_given_up_within_seconds() -> None:
    """Transient, because it may come back; and never "not delivered", because nobody knows."""
    with deserted_port() as port:
        began = time.monotonic()
        with pytest.raises(LakeUnreachable, match=r"Connection refused.*Nothing is known") as caught:
            find_snapshot(Lake(f"hdfs://localhost:{port}/lake"), WEEK)

    assert isinstance(caught.value, TransientError)
    assert time.monotonic() - began < 20


@pytest.mark.usefixtures("hdfs_native")
@pytest.mark.parametrize("asking", ASKING)
def test_a_name_node_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch, asking: str) -> None:
    """hdfs-native itself would wait for ever."""
    monkeypatch.setattr(filesystem, "ANSWERS_WITHIN_S", 0.5)
    began = time.monotonic()
    with pytest.raises(LakeUnreachable, match=r"no answer within 0.5 s"):
        ASKING[asking](Lake(f"hdfs://localhost:{silent_port()}/lake"))

    assert time.monotonic() - began < 5


def test_a_tick_of_a_minute_outlasts_the_wait_for_a_name_node() -> None:
    """The sensor asks every 60 s."""
    assert filesystem.ANSWERS_WITHIN_S <= 30


@contextmanager
def stranger(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """The same lake as a user without rights sees it."""
    if lake.url.startswith("hdfs"):
        lake.filesystem.client.set_permission(lake.root, 0o700)
        monkeypatch.setenv("HADOOP_USER_NAME", "stranger")
        yield Lake(lake.url + "/")  # another URL: a connection of its own
        return
    Path(lake.root).chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield lake
    finally:
        if root:
            os.seteuid(0)
        Path(lake.root).chmod(0o700)


@pytest.mark.parametrize("asking", ASKING)
def test_a_user_without_rights_is_told_so(lake: Lake, monkeypatch: pytest.MonkeyPatch, asking: str) -> None:
    """Final: a repeat would be refused as well. It is neither missing nor away."""
    deliver(lake)
    publish_bytes(lake, "x", b"secret")
    with (
        stranger(lake, monkeypatch) as seen,
        pytest.raises(LakeDenied, match=r"refuses .*(?i:permission denied)") as caught,
    ):
        ASKING[asking](seen)

    assert isinstance(caught.value, FinalError)
    assert "\n" not in str(caught.value)


def test_a_lake_is_a_value_that_another_process_opens_for_itself(lake: Lake) -> None:
    """It is sent as its URL; hdfs-native's connections do not survive a fork."""
    deliver(lake)
    assert pickle.loads(pickle.dumps(lake)) == lake
    script = f"""
import os, pickle
from tests.lake.spark import WEEK
from markdown_pricing.lake import delivered_weeks, find_snapshot
lake = pickle.loads({pickle.dumps(lake)!r})
assert delivered_weeks(lake) == [WEEK]
child = os.fork()
if child == 0:
    os._exit(0 if list(find_snapshot(lake, WEEK).bytes_by_country) == ["AUT", "DEU"] else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_hdfs_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A local lake needs no such package."""
    monkeypatch.setitem(sys.modules, "hdfs_native", None)

    with pytest.raises(UnusableLake, match=r"pip install .* '\.\[hdfs\]'"):
        find_snapshot(Lake("hdfs://without-the-package/lake"), WEEK)


def test_importing_the_lake_imports_no_hdfs() -> None:
    """The package is an extra, and a local lake starts without it."""
    script = "import sys, markdown_pricing.lake; raise SystemExit('hdfs_native' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("url", ["s3://bucket/lake", "webhdfs://host:9870/lake", "memory://lake"])
def test_a_store_that_cannot_replace_a_file_in_one_step_is_no_lake(url: str) -> None:
    """Readers would see half-written files there."""
    with pytest.raises(UnusableLake, match="hdfs:// or a folder"):
        find_snapshot(Lake(url), WEEK)


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_folder_may_be_a_path_or_a_url(tmp_path: Path, prefix: str) -> None:
    """Both are the same lake."""
    lake = Lake(f"{prefix}{tmp_path}")
    publish_bytes(lake, "folder/name", b"here")

    assert (tmp_path / "folder" / "name").read_bytes() == b"here"


def test_a_relative_folder_is_under_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is so in any other program, too."""
    monkeypatch.chdir(tmp_path)
    publish_bytes(Lake("lake"), "name", b"here")

    assert (tmp_path / "lake" / "name").read_bytes() == b"here"


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("file:///data/season#1", "/data/season#1"),
        ("file:///data/season?1/my%20lake", "/data/season?1/my%20lake"),
        ("file://localhost/data/lake", "/data/lake"),
        ("FILE:/data/lake", "/data/lake"),
        ("/data/season#1", "/data/season#1"),
        ("hdfs://namenode:8020/data/a#b?c/", "/data/a#b?c"),
        ("viewfs://cluster/data", "/data"),
    ],
)
def test_all_behind_the_host_is_the_path(url: str, root: str) -> None:
    """Two seasons whose names differ behind a # are two folders."""
    assert Lake(url).root == root


@pytest.mark.parametrize("url", ["file://data/lake", "file://", "s3://bucket/lake", "file://#1/lake"])
def test_a_url_that_names_no_folder_is_refused(url: str) -> None:
    """The working folder is not taken in its place."""
    with pytest.raises(UnusableLake):
        Lake(url).entries("")
