"""HDFS and a local folder behind one interface.

High availability and Kerberos come from Hadoop's own core-site.xml and hdfs-site.xml in HADOOP_CONF_DIR: the lake is
then hdfs://<nameservice>/<path>. The user is HADOOP_USER_NAME or, with Kerberos, whoever holds the ticket that
KRB5CCNAME names (kinit).
"""

import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore, Thread
from typing import Any, TypeVar, cast

from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from markdown_pricing.lake import paths
from markdown_pricing.lake.errors import FileMissing, FileTaken, LakeMissing, UnusableLake, lake_errors
from markdown_pricing.texts.words import install

ANSWERS_WITHIN_S = 20.0
"""A name node that takes longer counts as unreachable, because a sensor's tick must end within a minute.

Data nodes have a limit of their own.
"""
FAILOVER_ATTEMPTS = "3"
"""hdfs-native's own 15 attempts take more than a minute; 3 take about 8 seconds and reach the other name node."""
WAITING_CALLS = BoundedSemaphore(32)
"""How many threads may wait for a lake that does not answer; chosen as far more than one process asks at a time."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, order=True)
class Entry:
    """A file or folder; `path` is relative to the lake's root."""

    path: str
    bytes: int
    modified_ms: int
    is_folder: bool = False

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Lake:
    """A lake on HDFS or in a local folder. It is a value: another process opens the file system for itself.

    url : hdfs://host:port/path, hdfs://nameservice/path, file:///path or a local path
    key : of the secret store, with which what is kept as bytes is signed; None signs nothing
    models : the demand models that are loaded by a name from the lake, beside the package's own; who may write to the
        lake must not choose what is called

    Paths given to its methods are relative to its root. The methods raise LakeUnreachable when the lake cannot tell,
    and LakeDenied. That something does not exist is an answer, not an error, unless a method says otherwise.
    """

    url: str
    key: str | None = field(default=None, repr=False)
    models: tuple[str, ...] = ()

    @property
    def filesystem(self) -> AbstractFileSystem:
        """The file system of the lake, opened once in each process."""
        # HDFS connections do not survive a fork, so the process is part of the key.
        return _open_filesystem(self.url, os.getpid())

    @property
    def root(self) -> str:
        """The lake's path within its file system."""
        scheme, _, path = _taken_apart(self.url)
        return "/" + path.strip("/") if scheme in ("hdfs", "viewfs") else os.path.abspath(path)

    def where(self, path: str) -> str:
        """The full name of `path`, to be shown to people."""
        return f"{self.url.rstrip('/')}/{path}".rstrip("/")

    def entry(self, path: str) -> Entry | None:
        """The file or folder at `path`, or None when there is none."""
        try:
            with self._asking(path):
                return self._entry(path, self.filesystem.info(self._full(path)))
        except FileMissing:
            return None

    def entries(self, folder: str) -> list[Entry]:
        """The files and folders in `folder`, by name. Raises FileMissing."""
        with self._asking(folder):
            infos = self.filesystem.ls(self._full(folder), detail=True)
        return sorted(self._entry(f"{folder}/{info['name'].rstrip('/').rpartition('/')[2]}", info) for info in infos)

    def entries_if_any(self, folder: str) -> list[Entry]:
        """The same; none where the folder is missing."""
        try:
            return self.entries(folder)
        except FileMissing:
            return []

    def check_exists(self) -> None:
        """Raises LakeMissing when the root of the lake does not exist."""
        if self.entry("") is None:
            raise LakeMissing(self.url)

    @contextmanager
    def reading(self, path: str) -> Iterator["_Reader"]:
        """Open the file at `path`. Its reads raise only the errors of errors.py; FileMissing when there is none."""
        with self._asking(path):
            file = self.filesystem.open(self._full(path), "rb")
        with file:
            yield _Reader(file, partial(self._asking, path))

    def replace(self, path: str, data: bytes | memoryview) -> None:
        """Write a file that appears at `path` complete or not at all, whether or not one is there already."""
        self.replace_together({path: data})

    def replace_together(self, files: Mapping[str, bytes | memoryview]) -> None:
        """Write files that appear one after the other, each complete or not at all; none when one can't be written.

        Each is written beside its place, under a name that begins with a dot, and then renamed. They are written side
        by side, because HDFS takes up to half a second to close a file of any size. When a writer is killed,
        leftovers.py removes the unfinished files a day later.
        """
        unfinished = {path: self._unfinished(path) for path in files}
        try:
            self._write_all(unfinished, files)
            for path, beside in unfinished.items():
                with self._asking(path):
                    self.filesystem.mv(beside, self._full(path), overwrite=True)
        except BaseException:
            for beside in unfinished.values():
                with suppress(Exception):
                    self.filesystem.rm_file(beside)
            raise

    def _write_all(self, unfinished: Mapping[str, str], files: Mapping[str, bytes | memoryview]) -> None:
        if len(files) == 1:  # to start a thread takes longer than to write a small file to a folder
            [(path, data)] = files.items()
            self._write(path, unfinished[path], data)
            return
        with ThreadPoolExecutor(len(files)) as threads:
            list(threads.map(self._write, unfinished, unfinished.values(), files.values()))

    def _unfinished(self, path: str) -> str:
        folder, _, name = self._full(path).rpartition("/")
        return f"{folder}/{paths.unfinished(name, secrets.token_hex(8))}"

    def _write(self, path: str, beside: str, data: bytes | memoryview) -> None:
        with self._asking(path):
            self.filesystem.makedirs(beside.rpartition("/")[0], exist_ok=True)
            with self.filesystem.open(beside, "wb") as file:
                file.write(data)

    @contextmanager
    def alone(self, path: str) -> Iterator[None]:
        """Hold a file at `path`, which no two can hold at once, and remove it at the end. Raises FileTaken."""
        full = self._full(path)
        # Both make the file only if there is none, in one step; each has its own way of saying so.
        new: dict[str, Any] = {"mode": "xb"} if self._is_local else {"mode": "wb", "overwrite": False}
        with self._asking(path):
            self.filesystem.makedirs(full.rpartition("/")[0], exist_ok=True)
            try:
                self.filesystem.open(full, **new).close()
            except FileExistsError as error:
                raise FileTaken(self.where(path)) from error
        try:
            yield
        finally:
            self.remove(path)

    @property
    def _is_local(self) -> bool:
        return isinstance(self.filesystem, LocalFileSystem)

    def remove(self, path: str) -> None:
        """Remove a file. Raises FileMissing."""
        with self._asking(path):
            self.filesystem.rm_file(self._full(path))

    def remove_empty(self, folder: str) -> bool:
        """Remove the folder when nothing is in it, and say whether it was. Raises FileMissing."""
        if self.entries(folder):
            return False
        with self._asking(folder):
            self.filesystem.rmdir(self._full(folder))
        return True

    def _full(self, path: str) -> str:
        return f"{self.root.rstrip('/')}/{path}".rstrip("/") or "/"

    def _entry(self, path: str, info: dict[str, Any]) -> Entry:
        if info.get("islink"):  # a listing says of a link what it is, and not what it leads to
            with suppress(OSError):
                info = self.filesystem.info(os.path.realpath(info["name"]))
        modified_ms = info["modification_time"] if "modification_time" in info else int(info["mtime"] * 1000)
        return Entry(path, info["size"], modified_ms, info["type"] == "directory")

    def _asking(self, path: str) -> AbstractContextManager[None]:
        return lake_errors(self.where(path))


def _taken_apart(url: str) -> tuple[str, str, str]:
    """The scheme of a lake's URL (empty for a local path), its host with the port, and the path, which is taken as it
    is written: neither # nor ? ends it, and %20 is no blank.

    >>> _taken_apart("hdfs://namenode:8020/data/season#1")
    ('hdfs', 'namenode:8020', '/data/season#1')
    """
    matched = re.fullmatch(r"(?s)([A-Za-z][A-Za-z0-9+.-]*):(?://([^/]*))?(.*)", url)
    return (matched[1].lower(), matched[2] or "", matched[3]) if matched else ("", "", url)


@lru_cache(maxsize=8)
def _open_filesystem(url: str, process: int) -> AbstractFileSystem:
    scheme, host, path = _taken_apart(url)
    if scheme in ("", "file"):
        if host not in ("", "localhost") or not path:
            raise UnusableLake(
                f"{url} cannot be a lake: it names no folder of this machine. Use file:///path or /path."
            )
        return LocalFileSystem(skip_instance_cache=True)
    if scheme not in ("hdfs", "viewfs"):
        raise UnusableLake(
            f"{url} cannot be a lake: its files cannot be replaced in one step. Use hdfs:// or a folder."
        )
    try:
        from hdfs_native import fsspec as hdfs
    except ImportError as error:
        raise UnusableLake(
            f"{url} needs hdfs-native, which is not installed. Run in the checkout: {install('hdfs')}"
        ) from error
    filesystem_class: Any = hdfs.HdfsFileSystem if scheme == "hdfs" else hdfs.ViewfsFileSystem
    settings = {"dfs.client.failover.max.attempts": FAILOVER_ATTEMPTS}
    filesystem: Any = filesystem_class(host or None, skip_instance_cache=True, **settings)
    filesystem.client = _ImpatientClient(filesystem.client)
    return cast(AbstractFileSystem, filesystem)


class _ImpatientClient:
    """hdfs-native's client, except that it does not wait for ever for a name node that stays silent."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        # Whatever hdfs-native's file system calls of it, in this version or the next, must not wait for ever.
        return partial(_within, ANSWERS_WITHIN_S, getattr(self._client, name))

    def list_status(self, *arguments: Any) -> list[Any]:
        # It pages through large folders, a call each.
        return _within(ANSWERS_WITHIN_S, lambda: list(self._client.list_status(*arguments)))


class _Reader:
    """The methods of a file that pyarrow needs.

    Faults of the lake are raised as this package's errors, so that an error of pyarrow itself means a corrupt file.
    """

    closed = False

    def __init__(self, file: Any, asking: Callable[[], AbstractContextManager[None]]) -> None:
        self._file, self._asking = file, asking

    def read(self, length: int = -1) -> bytes:
        with self._asking():
            return bytes(self._file.read(length))

    def seek(self, position: int, whence: int = 0) -> int:
        self._file.seek(position, whence)
        return self.tell()

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        self.closed = True


def _within(limit_s: float, call: Callable[..., Answer], *arguments: Any, **options: Any) -> Answer:
    """The answer of `call`. Raises TimeoutError when it takes longer, and leaves the call to a thread of its own.

    hdfs-native's asynchronous client could be canceled instead, but in 0.14 it panics when it has to try again.
    """
    if not WAITING_CALLS.acquire(timeout=limit_s):
        raise TimeoutError("too many calls are still waiting for an answer")
    answers: SimpleQueue[tuple[Answer | None, BaseException | None]] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put((call(*arguments, **options), None))
        except BaseException as error:
            answers.put((None, error))
        finally:
            WAITING_CALLS.release()

    Thread(target=ask, daemon=True, name="lake").start()
    try:
        answer, error = answers.get(timeout=limit_s)
    except Empty:
        raise TimeoutError(f"no answer within {limit_s:g} s") from None
    if error is not None:
        raise error
    return answer  # type: ignore[return-value]
