"""Workers side by side do not fight for the cores: each computes on its share."""

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from markdown_pricing.process.threads import CGROUP, VARIABLES, cores, limit_threads, own_cores
from markdown_pricing.process.workers import Answer, Worker, worker_processes
from tests.command import command

BOUND = len(os.sched_getaffinity(0))


def threads_of_this_process() -> list[int]:
    """Of every BLAS and OpenMP that a country's run loads; LightGBM's is loaded without the rest of it."""
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    lightgbm = find_spec("lightgbm")
    assert lightgbm
    assert lightgbm.origin
    ctypes.CDLL(str(Path(lightgbm.origin).parent / "lib" / "lib_lightgbm.so"))
    return sorted({int(library["num_threads"]) for library in threadpool_info()})


@contextmanager
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without the limit that the tests themselves have; a worker that is not limited takes all cores."""
    with monkeypatch.context() as changed:
        for name in VARIABLES:
            changed.delenv(name, raising=False)
        yield


def test_a_worker_of_a_round_computes_on_cores_divided_by_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    with nothing_set(monkeypatch):
        worker = Worker(side_by_side=2)
        worker.begin(threads_of_this_process)
        answer = worker.receive()
        worker.end()
    assert answer == Answer([max(cores() // 2, 1)])


def test_a_worker_of_a_back_test_does_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with nothing_set(monkeypatch), worker_processes(2) as pool:
        assert pool.submit(threads_of_this_process).result() == [max(cores() // 2, 1)]


def test_what_a_run_was_given_of_a_large_machine_is_shared_by_its_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that asked for one core of a machine must not take more by starting processes."""
    with nothing_set(monkeypatch), worker_processes(1) as run:
        assert run.submit(threads_in_its_pool, given=1).result() == (1, [1])


def threads_in_its_pool(given: float) -> tuple[int, list[int]]:
    limit_threads(given=given)
    for name in VARIABLES:  # by themselves they would limit the pool, too
        del os.environ[name]
    with worker_processes(1) as pool:
        return own_cores(), pool.submit(threads_of_this_process).result()


def test_a_command_in_the_process_of_a_test_leaves_its_threads_as_they_are(tmp_path: Path) -> None:
    """Otherwise what a later test computes there would hang on which tests came before it."""
    before = threads_of_this_process()

    ended = command(
        *("price", "--lake", str(tmp_path), "--week", "2026-03-02", "--out", str(tmp_path / "o")), environ={}
    )

    assert "2026-03-02" in ended.stderr
    assert threads_of_this_process() == before


CALLS = {
    "no limit": ("", {}, BOUND),
    "one worker": ("limit_threads(1)", {}, BOUND),
    "two workers": ("limit_threads(2)", {}, max(BOUND // 2, 1)),
    "more workers than cores": (f"limit_threads({BOUND + 1})", {}, 1),
    "a container's share": ("limit_threads(1, given=1.5)", {}, 1),
    "a lower number that somebody has set": ("limit_threads()", {"OMP_NUM_THREADS": "1"}, 1),
}
"""What is called with which variables, and the threads of each library that was loaded before or is loaded after."""
PROGRAM = """
import json, os, sys, numpy
from tests.process.test_threads import threads_of_this_process
from markdown_pricing.process.threads import limit_threads
for name, (call, environ, _) in json.loads(sys.argv[1]).items():
    if not os.fork():
        os.environ.update(environ)
        eval(call or "None")
        print(json.dumps([name, threads_of_this_process()]), flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def threads_after() -> dict[str, list[int]]:
    """Each call in a process of its own, which has loaded NumPy before it and loads the others after it."""
    clean = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(CALLS)], capture_output=True, text=True, check=True, env=clean
    )
    return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.mark.parametrize("call", CALLS)
def test_what_is_loaded_before_and_after_has_the_limit(call: str, threads_after: dict[str, list[int]]) -> None:
    """Cores ÷ workers, what its container was given, or a lower number that somebody has set."""
    *_, expected = CALLS[call]

    assert threads_after[call] == [expected]


@pytest.mark.parametrize(
    ("told", "expected"),
    [("max 100000\n", BOUND), ("100000 100000\n", 1), ("10000 100000\n", 1), ("6400000 100000\n", BOUND)],
)
def test_a_container_s_quota_counts(tmp_path: Path, told: str, expected: int) -> None:
    (tmp_path / "cpu.max").write_text(told)

    assert cores(tmp_path) == min(expected, BOUND)


def test_without_cgroups_the_process_s_own_cores_count(tmp_path: Path) -> None:
    assert cores(tmp_path / "none") == BOUND
    assert 1 <= cores(CGROUP) <= BOUND
