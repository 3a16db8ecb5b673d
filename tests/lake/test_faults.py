"""Bad days of HDFS, on a real one with two name nodes and two data nodes, of Hadoop 3 and of the retailer's Hadoop 2.

What is under way goes on, or ends with an error that says what to do; nothing is ever half-written.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest

from markdown_pricing.errors import FinalError, TransientError
from markdown_pricing.lake import (
    Lake,
    LakeDenied,
    LakeFull,
    LakeReadOnly,
    find_snapshot,
    publish_bytes,
    read_bytes,
    read_country,
)
from tests.hdfs.cluster import HADOOP_2, HADOOP_3, MiniHdfs, lacking, mini_hdfs
from tests.lake.spark import WEEK, deliver, names, sales
from tests.real_parts import missing

OLD, NEW = b"old", b"new" * 500_000
PROVIDER = "org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider"


@dataclass(frozen=True)
class Production:
    """A cluster as its clients see it: by its nameservice."""

    cluster: MiniHdfs
    nameservice: str

    def tell(self, command: str) -> None:
        self.cluster.tell(command)


@pytest.fixture(scope="module", params=[HADOOP_3, HADOOP_2])
def production(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """The standby is asked first, as the configuration names it first."""
    if why := lacking(request.param):
        missing("HDFS", why)
    folder, nameservice = Path(tmp_path_factory.mktemp("production")), f"prod-{request.param[-1]}"
    with (
        mini_hdfs(folder / "hdfs", data_nodes=2, high_availability=True, hadoop=request.param) as cluster,
        pytest.MonkeyPatch.context() as environment,
    ):
        write_configuration(
            folder / "hdfs-site.xml",
            {
                "dfs.nameservices": nameservice,
                f"dfs.ha.namenodes.{nameservice}": "nn1,nn2",
                f"dfs.namenode.rpc-address.{nameservice}.nn1": f"localhost:{cluster.ports[0]}",
                f"dfs.namenode.rpc-address.{nameservice}.nn2": f"localhost:{cluster.ports[1]}",
                f"dfs.client.failover.proxy.provider.{nameservice}": PROVIDER,
            },
        )
        write_configuration(folder / "core-site.xml", {"fs.defaultFS": f"hdfs://{nameservice}"})
        environment.setenv("HADOOP_CONF_DIR", str(folder))
        yield Production(cluster, nameservice)


def write_configuration(path: Path, settings: dict[str, str]) -> None:
    properties = "".join(f"<property><name>{k}</name><value>{v}</value></property>" for k, v in settings.items())
    path.write_text(f"<configuration>{properties}</configuration>")


@pytest.fixture
def lake(production: Production) -> Lake:
    """A lake of its own that holds a file from before."""
    lake = Lake(f"hdfs://{production.nameservice}/{uuid4()}")
    publish_bytes(lake, "folder/file", OLD)
    return lake


class HalfWritten:
    """A file on its way to HDFS; something happens when half of it is written."""

    def __init__(self, file: Any, happens: Callable[[], None]) -> None:
        self.file, self.happens = file, happens

    def write(self, data: bytes) -> None:
        half = len(data) // 2
        self.file.write(data[:half])
        self.happens()
        self.file.write(data[half:])

    def __enter__(self) -> "HalfWritten":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


@contextmanager
def in_the_middle_of_a_write(lake: Lake, happens: Callable[[], None]) -> Iterator[None]:
    really_open = lake.filesystem.open
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lake.filesystem, "open", lambda path, mode: HalfWritten(really_open(path, mode), happens))
        yield


@pytest.fixture
def restored(production: Production) -> Iterator[Callable[[str], None]]:
    """Takes what puts the cluster right again at the end of the test."""
    to_do: list[str] = []
    yield to_do.append
    for command in to_do:
        production.tell(command)


FAILOVERS = {"in good order": ("failover", []), "after a crash": ("kill name node", ["start name node"])}


@pytest.mark.parametrize("how", FAILOVERS)
def test_a_failover_in_the_middle_of_a_read_goes_unnoticed(
    production: Production, lake: Lake, how: str, restored: Callable[[str], None]
) -> None:
    """Between the footers and the rows; the stamp is still the same."""
    deliver(lake, {"DEU": [sales(50_000), sales(50_000)]})
    snapshot = find_snapshot(lake, WEEK)
    command, afterwards = FAILOVERS[how]

    def fail_over(columns: list[str]) -> list[str]:
        production.tell(command)
        return columns

    for todo in afterwards:
        restored(todo)
    table = read_country(lake, snapshot, "DEU", fail_over)

    assert table.equals(pa.concat_tables([sales(50_000), sales(50_000)]))
    assert find_snapshot(lake, WEEK).stamp == snapshot.stamp


@pytest.mark.parametrize("how", FAILOVERS)
def test_a_failover_in_the_middle_of_a_publish_goes_unnoticed(
    production: Production,
    lake: Lake,
    how: str,
    restored: Callable[[str], None],
) -> None:
    """The file is whole, and alone in its folder."""
    command, afterwards = FAILOVERS[how]
    for todo in afterwards:
        restored(todo)

    with in_the_middle_of_a_write(lake, lambda: production.tell(command)):
        publish_bytes(lake, "folder/file", NEW)

    assert read_bytes(lake, "folder/file") == NEW
    assert names(lake, "folder") == ["file"]


def test_a_data_node_lost_in_the_middle_of_a_read_goes_unnoticed(
    production: Production, lake: Lake, restored: Callable[[str], None]
) -> None:
    """Each block lies on another one, too."""
    deliver(lake, {"DEU": [sales(50_000), sales(50_000)]})

    def lose_a_data_node(columns: list[str]) -> list[str]:
        restored("start data node")
        production.tell("stop data node")
        return columns

    table = read_country(lake, find_snapshot(lake, WEEK), "DEU", lose_a_data_node)

    assert table.num_rows == 100_000


def test_a_data_node_lost_in_the_middle_of_a_publish_goes_unnoticed(
    production: Production,
    lake: Lake,
    restored: Callable[[str], None],
) -> None:
    """The other one takes the rest."""
    restored("start data node")

    with in_the_middle_of_a_write(lake, lambda: production.tell("stop data node")):
        publish_bytes(lake, "folder/file", NEW)

    assert read_bytes(lake, "folder/file") == NEW
    assert names(lake, "folder") == ["file"]


def test_a_permission_taken_away_in_the_middle_of_a_publish_is_final(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repeat would be refused as well; the old file is still there."""
    owner = lake.filesystem.client
    owner.set_permission(f"{lake.root}/folder", 0o777)
    monkeypatch.setenv("HADOOP_USER_NAME", "stranger")
    seen_by_a_stranger = Lake(lake.url + "/")  # another URL: a connection of its own

    with (
        in_the_middle_of_a_write(seen_by_a_stranger, lambda: owner.set_permission(f"{lake.root}/folder", 0o755)),
        pytest.raises(LakeDenied, match=r"refuses .*folder/file.*Grant this user the right") as error,
    ):
        publish_bytes(seen_by_a_stranger, "folder/file", NEW)

    assert isinstance(error.value, FinalError)
    assert read_bytes(lake, "folder/file") == OLD


def test_a_full_lake_is_told_and_what_was_there_stays(
    production: Production, lake: Lake, restored: Callable[[str], None]
) -> None:
    """Transient: there may be room again before the last retry. Here the space quota is used up."""
    restored(f"dfsadmin -clrSpaceQuota {lake.root}")
    production.tell(f"dfsadmin -setSpaceQuota 1m {lake.root}")

    with pytest.raises(LakeFull, match=r"no room for .*folder/file.*(?i:quota).*Make room") as error:
        publish_bytes(lake, "folder/file", NEW)

    assert isinstance(error.value, TransientError)
    assert read_bytes(lake, "folder/file") == OLD
    assert names(lake, "folder") == ["file"]


def test_a_name_node_in_safe_mode_is_waited_for(
    production: Production, lake: Lake, restored: Callable[[str], None]
) -> None:
    """It starts in safe mode: reading goes on, and a write may succeed later."""
    restored("dfsadmin -safemode leave")
    production.tell("dfsadmin -safemode enter")

    with pytest.raises(LakeReadOnly, match=r"takes no changes now.*(?i:safe ?mode)") as error:
        publish_bytes(lake, "folder/file", NEW)

    assert isinstance(error.value, TransientError)
    assert read_bytes(lake, "folder/file") == OLD
    assert names(lake, "folder") == ["file"]


def test_safe_mode_in_the_middle_of_a_publish_leaves_the_old_file(
    production: Production,
    lake: Lake,
    restored: Callable[[str], None],
) -> None:
    """The unfinished one cannot be taken away either; its name is none of data."""
    restored("dfsadmin -safemode leave")

    with (
        in_the_middle_of_a_write(lake, lambda: production.tell("dfsadmin -safemode enter")),
        pytest.raises(LakeReadOnly),
    ):
        publish_bytes(lake, "folder/file", NEW)

    assert read_bytes(lake, "folder/file") == OLD
    assert [name for name in names(lake, "folder") if not name.startswith(".")] == ["file"]
